-- A file beside a material, or beside one of its comments (comment <> ''). The bytes are a blob, which versions name
-- too; removing a file hides its row and nothing else. Numbers are taken again, so one that replaces another keeps its place.
CREATE TABLE documents_attachment (
    id         TEXT PRIMARY KEY,
    material   TEXT NOT NULL REFERENCES documents_material (id),
    comment    TEXT NOT NULL,
    number     BIGINT NOT NULL,
    name       TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size       BIGINT NOT NULL,
    sha256     TEXT NOT NULL REFERENCES documents_blob (sha256),
    added_by   TEXT NOT NULL,
    added_at   BIGINT NOT NULL,
    removed_by TEXT NOT NULL,
    removed_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX documents_attachment_place ON documents_attachment (material, comment, number) WHERE removed_at = 0;
