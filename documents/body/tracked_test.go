package body

import (
	"encoding/json"
	"os"
	"reflect"
	"testing"

	"spolupis/collab/crdt"
)

// The histories come from the editor: SPOLUPIS_FIXTURES=…/documents/body/testdata/tracked.json npx vitest run
// test/unit/histories.test.ts -t fixtures, in frontend.
func TestTrackedChangesOfTheEditorAreReadAsTheEditorReadsThem(t *testing.T) {
	raw, err := os.ReadFile("testdata/tracked.json")
	if err != nil {
		t.Fatal(err)
	}
	var histories []struct {
		Seed                     int
		Text, Original, Accepted []byte
		Changes                  int
	}
	if err := json.Unmarshal(raw, &histories); err != nil {
		t.Fatal(err)
	}
	if len(histories) < 20 {
		t.Fatalf("%d histories", len(histories))
	}
	styles, looks := 0, 0
	for _, h := range histories {
		text, original, accepted := opened(t, h.Text), opened(t, h.Original), opened(t, h.Accepted)
		got, md := Read(text), func(b Body) string {
			out, err := Markdown(b)
			if err != nil {
				t.Fatalf("seed %d: %v", h.Seed, err)
			}
			return string(out)
		}
		if !got.HasTrackedChanges() {
			t.Errorf("seed %d: no tracked changes", h.Seed)
		}
		if n := len(got.Proposals()); n != h.Changes {
			t.Errorf("seed %d: %d changes, the editor shows %d", h.Seed, n, h.Changes)
		}
		if got, want := md(got.Decided(false)), md(Read(original)); got != want {
			t.Errorf("seed %d: all rejected gives\n%s\nnot the original\n%s", h.Seed, got, want)
		}
		if got, want := md(got.Decided(true)), md(Read(accepted)); got != want {
			t.Errorf("seed %d: all accepted gives\n%s\nthe editor says\n%s", h.Seed, got, want)
		}
		again := crdt.New(crdt.Config{Client: 7})
		again.Transact(func() { Write(again.Text("body"), got) })
		back := Read(again.Text("body"))
		for i := range back.Blocks {
			back.Blocks[i].ID = got.Blocks[i].ID
		}
		if !reflect.DeepEqual(back.Blocks, got.Blocks) {
			t.Errorf("seed %d: what was written is read otherwise\n%+v\n%+v", h.Seed, back, got)
		}
		for _, x := range got.Blocks {
			if x.Was != nil {
				styles++
			}
			for _, r := range x.Runs {
				if r.Was != nil {
					looks++
				}
			}
		}
	}
	if styles == 0 || looks == 0 {
		t.Errorf("%d changes of style, %d of looks: the histories have too little in them", styles, looks)
	}
}

func opened(t *testing.T, update []byte) *crdt.Text {
	t.Helper()
	d := crdt.New(crdt.Config{})
	if err := d.Apply(update); err != nil {
		t.Fatal(err)
	}
	return d.Text("body")
}

func TestTextPutIntoADeletionIsNotDeletedWithIt(t *testing.T) {
	d := crdt.New(crdt.Config{Client: 1})
	x := d.Text("body")
	gone := map[string]any{"id": "d1", "by": "p-1", "at": int64(5)}
	d.Transact(func() {
		x.InsertMap(0, map[string]any{"kind": "p"}, crdt.Attrs{})
		x.Insert(1, "stará", crdt.Attrs{"del:d1": gone})
		x.Insert(3, "nová", crdt.Attrs{"del:d1": gone, "ins:i1": map[string]any{"id": "i1", "by": "p-2", "at": int64(9)}})
		x.Insert(3, "přímo", crdt.Attrs{"del:d1": gone, "ins:i0": map[string]any{"id": "i0", "by": "p-3", "at": int64(7), "plain": true}})
	})
	b := Read(x)
	if got, want := b.Decided(true).Text(), "přímonová"; got != want {
		t.Errorf("accepted: %q, want %q", got, want)
	}
	if got, want := b.Decided(false).Text(), "stpřímoará"; got != want {
		t.Errorf("rejected: %q, want %q", got, want)
	}
}
