// Package gate decides whether an update sent by a client may touch a document.
package gate

import "spolupis/collab/crdt"

// Limits bound what one update may contain; zero fields take the defaults.
type Limits struct {
	Bytes    int // of one update
	Structs  int // in one update
	Clients  int // sections and delete-set clients in one update
	Nesting  int // of types in the document
	DocBytes int // size of the document's text and values after the update
}

// Request is one update to be judged against the document as it is.
type Request struct {
	Doc    *crdt.Doc
	Update []byte
	Leased func(client uint64) bool
	Limits Limits
}

// ClientRange names new content of one client: clocks [From, To).
type ClientRange struct {
	Client   uint64
	From, To uint32
}

// Info describes an accepted update.
type Info struct {
	Clients []ClientRange // new content, by client
	Deletes bool          // names content to delete
	Structs int           // new structs
	Empty   bool          // nothing the document does not have already
}

// Refusal says why an update may not be applied.
type Refusal struct {
	Reason string // stable code
	Detail string // for the operator
}

func (r *Refusal) Error() string { return "update refused: " + r.Reason + ": " + r.Detail }

// Check accepts or refuses; it changes nothing.
func Check(r Request) (Info, error) { return Info{}, nil }
