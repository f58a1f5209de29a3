-- One row is one leaf of the Merkle tree; seq = leaf index + 1.
CREATE TABLE journal_entry (
    seq        BIGINT PRIMARY KEY,
    at         BIGINT NOT NULL,
    actor      TEXT NOT NULL,
    behalf     TEXT NOT NULL,
    about      TEXT NOT NULL,
    kind       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    body       TEXT NOT NULL,
    commitment BYTEA NOT NULL,
    nonce      BYTEA NOT NULL,
    sealed     BYTEA NOT NULL,
    leaf       BYTEA NOT NULL
);
CREATE INDEX journal_entry_subject ON journal_entry (subject, seq);
CREATE INDEX journal_entry_actor ON journal_entry (actor, seq);
CREATE INDEX journal_entry_kind ON journal_entry (kind, seq);
CREATE INDEX journal_entry_about ON journal_entry (about, seq);
CREATE INDEX journal_entry_at ON journal_entry (at, seq);

CREATE TABLE journal_pending (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         BIGINT NOT NULL,
    actor      TEXT NOT NULL,
    behalf     TEXT NOT NULL,
    about      TEXT NOT NULL,
    kind       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    body       TEXT NOT NULL,
    commitment BYTEA NOT NULL,
    nonce      BYTEA NOT NULL,
    sealed     BYTEA NOT NULL
);

CREATE TABLE journal_head (
    id    BIGINT PRIMARY KEY CHECK (id = 1),
    size  BIGINT NOT NULL,
    root  BYTEA NOT NULL,
    nodes BYTEA NOT NULL
);
INSERT INTO journal_head (id, size, root, nodes) VALUES (1, 0, '\xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', '');

CREATE TABLE journal_tile (
    level  BIGINT NOT NULL,
    idx    BIGINT NOT NULL,
    hashes BYTEA NOT NULL,
    PRIMARY KEY (level, idx)
);

CREATE TABLE journal_checkpoint (
    size BIGINT PRIMARY KEY,
    at   BIGINT NOT NULL,
    root BYTEA NOT NULL,
    note TEXT NOT NULL
);

CREATE TABLE journal_follower (
    name   TEXT PRIMARY KEY,
    seq    BIGINT NOT NULL,
    holder TEXT NOT NULL DEFAULT '',
    until  BIGINT NOT NULL DEFAULT 0
);

-- Destroying a row here is what erases a person's part of the log. Copies of
-- this table must not outlive the promised time of erasure.
CREATE TABLE journal_subject_key (
    subject TEXT PRIMARY KEY,
    secret  BYTEA NOT NULL
);

CREATE TABLE journal_log_key (
    id   BIGINT PRIMARY KEY CHECK (id = 1),
    skey TEXT NOT NULL
);

CREATE TABLE journal_verification (
    at    BIGINT PRIMARY KEY,
    size  BIGINT NOT NULL,
    root  TEXT NOT NULL,
    wrong BIGINT NOT NULL,
    what  TEXT NOT NULL
);
