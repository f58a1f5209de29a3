package documents_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"spolupis/collab/crdt"
	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

func frozen(o *office) (documents.Material, documents.Version) {
	o.t.Helper()
	m := o.material(sample)
	v, err := o.Freeze(o.ctx, drafter, m.ID)
	o.ok(err)
	return m, v
}

func group(rule documents.Rule, who ...security.Actor) documents.Group {
	g := documents.Group{Rule: rule}
	for _, a := range who {
		g.Members = append(g.Members, a.ID)
	}
	return g
}

func (o *office) state(id documents.MaterialID) documents.State {
	o.t.Helper()
	m, err := o.store.Material(o.ctx, id)
	o.ok(err)
	return m.State
}

func TestAVersionIsApprovedInTurnAndThenSentToSign(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m, v := frozen(o)
		_, err := o.StartRoute(o.ctx, drafter, v.ID, documents.Route{
			Approvers: []documents.Group{group(documents.All, head), group(documents.Any, budget, jurist)},
			Signers:   []documents.Group{group(documents.All, signer)},
		})
		o.ok(err)
		if o.state(m.ID) != documents.Approving {
			t.Errorf("state %s", o.state(m.ID))
		}
		_, err = o.Approve(o.ctx, budget, v.ID)
		o.refused(err, fault.Conflict, "documents.fault.out_of_turn")
		_, err = o.Approve(o.ctx, signer, v.ID)
		o.refused(err, fault.Denied, "fault.denied")
		tasks, err := o.Inbox(o.ctx, head)
		o.ok(err)
		if len(tasks) != 1 || tasks[0].What != "approve" || tasks[0].Number != m.Number {
			t.Errorf("inbox %+v", tasks)
		}
		_, err = o.Approve(o.ctx, head, v.ID)
		o.ok(err)
		_, err = o.Approve(o.ctx, head, v.ID)
		o.refused(err, fault.Conflict, "documents.fault.acted")
		c, err := o.Approve(o.ctx, jurist, v.ID)
		o.ok(err)
		if c.State != documents.ToSign || o.state(m.ID) != documents.Approved {
			t.Errorf("circulation %s, material %s", c.State, o.state(m.ID))
		}
		_, err = o.Approve(o.ctx, budget, v.ID)
		o.refused(err, fault.Conflict, "documents.fault.route_over")
		if tasks, err := o.Inbox(o.ctx, head); err != nil || len(tasks) != 0 {
			t.Errorf("inbox after acting: %+v %v", tasks, err)
		}
		var approved struct {
			Version documents.VersionID  `json:"version"`
			Signers [][]security.ActorID `json:"signers"`
		}
		o.ok(json.Unmarshal(o.last("documents.approved"), &approved))
		if approved.Version != v.ID || len(approved.Signers) != 1 || approved.Signers[0][0] != signer.ID {
			t.Errorf("documents.approved says %+v", approved)
		}
	})
}

// last is the body of the newest journal entry of a kind.
func (o *office) last(kind string) (body json.RawMessage) {
	o.t.Helper()
	for after := int64(0); ; {
		page, err := o.journal.Read(o.ctx, after, 500)
		o.ok(err)
		if len(page) == 0 {
			return body
		}
		for _, e := range page {
			if e.Kind == kind {
				body = e.Body
			}
			after = e.Seq
		}
	}
}

func TestSigningsFactsMoveTheVersionOnAndMayComeTwice(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m, v := frozen(o)
		_, err := o.StartRoute(o.ctx, drafter, v.ID, documents.Route{Signers: []documents.Group{group(documents.All, signer)}})
		o.ok(err)
		fact := func(kind string) journal.Entry {
			return journal.Entry{Seq: 1000, Kind: kind, Actor: signer.ID, Body: json.RawMessage(fmt.Sprintf(`{"version":%q,"code":"pin"}`, v.ID))}
		}
		for range 2 {
			o.ok(o.React(o.ctx, fact("signing.requested")))
		}
		if o.state(m.ID) != documents.Signing {
			t.Errorf("state %s, want signing", o.state(m.ID))
		}
		for range 2 {
			o.ok(o.React(o.ctx, fact("signing.failed")))
			o.ok(o.React(o.ctx, fact("signing.signed")))
			o.ok(o.React(o.ctx, fact("signing.completed")))
		}
		if o.state(m.ID) != documents.Signed {
			t.Errorf("state %s, want signed", o.state(m.ID))
		}
		kinds := o.happened("document:" + string(m.ID))
		if n := len(slices.DeleteFunc(kinds, func(k string) bool { return k != "documents.signed" })); n != 1 {
			t.Errorf("documents.signed is in the journal %d times", n)
		}
		notices, err := o.Notices(o.ctx, drafter, 0)
		o.ok(err)
		if len(notices) != 2 {
			t.Errorf("%d notices, want one failure and one success: %+v", len(notices), notices)
		}
		c, err := o.Circulation(o.ctx, drafter, v.ID)
		o.ok(err)
		if c.State != documents.Finished || c.Steps[0].Members[0].Act != documents.ActSigned {
			t.Errorf("circulation %+v", c)
		}
		o.ok(o.React(o.ctx, journal.Entry{Kind: "signing.completed", Body: json.RawMessage(`{"version":"unknown"}`)}))
	})
}

func TestARefusalReturnsTheVersionAndTellsThoseWhoActed(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m, v := frozen(o)
		_, err := o.StartRoute(o.ctx, drafter, v.ID, documents.Route{Approvers: []documents.Group{group(documents.All, head), group(documents.All, budget)}})
		o.ok(err)
		_, err = o.Approve(o.ctx, head, v.ID)
		o.ok(err)
		_, err = o.Reject(o.ctx, budget, v.ID, "  ")
		o.refused(err, fault.Invalid, "documents.fault.reject_reason")
		_, err = o.Reject(o.ctx, budget, v.ID, "Chybí krytí v rozpočtu.")
		o.ok(err)
		if o.state(m.ID) != documents.Rejected {
			t.Errorf("state %s", o.state(m.ID))
		}
		for _, who := range []security.Actor{head, drafter} {
			notices, err := o.Notices(o.ctx, who, 0)
			o.ok(err)
			if len(notices) != 1 || notices[0].Kind != "rejected" || !strings.Contains(strings.Join(notices[0].Args, " "), "Chybí krytí") {
				t.Errorf("%s was told %+v", who.ID, notices)
			}
		}
		if body := string(o.last("documents.approval_refused")); strings.Contains(body, "krytí") {
			t.Errorf("the reason stands in the open part of the journal: %s", body)
		}
		c, err := o.Circulation(o.ctx, drafter, v.ID)
		o.ok(err)
		if c.Steps[0].Members[0].Act != documents.ActApproved {
			t.Error("the approval given before was erased")
		}
	})
}

func TestANewVersionShowsEveryoneTheChangeSinceHis(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m, first := frozen(o)
		route := documents.Route{Approvers: []documents.Group{group(documents.All, head), group(documents.All, budget)}}
		_, err := o.StartRoute(o.ctx, drafter, first.ID, route)
		o.ok(err)
		_, err = o.Approve(o.ctx, head, first.ID)
		o.ok(err)
		o.ok(o.OpenDraft(o.ctx, drafter, m.ID))
		_, err = o.Approve(o.ctx, budget, first.ID)
		o.refused(err, fault.Conflict, "documents.fault.withdrawn")
		o.edit(m.ID, func(t *crdt.Text) { t.Insert(index(t, "opravu"), "nutnou ", nil) })
		second, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		_, err = o.StartRoute(o.ctx, drafter, second.ID, documents.Route{Approvers: []documents.Group{group(documents.All, budget)}})
		o.ok(err)
		_, err = o.Approve(o.ctx, budget, first.ID)
		o.refused(err, fault.Conflict, "documents.fault.superseded")
		_, err = o.Approve(o.ctx, budget, second.ID)
		o.ok(err)
		o.ok(o.OpenDraft(o.ctx, drafter, m.ID))
		o.edit(m.ID, func(t *crdt.Text) { t.Insert(index(t, "Druhý"), "Znovu ", nil) })
		_, err = o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		// head acted on version 1, budget last on version 2.
		for who, from := range map[security.ActorID]int{head.ID: 1, budget.ID: 2} {
			notices, err := o.Notices(o.ctx, everybody[who], 0)
			o.ok(err)
			want := fmt.Sprintf("/documents/%s/compare?from=%d&to=3", m.ID, from)
			if len(notices) == 0 || notices[0].Link != want {
				t.Errorf("%s is led to %+v, want %s", who, notices, want)
			}
		}
		unseen, err := o.Unseen(o.ctx, head)
		o.ok(err)
		notices, err := o.Notices(o.ctx, head, 0)
		o.ok(err)
		o.ok(o.See(o.ctx, head, notices[0].Seq))
		if after, err := o.Unseen(o.ctx, head); err != nil || after != 0 || unseen != len(notices) {
			t.Errorf("unseen %d then %d, %v", unseen, after, err)
		}
	})
}

func TestASignatureStaysWithItsVersionWhenADraftIsOpened(t *testing.T) {
	o := onSQLite(t)
	m, v := frozen(o)
	_, err := o.StartRoute(o.ctx, drafter, v.ID, documents.Route{Signers: []documents.Group{group(documents.All, signer)}})
	o.ok(err)
	o.ok(o.MarkSigning(o.ctx, v.ID))
	o.ok(o.MarkSigned(o.ctx, v.ID))
	o.ok(o.OpenDraft(o.ctx, drafter, m.ID))
	got, err := o.Version(o.ctx, drafter, v.ID)
	o.ok(err)
	if got.State != documents.Signed || o.state(m.ID) != documents.Draft {
		t.Errorf("version %s, material %s", got.State, o.state(m.ID))
	}
	back, err := o.Freeze(o.ctx, drafter, m.ID) // nothing was changed
	o.ok(err)
	if back.ID != v.ID || o.state(m.ID) != documents.Signed {
		t.Errorf("the unchanged text is %s again, material %s", back.ID, o.state(m.ID))
	}
}

func TestTheSameTextAfterAStoppedRouteIsANewVersion(t *testing.T) {
	o := onSQLite(t)
	m, v := frozen(o)
	route := documents.Route{Approvers: []documents.Group{group(documents.All, head)}, Signers: []documents.Group{group(documents.All, signer)}}
	for want := 2; want <= 3; want++ {
		_, err := o.StartRoute(o.ctx, drafter, v.ID, route)
		o.ok(err)
		if want == 3 {
			_, err = o.Reject(o.ctx, head, v.ID, "Ne.")
			o.ok(err)
		}
		o.ok(o.OpenDraft(o.ctx, drafter, m.ID))
		next, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		if next.Number != want || next.ID == v.ID {
			t.Fatalf("version %d %s, want a new one numbered %d: what was asked for the old one is cancelled", next.Number, next.ID, want)
		}
		v = next
	}
	_, err := o.StartRoute(o.ctx, drafter, v.ID, route)
	o.ok(err)
	_, err = o.Approve(o.ctx, head, v.ID)
	o.ok(err)
}

func TestARouteThatCannotBeWalkedIsRefused(t *testing.T) {
	o := onSQLite(t)
	m, v := frozen(o)
	for key, r := range map[string]documents.Route{
		"documents.fault.route_empty":       {},
		"documents.fault.route_group_empty": {Approvers: []documents.Group{{Rule: documents.All}}},
		"documents.fault.route_twice":       {Approvers: []documents.Group{group(documents.All, head, head)}},
		"documents.fault.route_rule":        {Approvers: []documents.Group{{Members: []security.ActorID{head.ID}, Rule: documents.N, N: 2}}},
		"documents.fault.route_sign_all":    {Signers: []documents.Group{group(documents.Any, signer, head)}},
		"documents.fault.route_person":      {Approvers: []documents.Group{{Members: []security.ActorID{"p-nobody"}, Rule: documents.All}}},
	} {
		_, err := o.StartRoute(o.ctx, drafter, v.ID, r)
		o.refused(err, fault.Invalid, key)
	}
	_, err := o.StartRoute(o.ctx, jurist, v.ID, documents.Route{Approvers: []documents.Group{group(documents.All, jurist)}})
	o.refused(err, fault.Denied, "fault.denied")
	ok := documents.Route{Approvers: []documents.Group{group(documents.All, head)}}
	_, err = o.StartRoute(o.ctx, drafter, v.ID, ok)
	o.ok(err)
	_, err = o.StartRoute(o.ctx, drafter, v.ID, ok)
	o.refused(err, fault.Conflict, "documents.fault.route_state")
	if o.state(m.ID) != documents.Approving {
		t.Errorf("state %s", o.state(m.ID))
	}
}

func TestNOfManyIsEnough(t *testing.T) {
	o := onSQLite(t)
	_, v := frozen(o)
	g := group(documents.N, head, budget, jurist)
	g.N = 2
	_, err := o.StartRoute(o.ctx, drafter, v.ID, documents.Route{Approvers: []documents.Group{g}})
	o.ok(err)
	_, err = o.Approve(o.ctx, jurist, v.ID)
	o.ok(err)
	_, err = o.Approve(o.ctx, jurist, v.ID)
	o.refused(err, fault.Conflict, "documents.fault.acted")
	c, err := o.Approve(o.ctx, head, v.ID)
	o.ok(err)
	if c.State != documents.Finished {
		t.Errorf("circulation %s after two of three", c.State)
	}
}

func TestTheInboxShowsWhatWaits(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		_, err := o.StartRound(o.ctx, drafter, m.ID, documents.NewRound{Required: []security.UnitID{"pravni"}, Optional: []security.UnitID{"finance"}})
		o.ok(err)
		due := time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC)
		tasks, err := o.Inbox(o.ctx, jurist)
		o.ok(err)
		if len(tasks) != 1 || tasks[0].What != "comment" || !tasks[0].Due.Equal(due) {
			t.Errorf("inbox %+v", tasks)
		}
		add(o, m.ID, "opravu mostu", nil)
		if tasks, err := o.Inbox(o.ctx, jurist); err != nil || len(tasks) != 0 {
			t.Errorf("after commenting %+v %v", tasks, err)
		}
		if tasks, err := o.Inbox(o.ctx, drafter); err != nil || len(tasks) != 0 {
			t.Errorf("a unit's note waits for the drafter: %+v %v", tasks, err)
		}
		tasks, err = o.Inbox(o.ctx, juristsHead)
		o.ok(err)
		if len(tasks) != 2 || tasks[0].What != "comment" || tasks[1].What != "state" || !tasks[1].Due.Equal(due) {
			t.Errorf("the head's inbox %+v", tasks)
		}
		o.ok(o.State(o.ctx, juristsHead, m.ID, "pravni", documents.WithRemarks, ""))
		if tasks, err := o.Inbox(o.ctx, juristsHead); err != nil || len(tasks) != 0 {
			t.Errorf("the head's inbox after the statement %+v %v", tasks, err)
		}
		tasks, err = o.Inbox(o.ctx, drafter)
		o.ok(err)
		if len(tasks) != 1 || tasks[0].What != "settle" || tasks[0].Count != 1 {
			t.Errorf("drafter's inbox %+v", tasks)
		}
	})
}
