package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"spolupis/collab"
	"spolupis/security"
	"spolupis/security/database"
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

// tellJournal tells the journal who wrote in the minutes before that of now, then who left. A minute more than an
// hour ahead is over, too: the clock was wrong then and has been put back. (Another node's clock may be a little ahead.)
func (s *Store) tellJournal(ctx context.Context, now time.Time) error {
	for _, tell := range []func(context.Context, int64) (int, error){s.tellEdits, s.tellCounted} {
		for {
			n, err := tell(ctx, minuteOf(now))
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
		}
	}
	return s.tellLeft(ctx)
}

// How many marks, and how many counts of the version before, are told in one transaction: writers of those documents wait for it.
const (
	tellAtOnce    = 25
	countedAtOnce = 200
)

// stretch is what was written in a document from row first on, up to row last, in one minute.
type stretch struct {
	minute
	first, last int64
	by          map[security.ActorID]*edit
}

// edit is what somebody wrote in a stretch.
type edit struct {
	Rows  int64 `json:"rows"`
	First int64 `json:"first"`
	Last  int64 `json:"last"`
}

// tellEdits journals some minutes of writing, counted from the rows, and takes away their marks in the same transaction, so that
// a crash anywhere neither loses nor doubles an entry. It returns how many marks it has seen to. Most rows are counted before,
// when nobody waits for it.
func (s *Store) tellEdits(ctx context.Context, before int64) (int, error) {
	due, err := s.due(ctx, before)
	if err != nil || len(due) == 0 { // an idle service takes no write lock
		return 0, err
	}
	for _, d := range due {
		st, err := s.state(ctx, d.doc)
		if err != nil {
			return 0, err
		}
		if err := d.count(ctx, s.db, st.Seq); err != nil {
			return 0, err
		}
	}
	slices.SortFunc(due, func(a, b *stretch) int { return strings.Compare(string(a.doc), string(b.doc)) }) // as commitAll does
	begun, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer begun.Rollback()
	tx := s.db.Often(begun)
	var entries []journal.Entry
	for _, d := range due {
		told, err := s.tell(ctx, tx, d)
		if err != nil {
			return 0, err
		}
		entries = append(entries, told...)
	}
	if err := s.cfg.Journal.Append(ctx, begun, entries...); err != nil {
		return 0, err
	}
	return len(due), begun.Commit()
}

// due returns some of the marks of minutes that are over.
func (s *Store) due(ctx context.Context, before int64) ([]*stretch, error) {
	rows, err := s.db.QueryContext(ctx,
		`SELECT minute, document, first_seq FROM collab_edit_mark WHERE minute < $1 OR minute > $1 + 60 ORDER BY minute, document LIMIT $2`,
		before, tellAtOnce)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var due []*stretch
	for rows.Next() {
		d := &stretch{by: map[security.ActorID]*edit{}}
		if err := rows.Scan(&d.n, &d.doc, &d.first); err != nil {
			return nil, err
		}
		d.last = d.first - 1
		due = append(due, d)
	}
	return due, rows.Err()
}

// count goes on counting up to row last.
func (d *stretch) count(ctx context.Context, q querier, last int64) error {
	rows, err := q.QueryContext(ctx,
		`SELECT person, count(*), min(seq), max(seq) FROM collab_update
		WHERE document = $1 AND seq > $2 AND seq <= $3 AND received_at >= $4 AND received_at < $5 GROUP BY person`,
		d.doc, d.last, last, d.n*60e6, (d.n+1)*60e6)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var person security.ActorID
		var e edit
		if err := rows.Scan(&person, &e.Rows, &e.First, &e.Last); err != nil {
			return err
		}
		if known := d.by[person]; known != nil {
			e.Rows, e.First = e.Rows+known.Rows, known.First
		}
		d.by[person] = &e
	}
	d.last = max(d.last, last)
	return rows.Err()
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// tell takes the mark away and returns what the journal must be told for it; nothing when another node was first. From here
// to the end of tx nobody writes in the document, and who does so afterwards finds its leases counted and makes a new
// mark, from his row on.
func (s *Store) tell(ctx context.Context, tx database.Tx, d *stretch) ([]journal.Entry, error) {
	var head int64
	if err := tx.QueryRowContext(ctx,
		`UPDATE collab_document AS d SET leases = leases + 1, seq = `+s.end()+` WHERE document = $1 RETURNING seq`, d.doc).Scan(&head); err != nil {
		return nil, err
	}
	res, err := tx.ExecContext(ctx,
		`DELETE FROM collab_edit_mark WHERE minute = $1 AND document = $2 AND first_seq = $3`, d.n, d.doc, d.first)
	if err != nil {
		return nil, err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return nil, err
	}
	if head > d.last {
		if err := d.count(ctx, tx, head); err != nil {
			return nil, err
		}
	}
	var entries []journal.Entry
	for _, person := range slices.Sorted(maps.Keys(d.by)) {
		body, err := json.Marshal(d.by[person])
		if err != nil {
			return nil, err
		}
		entries = append(entries, edited(d.minute, person, body))
	}
	return entries, nil
}

func edited(m minute, person security.ActorID, body []byte) journal.Entry {
	return journal.Entry{At: time.Unix(60*m.n, 0).UTC(), Actor: person, Kind: "collab.edited", Subject: subject(m.doc), Body: body}
}

// tellCounted journals what nodes of the version before this one have counted.
func (s *Store) tellCounted(ctx context.Context, before int64) (int, error) {
	var some bool
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
		RETURNING minute, document, person, edits, first_seq, last_seq`, before, countedAtOnce)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var entries []journal.Entry
	for rows.Next() {
		var m minute
		var person security.ActorID
		var e edit
		if err := rows.Scan(&m.n, &m.doc, &person, &e.Rows, &e.First, &e.Last); err != nil {
			return 0, err
		}
		body, err := json.Marshal(e)
		if err != nil {
			return 0, err
		}
		entries = append(entries, edited(m, person, body))
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
