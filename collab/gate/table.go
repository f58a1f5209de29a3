package gate

import (
	"hash/maphash"
	"math/rand/v2"

	"spolupis/collab/crdt"
)

// table is a map from ids to values that keeps its room from one update to the next:
// big updates would otherwise cost several times their size in maps.
type table[V any] struct {
	keys   []uint64 // 0 is an empty place
	values []V
	n      int
}

// reset empties the table and makes room for n entries, at most half full. More may come.
func (t *table[V]) reset(n int) {
	size := 64
	for size < 2*n {
		size *= 2
	}
	if len(t.keys) < size {
		t.keys, t.values = make([]uint64, size), make([]V, size)
	} else if t.n > 0 {
		clear(t.keys)
	}
	t.n = 0
}

// spread is odd, and another one in every process.
var spread = rand.Uint64() | 1

// at returns the value of a key, which must not be 0, and whether it was there. With
// add a missing one is added; otherwise the result is nil then.
func (t *table[V]) at(key uint64, add bool) (*V, bool) {
	mask := uint64(len(t.keys) - 1)
	// clocks in a row lie side by side; where, nobody outside can tell, so nobody can crowd a place
	for i := (key>>3*spread>>29 ^ key) & mask; ; i = (i + 1) & mask {
		switch t.keys[i] {
		case key:
			return &t.values[i], true
		case 0:
			if !add {
				return nil, false
			}
			if 2*t.n >= len(t.keys) {
				t.grow()
				return t.at(key, add)
			}
			var zero V
			t.keys[i], t.values[i] = key, zero
			t.n++
			return &t.values[i], false
		}
	}
}

// grow moves everything to a table of twice the size. Values that at returned are there no longer.
func (t *table[V]) grow() {
	old := *t
	t.keys, t.values, t.n = make([]uint64, 2*len(old.keys)), make([]V, 2*len(old.keys)), 0
	for i, key := range old.keys {
		if key != 0 {
			v, _ := t.at(key, true)
			*v = old.values[i]
		}
	}
}

// numbers gives client ids small numbers, so that an id fits in 64 bits.
type numbers struct {
	of     map[uint64]uint32
	client uint64 // the last one asked for
	number uint32
}

func (m *numbers) reset() {
	if m.of == nil {
		m.of = make(map[uint64]uint32)
	}
	clear(m.of)
	m.number = 0
}

// key is never 0.
func (m *numbers) key(id crdt.ID) uint64 {
	if m.number == 0 || m.client != id.Client {
		n, ok := m.of[id.Client]
		if !ok {
			n = uint32(len(m.of)) + 1
			m.of[id.Client] = n
		}
		m.client, m.number = id.Client, n
	}
	return uint64(m.number)<<32 | uint64(id.Clock)
}

var seed = maphash.MakeSeed()

// hash names strings and a place by a number; two that share one are counted together.
func hash(place uint64, names ...[]byte) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, n := range names {
		h.Write(n)
		h.WriteByte(0)
	}
	return h.Sum64() ^ place*0x9e3779b97f4a7c15 | 2
}
