package gate

import (
	"slices"

	"spolupis/collab/crdt"
)

// view follows how the sender's new structs come to lie, to say what placing them costs.
//
// A struct goes behind its origin. Whatever others have put there meanwhile is passed, up to
// its right neighbour, but only as far as it hangs on the origin or on something passed: what
// has its origin elsewhere ends the search. So behind an origin that is new itself only new
// structs can be passed, and behind one of the document the items up to the right neighbour
// and the new structs that hang on those. Honest structs were written between direct
// neighbours: none of the sender's own new ones lies between, and only where two ids wrote at
// one place are some passed. Where view cannot follow that, it counts all new ones there are.
// Dishonest structs, each compared with all the others, would take minutes.
type view struct {
	small bool // too few structs to count their names
	ids   numbers
	steps int
	made  []made          // by index in the update
	spots table[spot]     // behind ids of the document or in the middle of a new struct, and at the start of lists
	hung  table[struct{}] // items of the document with new structs behind them
	names table[struct{}] // names of roots, keys, marks and elements seen so far
	cuts  table[struct{}] // places where items are cut

	hangs bool          // pass has met one of hung
	pass  func(crdt.ID) // given to Between
	marks uint32        // the highest mark of a made
	lost  int           // structs of which it is not known where they came to lie
}

// made is a new struct that has its place.
type made struct {
	behind spot
	list   uint64 // hash of the list that it begins, 0 when it has an origin
	bound  int32  // the struct that says up to where of the document it can lie: by its right neighbour or, at the start of a list, its parent; none when nothing does
	mark   uint32 // of the last search that met it
	cut    bool   // something goes between two of its characters
}

// spot is a place behind something, or at the start of a list.
type spot struct {
	next    crdt.ID // what stands there, of the new structs and what bounds them
	unclear bool    // something put there is lost
}

const none = int32(-1)

// end stands for no neighbour; no client has this id.
var end = crdt.ID{Client: 1 << 63}

// smallUpdate is how many structs cannot bring too many names.
const smallUpdate = 64

func (v *view) reset(structs, cuts int, tangle bool) {
	v.small, v.steps, v.marks, v.lost = structs <= smallUpdate, 0, 0, 0
	v.ids.reset()
	if tangle {
		v.made = slices.Grow(v.made[:0], structs)[:structs]
		v.spots.reset(min(structs, smallUpdate))
		v.hung.reset(min(structs, smallUpdate))
	}
	if !v.small {
		v.names.reset(structs)
		v.cuts.reset(min(cuts+1, 2*structs))
	}
	if v.pass == nil {
		v.pass = func(first crdt.ID) {
			if !v.hangs {
				_, v.hangs = v.hung.at(v.ids.key(first), false)
			}
		}
	}
}

// named counts the different names that the update brings.
func (v *view) named(st *crdt.Struct) int {
	if v.small {
		return 0
	}
	for _, name := range [...][]byte{st.Root, st.Key, st.Name} {
		if len(name) > 0 {
			v.names.at(hash(0, name), v.names.n < len(v.names.keys)/2)
		}
	}
	return v.names.n
}

// cost is at least the number of items passed to place st, of which the document has the
// clocks below have.
func (v *view) cost(j *judge, client uint64, have uint32, st *crdt.Struct) int {
	m := &v.made[st.Index]
	*m = made{behind: spot{next: end}, bound: none}
	if st.Kind == crdt.KindGC || st.Kind == crdt.KindSkip {
		return 0
	}
	begin := crdt.ID{Client: client, Clock: st.Clock}
	if st.Clock < have { // the rest of a struct goes behind its beginning
		rest := *st
		begin.Clock, rest.HasOrigin, rest.Origin = have, true, crdt.ID{Client: client, Clock: have - 1}
		st = &rest
	}
	if st.HasRight {
		m.behind.next = st.Right
		if !j.known(st.Right) {
			if k, first := j.u.At(st.Right); !first {
				v.made[k].cut = true
			}
		}
	}
	switch {
	case !st.HasOrigin:
		return v.start(j, m, st, begin)
	case j.known(st.Origin):
		return v.behindKnown(j, m, st, begin)
	}
	return v.behindNew(j, m, st, begin)
}

// put notes that a struct was put at a place and says how many new ones it may have passed.
// alone says that nothing of the document can be passed there.
func (v *view) put(j *judge, sp *spot, m *made, st *crdt.Struct, begin crdt.ID, alone bool) int {
	switch {
	case sp.unclear:
	case sp.next == m.behind.next:
		sp.next = begin
		return 0
	case alone:
		if n, ok := v.search(j, sp, m, st, begin); ok {
			return n + v.lost
		}
	}
	m.behind.next, sp.next, sp.unclear = sp.next, begin, true
	v.lost++
	if alone && st.HasRight && !j.known(st.Right) { // the gap that was measured may not be the one that is passed
		m.bound = none
		return j.info.Structs + j.Doc.Structs()
	}
	return j.info.Structs
}

// search finds the place of a struct among those that were put behind its origin, as the
// document will, and says how many it passes. It reports false when it cannot.
func (v *view) search(j *judge, sp *spot, m *made, st *crdt.Struct, begin crdt.ID) (n int, ok bool) {
	base := v.marks
	cleared, left := base, sp
	for at := sp.next; at != m.behind.next; n++ {
		if at == end || j.known(at) {
			if st.HasRight && !(st.HasOrigin && !j.known(st.Origin)) { // it goes on in the document
				return n, false
			}
			break
		}
		if v.steps+n > j.Limits.Conflict {
			return n, true
		}
		k, first := j.u.At(at)
		o := &v.made[k]
		if !first || o.cut {
			return n, false
		}
		var os crdt.Struct
		j.u.StructAt(k, &os)
		v.marks++
		o.mark = v.marks
		if os.HasOrigin == st.HasOrigin && os.Origin == st.Origin {
			if at.Client < begin.Client {
				left, cleared = &o.behind, v.marks
			} else if os.HasRight == st.HasRight && os.Right == st.Right {
				break
			}
		} else {
			if !os.HasOrigin || j.known(os.Origin) {
				break
			}
			i, _ := j.u.At(os.Origin)
			if v.made[i].mark <= base {
				break
			}
			if v.made[i].mark <= cleared {
				left, cleared = &o.behind, v.marks
			}
		}
		at = o.behind.next
	}
	m.behind.next, left.next = left.next, begin
	return n, true
}

// behindNew places a struct behind one of the update.
func (v *view) behindNew(j *judge, m *made, st *crdt.Struct, begin crdt.ID) int {
	k, _ := j.u.At(st.Origin)
	o := &v.made[k]
	m.bound = o.bound
	sp := &o.behind
	if at := (crdt.ID{Client: st.Origin.Client, Clock: st.Origin.Clock + 1}); j.u.Inside(at) { // between two of its characters
		var had bool
		o.cut = true
		if sp, had = v.spots.at(v.ids.key(st.Origin), true); !had {
			*sp = spot{next: at}
		}
	}
	return v.put(j, sp, m, st, begin, true)
}

// behindKnown places a struct behind something of the document.
func (v *view) behindKnown(j *judge, m *made, st *crdt.Struct, begin crdt.ID) int {
	first := v.ids.key(j.Doc.Start(st.Origin))
	sp, had := v.spots.at(v.ids.key(st.Origin), true)
	if !had {
		*sp = spot{next: m.behind.next, unclear: st.HasRight && !j.known(st.Right)}
	}
	gap := v.gap(j, sp, m, st)
	if gap.Cut && !v.hangs {
		_, v.hangs = v.hung.at(first, false)
	}
	v.hung.at(first, true)
	sp.unclear = sp.unclear || v.hangs
	return v.put(j, sp, m, st, begin, gap.Items == 0 && !gap.Cut) + j.through(gap)
}

// start places a struct at the start of a sequence or of the history of a key.
func (v *view) start(j *judge, m *made, st *crdt.Struct, begin crdt.ID) int {
	switch {
	case !st.HasRight:
		m.list = hash(uint64(st.Parent.Clock)<<1^st.Parent.Client<<33^uint64(len(st.Key)), st.Root, st.Key)
	case j.known(st.Right):
		if l, ok := j.Doc.ListOf(st.Right); ok {
			m.list = hash(uint64(l.Parent.Clock)<<1^l.Parent.Client<<33^uint64(len(l.Key)), []byte(l.Root), []byte(l.Key))
		} else {
			return 0 // collected, and so will this be
		}
	default:
		k, _ := j.u.At(st.Right)
		if m.list = v.made[k].list; m.list == 0 { // that one does not begin anything
			v.lost++
			return j.info.Structs + j.Doc.Structs()
		}
	}
	sp, had := v.spots.at(m.list, true)
	if !had {
		*sp = spot{next: m.behind.next, unclear: st.HasRight && !j.known(st.Right)}
	}
	gap := v.gap(j, sp, m, st)
	sp.unclear = sp.unclear || v.hangs
	return v.put(j, sp, m, st, begin, gap.Items == 0 && !gap.Cut) + j.through(gap)
}

// gap is what of the document lies between a struct's place and its right neighbour; hangs
// says afterwards whether new structs hang on it.
func (v *view) gap(j *judge, sp *spot, m *made, st *crdt.Struct) crdt.Gap {
	v.hangs = false
	whole := *st
	if !st.HasRight || j.known(st.Right) {
		m.bound = int32(st.Index)
	} else {
		// where the new structs here end, the right neighbour among them or else search fails
		if !sp.unclear {
			k, _ := j.u.At(sp.next)
			m.bound = v.made[k].bound
		}
		if m.bound == none {
			sp.unclear = true
			return crdt.Gap{Items: j.Doc.Structs(), Open: true}
		}
		var b crdt.Struct
		j.u.StructAt(int(m.bound), &b)
		whole.HasRight, whole.Right = b.HasRight, b.Right
		if !st.HasOrigin {
			whole.InRoot, whole.Root, whole.HasParent, whole.Parent, whole.Key = b.InRoot, b.Root, b.HasParent, b.Parent, b.Key
		}
	}
	g := j.Doc.Between(&whole, j.Limits.Conflict+1-v.steps, v.pass)
	if g.Open && whole.HasRight {
		m.bound = none // the right neighbour lies elsewhere
	}
	return g
}

// through is how many pieces of items a gap has.
func (j *judge) through(g crdt.Gap) int {
	if g.Items == 0 && !g.Cut {
		return 0
	}
	if !j.count {
		return g.Items + 2*j.info.Structs
	}
	return g.Items + j.cut + 1
}
