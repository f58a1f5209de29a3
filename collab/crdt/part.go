package crdt

import (
	"bytes"
	"slices"
)

// Part names a stretch of a text: an embedded map and what stands behind it up to the next embedded map. The zero
// Part is what stands before the first map, perhaps nothing. A name stays with its map and is never used again.
type Part int32

// Marks are the marks in force at a place of a text, for Text.Part. The zero value is none.
type Marks struct{ list attrList }

// Equal reports whether the same marks with the same values are in force.
func (m Marks) Equal(n Marks) bool {
	if len(m.list) != len(n.list) {
		return false
	}
	for _, a := range m.list {
		if v, ok := n.list.get(a.key); !ok || !bytes.Equal(v, a.value) {
			return false
		}
	}
	return true
}

// Part reads one part, which must be there: what Delta has from its map up to the next one. before are the marks
// in force where it begins, that is after of the part before it. next is the part behind it, zero when it is the last.
func (t *Text) Part(s Part, before Marks) (ops []Op, after Marks, next Part) {
	d := t.d
	from := d.types[t.t].start
	if s != 0 {
		from = d.types[s].item
	}
	ops, cur, end := t.read(from, slices.Clone(before.list), cutting{inPart: true, part: s})
	for i := range cur {
		cur[i].value = bytes.Clone(cur[i].value) // the document moves its bytes
	}
	if end != none {
		next = d.partOf(end)
	}
	return ops, Marks{cur}, next
}

// partOf is the part that begins with item x, 0 when x is not an embedded map that is there.
func (d *Doc) partOf(x int32) Part {
	if it := &d.items[x]; it.kind == kindType && !it.deleted() && d.types[it.off].ref == typeMap {
		return Part(it.off)
	}
	return 0
}

// Follower tells which parts of a text changed, at a cost that grows with the changes and not with the text.
type Follower struct {
	t      *Text
	ranges []deletedRange // touched since the last call of Changed
	all    bool           // too many to tell
}

// Follow begins to follow the changes of a text, for as long as the document lives. Whoever reads a part again
// when Changed names it has the whole text at any time.
func (t *Text) Follow() *Follower {
	f := &Follower{t: t, all: true}
	t.d.followers = append(t.d.followers, f)
	return f
}

// Changed names, in no particular order, the parts that may have another content or another successor than at the last
// call: new ones, those that lost their successor, those whose map changed its keys. Not named are those of
// which only Marks before them changed. all is true the first time, and after so many changes that reading the whole is cheaper.
func (f *Follower) Changed() (parts []Part, all bool) {
	if f.all {
		f.all = false
		return nil, true
	}
	d := f.t.d
	d.marks++ // items met on the way are stamped with it
	found := make(map[Part]struct{})
	for _, r := range joinRanges(f.ranges) {
		cl := &d.clients[r.client]
		p := cl.find(r.clock)
		for ok := true; ok && d.items[cl.at(p)].clock < r.clock+r.len; p, ok = cl.after(p) {
			f.find(cl.at(p), found)
		}
	}
	f.ranges = f.ranges[:0]
	for s := range found {
		parts = append(parts, s)
	}
	return parts, false
}

// find adds the part in which x is or was. If x is a map that begins one, the part before ends in another place than
// it did and is added, too.
func (f *Follower) find(x int32, found map[Part]struct{}) {
	d := f.t.d
	inside := false
	for d.items[x].parent != f.t.t {
		it := &d.items[x]
		if it.parent == none || d.types[it.parent].item == none || it.mark == d.marks {
			return // gone with what it was in, in another root, or met before
		}
		it.mark = d.marks
		x, inside = d.types[it.parent].item, true
	}
	if d.items[x].key != none {
		return
	}
	if s := d.partOf(x); s != 0 {
		found[s] = struct{}{}
		if inside {
			return
		}
		x = d.items[x].left
	}
	for ; x != none; x = d.items[x].left {
		if s := d.partOf(x); s != 0 {
			found[s] = struct{}{}
			return
		}
		it := &d.items[x]
		if it.mark == d.marks {
			return
		}
		it.mark = d.marks
	}
	found[0] = struct{}{}
}

// note remembers what the running transaction touched. Where items were cut counts: a cut through a pair of surrogates changes
// the text.
func (f *Follower) note() {
	d := f.t.d
	for _, c := range d.tx.touched {
		f.add(deletedRange{client: c, clock: d.clients[c].before, len: d.clients[c].next - d.clients[c].before})
	}
	for _, r := range d.tx.deleted {
		f.add(r)
	}
	for _, m := range d.tx.merge {
		f.add(deletedRange{client: m.client, clock: m.clock, len: 1})
	}
}

// touched tells the followers of a change made without a transaction.
func (d *Doc) touched(client int32, clock, length uint32) {
	for _, f := range d.followers {
		f.add(deletedRange{client: client, clock: clock, len: length})
	}
}

// maxFollowed is how many ranges of clocks a Follower remembers: 12 KB.
const maxFollowed = 1024

func (f *Follower) add(r deletedRange) {
	n := len(f.ranges)
	switch {
	case f.all || r.len == 0:
		return
	case n > 0 && f.ranges[n-1].client == r.client && f.ranges[n-1].clock+f.ranges[n-1].len == r.clock:
		f.ranges[n-1].len += r.len
		return
	case n == maxFollowed:
		if f.ranges = joinRanges(f.ranges); len(f.ranges) > maxFollowed/2 {
			f.ranges, f.all = nil, true
			return
		}
	}
	f.ranges = append(f.ranges, r)
}
