package crdt

import (
	"encoding/binary"
	"math"
)

// keystroke applies the updates that typing and erasing consist of, without the machinery of a transaction: text right
// behind the writer's last character, and a deleted range that moves the border between a run of text and the deleted
// text beside it. It reports false, and has changed nothing, for every other update, malformed ones included: those
// take the long way, which gives the same structs.
func (d *Doc) keystroke(b []byte) bool {
	if len(b) < 6 || len(d.observers)+len(d.followers) > 0 || len(d.waiting) > 0 || len(d.waitingDeletes) > 0 || len(d.clients) == 0 {
		return false
	}
	done := false
	switch {
	case b[0] == 1 && b[1] == 1:
		done = d.typed(b)
	case b[0] == 0 && b[1] == 1 && !d.keepDeleted:
		done = d.erased(b)
	}
	if done {
		d.cursor.valid = false
		d.version++
	}
	return done
}

// shortID is a client id as it stands on the wire, at most eight bytes, for comparing without decoding.
type shortID struct {
	bytes, mask uint64
	size        int
}

func newShortID(id uint64) shortID {
	var b [10]byte
	n := len(appendUint(b[:0], id))
	return shortID{bytes: binary.LittleEndian.Uint64(b[:]), mask: math.MaxUint64 >> (64 - 8*n), size: n}
}

// skip returns where b goes on behind the id at i, or 0 when another id, or the end of b, is there.
func (s *shortID) skip(b []byte, i int) int {
	var rest uint64
	if len(b)-i >= 8 {
		rest = binary.LittleEndian.Uint64(b[i:])
	} else {
		for k := len(b) - 1; k >= i; k-- {
			rest = rest<<8 | uint64(b[k])
		}
	}
	if len(b)-i < s.size || rest&s.mask != s.bytes {
		return 0
	}
	return i + s.size
}

// clock32 reads a clock at i. The second result is where b goes on, or 0 when no clock is there.
func clock32(b []byte, i int) (uint32, int) {
	if i < len(b) && b[i] < 0x80 {
		return uint32(b[i]), i + 1
	}
	var x uint64
	for s := uint(0); s < 35 && i < len(b); s += 7 {
		c := b[i]
		i++
		x |= uint64(c&0x7f) << s
		if c < 0x80 {
			if x > math.MaxUint32 {
				return 0, 0
			}
			return uint32(x), i
		}
	}
	return 0, 0
}

// clientAt finds the known client whose id stands at i, or none.
func (d *Doc) clientAt(b []byte, i int) (c int32, next int) {
	if n := d.clients[d.recent].wire.skip(b, i); n > 0 {
		return d.recent, n
	}
	r := reader{b: b, i: i}
	id := r.uint()
	if r.bad {
		return none, 0
	}
	return d.clientOf(id), r.i
}

// typed applies one struct of text that makes the last item of its writer longer; see extend.
func (d *Doc) typed(b []byte) bool {
	c, i := d.clientAt(b, 2)
	if c == none {
		return false
	}
	cl := &d.clients[c]
	clock, i := clock32(b, i)
	if i == 0 || i >= len(b) || clock != cl.next || clock == 0 || b[i]&^hasRight != kindString|hasOrigin {
		return false
	}
	right := b[i]&hasRight != 0
	if i = cl.wire.skip(b, i+1); i == 0 {
		return false
	}
	if clock, i = clock32(b, i); i == 0 || clock != cl.next-1 {
		return false
	}
	x := cl.at(cl.last())
	it := &d.items[x]
	if it.kind != kindString || it.flags != 0 || it.key != none || int(it.off+it.size) != len(cl.arena) || right != (it.right != none) {
		return false
	}
	if right {
		r := &d.items[it.right]
		if r.client != it.rightClient || r.clock != it.rightClock {
			return false
		}
		if i = d.clients[r.client].wire.skip(b, i); i == 0 {
			return false
		}
		if clock, i = clock32(b, i); i == 0 || clock != r.clock {
			return false
		}
	} else if it.rightClient != none {
		return false
	}
	size, i := clock32(b, i)
	if i == 0 || size == 0 || uint64(i)+uint64(size) != uint64(len(b)-1) || b[len(b)-1] != 0 {
		return false
	}
	text := b[i : len(b)-1]
	units := uint32(1)
	if size > 1 || text[0] >= 0x80 {
		if !validUTF8(text) {
			return false
		}
		units = uint32(utf16Len(text))
	}
	if cl.next > math.MaxUint32-units {
		return false
	}
	cl.arena = append(cl.arena, text...)
	d.bytes += len(text)
	it.size += size
	it.length += units
	cl.next += units
	d.types[it.parent].length += units
	if it.block != none {
		d.indexVisible(x, int(units))
	}
	return true
}

// erased applies one deleted range at the beginning or the end of a run of text that borders there on deleted text which
// it would join: the border moves.
func (d *Doc) erased(b []byte) bool {
	c, i := d.clientAt(b, 2)
	if c == none || i >= len(b) || b[i] != 1 {
		return false
	}
	cl := &d.clients[c]
	clock, i := clock32(b, i+1)
	if i == 0 {
		return false
	}
	n, i := clock32(b, i)
	if i != len(b) || n == 0 || clock >= cl.next || n > cl.next-clock {
		return false
	}
	p := cl.find(clock)
	x := cl.at(p)
	it := &d.items[x]
	if it.kind != kindString || it.flags != 0 || it.key != none || it.block != none || n >= it.length {
		return false
	}
	switch {
	case clock+n == it.end():
		return d.eraseTail(cl, p, x, n)
	case clock == it.clock:
		return d.eraseHead(cl, p, x, n)
	}
	return false
}

// eraseTail gives the last n units of x to the deleted item behind it.
func (d *Doc) eraseTail(cl *client, p place, x int32, n uint32) bool {
	it := &d.items[x]
	q, ok := cl.after(p)
	if !ok || cl.at(q) != it.right {
		return false
	}
	y := &d.items[it.right]
	if y.kind != kindDeleted || y.originClient != it.client || y.originClock != it.end()-1 || !sameRight(it, y) {
		return false
	}
	if q, ok := cl.after(q); ok && d.items[cl.at(q)].kind == kindDeleted && y.right == cl.at(q) {
		return false // the two might grow together now
	}
	size, ok := d.tail(it, n)
	if !ok {
		return false
	}
	y.clock -= n
	y.length += n
	y.originClock -= n
	cl.leaves[q.leaf][q.i].clock = y.clock
	d.erase(cl, it, n, size)
	return true
}

// eraseHead gives the first n units of x to the deleted item before it.
func (d *Doc) eraseHead(cl *client, p place, x int32, n uint32) bool {
	it := &d.items[x]
	if cl.isFirst(p) || it.left == none || cl.at(cl.prev(p)) != it.left {
		return false
	}
	w := &d.items[it.left]
	if w.kind != kindDeleted || w.right != x || it.originClient != it.client || it.originClock != w.end()-1 || !sameRight(w, it) {
		return false
	}
	if !cl.isFirst(cl.prev(p)) {
		if v := cl.at(cl.prev(cl.prev(p))); d.items[v].kind == kindDeleted && d.items[v].right == it.left {
			return false // the two might grow together now
		}
	}
	rest, ok := d.tail(it, it.length-n)
	if !ok {
		return false
	}
	size := it.size - rest
	w.length += n
	it.clock += n
	it.originClock += n
	it.off += size
	cl.leaves[p.leaf][p.i].clock = it.clock
	d.erase(cl, it, n, size)
	return true
}

// tail is how many bytes the last n units of a text have; false when they begin in the middle of a character.
func (d *Doc) tail(it *item, n uint32) (size uint32, ok bool) {
	if it.size == it.length { // ASCII
		return n, true
	}
	at, inside := utf16CutNear(d.content(it), int(it.length-n), int(n))
	return it.size - uint32(at), !inside
}

// erase takes n units of size bytes from a text whose offset is right already.
func (d *Doc) erase(cl *client, it *item, n, size uint32) {
	it.length -= n
	it.size -= size
	d.types[it.parent].length -= n
	d.bytes -= int(size)
	if cl.dead += int(size); cl.dead >= compactFrom && cl.dead > len(cl.arena)/2 {
		d.compact()
	}
}

func sameRight(a, b *item) bool {
	return a.rightClient == b.rightClient && (a.rightClient == none || a.rightClock == b.rightClock)
}
