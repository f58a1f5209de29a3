package citizen

import (
	"encoding/json"
	"time"

	"spolupis/security/journal"
)

// Fact is what the citizen side keeps of a journal entry: that a document
// reached a stage. It has no room for anything else the entry said. Facts are
// internal; only publications are shown.
type Fact struct {
	Seq       int64 // of the journal entry
	Document  DocumentID
	Stage     Stage
	At        time.Time
	ByHand    bool      // recorded by an official rather than told by the workflow
	Until     time.Time // for WaitingForYou: the last day to answer; zero = none
	More      int       // for DeadlineChanged: days the deadline is prolonged by
	Corrects  int64     // Seq of the fact this one replaces; 0 = none
	Withdrawn bool      // the fact it corrects never was; Stage and At are void
}

// The journal kinds of this domain.
const (
	KindMatterOpened  = "citizen.matter_opened"
	KindCodeReissued  = "citizen.code_reissued"
	KindCodeRefused   = "citizen.code_refused"
	KindStepRecorded  = "citizen.step_recorded"
	KindStepWithdrawn = "citizen.step_withdrawn"
	KindScopeProposed = "citizen.scope_proposed"
	KindScopeApproved = "citizen.scope_approved"
	KindScopeRefused  = "citizen.scope_refused"
	KindStatusViewed  = "citizen.status_viewed"
)

// stages maps the kinds of event of the office's workflow to stages. It is the
// whole of it: a kind that is not here never reaches the public. Freezing,
// comments, single approvals and single signatures stay inside on purpose:
// they show the office thinking, not the matter moving.
var stages = map[string]Stage{
	"documents.created":       Registered,
	"documents.round_started": InProgress, // departments give their opinions
	"documents.draft_opened":  InProgress, // back to work after a version was made
	"documents.route_started": InApproval,
	"documents.approved":      Approved,
	"documents.signed":        Signed,
}

// StageOf returns the stage that the workflow event kind means to a citizen. It
// reports false for kinds that stay inside, which is every kind not listed.
func StageOf(kind string) (Stage, bool) {
	s, ok := stages[kind]
	return s, ok
}

// opened, stepped and withdrawn are the bodies of this domain's entries.
type opened struct {
	Matter   MatterID   `json:"matter"`
	Document DocumentID `json:"document"`
	Agenda   AgendaID   `json:"agenda"`
	Received int64      `json:"received"` // Unix microseconds
}

type stepped struct {
	Matter   MatterID   `json:"matter"`
	Document DocumentID `json:"document"`
	Stage    Stage      `json:"stage"`
	At       int64      `json:"at"` // when it happened, Unix microseconds
	Until    int64      `json:"until,omitempty"`
	More     int        `json:"more,omitempty"`
	Corrects int64      `json:"corrects,omitempty"`
}

type withdrawn struct {
	Matter   MatterID   `json:"matter"`
	Document DocumentID `json:"document"`
	Corrects int64      `json:"corrects"`
}

// FactOf picks the fact out of a journal entry. It reports false for every
// entry that stays inside. A body that does not parse, or names no document or
// no known stage, also stays inside: a malformed entry must neither leak nor
// stop the projection.
func FactOf(e journal.Entry) (Fact, bool) {
	f := Fact{Seq: e.Seq, At: e.At}
	switch e.Kind {
	case KindMatterOpened:
		var b opened
		if json.Unmarshal(e.Body, &b) != nil || b.Document == "" {
			return Fact{}, false
		}
		f.Document, f.Stage = b.Document, Received
		if b.Received != 0 {
			f.At = time.UnixMicro(b.Received)
		}
		return f, true
	case KindStepRecorded:
		var b stepped
		if json.Unmarshal(e.Body, &b) != nil || b.Document == "" || !b.Stage.Known() {
			return Fact{}, false
		}
		f.Document, f.Stage, f.ByHand, f.More, f.Corrects = b.Document, b.Stage, true, b.More, b.Corrects
		if b.At != 0 {
			f.At = time.UnixMicro(b.At)
		}
		if b.Until != 0 {
			f.Until = time.UnixMicro(b.Until)
		}
		return f, true
	case KindStepWithdrawn:
		var b withdrawn
		if json.Unmarshal(e.Body, &b) != nil || b.Document == "" || b.Corrects == 0 {
			return Fact{}, false
		}
		f.Document, f.Corrects, f.Withdrawn = b.Document, b.Corrects, true
		return f, true
	}
	stage, ok := StageOf(e.Kind)
	if !ok {
		return Fact{}, false
	}
	id, ok := idOf(e.Subject, "document")
	if !ok || id == "" {
		return Fact{}, false
	}
	f.Document, f.Stage = DocumentID(id), stage
	return f, true
}

// Standing folds corrections and withdrawals and returns the facts that hold,
// in the order they happened. A correction takes the place of what it corrects.
func Standing(facts []Fact) []Fact {
	at := map[int64]int{} // Seq, also of replaced facts -> index in out
	var out []Fact
	for _, f := range facts {
		if f.Corrects == 0 {
			at[f.Seq] = len(out)
			out = append(out, f)
			continue
		}
		i, ok := at[f.Corrects]
		if !ok {
			continue // corrects what never was a fact
		}
		if !f.Withdrawn && out[i].Withdrawn {
			continue // what was withdrawn cannot be corrected
		}
		out[i], at[f.Seq] = f, i
	}
	kept := out[:0]
	for _, f := range out {
		if !f.Withdrawn {
			kept = append(kept, f)
		}
	}
	sortFacts(kept)
	return kept
}
