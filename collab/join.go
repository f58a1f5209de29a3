package collab

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"spolupis/collab/wire"
	"spolupis/security"
	"spolupis/security/fault"
)

// Join is what a connection brings along.
type Join struct {
	Who       security.Actor
	Ours      bool   // agreed on wire.Subprotocol
	Client    uint64 // the client id that it had before and asks for again; 0: none
	Transport Transport
}

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
	m := &Member{h: h, who: j.Who, id: rand.Text(), ours: j.Ours, transport: j.Transport, right: right, epoch: epoch}
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
		Frozen: r.sealed.Load(), Schema: 2, Epoch: strconv.FormatInt(r.epoch, 10)})
	if err != nil {
		panic(err) // strings, a bool and a number
	}
	return &Message{Bytes: wire.AppendJSON(nil, wire.Hello, b)}
}
