// Package database opens the database named by a URL, checks that it keeps
// what it acknowledges, and brings its schema up to date.
//
// It stands on the floor, not under cmd, because the contract suites of every
// store need the same opening and migrating as the program itself.
package database

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // driver "sqlite"
)

// DB is an open database. Statements use $1, $2 in order of first use and run
// unchanged on both; where they cannot, branch on Postgres.
type DB struct {
	*sql.DB  // on SQLite for reading, see sqlite.go
	Postgres bool

	// observe is told every question that is asked outside a transaction; see Observe.
	observe atomic.Pointer[func(query string, args []any)]

	writer        *sql.DB // SQLite's one connection that writes; nil on PostgreSQL
	reads, writes statements
}

// Set is the migrations of one package: files NNNN_words.sqlite.sql and
// NNNN_words.postgres.sql at the root of FS. They only add; a file that has
// left its author's machine is never edited.
type Set struct {
	Name string
	FS   fs.FS
}

// Open opens url ("postgres://…", or the path of an SQLite file), refuses a
// database that could lose an acknowledged commit, and applies the missing
// migrations of sets in the order given. Several processes may open the same
// database at once.
func Open(ctx context.Context, url string, sets ...Set) (*DB, error) {
	d, err := connect(url)
	if err != nil {
		return nil, err
	}
	if err := prepare(ctx, d, sets); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func connect(url string) (*DB, error) {
	if url == "" {
		return nil, fmt.Errorf("open database: no URL")
	}
	postgres := strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
	if postgres {
		return connectPostgres(url)
	}
	const driver = "sqlite"
	// The log is copied into the file once it is 16 MB, not 4: a page that many commits have changed is then copied once.
	dsn := "file:" + url + "?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(15000)&_pragma=foreign_keys(1)&_pragma=wal_autocheckpoint(4000)"
	d, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	d.SetConnMaxIdleTime(5 * time.Minute)
	d.SetMaxOpenConns(mostReaders)
	d.SetMaxIdleConns(mostReaders)
	writer, err := sql.Open(driver, dsn+"&_pragma=cache_size(-8000)") // 8 MB: the last page of each document that is being written
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	writer.SetMaxOpenConns(1)
	return &DB{DB: d, writer: writer}, nil
}

// mostReaders is how many connections read at once on SQLite.
const mostReaders = 16

// silent is after how long PostgreSQL ends a transaction from which it hears nothing, in milliseconds: a node that is cut off in the
// middle of one holds the locks that all others wait for. No transaction of ours does anything else for that long.
const silent = "10000"

func connectPostgres(url string) (*DB, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if _, ok := cfg.RuntimeParams["idle_in_transaction_session_timeout"]; !ok {
		cfg.RuntimeParams["idle_in_transaction_session_timeout"] = silent
	}
	if _, ok := cfg.RuntimeParams["jit"]; !ok {
		// Compiling a question takes PostgreSQL up to a second, each time; it is worth that for questions that take many, and none of
		// ours may. It decides by estimates, which for whatever hangs under an agenda are a thousand times too high.
		cfg.RuntimeParams["jit"] = "off"
	}
	d := stdlib.OpenDB(*cfg)
	d.SetConnMaxIdleTime(5 * time.Minute)
	d.SetMaxOpenConns(24)
	d.SetMaxIdleConns(12)
	return &DB{DB: d, Postgres: true}, nil
}

func prepare(ctx context.Context, d *DB, sets []Set) error {
	if err := durable(ctx, d); err != nil {
		return err
	}
	unlock, err := lock(ctx, d)
	if err != nil {
		return fmt.Errorf("lock for migrations: %w", err)
	}
	defer unlock()
	if _, err := d.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY)`); err != nil {
		return fmt.Errorf("create migration table: %w", err)
	}
	for _, s := range sets {
		if err := apply(ctx, d, s); err != nil {
			return err
		}
	}
	return nil
}

// durable reads the settings back: what was asked for is not always what is in
// force, and a lost acknowledged edit cannot be repaired later.
func durable(ctx context.Context, d *DB) error {
	if d.Postgres {
		var mode, fsync string
		if err := d.QueryRowContext(ctx, `SELECT current_setting('synchronous_commit'), current_setting('fsync')`).Scan(&mode, &fsync); err != nil {
			return fmt.Errorf("read durability settings: %w", err)
		}
		if mode == "off" || fsync != "on" {
			return fmt.Errorf("database may lose acknowledged edits: synchronous_commit=%s fsync=%s, both must be on", mode, fsync)
		}
		return nil
	}
	var mode string
	var sync int
	if err := d.QueryRowContext(ctx, `PRAGMA journal_mode`).Scan(&mode); err != nil {
		return fmt.Errorf("read journal mode: %w", err)
	}
	if err := d.QueryRowContext(ctx, `PRAGMA synchronous`).Scan(&sync); err != nil {
		return fmt.Errorf("read synchronous: %w", err)
	}
	if mode != "wal" || sync < 2 {
		return fmt.Errorf("database may lose acknowledged edits: journal_mode=%s synchronous=%d, must be wal and 2", mode, sync)
	}
	return nil
}

// Writable commits a change that changes nothing, and returns why that is impossible: a database that answers may have a disk that
// is full or cannot sync.
func (d *DB) Writable(ctx context.Context) error {
	if _, err := d.ExecContext(ctx, `UPDATE migration SET name = name WHERE name = (SELECT min(name) FROM migration)`); err != nil {
		return fmt.Errorf("write to the database: %w", err)
	}
	return nil
}

// lock keeps two nodes that start together from migrating at once. On SQLite
// each migration's own immediate transaction is enough.
func lock(ctx context.Context, d *DB) (unlock func(), err error) {
	if !d.Postgres {
		return func() {}, nil
	}
	const key = 0x73706f6c75706973 // "spolupis"
	c, err := d.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := c.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, int64(key)); err != nil {
		c.Close()
		return nil, err
	}
	return func() {
		c.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, int64(key))
		c.Close()
	}, nil
}

func apply(ctx context.Context, d *DB, s Set) error {
	suffix := ".sqlite.sql"
	if d.Postgres {
		suffix = ".postgres.sql"
	}
	names, err := fs.Glob(s.FS, "*"+suffix)
	if err != nil {
		return fmt.Errorf("list migrations of %s: %w", s.Name, err)
	}
	sort.Strings(names)
	for _, n := range names {
		if err := step(ctx, d, s, n, strings.TrimSuffix(n, suffix)); err != nil {
			return fmt.Errorf("migrate %s/%s: %w", s.Name, n, err)
		}
	}
	return nil
}

func step(ctx context.Context, d *DB, s Set, file, words string) error {
	tx, err := d.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	res, err := tx.ExecContext(ctx, `INSERT INTO migration (name) VALUES ($1) ON CONFLICT DO NOTHING`, s.Name+"/"+words)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	body, err := fs.ReadFile(s.FS, file)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, string(body)); err != nil {
		return err
	}
	return tx.Commit()
}

// Observe has f told every question that is asked outside a transaction from now on, nobody when f is nil. It is there for
// tests, which look at how the database answers them.
func (d *DB) Observe(f func(query string, args []any)) {
	if f == nil {
		d.observe.Store(nil)
		return
	}
	d.observe.Store(&f)
}

func (d *DB) asked(query string, args []any) {
	if f := d.observe.Load(); f != nil {
		(*f)(query, args)
	}
}
