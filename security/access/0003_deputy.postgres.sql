-- Who heads a department; at most one person.
CREATE TABLE access_head (
    unit    TEXT PRIMARY KEY REFERENCES access_unit (id),
    account TEXT NOT NULL REFERENCES access_account (id)
);
CREATE INDEX access_head_account ON access_head (account);

-- Who acts for whom. Days are days of the office ("2026-11-28"), both included; scope is an object or '' for everything.
-- Rows are never deleted: a revoked one says by whom and when.
CREATE TABLE access_deputyship (
    id         TEXT PRIMARY KEY,
    person     TEXT NOT NULL REFERENCES access_account (id),
    deputy     TEXT NOT NULL REFERENCES access_account (id),
    first_day  TEXT NOT NULL,
    last_day   TEXT NOT NULL,
    scope      TEXT NOT NULL,
    given_by   TEXT NOT NULL,
    given_at   BIGINT NOT NULL,
    revoked_by TEXT NOT NULL DEFAULT '',
    revoked_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX access_deputyship_deputy ON access_deputyship (deputy, last_day);
CREATE INDEX access_deputyship_person ON access_deputyship (person, last_day);
CREATE INDEX access_deputyship_last ON access_deputyship (last_day, id);
