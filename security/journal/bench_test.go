package journal

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"spolupis/security"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
)

func each(b *testing.B, run func(b *testing.B, j *Journal)) {
	b.Run("sqlite", func(b *testing.B) { run(b, benchLog(b, dbtest.SQLite(b, sets...))) })
	b.Run("postgres", func(b *testing.B) {
		db, err := database.Open(context.Background(), dbtest.Postgres(b), sets...)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { db.Close() })
		run(b, benchLog(b, db))
	})
}

func benchLog(b *testing.B, db *database.DB) *Journal {
	b.Helper()
	j, err := New(db, Config{})
	if err != nil {
		b.Fatal(err)
	}
	return j
}

func appendMany(b testing.TB, j *Journal, entries []Entry) {
	b.Helper()
	tx, err := j.db.BeginTx(context.Background(), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer tx.Rollback()
	if err := j.Append(context.Background(), tx, entries...); err != nil {
		b.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkOneEntryPerCommit is the time until an entry is durable and in the
// tree.
func BenchmarkOneEntryPerCommit(b *testing.B) {
	each(b, func(b *testing.B, j *Journal) {
		entries := some(1)
		for b.Loop() {
			appendMany(b, j, entries)
			if err := j.catchUp(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkBatchOf256 counts one iteration per 256 entries.
func BenchmarkBatchOf256(b *testing.B) {
	each(b, func(b *testing.B, j *Journal) {
		entries := some(256)
		for b.Loop() {
			appendMany(b, j, entries)
			if err := j.catchUp(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)*256/b.Elapsed().Seconds(), "entries/s")
	})
}

// BenchmarkVerify walks 20,000 entries, a third with personal parts.
func BenchmarkVerify(b *testing.B) {
	each(b, func(b *testing.B, j *Journal) {
		for range 20 {
			appendMany(b, j, some(1000))
		}
		for b.Loop() {
			if rep, err := j.Verify(context.Background()); err != nil || !rep.OK() {
				b.Fatal(rep, err)
			}
		}
		b.ReportMetric(float64(b.N)*20000/b.Elapsed().Seconds(), "entries/s")
	})
}

// TestSearchesOfTheLogUseAnIndex asks SQLite how it would run each search.
func TestSearchesOfTheLogUseAnIndex(t *testing.T) {
	db := dbtest.SQLite(t, sets...)
	j := open(t, db, newClock().now)
	all := some(10_000)
	for i := range all {
		all[i].Personal = nil
	}
	add(t, j, all...)
	at := newClock().now()
	for name, f := range map[string]Filter{
		"person":          {Actors: []security.ActorID{"p-1"}},
		"document":        {Subjects: []string{"document:d1", "version:v"}},
		"document, paged": {Subjects: []string{"document:d1"}, Before: 5000, Without: []string{"documents.read"}},
		"kind":            {Kind: "documents.read"},
		"time":            {From: at, To: at.Add(time.Hour)},
		"newest":          {},
	} {
		query, args := f.query()
		rows, err := db.Query(`EXPLAIN QUERY PLAN `+query, args...)
		if err != nil {
			t.Fatal(err)
		}
		plan := detail(t, rows)
		// The newest entries come off the end of the table, which is in order.
		if name != "newest" && strings.Contains(plan, "SCAN e\n") {
			t.Errorf("%s: reads the whole log:\n%s", name, plan)
		}
	}
	start := time.Now()
	for i := range 50 {
		if _, err := j.Search(context.Background(), Filter{Subjects: []string{fmt.Sprintf("document:d%d", i%7)}, Limit: 50}); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("a page of one document among 10,000 entries: %v", time.Since(start)/50)
}

func detail(t *testing.T, rows *sql.Rows) string {
	t.Helper()
	defer rows.Close()
	var b strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var s string
		if err := rows.Scan(&id, &parent, &unused, &s); err != nil {
			t.Fatal(err)
		}
		b.WriteString(s + "\n")
	}
	return b.String()
}
