-- Meetings of the council and sessions of the assembly. Days are days of the office.
CREATE TABLE documents_meeting (
    id           TEXT PRIMARY KEY,
    kind         TEXT NOT NULL,
    number       BIGINT NOT NULL,
    year         BIGINT NOT NULL,
    held_on      TEXT NOT NULL,
    closing      TEXT NOT NULL,
    published_at BIGINT NOT NULL,
    chair        TEXT NOT NULL,
    recorder     TEXT NOT NULL,
    verifiers    TEXT NOT NULL,
    members      TEXT NOT NULL,
    items        BIGINT NOT NULL,
    UNIQUE (kind, year, number)
);
CREATE INDEX documents_meeting_day ON documents_meeting (held_on, id);

-- Points of programmes.
CREATE TABLE documents_item (
    id        TEXT PRIMARY KEY,
    meeting   TEXT NOT NULL REFERENCES documents_meeting (id),
    material  TEXT NOT NULL REFERENCES documents_material (id),
    version   TEXT NOT NULL,
    place     BIGINT NOT NULL,
    number    TEXT NOT NULL UNIQUE,
    state     TEXT NOT NULL,
    reason    TEXT NOT NULL,
    parent    TEXT NOT NULL,
    added_by  TEXT NOT NULL,
    added_at  BIGINT NOT NULL,
    members   BIGINT NOT NULL,
    present   BIGINT NOT NULL,
    votes_for BIGINT NOT NULL,
    against   BIGINT NOT NULL,
    abstained BIGINT NOT NULL,
    decided   BIGINT NOT NULL,
    amendment TEXT NOT NULL
);
CREATE INDEX documents_item_meeting ON documents_item (meeting, place, id);
CREATE INDEX documents_item_material ON documents_item (material, added_at);

-- The last number of a resolution given out, by body and year.
CREATE TABLE documents_resolution_counter (
    kind TEXT NOT NULL,
    year BIGINT NOT NULL,
    last BIGINT NOT NULL,
    PRIMARY KEY (kind, year)
);

CREATE TABLE documents_resolution (
    id        TEXT PRIMARY KEY,
    number    TEXT NOT NULL UNIQUE,
    item      TEXT NOT NULL UNIQUE REFERENCES documents_item (id),
    meeting   TEXT NOT NULL,
    kind      TEXT NOT NULL,
    material  TEXT NOT NULL,
    version   TEXT NOT NULL,
    clauses   TEXT NOT NULL,
    amendment TEXT NOT NULL,
    sha256    TEXT NOT NULL,
    made_at   BIGINT NOT NULL,
    signed_by TEXT NOT NULL,
    signed_at BIGINT NOT NULL
);
CREATE INDEX documents_resolution_material ON documents_resolution (material, made_at);

-- What resolutions ordered.
CREATE TABLE documents_task (
    id          TEXT PRIMARY KEY,
    resolution  TEXT NOT NULL REFERENCES documents_resolution (id),
    number      TEXT NOT NULL,
    kind        TEXT NOT NULL,
    material    TEXT NOT NULL,
    clause      BIGINT NOT NULL,
    text        TEXT NOT NULL,
    unit        TEXT NOT NULL,
    person      TEXT NOT NULL,
    due         TEXT NOT NULL,
    state       TEXT NOT NULL,
    proof       TEXT NOT NULL,
    extended_by TEXT NOT NULL,
    made_at     BIGINT NOT NULL,
    closed_at   BIGINT NOT NULL,
    closed_by   TEXT NOT NULL,
    UNIQUE (resolution, clause)
);
CREATE INDEX documents_task_material ON documents_task (material, state);
CREATE INDEX documents_task_due ON documents_task (state, due, id);
CREATE INDEX documents_task_unit ON documents_task (unit, state, due);
CREATE INDEX documents_task_person ON documents_task (person, state, due);
CREATE INDEX documents_task_kind ON documents_task (kind, due, id);
