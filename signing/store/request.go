package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"spolupis/security"
	"spolupis/security/journal"
	"spolupis/signing"
)

const requestColumns = `version, signer, grp, material, material_number, title, base, number, state, why, created_at, changed_at`

func requestInto(r *signing.Request, created, changed *int64) []any {
	return []any{&r.Version, &r.Signer, &r.Group, &r.Material, &r.MaterialNumber, &r.Title, &r.Base, &r.Number, &r.State, &r.Why, created, changed}
}

func scanRequest(rows *sql.Rows) (signing.Request, error) {
	var r signing.Request
	var created, changed int64
	err := rows.Scan(requestInto(&r, &created, &changed)...)
	r.CreatedAt, r.ChangedAt = at(created), at(changed)
	return r, err
}

// AddRequests adds the requests that are not there yet.
func (s *Store) AddRequests(ctx context.Context, requests []signing.Request) error {
	return s.change(ctx, func(tx *sql.Tx) (entries []journal.Entry, err error) {
		for _, r := range requests {
			res, err := tx.ExecContext(ctx, `
				INSERT INTO signing_request (version, signer, grp, material, material_number, title, base, number, state, why, created_at, changed_at)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (version, signer) DO NOTHING`,
				r.Version, r.Signer, r.Group, r.Material, r.MaterialNumber, r.Title, r.Base, r.Number, r.State, r.Why, micro(r.CreatedAt), micro(r.ChangedAt))
			if err != nil {
				return nil, fmt.Errorf("add request: %w", err)
			}
			if n, err := res.RowsAffected(); err != nil {
				return nil, err
			} else if n == 1 && r.State == signing.RequestOpen {
				entries = append(entries, requested(r))
			}
		}
		return entries, nil
	})
}

func requested(r signing.Request) journal.Entry {
	return entry(security.SystemID, "signing.requested", of(r.Material), map[string]any{"version": r.Version, "signer": r.Signer, "group": r.Group})
}

// Cancel ends what has not been signed of a version.
func (s *Store) Cancel(ctx context.Context, version signing.VersionID, why string) error {
	return s.change(ctx, func(tx *sql.Tx) (entries []journal.Entry, err error) {
		cancelled, err := list(ctx, tx, scanRequest, `
			UPDATE signing_request SET state = 'cancelled', why = $1, changed_at = $2
			WHERE version = $3 AND state IN ('waits', 'open') RETURNING `+requestColumns, why, micro(s.now()), version)
		if err != nil {
			return nil, fmt.Errorf("cancel requests: %w", err)
		}
		for _, r := range cancelled {
			entries = append(entries, entry(security.SystemID, "signing.cancelled", of(r.Material),
				map[string]any{"version": r.Version, "signer": r.Signer, "why": why}))
		}
		return entries, nil
	})
}

// Requests returns the requests of a version, by group.
func (s *Store) Requests(ctx context.Context, version signing.VersionID) ([]signing.Request, error) {
	return requests(ctx, s.db, version)
}

func requests(ctx context.Context, q interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}, version signing.VersionID) ([]signing.Request, error) {
	out, err := list(ctx, q, scanRequest, `SELECT `+requestColumns+` FROM signing_request WHERE version = $1 ORDER BY grp, created_at, signer`, version)
	if err != nil {
		return nil, fmt.Errorf("requests: %w", err)
	}
	return out, nil
}

// Lost returns cancelled requests.
func (s *Store) Lost(ctx context.Context, signer security.ActorID, since time.Time) ([]signing.Request, error) {
	out, err := list(ctx, s.db, scanRequest, `SELECT `+requestColumns+` FROM signing_request
		WHERE signer = $1 AND state = 'cancelled' AND changed_at >= $2 ORDER BY changed_at DESC LIMIT 50`, signer, micro(since))
	if err != nil {
		return nil, fmt.Errorf("cancelled requests: %w", err)
	}
	return out, nil
}

// Basket returns the open requests of a signer. 1000 is the largest basket; the rest comes when these are signed.
func (s *Store) Basket(ctx context.Context, signer security.ActorID) ([]signing.Row, error) {
	out, err := list(ctx, s.db, func(rows *sql.Rows) (signing.Row, error) {
		var r signing.Row
		var created, changed int64
		err := rows.Scan(append(requestInto(&r.Request, &created, &changed), &r.Signatures, &r.Revision, &r.Batch)...)
		r.CreatedAt, r.ChangedAt = at(created), at(changed)
		return r, err
	}, `
		SELECT r.`+strings.ReplaceAll(requestColumns, ", ", ", r.")+`,
			(SELECT count(*) FROM signing_revision v WHERE v.version = r.version),
			coalesce((SELECT v.sha256 FROM signing_revision v WHERE v.version = r.version ORDER BY v.number DESC LIMIT 1), r.base),
			coalesce((SELECT i.batch FROM signing_item i WHERE i.version = r.version AND i.signer = r.signer AND i.live = 1), '')
		FROM signing_request AS r WHERE r.signer = $1 AND r.state = 'open' ORDER BY r.changed_at, r.material_number, r.version LIMIT 1000`, signer)
	if err != nil {
		return nil, fmt.Errorf("basket: %w", err)
	}
	return out, nil
}

// Saw remembers the newest version a person saw.
func (s *Store) Saw(ctx context.Context, who security.ActorID, material signing.MaterialID, seen signing.Seen) error {
	_, err := s.db.ExecContext(ctx, `
		INSERT INTO signing_seen (actor, material, version, number, seen_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (actor, material) DO UPDATE SET version = excluded.version, number = excluded.number, seen_at = excluded.seen_at
		WHERE signing_seen.number <= excluded.number`, who, material, seen.Version, seen.Number, micro(seen.At))
	if err != nil {
		return fmt.Errorf("remember what was seen: %w", err)
	}
	return nil
}

// Seen returns what a person saw last of each material.
func (s *Store) Seen(ctx context.Context, who security.ActorID, materials []signing.MaterialID) (map[signing.MaterialID]signing.Seen, error) {
	out := map[signing.MaterialID]signing.Seen{}
	if len(materials) == 0 {
		return out, nil
	}
	args, marks := []any{who}, make([]string, len(materials))
	for i, m := range materials {
		args, marks[i] = append(args, m), fmt.Sprintf("$%d", i+2)
	}
	_, err := list(ctx, s.db, func(rows *sql.Rows) (none struct{}, err error) {
		var m signing.MaterialID
		var seen signing.Seen
		var us int64
		if err := rows.Scan(&m, &seen.Version, &seen.Number, &us); err != nil {
			return none, err
		}
		seen.At = at(us)
		out[m] = seen
		return none, nil
	}, `SELECT material, version, number, seen_at FROM signing_seen WHERE actor = $1 AND material IN (`+strings.Join(marks, ", ")+`)`, args...)
	if err != nil {
		return nil, fmt.Errorf("what was seen: %w", err)
	}
	return out, nil
}
