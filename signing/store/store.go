// Package store keeps requests, batches and signatures in SQL, on SQLite and on PostgreSQL. Every change commits together with its
// journal entry.
package store

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"spolupis/security"
	"spolupis/security/database"
	"spolupis/security/fault"
	"spolupis/security/journal"
	"spolupis/signing"
)

// Migrations creates the tables of signing. They refer to no table of another domain.
//
//go:embed *.sql
var Migrations embed.FS

// Journal takes entries into the transaction of the change they record; *journal.Journal does.
type Journal interface {
	Append(ctx context.Context, tx *sql.Tx, entries ...journal.Entry) error
}

// Store implements signing.Store.
type Store struct {
	db      *database.DB
	journal Journal
	now     func() time.Time
}

var _ signing.Store = (*Store)(nil)

// New returns a store on a database that has Migrations.
func New(db *database.DB, j Journal, now func() time.Time) *Store { return &Store{db, j, now} }

// change runs do in one transaction with the entries it returns.
func (s *Store) change(ctx context.Context, do func(tx *sql.Tx) ([]journal.Entry, error)) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	entries, err := do(tx)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		if err := s.journal.Append(ctx, tx, entries...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func entry(actor security.ActorID, kind, subject string, body map[string]any) journal.Entry {
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err) // bodies are made of strings and numbers
	}
	return journal.Entry{Actor: actor, Kind: kind, Subject: subject, Body: raw}
}

func of(m signing.MaterialID) string { return "document:" + string(m) }

func micro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func at(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// bytesOf keeps NULL out of the tables.
func bytesOf(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func orNil(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// list runs a query and scans every row.
func list[T any](ctx context.Context, q interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
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

func noBatch(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fault.New(fault.NotFound, "signing.fault.no_batch")
	}
	return err
}
