// Package store keeps matters, scopes and publications of the citizen side in
// SQL and follows the journal. One text of statements serves SQLite and
// PostgreSQL.
package store

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"spolupis/citizen"
	"spolupis/security/database"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// Migrations creates the tables of the citizen side.
//
//go:embed *.sql
var Migrations embed.FS

// Set is Migrations under the name they are recorded by.
var Set = database.Set{Name: "citizen", FS: Migrations}

// Store implements citizen.Store. It is safe for concurrent use; several
// processes may share the database.
type Store struct {
	db      *database.DB
	journal *journal.Journal
	now     func() time.Time
}

// New returns the store kept in db, whose schema must include Migrations and
// those of the journal.
func New(db *database.DB, j *journal.Journal, now func() time.Time) *Store {
	return &Store{db, j, now}
}

// within runs f in a transaction and appends entries to the journal in it.
func (s *Store) within(ctx context.Context, f func(tx *sql.Tx) ([]journal.Entry, error)) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	entries, err := f(tx)
	if err != nil {
		return err
	}
	if err := s.journal.Append(ctx, tx, entries...); err != nil {
		return err
	}
	return tx.Commit()
}

// Record appends e to the journal.
func (s *Store) Record(ctx context.Context, e journal.Entry) error {
	return s.within(ctx, func(*sql.Tx) ([]journal.Entry, error) { return []journal.Entry{e}, nil })
}

// OpenMatter adds m; see citizen.Store.
func (s *Store) OpenMatter(ctx context.Context, m citizen.Matter, e journal.Entry) error {
	contact, err := json.Marshal(m.Contact)
	if err != nil {
		return err
	}
	circumstances, err := json.Marshal(m.Circumstances)
	if err != nil {
		return err
	}
	return s.within(ctx, func(tx *sql.Tx) ([]journal.Entry, error) {
		res, err := tx.ExecContext(ctx, `
			INSERT INTO citizen_matter (id, number, document, agenda, agenda_name, unit, unit_name, contact, generic, full_subject,
				circumstances, rule, received, opened_at, opened_by, code_hash, issue, issued_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
			ON CONFLICT DO NOTHING`,
			m.ID, m.Number, m.Document, m.Agenda, m.AgendaName, m.Unit, m.UnitName, string(contact), m.Generic, m.Full,
			string(circumstances), m.Rule, m.Received.UnixMicro(), m.OpenedAt.UnixMicro(), m.OpenedBy, m.CodeHash, m.Issue, m.IssuedAt.UnixMicro())
		if err != nil {
			return nil, fmt.Errorf("insert matter: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return []journal.Entry{e}, err
		}
		if _, err := matter(ctx, tx, `document = $1`, m.Document); err == nil {
			return nil, fault.New(fault.Conflict, "citizen.fault.has_matter")
		}
		return nil, citizen.ErrNumberTaken
	})
}

// Reissue replaces the code of a matter; see citizen.Store.
func (s *Store) Reissue(ctx context.Context, id citizen.MatterID, was int, hash string, at time.Time, e journal.Entry) error {
	return s.within(ctx, func(tx *sql.Tx) ([]journal.Entry, error) {
		res, err := tx.ExecContext(ctx, `UPDATE citizen_matter SET code_hash = $1, issue = issue + 1, issued_at = $2 WHERE id = $3 AND issue = $4`,
			hash, at.UnixMicro(), id, was)
		if err != nil {
			return nil, fmt.Errorf("update code: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return nil, errors.Join(err, fault.Conflict)
		}
		return []journal.Entry{e}, nil
	})
}

// queryer is a database or a transaction.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Matter returns the matter id, or fault.NotFound.
func (s *Store) Matter(ctx context.Context, id citizen.MatterID) (citizen.Matter, error) {
	return matter(ctx, s.db, `id = $1`, id)
}

// MatterByNumber returns the matter with a public number, or fault.NotFound.
func (s *Store) MatterByNumber(ctx context.Context, n citizen.Number) (citizen.Matter, error) {
	return matter(ctx, s.db, `number = $1`, n)
}

// MatterByDocument returns the matter of a document, or fault.NotFound.
func (s *Store) MatterByDocument(ctx context.Context, id citizen.DocumentID) (citizen.Matter, error) {
	return matter(ctx, s.db, `document = $1`, id)
}

// Sample returns the matter of an agenda with the most facts, or fault.NotFound.
// It looks at the hundred opened last.
func (s *Store) Sample(ctx context.Context, agenda citizen.AgendaID) (citizen.Matter, error) {
	return matter(ctx, s.db, `id = (
		SELECT m.id FROM (SELECT id, document, opened_at FROM citizen_matter WHERE agenda = $1 ORDER BY opened_at DESC LIMIT 100) m
		ORDER BY (SELECT COUNT(*) FROM citizen_fact f WHERE f.document = m.document) DESC, m.opened_at DESC LIMIT 1)`, agenda)
}

func matter(ctx context.Context, q queryer, where string, arg any) (citizen.Matter, error) {
	var m citizen.Matter
	var contact, circumstances string
	var received, opened, issued int64
	err := q.QueryRowContext(ctx, `
		SELECT id, number, document, agenda, agenda_name, unit, unit_name, contact, generic, full_subject,
			circumstances, rule, received, opened_at, opened_by, code_hash, issue, issued_at
		FROM citizen_matter WHERE `+where, arg).Scan(
		&m.ID, &m.Number, &m.Document, &m.Agenda, &m.AgendaName, &m.Unit, &m.UnitName, &contact, &m.Generic, &m.Full,
		&circumstances, &m.Rule, &received, &opened, &m.OpenedBy, &m.CodeHash, &m.Issue, &issued)
	if errors.Is(err, sql.ErrNoRows) {
		return citizen.Matter{}, fault.NotFound
	}
	if err != nil {
		return citizen.Matter{}, fmt.Errorf("read matter: %w", err)
	}
	if err := errors.Join(json.Unmarshal([]byte(contact), &m.Contact), json.Unmarshal([]byte(circumstances), &m.Circumstances)); err != nil {
		return citizen.Matter{}, fmt.Errorf("read matter %s: %w", m.ID, err)
	}
	m.Received, m.OpenedAt, m.IssuedAt = when(received), when(opened), when(issued)
	return m, nil
}

// when reads a time; 0 is the zero time.
func when(micro int64) time.Time {
	if micro == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micro).UTC()
}

func micro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Charge counts a try in each bucket; see citizen.Store. Buckets a day past
// their window are cleared away as it goes.
func (s *Store) Charge(ctx context.Context, buckets []string, at time.Time, window time.Duration) ([]int, error) {
	// Outside the transaction below and only long after the window, so that
	// clearing never waits for a counter in use.
	if _, err := s.db.ExecContext(ctx, `DELETE FROM citizen_try WHERE bucket IN (SELECT bucket FROM citizen_try WHERE since < $1 ORDER BY since LIMIT 100)`,
		at.Add(-window-24*time.Hour).UnixMicro()); err != nil {
		return nil, fmt.Errorf("clear tries: %w", err)
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	old := at.Add(-window).UnixMicro()
	out := make([]int, len(buckets))
	for i, b := range buckets {
		err := tx.QueryRowContext(ctx, `
			INSERT INTO citizen_try (bucket, since, tries) VALUES ($1, $2, 1)
			ON CONFLICT (bucket) DO UPDATE SET
				tries = CASE WHEN citizen_try.since < $3 THEN 1 ELSE citizen_try.tries + 1 END,
				since = CASE WHEN citizen_try.since < $3 THEN excluded.since ELSE citizen_try.since END
			RETURNING tries`, b, at.UnixMicro(), old).Scan(&out[i])
		if err != nil {
			return nil, fmt.Errorf("count a try: %w", err)
		}
	}
	return out, tx.Commit()
}

// Refund takes one try back from each bucket.
func (s *Store) Refund(ctx context.Context, buckets []string) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	for _, b := range buckets {
		if _, err := tx.ExecContext(ctx, `UPDATE citizen_try SET tries = tries - 1 WHERE bucket = $1 AND tries > 0`, b); err != nil {
			return fmt.Errorf("refund a try: %w", err)
		}
	}
	return tx.Commit()
}
