package main

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"spolupis/security/database/dbtest"
)

// growing are the tables that grow with the years of an office.
var growing = regexp.MustCompile(`^(documents_(material|comment|reply|search|search_text|fts|stale|notice|history|round|round_unit|route|member|version|participant|blob|answer|outbox)|access_(tuple|link|epoch)|journal_entry|signing_request|collab_update)$`)

// short are names that queries give to growing tables.
var short = regexp.MustCompile(`(?i)\b(?:FROM|JOIN)\s+([a-z_]+)\s+(?:AS\s+)?([a-z])\b`)

// Every question that the pages of lists, search, inbox and comments ask is
// answered by an index. SPOLUPIS_TEST_MATERIALS=50000 asks them at full size,
// where PostgreSQL plans by the real numbers; otherwise it is told that reading
// a whole table is dear.
func TestPagesOfAGrowingOfficeReadNoWholeTable(t *testing.T) {
	size := quickSize
	full, _ := strconv.Atoi(os.Getenv("SPOLUPIS_TEST_MATERIALS"))
	if size.materials = 1000; full > 0 {
		size.materials = full
	}
	for name, url := range map[string]func(*testing.T) string{
		"sqlite":   func(*testing.T) string { return "" },
		"postgres": func(t *testing.T) string { return dbtest.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			a, err := Open(t.Context(), Config{Data: t.TempDir(), DatabaseURL: url(t), PublicURL: "http://office.example"}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { a.Close() })
			b := &documentsBench{App: a, size: size, rounds: 1, stderr: io.Discard, people: map[string]*http.Cookie{}}
			if err := b.seed(t.Context()); err != nil {
				t.Fatal(err)
			}
			asked := b.asked(t)
			if len(asked) < 25 {
				t.Fatalf("only %d different questions were asked", len(asked))
			}
			for query, q := range asked {
				for _, complaint := range b.plan(t, query, q.args, full > 0) {
					t.Errorf("%s\n%s\nasked by %s", complaint, query, q.page)
				}
			}
		})
	}
}

type question struct {
	args []any
	page string
}

// asked opens the pages and returns the different questions they ask.
func (b *documentsBench) asked(t *testing.T) map[string]question {
	t.Helper()
	var mu sync.Mutex
	out := map[string]question{}
	page := ""
	b.DB.Observe(func(query string, args []any) {
		mu.Lock()
		defer mu.Unlock()
		if _, known := out[query]; !known {
			out[query] = question{slices.Clone(args), page}
		}
	})
	defer b.DB.Observe(nil)
	open := func(login, path string) {
		t.Helper()
		mu.Lock()
		page = login + " " + path
		mu.Unlock()
		if _, _, err := b.get(t.Context(), login, path); err != nil {
			t.Fatal(err)
		}
	}
	material := "/documents/" + string(b.made.wave[0].ID)
	for _, p := range benchPeople {
		for _, path := range []string{"/", "/notices", "/search?q=kraje", "/search?q=rada+dotace&state=signed&unit=odbor-1&agenda=agenda-1&from=2020-01-01", "/search?q=ARCH+8/2020",
			"/documents", "/documents?state=draft", "/documents?agenda=agenda-1", "/documents?unit=odbor-1", "/documents?drafter=me", "/documents?sort=title", "/documents?sort=created",
			"/documents?q=most", "/documents?from=2020-01-01&to=2030-01-01"} {
			open(p.login, path)
		}
	}
	for _, path := range []string{material, material + "/comments", material + "/text", material + "/versions", material + "/history", material + "/route", "/signing"} {
		open("vedouci", path)
	}
	return out
}

// plan returns what is wrong with how a database answers a question.
func (b *documentsBench) plan(t *testing.T, query string, args []any, full bool) (complaints []string) {
	t.Helper()
	names := map[string]string{}
	for _, m := range short.FindAllStringSubmatch(query, -1) {
		names[m[2]] = m[1]
	}
	explain := "EXPLAIN QUERY PLAN "
	if b.DB.Postgres {
		explain = "EXPLAIN "
	}
	tx, err := b.DB.DB.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if b.DB.Postgres && !full {
		if _, err := tx.ExecContext(t.Context(), `SET LOCAL enable_seqscan = off`); err != nil {
			t.Fatal(err)
		}
	}
	var tables []string // of each complaint
	rows, err := tx.QueryContext(t.Context(), explain+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprint(*values[len(values)-1].(*any))
		// "SCAN m" reads a table; "SCAN m USING INDEX" goes through it in order, up to a LIMIT.
		m := regexp.MustCompile(`^SCAN (\w+)( USING|$| VIRTUAL)`).FindStringSubmatch(line)
		if b.DB.Postgres {
			m = regexp.MustCompile(`Seq Scan on (\w+)(.*)`).FindStringSubmatch(line)
		}
		if m == nil || m[2] == " VIRTUAL" || m[2] == " USING" && strings.Contains(query, "LIMIT") {
			continue
		}
		table := m[1]
		if n, ok := names[table]; ok {
			table = n
		}
		if growing.MatchString(table) {
			complaints = append(complaints, line)
			tables = append(tables, table)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	if !b.DB.Postgres || !full {
		return complaints
	}
	for i := len(tables) - 1; i >= 0; i-- { // to read a table of a few pages is right
		var pages int
		if err := tx.QueryRowContext(t.Context(), `SELECT relpages FROM pg_class WHERE oid = to_regclass($1)`, tables[i]).Scan(&pages); err != nil {
			t.Fatal(err)
		}
		if pages < 50 {
			complaints = slices.Delete(complaints, i, i+1)
		}
	}
	return complaints
}
