package workflow

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Facts are what the conditions of a course look at. Whoever fires an event
// fills in what concerns it; what is left out counts as not so.
type Facts struct {
	Now    time.Time
	Reason string // given by whoever acts

	// Commenting round.
	Units         int       // departments asked
	Due           time.Time // deadline of the round, the new one when it is being extended
	Silent        int       // required departments that have not spoken yet
	RoundRequired bool      // the kind of material must be commented on and was not
	Substantive   bool      // the text changed in substance since it was last sent round
	Baseline      bool      // the text the round is about is frozen

	// Settlement.
	Open             int // comments without a settlement
	Disputes         int // disputes not resolved
	MajorRejected    int // major comments that were rejected
	Agreed           bool
	DisputeDescribed bool

	// Approval.
	Last     bool // this approval is the last one needed
	SameText bool // what is approved is the version in force

	// Meeting.
	Meeting   string    // the meeting chosen
	Closing   time.Time // its closing day; zero: none
	Members   int       // of the body
	Present   int
	For       int
	Against   int
	Abstained int
	Amended   bool // a change is recorded and the resolution has a snapshot with it

	// Resolution and tasks.
	Recommends      bool // a clause recommends the assembly to decide
	Wording         bool // the resolution has its wording
	Number          string
	Notice          int // days between the programme's publication and the session
	Signed          bool
	Anonymised      bool // the public derivative is approved, or nothing in it is personal
	Tasks           int
	TasksIncomplete int // without who or until when
	TasksOpen       int
	Resolution      string // the resolution that extends or repeals
	Records         string // reference in the records service
}

// majority of all members, not of those present (Act 129/2000, s. 40 and 58).
func (f Facts) majority() bool { return f.Members > 0 && 2*f.For > f.Members }

// guard is one condition. Its sentence is the dictionary entry
// "workflow.guard.<name>".
type guard struct {
	holds func(f Facts) bool
	args  func(f Facts) []any
	// input: it is about what a person fills in with the act, so a page that
	// offers the act cannot know yet.
	input bool
}

// MinNotice is how many days before an assembly session its programme must be
// published (Act 129/2000, s. 42(1)).
const MinNotice = 10

var guards = map[string]guard{
	"reason":         {holds: func(f Facts) bool { return strings.TrimSpace(f.Reason) != "" }, input: true},
	"units_named":    {holds: func(f Facts) bool { return f.Units > 0 }, input: true},
	"deadline_ahead": {holds: func(f Facts) bool { return f.Due.After(f.Now) }, input: true},
	"baseline":       {holds: func(f Facts) bool { return f.Baseline }},
	"round_waived":   {holds: func(f Facts) bool { return !f.RoundRequired || strings.TrimSpace(f.Reason) != "" }},

	"deadline_passed": {holds: func(f Facts) bool { return !f.Due.IsZero() && !f.Now.Before(f.Due) }},
	"all_spoken":      {holds: func(f Facts) bool { return f.Silent == 0 }, args: func(f Facts) []any { return []any{f.Silent} }},
	"substantive":     {holds: func(f Facts) bool { return f.Substantive }},

	"all_settled":       {holds: func(f Facts) bool { return f.Open == 0 }, args: func(f Facts) []any { return []any{f.Open} }},
	"no_dispute":        {holds: func(f Facts) bool { return f.Disputes == 0 }, args: func(f Facts) []any { return []any{f.Disputes} }},
	"major_rejected":    {holds: func(f Facts) bool { return f.MajorRejected > 0 }},
	"agreed":            {holds: func(f Facts) bool { return f.Agreed }, input: true},
	"dispute_described": {holds: func(f Facts) bool { return f.DisputeDescribed }, input: true},

	"last":         {holds: func(f Facts) bool { return f.Last }},
	"not_last":     {holds: func(f Facts) bool { return !f.Last }},
	"same_text":    {holds: func(f Facts) bool { return f.SameText }},
	"text_changed": {holds: func(f Facts) bool { return !f.SameText }},

	"meeting_chosen": {holds: func(f Facts) bool { return f.Meeting != "" }, input: true},
	"before_closing": {holds: func(f Facts) bool {
		return f.Closing.IsZero() || f.Now.Before(f.Closing) || strings.TrimSpace(f.Reason) != ""
	}, input: true},
	"quorum":      {holds: func(f Facts) bool { return f.Members > 0 && 2*f.Present > f.Members }, args: func(f Facts) []any { return []any{f.Present, f.Members} }, input: true},
	"majority":    {holds: Facts.majority, args: func(f Facts) []any { return []any{f.For, f.Members} }, input: true},
	"no_majority": {holds: func(f Facts) bool { return f.Members > 0 && !f.majority() }, args: func(f Facts) []any { return []any{f.For, f.Members} }, input: true},
	"amended":     {holds: func(f Facts) bool { return f.Amended }, input: true},

	"recommends":     {holds: func(f Facts) bool { return f.Recommends }},
	"wording":        {holds: func(f Facts) bool { return f.Wording }},
	"own_number":     {holds: func(f Facts) bool { return f.Number != "" }, input: true},
	"ten_days":       {holds: func(f Facts) bool { return f.Notice >= MinNotice }, args: func(f Facts) []any { return []any{f.Notice, MinNotice} }, input: true},
	"signed":         {holds: func(f Facts) bool { return f.Signed }, input: true},
	"anonymised":     {holds: func(f Facts) bool { return f.Anonymised }, input: true},
	"no_tasks":       {holds: func(f Facts) bool { return f.Tasks == 0 }, args: func(f Facts) []any { return []any{f.Tasks} }},
	"tasks_complete": {holds: func(f Facts) bool { return f.Tasks > 0 && f.TasksIncomplete == 0 }, args: func(f Facts) []any { return []any{f.TasksIncomplete} }},
	"all_done":       {holds: func(f Facts) bool { return f.TasksOpen == 0 }, args: func(f Facts) []any { return []any{f.TasksOpen} }},
	"by_resolution":  {holds: func(f Facts) bool { return f.Resolution != "" }, input: true},
	"handed_over":    {holds: func(f Facts) bool { return strings.TrimSpace(f.Records) != "" }, input: true},
}

// Guards lists the names of all conditions a definition may use.
func Guards() []string { return slices.Sorted(maps.Keys(guards)) }
