CREATE TABLE signing_request (
    version         TEXT    NOT NULL,
    signer          TEXT    NOT NULL,
    grp             INTEGER NOT NULL,
    material        TEXT    NOT NULL,
    material_number TEXT    NOT NULL,
    title           TEXT    NOT NULL,
    base            TEXT    NOT NULL,
    number          INTEGER NOT NULL,
    state           TEXT    NOT NULL,
    why             TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    changed_at      INTEGER NOT NULL,
    PRIMARY KEY (version, signer)
) STRICT;
CREATE INDEX signing_request_signer ON signing_request (signer, state, changed_at);

CREATE TABLE signing_seen (
    actor    TEXT    NOT NULL,
    material TEXT    NOT NULL,
    version  TEXT    NOT NULL,
    number   INTEGER NOT NULL,
    seen_at  INTEGER NOT NULL,
    PRIMARY KEY (actor, material)
) STRICT;

CREATE TABLE signing_revision (
    version     TEXT    NOT NULL,
    number      INTEGER NOT NULL,
    signer      TEXT    NOT NULL,
    signer_name TEXT    NOT NULL,
    batch       TEXT    NOT NULL,
    level       TEXT    NOT NULL,
    class       TEXT    NOT NULL,
    signed_at   INTEGER NOT NULL,
    offset_at   INTEGER NOT NULL,
    length      INTEGER NOT NULL,
    sha256      TEXT    NOT NULL,
    increment   BLOB    NOT NULL,
    PRIMARY KEY (version, number)
) STRICT;
CREATE UNIQUE INDEX signing_revision_once ON signing_revision (version, signer);

CREATE TABLE signing_batch (
    id          TEXT    NOT NULL PRIMARY KEY,
    signer      TEXT    NOT NULL,
    signer_name TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,
    list        TEXT    NOT NULL,
    result      TEXT    NOT NULL,
    count       INTEGER NOT NULL,
    state       TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    expires     INTEGER NOT NULL,
    finished_at INTEGER NOT NULL,
    next_at     INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    epoch       INTEGER NOT NULL
) STRICT;
CREATE INDEX signing_batch_due ON signing_batch (state, next_at);
CREATE INDEX signing_batch_signer ON signing_batch (signer, created_at);

CREATE TABLE signing_item (
    batch      TEXT    NOT NULL REFERENCES signing_batch (id),
    position   INTEGER NOT NULL,
    signer     TEXT    NOT NULL,
    version    TEXT    NOT NULL,
    material   TEXT    NOT NULL,
    label      TEXT    NOT NULL,
    revision   TEXT    NOT NULL,
    opened     INTEGER NOT NULL,
    step       TEXT    NOT NULL,
    code       TEXT    NOT NULL,
    live       INTEGER NOT NULL,
    waits      INTEGER NOT NULL,
    tries      INTEGER NOT NULL,
    field      TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    claimed_at INTEGER NOT NULL,
    base       INTEGER NOT NULL,
    dtbs       BLOB    NOT NULL,
    signature  BLOB    NOT NULL,
    token      BLOB    NOT NULL,
    sha256     TEXT    NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (batch, position)
) STRICT;
CREATE UNIQUE INDEX signing_item_live ON signing_item (version, signer) WHERE live = 1;

CREATE TABLE signing_step (
    id       INTEGER PRIMARY KEY,
    batch    TEXT    NOT NULL,
    position INTEGER NOT NULL,
    step     TEXT    NOT NULL,
    code     TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    epoch    INTEGER NOT NULL
) STRICT;
CREATE INDEX signing_step_item ON signing_step (batch, position);
