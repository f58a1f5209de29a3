// Package wire encodes and decodes the messages of live editing: the four of the y-websocket protocol and the four
// of the subprotocol spolupis.v1. It knows bytes and limits only; what a message may do is decided in package collab.
//
// A message is one WebSocket binary message: a varUint type followed by the body of that type. Numbers are lib0
// varUints (little-endian base 128, at most 2^53-1), strings and byte arrays are prefixed with their length in bytes.
package wire

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Type is the first number of a message.
type Type uint64

// Message types. 0 to 3 are those of y-websocket; 16 to 19 exist only when both sides agreed on Subprotocol.
const (
	Sync           Type = 0  // document content, both ways; see Step
	Awareness      Type = 1  // presence, both ways
	Auth           Type = 2  // server to client: permission denied, with a reason
	QueryAwareness Type = 3  // asks for the presence of everybody
	Hello          Type = 16 // server to client, the first message: who you are here
	Ack            Type = 17 // server to client: how many of your updates are durable
	Event          Type = 18 // server to client: something happened to the document
	Command        Type = 19 // client to server: do something other than editing the body
)

// Step is the kind of a Sync message.
type Step uint64

// The steps of y-protocols/sync.
const (
	Step1  Step = 0 // a state vector: "this is what I have"
	Step2  Step = 1 // an update: "this is what you lack"
	Update Step = 2 // an update: "this has just happened"
)

// Subprotocol is the WebSocket subprotocol that adds Hello, Ack, Event and Command to y-websocket.
const Subprotocol = "spolupis.v1"

// Limits of what Decode accepts, in bytes or in pieces. A whole message is limited by the transport before it gets here.
const (
	MaxVector   = 256 << 10 // a state vector: about 20,000 client ids
	MaxPresence = 16        // clients in one Awareness message from a client
	MaxState    = 4 << 10   // the JSON state of one client
	MaxCommand  = 64 << 10  // the JSON of a command
)

// The errors of Decode. Every error it returns wraps exactly one of them.
var (
	ErrMalformed = errors.New("malformed message")
	ErrUnknown   = errors.New("unknown message type")
	ErrTooLong   = errors.New("message over a limit")
)

// Message is a decoded message. Which fields are set depends on Type.
type Message struct {
	Type     Type
	Step     Step       // of a Sync message
	Body     []byte     // Sync: state vector or update; Hello, Event, Command: JSON; Auth: the reason. Aliases the input
	Presence []Presence // of an Awareness message
	Count    uint64     // of an Ack
}

// Presence is what one client tells about itself.
type Presence struct {
	Client uint64
	Clock  uint64
	State  []byte // JSON; "null" when the client left. Aliases the input when decoded
}

// Gone reports whether the client left.
func (p Presence) Gone() bool { return string(p.State) == "null" }

// Decode reads one message. The result aliases b. Bytes after the message are an error: no client of the protocol
// sends them, and whoever does would have two readers disagree about what was said.
func Decode(b []byte) (Message, error) {
	d := decoder{b: b}
	m := Message{Type: Type(d.uint())}
	if d.err != nil {
		return Message{}, d.err
	}
	switch m.Type {
	case Sync:
		m.Step = Step(d.uint())
		m.Body = d.bytes()
		if d.err == nil && m.Step > Update {
			return Message{}, fmt.Errorf("%w: sync step %d", ErrUnknown, m.Step)
		}
		if m.Step == Step1 && len(m.Body) > MaxVector {
			return Message{}, fmt.Errorf("%w: state vector of %d bytes", ErrTooLong, len(m.Body))
		}
	case Awareness:
		inner := decoder{b: d.bytes()}
		if d.err == nil {
			m.Presence = inner.presence()
			inner.end()
			d.err = inner.err
		}
	case Auth:
		if kind := d.uint(); d.err == nil && kind != 0 {
			return Message{}, fmt.Errorf("%w: auth %d", ErrUnknown, kind)
		}
		m.Body = d.text()
	case QueryAwareness:
	case Ack:
		m.Count = d.uint()
	case Hello, Event, Command:
		m.Body = d.text()
		if m.Type == Command && len(m.Body) > MaxCommand {
			return Message{}, fmt.Errorf("%w: command of %d bytes", ErrTooLong, len(m.Body))
		}
	default:
		return Message{}, fmt.Errorf("%w %d", ErrUnknown, m.Type)
	}
	d.end()
	if d.err != nil {
		return Message{}, d.err
	}
	return m, nil
}

// IsUpdate reports whether the message b, well-formed or not, starts like an update that somebody has just typed.
func IsUpdate(b []byte) bool { return len(b) > 1 && b[0] == byte(Sync) && b[1] == byte(Update) }

// DecodePresence reads the body of an Awareness message, as hints between nodes carry it.
func DecodePresence(b []byte) ([]Presence, error) {
	d := decoder{b: b}
	ps := d.presence()
	d.end()
	return ps, d.err
}

func (d *decoder) presence() []Presence {
	n := d.uint()
	if d.err != nil {
		return nil
	}
	if n > uint64(len(d.b)) { // each needs three bytes at least
		d.fail("presence of %d clients in %d bytes", n, len(d.b))
		return nil
	}
	ps := make([]Presence, 0, min(n, MaxPresence))
	for ; n > 0 && d.err == nil; n-- {
		ps = append(ps, Presence{Client: d.uint(), Clock: d.uint(), State: d.text()})
	}
	return ps
}

// AppendSync appends a Sync message.
func AppendSync(b []byte, s Step, body []byte) []byte {
	b = appendUint(b, uint64(Sync))
	b = appendUint(b, uint64(s))
	return appendBytes(b, body)
}

// AppendAwareness appends an Awareness message.
func AppendAwareness(b []byte, ps []Presence) []byte {
	b = appendUint(b, uint64(Awareness))
	return appendBytes(b, AppendPresence(nil, ps))
}

// AppendPresence appends the body of an Awareness message without its type and length.
func AppendPresence(b []byte, ps []Presence) []byte {
	b = appendUint(b, uint64(len(ps)))
	for _, p := range ps {
		b = appendUint(b, p.Client)
		b = appendUint(b, p.Clock)
		b = appendBytes(b, p.State)
	}
	return b
}

// AppendDenied appends an Auth message that refuses for the given reason.
func AppendDenied(b []byte, reason string) []byte {
	b = appendUint(b, uint64(Auth))
	b = appendUint(b, 0)
	return appendBytes(b, []byte(reason))
}

// AppendQueryAwareness appends a QueryAwareness message.
func AppendQueryAwareness(b []byte) []byte { return appendUint(b, uint64(QueryAwareness)) }

// AppendAck appends an Ack of the first n updates of a connection.
func AppendAck(b []byte, n uint64) []byte {
	b = appendUint(b, uint64(Ack))
	return appendUint(b, n)
}

// AppendJSON appends a Hello, Event or Command with the given JSON.
func AppendJSON(b []byte, t Type, json []byte) []byte {
	b = appendUint(b, uint64(t))
	return appendBytes(b, json)
}

// Max is the largest number of the protocol, 2^53-1: what JavaScript counts exactly.
const Max = 1<<53 - 1

func appendUint(b []byte, v uint64) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func appendBytes(b, p []byte) []byte {
	b = appendUint(b, uint64(len(p)))
	return append(b, p...)
}

// decoder is a cursor over a message. The first error sticks; reads after it return zero values.
type decoder struct {
	b   []byte // what is left
	err error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
	}
	d.b = nil
}

func (d *decoder) uint() uint64 {
	var v uint64
	for i, c := range d.b {
		if i == 8 { // 8 bytes hold 56 bits; Max has 53
			break
		}
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			if v > Max {
				break
			}
			d.b = d.b[i+1:]
			return v
		}
	}
	d.fail("number")
	return 0
}

func (d *decoder) bytes() []byte {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.fail("%d bytes announced, %d there", n, len(d.b))
		return nil
	}
	p := d.b[:n:n]
	d.b = d.b[n:]
	return p
}

func (d *decoder) text() []byte {
	p := d.bytes()
	if !utf8.Valid(p) {
		d.fail("text is not UTF-8")
		return nil
	}
	return p
}

func (d *decoder) end() {
	if d.err == nil && len(d.b) > 0 {
		d.fail("%d bytes after the message", len(d.b))
	}
}
