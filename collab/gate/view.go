package gate

import "spolupis/collab/crdt"

// view follows how the sender's own new structs lie to each other, to estimate what
// placing them costs. A struct goes between two neighbours, and every struct that
// others have put there meanwhile is passed. Honest structs were written between
// direct neighbours; dishonest ones name neighbours far from each other, so that each
// of them is compared with all the others: 20,000 of them would take minutes.
type view struct {
	small bool // too few structs to matter among themselves
	ids   numbers
	next  table[uint64]   // what stood behind a clock; 1 when nothing did
	first table[bool]     // structs with nothing before them
	keys  table[int32]    // new structs without an origin, by map key
	names table[struct{}] // names of roots, keys, marks and elements seen so far
	cuts  table[struct{}] // places where items are cut
	steps int

	placed table[neighbours] // new structs by their last clock
	last   placed
}

// placed is a new struct with its neighbours and the number of items of the document
// that lie between them.
type placed struct {
	id, origin, right crdt.ID
	between           int
}

// neighbours is what is kept of a placed struct.
type neighbours struct {
	right   uint64
	between int
}

// end stands for no neighbour; no client has this id.
var end = crdt.ID{Client: 1 << 63}

// smallUpdate is how many structs cost nothing worth counting among themselves.
const smallUpdate = 64

func (v *view) reset(structs, cuts int) {
	v.small, v.steps = structs <= smallUpdate, 0
	v.last = placed{id: end, origin: crdt.ID{Client: end.Client + 1}}
	if v.small {
		return
	}
	v.ids.reset()
	v.next.reset(2 * structs)
	v.first.reset(structs)
	v.keys.reset(structs)
	v.names.reset(structs)
	v.placed.reset(structs)
	v.cuts.reset(min(cuts+1, 2*structs))
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

// cost estimates how many items are passed to place st.
func (v *view) cost(j *judge, client uint64, st *crdt.Struct) int {
	if st.Kind == crdt.KindGC || st.Kind == crdt.KindSkip {
		return 0
	}
	n := v.among(j, st)
	right, origin := end, end
	if st.HasRight {
		right = st.Right
	}
	if st.HasOrigin {
		origin = st.Origin
	}
	between := 0
	switch {
	case v.last.right == right && (v.last.origin == origin || v.last.id == origin):
		between = v.last.between
	case origin == end || origin.Clock < j.Doc.Clock(origin.Client):
		between = j.Doc.Between(st, j.Limits.Conflict+1)
	case right == end || right.Clock >= j.Doc.Clock(right.Client):
		// both neighbours are new, or there is none to the right: see among
		if was := v.of(origin); was != nil {
			between = was.between
		}
	default:
		if was := v.of(origin); was != nil && was.right == v.ids.key(right) {
			between = was.between
			break
		}
		alone := *st // the place of a new origin is not known: count from the start
		alone.HasOrigin = false
		between = j.Doc.Between(&alone, j.Limits.Conflict+1)
	}
	n += between
	id := crdt.ID{Client: client, Clock: st.Clock + st.Len - 1}
	v.last = placed{id, origin, right, between}
	if v.small {
		return n
	}
	begin := v.ids.key(crdt.ID{Client: client, Clock: st.Clock})
	r := v.ids.key(right)
	if origin == end {
		if first, ok := v.first.at(r, false); ok {
			*first = false
		}
		if first, _ := v.first.at(begin, true); first != nil {
			*first = true
		}
	} else if next, _ := v.next.at(v.ids.key(origin), true); next != nil {
		*next = begin
	}
	last := v.ids.key(id)
	if next, _ := v.next.at(last, true); next != nil {
		*next = r
	}
	if p, _ := v.placed.at(last, true); p != nil {
		*p = neighbours{r, between}
	}
	return n
}

// of is what is known of the new struct that ends with a clock, or nil.
func (v *view) of(id crdt.ID) *neighbours {
	if v.small {
		return nil
	}
	p, _ := v.placed.at(v.ids.key(id), false)
	return p
}

// among estimates how many of the sender's own new structs are passed: none when st
// stands where its neighbours are direct ones.
func (v *view) among(j *judge, st *crdt.Struct) int {
	if v.small {
		return 0
	}
	if len(st.Key) > 0 && !st.HasOrigin && !st.HasRight {
		return v.again(st, st.Key)
	}
	right := end
	if st.HasRight {
		right = st.Right
	}
	known := st.HasRight && right.Clock < j.Doc.Clock(right.Client)
	if !st.HasOrigin {
		if !st.HasRight {
			if v.first.n == 0 {
				return 0
			}
			return v.again(st, nil)
		}
		if first, ok := v.first.at(v.ids.key(right), false); ok && *first || known {
			return 0
		}
		return j.info.Structs
	}
	if next, ok := v.next.at(v.ids.key(st.Origin), false); ok {
		if *next == v.ids.key(right) || right.Clock < j.Doc.Clock(right.Client) {
			return 0
		}
		return j.info.Structs
	}
	if right == end || known ||
		right.Client == st.Origin.Client && right.Clock == st.Origin.Clock+1 {
		return 0
	}
	return j.info.Structs
}

// again is how many structs have already come to the same place without neighbours.
func (v *view) again(st *crdt.Struct, key []byte) int {
	n, _ := v.keys.at(hash(uint64(st.Parent.Clock)<<1^st.Parent.Client<<33^uint64(len(key)), st.Root, key), true)
	if n == nil {
		return 0
	}
	*n++
	return int(*n) - 1
}
