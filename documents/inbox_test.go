package documents_test

import (
	"slices"
	"testing"
	"time"

	"spolupis/documents"
	"spolupis/security/access"
)

func TestTheInboxIsDividedByDeadline(t *testing.T) {
	prague, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		t.Fatal(err)
	}
	day := func(d, h int) time.Time { return time.Date(2026, 11, d, h, 0, 0, 0, prague) }
	now := day(26, 10) // a Thursday
	for _, c := range []struct {
		due  time.Time
		now  time.Time
		want documents.When
	}{
		{time.Time{}, now, documents.Anytime},
		{day(26, 9), now, documents.Overdue},
		{day(20, 9), now, documents.Overdue},
		{day(26, 11), now, documents.Today},
		{day(27, 0), now, documents.Today}, // the end of Thursday
		{day(27, 1), now, documents.ThisWeek},
		{day(29, 23), now, documents.ThisWeek},
		{day(30, 0), now, documents.ThisWeek}, // the end of Sunday
		{day(30, 1), now, documents.Later},
		{day(29, 23), day(29, 8), documents.Today}, // on a Sunday
		{day(30, 8), day(29, 8), documents.Later},
		{day(30, 8).UTC(), day(30, 0).UTC(), documents.Today},
	} {
		g := documents.Grouped([]documents.Task{{Due: c.due}}, c.now, prague)
		if len(g) != 1 || g[0].When != c.want {
			t.Errorf("due %v at %v: %v, want %s", c.due, c.now, g, c.want)
		}
	}
	mixed := documents.Grouped([]documents.Task{{Title: "c", Due: day(30, 9)}, {Title: "a", Due: day(1, 0)}, {Title: "b"}, {Title: "d", Due: day(2, 0)}}, now, prague)
	if len(mixed) != 3 || mixed[0].When != documents.Overdue || len(mixed[0].Tasks) != 2 || mixed[2].When != documents.Anytime {
		t.Errorf("groups %+v", mixed)
	}
}

// What happened to something a person acted on waits for him until he looks.
func TestWhatSomebodyShouldKnowWaitsUntilHeLooks(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		c, err := o.command(jurist, m.ID, "comment.add", map[string]any{"kind": "advisory", "text": "Doplňte."})
		o.ok(err)
		_, err = o.command(drafter, m.ID, "comment.settle", map[string]any{"comment": c.ID, "outcome": "rejected", "reasoning": "Netýká se."})
		o.ok(err)
		tasks, err := o.Inbox(o.ctx, jurist)
		o.ok(err)
		if len(tasks) != 1 || tasks[0].What != "read" || tasks[0].Number != m.Number || tasks[0].Count != 1 || tasks[0].Since.IsZero() {
			t.Fatalf("tasks %+v", tasks)
		}
		notices, err := o.Notices(o.ctx, jurist, 0)
		o.ok(err)
		n, err := o.OpenNotice(o.ctx, jurist, notices[0].Seq)
		o.ok(err)
		if n.Link != notices[0].Link || tasks[0].Link != n.Open() {
			t.Errorf("the notice leads to %s, the task to %s", n.Link, tasks[0].Link)
		}
		if _, err := o.OpenNotice(o.ctx, reader, notices[0].Seq); err == nil {
			t.Error("somebody else opened the notice")
		}
		if tasks, err := o.Inbox(o.ctx, jurist); err != nil || len(tasks) != 0 {
			t.Errorf("after looking: %+v, %v", tasks, err)
		}
	})
}

// Lists, the search and the inbox show a deputy what the head sees and owes, in his days and not outside them.
func TestADeputySeesTheMaterialsAndTheInboxOfTheHeadInHisDays(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.account(juristsHead, budgetsHead)
		_, err := o.db.ExecContext(o.ctx, `INSERT INTO access_unit (id, name) VALUES ('pravni', 'Právní odbor')`)
		o.ok(err)
		o.ok(access.NewRights(o.db, o.journal).NameHead(o.ctx, admin, "pravni", juristsHead.ID))
		asked := o.material("# Mosty\n\nRada schvaluje opravu mostů.\n")
		o.ok(o.Invite(o.ctx, drafter, asked.ID, documents.Participant{Subject: "user:" + string(juristsHead.ID), Relation: "approver"}))
		v, err := o.Freeze(o.ctx, drafter, asked.ID)
		o.ok(err)
		_, err = o.StartRoute(o.ctx, drafter, v.ID, documents.Route{Approvers: []documents.Group{group(documents.All, juristsHead)}})
		o.ok(err)
		commented := o.material("# Silnice\n\nRada schvaluje opravu silnic.\n")
		o.start(commented.ID, units("pravni"), nil)
		other, err := o.Import(o.ctx, drafter, documents.NewMaterial{Title: "Oprava škol", Agenda: "rada"}, []byte("# Školy\n\nRada schvaluje opravu škol.\n"))
		o.ok(err)
		o.indexed()
		o.deputise(juristsHead, budgetsHead, "2026-11-24", "2026-11-25")

		sees := func(materials int, tasks ...string) {
			t.Helper()
			page, err := o.List(o.ctx, budgetsHead, documents.Query{Count: true})
			o.ok(err)
			if len(page.Materials) != materials || page.Count != materials {
				t.Errorf("at %v the list has %d of %d, want %d", o.clock(), len(page.Materials), page.Count, materials)
			}
			for _, m := range page.Materials {
				if _, err := o.Get(o.ctx, budgetsHead, m.ID); err != nil || m.ID == other.ID {
					t.Errorf("the list shows %s %s: %v", m.Number, m.Title, err)
				}
			}
			if got := len(o.find(budgetsHead, "rada schvaluje opravu")); got != materials {
				t.Errorf("at %v the search finds %d, want %d", o.clock(), got, materials)
			}
			inbox, err := o.Inbox(o.ctx, budgetsHead)
			o.ok(err)
			var got []string
			for _, x := range inbox {
				got = append(got, x.What)
				if x.For != juristsHead.ID || x.ForName != juristsHead.Name {
					t.Errorf("task %+v does not say for whom", x)
				}
			}
			if !slices.Equal(got, tasks) {
				t.Errorf("at %v the inbox has %q, want %q", o.clock(), got, tasks)
			}
		}
		sees(0) // the day before
		o.later(24 * time.Hour)
		sees(2, "state", "approve")
		o.later(24 * time.Hour)
		sees(2, "state", "approve")
		o.later(24 * time.Hour)
		sees(0) // the day after
	})
}

func TestADrafterSettlesAUnitsCommentsOnceItsHeadHasConfirmedThem(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		o.start(m.ID, units("pravni", "finance"), nil)
		for _, text := range []string{"Doplňte.", "Zkraťte."} {
			_, err := o.command(jurist, m.ID, "comment.add", map[string]any{"kind": "advisory", "text": text})
			o.ok(err)
		}
		settles := func() (n int) {
			t.Helper()
			tasks, err := o.Inbox(o.ctx, drafter)
			o.ok(err)
			for _, x := range tasks {
				if x.What == "settle" {
					n += x.Count
				}
			}
			return n
		}
		if n := settles(); n != 0 {
			t.Errorf("working notes of a unit wait for the drafter: %d", n)
		}
		o.ok(o.State(o.ctx, juristsHead, m.ID, "pravni", documents.WithRemarks, ""))
		if n := settles(); n != 2 {
			t.Errorf("%d comments wait for the drafter, want 2", n)
		}
	})
}
