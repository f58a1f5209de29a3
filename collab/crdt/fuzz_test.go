package crdt

import (
	"bytes"
	"testing"
)

func seeds(f *testing.F, add func(u []byte)) {
	for _, u := range hostile() {
		if len(u) < 4096 {
			add(u)
		}
	}
	d := sample(f)
	add(d.Encode())
	for i := range 10 {
		add(d.Transact(func() {
			d.Text("text").Insert(i, "mě😀", Attrs{"em": i%2 == 0})
			d.Text("text").Delete(i/2, 2)
			d.Text("text").InsertMap(i, map[string]any{"kind": "h"}, nil)
			d.Map("map").Set("k", EmptyText)
			d.Array("array").Insert(1, 1.5, "x", EmptyMap)
		}))
	}
}

func FuzzApply(f *testing.F) {
	d := sample(f)
	state := d.Encode()
	seeds(f, func(u []byte) { f.Add(u) })
	f.Fuzz(func(t *testing.T, u []byte) {
		for _, keep := range []bool{false, true} {
			d := New(Config{Client: 9, KeepDeleted: keep})
			if err := d.Apply(state); err != nil {
				t.Fatal(err)
			}
			before := d.Encode()
			if err := d.Apply(u); err != nil {
				if !bytes.Equal(d.Encode(), before) {
					t.Fatal("refused, but changed the document")
				}
				return
			}
			if err := check(d); err != nil {
				t.Fatal(err)
			}
			full := d.Encode()
			again := New(Config{Client: 9, KeepDeleted: keep})
			if err := again.Apply(full); err != nil {
				t.Fatalf("own state is refused: %v", err)
			}
			// what waits under a forged id may fit, once cut, behind what is there
			if !d.Pending() && !bytes.Equal(again.StateVector(), d.StateVector()) {
				t.Fatal("own state loads differently")
			}
			d.Transact(func() {
				d.Text("text").Insert(3, "still works", Attrs{"x": true})
				d.Text("text").Delete(1, 5)
				d.Map("map").Set("a", 1)
				d.Array("array").Insert(0, 1)
			})
			if err := check(d); err != nil {
				t.Fatalf("after editing: %v", err)
			}
			d.Text("text").Delta()
			d.Map("map").JSON()
			d.Array("array").JSON()
			d.Fragment("text").Children()
			d.Index(d.Text("text").RelativePosition(2, -1))
		}
	})
}

func FuzzApplyV2(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	// a map with a key and a text of two writers, from yjs 13.6.33
	f.Add([]byte{0, 0, 5, 130, 130, 128, 128, 8, 0, 0, 1, 4, 8, 6, 116, 101, 120, 116, 97, 98, 4, 2, 1, 1, 0, 0, 1, 1, 0, 0})
	f.Fuzz(func(t *testing.T, u []byte) {
		v1, err := ConvertV2(u)
		if err != nil {
			return
		}
		d := New(Config{})
		if err := d.Apply(v1); err != nil {
			return
		}
		if err := check(d); err != nil {
			t.Fatal(err)
		}
		again := New(Config{})
		if err := again.ApplyV2(d.EncodeV2()); err != nil || !d.Pending() && !bytes.Equal(again.StateVector(), d.StateVector()) {
			t.Fatalf("own state in format v2 loads differently: %v", err)
		}
	})
}

func FuzzMerge(f *testing.F) {
	d := sample(f)
	state := d.Encode()
	seeds(f, func(u []byte) { f.Add(u, state) })
	f.Fuzz(func(t *testing.T, a, b []byte) {
		x, y := New(Config{Client: 1}), New(Config{Client: 1})
		if x.Apply(a) != nil || x.Apply(b) != nil {
			return
		}
		m, err := MergeUpdates(a, b)
		if err != nil {
			t.Fatalf("both can be applied, but not merged: %v", err)
		}
		if err := y.Apply(m); err != nil {
			t.Fatalf("merged update is refused: %v", err)
		}
		if err := check(y); err != nil {
			t.Fatal(err)
		}
		if _, err := DiffUpdate(m, x.StateVector()); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzSmallFormats(f *testing.F) {
	d := sample(f)
	f.Add(d.StateVector())
	f.Add(d.Snapshot().Encode())
	f.Add(d.Text("text").RelativePosition(3, 0).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		d := sample(t)
		d.Diff(b)
		if s, err := ParseSnapshot(b); err == nil {
			if again, err := ParseSnapshot(s.Encode()); err != nil || !bytes.Equal(again.Encode(), s.Encode()) {
				t.Fatalf("snapshot does not survive: %v", err)
			}
		}
		if p, err := ParseRelativePosition(b); err == nil {
			d.Index(p)
			if _, err := ParseRelativePosition(p.Encode()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
