// Package meeting holds the rules of council meetings and assembly sessions:
// what a programme, a vote, a resolution and a task are, how a resolution is
// read out of a draft and written down, and how tasks are counted in a report.
//
// The package does no input or output. Package documents stores these things
// and moves materials in their course with them.
package meeting

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
)

// Kind is which body meets.
type Kind string

// The bodies.
const (
	Council  Kind = "council"  // rada kraje, schůze
	Assembly Kind = "assembly" // zastupitelstvo kraje, zasedání
)

// Org is the body's mark in numbers.
func (k Kind) Org() string {
	if k == Assembly {
		return "ZK"
	}
	return "RK"
}

// Limits of what a meeting holds.
const (
	MaxMembers = 100
	MaxItems   = 300
	MaxClauses = 100
	MaxText    = 10_000
	MaxName    = 120
)

// Meeting is one council meeting or assembly session.
type Meeting struct {
	ID          string
	Kind        Kind
	Number      int // 1, 2 … of the body in the year
	Year        int
	On          access.Day
	Closing     access.Day // the last day to put materials on the programme without a reason; "" = none
	PublishedAt time.Time  // of the programme; zero until then
	Chair       security.ActorID
	Recorder    security.ActorID
	Verifiers   []security.ActorID
	Members     []string // by name; members of the assembly need no account
}

// Check refuses a meeting that could not be held. today is the office's day.
func (m Meeting) Check(today access.Day) error {
	switch {
	case m.Kind != Council && m.Kind != Assembly:
		return fault.New(fault.Invalid, "meeting.fault.kind")
	case m.On.Time().IsZero():
		return fault.New(fault.Invalid, "meeting.fault.day")
	case m.On < today:
		return fault.New(fault.Invalid, "meeting.fault.past")
	case m.Closing != "" && (m.Closing.Time().IsZero() || m.Closing > m.On):
		return fault.New(fault.Invalid, "meeting.fault.closing")
	case m.Chair == "" || m.Recorder == "":
		return fault.New(fault.Invalid, "meeting.fault.people")
	case len(m.Members) == 0 || len(m.Members) > MaxMembers:
		return fault.New(fault.Invalid, "meeting.fault.members", MaxMembers)
	case len(m.Verifiers) > 10:
		return fault.New(fault.Invalid, "meeting.fault.people")
	}
	for i, name := range m.Members {
		if strings.TrimSpace(name) == "" || len([]rune(name)) > MaxName || slices.Contains(m.Members[:i], name) {
			return fault.New(fault.Invalid, "meeting.fault.member", name)
		}
	}
	return nil
}

// Closed is when the programme closes: the end of the closing day, zero
// without one.
func (m Meeting) Closed() time.Time {
	if t := m.Closing.Time(); !t.IsZero() {
		return t.AddDate(0, 0, 1)
	}
	return time.Time{}
}

// Notice is how many whole days lie between the publication of the programme,
// or now when it is yet to be published, and the day of the meeting.
func (m Meeting) Notice(now time.Time) int {
	from := m.PublishedAt
	if from.IsZero() {
		from = now
	}
	a, b := access.DayOf(from).Time(), m.On.Time()
	return int(b.Sub(a).Round(24*time.Hour) / (24 * time.Hour))
}

// ItemState says what became of a point of the programme.
type ItemState string

// States of a point.
const (
	Planned    ItemState = "planned"
	Discussing ItemState = "discussing"
	Adopted    ItemState = "adopted"
	Changed    ItemState = "adopted_changed"
	NotAdopted ItemState = "not_adopted"
	Postponed  ItemState = "postponed"
	Withdrawn  ItemState = "withdrawn"
	Moved      ItemState = "moved" // to another meeting
)

// Open reports whether the point is yet to be decided at its meeting.
func (s ItemState) Open() bool { return s == Planned || s == Discussing }

// Item is one point of a programme.
type Item struct {
	ID       string
	Meeting  string
	Material string
	Version  string // what is put before the body
	Order    int
	Number   string // of the material before this body, such as "RK-27-2026-05"
	State    ItemState
	Reason   string // of adding late, moving, postponing or withdrawing
	Parent   string // the council's point that referred it to the assembly
	AddedBy  security.ActorID
	AddedAt  time.Time
	Vote     Vote
	Decided  time.Time
	// Amendment is what was changed at the meeting.
	Amendment string
}

// ItemNumber is the number of a material on a programme.
func ItemNumber(m Meeting, n int) string {
	return fmt.Sprintf("%s-%02d-%d-%02d", m.Kind.Org(), m.Number, m.Year, n)
}

// ResolutionNumber is the number of a resolution, such as "1531/27/2026/RK".
func ResolutionNumber(m Meeting, seq int) string {
	return fmt.Sprintf("%d/%d/%d/%s", seq, m.Number, m.Year, m.Kind.Org())
}

// Vote is the result of a vote, counted.
type Vote struct {
	Members   int
	Present   int
	For       int
	Against   int
	Abstained int
}

// Check refuses a count that cannot be.
func (v Vote) Check() error {
	if v.Present < 0 || v.For < 0 || v.Against < 0 || v.Abstained < 0 || v.Present > v.Members || v.For+v.Against+v.Abstained > v.Present {
		return fault.New(fault.Invalid, "meeting.fault.vote", v.For+v.Against+v.Abstained, v.Present, v.Members)
	}
	return nil
}

// Quorum reports whether the body can decide: more than half of all members.
func (v Vote) Quorum() bool { return v.Members > 0 && 2*v.Present > v.Members }

// Passed reports whether more than half of all members are for it, whoever is
// present (Act 129/2000, s. 40(2) and 58).
func (v Vote) Passed() bool { return v.Members > 0 && 2*v.For > v.Members }

// Verb is what a clause of a resolution does.
type Verb string

// Verbs are all a clause may begin with, the longer before the shorter.
var Verbs = []Verb{"bere na vědomí", "doporučuje zastupitelstvu", "neschvaluje", "schvaluje", "rozhoduje", "ukládá", "pověřuje", "jmenuje", "odvolává", "zřizuje", "vydává",
	"zrušuje", "prodlužuje", "stanoví"}

// The verbs that do more than stand there.
const (
	Orders     Verb = "ukládá"
	Recommends Verb = "doporučuje zastupitelstvu"
	Extends    Verb = "prodlužuje"
	Repeals    Verb = "zrušuje"
)

// Clause is one clause of a resolution. A clause that orders says who does it
// and by which day.
type Clause struct {
	Verb   Verb             `json:"verb"`
	Text   string           `json:"text"`
	Unit   security.UnitID  `json:"unit,omitempty"`
	Person security.ActorID `json:"person,omitempty"`
	Due    access.Day       `json:"due,omitempty"`
}

// Check refuses clauses that cannot stand in a resolution.
func Check(clauses []Clause) error {
	if len(clauses) == 0 || len(clauses) > MaxClauses {
		return fault.New(fault.Invalid, "meeting.fault.clauses", MaxClauses)
	}
	for i, c := range clauses {
		switch {
		case !slices.Contains(Verbs, c.Verb):
			return fault.New(fault.Invalid, "meeting.fault.verb", i+1)
		case strings.TrimSpace(c.Text) == "" || len([]rune(c.Text)) > MaxText:
			return fault.New(fault.Invalid, "meeting.fault.clause_text", i+1)
		case c.Verb == Orders && c.Unit == "" && c.Person == "":
			return fault.New(fault.Invalid, "meeting.fault.clause_who", i+1)
		case c.Verb == Orders && c.Due.Time().IsZero():
			return fault.New(fault.Invalid, "meeting.fault.clause_due", i+1)
		}
	}
	return nil
}

// Resolution is what a body decided about a material.
type Resolution struct {
	ID        string
	Number    string
	Item      string
	Meeting   string
	Kind      Kind
	Material  string
	Version   string
	Clauses   []Clause
	Amendment string // what the meeting changed; "" when it was adopted as proposed
	SHA256    string // of the wording, kept as Markdown
	MadeAt    time.Time
	SignedBy  security.ActorID
	SignedAt  time.Time
}

// Has reports whether a clause begins with a verb.
func (r Resolution) Has(v Verb) bool {
	return slices.ContainsFunc(r.Clauses, func(c Clause) bool { return c.Verb == v })
}

// TaskState says how far a task is. That it is overdue follows from its day,
// that it was extended from ExtendedBy.
type TaskState string

// States of a task.
const (
	Open      TaskState = "open"
	Done      TaskState = "done"
	Cancelled TaskState = "cancelled" // by a resolution
)

// Task is what a clause ordered.
type Task struct {
	ID         string
	Resolution string // id
	Number     string // of the resolution
	Kind       Kind
	Material   string
	Clause     int
	Text       string
	Unit       security.UnitID
	Person     security.ActorID
	Due        access.Day
	State      TaskState
	Proof      string // how it was done, or why it was cancelled
	ExtendedBy string // number of the resolution that gave a later day
	MadeAt     time.Time
	ClosedAt   time.Time
	ClosedBy   security.ActorID
}

// Overdue reports whether the task should have been done before a day.
func (t Task) Overdue(today access.Day) bool { return t.State == Open && t.Due < today }

// Date is a Czech date in a text: "15. 1. 2027".
func Date(d access.Day) string {
	t := d.Time()
	if t.IsZero() {
		return ""
	}
	return strconv.Itoa(t.Day()) + ". " + strconv.Itoa(int(t.Month())) + ". " + strconv.Itoa(t.Year())
}
