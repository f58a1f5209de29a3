package citizen

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"spolupis/security/journal"
)

var noon = day("2026-11-23").Add(12 * time.Hour)

func wide() Scope {
	return Scope{
		Agenda: "grants", Number: 1, State: InForce, Mode: Coded, Stages: slices.Clone(Stages), LegalBasis: "zákon", RetentionDays: 90,
		Fields: Fields{Unit: true, Official: "name", Subject: "full", Dates: "minute", Documents: "titles"},
	}
}

func matterOf(doc string) Matter {
	return Matter{
		ID: "m1", Number: "2026-483-917", Document: DocumentID(doc), Agenda: "grants", AgendaName: "Dotace", UnitName: "Odbor kultury", Rule: Administrative,
		Generic: "Žádost o dotaci", Full: "Žádost spolku Sokol", Contact: Contact{"Jan Novák", "referent", "kultura@example.org"},
		Received: noon.AddDate(0, 0, -10), OpenedAt: noon.AddDate(0, 0, -10), Issue: 1,
	}
}

// entries turns kinds into journal entries a day apart, the last an hour ago.
func entries(kinds ...string) []journal.Entry {
	var out []journal.Entry
	for i, k := range kinds {
		out = append(out, journal.Entry{Seq: int64(i + 1), At: noon.AddDate(0, 0, i-len(kinds)+1).Add(-time.Hour), Kind: k, Subject: "document:d1",
			Body: json.RawMessage(`{"matter":"m1","document":"d1","secret":"LEAK-body"}`), Personal: json.RawMessage(`{"reason":"LEAK-personal"}`), Actor: "p-LEAK-actor"})
	}
	return out
}

func factsOf(es []journal.Entry) []Fact {
	var out []Fact
	for _, e := range es {
		if f, ok := FactOf(e); ok {
			out = append(out, f)
		}
	}
	return out
}

func stagesOf(v Status, p Place) []Stage {
	var out []Stage
	for _, s := range v.Steps {
		if s.Place == p {
			out = append(out, s.Stage)
		}
	}
	return out
}

func see(t *testing.T, m Matter, s Scope, facts []Fact, now time.Time) Status {
	t.Helper()
	v, ok := View(m, s, facts, Publish(m, s, facts, nil, now), now)
	if !ok {
		t.Fatalf("the public does not see the matter at all")
	}
	return v
}

func TestCitizenSeesDoneNowAndNext(t *testing.T) {
	facts := factsOf(entries("documents.created", "documents.edited", "documents.round_started", "documents.comment_added", "documents.round_started", "documents.route_started"))
	facts = append(facts, Fact{Seq: 100, Document: "d1", Stage: Received, At: noon.AddDate(0, 0, -10)})
	v := see(t, matterOf("d1"), wide(), facts, noon)
	if got, want := stagesOf(v, Done), []Stage{Received, Registered, InProgress}; !slices.Equal(got, want) {
		t.Errorf("done: %v, want %v", got, want)
	}
	if got, want := stagesOf(v, Now), []Stage{InApproval}; !slices.Equal(got, want) {
		t.Errorf("now: %v, want %v", got, want)
	}
	if got, want := stagesOf(v, Next), []Stage{Approved, Signed, Dispatched, Delivered, Resolved, Closed}; !slices.Equal(got, want) {
		t.Errorf("next: %v, want %v", got, want)
	}
	if want := day("2026-12-14"); !v.Deadline.Due.Equal(want) { // 13 December is a Sunday
		t.Errorf("deadline %s, want %s", v.Deadline.Due, want)
	}
}

func TestWorkThatReturnsIsShownAsReturned(t *testing.T) {
	facts := factsOf(entries("documents.created", "documents.route_started", "documents.draft_opened"))
	v := see(t, matterOf("d1"), wide(), facts, noon)
	if v.Current.Stage != InProgress {
		t.Errorf("now: %s, want %s", v.Current.Stage, InProgress)
	}
	if next := stagesOf(v, Next); !slices.Contains(next, InApproval) {
		t.Errorf("next: %v, want approval again among them", next)
	}
}

func TestSuspensionHoldsUntilAnOfficialEndsIt(t *testing.T) {
	m := matterOf("d1")
	facts := []Fact{
		{Seq: 1, Document: "d1", Stage: Received, At: m.Received},
		{Seq: 2, Document: "d1", Stage: Suspended, At: noon.AddDate(0, 0, -5), ByHand: true},
		{Seq: 3, Document: "d1", Stage: InApproval, At: noon.AddDate(0, 0, -3)},
	}
	v := see(t, m, wide(), facts, noon)
	if v.Current.Stage != Suspended || !v.Deadline.Paused {
		t.Errorf("now %s, paused %v; want suspended and paused", v.Current.Stage, v.Deadline.Paused)
	}
	facts = append(facts, Fact{Seq: 4, Document: "d1", Stage: InProgress, At: noon.AddDate(0, 0, -1), ByHand: true})
	v = see(t, m, wide(), facts, noon)
	if v.Current.Stage != InProgress || v.Deadline.Paused {
		t.Errorf("now %s, paused %v; want in progress and running", v.Current.Stage, v.Deadline.Paused)
	}
}

func TestCorrectionAndWithdrawalLeaveTheirTraces(t *testing.T) {
	m := matterOf("d1")
	facts := []Fact{{Seq: 1, Document: "d1", Stage: Received, At: m.Received}, {Seq: 2, Document: "d1", Stage: Dispatched, At: noon.AddDate(0, 0, -3), ByHand: true}}
	pubs := Publish(m, wide(), facts, nil, noon)
	facts = append(facts, Fact{Seq: 3, Document: "d1", Stage: Dispatched, At: noon.AddDate(0, 0, -2), ByHand: true, Corrects: 2})
	pubs = append(pubs, Publish(m, wide(), facts, pubs, noon)...)
	v, _ := View(m, wide(), facts, pubs, noon)
	if !v.Current.Corrected || !v.Current.At.Equal(noon.AddDate(0, 0, -2)) {
		t.Errorf("corrected step: %+v, want the new date and the mark", v.Current)
	}
	facts = append(facts, Fact{Seq: 4, Document: "d1", Corrects: 3, Withdrawn: true})
	pubs = append(pubs, Publish(m, wide(), facts, pubs, noon)...)
	v, _ = View(m, wide(), facts, pubs, noon)
	if v.Current.Stage != Received || len(v.Gone) != 1 {
		t.Errorf("after the withdrawal: now %s, %d tombstones; want received and one", v.Current.Stage, len(v.Gone))
	}
	if n := len(pubs); n != 4 {
		t.Errorf("%d publications, want 4: two, a correction, a withdrawal", n)
	}
	if more := Publish(m, wide(), facts, pubs, noon); len(more) != 0 {
		t.Errorf("publishing again adds %v, want nothing", more)
	}
}

// Whatever the journal says, only mapped kinds become facts, and a fact has no
// room for a body.
func TestUnknownKindsNeverAppear(t *testing.T) {
	known := []string{"documents.imported", "documents.frozen", "documents.comment_added", "documents.approval_given", "documents.approval_refused", "documents.read",
		"signing.signed", "signing.failed", "signing.completed", "collab.edited", "access.signed_in", "citizen.code_refused", "citizen.scope_approved", "citizen.status_viewed"}
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.OneOf(rapid.SampledFrom(known), rapid.StringMatching(`(documents|signing|citizen|collab)\.[a-z_]{1,20}`), rapid.String()).Draw(t, "kind")
		_, mapped := StageOf(kind)
		own := kind == KindMatterOpened || kind == KindStepRecorded || kind == KindStepWithdrawn
		f, ok := FactOf(entries(kind)[0])
		if ok && !mapped && !own {
			t.Fatalf("kind %q became the fact %+v", kind, f)
		}
		m := matterOf("d1")
		facts := factsOf(entries("documents.created", kind))
		v, _ := View(m, wide(), facts, Publish(m, wide(), facts, nil, noon), noon)
		if !mapped && !own && len(v.Steps) > 0 && v.Current.Stage != Registered {
			t.Fatalf("after %q the citizen sees %s", kind, v.Current.Stage)
		}
		if all := fmt.Sprintf("%+v", v) + fmt.Sprintf("%+v", facts); strings.Contains(all, "LEAK") {
			t.Fatalf("after %q something of the entry leaked: %s", kind, all)
		}
	})
}

// Under any scope, the page holds a value only if the scope opens its field,
// and a stage only if the scope lists it.
func TestNothingAppearsThatTheScopeDoesNotOpen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pick := func(name string, levels []string) string { return rapid.SampledFrom(levels).Draw(t, name) }
		s := Scope{
			Agenda: "grants", State: rapid.SampledFrom([]ScopeState{InForce, Refused, Superseded}).Draw(t, "state"), Mode: rapid.SampledFrom(Modes).Draw(t, "mode"),
			Stages: rapid.SliceOf(rapid.SampledFrom(Stages)).Draw(t, "stages"), RetentionDays: 30, DelayHours: rapid.IntRange(0, 200).Draw(t, "delay"),
			Suppress: rapid.SliceOf(rapid.SampledFrom(Circumstances)).Draw(t, "suppress"),
			Fields: Fields{Unit: rapid.Bool().Draw(t, "unit"), Official: pick("official", OfficialLevels), Subject: pick("subject", SubjectLevels),
				Dates: pick("dates", DatesLevels), Documents: pick("documents", DocumentLevels)},
		}
		m := matterOf("d1")
		m.Circumstances = rapid.SliceOfN(rapid.SampledFrom(append(slices.Clone(Circumstances), HardExclusions...)), 0, 2).Draw(t, "circumstances")
		var facts []Fact
		for i, st := range rapid.SliceOf(rapid.SampledFrom(Stages)).Draw(t, "happened") {
			facts = append(facts, Fact{Seq: int64(i + 1), Document: "d1", Stage: st, At: noon.Add(time.Duration(i-100) * time.Hour), ByHand: i%2 == 0})
		}
		// Published under the widest scope, read under s: a narrowed scope
		// holds before the projection has caught up.
		v, ok := View(m, s, facts, Publish(m, wide(), facts, nil, noon), noon)
		if !ok {
			if !reflect.DeepEqual(v, Status{}) {
				t.Fatalf("an invisible matter shows %+v", v)
			}
			return
		}
		if s.State != InForce || !s.Mode.Shows() || slices.ContainsFunc(m.Circumstances, func(x Exclusion) bool { return slices.Contains(HardExclusions, x) }) {
			t.Fatalf("visible under %+v with %v", s, m.Circumstances)
		}
		all := fmt.Sprintf("%+v", v)
		for _, c := range []struct {
			value string
			open  bool
		}{
			{m.UnitName, s.Fields.Unit}, {m.Full, s.Fields.Subject == "full"}, {m.Generic, s.Fields.Subject != "hidden"},
			{m.Contact.Name, s.Fields.Official == "name"}, {m.Contact.Position, s.Fields.Official == "name" || s.Fields.Official == "position"},
			{m.Contact.Mailbox, s.Fields.Official == "shared_mailbox"},
		} {
			if !c.open && strings.Contains(all, c.value) {
				t.Fatalf("%q appears under %+v", c.value, s.Fields)
			}
		}
		for _, st := range v.Steps {
			if !slices.Contains(s.Stages, st.Stage) {
				t.Fatalf("stage %s appears, the scope has %v", st.Stage, s.Stages)
			}
			if !st.At.IsZero() && s.Fields.Dates == "day" && !st.At.Equal(Day(st.At)) {
				t.Fatalf("a minute appears: %s", st.At)
			}
		}
		for _, e := range v.Entries {
			if e.Stage != "" && !slices.Contains(s.Stages, e.Stage) {
				t.Fatalf("the feed tells %s, the scope has %v", e.Stage, s.Stages)
			}
		}
	})
}

func TestDelayHoldsAStepBack(t *testing.T) {
	s, m := wide(), matterOf("d1")
	s.DelayHours = 48
	facts := factsOf(entries("documents.created", "documents.round_started", "documents.route_started")) // 49 h, 25 h and 1 h ago
	pubs := Publish(m, s, facts, nil, noon)
	v, _ := View(m, s, facts, pubs, noon)
	if v.Current.Stage != Registered {
		t.Errorf("now %s, want registered: the rest is younger than two days", v.Current.Stage)
	}
	v, _ = View(m, s, facts, pubs, noon.AddDate(0, 0, 3))
	if v.Current.Stage != InApproval {
		t.Errorf("three days later %s, want in approval", v.Current.Stage)
	}
}

func TestPageDisappearsAfterRetention(t *testing.T) {
	m := matterOf("d1")
	facts := []Fact{{Seq: 1, Document: "d1", Stage: Received, At: m.Received}, {Seq: 2, Document: "d1", Stage: Closed, At: noon, ByHand: true}}
	pubs := Publish(m, wide(), facts, nil, noon)
	if _, ok := View(m, wide(), facts, pubs, noon.AddDate(0, 0, 90)); !ok {
		t.Error("gone on the last day of retention")
	}
	if _, ok := View(m, wide(), facts, pubs, noon.AddDate(0, 0, 91)); ok {
		t.Error("still there after retention")
	}
}

func TestFeedIdentifiersAreStableAndUnique(t *testing.T) {
	m, facts := matterOf("d1"), factsOf(entries("documents.created", "documents.round_started"))
	pubs := Publish(m, wide(), facts, nil, noon)
	a, _ := View(m, wide(), facts, pubs, noon)
	more := factsOf(entries("documents.created", "documents.round_started", "documents.route_started"))
	pubs = append(pubs, Publish(m, wide(), more, pubs, noon)...)
	b, _ := View(m, wide(), more, pubs, noon)
	if len(b.Entries) != len(a.Entries)+1 {
		t.Fatalf("%d entries became %d, want one more", len(a.Entries), len(b.Entries))
	}
	for i, e := range a.Entries {
		if b.Entries[i+1].ID != e.ID {
			t.Errorf("entry %d changed its id from %s to %s", i, e.ID, b.Entries[i+1].ID)
		}
	}
	if !b.Changed.Equal(b.Entries[0].Made) {
		t.Errorf("the feed changed at %s, its newest entry was made at %s", b.Changed, b.Entries[0].Made)
	}
}

func TestCompareSaysWhatAChangeShowsAndHides(t *testing.T) {
	a := wide()
	b := wide()
	b.Fields.Official, b.Fields.Documents, b.RetentionDays = "position", "public_files", 30
	b.Stages = slices.DeleteFunc(b.Stages, func(s Stage) bool { return s == InApproval })
	visible, hidden := Compare(a, b)
	if want := []Exposure{{"citizen.exposure.documents.public_files", 0}, {"citizen.exposure.retention", 30}}; !slices.Equal(visible, want) {
		t.Errorf("newly visible: %v, want %v", visible, want)
	}
	if want := []Exposure{{"citizen.exposure.official.name", 0}, {"citizen.stage.in_approval.ahead", 0}, {"citizen.exposure.retention", 90}}; !slices.Equal(hidden, want) {
		t.Errorf("newly hidden: %v, want %v", hidden, want)
	}
	if visible, hidden := Compare(Scope{}, Scope{}); visible != nil || hidden != nil {
		t.Errorf("nothing compared with nothing: %v %v", visible, hidden)
	}
	if visible, _ := Compare(Scope{}, a); len(visible) == 0 {
		t.Error("opening an agenda shows nothing new")
	}
}

func TestScopeRefusesNonsense(t *testing.T) {
	for name, spoil := range map[string]func(*Scope){
		"an unknown mode":                   func(s *Scope) { s.Mode = "T9" },
		"an unknown level":                  func(s *Scope) { s.Fields.Official = "everything" },
		"an unknown stage":                  func(s *Scope) { s.Stages = append(s.Stages, "leaked") },
		"no stages":                         func(s *Scope) { s.Stages = nil },
		"no legal basis":                    func(s *Scope) { s.LegalBasis = "" },
		"an agenda that contains health":    func(s *Scope) { s.Contains = []Exclusion{"health"} },
		"a negative delay":                  func(s *Scope) { s.DelayHours = -1 },
		"a circumstance nobody knows":       func(s *Scope) { s.Suppress = []Exclusion{"mood"} },
		"a retention of a hundred years":    func(s *Scope) { s.RetentionDays = 36500 },
		"an exclusion that is not a choice": func(s *Scope) { s.Contains = []Exclusion{"minor"} },
	} {
		s := wide()
		spoil(&s)
		if err := s.Check(); err == nil {
			t.Errorf("a scope with %s passes", name)
		}
	}
	s := wide()
	if err := s.Check(); err != nil {
		t.Errorf("a good scope fails: %v", err)
	}
}
