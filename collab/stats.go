package collab

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Stats are counts for the operator since the start, except where it says now.
type Stats struct {
	Rooms       int              // now
	Connections int64            // now
	Waiting     int              // now: messages that came in and no room has taken up yet
	Longest     int              // now: the most of them in one room
	Stored      int64            // updates made durable
	Refused     map[string]int64 // updates refused, by reason: one of the gate, or a close code
	Shed        int64            // times a connection did not keep up and was resynchronised
	Foreign     int64            // presence dropped because it was about somebody else
	Panics      int64            // mistakes in our code that a room survived
	Durable     Latency          // from an update's arrival to its acknowledgement
	Shown       Latency          // from an update's arrival to where the connections of the others take it up
}

// Latency is how long something took, counted in classes: Within[i] of Count took no longer than Bounds[i].
type Latency struct {
	Count  int64
	Total  time.Duration
	Within []int64
}

// Bounds are the classes of a Latency.
var Bounds = [...]time.Duration{time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second}

// latencies counts for a Latency.
type latencies struct {
	count, total atomic.Int64
	classes      [len(Bounds)]atomic.Int64
}

func (l *latencies) add(took time.Duration) {
	l.count.Add(1)
	l.total.Add(int64(took))
	if i, _ := slices.BinarySearch(Bounds[:], took); i < len(Bounds) {
		l.classes[i].Add(1)
	}
}

func (l *latencies) read() Latency {
	out := Latency{Count: l.count.Load(), Total: time.Duration(l.total.Load()), Within: make([]int64, len(Bounds))}
	sum := int64(0)
	for i := range l.classes {
		sum += l.classes[i].Load()
		out.Within[i] = sum
	}
	return out
}

type counters struct {
	connections, stored, shed, foreign, panics atomic.Int64
	durable, shown                             latencies

	mu      sync.Mutex
	refused map[string]int64 // guarded by mu
}

func (c *counters) refuse(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused == nil {
		c.refused = map[string]int64{}
	}
	c.refused[reason]++
}

// Stats returns what the hub has counted.
func (h *Hub) Stats() Stats {
	c := &h.stats
	c.mu.Lock()
	refused := maps.Clone(c.refused)
	c.mu.Unlock()
	s := Stats{Connections: c.connections.Load(), Stored: c.stored.Load(), Refused: refused, Shed: c.shed.Load(),
		Foreign: c.foreign.Load(), Panics: c.panics.Load(), Durable: c.durable.read(), Shown: c.shown.read()}
	h.mu.Lock()
	defer h.mu.Unlock()
	s.Rooms = len(h.rooms)
	for _, r := range h.rooms {
		r.mu.Lock()
		n := len(r.inbox)
		r.mu.Unlock()
		s.Waiting += n
		s.Longest = max(s.Longest, n)
	}
	return s
}
