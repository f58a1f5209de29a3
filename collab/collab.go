// Package collab keeps documents open for writing by many people at once.
//
// Each open document is a room. One goroutine at a time works in it, and none while there is nothing to do: it judges an update (collab/gate), applies it to the replicated
// document (collab/crdt), makes it durable through the Log, and only then acknowledges it to the sender and shows it to
// the others. Any node may have a room for any document; they agree through the Log, which gives every update its place,
// and tell each other about news through a Fanout that may lose messages.
//
// The package does no input or output of its own. How updates are stored is in collab/store, how they travel in
// collab/ws, their bytes in collab/wire. collab/README.md tells the life of an edit and how the parts are wired.
package collab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"

	"spolupis/collab/crdt"
	"spolupis/security"
	"spolupis/security/fault"
)

// DocumentID names a document. It is the id of the material whose body is being written.
type DocumentID string

// Root is the name of the shared text that holds a document's body.
const Root = "body"

// Right is what a person may do in a room. A higher right includes the lower ones.
type Right int

// The rights. Comment is not a write access to the body: comments travel as commands.
const (
	None Right = iota
	View
	Comment
	Edit
)

// String returns the word used in the hello message: "edit", "comment", "view" or "none".
func (r Right) String() string {
	switch r {
	case View:
		return "view"
	case Comment:
		return "comment"
	case Edit:
		return "edit"
	}
	return "none"
}

// Person is how the others in a room see somebody.
type Person struct {
	ID    security.ActorID `json:"id"`
	Name  string           `json:"name"`
	Color string           `json:"color"` // "#rrggbb", dark enough for white text on it; always the same for one person
}

// PersonOf returns who as others in a room see him. Name and colour never come from the client.
func PersonOf(who security.Actor) Person {
	colors := [...]string{"#9d2235", "#1d5b8f", "#2f6b3a", "#7a4a9e", "#8a4b08", "#0b6e6e", "#a03070", "#4a5a12", "#5b4bb5", "#a3410f", "#21618c", "#6b3e26"}
	h := fnv.New32a()
	h.Write([]byte(who.ID))
	return Person{who.ID, who.Name, colors[h.Sum32()%uint32(len(colors))]}
}

// Head is a document as it durably is at one place of its log.
type Head struct {
	Seq         int64     // the last update contained
	Sealed      bool      // no further updates are accepted
	State       []byte    // the whole document as one update; shared, not to be changed
	StateVector []byte    // what is contained, by client
	Body        *crdt.Doc // a fresh copy that belongs to the caller
}

// Sealed is a document that takes no more updates.
type Sealed struct {
	Seq   int64  // the last update contained
	State []byte // the whole document as one update; shared, not to be changed
	View  any    // what Hub.View gives for it
}

// Anchor is a passage of the body that survives edits around it: two encoded relative positions, the start sticking to
// the character after it (assoc 0), the end to the character before it (assoc -1).
type Anchor struct {
	Start []byte `json:"start"`
	End   []byte `json:"end"`
}

// Resolve returns the passage that a names in d now, as UTF-16 offsets into the body with from <= to. A passage whose text
// was deleted has from == to. It reports false when the anchor is malformed, belongs to content that d does not have, or
// its ends have changed places.
func Resolve(d *crdt.Doc, a Anchor) (from, to int, ok bool) {
	start, err := crdt.ParseRelativePosition(a.Start)
	if err != nil {
		return 0, 0, false
	}
	end, err := crdt.ParseRelativePosition(a.End)
	if err != nil {
		return 0, 0, false
	}
	from, ok1 := d.Index(start)
	to, ok2 := d.Index(end)
	if !ok1 || !ok2 || from > to {
		return 0, 0, false
	}
	return from, to, true
}

// Code is a WebSocket close code. After 4400 to 4499 y-websocket clients do not come back by themselves; after the others
// they reconnect.
type Code int

// The close codes.
const (
	CodeSignIn  Code = 4401 // not signed in, or no longer
	CodeDenied  Code = 4403 // the right is missing, or was withdrawn
	CodeFrozen  Code = 4409 // the document takes no more edits
	CodeLimit   Code = 4413 // over a limit
	CodeRefused Code = 4422 // malformed, or refused by the gate
	CodeRestart Code = 4500 // this server is going away or lost its footing: come back
	CodeSlow    Code = 4508 // does not read what is sent: come back
)

// Closed is why a connection is closed by the room. Key is the dictionary key of a sentence for the person, Detail is for
// the operator's log, Reason a stable word for the journal.
type Closed struct {
	Code   Code
	Key    string
	Reason string
	Detail string
}

func (c *Closed) Error() string { return fmt.Sprintf("closed with %d: %s", c.Code, c.Detail) }

func closed(code Code, format string, args ...any) *Closed {
	return &Closed{Code: code, Key: fmt.Sprintf("collab.close.%d", code), Reason: fmt.Sprint(int(code)), Detail: fmt.Sprintf(format, args...)}
}

// Command carries out something other than an edit of the body for a person in a room: comments, above all. It is
// implemented by the domain above. The same id from the same person must have one effect; id is chosen by the client.
type Commands interface {
	Command(ctx context.Context, who security.Actor, doc DocumentID, id, name string, args json.RawMessage) (json.RawMessage, error)
}

// The errors of Log.Append and Leases.Hold that a room acts upon. Others are trouble with the storage.
var (
	ErrSealed  = errors.New("document is sealed")
	ErrFenced  = errors.New("client id is held by another connection")
	ErrRevoked = errors.New("right was withdrawn")
	ErrLeased  = errors.New("client id belongs to another person")
)

// errFrozen is what callers of Edit get for a sealed document.
func errFrozen() error { return fault.New(fault.Conflict, "collab.fault.frozen") }
