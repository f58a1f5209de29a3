package crdt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"sync"
)

// Encode returns the whole state as one update of format v1, what still waits
// included. The bytes equal those of Yjs for the same state.
func (d *Doc) Encode() []byte {
	if d.encodedValid && d.encodedAt == d.version && !d.Pending() {
		return bytes.Clone(d.encoded)
	}
	b := d.withPending(d.encodeFrom(nil), nil)
	if !d.Pending() {
		d.encoded, d.encodedAt, d.encodedValid = append(d.encoded[:0], b...), d.version, true
	}
	return b
}

// Trim gives back memory that is kept for speed only: the state as it was last encoded.
func (d *Doc) Trim() { d.encoded, d.encodedValid = nil, false }

// Diff returns what a replica with the given state vector lacks. The error is
// ErrMalformed when the state vector cannot be read.
func (d *Doc) Diff(stateVector []byte) ([]byte, error) {
	sv, err := parseStateVector(stateVector)
	if err != nil {
		return nil, err
	}
	return d.withPending(d.encodeFrom(sv), sv), nil
}

// withPending adds what waits to an encoded state.
func (d *Doc) withPending(state []byte, sv clocks) []byte {
	if !d.Pending() {
		return state
	}
	all := [][]byte{state}
	if len(d.waitingDeletes) > 0 {
		all = append(all, appendDeletions([]byte{0}, sortDeletions(append([]deletion(nil), d.waitingDeletes...))))
	}
	if len(d.waiting) > 0 {
		merged, err := MergeUpdates(d.waiting...)
		if err == nil {
			merged, err = diffUpdate(merged, sv)
		}
		if err == nil {
			all = append(all, merged)
		}
	}
	merged, err := MergeUpdates(all...)
	if err != nil {
		return state // cannot be: all of it was written by us
	}
	return merged
}

// StateVector returns the next expected clock of every client, encoded as in Yjs.
func (d *Doc) StateVector() []byte {
	b := appendUint(make([]byte, 0, 2+8*len(d.order)), uint64(len(d.order)))
	for _, c := range d.order {
		b = appendUint(appendUint(b, d.clients[c].id), uint64(d.clients[c].next))
	}
	return b
}

// encodeFrom writes everything that sv lacks and the complete delete set.
func (d *Doc) encodeFrom(sv clocks) []byte {
	known := make([]uint32, len(d.clients)) // clocks of each client that the other side has
	n := 0
	for _, c := range d.order {
		cl := &d.clients[c]
		for len(sv) > 0 && sv[0].client > cl.id {
			sv = sv[1:]
		}
		if len(sv) > 0 && sv[0].client == cl.id {
			known[c] = sv[0].clock
		}
		if known[c] < cl.next {
			n++
		}
	}
	b := appendUint(make([]byte, 0, d.encodedSize(known)), uint64(n))
	deleted := rangeWriters.Get().(*rangeWriter)
	deleted.b, deleted.clients = deleted.b[:0], 0
	for _, c := range d.order {
		b = d.appendClient(b, c, known[c], deleted)
	}
	b = append(appendUint(b, uint64(deleted.clients)), deleted.b...)
	if cap(deleted.b) <= keptRanges && cap(deleted.ranges) <= keptRanges {
		rangeWriters.Put(deleted)
	}
	return b
}

// rangeWriters keeps scratch space for delete sets, unless it has more than keptRanges bytes.
var rangeWriters = sync.Pool{New: func() any { return new(rangeWriter) }}

const keptRanges = 256 << 10

// encodedSize guesses how many bytes encodeFrom writes, rather a little too many: every
// item with two neighbours whose ids are as long as they come, and all the content.
func (d *Doc) encodedSize(known []uint32) int {
	items, content, longest := 0, 0, uint32(0)
	for c := range d.clients {
		cl := &d.clients[c]
		longest = max(longest, cl.next)
		if known[c] < cl.next {
			first := 0
			if known[c] > 0 {
				first = cl.find(known[c]).leaf
			}
			items += (len(cl.leaves)-first-1)*leafSize + len(cl.leaves[len(cl.leaves)-1])
			if off := int(d.items[cl.leaves[first][0].item].off); off < len(cl.arena) {
				content += len(cl.arena) - off
			}
		}
	}
	id := 1 + len(appendUint(nil, uint64(longest)))
	if len(d.order) > 0 {
		id += len(appendUint(nil, d.clients[d.order[0]].id))
	}
	return 64 + items*(2*id+1) + content + len(d.encoded)/16
}

// rangeWriter writes a delete set while the items go by.
type rangeWriter struct {
	b        []byte // of the clients that are done
	clients  int    // how many
	ranges   []byte // of the client at hand
	n        int    // how many
	from, to uint32 // the last one, not written yet
}

func (w *rangeWriter) add(it *item) {
	if w.n > 0 && it.clock == w.to {
		w.to = it.end()
		return
	}
	if w.n > 0 {
		w.ranges = appendRange(w.ranges, w.from, w.to)
	}
	w.n++
	w.from, w.to = it.clock, it.end()
}

// end closes the ranges of a client; word is what wordOf says of its id.
func (w *rangeWriter) end(word uint64) {
	if w.n == 0 {
		return
	}
	b, r := room(w.b)
	w.b = b[:len(b)+putClock(r, putWord(r, 0, word), uint32(w.n))]
	w.b = append(w.b, w.ranges...)
	w.b = appendRange(w.b, w.from, w.to)
	w.clients++
	w.n, w.ranges = 0, w.ranges[:0]
}

func appendRange(b []byte, from, to uint32) []byte {
	b, w := room(b)
	return b[:len(b)+putClock(w, putClock(w, 0, from), to-from)]
}

// appendClient writes a client's section from clock on, if there is one, and notes what
// is deleted of all its clocks.
func (d *Doc) appendClient(b []byte, c int32, clock uint32, deleted *rangeWriter) []byte {
	cl := &d.clients[c]
	from := len(cl.leaves) // the leaf in which what is to be written starts
	if clock < cl.next {
		p := cl.find(clock)
		b, from = d.appendSection(b, c, p, clock), p.leaf
	}
	for l, leaf := range cl.leaves {
		if l > from {
			b = d.appendLeaf(b, c, leaf, deleted)
			continue
		}
		for i := range leaf {
			it := &d.items[leaf[i].item]
			if it.deleted() {
				deleted.add(it)
			}
			if l == from && it.end() > clock {
				b = d.appendItem(b, it, max(clock, it.clock)-it.clock, it.length)
			}
		}
	}
	deleted.end(d.words[c])
	return b
}

// appendLeaf writes all items of a leaf and notes which are deleted. What most items are,
// text or its trace between two neighbours, is written here: appendItem does the same
// for every kind, and for parts.
func (d *Doc) appendLeaf(b []byte, c int32, leaf []run, deleted *rangeWriter) []byte {
	arena, self := d.clients[c].arena, d.words[c]
	for k := range leaf {
		it := &d.items[leaf[k].item]
		if it.deleted() {
			deleted.add(it)
		}
		n := len(b)
		if cap(b)-n < itemHead {
			b = slices.Grow(b, itemHead*(len(leaf)-k))
		}
		if it.kind != kindString && it.kind != kindDeleted || it.originClient == none && it.rightClient == none {
			b = d.appendItem(b, it, 0, it.length)
			continue
		}
		w := (*[itemHead]byte)(b[n : n+itemHead])
		info, i := it.kind, 1
		if oc := it.originClient; oc != none {
			info |= hasOrigin
			word := self
			if oc != c {
				word = d.words[oc]
			}
			i = putClock(w, putWord(w, i, word), it.originClock)
		}
		if rc := it.rightClient; rc != none {
			info |= hasRight
			word := self
			if rc != c {
				word = d.words[rc]
			}
			i = putClock(w, putWord(w, i, word), it.rightClock)
		}
		if it.key != none {
			info |= hasKey
		}
		w[0] = info
		if it.kind == kindDeleted {
			b = b[:n+putClock(w, i, it.length)]
			continue
		}
		off := int(it.off)
		if it.size < 8 && off+8 <= len(arena) { // a short text is not worth a call
			binary.LittleEndian.PutUint64(w[i:], uint64(it.size)|binary.LittleEndian.Uint64(arena[off:])<<8)
			b = b[:n+i+1+int(it.size)]
			continue
		}
		i = putClock(w, i, it.size)
		b = append(b[:n+i], arena[off:off+int(it.size)]...)
	}
	return b
}

// encodeTransaction writes what the transaction that just ended did. The bytes are the
// caller's, and no more of them than needed: they are often kept.
func (d *Doc) encodeTransaction() []byte {
	n := 0
	for _, c := range d.tx.touched {
		if d.clients[c].next > d.clients[c].before {
			n++
		}
	}
	var room [128]byte
	b := appendUint(room[:0], uint64(n))
	if n == 1 && len(d.tx.touched) == 1 {
		b = d.appendStructs(b, d.tx.touched[0], d.clients[d.tx.touched[0]].before)
	} else if n > 0 {
		for _, c := range d.order {
			if cl := &d.clients[c]; cl.txn == d.stamp && cl.next > cl.before {
				b = d.appendStructs(b, c, cl.before)
			}
		}
	}
	ds := make([]deletion, 0, 8)
	for _, r := range d.tx.deleted {
		ds = append(ds, deletion{d.clients[r.client].id, r.clock, r.len})
	}
	return bytes.Clone(appendDeletions(b, sortDeletions(ds)))
}

// appendSection writes how many structs of a client follow, and from which clock, which p holds.
func (d *Doc) appendSection(b []byte, c int32, p place, clock uint32) []byte {
	cl := &d.clients[c]
	n := len(cl.leaves[p.leaf]) - p.i
	for _, l := range cl.leaves[p.leaf+1:] {
		n += len(l)
	}
	b, w := room(b)
	return b[:len(b)+putClock(w, putWord(w, putClock(w, 0, uint32(n)), d.words[c]), clock)]
}

// appendStructs writes a client's section from clock on.
func (d *Doc) appendStructs(b []byte, c int32, clock uint32) []byte {
	cl := &d.clients[c]
	p := cl.find(clock)
	b = d.appendSection(b, c, p, clock)
	offset := clock - d.items[cl.at(p)].clock
	for ok := true; ok; p, ok = cl.after(p) {
		it := &d.items[cl.at(p)]
		b = d.appendItem(b, it, offset, it.length)
		offset = 0
	}
	return b
}

// itemHead is the room that the numbers in front of an item's content need: info, two
// ids, the length of the content, and eight bytes in one go behind them.
const itemHead = 48

// room makes sure that an itemHead fits behind b, and returns that.
func room(b []byte) ([]byte, *[itemHead]byte) {
	n := len(b)
	if cap(b)-n < itemHead {
		b = slices.Grow(b, itemHead)
	}
	return b, (*[itemHead]byte)(b[n : n+itemHead])
}

// appendItem writes the clocks of an item from offset up to end.
func (d *Doc) appendItem(b []byte, it *item, offset, end uint32) []byte {
	n := len(b)
	b, w := room(b)
	if it.kind == kindGC {
		w[0] = kindGC
		return b[:n+putClock(w, 1, end-offset)]
	}
	info := it.kind
	oc, ok := it.originClient, it.originClock
	if offset > 0 {
		oc, ok = it.client, it.clock+offset-1
	}
	i := 1
	if oc != none {
		info |= hasOrigin
		i = putClock(w, putWord(w, i, d.words[oc]), ok)
	}
	if it.rightClient != none {
		info |= hasRight
		i = putClock(w, putWord(w, i, d.words[it.rightClient]), it.rightClock)
	}
	if it.key != none {
		info |= hasKey
	}
	w[0] = info
	switch {
	case info&(hasOrigin|hasRight) == 0:
		b = d.appendParent(b[:n+i], it)
	case it.kind == kindDeleted:
		return b[:n+putClock(w, i, end-offset)]
	case it.kind == kindString && end-offset == it.length:
		i = putClock(w, i, it.size)
		arena := d.clients[it.client].arena
		if off := int(it.off); it.size <= 8 && off+8 <= len(arena) { // a short text is not worth a call
			binary.LittleEndian.PutUint64(w[i:], binary.LittleEndian.Uint64(arena[off:]))
			return b[:n+i+int(it.size)]
		}
		return append(b[:n+i], arena[it.off:it.off+it.size]...)
	default:
		b = b[:n+i]
	}
	return d.appendContent(b, it, offset, end)
}

// appendParent writes where an item without neighbours belongs.
func (d *Doc) appendParent(b []byte, it *item) []byte {
	ty := &d.types[it.parent]
	if ty.item == none {
		b = appendString(append(b, 1), d.strings[ty.name])
	} else {
		o := &d.items[ty.item]
		b = appendUint(appendUint(append(b, 0), d.clients[o.client].id), uint64(o.clock))
	}
	if it.key != none {
		b = appendString(b, d.strings[it.key])
	}
	return b
}

// wordOf is a client id as it stands on the wire: at most eight bytes, the first one lowest.
func wordOf(id uint64) (w uint64) {
	var b [10]byte
	appendUint(b[:0], id)
	return binary.LittleEndian.Uint64(b[:])
}

// putWord writes what wordOf made at w[i] and returns where it ends.
func putWord(w *[itemHead]byte, i int, word uint64) int {
	binary.LittleEndian.PutUint64(w[i:], word)
	return i + (bits.Len64(word|1)+7)/8 // the last byte of a number is never 0, but for 0 itself
}

// putClock writes a number at w[i] and returns where it ends. Lengths of numbers are
// hard to foretell; written like this it does not branch.
func putClock(w *[itemHead]byte, i int, x uint32) int {
	y := uint64(x)
	y = y&0x3fff | y<<2&0x3fff0000 | y<<4&0xf00000000
	y = y&0xf007f007f | y<<1&0x7f007f00
	n := uint(9*bits.Len32(x|1)+64) >> 6 // (bits+6)/7
	binary.LittleEndian.PutUint64(w[i:], y|0x8080808080&(1<<((8*n-8)&63)-1))
	return i + int(n)
}

func (d *Doc) appendContent(b []byte, it *item, offset, end uint32) []byte {
	switch it.kind {
	case kindDeleted:
		return appendUint(b, uint64(end-offset))
	case kindType:
		ty := &d.types[it.off]
		b = append(b, ty.ref)
		if ty.ref == typeXMLElement || ty.ref == typeXMLHook {
			b = appendString(b, d.strings[ty.name])
		}
		return b
	}
	c := d.content(it)
	switch it.kind {
	case kindString:
		if end < it.length {
			at, inside := utf16Cut(c, int(end))
			if inside {
				c = append(bytes.Clone(c[:at]), "\uFFFD"...)
			} else {
				c = c[:at]
			}
		}
		if offset > 0 && it.size == it.length { // ASCII
			c, offset = c[offset:], 0
		}
		if offset > 0 {
			return appendTail(b, c, int(offset), int(end-offset))
		}
		return appendBytes(b, c)
	case kindAny, kindJSON:
		cut := anyOffset
		if it.kind == kindJSON {
			cut = jsonOffset
		}
		if end < it.length {
			c = c[:cut(c, end)]
		}
		if offset > 0 {
			c = c[cut(c, offset):]
		}
		return append(appendUint(b, uint64(end-offset)), c...)
	case kindBinary, kindEmbed:
		return appendBytes(b, c)
	case kindFormat:
		key, value := d.format(it)
		return appendBytes(appendString(b, d.strings[key]), value)
	case kindDoc:
		return append(b, c...)
	}
	panic(fmt.Sprintf("crdt: item of kind %d", it.kind))
}

// format splits a mark into its interned key and its JSON value.
func (d *Doc) format(it *item) (key int32, value []byte) {
	r := reader{b: d.content(it)}
	key = int32(r.uint())
	return key, r.b[r.i:]
}

// appendDeletions writes sorted ranges as a delete set.
func appendDeletions(b []byte, ds []deletion) []byte {
	n := 0
	for i := range ds {
		if i == 0 || ds[i].client != ds[i-1].client {
			n++
		}
	}
	b = appendUint(b, uint64(n))
	for i := 0; i < len(ds); {
		k := i
		for k < len(ds) && ds[k].client == ds[i].client {
			k++
		}
		b = appendUint(appendUint(b, ds[i].client), uint64(k-i))
		for ; i < k; i++ {
			b = appendUint(appendUint(b, uint64(ds[i].clock)), uint64(ds[i].len))
		}
	}
	return b
}
