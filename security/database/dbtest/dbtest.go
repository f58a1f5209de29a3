// Package dbtest runs a test on every database the product supports.
package dbtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"spolupis/security/database"
)

// Each runs run on a fresh SQLite file and, when SPOLUPIS_TEST_POSTGRES names
// a PostgreSQL server, on a fresh schema there. With
// SPOLUPIS_REQUIRE_SERVERS=1, which `make test` sets, a missing server is a
// failure instead of a loud skip.
func Each(t *testing.T, sets []database.Set, run func(t *testing.T, db *database.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		run(t, open(t, filepath.Join(t.TempDir(), "test.db"), sets))
	})
	t.Run("postgres", func(t *testing.T) {
		run(t, open(t, Postgres(t), sets))
	})
}

// SQLite opens a fresh SQLite file with sets applied.
func SQLite(t testing.TB, sets ...database.Set) *database.DB {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "test.db"), sets)
}

// Postgres returns the URL of a fresh schema that is dropped when t ends, or
// ends t as described at Each.
func Postgres(t testing.TB) string {
	t.Helper()
	base := os.Getenv("SPOLUPIS_TEST_POSTGRES")
	if base == "" {
		Missing(t, "PostgreSQL (SPOLUPIS_TEST_POSTGRES is not set)")
	}
	u, err := url.Parse(base)
	if err != nil {
		t.Fatalf("SPOLUPIS_TEST_POSTGRES: %v", err)
	}
	var b [8]byte
	rand.Read(b[:])
	schema := "t" + hex.EncodeToString(b[:])
	admin, err := database.Open(context.Background(), base)
	if err != nil {
		t.Fatalf("open PostgreSQL: %v", err)
	}
	defer admin.Close()
	if _, err := admin.Exec(`CREATE SCHEMA ` + schema); err != nil {
		t.Fatalf("create schema: %v", err)
	}
	t.Cleanup(func() {
		admin, err := database.Open(context.Background(), base)
		if err != nil {
			t.Errorf("open PostgreSQL to clean up: %v", err)
			return
		}
		defer admin.Close()
		if _, err := admin.Exec(`DROP SCHEMA ` + schema + ` CASCADE`); err != nil {
			t.Errorf("drop schema: %v", err)
		}
	})
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

// Missing ends a test that needs something this machine lacks: a failure when
// SPOLUPIS_REQUIRE_SERVERS=1, a skip that says so otherwise.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("SPOLUPIS_REQUIRE_SERVERS") == "1" {
		t.Fatalf("needs %s", what)
	}
	t.Skipf("SKIPPED: needs %s", what)
}

func open(t testing.TB, url string, sets []database.Set) *database.DB {
	t.Helper()
	db, err := database.Open(context.Background(), url, sets...)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
