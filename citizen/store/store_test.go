package store_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"spolupis/citizen"
	"spolupis/citizen/store"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

var (
	drafter = security.Actor{ID: "p-drafter", Session: "s1"}
	head    = security.Actor{ID: "p-head", Session: "s2"}
	second  = security.Actor{ID: "p-second", Session: "s3"}
)

// office is a citizen side over a real database; documents and rights are
// those of a small invented office.
type office struct {
	*citizen.Service
	t       *testing.T
	db      *database.DB
	journal *journal.Journal
	mu      sync.Mutex
	now     time.Time // guarded by mu
}

func (o *office) Document(_ context.Context, _ security.Actor, id citizen.DocumentID) (citizen.Document, error) {
	if !strings.HasPrefix(string(id), "d") {
		return citizen.Document{}, fault.NotFound
	}
	return citizen.Document{ID: id, Title: "Dotace spolku Sokol", Agenda: "grants", AgendaName: "Dotace", Unit: "u-culture", UnitName: "Odbor kultury"}, nil
}

func (o *office) Agendas(context.Context, security.Actor) ([]citizen.Agenda, error) {
	return []citizen.Agenda{{ID: "grants", Name: "Dotace", UnitName: "Odbor kultury"}}, nil
}

func (o *office) Agenda(ctx context.Context, who security.Actor, id citizen.AgendaID) (citizen.Agenda, error) {
	if id != "grants" {
		return citizen.Agenda{}, fault.NotFound
	}
	return citizen.Agenda{ID: id, Name: "Dotace", UnitName: "Odbor kultury"}, nil
}

func (o *office) Can(_ context.Context, who security.Actor, act access.Act, _ access.Object) error {
	if act == access.Manage && who.ID == drafter.ID || act == access.Publish && (who.ID == head.ID || who.ID == second.ID) || act == access.View {
		return nil
	}
	return fault.Denied
}

func (o *office) clock() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

func (o *office) pass(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = o.now.Add(d)
}

func each(t *testing.T, run func(t *testing.T, o *office)) {
	sets := []database.Set{{Name: "journal", FS: journal.Migrations}, store.Set}
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		o := &office{t: t, db: db, now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
		var err error
		if o.journal, err = journal.New(db, journal.Config{Now: o.clock}); err != nil {
			t.Fatal(err)
		}
		o.Service, err = citizen.New(citizen.Config{
			Store: store.New(db, o.journal, o.clock), Agendas: o, Documents: o, Rights: o, Reads: o.journal,
			Key: []byte("0123456789abcdef0123456789abcdef"), Now: o.clock, Rand: rand.Reader,
		})
		if err != nil {
			t.Fatal(err)
		}
		run(t, o)
	})
}

// happened appends an event of the workflow and lets the projection follow.
func (o *office) happened(kind, document string, body any) {
	o.t.Helper()
	o.pass(time.Hour)
	b, err := json.Marshal(body)
	if err != nil {
		o.t.Fatal(err)
	}
	tx, err := o.db.BeginTx(context.Background(), nil)
	if err != nil {
		o.t.Fatal(err)
	}
	defer tx.Rollback()
	if err := o.journal.Append(context.Background(), tx, journal.Entry{Kind: kind, Subject: "document:" + document, Actor: "p-drafter", Body: b}); err != nil {
		o.t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		o.t.Fatal(err)
	}
	o.follow()
}

func (o *office) follow() {
	o.t.Helper()
	if _, err := o.Store.Follow(context.Background()); err != nil {
		o.t.Fatal(err)
	}
}

func scope() citizen.Scope {
	return citizen.Scope{
		Agenda: "grants", Mode: citizen.Coded, LegalBasis: "§ 38 správního řádu", RetentionDays: 90,
		Stages: []citizen.Stage{citizen.Received, citizen.Registered, citizen.InProgress, citizen.InApproval, citizen.Approved, citizen.Signed, citizen.Dispatched},
		Fields: citizen.Fields{Unit: true, Subject: "generic"},
	}
}

func (o *office) publish(s citizen.Scope) citizen.Scope {
	o.t.Helper()
	made, err := o.Propose(context.Background(), head, s)
	if err != nil {
		o.t.Fatal(err)
	}
	if err := o.Decide(context.Background(), second, "grants", made.Number, true); err != nil {
		o.t.Fatal(err)
	}
	o.follow()
	return made
}

func (o *office) open(document string) (citizen.Matter, citizen.Code) {
	o.t.Helper()
	m, code, err := o.Open(context.Background(), drafter, citizen.Opening{Document: citizen.DocumentID(document), Rule: citizen.Administrative, Generic: "Žádost o dotaci"})
	if err != nil {
		o.t.Fatal(err)
	}
	o.follow()
	return m, code
}

func (o *office) see(m citizen.Matter) citizen.Status {
	o.t.Helper()
	v, _, err := o.Status(context.Background(), string(m.Number), o.Pass(m, o.clock().Add(time.Minute)))
	if err != nil {
		o.t.Fatal(err)
	}
	return v
}

func TestCitizenFollowsTheMatterWithNumberAndCode(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.publish(scope())
		o.happened("documents.created", "d1", map[string]any{"number": "KUJCK 1/2026"})
		m, code := o.open("d1")
		got, err := o.Enter(context.Background(), strings.ReplaceAll(string(m.Number), "-", " "), strings.ToLower(code.String()), "192.0.2.1")
		if err != nil || got.ID != m.ID {
			t.Fatalf("Enter = %v, %v; want the matter", got.ID, err)
		}
		o.happened("documents.round_started", "d1", nil)
		o.happened("documents.comment_added", "d1", map[string]any{"comment": "c1"})
		o.happened("documents.route_started", "d1", nil)
		v := o.see(m)
		var names []citizen.Stage
		for _, s := range v.Steps {
			names = append(names, s.Stage)
		}
		want := []citizen.Stage{citizen.Received, citizen.Registered, citizen.InProgress, citizen.InApproval, citizen.Approved, citizen.Signed, citizen.Dispatched}
		if !slices.Equal(names, want) || v.Current.Stage != citizen.InApproval {
			t.Errorf("steps %v, now %s; want %v, now in_approval", names, v.Current.Stage, want)
		}
		if v.Unit != "Odbor kultury" || v.Subject != "Žádost o dotaci" {
			t.Errorf("unit %q, subject %q", v.Unit, v.Subject)
		}
		if got := v.Deadline.Due.Format(time.DateOnly); got != "2026-12-22" {
			t.Errorf("deadline %s, want 2026-12-22", got)
		}
	})
}

func TestWrongNumberAndWrongCodeGiveOneAnswer(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.publish(scope())
		m, code := o.open("d1")
		_, wrongCode := o.Enter(context.Background(), string(m.Number), "00000-00000", "192.0.2.1")
		_, wrongNumber := o.Enter(context.Background(), "2026-000-001", string(code), "192.0.2.1")
		_, noNumber := o.Enter(context.Background(), "' OR 1=1", string(code), "192.0.2.1")
		for _, err := range []error{wrongCode, wrongNumber, noNumber} {
			if f := fault.Of(err); f.Kind != fault.Denied || f.Key != "citizen.fault.refused" {
				t.Errorf("got %v, want the one refusal", err)
			}
		}
		es, err := o.journal.Read(context.Background(), 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		refusals := 0
		for _, e := range es {
			if e.Kind == citizen.KindCodeRefused {
				refusals++
			}
			if all := string(e.Body) + string(e.Personal) + e.Subject; strings.Contains(all, string(code)) || strings.Contains(all, code.String()) {
				t.Errorf("the journal holds the code: %s", all)
			}
		}
		if refusals != 3 {
			t.Errorf("%d refusals journalled, want 3", refusals)
		}
	})
}

func TestGuessingIsLockedForRealAndInventedNumbersAlike(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.publish(scope())
		m, code := o.open("d1")
		locked := func(number string) int {
			for i := 1; i < 100; i++ {
				if _, err := o.Enter(context.Background(), number, "00000-00000", "net-"+number+string(rune('a'+i%26))); errors.Is(err, fault.TooMany) {
					return i
				}
			}
			return 0
		}
		real, invented := locked(string(m.Number)), locked("2026-999-999")
		if real != 11 || invented != real {
			t.Errorf("locked at try %d of a real number and %d of an invented one, want 11 and 11", real, invented)
		}
		if _, err := o.Enter(context.Background(), string(m.Number), string(code), "192.0.2.9"); !errors.Is(err, fault.TooMany) {
			t.Errorf("the right code while locked: %v, want too many", err)
		}
		o.pass(16 * time.Minute)
		if _, err := o.Enter(context.Background(), string(m.Number), string(code), "192.0.2.9"); err != nil {
			t.Errorf("the right code after the window: %v", err)
		}
	})
}

func TestTriesMadeAtOnceAreAllCounted(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		const n = 16
		got := make([]int, n)
		var wait sync.WaitGroup
		for i := range n {
			wait.Go(func() {
				tries, err := o.Store.Charge(context.Background(), []string{"number:x", fmt.Sprintf("place:%d", i%2)}, o.clock(), time.Minute)
				if err != nil {
					t.Error(err)
					return
				}
				got[i] = tries[0]
			})
		}
		wait.Wait()
		slices.Sort(got)
		for i, g := range got {
			if g != i+1 {
				t.Fatalf("%d tries at once counted as %v, want 1 to %d once each", n, got, n)
			}
		}
	})
}

func TestOnePlaceCannotTryManyNumbers(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		for i := range 31 {
			n, err := citizen.NewNumber(rand.Reader, o.clock())
			if err != nil {
				t.Fatal(err)
			}
			_, err = o.Enter(context.Background(), string(n), "00000-00000", "192.0.2.1")
			if want := i >= citizen.DefaultLimits.PerPlace; errors.Is(err, fault.TooMany) != want {
				t.Fatalf("try %d: %v, want too many: %v", i+1, err, want)
			}
		}
		if _, err := o.Enter(context.Background(), "2026-000-001", "00000-00000", "192.0.2.2"); !errors.Is(err, fault.Denied) {
			t.Errorf("another place: %v, want an ordinary refusal", err)
		}
	})
}

func TestRightCodesAreNotCountedAsTries(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.publish(scope())
		m, code := o.open("d1")
		for i := range 32 {
			if _, err := o.Enter(context.Background(), string(m.Number), string(code), "192.0.2.1"); err != nil {
				t.Fatalf("visit %d: %v", i+1, err)
			}
		}
	})
}

func TestNewCodeEndsTheOldOne(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		ctx := context.Background()
		o.publish(scope())
		m, old := o.open("d1")
		pass, feed := o.Pass(m, o.clock().Add(time.Hour)), o.FeedToken(m)
		m2, fresh, err := o.Reissue(ctx, drafter, m.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Enter(ctx, string(m.Number), string(old), "a"); !errors.Is(err, fault.Denied) {
			t.Errorf("old code: %v, want a refusal", err)
		}
		if _, _, err := o.Status(ctx, string(m.Number), pass); !errors.Is(err, fault.Denied) {
			t.Errorf("page opened with the old code: %v, want a refusal", err)
		}
		if _, err := o.Feed(ctx, feed); !errors.Is(err, fault.NotFound) {
			t.Errorf("old feed: %v, want not found", err)
		}
		if _, err := o.Enter(ctx, string(m.Number), string(fresh), "a"); err != nil {
			t.Errorf("new code: %v", err)
		}
		if _, err := o.Feed(ctx, o.FeedToken(m2)); err != nil {
			t.Errorf("new feed: %v", err)
		}
	})
}

func TestPassOpensOneMatterForItsTime(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		ctx := context.Background()
		o.publish(scope())
		a, _ := o.open("d1")
		b, _ := o.open("d2")
		pass := o.Pass(a, o.clock().Add(30*time.Minute))
		if _, _, err := o.Status(ctx, string(b.Number), pass); !errors.Is(err, fault.Denied) {
			t.Errorf("a pass for another matter: %v, want a refusal", err)
		}
		o.pass(31 * time.Minute)
		if _, _, err := o.Status(ctx, string(a.Number), pass); !errors.Is(err, fault.Denied) {
			t.Errorf("an old pass: %v, want a refusal", err)
		}
		for _, forged := range []string{"", "9999999999.", "9999999999." + strings.Split(pass, ".")[1], pass + "x"} {
			if _, _, err := o.Status(ctx, string(a.Number), forged); !errors.Is(err, fault.Denied) {
				t.Errorf("pass %q: %v, want a refusal", forged, err)
			}
		}
	})
}

func TestWithoutApprovedScopeNothingIsShown(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		ctx := context.Background()
		m, code := o.open("d1")
		if _, err := o.Enter(ctx, string(m.Number), string(code), "a"); !errors.Is(err, fault.Denied) {
			t.Errorf("no scope: %v, want the refusal", err)
		}
		made, err := o.Propose(ctx, head, scope())
		if err != nil {
			t.Fatal(err)
		}
		o.follow()
		if _, err := o.Enter(ctx, string(m.Number), string(code), "a"); !errors.Is(err, fault.Denied) {
			t.Errorf("a scope only proposed: %v, want the refusal", err)
		}
		if err := o.Decide(ctx, head, "grants", made.Number, true); !errors.Is(err, fault.Denied) {
			t.Errorf("approving one's own proposal: %v, want denied", err)
		}
		if err := o.Decide(ctx, drafter, "grants", made.Number, true); !errors.Is(err, fault.Denied) {
			t.Errorf("approving without the right: %v, want denied", err)
		}
		if err := o.Decide(ctx, second, "grants", made.Number, true); err != nil {
			t.Fatal(err)
		}
		if err := o.Decide(ctx, second, "grants", made.Number, true); !errors.Is(err, fault.Conflict) {
			t.Errorf("approving twice: %v, want a conflict", err)
		}
		if _, err := o.Enter(ctx, string(m.Number), string(code), "a"); err != nil {
			t.Errorf("approved by two: %v", err)
		}
	})
}

func TestNarrowerScopeHidesAtOnceAndLeavesTombstones(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		ctx := context.Background()
		o.publish(scope())
		m, _ := o.open("d1")
		o.happened("documents.round_started", "d1", nil)
		o.happened("documents.route_started", "d1", nil)
		narrow := scope()
		narrow.Stages = []citizen.Stage{citizen.Received, citizen.Signed}
		made, err := o.Propose(ctx, head, narrow)
		if err != nil {
			t.Fatal(err)
		}
		p, err := o.Preview(ctx, second, made)
		if err != nil {
			t.Fatal(err)
		}
		if p.Now.Current.Stage != citizen.InApproval || p.Then.Current.Stage != citizen.Received || !p.Real {
			t.Errorf("preview: now %s, then %s", p.Now.Current.Stage, p.Then.Current.Stage)
		}
		if got := o.see(m).Current.Stage; got != citizen.InApproval {
			t.Errorf("a preview changed the page: now %s", got)
		}
		if err := o.Decide(ctx, second, "grants", made.Number, true); err != nil {
			t.Fatal(err)
		}
		v := o.see(m) // the projection has not followed yet
		if v.Current.Stage != citizen.Received || len(v.Entries) != 1 {
			t.Errorf("before the projection: now %s, %d feed entries; want received and one", v.Current.Stage, len(v.Entries))
		}
		o.follow()
		v = o.see(m)
		if v.Current.Stage != citizen.Received || len(v.Gone) != 2 {
			t.Errorf("after the projection: now %s, %d tombstones; want received and two", v.Current.Stage, len(v.Gone))
		}
		o.publish(scope())
		if got := o.see(m).Current.Stage; got != citizen.InApproval {
			t.Errorf("widened again: now %s, want in_approval", got)
		}
	})
}

func TestOfficialRecordsCorrectsAndRetracts(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		ctx := context.Background()
		s := scope()
		s.Stages = append(s.Stages, citizen.WaitingForYou, citizen.Suspended)
		o.publish(s)
		m, _ := o.open("d1")
		o.pass(time.Hour)
		record := func(r citizen.Record) {
			t.Helper()
			if err := o.Record(ctx, drafter, m.ID, r); err != nil {
				t.Fatal(err)
			}
			o.follow()
		}
		record(citizen.Record{Stage: citizen.WaitingForYou, Until: o.clock().AddDate(0, 0, 10)})
		if v := o.see(m); v.Current.Stage != citizen.WaitingForYou || v.Current.Until.In(citizen.Prague).Format(time.DateOnly) != "2026-12-02" {
			t.Errorf("now %s until %s, want waiting until 2 December", v.Current.Stage, v.Current.Until)
		}
		in, err := o.Inside(ctx, drafter, m.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Retract(ctx, drafter, m.ID, in.Facts[len(in.Facts)-1].Seq); err != nil {
			t.Fatal(err)
		}
		o.follow()
		if v := o.see(m); v.Current.Stage != citizen.Received || len(v.Gone) != 1 {
			t.Errorf("retracted: now %s, %d tombstones; want received and one", v.Current.Stage, len(v.Gone))
		}
		if err := o.Retract(ctx, drafter, m.ID, in.Facts[0].Seq); !errors.Is(err, fault.Conflict) {
			t.Errorf("retracting what the workflow did: %v, want a conflict", err)
		}
		for name, r := range map[string]citizen.Record{
			"the future": {Stage: citizen.Dispatched, At: o.clock().AddDate(0, 0, 1)}, "a stage of the workflow": {Stage: citizen.Signed},
			"a request without a day": {Stage: citizen.WaitingForYou}, "a prolongation beyond the law": {Stage: citizen.DeadlineChanged, More: 31},
		} {
			if err := o.Record(ctx, drafter, m.ID, r); !errors.Is(err, fault.Invalid) {
				t.Errorf("recording %s: %v, want invalid", name, err)
			}
		}
		if err := o.Record(ctx, head, m.ID, citizen.Record{Stage: citizen.Closed}); !errors.Is(err, fault.Denied) {
			t.Errorf("recording without the right: %v, want denied", err)
		}
	})
}

func TestDocumentHasOneMatter(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("d1")
		_, _, err := o.Open(context.Background(), drafter, citizen.Opening{Document: "d1", Rule: citizen.Administrative, Generic: "Žádost"})
		if !errors.Is(err, fault.Conflict) {
			t.Errorf("a second matter: %v, want a conflict", err)
		}
		if _, _, err := o.Open(context.Background(), head, citizen.Opening{Document: "d2", Rule: citizen.Administrative, Generic: "Žádost"}); !errors.Is(err, fault.Denied) {
			t.Errorf("opening without the right: %v, want denied", err)
		}
	})
}

func TestExcludedMatterIsNeverShown(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.publish(scope())
		for i, x := range citizen.HardExclusions {
			m, code, err := o.Open(context.Background(), drafter, citizen.Opening{Document: citizen.DocumentID("d" + string(rune('a'+i))), Rule: citizen.NoDeadline, Generic: "Věc", Circumstances: []citizen.Exclusion{x}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := o.Enter(context.Background(), string(m.Number), string(code), "a"); !errors.Is(err, fault.Denied) {
				t.Errorf("%s: %v, want the refusal", x, err)
			}
		}
	})
}

func TestChangedScopeReachesEveryMatterOfItsAgenda(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		ctx := context.Background()
		n := 120 // more than one chunk
		if os.Getenv("SPOLUPIS_DEEP") == "1" {
			n = 10_000
		}
		o.publish(scope())
		tx, err := o.db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		for i := range n {
			if _, err := tx.ExecContext(ctx, `
				INSERT INTO citizen_matter (id, number, document, agenda, agenda_name, unit, unit_name, contact, generic, full_subject,
					circumstances, rule, received, opened_at, opened_by, code_hash, issue, issued_at)
				VALUES ($1, $2, $3, 'grants', 'Dotace', 'u', 'Odbor', '{}', 'Žádost', '', '[]', 'none', 1, 1, 'p', 'x', 1, 1)`,
				fmt.Sprintf("m%05d", i), fmt.Sprintf("2026-%06d", i), fmt.Sprintf("d%05d", i)); err != nil {
				t.Fatal(err)
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO citizen_fact (seq, document, stage, at, by_hand, until, more, corrects, withdrawn) VALUES ($1, $2, 'in_approval', 1, 0, 0, 0, 0, 0)`,
				1_000_000+i, fmt.Sprintf("d%05d", i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		o.follow()
		if got := o.count(`op = 'publish'`); got != n {
			t.Errorf("%d matters published, want %d", got, n)
		}
		narrow := scope()
		narrow.Stages = []citizen.Stage{citizen.Received}
		began := time.Now()
		o.publish(narrow)
		t.Logf("%d matters took %s", n, time.Since(began))
		if got := o.count(`op = 'withdraw'`); got != n {
			t.Errorf("%d matters withdrawn, want %d", got, n)
		}
		if more, err := o.Store.Follow(ctx); more != 0 || err != nil {
			t.Errorf("following again took %d, %v; want nothing", more, err)
		}
	})
}

func (o *office) count(where string) int {
	o.t.Helper()
	var n int
	if err := o.db.QueryRow(`SELECT COUNT(*) FROM citizen_publication WHERE ` + where).Scan(&n); err != nil {
		o.t.Fatal(err)
	}
	return n
}

func TestProjectionCanStopAnywhereAndGoOn(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.publish(scope())
		m, _ := o.open("d1")
		o.happened("documents.round_started", "d1", nil)
		before, err := o.Store.Publications(context.Background(), m.ID)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := o.Store.Follow(context.Background()); n != 0 || err != nil {
			t.Errorf("following again took %d entries, %v; want none", n, err)
		}
		after, err := o.Store.Publications(context.Background(), m.ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(before) != 2 || len(after) != len(before) {
			t.Errorf("%d publications became %d, want 2 and 2", len(before), len(after))
		}
	})
}

func TestCodeIsNowhereInTheDatabase(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m, code := o.open("d1")
		sealed, err := o.HandOver(m, code)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := o.TakeOver(m, sealed); !ok || got != code {
			t.Errorf("handed over %q, want the code", got)
		}
		m.Issue++
		if _, ok := o.TakeOver(m, sealed); ok {
			t.Error("a sealed code outlives its issue")
		}
		for _, table := range []string{"citizen_matter", "journal_entry"} {
			if dump := all(t, o.db, table); strings.Contains(dump, string(code)) || strings.Contains(dump, code.String()) {
				t.Errorf("%s holds the code", table)
			}
		}
	})
}

func all(t *testing.T, db *database.DB, table string) string {
	t.Helper()
	rows, err := db.Query(`SELECT * FROM ` + table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for rows.Next() {
		vals := make([]sql.RawBytes, len(cols))
		args := make([]any, len(cols))
		for i := range vals {
			args[i] = &vals[i]
		}
		if err := rows.Scan(args...); err != nil {
			t.Fatal(err)
		}
		for _, v := range vals {
			b.Write(v)
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// The golden file is what both databases agree on; a column added to one
// migration and not to the other, or unnoticed, fails here.
func TestBothSchemasAreTheGoldenOne(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		query := `SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name LIKE 'citizen%'`
		if o.db.Postgres {
			query = `SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name LIKE 'citizen%'`
		}
		rows, err := o.db.Query(query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var got []string
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				t.Fatal(err)
			}
			got = append(got, name)
		}
		slices.Sort(got)
		want, err := os.ReadFile("testdata/schema.txt")
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(got, "\n") + "\n"; text != string(want) {
			t.Errorf("schema:\n%s\nwant testdata/schema.txt:\n%s", text, want)
		}
	})
}
