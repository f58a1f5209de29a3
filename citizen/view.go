package citizen

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"
)

// Place says where a step stands on the way of a matter.
type Place string

// The places.
const (
	Done Place = "done"
	Now  Place = "now"
	Next Place = "next" // expected; it has no date
)

// Step is one line of the way of a matter, as the citizen sees it.
type Step struct {
	Stage     Stage
	Place     Place
	At        time.Time // zero for Next; the Prague midnight of the day unless Minute
	Minute    bool      // At is exact to the minute
	Until     time.Time // the last day to answer, only for WaitingForYou
	Corrected bool      // it was first published with other data
}

// Tombstone marks that something was published and taken back. It does not say
// what.
type Tombstone struct{ At, Gone time.Time }

// Status is what the public sees of a matter: all of it, and nothing else. Any
// field the scope does not open is empty.
type Status struct {
	Number    Number
	Agenda    string
	Subject   string
	Unit      string
	Contact   Contact
	Received  time.Time
	Steps     []Step
	Current   Step // the one that is Now; Stage is empty when nothing may be shown yet
	Deadline  Deadline
	Rule      Rule
	Gone      []Tombstone
	Documents string     // level of documents shown: none, titles, public_files
	Paper     Paper      // the final document, from level titles, once Signed is shown
	File      bool       // its file may be downloaded, at level public_files
	Shown     []string   // dictionary keys of what is shown here
	Withheld  []string   // dictionary keys of what is not
	Changed   time.Time  // when what is shown last changed
	Entries   []FeedItem // newest first
}

// FeedItem is one entry of the matter's feed. ID never changes and is never
// used again.
type FeedItem struct {
	ID    string // a urn:uuid
	Op    Op
	Stage Stage     // empty for OpWithdraw
	At    time.Time // as precise as the scope allows
	Made  time.Time
}

// View makes the page of a matter under s as of now. It reports false when the
// public may not see the matter at all. Publications that s no longer allows
// are left out even before the projection has withdrawn them.
func View(m Matter, s Scope, facts []Fact, pubs []Publication, now time.Time) (Status, bool) {
	standing := Standing(facts)
	if !s.Opens(m) || expired(s, standing, now) {
		return Status{}, false
	}
	v := Status{Number: m.Number, Agenda: m.AgendaName, Received: Day(m.Received), Rule: m.Rule, Changed: m.OpenedAt, Documents: s.Fields.Documents}
	switch s.Fields.Subject {
	case "generic":
		v.Subject = m.Generic
	case "full":
		v.Subject = m.Full
		if v.Subject == "" {
			v.Subject = m.Generic
		}
	}
	if s.Fields.Unit {
		v.Unit = m.UnitName
	}
	switch s.Fields.Official {
	case "shared_mailbox":
		v.Contact.Mailbox = m.Contact.Mailbox
	case "position":
		v.Contact.Position = m.Contact.Position
	case "name":
		v.Contact.Name, v.Contact.Position = m.Contact.Name, m.Contact.Position
	}
	pauses, more := clock(standing)
	v.Deadline = Due(m.Rule, m.Received, more, pauses, now)
	v.way(m, s, pubs, now, len(pauses) > 0 && pauses[len(pauses)-1].To.IsZero())
	for _, f := range []struct {
		key   string
		shown bool
	}{
		{"steps", true}, {"unit", s.Fields.Unit}, {"subject", s.Fields.Subject != "hidden" && s.Fields.Subject != ""},
		{"official", s.Fields.Official != "none" && s.Fields.Official != ""}, {"documents", level(DocumentLevels, s.Fields.Documents) > 0},
		{"drafts", false}, {"people", false}, {"readers", false},
	} {
		if f.shown {
			v.Shown = append(v.Shown, "citizen.see."+f.key)
		} else {
			v.Withheld = append(v.Withheld, "citizen.see."+f.key)
		}
	}
	return v, true
}

// way fills Steps, Current, Gone, Changed and Entries.
func (v *Status) way(m Matter, s Scope, pubs []Publication, now time.Time, paused bool) {
	grain := func(t time.Time) time.Time {
		if t.Before(m.Received) {
			t = m.Received // the office may have begun before, the citizen's matter did not
		}
		if s.Fields.Dates == "minute" {
			return t.In(Prague).Truncate(time.Minute)
		}
		return Day(t)
	}
	var visible []Publication
	for _, p := range pubs {
		if !p.Visible.After(now) {
			visible = append(visible, p)
		}
	}
	shown, tombs := fold(visible)
	shown = slices.DeleteFunc(shown, func(p standingPublication) bool { return !s.Shows(p.Stage) })
	slices.SortStableFunc(shown, func(a, b standingPublication) int {
		if a.Stage == Received || b.Stage == Received {
			return rank[a.Stage] - rank[b.Stage]
		}
		return a.At.Compare(b.At)
	})
	alive := map[int]bool{} // first publications that still stand
	for _, p := range shown {
		alive[p.first] = true
		if n := len(v.Steps); n > 0 && v.Steps[n-1].Stage == p.Stage && !p.ByHand {
			continue // the workflow may tell the same stage twice; the citizen hears it once
		}
		v.Steps = append(v.Steps, Step{Stage: p.Stage, Place: Done, At: grain(p.At), Minute: s.Fields.Dates == "minute", Until: p.Until, Corrected: p.Op == OpCorrect})
	}
	if n := len(v.Steps); n > 0 {
		cur := n - 1
		if paused { // the workflow may go on inside; for the citizen the matter waits
			for i := range v.Steps {
				if v.Steps[i].Stage == Suspended {
					cur = i
				}
			}
		}
		v.Steps = v.Steps[:cur+1]
		v.Steps[cur].Place = Now
		v.Current = v.Steps[cur]
	}
	v.Steps = append(v.Steps, next(s, v.Steps)...)
	for _, t := range tombs {
		v.Gone = append(v.Gone, Tombstone{At: grain(t.At), Gone: Day(t.Made)})
	}
	v.feed(m, visible, alive, grain)
}

// next lists the stages still expected: those of the scope that come after the
// furthest main stage in force now.
func next(s Scope, steps []Step) []Step {
	if len(steps) == 0 || steps[len(steps)-1].Stage.Ends() {
		return nil
	}
	at := 0
	for _, st := range steps { // the last main stage, not the highest: work may have returned
		if !st.Stage.Side() {
			at = rank[st.Stage]
		}
		if st.Stage == Reopened {
			at = rank[Assigned]
		}
	}
	var out []Step
	for _, st := range s.Stages {
		if rank[st] > at && !st.Side() {
			out = append(out, Step{Stage: st, Place: Next})
		}
	}
	return out
}

func (v *Status) feed(m Matter, visible []Publication, alive map[int]bool, grain func(time.Time) time.Time) {
	root := map[int]int{}
	for _, p := range visible {
		root[p.N] = p.N
		if p.Of != 0 {
			root[p.N] = root[p.Of]
		}
		made := later(p.Made, p.Visible)
		if p.Op != OpWithdraw && !alive[root[p.N]] {
			continue
		}
		item := FeedItem{ID: uuid(m.ID, p.N), Op: p.Op, Stage: p.Stage, At: grain(p.At), Made: made}
		if p.Op == OpWithdraw {
			item.Stage = ""
		}
		v.Entries = append(v.Entries, item)
		v.Changed = later(v.Changed, made)
	}
	slices.Reverse(v.Entries)
}

// clock reads from what officials recorded when the deadline did not run, and
// by how many days it was prolonged.
func clock(facts []Fact) (pauses []Pause, more int) {
	for _, f := range facts {
		open := len(pauses) > 0 && pauses[len(pauses)-1].To.IsZero()
		switch {
		case f.Stage == Suspended && !open:
			pauses = append(pauses, Pause{From: f.At})
		case f.Stage == DeadlineChanged:
			more += f.More
		case f.ByHand && open && f.Stage != Suspended && f.Stage != WaitingForYou:
			pauses[len(pauses)-1].To = f.At
		}
	}
	return pauses, more
}

// expired reports whether the page has outlived the end of its matter.
func expired(s Scope, facts []Fact, now time.Time) bool {
	if len(facts) == 0 || !facts[len(facts)-1].Stage.Ends() {
		return false
	}
	return now.After(facts[len(facts)-1].At.AddDate(0, 0, s.RetentionDays))
}

func uuid(m MatterID, n int) string {
	h := sha256.Sum256(fmt.Appendf(nil, "publication %d of %s", n, m))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80 // version 8, RFC 9562
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
