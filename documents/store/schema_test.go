package store

import (
	"strings"
	"testing"
)

func TestBothSchemasAgree(t *testing.T) {
	read := func(name string) string {
		b, err := Migrations.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	want := strings.NewReplacer(") STRICT;", ");", "INTEGER PRIMARY KEY AUTOINCREMENT", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
		"INTEGER", "BIGINT", "BLOB", "BYTEA").Replace(read("0001_documents.sqlite.sql"))
	if got := read("0001_documents.postgres.sql"); got != want {
		t.Error("the PostgreSQL schema is not the SQLite one with its types replaced")
	}
}
