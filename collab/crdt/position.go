package crdt

import "fmt"

// RelativePosition is a place in a sequence that moves with the text around it: it
// holds on to a character, not to a number.
type RelativePosition struct {
	item, owner *ID    // the character, or the embedded type at whose end (or start) it is
	root        string // or the root type
	atRoot      bool
	assoc       int
}

// RelativePosition of index. With assoc >= 0 it stays with the character to its
// right, with assoc < 0 with the one to its left.
func (t *Text) RelativePosition(index, assoc int) RelativePosition {
	return t.d.relative(t.t, index, assoc)
}

func (d *Doc) relative(t int32, index, assoc int) RelativePosition {
	p := RelativePosition{assoc: assoc}
	ty := &d.types[t]
	index = min(max(index, 0), int(ty.length))
	if assoc < 0 && index > 0 {
		index--
	} else if assoc < 0 {
		p.end(d, t)
		return p
	}
	if index < int(ty.length) {
		x, start := d.indexOf(t).seek(index)
		for rest := index - start; x != none; x = d.items[x].right {
			it := &d.items[x]
			if !it.countable() || it.deleted() {
				continue
			}
			if rest < int(it.length) {
				p.item = &ID{d.clients[it.client].id, it.clock + uint32(rest)}
				return p
			}
			rest -= int(it.length)
		}
	}
	if x := ty.start; assoc < 0 && x != none { // as Yjs: the last item there is, deleted or not
		for d.items[x].right != none {
			x = d.items[x].right
		}
		it := &d.items[x]
		p.item = &ID{d.clients[it.client].id, it.end() - 1}
		return p
	}
	p.end(d, t)
	return p
}

// end makes p the end (assoc >= 0) or the start of a type.
func (p *RelativePosition) end(d *Doc, t int32) {
	if x := d.types[t].item; x != none {
		id := d.idOf(&d.items[x])
		p.owner = &id
	} else {
		p.root, p.atRoot = d.strings[d.types[t].name], true
	}
}

// Encode returns the bytes of Yjs' encodeRelativePosition.
func (p RelativePosition) Encode() []byte {
	var b []byte
	switch {
	case p.item != nil:
		b = appendUint(appendUint([]byte{0}, p.item.Client), uint64(p.item.Clock))
	case p.atRoot:
		b = appendString([]byte{1}, p.root)
	case p.owner != nil:
		b = appendUint(appendUint([]byte{2}, p.owner.Client), uint64(p.owner.Clock))
	default:
		return nil
	}
	return appendInt(b, int64(p.assoc), p.assoc < 0)
}

// ParseRelativePosition reads what Encode or Yjs wrote.
func ParseRelativePosition(b []byte) (RelativePosition, error) {
	r := reader{b: b}
	var p RelativePosition
	switch r.uint() {
	case 0:
		p.item = &ID{r.uint(), r.clock()}
	case 1:
		p.root, p.atRoot = string(r.text().of(b)), true
	case 2:
		p.owner = &ID{r.uint(), r.clock()}
	default:
		r.fail()
	}
	if !r.bad && r.i < len(b) {
		assoc, _ := r.int()
		p.assoc = int(assoc)
	}
	if r.bad || r.i != len(b) {
		return RelativePosition{}, fmt.Errorf("%w: relative position", ErrMalformed)
	}
	return p, nil
}

// Index says where a relative position is now, in the sequence it belongs to. When
// its character was deleted, that is the place where it was. ok is false when what
// it holds on to is not known here (yet), or is gone with everything around it.
func (d *Doc) Index(p RelativePosition) (index int, ok bool) {
	index, _, ok = d.resolvePosition(p)
	return index, ok
}

// IndexIn is Index for a position that must lie in t itself.
func (t *Text) IndexIn(p RelativePosition) (index int, ok bool) {
	index, in, ok := t.d.resolvePosition(p)
	return index, ok && in == t.t
}

func (d *Doc) resolvePosition(p RelativePosition) (index int, in int32, ok bool) {
	var t int32
	switch {
	case p.item != nil:
		c := d.clientOf(p.item.Client)
		if c == none || d.clients[c].next <= p.item.Clock {
			return 0, none, false
		}
		cl := &d.clients[c]
		x := cl.at(cl.find(p.item.Clock))
		it := &d.items[x]
		if it.kind == kindGC {
			return 0, none, false
		}
		if owner := d.types[it.parent].item; owner != none && d.items[owner].deleted() {
			return 0, it.parent, true
		}
		if it.key != none {
			return 0, it.parent, true
		}
		n := d.positionOf(x)
		if it = &d.items[x]; !it.deleted() && it.countable() {
			n += int(p.item.Clock - it.clock)
			if p.assoc < 0 {
				n++
			}
		}
		return n, it.parent, true
	case p.atRoot:
		k, known := d.names[p.root]
		if !known {
			return 0, none, true
		}
		if t, known = d.roots[k]; !known {
			return 0, none, true
		}
	case p.owner != nil:
		c := d.clientOf(p.owner.Client)
		if c == none || d.clients[c].next <= p.owner.Clock {
			return 0, none, false
		}
		cl := &d.clients[c]
		it := &d.items[cl.at(cl.find(p.owner.Clock))]
		if it.kind != kindType {
			return 0, none, false
		}
		t = int32(it.off)
	default:
		return 0, none, false
	}
	if p.assoc >= 0 {
		return int(d.types[t].length), t, true
	}
	return 0, t, true
}
