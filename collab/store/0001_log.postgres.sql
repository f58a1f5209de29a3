-- The head of each document's log. seq and sealed change together, under the lock of this row.
CREATE TABLE collab_document (
    document TEXT PRIMARY KEY,
    seq      BIGINT NOT NULL,
    epoch    BIGINT NOT NULL,
    sealed   BIGINT NOT NULL
);

-- Every accepted update, for ever: the history and the source of authorship.
CREATE TABLE collab_update (
    document    TEXT NOT NULL,
    seq         BIGINT NOT NULL,
    person      TEXT NOT NULL,
    session     TEXT NOT NULL,
    client      BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    hash        TEXT NOT NULL,
    bytes       BYTEA NOT NULL,
    PRIMARY KEY (document, seq)
);

-- Who may write under which client id. A row never changes its person.
CREATE TABLE collab_lease (
    document  TEXT NOT NULL,
    client    BIGINT NOT NULL,
    person    TEXT NOT NULL,
    session   TEXT NOT NULL,
    holder    TEXT NOT NULL,
    leased_at BIGINT NOT NULL,
    PRIMARY KEY (document, client)
);

-- Whole documents as of a row, to shorten a load; can be lost.
CREATE TABLE collab_snapshot (
    document TEXT NOT NULL,
    seq      BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    hash     TEXT NOT NULL,
    bytes    BYTEA NOT NULL,
    PRIMARY KEY (document, seq)
);

-- What each person wrote in which minute and the journal has not been told yet.
CREATE TABLE collab_edit (
    document  TEXT NOT NULL,
    person    TEXT NOT NULL,
    minute    BIGINT NOT NULL,
    edits     BIGINT NOT NULL,
    first_seq BIGINT NOT NULL,
    last_seq  BIGINT NOT NULL,
    PRIMARY KEY (minute, document, person)
);
