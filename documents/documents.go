// Package documents holds the rules of council materials: how a material is
// born and numbered, how it is commented on and settled, how its text is
// frozen into immutable versions, and how versions are approved.
//
// The package does no input or output of its own. It reaches the text through
// Hub (package collab), storage through Store (documents/store), people and
// rights through the ports in ports.go. Every change is one transaction that
// also carries its journal entry. The methods of Service are the only way in,
// and each of them takes who is acting and asks the rights first.
package documents

import (
	"strconv"
	"strings"
	"time"

	"spolupis/collab"
	"spolupis/documents/workflow"
	"spolupis/security"
	"spolupis/security/fault"
)

// MaterialID identifies a material; the live text of the material has the same id.
type MaterialID = collab.DocumentID

// AgendaID identifies an agenda, such as "rada" for materials for the council.
type AgendaID string

// VersionID is the lower-case hex SHA-256 of the version's manifest.
type VersionID string

// Agenda is a kind of business with its own numbering and owner.
type Agenda struct {
	ID   AgendaID
	Name string
	// Unit is the department that answers for the agenda.
	Unit security.UnitID
	// Numbering is the template of reference numbers: {n} is the running
	// number within the agenda and year, {n:03} the same padded, {year} the year.
	Numbering string
}

// State says where a material, or one version of it, is in its life.
type State string

// States of a material. Those from Frozen to Rejected are also states of a
// version; Superseded and Withdrawn are states of a version only.
const (
	Importing  State = "importing" // being created from a file; nobody sees it
	Draft      State = "draft"
	Commenting State = "commenting"
	Settling   State = "settling"
	Freezing   State = "freezing" // sealed or about to be; ends as Frozen or back where it was
	Frozen     State = "frozen"
	Approving  State = "approving"
	Approved   State = "approved"
	Signing    State = "signing"
	Signed     State = "signed"
	Published  State = "published"
	Rejected   State = "rejected"
	Superseded State = "superseded" // a newer version was frozen
	Withdrawn  State = "withdrawn"  // its route was stopped because a new draft was opened
	Cancelled  State = "cancelled"  // the material was given up; its text is not to be changed any more
)

// States lists the states a person can filter materials by, in the order of life.
var States = []State{Draft, Commenting, Settling, Frozen, Approving, Approved, Signing, Signed, Published, Rejected, Cancelled}

// Editable reports whether the text of a material in state s may change.
func (s State) Editable() bool { return s == Draft || s == Commenting || s == Settling }

// Material is one council material.
type Material struct {
	ID         MaterialID
	Number     string // reference number (č. j.), unique in the office
	Title      string
	Agenda     AgendaID
	AgendaName string // filled in when read
	Unit       security.UnitID
	Drafter    security.ActorID
	State      State
	Draft      int       // which draft is being written, from 1
	Current    VersionID // newest frozen version, "" before the first
	CreatedAt  time.Time
	ChangedAt  time.Time
	// Place is where the material is in its course (documents/workflow), Course
	// the version of the course it follows, PlacedAt since when it is there.
	// Only fire changes them. While the text is open, State follows from Place.
	Place    workflow.Place
	Course   int
	PlacedAt time.Time
}

// Participant is somebody with a right of his own to one material.
type Participant struct {
	Subject  string // "user:p-…", "unit:…" or "role:…"
	Relation string // reader, commenter, suggester, editor, owner, approver, signer, auditor, publisher
}

// Limits of what people write into fields, in characters.
const (
	MaxTitle   = 300
	MaxText    = 10_000
	maxNumber  = 80
	maxCommand = 64
)

// number fills in a numbering template.
func number(template string, n, year int) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(template, "{")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			out.WriteString("{" + rest)
			return out.String()
		}
		digits := strconv.Itoa(n)
		switch width, padded := strings.CutPrefix(name, "n:"); {
		case name == "n":
			out.WriteString(digits)
		case name == "year":
			out.WriteString(strconv.Itoa(year))
		case padded:
			if w, err := strconv.Atoi(width); err == nil && w <= 12 {
				out.WriteString(strings.Repeat("0", max(0, w-len(digits))))
			}
			out.WriteString(digits)
		default:
			out.WriteString("{" + name + "}")
		}
		template = after
	}
}

// Check refuses an agenda that could not number its materials.
func (a Agenda) Check() error {
	switch {
	case a.ID == "" || len(a.ID) > 64 || strings.ContainsAny(string(a.ID), " /?#:"):
		return fault.New(fault.Invalid, "documents.fault.agenda_id")
	case strings.TrimSpace(a.Name) == "" || runes(a.Name) > MaxTitle:
		return fault.New(fault.Invalid, "documents.fault.agenda_name")
	case !strings.Contains(a.Numbering, "{n"), !strings.Contains(a.Numbering, "{year}"), len(a.Numbering) > maxNumber,
		number(a.Numbering, 1, 2026) == number(a.Numbering, 2, 2026), strings.ContainsAny(number(a.Numbering, 1, 2026), "{}"):
		return fault.New(fault.Invalid, "documents.fault.agenda_numbering")
	}
	return nil
}

func checkTitle(title string) (string, error) {
	title = strings.Join(strings.Fields(title), " ")
	if title == "" {
		return "", fault.New(fault.Invalid, "documents.fault.title_empty")
	}
	if runes(title) > MaxTitle {
		return "", fault.New(fault.Invalid, "documents.fault.title_long", MaxTitle)
	}
	return title, nil
}

func runes(s string) int { return len([]rune(s)) }
