package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"spolupis/citizen"
	"spolupis/security"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

const selectScope = `SELECT number, body, state, proposed_by, proposed_at, decided_by, decided_at FROM citizen_scope`

// Scopes lists every version of an agenda's scope, newest first.
func (s *Store) Scopes(ctx context.Context, agenda citizen.AgendaID) ([]citizen.Scope, error) {
	return scopes(ctx, s.db, agenda, selectScope+` WHERE agenda = $1 ORDER BY number DESC LIMIT 200`)
}

// Current returns the scope in force, or one that denies all.
func (s *Store) Current(ctx context.Context, agenda citizen.AgendaID) (citizen.Scope, error) {
	return current(ctx, s.db, agenda)
}

func current(ctx context.Context, q queryer, agenda citizen.AgendaID) (citizen.Scope, error) {
	out, err := scopes(ctx, q, agenda, selectScope+` WHERE agenda = $1 AND state = 'in_force'`)
	if err != nil || len(out) == 0 {
		return citizen.Scope{Agenda: agenda}, err
	}
	return out[0], nil
}

func scopes(ctx context.Context, q queryer, agenda citizen.AgendaID, query string) ([]citizen.Scope, error) {
	rows, err := q.QueryContext(ctx, query, agenda)
	if err != nil {
		return nil, fmt.Errorf("read scopes: %w", err)
	}
	defer rows.Close()
	var out []citizen.Scope
	for rows.Next() {
		var sc citizen.Scope
		var number int
		var body string
		var proposed, decided int64
		if err := rows.Scan(&number, &body, &sc.State, &sc.ProposedBy, &proposed, &sc.DecidedBy, &decided); err != nil {
			return nil, fmt.Errorf("read scopes: %w", err)
		}
		if err := json.Unmarshal([]byte(body), &sc); err != nil {
			return nil, fmt.Errorf("read scope %d of %s: %w", number, agenda, err)
		}
		sc.Agenda, sc.Number, sc.ProposedAt, sc.DecidedAt = agenda, number, when(proposed), when(decided)
		out = append(out, sc)
	}
	return out, rows.Err()
}

// Propose stores a proposal; see citizen.Store.
func (s *Store) Propose(ctx context.Context, sc citizen.Scope, entry func(number int) (journal.Entry, error)) (citizen.Scope, error) {
	err := s.within(ctx, func(tx *sql.Tx) ([]journal.Entry, error) {
		if _, err := tx.ExecContext(ctx, `UPDATE citizen_scope SET state = 'refused', decided_by = $1, decided_at = $2 WHERE agenda = $3 AND state = 'proposed'`,
			sc.ProposedBy, micro(sc.ProposedAt), sc.Agenda); err != nil {
			return nil, fmt.Errorf("set the older proposal aside: %w", err)
		}
		if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(number), 0) + 1 FROM citizen_scope WHERE agenda = $1`, sc.Agenda).Scan(&sc.Number); err != nil {
			return nil, fmt.Errorf("number a scope: %w", err)
		}
		body, err := json.Marshal(sc)
		if err != nil {
			return nil, err
		}
		// On PostgreSQL two proposals made at once meet at the keys; the loser
		// gets fault.Conflict and may look at what the other proposed.
		res, err := tx.ExecContext(ctx, `
			INSERT INTO citizen_scope (agenda, number, body, state, proposed_by, proposed_at, decided_by, decided_at)
			VALUES ($1, $2, $3, 'proposed', $4, $5, '', 0) ON CONFLICT DO NOTHING`,
			sc.Agenda, sc.Number, string(body), sc.ProposedBy, micro(sc.ProposedAt))
		if err != nil {
			return nil, fmt.Errorf("insert scope: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return nil, errors.Join(err, fault.Conflict)
		}
		e, err := entry(sc.Number)
		return []journal.Entry{e}, err
	})
	return sc, err
}

// Decide approves or refuses a proposal; see citizen.Store. That two people
// take part is checked here once more, at the row itself.
func (s *Store) Decide(ctx context.Context, agenda citizen.AgendaID, number int, approve bool, by security.ActorID, at time.Time, e journal.Entry) error {
	return s.within(ctx, func(tx *sql.Tx) ([]journal.Entry, error) {
		state := citizen.Refused
		if approve {
			state = citizen.InForce
			if _, err := tx.ExecContext(ctx, `UPDATE citizen_scope SET state = 'superseded' WHERE agenda = $1 AND state = 'in_force'`, agenda); err != nil {
				return nil, fmt.Errorf("supersede scope: %w", err)
			}
		}
		res, err := tx.ExecContext(ctx, `
			UPDATE citizen_scope SET state = $1, decided_by = $2, decided_at = $3
			WHERE agenda = $4 AND number = $5 AND state = 'proposed' AND ($6 = 0 OR proposed_by <> $7)`,
			state, by, micro(at), agenda, number, flag(approve), by)
		if err != nil {
			return nil, fmt.Errorf("decide scope: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return nil, errors.Join(err, fault.New(fault.Conflict, "citizen.fault.decided"))
		}
		return []journal.Entry{e}, nil
	})
}
