package documents_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"spolupis/documents"
	"spolupis/documents/meeting"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
)

func (o *office) due(who security.Actor) (all []documents.Deadline) {
	o.t.Helper()
	all, err := o.Deadlines(o.ctx, who)
	o.ok(err)
	return all
}

func kindsOf(all []documents.Deadline) (out []documents.DeadlineKind) {
	for _, d := range all {
		out = append(out, d.Kind)
	}
	return out
}

func TestTheCalendarOfEverybodyHasWhatIsDueForHim(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.secretariat()
		m := o.material(sample)
		o.start(m.ID, units("pravni"), nil)
		for _, who := range []security.Actor{jurist, drafter} { // who is asked, and whose material it is
			all := o.due(who)
			if len(all) != 1 || all[0].Kind != documents.RoundDeadline || all[0].Number != m.Number || all[0].Moved != 0 || !strings.HasSuffix(all[0].Link, "/round") {
				t.Fatalf("%s has %+v", who.Name, all)
			}
		}
		if all := o.due(reader); len(all) != 0 {
			t.Errorf("who is not asked has %+v", all)
		}
		before := o.due(jurist)[0]

		// Moved, it is the same deadline on another day.
		o.ok(o.Invite(o.ctx, drafter, m.ID, documents.Participant{Subject: "unit:doprava", Relation: "reader"}))
		o.ok(o.ExtendRound(o.ctx, draftersHead, m.ID, 3, "Čeká se na posudek."))
		after := o.due(jurist)[0]
		if after.ID != before.ID || after.Moved != 1 || !after.At.After(before.At) || !after.Changed.After(before.Changed) {
			t.Errorf("moved from %+v to %+v", before, after)
		}
		single, err := o.RoundDeadline(o.ctx, jurist, m.ID, 1)
		o.ok(err)
		if single != after {
			t.Errorf("by itself it is %+v, in the calendar %+v", single, after)
		}
		_, err = o.RoundDeadline(o.ctx, budget, m.ID, 1)
		o.refused(err, fault.NotFound, "fault.not_found")
		_, err = o.RoundDeadline(o.ctx, jurist, m.ID, 2)
		o.refused(err, fault.NotFound, "fault.not_found")

		// Rights are those of the moment of reading.
		o.ok(o.Uninvite(o.ctx, drafter, m.ID, documents.Participant{Subject: "unit:pravni", Relation: "commenter"}))
		if all := o.due(jurist); len(all) != 0 {
			t.Errorf("who may no longer see the material still reads its title: %+v", all)
		}
	})
}

func TestApprovalsTasksAndMeetingsAreInTheCalendarUntilTheyAreDone(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.secretariat()
		m := o.material(sample)
		v, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		_, err = o.StartRoute(o.ctx, drafter, v.ID, documents.Route{Approvers: []documents.Group{group(documents.All, head)}})
		o.ok(err)
		all := o.due(head)
		if len(all) != 1 || all[0].Kind != documents.ApproveDeadline || all[0].At.In(time.UTC).Format(time.TimeOnly) != "23:59:59" {
			t.Fatalf("an approver has %+v", all)
		}
		if place, err := o.PlaceDeadline(o.ctx, head, m.ID); err != nil || place.ID != all[0].ID || !place.At.Equal(all[0].At) {
			t.Errorf("on the page of the material it is %+v, %v", place, err)
		}
		_, err = o.Approve(o.ctx, head, v.ID)
		o.ok(err)
		if all := o.due(head); len(all) != 0 {
			t.Errorf("what is approved is still due: %+v", all)
		}

		r := o.decided(donation)
		o.ok(o.SendToSign(o.ctx, marie, r.Item))
		o.ok(o.SignResolution(o.ctx, signer, r.Item, r.SHA256, true))
		g := o.call(meeting.Council, "2027-02-01", "")
		all = o.due(marie) // the secretariat: today's meeting and the next
		if got := kindsOf(all); !slices.Equal(got, []documents.DeadlineKind{documents.MeetingDay, documents.MeetingDay}) || all[1].ID != "meeting-"+g.ID || all[1].Number != "2/2026" && all[1].Number != "1/2027" {
			t.Errorf("the secretariat has %+v", all)
		}
		all = o.due(budget)
		if len(all) != 1 || all[0].Kind != documents.TaskDeadline || all[0].At.Format(time.DateOnly) != "2027-01-15" || all[0].Number != r.Number || all[0].Moved != 0 {
			t.Fatalf("who got a task has %+v", all)
		}
		task := strings.TrimPrefix(all[0].ID, "task-")
		_, err = o.TaskDeadline(o.ctx, drafter, m.ID, task)
		o.refused(err, fault.NotFound, "calendar.fault.none") // of another material
		single, err := o.TaskDeadline(o.ctx, budget, documents.MaterialID(r.Material), task)
		o.ok(err)
		if single != all[0] {
			t.Errorf("by itself it is %+v, in the calendar %+v", single, all[0])
		}
		other := o.decided("## Návrh usnesení\n\n- prodlužuje termín úkolu z usnesení č. " + r.Number + "\n")
		o.ok(o.ExtendTask(o.ctx, marie, task, "2027-03-31", other.Number))
		moved := o.due(budget)
		if len(moved) != 1 || moved[0].ID != all[0].ID || moved[0].Moved <= all[0].Moved || moved[0].At.Format(time.DateOnly) != "2027-03-31" {
			t.Errorf("moved to %+v", moved)
		}
		o.ok(o.CompleteTask(o.ctx, budget, task, "výpis z účtu"))
		if all := o.due(budget); len(all) != 0 {
			t.Errorf("a task that is done is still due: %+v", all)
		}
	})
}

func TestAFeedIsReadByItsSecretAloneUntilItIsRevoked(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		o.start(m.ID, units("pravni"), nil)
		if _, found, err := o.CalendarFeed(o.ctx, jurist); err != nil || found {
			t.Errorf("a feed nobody made: %v, %v", found, err)
		}
		first, err := o.MakeCalendarFeed(o.ctx, jurist)
		o.ok(err)
		who, all, err := o.ReadCalendarFeed(o.ctx, first)
		o.ok(err)
		if who.ID != jurist.ID || len(all) != 1 || all[0].Material != m.ID {
			t.Errorf("%s reads %+v", who.Name, all)
		}
		if f, found, err := o.CalendarFeed(o.ctx, jurist); err != nil || !found || f.ReadAt.IsZero() {
			t.Errorf("the owner does not see that it was read: %+v, %v", f, err)
		}
		if n := o.count(`SELECT count(*) FROM documents_calendar WHERE hash LIKE '%' || $1 || '%'`, first); n != 0 || len(first) < 26 {
			t.Error("the secret itself is kept, or too short")
		}

		second, err := o.MakeCalendarFeed(o.ctx, jurist)
		o.ok(err)
		_, _, err = o.ReadCalendarFeed(o.ctx, first)
		o.refused(err, fault.NotFound, "calendar.fault.gone")
		o.ok(o.RevokeCalendarFeed(o.ctx, jurist))
		o.ok(o.RevokeCalendarFeed(o.ctx, jurist))
		_, _, err = o.ReadCalendarFeed(o.ctx, second)
		o.refused(err, fault.NotFound, "calendar.fault.gone")
		for _, guess := range []string{"", "x", strings.Repeat("a", 10_000)} {
			_, _, err = o.ReadCalendarFeed(o.ctx, guess)
			o.refused(err, fault.NotFound, "calendar.fault.gone")
		}
		if got := o.happened("account:" + string(jurist.ID)); !slices.Equal(got, []string{"documents.calendar_made", "documents.calendar_made", "documents.calendar_revoked"}) {
			t.Errorf("journal has %v", got)
		}
	})
}

func TestAFeedThatIsReadTooOftenHasToWait(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		secret, err := o.MakeCalendarFeed(o.ctx, jurist)
		o.ok(err)
		for range 30 {
			_, _, err := o.ReadCalendarFeed(o.ctx, secret)
			o.ok(err)
		}
		_, _, err = o.ReadCalendarFeed(o.ctx, secret)
		o.refused(err, fault.TooMany, "calendar.fault.many")
		o.later(16 * time.Minute)
		_, _, err = o.ReadCalendarFeed(o.ctx, secret)
		o.ok(err)
	})
}

// closed is the office after the account of one was closed.
type closed struct {
	people
	one security.ActorID
}

func (c closed) Person(ctx context.Context, id security.ActorID) (access.Person, error) {
	p, err := c.people.Person(ctx, id)
	p.Disabled = id == c.one
	return p, err
}

func TestWhoLeftTheOfficeHasNoFeed(t *testing.T) {
	o := onSQLite(t)
	secret, err := o.MakeCalendarFeed(o.ctx, jurist)
	o.ok(err)
	o.Service.People = closed{everybody, jurist.ID}
	_, _, err = o.ReadCalendarFeed(o.ctx, secret)
	o.refused(err, fault.NotFound, "calendar.fault.gone")
}

func TestErasingAPersonErasesHisFeed(t *testing.T) {
	o := onSQLite(t)
	_, err := o.MakeCalendarFeed(o.ctx, jurist)
	o.ok(err)
	tx, err := o.db.BeginTx(o.ctx, nil)
	o.ok(err)
	o.ok(o.journal.EraseSubject(o.ctx, tx, admin.ID, jurist.ID, "odchod"))
	o.ok(tx.Commit())
	_, err = o.store.Follow(o.ctx)
	o.ok(err)
	if n := o.count(`SELECT count(*) FROM documents_calendar`); n != 0 {
		t.Error("the feed of an erased person is still there")
	}
}

func TestADeputyHasWhatWaitsForWhomHeStands(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.secretariat()
		o.account(budget, jurist)
		r := o.decided(donation)
		o.ok(o.SendToSign(o.ctx, marie, r.Item))
		o.ok(o.SignResolution(o.ctx, signer, r.Item, r.SHA256, true))
		m := o.material(sample)
		v, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		_, err = o.StartRoute(o.ctx, drafter, v.ID, documents.Route{Approvers: []documents.Group{group(documents.All, budget)}})
		o.ok(err)
		if all := o.due(jurist); len(all) != 0 {
			t.Errorf("before the deputyship: %+v", all)
		}
		o.deputise(budget, jurist, "2026-11-23", "2026-11-30")
		mine, theirs := o.due(jurist), o.due(budget)
		if len(mine) != 2 || !slices.Equal(mine, theirs) {
			t.Errorf("the deputy has %+v, whom he stands for %+v", mine, theirs)
		}
		o.later(8 * 24 * time.Hour)
		if all := o.due(jurist); len(all) != 0 {
			t.Errorf("after the deputyship: %+v", all)
		}
	})
}
