-- In which minutes a document was written to since row first_seq, and the journal has not been told yet. Who wrote how much then is
-- counted from the rows, once the minute is over. collab_edit is filled by nodes of the version before this one only.
CREATE TABLE collab_edit_mark (
    minute    INTEGER NOT NULL,
    document  TEXT NOT NULL,
    first_seq INTEGER NOT NULL,
    PRIMARY KEY (minute, document)
) STRICT, WITHOUT ROWID;
