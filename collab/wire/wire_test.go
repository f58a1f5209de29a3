package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"spolupis/collab/internal/bounded"
)

// The bytes of types 0 to 3 are those of y-protocols 1.0.7, compared by running it; the rest is our own contract
// with the browser, which must not change without a new subprotocol name.
var golden = []struct {
	name  string
	hex   string
	want  Message
	bytes []byte
}{
	{"step 1 with an empty state vector", "00000100", Message{Type: Sync, Step: Step1, Body: []byte{0}},
		AppendSync(nil, Step1, []byte{0})},
	{"step 2 with nothing in it", "0001020000", Message{Type: Sync, Step: Step2, Body: []byte{0, 0}},
		AppendSync(nil, Step2, []byte{0, 0})},
	{"an update: client 1 writes a into body", "00020e01010100040104626f6479016100", Message{Type: Sync, Step: Update,
		Body: []byte("\x01\x01\x01\x00\x04\x01\x04body\x01a\x00")},
		AppendSync(nil, Update, []byte("\x01\x01\x01\x00\x04\x01\x04body\x01a\x00"))},
	{"presence of client 300 at clock 2", "010801ac0202037b7d20", Message{Type: Awareness,
		Presence: []Presence{{300, 2, []byte("{} ")}}},
		AppendAwareness(nil, []Presence{{300, 2, []byte("{} ")}})},
	{"a client left", "01080101 02 046e756c6c", Message{Type: Awareness, Presence: []Presence{{1, 2, []byte("null")}}},
		AppendAwareness(nil, []Presence{{1, 2, []byte("null")}})},
	{"nobody, sent to keep the connection awake", "010100", Message{Type: Awareness, Presence: []Presence{}},
		AppendAwareness(nil, nil)},
	{"permission denied", "0200036e6f21", Message{Type: Auth, Body: []byte("no!")}, AppendDenied(nil, "no!")},
	{"who is here?", "03", Message{Type: QueryAwareness}, AppendQueryAwareness(nil)},
	{"hello", "10027b7d", Message{Type: Hello, Body: []byte("{}")}, AppendJSON(nil, Hello, []byte("{}"))},
	{"300 updates are durable", "11ac02", Message{Type: Ack, Count: 300}, AppendAck(nil, 300)},
	{"an event", "12027b7d", Message{Type: Event, Body: []byte("{}")}, AppendJSON(nil, Event, []byte("{}"))},
	{"a command", "13027b7d", Message{Type: Command, Body: []byte("{}")}, AppendJSON(nil, Command, []byte("{}"))},
}

func TestMessagesHaveTheBytesThatClientsExpect(t *testing.T) {
	for _, g := range golden {
		want, err := hex.DecodeString(strings.ReplaceAll(g.hex, " ", ""))
		if err != nil {
			t.Fatal(g.name, err)
		}
		if !bytes.Equal(g.bytes, want) {
			t.Errorf("%s: encoded %x, want %x", g.name, g.bytes, want)
		}
		got, err := Decode(want)
		if err != nil || !reflect.DeepEqual(got, g.want) {
			t.Errorf("%s: decoded %+v (%v), want %+v", g.name, got, err, g.want)
		}
	}
}

func TestACutMessageIsMalformed(t *testing.T) {
	for _, g := range golden {
		for n := range g.bytes {
			if _, err := Decode(g.bytes[:n]); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s, first %d bytes: %v, want malformed", g.name, n, err)
			}
		}
		if _, err := Decode(append(bytes.Clone(g.bytes), 0)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s with a byte too many: %v, want malformed", g.name, err)
		}
	}
}

func TestBadMessagesAreRefusedWithTheRightError(t *testing.T) {
	long := bytes.Repeat([]byte("x"), MaxVector+1)
	for _, c := range []struct {
		name string
		in   []byte
		want error
	}{
		{"unknown type", []byte{9}, ErrUnknown},
		{"unknown sync step", []byte{0, 3, 0}, ErrUnknown},
		{"unknown auth kind", []byte{2, 1, 0}, ErrUnknown},
		{"a number over 2^53-1", []byte{17, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, ErrMalformed},
		{"a number that never ends", bytes.Repeat([]byte{0xff}, 100), ErrMalformed},
		{"more clients than bytes", []byte{1, 2, 0xff, 0x7f}, ErrMalformed},
		{"a command that is not UTF-8", []byte{19, 1, 0xff}, ErrMalformed},
		{"a long state vector", AppendSync(nil, Step1, long), ErrTooLong},
		{"a long command", AppendJSON(nil, Command, long), ErrTooLong},
	} {
		if _, err := Decode(c.in); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// A message that is read is written as it was read; one that is not has an error of one kind. Neither takes more than what a
// megabyte of it may.
func FuzzDecode(f *testing.F) {
	for _, g := range golden {
		f.Add(g.bytes)
		f.Add(g.bytes[:len(g.bytes)-1])
	}
	f.Add(bytes.Repeat([]byte{0xff}, 100))
	f.Add([]byte{1, 9, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 0}) // as many clients as JavaScript can count
	f.Add([]byte{0, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3})             // an update that is longer than the message
	f.Add(AppendSync(nil, Step1, []byte{2, 5, 0xe8, 7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 1}))
	f.Add(AppendAwareness(nil, []Presence{{1, 1, []byte("{}")}, {1, 2, []byte("null")}, {Max, Max, []byte(`{"cursor":{"a":1}}`)}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Message
		var err error
		bounded.Run(t, len(b), 64, func() { m, err = Decode(b) })
		if err != nil {
			n := 0
			for _, kind := range []error{ErrMalformed, ErrUnknown, ErrTooLong} {
				if errors.Is(err, kind) {
					n++
				}
			}
			if n != 1 {
				t.Fatalf("%x: error %v is of %d kinds, want one", b, err, n)
			}
			return
		}
		var again []byte
		switch m.Type {
		case Sync:
			again = AppendSync(nil, m.Step, m.Body)
		case Awareness:
			again = AppendAwareness(nil, m.Presence)
		case Auth:
			again = AppendDenied(nil, string(m.Body))
		case QueryAwareness:
			again = AppendQueryAwareness(nil)
		case Ack:
			again = AppendAck(nil, m.Count)
		default:
			again = AppendJSON(nil, m.Type, m.Body)
		}
		m2, err := Decode(again)
		if err != nil || !reflect.DeepEqual(m, m2) {
			t.Fatalf("%x: %+v became %+v (%v)", b, m, m2, err)
		}
	})
}

func FuzzDecodePresence(f *testing.F) {
	for _, g := range golden {
		if g.want.Type == Awareness {
			f.Add(AppendPresence(nil, g.want.Presence))
		}
	}
	f.Add([]byte{0xff, 0xff, 3, 1, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var ps []Presence
		var err error
		bounded.Run(t, len(b), 64, func() { ps, err = DecodePresence(b) })
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("%x: %v, want malformed", b, err)
			}
			return
		}
		again, err := DecodePresence(AppendPresence(nil, ps))
		if err != nil || !reflect.DeepEqual(ps, again) {
			t.Fatalf("%x: %+v became %+v (%v)", b, ps, again, err)
		}
	})
}
