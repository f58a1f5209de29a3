package crdt

import (
	"cmp"
	"errors"
	"math"
	"slices"
)

// Kind is what a struct of an update holds.
type Kind uint8

// Kinds of structs, numbered as on the wire.
const (
	KindGC      Kind = kindGC      // nothing, not even its place
	KindDeleted Kind = kindDeleted // nothing, at a place
	KindJSON    Kind = kindJSON
	KindBinary  Kind = kindBinary
	KindString  Kind = kindString
	KindEmbed   Kind = kindEmbed
	KindFormat  Kind = kindFormat
	KindType    Kind = kindType
	KindAny     Kind = kindAny
	KindDoc     Kind = kindDoc
	KindSkip    Kind = kindSkip // a hole
)

// Struct is one struct of an update. Its strings point into the update.
type Struct struct {
	Clock, Len                     uint32
	Kind                           Kind
	HasOrigin, HasRight, HasParent bool
	Origin, Right                  ID // neighbours at the time of writing
	Parent                         ID // embedded type that contains it; only without origin and right
	InRoot                         bool
	Root                           []byte // name of the root type, when InRoot
	Key                            []byte // of a map, when the update names it
	Name                           []byte // of a mark, an element, a subdocument
	Bytes                          int    // length of the content
}

// Section is the run of structs of one client: clocks From up to End.
type Section struct {
	Client    uint64
	From, End uint32
	first, n  int
}

// Len is the number of structs.
func (s Section) Len() int { return s.n }

// Range is a range of clocks that an update deletes.
type Range struct {
	Client     uint64
	Clock, Len uint32
}

// Update is a decoded update, for those who must judge one before it is applied.
type Update struct {
	u    update
	near int // struct that Inside found last: the next one asked for is mostly it or the one behind
}

// Decode reads an update of format v1 into u, replacing what was there. It refuses
// what Apply refuses. u refers to b until the next Decode.
func (u *Update) Decode(b []byte) error { return u.u.parse(b) }

// Bounds are the most clients, structs and deleted ranges that an update may have.
type Bounds struct{ Clients, Structs, Deletes int }

// ErrTooMany says that an update is over the bounds given to DecodeWithin.
var ErrTooMany = errors.New("crdt: update is over its bounds")

// DecodeWithin is Decode for updates of strangers: it stops, with ErrTooMany, as soon
// as the update says that it has more of something than the bounds allow, so that
// refusing it costs next to nothing.
func (u *Update) DecodeWithin(b []byte, most Bounds) error { return u.u.parseWithin(b, most) }

// Overlaps reports whether a clock is deleted twice. Yjs never writes that.
func (u *Update) Overlaps() bool { return overlap(u.u.deletes) }

// Inside reports whether a clock is one of a struct of the update, but not the first.
func (u *Update) Inside(id ID) bool {
	k := u.u.sectionOf(id.Client)
	if k < 0 {
		return false
	}
	s := &u.u.sections[k]
	if id.Clock <= u.u.structs[s.from].clock || id.Clock >= s.end {
		return false
	}
	for i := max(u.near, s.from); i < min(u.near+2, s.to); i++ {
		if p := &u.u.structs[i]; p.clock <= id.Clock && id.Clock-p.clock < p.length {
			u.near = i
			return p.clock != id.Clock
		}
	}
	i, found := slices.BinarySearchFunc(u.u.structs[s.from:s.to], id.Clock, func(p parsed, clock uint32) int { return cmp.Compare(p.clock, clock) })
	if u.near = s.from + i; !found {
		u.near--
	}
	return !found
}

// Inside reports whether a clock is one of an item's, but not the first.
func (d *Doc) Inside(id ID) bool {
	x := d.itemAt(id)
	return x != none && d.items[x].clock < id.Clock
}

// Sections is the number of clients with structs.
func (u *Update) Sections() int { return len(u.u.sections) }

// Section returns the i-th section; the highest client comes first.
func (u *Update) Section(i int) Section {
	s := &u.u.sections[i]
	return Section{s.client, u.u.structs[s.from].clock, s.end, s.from, s.to - s.from}
}

// SectionOf finds the section of a client, or -1.
func (u *Update) SectionOf(client uint64) int { return u.u.sectionOf(client) }

// Structs is the number of structs in all sections.
func (u *Update) Structs() int { return len(u.u.structs) }

// Types reports whether any struct holds a type.
func (u *Update) Types() bool {
	for i := range u.u.structs {
		if u.u.structs[i].kind == kindType {
			return true
		}
	}
	return false
}

// Struct fills out with the i-th struct of a section.
func (u *Update) Struct(s Section, i int, out *Struct) {
	p := &u.u.structs[s.first+i]
	*out = Struct{Clock: p.clock, Len: p.length, Kind: Kind(p.kind), InRoot: p.inRoot}
	if p.kind == kindGC || p.kind == kindSkip {
		return
	}
	if p.info&hasOrigin != 0 {
		out.HasOrigin, out.Origin = true, ID{p.origin.client, p.origin.clock}
	}
	if p.info&hasRight != 0 {
		out.HasRight, out.Right = true, ID{p.right.client, p.right.clock}
	}
	if p.inRoot {
		out.Root = p.root.of(u.u.buf)
	} else if p.info&(hasOrigin|hasRight) == 0 {
		out.HasParent, out.Parent = true, ID{p.parent.client, p.parent.clock}
	}
	out.Key, out.Name = p.key.of(u.u.buf), p.name.of(u.u.buf)
	out.Bytes = int(p.content.to - p.content.from)
}

// Deletes is the number of deleted ranges.
func (u *Update) Deletes() int { return len(u.u.deletes) }

// Delete returns the i-th deleted range.
func (u *Update) Delete(i int) Range {
	r := u.u.deletes[i]
	return Range{r.client, r.clock, r.len}
}

// Keystroke is what one stroke of a key mostly sends: a piece of text, or a deleted range.
type Keystroke struct {
	Range
	Deletes bool
	Bytes   int // length of the text
}

// Keystroke reads an update that is one piece of text under its client's next clock,
// beside what the document has, or one deleted range of what it has. Such an update can
// be applied, and nothing of it will wait. ok is false for everything else: Decode has
// to be asked then.
func (d *Doc) Keystroke(update []byte) (k Keystroke, ok bool) {
	if len(update) < 6 || uint64(len(update)) > math.MaxUint32 {
		return k, false
	}
	switch {
	case update[0] == 1 && update[1] == 1 && update[len(update)-1] == 0: // a section, a struct, no deletions
		return d.typedText(update[:len(update)-1])
	case update[0] == 0 && update[1] == 1: // no section, deletions of one client
		return d.typedDeletion(update)
	}
	return k, false
}

func (d *Doc) typedText(b []byte) (k Keystroke, ok bool) {
	id, i := uintAt(b, 2)
	clock, i := uintAt(b, i)
	if i >= len(b) {
		return k, false
	}
	c, info := d.clientOf(id), b[i]
	if c == none || clock != uint64(d.clients[c].next) || info&^(hasOrigin|hasRight) != kindString || info == kindString {
		return k, false
	}
	i++
	if info&hasOrigin != 0 {
		_, i = d.knownAt(b, i)
	}
	if info&hasRight != 0 {
		_, i = d.knownAt(b, i)
	}
	size, i := uintAt(b, i)
	if i >= len(b) || size != uint64(len(b)-i) {
		return k, false
	}
	units, text := 1, b[i:]
	if len(text) > 1 || text[0] >= 0x80 {
		if !validUTF8(text) {
			return k, false
		}
		units = utf16Len(text)
	}
	if clock+uint64(units) > math.MaxUint32 {
		return k, false
	}
	return Keystroke{Range: Range{id, uint32(clock), uint32(units)}, Bytes: len(text)}, true
}

func (d *Doc) typedDeletion(b []byte) (k Keystroke, ok bool) {
	id, i := uintAt(b, 2)
	if i >= len(b) || b[i] != 1 {
		return k, false
	}
	clock, i := uintAt(b, i+1)
	length, i := uintAt(b, i)
	c := d.clientOf(id)
	if i != len(b) || length == 0 || c == none || clock > math.MaxUint32 || length > math.MaxUint32 || clock+length > uint64(d.clients[c].next) {
		return k, false
	}
	return Keystroke{Range: Range{id, uint32(clock), uint32(length)}, Deletes: true}, true
}

// Alive reports whether any clock of a range exists and is not deleted.
func (d *Doc) Alive(r Range) bool {
	c := d.clientOf(r.Client)
	if c == none || r.Len == 0 || r.Clock >= d.clients[c].next {
		return false
	}
	cl := &d.clients[c]
	for p, ok := cl.find(r.Clock), true; ok; p, ok = cl.after(p) {
		it := &d.items[cl.at(p)]
		if it.clock-r.Clock >= r.Len && it.clock > r.Clock {
			return false
		}
		if !it.deleted() {
			return true
		}
	}
	return false
}

// Depth says how deep what id names is nested: 0 for the content of a root type, 1
// for that of a type in it. Inside is how deep content of the type that id holds
// would be, -1 when it holds none. ok is false for an unknown or collected id.
func (d *Doc) Depth(id ID) (depth, inside int, ok bool) {
	c := d.clientOf(id.Client)
	if c == none || id.Clock >= d.clients[c].next {
		return 0, -1, false
	}
	cl := &d.clients[c]
	it := &d.items[cl.at(cl.find(id.Clock))]
	if it.parent == none {
		return 0, -1, false
	}
	depth, inside = int(d.types[it.parent].depth), -1
	if it.kind == kindType {
		inside = depth + 1
	}
	return depth, inside, true
}

// Between counts the items that resolving a conflict for st may have to pass: those of
// the document between its origin and its right neighbour, or those of its map key.
// It stops counting at limit.
func (d *Doc) Between(st *Struct, limit int) int {
	x, stop := none, none
	if st.HasRight {
		if stop = d.itemAt(st.Right); stop == none {
			return 0
		}
	}
	switch {
	case st.HasOrigin:
		if x = d.itemAt(st.Origin); x == none || x == stop { // in the middle of an item, which will be cut
			return 0
		}
		x = d.items[x].right
	case st.HasRight:
		it := &d.items[stop]
		if it.parent == none {
			return 0
		}
		if it.key != none {
			x = d.firstOfKey(it.parent, it.key)
		} else {
			x = d.types[it.parent].start
		}
	default:
		t := none
		if st.InRoot {
			if k, ok := d.names[string(st.Root)]; ok {
				if r, ok := d.roots[k]; ok {
					t = r
				}
			}
		} else if o := d.itemAt(st.Parent); o != none && d.items[o].kind == kindType {
			t = int32(d.items[o].off)
		}
		if t == none {
			return 0
		}
		x = d.types[t].start
		if len(st.Key) > 0 {
			k, ok := d.names[string(st.Key)]
			if !ok {
				return 0
			}
			x = d.current(t, k)
			n := 0
			for ; x != none && n < limit; x = d.items[x].left {
				n++
			}
			return n
		}
	}
	n := 0
	for ; x != none && x != stop && n < limit; x = d.items[x].right {
		n++
	}
	return n
}

// itemAt is the item that holds a clock, or none.
func (d *Doc) itemAt(id ID) int32 {
	c := d.clientOf(id.Client)
	if c == none || id.Clock >= d.clients[c].next {
		return none
	}
	cl := &d.clients[c]
	return cl.at(cl.find(id.Clock))
}
