package documents

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"spolupis/documents/calendar"
	"spolupis/documents/meeting"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
)

// DeadlineKind says what is to be done by a deadline.
type DeadlineKind string

// The kinds of deadlines.
const (
	RoundDeadline   DeadlineKind = "round"   // commenting ends
	PlaceDeadline   DeadlineKind = "place"   // a material should have left its place in the course
	ApproveDeadline DeadlineKind = "approve" // the same, for who is asked to approve it
	TaskDeadline    DeadlineKind = "task"    // from a resolution
	MeetingDay      DeadlineKind = "meeting"
)

// Deadline is one entry of a calendar: what is due, and nothing of what it says.
type Deadline struct {
	Kind DeadlineKind
	// ID is the same as long as it is the same deadline, moved or not.
	ID       string
	Material MaterialID
	Number   string // reference number of the material; of a task the resolution's, of a meeting its own
	Title    string // of the material
	Meeting  meeting.Kind
	Link     string
	At       time.Time // within the last second of a day when the whole day is meant
	Changed  time.Time // when it was set, or last moved; zero when that is not known
	Moved    int       // how often; grows with each move
	Off      bool      // it is called off
}

// CalendarFeed is the secret address under which a person's calendar program
// reads his deadlines, without its secret.
type CalendarFeed struct {
	Person security.ActorID
	Lang   string
	MadeAt time.Time
	ReadAt time.Time // last; zero: never
}

// Limits of a feed: a program asks every few hours.
const (
	maxDue     = 200 // tasks of one person or department
	feedReads  = 30
	feedWindow = 15 * time.Minute
)

// CalendarReader answers what is due.
type CalendarReader interface {
	// OpenRounds lists running rounds in which one of the units is asked, or whose material he drafts, by deadline.
	OpenRounds(ctx context.Context, who security.ActorID, units []security.UnitID) ([]Deadline, error)
	// ComingMeetings lists meetings from a day on, soonest first.
	ComingMeetings(ctx context.Context, from access.Day, limit int) ([]meeting.Meeting, error)
	// Drafted tells which of the meetings have a material of his on their programme.
	Drafted(ctx context.Context, who security.ActorID, from access.Day) ([]string, error)
	CalendarFeed(ctx context.Context, who security.ActorID) (f CalendarFeed, found bool, err error)
}

// CalendarWriter keeps feeds within a transaction.
type CalendarWriter interface {
	SetCalendarFeed(ctx context.Context, f CalendarFeed, hash string) error
	DropCalendarFeed(ctx context.Context, who security.ActorID) (found bool, err error)
	// ReadCalendarFeed counts a reading of the feed with this hash within the window, and returns how many there were.
	// fault.NotFound when there is no such feed.
	ReadCalendarFeed(ctx context.Context, hash string, now time.Time, window time.Duration) (f CalendarFeed, reads int, err error)
}

// RoundDeadline returns the deadline of round n of a material that who may see.
func (s *Service) RoundDeadline(ctx context.Context, who security.Actor, id MaterialID, n int) (Deadline, error) {
	m, err := s.Get(ctx, who, id)
	if err != nil {
		return Deadline{}, err
	}
	rounds, err := s.Store.Rounds(ctx, id)
	if err != nil {
		return Deadline{}, err
	}
	i := slices.IndexFunc(rounds, func(r Round) bool { return r.Number == n })
	if i < 0 {
		return Deadline{}, fault.New(fault.NotFound, "fault.not_found")
	}
	r := rounds[i]
	d := Deadline{Kind: RoundDeadline, ID: "round-" + r.ID, Material: id, Number: m.Number, Title: m.Title, Link: roundPage(id), At: r.Due,
		Changed: r.StartedAt, Moved: len(r.Extensions), Off: r.Ended == CalledOff}
	for _, x := range r.Extensions {
		d.Changed = x.At
	}
	if d.Off {
		d.Changed, d.Moved = r.ClosedAt, d.Moved+1
	}
	return d, nil
}

func roundPage(id MaterialID) string { return "/documents/" + string(id) + "/round" }

// PlaceDeadline returns until when a material that who may see should stay at
// its place in the course; fault.NotFound where there is no such time.
func (s *Service) PlaceDeadline(ctx context.Context, who security.Actor, id MaterialID) (Deadline, error) {
	m, err := s.Get(ctx, who, id)
	if err != nil {
		return Deadline{}, err
	}
	d, ok, err := s.placeDeadline(ctx, m)
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "calendar.fault.none")
	}
	return d, err
}

func (s *Service) placeDeadline(ctx context.Context, m Material) (Deadline, bool, error) {
	course, err := s.course(ctx, s.Store, m.Course)
	if err != nil {
		return Deadline{}, false, err
	}
	state := course.State(m.Place)
	if state == nil || state.WorkingDays == 0 {
		return Deadline{}, false, nil
	}
	// Each stay at a place is a deadline of its own.
	return Deadline{Kind: PlaceDeadline, ID: "place-" + string(m.ID) + "-" + m.PlacedAt.UTC().Format("20060102150405"), Material: m.ID, Number: m.Number, Title: m.Title,
		Link: "/documents/" + string(m.ID), At: calendar.Deadline(m.PlacedAt, state.WorkingDays, s.Zone), Changed: m.PlacedAt}, true, nil
}

// TaskDeadline returns the deadline of a task from a resolution on a material that who may see.
func (s *Service) TaskDeadline(ctx context.Context, who security.Actor, id MaterialID, task string) (Deadline, error) {
	m, err := s.Get(ctx, who, id)
	if err != nil {
		return Deadline{}, err
	}
	t, err := s.Store.MeetingTask(ctx, task)
	if err == nil && t.Material != string(id) || err == nil && t.Due.Time().IsZero() {
		err = fault.New(fault.NotFound, "calendar.fault.none")
	}
	if err != nil {
		return Deadline{}, err
	}
	d := s.taskDeadline(t)
	d.Title = m.Title
	return d, nil
}

func (s *Service) taskDeadline(t meeting.Task) Deadline {
	d := Deadline{Kind: TaskDeadline, ID: "task-" + t.ID, Material: MaterialID(t.Material), Number: t.Number,
		Link: "/documents/" + t.Material + "/programme#tasks", At: s.endOf(t.Due), Changed: t.MadeAt, Off: t.State == meeting.Cancelled}
	if t.ExtendedBy != "" { // days are only ever added, so their number grows with each extension
		d.Moved = calendarDays(t.MadeAt, d.At)
	}
	if d.Off {
		d.Changed, d.Moved = t.ClosedAt, d.Moved+1
	}
	return d
}

func calendarDays(from, to time.Time) int { return max(1, int(to.Sub(from).Hours()/24)) }

// endOf is the last second of a day of the office.
func (s *Service) endOf(d access.Day) time.Time {
	t := d.Time()
	return time.Date(t.Year(), t.Month(), t.Day(), 23, 59, 59, 0, s.Zone)
}

// MeetingDay returns the day of a meeting.
func (s *Service) MeetingDay(ctx context.Context, id string) (Deadline, error) {
	m, err := s.Store.Meeting(ctx, id)
	return s.meetingDay(m), err
}

func (s *Service) meetingDay(m meeting.Meeting) Deadline {
	return Deadline{Kind: MeetingDay, ID: "meeting-" + m.ID, Meeting: m.Kind, Number: fmt.Sprintf("%d/%d", m.Number, m.Year), Link: "/meetings/" + m.ID, At: s.endOf(m.On), Changed: m.PublishedAt}
}

// Deadlines lists what is due for who: rounds in which his unit, or one he
// leads, is asked, and those of his materials; approvals asked of him; tasks
// from resolutions; meetings he takes part in; and as in the inbox, what of
// this waits for whom he stands. It respects his rights as they are now.
func (s *Service) Deadlines(ctx context.Context, who security.Actor) ([]Deadline, error) {
	if !who.Known() {
		return nil, fault.Unauthenticated
	}
	var out []Deadline
	for _, ask := range []func(context.Context, security.Actor) ([]Deadline, error){s.roundsDue, s.approvalsDue, s.tasksDue, s.meetingsDue} {
		some, err := ask(ctx, who)
		if err != nil {
			return nil, err
		}
		for _, d := range some {
			if d.Material != "" {
				err := s.can(ctx, who, access.View, d.Material)
				if isNotFound(err) || isDenied(err) {
					if d.Kind != TaskDeadline { // what a resolution orders is his to know; of what is not
						continue
					}
					d.Title = ""
				} else if err != nil {
					return nil, err
				}
			}
			out = append(out, d)
		}
	}
	slices.SortStableFunc(out, func(a, b Deadline) int { return a.At.Compare(b.At) })
	return out, nil
}

func (s *Service) roundsDue(ctx context.Context, who security.Actor) ([]Deadline, error) {
	sides, err := s.sides(ctx, who)
	if err != nil {
		return nil, err
	}
	var units []security.UnitID
	for _, x := range sides { // also those whose head he stands for
		for _, u := range x.leads {
			if !slices.Contains(units, u) {
				units = append(units, u)
			}
		}
	}
	if who.Unit != "" && !slices.Contains(units, who.Unit) {
		units = append(units, who.Unit)
	}
	return s.Store.OpenRounds(ctx, who.ID, units)
}

// eachSide runs do for who and for everybody he stands for.
func (s *Service) eachSide(ctx context.Context, who security.Actor, do func(x side) ([]Deadline, error)) ([]Deadline, error) {
	sides, err := s.sides(ctx, who)
	if err != nil {
		return nil, err
	}
	var out []Deadline
	for _, x := range sides {
		some, err := do(x)
		if err != nil {
			return nil, err
		}
		for _, d := range some {
			if slices.ContainsFunc(out, func(o Deadline) bool { return o.ID == d.ID }) {
				continue
			}
			if x.scopes != nil { // the deputyship may be for less than everything
				stands, err := s.StandsFor(ctx, who, d.Material)
				if err != nil {
					return nil, err
				}
				if !slices.Contains(stands, x.person) {
					continue
				}
			}
			out = append(out, d)
		}
	}
	return out, nil
}

func (s *Service) approvalsDue(ctx context.Context, who security.Actor) ([]Deadline, error) {
	return s.eachSide(ctx, who, func(x side) ([]Deadline, error) {
		tasks, err := s.Store.Asked(ctx, x.person)
		if err != nil {
			return nil, err
		}
		var out []Deadline
		for _, t := range tasks {
			m, err := s.Store.Material(ctx, t.Material)
			if err != nil {
				return nil, err
			}
			d, ok, err := s.placeDeadline(ctx, m)
			if err != nil {
				return nil, err
			}
			if ok {
				d.Kind, d.Link = ApproveDeadline, t.Link
				out = append(out, d)
			}
		}
		return out, nil
	})
}

func (s *Service) tasksDue(ctx context.Context, who security.Actor) ([]Deadline, error) {
	return s.eachSide(ctx, who, func(x side) ([]Deadline, error) {
		var out []Deadline
		for _, u := range append([]security.UnitID{""}, x.heads...) {
			tasks, err := s.Store.OpenTasks(ctx, u, x.person, maxDue)
			if err != nil {
				return nil, err
			}
			for _, t := range tasks {
				if t.Due.Time().IsZero() {
					continue
				}
				d := s.taskDeadline(t)
				m, err := s.Store.Material(ctx, d.Material)
				if err != nil {
					return nil, err
				}
				d.Title = m.Title
				out = append(out, d)
			}
		}
		return out, nil
	})
}

// meetingsDue are those of whoever sits in them, runs them, or has a material on their programme.
func (s *Service) meetingsDue(ctx context.Context, who security.Actor) ([]Deadline, error) {
	all, err := s.Store.ComingMeetings(ctx, s.today(), 50)
	if err != nil {
		return nil, err
	}
	drafted, err := s.Store.Drafted(ctx, who.ID, s.today())
	if err != nil {
		return nil, err
	}
	var out []Deadline
	for _, m := range all {
		sits := m.Chair == who.ID || m.Recorder == who.ID || slices.Contains(m.Verifiers, who.ID) || who.Has(security.Councillor) || who.Has(security.Secretariat)
		if sits || slices.Contains(drafted, m.ID) {
			out = append(out, s.meetingDay(m))
		}
	}
	return out, nil
}

// CalendarFeed tells whether who has a feed.
func (s *Service) CalendarFeed(ctx context.Context, who security.Actor) (CalendarFeed, bool, error) {
	return s.Store.CalendarFeed(ctx, who.ID)
}

// MakeCalendarFeed gives who a feed, in the language he reads in, and returns
// its secret, once. The secret before it stops holding.
func (s *Service) MakeCalendarFeed(ctx context.Context, who security.Actor) (secret string, err error) {
	if !who.Known() {
		return "", fault.Unauthenticated
	}
	secret = strings.ToLower(rand.Text()) // 130 bits
	err = s.Store.Write(ctx, func(tx Tx) error {
		if err := tx.SetCalendarFeed(ctx, CalendarFeed{Person: who.ID, Lang: who.Lang, MadeAt: s.now()}, sum([]byte(secret))); err != nil {
			return err
		}
		e := s.entry(who, "documents.calendar_made", "", map[string]any{}, nil)
		e.Subject = "account:" + string(who.ID)
		return tx.Record(ctx, e)
	})
	return secret, wrap("calendar feed of", who.ID, err)
}

// RevokeCalendarFeed takes who's feed away. It is no error when there is none.
func (s *Service) RevokeCalendarFeed(ctx context.Context, who security.Actor) error {
	return wrap("calendar feed of", who.ID, s.Store.Write(ctx, func(tx Tx) error {
		found, err := tx.DropCalendarFeed(ctx, who.ID)
		if err != nil || !found {
			return err
		}
		e := s.entry(who, "documents.calendar_revoked", "", map[string]any{}, nil)
		e.Subject = "account:" + string(who.ID)
		return tx.Record(ctx, e)
	}))
}

// ReadCalendarFeed returns the deadlines of whoever the secret belongs to, and
// who he is. A secret that does not hold, or of an account that is closed, is
// fault.NotFound; more than 30 readings in 15 minutes are fault.TooMany.
func (s *Service) ReadCalendarFeed(ctx context.Context, secret string) (security.Actor, []Deadline, error) {
	gone := fault.New(fault.NotFound, "calendar.fault.gone")
	var f CalendarFeed
	var reads int
	err := s.Store.Write(ctx, func(tx Tx) (err error) {
		f, reads, err = tx.ReadCalendarFeed(ctx, sum([]byte(secret)), s.now(), feedWindow)
		return err
	})
	if isNotFound(err) {
		return security.Actor{}, nil, gone
	} else if err != nil {
		return security.Actor{}, nil, wrap("read", "calendar feed", err)
	}
	if reads > feedReads {
		return security.Actor{}, nil, fault.New(fault.TooMany, "calendar.fault.many")
	}
	p, err := s.People.Person(ctx, f.Person)
	if errors.Is(err, fault.NotFound) || err == nil && p.Disabled {
		return security.Actor{}, nil, gone
	} else if err != nil {
		return security.Actor{}, nil, err
	}
	who := actorOf(p)
	who.Lang = f.Lang
	all, err := s.Deadlines(ctx, who)
	return who, all, err
}
