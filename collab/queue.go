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
