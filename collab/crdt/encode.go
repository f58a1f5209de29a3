package crdt

import (
	"bytes"
	"fmt"
)

// Encode returns the whole state as one update of format v1, what still waits
// included. The bytes equal those of Yjs for the same state.
func (d *Doc) Encode() []byte {
	if d.encodedValid && d.encodedAt == d.version && !d.Pending() {
		return bytes.Clone(d.encoded)
	}
	b := d.withPending(d.encodeFrom(nil), nil)
	if !d.Pending() {
		d.encoded, d.encodedAt, d.encodedValid = b, d.version, true
		return bytes.Clone(b)
	}
	return b
}

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
func (d *Doc) withPending(state []byte, sv map[uint64]uint32) []byte {
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
func (d *Doc) encodeFrom(sv map[uint64]uint32) []byte {
	n := 0
	for _, c := range d.order {
		if cl := &d.clients[c]; sv == nil || cl.next > sv[cl.id] {
			n++
		}
	}
	b := appendUint(make([]byte, 0, len(d.encoded)+len(d.encoded)/64+64), uint64(n))
	for _, c := range d.order {
		if cl := &d.clients[c]; sv == nil || cl.next > sv[cl.id] {
			b = d.appendStructs(b, c, sv[cl.id])
		}
	}
	return d.appendDeleteSet(b)
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
	var room [64]byte
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

// appendStructs writes a client's section from clock on.
func (d *Doc) appendStructs(b []byte, c int32, clock uint32) []byte {
	cl := &d.clients[c]
	p := cl.find(clock)
	n := len(cl.leaves[p.leaf]) - p.i
	for _, l := range cl.leaves[p.leaf+1:] {
		n += len(l)
	}
	b = appendUint(b, uint64(n))
	b = appendUint(appendUint(b, cl.id), uint64(clock))
	offset := clock - d.items[cl.at(p)].clock
	for l := p.leaf; l < len(cl.leaves); l++ {
		leaf := cl.leaves[l]
		for i := p.i; i < len(leaf); i++ {
			it := &d.items[leaf[i].item]
			b = d.appendItem(b, it, offset, it.length)
			offset = 0
		}
		p.i = 0
	}
	return b
}

// appendItem writes the clocks of an item from offset up to end.
func (d *Doc) appendItem(b []byte, it *item, offset, end uint32) []byte {
	if it.kind == kindGC {
		return appendUint(append(b, kindGC), uint64(end-offset))
	}
	info := it.kind
	oc, ok := it.originClient, it.originClock
	if offset > 0 {
		oc, ok = it.client, it.clock+offset-1
	}
	if oc != none {
		info |= hasOrigin
	}
	if it.rightClient != none {
		info |= hasRight
	}
	if it.key != none {
		info |= hasKey
	}
	b = append(b, info)
	if oc != none {
		b = appendUint(appendUint(b, d.clients[oc].id), uint64(ok))
	}
	if it.rightClient != none {
		b = appendUint(appendUint(b, d.clients[it.rightClient].id), uint64(it.rightClock))
	}
	if info&(hasOrigin|hasRight) == 0 {
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
	}
	return d.appendContent(b, it, offset, end)
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

// appendDeleteSet writes the ranges of all deleted clocks.
func (d *Doc) appendDeleteSet(b []byte) []byte {
	at := len(b)
	n := 0
	var ranges []byte
	for _, c := range d.order {
		cl := &d.clients[c]
		count := 0
		ranges = ranges[:0]
		var from, to uint32
		for _, leaf := range cl.leaves {
			for i := range leaf {
				it := &d.items[leaf[i].item]
				if !it.deleted() {
					continue
				}
				if count > 0 && it.clock == to {
					to = it.end()
					continue
				}
				if count > 0 {
					ranges = appendUint(appendUint(ranges, uint64(from)), uint64(to-from))
				}
				count++
				from, to = it.clock, it.end()
			}
		}
		if count > 0 {
			ranges = appendUint(appendUint(ranges, uint64(from)), uint64(to-from))
			b = appendUint(appendUint(b, cl.id), uint64(count))
			b = append(b, ranges...)
			n++
		}
	}
	// the number of clients goes in front; it is rarely longer than a byte
	var head [10]byte
	h := appendUint(head[:0], uint64(n))
	b = append(b, h...)
	copy(b[at+len(h):], b[at:len(b)-len(h)])
	copy(b[at:], h)
	return b
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
