package crdt

// A position index answers "which item holds position i" and "at which position is
// this item" for one sequence. It is built when somebody first asks: applying
// updates alone needs no positions. Items are grouped into blocks that know how
// many visible units they hold.

const blockSize = 96

type block struct {
	first   int32 // first item
	count   int32
	visible int32
	at      int32 // place in the order
}

type posIndex struct {
	blocks []block
	order  []int32
	hint   int32 // a place in the order ...
	sum    int   // ... and the visible units before it
}

func (d *Doc) indexOf(t int32) *posIndex {
	ty := &d.types[t]
	if ty.index == none {
		d.buildIndex(t)
	}
	return &d.indexes[d.types[t].index]
}

func (d *Doc) buildIndex(t int32) {
	ty := &d.types[t]
	ty.index = int32(len(d.indexes))
	d.indexes = append(d.indexes, posIndex{})
	ix := &d.indexes[ty.index]
	for x := ty.start; x != none; x = d.items[x].right {
		it := &d.items[x]
		n := int32(len(ix.order)) - 1
		if n < 0 || ix.blocks[n].count >= blockSize*2/3 {
			n++
			ix.blocks = append(ix.blocks, block{first: x, at: n})
			ix.order = append(ix.order, n)
		}
		it.block = n
		ix.blocks[n].count++
		if it.countable() && !it.deleted() {
			ix.blocks[n].visible += int32(it.length)
		}
	}
}

// indexInsert adds an item that has just been linked into its sequence.
func (d *Doc) indexInsert(x int32) {
	it := &d.items[x]
	ix := &d.indexes[d.types[it.parent].index]
	var b int32
	switch {
	case it.left != none:
		b = d.items[it.left].block
	case it.right != none:
		b = d.items[it.right].block
		ix.blocks[b].first = x
	default:
		b = int32(len(ix.blocks))
		ix.blocks = append(ix.blocks, block{first: x, at: int32(len(ix.order))})
		ix.order = append(ix.order, b)
	}
	it.block = b
	bl := &ix.blocks[b]
	bl.count++
	if it.countable() && !it.deleted() && it.kind != kindDeleted {
		bl.visible += int32(it.length)
		if bl.at < ix.hint {
			ix.sum += int(it.length)
		}
	}
	if bl.count > blockSize {
		d.indexDivide(ix, b)
	}
}

// indexSplit adds the right part of an item that was cut; nothing visible changes.
func (d *Doc) indexSplit(x int32) {
	it := &d.items[x]
	ix := &d.indexes[d.types[it.parent].index]
	bl := &ix.blocks[it.block]
	bl.count++
	if bl.count > blockSize {
		d.indexDivide(ix, it.block)
	}
}

// indexMerge removes y, which grows into its left neighbour x.
func (d *Doc) indexMerge(x, y int32) {
	l, r := &d.items[x], &d.items[y]
	ix := &d.indexes[d.types[l.parent].index]
	b := &ix.blocks[r.block]
	b.count--
	if l.block != r.block {
		n := int32(0)
		if r.countable() && !r.deleted() {
			n = int32(r.length)
		}
		b.visible -= n
		ix.blocks[l.block].visible += n
		if b.at == ix.hint {
			ix.sum += int(n)
		}
		b.first = r.right
		if b.count == 0 {
			d.indexDrop(ix, r.block)
		}
	}
}

// indexVisible changes how many visible units the block of x holds.
func (d *Doc) indexVisible(x int32, by int) {
	it := &d.items[x]
	ix := &d.indexes[d.types[it.parent].index]
	b := &ix.blocks[it.block]
	b.visible += int32(by)
	if b.at < ix.hint {
		ix.sum += by
	}
}

func (d *Doc) indexDivide(ix *posIndex, b int32) {
	n := int32(len(ix.blocks))
	ix.blocks = append(ix.blocks, block{})
	old := &ix.blocks[b]
	keep := old.count / 2
	x := old.first
	visible := int32(0)
	for i := int32(0); i < keep; i++ {
		if it := &d.items[x]; it.countable() && !it.deleted() {
			visible += int32(it.length)
		}
		x = d.items[x].right
	}
	ix.blocks[n] = block{first: x, count: old.count - keep, visible: old.visible - visible, at: old.at + 1}
	for i, y := int32(0), x; i < old.count-keep; i++ {
		d.items[y].block = n
		y = d.items[y].right
	}
	old.count, old.visible = keep, visible
	at := int(old.at) + 1
	ix.order = append(ix.order, 0)
	copy(ix.order[at+1:], ix.order[at:])
	ix.order[at] = n
	for i := at + 1; i < len(ix.order); i++ {
		ix.blocks[ix.order[i]].at = int32(i)
	}
	ix.hint, ix.sum = 0, 0
}

func (d *Doc) indexDrop(ix *posIndex, b int32) {
	at := int(ix.blocks[b].at)
	ix.order = append(ix.order[:at], ix.order[at+1:]...)
	for i := at; i < len(ix.order); i++ {
		ix.blocks[ix.order[i]].at = int32(i)
	}
	ix.hint, ix.sum = 0, 0
}

// seek moves the hint to the block that holds visible position i (the last block
// when i is the end) and returns its first item and the position where it starts.
func (ix *posIndex) seek(i int) (first int32, start int) {
	if len(ix.order) == 0 {
		return none, 0
	}
	h, sum := int(ix.hint), ix.sum
	if h >= len(ix.order) || i < sum/2 {
		h, sum = 0, 0
	}
	for sum > i && h > 0 {
		h--
		sum -= int(ix.blocks[ix.order[h]].visible)
	}
	for h+1 < len(ix.order) {
		v := int(ix.blocks[ix.order[h]].visible)
		if sum+v > i {
			break
		}
		sum += v
		h++
	}
	ix.hint, ix.sum = int32(h), sum
	return ix.blocks[ix.order[h]].first, sum
}

// positionOf is the number of visible units before item x.
func (d *Doc) positionOf(x int32) int {
	it := &d.items[x]
	ix := d.indexOf(it.parent)
	b := d.items[x].block
	at := int(ix.blocks[b].at)
	h, sum := int(ix.hint), ix.sum
	if h >= len(ix.order) || at < h/2 {
		h, sum = 0, 0
	}
	for h < at {
		sum += int(ix.blocks[ix.order[h]].visible)
		h++
	}
	for h > at {
		h--
		sum -= int(ix.blocks[ix.order[h]].visible)
	}
	ix.hint, ix.sum = int32(h), sum
	for y := ix.blocks[b].first; y != x; y = d.items[y].right {
		if it := &d.items[y]; it.countable() && !it.deleted() {
			sum += int(it.length)
		}
	}
	return sum
}
