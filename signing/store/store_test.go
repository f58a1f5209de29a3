package store_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"spolupis/security"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
	"spolupis/security/fault"
	"spolupis/security/journal"
	"spolupis/signing"
	"spolupis/signing/store"
)

var sets = []database.Set{{Name: "journal", FS: journal.Migrations}, {Name: "signing", FS: store.Migrations}}

var (
	now  = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	jana = security.Actor{ID: "p-jana", Name: "Jana"}
)

func open(t *testing.T, db *database.DB) (*store.Store, *journal.Journal) {
	t.Helper()
	j, err := journal.New(db, journal.Config{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return store.New(db, j, func() time.Time { return now }), j
}

func request(version string) signing.Request {
	return signing.Request{Version: signing.VersionID(version), Signer: "p-jana", Material: signing.MaterialID("m-" + version), Title: "T", Number: 1,
		State: signing.RequestOpen, Base: "base", CreatedAt: now, ChangedAt: now}
}

func batch(id string) signing.Batch {
	return signing.Batch{ID: signing.BatchID(id), Signer: "p-jana", SignerName: "Jana", Count: 1, List: "l", State: signing.BatchRunning, CreatedAt: now,
		Expires: now.Add(time.Hour), NextAt: now}
}

func item(version string) signing.Item {
	return signing.Item{Version: signing.VersionID(version), Material: signing.MaterialID("m-" + version), Step: signing.Chosen, ChangedAt: now}
}

func revision(version string, number int) signing.Revision {
	return signing.Revision{Version: signing.VersionID(version), Number: number, Signer: "p-jana", Batch: "b-1", Level: "B-T", Increment: []byte("x")}
}

func TestAWorkerThatLostItsLeaseWritesNothing(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		s, j := open(t, db)
		ctx := t.Context()
		ok(t, s.AddRequests(ctx, []signing.Request{request("v1")}))
		ok(t, s.CreateBatch(ctx, jana, batch("b-1"), []signing.Item{item("v1")}))
		slow, err := s.Claim(ctx, now, now.Add(time.Second))
		ok(t, err)
		if _, err := s.Claim(ctx, now, now.Add(time.Second)); !errors.Is(err, fault.NotFound) {
			t.Errorf("two workers have the batch: %v", err)
		}
		later := now.Add(time.Minute)
		fast, err := s.Claim(ctx, later, later.Add(time.Minute))
		ok(t, err)
		before, err := j.Size(ctx)
		ok(t, err)
		done := item("v1")
		done.Step = signing.Stored
		for name, err := range map[string]error{
			"Save": func() error { _, err := s.Save(ctx, slow, later, done); return err }(),
			"Keep": s.Keep(ctx, slow, done, revision("v1", 1)), "Release": s.Release(ctx, slow, signing.BatchDone, later, "r"),
		} {
			if !errors.Is(err, signing.ErrLost) {
				t.Errorf("%s: got %v, want ErrLost", name, err)
			}
		}
		if after, err := j.Size(ctx); err != nil || after != before {
			t.Errorf("the journal grew from %d to %d, %v", before, after, err)
		}
		ok(t, s.Keep(ctx, fast, done, revision("v1", 1)))
		ok(t, s.Release(ctx, fast, signing.BatchDone, later, "r"))
		if _, err := s.Claim(ctx, later.Add(time.Hour), later.Add(2*time.Hour)); !errors.Is(err, fault.NotFound) {
			t.Errorf("a finished batch is claimed: %v", err)
		}
	})
}

func TestKeepIsAllOrNothing(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		s, j := open(t, db)
		ctx := t.Context()
		ok(t, s.AddRequests(ctx, []signing.Request{request("v1"), request("v2")}))
		two := item("v2")
		two.Position = 1
		ok(t, s.CreateBatch(ctx, jana, batch("b-1"), []signing.Item{item("v1"), two}))
		b, err := s.Claim(ctx, now, now.Add(time.Minute))
		ok(t, err)
		done := item("v1")
		done.Step = signing.Stored
		other := revision("v1", 1)
		other.Signer = "p-petr"
		if err := s.Keep(ctx, b, done, other); !errors.Is(err, signing.ErrGone) {
			t.Errorf("signed by somebody who was not asked: %v", err)
		}
		ok(t, s.Keep(ctx, b, done, revision("v1", 1)))
		if err := s.Keep(ctx, b, done, revision("v1", 2)); !errors.Is(err, signing.ErrGone) {
			t.Errorf("signed twice: %v", err)
		}
		ok(t, s.Cancel(ctx, "v2", signing.CodeSuperseded))
		two.Step = signing.Stored
		if err := s.Keep(ctx, b, two, revision("v2", 1)); !errors.Is(err, signing.ErrGone) {
			t.Errorf("a cancelled request was signed: %v", err)
		}
		if list, err := s.Revisions(ctx, "v2"); err != nil || len(list) != 0 {
			t.Errorf("got %v, %v", list, err)
		}
		n := map[string]int{}
		entries, err := j.Read(ctx, 0, 100)
		ok(t, err)
		for _, e := range entries {
			n[e.Kind]++
		}
		if n["signing.signed"] != 1 || n["signing.completed"] != 1 || n["signing.cancelled"] != 1 {
			t.Errorf("got %v", n)
		}
	})
}

func TestTheNumberOfARevisionIsTakenOnce(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		s, _ := open(t, db)
		ctx := t.Context()
		petr := request("v1")
		petr.Signer = "p-petr"
		ok(t, s.AddRequests(ctx, []signing.Request{request("v1"), petr}))
		ok(t, s.CreateBatch(ctx, jana, batch("b-1"), []signing.Item{item("v1")}))
		his := batch("b-2")
		his.Signer = "p-petr"
		ok(t, s.CreateBatch(ctx, security.Actor{ID: "p-petr"}, his, []signing.Item{item("v1")}))
		one, err := s.Claim(ctx, now, now.Add(time.Minute))
		ok(t, err)
		two, err := s.Claim(ctx, now, now.Add(time.Minute))
		ok(t, err)
		done := item("v1")
		done.Step = signing.Stored
		r := revision("v1", 1)
		r.Signer = one.Signer
		ok(t, s.Keep(ctx, one, done, r))
		r.Signer = two.Signer
		if err := s.Keep(ctx, two, done, r); !errors.Is(err, signing.ErrMoved) {
			t.Errorf("got %v, want ErrMoved", err)
		}
		r.Number = 2
		ok(t, s.Keep(ctx, two, done, r))
	})
}

func TestADocumentIsInOneLiveBatchOfASigner(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		s, _ := open(t, db)
		ok(t, s.CreateBatch(t.Context(), jana, batch("b-1"), []signing.Item{item("v1")}))
		if err := s.CreateBatch(t.Context(), jana, batch("b-2"), []signing.Item{item("v1")}); !errors.Is(err, fault.Conflict) {
			t.Errorf("got %v, want a conflict", err)
		}
		if _, _, err := s.Batch(t.Context(), "b-2"); !errors.Is(err, fault.NotFound) {
			t.Errorf("half a batch is left: %v", err)
		}
	})
}

func TestABasketAmongTenThousandRequestsIsFoundByIndex(t *testing.T) {
	db := dbtest.SQLite(t, sets...)
	s, _ := open(t, db)
	var many []signing.Request
	for i := range 10_000 {
		r := request(fmt.Sprintf("v%05d", i))
		r.Signer, r.State = security.ActorID(fmt.Sprintf("p-%d", i%100)), signing.RequestWaits
		many = append(many, r)
	}
	many = append(many, request("mine"))
	ok(t, s.AddRequests(t.Context(), many))
	if rows, err := s.Basket(t.Context(), "p-jana"); err != nil || len(rows) != 1 || rows[0].Revision != "base" {
		t.Errorf("got %v, %v", rows, err)
	}
	var plan strings.Builder
	rows, err := db.QueryContext(t.Context(), `EXPLAIN QUERY PLAN SELECT version FROM signing_request AS r WHERE r.signer = 'p-jana' AND r.state = 'open' ORDER BY r.changed_at`)
	ok(t, err)
	defer rows.Close()
	for rows.Next() {
		var a, b, c int
		var detail string
		ok(t, rows.Scan(&a, &b, &c, &detail))
		plan.WriteString(detail)
	}
	if !strings.Contains(plan.String(), "signing_request_signer") || strings.Contains(plan.String(), "SCAN") {
		t.Errorf("the plan is %s", plan.String())
	}
}

func TestBothDatabasesHaveTheSameTables(t *testing.T) {
	space := regexp.MustCompile(`\s+`)
	read := func(name string, words ...string) string {
		b, err := os.ReadFile(name)
		ok(t, err)
		return space.ReplaceAllString(strings.NewReplacer(words...).Replace(string(b)), " ")
	}
	sqlite := read("0001_signing.sqlite.sql", ") STRICT;", ");", "id INTEGER PRIMARY KEY", "id IDENTITY", "id       INTEGER PRIMARY KEY", "id IDENTITY")
	postgres := read("0001_signing.postgres.sql", "id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "id IDENTITY", "BIGINT", "INTEGER", "BYTEA", "BLOB")
	if sqlite != postgres {
		t.Errorf("SQLite:\n%s\nPostgreSQL:\n%s", sqlite, postgres)
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
