package documents

import (
	"cmp"
	"context"
	"slices"
	"time"

	"spolupis/security"
	"spolupis/security/access"
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

// side is somebody whose tasks are shown to a reader: himself, or whoever he
// stands for.
type side struct {
	person security.ActorID
	name   string
	heads  []security.UnitID // departments whose head he was named
	leads  []security.UnitID // those, and his own when nobody heads it and he has the role
	scopes []access.Object   // of the reader's deputyship; none: everything, or himself
}

// sides returns the reader first. Of a head, a deputyship for his department
// or for everything hands on what the department owes.
func (s *Service) sides(ctx context.Context, who security.Actor) ([]side, error) {
	standing, err := s.Rights.Standing(ctx, who)
	if err != nil {
		return nil, err
	}
	named, err := s.Rights.Heads(ctx)
	if err != nil {
		return nil, err
	}
	all := []side{{person: who.ID}}
	for _, d := range standing {
		i := slices.IndexFunc(all, func(x side) bool { return x.person == d.Person })
		if i < 0 {
			i, all = len(all), append(all, side{person: d.Person, name: d.PersonName, scopes: []access.Object{}})
		}
		if d.Scope == "" {
			all[i].scopes = nil
		} else if all[i].scopes != nil {
			all[i].scopes = append(all[i].scopes, d.Scope)
		}
	}
	for i, x := range all {
		for u, head := range named {
			if head == x.person && (x.scopes == nil || slices.Contains(x.scopes, access.Unit(u))) {
				all[i].heads = append(all[i].heads, u)
			}
		}
		slices.Sort(all[i].heads)
		all[i].leads = all[i].heads
	}
	if who.Unit != "" && named[who.Unit] == "" && who.Has(security.Head) { // as Leads says
		all[0].leads = append(slices.Clone(all[0].leads), who.Unit)
	}
	return all, nil
}

// Inbox lists everything that waits for who, by deadline and then by age: his
// own tasks, and those of people he stands for which he can do in their name.
// Other packages add theirs through Config.Waiting.
func (s *Service) Inbox(ctx context.Context, who security.Actor) ([]Task, error) {
	if !who.Known() {
		return nil, nil
	}
	sides, err := s.sides(ctx, who)
	if err != nil {
		return nil, err
	}
	var all []Task
	for _, ask := range []func() ([]Task, error){
		func() ([]Task, error) { return s.Store.Asked(ctx, who.ID) },
		func() ([]Task, error) { return s.Store.ToComment(ctx, who.ID, who.Unit) },
		func() ([]Task, error) { return s.Store.ToState(ctx, sides[0].leads) },
		func() ([]Task, error) { return s.Store.ToSettle(ctx, who.ID) },
		func() ([]Task, error) { return s.Store.ToDecide(ctx, who.ID) },
		func() ([]Task, error) { return s.Store.Duties(ctx, who.ID, sides[0].heads) },
		func() ([]Task, error) { return s.Store.ToRead(ctx, who.ID) },
	} {
		tasks, err := ask()
		if err != nil {
			return nil, err
		}
		all = append(all, tasks...)
	}
	for _, x := range sides[1:] {
		tasks, err := s.inTheNameOf(ctx, who, x)
		if err != nil {
			return nil, err
		}
		all = append(all, tasks...)
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

// inTheNameOf lists the tasks of somebody for whom who stands, and can do them.
func (s *Service) inTheNameOf(ctx context.Context, who security.Actor, x side) ([]Task, error) {
	var out []Task
	for _, ask := range []func() ([]Task, error){
		func() ([]Task, error) { return s.Store.Asked(ctx, x.person) },
		func() ([]Task, error) { return s.Store.ToState(ctx, x.leads) },
		func() ([]Task, error) { return s.Store.ToDecide(ctx, x.person) },
		func() ([]Task, error) { return s.Store.Duties(ctx, x.person, x.heads) },
	} {
		tasks, err := ask()
		if err != nil {
			return nil, err
		}
		for _, t := range tasks {
			// What a department owes is its head's to hand on, whatever hangs above the material.
			if x.scopes != nil && t.What != "state" {
				stands, err := s.StandsFor(ctx, who, t.Material)
				if err != nil {
					return nil, err
				}
				if !slices.Contains(stands, x.person) {
					continue
				}
			}
			t.For, t.ForName = x.person, x.name
			out = append(out, t)
		}
	}
	return out, nil
}

// InboxCount is how many tasks Inbox lists, for the header of every page: it
// asks one question where Inbox asks seven.
func (s *Service) InboxCount(ctx context.Context, who security.Actor) (int, error) {
	if !who.Known() {
		return 0, nil
	}
	sides, err := s.sides(ctx, who)
	if err != nil {
		return 0, err
	}
	n, err := s.Store.CountTasks(ctx, who.ID, who.Unit, sides[0].leads, sides[0].heads)
	if err != nil {
		return 0, err
	}
	for _, x := range sides[1:] {
		tasks, err := s.inTheNameOf(ctx, who, x)
		if err != nil {
			return 0, err
		}
		n += len(tasks)
	}
	for _, w := range s.Waiting {
		tasks, err := w.Waiting(ctx, who)
		if err != nil {
			return 0, err
		}
		n += len(tasks)
	}
	return n, nil
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
