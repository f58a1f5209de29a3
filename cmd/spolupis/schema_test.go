package main

import (
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"

	"spolupis/security/database"
	"spolupis/security/database/dbtest"
)

var update = flag.Bool("update", false, "write testdata/schema.golden anew")

// The migrations are written twice, once for each database. One list of
// tables, columns and types, kept in testdata, must come out of both.
func TestBothDatabasesHaveTheSchemaThatIsWrittenDown(t *testing.T) {
	const golden = "testdata/schema.golden"
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		got := strings.Join(columns(t, db), "\n") + "\n"
		if *update && !db.Postgres {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("the schema is not that of %s (after a migration: go test -run Schema -update ./cmd/spolupis):\n%s", golden, difference(string(want), got))
		}
	})
}

// columns lists every column as "table.column type", with "null" where it may
// be missing. Tables of full-text search are each database's own.
func columns(t *testing.T, db *database.DB) []string {
	t.Helper()
	text := `SELECT m.name, c.name, c.type, c."notnull" OR c.pk > 0 FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE '%\_fts%' ESCAPE '\'`
	if db.Postgres {
		text = `SELECT table_name, column_name, data_type, is_nullable = 'NO' FROM information_schema.columns WHERE table_schema = current_schema() AND table_name NOT LIKE '%\_fts%'`
	}
	rows, err := db.Query(text)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	types := map[string]string{"INTEGER": "integer", "BIGINT": "integer", "bigint": "integer", "integer": "integer", "smallint": "integer",
		"TEXT": "text", "text": "text", "BLOB": "bytes", "bytea": "bytes", "boolean": "integer"}
	var out []string
	for rows.Next() {
		var table, column, kind string
		var required bool
		if err := rows.Scan(&table, &column, &kind, &required); err != nil {
			t.Fatal(err)
		}
		known, ok := types[kind]
		if !ok {
			t.Errorf("%s.%s has type %s, which the other database does not know", table, column, kind)
		}
		if !required {
			known += " null"
		}
		out = append(out, fmt.Sprintf("%s.%s %s", table, column, known))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	sort.Strings(out)
	return out
}

// difference lists the lines that only one of two texts has.
func difference(want, got string) string {
	has := func(s string) map[string]bool {
		m := map[string]bool{}
		for line := range strings.Lines(s) {
			m[strings.TrimSpace(line)] = true
		}
		return m
	}
	w, g := has(want), has(got)
	var out []string
	for line := range w {
		if !g[line] {
			out = append(out, "- "+line)
		}
	}
	for line := range g {
		if !w[line] {
			out = append(out, "+ "+line)
		}
	}
	sort.Strings(out)
	return strings.Join(out, "\n")
}
