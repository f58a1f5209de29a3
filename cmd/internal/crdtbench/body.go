package crdtbench

import (
	"fmt"
	"math/rand/v2"

	"spolupis/collab/crdt"
)

const flatBodyName = "flat-body"

// flatBody generates what an office writes here: ten officials in one text with embedded markers of paragraphs, marks and
// deletions. Each sees what the others wrote only now and then, so that edits are concurrent. Always the same history.
//
// What it must come to is the state of our engine, and all engines are held to that; that the updates are those Yjs would
// have sent is the business of the tests of crdt.
func flatBody(edits int) (*workload, error) {
	const writers = 10
	r := rand.New(rand.NewPCG(3, 10))
	w := &workload{name: flatBodyName, kind: "text", root: "body"}
	docs := make([]*crdt.Doc, writers)
	seen, carets := make([]int, writers), make([]int, writers)
	for i := range docs {
		docs[i] = crdt.New(crdt.Config{Client: uint64(1000 + 37*i)})
	}
	catchUp := func(d *crdt.Doc, from int) error {
		for _, u := range w.updates[from:] {
			if err := d.Apply(u); err != nil {
				return fmt.Errorf("generate %s: %w", w.name, err)
			}
		}
		return nil
	}
	for range edits {
		i := r.IntN(writers)
		d := docs[i]
		if r.IntN(4) == 0 {
			if err := catchUp(d, seen[i]); err != nil {
				return nil, err
			}
			seen[i] = len(w.updates)
		}
		if u := d.Transact(func() { carets[i] = write(r, d.Text(w.root), carets[i]) }); u != nil {
			w.updates = append(w.updates, u)
		}
	}
	for i, d := range docs {
		if err := catchUp(d, seen[i]); err != nil {
			return nil, err
		}
	}
	w.want, w.full = docs[0].Text(w.root).String(), docs[0].Encode()
	return w, w.halve()
}

// write is one edit near a caret; it returns where the caret is then.
func write(r *rand.Rand, t *crdt.Text, at int) int {
	at = min(at, t.Len())
	switch k := r.IntN(100); {
	case k < 78:
		t.Insert(at, string([]rune("eaoinřsčtvkl ěpmzdu")[r.IntN(19)]), nil)
		return at + 1
	case k < 88:
		t.Delete(max(0, at-1), 1)
		return max(0, at-1)
	case k < 91:
		t.InsertMap(at, map[string]any{"kind": []string{"p", "h", "ul"}[r.IntN(3)], "level": int64(r.IntN(3))}, nil)
		return at + 1
	case k < 94:
		t.Format(max(0, at-8), 8, crdt.Attrs{[]string{"strong", "em"}[r.IntN(2)]: []any{true, nil}[r.IntN(2)]})
	case k < 95:
		t.Delete(at, 5)
	case k < 97:
		t.Insert(at, "usnesení ", crdt.Attrs{"em": true})
		return at + 9
	default:
		return r.IntN(t.Len() + 1)
	}
	return at
}
