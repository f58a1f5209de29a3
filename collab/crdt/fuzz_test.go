package crdt

import (
	"bytes"
	"strings"
	"testing"

	"spolupis/collab/internal/bounded"
)

// perByte is how much memory a byte of an update may take: a struct of five bytes becomes an item of 64, in slices that grow.
const perByte = 512

// seeds are what fuzzing begins with: messages that kill or fool other engines, small versions of those that take them minutes,
// and updates as clients send them, of every type.
func seeds(f *testing.F, add func(u []byte)) {
	for _, u := range hostile() {
		if len(u) < 4096 {
			add(u)
		}
	}
	for _, u := range big(1 << 10) {
		add(u)
	}
	for _, u := range everyKind() {
		add(u)
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
	add(d.Encode())
}

// everyKind is an update for each kind of content, behind what sample holds.
func everyKind() [][]byte {
	any := []byte{118, 1, 1, 'k', 117, 3, 119, 1, 'x', 125, 0x41, 126}
	return [][]byte{
		root(7, 0).raw(0).n(3).done(),
		root(7, 0).raw(0x01).n(1).s("text").n(3).done(),
		root(7, 0).raw(0x02).n(1).s("array").n(2).s("1").s("undefined").done(),
		root(7, 0).raw(0x23).n(1).s("map").s("bin").n(3).raw(1, 2, 3).done(),
		root(7, 0).text("čeština 😀").done(),
		root(7, 0).raw(0x05).n(1).s("text").s(`{"src":"a.png"}`).done(),
		wire{}.n(1, 3, 7, 0).raw(0x06).n(1).s("text").s("b").s("true").after(7, 0).s("bold").raw(0x86).n(7, 4).s("b").s("null").done(),
		root(7, 0).raw(0x07).n(1).s("array").n(typeArray).done(),
		wire{}.n(1, 2, 7, 0).raw(0x27).n(1).s("map").s("t").n(typeText).raw(0x04).n(0, 7, 0).s("inside").done(),
		wire{}.n(1, 2, 7, 0).raw(0x07).n(1).s("xml").n(typeXMLElement).s("p").raw(0x28).n(0, 7, 0).s("class").n(1).raw(119).s("x").done(),
		root(7, 0).raw(0x07).n(1).s("xml").n(typeXMLFragment).done(),
		root(7, 0).raw(0x07).n(1).s("xml").n(typeXMLHook).s("hook").done(),
		root(7, 0).raw(0x07).n(1).s("xml").n(typeXMLText).done(),
		root(7, 0).raw(0x08).n(1).s("array").n(1).join(any).done(),
		root(7, 0).raw(0x29).n(1).s("map").s("sub").s("guid").raw(118, 0).done(),
		wire{}.n(1, 2, 7, 0).raw(10).n(5).text("behind a hole").done(),
		wire{}.n(2, 1, 8, 0).raw(0xc4).n(1, 3, 1, 4).s("z").n(1, 7, 0).raw(0x44).n(8, 0).s("y").n(1, 1, 2, 0, 1, 5, 3),
		deletes(1, 0, 3, 5, 1),
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
			var err error
			bounded.Run(t, len(u), perByte, func() { err = d.Apply(u) })
			if err != nil {
				if !bytes.Equal(d.Encode(), before) || d.Pending() {
					t.Fatal("refused, but changed the document")
				}
				return
			}
			if err := check(d); err != nil {
				t.Fatal(err)
			}
			full := d.Encode()
			again := New(Config{Client: 9, KeepDeleted: keep})
			bounded.Run(t, len(full), perByte, func() { err = again.Apply(full) })
			if err != nil {
				t.Fatalf("own state is refused: %v", err)
			}
			// what waits under a forged id may fit, once cut, behind what is there
			if !d.Pending() && !bytes.Equal(again.StateVector(), d.StateVector()) {
				t.Fatal("own state loads differently")
			}
			bounded.Run(t, len(full), perByte, func() {
				d.Transact(func() {
					d.Text("text").Insert(3, "still works", Attrs{"x": true})
					d.Text("text").Delete(1, 5)
					d.Map("map").Set("a", 1)
					d.Array("array").Insert(0, 1)
				})
				d.Text("text").Delta()
				d.Map("map").JSON()
				d.Array("array").JSON()
				d.Fragment("text").Children()
				d.Index(d.Text("text").RelativePosition(2, -1))
			})
			if err := check(d); err != nil {
				t.Fatalf("after editing: %v", err)
			}
		}
	})
}

func FuzzApplyV2(f *testing.F) {
	d := sample(f)
	state := d.Encode()
	f.Add([]byte{0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	// a map with a key and a text of two writers, from yjs 13.6.33
	f.Add([]byte{0, 0, 5, 130, 130, 128, 128, 8, 0, 0, 1, 4, 8, 6, 116, 101, 120, 116, 97, 98, 4, 2, 1, 1, 0, 0, 1, 1, 0, 0})
	seeds(f, func(u []byte) {
		if v2, err := ToV2(u); err == nil {
			f.Add(v2)
			f.Add(v2[:len(v2)-1])
			f.Add([]byte(strings.Replace(string(v2), "x", "\xff", 1)))
		}
	})
	f.Fuzz(func(t *testing.T, u []byte) {
		d := New(Config{Client: 9})
		if err := d.Apply(state); err != nil {
			t.Fatal(err)
		}
		before := d.Encode()
		var err error
		bounded.Run(t, 64*len(u), perByte, func() { err = d.ApplyV2(u) }) // runs stand for up to 64 times as much
		if err != nil {
			if !bytes.Equal(d.Encode(), before) || d.Pending() {
				t.Fatal("refused, but changed the document")
			}
			return
		}
		if err := check(d); err != nil {
			t.Fatal(err)
		}
		v1, err := ConvertV2(u)
		if err != nil {
			t.Fatalf("can be applied, but not converted: %v", err)
		}
		same := New(Config{})
		if same.Apply(state) != nil || same.Apply(v1) != nil || !bytes.Equal(same.Encode(), d.Encode()) {
			t.Fatal("converted to format v1 it is another update")
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
		var m []byte
		var err error
		bounded.Run(t, len(a)+len(b), perByte, func() { m, err = MergeUpdates(a, b) })
		if err != nil {
			t.Fatalf("both can be applied, but not merged: %v", err)
		}
		bounded.Run(t, len(m), perByte, func() { err = y.Apply(m) })
		if err != nil {
			t.Fatalf("merged update is refused: %v", err)
		}
		if err := check(y); err != nil {
			t.Fatal(err)
		}
		bounded.Run(t, len(m), perByte, func() { _, err = DiffUpdate(m, x.StateVector()) })
		if err != nil {
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
		bounded.Run(t, len(b), perByte, func() {
			d.Diff(b)
			StateVectorOf(b)
		})
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
