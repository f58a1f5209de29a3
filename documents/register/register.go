// Package register keeps what the office knows about its agendas (AD1 of the
// project card): in which phases of a document's life they are on paper, by
// which ways their documents travel, what must be signed and why, who ordered
// that they go electronically only, what stands in the way and what a change
// would save and has saved.
//
// The package does no input or output: Store, Rights, People and Units are its
// ports. An entry is one value; every change makes a new version of it, in the
// transaction of its journal entry.
package register

import (
	"slices"
	"strings"
	"time"

	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/fault"
)

// ID names an agenda in the register, such as "sber-dotaci". The register also
// knows agendas that have no materials here.
type ID string

// Phase is one part of a document's life in an agenda.
type Phase string

// Phases in the order of a document's life.
var Phases = []Phase{"receive", "register", "assign", "draft", "comment", "approve", "sign", "dispatch", "deliver", "store", "dispose"}

// State says how a phase goes today.
type State string

// The states of a phase. Unknown means that nobody has said yet; None that the
// agenda has no such phase.
const (
	Unknown    State = ""
	Paper      State = "paper"
	Hybrid     State = "hybrid"
	Electronic State = "electronic"
	None       State = "none"
)

// States lists what can be chosen for a phase.
var States = []State{Unknown, Paper, Hybrid, Electronic, None}

// Kinds of agendas: in delegated or own competence, or internal to the office.
var Kinds = []string{"delegated", "own", "internal"}

// Channels are the ways of electronic communication the card names, and those
// that came after it.
var Channels = []string{"email", "records", "shared", "system", "databox", "portal", "other"}

// Levels of signature, from none to a hand-written one that the law demands.
var Levels = []string{"none", "internal", "advanced", "recognised", "qualified", "sealed", "wet"}

// BarrierTypes: the three of the state's taxonomy, then those of the card.
var BarrierTypes = []string{"legal_excluded", "infeasible", "uneconomic", "technical", "organisational", "human", "supplier"}

// Sides a barrier can stand on.
var Sides = []string{"office", "citizen"}

// Statuses of a barrier. The last two no longer block.
var Statuses = []string{"open", "in_progress", "resolved", "accepted"}

// Decisions about an alternative.
var Decisions = []string{"open", "chosen", "rejected"}

// Event is something this system counts by itself.
type Event string

// Events that real savings can be reckoned from; "" is none: only planned.
var Events = []Event{"", "material", "comment", "version", "approval", "signature", "print"}

// EventOf tells which event a journal entry of this kind is, "" for none.
func EventOf(kind string) Event {
	return map[string]Event{
		"documents.created": "material", "documents.comment_added": "comment", "documents.frozen": "version",
		"documents.approval_given": "approval", "signing.signed": "signature", "documents.printed": "print",
	}[kind]
}

// Step is what is known of one phase.
type Step struct {
	State   State   `json:"state"`
	System  string  `json:"system,omitempty"`
	Minutes float64 `json:"minutes,omitempty"` // of work on one document today
	Pages   int     `json:"pages,omitempty"`   // printed for one document today
	Wet     bool    `json:"wet,omitempty"`     // somebody signs by hand
	Note    string  `json:"note,omitempty"`
}

// Mandate is who ordered electronic circulation. Without one no agenda goes
// electronically only (the card's necessary condition).
type Mandate struct {
	Document   string `json:"document"`
	By         string `json:"by"`
	On         Day    `json:"on"`
	From       Day    `json:"from"`
	Exceptions string `json:"exceptions,omitempty"`
}

// Signature is what a kind of document needs in a phase, and which law says so.
type Signature struct {
	Key      string `json:"key"`
	Document string `json:"document"`
	Phase    Phase  `json:"phase"`
	Level    string `json:"level"`
	Reason   string `json:"reason"`
}

// Barrier is what keeps an agenda from going electronically.
type Barrier struct {
	Key        string           `json:"key"`
	Type       string           `json:"type"`
	Side       string           `json:"side"`
	Phase      Phase            `json:"phase,omitempty"` // "" is the whole agenda
	Text       string           `json:"text"`
	Law        string           `json:"law,omitempty"`
	Unit       security.UnitID  `json:"unit,omitempty"`  // that answers for its removal
	Owner      security.ActorID `json:"owner,omitempty"` // person in that unit
	Due        Day              `json:"due,omitempty"`
	Status     string           `json:"status"`
	Resolution string           `json:"resolution,omitempty"`
}

// Blocks reports whether the barrier still stands.
func (b Barrier) Blocks() bool { return b.Status == "open" || b.Status == "in_progress" }

// Alternative is another way of doing the work, with what it means for those
// who do it every day.
type Alternative struct {
	Key      string  `json:"key"`
	Tool     string  `json:"tool"`
	Minutes  float64 `json:"minutes"` // more (or, negative, less) for one document than today
	Clicks   int     `json:"clicks"`  // the same in clicks
	Cost     int     `json:"cost,omitempty"`
	Pros     string  `json:"pros,omitempty"`
	Cons     string  `json:"cons,omitempty"`
	Decision string  `json:"decision"`
	By       string  `json:"by,omitempty"`
	On       Day     `json:"on,omitempty"`
	Reason   string  `json:"reason,omitempty"`
}

// Saving is what one event saves: as planned for Yearly events a year, and as
// it came out for those that happened since a month. Negative is a loss.
type Saving struct {
	Key     string  `json:"key"`
	What    string  `json:"what"`
	Event   Event   `json:"event,omitempty"`
	Minutes float64 `json:"minutes"`
	Pages   float64 `json:"pages"`
	Yearly  int     `json:"yearly,omitempty"`
	Since   Month   `json:"since,omitempty"`
	Method  string  `json:"method"` // where the numbers come from
}

// Entry is one agenda of the register.
type Entry struct {
	ID           ID                 `json:"id"`
	Name         string             `json:"name"`
	Kind         string             `json:"kind"`
	Unit         security.UnitID    `json:"unit"`
	Materials    documents.AgendaID `json:"materials,omitempty"` // agenda of materials here whose events count
	Legal        string             `json:"legal,omitempty"`
	Systems      string             `json:"systems,omitempty"`
	Channels     []string           `json:"channels,omitempty"`
	ChannelNote  string             `json:"channel_note,omitempty"`
	Volume       int                `json:"volume,omitempty"` // documents a year
	VolumeSource string             `json:"volume_source,omitempty"`
	Steps        map[Phase]Step     `json:"steps,omitempty"`
	Only         bool               `json:"only,omitempty"` // circulates only electronically
	Mandate      Mandate            `json:"mandate"`
	Year         int                `json:"year,omitempty"` // of the project, 1–4, in which it is to change; 0 none
	Note         string             `json:"note,omitempty"`
	Closed       bool               `json:"closed,omitempty"` // no longer an agenda of the office
	Signatures   []Signature        `json:"signatures,omitempty"`
	Barriers     []Barrier          `json:"barriers,omitempty"`
	Alternatives []Alternative      `json:"alternatives,omitempty"`
	Savings      []Saving           `json:"savings,omitempty"`
}

// Kept is an entry as it is kept.
type Kept struct {
	Entry
	Version   int
	ChangedBy security.ActorID
	ChangedAt time.Time
	Note      string // why it was changed
}

// Limits of the register, tested.
const (
	MaxAgendas = 1000
	MaxItems   = 50  // signatures, barriers, alternatives or savings of one agenda
	MaxName    = 200 // characters
	MaxText    = 2000
	MaxNumber  = 10_000_000
)

// Day is a date "2006-01-02", "" for none.
type Day string

// Time is the beginning of the day, in UTC.
func (d Day) Time() time.Time {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return time.Time{}
	}
	return t
}

func (d Day) valid() bool { return d == "" || !d.Time().IsZero() }

// Month is "2006-01", "" for none.
type Month string

// Time is the beginning of the month, in UTC.
func (m Month) Time() time.Time { return Day(m + "-01").Time() }

func (m Month) valid() bool { return m == "" || !m.Time().IsZero() }

// Class is what the agenda is as a whole.
func (e Entry) Class() State {
	seen := map[State]bool{}
	for _, p := range Phases {
		if s := e.Steps[p].State; s != Unknown && s != None {
			seen[s] = true
		}
	}
	switch {
	case len(seen) == 0:
		return Unknown
	case len(seen) == 1 && seen[Paper]:
		return Paper
	case len(seen) == 1 && seen[Electronic]:
		return Electronic
	}
	return Hybrid
}

// Surveyed is how many phases somebody has described, and Electronic of them.
func (e Entry) Surveyed() (electronic, surveyed int) {
	for _, p := range Phases {
		switch e.Steps[p].State {
		case Electronic:
			electronic++
			surveyed++
		case Paper, Hybrid:
			surveyed++
		}
	}
	return electronic, surveyed
}

// OnlyOn reports whether the agenda may circulate only electronically on a day.
func (e Entry) OnlyOn(d Day) bool { return e.Only && e.Mandate.From <= d }

// Blocking lists the barriers that still stand.
func (e Entry) Blocking() []Barrier {
	var out []Barrier
	for _, b := range e.Barriers {
		if b.Blocks() {
			out = append(out, b)
		}
	}
	return out
}

func invalid(key string, args ...any) error {
	return fault.New(fault.Invalid, "register.fault."+key, args...)
}

// ValidID reports whether id can name an agenda in addresses and files.
func ValidID(id ID) bool {
	return id != "" && len(id) <= 64 && strings.Trim(string(id), "abcdefghijklmnopqrstuvwxyz0123456789-.") == "" && id[0] != '.' && id[0] != '-' &&
		id != "new" && id != "import" && id != "export" && id != "plan"
}

// Check refuses an entry that contradicts itself. The fault names what is wrong.
func (e Entry) Check() error {
	switch {
	case !ValidID(e.ID):
		return invalid("id")
	case strings.TrimSpace(e.Name) == "" || long(e.Name, MaxName):
		return invalid("name", MaxName)
	case !slices.Contains(Kinds, e.Kind):
		return invalid("kind")
	case e.Unit == "":
		return invalid("unit")
	case e.Volume < 0 || e.Volume > MaxNumber:
		return invalid("volume", MaxNumber)
	case e.Year < 0 || e.Year > 4:
		return invalid("year")
	case long(e.Legal, MaxText), long(e.Systems, MaxText), long(e.ChannelNote, MaxText), long(e.VolumeSource, MaxText), long(e.Note, MaxText):
		return invalid("long", MaxText)
	case e.Volume > 0 && strings.TrimSpace(e.VolumeSource) == "":
		return invalid("volume_source")
	}
	for _, c := range e.Channels {
		if !slices.Contains(Channels, c) {
			return invalid("channel")
		}
	}
	for p, s := range e.Steps {
		switch {
		case !slices.Contains(Phases, p) || !slices.Contains(States, s.State):
			return invalid("phase")
		case outside(s.Minutes, 0) || s.Pages < 0 || s.Pages > most:
			return invalid("amount")
		case long(s.System, MaxName), long(s.Note, MaxText):
			return invalid("long", MaxText)
		}
	}
	if err := e.checkMandate(); err != nil {
		return err
	}
	return e.checkItems()
}

func (e Entry) checkMandate() error {
	m := e.Mandate
	whole := strings.TrimSpace(m.Document) != "" && strings.TrimSpace(m.By) != "" && m.On != "" && m.From != ""
	switch {
	case !m.On.valid() || !m.From.valid():
		return invalid("day")
	case long(m.Document, MaxName), long(m.By, MaxName), long(m.Exceptions, MaxText):
		return invalid("long", MaxText)
	case e.Only && !whole:
		return invalid("mandate")
	case m != Mandate{} && !whole:
		return invalid("mandate_part")
	case whole && m.From < m.On:
		return invalid("mandate_from")
	}
	return nil
}

func (e Entry) checkItems() error {
	if len(e.Signatures) > MaxItems || len(e.Barriers) > MaxItems || len(e.Alternatives) > MaxItems || len(e.Savings) > MaxItems {
		return invalid("items", MaxItems)
	}
	keys := map[string]bool{}
	once := func(kind, key string) bool {
		was := keys[kind+key]
		keys[kind+key] = true
		return key != "" && len(key) <= 64 && !was
	}
	for _, x := range e.Signatures {
		if !once("s", x.Key) {
			return invalid("key")
		}
		if err := x.check(); err != nil {
			return err
		}
	}
	for _, x := range e.Barriers {
		if !once("b", x.Key) {
			return invalid("key")
		}
		if err := x.check(); err != nil {
			return err
		}
	}
	for _, x := range e.Alternatives {
		if !once("a", x.Key) {
			return invalid("key")
		}
		if err := x.check(); err != nil {
			return err
		}
	}
	for _, x := range e.Savings {
		if !once("u", x.Key) {
			return invalid("key")
		}
		if err := x.check(); err != nil {
			return err
		}
	}
	return nil
}

func (s Signature) check() error {
	switch {
	case strings.TrimSpace(s.Document) == "" || long(s.Document, MaxName):
		return invalid("document", MaxName)
	case !slices.Contains(Phases, s.Phase):
		return invalid("phase")
	case !slices.Contains(Levels, s.Level):
		return invalid("level")
	case s.Level != "none" && strings.TrimSpace(s.Reason) == "":
		return invalid("reason")
	case long(s.Reason, MaxText):
		return invalid("long", MaxText)
	}
	return nil
}

func (b Barrier) check() error {
	switch {
	case strings.TrimSpace(b.Text) == "" || long(b.Text, MaxText):
		return invalid("text", MaxText)
	case !slices.Contains(BarrierTypes, b.Type):
		return invalid("barrier_type")
	case !slices.Contains(Sides, b.Side):
		return invalid("side")
	case b.Phase != "" && !slices.Contains(Phases, b.Phase):
		return invalid("phase")
	case !slices.Contains(Statuses, b.Status):
		return invalid("status")
	case !b.Due.valid():
		return invalid("day")
	case b.Type == "legal_excluded" && strings.TrimSpace(b.Law) == "":
		return invalid("law")
	case b.Blocks() && b.Unit == "" && b.Owner == "":
		return invalid("owner")
	case b.Blocks() && b.Due == "":
		return invalid("due")
	case !b.Blocks() && strings.TrimSpace(b.Resolution) == "":
		return invalid("resolution")
	case long(b.Law, MaxText), long(b.Resolution, MaxText):
		return invalid("long", MaxText)
	}
	return nil
}

func (a Alternative) check() error {
	switch {
	case strings.TrimSpace(a.Tool) == "" || long(a.Tool, MaxName):
		return invalid("tool", MaxName)
	case outside(a.Minutes, -most) || a.Clicks < -most || a.Clicks > most || a.Cost < 0 || a.Cost > 1_000_000_000:
		return invalid("amount")
	case !slices.Contains(Decisions, a.Decision):
		return invalid("decision")
	case !a.On.valid():
		return invalid("day")
	case a.Decision != "open" && (strings.TrimSpace(a.By) == "" || a.On == "" || strings.TrimSpace(a.Reason) == ""):
		return invalid("decision_record")
	case long(a.Pros, MaxText), long(a.Cons, MaxText), long(a.By, MaxName), long(a.Reason, MaxText):
		return invalid("long", MaxText)
	}
	return nil
}

func (s Saving) check() error {
	switch {
	case strings.TrimSpace(s.What) == "" || long(s.What, MaxName):
		return invalid("what", MaxName)
	case !slices.Contains(Events, s.Event):
		return invalid("event")
	case outside(s.Minutes, -most) || outside(s.Pages, -most):
		return invalid("amount")
	case s.Yearly < 0 || s.Yearly > MaxNumber:
		return invalid("volume", MaxNumber)
	case !s.Since.valid():
		return invalid("month")
	case s.Event != "" && s.Since == "":
		return invalid("since")
	case strings.TrimSpace(s.Method) == "" || long(s.Method, MaxText):
		return invalid("method", MaxText)
	}
	return nil
}

// most is the largest amount of minutes, pages or clicks.
const most = 100_000

// outside also holds for what is not a number.
func outside(x, least float64) bool { return !(x >= least && x <= most) }

func long(s string, n int) bool { return len(s) > n && len([]rune(s)) > n }
