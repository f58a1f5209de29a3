-- One row for each material that can be found, in the order of their making.
CREATE TABLE documents_search (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    material TEXT NOT NULL UNIQUE REFERENCES documents_material (id),
    key      TEXT NOT NULL
) STRICT;
CREATE INDEX documents_search_key ON documents_search (key);

-- Texts as lines of plain text, to show passages of: version 0 is the live one.
CREATE TABLE documents_search_text (
    material TEXT NOT NULL REFERENCES documents_material (id),
    version  INTEGER NOT NULL,
    text     TEXT NOT NULL,
    PRIMARY KEY (material, version)
) STRICT;

-- Materials that changed since they were indexed. seq is the last entry about it; who indexes it has it until a time.
CREATE TABLE documents_stale (
    material TEXT PRIMARY KEY,
    seq      INTEGER NOT NULL,
    due_at   INTEGER NOT NULL,
    until    INTEGER NOT NULL
) STRICT;
CREATE INDEX documents_stale_due ON documents_stale (due_at, material);

-- Stems of number and title, of all other texts, and marks of who may see it and how it is filed.
CREATE VIRTUAL TABLE documents_fts USING fts5 (head, words, marks, content='', contentless_delete=1, tokenize='ascii');

INSERT INTO documents_search (material, key) SELECT id, '' FROM documents_material WHERE state <> 'importing' ORDER BY created_at, id;
INSERT INTO documents_stale (material, seq, due_at, until) SELECT id, 0, 0, 0 FROM documents_material WHERE state <> 'importing';

-- Titles in the order of the Czech alphabet, filled in with the index.
ALTER TABLE documents_material ADD COLUMN collated TEXT NOT NULL DEFAULT '';
CREATE INDEX documents_material_created ON documents_material (created_at, id);
CREATE INDEX documents_material_title ON documents_material (collated, id);
CREATE INDEX documents_material_mine ON documents_material (drafter, changed_at, id);

-- Filters of the list that somebody gave a name. Whoever has the link may use one.
CREATE TABLE documents_view (
    id     TEXT PRIMARY KEY,
    person TEXT NOT NULL,
    name   TEXT NOT NULL,
    query  TEXT NOT NULL,
    at     INTEGER NOT NULL
) STRICT;
CREATE INDEX documents_view_person ON documents_view (person, name, id);
