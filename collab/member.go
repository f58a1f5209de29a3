package collab

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"spolupis/collab/wire"
	"spolupis/security"
	"spolupis/security/fault"
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

// Join is what a connection brings along.
type Join struct {
	Who       security.Actor
	Ours      bool   // agreed on wire.Subprotocol
	Client    uint64 // the client id that it had before and asks for again; 0: none
	Transport Transport
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
	tokens    chan struct{} // one per update between Receive and the end of its turn
	over      chan struct{} // closed when the room has let go of it

	// owned by the room
	right   Right
	epoch   int64
	synced  bool
	updates uint64 // frames with an update that are durable
	leases  []uint64
	ids     []uint64 // presence

	mu        sync.Mutex
	queue     []*Message // guarded by mu
	queued    int        // guarded by mu; bytes
	draining  bool       // guarded by mu; the transport was woken and has not yet found the queue empty
	behind    bool       // guarded by mu; updates were dropped
	asked     bool       // guarded by mu; a resynchronisation is on its way
	strikes   int        // guarded by mu
	delivered int64      // guarded by mu; the last row handed to the transport
}

// inFlight is how many updates of one connection may wait in the room. When the storage is slow, its reader stops there and
// the network tells the sender.
const inFlight = 32

// maxStrikes is how often a connection may need resynchronising before it is sent away.
const maxStrikes = 5

type hello struct {
	Client string `json:"client"`
	Person Person `json:"person"`
	Right  string `json:"right"`
	Frozen bool   `json:"frozen"`
	Schema int    `json:"schema"`
	Epoch  string `json:"epoch"`
}

// Join lets a connection into the room of doc: looks up the right, records the reading, leases a client id and sends what
// the protocol says goes first. An error that is *Closed says how to close the connection.
func (h *Hub) Join(ctx context.Context, doc DocumentID, j Join) (*Member, error) {
	right, epoch, err := h.cfg.Rights.Right(ctx, j.Who, doc)
	if err != nil && !errors.Is(err, fault.Denied) && !errors.Is(err, fault.NotFound) {
		return nil, fmt.Errorf("join %s: %w", doc, err)
	}
	if err != nil || right == None {
		return nil, closed(CodeDenied, "may not see the document")
	}
	if err := h.cfg.Witness.Opened(ctx, j.Who, doc); err != nil {
		return nil, fmt.Errorf("join %s: record the reading: %w", doc, err)
	}
	m := &Member{h: h, who: j.Who, id: rand.Text(), ours: j.Ours, transport: j.Transport, right: right, epoch: epoch,
		tokens: make(chan struct{}, inFlight), over: make(chan struct{})}
	if m.ours {
		if m.client, err = h.lease(ctx, doc, m, j.Client); err != nil {
			return nil, fmt.Errorf("join %s: %w", doc, err)
		}
	}
	err = h.call(ctx, doc, func(ctx context.Context, r *room) error { return r.join(ctx, m) })
	if err != nil {
		return nil, err
	}
	return m, nil
}

// lease returns the client id for m: the one asked for if it is his and no other window of his is using it, else a new
// one. Who may not edit gets an id for presence only, which is not kept.
func (h *Hub) lease(ctx context.Context, doc DocumentID, m *Member, want uint64) (uint64, error) {
	if m.right < Edit {
		var b [8]byte
		rand.Read(b[:])
		return binary.LittleEndian.Uint64(b[:])>>11 | 1<<32, nil
	}
	if want != 0 && want <= wire.Max {
		err := h.call(ctx, doc, func(_ context.Context, r *room) error {
			if r.holders[want] != nil {
				return ErrFenced
			}
			return nil
		})
		if err == nil {
			_, err = h.cfg.Leases.Hold(ctx, doc, m.who, want, m.id)
		}
		if err == nil {
			return want, nil
		}
		if !errors.Is(err, ErrFenced) && !errors.Is(err, ErrLeased) {
			return 0, err
		}
	}
	return h.cfg.Leases.Hold(ctx, doc, m.who, 0, m.id)
}

// join makes m a member. The log is read up to its end first: m may come from another node and know more than this room.
func (r *room) join(ctx context.Context, m *Member) error {
	if r.people[m.who.ID] >= r.h.cfg.Persons {
		return closed(CodeLimit, "%d connections of one person", r.people[m.who.ID])
	}
	if err := r.catchUp(ctx); err != nil {
		return err
	}
	if r.quit {
		return closed(CodeRestart, "server is shutting down")
	}
	m.room = r
	r.members[m] = struct{}{}
	r.people[m.who.ID]++
	r.h.stats.connections.Add(1)
	if m.ours {
		if m.right == Edit {
			r.owners[m.client] = m.who.ID
			r.holders[m.client] = m
			m.leases = append(m.leases, m.client)
		}
		m.ids = append(m.ids, m.client)
		r.deliver(m, r.hello(m))
	}
	if m.right == Edit && !r.sealed.Load() {
		r.deliver(m, &Message{Bytes: wire.AppendSync(nil, wire.Step1, r.d.StateVector())})
	}
	if ps := r.presenceAll(); len(ps) > 0 {
		r.deliver(m, &Message{Bytes: wire.AppendAwareness(nil, ps)})
	}
	return nil
}

func (r *room) hello(m *Member) *Message {
	b, err := json.Marshal(hello{Client: strconv.FormatUint(m.client, 10), Person: PersonOf(m.who), Right: m.right.String(),
		Frozen: r.sealed.Load(), Schema: 1, Epoch: strconv.FormatInt(r.epoch, 10)})
	if err != nil {
		panic(err) // strings, a bool and a number
	}
	return &Message{Bytes: wire.AppendJSON(nil, wire.Hello, b)}
}

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
		m.room.post(op{do: func(context.Context) { m.room.answer(m, msg.Body) }})
	case msg.Type == wire.Sync:
		select {
		case m.tokens <- struct{}{}:
		case <-m.over:
			return nil
		}
		m.room.post(op{from: m, update: msg.Body})
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

func (m *Member) release(n int) {
	for range n {
		select {
		case <-m.tokens:
		default:
			return
		}
	}
}

// answer tells m what it lacks.
func (r *room) answer(m *Member, vector []byte) {
	if _, ok := r.members[m]; !ok {
		return
	}
	var update []byte
	if len(vector) == 1 && vector[0] == 0 {
		update = r.encoded()
	} else {
		var err error
		if update, err = r.d.Diff(vector); err != nil {
			r.remove(m, closed(CodeRefused, "state vector: %v", err))
			return
		}
	}
	m.synced = true
	r.deliver(m, &Message{Bytes: wire.AppendSync(nil, wire.Step2, update), seq: r.seq})
}

// Take returns the messages that wait, or none when the transport may rest until it is woken again.
func (m *Member) Take() []*Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) == 0 {
		m.draining = false
		if m.behind && !m.asked {
			m.asked = true
			m.room.post(op{do: func(ctx context.Context) { m.room.resync(ctx, m) }})
		}
		return nil
	}
	q := m.queue
	m.queue, m.queued = nil, 0
	for _, msg := range q {
		m.delivered = max(m.delivered, msg.seq)
	}
	return q
}

// send queues msg. When too much waits, what can be made up for later is dropped. It reports false when m does not keep up
// even so.
func (m *Member) send(msg *Message, queue int) bool {
	m.mu.Lock()
	if m.behind && msg.sheds {
		m.mu.Unlock()
		return true
	}
	if len(m.queue) > 0 && m.queued+len(msg.Bytes) > queue {
		if !m.shed(msg, queue) {
			m.mu.Unlock()
			return false
		}
		if msg.sheds {
			m.mu.Unlock()
			return true
		}
	}
	m.queue = append(m.queue, msg)
	m.queued += len(msg.Bytes)
	wake := !m.draining
	m.draining = true
	m.mu.Unlock()
	if wake {
		m.transport.Wake()
	}
	return true
}

// shed drops the updates and presence that wait.
func (m *Member) shed(msg *Message, queue int) bool {
	m.h.stats.shed.Add(1)
	m.behind = true
	m.strikes++
	m.queue = slices.DeleteFunc(m.queue, func(q *Message) bool { return q.sheds })
	m.queued = 0
	for _, q := range m.queue {
		m.queued += len(q.Bytes)
	}
	return m.strikes <= maxStrikes && (msg.sheds || m.queued+len(msg.Bytes) <= queue)
}

// resync gives m the rows that were dropped on the way to it.
func (r *room) resync(ctx context.Context, m *Member) {
	if _, ok := r.members[m]; !ok {
		return
	}
	const most = 2000
	m.mu.Lock()
	from := m.delivered
	m.mu.Unlock()
	update := r.encoded()
	if from > 0 && r.seq-from < most {
		if rows, _, err := r.h.cfg.Log.Since(ctx, r.doc, from, most); err == nil && len(rows) > 0 {
			updates := make([][]byte, len(rows))
			for i, row := range rows {
				updates[i] = row.Update
			}
			if u := merge(updates); u != nil {
				update = u
			}
		}
	}
	m.mu.Lock()
	m.behind, m.asked = false, false
	m.mu.Unlock()
	// Both may go over the limit of the queue: dropping what makes up for a drop would never end.
	m.send(&Message{Bytes: wire.AppendSync(nil, wire.Update, update), seq: r.seq, sheds: true}, unlimited)
	m.send(&Message{Bytes: wire.AppendAwareness(nil, r.presenceAll()), sheds: true}, unlimited)
}

const unlimited = 1<<31 - 1

// deliver sends msg to m, and m away if it does not keep up.
func (r *room) deliver(m *Member, msg *Message) {
	if _, ok := r.members[m]; !ok {
		return
	}
	if !m.send(msg, r.h.cfg.Queue) {
		r.remove(m, closed(CodeSlow, "does not read what is sent"))
	}
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
	close(m.over)
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
	r.h.stats.refused.Add(1)
	r.remove(m, c)
	if c.Code == CodeRestart || c.Code == CodeFrozen {
		return
	}
	r.h.cfg.Logger.Info("update refused", "document", r.doc, "person", m.who.ID, "code", int(c.Code), "detail", c.Detail)
	if err := r.h.cfg.Witness.Refused(ctx, m.who, r.doc, c.Key); err != nil {
		r.h.cfg.Logger.Error("record a refusal", "document", r.doc, "error", err)
	}
}

// dismiss removes everybody.
func (r *room) dismiss(c *Closed) {
	for m := range r.members {
		r.remove(m, c)
	}
}

// recheck looks at the rights of who, or of everybody, again: at the epoch first, which is cheap and moves seldom.
func (r *room) recheck(ctx context.Context, who security.ActorID) {
	epochs := map[security.ActorID]int64{}
	for m := range r.members {
		if who != "" && m.who.ID != who {
			continue
		}
		epoch, ok := epochs[m.who.ID]
		if !ok {
			var err error
			if epoch, err = r.h.cfg.Rights.Epoch(ctx, m.who.ID, r.doc); err != nil {
				r.h.cfg.Logger.Warn("look up rights", "document", r.doc, "error", err)
				return // every update is judged anyway; the next look is soon
			}
			epochs[m.who.ID] = epoch
		}
		if epoch == m.epoch {
			continue
		}
		if c := r.lookUp(ctx, m); c != nil {
			r.remove(m, c)
		}
	}
}

// lookUp refreshes the right of m. It returns how to close the connection when m lost what it had.
func (r *room) lookUp(ctx context.Context, m *Member) *Closed {
	right, epoch, err := r.h.cfg.Rights.Right(ctx, m.who, r.doc)
	if errors.Is(err, fault.Denied) || errors.Is(err, fault.NotFound) {
		right, err = None, nil
	}
	if err != nil {
		r.h.cfg.Logger.Warn("look up rights", "document", r.doc, "error", err)
		return nil // epochs guard the updates; the next look is soon
	}
	had := m.right
	m.right, m.epoch = right, epoch
	if right < had {
		return closed(CodeDenied, "right went from %s to %s", had, right)
	}
	if right > had && m.ours {
		// A client that could not edit has an id that is not leased: it comes back for one.
		return closed(CodeRestart, "right went from %s to %s", had, right)
	}
	return nil
}

// event sends an event to those who understand it.
func (r *room) event(body []byte) {
	msg := &Message{Bytes: wire.AppendJSON(nil, wire.Event, body)}
	for m := range r.members {
		if m.ours {
			r.deliver(m, msg)
		}
	}
}

// flush shows what has become durable, one message for all, and then pauses as the number of members demands: a quiet
// room forwards at once, a crowded one in batches.
func (r *room) flush() {
	if len(r.news) == 0 && len(r.moved) == 0 {
		return
	}
	r.showNews()
	r.showPresence()
	if pause := r.pause(); pause > 0 {
		r.paused = true
		time.AfterFunc(pause, func() { r.post(op{do: func(context.Context) { r.paused = false }}) })
	}
}

// pause is 50 µs for each of more than 30 members, 10 ms at most.
func (r *room) pause() time.Duration {
	n := len(r.members)
	if n <= 30 {
		return 0
	}
	return min(time.Duration(n)*50*time.Microsecond, 10*time.Millisecond)
}

func (r *room) showNews() {
	if len(r.news) == 0 {
		return
	}
	updates := make([][]byte, len(r.news))
	only := r.news[0].by
	for i, n := range r.news {
		updates[i] = n.update
		if n.by != only {
			only = nil
		}
	}
	clear(r.news)
	r.news = r.news[:0]
	if u := merge(updates); u != nil {
		updates = updates[:1]
		updates[0] = u
	}
	for i, u := range updates {
		msg := &Message{Bytes: wire.AppendSync(nil, wire.Update, u), sheds: true}
		if i == len(updates)-1 {
			msg.seq = r.seq
		}
		for m := range r.members {
			if m.synced && m != only {
				r.deliver(m, msg)
			}
		}
	}
}
