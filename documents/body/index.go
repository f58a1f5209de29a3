package body

import (
	"cmp"
	"slices"

	"spolupis/collab/crdt"
)

// Index keeps the body of a shared text at hand, so that it need not be read anew each time: what changes is read block by
// block, when somebody asks. It belongs to the goroutine that owns the document, and lives as long as it.
type Index struct {
	text    *crdt.Text
	changes *crdt.Follower
	parts   map[crdt.Part]*part
	first   *part // before the first marker; has no block when nothing stands there
	round   int   // of catching up

	blocks []Block // of all parts; handed out, so never changed in place once lent is set
	lent   bool
	moved  bool    // there are other blocks, or in another order, than blocks has
	fresh  []*part // read in this round
}

// part is one block as long as its marker is there.
type part struct {
	id     crdt.Part
	before crdt.Marks // in force where it begins
	block  []Block    // one, or none
	at     int        // place among all parts, set when blocks was made
	round  int        // when it was read
	next   *part
}

// NewIndex returns the index of a shared text. The first call of Body reads the whole.
func NewIndex(t *crdt.Text) *Index { return &Index{text: t, changes: t.Follow()} }

// Body is what Read returns for the text as it stands, between two transactions. It costs what has changed since the last
// call and, if anything has, a copy of the row of blocks without their contents. The caller may keep it and pass it to another
// goroutine, but not change it: bodies share the blocks that did not change.
func (x *Index) Body() Body {
	x.catchUp()
	x.lent = true
	if len(x.blocks) == 0 {
		return Body{}
	}
	return Body{Blocks: slices.Clip(x.blocks)}
}

func (x *Index) catchUp() {
	changed, all := x.changes.Changed()
	x.round++
	if all {
		x.first = &part{}
		x.parts = map[crdt.Part]*part{0: x.first}
		x.moved = true
		changed = []crdt.Part{0}
	}
	// In the order of the text, so that each is read once: its marks come from the one before. What is not known yet is
	// met on the way from the part that it was inserted behind.
	var stale []*part
	for _, id := range changed {
		if p := x.parts[id]; p != nil {
			stale = append(stale, p)
		}
	}
	slices.SortFunc(stale, func(a, b *part) int { return cmp.Compare(a.at, b.at) })
	for _, p := range stale {
		if p.round != x.round {
			x.renew(p)
		}
	}
	x.lay()
}

// renew reads p, and what follows as long as that is new or begins with other marks than it did.
func (x *Index) renew(p *part) {
	for {
		ops, after, next := x.text.Part(p.id, p.before)
		block := readOps(ops)
		x.moved = x.moved || len(block) != len(p.block)
		p.block, p.round = block, x.round
		x.fresh = append(x.fresh, p)
		q := x.follow(p, next)
		if q == nil || q.round > 0 && q.before.Equal(after) {
			return
		}
		q.before = after
		p = q
	}
}

// follow makes the part called next the one behind p. Those that stood between are gone. It returns nil when p is the last.
func (x *Index) follow(p *part, next crdt.Part) *part {
	var q *part
	if next != 0 {
		if q = x.parts[next]; q == nil {
			q = &part{id: next, next: p.next}
			x.parts[next] = q
			p.next, x.moved = q, true
			return q
		}
	}
	for ; p.next != q; p.next = p.next.next {
		delete(x.parts, p.next.id)
		x.moved = true
	}
	return q
}

// lay brings blocks up to date.
func (x *Index) lay() {
	switch {
	case x.moved:
		x.blocks = make([]Block, 0, len(x.parts))
		at := 0
		for p := x.first; p != nil; p = p.next {
			x.blocks = append(x.blocks, p.block...)
			p.at = at
			at++
		}
	case len(x.fresh) > 0:
		if x.lent {
			x.blocks = slices.Clone(x.blocks)
		}
		for _, p := range x.fresh {
			if len(p.block) > 0 {
				x.blocks[p.at-len(x.parts)+len(x.blocks)] = p.block[0] // only the first part may have no block
			}
		}
	default:
		return
	}
	x.lent, x.moved = false, false
	clear(x.fresh)
	x.fresh = x.fresh[:0]
}
