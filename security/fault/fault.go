// Package fault holds the few kinds of error that callers branch on. A fault
// carries one sentence for a person, as a dictionary key and its arguments, so
// that the edge can say it in the reader's language; wrapping keeps the chain
// for the operator's log.
package fault

import (
	"errors"
	"fmt"
)

// Kind is a class of failure. A Kind is itself an error, so that
// errors.Is(err, fault.Denied) works on any fault of that kind.
type Kind int

// The kinds. NotFound is also the answer for what exists but is not the
// caller's to see. New kinds go to the end.
const (
	Internal Kind = iota
	NotFound
	Denied
	Conflict
	Invalid
	Unauthenticated
	TooLarge
	TooMany
	Unavailable
)

var names = [...]string{"internal", "not_found", "denied", "conflict", "invalid", "unauthenticated", "too_large", "too_many", "unavailable"}

// Error returns the stable code of the kind, such as "not_found".
func (k Kind) Error() string {
	if k < 0 || int(k) >= len(names) {
		return names[Internal]
	}
	return names[k]
}

// Fault is an error of a known kind with a sentence for a person.
type Fault struct {
	Kind Kind
	Key  string // dictionary key of the sentence
	Args []any  // fill {0}, {1} … in the sentence
}

// New returns a fault of kind k whose sentence is the dictionary entry key.
func New(k Kind, key string, args ...any) error { return &Fault{k, key, args} }

// Error returns the kind and key; it is for logs, not for people.
func (f *Fault) Error() string {
	if len(f.Args) == 0 {
		return fmt.Sprintf("%s: %s", f.Kind.Error(), f.Key)
	}
	return fmt.Sprintf("%s: %s %v", f.Kind.Error(), f.Key, f.Args)
}

// Is makes errors.Is(err, fault.Denied) hold for every fault of that kind.
func (f *Fault) Is(target error) bool {
	k, ok := target.(Kind)
	return ok && k == f.Kind
}

// Of returns the outermost fault in err's chain. An error that is no fault,
// or a bare Kind, gives a fault with the kind's own sentence "fault.<code>".
func Of(err error) Fault {
	if f, ok := errors.AsType[*Fault](err); ok {
		return *f
	}
	k := Internal
	if found, ok := errors.AsType[Kind](err); ok {
		k = found
	}
	return Fault{Kind: k, Key: "fault." + k.Error()}
}
