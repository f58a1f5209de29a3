package database_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"spolupis/security/database"
	"spolupis/security/database/dbtest"
)

func migrations(files ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		m[files[i]+".sqlite.sql"] = &fstest.MapFile{Data: []byte(files[i+1])}
		m[files[i]+".postgres.sql"] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return m
}

func TestMigrationsRunOnceAndInOrder(t *testing.T) {
	set := database.Set{Name: "x", FS: migrations("0001_a", `CREATE TABLE a (id BIGINT PRIMARY KEY)`, "0002_b", `INSERT INTO a VALUES (1)`)}
	run := func(t *testing.T, url string) {
		for range 2 {
			db, err := database.Open(context.Background(), url, set)
			if err != nil {
				t.Fatal(err)
			}
			var n int
			if err := db.QueryRow(`SELECT count(*) FROM a`).Scan(&n); err != nil || n != 1 {
				t.Errorf("rows = %d, %v; want 1", n, err)
			}
			db.Close()
		}
	}
	t.Run("sqlite", func(t *testing.T) { run(t, filepath.Join(t.TempDir(), "x.db")) })
	t.Run("postgres", func(t *testing.T) { run(t, dbtest.Postgres(t)) })
}

func TestAFailedMigrationLeavesNothingBehind(t *testing.T) {
	dbtest.Each(t, nil, func(t *testing.T, db *database.DB) {
		if _, err := db.Exec(`SELECT 1`); err != nil {
			t.Fatal(err)
		}
	})
	path := filepath.Join(t.TempDir(), "x.db")
	_, err := database.Open(context.Background(), path, database.Set{Name: "x", FS: migrations("0001_a", `CREATE TABLE a (id BIGINT); nonsense`)})
	if err == nil || !strings.Contains(err.Error(), "x/0001_a") {
		t.Fatalf("Open = %v, want an error that names the migration", err)
	}
	db, err := database.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`SELECT * FROM a`); err == nil {
		t.Error("table of the failed migration exists")
	}
}

func TestOpenNamesAFileThatIsNoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 400)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := database.Open(context.Background(), path); err == nil {
		t.Error("opened a file that is no database")
	}
}

// TestWritersWaitInTurn has many writers at once, each with a transaction and a statement of its own: none may be told that the
// database is locked, and whoever waits gives up with its context.
func TestWritersWaitInTurn(t *testing.T) {
	dbtest.Each(t, []database.Set{{Name: "a", FS: migrations("0001_a", "CREATE TABLE counter (id INTEGER PRIMARY KEY, n INTEGER NOT NULL); INSERT INTO counter VALUES (1, 0)")}}, func(t *testing.T, db *database.DB) {
		ctx := t.Context()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				for range 5 {
					tx, err := db.BeginTx(ctx, nil)
					if err != nil {
						t.Error(err)
						return
					}
					defer tx.Rollback()
					often := db.Often(tx)
					var n int
					if err := often.QueryRowContext(ctx, `UPDATE counter SET n = n + $1 WHERE id = $2 RETURNING n`, 1, 1).Scan(&n); err != nil {
						t.Error(err)
					}
					if _, err := often.ExecContext(ctx, `UPDATE counter SET n = n + $1 WHERE id = $2`, 1, 1); err != nil {
						t.Error(err)
					}
					if err := tx.Commit(); err != nil {
						t.Error(err)
					}
					if _, err := db.ExecContext(ctx, `UPDATE counter SET n = n + 1 WHERE id = 1`); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		var n int
		if err := db.QueryRowContext(ctx, `SELECT n FROM counter WHERE id = $1`, 1).Scan(&n); err != nil || n != 300 {
			t.Errorf("counted %d, %v; want 300", n, err)
		}
		if db.Postgres {
			return
		}
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		waiting, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		if _, err := db.BeginTx(waiting, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a second writer: %v, want to have waited in vain", err)
		}
		if err := db.QueryRowContext(ctx, `SELECT n FROM counter WHERE id = $1`, 1).Scan(&n); err != nil {
			t.Errorf("a reader beside a writer: %v", err)
		}
		waiting, cancel = context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		if err := db.QueryRowContext(waiting, `
			UPDATE counter SET n = n + 1 WHERE id = $1 RETURNING n`, 1).Scan(&n); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a statement that writes and returns a row: %v, want to have waited in vain for the writer", err)
		}
	})
}

// TestManyTextsOfStatementsAreCarriedOut goes beyond the number of texts that are kept prepared, and gives some that do not parse.
func TestManyTextsOfStatementsAreCarriedOut(t *testing.T) {
	dbtest.Each(t, nil, func(t *testing.T, db *database.DB) {
		for i := range 700 {
			var n int
			if err := db.QueryRowContext(t.Context(), fmt.Sprintf(`SELECT %d + CAST($1 AS INTEGER)`, i), 1).Scan(&n); err != nil || n != i+1 {
				t.Fatalf("statement %d: %d, %v", i, n, err)
			}
		}
		if err := db.QueryRowContext(t.Context(), `SELECT nothing FROM nowhere`).Scan(new(int)); err == nil {
			t.Error("a statement that does not parse succeeded")
		}
	})
}

// TestChangesTogetherStandAndFallAlone mixes changes that succeed, fail and panic.
func TestChangesTogetherStandAndFallAlone(t *testing.T) {
	dbtest.Each(t, []database.Set{{Name: "a", FS: migrations("0001_a", "CREATE TABLE done (n INTEGER PRIMARY KEY)")}}, func(t *testing.T, db *database.DB) {
		group, wrong := database.NewTogether(db), errors.New("wrong")
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		var wg sync.WaitGroup
		for i := range 300 {
			wg.Go(func() {
				defer func() { recover() }()
				ctx, want := t.Context(), error(nil)
				switch {
				case i%50 == 10:
					want = wrong
				case i%50 == 20:
					ctx, want = gone, context.Canceled
				}
				err := group.Do(ctx, func(ctx context.Context, tx *sql.Tx) error {
					if _, err := tx.ExecContext(ctx, `INSERT INTO done (n) VALUES ($1)`, i); err != nil {
						return err
					}
					if i == 130 {
						panic("on purpose")
					}
					return want
				})
				if i != 130 && !errors.Is(err, want) && err.Error() != "the transaction was given up" {
					t.Errorf("change %d: %v, want %v", i, err, want)
				}
				if err == nil {
					var n int
					if err := db.QueryRowContext(t.Context(), `SELECT n FROM done WHERE n = $1`, i).Scan(&n); err != nil {
						t.Errorf("change %d is said to be done: %v", i, err)
					}
				}
			})
		}
		wg.Wait()
		if err := group.Do(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO done (n) VALUES (1000)`)
			return err
		}); err != nil {
			t.Errorf("after a panic: %v", err)
		}
		var n int
		if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM done WHERE n % 50 IN (10, 20) OR n = 130`).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d changes that failed had an effect, %v", n, err)
		}
	})
}

// TestASilentTransactionIsEnded: a node that is cut off holds nobody up for longer than that.
func TestASilentTransactionIsEnded(t *testing.T) {
	ctx := t.Context()
	db, err := database.Open(ctx, dbtest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var after string
	if err := db.QueryRowContext(ctx, `SHOW idle_in_transaction_session_timeout`).Scan(&after); err != nil || after != "10s" {
		t.Errorf("a silent transaction is ended after %q (%v), want 10s", after, err)
	}
}
