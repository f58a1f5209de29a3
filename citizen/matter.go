package citizen

import (
	"slices"
	"strings"
	"time"

	"spolupis/security"
	"spolupis/security/fault"
)

// Matter is a case of a citizen as far as the public is concerned: the public
// side of one document.
type Matter struct {
	ID            MatterID
	Number        Number
	Document      DocumentID
	Agenda        AgendaID
	AgendaName    string
	Unit          security.UnitID
	UnitName      string
	Contact       Contact
	Generic, Full string // the subject in general words, and in full
	Circumstances []Exclusion
	Rule          Rule
	Received      time.Time // when the filing came; the deadline runs from here
	OpenedAt      time.Time
	OpenedBy      security.ActorID
	CodeHash      string    // keyed hash of the code
	Issue         int       // which issue of the code, from 1
	IssuedAt      time.Time // when
}

// Contact is who answers for a matter. The scope says which of it appears.
type Contact struct {
	Name, Position, Mailbox string
}

// Opening is what an official fills in to open a matter.
type Opening struct {
	Document      DocumentID
	Received      time.Time // zero means now
	Rule          Rule
	Generic, Full string
	Contact       Contact
	Circumstances []Exclusion
}

func (o *Opening) check(now time.Time) error {
	for _, s := range []*string{&o.Generic, &o.Full, &o.Contact.Name, &o.Contact.Position, &o.Contact.Mailbox} {
		*s = strings.Join(strings.Fields(*s), " ")
		if len(*s) > 300 {
			return fault.New(fault.Invalid, "citizen.fault.long_text")
		}
	}
	if o.Received.IsZero() {
		o.Received = now
	}
	switch {
	case !o.Rule.Known():
		return fault.New(fault.Invalid, "citizen.fault.rule")
	case o.Generic == "":
		return fault.New(fault.Invalid, "citizen.fault.no_subject")
	case o.Received.After(now):
		return fault.New(fault.Invalid, "citizen.fault.future")
	case o.Received.Before(now.AddDate(-5, 0, 0)):
		return fault.New(fault.Invalid, "citizen.fault.past")
	}
	for _, c := range o.Circumstances {
		if !slices.Contains(HardExclusions, c) && !slices.Contains(Circumstances, c) {
			return fault.New(fault.Invalid, "citizen.fault.circumstance")
		}
	}
	slices.Sort(o.Circumstances)
	o.Circumstances = slices.Compact(o.Circumstances)
	return nil
}
