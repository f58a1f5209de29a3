package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"spolupis/citizen"
	"spolupis/security/journal"
)

// Follower is the name of this projection's cursor in the journal.
const Follower = "citizen"

// Follow brings facts and publications up to date with the journal and
// returns how many entries it took. Each takes effect exactly once.
func (s *Store) Follow(ctx context.Context) (int, error) {
	return s.journal.Follow(ctx, Follower, s.apply)
}

func (s *Store) apply(ctx context.Context, tx *sql.Tx, e journal.Entry) error {
	if e.Kind == citizen.KindScopeApproved {
		return s.republish(ctx, tx, e)
	}
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

// republish lets a changed scope take effect on every matter of its agenda.
func (s *Store) republish(ctx context.Context, tx *sql.Tx, e journal.Entry) error {
	var b struct {
		Agenda citizen.AgendaID `json:"agenda"`
	}
	if err := json.Unmarshal(e.Body, &b); err != nil {
		return nil // a malformed entry changes nothing; View asks the scope in force anyway
	}
	ids, err := column[citizen.MatterID](ctx, tx, `SELECT id FROM citizen_matter WHERE agenda = $1 ORDER BY id`, b.Agenda)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.publish(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) publish(ctx context.Context, tx *sql.Tx, id citizen.MatterID) error {
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
