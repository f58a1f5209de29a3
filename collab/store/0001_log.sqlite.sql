-- The head of each document's log. seq and sealed change together, under the lock of this row.
CREATE TABLE collab_document (
    document TEXT PRIMARY KEY,
    seq      INTEGER NOT NULL,
    epoch    INTEGER NOT NULL,
    sealed   INTEGER NOT NULL
) STRICT;

-- Every accepted update, for ever: the history and the source of authorship.
CREATE TABLE collab_update (
    document    TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    person      TEXT NOT NULL,
    session     TEXT NOT NULL,
    client      INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    hash        TEXT NOT NULL,
    bytes       BLOB NOT NULL,
    PRIMARY KEY (document, seq)
) STRICT, WITHOUT ROWID;

-- Who may write under which client id. A row never changes its person.
CREATE TABLE collab_lease (
    document  TEXT NOT NULL,
    client    INTEGER NOT NULL,
    person    TEXT NOT NULL,
    session   TEXT NOT NULL,
    holder    TEXT NOT NULL,
    leased_at INTEGER NOT NULL,
    PRIMARY KEY (document, client)
) STRICT, WITHOUT ROWID;

-- Whole documents as of a row, to shorten a load; can be lost.
CREATE TABLE collab_snapshot (
    document TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    hash     TEXT NOT NULL,
    bytes    BLOB NOT NULL,
    PRIMARY KEY (document, seq)
) STRICT;

-- What each person wrote in which minute and the journal has not been told yet.
CREATE TABLE collab_edit (
    document  TEXT NOT NULL,
    person    TEXT NOT NULL,
    minute    INTEGER NOT NULL,
    edits     INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL,
    PRIMARY KEY (minute, document, person)
) STRICT, WITHOUT ROWID;
