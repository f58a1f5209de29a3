-- How people want to be told by e-mail. kinds is an object of modes by kind of notice.
CREATE TABLE documents_mail (
    person    TEXT PRIMARY KEY,
    address   TEXT NOT NULL,
    lang      TEXT NOT NULL,
    mode      TEXT NOT NULL,
    kinds     TEXT NOT NULL,
    hour      INTEGER NOT NULL,
    digest_at INTEGER NOT NULL
) STRICT;
CREATE INDEX documents_mail_digest ON documents_mail (digest_at) WHERE mode = 'daily';

-- What is to be sent: a notice, or 0 for the digest itself. Rows of one batch are one message.
CREATE TABLE documents_outbox (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    person   TEXT NOT NULL,
    notice   INTEGER NOT NULL,
    digest   INTEGER NOT NULL,
    due_at   INTEGER NOT NULL,
    batch    TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    error    TEXT NOT NULL,
    done_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX documents_outbox_due ON documents_outbox (due_at, id) WHERE done_at = 0;
CREATE INDEX documents_outbox_batch ON documents_outbox (batch);
CREATE INDEX documents_outbox_person ON documents_outbox (person, done_at);
