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
	cut      []bool           // items that something stands in the middle of; nil when there are none
}

// loading is one client of a state that is being read.
type loading struct {
	id       uint64
	from, to int32 // its items
	end      uint32
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
	if !l.decode() || !l.connect() {
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
		l.makeRoom(structs, &r)
		c := l.number(id)
		l.sections = append(l.sections, c)
		from := len(l.items)
		if !l.decodeSection(&r, c, id, structs) {
			return false
		}
		l.clients[c].from, l.clients[c].to = int32(from), int32(len(l.items))
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
	number := func(id uint64) int32 {
		if id != otherID {
			other, otherID = l.number(id), id
		}
		return other
	}
	for range n {
		p := parsed{clock: clock}
		p.parse(r, id)
		if r.bad || p.kind == kindSkip || p.length == 0 || uint64(clock)+uint64(p.length) > math.MaxUint32 {
			return false
		}
		it := item{clock: clock, length: p.length, client: c, kind: p.kind, originClient: none, rightClient: none,
			left: none, right: none, parent: none, key: none, block: none}
		clock += p.length
		switch {
		case p.kind == kindGC:
			it.flags = flagDeleted
		case p.info&(hasOrigin|hasRight) == 0:
			if !p.inRoot {
				it.parent, it.key = number(p.parent.client), int32(p.parent.clock)
			}
		default:
			if p.info&hasOrigin != 0 {
				it.originClock = p.origin.clock
				if it.originClient = c; p.origin.client != id {
					it.originClient = number(p.origin.client)
				}
			}
			if p.info&hasRight != 0 {
				it.rightClock = p.right.clock
				if it.rightClient = c; p.right.client != id {
					it.rightClient = number(p.right.client)
				}
			}
		}
		it.off, it.size = p.content.from, p.content.to-p.content.from
		content += int(it.size)
		if it.rereads() {
			it.off = p.raw.from
			content += int(p.name.to-p.name.from) + 5 // number or length of the name
		}
		l.items = append(l.items, it)
	}
	l.clients[c].end, l.clients[c].content = clock, content
	return true
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

// connect finds the items beside every item. It reports false when one is missing.
func (l *loader) connect() bool {
	for c := range l.clients {
		if !l.survey(&l.clients[c]) {
			return false
		}
	}
	for x := range l.items {
		it := &l.items[x]
		if it.originClient != none {
			y := l.find(it.originClient, it.originClock)
			if y == none {
				return false
			}
			if l.items[y].end()-1 != it.originClock {
				l.mustCut(y)
			}
			it.left = y
		}
		if it.rightClient != none {
			y := l.find(it.rightClient, it.rightClock)
			if y == none {
				return false
			}
			if l.items[y].clock != it.rightClock {
				l.mustCut(y)
			}
			it.right = y
		}
		if it.parent != none && l.find(it.parent, uint32(it.key)) == none {
			return false
		}
	}
	return true
}

func (l *loader) mustCut(x int32) {
	if l.cut == nil {
		l.cut = make([]bool, len(l.items))
	}
	l.cut[x] = true
}

// survey prepares find for a client: the clocks are divided into as many equal parts
// as there are items or more, and for every part it is noted in which item it starts.
// Where every item has one clock, its number says it all.
func (l *loader) survey(c *loading) bool {
	n := c.to - c.from
	if n == 0 {
		return false // named, but not there
	}
	if uint32(n) == c.end {
		return true
	}
	for c.end>>c.shift > 2*uint32(n) {
		c.shift++
	}
	c.starts = make([]int32, 0, (c.end-1)>>c.shift+2)
	for x := c.from; x < c.to; x++ {
		last := (l.items[x].end() - 1) >> c.shift
		for uint32(len(c.starts)) <= last {
			c.starts = append(c.starts, x)
		}
	}
	c.starts = append(c.starts, c.to-1)
	return true
}

// find returns the number of the item that holds a clock, or none.
func (l *loader) find(client int32, clock uint32) int32 {
	c := &l.clients[client]
	if clock >= c.end {
		return none
	}
	if c.starts == nil {
		return c.from + int32(clock)
	}
	part := clock >> c.shift
	x, last := c.starts[part], c.starts[part+1]
	for x < last {
		m := x + (last-x)/2
		if l.items[m].end() > clock {
			last = m
		} else {
			x = m + 1
		}
	}
	return x
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
	d.ids = make([]uint64, len(l.clients))
	leaves, content := 0, 0
	for c := range l.clients {
		lc := &l.clients[c]
		leaves += (int(lc.to-lc.from) + leafSize - 1) / leafSize
		content += lc.content
	}
	// one piece of memory for all: most clients have little
	lists, starts := make([][]run, leaves), make([]uint32, leaves)
	index, arena := make([]run, len(l.items)), make([]byte, content)
	types := 0
	for x := range index {
		index[x] = run{l.items[x].clock, int32(x)}
		if l.items[x].kind == kindType {
			types++
		}
	}
	d.types = slices.Grow(d.types, types)
	for c := range l.clients {
		lc := &l.clients[c]
		n := (int(lc.to-lc.from) + leafSize - 1) / leafSize
		cl := &d.clients[c]
		*cl = client{id: lc.id, arena: arena[:0:lc.content], leaves: lists[:n:n], starts: starts[:n:n], next: lc.end, txn: d.stamp}
		for i := range cl.leaves {
			from, to := int(lc.from)+i*leafSize, min(int(lc.from)+(i+1)*leafSize, int(lc.to))
			cl.leaves[i], cl.starts[i] = index[from:to:to], index[from].clock
		}
		arena, lists, starts = arena[lc.content:], lists[n:], starts[n:]
		d.ids[c] = lc.id
	}
}

// place puts an item into the sequence or the history of the key where it belongs; what
// it depends on has its place.
func (l *loader) place(d *Doc, x int32) {
	it := &d.items[x]
	if it.kind == kindGC {
		return
	}
	if l.cut != nil {
		if left := it.left; left != none && l.cut[left] {
			left = d.cleanEnd(it.originClient, it.originClock)
			it = &d.items[x]
			it.left = left
		}
		if right := it.right; right != none && l.cut[right] {
			right = d.cleanStart(it.rightClient, it.rightClock)
			it = &d.items[x]
			it.right = right
		}
	}
	left, right := it.left, it.right
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
	for c := range l.clients {
		if lc := &l.clients[c]; l.cut != nil || len(d.tx.deleted) > 0 || d.mergeable(lc.from, lc.to) {
			d.tx.touched = append(d.tx.touched, int32(c))
		}
	}
}

// mergeable reports whether any two neighbours of a range of items can grow together; see merge.
func (d *Doc) mergeable(from, to int32) bool {
	for x := from + 1; x < to; x++ {
		l, r := &d.items[x-1], &d.items[x]
		if l.right != x && l.kind != kindGC || l.kind != r.kind {
			continue
		}
		if l.kind == kindGC || l.flags == r.flags && r.originClient == l.client && r.originClock == l.end()-1 &&
			l.rightClient == r.rightClient && l.rightClock == r.rightClock {
			return true
		}
	}
	return false
}
