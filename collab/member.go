package collab

import (
	"context"
	"errors"
	"sync"
	"time"

	"spolupis/collab/wire"
	"spolupis/security"
)

// Message is one message to the far end, the same object for everybody who gets it.
type Message struct {
	Bytes []byte // not to be changed

	seq    int64 // of an update: the last row contained
	sheds  bool  // can be dropped and made up for: updates and presence
	once   sync.Once
	framed []byte
}

// Framed returns Bytes as the transport sends them. frame is called once for all receivers.
func (m *Message) Framed(frame func([]byte) []byte) []byte {
	m.once.Do(func() { m.framed = frame(m.Bytes) })
	return m.framed
}

// Member is one connection in a room. The transport calls Receive for what arrives, Take for what to send, and Leave once
// when the connection is over.
type Member struct {
	h         *Hub
	room      *room
	who       security.Actor
	id        string // holder of leases
	ours      bool
	client    uint64 // given in hello
	transport Transport

	// owned by the room
	right   Right
	epoch   int64
	synced  bool
	updates uint64 // frames with an update that are durable
	leases  []uint64
	ids     []uint64 // presence

	mu        sync.Mutex
	over      bool          // guarded by mu; the room has let go of it
	waiting   int           // guarded by mu; updates between Receive and the end of their turn
	stalled   chan struct{} // guarded by mu; closed when one of them has ended; nil unless Receive waits for that
	queue     []*Message    // guarded by mu
	queued    int           // guarded by mu; bytes
	draining  bool          // guarded by mu; the transport was woken and has not yet found the queue empty
	behind    bool          // guarded by mu; updates were dropped
	asked     bool          // guarded by mu; a resynchronisation is on its way
	strikes   int           // guarded by mu
	delivered int64         // guarded by mu; the last row handed to the transport
}

// inFlight is how many updates of one connection may wait in the room. When the storage is slow, its reader stops there and
// the network tells the sender.
const inFlight = 32

// maxStrikes is how often a connection may need resynchronising before it is sent away.
const maxStrikes = 5

// Receive takes one message from the far end. It blocks while too many updates wait to become durable. b belongs to the
// room from now on. An error is *Closed and says how to close the connection.
func (m *Member) Receive(ctx context.Context, b []byte) error {
	msg, err := wire.Decode(b)
	if errors.Is(err, wire.ErrTooLong) {
		return closed(CodeLimit, "%v", err)
	}
	if err != nil {
		return closed(CodeRefused, "%v", err)
	}
	switch {
	case msg.Type == wire.Sync && msg.Step == wire.Step1:
		m.room.post(op{do: func(ctx context.Context) { m.room.answer(ctx, m, msg.Body) }})
	case msg.Type == wire.Sync:
		if !m.admit() {
			return nil
		}
		m.room.post(op{from: m, update: msg.Body, came: time.Now()})
	case msg.Type == wire.Awareness:
		if len(msg.Presence) > wire.MaxPresence {
			return closed(CodeLimit, "presence of %d clients", len(msg.Presence))
		}
		m.room.post(op{do: func(ctx context.Context) { m.room.presenceOf(ctx, m, msg.Presence) }})
	case msg.Type == wire.QueryAwareness:
		m.room.post(op{do: func(context.Context) {
			m.room.deliver(m, &Message{Bytes: wire.AppendAwareness(nil, m.room.presenceAll()), sheds: true})
		}})
	case msg.Type == wire.Command && m.ours:
		return m.command(ctx, msg.Body)
	default:
		return closed(CodeRefused, "message type %d is not for clients", msg.Type)
	}
	return nil
}

// Refuse ends the membership for c, something the far end sent that a well-behaved client does not send, and has it
// recorded. The transport closes by itself.
func (m *Member) Refuse(c *Closed) {
	m.room.post(op{do: func(ctx context.Context) {
		if _, ok := m.room.members[m]; ok {
			m.room.refuse(ctx, m, c)
		}
	}})
}

// admit waits until one more update may wait in the room. It reports false when the room has let go of m.
func (m *Member) admit() bool {
	for {
		m.mu.Lock()
		if m.over {
			m.mu.Unlock()
			return false
		}
		if m.waiting < inFlight {
			m.waiting++
			m.mu.Unlock()
			return true
		}
		stalled := make(chan struct{})
		m.stalled = stalled
		m.mu.Unlock()
		<-stalled
	}
}

// release takes note that n updates no longer wait.
func (m *Member) release(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting = max(0, m.waiting-n)
	m.goOn()
}

// end takes note that the room has let go of m.
func (m *Member) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.over = true
	m.goOn()
}

// goOn has Receive look again. mu is held.
func (m *Member) goOn() {
	if m.stalled != nil {
		close(m.stalled)
		m.stalled = nil
	}
}

// answer tells m what it lacks.
func (r *room) answer(ctx context.Context, m *Member, vector []byte) {
	if _, ok := r.members[m]; !ok {
		return
	}
	m.synced = true
	if len(vector) == 1 && vector[0] == 0 {
		for _, msg := range r.whole() {
			r.deliver(m, msg)
		}
		return
	}
	update, err := r.d.Diff(vector)
	if err != nil {
		r.refuse(ctx, m, closed(CodeRefused, "state vector: %v", err))
		return
	}
	r.deliver(m, &Message{Bytes: wire.AppendSync(nil, wire.Step2, update), seq: r.seq})
}

// Leave ends the membership; the connection is over.
func (m *Member) Leave() {
	m.room.post(op{do: func(ctx context.Context) { m.room.remove(m, nil) }})
}

// remove lets go of m. With c nil the connection is over already.
func (r *room) remove(m *Member, c *Closed) {
	if _, ok := r.members[m]; !ok {
		return
	}
	delete(r.members, m)
	m.end()
	r.h.stats.connections.Add(-1)
	for _, client := range m.leases {
		if r.holders[client] == m {
			delete(r.holders, client)
		}
	}
	r.presenceGone(m)
	if r.people[m.who.ID]--; r.people[m.who.ID] == 0 {
		delete(r.people, m.who.ID)
		if err := r.h.cfg.Witness.Closed(r.h.ctx, m.who, r.doc); err != nil {
			r.h.cfg.Logger.Error("record a departure", "document", r.doc, "error", err)
		}
	}
	if c != nil {
		m.transport.Close(c)
	}
}

// refuse removes m and has it recorded when it did something that a well-behaved client does not do.
func (r *room) refuse(ctx context.Context, m *Member, c *Closed) {
	r.h.stats.refuse(c.Reason)
	r.remove(m, c)
	if c.Code == CodeRestart || c.Code == CodeFrozen {
		return
	}
	r.h.cfg.Logger.Info("update refused", "document", r.doc, "person", m.who.ID, "code", int(c.Code), "detail", c.Detail)
	if err := r.h.cfg.Witness.Refused(ctx, m.who, r.doc, c.Reason); err != nil {
		r.h.cfg.Logger.Error("record a refusal", "document", r.doc, "error", err)
	}
}

// dismiss removes everybody.
func (r *room) dismiss(c *Closed) {
	for m := range r.members {
		r.remove(m, c)
	}
}
