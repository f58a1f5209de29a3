package store

import (
	"io/fs"
	"strings"
	"testing"
)

func TestBothSchemasAgree(t *testing.T) {
	names, err := fs.Glob(Migrations, "*.sqlite.sql")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	read := func(name string) string {
		b, err := Migrations.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, name := range names {
		if name == "0005_search.sqlite.sql" { // each database has a full-text index of its own kind
			continue
		}
		want := strings.NewReplacer(") STRICT;", ");", "INTEGER PRIMARY KEY AUTOINCREMENT", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
			"INTEGER", "BIGINT", "BLOB", "BYTEA").Replace(read(name))
		if got := read(strings.Replace(name, ".sqlite.", ".postgres.", 1)); got != want {
			t.Errorf("%s: the PostgreSQL schema is not the SQLite one with its types replaced", name)
		}
	}
}
