package store

import (
	"context"
	"database/sql"
	"fmt"

	"spolupis/citizen"
	"spolupis/security/journal"
)

// Follower is the name of this projection's cursor in the journal.
const Follower = "citizen"

// chunk is how many matters a changed scope is put into effect on at a time. A
// transaction holds up every other writer on SQLite; a hundred matters take
// some tens of milliseconds, an agenda of ten thousand in one go would take
// seconds.
const chunk = 100

// Follow brings facts and publications up to date with the journal and with
// the scopes in force, and returns how many entries and matters it took. An
// entry takes effect exactly once, in the transaction that moves the cursor.
func (s *Store) Follow(ctx context.Context) (int, error) {
	n, err := s.journal.Follow(ctx, Follower, s.apply)
	for err == nil {
		var swept int
		swept, err = s.sweep(ctx)
		n += swept
		if swept < chunk {
			break
		}
	}
	return n, err
}

func (s *Store) apply(ctx context.Context, tx *sql.Tx, e journal.Entry) error {
	f, ok := citizen.FactOf(e)
	if !ok {
		return nil
	}
	if err := insertFact(ctx, tx, f); err != nil {
		return err
	}
	id, err := column[citizen.MatterID](ctx, tx, `SELECT id FROM citizen_matter WHERE document = $1`, f.Document)
	if err != nil || len(id) == 0 {
		return err // nobody has a number for this document; its facts wait
	}
	return s.publish(ctx, tx, id[0])
}

const selectStale = `
	SELECT m.id FROM citizen_scope s JOIN citizen_matter m ON m.agenda = s.agenda AND m.published < s.number
	WHERE s.state = 'in_force' LIMIT $1`

// sweep publishes some matters whose agenda has a scope they were not yet
// published under, and returns how many. It compares states, so it may stop
// anywhere and run again; until it has come to a matter, View already hides
// what the scope no longer allows.
func (s *Store) sweep(ctx context.Context) (int, error) {
	ids, err := column[citizen.MatterID](ctx, s.db, selectStale, chunk) // looks without a write transaction
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	return len(ids), s.within(ctx, func(tx *sql.Tx) ([]journal.Entry, error) {
		for _, id := range ids {
			if err := s.publish(ctx, tx, id); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
}

// publish appends the publications of a matter that are missing.
func (s *Store) publish(ctx context.Context, tx *sql.Tx, id citizen.MatterID) error {
	// The update that changes nothing takes the row lock: on PostgreSQL the
	// projection and a sweep on another node must not number at once.
	if _, err := tx.ExecContext(ctx, `UPDATE citizen_matter SET published = published WHERE id = $1`, id); err != nil {
		return fmt.Errorf("lock matter: %w", err)
	}
	m, err := matter(ctx, tx, `id = $1`, id)
	if err != nil {
		return err
	}
	scope, err := current(ctx, tx, m.Agenda)
	if err != nil {
		return err
	}
	fs, err := facts(ctx, tx, m.Document)
	if err != nil {
		return err
	}
	ps, err := publications(ctx, tx, m.ID)
	if err != nil {
		return err
	}
	for _, p := range citizen.Publish(m, scope, fs, ps, s.now()) {
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO citizen_publication (matter, n, op, of, fact, stage, at, until, by_hand, made, visible)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			m.ID, p.N, p.Op, p.Of, p.Fact, p.Stage, micro(p.At), micro(p.Until), flag(p.ByHand), micro(p.Made), micro(p.Visible)); err != nil {
			return fmt.Errorf("insert publication: %w", err)
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE citizen_matter SET published = $1 WHERE id = $2`, scope.Number, id); err != nil {
		return fmt.Errorf("note the scope: %w", err)
	}
	return nil
}

func insertFact(ctx context.Context, tx *sql.Tx, f citizen.Fact) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO citizen_fact (seq, document, stage, at, by_hand, until, more, corrects, withdrawn)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		f.Seq, f.Document, f.Stage, micro(f.At), flag(f.ByHand), micro(f.Until), f.More, f.Corrects, flag(f.Withdrawn))
	if err != nil {
		return fmt.Errorf("insert fact: %w", err)
	}
	return nil
}

// Facts lists the facts of a document by Seq.
func (s *Store) Facts(ctx context.Context, document citizen.DocumentID) ([]citizen.Fact, error) {
	return facts(ctx, s.db, document)
}

func facts(ctx context.Context, q queryer, document citizen.DocumentID) ([]citizen.Fact, error) {
	rows, err := q.QueryContext(ctx, `
		SELECT seq, document, stage, at, by_hand, until, more, corrects, withdrawn
		FROM citizen_fact WHERE document = $1 ORDER BY seq LIMIT 5000`, document)
	if err != nil {
		return nil, fmt.Errorf("read facts: %w", err)
	}
	defer rows.Close()
	var out []citizen.Fact
	for rows.Next() {
		var f citizen.Fact
		var at, until int64
		var byHand, withdrawn int
		if err := rows.Scan(&f.Seq, &f.Document, &f.Stage, &at, &byHand, &until, &f.More, &f.Corrects, &withdrawn); err != nil {
			return nil, fmt.Errorf("read facts: %w", err)
		}
		f.At, f.Until, f.ByHand, f.Withdrawn = when(at), when(until), byHand == 1, withdrawn == 1
		out = append(out, f)
	}
	return out, rows.Err()
}

// Publications lists the publications of a matter by N.
func (s *Store) Publications(ctx context.Context, id citizen.MatterID) ([]citizen.Publication, error) {
	return publications(ctx, s.db, id)
}

func publications(ctx context.Context, q queryer, id citizen.MatterID) ([]citizen.Publication, error) {
	rows, err := q.QueryContext(ctx, `
		SELECT n, op, of, fact, stage, at, until, by_hand, made, visible
		FROM citizen_publication WHERE matter = $1 ORDER BY n LIMIT 5000`, id)
	if err != nil {
		return nil, fmt.Errorf("read publications: %w", err)
	}
	defer rows.Close()
	var out []citizen.Publication
	for rows.Next() {
		var p citizen.Publication
		var at, until, made, visible int64
		var byHand int
		if err := rows.Scan(&p.N, &p.Op, &p.Of, &p.Fact, &p.Stage, &at, &until, &byHand, &made, &visible); err != nil {
			return nil, fmt.Errorf("read publications: %w", err)
		}
		p.At, p.Until, p.Made, p.Visible, p.ByHand = when(at), when(until), when(made), when(visible), byHand == 1
		out = append(out, p)
	}
	return out, rows.Err()
}

// column reads a query of one column to the end: a transaction has one
// connection, so nothing else may run in it while rows are open.
func column[T any](ctx context.Context, q queryer, query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read ids: %w", err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		var v T
		if err := rows.Scan(&v); err != nil {
			return nil, fmt.Errorf("read ids: %w", err)
		}
		out = append(out, v)
	}
	return out, rows.Err()
}
