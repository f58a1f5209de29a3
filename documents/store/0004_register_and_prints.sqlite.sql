-- The agenda register: one row for each agenda, its content as JSON, and every
-- version of it. The plan is the entry named "plan" of kind "plan".
CREATE TABLE documents_register (
    kind       TEXT NOT NULL,
    id         TEXT NOT NULL,
    name       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    body       TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    note       TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT;

CREATE TABLE documents_register_version (
    kind       TEXT NOT NULL,
    id         TEXT NOT NULL,
    version    INTEGER NOT NULL,
    body       TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    note       TEXT NOT NULL,
    PRIMARY KEY (kind, id, version)
) STRICT;

-- Writers of the register wait for each other on its one row.
CREATE TABLE documents_register_lock (
    id INTEGER PRIMARY KEY,
    n  INTEGER NOT NULL
) STRICT;
INSERT INTO documents_register_lock (id, n) VALUES (1, 0);

-- What came on paper, written down by hand.
CREATE TABLE documents_register_paper (
    id     TEXT PRIMARY KEY,
    agenda TEXT NOT NULL,
    day    TEXT NOT NULL,
    count  INTEGER NOT NULL,
    phase  TEXT NOT NULL,
    note   TEXT NOT NULL,
    person TEXT NOT NULL,
    at     INTEGER NOT NULL
) STRICT;
CREATE INDEX documents_register_paper_agenda ON documents_register_paper (agenda, day, id);
CREATE INDEX documents_register_paper_day ON documents_register_paper (day, agenda, count);

-- Events by agenda of materials and month, counted from the journal.
CREATE TABLE documents_register_count (
    agenda TEXT NOT NULL,
    event  TEXT NOT NULL,
    month  TEXT NOT NULL,
    n      INTEGER NOT NULL,
    PRIMARY KEY (agenda, event, month)
) STRICT;
CREATE INDEX documents_register_count_month ON documents_register_count (month, agenda, event, n);

-- Templates of materials, and every version of them.
CREATE TABLE documents_template (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    body       TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE documents_template_version (
    id         TEXT NOT NULL,
    version    INTEGER NOT NULL,
    body       TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (id, version)
) STRICT;

-- Which version of which template a material was made from.
CREATE TABLE documents_material_template (
    material TEXT PRIMARY KEY REFERENCES documents_material (id),
    template TEXT NOT NULL,
    version  INTEGER NOT NULL,
    FOREIGN KEY (template, version) REFERENCES documents_template_version (id, version)
) STRICT;

-- Printouts: what was on them (a blob) and who asked for them.
CREATE TABLE documents_print (
    code     TEXT PRIMARY KEY,
    material TEXT NOT NULL REFERENCES documents_material (id),
    version  TEXT NOT NULL,
    number   INTEGER NOT NULL,
    snapshot TEXT NOT NULL,
    sha256   TEXT NOT NULL,
    person   TEXT NOT NULL,
    at       INTEGER NOT NULL
) STRICT;
CREATE INDEX documents_print_material ON documents_print (material, at, code);

-- Texts made from a version for others: the version itself stays as it is.
CREATE TABLE documents_derivative (
    id         TEXT PRIMARY KEY,
    version    TEXT NOT NULL REFERENCES documents_version (id),
    material   TEXT NOT NULL,
    audience   TEXT NOT NULL,
    number     INTEGER NOT NULL,
    state      TEXT NOT NULL,
    marks      TEXT NOT NULL,
    original   TEXT NOT NULL,
    markdown   TEXT NOT NULL,
    pdf        TEXT NOT NULL,
    made_by    TEXT NOT NULL,
    made_at    INTEGER NOT NULL,
    decided_by TEXT NOT NULL,
    decided_at INTEGER NOT NULL,
    reason     TEXT NOT NULL,
    UNIQUE (version, audience, number)
) STRICT;
CREATE INDEX documents_derivative_material ON documents_derivative (material, made_at, id);
