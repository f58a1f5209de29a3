package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"spolupis/collab"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
	"spolupis/security/journal"

	"github.com/jackc/pgx/v5/pgconn"
)

func open(t *testing.T, db *database.DB) *Store {
	j, err := journal.New(db, journal.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := New(db, Config{Journal: j, Now: time.Now})
	t.Cleanup(func() { s.Close() })
	return s
}

var testSets = []database.Set{{Name: "journal", FS: journal.Migrations}, {Name: "collab", FS: Migrations}}

func TestACommitWhoseAnswerGotLostIsNotStoredTwice(t *testing.T) {
	dbtest.Each(t, testSets, func(t *testing.T, db *database.DB) {
		ctx := context.Background()
		s := open(t, db)
		rows := func(us ...string) (out []collab.Row) {
			for _, u := range us {
				out = append(out, collab.Row{Person: "p", Client: 7, At: time.Now(), Update: []byte(u)})
			}
			return out
		}
		if _, err := s.Append(ctx, collab.Batch{Document: "d", Rows: rows("a", "b")}); err != nil {
			t.Fatal(err)
		}
		r := &request{ctx: ctx, batch: collab.Batch{Document: "d", Known: 2, Rows: rows("c", "d")}, done: make(chan struct{})}
		for _, row := range r.batch.Rows {
			r.hashes = append(r.hashes, hash(row.Update))
		}
		for _, sealed := range []bool{false, false, true} {
			if sealed { // even if somebody sealed the document after the commit that got lost
				if _, err := s.Seal(ctx, "d"); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.commit([]*request{r}); err != nil || r.err != nil || r.last != 4 {
				t.Fatalf("sealed %v: last = %d, %v, %v; want 4", sealed, r.last, r.err, err)
			}
			r.tried = true
		}
		got, err := s.Load(ctx, "d")
		if err != nil || got.Seq != 4 || len(got.Rows) != 4 {
			t.Errorf("log has %d rows, head %+v, %v; want 4", len(got.Rows), got.State, err)
		}
	})
}

func TestOnlyTroubleThatPassesIsWaitedOut(t *testing.T) {
	for _, c := range []struct {
		err  error
		want judgement
	}{
		{&pgconn.PgError{Code: "57P01"}, again}, // the server shuts down
		{&pgconn.PgError{Code: "40P01"}, again}, // deadlock
		{&pgconn.PgError{Code: "53100"}, again}, // disk full
		{&pgconn.PgError{Code: "23505"}, permanent},
		{errors.New("connection reset by peer"), again},
		{context.DeadlineExceeded, again},
	} {
		if got := judge(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}

// TestTheTablesAreAsWritten compares both databases with one list, so that they agree with each other and nothing changes
// unnoticed.
func TestTheTablesAreAsWritten(t *testing.T) {
	want, err := os.ReadFile("testdata/schema.txt")
	if err != nil {
		t.Fatal(err)
	}
	dbtest.Each(t, testSets, func(t *testing.T, db *database.DB) {
		q := `SELECT m.name, p.name FROM sqlite_master m JOIN pragma_table_info(m.name) p
			WHERE m.type = 'table' AND m.name LIKE 'collab\_%' ESCAPE '\' ORDER BY m.name, p.cid`
		if db.Postgres {
			q = `SELECT table_name, column_name FROM information_schema.columns
				WHERE table_schema = current_schema() AND table_name LIKE 'collab\_%' ORDER BY table_name, ordinal_position`
		}
		rows, err := db.Query(q)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var got strings.Builder
		for rows.Next() {
			var table, column string
			if err := rows.Scan(&table, &column); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&got, table, column)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if got.String() != string(want) {
			t.Errorf("tables:\n%s\nwant:\n%s", got.String(), want)
		}
	})
}
