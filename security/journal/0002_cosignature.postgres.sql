-- What witnesses said of published checkpoints: one note signature line each.
CREATE TABLE journal_cosignature (
    size    BIGINT NOT NULL,
    witness TEXT NOT NULL,
    line    TEXT NOT NULL,
    PRIMARY KEY (size, witness)
);
