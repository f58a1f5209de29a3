CREATE TABLE signing_request (
    version         TEXT    NOT NULL,
    signer          TEXT    NOT NULL,
    grp             BIGINT  NOT NULL,
    material        TEXT    NOT NULL,
    material_number TEXT    NOT NULL,
    title           TEXT    NOT NULL,
    base            TEXT    NOT NULL,
    number          BIGINT  NOT NULL,
    state           TEXT    NOT NULL,
    why             TEXT    NOT NULL,
    created_at      BIGINT  NOT NULL,
    changed_at      BIGINT  NOT NULL,
    PRIMARY KEY (version, signer)
);
CREATE INDEX signing_request_signer ON signing_request (signer, state, changed_at);

CREATE TABLE signing_seen (
    actor    TEXT    NOT NULL,
    material TEXT    NOT NULL,
    version  TEXT    NOT NULL,
    number   BIGINT  NOT NULL,
    seen_at  BIGINT  NOT NULL,
    PRIMARY KEY (actor, material)
);

CREATE TABLE signing_revision (
    version     TEXT    NOT NULL,
    number      BIGINT  NOT NULL,
    signer      TEXT    NOT NULL,
    signer_name TEXT    NOT NULL,
    batch       TEXT    NOT NULL,
    level       TEXT    NOT NULL,
    class       TEXT    NOT NULL,
    signed_at   BIGINT  NOT NULL,
    offset_at   BIGINT  NOT NULL,
    length      BIGINT  NOT NULL,
    sha256      TEXT    NOT NULL,
    increment   BYTEA   NOT NULL,
    PRIMARY KEY (version, number)
);
CREATE UNIQUE INDEX signing_revision_once ON signing_revision (version, signer);

CREATE TABLE signing_batch (
    id          TEXT    NOT NULL PRIMARY KEY,
    signer      TEXT    NOT NULL,
    signer_name TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,
    list        TEXT    NOT NULL,
    result      TEXT    NOT NULL,
    count       BIGINT  NOT NULL,
    state       TEXT    NOT NULL,
    created_at  BIGINT  NOT NULL,
    expires     BIGINT  NOT NULL,
    finished_at BIGINT  NOT NULL,
    next_at     BIGINT  NOT NULL,
    lease_until BIGINT  NOT NULL,
    epoch       BIGINT  NOT NULL
);
CREATE INDEX signing_batch_due ON signing_batch (state, next_at);
CREATE INDEX signing_batch_signer ON signing_batch (signer, created_at);

CREATE TABLE signing_item (
    batch      TEXT    NOT NULL REFERENCES signing_batch (id),
    position   BIGINT  NOT NULL,
    signer     TEXT    NOT NULL,
    version    TEXT    NOT NULL,
    material   TEXT    NOT NULL,
    label      TEXT    NOT NULL,
    revision   TEXT    NOT NULL,
    opened     BIGINT  NOT NULL,
    step       TEXT    NOT NULL,
    code       TEXT    NOT NULL,
    live       BIGINT  NOT NULL,
    waits      BIGINT  NOT NULL,
    tries      BIGINT  NOT NULL,
    field      TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    claimed_at BIGINT  NOT NULL,
    base       BIGINT  NOT NULL,
    dtbs       BYTEA   NOT NULL,
    signature  BYTEA   NOT NULL,
    token      BYTEA   NOT NULL,
    sha256     TEXT    NOT NULL,
    changed_at BIGINT  NOT NULL,
    PRIMARY KEY (batch, position)
);
CREATE UNIQUE INDEX signing_item_live ON signing_item (version, signer) WHERE live = 1;

CREATE TABLE signing_step (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch    TEXT    NOT NULL,
    position BIGINT  NOT NULL,
    step     TEXT    NOT NULL,
    code     TEXT    NOT NULL,
    at       BIGINT  NOT NULL,
    epoch    BIGINT  NOT NULL
);
CREATE INDEX signing_step_item ON signing_step (batch, position);
