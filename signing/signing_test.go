package signing_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"spolupis/security"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
	"spolupis/security/fault"
	"spolupis/signing"
	"spolupis/signing/seal"
	"spolupis/signing/signingtest"
)

func each(t *testing.T, run func(o *office)) {
	t.Helper()
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) { run(open(t, db)) })
}

func TestOneAuthorisationSignsTheWholeBasket(t *testing.T) {
	each(t, func(o *office) {
		versions := o.ask(20, []security.ActorID{"p-jana"})
		id := o.authorise(jana, versions...)
		o.work()
		if got := o.steps(id); got[signing.Stored] != 20 {
			o.t.Fatalf("got %v", got)
		}
		for _, v := range versions {
			o.mustBeSigned(v, "Jana Nováková")
		}
		b, _, err := o.Batch(o.t.Context(), jana, id)
		if err != nil || b.State != signing.BatchDone || len(b.Result) != 64 || b.FinishedAt.IsZero() {
			o.t.Errorf("got %+v, %v", b, err)
		}
		for kind, want := range map[string]int{
			"signing.requested": 20, "signing.batch_authorised": 1, "signing.signed": 20, "signing.completed": 20, "signing.batch_finished": 1, "signing.failed": 0,
		} {
			if got := o.events(kind); got != want {
				o.t.Errorf("%s: got %d entries, want %d", kind, got, want)
			}
		}
		if rows, err := o.Basket(o.t.Context(), jana); err != nil || len(rows) != 0 {
			o.t.Errorf("the basket still holds %d, %v", len(rows), err)
		}
		if _, _, err := o.Batch(o.t.Context(), petr, id); !errors.Is(err, fault.NotFound) {
			o.t.Errorf("a stranger sees the batch: %v", err)
		}
	})
}

func TestTheSignatureSaysThatTheKeyIsNotQualified(t *testing.T) {
	o := open(t, dbtest.SQLite(t, sets...))
	v := o.ask(1, []security.ActorID{"p-jana"})[0]
	o.authorise(jana, v)
	o.work()
	st, err := o.Status(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	if s := st.Report.Signatures[0]; s.Class != seal.Test || s.Qualified || s.Level != "B-T" || st.Revisions[0].Class != seal.Test {
		t.Errorf("got %+v", s)
	}
}

func TestAWrongPasswordSignsNothing(t *testing.T) {
	each(t, func(o *office) {
		v := o.ask(2, []security.ActorID{"p-jana"})
		in, err := o.Confirm(o.t.Context(), jana, v)
		if err != nil {
			o.t.Fatal(err)
		}
		_, err = o.Authorise(o.t.Context(), jana, v, in.Hash(), "wrong")
		mustBe(o.t, err, fault.Unauthenticated)
		o.work()
		if o.events("signing.batch_authorised")+o.events("signing.signed") != 0 {
			o.t.Error("something was authorised")
		}
	})
}

func TestOnlyTheListThatWasShownCanBeAuthorised(t *testing.T) {
	each(t, func(o *office) {
		v := o.ask(3, []security.ActorID{"p-jana", "p-petr"})
		in, err := o.Confirm(o.t.Context(), jana, v)
		if err != nil {
			o.t.Fatal(err)
		}
		_, err = o.Authorise(o.t.Context(), jana, v[:2], in.Hash(), password)
		mustBe(o.t, err, fault.Conflict)
		o.authorise(petr, v[0])
		o.work() // the file on the list has got a signature since
		_, err = o.Authorise(o.t.Context(), jana, v, in.Hash(), password)
		mustBe(o.t, err, fault.Conflict)
		_, err = o.Confirm(o.t.Context(), eva, v)
		mustBe(o.t, err, fault.Conflict)
		_, err = o.Confirm(o.t.Context(), jana, nil)
		mustBe(o.t, err, fault.Invalid)
		o.authorise(jana, v...)
		_, err = o.Confirm(o.t.Context(), jana, v) // held by the running batch
		mustBe(o.t, err, fault.Conflict)
	})
}

func TestAChangedTextMustBeOpenedFirst(t *testing.T) {
	each(t, func(o *office) {
		v := o.ask(1, []security.ActorID{"p-jana"})[0]
		ctx := o.t.Context()
		if _, err := o.Opened(ctx, "p-jana", v); err != nil {
			o.t.Fatal(err)
		}
		next := o.docs.Put(signing.VersionInfo{Material: "m-000", MaterialNumber: "KUKV 0/2026", Title: "Dotace", Number: 2, State: "approved"})
		for _, e := range []struct {
			kind string
			body map[string]any
		}{{"documents.superseded", map[string]any{"version": v, "by": next}}, {"documents.approved", map[string]any{"version": next, "signers": [][]string{{"p-jana"}}}}} {
			for range 2 { // reactions come at least once
				if err := o.React(ctx, event(e.kind, "m-000", e.body)); err != nil {
					o.t.Fatal(err)
				}
			}
		}
		rows, err := o.Basket(ctx, jana)
		if err != nil || len(rows) != 1 {
			o.t.Fatalf("%d rows, %v", len(rows), err)
		}
		if r := rows[0]; r.Version != next || r.Opened || r.SeenNumber != 1 || r.Changes != 3 || r.Selectable() {
			o.t.Errorf("got %+v", r)
		}
		_, err = o.Confirm(ctx, jana, []signing.VersionID{next})
		mustBe(o.t, err, fault.Conflict)
		read := event("documents.version_read", "m-000", nil)
		read.Subject, read.Actor = "version:"+string(next), "p-jana"
		if err := o.React(ctx, read); err != nil {
			o.t.Fatal(err)
		}
		if _, err := o.Confirm(ctx, jana, []signing.VersionID{next}); err != nil {
			o.t.Errorf("after opening: %v", err)
		}
		lost, err := o.Lost(ctx, jana)
		if err != nil || len(lost) != 1 || lost[0].Why != signing.CodeSuperseded {
			o.t.Errorf("the signer is not told of the cancelled request: %+v, %v", lost, err)
		}
		if n := o.events("signing.cancelled"); n != 1 {
			o.t.Errorf("signing.cancelled %d times", n)
		}
	})
}

func TestWhoSignedAVersionSeesWhatChangedSince(t *testing.T) {
	o := open(t, dbtest.SQLite(t, sets...))
	o.authorise(jana, o.ask(1, []security.ActorID{"p-jana"})...) // signed without opening
	o.work()
	if _, err := o.journal.React(t.Context(), "signing", o.React); err != nil {
		t.Fatal(err)
	}
	next := o.docs.Put(signing.VersionInfo{Material: "m-000", MaterialNumber: "KUKV 0/2026", Number: 2, State: "approved"})
	if err := o.Request(t.Context(), next, [][]security.ActorID{{"p-jana"}}); err != nil {
		t.Fatal(err)
	}
	rows, err := o.Basket(t.Context(), jana)
	if err != nil || len(rows) != 1 || rows[0].SeenNumber != 1 || rows[0].Changes != 3 || rows[0].Selectable() {
		t.Errorf("got %+v, %v", rows, err)
	}
}

func TestGroupsSignInOrderAndTheLastSignatureCompletes(t *testing.T) {
	each(t, func(o *office) {
		v := o.ask(1, []security.ActorID{"p-jana", "p-petr"}, []security.ActorID{"p-eva", "p-jana"})[0]
		count := func(who security.Actor) int {
			n, _, err := o.Pending(o.t.Context(), who)
			if err != nil {
				o.t.Fatal(err)
			}
			return n
		}
		if count(jana) != 1 || count(petr) != 1 || count(eva) != 0 {
			o.t.Fatalf("at first: %d %d %d", count(jana), count(petr), count(eva))
		}
		o.authorise(petr, v)
		o.work()
		if count(eva) != 0 {
			o.t.Error("the second group may sign before the first has")
		}
		o.authorise(jana, v)
		o.work()
		if count(eva) != 1 || o.events("signing.completed") != 0 {
			o.t.Error("the second group is not asked, or the version is complete too early")
		}
		o.authorise(eva, v)
		o.work()
		o.mustBeSigned(v, "Petr Dvořák", "Jana Nováková", "Eva Malá")
		file, _, err := o.Signed(o.t.Context(), v)
		if err != nil {
			o.t.Fatal(err)
		}
		signingtest.CrossCheck(o.t, file, 3, o.keys.Root())
		if n := o.events("signing.completed"); n != 1 {
			o.t.Errorf("signing.completed %d times", n)
		}
	})
}

func TestTwoSignersAtTheSameMomentBothEndOnTheFile(t *testing.T) {
	each(t, func(o *office) {
		versions := o.ask(12, []security.ActorID{"p-jana", "p-petr", "p-eva"})
		for _, who := range []security.Actor{jana, petr, eva} {
			o.authorise(who, versions...)
		}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for {
					worked, err := service(o.t, o.cfg).Work(o.t.Context())
					if err != nil {
						o.t.Error(err)
					}
					if !worked || err != nil {
						return
					}
				}
			})
		}
		wg.Wait()
		o.work()
		for _, v := range versions {
			st, err := o.Status(o.t.Context(), v)
			if err != nil || st.Report.Indication != seal.Passed || len(st.Report.Signatures) != 3 {
				o.t.Fatalf("%s: %v %s %d signatures", v, err, st.Report.Indication, len(st.Report.Signatures))
			}
		}
		if n := o.events("signing.completed"); n != 12 {
			o.t.Errorf("%d versions completed, want 12", n)
		}
	})
}

func TestWhatWasSupersededMeanwhileIsSkippedWithAReason(t *testing.T) {
	each(t, func(o *office) {
		versions := o.ask(3, []security.ActorID{"p-jana"})
		id := o.authorise(jana, versions...)
		o.docs.Put(signing.VersionInfo{ID: versions[1], Material: "m-001", Number: 1, State: signing.Superseded})
		if err := o.React(o.t.Context(), event("documents.superseded", "m-002", map[string]any{"version": versions[2]})); err != nil {
			o.t.Fatal(err)
		}
		o.work()
		_, items, err := o.Batch(o.t.Context(), jana, id)
		if err != nil {
			o.t.Fatal(err)
		}
		if items[0].Step != signing.Stored || items[1].Step != signing.Skipped || items[1].Code != signing.CodeSuperseded || items[2].Code != signing.CodeSuperseded {
			o.t.Errorf("got %+v", items)
		}
		o.mustBeSigned(versions[0], "Jana Nováková")
		if revisions, err := o.store.Revisions(o.t.Context(), versions[1]); err != nil || len(revisions) != 0 {
			o.t.Errorf("a superseded version was signed: %v %v", revisions, err)
		}
	})
}

func TestASignatureStaysWithItsVersion(t *testing.T) {
	o := open(t, dbtest.SQLite(t, sets...))
	v := o.ask(1, []security.ActorID{"p-jana"})[0]
	o.authorise(jana, v)
	o.work()
	o.docs.Put(signing.VersionInfo{Material: "m-000", Number: 2, State: "frozen"})
	if err := o.React(t.Context(), event("documents.superseded", "m-000", map[string]any{"version": v})); err != nil {
		t.Fatal(err)
	}
	o.mustBeSigned(v, "Jana Nováková")
	st, err := o.Status(t.Context(), v)
	if err != nil || st.Newer != 2 || st.Requests[0].State != signing.RequestSigned {
		t.Errorf("got newer %d, %+v, %v", st.Newer, st.Requests, err)
	}
}

// failing stamps fail n times.
type failing struct {
	signing.Stamper
	mu sync.Mutex
	n  int
}

func (f *failing) Stamp(ctx context.Context, digest []byte) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n != 0 {
		f.n--
		return nil, errors.New("no time stamp now")
	}
	return f.Stamper.Stamp(ctx, digest)
}

func TestSignaturesWaitForTheirTimeStamp(t *testing.T) {
	each(t, func(o *office) {
		f := &failing{Stamper: o.cfg.Stamper, n: -1}
		o.cfg.Stamper = f
		o.Service = service(o.t, o.cfg)
		v := o.ask(20, []security.ActorID{"p-jana"})
		id := o.authorise(jana, v...)
		o.work()
		if got := o.steps(id); got[signing.Signed] != 20 {
			o.t.Fatalf("without time stamps: %v", got)
		}
		if o.events("signing.signed") != 0 {
			o.t.Error("a signature without a time stamp counts as made")
		}
		f.mu.Lock()
		f.n = 0
		f.mu.Unlock()
		o.clock.pass(11 * time.Minute)
		o.work()
		if got := o.steps(id); got[signing.Stored] != 20 {
			o.t.Errorf("with time stamps again: %v", got)
		}
		o.mustBeSigned(v[19], "Jana Nováková")
	})
}

func TestAnAuthorisationRunsOut(t *testing.T) {
	o := open(t, dbtest.SQLite(t, sets...))
	v := o.ask(2, []security.ActorID{"p-jana"})
	id := o.authorise(jana, v...)
	o.clock.pass(25 * time.Hour)
	o.work()
	_, items, err := o.Batch(t.Context(), jana, id)
	if err != nil || items[0].Code != signing.CodeExpired || o.events("signing.signed") != 0 {
		t.Errorf("got %+v, %v", items, err)
	}
	o.authorise(jana, v...) // he may authorise them anew
}

func TestCancellingKeepsWhatIsFinished(t *testing.T) {
	each(t, func(o *office) {
		v := o.ask(40, []security.ActorID{"p-jana"})
		id := o.authorise(jana, v...)
		s := &watched{Store: o.store, after: 20, do: func() {
			if err := o.Cancel(o.t.Context(), jana, id); err != nil {
				o.t.Error(err)
			}
		}}
		o.cfg.Store = s
		o.Service = service(o.t, o.cfg)
		o.work()
		got := o.steps(id)
		if got[signing.Stored] < 20 || got[signing.Cancelled] == 0 || got[signing.Stored]+got[signing.Cancelled] != 40 {
			o.t.Fatalf("got %v", got)
		}
		b, items, err := o.Batch(o.t.Context(), jana, id)
		if err != nil || b.State != signing.BatchCancelled {
			o.t.Errorf("got %s, %v", b.State, err)
		}
		for _, it := range items {
			if it.Step == signing.Stored {
				o.mustBeSigned(it.Version, "Jana Nováková")
			}
		}
		if rows, err := o.Basket(o.t.Context(), jana); err != nil || len(rows) != got[signing.Cancelled] || rows[0].Batch != "" {
			o.t.Errorf("%d rows are back in the basket, %v", len(rows), err)
		}
	})
}

// watched does something after a number of kept signatures.
type watched struct {
	signing.Store
	after int
	do    func()
}

func (w *watched) Keep(ctx context.Context, b signing.Batch, it signing.Item, r signing.Revision) error {
	err := w.Store.Keep(ctx, b, it, r)
	if w.after--; w.after == 0 {
		w.do()
	}
	return err
}

// present is a key that needs its owner: it opens only so many times.
type present struct {
	signing.Keys
	times *int
}

func (p present) Credential(ctx context.Context, who security.ActorID) (signing.Credential, error) {
	c, err := p.Keys.Credential(ctx, who)
	return opens{c, p.times}, err
}

type opens struct {
	signing.Credential
	times *int
}

func (o opens) Open(ctx context.Context, g signing.Grant) (signing.Session, error) {
	if *o.times--; *o.times < 0 {
		return nil, signing.ErrAuthoriseAgain
	}
	return o.Credential.Open(ctx, g)
}

func TestAKeyThatNeedsItsOwnerPausesTheBatch(t *testing.T) {
	each(t, func(o *office) {
		times := 0
		o.cfg.Keys = present{o.keys, &times}
		o.Service = service(o.t, o.cfg)
		v := o.ask(2, []security.ActorID{"p-jana"})
		id := o.authorise(jana, v...)
		o.work()
		b, _, err := o.Batch(o.t.Context(), jana, id)
		if err != nil || b.State != signing.BatchPaused {
			o.t.Fatalf("got %s, %v", b.State, err)
		}
		mustBe(o.t, o.AuthoriseAgain(o.t.Context(), jana, id, "wrong"), fault.Unauthenticated)
		mustBe(o.t, o.AuthoriseAgain(o.t.Context(), petr, id, password), fault.NotFound)
		times = 1
		if err := o.AuthoriseAgain(o.t.Context(), jana, id, password); err != nil {
			o.t.Fatal(err)
		}
		o.work()
		if got := o.steps(id); got[signing.Stored] != 2 {
			o.t.Errorf("got %v", got)
		}
	})
}

func TestTheCertificateDoesNotChangeWithinABatch(t *testing.T) {
	o := open(t, dbtest.SQLite(t, sets...))
	id := o.authorise(jana, o.ask(2, []security.ActorID{"p-jana"})...)
	other := open(t, dbtest.SQLite(t, sets...))
	o.cfg.Keys = other.keys
	o.Service = service(t, o.cfg)
	o.work()
	_, items, err := o.Batch(t.Context(), jana, id)
	if err != nil || items[0].Code != signing.CodeKey || items[1].Code != signing.CodeKey {
		t.Errorf("got %+v, %v", items, err)
	}
}

func TestTheListHashNamesEverythingThatIsAuthorised(t *testing.T) {
	base := func() signing.Intent {
		return signing.Intent{Signer: "p-jana", Fingerprint: "f", Rows: []signing.Row{
			{Request: signing.Request{Version: "a"}, Revision: "1"}, {Request: signing.Request{Version: "b"}, Revision: "2"},
		}}
	}
	seen := map[string]string{base().Hash(): "itself"}
	for name, change := range map[string]func(*signing.Intent){
		"signer": func(i *signing.Intent) { i.Signer = "p-petr" }, "certificate": func(i *signing.Intent) { i.Fingerprint = "g" },
		"version": func(i *signing.Intent) { i.Rows[1].Version = "c" }, "revision": func(i *signing.Intent) { i.Rows[0].Revision = "2" },
		"order": func(i *signing.Intent) { i.Rows[0], i.Rows[1] = i.Rows[1], i.Rows[0] }, "length": func(i *signing.Intent) { i.Rows = i.Rows[:1] },
	} {
		i := base()
		change(&i)
		if was, twice := seen[i.Hash()]; twice {
			t.Errorf("%s and %s have the same hash", name, was)
		}
		seen[i.Hash()] = name
	}
}

func TestAdvance(t *testing.T) {
	req := func(who string, group int, state signing.RequestState) signing.Request {
		return signing.Request{Signer: security.ActorID(who), Group: group, State: state}
	}
	for _, c := range []struct {
		name     string
		requests []signing.Request
		open     string
		complete bool
	}{
		{"alone", []signing.Request{req("a", 0, signing.RequestSigned)}, "", true},
		{"another of the group is open", []signing.Request{req("a", 0, signing.RequestSigned), req("b", 0, signing.RequestOpen), req("c", 1, signing.RequestWaits)}, "", false},
		{"the group is done", []signing.Request{req("a", 0, signing.RequestSigned), req("b", 1, signing.RequestWaits), req("c", 1, signing.RequestWaits), req("d", 2, signing.RequestWaits)}, "bc", false},
		{"the last group", []signing.Request{req("b", 0, signing.RequestSigned), req("a", 1, signing.RequestSigned)}, "", true},
		{"withdrawn", []signing.Request{req("a", 0, signing.RequestSigned), req("b", 1, signing.RequestCancelled)}, "", false},
	} {
		open, complete := signing.Advance(c.requests, "a")
		var got strings.Builder
		for _, r := range open {
			got.WriteString(string(r.Signer))
		}
		if got.String() != c.open || complete != c.complete {
			t.Errorf("%s: got %q %v, want %q %v", c.name, got.String(), complete, c.open, c.complete)
		}
	}
}

// TestABatchSurvivesADeathAtEveryStep kills the server before and after every single call it makes, lets another one go on, and
// looks for lost and double signatures.
func TestABatchSurvivesADeathAtEveryStep(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		o := open(t, db)
		total, stride := 0, 1
		if db.Postgres && os.Getenv("SPOLUPIS_DEEP") != "1" {
			stride = 3 // the same code; SQLite has been through every call
		}
		for deaths := 0; ; deaths += stride {
			versions := o.again(deaths)
			id := o.authorise(jana, versions...)
			killed := 0
			for at := deaths; ; { // dies once at call number `deaths`, then again at every third call, until it gets through
				k := &killer{left: at}
				ctx, cancel := context.WithCancel(t.Context())
				k.kill = cancel
				cfg := o.cfg
				cfg.Store, cfg.Documents, cfg.Keys, cfg.Stamper = killStore{o.store, k}, killDocuments{o.docs, k}, killKeys{o.keys, k}, killStamper{o.cfg.Stamper, k}
				_, err := service(t, cfg).Work(ctx)
				died := ctx.Err() != nil
				cancel()
				if !died {
					if err != nil {
						t.Fatal(err)
					}
					break
				}
				killed++
				o.clock.pass(time.Minute) // the lease of the dead runs out
				at = 3 + at/2 + killed
			}
			o.clock.pass(time.Minute)
			o.work()
			if got := o.steps(id); got[signing.Stored] != len(versions) {
				t.Fatalf("death %d: %v", deaths, got)
			}
			for _, v := range versions {
				o.mustBeSigned(v, "Jana Nováková")
			}
			total += len(versions)
			if killed == 0 {
				break
			}
		}
		got := map[string]int{}
		for _, kind := range []string{"signing.signed", "signing.completed", "signing.failed"} {
			got[kind] = o.events(kind)
		}
		if want := map[string]int{"signing.signed": total, "signing.completed": total, "signing.failed": 0}; !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		t.Logf("%d signatures, each stored once", total)
	})
}

// again asks for two new versions.
func (o *office) again(round int) []signing.VersionID {
	o.t.Helper()
	var out []signing.VersionID
	for i := range 2 {
		m := signing.MaterialID("r-" + string(rune('a'+i)) + "-" + time.Duration(round).String())
		id := o.docs.Put(signing.VersionInfo{Material: m, MaterialNumber: string(m), Title: "x", Number: 1, State: "approved"})
		if err := o.Request(o.t.Context(), id, [][]security.ActorID{{"p-jana"}}); err != nil {
			o.t.Fatal(err)
		}
		out = append(out, id)
	}
	return out
}

// killer cancels everything at one call: before it takes effect or after it.
type killer struct {
	mu   sync.Mutex
	left int
	kill func()
}

var errDead = errors.New("the server is dead")

// around runs a call unless the server is dead; it dies before call number left/2, or right after it when left is odd.
func (k *killer) around(ctx context.Context, call func() error) error {
	k.mu.Lock()
	n := k.left
	k.left -= 2
	k.mu.Unlock()
	if n == 0 {
		k.kill()
	}
	if ctx.Err() != nil {
		return errDead
	}
	err := call()
	if n == 1 {
		k.kill()
		return errDead
	}
	return err
}

type killStore struct {
	signing.Store
	k *killer
}

func (s killStore) Claim(ctx context.Context, now, until time.Time) (b signing.Batch, err error) {
	err = s.k.around(ctx, func() (err error) { b, err = s.Store.Claim(ctx, now, until); return })
	return b, err
}

func (s killStore) Batch(ctx context.Context, id signing.BatchID) (b signing.Batch, items []signing.Item, err error) {
	err = s.k.around(ctx, func() (err error) { b, items, err = s.Store.Batch(ctx, id); return })
	return b, items, err
}

func (s killStore) Save(ctx context.Context, b signing.Batch, until time.Time, items ...signing.Item) (state signing.BatchState, err error) {
	err = s.k.around(ctx, func() (err error) { state, err = s.Store.Save(ctx, b, until, items...); return })
	return state, err
}

func (s killStore) Keep(ctx context.Context, b signing.Batch, it signing.Item, r signing.Revision) error {
	return s.k.around(ctx, func() error { return s.Store.Keep(ctx, b, it, r) })
}

func (s killStore) Release(ctx context.Context, b signing.Batch, state signing.BatchState, next time.Time, result string) error {
	return s.k.around(ctx, func() error { return s.Store.Release(ctx, b, state, next, result) })
}

type killDocuments struct {
	*signingtest.Documents
	k *killer
}

func (d killDocuments) PDF(ctx context.Context, id signing.VersionID) (b []byte, err error) {
	err = d.k.around(ctx, func() (err error) { b, err = d.Documents.PDF(ctx, id); return })
	return b, err
}

type killKeys struct {
	signing.Keys
	k *killer
}

func (d killKeys) Credential(ctx context.Context, who security.ActorID) (signing.Credential, error) {
	c, err := d.Keys.Credential(ctx, who)
	return killCredential{c, d.k}, err
}

type killCredential struct {
	signing.Credential
	k *killer
}

func (c killCredential) Open(ctx context.Context, g signing.Grant) (signing.Session, error) {
	s, err := c.Credential.Open(ctx, g)
	return killSession{s, c.k}, err
}

type killSession struct {
	signing.Session
	k *killer
}

func (s killSession) SignHashes(ctx context.Context, alg seal.Algorithm, hashes [][]byte) (out [][]byte, err error) {
	err = s.k.around(ctx, func() (err error) { out, err = s.Session.SignHashes(ctx, alg, hashes); return })
	return out, err
}

type killStamper struct {
	signing.Stamper
	k *killer
}

func (s killStamper) Stamp(ctx context.Context, digest []byte) (token []byte, err error) {
	err = s.k.around(ctx, func() (err error) { token, err = s.Stamper.Stamp(ctx, digest); return })
	return token, err
}

// TestABasketOfAThousand runs under SPOLUPIS_DEEP=1 and says how long it took.
func TestABasketOfAThousand(t *testing.T) {
	if os.Getenv("SPOLUPIS_DEEP") != "1" {
		t.Skip("set SPOLUPIS_DEEP=1 to sign 1000 documents")
	}
	each(t, func(o *office) {
		versions := o.ask(1000, []security.ActorID{"p-jana"})
		id := o.authorise(jana, versions...)
		start := time.Now()
		o.work()
		o.t.Logf("1000 documents in %s", time.Since(start).Round(time.Millisecond))
		if got := o.steps(id); got[signing.Stored] != 1000 {
			o.t.Fatalf("got %v", got)
		}
		start = time.Now()
		for _, v := range versions {
			o.mustBeSigned(v, "Jana Nováková")
		}
		o.t.Logf("and checked in %s", time.Since(start).Round(time.Millisecond))
	})
}
