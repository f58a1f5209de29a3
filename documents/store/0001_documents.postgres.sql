CREATE TABLE documents_agenda (
    id        TEXT PRIMARY KEY,
    name      TEXT NOT NULL,
    unit      TEXT NOT NULL,
    numbering TEXT NOT NULL
);

-- The last number given out, by agenda and year.
CREATE TABLE documents_counter (
    agenda TEXT NOT NULL REFERENCES documents_agenda (id),
    year   BIGINT NOT NULL,
    last   BIGINT NOT NULL,
    PRIMARY KEY (agenda, year)
);

CREATE TABLE documents_material (
    id         TEXT PRIMARY KEY,
    number     TEXT NOT NULL UNIQUE,
    title      TEXT NOT NULL,
    folded     TEXT NOT NULL,
    agenda     TEXT NOT NULL REFERENCES documents_agenda (id),
    unit       TEXT NOT NULL,
    drafter    TEXT NOT NULL,
    state      TEXT NOT NULL,
    draft      BIGINT NOT NULL,
    current    TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX documents_material_changed ON documents_material (changed_at, id);
CREATE INDEX documents_material_state ON documents_material (state, changed_at, id);
CREATE INDEX documents_material_agenda ON documents_material (agenda, changed_at, id);
CREATE INDEX documents_material_unit ON documents_material (unit, changed_at, id);
CREATE INDEX documents_material_drafter ON documents_material (drafter, state);

CREATE TABLE documents_participant (
    material TEXT NOT NULL REFERENCES documents_material (id),
    subject  TEXT NOT NULL,
    relation TEXT NOT NULL,
    PRIMARY KEY (material, subject, relation)
);

CREATE TABLE documents_round (
    id         TEXT PRIMARY KEY,
    material   TEXT NOT NULL REFERENCES documents_material (id),
    due        BIGINT NOT NULL,
    started_by TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    closed_at  BIGINT NOT NULL
);
CREATE INDEX documents_round_material ON documents_round (material, started_at);

CREATE TABLE documents_round_unit (
    round TEXT NOT NULL REFERENCES documents_round (id),
    unit  TEXT NOT NULL,
    PRIMARY KEY (round, unit)
);
CREATE INDEX documents_round_unit_unit ON documents_round_unit (unit, round);

CREATE TABLE documents_comment (
    id                TEXT PRIMARY KEY,
    material          TEXT NOT NULL REFERENCES documents_material (id),
    number            BIGINT NOT NULL,
    kind              TEXT NOT NULL,
    state             TEXT NOT NULL,
    author            TEXT NOT NULL,
    at                BIGINT NOT NULL,
    anchor_start      BYTEA,
    anchor_end        BYTEA,
    quote             TEXT NOT NULL,
    prefix            TEXT NOT NULL,
    suffix            TEXT NOT NULL,
    block             TEXT NOT NULL,
    text              TEXT NOT NULL,
    reasoning         TEXT NOT NULL,
    proposed          TEXT,
    applied           BIGINT NOT NULL,
    outcome           TEXT NOT NULL,
    outcome_reasoning TEXT NOT NULL,
    settled_by        TEXT NOT NULL,
    settled_at        BIGINT NOT NULL,
    UNIQUE (material, number)
);
CREATE INDEX documents_comment_state ON documents_comment (material, state);
CREATE INDEX documents_comment_author ON documents_comment (author, material);

CREATE TABLE documents_reply (
    id       TEXT PRIMARY KEY,
    comment  TEXT NOT NULL REFERENCES documents_comment (id),
    material TEXT NOT NULL,
    author   TEXT NOT NULL,
    at       BIGINT NOT NULL,
    text     TEXT NOT NULL
);
CREATE INDEX documents_reply_material ON documents_reply (material, at, id);
CREATE INDEX documents_reply_comment ON documents_reply (comment, at, id);

-- Which comment a command with an idempotency key changed.
CREATE TABLE documents_answer (
    person  TEXT NOT NULL,
    key     TEXT NOT NULL,
    digest  TEXT NOT NULL,
    comment TEXT NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (person, key)
);

-- Bytes by the hex SHA-256 of them.
CREATE TABLE documents_blob (
    sha256 TEXT PRIMARY KEY,
    bytes  BYTEA NOT NULL
);

CREATE TABLE documents_version (
    id         TEXT PRIMARY KEY,
    material   TEXT NOT NULL REFERENCES documents_material (id),
    number     BIGINT NOT NULL,
    supersedes TEXT NOT NULL,
    state      TEXT NOT NULL,
    frozen_at  BIGINT NOT NULL,
    frozen_by  TEXT NOT NULL,
    manifest   TEXT NOT NULL,
    UNIQUE (material, number)
);

CREATE TABLE documents_route (
    id         TEXT PRIMARY KEY,
    version    TEXT NOT NULL REFERENCES documents_version (id),
    material   TEXT NOT NULL,
    state      TEXT NOT NULL,
    current    BIGINT NOT NULL,
    started_by TEXT NOT NULL,
    started_at BIGINT NOT NULL
);
CREATE INDEX documents_route_version ON documents_route (version, started_at);

CREATE TABLE documents_step (
    route  TEXT NOT NULL REFERENCES documents_route (id),
    step   BIGINT NOT NULL,
    sign   BIGINT NOT NULL,
    rule   TEXT NOT NULL,
    needed BIGINT NOT NULL,
    PRIMARY KEY (route, step)
);

CREATE TABLE documents_member (
    route  TEXT NOT NULL REFERENCES documents_route (id),
    step   BIGINT NOT NULL,
    place  BIGINT NOT NULL,
    person TEXT NOT NULL,
    act    TEXT NOT NULL,
    at     BIGINT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (route, step, place)
);
CREATE INDEX documents_member_person ON documents_member (person, act);

CREATE TABLE documents_notice (
    seq      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person   TEXT NOT NULL,
    kind     TEXT NOT NULL,
    material TEXT NOT NULL,
    version  TEXT NOT NULL,
    args     TEXT NOT NULL,
    link     TEXT NOT NULL,
    at       BIGINT NOT NULL,
    seen_at  BIGINT NOT NULL,
    cause    BIGINT
);
CREATE INDEX documents_notice_person ON documents_notice (person, seq);
CREATE INDEX documents_notice_unseen ON documents_notice (person, seen_at);
CREATE UNIQUE INDEX documents_notice_cause ON documents_notice (person, cause);

-- Work under way on a material; one at a time.
CREATE TABLE documents_intent (
    id       TEXT PRIMARY KEY,
    material TEXT NOT NULL UNIQUE REFERENCES documents_material (id),
    kind     TEXT NOT NULL,
    comment  TEXT NOT NULL,
    version  TEXT NOT NULL,
    person   TEXT NOT NULL,
    at       BIGINT NOT NULL,
    step     TEXT NOT NULL,
    prior    TEXT NOT NULL
);

-- Projection of the journal by material, for history pages.
CREATE TABLE documents_history (
    material TEXT NOT NULL,
    seq      BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    actor    TEXT NOT NULL,
    behalf   TEXT NOT NULL,
    kind     TEXT NOT NULL,
    body     TEXT NOT NULL,
    reading  BIGINT NOT NULL,
    PRIMARY KEY (material, seq)
);
CREATE INDEX documents_history_reading ON documents_history (material, reading, seq);
