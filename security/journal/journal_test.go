package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"spolupis/security"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
	"spolupis/security/fault"
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

func TestEntriesComeBackAsWritten(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		c := newClock()
		j := open(t, db, c.now)
		want := Entry{
			Actor: "p-1", OnBehalfOf: "p-2", Kind: "documents.frozen", Subject: "document:x",
			Body: json.RawMessage(`{"number":1,"title":"příliš žluťoučký \u0000 kůň"}`), Personal: json.RawMessage(`{"reason":"důvod"}`),
		}
		add(t, j, want, Entry{Kind: "test.empty"})
		got, err := j.Read(context.Background(), 0, 10)
		if err != nil || len(got) != 2 {
			t.Fatalf("%d entries, %v", len(got), err)
		}
		want.Seq, want.At, want.About = 1, c.now(), "p-1"
		if fmt.Sprintf("%+v", got[0]) != fmt.Sprintf("%+v", want) {
			t.Errorf("got  %+v\nwant %+v", got[0], want)
		}
		if string(got[1].Body) != "{}" || got[1].Personal != nil || got[1].Erased {
			t.Errorf("empty entry %+v", got[1])
		}
	})
}

func TestAMalformedEntryIsRefused(t *testing.T) {
	db := dbtest.SQLite(t, sets...)
	j := open(t, db, newClock().now)
	for name, e := range map[string]Entry{
		"no kind":         {},
		"line break":      {Kind: "a\nb"},
		"subject too big": {Kind: "a", Subject: string(make([]byte, 300))},
		"body not JSON":   {Kind: "a", Body: json.RawMessage(`{`)},
		"body too big":    {Kind: "a", Body: json.RawMessage(`"` + string(bytesOf('x', MaxBody)) + `"`)},
		"not UTF-8":       {Kind: "a", Body: json.RawMessage("\"\xff\"")},
	} {
		err := inTx(t, db, func(tx *sql.Tx) error { return j.Append(context.Background(), tx, e) })
		if !errors.Is(err, fault.Invalid) && !errors.Is(err, fault.TooLarge) {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
	if n, _ := j.Size(context.Background()); n != 0 {
		t.Errorf("%d entries in the log", n)
	}
}

func bytesOf(b byte, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = b
	}
	return out
}

func TestManyWritersAndFollowersSeeOneGaplessOrder(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		exec(t, db, `CREATE TABLE effect (follower TEXT NOT NULL, seq BIGINT NOT NULL, PRIMARY KEY (follower, seq))`)
		const writers, each = 6, 40
		nodes := []*Journal{open(t, db, time.Now), open(t, db, time.Now)}
		run, stop := context.WithCancel(ctx)
		var running, writing sync.WaitGroup
		for _, j := range nodes {
			running.Go(func() {
				if err := j.Run(run); err != nil {
					t.Errorf("run: %v", err)
				}
			})
		}
		for w := range writers {
			writing.Go(func() {
				for i := range each {
					j := nodes[(w+i)%2]
					err := inTx(t, db, func(tx *sql.Tx) error {
						if err := j.Append(ctx, tx, Entry{Kind: "test.first", Subject: fmt.Sprint(w)}, Entry{Kind: "test.second", Subject: fmt.Sprint(w)}); err != nil {
							return err
						}
						if i%5 == 4 {
							return errors.New("changed my mind")
						}
						return nil
					})
					if (err != nil) != (i%5 == 4) {
						t.Errorf("writer %d: %v", w, err)
					}
				}
			})
		}
		const want = writers * each / 5 * 4 * 2
		reacted := map[int64]int{}
		var mu sync.Mutex
		for k := range 4 {
			j := nodes[k%2]
			running.Go(func() {
				j.Keep(run, func(ctx context.Context) (int, error) {
					name := fmt.Sprint("projection ", k/2)
					return j.Follow(ctx, name, func(ctx context.Context, tx *sql.Tx, e Entry) error {
						_, err := tx.ExecContext(ctx, `INSERT INTO effect (follower, seq) VALUES ($1, $2)`, name, e.Seq)
						return err
					})
				}, func(err error) {
					if run.Err() == nil {
						t.Errorf("follow: %v", err)
					}
				})
			})
		}
		running.Go(func() {
			nodes[0].Keep(run, func(ctx context.Context) (int, error) {
				return nodes[0].React(ctx, "reaction", func(ctx context.Context, e Entry) error {
					mu.Lock()
					defer mu.Unlock()
					reacted[e.Seq]++
					return nil
				})
			}, func(err error) {
				if run.Err() == nil {
					t.Errorf("react: %v", err)
				}
			})
		})
		writing.Wait()
		done := func() bool {
			var n int
			if err := db.QueryRowContext(ctx, `SELECT count(*) FROM effect`).Scan(&n); err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			defer mu.Unlock()
			return n == 2*want && len(reacted) == want
		}
		for !done() {
			select {
			case <-ctx.Done():
				t.Fatal("followers did not catch up")
			case <-time.After(5 * time.Millisecond):
			}
		}
		stop()
		running.Wait()
		entries, err := nodes[0].Read(ctx, 0, 10*want)
		if err != nil || len(entries) != want {
			t.Fatalf("%d entries, %v, want %d", len(entries), err, want)
		}
		last := map[string]string{}
		for i, e := range entries {
			if e.Seq != int64(i)+1 {
				t.Fatalf("entry %d has number %d", i+1, e.Seq)
			}
			if want := map[string]string{"": "test.first", "test.first": "test.second", "test.second": "test.first"}[last[e.Subject]]; e.Kind != want {
				t.Errorf("writer %s: %s after %q", e.Subject, e.Kind, last[e.Subject])
			}
			last[e.Subject] = e.Kind
		}
		for seq, n := range reacted {
			if n != 1 {
				t.Errorf("reacted %d times to %d", n, seq)
			}
		}
		if rep, err := nodes[1].Verify(ctx); err != nil || !rep.OK() || rep.Verified != want {
			t.Errorf("verify %+v, %v", rep, err)
		}
	})
}

func TestAProjectionThatFailsKeepsWhatWentWellAndTakesUpThere(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		ctx := context.Background()
		exec(t, db, `CREATE TABLE effect (seq BIGINT PRIMARY KEY)`)
		j := open(t, db, newClock().now)
		add(t, j, some(200)...)
		broken := true
		follow := func() (int, error) {
			return j.Follow(ctx, "p", func(ctx context.Context, tx *sql.Tx, e Entry) error {
				if _, err := tx.ExecContext(ctx, `INSERT INTO effect (seq) VALUES ($1)`, e.Seq); err != nil {
					return err
				}
				if broken && e.Seq == 150 {
					return errors.New("crash after the effect, before the commit")
				}
				return nil
			})
		}
		if n, err := follow(); err == nil || n != 149 {
			t.Errorf("applied %d, %v, want 149 and an error", n, err)
		}
		broken = false
		if n, err := follow(); err != nil || n != 51 {
			t.Errorf("applied %d, %v, want 51", n, err)
		}
		var n int
		if err := db.QueryRow(`SELECT count(*) FROM effect`).Scan(&n); err != nil || n != 200 {
			t.Errorf("%d effects, %v, want 200", n, err)
		}
	})
}

// TestAReactionPassesOverWhatIsNoneOfItsBusiness has entries that are wanted alone, between pages of others, and after them, and one
// at which the reaction fails.
func TestAReactionPassesOverWhatIsNoneOfItsBusiness(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		ctx := context.Background()
		j := open(t, db, newClock().now)
		var seen []int64
		failing := false
		react := func() (int, error) {
			return j.React(ctx, "r", func(ctx context.Context, e Entry) error {
				if failing {
					return errors.New("not now")
				}
				seen = append(seen, e.Seq)
				return nil
			}, "x.wanted", "x.wanted_too")
		}
		entry := func(kind string) Entry { return Entry{Actor: "u-1", Kind: kind, Subject: "s"} }
		var many []Entry
		for range 250 {
			many = append(many, entry("x.other"))
		}
		if n, err := react(); err != nil || n != 0 {
			t.Errorf("nothing there: %d, %v", n, err)
		}
		add(t, j, entry("x.wanted"))
		if n, err := react(); err != nil || n != 1 {
			t.Errorf("one that is wanted: %d, %v", n, err)
		}
		add(t, j, many...)
		if n, err := react(); err != nil || n != 250 {
			t.Errorf("250 that are not: %d, %v", n, err)
		}
		add(t, j, append(append(many[:150:150], entry("x.wanted_too")), many[:20]...)...)
		failing = true
		if _, err := react(); err == nil {
			t.Error("a reaction that fails says nothing")
		}
		failing = false
		add(t, j, entry("x.wanted"))
		if _, err := react(); err != nil {
			t.Error(err)
		}
		if n, err := react(); err != nil || n != 0 {
			t.Errorf("caught up: %d, %v", n, err)
		}
		if got := fmt.Sprint(seen); got != "[1 402 423]" {
			t.Errorf("reacted to %s", got)
		}
	})
}

func TestAReactionInterruptedBeforeItsCursorMovedComesAgain(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		ctx := context.Background()
		c := newClock()
		j, other := open(t, db, c.now), open(t, db, c.now)
		add(t, j, some(5)...)
		var seen []int64
		react := func(j *Journal, dieAt int64) (int, error) {
			return j.React(ctx, "r", func(ctx context.Context, e Entry) error {
				seen = append(seen, e.Seq)
				if e.Seq == dieAt {
					return errors.New("died after doing it")
				}
				return nil
			})
		}
		if n, err := react(j, 3); err == nil || n != 2 {
			t.Errorf("%d, %v", n, err)
		}
		if n, err := react(other, 0); err != nil || n != 3 {
			t.Errorf("%d, %v", n, err)
		}
		if got := fmt.Sprint(seen); got != "[1 2 3 3 4 5]" {
			t.Errorf("reactions %s", got)
		}

		// A node that died without giving up its lease holds the others up for
		// 30 seconds, not for ever.
		add(t, j, some(1)...)
		if _, mine, err := j.hold(ctx, "r"); err != nil || !mine {
			t.Fatal(mine, err)
		}
		if n, err := react(other, 0); err != nil || n != 0 {
			t.Errorf("under a foreign lease: %d, %v", n, err)
		}
		c.advance(31 * time.Second)
		if n, err := react(other, 0); err != nil || n != 1 {
			t.Errorf("after the lease: %d, %v", n, err)
		}
	})
}

func TestAReadIsRecordedOncePerLoginInFiveMinutesAndNeverSilentlyDropped(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		ctx := context.Background()
		c := newClock()
		j := open(t, db, c.now)
		jana := security.Actor{ID: "p-1", Session: "s-1"}
		size := func() int64 {
			if _, err := j.Read(ctx, 0, 1); err != nil {
				t.Fatal(err)
			}
			n, err := j.Size(ctx)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		read := func(who security.Actor, subject string) {
			t.Helper()
			if err := j.Recorded(ctx, who, "documents.read", subject, nil); err != nil {
				t.Fatal(err)
			}
		}
		for _, step := range []struct {
			what string
			do   func()
			want int64
		}{
			{"first", func() { read(jana, "document:a") }, 1},
			{"again", func() { read(jana, "document:a") }, 1},
			{"another document", func() { read(jana, "document:b") }, 2},
			{"another login of hers", func() { read(security.Actor{ID: "p-1", Session: "s-2"}, "document:a") }, 3},
			{"after five minutes", func() { c.advance(5 * time.Minute); read(jana, "document:a") }, 4},
			{"nobody, twice", func() { read(security.Actor{}, "matter:1"); read(security.Actor{}, "matter:1") }, 6},
		} {
			step.do()
			if got := size(); got != step.want {
				t.Errorf("%s: %d entries, want %d", step.what, got, step.want)
			}
		}
		c.advance(time.Hour)
		db.Close()
		if err := j.Recorded(ctx, jana, "documents.read", "document:a", nil); err == nil {
			t.Error("a read that could not be recorded was let through")
		}
	})
}

func TestProofsHoldBetweenAnyTwoSizes(t *testing.T) {
	db := dbtest.SQLite(t, sets...)
	ctx := context.Background()
	j := open(t, db, newClock().now)
	roots := map[int64][]byte{}
	size := int64(0)
	for _, n := range []int{1, 1, 5, 120, 129, 256, 1, 300} {
		add(t, j, some(n)...)
		size += int64(n)
		h, err := readHead(ctx, db)
		if err != nil {
			t.Fatal(err)
		}
		roots[size] = h.root
	}
	for from, old := range roots {
		p, err := j.Consistency(ctx, from, size)
		if err != nil {
			t.Fatal(err)
		}
		if err := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(from), uint64(size), p, old, roots[size]); err != nil {
			t.Errorf("%d → %d: %v", from, size, err)
		}
	}
	for _, seq := range []int64{1, 2, 255, 256, 257, 512, 513, 813} {
		p, err := j.Inclusion(ctx, seq, size)
		if err != nil {
			t.Fatal(err)
		}
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(seq-1), uint64(size), oneRow(t, j, seq).leafHash(), p, roots[size]); err != nil {
			t.Errorf("entry %d: %v", seq, err)
		}
	}
}

// TestALogOfManyTilesHoldsTogether reaches the third level of tiles; with
// SPOLUPIS_DEEP=1 only, it takes most of a minute on slow cores.
func TestALogOfManyTilesHoldsTogether(t *testing.T) {
	if os.Getenv("SPOLUPIS_DEEP") != "1" {
		t.Skip("SKIPPED: set SPOLUPIS_DEEP=1")
	}
	db := dbtest.SQLite(t, sets...)
	ctx := context.Background()
	j := open(t, db, newClock().now)
	all := some(6_000)
	for i := range all {
		all[i].Personal = nil
	}
	for range 12 {
		add(t, j, all...)
	}
	const size = 72_000
	if rep, err := j.Verify(ctx); err != nil || !rep.OK() || rep.Verified != size {
		t.Fatalf("%+v %v", rep, err)
	}
	h, err := readHead(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range []int64{1, 65_535, 65_536, 65_537, size} {
		p, err := j.Inclusion(ctx, seq, size)
		if err != nil {
			t.Fatal(err)
		}
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(seq-1), size, oneRow(t, j, seq).leafHash(), p, h.root); err != nil {
			t.Errorf("entry %d: %v", seq, err)
		}
	}
	exec(t, db, `UPDATE journal_tile SET hashes = $1 WHERE level = 2`, make([]byte, 32))
	if rep, err := j.Verify(ctx); err != nil || rep.What != WrongTile || rep.Wrong != 1 || rep.WrongTo != 65_536 {
		t.Errorf("a hash of the third level changed: %+v %v", rep, err)
	}
}
