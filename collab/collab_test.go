package collab

import (
	"bytes"
	"testing"

	"spolupis/collab/crdt"
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
	big := hint{kind: hintUpdate, first: 1, last: 1, body: make([]byte, maxHint+1)}
	if got, _, err := decodeHint(big.encode("node")); err != nil || len(got.body) != 0 {
		t.Errorf("a large update travels with its hint: %d bytes, %v", len(got.body), err)
	}
}

func FuzzDecodeHint(f *testing.F) {
	f.Add(hint{kind: hintUpdate, first: 1, last: 2, body: []byte("x")}.encode("node"))
	f.Fuzz(func(t *testing.T, b []byte) { decodeHint(b) })
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
