-- Rounds over a frozen text, with a deadline in working days. baseline names a blob: the text as it was when the round began.
ALTER TABLE documents_round ADD COLUMN number INTEGER NOT NULL DEFAULT 1;
ALTER TABLE documents_round ADD COLUMN baseline TEXT NOT NULL DEFAULT '';
ALTER TABLE documents_round ADD COLUMN days INTEGER NOT NULL DEFAULT 0;
ALTER TABLE documents_round ADD COLUMN urgent TEXT NOT NULL DEFAULT '';
ALTER TABLE documents_round ADD COLUMN why TEXT NOT NULL DEFAULT '';
ALTER TABLE documents_round ADD COLUMN ended TEXT NOT NULL DEFAULT '';
UPDATE documents_round SET number = (SELECT count(*) FROM documents_round o WHERE o.material = documents_round.material AND o.started_at <= documents_round.started_at);
UPDATE documents_round SET ended = 'early' WHERE closed_at > 0;
CREATE INDEX documents_round_due ON documents_round (due) WHERE closed_at = 0;

-- What each unit said: '' while it has not, 'silent' when the system wrote down that it did not.
ALTER TABLE documents_round_unit ADD COLUMN required INTEGER NOT NULL DEFAULT 1;
ALTER TABLE documents_round_unit ADD COLUMN statement TEXT NOT NULL DEFAULT '';
ALTER TABLE documents_round_unit ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE documents_round_unit ADD COLUMN person TEXT NOT NULL DEFAULT '';
ALTER TABLE documents_round_unit ADD COLUMN behalf TEXT NOT NULL DEFAULT '';
ALTER TABLE documents_round_unit ADD COLUMN stated_at INTEGER NOT NULL DEFAULT 0;

CREATE TABLE documents_extension (
    round      TEXT NOT NULL REFERENCES documents_round (id),
    at         INTEGER NOT NULL,
    person     TEXT NOT NULL,
    behalf     TEXT NOT NULL,
    due_before INTEGER NOT NULL,
    due_after  INTEGER NOT NULL,
    reason     TEXT NOT NULL,
    PRIMARY KEY (round, at)
) STRICT;

-- round and unit: in whose name a comment was made. twin: the comment it is a duplicate of, settled with it.
ALTER TABLE documents_comment ADD COLUMN round TEXT NOT NULL DEFAULT '';
ALTER TABLE documents_comment ADD COLUMN unit TEXT NOT NULL DEFAULT '';
ALTER TABLE documents_comment ADD COLUMN twin TEXT NOT NULL DEFAULT '';
ALTER TABLE documents_comment ADD COLUMN stand TEXT NOT NULL DEFAULT '';
ALTER TABLE documents_comment ADD COLUMN stand_note TEXT NOT NULL DEFAULT '';
ALTER TABLE documents_comment ADD COLUMN stand_by TEXT NOT NULL DEFAULT '';
ALTER TABLE documents_comment ADD COLUMN stand_behalf TEXT NOT NULL DEFAULT '';
ALTER TABLE documents_comment ADD COLUMN stand_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX documents_comment_round ON documents_comment (round, unit);
CREATE INDEX documents_comment_twin ON documents_comment (twin) WHERE twin <> '';

-- A dispute over a major comment on which the unit insists.
CREATE TABLE documents_dispute (
    comment   TEXT PRIMARY KEY REFERENCES documents_comment (id),
    material  TEXT NOT NULL,
    level     INTEGER NOT NULL,
    state     TEXT NOT NULL,
    decider   TEXT NOT NULL,
    words     TEXT NOT NULL,
    opened_at INTEGER NOT NULL
) STRICT;
CREATE INDEX documents_dispute_material ON documents_dispute (material, state);
CREATE INDEX documents_dispute_decider ON documents_dispute (decider, state);

CREATE TABLE documents_dispute_act (
    comment TEXT NOT NULL REFERENCES documents_dispute (comment),
    n       INTEGER NOT NULL,
    act     TEXT NOT NULL,
    level   INTEGER NOT NULL,
    person  TEXT NOT NULL,
    behalf  TEXT NOT NULL,
    at      INTEGER NOT NULL,
    text    TEXT NOT NULL,
    PRIMARY KEY (comment, n)
) STRICT;
