package journal

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"spolupis/security/database"
	"spolupis/security/database/dbtest"
)

func exec(t *testing.T, db *database.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// rewrite is what somebody with the database and the log's key can do: change
// entry seq and recompute every leaf, tile, head and checkpoint.
func rewrite(t *testing.T, j *Journal, seq int64) {
	t.Helper()
	ctx := context.Background()
	exec(t, j.db, `UPDATE journal_entry SET actor = 'p-forged' WHERE seq = $1`, seq)
	err := inTx(t, j.db, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, selectEntry+` ORDER BY e.seq`)
		if err != nil {
			return err
		}
		var all []row
		for rows.Next() {
			r, _, err := scanRow(rows)
			if err != nil {
				return err
			}
			all = append(all, r)
		}
		rows.Close()
		for _, q := range []string{`DELETE FROM journal_entry`, `DELETE FROM journal_tile`, `DELETE FROM journal_checkpoint`, `UPDATE journal_head SET size = 0, nodes = ` + emptyBlob(j.db)} {
			if _, err := tx.ExecContext(ctx, q); err != nil {
				return err
			}
		}
		return extend(ctx, tx, all)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Publish(ctx); err != nil {
		t.Fatal(err)
	}
}

func emptyBlob(db *database.DB) string {
	if db.Postgres {
		return `''::bytea`
	}
	return `x''`
}

func TestEveryKindOfTamperingIsFoundAndNamed(t *testing.T) {
	const n = 300 // a full tile and an open one
	for _, c := range []struct {
		name   string
		tamper func(t *testing.T, j *Journal)
		kept   bool // seen only with a checkpoint kept elsewhere
		what   string
		wrong  int64
		to     int64
	}{
		{"untouched", func(t *testing.T, j *Journal) {}, false, "", 0, 0},
		{"edited header", func(t *testing.T, j *Journal) {
			exec(t, j.db, `UPDATE journal_entry SET actor = 'p-4' WHERE seq = 261`)
		}, false, WrongAltered, 261, 0},
		{"edited time", func(t *testing.T, j *Journal) { exec(t, j.db, `UPDATE journal_entry SET at = at + 1 WHERE seq = 7`) }, false, WrongAltered, 7, 0},
		{"edited personal part", func(t *testing.T, j *Journal) {
			exec(t, j.db, `UPDATE journal_entry SET sealed = nonce WHERE seq = 271`)
		}, false, WrongPersonal, 271, 0},
		{"personal part of another entry", func(t *testing.T, j *Journal) {
			exec(t, j.db, `UPDATE journal_entry SET sealed = (SELECT sealed FROM journal_entry WHERE seq = 16), nonce = (SELECT nonce FROM journal_entry WHERE seq = 16) WHERE seq = 1`)
		}, false, WrongPersonal, 1, 0},
		{"personal part blanked without an erasure", func(t *testing.T, j *Journal) {
			exec(t, j.db, `UPDATE journal_entry SET sealed = `+emptyBlob(j.db)+` WHERE seq = 271`)
		}, false, WrongPersonal, 271, 0},
		{"deleted row", func(t *testing.T, j *Journal) { exec(t, j.db, `DELETE FROM journal_entry WHERE seq = 42`) }, false, WrongMissing, 42, 0},
		{"swapped rows", func(t *testing.T, j *Journal) {
			exec(t, j.db, `UPDATE journal_entry SET seq = -1 WHERE seq = 50`)
			exec(t, j.db, `UPDATE journal_entry SET seq = 50 WHERE seq = 51`)
			exec(t, j.db, `UPDATE journal_entry SET seq = 51 WHERE seq = -1`)
		}, false, WrongAltered, 50, 0},
		{"deleted tail", func(t *testing.T, j *Journal) { exec(t, j.db, `DELETE FROM journal_entry WHERE seq > 290`) }, false, WrongMissing, 291, 0},
		{"deleted tail with the head moved back", func(t *testing.T, j *Journal) {
			exec(t, j.db, `DELETE FROM journal_entry WHERE seq > 290`)
			exec(t, j.db, `UPDATE journal_head SET size = 290`)
		}, false, WrongMissing, 291, 300},
		{"rewritten row and leaf", func(t *testing.T, j *Journal) {
			exec(t, j.db, `UPDATE journal_entry SET actor = 'p-1' WHERE seq = 100`)
			r := oneRow(t, j, 100)
			exec(t, j.db, `UPDATE journal_entry SET leaf = $1 WHERE seq = 100`, r.leafHash())
		}, false, WrongTile, 100, 0},
		{"rewritten row and leaf in the open tile", func(t *testing.T, j *Journal) {
			exec(t, j.db, `UPDATE journal_entry SET actor = 'p-3' WHERE seq = 280`)
			r := oneRow(t, j, 280)
			exec(t, j.db, `UPDATE journal_entry SET leaf = $1 WHERE seq = 280`, r.leafHash())
		}, false, WrongCheckpoint, 251, 300},
		{"a hash above the leaves", func(t *testing.T, j *Journal) {
			exec(t, j.db, `UPDATE journal_tile SET hashes = $1 WHERE level = 1`, make([]byte, 32))
		}, false, WrongTile, 1, 256},
		{"everything rewritten by the holder of the key", func(t *testing.T, j *Journal) { rewrite(t, j, 42) }, true, WrongCheckpoint, 1, 250},
	} {
		t.Run(c.name, func(t *testing.T) {
			dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
				ctx := context.Background()
				j := open(t, db, newClock().now)
				all := some(n)
				add(t, j, all[:250]...)
				outside, err := j.Publish(ctx)
				if err != nil {
					t.Fatal(err)
				}
				j.Read(ctx, 0, 1)
				add(t, j, all[250:]...)
				if _, err := j.Publish(ctx); err != nil {
					t.Fatal(err)
				}
				c.tamper(t, j)
				got, err := j.Verify(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if c.kept {
					if !got.OK() {
						t.Errorf("without outside help: %+v, which a consistent rewrite should not show", got)
					}
					if got, err = j.Verify(ctx, outside); err != nil {
						t.Fatal(err)
					}
				}
				if got.What != c.what || got.Wrong != c.wrong || got.WrongTo != c.to {
					t.Errorf("got %q at %d–%d, want %q at %d–%d", got.What, got.Wrong, got.WrongTo, c.what, c.wrong, c.to)
				}
				if c.what == "" && (got.Verified != n || got.Opened != n/3) {
					t.Errorf("verified %d, opened %d, want %d and %d", got.Verified, got.Opened, n, n/3)
				}
			})
		})
	}
}

func oneRow(t *testing.T, j *Journal, seq int64) row {
	t.Helper()
	var found row
	if err := j.each(context.Background(), seq-1, seq, func(r row, _ []byte) error { found = r; return nil }); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestErasingAPersonLeavesTheRootAndEverybodyElse(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		ctx := context.Background()
		j := open(t, db, newClock().now)
		add(t, j, some(300)...)
		before, err := j.Publish(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := inTx(t, db, func(tx *sql.Tx) error { return j.EraseSubject(ctx, tx, "p-admin", "p-2", "retention") }); err != nil {
			t.Fatal(err)
		}
		add(t, j, Entry{Actor: "p-2", Kind: "documents.read", Subject: "document:d", Personal: json.RawMessage(`{"name":"again"}`)})
		entries, err := j.Read(ctx, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		erased := 0
		for _, e := range entries[:300] {
			if e.Erased != (e.About == "p-2") {
				t.Errorf("entry %d about %q: erased %v", e.Seq, e.About, e.Erased)
			}
			if e.Erased {
				erased++
			}
		}
		if erased != 20 {
			t.Errorf("%d entries erased, want 20", erased)
		}
		if got := string(entries[301].Personal); got != `{"name":"again"}` {
			t.Errorf("a later entry reads %q", got)
		}
		rep, err := j.Verify(ctx, before)
		if err != nil || !rep.OK() || rep.Erased != 20 || rep.Opened != 81 {
			t.Errorf("verify %+v %v, want all good with 20 erased and 81 opened", rep, err)
		}
		c, _ := OpenCheckpoint(before, j.VerifierKey())
		again := ranges.NewEmptyRange(0)
		if err := j.each(ctx, 0, 300, func(r row, _ []byte) error { return again.Append(r.leafHash(), nil) }); err != nil {
			t.Fatal(err)
		}
		root, _ := again.GetRootHash(nil)
		if fmt.Sprintf("%x", root) != fmt.Sprintf("%x", c.Root) {
			t.Errorf("root of the first 300 is %x, was %x", root, c.Root)
		}
	})
}

func TestACheckpointIsSignedByTheLogAndNobodyElse(t *testing.T) {
	db := dbtest.SQLite(t, sets...)
	ctx := context.Background()
	j := open(t, db, newClock().now)
	add(t, j, some(3)...)
	signed, err := j.Publish(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := OpenCheckpoint(signed, j.VerifierKey()); err != nil || c.Size != 3 || c.Origin != "test.example/log" {
		t.Errorf("checkpoint %+v %v", c, err)
	}
	_, other, err := note.GenerateKey(rand.Reader, "test.example/log")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCheckpoint(signed, other); err == nil {
		t.Error("another key opened the checkpoint")
	}
	for i := range signed {
		bad := append([]byte{}, signed...)
		bad[i] ^= 1
		if c, err := OpenCheckpoint(bad, j.VerifierKey()); err == nil && (c.Size != 3 || c.Origin != "test.example/log") {
			t.Errorf("byte %d flipped and the checkpoint says %+v", i, c)
		}
	}
}

func TestNodesWithDifferentKeysCannotShareALog(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		mine, _, err := note.GenerateKey(rand.Reader, "test.example/log")
		if err != nil {
			t.Fatal(err)
		}
		other, _, err := note.GenerateKey(rand.Reader, "test.example/log")
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range []struct {
			key string
			ok  bool
		}{{mine, true}, {mine, true}, {other, false}, {"", false}, {"nonsense", false}} {
			if _, err := New(db, Config{Key: c.key}); (err == nil) != c.ok {
				t.Errorf("%d: %v, want accepted %v", i, err, c.ok)
			}
		}
	})
}
