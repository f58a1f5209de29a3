package crdt

import (
	"bytes"
	"testing"
)

// The bugs of other ports, each as the smallest history that shows it.

func apply(t *testing.T, updates ...[]byte) *Doc {
	t.Helper()
	d := New(Config{Client: 99})
	for i, u := range updates {
		if err := d.Apply(u); err != nil {
			t.Fatalf("update %d: %v", i, err)
		}
		if err := check(d); err != nil {
			t.Fatalf("update %d: %v", i, err)
		}
	}
	return d
}

func wantText(t *testing.T, d *Doc, want string) {
	t.Helper()
	if got := d.Text("text").String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDeleteInsideAMergedRunDeletesOnlyTheRange(t *testing.T) {
	d := apply(t, root(5, 0).text("0123456789").done(), deletes(5, 8, 1))
	wantText(t, d, "012345679")
}

func TestInsertIntoTheMiddleOfARun(t *testing.T) {
	d := apply(t, root(5, 0).text("abcdef").done(), root(6, 0).raw(0xc4).n(5, 2, 5, 3).s("X").done())
	wantText(t, d, "abcXdef")
}

func TestDeletesReachIntoNestedTypes(t *testing.T) {
	d := New(Config{Client: 1})
	var m *Map
	d.Transact(func() { m = d.Text("text").InsertMap(0, map[string]any{"kind": "p", "x": EmptyMap}, nil) })
	u := d.Transact(func() { d.Text("text").Delete(0, 1) })
	want := []byte(wire{}.n(0, 1, 1, 1, 0, 3))
	if !bytes.Equal(u, want) {
		t.Errorf("deleting a map sends %x, want %x", u, want)
	}
	if !m.Deleted() || len(m.Keys()) != 0 {
		t.Errorf("the map lives on with %v", m.Keys())
	}
}

func TestRightOriginIsWaitedFor(t *testing.T) {
	d := New(Config{Client: 99})
	right := root(6, 0).text("R").done()
	item := root(5, 0).raw(0x44).n(6, 0).s("L").done()
	d.Apply(item)
	if !d.Pending() || d.Text("text").Len() != 0 {
		t.Fatal("placed without its right neighbour")
	}
	d.Apply(right)
	wantText(t, d, "LR")
	if d.Pending() {
		t.Error("still pending")
	}
}

func TestParentWithHigherOrLowerClientInOneUpdate(t *testing.T) {
	for _, parent := range []uint64{3, 900} {
		p := wire{}.n(1, parent, 0).raw(0x07).n(1).s("text").n(1)
		c := wire{}.n(1, 50, 0).raw(0x28).n(0, parent, 0).s("k").n(1).raw(120)
		u := wire{}.n(2).join(c).join(p).done()
		if parent > 50 {
			u = wire{}.n(2).join(p).join(c).done()
		}
		d := apply(t, u)
		ops := d.Text("text").Delta()
		if len(ops) != 1 || ops[0].Map == nil {
			t.Fatalf("parent %d: got %v", parent, ops)
		}
		if v, _ := ops[0].Map.Get("k"); v != true {
			t.Errorf("parent %d: k is %v, want true", parent, v)
		}
	}
}

func TestConcurrentSetsOfAKeyLeaveOtherKeysAlone(t *testing.T) {
	set := func(client uint64, key string, v byte) []byte {
		return root(client, 0).raw(0x28).n(1).s("map").s(key).n(1).raw(125, v).done()
	}
	us := [][]byte{set(9, "a", 1), set(5, "a", 2), set(7, "b", 3), set(6, "b", 4)}
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}} {
		d := New(Config{Client: 1})
		for _, i := range order {
			d.Apply(us[i])
		}
		a, _ := d.Map("map").Get("a")
		b, _ := d.Map("map").Get("b")
		if a != int64(1) || b != int64(3) {
			t.Errorf("order %v: a=%v b=%v, want those of the highest clients, 1 and 3", order, a, b)
		}
	}
}

func TestGCAndSkipAreRead(t *testing.T) {
	d := apply(t, wire{}.n(1, 2, 5, 0).raw(0).n(3).raw(0x04).n(1).s("text").s("x").done())
	wantText(t, d, "x")
	if d.Clock(5) != 4 {
		t.Errorf("clock %d, want 4", d.Clock(5))
	}
	skip := wire{}.n(1, 2, 6, 0).raw(10).n(2).after(5, 3).s("y").done()
	d = apply(t, root(5, 0).raw(0).n(3).done(), root(5, 3).text("x").done(), skip)
	if !d.Pending() {
		t.Error("content behind a hole was placed")
	}
	d.Apply(root(6, 0).raw(0).n(2).done())
	wantText(t, d, "xy")
}

func TestMergeKeepsWhatCannotBePlacedYet(t *testing.T) {
	a, b, c := root(5, 0).text("a").done(), root(5, 1).after(5, 0).s("b").done(), root(5, 2).after(5, 1).s("c").done()
	m, err := MergeUpdates(c, a)
	if err != nil {
		t.Fatal(err)
	}
	d := apply(t, m)
	wantText(t, d, "a")
	d.Apply(b)
	wantText(t, d, "abc")
	lone, _ := MergeUpdates(c, b)
	d = apply(t, lone, a)
	wantText(t, d, "abc")
}

func TestAnUpdateIsAsSmallAsTheEdit(t *testing.T) {
	d := New(Config{Client: 1})
	for i := range 2000 {
		d.Transact(func() { d.Text("text").Insert(i/2, "x", nil) })
	}
	if u := d.Transact(func() { d.Text("text").Insert(500, "y", nil) }); len(u) > 32 {
		t.Errorf("one character makes %d bytes", len(u))
	}
	if u := d.Transact(func() { d.Text("text").Delete(500, 1) }); len(u) > 16 {
		t.Errorf("deleting one character makes %d bytes", len(u))
	}
	if u := d.Transact(func() {}); u != nil {
		t.Errorf("nothing makes %x", u)
	}
}

func TestClientIDsHave53Bits(t *testing.T) {
	const big = 1<<53 - 1
	d := apply(t, root(big, 0).text("abc").done(), root(big&0xffffffff, 0).text("Z").done(), deletes(big, 1, 1))
	if d.Clock(big) != 3 || d.Text("text").Len() != 3 {
		t.Errorf("clock %d, length %d, want 3 and 3", d.Clock(big), d.Text("text").Len())
	}
	again := apply(t, d.Encode())
	if !bytes.Equal(again.Encode(), d.Encode()) {
		t.Error("state does not survive a reload")
	}
}

func TestWaitingUpdatesAddUp(t *testing.T) {
	a, b, c := root(5, 0).text("a").done(), root(5, 1).after(5, 0).s("b").done(), root(5, 2).after(5, 1).s("c").done()
	d := New(Config{Client: 1})
	d.Apply(c)
	d.Apply(deletes(5, 2, 1))
	d.Apply(b)
	if reloaded := apply(t, d.Encode()); !reloaded.Pending() {
		t.Error("what waits is not in the encoded state")
	} else {
		reloaded.Apply(a)
		wantText(t, reloaded, "ab")
	}
	d.Apply(a)
	wantText(t, d, "ab")
	if d.Pending() {
		t.Error("still pending")
	}
}

func TestDeleteSetGoesOnBehindAGCStruct(t *testing.T) {
	d := apply(t, wire{}.n(1, 3, 5, 0).raw(0x04).n(1).s("text").s("a").raw(0).n(1).raw(0x04).n(1).s("text").s("c").done(), deletes(5, 0, 3))
	wantText(t, d, "")
}

func TestOverlapsAreCutAtTheRightPlace(t *testing.T) {
	whole := root(5, 0).text("abcdef").done()
	d := apply(t, root(5, 0).text("abc").done(), whole)
	wantText(t, d, "abcdef")
	tail := root(5, 2).after(5, 1).s("cdef").done()
	d = apply(t, root(5, 0).text("abc").done(), tail)
	wantText(t, d, "abcdef")
	m, err := MergeUpdates(root(5, 0).text("abc").done(), tail, whole)
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, apply(t, m), "abcdef")
	diff, err := DiffUpdate(whole, wire{}.n(1, 5, 4))
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, apply(t, root(5, 0).text("abcd").done(), diff), "abcdef")
}

func TestItemWithoutAPlaceBecomesGC(t *testing.T) {
	d := apply(t, root(5, 0).raw(0).n(2).done(),
		root(6, 0).after(5, 1).s("gone").done(),                     // its neighbour is gone
		root(7, 0).raw(0x28).n(0, 5, 0).s("k").n(1).raw(120).done(), // its parent is gone
		root(8, 0).text("x").done(),
		root(9, 0).raw(0x28).n(0, 8, 0).s("k").n(1).raw(120).done()) // its parent is a letter
	wantText(t, d, "x")
	m, err := MergeUpdates(d.Encode(), root(6, 4).after(6, 3).s("more").done())
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, apply(t, m), "x")
}

func TestSplittingADeletedRunDoesNotReviveIt(t *testing.T) {
	for _, keep := range []bool{false, true} {
		d := New(Config{Client: 1, KeepDeleted: keep})
		d.Apply(root(5, 0).text("abcdef").done())
		d.Apply(deletes(5, 0, 6))
		d.Apply(root(6, 0).raw(0xc4).n(5, 2, 5, 3).s("X").done())
		wantText(t, d, "X")
		if err := check(d); err != nil {
			t.Error(err)
		}
	}
}

func TestNewTextStandsBehindTombstones(t *testing.T) {
	d := New(Config{Client: 1})
	d.Transact(func() { d.Text("text").Insert(0, "abc", nil) })
	d.Transact(func() { d.Text("text").Delete(1, 1) })
	u := d.Transact(func() { d.Text("text").Insert(1, "X", nil) })
	// between clock 1 (the deleted b) and clock 2: neighbours, tombstones counted
	want := root(1, 3).raw(0xc4).n(1, 1, 1, 2).s("X").done()
	if !bytes.Equal(u, want) {
		t.Errorf("got %x, want %x", u, want)
	}
}

func TestCuttingASurrogatePairKeepsLengths(t *testing.T) {
	d := apply(t, root(5, 0).text("a😀b").done(), root(6, 0).raw(0xc4).n(5, 1, 5, 2).s("X").done())
	wantText(t, d, "a\uFFFDX\uFFFDb")
	if d.Text("text").Len() != 5 {
		t.Errorf("length %d, want 5", d.Text("text").Len())
	}
	d = apply(t, root(5, 0).text("a😀b").done(), deletes(5, 2, 1))
	wantText(t, d, "a\uFFFDb")
	diff, err := apply(t, root(5, 0).text("a😀b").done()).Diff(wire{}.n(1, 5, 2))
	if err != nil {
		t.Fatal(err)
	}
	if want := []byte(root(5, 2).after(5, 1).s("\uFFFDb").done()); !bytes.Equal(diff, want) {
		t.Errorf("diff from inside a pair %x, want %x", diff, want)
	}
}

func TestRelativePositionsAreThoseOfYjs(t *testing.T) {
	d := New(Config{Client: 5})
	d.Transact(func() { d.Text("text").Insert(0, "abcd", nil) })
	text := d.Text("text")
	for _, c := range []struct {
		index, assoc int
		want         []byte
	}{
		{2, 0, []byte{0, 5, 2, 0}},
		{2, -1, []byte{0, 5, 1, 0x41}},
		{0, -1, append([]byte{1, 4}, "text\x41"...)},
		{4, 0, append([]byte{1, 4}, "text\x00"...)},
		{4, -1, []byte{0, 5, 3, 0x41}},
	} {
		p := text.RelativePosition(c.index, c.assoc)
		if got := p.Encode(); !bytes.Equal(got, c.want) {
			t.Errorf("%d/%d: got %x, want %x", c.index, c.assoc, got, c.want)
		}
		q, err := ParseRelativePosition(c.want)
		if err != nil {
			t.Fatal(err)
		}
		if i, ok := d.Index(q); !ok || i != c.index {
			t.Errorf("%d/%d: resolves to %d %v", c.index, c.assoc, i, ok)
		}
	}
	if q, err := ParseRelativePosition([]byte{0, 5, 2}); err != nil || q.assoc != 0 {
		t.Errorf("without assoc: %+v %v", q, err)
	}
	for _, bad := range [][]byte{nil, {3}, {0, 5}, {1, 9, 'x'}, {0, 5, 2, 0, 0}} {
		if _, err := ParseRelativePosition(bad); err == nil {
			t.Errorf("%x: accepted", bad)
		}
	}
	p := text.RelativePosition(3, 0)
	d.Transact(func() { text.Insert(1, "XYZ", nil); text.Delete(5, 2) })
	if i, ok := d.Index(p); !ok || i != 5 {
		t.Errorf("after edits around it: %d %v, want 5", i, ok)
	}
}

// Yjs cuts a pair even when the edit turns out to change nothing else; the encoded
// state must show it.
func TestACutPairShowsInTheEncodedState(t *testing.T) {
	d := New(Config{Client: 5})
	d.Transact(func() { d.Text("text").Insert(0, "a😀", nil) })
	d.Encode()
	if u := d.Transact(func() { d.Text("text").Format(2, 1, Attrs{"em": nil}) }); u != nil {
		t.Errorf("changed nothing, but sends %x", u)
	}
	wantText(t, apply(t, d.Encode()), d.Text("text").String())
}

// The slot of a deleted map's item goes to the next new item; whoever still holds the map must not come to write into that.
func TestADeletedMapStaysDeleted(t *testing.T) {
	d := New(Config{Client: 1})
	text := d.Text("text")
	text.Insert(0, "a", nil)
	m := text.InsertMap(1, map[string]any{"kind": "p"}, nil)
	text.Delete(0, 2) // both deleted items become one
	text.InsertEmbed(0, "b", Attrs{})
	if !m.Deleted() {
		t.Error("a deleted map says that it is there")
	}
	state := d.Encode()
	if m.Set("k", 1); !bytes.Equal(d.Encode(), state) {
		t.Errorf("writing to a deleted map changed the document from %x to %x", state, d.Encode())
	}
	if e := apply(t, state); !bytes.Equal(e.Encode(), state) {
		t.Errorf("a copy has %x, want %x", e.Encode(), state)
	}
}
