package bundle

import (
	"archive/zip"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spolupis/security"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
	"spolupis/security/journal"
)

func fill(t *testing.T, db *database.DB, n int) *journal.Journal {
	t.Helper()
	j, err := journal.New(db, journal.Config{Origin: "test.example/log"})
	if err != nil {
		t.Fatal(err)
	}
	more(t, db, j, 0, n)
	return j
}

func more(t *testing.T, db *database.DB, j *journal.Journal, from, n int) {
	t.Helper()
	inTx(t, db, func(tx *sql.Tx) error {
		for i := from; i < from+n; i++ {
			e := journal.Entry{
				Actor: security.ActorID(fmt.Sprintf("p-%d", i%3)), Kind: "documents.read", Subject: fmt.Sprintf("document:d%d", i%5),
				Body: json.RawMessage(fmt.Sprintf(`{"n":%d}`, i)),
			}
			if i%2 == 0 {
				e.Personal = json.RawMessage(fmt.Sprintf(`{"name":"Jana <%d>"}`, i))
			}
			if err := j.Append(context.Background(), tx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

func inTx(t *testing.T, db *database.DB, f func(tx *sql.Tx) error) {
	t.Helper()
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

func export(t *testing.T, j *journal.Journal) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := Write(context.Background(), &b, j, Options{}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func check(t *testing.T, b []byte, c Check) Report {
	t.Helper()
	rep, err := Verify(bytes.NewReader(b), int64(len(b)), c)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

var sets = []database.Set{{Name: "journal", FS: journal.Migrations}}

func TestAnHonestBundleVerifiesWithoutTheServer(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		for _, n := range []int{0, 1, 255, 1, 300} {
			ctx := context.Background()
			j, err := journal.New(db, journal.Config{Origin: "test.example/log"})
			if err != nil {
				t.Fatal(err)
			}
			before, err := j.Publish(ctx)
			if err != nil {
				t.Fatal(err)
			}
			had, _ := j.Size(ctx)
			more(t, db, j, int(had), n)
			rep := check(t, export(t, j), Check{Key: j.VerifierKey(), Previous: before})
			size := had + int64(n)
			if !rep.OK || rep.Size != size || rep.Opened != (size+1)/2 || rep.Previous != had || !rep.OwnKey {
				t.Errorf("%d entries: %+v", size, rep)
			}
		}
	})
}

// part finds where in the file the named part lies.
func part(t *testing.T, b []byte, name string) (from, to int64) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		if f.Name == name {
			from, err := f.DataOffset()
			if err != nil {
				t.Fatal(err)
			}
			return from, from + int64(f.UncompressedSize64)
		}
	}
	t.Fatalf("no %s in the bundle", name)
	return 0, 0
}

// TestEveryFlippedByteOfAnEntryIsFoundAndTheEntryNamed flips each byte of all
// entries and openings, one at a time.
func TestEveryFlippedByteOfAnEntryIsFoundAndTheEntryNamed(t *testing.T) {
	const n = 24
	db := dbtest.SQLite(t, sets...)
	j := fill(t, db, n)
	b := export(t, j)
	key := Check{Key: j.VerifierKey()}
	flips := 0
	flip := func(at int64, want int64, where string) {
		t.Helper()
		for _, bit := range []byte{1, 0x80} {
			b[at] ^= bit
			rep := check(t, b, key)
			b[at] ^= bit
			flips++
			if rep.OK || rep.Wrong != want {
				t.Errorf("%s, byte %d: %+v, want entry %d named", where, at, rep, want)
			}
		}
	}
	from, to := part(t, b, fmt.Sprintf("tile/entries/000.p/%d", n))
	for seq, rest := int64(1), b[from:to]; len(rest) > 0; seq++ {
		leaf, after, _ := cut(rest)
		for i := range 2 + len(leaf) {
			flip(to-int64(len(rest))+int64(i), seq, "entry")
		}
		rest = after
	}
	from, to = part(t, b, "openings.jsonl")
	seq := int64(1)
	for at := from; at < to; at++ {
		flip(at, seq, "opening")
		if b[at] == '\n' {
			seq += 2
		}
	}
	from, to = part(t, b, fmt.Sprintf("tile/0/000.p/%d", n))
	for at := from; at < to; at++ {
		b[at] ^= 1
		rep := check(t, b, key)
		b[at] ^= 1
		if want := (at-from)/32 + 1; rep.OK || rep.What != journal.WrongTile || rep.Wrong != want {
			t.Errorf("tile byte %d: %+v, want the tile blamed at %d", at-from, rep, want)
		}
	}
	from, to = part(t, b, "checkpoint")
	for at := from; at < to; at++ {
		b[at] ^= 1
		if rep := check(t, b, key); rep.OK && rep.Size != n {
			t.Errorf("checkpoint byte %d: %+v", at-from, rep)
		}
		b[at] ^= 1
	}
	if rep := check(t, b, key); !rep.OK || flips < 5000 {
		t.Errorf("after %d flips put back: %+v", flips, rep)
	}
}

func TestAByteFlippedAnywhereNeverPassesForAnotherLog(t *testing.T) {
	db := dbtest.SQLite(t, sets...)
	j := fill(t, db, 5)
	b := export(t, j)
	good := check(t, b, Check{Key: j.VerifierKey()})
	for i := range b {
		b[i] ^= 0x20
		if rep := check(t, b, Check{Key: j.VerifierKey()}); rep.OK && rep != good {
			t.Errorf("byte %d: %+v", i, rep)
		}
		b[i] ^= 0x20
	}
}

// repack rewrites one part of a bundle and packs it anew with good check sums.
func repack(t *testing.T, b []byte, edit func(name string, data []byte) []byte) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if data = edit(f.Name, data); data == nil {
			continue
		}
		part, err := w.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		part.Write(data)
	}
	w.Close()
	return out.Bytes()
}

func TestACleverlyAlteredBundleIsRefused(t *testing.T) {
	db := dbtest.SQLite(t, sets...)
	j := fill(t, db, 300)
	b := export(t, j)
	key := Check{Key: j.VerifierKey()}
	for _, c := range []struct {
		name string
		edit func(name string, data []byte) []byte
		what string
		seq  int64
	}{
		{"an entry and its tile hash together", func(name string, data []byte) []byte {
			return data
		}, "", 0},
		{"a part left out", func(name string, data []byte) []byte {
			if name == "tile/entries/000" {
				return nil
			}
			return data
		}, WrongBundle, 1},
		{"an opening left out", func(name string, data []byte) []byte {
			if name == "openings.jsonl" {
				_, rest, _ := bytes.Cut(data, []byte("\n"))
				return rest
			}
			return data
		}, journal.WrongPersonal, 1},
		{"an opening called erased though nobody was erased", func(name string, data []byte) []byte {
			if name == "openings.jsonl" {
				_, rest, _ := bytes.Cut(data, []byte("\n"))
				return append([]byte("{\"seq\":1,\"erased\":true}\n"), rest...)
			}
			return data
		}, journal.WrongPersonal, 1},
		{"a tile above the leaves", func(name string, data []byte) []byte {
			if name == "tile/1/000.p/1" {
				data[3] ^= 1
			}
			return data
		}, journal.WrongTile, 1},
	} {
		rep := check(t, repack(t, b, c.edit), key)
		if rep.What != c.what || rep.Wrong != c.seq {
			t.Errorf("%s: %+v, want %q at %d", c.name, rep, c.what, c.seq)
		}
	}
}

func TestALogRewrittenByItsOwnKeyFailsAgainstAnOlderCheckpoint(t *testing.T) {
	db, forged := dbtest.SQLite(t, sets...), dbtest.SQLite(t, sets...)
	j := fill(t, db, 10)
	old, err := j.Publish(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var skey string
	if err := db.QueryRow(`SELECT skey FROM journal_log_key`).Scan(&skey); err != nil {
		t.Fatal(err)
	}
	other, err := journal.New(forged, journal.Config{Key: skey})
	if err != nil {
		t.Fatal(err)
	}
	more(t, forged, other, 100, 20)
	b := export(t, other)
	if rep := check(t, b, Check{Key: j.VerifierKey()}); !rep.OK {
		t.Fatalf("the forged log alone: %+v, which should look right", rep)
	}
	rep := check(t, b, Check{Key: j.VerifierKey(), Previous: old})
	if rep.OK || rep.What != WrongPrevious || rep.Wrong != 1 || rep.WrongTo != 10 {
		t.Errorf("against the old checkpoint: %+v", rep)
	}

	// A log cut short is no continuation either.
	short := dbtest.SQLite(t, sets...)
	cutLog, err := journal.New(short, journal.Config{Key: skey})
	if err != nil {
		t.Fatal(err)
	}
	more(t, short, cutLog, 0, 4)
	if rep := check(t, export(t, cutLog), Check{Key: j.VerifierKey(), Previous: old}); rep.OK || rep.What != WrongPrevious {
		t.Errorf("cut short: %+v", rep)
	}
}

func TestAnEntryAlteredInTheDatabaseIsNamedFromTheBundle(t *testing.T) {
	db := dbtest.SQLite(t, sets...)
	j := fill(t, db, 300)
	for _, c := range []struct {
		query string
		want  int64
	}{
		{`UPDATE journal_entry SET actor = 'p-x' WHERE seq = 290`, 290},
		{`UPDATE journal_entry SET body = '{}' WHERE seq = 280`, 280},
		{`DELETE FROM journal_entry WHERE seq = 17`, 17},
	} {
		if _, err := db.Exec(c.query); err != nil {
			t.Fatal(err)
		}
		if rep := check(t, export(t, j), Check{Key: j.VerifierKey()}); rep.OK || rep.Wrong != c.want {
			t.Errorf("%s: %+v, want entry %d", c.query, rep, c.want)
		}
	}
}

func TestTheCommandAnswersBySentenceAndExitCode(t *testing.T) {
	db := dbtest.SQLite(t, sets...)
	j := fill(t, db, 20)
	dir := t.TempDir()
	path := filepath.Join(dir, "bundle.zip")
	if _, err := WriteFile(context.Background(), path, j, Options{Open: func(l journal.Leaf) bool { return l.Actor == "p-1" }}); err != nil {
		t.Fatal(err)
	}
	text := func(lang, key string, args ...any) string { return fmt.Sprintf("%s:%s%v", lang, key, args) }
	run := func(args ...string) (int, string) {
		var out bytes.Buffer
		code := Command(args, text, &out, &out)
		return code, out.String()
	}
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte(j.VerifierKey()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := run(path, "-key", key); code != ExitGood || !strings.Contains(out, "cs:audit.verify.good[20 test.example/log]") || strings.Contains(out, "own_key") {
		t.Errorf("good: %d %s", code, out)
	}
	if code, out := run("-lang", "en", path); code != ExitGood || !strings.Contains(out, "en:audit.verify.own_key") {
		t.Errorf("without a key: %d %s", code, out)
	}
	b, _ := os.ReadFile(path)
	at := bytes.Index(b, []byte(`{"n":7}`))
	b[at+5] = '8'
	os.WriteFile(path, b, 0o600)
	if code, out := run(path); code != ExitWrong || !strings.Contains(out, "audit.verify.wrong[8]") {
		t.Errorf("altered: %d %s", code, out)
	}
	code, out := run(path, "-json")
	var rep Report
	if err := json.Unmarshal([]byte(out), &rep); err != nil || code != ExitWrong || rep.Wrong != 8 || rep.OK {
		t.Errorf("JSON: %d %s", code, out)
	}
	for _, args := range [][]string{{}, {filepath.Join(dir, "nowhere.zip")}, {path, "-previous", key}, {path, "-frobnicate"}} {
		if code, out := run(args...); code != ExitNoTest || out == "" {
			t.Errorf("%q: %d %s", args, code, out)
		}
	}
}
