-- One row for each material that can be found, in the order of their making.
CREATE TABLE documents_search (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    material TEXT NOT NULL UNIQUE REFERENCES documents_material (id),
    key      TEXT NOT NULL
);
CREATE INDEX documents_search_key ON documents_search (key);

-- Texts as lines of plain text, to show passages of: version 0 is the live one.
CREATE TABLE documents_search_text (
    material TEXT NOT NULL REFERENCES documents_material (id),
    version  BIGINT NOT NULL,
    text     TEXT NOT NULL,
    PRIMARY KEY (material, version)
);

-- Materials that changed since they were indexed. seq is the last entry about it; who indexes it has it until a time.
CREATE TABLE documents_stale (
    material TEXT PRIMARY KEY,
    seq      BIGINT NOT NULL,
    due_at   BIGINT NOT NULL,
    until    BIGINT NOT NULL
);
CREATE INDEX documents_stale_due ON documents_stale (due_at, material);

-- Stems of number and title, and of all texts, each with marks of who may see it and how it is filed.
CREATE TABLE documents_fts (
    id    BIGINT PRIMARY KEY,
    head  TSVECTOR NOT NULL,
    words TSVECTOR NOT NULL
);
CREATE INDEX documents_fts_head ON documents_fts USING gin (head) WITH (fastupdate = off);
CREATE INDEX documents_fts_words ON documents_fts USING gin (words) WITH (fastupdate = off);

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
    at     BIGINT NOT NULL
);
CREATE INDEX documents_view_person ON documents_view (person, name, id);
