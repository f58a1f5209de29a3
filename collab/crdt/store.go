package crdt

import (
	"slices"
	"sort"
)

// none marks the absence of an item, a client, a key, a parent.
const none = int32(-1)

// Flags of an item.
const (
	flagDeleted = 1 << iota
	flagFree    // slot is on the free list
)

// item is a struct of the document: a run of characters or values, a mark, an
// embedded type, or the trace of something deleted. Items live in one slab and
// refer to each other by index, so the garbage collector has nothing to follow.
type item struct {
	clock, length uint32
	originClock   uint32
	rightClock    uint32
	originClient  int32 // index of client, none = no origin
	rightClient   int32
	left, right   int32 // neighbours in the sequence or in the history of a map key
	client        int32
	parent        int32  // index of type; none only for GC
	key           int32  // interned map key; none in sequences
	off, size     uint32 // content in the client's arena; for kindType off is the type's index
	mark          uint32 // stamp of the last conflict scan that met the item
	block         int32  // block of the position index, none if the sequence has none
	kind, flags   uint8
}

func (it *item) deleted() bool { return it.flags&flagDeleted != 0 }

// write fills in an item that newItem has made; kind, parent, key and content are left to the caller. Field by field: a
// literal is put together on the stack, and copied before its fields have come to rest there.
func (it *item) write(client int32, clock, length uint32, origin, right cid, l, r int32) {
	it.client, it.clock, it.length = client, clock, length
	it.originClient, it.originClock = origin.client, origin.clock
	it.rightClient, it.rightClock = right.client, right.clock
	it.left, it.right, it.block = l, r, none
}

func (it *item) end() uint32 { return it.clock + it.length }

// countable says whether the content has a place among the visible positions.
func (it *item) countable() bool {
	return it.kind != kindDeleted && it.kind != kindFormat && it.kind != kindGC
}

// run is an entry of a client's index: where the item that starts at clock lies.
type run struct {
	clock uint32
	item  int32
}

const leafSize = 128

// client is one writer's part of the document.
type client struct {
	id     uint64
	arena  []byte   // contents in clock order: typing extends the last item in place
	dead   int      // bytes of the arena that no item owns any more
	leaves [][]run  // all items by clock; no leaf is empty
	starts []uint32 // first clock of every leaf, close together for searches
	hint   int      // leaf of the last hit
	next   uint32   // the clock expected next
	before uint32   // next when the running transaction first touched the client
	txn    uint32   // the transaction that before belongs to
	ranged uint32   // the last transaction that joined deleted ranges of the client
}

// place is a position in a client's index.
type place struct{ leaf, i int }

// find returns the place of the item that holds clock, which must be below next.
func (c *client) find(clock uint32) place {
	l := c.hint
	if l >= len(c.starts) || c.starts[l] > clock || l+1 < len(c.starts) && c.starts[l+1] <= clock {
		l = 0
		// Nobody can foretell which way a search turns; written like this it does not branch.
		for n := len(c.starts); n > 1; {
			half := n / 2
			if c.starts[l+half] <= clock {
				l += half
			}
			n -= half
		}
		c.hint = l
	}
	leaf := c.leaves[l]
	i, n := 0, len(leaf)
	if leaf[n-1].clock <= clock {
		return place{l, n - 1}
	}
	// Where single characters follow on each other the clock says the place.
	if g := int(clock - leaf[0].clock); g < n && leaf[g].clock == clock {
		return place{l, g}
	}
	for n > 1 {
		half := n / 2
		if leaf[i+half].clock <= clock {
			i += half
		}
		n -= half
	}
	return place{l, i}
}

func (c *client) at(p place) int32 { return c.leaves[p.leaf][p.i].item }

func (c *client) last() place {
	l := len(c.leaves) - 1
	return place{l, len(c.leaves[l]) - 1}
}

func (c *client) isFirst(p place) bool { return p.leaf == 0 && p.i == 0 }

// prev must not be asked for the first place.
func (c *client) prev(p place) place {
	if p.i > 0 {
		return place{p.leaf, p.i - 1}
	}
	return place{p.leaf - 1, len(c.leaves[p.leaf-1]) - 1}
}

func (c *client) after(p place) (place, bool) {
	if p.i+1 < len(c.leaves[p.leaf]) {
		return place{p.leaf, p.i + 1}, true
	}
	if p.leaf+1 < len(c.leaves) {
		return place{p.leaf + 1, 0}, true
	}
	return p, false
}

// push adds an item after the last one.
func (c *client) push(clock uint32, it int32) {
	if n := len(c.leaves); n > 0 && len(c.leaves[n-1]) < leafSize {
		c.leaves[n-1] = append(c.leaves[n-1], run{clock, it})
		return
	}
	var leaf []run
	if len(c.leaves) > 0 {
		leaf = make([]run, 0, leafSize)
	}
	c.leaves = append(c.leaves, append(leaf, run{clock, it}))
	c.starts = append(c.starts, clock)
}

// insert puts an item right after p and returns its place.
func (c *client) insert(p place, clock uint32, it int32) place {
	leaf := c.leaves[p.leaf]
	if len(leaf) >= leafSize {
		half := len(leaf) / 2
		right := make([]run, len(leaf)-half, leafSize)
		copy(right, leaf[half:])
		c.leaves[p.leaf] = leaf[:half]
		c.leaves = slices.Insert(c.leaves, p.leaf+1, right)
		c.starts = slices.Insert(c.starts, p.leaf+1, right[0].clock)
		if p.i >= half {
			p = place{p.leaf + 1, p.i - half}
		}
		leaf = c.leaves[p.leaf]
	}
	leaf = append(leaf, run{})
	copy(leaf[p.i+2:], leaf[p.i+1:])
	leaf[p.i+1] = run{clock, it}
	c.leaves[p.leaf] = leaf
	return place{p.leaf, p.i + 1}
}

// remove takes the item at p out of the index; it must not be the first one.
func (c *client) remove(p place) {
	leaf := c.leaves[p.leaf]
	if len(leaf) == 1 {
		c.leaves = slices.Delete(c.leaves, p.leaf, p.leaf+1)
		c.starts = slices.Delete(c.starts, p.leaf, p.leaf+1)
		if c.hint >= len(c.leaves) {
			c.hint = len(c.leaves) - 1
		}
		return
	}
	copy(leaf[p.i:], leaf[p.i+1:])
	c.leaves[p.leaf] = leaf[:len(leaf)-1]
	c.starts[p.leaf] = leaf[0].clock
}

// restart notes that the item at p starts at another clock now.
func (c *client) restart(p place, clock uint32) {
	c.leaves[p.leaf][p.i].clock = clock
	if p.i == 0 {
		c.starts[p.leaf] = clock
	}
}

// clientOf returns the index of a known client, or none.
func (d *Doc) clientOf(id uint64) int32 {
	r := &d.recent[id*0x9e3779b97f4a7c15>>(64-recentBits)]
	if int(*r) < len(d.ids) && d.ids[*r] == id {
		return *r
	}
	if i, ok := d.clientIndex[id]; ok {
		*r = i
		return i
	}
	return none
}

// addClient returns the index of a client and makes room for it if it is new.
func (d *Doc) addClient(id uint64) int32 {
	if i := d.clientOf(id); i != none {
		return i
	}
	i := int32(len(d.clients))
	d.clients = append(d.clients, client{id: id})
	d.ids = append(d.ids, id)
	d.words = append(d.words, wordOf(id))
	d.clientIndex[id] = i
	at := sort.Search(len(d.order), func(k int) bool { return d.clients[d.order[k]].id < id })
	d.order = append(d.order, 0)
	copy(d.order[at+1:], d.order[at:])
	d.order[at] = i
	return i
}

// stateOf is the next expected clock of a client that may be unknown.
func (d *Doc) stateOf(id uint64) uint32 {
	if c := d.clientOf(id); c != none {
		return d.clients[c].next
	}
	return 0
}

// roomFor makes room for n more items at least. The slab grows by more than the quarter
// that append takes: every copy is memory that is touched for the first time.
func (d *Doc) roomFor(n int) {
	if n > cap(d.items)-len(d.items) {
		d.items = slices.Grow(d.items, max(n, min(len(d.items), 8<<10+len(d.items)/2)))
	}
}

func (d *Doc) newItem() int32 {
	if d.free != none {
		x := d.free
		d.free = d.items[x].right
		d.unused--
		d.items[x] = item{}
		return x
	}
	if len(d.items) == cap(d.items) {
		d.roomFor(1 + len(d.items) - d.tx.items)
	}
	d.items = d.items[:len(d.items)+1] // what lies beyond was never used: it is zero
	return int32(len(d.items) - 1)
}

func (d *Doc) freeItem(x int32) {
	d.items[x] = item{right: d.free, flags: flagFree, parent: none, left: none}
	d.free = x
	d.unused++
}

// intern gives a string a small number.
func (d *Doc) intern(b []byte) int32 {
	if k, ok := d.names[string(b)]; ok {
		return k
	}
	return d.internNew(string(b))
}

func (d *Doc) internString(s string) int32 {
	if k, ok := d.names[s]; ok {
		return k
	}
	return d.internNew(s)
}

func (d *Doc) internNew(s string) int32 {
	k := int32(len(d.strings))
	d.strings = append(d.strings, s)
	d.names[s] = k
	return k
}

// content is the part of the arena that an item owns.
func (d *Doc) content(it *item) []byte {
	return d.clients[it.client].arena[it.off : it.off+it.size]
}

// Numbers of shared types on the wire.
const (
	typeArray       = 0
	typeMap         = 1
	typeText        = 2
	typeXMLElement  = 3
	typeXMLFragment = 4
	typeXMLHook     = 5
	typeXMLText     = 6
	typeRoot        = 255 // a root type: the wire has no kind for it, the reader decides
)

// shared is a shared type: a sequence of items and a map of keys to items.
type shared struct {
	item      int32 // that holds it; none for a root
	name      int32 // interned name of a root, an XML element or a hook
	start     int32 // first item of the sequence
	length    uint32
	firstKey  int32 // list of entries, in the order the keys first came
	lastKey   int32
	keys      int32
	index     int32  // position index, none until someone asks for a position
	changed   uint32 // transaction that last changed it
	depth     uint16
	ref       uint8
	formatted bool // has ever held a mark
	collected bool // its item was deleted and collected
}

// entry is the current item of one key of a shared type.
type entry struct {
	owner, key int32
	item       int32
	first      int32 // the oldest item of the key's history, which ends with item
	next       int32
}

// manyKeys is where a type's keys move from a walked list to the hash index.
const manyKeys = 8

func (d *Doc) entryOf(t, key int32) int32 {
	ty := &d.types[t]
	if ty.keys > manyKeys {
		if e, ok := d.entryIndex[uint64(t)<<32|uint64(key)]; ok {
			return e
		}
		return none
	}
	for e := ty.firstKey; e != none; e = d.entries[e].next {
		if d.entries[e].key == key {
			return e
		}
	}
	return none
}

// current is the item that holds the value of a key (it may be deleted), or none.
func (d *Doc) current(t, key int32) int32 {
	if e := d.entryOf(t, key); e != none {
		return d.entries[e].item
	}
	return none
}

func (d *Doc) setCurrent(t, key, it int32) {
	if e := d.entryOf(t, key); e != none {
		d.entries[e].item = it
		return
	}
	e := int32(len(d.entries))
	d.entries = append(d.entries, entry{owner: t, key: key, item: it, first: it, next: none})
	ty := &d.types[t]
	if ty.lastKey == none {
		ty.firstKey = e
	} else {
		d.entries[ty.lastKey].next = e
	}
	ty.lastKey = e
	ty.keys++
	switch {
	case ty.keys == manyKeys+1:
		if d.entryIndex == nil {
			d.entryIndex = make(map[uint64]int32)
		}
		for e := ty.firstKey; e != none; e = d.entries[e].next {
			d.entryIndex[uint64(t)<<32|uint64(d.entries[e].key)] = e
		}
	case ty.keys > manyKeys:
		d.entryIndex[uint64(t)<<32|uint64(key)] = e
	}
}

func (d *Doc) newType(it, name int32, ref uint8, depth uint16) int32 {
	if len(d.types) == cap(d.types) {
		d.types = slices.Grow(d.types, 1+len(d.types)-d.tx.types)
	}
	d.types = append(d.types, shared{item: it, name: name, start: none, firstKey: none, lastKey: none, index: none, ref: ref, depth: depth})
	return int32(len(d.types) - 1)
}

// root returns the root type of that name and makes it if need be.
func (d *Doc) root(name int32) int32 {
	if t, ok := d.roots[name]; ok {
		return t
	}
	t := d.newType(none, name, typeRoot, 0)
	d.roots[name] = t
	return t
}
