-- The secret address under which a person's calendar program reads his deadlines; only its hash is kept.
CREATE TABLE documents_calendar (
    person  TEXT PRIMARY KEY,
    hash    TEXT NOT NULL UNIQUE,
    lang    TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    read_at INTEGER NOT NULL,
    since   INTEGER NOT NULL,
    reads   INTEGER NOT NULL
) STRICT;
