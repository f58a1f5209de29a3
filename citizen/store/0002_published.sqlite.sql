-- Under which version of the scope a matter was last published.
ALTER TABLE citizen_matter ADD COLUMN published INTEGER NOT NULL DEFAULT 0;
CREATE INDEX citizen_matter_published ON citizen_matter (agenda, published);
DROP INDEX citizen_matter_agenda;
