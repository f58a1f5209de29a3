package crdt

import (
	"cmp"
	"container/heap"
	"slices"
)

// Authorship tells, from the updates of a document in the order in which they were
// accepted, which of them brought each character and which of them deleted it. The
// state alone does not know that: it says who wrote, not who deleted, and not when.
// Rows are whatever numbers the caller gives the updates; whose a row is, the caller
// knows. The zero value is ready for use; it belongs to one goroutine at a time.
type Authorship struct {
	written map[uint64][]Span // by clock
	covered map[uint64][]Span // deleted ranges as they came, in order of rows
	deleted map[uint64][]Span // by clock, each clock once; nil until asked for
}

// Span is a range of one client's clocks and the row that wrote or deleted it.
type Span struct {
	Clock, Len uint32
	Row        int64
}

// Add takes in the next accepted update, of format v1. Content and deletions that
// earlier rows brought already stay theirs. It does not keep a reference to update.
// An error means that the bytes are no update; nothing has changed then.
func (a *Authorship) Add(row int64, update []byte) error {
	u := borrow()
	defer u.release()
	if err := u.parse(update); err != nil {
		return err
	}
	if a.written == nil {
		a.written, a.covered = map[uint64][]Span{}, map[uint64][]Span{}
	}
	for i := range u.sections {
		s := &u.sections[i]
		for _, p := range u.structs[s.from:s.to] {
			if p.kind != kindSkip {
				a.write(s.client, p.clock, p.clock+p.length, row)
			}
		}
	}
	for _, r := range u.deletes {
		a.covered[r.client] = append(a.covered[r.client], Span{r.clock, r.len, row})
		delete(a.deleted, r.client)
	}
	return nil
}

// write notes that row brought clocks from up to end of which those below the last
// known one were known before: a client's clocks are accepted without gaps.
func (a *Authorship) write(client uint64, from, end uint32, row int64) {
	spans := a.written[client]
	if n := len(spans); n > 0 {
		l := &spans[n-1]
		from = max(from, l.Clock+l.Len)
		if from < end && l.Row == row && l.Clock+l.Len == from {
			l.Len += end - from
			return
		}
	}
	if from < end {
		a.written[client] = append(spans, Span{from, end - from, row})
	}
}

// Written returns the row that brought what id names; ok is false when none has.
func (a *Authorship) Written(id ID) (row int64, ok bool) {
	for _, s := range within(a.written[id.Client], id.Clock, 1) {
		return s.Row, true
	}
	return 0, false
}

// WrittenIn returns which rows brought which parts of a range, by clock. Parts that no row brought are left out.
func (a *Authorship) WrittenIn(r Range) []Span { return within(a.written[r.Client], r.Clock, r.Len) }

// Deleted returns which rows deleted which parts of a range, by clock: for every clock
// the first row whose delete set has it. Parts that no row deleted are left out.
func (a *Authorship) Deleted(r Range) []Span {
	spans, ok := a.deleted[r.Client]
	if !ok {
		spans = firstOf(a.covered[r.Client])
		if a.deleted == nil {
			a.deleted = map[uint64][]Span{}
		}
		a.deleted[r.Client] = spans
		a.covered[r.Client] = slices.Clone(spans)
	}
	return within(spans, r.Clock, r.Len)
}

// within cuts spans, ordered by clock, to a range.
func within(spans []Span, clock, length uint32) []Span {
	i, _ := slices.BinarySearchFunc(spans, clock, func(s Span, clock uint32) int {
		if s.Clock+s.Len <= clock {
			return -1
		}
		return 1
	})
	var out []Span
	end := uint64(clock) + uint64(length)
	for ; i < len(spans) && uint64(spans[i].Clock) < end; i++ {
		s := spans[i]
		if s.Clock < clock {
			s.Len -= clock - s.Clock
			s.Clock = clock
		}
		s.Len = uint32(min(uint64(s.Clock)+uint64(s.Len), end) - uint64(s.Clock))
		out = append(out, s)
	}
	return out
}

// firstOf gives every clock to the first span in the list that has it.
func firstOf(spans []Span) []Span {
	var out []Span
	order := make([]int, len(spans))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(spans[a].Clock, spans[b].Clock) })
	var open earliest
	at, next := uint32(0), 0
	for next < len(order) || len(open) > 0 {
		if len(open) == 0 {
			at = max(at, spans[order[next]].Clock)
		}
		for next < len(order) && spans[order[next]].Clock <= at {
			heap.Push(&open, order[next])
			next++
		}
		s := spans[open[0]]
		end := s.Clock + s.Len
		if end <= at {
			heap.Pop(&open)
			continue
		}
		if next < len(order) { // one that starts inside may have come earlier
			end = min(end, spans[order[next]].Clock)
		}
		if l := len(out); l > 0 && out[l-1].Row == s.Row && out[l-1].Clock+out[l-1].Len == at {
			out[l-1].Len += end - at
		} else {
			out = append(out, Span{at, end - at, s.Row})
		}
		at = end
	}
	return out
}

// earliest is a heap of places in a list.
type earliest []int

func (h earliest) Len() int           { return len(h) }
func (h earliest) Less(i, k int) bool { return h[i] < h[k] }
func (h earliest) Swap(i, k int)      { h[i], h[k] = h[k], h[i] }
func (h *earliest) Push(x any)        { *h = append(*h, x.(int)) }
func (h *earliest) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
