package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"spolupis/security"
	"spolupis/security/fault"
	"spolupis/security/journal"
	"spolupis/signing"
)

const batchColumns = `id, signer, signer_name, fingerprint, list, result, count, state, created_at, expires, finished_at, next_at, epoch`

type scanner interface{ Scan(...any) error }

func scanBatch(row scanner) (signing.Batch, error) {
	var b signing.Batch
	var created, expires, finished, next int64
	err := row.Scan(&b.ID, &b.Signer, &b.SignerName, &b.Fingerprint, &b.List, &b.Result, &b.Count, &b.State, &created, &expires, &finished, &next, &b.Epoch)
	b.CreatedAt, b.Expires, b.FinishedAt, b.NextAt = at(created), at(expires), at(finished), at(next)
	return b, err
}

func subject(id signing.BatchID) string { return "batch:" + string(id) }

// CreateBatch stores an authorised batch and its items.
func (s *Store) CreateBatch(ctx context.Context, who security.Actor, b signing.Batch, items []signing.Item) error {
	return s.change(ctx, func(tx *sql.Tx) ([]journal.Entry, error) {
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO signing_batch (id, signer, signer_name, fingerprint, list, result, count, state, created_at, expires, finished_at, next_at, lease_until, epoch)
			VALUES ($1, $2, $3, $4, $5, '', $6, $7, $8, $9, 0, $10, 0, 0)`,
			b.ID, b.Signer, b.SignerName, b.Fingerprint, b.List, b.Count, b.State, micro(b.CreatedAt), micro(b.Expires), micro(b.NextAt)); err != nil {
			return nil, fmt.Errorf("create batch: %w", err)
		}
		opened := 0
		for _, it := range items {
			res, err := tx.ExecContext(ctx, `
				INSERT INTO signing_item (batch, position, signer, version, material, label, revision, opened, step, code, live, waits, tries,
					field, reason, claimed_at, base, dtbs, signature, token, sha256, changed_at)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', 1, 0, 0, '', '', 0, 0, $10, $10, $10, '', $11)
				ON CONFLICT (version, signer) WHERE live = 1 DO NOTHING`,
				b.ID, it.Position, b.Signer, it.Version, it.Material, it.Label, it.Revision, flag(it.Opened), it.Step, []byte{}, micro(it.ChangedAt))
			if err != nil {
				return nil, fmt.Errorf("create batch item: %w", err)
			}
			if n, err := res.RowsAffected(); err != nil || n != 1 {
				return nil, errors.Join(fault.New(fault.Conflict, "signing.fault.in_batch", it.Label), err)
			}
			opened += flag(it.Opened)
		}
		e := entry(who.ID, "signing.batch_authorised", subject(b.ID), map[string]any{
			"batch": b.ID, "count": b.Count, "list": b.List, "fingerprint": b.Fingerprint, "opened": opened, "expires": b.Expires.UTC().Format(time.RFC3339),
		})
		e.OnBehalfOf = who.OnBehalfOf
		return []journal.Entry{e}, nil
	})
}

// Batch returns one batch with its items.
func (s *Store) Batch(ctx context.Context, id signing.BatchID) (signing.Batch, []signing.Item, error) {
	b, err := scanBatch(s.db.QueryRowContext(ctx, `SELECT `+batchColumns+` FROM signing_batch WHERE id = $1`, id))
	if err != nil {
		return b, nil, noBatch(err)
	}
	items, err := list(ctx, s.db, func(rows *sql.Rows) (signing.Item, error) {
		var it signing.Item
		var opened, waits int
		var claimed, changed int64
		err := rows.Scan(&it.Position, &it.Version, &it.Material, &it.Label, &it.Revision, &opened, &it.Step, &it.Code, &waits, &it.Tries,
			&it.Field, &it.Reason, &claimed, &it.Base, &it.DTBS, &it.Signature, &it.Token, &it.SHA256, &changed)
		it.Opened, it.Waits, it.ClaimedAt, it.ChangedAt = opened == 1, waits == 1, at(claimed), at(changed)
		it.DTBS, it.Signature, it.Token = orNil(it.DTBS), orNil(it.Signature), orNil(it.Token)
		return it, err
	}, `
		SELECT position, version, material, label, revision, opened, step, code, waits, tries, field, reason, claimed_at, base, dtbs, signature, token, sha256, changed_at
		FROM signing_item WHERE batch = $1 ORDER BY position`, id)
	if err != nil {
		return b, nil, fmt.Errorf("batch items: %w", err)
	}
	return b, items, nil
}

// Batches returns the newest batches of a signer.
func (s *Store) Batches(ctx context.Context, signer security.ActorID, limit int) ([]signing.Batch, error) {
	out, err := list(ctx, s.db, func(rows *sql.Rows) (signing.Batch, error) { return scanBatch(rows) },
		`SELECT `+batchColumns+` FROM signing_batch WHERE signer = $1 ORDER BY created_at DESC LIMIT $2`, signer, limit)
	if err != nil {
		return nil, fmt.Errorf("batches: %w", err)
	}
	return out, nil
}

// Resume lets a paused batch run.
func (s *Store) Resume(ctx context.Context, who security.Actor, id signing.BatchID, expires time.Time) error {
	return s.turn(ctx, who, id, "signing.batch_resumed", `
		UPDATE signing_batch SET state = 'running', expires = $1, next_at = 0 WHERE id = $2 AND state = 'paused'`, micro(expires), id)
}

// CancelBatch asks for a batch to be stopped.
func (s *Store) CancelBatch(ctx context.Context, who security.Actor, id signing.BatchID) error {
	return s.turn(ctx, who, id, "signing.batch_cancelled", `
		UPDATE signing_batch SET state = 'cancelling', next_at = 0 WHERE id = $1 AND state IN ('running', 'paused')`, id)
}

func (s *Store) turn(ctx context.Context, who security.Actor, id signing.BatchID, kind, query string, args ...any) error {
	return s.change(ctx, func(tx *sql.Tx) ([]journal.Entry, error) {
		res, err := tx.ExecContext(ctx, query, args...)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind, err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return nil, err
		}
		return []journal.Entry{entry(who.ID, kind, subject(id), map[string]any{"batch": id})}, nil
	})
}

// Claim leases the oldest batch that is due and free.
func (s *Store) Claim(ctx context.Context, now, until time.Time) (signing.Batch, error) {
	// Nothing is due most of the time; do not take the write lock of SQLite to find that out.
	var due int
	if err := s.db.QueryRowContext(ctx, `
		SELECT count(*) FROM signing_batch WHERE state IN ('running', 'cancelling') AND next_at <= $1 AND lease_until < $1`, micro(now)).Scan(&due); err != nil {
		return signing.Batch{}, fmt.Errorf("claim a batch: %w", err)
	}
	if due == 0 {
		return signing.Batch{}, noBatch(sql.ErrNoRows)
	}
	b, err := scanBatch(s.db.QueryRowContext(ctx, `
		UPDATE signing_batch SET lease_until = $1, epoch = epoch + 1
		WHERE id = (SELECT id FROM signing_batch WHERE state IN ('running', 'cancelling') AND next_at <= $2 AND lease_until < $2 ORDER BY created_at, id LIMIT 1)
			AND lease_until < $2
		RETURNING `+batchColumns, micro(until), micro(now)))
	if err != nil {
		return b, noBatch(err)
	}
	return b, nil
}

// hold prolongs the lease inside a transaction and returns the state of the batch.
func hold(ctx context.Context, tx *sql.Tx, b signing.Batch, until time.Time) (state signing.BatchState, err error) {
	err = tx.QueryRowContext(ctx, `
		UPDATE signing_batch SET lease_until = $1 WHERE id = $2 AND epoch = $3 AND lease_until > 0 RETURNING state`, micro(until), b.ID, b.Epoch).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) {
		return "", signing.ErrLost
	}
	return state, err
}

// Save writes items down.
func (s *Store) Save(ctx context.Context, b signing.Batch, until time.Time, items ...signing.Item) (state signing.BatchState, err error) {
	err = s.change(ctx, func(tx *sql.Tx) (entries []journal.Entry, err error) {
		if state, err = hold(ctx, tx, b, until); err != nil {
			return nil, err
		}
		for _, it := range items {
			if err := saveItem(ctx, tx, b, it); err != nil {
				return nil, err
			}
			if it.Step.Ended() && it.Step != signing.Stored {
				kind := "signing.skipped"
				if it.Step == signing.Failed {
					kind = "signing.failed"
				}
				entries = append(entries, entry(b.Signer, kind, of(it.Material),
					map[string]any{"version": it.Version, "batch": b.ID, "step": it.Step, "code": it.Code}))
			}
		}
		return entries, nil
	})
	return state, err
}

func saveItem(ctx context.Context, tx *sql.Tx, b signing.Batch, it signing.Item) error {
	res, err := tx.ExecContext(ctx, `
		UPDATE signing_item SET step = $1, code = $2, live = $3, waits = $4, tries = $5, field = $6, reason = $7, claimed_at = $8, base = $9,
			dtbs = $10, signature = $11, token = $12, sha256 = $13, changed_at = $14
		WHERE batch = $15 AND position = $16 AND live = 1`,
		it.Step, it.Code, flag(!it.Step.Ended()), flag(it.Waits), it.Tries, it.Field, it.Reason, micro(it.ClaimedAt), it.Base,
		bytesOf(it.DTBS), bytesOf(it.Signature), bytesOf(it.Token), it.SHA256, micro(it.ChangedAt), b.ID, it.Position)
	if err != nil {
		return fmt.Errorf("save item %d: %w", it.Position, err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(fmt.Errorf("save item %d: it has ended", it.Position), err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO signing_step (batch, position, step, code, at, epoch) VALUES ($1, $2, $3, $4, $5, $6)`,
		b.ID, it.Position, it.Step, it.Code, micro(it.ChangedAt), b.Epoch); err != nil {
		return fmt.Errorf("note step of item %d: %w", it.Position, err)
	}
	return nil
}

// Release gives a lease back.
func (s *Store) Release(ctx context.Context, b signing.Batch, state signing.BatchState, nextAt time.Time, result string) error {
	return s.change(ctx, func(tx *sql.Tx) ([]journal.Entry, error) {
		finished := int64(0)
		if state.Ended() {
			finished = micro(s.now())
		}
		// A batch that was cancelled in this moment stays so; its next worker ends it.
		res, err := tx.ExecContext(ctx, `
			UPDATE signing_batch SET lease_until = 0, state = CASE WHEN state = 'cancelling' AND CAST($1 AS BIGINT) = 0 THEN state ELSE $2 END,
				next_at = CASE WHEN state = 'cancelling' THEN 0 ELSE CAST($3 AS BIGINT) END, result = $4, finished_at = CAST($1 AS BIGINT)
			WHERE id = $5 AND epoch = $6 AND lease_until > 0`, finished, state, micro(nextAt), result, b.ID, b.Epoch)
		if err != nil {
			return nil, fmt.Errorf("release batch: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return nil, errors.Join(signing.ErrLost, err)
		}
		if !state.Ended() {
			return nil, nil
		}
		counts := map[string]any{"batch": b.ID, "state": state, "result": result}
		rows, err := list(ctx, tx, func(rows *sql.Rows) (c struct {
			step string
			n    int
		}, err error) {
			return c, rows.Scan(&c.step, &c.n)
		}, `SELECT step, count(*) FROM signing_item WHERE batch = $1 GROUP BY step ORDER BY step`, b.ID)
		if err != nil {
			return nil, fmt.Errorf("count results: %w", err)
		}
		for _, c := range rows {
			counts[c.step] = c.n
		}
		return []journal.Entry{entry(b.Signer, "signing.batch_finished", subject(b.ID), counts)}, nil
	})
}
