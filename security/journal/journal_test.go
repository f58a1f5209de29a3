package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"spolupis/security"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
)

var sets = []database.Set{{Name: "journal", FS: Migrations}}

// clock is a time that moves only when told.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)} }
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func open(t *testing.T, db *database.DB, now func() time.Time) *Journal {
	t.Helper()
	j, err := New(db, Config{Now: now, Origin: "test.example/log"})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func inTx(t *testing.T, db *database.DB, f func(tx *sql.Tx) error) error {
	t.Helper()
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func add(t *testing.T, j *Journal, entries ...Entry) {
	t.Helper()
	if err := inTx(t, j.db, func(tx *sql.Tx) error { return j.Append(context.Background(), tx, entries...) }); err != nil {
		t.Fatal(err)
	}
}

// some returns n different entries, every third with a personal part.
func some(n int) []Entry {
	out := make([]Entry, n)
	for i := range out {
		out[i] = Entry{
			Actor: security.ActorID(fmt.Sprintf("p-%d", i%5)), Kind: "documents.read", Subject: fmt.Sprintf("document:d%d", i%7),
			Body: json.RawMessage(fmt.Sprintf(`{"n":%d}`, i)),
		}
		if i%3 == 0 {
			out[i].Personal = json.RawMessage(fmt.Sprintf(`{"name":"Jana Nováková %d"}`, i))
		}
	}
	return out
}

func TestAChangeAndItsEntryCommitTogetherOrNotAtAll(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		ctx := context.Background()
		j := open(t, db, newClock().now)
		if _, err := db.ExecContext(ctx, `CREATE TABLE thing (id BIGINT PRIMARY KEY)`); err != nil {
			t.Fatal(err)
		}
		change := func(id int, fail error) error {
			return inTx(t, db, func(tx *sql.Tx) error {
				if _, err := tx.ExecContext(ctx, `INSERT INTO thing (id) VALUES ($1)`, id); err != nil {
					return err
				}
				if err := j.Append(ctx, tx, Entry{Actor: "p-1", Kind: "test.happened", Subject: fmt.Sprintf("thing:%d", id)}); err != nil {
					return err
				}
				return fail
			})
		}
		if err := change(1, nil); err != nil {
			t.Fatal(err)
		}
		if err := change(2, errors.New("the power went out")); err == nil {
			t.Fatal("the failing change was committed")
		}
		if err := change(1, nil); err == nil {
			t.Fatal("a duplicate was committed")
		}
		got, err := j.Read(ctx, 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || got[0].Subject != "thing:1" || got[0].Seq != 1 {
			t.Errorf("entries %+v, want exactly one, for thing:1", got)
		}
	})
}
