CREATE TABLE documents_agenda (
    id        TEXT PRIMARY KEY,
    name      TEXT NOT NULL,
    unit      TEXT NOT NULL,
    numbering TEXT NOT NULL
) STRICT;

-- The last number given out, by agenda and year.
CREATE TABLE documents_counter (
    agenda TEXT NOT NULL REFERENCES documents_agenda (id),
    year   INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    PRIMARY KEY (agenda, year)
) STRICT;

CREATE TABLE documents_material (
    id         TEXT PRIMARY KEY,
    number     TEXT NOT NULL UNIQUE,
    title      TEXT NOT NULL,
    folded     TEXT NOT NULL,
    agenda     TEXT NOT NULL REFERENCES documents_agenda (id),
    unit       TEXT NOT NULL,
    drafter    TEXT NOT NULL,
    state      TEXT NOT NULL,
    draft      INTEGER NOT NULL,
    current    TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;
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
) STRICT;

CREATE TABLE documents_round (
    id         TEXT PRIMARY KEY,
    material   TEXT NOT NULL REFERENCES documents_material (id),
    due        INTEGER NOT NULL,
    started_by TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    closed_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX documents_round_material ON documents_round (material, started_at);

CREATE TABLE documents_round_unit (
    round TEXT NOT NULL REFERENCES documents_round (id),
    unit  TEXT NOT NULL,
    PRIMARY KEY (round, unit)
) STRICT;
CREATE INDEX documents_round_unit_unit ON documents_round_unit (unit, round);

CREATE TABLE documents_comment (
    id                TEXT PRIMARY KEY,
    material          TEXT NOT NULL REFERENCES documents_material (id),
    number            INTEGER NOT NULL,
    kind              TEXT NOT NULL,
    state             TEXT NOT NULL,
    author            TEXT NOT NULL,
    at                INTEGER NOT NULL,
    anchor_start      BLOB,
    anchor_end        BLOB,
    quote             TEXT NOT NULL,
    prefix            TEXT NOT NULL,
    suffix            TEXT NOT NULL,
    block             TEXT NOT NULL,
    text              TEXT NOT NULL,
    reasoning         TEXT NOT NULL,
    proposed          TEXT,
    applied           INTEGER NOT NULL,
    outcome           TEXT NOT NULL,
    outcome_reasoning TEXT NOT NULL,
    settled_by        TEXT NOT NULL,
    settled_at        INTEGER NOT NULL,
    UNIQUE (material, number)
) STRICT;
CREATE INDEX documents_comment_state ON documents_comment (material, state);
CREATE INDEX documents_comment_author ON documents_comment (author, material);

CREATE TABLE documents_reply (
    id       TEXT PRIMARY KEY,
    comment  TEXT NOT NULL REFERENCES documents_comment (id),
    material TEXT NOT NULL,
    author   TEXT NOT NULL,
    at       INTEGER NOT NULL,
    text     TEXT NOT NULL
) STRICT;
CREATE INDEX documents_reply_material ON documents_reply (material, at, id);
CREATE INDEX documents_reply_comment ON documents_reply (comment, at, id);

-- Which comment a command with an idempotency key changed.
CREATE TABLE documents_answer (
    person  TEXT NOT NULL,
    key     TEXT NOT NULL,
    digest  TEXT NOT NULL,
    comment TEXT NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (person, key)
) STRICT;

-- Bytes by the hex SHA-256 of them.
CREATE TABLE documents_blob (
    sha256 TEXT PRIMARY KEY,
    bytes  BLOB NOT NULL
) STRICT;

CREATE TABLE documents_version (
    id         TEXT PRIMARY KEY,
    material   TEXT NOT NULL REFERENCES documents_material (id),
    number     INTEGER NOT NULL,
    supersedes TEXT NOT NULL,
    state      TEXT NOT NULL,
    frozen_at  INTEGER NOT NULL,
    frozen_by  TEXT NOT NULL,
    manifest   TEXT NOT NULL,
    UNIQUE (material, number)
) STRICT;

CREATE TABLE documents_route (
    id         TEXT PRIMARY KEY,
    version    TEXT NOT NULL REFERENCES documents_version (id),
    material   TEXT NOT NULL,
    state      TEXT NOT NULL,
    current    INTEGER NOT NULL,
    started_by TEXT NOT NULL,
    started_at INTEGER NOT NULL
) STRICT;
CREATE INDEX documents_route_version ON documents_route (version, started_at);

CREATE TABLE documents_step (
    route  TEXT NOT NULL REFERENCES documents_route (id),
    step   INTEGER NOT NULL,
    sign   INTEGER NOT NULL,
    rule   TEXT NOT NULL,
    needed INTEGER NOT NULL,
    PRIMARY KEY (route, step)
) STRICT;

CREATE TABLE documents_member (
    route  TEXT NOT NULL REFERENCES documents_route (id),
    step   INTEGER NOT NULL,
    place  INTEGER NOT NULL,
    person TEXT NOT NULL,
    act    TEXT NOT NULL,
    at     INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (route, step, place)
) STRICT;
CREATE INDEX documents_member_person ON documents_member (person, act);

CREATE TABLE documents_notice (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    person   TEXT NOT NULL,
    kind     TEXT NOT NULL,
    material TEXT NOT NULL,
    version  TEXT NOT NULL,
    args     TEXT NOT NULL,
    link     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    seen_at  INTEGER NOT NULL,
    cause    INTEGER
) STRICT;
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
    at       INTEGER NOT NULL,
    step     TEXT NOT NULL,
    prior    TEXT NOT NULL
) STRICT;

-- Projection of the journal by material, for history pages.
CREATE TABLE documents_history (
    material TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    behalf   TEXT NOT NULL,
    kind     TEXT NOT NULL,
    body     TEXT NOT NULL,
    reading  INTEGER NOT NULL,
    PRIMARY KEY (material, seq)
) STRICT;
CREATE INDEX documents_history_reading ON documents_history (material, reading, seq);
