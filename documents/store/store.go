// Package store keeps materials, comments, versions and routes in SQL. The
// same statements run on SQLite and PostgreSQL. A change, the rights it gives
// and its journal entry are one transaction.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"time"

	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/database"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// Migrations creates the tables of documents.
//
//go:embed *.sql
var Migrations embed.FS

// Store implements documents.Store. Use New.
type Store struct {
	reader
	db      *database.DB
	journal *journal.Journal
	rights  *access.Rights
}

var _ documents.Store = (*Store)(nil)

// New returns the store kept in db, whose schema must include Migrations and
// those of access and journal.
func New(db *database.DB, j *journal.Journal, r *access.Rights) *Store {
	return &Store{reader{db}, db, j, r}
}

// Write runs do in one transaction.
func (s *Store) Write(ctx context.Context, do func(documents.Tx) error) error {
	t, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer t.Rollback()
	if err := do(&tx{reader{t}, t, s}); err != nil {
		return err
	}
	if err := t.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

// reader is what Store and tx read alike.
type reader struct{ q querier }

// tx implements documents.Tx.
type tx struct {
	reader
	tx *sql.Tx
	s  *Store
}

func (t *tx) exec(ctx context.Context, statement string, args ...any) error {
	_, err := t.tx.ExecContext(ctx, statement, args...)
	return err
}

// one is exec for a statement that must hit exactly one row.
func (t *tx) one(ctx context.Context, missing error, statement string, args ...any) error {
	res, err := t.tx.ExecContext(ctx, statement, args...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return missing
}

func (t *tx) Record(ctx context.Context, entries ...journal.Entry) error {
	return t.s.journal.Append(ctx, t.tx, entries...)
}

// gone turns "no rows" into fault.NotFound.
func gone(err error, key string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fault.New(fault.NotFound, key)
	}
	return err
}

// micros is how times are kept: microseconds since 1970, 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func at(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// query reads all rows by scan.
func query[T any](ctx context.Context, q querier, scan func(row) (T, error), statement string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

type row interface{ Scan(...any) error }

func scanAgenda(r row) (a documents.Agenda, err error) {
	return a, r.Scan(&a.ID, &a.Name, &a.Unit, &a.Numbering)
}

func (r reader) Agendas(ctx context.Context) ([]documents.Agenda, error) {
	return query(ctx, r.q, scanAgenda, `SELECT id, name, unit, numbering FROM documents_agenda ORDER BY name, id`)
}

func (r reader) Agenda(ctx context.Context, id documents.AgendaID) (documents.Agenda, error) {
	a, err := scanAgenda(r.q.QueryRowContext(ctx, `SELECT id, name, unit, numbering FROM documents_agenda WHERE id = $1`, id))
	return a, gone(err, "documents.fault.agenda_missing")
}

func (t *tx) AddAgenda(ctx context.Context, by security.Actor, a documents.Agenda) error {
	if err := t.exec(ctx, `INSERT INTO documents_agenda (id, name, unit, numbering) VALUES ($1, $2, $3, $4)`,
		a.ID, a.Name, a.Unit, a.Numbering); err != nil {
		return err
	}
	if a.Unit == "" {
		return nil
	}
	return t.s.rights.Link(ctx, t.tx, access.Agenda(string(a.ID)), access.Unit(a.Unit))
}

func (t *tx) NextNumber(ctx context.Context, agenda documents.AgendaID, year int) (n int, err error) {
	return n, t.tx.QueryRowContext(ctx, `
		INSERT INTO documents_counter (agenda, year, last) VALUES ($1, $2, 1)
		ON CONFLICT (agenda, year) DO UPDATE SET last = documents_counter.last + 1 RETURNING last`, agenda, year).Scan(&n)
}

const columnsOfMaterial = `m.id, m.number, m.title, m.agenda, a.name, m.unit, m.drafter, m.state, m.draft, m.current, m.created_at, m.changed_at,
	m.place, m.course, m.placed_at`

const selectMaterial = `
	SELECT ` + columnsOfMaterial + `
	FROM documents_material m JOIN documents_agenda a ON a.id = m.agenda`

func scanMaterial(r row) (m documents.Material, err error) {
	var created, changed, placed int64
	err = r.Scan(&m.ID, &m.Number, &m.Title, &m.Agenda, &m.AgendaName, &m.Unit, &m.Drafter, &m.State, &m.Draft, &m.Current, &created, &changed,
		&m.Place, &m.Course, &placed)
	m.CreatedAt, m.ChangedAt, m.PlacedAt = at(created), at(changed), at(placed)
	return m, err
}

func (r reader) Material(ctx context.Context, id documents.MaterialID) (documents.Material, error) {
	m, err := scanMaterial(r.q.QueryRowContext(ctx, selectMaterial+` WHERE m.id = $1`, id))
	return m, gone(err, "fault.not_found")
}

func (t *tx) Lock(ctx context.Context, id documents.MaterialID) (documents.Material, error) {
	// A write that changes nothing takes the row lock, on either database.
	if err := t.exec(ctx, `UPDATE documents_material SET id = id WHERE id = $1`, id); err != nil {
		return documents.Material{}, err
	}
	return t.Material(ctx, id)
}

func (t *tx) AddMaterial(ctx context.Context, m documents.Material) error {
	if err := t.exec(ctx, `
		INSERT INTO documents_material (id, number, title, folded, collated, agenda, unit, drafter, state, draft, current, created_at, changed_at, place, course, placed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
		m.ID, m.Number, m.Title, folded(m), collated(m.Title), m.Agenda, m.Unit, m.Drafter, m.State, m.Draft, m.Current, micros(m.CreatedAt), micros(m.ChangedAt),
		m.Place, m.Course, micros(m.PlacedAt)); err != nil {
		return err
	}
	return t.s.rights.Link(ctx, t.tx, access.Document(string(m.ID)), access.Agenda(string(m.Agenda)))
}

func folded(m documents.Material) string { return documents.Fold(m.Number + " " + m.Title) }

func (t *tx) SetMaterial(ctx context.Context, m documents.Material) error {
	return t.one(ctx, fault.NotFound, `
		UPDATE documents_material SET number = $1, title = $2, folded = $3, collated = $4, drafter = $5, state = $6, draft = $7, current = $8, changed_at = $9,
		place = $10, course = $11, placed_at = $12 WHERE id = $13`,
		m.Number, m.Title, folded(m), collated(m.Title), m.Drafter, m.State, m.Draft, m.Current, micros(m.ChangedAt), m.Place, m.Course, micros(m.PlacedAt), m.ID)
}

func (t *tx) DropMaterial(ctx context.Context, by security.Actor, id documents.MaterialID) error {
	participants, err := t.Participants(ctx, id)
	if err != nil {
		return err
	}
	for _, p := range participants {
		if err := t.DropParticipant(ctx, by, id, p); err != nil {
			return err
		}
	}
	return t.one(ctx, fault.NotFound, `DELETE FROM documents_material WHERE id = $1 AND state = $2`, id, documents.Importing)
}

func (r reader) Participants(ctx context.Context, id documents.MaterialID) ([]documents.Participant, error) {
	return query(ctx, r.q, func(r row) (p documents.Participant, err error) { return p, r.Scan(&p.Subject, &p.Relation) },
		`SELECT subject, relation FROM documents_participant WHERE material = $1 ORDER BY relation, subject`, id)
}

func (t *tx) AddParticipant(ctx context.Context, by security.Actor, id documents.MaterialID, p documents.Participant) error {
	if err := t.exec(ctx, `INSERT INTO documents_participant (material, subject, relation) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
		id, p.Subject, p.Relation); err != nil {
		return err
	}
	return t.s.rights.Grant(ctx, t.tx, by, access.Document(string(id)), access.Relation(p.Relation), access.Subject(p.Subject))
}

func (t *tx) DropParticipant(ctx context.Context, by security.Actor, id documents.MaterialID, p documents.Participant) error {
	if err := t.exec(ctx, `DELETE FROM documents_participant WHERE material = $1 AND subject = $2 AND relation = $3`, id, p.Subject, p.Relation); err != nil {
		return err
	}
	return t.s.rights.Revoke(ctx, t.tx, by, access.Document(string(id)), access.Relation(p.Relation), access.Subject(p.Subject))
}

func (r reader) Answered(ctx context.Context, who security.ActorID, key string) (c documents.CommentID, digest string, err error) {
	err = r.q.QueryRowContext(ctx, `SELECT comment, digest FROM documents_answer WHERE person = $1 AND key = $2`, who, key).Scan(&c, &digest)
	if errors.Is(err, sql.ErrNoRows) {
		return "", "", nil
	}
	return c, digest, err
}

func (t *tx) Answer(ctx context.Context, who security.ActorID, key, digest string, c documents.CommentID, when time.Time) error {
	return t.exec(ctx, `INSERT INTO documents_answer (person, key, digest, comment, at) VALUES ($1, $2, $3, $4, $5)`, who, key, digest, c, micros(when))
}
