-- One row is one leaf of the Merkle tree; seq = leaf index + 1.
CREATE TABLE journal_entry (
    seq        INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    behalf     TEXT NOT NULL,
    about      TEXT NOT NULL,
    kind       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    body       TEXT NOT NULL,
    commitment BLOB NOT NULL,
    nonce      BLOB NOT NULL,
    sealed     BLOB NOT NULL,
    leaf       BLOB NOT NULL
) STRICT;
CREATE INDEX journal_entry_subject ON journal_entry (subject, seq);
CREATE INDEX journal_entry_actor ON journal_entry (actor, seq);
CREATE INDEX journal_entry_kind ON journal_entry (kind, seq);
CREATE INDEX journal_entry_about ON journal_entry (about, seq);
CREATE INDEX journal_entry_at ON journal_entry (at, seq);

CREATE TABLE journal_pending (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    behalf     TEXT NOT NULL,
    about      TEXT NOT NULL,
    kind       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    body       TEXT NOT NULL,
    commitment BLOB NOT NULL,
    nonce      BLOB NOT NULL,
    sealed     BLOB NOT NULL
) STRICT;

CREATE TABLE journal_head (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    size  INTEGER NOT NULL,
    root  BLOB NOT NULL,
    nodes BLOB NOT NULL
) STRICT;
INSERT INTO journal_head (id, size, root, nodes) VALUES (1, 0, x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', x'');

CREATE TABLE journal_tile (
    level  INTEGER NOT NULL,
    idx    INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (level, idx)
) STRICT;

CREATE TABLE journal_checkpoint (
    size INTEGER PRIMARY KEY,
    at   INTEGER NOT NULL,
    root BLOB NOT NULL,
    note TEXT NOT NULL
) STRICT;

CREATE TABLE journal_follower (
    name   TEXT PRIMARY KEY,
    seq    INTEGER NOT NULL,
    holder TEXT NOT NULL DEFAULT '',
    until  INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Destroying a row here is what erases a person's part of the log. Copies of
-- this table must not outlive the promised time of erasure.
CREATE TABLE journal_subject_key (
    subject TEXT PRIMARY KEY,
    secret  BLOB NOT NULL
) STRICT;

CREATE TABLE journal_log_key (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    skey TEXT NOT NULL
) STRICT;

CREATE TABLE journal_verification (
    at    INTEGER PRIMARY KEY,
    size  INTEGER NOT NULL,
    root  TEXT NOT NULL,
    wrong INTEGER NOT NULL,
    what  TEXT NOT NULL
) STRICT;
