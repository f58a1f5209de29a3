package citizen

import (
	"fmt"
	"slices"
	"time"

	"spolupis/security"
	"spolupis/security/fault"
)

// Mode is how the public reaches the matters of an agenda.
type Mode string

// The modes, from the most closed to the most open single matter.
const (
	Nothing  Mode = ""   // nothing, not even statistics
	Counted  Mode = "T0" // statistics only, no single matter
	Identity Mode = "T3" // only after proof of identity, which this service does not take yet: nothing is shown
	Coded    Mode = "T2" // with number and access code
	Open     Mode = "T1" // with the number alone
)

// Modes lists the modes in the order pages show them.
var Modes = []Mode{Nothing, Counted, Identity, Coded, Open}

// Shows reports whether single matters appear at all.
func (m Mode) Shows() bool { return m == Coded || m == Open }

// Fields says how much of each detail may appear. The zero value shows none.
type Fields struct {
	Unit      bool   `json:"unit"`
	Official  string `json:"official"`  // none, shared_mailbox, position, name
	Subject   string `json:"subject"`   // hidden, generic, full
	Dates     string `json:"dates"`     // day, minute
	Documents string `json:"documents"` // none, titles, public_files
}

// The levels of each field, from nothing to everything. A level shows all
// that the levels before it show, except an official's mailbox, which is left
// out once the person is named.
var (
	OfficialLevels = []string{"none", "shared_mailbox", "position", "name"}
	SubjectLevels  = []string{"hidden", "generic", "full"}
	DatesLevels    = []string{"day", "minute"}
	DocumentLevels = []string{"none", "titles", "public_files"}
)

// Exclusion is a kind of matter that must never appear, whatever a scope says.
type Exclusion string

// HardExclusions lists them. A matter marked with one is never shown, and an
// agenda that contains one cannot be opened to the public.
var HardExclusions = []Exclusion{
	"whistleblowing",      // Act 171/2023
	"child_protection",    // Act 359/1999
	"health",              // GDPR art. 9
	"minor_misdemeanours", // misdemeanours of minors, Act 250/2016
	"classified",          // Act 412/2005
	"personnel",           // personnel and disciplinary matters
	"inspection",          // inspections before notice is given, Act 255/2012
	"tax",                 // tax secrecy, Act 280/2009 § 52
}

// Circumstances are reasons for which a scope may suppress single matters;
// an official marks them when opening the matter.
var Circumstances = []Exclusion{"minor", "on_request", "third_party"}

// Scope is one version of what an agenda shows to the public. Versions are
// never changed; a new one is proposed by one person and approved by another.
// The zero Scope shows nothing.
type Scope struct {
	Agenda        AgendaID    `json:"agenda"`
	Number        int         `json:"number"` // from 1 within the agenda
	Mode          Mode        `json:"mode"`
	Stages        []Stage     `json:"stages"` // in the order of Stages
	Fields        Fields      `json:"fields"`
	DelayHours    int         `json:"delay_hours"` // how long after it happened a step appears
	Suppress      []Exclusion `json:"suppress"`    // matters with these circumstances do not appear
	Contains      []Exclusion `json:"contains"`    // hard exclusions the proposer found in the agenda
	LegalBasis    string      `json:"legal_basis"`
	RetentionDays int         `json:"retention_days"` // how long after the end the page stays

	State      ScopeState       `json:"-"`
	ProposedBy security.ActorID `json:"-"`
	ProposedAt time.Time        `json:"-"`
	DecidedBy  security.ActorID `json:"-"`
	DecidedAt  time.Time        `json:"-"`
}

// ScopeState is what has become of a version of a scope.
type ScopeState string

// The states of a version. Only one version of an agenda is in force and at
// most one is proposed.
const (
	Proposed   ScopeState = "proposed"
	InForce    ScopeState = "in_force"
	Superseded ScopeState = "superseded"
	Refused    ScopeState = "refused"
)

// Check puts s in its canonical form, or says with fault.Invalid what is wrong.
func (s *Scope) Check() error {
	if !slices.Contains(Modes, s.Mode) {
		return fault.New(fault.Invalid, "citizen.fault.mode")
	}
	for _, f := range []struct {
		value  *string
		levels []string
	}{{&s.Fields.Official, OfficialLevels}, {&s.Fields.Subject, SubjectLevels}, {&s.Fields.Dates, DatesLevels}, {&s.Fields.Documents, DocumentLevels}} {
		if *f.value == "" {
			*f.value = f.levels[0]
		}
		if !slices.Contains(f.levels, *f.value) {
			return fault.New(fault.Invalid, "citizen.fault.level")
		}
	}
	for _, st := range s.Stages {
		if !st.Known() {
			return fault.New(fault.Invalid, "citizen.fault.stage")
		}
	}
	slices.SortFunc(s.Stages, func(a, b Stage) int { return rank[a] - rank[b] })
	s.Stages = slices.Compact(s.Stages)
	for _, x := range s.Suppress {
		if !slices.Contains(Circumstances, x) {
			return fault.New(fault.Invalid, "citizen.fault.circumstance")
		}
	}
	for _, x := range s.Contains {
		if !slices.Contains(HardExclusions, x) {
			return fault.New(fault.Invalid, "citizen.fault.circumstance")
		}
	}
	switch {
	case len(s.Contains) > 0 && s.Mode != Nothing:
		return fault.New(fault.Invalid, "citizen.fault.excluded")
	case s.Mode.Shows() && len(s.Stages) == 0:
		return fault.New(fault.Invalid, "citizen.fault.no_stages")
	case s.Mode != Nothing && len(s.LegalBasis) < 5:
		return fault.New(fault.Invalid, "citizen.fault.legal_basis")
	case len(s.LegalBasis) > 500:
		return fault.New(fault.Invalid, "citizen.fault.long_basis")
	case s.DelayHours < 0 || s.DelayHours > 24*60:
		return fault.New(fault.Invalid, "citizen.fault.delay")
	case s.RetentionDays < 0 || s.RetentionDays > 3650:
		return fault.New(fault.Invalid, "citizen.fault.retention")
	}
	return nil
}

// Opens reports whether s lets the public see m at all.
func (s Scope) Opens(m Matter) bool {
	if s.State != InForce && s.State != Proposed || !s.Mode.Shows() || len(s.Contains) > 0 {
		return false
	}
	for _, c := range m.Circumstances {
		if slices.Contains(HardExclusions, c) || slices.Contains(s.Suppress, c) {
			return false
		}
	}
	return true
}

// Shows reports whether a step of stage st may appear.
func (s Scope) Shows(st Stage) bool { return s.Mode.Shows() && slices.Contains(s.Stages, st) }

func level(levels []string, value string) int { return max(slices.Index(levels, value), 0) }

// Exposure is one thing a scope shows: a dictionary key and, for numbers, the
// value. Two scopes differ in what the public learns by their exposures.
type Exposure struct {
	Key string
	N   int
}

// Exposures lists what s shows, most general first.
func (s Scope) Exposures() []Exposure {
	if !s.Mode.Shows() || len(s.Contains) > 0 {
		if s.Mode == Counted {
			return []Exposure{{Key: "citizen.exposure.statistics"}}
		}
		return nil
	}
	out := []Exposure{{Key: "citizen.exposure.with_code"}}
	if s.Mode == Open {
		out = append(out, Exposure{Key: "citizen.exposure.without_code"})
	}
	add := func(name string, levels []string, value string) {
		for _, l := range levels[1 : level(levels, value)+1] {
			if l == "shared_mailbox" && value != l {
				continue // a named official is shown instead of the mailbox
			}
			out = append(out, Exposure{Key: "citizen.exposure." + name + "." + l})
		}
	}
	add("subject", SubjectLevels, s.Fields.Subject)
	if s.Fields.Unit {
		out = append(out, Exposure{Key: "citizen.exposure.unit"})
	}
	add("official", OfficialLevels, s.Fields.Official)
	add("dates", DatesLevels, s.Fields.Dates)
	add("documents", DocumentLevels, s.Fields.Documents)
	for _, st := range s.Stages {
		out = append(out, Exposure{Key: "citizen.stage." + string(st) + ".ahead"})
	}
	for _, c := range Circumstances {
		if !slices.Contains(s.Suppress, c) {
			out = append(out, Exposure{Key: "citizen.exposure.circumstance." + string(c)})
		}
	}
	out = append(out, Exposure{Key: "citizen.exposure.retention", N: s.RetentionDays}, Exposure{Key: "citizen.exposure.delay", N: s.DelayHours})
	return out
}

// Compare lists what becomes newly visible and newly hidden when b replaces a.
func Compare(a, b Scope) (visible, hidden []Exposure) {
	was, is := a.Exposures(), b.Exposures()
	for _, x := range is {
		if !slices.Contains(was, x) {
			visible = append(visible, x)
		}
	}
	for _, x := range was {
		if !slices.Contains(is, x) {
			hidden = append(hidden, x)
		}
	}
	return visible, hidden
}

func (s Scope) subject() string { return fmt.Sprintf("agenda:%s", s.Agenda) }
