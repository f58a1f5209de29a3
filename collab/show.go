package collab

import (
	"time"

	"spolupis/collab/wire"
)

// event sends an event to those who understand it.
func (r *room) event(body []byte) {
	msg := &Message{Bytes: wire.AppendJSON(nil, wire.Event, body)}
	for m := range r.members {
		if m.ours {
			r.deliver(m, msg)
		}
	}
}

// flush shows what has become durable, one message for all.
func (r *room) flush() {
	if len(r.news) == 0 && len(r.moved) == 0 {
		return
	}
	r.showNews()
	r.showPresence()
	r.batch = r.pause()
}

// pause is how long after a turn in which something was shown the next one begins, at the earliest and from beginning to
// beginning: 30 µs for each of more than 30 members, 10 ms at most. A quiet room forwards at once. A crowded one does in
// batches, and stores and acknowledges in the same: a keystroke costs it little, a message to everybody much. When a turn
// takes longer than that, it needs no pause.
func (r *room) pause() time.Duration {
	n := len(r.members)
	if n <= 30 {
		return 0
	}
	return min(time.Duration(n)*30*time.Microsecond, 10*time.Millisecond)
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
	defer r.countShown()
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

// countShown counts how long the news took, which are in the queues of everybody now, and forgets them.
func (r *room) countShown() {
	now := time.Now()
	for _, n := range r.news {
		if !n.came.IsZero() {
			r.h.stats.shown.add(now.Sub(n.came))
		}
	}
	clear(r.news)
	r.news = r.news[:0]
}
