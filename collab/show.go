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
	r.rest = r.pause()
}

// pause is how long the next turn waits after something was shown: 20 µs for each of more than 30 members, 10 ms at most. A
// quiet room forwards at once. A crowded one does in batches, and stores and acknowledges in the same: each goes to so many
// that a keystroke costs little, and what it costs to begin a batch, much.
func (r *room) pause() time.Duration {
	n := len(r.members)
	if n <= 30 {
		return 0
	}
	return min(time.Duration(n)*20*time.Microsecond, 10*time.Millisecond)
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
