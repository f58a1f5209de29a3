package crdt

import (
	"errors"
	"math/bits"
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
	Index                          int // among all structs of the update
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
	u     update
	edges []uint64 // a bit for every clock of the sections, set where a struct starts; made when At is first asked
	ranks []int32  // bits set before each word of edges
	first []edge   // by section
	wide  bool     // there are too many clocks for edges
}

// edge is where a section begins in Update.edges, and what to add to a rank there to get the index of a struct.
type edge struct{ bit, skew int }

// Decode reads an update of format v1 into u, replacing what was there. It refuses
// what Apply refuses. u refers to b until the next Decode.
func (u *Update) Decode(b []byte) error {
	u.edges, u.wide = u.edges[:0], false
	return u.u.parse(b)
}

// Bounds are the most clients, structs and deleted ranges that an update may have.
type Bounds struct{ Clients, Structs, Deletes int }

// ErrTooMany says that an update is over the bounds given to DecodeWithin.
var ErrTooMany = errors.New("crdt: update is over its bounds")

// DecodeWithin is Decode for updates of strangers: it stops, with ErrTooMany, as soon
// as the update says that it has more of something than the bounds allow, so that
// refusing it costs next to nothing.
func (u *Update) DecodeWithin(b []byte, most Bounds) error {
	u.edges, u.wide = u.edges[:0], false
	return u.u.parseWithin(b, most)
}

// Overlaps reports whether a clock is deleted twice. Yjs never writes that.
func (u *Update) Overlaps() bool { return overlap(u.u.deletes) }

// At says which struct of the update holds a clock, and whether it starts there; -1 when none does.
func (u *Update) At(id ID) (index int, first bool) {
	k := u.u.sectionOf(id.Client)
	if k < 0 {
		return -1, false
	}
	s := &u.u.sections[k]
	if id.Clock < u.u.structs[s.from].clock || id.Clock >= s.end {
		return -1, false
	}
	n := s.to - s.from
	if len(u.edges) > 0 || n > 16 && !u.wide && u.draw() {
		bit := uint(u.first[k].bit + int(id.Clock-u.u.structs[s.from].clock))
		upto := u.edges[bit/64] << (63 - bit%64)
		return int(u.ranks[bit/64]) + bits.OnesCount64(upto) + u.first[k].skew, int64(upto) < 0
	}
	i := s.from
	for n > 1 {
		half := n / 2
		if u.u.structs[i+half].clock <= id.Clock {
			i += half
		}
		n -= half
	}
	return i, u.u.structs[i].clock == id.Clock
}

// Inside reports whether a clock is one of a struct of the update, but not the first.
func (u *Update) Inside(id ID) bool {
	i, first := u.At(id)
	return i >= 0 && !first
}

// mostEdges is how many clocks draw takes in: more than text and values of a megabyte have.
const mostEdges = 1 << 21

// draw makes the map of where structs start, unless what is collected or deleted makes it too wide.
func (u *Update) draw() bool {
	u.first = u.first[:0]
	n := 0
	for i := range u.u.sections {
		s := &u.u.sections[i]
		u.first = append(u.first, edge{bit: n})
		if n += int(s.end - u.u.structs[s.from].clock); n > mostEdges {
			u.wide = true
			return false
		}
	}
	u.edges = slices.Grow(u.edges, n/64+1)[:n/64+1]
	clear(u.edges)
	before := 0
	for i := range u.u.sections {
		s := &u.u.sections[i]
		from := u.u.structs[s.from].clock
		for k := s.from; k < s.to; k++ {
			bit := uint(u.first[i].bit + int(u.u.structs[k].clock-from))
			u.edges[bit/64] |= 1 << (bit % 64)
		}
		u.first[i].skew = s.from - before - 1
		before += s.to - s.from
	}
	u.ranks = slices.Grow(u.ranks[:0], len(u.edges))
	rank := 0
	for _, w := range u.edges {
		u.ranks = append(u.ranks, int32(rank))
		rank += bits.OnesCount64(w)
	}
	return true
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
func (u *Update) Struct(s Section, i int, out *Struct) { u.StructAt(s.first+i, out) }

// ClockOf is the first clock of the i-th struct of a section.
func (u *Update) ClockOf(s Section, i int) uint32 { return u.u.structs[s.first+i].clock }

// StructAt fills out with the struct of that index among all of the update.
func (u *Update) StructAt(i int, out *Struct) {
	p := &u.u.structs[i]
	*out = Struct{Index: i, Clock: p.clock, Len: p.length, Kind: Kind(p.kind), InRoot: p.inRoot}
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
	var t typed
	if !t.read(d, update) {
		return k, false
	}
	return Keystroke{Range: Range{d.ids[t.client], t.clock, t.length}, Deletes: t.deletes, Bytes: len(t.text)}, true
}

// NameBytes is about how many bytes the names of roots, keys, marks and elements take in the
// encoded state. They are counted anew when the document has grown by a quarter: kept once
// each, they cost little here, but whoever gets the state gets every one of them.
func (d *Doc) NameBytes() int {
	if n := d.Structs(); n < d.namedAt/2 || n > d.namedAt+d.namedAt/4+64 {
		d.named, d.namedAt = 0, n
		for x := range d.items {
			it := &d.items[x]
			if it.flags&flagFree != 0 || it.kind == kindGC {
				continue
			}
			if it.originClient == none && it.rightClient == none {
				if ty := &d.types[it.parent]; ty.item == none {
					d.named += len(d.strings[ty.name])
				}
				if it.key != none {
					d.named += len(d.strings[it.key])
				}
			}
			switch it.kind {
			case kindFormat:
				key, _ := d.format(it)
				d.named += len(d.strings[key])
			case kindType:
				if name := d.types[it.off].name; name != none {
					d.named += len(d.strings[name])
				}
			}
		}
	}
	return d.named
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

// List names a sequence or the history of a map key: that of a root type or of the type that Parent holds.
type List struct {
	Root, Key string
	Parent    ID
}

// ListOf is where an item of the document lies; ok is false for one that is unknown or collected.
func (d *Doc) ListOf(id ID) (l List, ok bool) {
	x := d.itemAt(id)
	if x == none || d.items[x].parent == none {
		return l, false
	}
	it := &d.items[x]
	if it.key != none {
		l.Key = d.strings[it.key]
	}
	if ty := &d.types[it.parent]; ty.item == none {
		l.Root = d.strings[ty.name]
	} else {
		o := &d.items[ty.item]
		l.Parent = ID{d.clients[o.client].id, o.clock}
	}
	return l, true
}

// Gap is what of the document lies between two places.
type Gap struct {
	Items int
	Cut   bool // part of the item with the origin, or of that with the right neighbour, lies between too
	Open  bool // there is no right neighbour behind the origin: the gap reaches to the end
}

// Between walks over the items that resolving a conflict for st may have to pass: those of
// the document between its origin and its right neighbour, or those of its map key. It stops
// at limit. Each is told to pass by the id it starts with.
func (d *Doc) Between(st *Struct, limit int, pass func(ID)) (g Gap) {
	x, stop := none, none
	if st.HasRight {
		if stop = d.itemAt(st.Right); stop == none {
			return g
		}
	}
	switch {
	case st.HasOrigin:
		if x = d.itemAt(st.Origin); x == none {
			return g
		}
		it := &d.items[x]
		if x == stop && st.Origin.Clock < st.Right.Clock {
			g.Cut = st.Origin.Clock+1 != st.Right.Clock
			return g
		}
		g.Cut, x = it.end()-1 != st.Origin.Clock, it.right
	case st.HasRight:
		it := &d.items[stop]
		if it.parent == none {
			return g
		}
		if it.key != none {
			x = d.firstOfKey(it.parent, it.key)
		} else {
			x = d.types[it.parent].start
		}
	default:
		x = d.startOf(st)
	}
	for x != stop && x != none && g.Items < limit {
		it := &d.items[x]
		pass(ID{d.ids[it.client], it.clock})
		g.Items++
		x = it.right
	}
	g.Open = x != stop || stop == none
	if !g.Open && st.Right.Clock != d.items[stop].clock {
		g.Cut = true
		pass(ID{st.Right.Client, d.items[stop].clock})
	}
	return g
}

// startOf is the first item of the sequence or key history that st names, or none.
func (d *Doc) startOf(st *Struct) int32 {
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
		return none
	}
	if len(st.Key) == 0 {
		return d.types[t].start
	}
	if k, ok := d.names[string(st.Key)]; ok {
		return d.firstOfKey(t, k)
	}
	return none
}

// Passed counts the items that were passed so far to place others. It grows with every
// conflict; what an update added to it says how much the update had to be untangled.
func (d *Doc) Passed() int { return int(d.marks) }

// Start is the first clock of the item that holds a clock; the clock itself when none does.
func (d *Doc) Start(id ID) ID {
	if x := d.itemAt(id); x != none {
		id.Clock = d.items[x].clock
	}
	return id
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
