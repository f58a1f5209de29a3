package collab

import "spolupis/collab/wire"

// copies are the messages with the whole document for those who come in with nothing. Many may come at once while others
// write: one copy, and what has been written since, serve all of them for a while. What has been written since comes first: it waits
// in the client for what it builds on, and when the answer to his first step is there, so is all that was acknowledged before.
type copies struct {
	base  *Message // answer with the document at some place of its log; nil when nobody came lately
	since [][]byte // what was applied after it
	bytes int      // of since
	tail  *Message // since as one update; nil when there is none or it is not made yet
}

// From how much on what has been written since is no longer sent with a copy, but a new copy made: of a short document at once.
const (
	mostSince      = 100
	mostSinceBytes = 32 << 10
	mostSinceShare = 8 // this part of the copy
)

// changed takes note that update was applied to the document.
func (r *room) changed(update []byte) {
	r.full = nil
	c := &r.copy
	if c.base == nil {
		return
	}
	c.since, c.tail = append(c.since, update), nil
	if c.bytes += len(update); len(c.since) > mostSince || c.bytes > min(mostSinceBytes, len(c.base.Bytes)/mostSinceShare) {
		*c = copies{}
	}
}

// whole returns the messages that together hold the whole document, to be sent in this order.
func (r *room) whole() []*Message {
	c := &r.copy
	if len(c.since) > 0 && c.tail == nil {
		if u := merge(c.since); u != nil {
			c.tail = &Message{Bytes: wire.AppendSync(nil, wire.Update, u), seq: r.seq}
		} else {
			*c = copies{}
		}
	}
	if c.base == nil {
		full := r.encoded()
		b := wire.AppendSync(nil, wire.Step2, full)
		c.base = &Message{Bytes: b, seq: r.seq}
		r.full = b[len(b)-len(full):] // the same bytes, once
	}
	if c.tail == nil {
		return []*Message{c.base}
	}
	return []*Message{c.tail, c.base}
}
