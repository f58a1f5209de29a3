package crdt

import (
	"cmp"
	"slices"
)

// cid is a clock of a client given by index.
type cid struct {
	client int32
	clock  uint32
}

// deletedRange is a range of clocks of a client, such as the running transaction deleted.
type deletedRange struct {
	client     int32
	clock, len uint32
	item       int32 // in a transaction: what was there, none if that was more than one item
}

// transaction is what one Apply or Transact has done so far.
type transaction struct {
	open    bool
	local   bool
	touched []int32 // clients with new structs
	deleted []deletedRange
	gone    []int32 // the deleted items, which may have content to drop
	merge   []seam  // where items were split and might grow together again
	changed []int32
	keys    []changedKey
	work    []int32 // stack of deep deletes

	items, types int // how many there were: what makes many gets room for as many more
}

type changedKey struct{ owner, key int32 }

// seam is where an item may grow together with its neighbours: the clock it starts at, and what it is.
type seam struct {
	cid
	item int32
}

func (d *Doc) begin(local bool) {
	d.stamp++
	t := &d.tx
	t.open, t.local = true, local
	t.touched, t.deleted, t.gone, t.merge = t.touched[:0], t.deleted[:0], t.gone[:0], t.merge[:0]
	t.changed, t.keys = t.changed[:0], t.keys[:0]
	t.items, t.types = len(d.items), len(d.types)
}

// touch notes that client c gets new structs.
func (d *Doc) touch(c int32) {
	cl := &d.clients[c]
	if cl.txn != d.stamp {
		cl.txn, cl.before = d.stamp, cl.next
		d.tx.touched = append(d.tx.touched, c)
	}
}

// before is where a client's clock stood when the transaction began.
func (d *Doc) before(c int32) uint32 {
	if cl := &d.clients[c]; cl.txn == d.stamp {
		return cl.before
	}
	return d.clients[c].next
}

// note remembers which types changed, for events; Yjs does not count types that
// are themselves new or deleted.
func (d *Doc) note(t, key int32) {
	if len(d.observers) == 0 {
		return
	}
	ty := &d.types[t]
	if ty.item != none {
		it := &d.items[ty.item]
		if it.deleted() || it.clock >= d.before(it.client) {
			return
		}
	}
	if ty.changed != d.stamp {
		ty.changed = d.stamp
		d.tx.changed = append(d.tx.changed, t)
	}
	if key != none {
		d.tx.keys = append(d.tx.keys, changedKey{t, key})
	}
}

func (d *Doc) addDeleted(c int32, clock, length uint32, item int32) {
	if n := len(d.tx.deleted); n > 0 {
		if l := &d.tx.deleted[n-1]; l.client == c && l.clock+l.len == clock {
			l.len += length
			l.item = none
			return
		}
	}
	d.tx.deleted = append(d.tx.deleted, deletedRange{c, clock, length, item})
}

// cleanStart returns the item that starts at clock, splitting one if needed.
// A GC struct is returned whole.
func (d *Doc) cleanStart(c int32, clock uint32) int32 {
	cl := &d.clients[c]
	p := cl.find(clock)
	x := cl.at(p)
	if it := &d.items[x]; it.clock < clock && it.kind != kindGC {
		return cl.at(d.split(c, p, clock-it.clock))
	}
	return x
}

// cleanEnd returns the item that ends with clock, splitting one if needed.
func (d *Doc) cleanEnd(c int32, clock uint32) int32 {
	cl := &d.clients[c]
	p := cl.find(clock)
	x := cl.at(p)
	if it := &d.items[x]; it.end()-1 != clock && it.kind != kindGC {
		d.split(c, p, clock+1-it.clock)
	}
	return x
}

// split cuts the item at p after diff clocks and returns the place of the right part.
func (d *Doc) split(c int32, p place, diff uint32) place {
	x := d.clients[c].at(p)
	y := d.newItem()
	l, r := &d.items[x], &d.items[y]
	*r = *l
	r.clock += diff
	r.length -= diff
	r.originClient, r.originClock = c, r.clock-1
	r.left = x
	r.mark = 0
	l.length = diff
	l.right = y
	if r.right != none {
		d.items[r.right].left = y
	} else if r.key != none {
		d.setCurrent(r.parent, r.key, y)
	}
	d.splitContent(l, r, diff)
	if r.deleted() {
		d.tx.gone = append(d.tx.gone, y)
	}
	if r.block != none {
		d.indexSplit(y)
	}
	if k, ok := d.rulerOf[x]; ok {
		d.rulerOf[y] = k
	}
	d.tx.merge = append(d.tx.merge, seam{cid{c, r.clock}, y})
	return d.clients[c].insert(p, r.clock, y)
}

func (d *Doc) splitContent(l, r *item, diff uint32) {
	switch l.kind {
	case kindString:
		p := d.content(l)
		if int(l.size) == int(diff)+int(r.length) { // ASCII: one byte, one unit
			l.size = diff
		} else {
			at, inside := utf16CutNear(p, int(diff), int(r.length))
			if inside {
				d.splitSurrogate(l, r, p, at)
				return
			}
			l.size = uint32(at)
		}
	case kindAny, kindJSON:
		l.size = d.valueOffset(l, diff, diff+r.length)
	default:
		return
	}
	r.off += l.size
	r.size -= l.size
}

// longValues is from how many values on it pays to remember where they start.
const longValues = 64

// ruler remembers where in an arena every rulerStep-th value of an item starts.
type ruler struct {
	clock  uint32 // of the first value
	places []uint32
}

// rulerStep keeps a ruler small beside the values, which take a byte each at least.
const rulerStep = 16

// valueOffset finds where value n of an item of count values starts. Values have no
// fixed length; so that cutting a long run again and again does not read it again and
// again, some places are kept until the transaction ends.
func (d *Doc) valueOffset(it *item, n, count uint32) uint32 {
	skip := (*reader).skipValue
	if it.kind == kindJSON {
		skip = (*reader).skipBytes
	}
	r := reader{b: d.content(it)}
	if count >= longValues {
		k := d.rulerFor(it, count, skip)
		if at := it.clock + n - k.clock; at%rulerStep <= n { // else the value before lies in another item
			n = at % rulerStep
			r.i = int(k.places[at/rulerStep] - it.off)
		}
	}
	for ; n > 0; n-- {
		skip(&r)
	}
	return uint32(r.i)
}

// rulerFor is the ruler of an item of count values.
func (d *Doc) rulerFor(it *item, count uint32, skip func(*reader)) *ruler {
	cl := &d.clients[it.client]
	x := cl.at(cl.find(it.clock))
	if k, ok := d.rulerOf[x]; ok {
		return &d.rulers[k]
	}
	if d.rulerOf == nil {
		d.rulerOf = make(map[int32]int)
	}
	r := reader{b: d.content(it)}
	k := ruler{it.clock, make([]uint32, 0, count/rulerStep+1)}
	for i := range count {
		if i%rulerStep == 0 {
			k.places = append(k.places, it.off+uint32(r.i))
		}
		skip(&r)
	}
	d.rulerOf[x] = len(d.rulers)
	d.rulers = append(d.rulers, k)
	return &d.rulers[len(d.rulers)-1]
}

// splitSurrogate cuts a character that takes two UTF-16 units: both sides get
// U+FFFD in its place, as in Yjs, so that lengths stay as they were. The four bytes
// have room for one of the two, the shorter side moves: cutting a long text at every
// character must not copy it every time.
func (d *Doc) splitSurrogate(l, r *item, p []byte, at int) {
	const replacement = "\uFFFD"
	cl := &d.clients[l.client]
	off, size := l.off, uint32(len(p))
	end := uint32(len(cl.arena))
	if at < len(p)/2 {
		cl.arena = append(cl.arena, p[:at]...)
		cl.arena = append(cl.arena, replacement...)
		l.off, l.size = end, uint32(at+len(replacement))
		r.off, r.size = off+uint32(at)+1, size-uint32(at)-1
		copy(cl.arena[r.off:], replacement)
		cl.dead += at + 1
	} else {
		cl.arena = append(cl.arena, replacement...)
		cl.arena = append(cl.arena, p[at+4:]...)
		r.off, r.size = end, size-uint32(at)-1
		l.off, l.size = off, uint32(at+len(replacement))
		copy(cl.arena[off+uint32(at):], replacement)
		cl.dead += len(p) - at - len(replacement)
	}
	d.bytes += 2 // two characters of three bytes for one of four
}

// link puts item x, whose left, right and parent are resolved, into its sequence or
// key history, in which it may replace the current value. This is the conflict
// resolution of YATA as in Yjs.
func (d *Doc) link(x int32) {
	it := &d.items[x]
	if left := it.left; left != none && d.items[left].right != it.right ||
		left == none && (it.right == none || d.items[it.right].left != none) {
		d.resolve(x)
	}
	if it.left != none {
		l := &d.items[it.left]
		it.right = l.right
		l.right = x
	} else {
		if it.key != none {
			if e := d.entryOf(it.parent, it.key); e != none {
				it.right = d.entries[e].first
				d.entries[e].first = x
			}
		} else {
			it.right = d.types[it.parent].start
			d.types[it.parent].start = x
		}
	}
	replaced := none
	if it.right != none {
		d.items[it.right].left = x
	} else if it.key != none {
		d.setCurrent(it.parent, it.key, x)
		replaced = it.left
	}
	if replaced != none {
		d.delete(replaced)
	}
}

// integrate links item x and enters it everywhere else.
func (d *Doc) integrate(x int32) {
	d.link(x)
	it := &d.items[x]
	cl := &d.clients[it.client]
	if it.key == none {
		ty := &d.types[it.parent]
		if it.countable() && it.flags&flagDeleted == 0 {
			ty.length += it.length
		}
		if ty.index != none {
			d.indexInsert(x)
		}
	}
	cl.push(it.clock, x)
	cl.next = it.end()
	switch it.kind {
	case kindDeleted:
		d.addDeleted(it.client, it.clock, it.length, x)
		it.flags |= flagDeleted
	case kindFormat:
		d.types[it.parent].formatted = true
	}
	d.note(it.parent, it.key)
	owner := d.types[it.parent].item
	if owner != none && d.items[owner].deleted() || it.key != none && it.right != none {
		d.delete(x)
	}
}

// firstOfKey is the oldest item in the history of a key.
func (d *Doc) firstOfKey(t, key int32) int32 {
	if e := d.entryOf(t, key); e != none {
		return d.entries[e].first
	}
	return none
}

// resolve finds the left neighbour of x among concurrent insertions. Items met by
// the scan are stamped with growing numbers; a number above base means "between
// origin and here", one above the last clearing means "conflicting".
func (d *Doc) resolve(x int32) {
	it := &d.items[x]
	left := it.left
	var o int32
	switch {
	case left != none:
		o = d.items[left].right
	case it.key != none:
		o = d.firstOfKey(it.parent, it.key)
	default:
		o = d.types[it.parent].start
	}
	if d.marks > 1<<31 {
		for i := range d.items {
			d.items[i].mark = 0
		}
		d.marks = 0
	}
	base := d.marks
	cleared := base
	id := d.ids[it.client]
	for o != none && o != it.right {
		d.marks++
		oi := &d.items[o]
		oi.mark = d.marks
		if oi.originClient == it.originClient && (it.originClient == none || oi.originClock == it.originClock) {
			if d.ids[oi.client] < id {
				left, cleared = o, d.marks
			} else if oi.rightClient == it.rightClient && (it.rightClient == none || oi.rightClock == it.rightClock) {
				break
			}
		} else if oi.originClient != none {
			oc := &d.clients[oi.originClient]
			m := d.items[oc.at(oc.find(oi.originClock))].mark
			if m <= base {
				break
			}
			if m <= cleared {
				left, cleared = o, d.marks
			}
		} else {
			break
		}
		o = oi.right
	}
	it.left = left
}

// addGC appends a struct whose content and place are gone.
func (d *Doc) addGC(c int32, clock, length uint32) {
	x := d.newItem()
	d.items[x] = item{clock: clock, length: length, client: c, kind: kindGC, flags: flagDeleted,
		originClient: none, rightClient: none, left: none, right: none, parent: none, key: none, block: none}
	cl := &d.clients[c]
	cl.push(clock, x)
	cl.next = clock + length
}

// delete marks x and everything inside it deleted.
func (d *Doc) delete(x int32) {
	if !d.deleteOne(x) {
		return
	}
	for len(d.tx.work) > 0 {
		t := d.tx.work[len(d.tx.work)-1]
		d.tx.work = d.tx.work[:len(d.tx.work)-1]
		for y := d.types[t].start; y != none; y = d.items[y].right {
			d.deleteInside(y)
		}
		for e := d.types[t].firstKey; e != none; e = d.entries[e].next {
			d.deleteInside(d.entries[e].item)
		}
	}
}

// deleteInside deletes a child of a deleted type. A child deleted earlier will be
// collected with its parent now, and may then merge with its neighbours.
func (d *Doc) deleteInside(y int32) {
	it := &d.items[y]
	if !it.deleted() {
		d.deleteOne(y)
	} else if it.clock < d.before(it.client) {
		d.tx.merge = append(d.tx.merge, seam{cid{it.client, it.clock}, y})
	}
}

// deleteOne reports whether x holds a type whose children wait on the work stack.
func (d *Doc) deleteOne(x int32) bool {
	it := &d.items[x]
	if it.deleted() {
		return false
	}
	if it.countable() && it.key == none {
		d.types[it.parent].length -= it.length
		if it.block != none {
			d.indexVisible(x, -int(it.length))
		}
	}
	it.flags |= flagDeleted
	d.cursor.valid = false
	d.tx.gone = append(d.tx.gone, x)
	d.addDeleted(it.client, it.clock, it.length, x)
	d.note(it.parent, it.key)
	if it.kind == kindType {
		d.tx.work = append(d.tx.work, int32(it.off))
		return true
	}
	return false
}

// collect drops the content of a deleted item; the structs inside it become GC.
func (d *Doc) collect(x int32) {
	it := &d.items[x]
	switch it.kind {
	case kindDeleted, kindGC:
		return
	case kindType:
		d.collectChildren(int32(it.off))
		it = &d.items[x]
	default:
		d.drop(it.client, it.size)
	}
	it.kind, it.off, it.size = kindDeleted, 0, 0
}

// drop notes that size bytes of a client's content belong to nobody any more.
func (d *Doc) drop(c int32, size uint32) {
	cl := &d.clients[c]
	cl.dead += int(size)
	d.bytes -= int(size)
	if cl.dead >= compactFrom && cl.dead > len(cl.arena)/2 {
		d.wasteful = true
	}
}

func (d *Doc) collectChildren(t int32) {
	work := []int32{t}
	toGC := func(x int32) {
		it := &d.items[x]
		if it.kind == kindType {
			work = append(work, int32(it.off))
		} else if it.kind != kindDeleted {
			d.clients[it.client].dead += int(it.size)
			d.bytes -= int(it.size)
		}
		it.kind, it.off, it.size = kindGC, 0, 0
		it.flags |= flagDeleted
		it.parent, it.key, it.left, it.right, it.block = none, none, none, none, none
		it.originClient, it.rightClient = none, none
	}
	for len(work) > 0 {
		t := work[len(work)-1]
		work = work[:len(work)-1]
		ty := &d.types[t]
		for y := ty.start; y != none; {
			right := d.items[y].right
			toGC(y)
			y = right
		}
		for e := ty.firstKey; e != none; e = d.entries[e].next {
			for y := d.entries[e].item; y != none; {
				left := d.items[y].left
				toGC(y)
				y = left
			}
			if ty.keys > manyKeys {
				delete(d.entryIndex, uint64(t)<<32|uint64(d.entries[e].key))
			}
		}
		ty.start, ty.firstKey, ty.lastKey, ty.keys, ty.length = none, none, none, 0, 0
		if ty.index != none {
			d.indexes[ty.index] = posIndex{}
			ty.index = none
		}
		ty.collected = true
	}
}

// mergeLeft merges the struct at p into its left neighbours while they fit and
// returns where the result stands.
func (d *Doc) mergeLeft(c int32, p place) place {
	for {
		cl := &d.clients[c]
		if cl.isFirst(p) {
			return p
		}
		q := cl.prev(p)
		if !d.merge(cl.at(q), cl.at(p)) {
			return p
		}
		cl.remove(p)
		p = q
	}
}

func (d *Doc) merge(x, y int32) bool {
	l, r := &d.items[x], &d.items[y]
	if l.right != y && l.kind != kindGC { // most often, and r, which may be far away, is not touched
		return false
	}
	if l.kind != r.kind || l.flags != r.flags {
		return false
	}
	if l.kind == kindGC {
		l.length += r.length
		d.freeItem(y)
		return true
	}
	if !d.continues(x, y) {
		return false
	}
	switch l.kind {
	case kindDeleted:
	case kindString, kindAny, kindJSON:
		if l.off+l.size == r.off {
			l.size += r.size
		} else {
			d.gather(l, r)
		}
	default:
		return false
	}
	if r.block != none {
		d.indexMerge(x, y)
	}
	l.right = r.right
	if l.right != none {
		d.items[l.right].left = x
	}
	if r.key != none && d.current(r.parent, r.key) == y {
		d.setCurrent(r.parent, r.key, x)
	}
	l.length += r.length
	d.freeItem(y)
	return true
}

// continues reports whether item y was made, or could have been, as the part of x
// that follows on its end.
func (d *Doc) continues(x, y int32) bool {
	l, r := &d.items[x], &d.items[y]
	return l.right == y && r.originClient == l.client && r.originClock == l.end()-1 &&
		l.rightClient == r.rightClient && (l.rightClient == none || l.rightClock == r.rightClock)
}

// gap is room in front of a content, made by gather.
type gap struct {
	client   int32
	from, to uint32
}

// gather puts the contents of two items that grow together side by side. Many pieces
// in a row may come one by one, mostly from right to left, and the longer side must
// not move for each of them: what is moved to the end of the arena gets as much room
// in front as it is long.
func (d *Doc) gather(l, r *item) {
	cl := &d.clients[l.client]
	off, size := l.off, l.size
	switch g := &d.gap; {
	case g.client == l.client && g.to == r.off && g.to-g.from >= l.size:
		off = g.to - l.size
		copy(cl.arena[off:], cl.arena[l.off:l.off+l.size])
		g.to = off
	case int(l.off+l.size) == len(cl.arena):
		cl.arena = append(cl.arena, cl.arena[r.off:r.off+r.size]...)
		cl.dead += int(r.size)
	default:
		room := uint32(0)
		if r.size >= l.size && r.size > 64 {
			room = r.size
		}
		from := uint32(len(cl.arena))
		cl.arena = slices.Grow(cl.arena, int(room+l.size+r.size))[:from+room]
		off = from + room
		cl.arena = append(cl.arena, cl.arena[l.off:l.off+l.size]...)
		cl.arena = append(cl.arena, cl.arena[r.off:r.off+r.size]...)
		cl.dead += int(l.size) + int(r.size) + int(room)
		if cl.dead >= compactFrom && cl.dead > len(cl.arena)/2 {
			d.wasteful = true
		}
		if room > 0 {
			*g = gap{l.client, from, off}
		}
	}
	l.off, l.size = off, size+r.size
}

// joinRanges orders ranges by client and clock and joins those that touch, in place.
func joinRanges(ds []deletedRange) []deletedRange {
	slices.SortFunc(ds, func(a, b deletedRange) int {
		return cmp.Or(cmp.Compare(a.client, b.client), cmp.Compare(a.clock, b.clock))
	})
	return joinSorted(ds)
}

func joinSorted(ds []deletedRange) []deletedRange {
	if len(ds) < 2 {
		return ds
	}
	out := ds[:1]
	for _, r := range ds[1:] {
		l := &out[len(out)-1]
		if l.client == r.client && l.clock+l.len >= r.clock {
			l.len = max(l.len, r.clock+r.len-l.clock)
			l.item = none
		} else {
			out = append(out, r)
		}
	}
	return out
}

// joinDeleted brings what the transaction deleted of each client together and in order. Which
// client comes first matters to events alone.
func (d *Doc) joinDeleted() {
	if ds := d.tx.deleted; len(d.observers) == 0 && d.inOrder(ds) {
		d.tx.deleted = joinSorted(ds)
	} else {
		d.tx.deleted = joinRanges(ds)
	}
}

// inOrder reports whether the ranges of each client stand together and in order.
func (d *Doc) inOrder(ds []deletedRange) bool {
	for i := range ds {
		if i > 0 && ds[i-1].client == ds[i].client {
			if ds[i].clock < ds[i-1].clock {
				return false
			}
			continue
		}
		cl := &d.clients[ds[i].client]
		if cl.ranged == d.stamp {
			return false
		}
		cl.ranged = d.stamp
	}
	return true
}

// commit ends a transaction: collects what was deleted and lets neighbours grow
// together, in the order in which Yjs does it, so that the structs of both are the
// same. The caller hands the events on when it is done with the transaction.
func (d *Doc) commit() (events []Event) {
	d.tx.open = false
	d.joinDeleted()
	if len(d.observers) > 0 {
		events = d.events()
	}
	for _, f := range d.followers {
		f.note()
	}
	if !d.keepDeleted {
		for _, x := range d.tx.gone {
			d.collect(x)
		}
	}
	for i := len(d.tx.deleted) - 1; i >= 0; i-- {
		if r := &d.tx.deleted[i]; r.item == none || d.items[r.item].length != r.len || !d.apart(cid{r.client, r.clock}, r.item) {
			d.mergeRange(*r)
		}
	}
	for _, c := range d.tx.touched {
		d.mergeNew(c)
	}
	for i := len(d.tx.merge) - 1; i >= 0; i-- {
		if m := &d.tx.merge[i]; !d.apart(m.cid, m.item) {
			d.mergeAround(m.cid)
		}
	}
	if d.rulers != nil {
		d.rulers, d.rulerOf = nil, nil
	}
	d.gap = gap{client: none}
	if d.wasteful {
		d.compact()
	}
	// a split may have cut a surrogate pair even if nothing was written
	if len(d.tx.touched) > 0 || len(d.tx.deleted) > 0 || len(d.tx.merge) > 0 {
		d.version++
	}
	return events
}

// tell hands events to the observers, who may start new transactions.
func (d *Doc) tell(events []Event) {
	for _, e := range events {
		for _, f := range d.observers {
			f(e)
		}
	}
}

func (d *Doc) mergeRange(r deletedRange) {
	cl := &d.clients[r.client]
	p := cl.find(r.clock + r.len - 1)
	if q, ok := cl.after(p); ok {
		p = q
	}
	for !cl.isFirst(p) && d.items[cl.at(p)].clock >= r.clock {
		p = d.mergeLeft(r.client, p)
		if cl.isFirst(p) {
			return
		}
		p = cl.prev(p)
	}
}

func (d *Doc) mergeNew(c int32) {
	cl := &d.clients[c]
	if cl.next == cl.before {
		return
	}
	if p := cl.last(); d.items[cl.at(p)].clock <= cl.before { // a single one, or what has grown
		if !cl.isFirst(p) {
			d.mergeLeft(c, p)
		}
		return
	}
	first := cl.find(cl.before)
	if cl.isFirst(first) {
		var ok bool
		if first, ok = cl.after(first); !ok {
			return
		}
	}
	from := d.items[cl.at(first)].clock
	for p := cl.last(); d.items[cl.at(p)].clock >= from; p = cl.prev(p) {
		p = d.mergeLeft(c, p)
		if cl.isFirst(p) {
			return
		}
	}
}

// apart reports whether item x still starts at id and cannot grow together with what comes before or after it. Mostly so
// it is, as something has come between two halves or only one of them was deleted, and saying so needs no search.
func (d *Doc) apart(id cid, x int32) bool {
	it := &d.items[x]
	if it.clock != id.clock || it.client != id.client || it.kind == kindGC || it.flags&flagFree != 0 {
		return false
	}
	if it.left != none {
		if l := &d.items[it.left]; l.client == id.client && l.end() == id.clock && l.kind == it.kind && l.flags == it.flags {
			return false
		}
	}
	if it.right != none {
		if r := &d.items[it.right]; r.client == id.client && r.clock == it.end() && r.kind == it.kind && r.flags == it.flags {
			return false
		}
	}
	return true
}

func (d *Doc) mergeAround(id cid) {
	cl := &d.clients[id.client]
	p := cl.find(id.clock)
	if q, ok := cl.after(p); ok {
		clock := d.items[cl.at(p)].clock
		// Yjs skips the second check when both sides were merged by the first
		if m := d.mergeLeft(id.client, q); m != q {
			if d.items[cl.at(m)].clock < clock {
				return
			}
			p = cl.find(id.clock)
		}
	}
	if !cl.isFirst(p) {
		d.mergeLeft(id.client, p)
	}
}

// compactFrom is how many dead bytes an arena has before it is worth rewriting.
const compactFrom = 4096

// compact rewrites arenas of which more than half belongs to nobody.
func (d *Doc) compact() {
	d.wasteful = false
	d.gap = gap{client: none}
	for c := range d.clients {
		cl := &d.clients[c]
		if cl.dead < compactFrom || cl.dead <= len(cl.arena)/2 {
			continue
		}
		arena := make([]byte, 0, (len(cl.arena)-cl.dead)*5/4+64)
		for _, leaf := range cl.leaves {
			for _, r := range leaf {
				it := &d.items[r.item]
				if it.kind == kindType || it.size == 0 {
					continue
				}
				off := uint32(len(arena))
				arena = append(arena, cl.arena[it.off:it.off+it.size]...)
				it.off = off
			}
		}
		cl.arena, cl.dead = arena, 0
	}
}
