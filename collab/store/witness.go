package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"spolupis/collab"
	"spolupis/security"
	"spolupis/security/journal"
)

func subject(doc collab.DocumentID) string { return "document:" + string(doc) }

// Opened implements collab.Witness: a reading of the document, durable before it returns.
func (s *Store) Opened(ctx context.Context, who security.Actor, doc collab.DocumentID) error {
	return s.cfg.Journal.Recorded(ctx, who, "collab.opened", subject(doc), nil)
}

// Closed implements collab.Witness. The entry follows within seconds, together with those of others who left: after a
// failure of the network they all leave at once.
func (s *Store) Closed(_ context.Context, who security.Actor, doc collab.DocumentID) error {
	e := journal.Entry{At: s.cfg.Now(), Actor: who.ID, OnBehalfOf: who.OnBehalfOf, Kind: "collab.closed", Subject: subject(doc)}
	s.mu.Lock()
	s.left = append(s.left, e)
	s.mu.Unlock()
	return nil
}

// Refused implements collab.Witness. The same reason from the same login is recorded once in five minutes.
func (s *Store) Refused(ctx context.Context, who security.Actor, doc collab.DocumentID, reason string) error {
	// Recorded merges what one login does to one thing: a forged update must not hide behind a garbled message.
	who.Session = string(who.ID) + " " + who.Session + " " + reason
	return s.cfg.Journal.Recorded(ctx, who, "collab.refused", subject(doc), map[string]string{"reason": reason})
}

// journalLoop tells the journal about minutes that have passed and people who left.
func (s *Store) journalLoop(ctx context.Context) {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.tellJournal(ctx, s.cfg.Now()); err != nil && ctx.Err() == nil {
			s.cfg.Logger.Error("tell the journal about edits", "error", err)
		}
	}
}

// tellJournal moves the minutes before that of now from collab_edit into the journal, then the departures. A minute more than an
// hour ahead is over, too: the clock was wrong then and has been put back. (Another node's clock may be a little ahead.)
func (s *Store) tellJournal(ctx context.Context, now time.Time) error {
	for {
		n, err := s.tellEdits(ctx, now.UnixMicro()/60e6)
		if err != nil {
			return err
		}
		if n == 0 {
			return s.tellLeft(ctx)
		}
	}
}

const tellAtOnce = 200

// tellEdits journals some minutes of somebody's writing: counted in the transactions that stored the updates, moved here
// in one more, so that a crash anywhere neither loses nor doubles an entry.
func (s *Store) tellEdits(ctx context.Context, before int64) (int, error) {
	var some bool // an idle service takes no write lock
	if err := s.db.QueryRowContext(ctx,
		`SELECT EXISTS (SELECT 1 FROM collab_edit WHERE minute < $1 OR minute > $1 + 60)`, before).Scan(&some); err != nil || !some {
		return 0, err
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	rows, err := tx.QueryContext(ctx,
		`DELETE FROM collab_edit WHERE (minute, document, person) IN
		(SELECT minute, document, person FROM collab_edit WHERE minute < $1 OR minute > $1 + 60 ORDER BY minute, document, person LIMIT $2)
		RETURNING minute, document, person, edits, first_seq, last_seq`, before, tellAtOnce)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var entries []journal.Entry
	for rows.Next() {
		var minute int64
		var doc collab.DocumentID
		var person security.ActorID
		var b struct {
			Rows  int64 `json:"rows"`
			First int64 `json:"first"`
			Last  int64 `json:"last"`
		}
		if err := rows.Scan(&minute, &doc, &person, &b.Rows, &b.First, &b.Last); err != nil {
			return 0, err
		}
		body, err := json.Marshal(b)
		if err != nil {
			return 0, err
		}
		entries = append(entries, journal.Entry{At: time.Unix(60*minute, 0).UTC(), Actor: person,
			Kind: "collab.edited", Subject: subject(doc), Body: body})
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	if len(entries) == 0 {
		return 0, nil
	}
	if err := s.cfg.Journal.Append(ctx, tx, entries...); err != nil {
		return 0, err
	}
	return len(entries), tx.Commit()
}

func (s *Store) tellLeft(ctx context.Context) error {
	s.mu.Lock()
	left := s.left
	s.left = nil
	s.mu.Unlock()
	if len(left) == 0 {
		return nil
	}
	err := s.journal(ctx, left)
	if err != nil {
		s.mu.Lock()
		s.left = append(left, s.left...)
		s.mu.Unlock()
		return fmt.Errorf("journal departures: %w", err)
	}
	return nil
}

func (s *Store) journal(ctx context.Context, entries []journal.Entry) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := s.cfg.Journal.Append(ctx, tx, entries...); err != nil {
		return err
	}
	return tx.Commit()
}
