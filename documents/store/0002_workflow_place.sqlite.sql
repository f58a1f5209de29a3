-- Materials that have been at a place for long.
CREATE INDEX documents_material_placed ON documents_material (place, placed_at, id);
