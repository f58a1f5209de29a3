CREATE TABLE access_unit (
    id   TEXT PRIMARY KEY,
    name TEXT NOT NULL
) STRICT;

CREATE TABLE access_account (
    id          TEXT PRIMARY KEY,
    login       TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    password    TEXT NOT NULL,
    unit        TEXT NOT NULL,
    disabled    INTEGER NOT NULL DEFAULT 0,
    must_change INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL,
    signed_in_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX access_account_name ON access_account (name, id);

CREATE TABLE access_role (
    account TEXT NOT NULL REFERENCES access_account (id),
    role    TEXT NOT NULL,
    PRIMARY KEY (account, role)
) STRICT;
CREATE INDEX access_role_role ON access_role (role, account);

-- Only hashes of session and token secrets are kept. id is the pseudonym that
-- stands in the journal.
CREATE TABLE access_session (
    id           TEXT PRIMARY KEY,
    hash         TEXT NOT NULL UNIQUE,
    account      TEXT NOT NULL REFERENCES access_account (id),
    created_at   INTEGER NOT NULL,
    seen_at      INTEGER NOT NULL,
    confirmed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX access_session_account ON access_session (account);

CREATE TABLE access_token (
    id         TEXT PRIMARY KEY,
    hash       TEXT NOT NULL UNIQUE,
    account    TEXT NOT NULL REFERENCES access_account (id),
    name       TEXT NOT NULL,
    scopes     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX access_token_account ON access_token (account);

CREATE TABLE access_throttle (
    id      TEXT PRIMARY KEY,
    tries   INTEGER NOT NULL,
    since   INTEGER NOT NULL,
    until   INTEGER NOT NULL
) STRICT;

CREATE TABLE access_tuple (
    object   TEXT NOT NULL,
    relation TEXT NOT NULL,
    subject  TEXT NOT NULL,
    PRIMARY KEY (object, relation, subject)
) STRICT;
CREATE INDEX access_tuple_subject ON access_tuple (subject, object);

CREATE TABLE access_link (
    child  TEXT PRIMARY KEY,
    parent TEXT NOT NULL
) STRICT;
CREATE INDEX access_link_parent ON access_link (parent, child);

CREATE TABLE access_epoch (
    id TEXT PRIMARY KEY,
    n  INTEGER NOT NULL
) STRICT;

-- What roles mean for the whole office; administrators look after accounts and
-- see no document by that.
INSERT INTO access_tuple (object, relation, subject) VALUES
    ('office', 'creator', 'role:drafter'),
    ('office', 'creator', 'role:head'),
    ('office', 'creator', 'role:secretariat'),
    ('office', 'publisher', 'role:secretariat'),
    ('office', 'auditor', 'role:auditor'),
    ('office', 'administrator', 'role:administrator');
