package collab

import (
	"context"
	"slices"

	"spolupis/collab/wire"
)

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

// send queues msg and reports whether the transport must be woken for it. When too much waits, what can be made up for later
// is dropped. ok is false when m does not keep up even so.
func (m *Member) send(msg *Message, queue int) (wake, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.behind && msg.sheds {
		return false, true
	}
	if len(m.queue) > 0 && m.queued+len(msg.Bytes) > queue {
		if !m.shed(msg, queue) {
			return false, false
		}
		if msg.sheds {
			return false, true
		}
	}
	m.queue = append(m.queue, msg)
	m.queued += len(msg.Bytes)
	wake = !m.draining
	m.draining = true
	return wake, true
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
	r.send(m, &Message{Bytes: wire.AppendSync(nil, wire.Update, update), seq: r.seq, sheds: true}, unlimited)
	r.send(m, &Message{Bytes: wire.AppendAwareness(nil, r.presenceAll()), sheds: true}, unlimited)
}

const unlimited = 1<<31 - 1

// deliver sends msg to m, and m away if it does not keep up.
func (r *room) deliver(m *Member, msg *Message) {
	if _, ok := r.members[m]; !ok {
		return
	}
	if !r.send(m, msg, r.h.cfg.Queue) {
		r.remove(m, closed(CodeSlow, "does not read what is sent"))
	}
}

// send queues msg for m, whose transport is woken later: an acknowledgement and the news of the same turn go out in one write.
func (r *room) send(m *Member, msg *Message, queue int) bool {
	wake, ok := m.send(msg, queue)
	if wake {
		r.asleep = append(r.asleep, m)
	}
	return ok
}

// wakeUp wakes the transports of those for whom something was queued.
func (r *room) wakeUp() {
	for _, m := range r.asleep {
		m.transport.Wake()
	}
	clear(r.asleep)
	r.asleep = r.asleep[:0]
}
