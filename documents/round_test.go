package documents_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"spolupis/collab/crdt"
	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
)

// The heads of the test office, and the director.
var (
	juristsHead  = security.Actor{ID: "p-jana", Name: "Jana Vedoucí právní", Unit: "pravni", Session: "s7", Roles: []security.Role{security.Head}}
	budgetsHead  = security.Actor{ID: "p-lenka", Name: "Lenka Vedoucí finanční", Unit: "finance", Session: "s8", Roles: []security.Role{security.Head}}
	draftersHead = security.Actor{ID: "p-jiri", Name: "Jiří Vedoucí dopravní", Unit: "doprava", Session: "s9", Roles: []security.Role{security.Head}}
	director     = security.Actor{ID: "p-urban", Name: "Karel Ředitel", Unit: "kancelar", Session: "s10", Roles: []security.Role{security.Director}}
	secretary    = security.Actor{ID: "p-marie", Name: "Marie Sekretářová", Unit: "kancelar", Session: "s11", Roles: []security.Role{security.Secretariat}}
)

func init() {
	for _, a := range []security.Actor{juristsHead, budgetsHead, draftersHead, director, secretary} {
		everybody[a.ID] = a
	}
}

// start begins a round of the usual five days.
func (o *office) start(id documents.MaterialID, required, optional []security.UnitID) documents.Round {
	o.t.Helper()
	r, err := o.StartRound(o.ctx, drafter, id, documents.NewRound{Required: required, Optional: optional})
	o.ok(err)
	return r
}

func (o *office) round(id documents.MaterialID) documents.Round {
	o.t.Helper()
	r, err := o.Round(o.ctx, drafter, id)
	o.ok(err)
	return r
}

func units(u ...security.UnitID) []security.UnitID { return u }

func TestARoundNeedsUnitsADeadlineAndAReasonForAShortOne(t *testing.T) {
	o := onSQLite(t)
	m := o.material(sample)
	for name, x := range map[string]struct {
		n   documents.NewRound
		key string
	}{
		"nobody asked":        {documents.NewRound{}, "documents.fault.round_units"},
		"urgent says why":     {documents.NewRound{Required: units("pravni"), Days: 2}, "documents.fault.round_urgent"},
		"two days at least":   {documents.NewRound{Required: units("pravni"), Days: 1, Urgent: "Spěchá."}, "documents.fault.round_days"},
		"not half a year":     {documents.NewRound{Required: units("pravni"), Days: 61}, "documents.fault.round_days"},
		"nor a negative time": {documents.NewRound{Required: units("pravni"), Days: -1}, "documents.fault.round_days"},
		"a reason has limits": {documents.NewRound{Required: units("pravni"), Days: 3, Urgent: strings.Repeat("x", documents.MaxText+1)}, "documents.fault.text_long"},
	} {
		_, err := o.StartRound(o.ctx, drafter, m.ID, x.n)
		if fault.Of(err).Key != x.key {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := o.StartRound(o.ctx, jurist, m.ID, documents.NewRound{Required: units("pravni")})
	o.refused(err, fault.Denied, "fault.denied")
	r, err := o.StartRound(o.ctx, drafter, m.ID, documents.NewRound{Required: units("pravni", "finance", "pravni"), Optional: units("finance", "skolstvi"), Days: 2, Urgent: "Jednání rady je v pátek."})
	o.ok(err)
	if got := r.Due.Format(time.RFC3339); got != "2026-11-25T23:59:59Z" { // the test office is in UTC; 23 November is a Monday
		t.Errorf("due %s", got)
	}
	if len(r.Asked) != 3 || r.Waits() != 2 || !r.Of("finance").Required || r.Of("skolstvi").Required || r.Of("nikdo") != nil {
		t.Errorf("asked %+v", r.Asked)
	}
	_, err = o.StartRound(o.ctx, drafter, m.ID, documents.NewRound{Required: units("pravni")})
	o.refused(err, fault.Conflict, "documents.fault.round_state")
	_, err = o.Freeze(o.ctx, drafter, m.ID)
	o.refused(err, fault.Conflict, "documents.fault.round_runs")
}

func TestTheBaselineOfARoundStaysWhatItWas(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		before := o.text(m.ID)
		o.start(m.ID, units("pravni"), nil)
		o.edit(m.ID, func(t *crdt.Text) { t.Insert(index(t, "opravu mostu"), "celkovou ", nil) })
		text, r, err := o.Baseline(o.ctx, jurist, m.ID, 1)
		o.ok(err)
		if text.Text() != before || o.text(m.ID) == before || r.Number != 1 {
			t.Errorf("baseline %q, text %q", text.Text(), o.text(m.ID))
		}
		_, _, err = o.Baseline(o.ctx, drafter, m.ID, 2)
		o.refused(err, fault.NotFound, "documents.fault.baseline_gone")
	})
}

func TestCommentsOfAUnitAreNotesUntilItsHeadConfirmsThem(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		o.start(m.ID, units("pravni"), units("finance"))
		c := add(o, m.ID, "opravu mostu", map[string]any{"kind": "major", "reasoning": "Zákon."})
		if !c.Working || c.ForUnit != "pravni" {
			t.Errorf("comment %+v", c)
		}
		_, err := o.command(drafter, m.ID, "comment.settle", map[string]any{"comment": c.ID, "outcome": "rejected", "reasoning": "Ne."})
		o.refused(err, fault.Conflict, "documents.fault.settle_working")

		for name, x := range map[string]struct {
			who       security.Actor
			unit      security.UnitID
			statement documents.Statement
			note      string
			kind      fault.Kind
			key       string
		}{
			"not the head":               {jurist, "pravni", documents.WithRemarks, "", fault.Denied, "documents.fault.not_head"},
			"the head of another unit":   {budgetsHead, "pravni", documents.WithRemarks, "", fault.Denied, "documents.fault.not_head"},
			"has comments":               {juristsHead, "pravni", documents.Consents, "", fault.Conflict, "documents.fault.statement_has"},
			"out of scope with comments": {juristsHead, "pravni", documents.Outside, "", fault.Conflict, "documents.fault.statement_has"},
			"has none":                   {budgetsHead, "finance", documents.WithRemarks, "", fault.Conflict, "documents.fault.statement_has_none"},
			"disagreeing says why":       {budgetsHead, "finance", documents.Disagrees, " ", fault.Invalid, "documents.fault.statement_note"},
			"silence is the system's":    {budgetsHead, "finance", documents.Silent, "", fault.Invalid, "documents.fault.statement"},
		} {
			if err := o.State(o.ctx, x.who, m.ID, x.unit, x.statement, x.note); fault.Of(err).Key != x.key || fault.Of(err).Kind != x.kind {
				t.Errorf("%s: %v", name, err)
			}
		}
		o.refused(o.EndRound(o.ctx, drafter, m.ID), fault.Conflict, "documents.fault.round_waits")

		o.ok(o.State(o.ctx, juristsHead, m.ID, "pravni", documents.WithRemarks, "Trváme na opoře v zákoně."))
		o.refused(o.State(o.ctx, juristsHead, m.ID, "pravni", documents.WithRemarks, ""), fault.Conflict, "documents.fault.statement_done")
		if o.comment(drafter, m.ID, c.ID).Working {
			t.Error("a confirmed comment is still a note")
		}
		for _, cmd := range []string{"comment.add", "comment.edit"} {
			_, err = o.command(jurist, m.ID, cmd, map[string]any{"comment": c.ID, "kind": "advisory", "text": "Ještě něco."})
			o.refused(err, fault.Conflict, "documents.fault.statement_closed")
		}
		_, err = o.command(jurist, m.ID, "comment.withdraw", map[string]any{"comment": c.ID})
		o.refused(err, fault.Denied, "documents.fault.not_head")

		o.ok(o.Unstate(o.ctx, juristsHead, m.ID, "pravni"))
		_, err = o.command(jurist, m.ID, "comment.edit", map[string]any{"comment": c.ID, "kind": "advisory", "text": "Jen doporučujeme."})
		o.ok(err)
		o.ok(o.State(o.ctx, juristsHead, m.ID, "pravni", documents.WithRemarks, ""))
		o.ok(o.EndRound(o.ctx, drafter, m.ID))
		r := o.round(m.ID)
		if o.state(m.ID) != documents.Settling || r.Ended != documents.Early || r.Of("finance").Statement != documents.Silent || r.Of("finance").By != security.SystemID {
			t.Errorf("%s %+v", o.state(m.ID), r)
		}
		got := o.happened("document:" + string(m.ID))
		for _, want := range []string{"documents.round_started", "documents.statement_confirmed", "documents.statement_reopened", "documents.round_closed"} {
			if !slices.Contains(got, want) {
				t.Errorf("journal has no %s: %v", want, got)
			}
		}
		_, err = o.command(juristsHead, m.ID, "comment.withdraw", map[string]any{"comment": c.ID})
		o.ok(err)
	})
}

func TestNotesNobodyConfirmedAreNotTheUnitsCommentsAndBlockNothing(t *testing.T) {
	o := onSQLite(t)
	m := o.material(sample)
	o.start(m.ID, units("pravni"), nil)
	c := add(o, m.ID, "opravu mostu", map[string]any{"kind": "major", "reasoning": "Zákon."})
	o.later(8 * 24 * time.Hour)
	if n, err := o.EndDue(o.ctx); n != 1 || err != nil {
		t.Fatalf("%d rounds ended, %v", n, err)
	}
	if v := o.comment(drafter, m.ID, c.ID); !v.Working {
		t.Error("a note became a comment by silence")
	}
	table, err := o.Table(o.ctx, drafter, m.ID)
	o.ok(err)
	if len(table.Rows) != 0 || table.Notes != 1 || table.Rounds[0].Units[0].Statement != documents.Silent {
		t.Errorf("table %+v", table)
	}
	_, err = o.Freeze(o.ctx, drafter, m.ID)
	o.ok(err)
}

// Several nodes look for rounds whose time has come; each round ends once, after its deadline and not before.
func TestARoundEndsByItselfOnceWhateverTheNumberOfNodes(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		var ids []documents.MaterialID
		for range 3 {
			m := o.material(sample)
			o.start(m.ID, units("pravni", "finance"), nil)
			o.ok(o.Invite(o.ctx, drafter, m.ID, documents.Participant{Subject: "unit:doprava", Relation: "reader"}))
			ids = append(ids, m.ID)
		}
		o.later(7 * 24 * time.Hour) // Monday 9:00, the deadline is its midnight
		if n, err := o.EndDue(o.ctx); n != 0 || err != nil {
			t.Fatalf("%d rounds ended early, %v", n, err)
		}
		o.ok(o.ExtendRound(o.ctx, draftersHead, ids[2], 1, "Státní svátek."))
		o.later(15 * time.Hour)
		var wg sync.WaitGroup
		var mu sync.Mutex
		total := 0
		for range 4 {
			node := o.serve(o.store, o.hub)
			wg.Go(func() {
				n, err := node.EndDue(o.ctx)
				mu.Lock()
				defer mu.Unlock()
				total += n
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if total != 2 {
			t.Errorf("%d rounds ended, want 2", total)
		}
		for i, id := range ids {
			r, closed := o.round(id), 0
			for _, k := range o.happened("document:" + string(id)) {
				if k == "documents.round_closed" {
					closed++
				}
			}
			switch {
			case i == 2 && (!r.Runs() || closed != 0):
				t.Error("the extended round ended")
			case i < 2 && (closed != 1 || r.Ended != documents.ByDeadline || r.Of("pravni").Statement != documents.Silent || o.state(id) != documents.Settling):
				t.Errorf("round %d: closed %d times, %+v", i, closed, r)
			}
		}
		if notices, err := o.Notices(o.ctx, drafter, 0); err != nil || len(notices) != 2 || notices[0].Kind != "round_ended" {
			t.Errorf("notices %+v %v", notices, err)
		}
	})
}

func TestOnlyTheHeadOfTheDepartmentExtendsARoundAndSaysWhy(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		o.refused(o.ExtendRound(o.ctx, draftersHead, m.ID, 3, "x"), fault.NotFound, "fault.not_found") // she sees the material only when invited
		o.ok(o.Invite(o.ctx, drafter, m.ID, documents.Participant{Subject: "unit:doprava", Relation: "reader"}))
		o.refused(o.ExtendRound(o.ctx, draftersHead, m.ID, 3, "x"), fault.Conflict, "documents.fault.round_none")
		o.start(m.ID, units("pravni"), nil)
		o.refused(o.ExtendRound(o.ctx, drafter, m.ID, 3, "x"), fault.Denied, "documents.fault.not_head")
		o.refused(o.ExtendRound(o.ctx, draftersHead, m.ID, 3, " "), fault.Invalid, "documents.fault.round_reason")
		o.refused(o.ExtendRound(o.ctx, draftersHead, m.ID, 0, "x"), fault.Invalid, "documents.fault.round_days")
		o.ok(o.ExtendRound(o.ctx, draftersHead, m.ID, 3, "Čeká se na posudek."))
		r := o.round(m.ID)
		if got := r.Due.Format(time.DateOnly); got != "2026-12-03" || len(r.Extensions) != 1 || r.Extensions[0].Reason != "Čeká se na posudek." || r.Extensions[0].By != draftersHead.ID {
			t.Errorf("due %s, %+v", got, r.Extensions)
		}
	})
}

// named is an office that says who heads what and who stands for them.
type named struct {
	*access.Rights
	heads    map[security.UnitID]security.ActorID
	deputies map[security.ActorID]security.ActorID // deputy -> whom he stands for
}

func (n named) Heads(context.Context) (map[security.UnitID]security.ActorID, error) {
	return n.heads, nil
}

func (n named) Leads(_ context.Context, who security.Actor, unit security.UnitID) (security.ActorID, bool, error) {
	head := n.heads[unit]
	switch {
	case head == "":
		return "", false, nil
	case head == who.ID:
		return "", true, nil
	case n.deputies[who.ID] == head:
		return head, true, nil
	}
	return "", false, nil
}

func (n named) Standing(_ context.Context, who security.Actor) ([]access.Deputyship, error) {
	if p := n.deputies[who.ID]; p != "" {
		return []access.Deputyship{{Person: p, Deputy: who.ID}}, nil
	}
	return nil, nil
}

func TestADeputyConfirmsForTheHeadAndItSaysSo(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.Service.Rights = named{access.NewRights(o.db, o.journal), map[security.UnitID]security.ActorID{"pravni": juristsHead.ID}, map[security.ActorID]security.ActorID{jurist.ID: juristsHead.ID}}
		other := juristsHead
		other.ID = "p-jiny"
		m := o.material(sample)
		o.start(m.ID, units("pravni", "finance"), nil)
		o.refused(o.State(o.ctx, other, m.ID, "pravni", documents.Consents, ""), fault.Denied, "documents.fault.not_head") // the role is not enough where a head is named
		if tasks, err := o.Inbox(o.ctx, jurist); err != nil || !slices.ContainsFunc(tasks, func(x documents.Task) bool { return x.What == "state" }) {
			t.Errorf("the deputy is not told: %+v %v", tasks, err)
		}
		o.ok(o.State(o.ctx, jurist, m.ID, "pravni", documents.Consents, ""))
		o.ok(o.State(o.ctx, budgetsHead, m.ID, "finance", documents.Outside, "")) // nobody is named for her unit: the role decides
		a := o.round(m.ID).Of("pravni")
		if a.By != jurist.ID || a.Behalf != juristsHead.ID {
			t.Errorf("statement %+v", a)
		}
		var behalf string
		o.ok(o.db.QueryRowContext(o.ctx, `SELECT behalf FROM documents_round_unit WHERE unit = 'pravni'`).Scan(&behalf))
		page, err := o.journal.Read(o.ctx, 0, 500)
		o.ok(err)
		found := false
		for _, e := range page {
			found = found || e.Kind == "documents.statement_confirmed" && e.Actor == jurist.ID && e.OnBehalfOf == juristsHead.ID
		}
		if !found || behalf != string(juristsHead.ID) {
			t.Error("the journal does not say v zastoupení")
		}
	})
}

func TestARoundCanBeCalledOffWhenTheTextChangesAltogether(t *testing.T) {
	o := onSQLite(t)
	m := o.material(sample)
	o.start(m.ID, units("pravni"), nil)
	o.refused(o.CancelRound(o.ctx, drafter, m.ID, ""), fault.Invalid, "documents.fault.round_why")
	o.ok(o.CancelRound(o.ctx, drafter, m.ID, "Rada chce jinou variantu."))
	if r := o.round(m.ID); o.state(m.ID) != documents.Draft || r.Ended != documents.CalledOff || r.Of("pravni").Statement != "" {
		t.Errorf("%s %+v", o.state(m.ID), r)
	}
	if r := o.start(m.ID, units("pravni"), nil); r.Number != 2 {
		t.Errorf("round %d", r.Number)
	}
}
