package documents_test

import (
	"testing"
	"time"

	"spolupis/documents"
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
