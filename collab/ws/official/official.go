// Package official is a simulated official: a real WebSocket, the real replicated document, somebody who types. Tests of the
// live server and cmd/hammer use it to look at the server from outside.
package official

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"spolupis/collab"
	"spolupis/collab/crdt"
	"spolupis/collab/wire"

	"github.com/gorilla/websocket"
)

// Config says where an official works and how he signs in.
type Config struct {
	URL    string      // ws://host/collab/{document}
	Header http.Header // cookies and origin, or a bearer token
	Plain  bool        // speak plain y-websocket: no acknowledgements, own client id
	Client uint64      // the client id of a plain client
}

// Hello is what the server says first.
type Hello struct {
	Client string        `json:"client"`
	Person collab.Person `json:"person"`
	Right  string        `json:"right"`
	Frozen bool          `json:"frozen"`
	Schema int           `json:"schema"`
	Epoch  string        `json:"epoch"`
}

// Official is one client with its copy of the document, which survives reconnections. It is safe for concurrent use.
type Official struct {
	cfg Config

	mu       sync.Mutex
	changed  chan struct{} // guarded by mu; closed and replaced at every change
	doc      *crdt.Doc     // guarded by mu
	hello    *Hello        // guarded by mu
	ws       *websocket.Conn
	session  int               // guarded by mu; grows with each connection
	synced   bool              // guarded by mu; step 2 of this connection has come
	clocks   []uint32          // guarded by mu; own clock after each update sent on this connection
	acked    uint32            // guarded by mu; own clock up to which the server acknowledged, over all connections
	err      error             // guarded by mu; why the connection ended
	events   []json.RawMessage // guarded by mu
	presence map[uint64]string // guarded by mu; states of others
	awClock  uint64            // guarded by mu
	stalled  bool              // guarded by mu; does not read
	cursor   *crdt.RelativePosition
}

// Dial connects a new official and waits for the server's copy of the document.
func Dial(ctx context.Context, cfg Config) (*Official, error) {
	o := &Official{cfg: cfg, changed: make(chan struct{}), doc: crdt.New(crdt.Config{Client: cfg.Client}), presence: map[uint64]string{}}
	if err := o.Reconnect(ctx); err != nil {
		return nil, err
	}
	return o, nil
}

// Reconnect connects anew with the same copy of the document, and the same client id if the server agrees, and waits until
// the server's copy has come. What was typed meanwhile is sent as soon as the server asks.
func (o *Official) Reconnect(ctx context.Context) error {
	u, err := url.Parse(o.cfg.URL)
	if err != nil {
		return err
	}
	o.mu.Lock()
	if o.hello != nil {
		q := u.Query()
		q.Set("client", o.hello.Client)
		u.RawQuery = q.Encode()
	}
	o.mu.Unlock()
	d := websocket.Dialer{HandshakeTimeout: 10 * time.Second}
	if !o.cfg.Plain {
		d.Subprotocols = []string{wire.Subprotocol}
	}
	ws, resp, err := d.DialContext(ctx, u.String(), o.cfg.Header)
	if err != nil {
		if resp != nil {
			return fmt.Errorf("dial: %w (%s)", err, resp.Status)
		}
		return fmt.Errorf("dial: %w", err)
	}
	o.mu.Lock()
	o.ws, o.synced, o.clocks, o.err = ws, false, nil, nil
	o.session++
	session := o.session
	if o.cfg.Plain {
		o.send(wire.AppendSync(nil, wire.Step1, o.doc.StateVector()))
	}
	o.mu.Unlock()
	go o.read(ws, session)
	return o.Wait(ctx, func() bool { return o.synced })
}

// read owns the reading side of one connection.
func (o *Official) read(ws *websocket.Conn, session int) {
	for {
		_, b, err := ws.ReadMessage()
		o.mu.Lock()
		for o.stalled && o.session == session {
			wait := o.changed
			o.mu.Unlock()
			<-wait
			o.mu.Lock()
		}
		if o.session != session {
			o.mu.Unlock()
			return
		}
		if err == nil {
			err = o.take(b)
		}
		if err != nil {
			o.err = err
			ws.Close()
		}
		o.notify()
		o.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// notify wakes those who Wait. mu is held.
func (o *Official) notify() {
	close(o.changed)
	o.changed = make(chan struct{})
}

// take handles one message. mu is held.
func (o *Official) take(b []byte) error {
	m, err := wire.Decode(b)
	if err != nil {
		return fmt.Errorf("from the server: %w", err)
	}
	switch m.Type {
	case wire.Hello:
		var h Hello
		if err := json.Unmarshal(m.Body, &h); err != nil {
			return fmt.Errorf("hello: %w", err)
		}
		id, err := strconv.ParseUint(h.Client, 10, 64)
		if err != nil {
			return fmt.Errorf("hello: %w", err)
		}
		o.hello = &h
		if o.doc.Client() != id {
			o.acked = 0
		}
		o.doc.SetClient(id)
		o.send(wire.AppendSync(nil, wire.Step1, o.doc.StateVector()))
	case wire.Sync:
		return o.takeSync(m)
	case wire.Awareness:
		for _, p := range m.Presence {
			if p.Gone() {
				delete(o.presence, p.Client)
			} else {
				o.presence[p.Client] = string(p.State)
			}
		}
	case wire.Ack:
		if m.Count > uint64(len(o.clocks)) {
			return fmt.Errorf("acknowledged %d of %d", m.Count, len(o.clocks))
		}
		if m.Count > 0 {
			o.acked = max(o.acked, o.clocks[m.Count-1])
		}
	case wire.Event:
		o.events = append(o.events, append(json.RawMessage(nil), m.Body...))
	}
	return nil
}

func (o *Official) takeSync(m wire.Message) error {
	if m.Step == wire.Step1 {
		diff, err := o.doc.Diff(m.Body)
		if err != nil {
			return fmt.Errorf("state vector: %w", err)
		}
		o.sendUpdate(wire.Step2, diff)
		return nil
	}
	if m.Step == wire.Step2 {
		o.synced = true
	}
	if err := o.doc.Apply(m.Body); err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	return nil
}

// sendUpdate sends an update and notes which own clock it covers. mu is held.
func (o *Official) sendUpdate(step wire.Step, u []byte) {
	o.clocks = append(o.clocks, o.doc.Clock(o.doc.Client()))
	o.send(wire.AppendSync(nil, step, u))
}

// send writes a message; trouble shows at the reading side. mu is held.
func (o *Official) send(b []byte) {
	o.ws.SetWriteDeadline(time.Now().Add(10 * time.Second))
	if err := o.ws.WriteMessage(websocket.BinaryMessage, b); err != nil {
		o.ws.Close()
	}
}

// Send sends raw bytes as one message: what a broken or hostile client might.
func (o *Official) Send(b []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.send(b)
}

// SendText sends a text message, which the protocol does not have.
func (o *Official) SendText(s string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ws.WriteMessage(websocket.TextMessage, []byte(s))
}

// SendUpdate sends an update that is not applied here.
func (o *Official) SendUpdate(u []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sendUpdate(wire.Update, u)
}

// Edit changes the document here and sends the change.
func (o *Official) Edit(change func(d *crdt.Doc)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if u := o.doc.Transact(func() { change(o.doc) }); u != nil {
		o.sendUpdate(wire.Update, u)
	}
}

// Type types s where this official typed last, at the end of the body the first time.
func (o *Official) Type(s string) {
	o.Edit(func(d *crdt.Doc) {
		text := d.Text(collab.Root)
		at := text.Len()
		if o.cursor != nil {
			if i, ok := d.Index(*o.cursor); ok {
				at = i
			}
		}
		text.Insert(at, s, nil)
		p := text.RelativePosition(at+crdtLen(s), -1)
		o.cursor = &p
	})
}

func crdtLen(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}

// Point tells the others where this official is; state is the JSON of his presence.
func (o *Official) Point(state string) { o.PointAs(o.Client(), state) }

// PointAs tells the presence of a client, as only that client should.
func (o *Official) PointAs(client uint64, state string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.awClock++
	o.send(wire.AppendAwareness(nil, []wire.Presence{{Client: client, Clock: o.awClock, State: []byte(state)}}))
}

// Command sends a command.
func (o *Official) Command(id, name, args string) {
	o.Send(wire.AppendJSON(nil, wire.Command, fmt.Appendf(nil, `{"id":%q,"name":%q,"args":%s}`, id, name, args)))
}

// Wait blocks until ok holds; it is asked, with the official locked, after every message. It fails when the connection
// ends or ctx does.
func (o *Official) Wait(ctx context.Context, ok func() bool) error {
	for {
		o.mu.Lock()
		done, err, changed := ok(), o.err, o.changed
		o.mu.Unlock()
		switch {
		case done:
			return nil
		case err != nil:
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// WaitText waits until the body satisfies ok.
func (o *Official) WaitText(ctx context.Context, ok func(body string) bool) error {
	return o.Wait(ctx, func() bool { return ok(o.doc.Text(collab.Root).String()) })
}

// WaitAcked waits until everything typed here is acknowledged.
func (o *Official) WaitAcked(ctx context.Context) error {
	return o.Wait(ctx, func() bool { return o.acked >= o.doc.Clock(o.doc.Client()) })
}

// WaitEvent waits until an event satisfies ok.
func (o *Official) WaitEvent(ctx context.Context, ok func(event string) bool) error {
	return o.Wait(ctx, func() bool {
		for _, e := range o.events {
			if ok(string(e)) {
				return true
			}
		}
		return false
	})
}

// WaitPresence waits until the presence of others satisfies ok.
func (o *Official) WaitPresence(ctx context.Context, ok func(states map[uint64]string) bool) error {
	return o.Wait(ctx, func() bool { return ok(o.presence) })
}

// WaitClosed waits until the server closes the connection and returns its code and reason, 0 when it just broke.
func (o *Official) WaitClosed(ctx context.Context) (collab.Code, string, error) {
	err := o.Wait(ctx, func() bool { return o.err != nil })
	if err != nil && ctx.Err() != nil {
		return 0, "", ctx.Err()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if c, ok := errors.AsType[*websocket.CloseError](o.err); ok {
		return collab.Code(c.Code), c.Text, nil
	}
	return 0, "", nil
}

// Text returns the body as this official sees it.
func (o *Official) Text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.doc.Text(collab.Root).String()
}

// State returns this copy of the document, encoded.
func (o *Official) State() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.doc.Encode()
}

// Client returns the client id in use.
func (o *Official) Client() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.doc.Client()
}

// Clock returns how much this official has written, in UTF-16 units and other items.
func (o *Official) Clock() uint32 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.doc.Clock(o.doc.Client())
}

// ClockOf returns how much of what client wrote this official has.
func (o *Official) ClockOf(client uint64) uint32 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.doc.Clock(client)
}

// Acked returns how much of it was acknowledged.
func (o *Official) Acked() uint32 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.acked
}

// Hello returns what the server said first; nil for a plain client.
func (o *Official) Hello() *Hello {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.hello
}

// Stall stops reading, as a sleeping laptop does, until it is called with false.
func (o *Official) Stall(on bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stalled = on
	o.notify()
}

// Break cuts the connection without a goodbye.
func (o *Official) Break() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.session++ // its reader no longer counts
	o.err = errors.New("connection cut")
	o.ws.NetConn().Close()
	o.notify()
}
