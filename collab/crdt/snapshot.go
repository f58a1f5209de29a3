package crdt

import (
	"errors"
	"fmt"
	"slices"
)

// Snapshot names a state of a document: what had been written and what of it deleted.
type Snapshot struct {
	deletes []deletion // by client, the highest first, then by clock
	clocks  []clockOf
}

type clockOf struct {
	client uint64
	clock  uint32
}

// ErrCollected is returned by At for a document that does not keep deleted content.
var ErrCollected = errors.New("crdt: the document does not keep deleted content")

// Snapshot of the present state.
func (d *Doc) Snapshot() Snapshot {
	var s Snapshot
	for _, c := range d.order {
		cl := &d.clients[c]
		s.clocks = append(s.clocks, clockOf{cl.id, cl.next})
	}
	for _, c := range d.order {
		cl := &d.clients[c]
		for p, ok := (place{}), true; ok; p, ok = cl.after(p) {
			if it := &d.items[cl.at(p)]; it.deleted() {
				s.deletes = append(s.deletes, deletion{cl.id, it.clock, it.length})
			}
		}
	}
	s.deletes = sortDeletions(s.deletes)
	return s
}

func (r *reader) deleteSet() []deletion {
	var ds []deletion
	for n := r.count(2); n > 0 && !r.bad; n-- {
		client := r.uint()
		for k := r.count(2); k > 0 && !r.bad; k-- {
			clock, length := r.clock(), r.clock()
			if uint64(clock)+uint64(length) > 1<<32-1 {
				r.fail()
			}
			ds = append(ds, deletion{client, clock, length})
		}
	}
	return ds
}

// Encode returns the bytes of Yjs' encodeSnapshot.
func (s Snapshot) Encode() []byte {
	b := appendDeletions(nil, s.deletes)
	b = appendUint(b, uint64(len(s.clocks)))
	for _, c := range s.clocks {
		b = appendUint(appendUint(b, c.client), uint64(c.clock))
	}
	return b
}

// ParseSnapshot reads what Encode or Yjs wrote.
func ParseSnapshot(b []byte) (Snapshot, error) {
	r := reader{b: b}
	s := Snapshot{deletes: sortDeletions(r.deleteSet())}
	for n := r.count(2); n > 0 && !r.bad; n-- {
		s.clocks = append(s.clocks, clockOf{r.uint(), r.clock()})
	}
	if r.bad || r.i != len(b) {
		return Snapshot{}, fmt.Errorf("%w: snapshot", ErrMalformed)
	}
	slices.SortFunc(s.clocks, func(a, b clockOf) int {
		if a.client > b.client {
			return -1
		}
		return 1
	})
	return s, nil
}

// At returns a copy of the document as it was. The document must have been made with
// KeepDeleted before anything of the snapshot was deleted; otherwise ErrCollected.
func (d *Doc) At(s Snapshot) (*Doc, error) {
	if !d.keepDeleted {
		return nil, ErrCollected
	}
	n := 0
	var out []byte
	for _, c := range s.clocks {
		i := d.clientOf(c.client)
		if c.clock == 0 {
			continue
		}
		if i == none || d.clients[i].next < c.clock {
			return nil, fmt.Errorf("crdt: snapshot holds what the document has not seen: client %d at %d", c.client, c.clock)
		}
		out = d.appendUntil(out, i, c.clock)
		n++
	}
	b := append(appendUint(nil, uint64(n)), out...)
	past := New(Config{Client: d.me, KeepDeleted: true})
	if err := past.Apply(appendDeletions(b, s.deletes)); err != nil {
		return nil, fmt.Errorf("rebuild snapshot: %w", err)
	}
	return past, nil
}

// appendUntil writes the section of a client up to a clock.
func (d *Doc) appendUntil(b []byte, c int32, clock uint32) []byte {
	cl := &d.clients[c]
	var section []byte
	n := 0
	for _, leaf := range cl.leaves {
		for _, r := range leaf {
			if r.clock >= clock {
				break
			}
			it := &d.items[r.item]
			section = d.appendItem(section, it, 0, min(it.length, clock-it.clock))
			n++
		}
	}
	b = appendUint(b, uint64(n))
	b = appendUint(appendUint(b, cl.id), 0)
	return append(b, section...)
}
