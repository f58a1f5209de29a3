package crdt

import "fmt"

// check verifies what must hold between transactions; any violation is a bug.
func check(d *Doc) error {
	owners := map[int32]int32{} // item -> client whose index names it
	for c := range d.clients {
		cl := &d.clients[c]
		if len(cl.leaves) == 0 {
			return fmt.Errorf("client %d has no items", cl.id)
		}
		if len(cl.starts) != len(cl.leaves) {
			return fmt.Errorf("client %d: %d leaves, but the starts of %d", cl.id, len(cl.leaves), len(cl.starts))
		}
		next := uint32(0)
		for li, leaf := range cl.leaves {
			if len(leaf) == 0 {
				return fmt.Errorf("client %d: leaf %d is empty", cl.id, li)
			}
			if cl.starts[li] != leaf[0].clock {
				return fmt.Errorf("client %d: leaf %d starts at %d, not %d", cl.id, li, leaf[0].clock, cl.starts[li])
			}
			for _, r := range leaf {
				it := &d.items[r.item]
				if it.clock != next || r.clock != next || it.length == 0 || it.client != int32(c) || it.flags&flagFree != 0 {
					return fmt.Errorf("client %d: item %d at clock %d (index says %d), want %d", cl.id, r.item, it.clock, r.clock, next)
				}
				next = it.end()
				owners[r.item] = int32(c)
				if it.kind == kindString && utf16Len(d.content(it)) != int(it.length) {
					return fmt.Errorf("client %d clock %d: length %d but %d units", cl.id, it.clock, it.length, utf16Len(d.content(it)))
				}
				if it.kind == kindType && d.types[it.off].item != r.item {
					return fmt.Errorf("client %d clock %d: type %d belongs to item %d", cl.id, it.clock, it.off, d.types[it.off].item)
				}
			}
		}
		if next != cl.next {
			return fmt.Errorf("client %d: next %d, want %d", cl.id, cl.next, next)
		}
	}
	bytes := 0
	for x := range owners {
		bytes += int(d.items[x].size)
	}
	if bytes != d.Size() || len(owners) != d.Structs() {
		return fmt.Errorf("size %d and %d structs, want %d and %d", d.Size(), d.Structs(), bytes, len(owners))
	}
	reached := map[int32]bool{}
	for t := range d.types {
		ty := &d.types[t]
		if ty.collected {
			continue
		}
		visible, left := uint32(0), none
		for x := ty.start; x != none; x = d.items[x].right {
			it := &d.items[x]
			if reached[x] || it.left != left || it.parent != int32(t) || it.key != none && it.key >= int32(len(d.strings)) {
				return fmt.Errorf("type %d: broken list at item %d", t, x)
			}
			if _, ok := owners[x]; !ok {
				return fmt.Errorf("type %d: item %d is in no index", t, x)
			}
			reached[x] = true
			if it.countable() && !it.deleted() {
				visible += it.length
			}
			left = x
		}
		if visible != ty.length {
			return fmt.Errorf("type %d: length %d, want %d", t, ty.length, visible)
		}
		for e := ty.firstKey; e != none; e = d.entries[e].next {
			x := d.entries[e].item
			if d.items[x].right != none {
				return fmt.Errorf("type %d key %q: entry is not the last item", t, d.strings[d.entries[e].key])
			}
			if d.entryOf(int32(t), d.entries[e].key) != e {
				return fmt.Errorf("type %d key %q: lookup misses the entry", t, d.strings[d.entries[e].key])
			}
			if first := d.entries[e].first; first == none || d.items[first].left != none {
				return fmt.Errorf("type %d key %q: first item is not the first", t, d.strings[d.entries[e].key])
			}
			for right := none; x != none; right, x = x, d.items[x].left {
				it := &d.items[x]
				if reached[x] || it.right != right || it.parent != int32(t) || it.key != d.entries[e].key {
					return fmt.Errorf("type %d key %q: broken list at item %d", t, d.strings[d.entries[e].key], x)
				}
				reached[x] = true
			}
		}
		if ty.index != none {
			if err := checkIndex(d, int32(t)); err != nil {
				return err
			}
		}
	}
	for x := range owners {
		if it := &d.items[x]; it.kind != kindGC && !reached[x] {
			return fmt.Errorf("item %d (client %d clock %d) is in no list", x, d.clients[it.client].id, it.clock)
		}
	}
	return nil
}

func checkIndex(d *Doc, t int32) error {
	ix := &d.indexes[d.types[t].index]
	x := d.types[t].start
	for i, b := range ix.order {
		bl := &ix.blocks[b]
		if int(bl.at) != i || bl.first != x || bl.count <= 0 {
			return fmt.Errorf("type %d: block %d at %d starts with %d (%d items), want %d", t, b, bl.at, bl.first, bl.count, x)
		}
		visible := int32(0)
		for k := int32(0); k < bl.count; k++ {
			if x == none || d.items[x].block != b {
				return fmt.Errorf("type %d: item %d is not in block %d", t, x, b)
			}
			if it := &d.items[x]; it.countable() && !it.deleted() {
				visible += int32(it.length)
			}
			x = d.items[x].right
		}
		if visible != bl.visible {
			return fmt.Errorf("type %d: block %d has %d visible, want %d", t, b, bl.visible, visible)
		}
	}
	if x != none {
		return fmt.Errorf("type %d: item %d is in no block", t, x)
	}
	sum := 0
	for i := 0; i < int(ix.hint) && i < len(ix.order); i++ {
		sum += int(ix.blocks[ix.order[i]].visible)
	}
	if sum != ix.sum && int(ix.hint) < len(ix.order) {
		return fmt.Errorf("type %d: hint sum %d, want %d", t, ix.sum, sum)
	}
	return nil
}
