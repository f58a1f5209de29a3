package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"spolupis/security"
	"spolupis/security/journal"
	"spolupis/signing"
)

// Keep stores a finished signature and everything that follows from it.
func (s *Store) Keep(ctx context.Context, b signing.Batch, it signing.Item, r signing.Revision) error {
	return s.change(ctx, func(tx *sql.Tx) ([]journal.Entry, error) {
		var epoch int64 // the lock on the batch; the lease is long enough for one item
		err := tx.QueryRowContext(ctx, `UPDATE signing_batch SET epoch = epoch WHERE id = $1 AND epoch = $2 AND lease_until > 0 RETURNING epoch`, b.ID, b.Epoch).Scan(&epoch)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, signing.ErrLost
		}
		if err != nil {
			return nil, fmt.Errorf("hold batch: %w", err)
		}
		// All requests of the version are locked in one order, so that the last two signers of a group, who may finish at the same
		// moment, see each other.
		if _, err := list(ctx, tx, func(rows *sql.Rows) (v string, err error) { return v, rows.Scan(&v) },
			`UPDATE signing_request SET changed_at = changed_at WHERE version = $1 RETURNING signer`, r.Version); err != nil {
			return nil, fmt.Errorf("lock requests: %w", err)
		}
		res, err := tx.ExecContext(ctx, `UPDATE signing_request SET state = 'signed', changed_at = $1 WHERE version = $2 AND signer = $3 AND state = 'open'`,
			micro(it.ChangedAt), r.Version, r.Signer)
		if err != nil {
			return nil, fmt.Errorf("sign request: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return nil, errors.Join(signing.ErrGone, err)
		}
		res, err = tx.ExecContext(ctx, `
			INSERT INTO signing_revision (version, number, signer, signer_name, batch, level, class, signed_at, offset_at, length, sha256, increment)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (version, number) DO NOTHING`,
			r.Version, r.Number, r.Signer, r.SignerName, r.Batch, r.Level, r.Class, micro(r.At), r.Offset, r.Length, r.SHA256, r.Increment)
		if err != nil {
			return nil, fmt.Errorf("store revision: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return nil, errors.Join(signing.ErrMoved, err)
		}
		if err := saveItem(ctx, tx, b, it); err != nil {
			return nil, err
		}
		entries := []journal.Entry{entry(r.Signer, "signing.signed", of(it.Material), map[string]any{
			"version": r.Version, "batch": b.ID, "level": r.Level, "class": r.Class, "number": r.Number, "sha256": r.SHA256,
		})}
		after, err := advance(ctx, tx, r.Version, r.Signer, micro(it.ChangedAt))
		return append(entries, after...), err
	})
}

// advance opens the next group, or says that all have signed.
func advance(ctx context.Context, tx *sql.Tx, version signing.VersionID, signer security.ActorID, now int64) ([]journal.Entry, error) {
	all, err := requests(ctx, tx, version)
	if err != nil {
		return nil, err
	}
	open, complete := signing.Advance(all, signer)
	var entries []journal.Entry
	for _, r := range open {
		if _, err := tx.ExecContext(ctx, `UPDATE signing_request SET state = 'open', changed_at = $1 WHERE version = $2 AND signer = $3`,
			now, version, r.Signer); err != nil {
			return nil, fmt.Errorf("open request: %w", err)
		}
		entries = append(entries, requested(r))
	}
	if complete {
		entries = append(entries, entry(security.SystemID, "signing.completed", of(all[0].Material), map[string]any{"version": version, "signatures": len(all)}))
	}
	return entries, nil
}

const revisionColumns = `version, number, signer, signer_name, batch, level, class, signed_at, offset_at, length, sha256`

// Revisions returns the signatures of a version without their bytes.
func (s *Store) Revisions(ctx context.Context, version signing.VersionID) ([]signing.Revision, error) {
	return s.revisions(ctx, false, version)
}

// File returns the signatures of a version with their bytes.
func (s *Store) File(ctx context.Context, version signing.VersionID) ([]signing.Revision, error) {
	return s.revisions(ctx, true, version)
}

func (s *Store) revisions(ctx context.Context, whole bool, version signing.VersionID) ([]signing.Revision, error) {
	columns := revisionColumns
	if whole {
		columns += `, increment`
	}
	out, err := list(ctx, s.db, func(rows *sql.Rows) (signing.Revision, error) {
		var r signing.Revision
		var signed int64
		into := []any{&r.Version, &r.Number, &r.Signer, &r.SignerName, &r.Batch, &r.Level, &r.Class, &signed, &r.Offset, &r.Length, &r.SHA256}
		if whole {
			into = append(into, &r.Increment)
		}
		err := rows.Scan(into...)
		r.At = at(signed)
		return r, err
	}, `SELECT `+columns+` FROM signing_revision WHERE version = $1 ORDER BY number`, version)
	if err != nil {
		return nil, fmt.Errorf("signatures: %w", err)
	}
	return out, nil
}
