package documents_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"spolupis/documents"
	"spolupis/documents/meeting"
	"spolupis/documents/workflow"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

var marie = security.Actor{ID: "p-marie", Name: "Marie Veselá", Unit: "sekretariat", Session: "s8", Roles: []security.Role{security.Secretariat, security.Drafter}}

func init() { everybody[marie.ID] = marie }

const donation = `# Dar obci

Popis.

## Návrh usnesení

Rada kraje po projednání

- **schvaluje** dar obci Turnov ve výši 100 000 Kč,
- **doporučuje zastupitelstvu** vzít dar na vědomí,
- **ukládá** vedoucí odboru finančního vyplatit dar, termín: 15. 1. 2027.
`

// secretariat gives the office what meetings need.
func (o *office) secretariat() {
	o.t.Helper()
	tx, err := o.db.BeginTx(o.ctx, nil)
	o.ok(err)
	o.ok(access.NewRights(o.db, o.journal).Grant(o.ctx, tx, security.System, access.Office, access.Publisher, access.Holders(security.Secretariat)))
	o.ok(tx.Commit())
}

func (o *office) call(kind meeting.Kind, on, closing access.Day) meeting.Meeting {
	o.t.Helper()
	members := []string{"A", "B", "C", "D", "E", "F", "G", "H", "I"}
	m, err := o.CallMeeting(o.ctx, marie, meeting.Meeting{Kind: kind, On: on, Closing: closing, Chair: signer.ID, Recorder: marie.ID, Members: members})
	o.ok(err)
	return m
}

// submitted is a material that was approved and waits for a programme.
func (o *office) submitted(markdown string) documents.Material {
	o.t.Helper()
	m := o.material(markdown)
	v, err := o.Freeze(o.ctx, drafter, m.ID)
	o.ok(err)
	_, err = o.StartRoute(o.ctx, drafter, v.ID, documents.Route{Approvers: []documents.Group{group(documents.All, head)}})
	o.ok(err)
	_, err = o.Approve(o.ctx, head, v.ID)
	o.ok(err)
	m, err = o.store.Material(o.ctx, m.ID)
	o.ok(err)
	return m
}

func (o *office) clauses(v documents.VersionID) []meeting.Clause {
	o.t.Helper()
	c, err := o.Proposed(o.ctx, marie, v)
	o.ok(err)
	for i := range c {
		if c[i].Verb == meeting.Orders {
			c[i].Unit, c[i].Person = "finance", budget.ID
		}
	}
	return c
}

var vote = meeting.Vote{Present: 7, For: 6, Against: 0, Abstained: 1}

func TestAMaterialIsDecidedAndItsTasksAreFulfilled(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.secretariat()
		m := o.submitted(donation)
		g := o.call(meeting.Council, "2026-11-30", "2026-11-25")
		if g.Number != 1 || o.call(meeting.Council, "2026-12-14", "").Number != 2 {
			t.Errorf("meeting %d", g.Number)
		}
		_, err := o.Schedule(o.ctx, drafter, m.ID, g.ID, "")
		o.refused(err, fault.Denied, "workflow.fault.role")
		i, err := o.Schedule(o.ctx, marie, m.ID, g.ID, "")
		o.ok(err)
		if i.Number != "RK-01-2026-01" {
			t.Errorf("point %s", i.Number)
		}
		o.stands(m.ID, workflow.OnProgram, documents.Approved)
		_, err = o.Get(o.ctx, signer, m.ID)
		o.ok(err) // the chair may read what he is to lead through
		o.refused(o.OpenDraft(o.ctx, drafter, m.ID), fault.Conflict, "workflow.fault.not_here")

		o.refused(o.BeginDiscussion(o.ctx, marie, i.ID, 7), fault.Conflict, "meeting.fault.not_yet")
		o.later(7 * 24 * time.Hour)
		o.refused(o.BeginDiscussion(o.ctx, marie, i.ID, 4), fault.Conflict, "workflow.guard.quorum")
		o.ok(o.BeginDiscussion(o.ctx, marie, i.ID, 7))
		clauses := o.clauses(m.Current)
		if len(clauses) != 3 {
			t.Fatalf("clauses %+v", clauses)
		}
		_, err = o.DecideItem(o.ctx, marie, i.ID, documents.Decision{Outcome: meeting.Adopted, Vote: meeting.Vote{Present: 7, For: 4, Abstained: 3}, Clauses: clauses})
		o.refused(err, fault.Conflict, "workflow.guard.majority")
		_, err = o.DecideItem(o.ctx, marie, i.ID, documents.Decision{Outcome: meeting.NotAdopted, Vote: vote})
		o.refused(err, fault.Conflict, "workflow.guard.no_majority")
		_, err = o.DecideItem(o.ctx, marie, i.ID, documents.Decision{Outcome: meeting.Changed, Vote: vote, Amendment: "Snižuje se částka.", Clauses: clauses})
		o.refused(err, fault.Conflict, "workflow.guard.amended") // nothing is changed
		clauses[0].Text = "dar obci Turnov ve výši 90 000 Kč,"
		_, err = o.DecideItem(o.ctx, marie, i.ID, documents.Decision{Outcome: meeting.Adopted, Vote: vote, Clauses: clauses})
		o.refused(err, fault.Conflict, "meeting.fault.changed")
		r, err := o.DecideItem(o.ctx, marie, i.ID, documents.Decision{Outcome: meeting.Changed, Vote: vote, Amendment: "Snižuje se částka na 90 000 Kč.", Clauses: clauses})
		o.ok(err)
		if r.Number != "1/1/2026/RK" {
			t.Errorf("resolution %s", r.Number)
		}
		md, err := o.Wording(o.ctx, marie, r)
		o.ok(err)
		for _, want := range []string{"Usnesení č. 1/1/2026/RK", "90 000 Kč", "Změna přijatá při projednání: Snižuje se částka", "Dana Rozpočtová, finance. Termín: 15. 1. 2027", "pro 6"} {
			if !strings.Contains(string(md), want) {
				t.Errorf("the wording lacks %q:\n%s", want, md)
			}
		}
		_, err = o.DecideItem(o.ctx, marie, i.ID, documents.Decision{Outcome: meeting.NotAdopted, Vote: meeting.Vote{Present: 7}})
		o.refused(err, fault.Conflict, "meeting.fault.not_discussed")

		o.ok(o.SendToSign(o.ctx, marie, i.ID))
		o.refused(o.SignResolution(o.ctx, marie, i.ID, r.SHA256, true), fault.Denied, "workflow.fault.role")
		o.refused(o.SignResolution(o.ctx, signer, i.ID, "jiné", true), fault.Conflict, "meeting.fault.other_wording")
		o.refused(o.SignResolution(o.ctx, signer, i.ID, r.SHA256, false), fault.Conflict, "workflow.guard.anonymised")
		o.ok(o.SignResolution(o.ctx, signer, i.ID, r.SHA256, true))
		o.stands(m.ID, workflow.Fulfilling, documents.Approved)

		tasks, err := o.Tasks(o.ctx, budget, m.ID)
		o.ok(err)
		if len(tasks) != 1 || tasks[0].Due != "2027-01-15" || tasks[0].Person != budget.ID || tasks[0].Number != r.Number {
			t.Fatalf("tasks %+v", tasks)
		}
		inbox, err := o.Inbox(o.ctx, budget)
		o.ok(err)
		if len(inbox) == 0 || inbox[0].What != "duty" {
			t.Errorf("inbox %+v", inbox)
		}
		o.refused(o.ConfirmDone(o.ctx, marie, m.ID), fault.Conflict, "workflow.guard.all_done")
		o.refused(o.CompleteTask(o.ctx, drafter, tasks[0].ID, "hotovo"), fault.Denied, "meeting.fault.task_theirs")
		o.refused(o.CompleteTask(o.ctx, jurist, tasks[0].ID, "hotovo"), fault.Denied, "meeting.fault.task_theirs")
		o.refused(o.CompleteTask(o.ctx, budget, tasks[0].ID, " "), fault.Invalid, "meeting.fault.proof")
		o.refused(o.ExtendTask(o.ctx, marie, tasks[0].ID, "2027-03-31", "7/7/2026/RK"), fault.Invalid, "workflow.guard.by_resolution")
		o.refused(o.ExtendTask(o.ctx, marie, tasks[0].ID, "2027-03-31", r.Number), fault.Conflict, "meeting.fault.not_said")
		other := o.decided("## Návrh usnesení\n\n- prodlužuje termín úkolu z usnesení č. 1/1/2026/RK\n- zrušuje usnesení č. 9/9/2020/RK\n")
		o.refused(o.ExtendTask(o.ctx, marie, tasks[0].ID, "2027-01-15", other.Number), fault.Invalid, "meeting.fault.later")
		o.ok(o.ExtendTask(o.ctx, marie, tasks[0].ID, "2027-03-31", other.Number))
		o.later(130 * 24 * time.Hour) // 9 April
		open, err := o.OpenTasks(o.ctx, marie)
		o.ok(err)
		if len(open) != 1 || !open[0].Overdue("2027-04-09") || open[0].ExtendedBy != other.Number {
			t.Errorf("open %+v", open)
		}
		o.account(budget, jurist)
		o.deputise(budget, jurist, "2027-04-01", "2027-04-30")
		inbox, err = o.Inbox(o.ctx, jurist)
		o.ok(err)
		if !slices.ContainsFunc(inbox, func(x documents.Task) bool { return x.What == "duty" && x.For == budget.ID }) {
			t.Errorf("the deputy's inbox %+v", inbox)
		}
		o.ok(o.CompleteTask(o.ctx, jurist, tasks[0].ID, "výpis z účtu č. 4"))
		if all := o.entries(m.ID); !slices.ContainsFunc(all, func(e journal.Entry) bool {
			return e.Kind == "documents.task_done" && e.Actor == jurist.ID && e.OnBehalfOf == budget.ID
		}) {
			t.Error("the journal does not say for whom the deputy did it")
		}
		o.refused(o.CompleteTask(o.ctx, budget, tasks[0].ID, "znovu"), fault.Conflict, "meeting.fault.task_closed")
		o.ok(o.ConfirmDone(o.ctx, marie, m.ID))
		o.refused(o.Act(o.ctx, marie, m.ID, workflow.Close, "", ""), fault.Conflict, "workflow.guard.handed_over")
		o.ok(o.Act(o.ctx, marie, m.ID, workflow.Close, "", "KULK 12345/2027"))
		o.stands(m.ID, workflow.Closed, documents.Approved)

		report, err := o.ReportFulfilment(o.ctx, marie, meeting.Council, meeting.HalfYear{Year: 2027, Half: 1}, "rada")
		o.ok(err)
		if text := o.text(report.ID); report.State != documents.Draft || !strings.Contains(text, "výpis z účtu č. 4") || !strings.Contains(text, "splněno: 1") ||
			!strings.Contains(text, "prodloužen usnesením č. "+other.Number) {
			t.Errorf("report %s:\n%s", report.Title, text)
		}
	})
}

// decided is a resolution about a material of its own, adopted unchanged at a
// meeting today.
func (o *office) decided(markdown string) meeting.Resolution {
	o.t.Helper()
	m := o.submitted(markdown)
	g := o.call(meeting.Council, access.DayOf(o.clock()), "")
	i, err := o.Schedule(o.ctx, marie, m.ID, g.ID, "")
	o.ok(err)
	o.ok(o.BeginDiscussion(o.ctx, marie, i.ID, 9))
	r, err := o.DecideItem(o.ctx, marie, i.ID, documents.Decision{Outcome: meeting.Adopted, Vote: meeting.Vote{Present: 9, For: 9}, Clauses: o.clauses(m.Current)})
	o.ok(err)
	return r
}

func TestAResolutionIsReferredToTheAssemblyUnderANumberOfItsOwn(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.secretariat()
		r := o.decided(donation)
		id := documents.MaterialID(r.Material)
		o.ok(o.Refer(o.ctx, marie, r.Item))
		o.stands(id, workflow.Referred, documents.Approved)
		council, soon, later := o.call(meeting.Council, "2026-12-08", ""), o.call(meeting.Assembly, "2026-12-02", ""), o.call(meeting.Assembly, "2026-12-15", "")
		_, err := o.Schedule(o.ctx, marie, id, council.ID, "")
		o.refused(err, fault.Conflict, "meeting.fault.not_assembly")
		_, err = o.Schedule(o.ctx, marie, id, soon.ID, "")
		o.refused(err, fault.Conflict, "workflow.guard.ten_days")
		o.ok(o.PublishProgramme(o.ctx, marie, later.ID))
		o.later(6 * 24 * time.Hour) // published 22 days ahead; the point joins late
		i, err := o.Schedule(o.ctx, marie, id, later.ID, "")
		o.ok(err)
		if i.Number != "ZK-02-2026-01" || i.Parent != r.Item {
			t.Errorf("point %+v", i)
		}
		o.stands(id, workflow.OnProgram, documents.Approved)
	})
}

func TestPointsAreMovedPostponedAndWithdrawn(t *testing.T) {
	o := onSQLite(t)
	o.secretariat()
	m := o.submitted(donation)
	g, next := o.call(meeting.Council, "2026-11-23", "2026-11-22"), o.call(meeting.Council, "2026-11-24", "")
	_, err := o.Schedule(o.ctx, marie, m.ID, g.ID, "")
	o.refused(err, fault.Conflict, "workflow.guard.before_closing")
	i, err := o.Schedule(o.ctx, marie, m.ID, g.ID, "havarijní stav")
	o.ok(err)
	o.refused(o.Reschedule(o.ctx, marie, i.ID, ""), fault.Conflict, "workflow.guard.reason")
	o.ok(o.Reschedule(o.ctx, marie, i.ID, "chybí stanovisko"))
	o.stands(m.ID, workflow.Submitted, documents.Approved)
	o.refused(o.Reschedule(o.ctx, marie, i.ID, "znovu"), fault.Conflict, "meeting.fault.decided")
	i, err = o.Schedule(o.ctx, marie, m.ID, g.ID, "doplněno")
	o.ok(err)
	o.ok(o.Reorder(o.ctx, marie, i.ID, 5))
	o.refused(o.Reorder(o.ctx, marie, i.ID, 0), fault.Invalid, "meeting.fault.order")
	o.ok(o.BeginDiscussion(o.ctx, marie, i.ID, 9))
	_, err = o.DecideItem(o.ctx, marie, i.ID, documents.Decision{Outcome: meeting.Postponed, Vote: meeting.Vote{Present: 9}})
	o.refused(err, fault.Conflict, "workflow.guard.reason")
	_, err = o.DecideItem(o.ctx, marie, i.ID, documents.Decision{Outcome: meeting.Postponed, Vote: meeting.Vote{Present: 9}, Reason: "na příští schůzi"})
	o.ok(err)
	o.stands(m.ID, workflow.Postponed, documents.Approved)
	i, err = o.Schedule(o.ctx, marie, m.ID, next.ID, "")
	o.ok(err)
	o.refused(o.WithdrawPoint(o.ctx, marie, i.ID, "nevím"), fault.Denied, "workflow.fault.role")
	o.ok(o.WithdrawPoint(o.ctx, head, i.ID, "dar už není potřeba")) // he approved last: he submitted it
	o.stands(m.ID, workflow.Withdrawn, documents.Approved)
	o.ok(o.OpenDraft(o.ctx, drafter, m.ID))
	o.stands(m.ID, workflow.Draft, documents.Draft)
	_, points, err := o.Programme(o.ctx, reader, g.ID)
	o.ok(err)
	if len(points) != 2 || points[1].Hidden {
		t.Errorf("programme %+v", points)
	}
	_, points, err = o.Programme(o.ctx, budget, g.ID)
	o.ok(err)
	if !points[0].Hidden || points[0].Material.Title != "" || points[0].Reason != "" {
		t.Errorf("a stranger sees %+v", points[0])
	}
}

func TestMeetingsThatCannotBeHeldAreRefused(t *testing.T) {
	o := onSQLite(t)
	o.secretariat()
	good := meeting.Meeting{Kind: meeting.Council, On: "2026-11-30", Chair: signer.ID, Recorder: marie.ID, Members: []string{"A"}}
	_, err := o.CallMeeting(o.ctx, drafter, good)
	o.refused(err, fault.Denied, "meeting.fault.secretariat")
	for key, change := range map[string]func(m *meeting.Meeting){
		"kind": func(m *meeting.Meeting) { m.Kind = "spolek" }, "day": func(m *meeting.Meeting) { m.On = "zítra" }, "past": func(m *meeting.Meeting) { m.On = "2026-11-22" },
		"closing": func(m *meeting.Meeting) { m.Closing = "2026-12-01" }, "people": func(m *meeting.Meeting) { m.Chair = "p-nobody" },
		"members": func(m *meeting.Meeting) { m.Members = nil }, "member": func(m *meeting.Meeting) { m.Members = []string{"A", "A"} },
	} {
		m := good
		change(&m)
		_, err := o.CallMeeting(o.ctx, marie, m)
		o.refused(err, fault.Invalid, "meeting.fault."+key)
	}
}

// TestTasksAreFoundAmongTenThousand is the size of ten years of a region.
func TestTasksAreFoundAmongTenThousand(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.secretariat()
		r := o.decided(donation)
		tx, err := o.db.BeginTx(o.ctx, nil)
		o.ok(err)
		o.ok(func() error {
			for i := range 10_000 {
				day := access.DayOf(time.Date(2020, 1, 1, 12, 0, 0, 0, time.UTC).AddDate(0, 0, i%2500))
				closed := int64(0)
				if i%50 != 0 {
					closed = day.Time().UnixMicro()
				}
				if err := addTask(tx, r, i, day, closed); err != nil {
					return err
				}
			}
			return nil
		}())
		o.ok(tx.Commit())
		_, err = o.db.Exec("ANALYZE")
		o.ok(err)
		began := time.Now()
		open, err := o.OpenTasks(o.ctx, marie)
		o.ok(err)
		mine, err := o.OpenTasks(o.ctx, budget)
		o.ok(err)
		span, err := o.store.TasksUntil(o.ctx, meeting.Council, "2026-01-01", "2026-06-30", 1500)
		o.ok(err)
		took := time.Since(began)
		if len(open) != 200 || len(mine) == 0 || len(span) < 181 {
			t.Errorf("%d open, %d of the department, %d in the half-year", len(open), len(mine), len(span))
		}
		t.Logf("three questions in %v", took)
	})
}

func addTask(tx *sql.Tx, r meeting.Resolution, i int, day access.Day, closed int64) error {
	state, unit := "open", "doprava"
	if closed != 0 {
		state = "done"
	}
	if i%4 == 0 {
		unit = "finance"
	}
	_, err := tx.Exec(`INSERT INTO documents_task (id, resolution, number, kind, material, clause, text, unit, person, due, state, proof, extended_by, made_at, closed_at, closed_by)
		VALUES ($1, $2, $3, 'council', $4, $5, 'úkol', $6, '', $7, $8, '', '', 0, $9, '')`,
		fmt.Sprintf("k-%05d", i), r.ID, r.Number, r.Material, 100+i, unit, string(day), state, closed)
	return err
}

func TestWhoMayReadFollowsThePlace(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.secretariat()
		councillor := security.Actor{ID: "p-hana", Name: "Hana Radní", Session: "s9", Roles: []security.Role{security.Councillor}}
		m := o.submitted(donation)
		reads := func(want bool) {
			t.Helper()
			if _, err := o.Get(o.ctx, councillor, m.ID); (err == nil) != want {
				t.Errorf("a councillor reads: %v, want %v", err, want)
			}
		}
		reads(false)
		g := o.call(meeting.Council, "2026-11-30", "")
		i, err := o.Schedule(o.ctx, marie, m.ID, g.ID, "")
		o.ok(err)
		reads(true)
		o.ok(o.WithdrawPoint(o.ctx, head, i.ID, "Dar už není potřeba."))
		reads(false)
	})
}

func TestTheDeputyOfTheHeadReportsATaskAndItShows(t *testing.T) {
	o := onSQLite(t)
	o.secretariat()
	o.account(budget, jurist)
	rights := access.NewRights(o.db, o.journal)
	rights.Now = o.clock
	_, err := o.db.Exec(`INSERT INTO access_unit (id, name) VALUES ('finance', 'Odbor finanční')`)
	o.ok(err)
	o.ok(rights.NameHead(o.ctx, security.System, "finance", budget.ID))
	r := o.decided(donation)
	o.ok(o.SendToSign(o.ctx, marie, r.Item))
	o.ok(o.SignResolution(o.ctx, signer, r.Item, r.SHA256, true))
	tasks, err := o.Tasks(o.ctx, marie, documents.MaterialID(r.Material))
	o.ok(err)
	o.refused(o.CompleteTask(o.ctx, jurist, tasks[0].ID, "hotovo"), fault.Denied, "meeting.fault.task_theirs")
	o.deputise(budget, jurist, "2026-11-23", "2026-11-30")
	o.ok(o.CompleteTask(o.ctx, jurist, tasks[0].ID, "výpis z účtu"))
	found := false
	for _, e := range o.entries(documents.MaterialID(r.Material)) {
		found = found || e.Kind == "documents.task_done" && e.Actor == jurist.ID && e.OnBehalfOf == budget.ID
	}
	if !found {
		t.Error("the journal does not say for whom the task was reported")
	}
}
