package collab

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"spolupis/collab/wire"
	"spolupis/security"
	"spolupis/security/fault"
)

// reply is the answer to a command, sent as an event.
type reply struct {
	Type   string          `json:"type"`
	ID     string          `json:"id"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *replyError     `json:"error,omitempty"`
}

type replyError struct {
	Code  string `json:"code"`  // of the kind of fault
	Title string `json:"title"` // a sentence in the person's language
}

// commandTime bounds one command; the connection reads nothing else meanwhile, so commands and updates keep their order.
const commandTime = 30 * time.Second

// command carries out one command and answers it. A command that is no JSON object with an id and a name cannot be
// answered: the connection is closed.
func (m *Member) command(ctx context.Context, body []byte) error {
	var c struct {
		ID   string          `json:"id"`
		Name string          `json:"name"`
		Args json.RawMessage `json:"args"`
	}
	if err := json.Unmarshal(body, &c); err != nil || c.ID == "" || len(c.ID) > 64 || c.Name == "" {
		return closed(CodeRefused, "command without id and name")
	}
	answer := m.h.replies.once(replyKey{m.who.ID, m.room.doc, c.ID}, func() reply {
		ctx, cancel := context.WithTimeout(ctx, commandTime)
		defer cancel()
		return m.h.carryOut(ctx, m.who, m.room.doc, c.ID, c.Name, c.Args)
	})
	b, err := json.Marshal(answer)
	if err != nil {
		return closed(CodeRestart, "answer a command: %v", err)
	}
	msg := &Message{Bytes: wire.AppendJSON(nil, wire.Event, b)}
	m.room.post(op{do: func(context.Context) { m.room.deliver(m, msg) }})
	return nil
}

func (h *Hub) carryOut(ctx context.Context, who security.Actor, doc DocumentID, id, name string, args json.RawMessage) reply {
	err := fault.New(fault.Unavailable, "collab.fault.no_commands")
	var result json.RawMessage
	if c := h.commands.Load(); c != nil {
		result, err = (*c).Command(ctx, who, doc, id, name, args)
	}
	if err == nil {
		if result == nil {
			result = json.RawMessage("null")
		}
		return reply{Type: "reply", ID: id, Result: result}
	}
	f := fault.Of(err)
	if f.Kind == fault.Internal {
		h.cfg.Logger.Error("command", "name", name, "document", doc, "error", err)
	}
	return reply{Type: "reply", ID: id, Error: &replyError{f.Kind.Error(), h.cfg.Text(who.Lang, f.Key, f.Args...)}}
}

type replyKey struct {
	who security.ActorID
	doc DocumentID
	id  string
}

// replies remembers the latest answers, so that a command sent again by a client that lost the connection gets the same
// answer. It saves work only: that a command has one effect is promised by Commands.
type replies struct {
	mu    sync.Mutex
	known map[replyKey]*answer // guarded by mu
	order []replyKey           // guarded by mu; oldest first
}

type answer struct {
	done  chan struct{}
	reply reply
}

const maxReplies = 2000

func (r *replies) once(k replyKey, do func() reply) reply {
	r.mu.Lock()
	if a := r.known[k]; a != nil {
		r.mu.Unlock()
		<-a.done
		return a.reply
	}
	if r.known == nil {
		r.known = map[replyKey]*answer{}
	}
	a := &answer{done: make(chan struct{})}
	r.known[k] = a
	r.order = append(r.order, k)
	if len(r.order) > maxReplies {
		delete(r.known, r.order[0])
		r.order = r.order[1:]
	}
	r.mu.Unlock()
	a.reply = do()
	if a.reply.Error != nil { // a refusal may have passed by the time it is tried again
		r.mu.Lock()
		if r.known[k] == a {
			delete(r.known, k)
		}
		r.mu.Unlock()
	}
	close(a.done)
	return a.reply
}
