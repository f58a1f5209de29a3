package gate

import "spolupis/collab/crdt"

// view follows how the sender's own new structs lie to each other, to estimate what
// placing them costs. A struct goes between two neighbours, and every struct that
// others have put there meanwhile is passed. Honest structs were written between
// direct neighbours; dishonest ones name neighbours far from each other, so that each
// of them is compared with all the others: 20,000 of them would take minutes.
type view struct {
	small bool                // too few structs to matter among themselves
	next  map[crdt.ID]crdt.ID // what stood behind a clock; end when nothing did
	first map[crdt.ID]bool    // structs with nothing before them
	keys  map[keyOf]int       // new structs without an origin, by map key
	steps int

	placed map[crdt.ID]placed // new structs by their last clock
	last   placed
}

// placed is a new struct with its neighbours and the number of items of the document
// that lie between them.
type placed struct {
	id, origin, right crdt.ID
	between           int
}

type keyOf struct {
	parent crdt.ID
	root   string
	key    string
}

// end stands for no neighbour; no client has this id.
var end = crdt.ID{Client: 1 << 63}

// smallUpdate is how many structs cost nothing worth counting among themselves.
const smallUpdate = 64

func (v *view) reset(structs int) {
	*v = view{small: structs <= smallUpdate, last: placed{id: end, origin: crdt.ID{Client: end.Client + 1}}}
	if !v.small {
		v.next, v.first, v.keys, v.placed = map[crdt.ID]crdt.ID{}, map[crdt.ID]bool{}, map[keyOf]int{}, map[crdt.ID]placed{}
	}
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
		between = v.placed[origin].between
	default:
		if was, ok := v.placed[origin]; ok && was.right == right {
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
	begin := crdt.ID{Client: client, Clock: st.Clock}
	if origin == end {
		delete(v.first, right)
		v.first[begin] = true
	} else {
		v.next[origin] = begin
	}
	v.next[id] = right
	v.placed[id] = v.last
	return n
}

// among estimates how many of the sender's own new structs are passed: none when st
// stands where its neighbours are direct ones.
func (v *view) among(j *judge, st *crdt.Struct) int {
	if v.small {
		return 0
	}
	if len(st.Key) > 0 && !st.HasOrigin && !st.HasRight {
		k := keyOf{st.Parent, string(st.Root), string(st.Key)}
		v.keys[k]++
		return v.keys[k] - 1
	}
	right := end
	if st.HasRight {
		right = st.Right
	}
	if !st.HasOrigin {
		if !st.HasRight || v.first[right] || right.Clock < j.Doc.Clock(right.Client) {
			if st.HasRight || len(v.first) == 0 {
				return 0
			}
			k := keyOf{st.Parent, string(st.Root), ""}
			v.keys[k]++
			return v.keys[k] - 1
		}
		return j.info.Structs
	}
	if next, ok := v.next[st.Origin]; ok {
		if next == right || right.Clock < j.Doc.Clock(right.Client) {
			return 0
		}
		return j.info.Structs
	}
	if right == end || right.Clock < j.Doc.Clock(right.Client) ||
		right.Client == st.Origin.Client && right.Clock == st.Origin.Clock+1 {
		return 0
	}
	return j.info.Structs
}
