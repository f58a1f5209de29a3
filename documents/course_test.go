package documents_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"spolupis/documents"
	"spolupis/documents/workflow"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// entries are what the journal holds about a material.
func (o *office) entries(id documents.MaterialID) (out []journal.Entry) {
	o.t.Helper()
	all, err := o.journal.Read(o.ctx, 0, 10_000)
	o.ok(err)
	for _, e := range all {
		if e.Subject == "document:"+string(id) {
			out = append(out, e)
		}
	}
	return out
}

func (o *office) stands(id documents.MaterialID, place workflow.Place, state documents.State) {
	o.t.Helper()
	m, err := o.store.Material(o.ctx, id)
	o.ok(err)
	if m.Place != place || m.State != state {
		o.t.Fatalf("at %s and %s, want %s and %s", m.Place, m.State, place, state)
	}
}

// account makes a row for a person of the test office, for what needs one.
func (o *office) account(people ...security.Actor) {
	o.t.Helper()
	for _, a := range people {
		_, err := o.db.Exec(`INSERT INTO access_account (id, login, name, password, unit, created_at) VALUES ($1, $2, $3, 'x', $4, 0)`, string(a.ID), string(a.ID), a.Name, string(a.Unit))
		o.ok(err)
	}
}

func (o *office) deputise(person, deputy security.Actor, first, last access.Day) access.Deputyship {
	o.t.Helper()
	rights := access.NewRights(o.db, o.journal)
	rights.Now = o.clock
	d, err := rights.NameDeputy(o.ctx, person, access.Deputyship{Person: person.ID, Deputy: deputy.ID, First: first, Last: last})
	o.ok(err)
	return d
}

func TestAMaterialMovesInItsCourseWithTheActs(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		o.stands(m.ID, workflow.Draft, documents.Draft)
		_, err := o.StartRound(o.ctx, drafter, m.ID, documents.NewRound{Optional: []security.UnitID{"pravni"}})
		o.ok(err)
		o.stands(m.ID, workflow.Commenting, documents.Commenting)
		o.ok(o.EndRound(o.ctx, drafter, m.ID))
		o.stands(m.ID, workflow.Settling, documents.Settling)
		v, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		o.stands(m.ID, workflow.Settling, documents.Frozen)
		route := documents.Route{Approvers: []documents.Group{group(documents.All, head), group(documents.N, budget, jurist, reader)}}
		route.Approvers[1].N = 2
		_, err = o.StartRoute(o.ctx, drafter, v.ID, route)
		o.ok(err)
		o.stands(m.ID, workflow.Approving, documents.Approving)
		for _, a := range []security.Actor{head, budget} {
			_, err = o.Approve(o.ctx, a, v.ID)
			o.ok(err)
			o.stands(m.ID, workflow.Approving, documents.Approving)
		}
		_, err = o.Approve(o.ctx, reader, v.ID)
		o.ok(err)
		o.stands(m.ID, workflow.Submitted, documents.Approved)

		o.ok(o.OpenDraft(o.ctx, drafter, m.ID)) // returned and reworked in one act
		o.stands(m.ID, workflow.Draft, documents.Draft)
		v, err = o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		_, err = o.StartRoute(o.ctx, drafter, v.ID, documents.Route{Approvers: []documents.Group{group(documents.All, head)}})
		o.ok(err)
		_, err = o.Reject(o.ctx, head, v.ID, "Chybí stanovisko.")
		o.ok(err)
		o.stands(m.ID, workflow.Returned, documents.Rejected)
		o.ok(o.Act(o.ctx, drafter, m.ID, workflow.Rework, "", ""))
		o.stands(m.ID, workflow.Draft, documents.Draft)

		var moves []string
		for _, e := range o.entries(m.ID) {
			if e.Kind == "documents.moved" {
				moves = append(moves, string(e.Body))
			}
		}
		if len(moves) != 11 {
			t.Errorf("%d moves in the journal:\n%s", len(moves), strings.Join(moves, "\n"))
		}
	})
}

func TestWhatTheCourseDoesNotAllowIsRefusedWithAReason(t *testing.T) {
	o := onSQLite(t)
	m := o.material(sample)
	o.refused(o.Act(o.ctx, drafter, m.ID, workflow.Cancel, " ", ""), fault.Conflict, "workflow.guard.reason")
	o.refused(o.Act(o.ctx, drafter, m.ID, workflow.Close, "", ""), fault.Conflict, "workflow.fault.not_here")
	o.refused(o.Act(o.ctx, drafter, m.ID, workflow.StartRound, "", ""), fault.Conflict, "workflow.fault.elsewhere")
	o.refused(o.Act(o.ctx, budget, m.ID, workflow.Cancel, "důvod", ""), fault.NotFound, "fault.not_found")
	err := o.Act(o.ctx, reader, m.ID, workflow.Cancel, "důvod", "")
	o.refused(err, fault.Denied, "workflow.fault.role")
	if args := fault.Of(err).Args; args[0] != "Stornovat" || !strings.Contains(args[1].(string), "vedoucí odboru") {
		t.Errorf("refused with %v", args)
	}
	english := reader
	english.Lang = "en"
	if args := fault.Of(o.Act(o.ctx, english, m.ID, workflow.Cancel, "why", "")).Args; args[0] != "Cancel the material" {
		t.Errorf("refused in English with %v", args)
	}

	course, err := o.Course(o.ctx, drafter, m.ID)
	o.ok(err)
	var can, cannot []string
	for _, offer := range course.Offers {
		if offer.Refusal == nil {
			can = append(can, string(offer.Event))
		} else {
			cannot = append(cannot, string(offer.Event))
		}
	}
	if !slices.Equal(can, []string{"zahajit_pripominky", "predlozit_ke_schvaleni", "stornovat"}) || cannot != nil {
		t.Errorf("the drafter can %v and cannot %v", can, cannot)
	}
	course, err = o.Course(o.ctx, reader, m.ID)
	o.ok(err)
	for _, offer := range course.Offers {
		if offer.Refusal == nil {
			t.Errorf("a reader can %s", offer.Event)
		}
	}

	o.ok(o.Act(o.ctx, drafter, m.ID, workflow.Cancel, "Záměr byl opuštěn.", ""))
	o.stands(m.ID, workflow.Cancelled, documents.Cancelled)
	_, err = o.Freeze(o.ctx, drafter, m.ID)
	o.refused(err, fault.Conflict, "workflow.fault.cancelled")
	o.refused(o.OpenDraft(o.ctx, drafter, m.ID), fault.Conflict, "workflow.fault.cancelled")
}

func TestAMaterialKeepsTheCourseItBeganWith(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		d := workflow.Material()
		d.States[0].Label = workflow.Label{CS: "Rozepsáno", EN: "In writing"}
		_, err := o.ImportCourse(o.ctx, drafter, d.JSON())
		o.refused(err, fault.Denied, "fault.denied")
		n, err := o.ImportCourse(o.ctx, admin, d.JSON())
		o.ok(err)
		if n != 2 {
			t.Errorf("version %d, want 2", n)
		}
		name := func(id documents.MaterialID) string {
			t.Helper()
			c, err := o.Course(o.ctx, drafter, id)
			o.ok(err)
			return c.State.Label.CS
		}
		other := o.material(sample)
		if name(m.ID) != "Návrh (rozpracováno)" || name(other.ID) != "Rozepsáno" {
			t.Errorf("the old one says %q, the new one %q", name(m.ID), name(other.ID))
		}
		o.refused(o.MoveCourse(o.ctx, drafter, m.ID, 7), fault.NotFound, "workflow.fault.course_gone")
		o.refused(o.MoveCourse(o.ctx, drafter, m.ID, 1), fault.Conflict, "workflow.fault.course_same")
		o.ok(o.MoveCourse(o.ctx, drafter, m.ID, 2))
		if name(m.ID) != "Rozepsáno" {
			t.Errorf("moved, it says %q", name(m.ID))
		}
		file, err := o.CourseFile(o.ctx, 2)
		o.ok(err)
		if again, err := workflow.Parse(file); err != nil || again.Version != 2 || again.States[0].Label.CS != "Rozepsáno" {
			t.Errorf("exported: %v", err)
		}
		d.Transitions[0].Guards = []string{"uplynek"}
		_, err = o.ImportCourse(o.ctx, admin, d.JSON())
		o.refused(err, fault.Invalid, "workflow.import.guard")
	})
}

func TestADeputyApprovesForTheOneHeStandsForAndItShows(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.account(head, budget, jurist, reader)
		m, v := frozen(o)
		route := documents.Route{Approvers: []documents.Group{group(documents.N, head, budget, jurist)}}
		route.Approvers[0].N = 2
		_, err := o.StartRoute(o.ctx, drafter, v.ID, route)
		o.ok(err)
		forHead := reader
		forHead.OnBehalfOf = head.ID
		_, err = o.Approve(o.ctx, forHead, v.ID)
		o.refused(err, fault.Denied, "deputy.fault.none")
		o.deputise(head, reader, "2026-11-23", "2026-11-24")
		tasks, err := o.Inbox(o.ctx, reader)
		o.ok(err)
		if len(tasks) != 1 || tasks[0].For != head.ID || tasks[0].ForName != head.Name {
			t.Errorf("the deputy's inbox %+v", tasks)
		}
		_, err = o.Approve(o.ctx, reader, v.ID)
		o.refused(err, fault.Denied, "fault.denied") // not under his own name
		c, err := o.Approve(o.ctx, forHead, v.ID)
		o.ok(err)
		if got := c.Steps[0].Members[0]; got.Person != head.ID || got.Deputy != reader.ID || got.Act != documents.ActApproved {
			t.Errorf("recorded as %+v", got)
		}
		_, err = o.Approve(o.ctx, head, v.ID)
		o.refused(err, fault.Conflict, "documents.fault.acted")

		// The same pair of eyes does not count twice.
		o.deputise(budget, reader, "2026-11-23", "2026-11-24")
		forBudget := reader
		forBudget.OnBehalfOf = budget.ID
		_, err = o.Approve(o.ctx, forBudget, v.ID)
		o.refused(err, fault.Conflict, "deputy.fault.twice")
		o.later(48 * time.Hour)
		_, err = o.Approve(o.ctx, forBudget, v.ID)
		o.refused(err, fault.Denied, "deputy.fault.none") // over

		_, err = o.Reject(o.ctx, jurist, v.ID, "Nesouhlasí částky.")
		o.ok(err)
		for _, who := range []security.Actor{drafter, head, reader} {
			notices, err := o.Notices(o.ctx, who, 0)
			o.ok(err)
			if len(notices) != 1 || notices[0].Kind != "rejected" {
				t.Errorf("%s was told %+v", who.Name, notices)
			}
		}
		stored, err := o.Circulation(o.ctx, drafter, v.ID)
		o.ok(err)
		if stored.Steps[0].Members[0].Deputy != reader.ID {
			t.Errorf("stored as %+v", stored.Steps[0].Members[0])
		}
		found := false
		for _, e := range o.entries(m.ID) {
			found = found || e.Kind == "documents.approval_given" && e.Actor == reader.ID && e.OnBehalfOf == head.ID
		}
		if !found {
			t.Error("the journal does not say for whom the deputy approved")
		}
	})
}
