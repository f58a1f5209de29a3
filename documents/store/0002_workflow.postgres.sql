-- Where a material is in its course, by which version of the course, and since when.
ALTER TABLE documents_material ADD COLUMN place TEXT NOT NULL DEFAULT '';
ALTER TABLE documents_material ADD COLUMN course BIGINT NOT NULL DEFAULT 1;
ALTER TABLE documents_material ADD COLUMN placed_at BIGINT NOT NULL DEFAULT 0;
UPDATE documents_material SET placed_at = changed_at, place = CASE state
    WHEN 'commenting' THEN 'pripominky' WHEN 'settling' THEN 'vyporadani' WHEN 'approving' THEN 'schvalovani' WHEN 'rejected' THEN 'vraceno'
    WHEN 'approved' THEN 'predlozeno' WHEN 'signing' THEN 'predlozeno' WHEN 'signed' THEN 'predlozeno' WHEN 'published' THEN 'predlozeno'
    ELSE 'navrh' END;
CREATE INDEX documents_material_place ON documents_material (place, changed_at, id);

-- Versions of the course that an office imported; version 1 is in the program.
CREATE TABLE documents_course (
    version     BIGINT PRIMARY KEY,
    definition  TEXT NOT NULL,
    imported_by TEXT NOT NULL,
    imported_at BIGINT NOT NULL
);

-- Who acted for a member of a route ("v zastoupení"), and from which version his approval was carried over.
ALTER TABLE documents_member ADD COLUMN deputy TEXT NOT NULL DEFAULT '';
ALTER TABLE documents_member ADD COLUMN carried TEXT NOT NULL DEFAULT '';
