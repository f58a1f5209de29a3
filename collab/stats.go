package collab

import "sync/atomic"

// Stats are counts for the operator since the start, except where it says now.
type Stats struct {
	Rooms       int   // now
	Connections int64 // now
	Stored      int64 // updates made durable
	Refused     int64 // updates refused
	Shed        int64 // times a connection did not keep up and was resynchronised
	Foreign     int64 // presence dropped because it was about somebody else
	Panics      int64 // mistakes in our code that a room survived
}

type counters struct {
	connections, stored, refused, shed, foreign, panics atomic.Int64
}

// Stats returns what the hub has counted.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	rooms := len(h.rooms)
	h.mu.Unlock()
	c := &h.stats
	return Stats{rooms, c.connections.Load(), c.stored.Load(), c.refused.Load(), c.shed.Load(), c.foreign.Load(), c.panics.Load()}
}
