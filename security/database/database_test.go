package database_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

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
