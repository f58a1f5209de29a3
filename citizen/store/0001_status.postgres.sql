CREATE TABLE citizen_matter (
    id            TEXT    PRIMARY KEY,
    number        TEXT    NOT NULL UNIQUE,
    document      TEXT    NOT NULL UNIQUE,
    agenda        TEXT    NOT NULL,
    agenda_name   TEXT    NOT NULL,
    unit          TEXT    NOT NULL,
    unit_name     TEXT    NOT NULL,
    contact       TEXT    NOT NULL, -- JSON: name, position, mailbox
    generic       TEXT    NOT NULL, -- the subject in general words
    full_subject  TEXT    NOT NULL,
    circumstances TEXT    NOT NULL, -- JSON list
    rule          TEXT    NOT NULL, -- which deadline
    received      BIGINT  NOT NULL,
    opened_at     BIGINT  NOT NULL,
    opened_by     TEXT    NOT NULL,
    code_hash     TEXT    NOT NULL, -- keyed; the code itself is nowhere
    issue         BIGINT  NOT NULL,
    issued_at     BIGINT  NOT NULL
);
CREATE INDEX citizen_matter_agenda ON citizen_matter (agenda);

-- What the journal says about documents in the citizen's terms. Internal.
CREATE TABLE citizen_fact (
    seq       BIGINT  PRIMARY KEY, -- of the journal entry
    document  TEXT    NOT NULL,
    stage     TEXT    NOT NULL,
    at        BIGINT  NOT NULL,
    by_hand   BIGINT  NOT NULL,
    until     BIGINT  NOT NULL, -- 0 = none
    more      BIGINT  NOT NULL,
    corrects  BIGINT  NOT NULL, -- 0 = nothing
    withdrawn BIGINT  NOT NULL
);
CREATE INDEX citizen_fact_document ON citizen_fact (document, seq);

-- What was published of a matter: append-only.
CREATE TABLE citizen_publication (
    matter  TEXT    NOT NULL REFERENCES citizen_matter (id),
    n       BIGINT  NOT NULL,
    op      TEXT    NOT NULL, -- publish, correct, withdraw
    of      BIGINT  NOT NULL, -- n of what is corrected or withdrawn; 0 = nothing
    fact    BIGINT  NOT NULL,
    stage   TEXT    NOT NULL,
    at      BIGINT  NOT NULL,
    until   BIGINT  NOT NULL,
    by_hand BIGINT  NOT NULL,
    made    BIGINT  NOT NULL,
    visible BIGINT  NOT NULL,
    PRIMARY KEY (matter, n)
);

CREATE TABLE citizen_scope (
    agenda      TEXT    NOT NULL,
    number      BIGINT  NOT NULL,
    body        TEXT    NOT NULL, -- JSON
    state       TEXT    NOT NULL, -- proposed, in_force, superseded, refused
    proposed_by TEXT    NOT NULL,
    proposed_at BIGINT  NOT NULL,
    decided_by  TEXT    NOT NULL,
    decided_at  BIGINT  NOT NULL,
    PRIMARY KEY (agenda, number)
);
CREATE UNIQUE INDEX citizen_scope_in_force ON citizen_scope (agenda) WHERE state = 'in_force';
CREATE UNIQUE INDEX citizen_scope_proposed ON citizen_scope (agenda) WHERE state = 'proposed';

-- Wrong tries, by keyed hash of the number or address.
CREATE TABLE citizen_try (
    bucket TEXT    PRIMARY KEY,
    since  BIGINT  NOT NULL,
    tries  BIGINT  NOT NULL
);
CREATE INDEX citizen_try_since ON citizen_try (since);
