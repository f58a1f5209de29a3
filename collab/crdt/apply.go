package crdt

import (
	"fmt"
	"slices"
)

// Apply takes in an update of format v1, in any order and any number of times.
// What cannot be placed yet, because it builds on updates not seen, is kept and
// placed later. An error means that the bytes are no possible update; then the
// document is unchanged. Apply does not keep a reference to update.
func (d *Doc) Apply(update []byte) error {
	if d.tx.open {
		return fmt.Errorf("crdt: apply inside a transaction")
	}
	if d.applyTyped(update) || d.load(update) {
		return nil
	}
	return d.applyAny(update)
}

// applyAny is the general way of Apply.
func (d *Doc) applyAny(update []byte) error {
	u := borrow()
	defer u.release()
	if err := u.parse(update); err != nil {
		return err
	}
	d.begin(false)
	d.cursor.valid = false
	d.take(u)
	events := d.commit()
	if n := len(u.structs); n > 512 && n > len(d.items)/2 {
		d.fit()
	}
	d.tell(events)
	return nil
}

// fit gives back the room that growing slices took in advance, after a load.
func (d *Doc) fit() {
	if cap(d.items)-len(d.items) > len(d.items)/4 {
		d.items = append(make([]item, 0, len(d.items)+len(d.items)/32), d.items...)
	}
	for c := range d.clients {
		if cl := &d.clients[c]; cap(cl.arena)-len(cl.arena) > 256+len(cl.arena)/4 {
			cl.arena = append(make([]byte, 0, len(cl.arena)+len(cl.arena)/32), cl.arena...)
		}
	}
}

// take integrates a parsed update inside the open transaction.
func (d *Doc) take(u *update) {
	retry := false
	if n := len(u.structs); n > 64 && n > len(d.items)/4 { // otherwise the slab grows as always
		cuts, keyed := 0, 0
		for i := range u.structs {
			if u.structs[i].info&(hasOrigin|hasRight) == hasOrigin|hasRight {
				cuts++ // a struct between two others may cut an item
			}
			if u.structs[i].keyed {
				keyed++
			}
		}
		if keyed > manyKeys {
			d.entries = slices.Grow(d.entries, keyed)
			if d.entryIndex == nil {
				d.entryIndex = make(map[uint64]int32, keyed)
			}
		}
		if n > keptStructs {
			cuts = 0 // a whole document: it was cut before
		}
		d.roomFor(n + cuts - d.unused)
	}
	if len(u.structs) > 0 {
		retry = d.integrateAll(u)
	}
	d.takeDeletes(u)
	if retry {
		d.retryWaiting()
	}
}

// takeDeletes applies the deletions of u as far as what they delete is there.
func (d *Doc) takeDeletes(u *update) {
	var rest []deletion
	if len(u.deletes) > 0 {
		if overlap(u.deletes) { // a range may be as wide as the document, and come again and again
			u.deletes = sortDeletions(u.deletes)
		}
		rest = d.applyDeletes(u.deletes, nil)
	}
	if len(d.waitingDeletes) > 0 && (len(u.structs) > 0 || len(u.deletes) > 0) {
		d.retryDeletes()
	}
	if len(rest) > 0 {
		// joined as Yjs does: two halves of a character that wait for it must not
		// come to be deleted one by one, that would cut it
		both := len(d.waitingDeletes) > 0
		if d.waitingDeletes = append(d.waitingDeletes, rest...); both {
			d.waitingDeletes = sortDeletions(d.waitingDeletes)
		}
	}
}

// retryDeletes applies those waiting deletions of which something has arrived.
func (d *Doc) retryDeletes() {
	d.waitingDeletes = d.applyDeletes(d.waitingDeletes, d.waitingDeletes[:0])
	if len(d.waitingDeletes) == 0 {
		d.waitingDeletes = nil
	}
}

func (d *Doc) retryWaiting() {
	merged, err := MergeUpdates(d.waiting...)
	d.waiting, d.missing = nil, nil
	if err != nil {
		return // cannot be: they were parsed and written by us
	}
	u := new(update)
	if u.parse(merged) == nil {
		d.take(u)
	}
}

// frame is a struct that waits on the stack for one it depends on.
type frame struct {
	section int
	index   int
}

// integrateAll places the structs of u as far as their dependencies are known. It
// reports whether structs that waited from earlier updates should be tried again.
func (d *Doc) integrateAll(u *update) (retry bool) {
	var stack []frame
	var dropped []bool
	var missing map[uint64]uint32
	miss := func(client uint64, clock uint32) {
		if missing == nil {
			missing = make(map[uint64]uint32)
		}
		if m, ok := missing[client]; !ok || m > clock {
			missing[client] = clock
		}
	}
	// park gives up on everything on the stack and on what follows it
	park := func() {
		if dropped == nil {
			dropped = make([]bool, len(u.sections))
		}
		for _, f := range stack {
			s := &u.sections[f.section]
			if !dropped[f.section] {
				dropped[f.section] = true
				s.next = f.index
			} else {
				s.next = min(s.next, f.index)
			}
		}
		stack = stack[:0]
	}
	for si := range u.sections {
		s := &u.sections[si]
		if dropped != nil && dropped[si] {
			continue
		}
		for s.next < s.to && (dropped == nil || !dropped[si]) {
			f := frame{si, s.next}
			s.next++
			for {
				fs := &u.sections[f.section]
				p := &u.structs[f.index]
				if p.kind == kindSkip {
					goto done
				}
				if state := d.stateOf(fs.client); state < p.clock {
					stack = append(stack, f)
					miss(fs.client, p.clock-1)
					park()
				} else if m, is := d.dependency(u, fs, p); is {
					stack = append(stack, f)
					ms := u.sectionOf(m)
					if ms < 0 || dropped != nil && dropped[ms] || u.sections[ms].next >= u.sections[ms].to {
						miss(m, d.stateOf(m))
						park()
					} else {
						f = frame{ms, u.sections[ms].next}
						u.sections[ms].next++
						continue
					}
				} else if offset := state - p.clock; offset < p.length {
					d.integrateParsed(u, fs.client, p, offset)
				} else {
					d.touchOld(u, fs.client, p)
				}
			done:
				if len(stack) == 0 {
					break
				}
				f = stack[len(stack)-1]
				stack = stack[:len(stack)-1]
			}
		}
	}
	for client, clock := range d.missing {
		if clock < d.stateOf(client) {
			retry = true
			break
		}
	}
	if dropped != nil {
		d.waiting = append(d.waiting, u.rest(dropped))
		if d.missing == nil {
			d.missing = missing
		} else {
			for c, k := range missing {
				if m, ok := d.missing[c]; !ok || m > k {
					d.missing[c] = k
				}
			}
		}
	}
	return retry
}

// touchOld stands for a struct that is known already: Yjs looks up its neighbours,
// which may split items that then grow together again. Nothing visible changes.
func (d *Doc) touchOld(u *update, client uint64, p *parsed) {
	if p.kind == kindGC {
		return
	}
	if p.info&hasOrigin != 0 {
		d.cleanEnd(d.clientOf(p.origin.client), p.origin.clock)
	}
	if p.info&hasRight != 0 {
		d.cleanStart(d.clientOf(p.right.client), p.right.clock)
	}
}

func (u *update) sectionOf(client uint64) int {
	lo, hi := 0, len(u.sections)
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		if u.sections[m].client > client {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if lo < len(u.sections) && u.sections[lo].client == client {
		return lo
	}
	return -1
}

// dependency names a client whose structs must come before p.
func (d *Doc) dependency(u *update, s *section, p *parsed) (uint64, bool) {
	if p.kind == kindGC {
		return 0, false
	}
	if p.info&hasOrigin != 0 && p.origin.client != s.client && p.origin.clock >= d.stateOf(p.origin.client) {
		return p.origin.client, true
	}
	if p.info&hasRight != 0 && p.right.client != s.client && p.right.clock >= d.stateOf(p.right.client) {
		return p.right.client, true
	}
	if p.info&(hasOrigin|hasRight) == 0 && !p.inRoot && p.parent.client != s.client && p.parent.clock >= d.stateOf(p.parent.client) {
		return p.parent.client, true
	}
	return 0, false
}

// rest encodes the structs that could not be placed.
func (u *update) rest(dropped []bool) []byte {
	n := 0
	for i := range dropped {
		if dropped[i] {
			n++
		}
	}
	b := appendUint(nil, uint64(n))
	for i := range u.sections {
		if !dropped[i] {
			continue
		}
		s := &u.sections[i]
		b = appendUint(b, uint64(s.to-s.next))
		b = appendUint(b, s.client)
		b = appendUint(b, uint64(u.structs[s.next].clock))
		b = append(b, u.buf[u.structs[s.next].raw.from:u.structs[s.to-1].raw.to]...)
	}
	return append(b, 0)
}

// integrateParsed places one struct of which the first offset clocks are known.
func (d *Doc) integrateParsed(u *update, id uint64, p *parsed, offset uint32) {
	c := d.addClient(id)
	d.touch(c)
	if p.kind == kindGC {
		d.addGC(c, p.clock+offset, p.length-offset)
		return
	}
	origin, right := cid{client: none}, cid{client: none}
	if p.info&hasOrigin != 0 {
		origin = cid{d.clientOf(p.origin.client), p.origin.clock}
	}
	if p.info&hasRight != 0 {
		right = cid{d.clientOf(p.right.client), p.right.clock}
	}
	if offset == 0 && p.kind == kindString && d.extend(c, origin, right, p.content.of(u.buf), p.length) {
		return
	}
	l, r := d.neighbours(origin, right)
	parent, key := d.parentBeside(l, r)
	if origin.client == none && right.client == none {
		if p.inRoot {
			parent = d.root(d.intern(p.root.of(u.buf)))
		} else {
			pc := &d.clients[d.clientOf(p.parent.client)]
			if it := &d.items[pc.at(pc.find(p.parent.clock))]; it.kind == kindType {
				parent = int32(it.off)
			}
		}
	}
	if p.keyed && parent != none {
		key = d.intern(p.key.of(u.buf))
	}
	if offset > 0 {
		origin = cid{c, p.clock + offset - 1}
		l = d.cleanEnd(c, origin.clock)
		if d.items[l].kind == kindGC {
			parent = none
		} else if parent != none { // where the known part lies, whatever the rest says of itself
			parent, key = d.items[l].parent, d.items[l].key
		}
	}
	if parent == none {
		d.addGC(c, p.clock+offset, p.length-offset)
		return
	}
	x := d.newItem()
	it := &d.items[x]
	it.write(c, p.clock+offset, p.length-offset, origin, right, l, r)
	it.kind, it.parent, it.key = p.kind, parent, key
	d.storeContent(x, u, p, offset)
	d.integrate(x)
}

// neighbours returns the items that end with origin and start with right, either of
// which may be absent.
func (d *Doc) neighbours(origin, right cid) (l, r int32) {
	l, r = none, none
	if origin.client != none {
		l = d.cleanEnd(origin.client, origin.clock)
	}
	if right.client == none {
		return l, none
	}
	if l != none { // mostly they stand side by side
		if r = d.items[l].right; r != none {
			if it := &d.items[r]; it.client == right.client && it.clock == right.clock {
				return l, r
			}
		}
	}
	return l, d.cleanStart(right.client, right.clock)
}

// parentBeside is where an item between l and r belongs: none when either of them is
// collected, or both are absent.
func (d *Doc) parentBeside(l, r int32) (parent, key int32) {
	switch {
	case l != none && d.items[l].kind == kindGC, r != none && d.items[r].kind == kindGC:
	case l != none:
		return d.items[l].parent, d.items[l].key
	case r != none:
		return d.items[r].parent, d.items[r].key
	}
	return none, none
}

// extend handles the common keystroke: text right behind the writer's last
// character, with nobody else's in between. The last item just grows. It is what
// integrating and merging would give.
func (d *Doc) extend(c int32, origin, right cid, text []byte, length uint32) bool {
	cl := &d.clients[c]
	if origin.client != c || origin.clock+1 != cl.next || len(cl.leaves) == 0 {
		return false
	}
	x := cl.at(cl.last())
	it := &d.items[x]
	if it.kind != kindString || it.flags != 0 || it.key != none || int(it.off+it.size) != len(cl.arena) {
		return false
	}
	if right.client != it.rightClient {
		return false
	}
	if right.client == none {
		if it.right != none {
			return false
		}
	} else {
		if it.right == none || it.rightClock != right.clock {
			return false
		}
		if r := &d.items[it.right]; r.client != right.client || r.clock != right.clock {
			return false
		}
	}
	cl.arena = append(cl.arena, text...)
	d.bytes += len(text)
	it.size += uint32(len(text))
	it.length += length
	cl.next += length
	d.types[it.parent].length += length
	if it.block != none {
		d.indexVisible(x, int(length))
	}
	d.note(it.parent, none)
	return true
}

// storeContent copies what item x owns into the arena.
func (d *Doc) storeContent(x int32, u *update, p *parsed, offset uint32) {
	it := &d.items[x]
	cl := &d.clients[it.client]
	c := p.content.of(u.buf)
	off := len(cl.arena)
	switch p.kind {
	case kindDeleted:
		return
	case kindType:
		name := none
		if p.ref == typeXMLElement || p.ref == typeXMLHook {
			name = d.intern(p.name.of(u.buf))
		}
		depth := d.types[it.parent].depth
		if depth < 1<<16-1 {
			depth++
		}
		it.off = uint32(d.newType(x, name, p.ref, depth))
		return
	case kindString:
		if offset > 0 {
			at, inside := utf16Cut(c, int(offset))
			if inside {
				cl.arena = append(cl.arena, "\uFFFD"...)
				at += 4
			}
			c = c[at:]
		}
	case kindAny:
		c = c[anyOffset(c, offset):]
	case kindJSON:
		c = c[jsonOffset(c, offset):]
	case kindFormat:
		cl.arena = appendUint(cl.arena, uint64(d.intern(p.name.of(u.buf))))
	case kindDoc:
		cl.arena = appendBytes(cl.arena, p.name.of(u.buf))
	}
	if cap(cl.arena)-len(cl.arena) < len(c) {
		// make room at once for all that the section holds
		if s := u.sectionOf(cl.id); s >= 0 && u.sections[s].next < u.sections[s].to {
			last := &u.structs[u.sections[s].to-1]
			cl.arena = slices.Grow(cl.arena, max(len(c), int(last.raw.to-p.raw.from)-4*(u.sections[s].to-u.sections[s].next)))
		}
	}
	cl.arena = append(cl.arena, c...)
	it.off, it.size = uint32(off), uint32(len(cl.arena)-off)
	d.bytes += int(it.size)
}

// applyDeletes deletes ranges as far as they are known and adds the rest to rest.
func (d *Doc) applyDeletes(ranges, rest []deletion) []deletion {
	for _, r := range ranges {
		ci := d.clientOf(r.client)
		if ci == none || r.clock >= d.clients[ci].next {
			rest = append(rest, r)
			continue
		}
		end := r.clock + r.len
		if state := d.clients[ci].next; state < end {
			rest = append(rest, deletion{r.client, state, end - state})
		}
		d.deleteRange(ci, r.clock, end)
	}
	return rest
}

func (d *Doc) deleteRange(ci int32, clock, end uint32) {
	cl := &d.clients[ci]
	p := cl.find(clock)
	if it := &d.items[cl.at(p)]; !it.deleted() && it.clock < clock {
		p = d.split(ci, p, clock-it.clock)
	}
	for {
		x := cl.at(p)
		it := &d.items[x]
		if it.clock >= end {
			return
		}
		if !it.deleted() {
			if end < it.end() {
				p = cl.prev(d.split(ci, p, end-it.clock))
			}
			d.delete(x)
		}
		var ok bool
		if p, ok = cl.after(p); !ok {
			return
		}
	}
}

// overlap reports whether ranges meet. Those that come in the order in which Yjs
// writes them cost one pass.
func overlap(ds []deletion) bool {
	for i := 1; i < len(ds); i++ {
		if l, r := &ds[i-1], &ds[i]; r.client > l.client || r.client == l.client && r.clock < l.clock+l.len {
			sorted := slices.Clone(ds)
			n := 0
			for _, r := range sorted {
				n += int(r.len)
			}
			for _, r := range sortDeletions(sorted) {
				n -= int(r.len)
			}
			return n != 0
		}
	}
	return false
}

// sortDeletions orders ranges by client, the highest first, and joins those that touch.
func sortDeletions(ds []deletion) []deletion {
	if len(ds) < 2 {
		return ds
	}
	slices.SortFunc(ds, func(a, b deletion) int {
		switch {
		case a.client > b.client:
			return -1
		case a.client < b.client:
			return 1
		case a.clock < b.clock:
			return -1
		case a.clock > b.clock:
			return 1
		}
		return 0
	})
	out := ds[:1]
	for _, r := range ds[1:] {
		l := &out[len(out)-1]
		if l.client == r.client && l.clock+l.len >= r.clock {
			l.len = max(l.len, r.clock+r.len-l.clock)
		} else {
			out = append(out, r)
		}
	}
	return out
}
