package crdt

import (
	"math"
	"slices"
)

// A document is opened by applying its whole state to an empty one. Nothing is there yet
// that its structs could meet or double, and whoever encoded it has cut them nearly
// everywhere where they must be cut. So items are made where they will stay while the update
// is read, and those beside them are found by number. What is no such state, because it
// begins in the middle or misses something, goes the general way, with the same
// result; that is found out before the document is touched.

// loadFrom is how many bytes an update must have to be worth the preparations.
const loadFrom = 256

// loader reads a whole state.
type loader struct {
	u        *update // buf and deletes; its structs and sections stay empty
	items    []item  // of all clients, each one's in clock order
	clients  []loading
	numbers  map[uint64]int32 // of clients, as they are first named
	sections []int32          // numbers of clients, the highest id first
	joints   []int32          // items that might grow together with the one before
	types    int              // how many items hold a type
	lost     bool             // an item has no place, like what it was put beside or into
}

// loading is one client of a state that is being read.
type loading struct {
	id       uint64
	from, to int32 // its items
	end      uint32
	needed   uint64  // up to where others build on it
	content  int     // bytes of arena its items may need
	shift    uint8   // see find
	starts   []int32 // see find
}

// load takes in update if it is a whole state and the document is empty. Otherwise it
// changes nothing and reports false.
func (d *Doc) load(update []byte) bool {
	if len(update) < loadFrom || uint64(len(update)) > math.MaxUint32 || len(d.clients) > 0 || d.Pending() || d.watched() {
		return false
	}
	u := borrow()
	defer u.release()
	u.buf, u.structs, u.sections, u.deletes = update, u.structs[:0], u.sections[:0], u.deletes[:0]
	l := loader{u: u}
	if !l.decode() {
		return false
	}
	runs, ok := l.order()
	if !ok {
		return false
	}
	d.begin(false)
	d.cursor.valid = false
	l.install(d)
	for _, r := range runs {
		for x := r.from; x < r.to; x++ {
			l.place(d, x)
		}
	}
	d.takeDeletes(u)
	l.touch(d)
	d.commit()
	d.version++
	return true
}

// decode makes items of all structs. It refuses whatever parse refuses, and states that
// do not begin at the beginning. Until an item is placed, some of its fields say
// where it will be: off and size are its content in the update, or off is the whole
// struct (see rereads); without neighbours, parent and key name the item it belongs to.
func (l *loader) decode() bool {
	r := reader{b: l.u.buf}
	n := r.count(3)
	l.numbers = make(map[uint64]int32, min(n, len(r.b)/16))
	above := uint64(maxID + 1)
	for range n {
		structs := r.count(2)
		id, clock := r.uint(), r.clock()
		if r.bad || structs == 0 || clock != 0 || id >= above {
			return false
		}
		above = id
		r.expect(id)
		l.makeRoom(structs, &r)
		c := l.number(id)
		l.sections = append(l.sections, c)
		from := len(l.items)
		if !l.decodeSection(&r, c, id, structs) {
			return false
		}
		l.clients[c].from, l.clients[c].to = int32(from), int32(len(l.items))
	}
	for c := range l.clients {
		if lc := &l.clients[c]; lc.end == 0 || lc.needed > uint64(lc.end) {
			return false // something is missing
		}
	}
	l.u.parseDeletes(&r, math.MaxInt)
	return !r.bad && r.i == len(r.b)
}

// makeRoom prepares for n more items and, as far as what was read so far can tell, for
// those that follow; but what comes may be one long text.
func (l *loader) makeRoom(n int, r *reader) {
	have, rest := len(l.items), len(r.b)-r.i
	n = min(n, rest/4) // few structs take less than four bytes
	if cap(l.items)-have >= n {
		return
	}
	more := int(int64(have) * int64(rest) / int64(r.i))
	l.items = slices.Grow(l.items, max(n+n/32, min(more, 2*have)))
}

func (l *loader) number(id uint64) int32 {
	c, ok := l.numbers[id]
	if !ok {
		c = int32(len(l.clients))
		l.numbers[id] = c
		l.clients = append(l.clients, loading{id: id})
	}
	return c
}

func (l *loader) decodeSection(r *reader, c int32, id uint64, n int) bool {
	var clock uint32
	content := 0
	other, otherID := c, id // the last client named
	number := func(on wireID) int32 {
		if on.client == id {
			return c // it was checked that this is earlier
		}
		if on.client != otherID {
			other, otherID = l.number(on.client), on.client
		}
		l.clients[other].needed = max(l.clients[other].needed, uint64(on.clock)+1)
		return other
	}
	first := len(l.items)
	for range n {
		p := parsed{clock: clock}
		p.parse(r, id)
		if r.bad || p.kind == kindSkip || p.length == 0 || uint64(clock)+uint64(p.length) > math.MaxUint32 {
			return false
		}
		x := len(l.items)
		l.items = append(l.items, item{})
		it := &l.items[x]
		it.clock, it.length, it.client, it.kind = clock, p.length, c, p.kind
		it.originClient, it.rightClient = none, none
		it.left, it.right, it.parent, it.key, it.block = none, none, none, none, none
		clock += p.length
		switch {
		case p.kind == kindGC:
			it.flags = flagDeleted
		case p.info&(hasOrigin|hasRight) == 0:
			if !p.inRoot {
				it.parent, it.key = number(p.parent), int32(p.parent.clock)
			}
		default:
			if p.info&hasOrigin != 0 {
				it.originClient, it.originClock = number(p.origin), p.origin.clock
			}
			if p.info&hasRight != 0 {
				it.rightClient, it.rightClock = number(p.right), p.right.clock
			}
		}
		if x > first && l.items[x-1].precedes(it) {
			l.joints = append(l.joints, int32(x))
		}
		it.off, it.size = p.content.from, p.content.to-p.content.from
		content += int(it.size)
		if it.rereads() {
			it.off = p.raw.from
			content += int(p.name.to-p.name.from) + 5 // number or length of the name
			if p.kind == kindType {
				l.types++
			}
		}
	}
	l.clients[c].end, l.clients[c].content = clock, content
	return true
}

// precedes says whether r, the next item of the same client, could grow together with
// l if it came to stand beside it; see merge.
func (l *item) precedes(r *item) bool {
	return l.kind == r.kind && (l.kind == kindGC ||
		r.originClient == l.client && r.originClock == r.clock-1 && l.rightClient == r.rightClient && l.rightClock == r.rightClock)
}

// rereads says whether placing the item takes more of its struct than fits an item.
func (it *item) rereads() bool {
	switch it.kind {
	case kindGC:
		return false
	case kindFormat, kindType, kindDoc:
		return true
	}
	return it.originClient == none && it.rightClient == none
}

// survey prepares find for a client: the clocks are divided into as many equal parts
// as there are items or more, and for every part it is noted in which item it starts.
// Where every item has one clock, its number says it all.
func (l *loader) survey(c *loading, index []run) {
	if uint32(len(index)) == c.end {
		return
	}
	for c.end>>c.shift > 2*uint32(len(index)) {
		c.shift++
	}
	c.starts = make([]int32, 0, (c.end-1)>>c.shift+2)
	for i, r := range index {
		end := c.end
		if i+1 < len(index) {
			end = index[i+1].clock
		}
		for uint64(len(c.starts))<<c.shift < uint64(end) {
			c.starts = append(c.starts, r.item)
		}
	}
	c.starts = append(c.starts, c.to-1)
}

// find returns the number of the last item that starts with a clock or before it. It
// holds the clock, or held it until it was cut.
func (l *loader) find(client int32, clock uint32) int32 {
	c := &l.clients[client]
	if c.starts == nil {
		return c.from + int32(clock)
	}
	part := clock >> c.shift
	x, last := c.starts[part], c.starts[part+1]
	for x < last {
		m := last - (last-x)/2
		if l.items[m].clock <= clock {
			x = m
		} else {
			last = m - 1
		}
	}
	return x
}

// beside finds the items that end with the origin of item x and start with its right
// neighbour. The rare one that does not is cut there, if it has not been already.
func (l *loader) beside(d *Doc, x int32) (left, right int32) {
	left, right = none, none
	it := &d.items[x]
	origin, start := cid{it.originClient, it.originClock}, cid{it.rightClient, it.rightClock}
	if c := origin.client; c != none {
		if c == it.client && origin.clock == it.clock-1 { // it was typed on, and others came between
			left = x - 1
		} else {
			left = l.find(c, origin.clock)
		}
		if d.items[left].end()-1 != origin.clock {
			left = d.cleanEnd(c, origin.clock)
		}
	}
	if start.client == none {
		return left, none
	}
	if left != none { // mostly they stand side by side
		if right = d.items[left].right; right != none {
			if r := &d.items[right]; r.client == start.client && r.clock == start.clock {
				return left, right
			}
		}
	}
	if right = l.find(start.client, start.clock); d.items[right].clock != start.clock {
		right = d.cleanStart(start.client, start.clock)
	}
	return left, right
}

// itemRun is a range of items.
type itemRun struct{ from, to int32 }

// order says in which order Yjs integrates the items: those of the highest client
// first, and what they depend on before them. It reports false when that leads around
// in a circle.
func (l *loader) order() (runs []itemRun, ok bool) {
	if len(l.sections) == 1 {
		return []itemRun{{0, int32(len(l.items))}}, true
	}
	next := make([]int32, len(l.clients))  // the item to take next
	done := make([]uint32, len(l.clients)) // the clocks that have their place
	for c := range l.clients {
		next[c] = l.clients[c].from
	}
	var stack []int32
	for _, c := range l.sections {
		for next[c] < l.clients[c].to {
			x := next[c]
			next[c]++
			for {
				it := &l.items[x]
				if it.clock != done[it.client] {
					return nil, false
				}
				if m := l.dependency(it, done); m != none {
					if next[m] >= l.clients[m].to {
						return nil, false
					}
					stack = append(stack, x)
					x = next[m]
					next[m]++
					continue
				}
				done[it.client] = it.end()
				if n := len(runs); n > 0 && runs[n-1].to == x {
					runs[n-1].to++
				} else {
					runs = append(runs, itemRun{x, x + 1})
				}
				if len(stack) == 0 {
					break
				}
				x = stack[len(stack)-1]
				stack = stack[:len(stack)-1]
			}
		}
	}
	return runs, true
}

// dependency names a client of which more must have its place before it, or none.
func (l *loader) dependency(it *item, done []uint32) int32 {
	if c := it.originClient; c != none && c != it.client && it.originClock >= done[c] {
		return c
	}
	if c := it.rightClient; c != none && c != it.client && it.rightClock >= done[c] {
		return c
	}
	if c := it.parent; c != none && c != it.client && uint32(it.key) >= done[c] {
		return c
	}
	return none
}

// install gives the document its items and clients. All clocks can be found from then
// on, though no item has its place.
func (l *loader) install(d *Doc) {
	d.items, d.clientIndex, d.order = l.items, l.numbers, l.sections
	d.tx.items = len(d.items)
	d.clients = make([]client, len(l.clients))
	d.ids, d.words = make([]uint64, len(l.clients)), make([]uint64, len(l.clients))
	leaves, content := 0, 0
	for c := range l.clients {
		lc := &l.clients[c]
		leaves += (int(lc.to-lc.from) + leafSize - 1) / leafSize
		content += lc.content
	}
	// one piece of memory for all: most clients have little
	lists, starts := make([][]run, leaves), make([]uint32, leaves)
	index, arena := make([]run, len(l.items)), make([]byte, content)
	for x := range index {
		index[x] = run{l.items[x].clock, int32(x)}
	}
	d.types = slices.Grow(d.types, l.types)
	for c := range l.clients {
		lc := &l.clients[c]
		n := (int(lc.to-lc.from) + leafSize - 1) / leafSize
		l.survey(lc, index[lc.from:lc.to])
		cl := &d.clients[c]
		*cl = client{id: lc.id, arena: arena[:0:lc.content], leaves: lists[:n:n], starts: starts[:n:n], next: lc.end, txn: d.stamp}
		for i := range cl.leaves {
			from, to := int(lc.from)+i*leafSize, min(int(lc.from)+(i+1)*leafSize, int(lc.to))
			cl.leaves[i], cl.starts[i] = index[from:to:to], index[from].clock
		}
		arena, lists, starts = arena[lc.content:], lists[n:], starts[n:]
		d.ids[c], d.words[c] = lc.id, wordOf(lc.id)
	}
}

// place puts an item into the sequence or the history of the key where it belongs; what
// it depends on has its place.
func (l *loader) place(d *Doc, x int32) {
	it := &d.items[x]
	if it.kind == kindGC {
		return
	}
	left, right := l.beside(d, x)
	it = &d.items[x]
	it.left, it.right = left, right
	parent, key := none, none
	var p parsed
	if it.rereads() {
		r := reader{b: l.u.buf, i: int(it.off)}
		p.clock = it.clock
		p.parse(&r, d.ids[it.client])
	}
	switch {
	case left != none && d.items[left].kind == kindGC, right != none && d.items[right].kind == kindGC:
	case left != none:
		parent, key = d.items[left].parent, d.items[left].key
	case right != none:
		parent, key = d.items[right].parent, d.items[right].key
	case p.inRoot:
		parent = d.root(d.intern(p.root.of(l.u.buf)))
	default:
		if o := &d.items[l.find(it.parent, uint32(it.key))]; o.kind == kindType {
			parent = int32(o.off)
		}
	}
	if parent == none {
		l.lost = true
		*it = item{clock: it.clock, length: it.length, client: it.client, kind: kindGC, flags: flagDeleted,
			originClient: none, rightClient: none, left: none, right: none, parent: none, key: none, block: none}
		return
	}
	if p.keyed {
		key = d.intern(p.key.of(l.u.buf))
	}
	it.parent, it.key = parent, key
	if it.rereads() {
		it.off, it.size = 0, 0
		d.storeContent(x, l.u, &p, 0)
	} else if it.size > 0 {
		cl := &d.clients[it.client]
		off := len(cl.arena)
		cl.arena = append(cl.arena, l.u.buf[it.off:it.off+it.size]...)
		it.off = uint32(off)
		d.bytes += int(it.size)
	} else {
		it.off = 0
	}
	d.link(x)
	it = &d.items[x]
	switch ty := &d.types[parent]; {
	case it.kind == kindDeleted:
		it.flags |= flagDeleted
	case it.kind == kindFormat:
		ty.formatted = true
	case key == none:
		ty.length += it.length
	}
	owner := d.types[parent].item
	if owner != none && d.items[owner].deleted() || key != none && it.right != none {
		d.delete(x)
	}
}

// touch tells the end of the transaction where items may grow together: where they would
// have done so for whoever encoded the state, which is mostly nowhere.
func (l *loader) touch(d *Doc) {
	if l.lost || len(d.tx.deleted) > 0 || len(d.items) > len(l.items) { // not as it was read: deleted, or cut
		for c := range l.clients {
			d.tx.touched = append(d.tx.touched, int32(c))
		}
		return
	}
	last := none
	for _, x := range l.joints {
		if it := &d.items[x]; it.client != last && (it.kind == kindGC || d.items[x-1].right == x) {
			last = it.client
			d.tx.touched = append(d.tx.touched, last)
		}
	}
}
