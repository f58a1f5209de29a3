CREATE TABLE access_unit (
    id   TEXT PRIMARY KEY,
    name TEXT NOT NULL
);

CREATE TABLE access_account (
    id          TEXT PRIMARY KEY,
    login       TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    password    TEXT NOT NULL,
    unit        TEXT NOT NULL,
    disabled    BIGINT NOT NULL DEFAULT 0,
    must_change BIGINT NOT NULL DEFAULT 0,
    created_at  BIGINT NOT NULL,
    signed_in_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX access_account_name ON access_account (name, id);

CREATE TABLE access_role (
    account TEXT NOT NULL REFERENCES access_account (id),
    role    TEXT NOT NULL,
    PRIMARY KEY (account, role)
);
CREATE INDEX access_role_role ON access_role (role, account);

-- Only hashes of session and token secrets are kept. id is the pseudonym that
-- stands in the journal.
CREATE TABLE access_session (
    id           TEXT PRIMARY KEY,
    hash         TEXT NOT NULL UNIQUE,
    account      TEXT NOT NULL REFERENCES access_account (id),
    created_at   BIGINT NOT NULL,
    seen_at      BIGINT NOT NULL,
    confirmed_at BIGINT NOT NULL
);
CREATE INDEX access_session_account ON access_session (account);

CREATE TABLE access_token (
    id         TEXT PRIMARY KEY,
    hash       TEXT NOT NULL UNIQUE,
    account    TEXT NOT NULL REFERENCES access_account (id),
    name       TEXT NOT NULL,
    scopes     TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX access_token_account ON access_token (account);

CREATE TABLE access_throttle (
    id      TEXT PRIMARY KEY,
    tries   BIGINT NOT NULL,
    since   BIGINT NOT NULL,
    until   BIGINT NOT NULL
);

CREATE TABLE access_tuple (
    object   TEXT NOT NULL,
    relation TEXT NOT NULL,
    subject  TEXT NOT NULL,
    PRIMARY KEY (object, relation, subject)
);
CREATE INDEX access_tuple_subject ON access_tuple (subject, object);

CREATE TABLE access_link (
    child  TEXT PRIMARY KEY,
    parent TEXT NOT NULL
);
CREATE INDEX access_link_parent ON access_link (parent, child);

CREATE TABLE access_epoch (
    id TEXT PRIMARY KEY,
    n  BIGINT NOT NULL
);

-- What roles mean for the whole office; administrators look after accounts and
-- see no document by that.
INSERT INTO access_tuple (object, relation, subject) VALUES
    ('office', 'creator', 'role:drafter'),
    ('office', 'creator', 'role:head'),
    ('office', 'creator', 'role:secretariat'),
    ('office', 'publisher', 'role:secretariat'),
    ('office', 'auditor', 'role:auditor'),
    ('office', 'administrator', 'role:administrator');
