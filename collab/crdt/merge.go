package crdt

import (
	"container/heap"
	"fmt"
)

// piece is a struct of some update without its first skip clocks.
type piece struct {
	buf    []byte
	client uint64
	p      parsed
	skip   uint32
}

func (w *piece) clock() uint32 { return w.p.clock + w.skip }
func (w *piece) end() uint32   { return w.p.clock + w.p.length }

// pieces writes structs grouped by client.
type pieces struct {
	out     []byte // finished sections
	n       int
	section []byte
	client  uint64
	start   uint32
	count   int
}

func (w *pieces) write(s *piece) {
	if w.count > 0 && w.client != s.client {
		w.flush()
	}
	if w.count == 0 {
		w.client, w.start = s.client, s.clock()
	}
	w.section = s.p.appendSliced(w.section, s.buf, s.client, s.skip)
	w.count++
}

func (w *pieces) flush() {
	if w.count == 0 {
		return
	}
	w.out = appendUint(w.out, uint64(w.count))
	w.out = appendUint(appendUint(w.out, w.client), uint64(w.start))
	w.out = append(w.out, w.section...)
	w.section, w.count = w.section[:0], 0
	w.n++
}

func (w *pieces) bytes(deletes []deletion) []byte {
	w.flush()
	b := appendUint(make([]byte, 0, len(w.out)+16), uint64(w.n))
	return appendDeletions(append(b, w.out...), sortDeletions(deletes))
}

// head is the next struct of one of several updates that are being merged.
type head struct {
	u       *update
	section int
	i       int
	order   int
}

func (h *head) client() uint64 { return h.u.sections[h.section].client }
func (h *head) p() *parsed     { return &h.u.structs[h.i] }
func (h *head) done() bool     { return h.section >= len(h.u.sections) }

// next steps on; Skips are passed over.
func (h *head) next() {
	h.i++
	h.settle()
}

func (h *head) settle() {
	for !h.done() {
		if h.i >= h.u.sections[h.section].to {
			if h.section++; !h.done() {
				h.i = h.u.sections[h.section].from
			}
			continue
		}
		if h.p().kind != kindSkip {
			return
		}
		h.i++
	}
}

type heads []*head

func (h heads) Len() int { return len(h) }
func (h heads) Less(i, j int) bool {
	a, b := h[i], h[j]
	if a.client() != b.client() {
		return a.client() > b.client()
	}
	if x, y := a.p().clock, b.p().clock; x != y {
		return x < y
	}
	return a.order < b.order
}
func (h heads) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *heads) Push(x any)   { *h = append(*h, x.(*head)) }
func (h *heads) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// MergeUpdates joins updates into one that has the effect of all of them, without a
// document. Holes between the clocks of a client stay holes. To compact a log, apply
// it to a Doc and encode that: the result is far smaller, because items are joined too.
func MergeUpdates(us ...[]byte) ([]byte, error) {
	var hs heads
	var deletes []deletion
	for i, b := range us {
		u := new(update)
		if err := u.parse(b); err != nil {
			return nil, fmt.Errorf("merge update %d: %w", i, err)
		}
		deletes = append(deletes, u.deletes...)
		h := &head{u: u, order: i}
		if h.settle(); !h.done() {
			hs = append(hs, h)
		}
	}
	if len(us) == 1 {
		return append([]byte(nil), us[0]...), nil
	}
	heap.Init(&hs)
	var w pieces
	var cur piece
	started := false
	// again puts the first head back into order after it has moved
	again := func() {
		if hs[0].done() {
			heap.Pop(&hs)
		} else {
			heap.Fix(&hs, 0)
		}
	}
	for len(hs) > 0 {
		h := hs[0]
		client := h.client()
		if !started {
			started = true
			cur = piece{h.u.buf, client, *h.p(), 0}
			h.next()
		} else if !w.step(h, &cur, client) {
			again()
			continue
		}
		for !h.done() && h.client() == client && h.p().clock == cur.end() && cur.client == client {
			w.write(&cur)
			cur = piece{h.u.buf, client, *h.p(), 0}
			h.next()
		}
		again()
	}
	if started {
		w.write(&cur)
	}
	return w.bytes(deletes), nil
}

// step takes what h adds to cur; false means that h only moved.
func (w *pieces) step(h *head, cur *piece, client uint64) bool {
	moved := false
	for !h.done() && h.client() >= cur.client && h.p().clock+h.p().length <= cur.end() {
		h.next()
		moved = true
	}
	if h.done() || h.client() != client || moved && h.p().clock > cur.end() {
		return false
	}
	p := h.p()
	if client != cur.client {
		w.write(cur)
		*cur = piece{h.u.buf, client, *p, 0}
		h.next()
		return true
	}
	if cur.end() < p.clock {
		w.write(cur)
		w.section = appendUint(append(w.section, kindSkip), uint64(p.clock-cur.end()))
		w.count++
		*cur = piece{h.u.buf, client, *p, 0}
		h.next()
		return true
	}
	diff := cur.end() - p.clock
	if cur.p.kind == kindGC && p.kind == kindGC {
		cur.p.length += p.length - diff
		cur.p.raw = span{}
		cur.buf = appendUint([]byte{kindGC}, uint64(cur.p.length))
		cur.p.raw.to = uint32(len(cur.buf))
		h.next()
		return true
	}
	w.write(cur)
	*cur = piece{h.u.buf, client, *p, diff}
	h.next()
	return true
}

// DiffUpdate returns the part of an update that a replica with the given state
// vector lacks; the delete set is kept whole.
func DiffUpdate(u, sv []byte) ([]byte, error) {
	state, err := parseStateVector(sv)
	if err != nil {
		return nil, err
	}
	return diffUpdate(u, state)
}

func diffUpdate(b []byte, state clocks) ([]byte, error) {
	u := new(update)
	if err := u.parse(b); err != nil {
		return nil, err
	}
	var w pieces
	for si := range u.sections {
		s := &u.sections[si]
		known := state.of(s.client)
		writing := false
		for i := s.from; i < s.to; i++ {
			p := u.structs[i]
			if !writing && (p.kind == kindSkip || p.clock+p.length <= known) {
				continue // nothing new, and a section does not begin with a Skip
			}
			skip := uint32(0)
			if !writing && known > p.clock {
				skip = known - p.clock
			}
			writing = true
			w.write(&piece{b, s.client, p, skip})
		}
	}
	return w.bytes(u.deletes), nil
}

// StateVectorOf returns the state vector that a document would have after the
// update alone. Clients whose structs do not start at clock 0 are left out.
func StateVectorOf(b []byte) ([]byte, error) {
	u := new(update)
	if err := u.parse(b); err != nil {
		return nil, err
	}
	var out []byte
	n := 0
	for _, s := range u.sections {
		end := uint32(0)
		for i := s.from; i < s.to && u.structs[i].clock == end && u.structs[i].kind != kindSkip; i++ {
			end += u.structs[i].length
		}
		if end > 0 {
			out = appendUint(appendUint(out, s.client), uint64(end))
			n++
		}
	}
	return append(appendUint(nil, uint64(n)), out...), nil
}
