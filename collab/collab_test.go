package collab

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"spolupis/collab/crdt"
	"spolupis/collab/gate"
	"spolupis/collab/internal/bounded"
	"spolupis/collab/wire"
	"spolupis/security"
)

func TestAnAnchorFollowsItsPassage(t *testing.T) {
	d := crdt.New(crdt.Config{Client: 1})
	text := d.Text(Root)
	d.Transact(func() { text.Insert(0, "Kraj schvaluje rozpočet.", nil) })
	a := Anchor{Start: text.RelativePosition(5, 0).Encode(), End: text.RelativePosition(14, -1).Encode()} // "schvaluje"
	want := func(from, to int) {
		t.Helper()
		gotFrom, gotTo, ok := Resolve(d, a)
		if !ok || gotFrom != from || gotTo != to {
			t.Errorf("anchor at %d to %d (%v), want %d to %d in %q", gotFrom, gotTo, ok, from, to, text.String())
		}
	}
	want(5, 14)
	d.Transact(func() { text.Insert(0, "🐎 ", nil) })
	want(8, 17)
	d.Transact(func() { text.Insert(8, "ne", nil) }) // before the passage, not in it
	want(10, 19)
	d.Transact(func() { text.Insert(19, " dnes", nil) })
	want(10, 19)
	d.Transact(func() { text.Delete(12, 3) })
	want(10, 16)
	d.Transact(func() { text.Delete(8, 10) })
	if from, to, ok := Resolve(d, a); !ok || from != to {
		t.Errorf("anchor of a deleted passage = %d, %d, %v; want an empty one", from, to, ok)
	}
	other := crdt.New(crdt.Config{Client: 2})
	if _, _, ok := Resolve(other, a); ok {
		t.Error("an anchor was found in a document that does not have its text")
	}
	if _, _, ok := Resolve(d, Anchor{Start: []byte{1, 2, 3}, End: nil}); ok {
		t.Error("a malformed anchor was found")
	}
}

func TestAHintIsReadAsItWasWritten(t *testing.T) {
	for _, h := range []hint{
		{kind: hintUpdate, first: 1, last: 300, body: []byte("update")},
		{kind: hintState},
		{kind: hintEvent, body: []byte(`{"type":"x"}`)},
	} {
		got, node, err := decodeHint(h.encode("node"))
		if err != nil || node != "node" || got.kind != h.kind || got.first != h.first || got.last != h.last || !bytes.Equal(got.body, h.body) {
			t.Errorf("%+v became %+v from %q, %v", h, got, node, err)
		}
	}
	long := strings.Repeat("n", 255)
	if _, node, err := decodeHint(hint{kind: hintState}.encode(long)); err != nil || node != long {
		t.Errorf("a node of a long name is read as %q, %v", node, err)
	}
	big := hint{kind: hintUpdate, first: 1, last: 1, body: make([]byte, maxHint+1)}
	if got, _, err := decodeHint(big.encode("node")); err != nil || len(got.body) != 0 {
		t.Errorf("a large update travels with its hint: %d bytes, %v", len(got.body), err)
	}
}

func FuzzDecodeHint(f *testing.F) {
	for _, h := range []hint{
		{kind: hintUpdate, first: 1, last: 2, body: []byte("x")},
		{kind: hintPresence, body: wire.AppendPresence(nil, []wire.Presence{{Client: 1, Clock: 2, State: []byte("{}")}})},
		{kind: hintState},
	} {
		f.Add(h.encode("node"))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, node, err := decodeHint(b)
		if err != nil {
			return
		}
		again, from, err := decodeHint(h.encode(node))
		if len(h.body) > maxHint && h.kind == hintUpdate {
			h.body = nil
		}
		if err != nil || from != node || again.kind != h.kind || again.first != h.first || again.last != h.last || !bytes.Equal(again.body, h.body) {
			t.Fatalf("%x: %+v became %+v from %q, %v", b, h, again, from, err)
		}
	})
}

// A message of y-websocket from a stranger, as a room takes it: a state vector is answered, an update judged and applied.
// Whatever it is, the document stays whole, and what was answered is an update.
func FuzzSyncMessage(f *testing.F) {
	d := crdt.New(crdt.Config{Client: 1})
	d.Transact(func() { d.Text(Root).Insert(0, "Kraj schvaluje 😀 rozpočet.", crdt.Attrs{"em": true}) })
	state := d.Encode()
	f.Add(wire.AppendSync(nil, wire.Step1, []byte{0}))
	f.Add(wire.AppendSync(nil, wire.Step1, d.StateVector()))
	f.Add(wire.AppendSync(nil, wire.Step1, []byte{2, 1, 5, 9, 0xff, 0xff, 3}))
	d.SetClient(7)
	for _, edit := range []func(){
		func() { d.Text(Root).Insert(3, "x", nil) },
		func() { d.Text(Root).InsertMap(9, map[string]any{"kind": "h"}, nil) },
		func() { d.Text(Root).Delete(2, 9) },
		func() { d.Text(Root).Format(0, 5, crdt.Attrs{"strong": true}) },
	} {
		u := d.Transact(edit)
		f.Add(wire.AppendSync(nil, wire.Update, u))
		f.Add(wire.AppendSync(nil, wire.Step2, u))
	}
	f.Add(wire.AppendSync(nil, wire.Step2, d.Encode()))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := wire.Decode(b)
		if err != nil || m.Type != wire.Sync {
			return
		}
		d := crdt.New(crdt.Config{})
		if err := d.Apply(state); err != nil {
			t.Fatal(err)
		}
		bounded.Run(t, len(b), 512, func() {
			if m.Step == wire.Step1 {
				u, err := d.Diff(m.Body)
				if err == nil {
					err = crdt.New(crdt.Config{}).Apply(u)
				} else if errors.Is(err, crdt.ErrMalformed) {
					err = nil
				}
				if err != nil {
					t.Fatalf("answered with %x: %v", u, err)
				}
				return
			}
			_, err := gate.Check(gate.Request{Doc: d, Update: m.Body, Roots: []string{Root}, Leased: func(c uint64) bool { return c == 7 }})
			if err == nil {
				err = d.Apply(m.Body)
			} else if _, ok := errors.AsType[*gate.Refusal](err); ok {
				err = nil
			}
			if err != nil || d.Pending() {
				t.Fatalf("%v, pending %v", err, d.Pending())
			}
		})
		if err := crdt.New(crdt.Config{}).Apply(d.Encode()); err != nil {
			t.Fatal(err)
		}
	})
}

// Of what a client says about itself only JSON of two places goes out, and a person that he cannot choose.
func FuzzPresenceState(f *testing.F) {
	for _, s := range []string{
		`{"cursor":{"a":1,"h":2},"user":{"name":"Eva"}}`, `{"selection":[1,[2,{"x":null}]]}`, `{"cursor":1,"cursor":2,"Cursor":3,"USER":4}`,
		`null`, `{}`, `[]`, `"`, `{"cursor":"</script>\u2028"}`, `{"user":{"id":"p-x","color":"url(x)"}}`, `{"cursor":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`,
	} {
		f.Add([]byte(s))
	}
	eva := PersonOf(security.Actor{ID: "p-eva", Name: "Eva"})
	f.Fuzz(func(t *testing.T, b []byte) {
		var out []byte
		var ok bool
		bounded.Run(t, len(b), 512, func() { out, ok = stateOf(b, eva) })
		if !ok {
			return
		}
		var got map[string]json.RawMessage
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%q went out as %q: %v", b, out, err)
		}
		var who Person
		if err := json.Unmarshal(got["user"], &who); err != nil || who != eva {
			t.Fatalf("%q went out as %q, from %+v", b, out, who)
		}
		delete(got, "user")
		delete(got, "cursor")
		delete(got, "selection")
		if len(got) > 0 || len(out) > 6*wire.MaxState+256 {
			t.Fatalf("%q went out as %q", b, out)
		}
	})
}

func TestOnlyPlacesGoOutAsPresence(t *testing.T) {
	eva := PersonOf(security.Actor{ID: "p-eva", Name: `Eva "<b>"`})
	got, ok := stateOf([]byte(`{"cursor":{"a":1},"user":{"name":"Karel"},"html":"<script>"}`), eva)
	want := `{"cursor":{"a":1},"user":{"id":"p-eva","name":"Eva \"\u003cb\u003e\"","color":"` + eva.Color + `"}}`
	if !ok || string(got) != want {
		t.Errorf("state = %s, want %s", got, want)
	}
	for _, bad := range []string{`[]`, `x`, `"s"`, string(make([]byte, 5000))} {
		if got, ok := stateOf([]byte(bad), eva); ok {
			t.Errorf("state %.20q went out as %s", bad, got)
		}
	}
}

func TestAPersonKeepsTheColour(t *testing.T) {
	a, b := PersonOf(security.Actor{ID: "p-1", Name: "A"}), PersonOf(security.Actor{ID: "p-1", Name: "Renamed"})
	if a.Color != b.Color || len(a.Color) != 7 {
		t.Errorf("colours %q and %q", a.Color, b.Color)
	}
}
