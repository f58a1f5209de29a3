package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// On SQLite only one connection can write at a time. Those that want to as well do not queue for it: each sleeps and looks
// again, up to a tenth of a second later, so that under load the longest waiting may wait for seconds. Therefore all that
// writes goes through one connection, for which Go makes it wait in memory, and the others only read.
//
// To parse a statement takes SQLite longer than to carry out a small one. Those used often are parsed once for each connection.

// Tx is a transaction, or what carries out statements like one.
type Tx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// BeginTx begins a transaction that may write, unless opts says that it only reads. It waits for those before it: whoever has
// one must not begin another.
func (d *DB) BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error) {
	if d.writer == nil || opts != nil && opts.ReadOnly {
		return d.DB.BeginTx(ctx, opts)
	}
	d.writes.prepareWanted(ctx, d.writer)
	return d.writer.BeginTx(ctx, opts)
}

// ExecContext carries out a statement that changes something, outside of any transaction.
func (d *DB) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if d.writer == nil {
		return d.DB.ExecContext(ctx, query, args...)
	}
	return d.writer.ExecContext(ctx, query, args...)
}

// QueryContext reads, or carries out a statement that changes something and returns rows: then nobody writes until they are
// closed.
func (d *DB) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	d.asked(query, args)
	if d.writer != nil && changes(query) {
		return d.writer.QueryContext(ctx, query, args...)
	}
	if s := d.reader(ctx, query); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return d.DB.QueryContext(ctx, query, args...)
}

// QueryRowContext is QueryContext for one row.
func (d *DB) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	d.asked(query, args)
	if d.writer != nil && changes(query) {
		return d.writer.QueryRowContext(ctx, query, args...)
	}
	if s := d.reader(ctx, query); s != nil {
		return s.QueryRowContext(toTheEnd(ctx), args...)
	}
	return d.DB.QueryRowContext(ctx, query, args...)
}

// changes reports whether a statement that returns rows changes something: one with RETURNING begins with its verb.
func changes(query string) bool {
	words := strings.Fields(query[:min(len(query), 64)])
	return len(words) > 0 && slices.Contains([]string{"INSERT", "UPDATE", "DELETE"}, words[0])
}

// Shrink gives back the memory of SQLite that nobody needs at the moment: after a rush there are up to sixteen connections to
// read, each with a megabyte of pages and of what it knows of the schema. They come back when they are needed.
func (d *DB) Shrink(ctx context.Context) error {
	if d.writer == nil {
		return nil
	}
	d.DB.SetMaxIdleConns(1)
	d.DB.SetMaxIdleConns(mostReaders)
	if _, err := d.writer.ExecContext(ctx, `PRAGMA shrink_memory`); err != nil {
		return fmt.Errorf("shrink the database's memory: %w", err)
	}
	return nil
}

// Close closes all connections.
func (d *DB) Close() error {
	if d.writer == nil {
		return d.DB.Close()
	}
	return errors.Join(d.writer.Close(), d.DB.Close())
}

// Often is tx for statements that are carried out often: on SQLite they are parsed once. tx must come from BeginTx.
func (d *DB) Often(tx *sql.Tx) Tx {
	if d.writer == nil {
		return tx // pgx does so by itself
	}
	return often{tx, d}
}

type often struct {
	*sql.Tx
	db *DB
}

// toTheEnd is for small statements that are carried out often: the driver would start two goroutines for each, to interrupt it
// when ctx ends meanwhile, which takes as long as the statement itself. One that has ended already still counts.
func toTheEnd(ctx context.Context) context.Context {
	if ctx.Err() != nil {
		return ctx
	}
	return context.WithoutCancel(ctx)
}

// statement returns query prepared, or nil when it is not yet: the transaction has the only connection to prepare it on.
func (o often) statement(ctx context.Context, query string) *sql.Stmt {
	if s := o.db.writes.get(query, true); s != nil {
		return o.StmtContext(ctx, s)
	}
	return nil
}

func (o often) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if s := o.statement(ctx, query); s != nil {
		return s.ExecContext(toTheEnd(ctx), args...)
	}
	return o.Tx.ExecContext(ctx, query, args...)
}

func (o often) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := o.statement(ctx, query); s != nil {
		return s.QueryContext(toTheEnd(ctx), args...)
	}
	return o.Tx.QueryContext(ctx, query, args...)
}

func (o often) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if s := o.statement(ctx, query); s != nil {
		return s.QueryRowContext(toTheEnd(ctx), args...)
	}
	return o.Tx.QueryRowContext(ctx, query, args...)
}

// reader returns query prepared; nil when it is carried out as it is, and finds out itself what is wrong with it.
func (d *DB) reader(ctx context.Context, query string) *sql.Stmt {
	if d.writer == nil {
		return nil
	}
	if s := d.reads.get(query, false); s != nil {
		return s
	}
	if d.reads.full() {
		return nil
	}
	s, err := d.DB.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	return d.reads.keep(query, s)
}

// statements are prepared statements by their text. They live as long as their database.
type statements struct {
	mu     sync.Mutex
	by     map[string]*sql.Stmt // guarded by mu
	wanted map[string]struct{}  // guarded by mu; to be prepared when there is a connection to do it on
}

// mostStatements bounds what is kept: there are fewer texts than that, but some have lists of any length.
const mostStatements = 300

func (s *statements) get(query string, want bool) *sql.Stmt {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.by[query]
	if found == nil && want && len(s.by)+len(s.wanted) < mostStatements {
		if s.wanted == nil {
			s.wanted = map[string]struct{}{}
		}
		s.wanted[query] = struct{}{}
	}
	return found
}

func (s *statements) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.by) >= mostStatements
}

// keep returns the statement to use: somebody else may have prepared query as well.
func (s *statements) keep(query string, p *sql.Stmt) *sql.Stmt {
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := s.by[query]; first != nil {
		p.Close()
		return first
	}
	if s.by == nil {
		s.by = map[string]*sql.Stmt{}
	}
	s.by[query] = p
	return p
}

// prepareWanted prepares what transactions asked for. Where that fails, the statement itself will say why.
func (s *statements) prepareWanted(ctx context.Context, db *sql.DB) {
	s.mu.Lock()
	wanted := s.wanted
	s.wanted = nil
	s.mu.Unlock()
	for query := range wanted {
		if p, err := db.PrepareContext(ctx, query); err == nil {
			s.keep(query, p)
		}
	}
}
