package citizen

import "time"

// Rule names the law that sets the deadline of a matter.
type Rule string

// The deadlines an agenda may run under.
const (
	NoDeadline     Rule = "none"
	Administrative Rule = "administrative" // Act 500/2004 § 71 (3): 30 days, up to 30 more in a complex case
	Information    Rule = "information"    // Act 106/1999 § 14 (5) d), (7): 15 days, up to 10 more
	Petition       Rule = "petition"       // Act 85/1990 § 5: 30 days
	Complaint      Rule = "complaint"      // Act 500/2004 § 175 (5): 60 days
)

// Rules lists the rules in the order pages show them.
var Rules = []Rule{Administrative, Information, Petition, Complaint, NoDeadline}

var terms = map[Rule]struct{ days, more int }{
	Administrative: {30, 30}, Information: {15, 10}, Petition: {30, 0}, Complaint: {60, 0}, NoDeadline: {},
}

// Known reports whether r is a rule.
func (r Rule) Known() bool { _, ok := terms[r]; return ok }

// Days returns how many days the rule gives, and how many it can add.
func (r Rule) Days() (days, more int) { return terms[r].days, terms[r].more }

// Pause is a time in which the deadline does not run (Act 500/2004 § 65). A
// zero To means that it still lasts.
type Pause struct{ From, To time.Time }

// Deadline is a legal deadline as of some moment.
type Deadline struct {
	Set     bool      // false: the law sets none
	Due     time.Time // the last day, as its midnight in Prague; zero while Paused
	Paused  bool
	Left    int  // days that remain, to Due or after the pause ends; negative once overdue
	Overdue bool // the last day has passed
}

// Due counts the deadline of a matter received at received. The day of receipt
// does not count (§ 40 (1) a), paused days do not run, after a pause at least
// 15 days remain (§ 65 (1)), and an end on a day of rest moves to the next
// working day (§ 40 (1) c). more days prolong it, up to what the rule allows.
func Due(r Rule, received time.Time, more int, pauses []Pause, now time.Time) Deadline {
	t, ok := terms[r]
	if !ok || t.days == 0 {
		return Deadline{}
	}
	start, today := Day(received), Day(now)
	end := start.AddDate(0, 0, t.days+min(max(more, 0), t.more))
	for _, p := range pauses {
		from := Day(p.From)
		if from.Before(start) {
			from = start
		}
		if from.After(end) {
			continue // it was already over: a late pause does not revive it
		}
		if p.To.IsZero() {
			return Deadline{Set: true, Paused: true, Left: max(days(from, end), 15)}
		}
		to := Day(p.To)
		if !to.After(from) {
			continue
		}
		end = end.AddDate(0, 0, days(from, to))
		if least := to.AddDate(0, 0, 15); end.Before(least) {
			end = least
		}
	}
	end = NextWorking(end)
	return Deadline{Set: true, Due: end, Left: days(today, end), Overdue: today.After(end)}
}
