package body

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"spolupis/collab/crdt"
)

func TestBodySurvivesTheSharedText(t *testing.T) {
	for i := range 300 {
		b := randomBody(rand.New(rand.NewPCG(uint64(i), 2)))
		d := crdt.New(crdt.Config{Client: 7})
		d.Transact(func() { Write(d.Text("body"), b) })
		e := crdt.New(crdt.Config{Client: 8})
		if err := e.Apply(d.Encode()); err != nil {
			t.Fatal(err)
		}
		got, want := Read(e.Text("body")).Canonical(), b.Canonical()
		if at, ok := sameBlocks(want.Blocks, got.Blocks); !ok {
			t.Fatalf("body %d, block %d:\n got %+v\nwant %+v", i, at, got.Blocks[at:], want.Blocks[at:])
		}
		d.Transact(func() { Write(d.Text("body"), b) })
		if again := Read(d.Text("body")); again.Text() != b.Text() {
			t.Fatalf("body %d: writing twice gives %q", i, again.Text())
		}
	}
}

func TestReadNamesBlocksByTheirMarkers(t *testing.T) {
	d := crdt.New(crdt.Config{Client: 5})
	d.Transact(func() {
		x := d.Text("body")
		x.Insert(0, "before", crdt.Attrs{})
		x.InsertMap(6, map[string]any{"kind": "h", "level": 2.0, "later": "x"}, crdt.Attrs{})
		x.Insert(7, "A", crdt.Attrs{"strong": map[string]any{}, "odd": int64(1)})
		x.InsertEmbed(8, map[string]any{"image": "x"}, crdt.Attrs{})
		x.InsertMap(9, map[string]any{"kind": "future"}, crdt.Attrs{})
		x.Insert(10, "B", crdt.Attrs{"link": map[string]any{"href": "/x"}})
	})
	got := Read(d.Text("body"))
	want := []Block{
		{ID: "0:0", Kind: Paragraph, Runs: []Run{{Text: "before"}}},
		{ID: got.Blocks[1].ID, Kind: Heading, Level: 2, Runs: []Run{{Text: "A", Strong: true}, {Text: "\ufffc"}}},
		{ID: got.Blocks[2].ID, Kind: "future", Runs: []Run{{Text: "B", Link: "/x"}}},
	}
	if !reflect.DeepEqual(got.Blocks, want) {
		t.Errorf("got %+v\nwant %+v", got.Blocks, want)
	}
	if got.Blocks[1].ID != "5:6" {
		t.Errorf("heading is named %s, want 5:6, the place of its marker among the edits of client 5", got.Blocks[1].ID)
	}
	if c := got.Canonical(); c.Blocks[2].Kind != Paragraph {
		t.Errorf("an unknown kind is %s in canonical form, want p", c.Blocks[2].Kind)
	}
}

func TestTrackedChangesRefuseTheFreeze(t *testing.T) {
	for name, b := range map[string]Body{
		"insertion": {Blocks: []Block{{Kind: Paragraph, Runs: []Run{{Text: "a", Ins: &Change{ID: "1", By: "p-1", At: 5}}}}}},
		"deletion":  {Blocks: []Block{{Kind: Paragraph, Runs: []Run{{Text: "a", Del: &Change{ID: "1", By: "p-1"}}}}}},
		"break":     {Blocks: []Block{{Kind: Paragraph, Del: &Change{ID: "1"}, Runs: []Run{{Text: "a"}}}}},
	} {
		d := crdt.New(crdt.Config{Client: 5})
		d.Transact(func() { Write(d.Text("body"), b) })
		got := Read(d.Text("body"))
		if !got.HasTrackedChanges() {
			t.Errorf("%s: not seen as a tracked change: %+v", name, got)
		}
		if _, err := Markdown(got); err != ErrTrackedChanges {
			t.Errorf("%s: Markdown says %v, want ErrTrackedChanges", name, err)
		}
	}
}
