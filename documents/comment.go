package documents

import (
	"slices"
	"strings"
	"time"

	"spolupis/collab"
	"spolupis/security"
	"spolupis/security/fault"
)

// CommentID identifies a comment.
type CommentID string

// CommentKind is the weight the author gives to a comment.
type CommentKind string

// Kinds of comments. A formal comment (spelling, numbering, drafting technique)
// is never major: the kinds exclude each other.
const (
	Major    CommentKind = "major"    // zásadní: blocks freezing until settled, must be reasoned
	Advisory CommentKind = "advisory" // doporučující
	Formal   CommentKind = "formal"   // formální
)

// CommentState says whether a comment still waits for an answer.
type CommentState string

// States of a comment.
const (
	Open        CommentState = "open"
	Settled     CommentState = "settled"
	TakenBack   CommentState = "withdrawn"
	maxReplies               = 200
	maxComments              = 5000
)

// Outcome is how a comment was settled.
type Outcome string

// Outcomes of settlement, as settlement tables name them.
const (
	Accepted          Outcome = "accepted"           // akceptováno
	AcceptedPartly    Outcome = "accepted_partly"    // akceptováno částečně
	AcceptedOtherwise Outcome = "accepted_otherwise" // akceptováno jinak
	NotAccepted       Outcome = "rejected"           // neakceptováno
	Explained         Outcome = "explained"          // vysvětleno
	WithdrawnByAuthor Outcome = "withdrawn"          // vzato zpět
	Moot              Outcome = "moot"               // bezpředmětné
)

// Outcomes lists every outcome in the order people are offered them.
var Outcomes = []Outcome{Accepted, AcceptedPartly, AcceptedOtherwise, NotAccepted, Explained, WithdrawnByAuthor, Moot}

// Comment is one remark on a material, kept as a record beside the text.
type Comment struct {
	ID       CommentID
	Material MaterialID
	Number   int // 1, 2, … within the material
	Kind     CommentKind
	State    CommentState
	Author   security.ActorID
	At       time.Time

	// Anchor is the place in the live text; nil for a comment on the whole material.
	Anchor *collab.Anchor
	// Quote, Prefix, Suffix and Block are the server's own reading of the place
	// when the comment was made: the text between, 32 characters around, the block.
	Quote, Prefix, Suffix, Block string

	Text      string
	Reasoning string
	Proposed  *string // nil: no wording proposed; "" proposes to delete the passage
	Replies   []Reply

	Settlement *Settlement
	Applied    bool // the proposed wording was put into the text

	// Round is the round it was made in and Unit the unit asked in it whose comment it is; "" outside rounds and for others.
	Round string
	Unit  security.UnitID
	// Working is a comment that its unit has not confirmed: the unit's own note. Filled in when read.
	Working  bool
	Twin     CommentID // the comment it is a duplicate of and with which it is settled; "" for none
	Standing *Standing // what the unit says to the settlement; nil = nothing yet
	// Attachments are those not removed, by number. Filled in when read; see AttachToComment.
	Attachments []Attachment
}

// Reply is one answer under a comment.
type Reply struct {
	ID     string
	Author security.ActorID
	At     time.Time
	Text   string
}

// Settlement is the answer to a comment.
type Settlement struct {
	Outcome   Outcome
	Reasoning string
	By        security.ActorID
	At        time.Time
}

// draft is what an author writes into a comment.
type draft struct {
	Kind      CommentKind `json:"kind"`
	Text      string      `json:"text"`
	Reasoning string      `json:"reasoning"`
	Proposed  *string     `json:"proposed"`
}

// check returns d with its text trimmed, or says what is missing.
func (d draft) check() (draft, error) {
	d.Text, d.Reasoning = strings.TrimSpace(d.Text), strings.TrimSpace(d.Reasoning)
	switch {
	case !slices.Contains([]CommentKind{Major, Advisory, Formal}, d.Kind):
		return d, fault.New(fault.Invalid, "documents.fault.comment_kind")
	case d.Text == "" && d.Proposed == nil:
		return d, fault.New(fault.Invalid, "documents.fault.comment_empty")
	case runes(d.Text) > MaxText, runes(d.Reasoning) > MaxText, d.Proposed != nil && runes(*d.Proposed) > MaxText:
		return d, fault.New(fault.Invalid, "documents.fault.text_long", MaxText)
	case d.Kind == Major && d.Reasoning == "":
		return d, fault.New(fault.Invalid, "documents.fault.comment_reasoning")
	}
	return d, nil
}

func (s Settlement) check() error {
	switch {
	case !slices.Contains(Outcomes, s.Outcome):
		return fault.New(fault.Invalid, "documents.fault.outcome")
	case s.Reasoning == "" && s.Outcome != Accepted && s.Outcome != WithdrawnByAuthor:
		return fault.New(fault.Invalid, "documents.fault.settle_reasoning")
	case runes(s.Reasoning) > MaxText:
		return fault.New(fault.Invalid, "documents.fault.text_long", MaxText)
	}
	return nil
}

// openMajors counts major comments that wait for settlement. Notes that a unit never confirmed do not: its silence is consent.
func openMajors(comments []Comment) (n int) {
	for _, c := range comments {
		if c.Kind == Major && c.State == Open && !c.Working {
			n++
		}
	}
	return n
}
