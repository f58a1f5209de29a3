package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"spolupis/collab"
	"spolupis/collab/store"
	"spolupis/security"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
	"spolupis/security/journal"
)

var (
	eva   = security.Actor{ID: "p-eva", Name: "Eva", Session: "s-eva"}
	karel = security.Actor{ID: "p-karel", Name: "Karel", Session: "s-karel"}
	noon  = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

type fixture struct {
	*store.Store
	db      *database.DB
	journal *journal.Journal
	now     time.Time
	stop    func()
}

// each runs run with a store on every database.
func each(t *testing.T, run func(t *testing.T, f *fixture)) {
	sets := []database.Set{{Name: "journal", FS: journal.Migrations}, {Name: "collab", FS: store.Migrations}}
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		f := &fixture{db: db, now: noon}
		var err error
		if f.journal, err = journal.New(db, journal.Config{Now: func() time.Time { return f.now }}); err != nil {
			t.Fatal(err)
		}
		f.open(t, store.Config{})
		run(t, f)
	})
}

func (f *fixture) open(t *testing.T, cfg store.Config) {
	cfg.Journal, cfg.Now = f.journal, func() time.Time { return f.now }
	s := store.New(f.db, cfg)
	f.Store = s
	f.stop = sync.OnceFunc(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	t.Cleanup(f.stop)
}

func rows(who security.Actor, client uint64, updates ...string) []collab.Row {
	out := make([]collab.Row, len(updates))
	for i, u := range updates {
		out[i] = collab.Row{Person: who.ID, Session: who.Session, Client: client, At: noon, Update: []byte(u)}
	}
	return out
}

func appended(t *testing.T, f *fixture, b collab.Batch) int64 {
	t.Helper()
	last, err := f.Append(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	return last
}

func TestWhatWasAppendedIsLoadedInOrder(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		if last := appended(t, f, collab.Batch{Document: "d", Rows: rows(eva, 1<<52, "one", "two")}); last != 2 {
			t.Errorf("last = %d, want 2", last)
		}
		appended(t, f, collab.Batch{Document: "other", Rows: rows(eva, 7, "x")})
		appended(t, f, collab.Batch{Document: "d", Known: 2, Rows: rows(karel, 9, "three")})

		got, err := f.Load(ctx, "d")
		if err != nil {
			t.Fatal(err)
		}
		want := append(rows(eva, 1<<52, "one", "two"), rows(karel, 9, "three")...)
		for i := range want {
			want[i].Seq = int64(i + 1)
		}
		if got.State != (collab.State{Seq: 3, Epoch: 1}) || fmt.Sprint(got.Rows) != fmt.Sprint(want) {
			t.Errorf("loaded %+v, want %+v", got, want)
		}
		since, st, err := f.Since(ctx, "d", 1, 1)
		if err != nil || st.Seq != 3 || len(since) != 1 || since[0].Seq != 2 {
			t.Errorf("since 1, one row: %+v %+v %v", since, st, err)
		}
		heads, err := f.Heads(ctx, []collab.DocumentID{"d", "other", "nobody's"})
		if err != nil || len(heads) != 2 || heads["d"].Seq != 3 || heads["other"].Seq != 1 {
			t.Errorf("heads = %+v, %v", heads, err)
		}
	})
}

func TestADocumentNobodyWroteToIsEmpty(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		got, err := f.Load(context.Background(), "new")
		if err != nil || got.State != (collab.State{Epoch: 1}) || got.Rows != nil || got.Snapshot != nil {
			t.Errorf("load = %+v, %v", got, err)
		}
	})
}

func TestNothingIsStoredInASealedDocument(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		appended(t, f, collab.Batch{Document: "d", Rows: rows(eva, 7, "one")})
		for range 2 {
			st, err := f.Seal(ctx, "d")
			if err != nil || st != (collab.State{Seq: 1, Epoch: 1, Sealed: true}) {
				t.Errorf("seal = %+v, %v", st, err)
			}
		}
		if _, err := f.Append(ctx, collab.Batch{Document: "d", Known: 1, Rows: rows(eva, 7, "late")}); !errors.Is(err, collab.ErrSealed) {
			t.Errorf("append to a sealed document: %v, want ErrSealed", err)
		}
		if _, err := f.Reopen(ctx, "d"); err != nil {
			t.Fatal(err)
		}
		if last := appended(t, f, collab.Batch{Document: "d", Known: 1, Rows: rows(eva, 7, "again")}); last != 2 {
			t.Errorf("after reopening last = %d, want 2", last)
		}
		if st, err := f.Seal(ctx, "never written"); err != nil || !st.Sealed || st.Seq != 0 {
			t.Errorf("seal an empty document: %+v, %v", st, err)
		}
	})
}

func TestRacingSealsAndEditsNeverStoreAfterTheSeal(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		for round := range 10 {
			doc := collab.DocumentID(fmt.Sprint("d", round))
			var wg sync.WaitGroup
			for w := range 4 {
				wg.Go(func() {
					for i := range 10 {
						_, err := f.Append(ctx, collab.Batch{Document: doc, Rows: rows(eva, uint64(w+1), fmt.Sprint(w, i))})
						if err != nil && !errors.Is(err, collab.ErrSealed) {
							t.Error(err)
						}
					}
				})
			}
			var at int64
			wg.Go(func() {
				st, err := f.Seal(ctx, doc)
				if err != nil {
					t.Error(err)
				}
				at = st.Seq
			})
			wg.Wait()
			got, err := f.Load(ctx, doc)
			if err != nil || got.Seq != at || len(got.Rows) != int(at) {
				t.Fatalf("sealed at %d, then %d rows and head %+v, %v", at, len(got.Rows), got.State, err)
			}
		}
	})
}

func TestAClientIDBelongsToOnePersonForEver(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		id, err := f.Hold(ctx, "d", eva, 0, "window 1")
		if err != nil || id < 1<<32 || id >= 1<<53 {
			t.Fatalf("drawn id = %d, %v; want 53 bits, above those of browsers", id, err)
		}
		if _, err := f.Hold(ctx, "d", karel, id, "his window"); !errors.Is(err, collab.ErrLeased) {
			t.Errorf("another person's lease: %v, want ErrLeased", err)
		}
		if got, err := f.Hold(ctx, "d", eva, id, "window 2"); err != nil || got != id {
			t.Errorf("own lease again: %d, %v", got, err)
		}
		if _, err := f.Hold(ctx, "other", karel, id, "his window"); err != nil {
			t.Errorf("the same number in another document: %v", err)
		}
		if who, err := f.Owner(ctx, "d", id); err != nil || who != eva.ID {
			t.Errorf("owner = %q, %v", who, err)
		}
		if who, err := f.Owner(ctx, "d", 12345); err != nil || who != "" {
			t.Errorf("owner of a free id = %q, %v", who, err)
		}
	})
}

func TestAnUpdateOfAConnectionThatLostItsLeaseIsFenced(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		id, err := f.Hold(ctx, "d", eva, 0, "window 1")
		if err != nil {
			t.Fatal(err)
		}
		b := collab.Batch{Document: "d", Rows: rows(eva, id, "a"), Holds: []collab.Hold{{Client: id, Holder: "window 1"}}}
		appended(t, f, b)
		other := store.New(f.db, store.Config{Journal: f.journal, Now: time.Now}) // of another node
		defer other.Close()
		if _, err := other.Hold(ctx, "d", eva, id, "window 2"); err != nil {
			t.Fatal(err)
		}
		b.Known, b.Rows = 1, rows(eva, id, "b")
		if _, err := f.Append(ctx, b); !errors.Is(err, collab.ErrFenced) {
			t.Errorf("append by the old holder: %v, want ErrFenced", err)
		}
		b.Holds[0].Holder = "window 2"
		if last := appended(t, f, b); last != 2 {
			t.Errorf("last = %d, want 2: a refused batch takes no number", last)
		}
	})
}

func TestNothingIsStoredOnAWithdrawnRight(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		if _, err := f.db.Exec(`CREATE TABLE epoch (n BIGINT)`); err != nil {
			t.Fatal(err)
		}
		if _, err := f.db.Exec(`INSERT INTO epoch VALUES (1)`); err != nil {
			t.Fatal(err)
		}
		f.stop()
		f.open(t, store.Config{Epochs: epochInTable})
		b := collab.Batch{Document: "d", Rows: rows(eva, 1, "a"), Claims: []collab.Claim{{Person: eva.ID, Epoch: 1}}}
		appended(t, f, b)
		if _, err := f.db.Exec(`UPDATE epoch SET n = 2`); err != nil {
			t.Fatal(err)
		}
		b.Known, b.Rows = 1, rows(eva, 1, "b")
		if _, err := f.Append(ctx, b); !errors.Is(err, collab.ErrRevoked) {
			t.Errorf("append after the right was withdrawn: %v, want ErrRevoked", err)
		}
		if got, err := f.Load(ctx, "d"); err != nil || got.Seq != 1 {
			t.Errorf("head = %+v, %v; want 1 row", got.State, err)
		}
	})
}

// TestARefusedBatchLeavesNoGap has batches of some whose right is gone among others of the same document, at once.
func TestARefusedBatchLeavesNoGap(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		if _, err := f.db.Exec(`CREATE TABLE epoch (n BIGINT)`); err != nil {
			t.Fatal(err)
		}
		if _, err := f.db.Exec(`INSERT INTO epoch VALUES (1)`); err != nil {
			t.Fatal(err)
		}
		f.stop()
		f.open(t, store.Config{Epochs: epochInTable})
		const writers, each = 12, 10
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				who := eva
				if w%3 == 0 {
					who = security.Actor{ID: "p-stranger"}
				}
				for i := range each {
					_, err := f.Append(ctx, collab.Batch{Document: collab.DocumentID(fmt.Sprint("d", w%2)), Rows: rows(who, uint64(w+1), fmt.Sprint(w, i), "x"),
						Claims: []collab.Claim{{Person: who.ID, Epoch: 1}}})
					if got := errors.Is(err, collab.ErrRevoked); got != (who.ID != eva.ID) || err != nil && !got {
						t.Errorf("append of %s: %v", who.ID, err)
					}
				}
			})
		}
		wg.Wait()
		for _, doc := range []collab.DocumentID{"d0", "d1"} {
			got, err := f.Load(ctx, doc)
			if want := each * writers * 2 / 3; err != nil || got.Seq != int64(want) || len(got.Rows) != want {
				t.Errorf("%s: %d rows, head %+v, %v; want %d", doc, len(got.Rows), got.State, err, want)
			}
		}
	})
}

func TestADamagedSnapshotCostsTimeOnly(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		appended(t, f, collab.Batch{Document: "d", Rows: rows(eva, 7, "1", "2", "3", "4")})
		for seq := range int64(3) {
			if err := f.Snapshot(ctx, "d", seq+1, fmt.Appendf(nil, "whole %d", seq+1)); err != nil {
				t.Fatal(err)
			}
		}
		got, err := f.Load(ctx, "d")
		if err != nil || got.SnapshotSeq != 3 || string(got.Snapshot) != "whole 3" || len(got.Rows) != 1 {
			t.Fatalf("load = %+v, %v", got, err)
		}
		damage(t, f.db, `UPDATE collab_snapshot SET bytes = $1 WHERE seq = 3`)
		got, err = f.Load(ctx, "d")
		if err != nil || got.SnapshotSeq != 2 || len(got.Rows) != 2 {
			t.Errorf("load with the newest damaged = %+v, %v", got, err)
		}
		damage(t, f.db, `UPDATE collab_snapshot SET bytes = $1`)
		got, err = f.Load(ctx, "d")
		if err != nil || got.Snapshot != nil || len(got.Rows) != 4 {
			t.Errorf("load with all damaged = %+v, %v", got, err)
		}
		damage(t, f.db, `UPDATE collab_update SET bytes = $1 WHERE seq = 2`)
		if _, err := f.Load(ctx, "d"); err == nil {
			t.Error("a damaged row was loaded")
		}
	})
}

func damage(t *testing.T, db *database.DB, statement string) {
	t.Helper()
	if _, err := db.Exec(statement, []byte("damaged")); err != nil {
		t.Fatal(err)
	}
}

func TestManyRoomsShareACommitAndKeepTheirOrder(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		const rooms, turns = 20, 15
		var wg sync.WaitGroup
		for n := range rooms {
			wg.Go(func() {
				doc := collab.DocumentID(fmt.Sprint("d", n))
				var known int64
				for i := range turns {
					last, err := f.Append(ctx, collab.Batch{Document: doc, Known: known, Rows: rows(eva, 7, fmt.Sprint(i), fmt.Sprint(i, "b"))})
					if err != nil || last != known+2 {
						t.Errorf("append = %d, %v; want %d", last, err, known+2)
						return
					}
					known = last
				}
			})
		}
		wg.Wait()
		got, err := f.Load(ctx, "d3")
		if err != nil || len(got.Rows) != 2*turns || !bytes.Equal(got.Rows[2*turns-1].Update, []byte(fmt.Sprint(turns-1, "b"))) {
			t.Errorf("load = %d rows, %v", len(got.Rows), err)
		}
	})
}

func TestTheJournalLearnsWhoWroteInWhichMinute(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		if err := f.Opened(ctx, eva, "d"); err != nil {
			t.Fatal(err)
		}
		appended(t, f, collab.Batch{Document: "d", Rows: rows(eva, 7, "1", "2")})
		appended(t, f, collab.Batch{Document: "d", Known: 2, Rows: append(rows(eva, 7, "3"), rows(karel, 8, "4")...)})
		if err := f.Closed(ctx, eva, "d"); err != nil {
			t.Fatal(err)
		}
		f.stop()
		entries, err := f.journal.Read(ctx, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, fmt.Sprintf("%s %s %s %s", e.Kind, e.Actor, e.Subject, e.Body))
		}
		want := []string{
			"collab.opened p-eva document:d {}",
			`collab.edited p-eva document:d {"rows":3,"first":1,"last":3}`,
			`collab.edited p-karel document:d {"rows":1,"first":4,"last":4}`,
			"collab.closed p-eva document:d {}",
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("journal:\n%q\nwant\n%q", got, want)
		}
	})
}

// TestNoMinuteOfWritingIsLostOrToldTwice has a node die with a minute untold, another tell it, and a third, which was at it all
// the time, store one more row of that minute afterwards.
func TestNoMinuteOfWritingIsLostOrToldTwice(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		node := func() *store.Store {
			return store.New(f.db, store.Config{Journal: f.journal, Now: func() time.Time { return f.now }})
		}
		dead, alive := node(), node() // the first is not closed before the end: it tells nothing more
		defer dead.Close()
		for known, s := range []*store.Store{dead, alive} {
			if _, err := s.Append(ctx, collab.Batch{Document: "d", Known: int64(known), Rows: rows(eva, 7, "a")}); err != nil {
				t.Fatal(err)
			}
		}
		next := rows(karel, 8, "b")
		next[0].At = noon.Add(-time.Minute)
		if _, err := alive.Append(ctx, collab.Batch{Document: "d", Known: 2, Rows: next}); err != nil {
			t.Fatal(err)
		}
		if _, err := f.db.Exec(`INSERT INTO collab_edit (minute, document, person, edits, first_seq, last_seq) VALUES (1, 'old', 'p-eva', 3, 4, 6)`); err != nil {
			t.Fatal(err) // as nodes of the version before count
		}
		f.stop() // tells all there is
		if _, err := alive.Append(ctx, collab.Batch{Document: "d", Known: 3, Rows: append(rows(eva, 7, "late"), next...)}); err != nil {
			t.Fatal(err)
		}
		if err := alive.Close(); err != nil {
			t.Fatal(err)
		}
		entries, err := f.journal.Read(ctx, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, fmt.Sprintf("%s %s %s %s", e.At.Format("15:04"), e.Actor, e.Subject, e.Body))
		}
		want := []string{
			`00:01 p-eva document:old {"rows":3,"first":4,"last":6}`,
			`12:00 p-eva document:d {"rows":1,"first":4,"last":4}`,
			`12:00 p-eva document:d {"rows":2,"first":1,"last":2}`,
			`11:59 p-karel document:d {"rows":1,"first":3,"last":3}`,
			`11:59 p-karel document:d {"rows":1,"first":5,"last":5}`,
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("journal:\n%q\nwant\n%q", got, want)
		}
	})
}

// epochInTable gives everybody the same epoch, except strangers, who have none.
func epochInTable(ctx context.Context, tx database.Tx, writers []store.Writer) ([]int64, error) {
	var n int64
	if err := tx.QueryRowContext(ctx, `SELECT n FROM epoch`).Scan(&n); err != nil {
		return nil, err
	}
	epochs := make([]int64, len(writers))
	for i, w := range writers {
		if w.Person != "p-stranger" {
			epochs[i] = n
		}
	}
	return epochs, nil
}
