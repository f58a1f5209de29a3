package collab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"spolupis/collab/crdt"
	"spolupis/collab/gate"
	"spolupis/security"
	"spolupis/security/fault"
)

// Config says how a Hub works. Log, Leases, Rights, Witness and Now are required; zero numbers take the defaults.
type Config struct {
	Log     Log
	Leases  Leases
	Rights  Rights
	Witness Witness
	Now     func() time.Time

	Fanout   Fanout       // nil: this is the only node
	Commands Commands     // nil: no commands; may be set later by SetCommands
	Logger   *slog.Logger // nil: slog.Default()

	// View makes what the domain above wants to have at hand of an open document, such as its paragraphs, so that it need not
	// go through a copy. It is called when somebody asks for it first; what it returns is called each time somebody
	// asks, and gives a value that may be passed around. Both run in the room, which owns d, hold up everybody
	// there and must not change d. nil: there is no View.
	View func(d *crdt.Doc) func() any

	// Text says a dictionary key in a language, for replies and close reasons; nil: the key itself.
	Text func(lang, key string, args ...any) string

	Poll     time.Duration // how often open rooms look for rows of other nodes; 0: never, right when this is the only node
	Recheck  time.Duration // how often every right is looked up again, should the news of a change be lost; 0: 15 s
	Idle     time.Duration // how long an empty room stays in memory; 0: 30 s
	Queue    int           // bytes waiting for one connection before it is resynchronised; 0: 1 MiB
	Persons  int           // connections of one person to one document; 0: 8
	Snapshot int           // rows after which a snapshot is stored; 0: 500
	Limits   gate.Limits   // of an update; zero fields take the defaults of the gate
	Roots    []string      // root types that clients may write; empty: Root alone
}

func (c *Config) fill() error {
	if c.Log == nil || c.Leases == nil || c.Rights == nil || c.Witness == nil || c.Now == nil {
		return errors.New("collab: Log, Leases, Rights, Witness and Now are required")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Text == nil {
		c.Text = func(_, key string, _ ...any) string { return key }
	}
	if len(c.Roots) == 0 {
		c.Roots = []string{Root}
	}
	c.Recheck = or(c.Recheck, 15*time.Second)
	c.Idle = or(c.Idle, 30*time.Second)
	c.Queue = or(c.Queue, 1<<20)
	c.Persons = or(c.Persons, 8)
	c.Snapshot = or(c.Snapshot, 500)
	return nil
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// Hub holds the rooms of this node. It is safe for concurrent use.
type Hub struct {
	cfg  Config
	node string // random name of this process among the nodes
	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup // rooms

	workers workers // in the rooms

	watching  chan struct{} // closed when watch has ended
	stopWatch context.CancelFunc

	commands atomic.Pointer[Commands]
	replies  replies
	stats    counters

	mu     sync.Mutex
	rooms  map[DocumentID]*room // guarded by mu
	closed bool                 // guarded by mu
	off    func()               // ends the subscription of the hub itself
}

// New returns a running Hub. Close stops it.
func New(cfg Config) (*Hub, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	watchCtx, stopWatch := context.WithCancel(ctx)
	h := &Hub{cfg: cfg, node: rand.Text(), ctx: ctx, stop: stop, workers: workers{ctx: ctx}, rooms: map[DocumentID]*room{}, off: func() {},
		watching: make(chan struct{}), stopWatch: stopWatch}
	if cfg.Commands != nil {
		h.SetCommands(cfg.Commands)
	}
	if cfg.Fanout != nil {
		h.off = cfg.Fanout.Subscribe(rightsTopic, func(m []byte) { h.recheck(security.ActorID(m)) })
	}
	go func() {
		defer close(h.watching)
		h.watch(watchCtx)
	}()
	return h, nil
}

// SetCommands says who carries out commands: the domain above, which itself needs the Hub.
func (h *Hub) SetCommands(c Commands) { h.commands.Store(&c) }

// Close ends every connection with CodeRestart, lets the rooms finish what they are writing and waits for them, for ten
// seconds if the storage is away. What was not acknowledged by then the clients send again when they come back.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.off()
	h.stopWatch()
	<-h.watching
	for _, r := range h.open() {
		r.post(op{do: func(context.Context) {
			r.quit = true
			r.dismiss(closed(CodeRestart, "server is shutting down"))
		}})
	}
	cut := time.AfterFunc(10*time.Second, h.stop)
	defer cut.Stop()
	h.wg.Wait()
	h.stop()
	h.workers.close()
}

// room returns the room of doc, opening it when needed. Loading goes on behind it.
func (h *Hub) room(doc DocumentID) (*room, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, fault.New(fault.Unavailable, "collab.fault.restarting")
	}
	if r, ok := h.rooms[doc]; ok {
		return r, nil
	}
	r := newRoom(h, doc)
	h.rooms[doc] = r
	h.wg.Add(1)
	return r, nil
}

// forget takes r out, if nothing was posted to it meanwhile. After that nobody can find it.
func (h *Hub) forget(r *room) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !r.shut() {
		return false
	}
	delete(h.rooms, r.doc)
	return true
}

func (h *Hub) open() []*room {
	h.mu.Lock()
	defer h.mu.Unlock()
	rooms := make([]*room, 0, len(h.rooms))
	for _, r := range h.rooms {
		rooms = append(rooms, r)
	}
	return rooms
}

// call runs do in the room of doc, after everything posted before it is durable, and waits for it.
func (h *Hub) call(ctx context.Context, doc DocumentID, do func(ctx context.Context, r *room) error) error {
	for {
		r, err := h.room(doc)
		if err != nil {
			return err
		}
		done := make(chan error, 1)
		if !r.post(op{do: func(rctx context.Context) {
			if err := ctx.Err(); err != nil {
				done <- err
				return
			}
			done <- do(rctx, r)
		}, failed: func(err error) {
			select {
			case done <- err:
			default: // it has answered already
			}
		}}) {
			continue // it was evicted between the two calls
		}
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Head returns doc with every update that was acknowledged anywhere before the call.
func (h *Hub) Head(ctx context.Context, doc DocumentID) (Head, error) {
	var head Head
	err := h.call(ctx, doc, func(ctx context.Context, r *room) error {
		if err := r.catchUp(ctx); err != nil {
			return err
		}
		head = r.head()
		return nil
	})
	if err != nil {
		return Head{}, fmt.Errorf("head of %s: %w", doc, err)
	}
	return head.withBody()
}

func (h Head) withBody() (Head, error) {
	h.Body = crdt.New(crdt.Config{})
	if err := h.Body.Apply(h.State); err != nil {
		return Head{}, fmt.Errorf("copy of the body: %w", err)
	}
	return h, nil
}

// Edit lets change work on a copy of doc inside one transaction of the replicated document and, when it returns nil, makes
// its edits part of doc as who's, under a client id leased to who. It returns once they are durable. change runs in the
// room and holds up everybody there: it must not wait, nor call the Hub. An error of change is returned as it is and
// changes nothing. A sealed document gives fault.Conflict. When ctx ends first, the edit may or may not happen. Whether who may
// is the caller's business.
func (h *Hub) Edit(ctx context.Context, who security.Actor, doc DocumentID, change func(d *crdt.Doc) error) (Head, error) {
	var head Head
	err := h.call(ctx, doc, func(ctx context.Context, r *room) (err error) {
		head, err = r.edit(ctx, who, change)
		return err
	})
	if err != nil {
		return Head{}, fmt.Errorf("edit %s: %w", doc, err)
	}
	return head.withBody()
}

// View returns what Config.View keeps of doc, with every update that was acknowledged anywhere before the call.
func (h *Hub) View(ctx context.Context, doc DocumentID) (any, error) {
	var view any
	err := h.call(ctx, doc, func(ctx context.Context, r *room) error {
		if err := r.catchUp(ctx); err != nil {
			return err
		}
		view = r.seen()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("view of %s: %w", doc, err)
	}
	return view, nil
}

// Seal ends editing of doc on all nodes: not one update is stored after what it returns. People may stay and read;
// whoever still sends an update is closed with CodeFrozen. Idempotent.
func (h *Hub) Seal(ctx context.Context, doc DocumentID) (Sealed, error) {
	var sealed Sealed
	err := h.call(ctx, doc, func(ctx context.Context, r *room) error {
		if _, err := h.cfg.Log.Seal(ctx, doc); err != nil {
			return err
		}
		if err := r.catchUp(ctx); err != nil {
			return err
		}
		r.publish(hint{kind: hintState})
		sealed = Sealed{Seq: r.seq, State: r.encoded(), View: r.seen()}
		return nil
	})
	if err != nil {
		return Sealed{}, fmt.Errorf("seal %s: %w", doc, err)
	}
	return sealed, nil
}

// Reopen lets doc be edited again. Idempotent.
func (h *Hub) Reopen(ctx context.Context, doc DocumentID) error {
	err := h.call(ctx, doc, func(ctx context.Context, r *room) error {
		if _, err := h.cfg.Log.Reopen(ctx, doc); err != nil {
			return err
		}
		r.publish(hint{kind: hintState})
		return r.catchUp(ctx)
	})
	if err != nil {
		return fmt.Errorf("reopen %s: %w", doc, err)
	}
	return nil
}

// Push sends event, one JSON object with a "type", to everybody in the room of doc on every node. It does not wait and
// may be lost with the connection or a message between nodes: whoever comes back asks for the whole.
func (h *Hub) Push(_ context.Context, doc DocumentID, event []byte) {
	if h.cfg.Fanout != nil {
		h.cfg.Fanout.Publish(topic(doc), hint{kind: hintEvent, body: event}.encode(h.node))
	}
	h.mu.Lock()
	r := h.rooms[doc]
	h.mu.Unlock()
	if r != nil {
		r.post(op{do: func(context.Context) { r.event(event) }})
	}
}

// Present returns who is in the room of doc now, on any node as far as this one has heard, each once.
func (h *Hub) Present(doc DocumentID) []Person {
	h.mu.Lock()
	r := h.rooms[doc]
	h.mu.Unlock()
	if r == nil {
		return nil
	}
	got := make(chan []Person, 1)
	if !r.post(op{do: func(context.Context) { got <- r.present() }, failed: func(error) { close(got) }}) {
		return nil
	}
	return <-got
}

// Recheck looks up the rights of who ("" for everybody) again, on all nodes, and closes the connections that lost theirs.
// Call it after a right was withdrawn. Updates are refused from the withdrawal on, whether or not it is called.
func (h *Hub) Recheck(who security.ActorID) {
	if h.cfg.Fanout != nil {
		h.cfg.Fanout.Publish(rightsTopic, []byte(who))
	}
	h.recheck(who)
}

func (h *Hub) recheck(who security.ActorID) {
	for _, r := range h.open() {
		r.post(op{do: func(ctx context.Context) { r.recheck(ctx, who) }})
	}
}

// watch looks for what hints should have told.
func (h *Hub) watch(ctx context.Context) {
	poll := make(<-chan time.Time)
	if h.cfg.Poll > 0 {
		t := time.NewTicker(h.cfg.Poll)
		defer t.Stop()
		poll = t.C
	}
	rights := time.NewTicker(h.cfg.Recheck)
	defer rights.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-poll:
			h.lookForNews(ctx)
		case <-rights.C:
			h.recheck("")
		}
	}
}

func (h *Hub) lookForNews(ctx context.Context) {
	rooms := h.open()
	docs := make([]DocumentID, len(rooms))
	for i, r := range rooms {
		docs[i] = r.doc
	}
	if len(docs) == 0 {
		return
	}
	heads, err := h.cfg.Log.Heads(ctx, docs)
	if err != nil {
		h.cfg.Logger.Warn("poll the log for news", "error", err)
		return
	}
	for _, r := range rooms {
		if st, ok := heads[r.doc]; ok && r.behind(st) {
			r.post(op{do: func(ctx context.Context) {
				if err := r.catchUp(ctx); err != nil {
					h.cfg.Logger.Warn("catch up", "document", r.doc, "error", err)
				}
			}})
		}
	}
}
