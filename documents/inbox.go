package documents

import (
	"cmp"
	"context"
	"slices"
	"time"

	"spolupis/security"
)

// Task is one thing that waits for a person.
type Task struct {
	What   string // comment, state, settle, decide, approve, sign, duty, read; "documents.task.<What>" says it in words
	Title  string
	Number string // reference number
	Link   string
	Count  int       // how many, where there can be more (open comments, notices)
	Due    time.Time // zero without a deadline
	Since  time.Time
	// For is whom the task waits for when that is not the reader himself but
	// somebody he stands for.
	For      security.ActorID
	ForName  string
	Material MaterialID // "" when the task is about several, or none
}

// Inbox lists everything that waits for who, by deadline and then by age.
// Other packages add theirs through Config.Waiting.
func (s *Service) Inbox(ctx context.Context, who security.Actor) ([]Task, error) {
	if !who.Known() {
		return nil, nil
	}
	var all []Task
	for _, ask := range []func() ([]Task, error){
		func() ([]Task, error) { return s.Store.Asked(ctx, who.ID) },
		func() ([]Task, error) { return s.Store.ToComment(ctx, who.ID, who.Unit) },
		func() ([]Task, error) { return s.toState(ctx, who) },
		func() ([]Task, error) { return s.Store.ToSettle(ctx, who.ID) },
		func() ([]Task, error) { return s.Store.ToDecide(ctx, who.ID) },
		func() ([]Task, error) { return s.duties(ctx, who) },
		func() ([]Task, error) { return s.Store.ToRead(ctx, who.ID) },
	} {
		tasks, err := ask()
		if err != nil {
			return nil, err
		}
		all = append(all, tasks...)
	}
	standing, err := s.Rights.Standing(ctx, who)
	if err != nil {
		return nil, err
	}
	told := map[security.ActorID]bool{}
	for _, d := range standing {
		if told[d.Person] {
			continue
		}
		told[d.Person] = true
		tasks, err := s.Store.Asked(ctx, d.Person)
		if err != nil {
			return nil, err
		}
		for _, t := range tasks {
			stands, err := s.StandsFor(ctx, who, t.Material) // the scope may be narrower
			if err != nil {
				return nil, err
			}
			if slices.Contains(stands, d.Person) {
				t.For, t.ForName = d.Person, d.PersonName
				all = append(all, t)
			}
		}
	}
	for _, w := range s.Waiting {
		tasks, err := w.Waiting(ctx, who)
		if err != nil {
			return nil, err
		}
		all = append(all, tasks...)
	}
	slices.SortStableFunc(all, func(a, b Task) int {
		if a.Due.IsZero() != b.Due.IsZero() {
			if b.Due.IsZero() {
				return -1
			}
			return 1
		}
		return cmp.Or(a.Due.Compare(b.Due), a.Since.Compare(b.Since))
	})
	return all, nil
}

// When says when a task must be done.
type When string

// Groups of an inbox, in their order. A week ends on Sunday.
const (
	Overdue  When = "overdue"
	Today    When = "today"
	ThisWeek When = "week"
	Later    When = "later"
	Anytime  When = "anytime"
)

// TaskGroup is the tasks of one group.
type TaskGroup struct {
	When  When
	Tasks []Task
}

// Grouped divides tasks by their deadlines as they stand at now, where days are
// those of zone; groups without tasks are left out.
func Grouped(tasks []Task, now time.Time, zone *time.Location) []TaskGroup {
	by := map[When][]Task{}
	for _, t := range tasks {
		w := due(t.Due, now, zone)
		by[w] = append(by[w], t)
	}
	var out []TaskGroup
	for _, w := range []When{Overdue, Today, ThisWeek, Later, Anytime} {
		if len(by[w]) > 0 {
			out = append(out, TaskGroup{w, by[w]})
		}
	}
	return out
}

func due(at, now time.Time, zone *time.Location) When {
	if at.IsZero() {
		return Anytime
	}
	if at.Before(now) {
		return Overdue
	}
	now = now.In(zone)
	tomorrow := time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, zone)
	monday := tomorrow.AddDate(0, 0, (7-int(now.Weekday()))%7)
	switch {
	case !at.After(tomorrow): // the end of a day is written as midnight after it
		return Today
	case !at.After(monday):
		return ThisWeek
	}
	return Later
}
