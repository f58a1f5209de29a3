package crdt

import "math"

// applyTyped is the short way for what typing sends: an update of one piece of text
// beside characters that are known, or of one deleted range. It reports whether
// update was one of these and has been applied. In any doubt it has done nothing;
// the general way then judges, and gives the same document for what is taken here.
func (d *Doc) applyTyped(update []byte) bool {
	if len(d.observers) > 0 || d.Pending() {
		return false
	}
	var t typed
	switch {
	case !t.read(d, update):
		return false
	case t.deletes:
		d.deleteTyped(t.client, t.clock, t.clock+t.length)
	default:
		d.insertTyped(t.client, t.origin, t.right, t.text, t.length)
	}
	d.cursor.valid = false
	return true
}

// typed is what typing sends, with its ids found: text under the client's next clock, or a
// deleted range of clocks that are there.
type typed struct {
	client        int32
	clock, length uint32
	deletes       bool
	origin, right cid // of text, one of them at least; a client of none: absent
	text          []byte
}

// read reads an update that is one piece of text beside what the document has, or one
// deleted range of what it has. Otherwise t may be half filled.
//
// It fills in place: a struct handed back would be copied before its fields have come to rest.
func (t *typed) read(d *Doc, update []byte) bool {
	if len(update) < 6 || uint64(len(update)) > math.MaxUint32 {
		return false
	}
	switch {
	case update[0] == 1 && update[1] == 1 && update[len(update)-1] == 0: // a section, a struct, no deletions
		return t.readText(d, update[:len(update)-1])
	case update[0] == 0 && update[1] == 1: // no section, deletions of one client
		return t.readDeletion(d, update)
	}
	return false
}

func (t *typed) readText(d *Doc, b []byte) bool {
	id, i := uintAt(b, 2)
	clock, i := uintAt(b, i)
	if i >= len(b) {
		return false
	}
	info := b[i]
	i++
	if info != kindString|hasOrigin|hasRight && info != kindString|hasOrigin && info != kindString|hasRight {
		return false
	}
	t.client = d.clientOf(id)
	if t.client == none || clock != uint64(d.clients[t.client].next) {
		return false
	}
	t.origin, t.right = cid{client: none}, cid{client: none}
	if info&hasOrigin != 0 {
		t.origin, i = d.knownAt(b, i)
	}
	if info&hasRight != 0 {
		t.right, i = d.knownAt(b, i)
	}
	size, i := uintAt(b, i)
	if i >= len(b) || size != uint64(len(b)-i) {
		return false
	}
	t.text = b[i:]
	units := 1
	if len(t.text) > 1 || t.text[0] >= 0x80 {
		if !validUTF8(t.text) {
			return false
		}
		units = utf16Len(t.text)
	}
	if clock+uint64(units) > math.MaxUint32 {
		return false
	}
	t.clock, t.length = uint32(clock), uint32(units)
	return true
}

func (t *typed) readDeletion(d *Doc, b []byte) bool {
	id, i := uintAt(b, 2)
	if i >= len(b) || b[i] != 1 {
		return false
	}
	clock, i := uintAt(b, i+1)
	length, i := uintAt(b, i)
	if i != len(b) || length == 0 {
		return false
	}
	c := d.clientOf(id)
	if c == none || clock > math.MaxUint32 || length > math.MaxUint32 || clock+length > uint64(d.clients[c].next) {
		return false
	}
	t.client, t.clock, t.length, t.deletes = c, uint32(clock), uint32(length), true
	return true
}

// knownAt reads an id of something that the document has.
func (d *Doc) knownAt(b []byte, i int) (id cid, end int) {
	client, i := uintAt(b, i)
	clock, i := uintAt(b, i)
	if i == beyond {
		return id, beyond
	}
	c := d.clientOf(client)
	if c == none || clock >= uint64(d.clients[c].next) {
		return id, beyond
	}
	return cid{c, uint32(clock)}, i
}

// insertTyped is a transaction of one piece of text, with at least one neighbour.
func (d *Doc) insertTyped(c int32, origin, right cid, text []byte, length uint32) {
	cl := &d.clients[c]
	if clock := cl.next; d.extend(c, origin, right, text, length) {
		d.touched(c, clock, length)
		if p := cl.last(); !cl.isFirst(p) {
			d.mergeLeft(c, p)
		}
		d.version++
		return
	}
	if l, r, ok := d.between(origin, right); ok {
		d.squeeze(c, l, r, origin, right, text, length)
		return
	}
	d.begin(false)
	d.touch(c)
	l, r := d.neighbours(origin, right)
	if parent, key := d.parentBeside(l, r); parent == none {
		d.addGC(c, cl.next, length)
	} else {
		x := d.newItem()
		it := &d.items[x]
		it.write(c, cl.next, length, origin, right, l, r)
		it.kind, it.parent, it.key = kindString, parent, key
		it.off, it.size = uint32(len(cl.arena)), uint32(len(text))
		cl.arena = append(cl.arena, text...)
		d.bytes += len(text)
		d.integrate(x)
	}
	d.commit()
}

// between finds the items that end with origin and start with right. It reports whether they
// are whole and side by side in a sequence that is still there, so that text comes between them
// without cutting anything and without a conflict.
func (d *Doc) between(origin, right cid) (l, r int32, ok bool) {
	l, r = none, none
	var it *item
	if origin.client != none {
		oc := &d.clients[origin.client]
		l = oc.at(oc.find(origin.clock))
		it = &d.items[l]
		if it.end()-1 != origin.clock {
			return l, r, false
		}
		r = it.right
		if right.client == none {
			if r != none {
				return l, r, false
			}
		} else if r == none || d.items[r].clock != right.clock || d.items[r].client != right.client {
			return l, r, false
		}
	} else {
		rc := &d.clients[right.client]
		r = rc.at(rc.find(right.clock))
		it = &d.items[r]
		if it.clock != right.clock || it.left != none {
			return l, r, false
		}
	}
	if it.parent == none || it.key != none {
		return l, r, false
	}
	owner := d.types[it.parent].item
	return l, r, owner == none || !d.items[owner].deleted()
}

// squeeze is a transaction of one piece of text between two items that stand side by side.
func (d *Doc) squeeze(c, l, r int32, origin, right cid, text []byte, length uint32) {
	d.tx.items = len(d.items)
	x := d.newItem()
	cl := &d.clients[c]
	it := &d.items[x]
	it.write(c, cl.next, length, origin, right, l, r)
	it.kind, it.key = kindString, none
	it.off, it.size = uint32(len(cl.arena)), uint32(len(text))
	if r != none {
		it.parent = d.items[r].parent
		d.items[r].left = x
	}
	if l != none {
		it.parent = d.items[l].parent
		d.items[l].right = x
	} else {
		d.types[it.parent].start = x
	}
	cl.arena = append(cl.arena, text...)
	d.bytes += len(text)
	ty := &d.types[it.parent]
	ty.length += length
	if ty.index != none {
		d.indexInsert(x)
	}
	clock := cl.next
	cl.push(clock, x)
	cl.next += length
	d.touched(c, clock, length)
	if p := cl.last(); !cl.isFirst(p) {
		d.mergeLeft(c, p)
	}
	d.version++
}

// deleteTyped is a transaction of one deleted range.
func (d *Doc) deleteTyped(c int32, clock, end uint32) {
	if !d.keepDeleted {
		p := d.clients[c].find(clock)
		if d.deleteTail(c, p, clock, end) || d.deleteHead(c, p, clock, end) {
			d.touched(c, clock, end-clock)
			d.version++
			if d.wasteful {
				d.compact()
			}
			return
		}
	}
	d.begin(false)
	d.deleteRange(c, clock, end)
	d.commit()
}

// deleteTail handles deleting backwards: the end of a text goes, and what follows has
// gone before. Only the border between the two moves. It is what cutting, deleting,
// collecting and merging would give.
func (d *Doc) deleteTail(c int32, p place, clock, end uint32) bool {
	cl := &d.clients[c]
	x := cl.at(p)
	it := &d.items[x]
	q, ok := cl.after(p)
	if !ok || !it.plain() || it.clock == clock || it.end() != end {
		return false
	}
	y := cl.at(q)
	gone := &d.items[y]
	if gone.kind != kindDeleted || !d.continues(x, y) {
		return false
	}
	cut, inside := it.cut(cl.arena, clock-it.clock)
	if inside {
		return false
	}
	d.lose(x, end-clock, it.size-cut)
	it.length, it.size = clock-it.clock, cut
	gone.clock, gone.length, gone.originClock = clock, gone.length+end-clock, clock-1
	cl.restart(q, clock)
	if q, ok = cl.after(q); ok {
		d.mergeLeft(c, q)
	}
	return true
}

// deleteHead is the same for deleting forwards: the beginning of a text goes, and what
// was before it has gone before.
func (d *Doc) deleteHead(c int32, p place, clock, end uint32) bool {
	cl := &d.clients[c]
	x := cl.at(p)
	it := &d.items[x]
	if cl.isFirst(p) || !it.plain() || it.clock != clock || it.end() <= end {
		return false
	}
	q := cl.prev(p)
	y := cl.at(q)
	gone := &d.items[y]
	if gone.kind != kindDeleted || !d.continues(y, x) {
		return false
	}
	cut, inside := it.cut(cl.arena, end-clock)
	if inside {
		return false
	}
	d.lose(x, end-clock, cut)
	gone.length += end - clock
	it.clock, it.length, it.originClock = end, it.end()-end, end-1
	it.off, it.size = it.off+cut, it.size-cut
	cl.restart(p, end)
	if next, ok := cl.after(p); ok {
		d.mergeLeft(c, next)
	}
	d.mergeLeft(c, q)
	return true
}

// plain says that the item is text of a sequence, and still there.
func (it *item) plain() bool { return it.kind == kindString && it.flags == 0 && it.key == none }

// cut finds the byte offset of unit n of a text; see utf16CutNear.
func (it *item) cut(arena []byte, n uint32) (at uint32, inside bool) {
	if it.size == it.length { // ASCII
		return n, false
	}
	i, inside := utf16CutNear(arena[it.off:it.off+it.size], int(n), int(it.length-n))
	return uint32(i), inside
}

// lose notes that so many units of a text, and so many bytes, are about to go.
func (d *Doc) lose(x int32, units, size uint32) {
	it := &d.items[x]
	d.types[it.parent].length -= units
	if it.block != none {
		d.indexVisible(x, -int(units))
	}
	d.drop(it.client, size)
}
