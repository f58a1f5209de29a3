package collabbench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"spolupis/collab/wire"

	"github.com/gorilla/websocket"
)

// Messages of Hocuspocus beyond those of y-websocket. In front of each message it puts the document's name.
const (
	hocuspocusAuth   = 2
	hocuspocusReply  = 4 // sync, as an answer
	hocuspocusStatus = 8 // one update was taken
)

// typist is one connection to a document. Its reading goroutine ends with the connection.
type typist struct {
	crowd *crowd
	room  *room
	turn  int // among those of its room
	id    uint64
	ws    *websocket.Conn

	observes bool          // looks at what comes in, once synced; otherwise it is only counted
	synced   chan struct{} // closed when the server's copy has come
	gone     chan struct{} // closed when the connection has ended
	err      error         // why; set before gone is closed
	copy     [][]byte      // updates that together are the server's copy; set before synced is closed

	mu     sync.Mutex // one message at a time is written
	sketch []byte     // guarded by mu; buffer of a message

	clock  uint64         // owned by whoever types: next clock
	sentAt []atomic.Int64 // when each of the last characters was sent, in nanoseconds since the epoch; nil when he never types
	sent   atomic.Int64   // characters typed, the line break not counted
	others atomic.Int64   // updates sent that are no keystrokes
	taken  atomic.Int64   // updates the server has acknowledged
	seen   atomic.Int64   // characters of others that came in
}

// remembered is how many keystrokes a typist remembers the time of.
const remembered = 4096

var dialer = websocket.Dialer{HandshakeTimeout: 60 * time.Second, ReadBufferSize: 4096, WriteBufferSize: 512, WriteBufferPool: &sync.Pool{}}

// dial connects. Whether and when the server's copy comes, synced tells.
func (t *typist) dial(ctx context.Context) error {
	url, header, protocols := t.crowd.site.socket(t.room.document, t.turn)
	d := dialer
	d.Subprotocols = protocols
	ws, resp, err := d.DialContext(ctx, url, header)
	if err != nil {
		close(t.gone)
		if resp != nil {
			err = fmt.Errorf("%w (%s)", err, resp.Status)
		}
		return fmt.Errorf("dial: %w", err)
	}
	t.ws = ws
	if t.crowd.site.hocuspocus {
		t.id = uint64(rand.Uint32())
		hello := append(t.head(nil), hocuspocusAuth, 0)
		t.write(putBytes(hello, "token"))
		t.askState()
	}
	go t.read()
	return nil
}

// head begins a message.
func (t *typist) head(b []byte) []byte {
	if t.crowd.site.hocuspocus {
		b = putBytes(b, t.room.document)
	}
	return b
}

func (t *typist) write(b []byte) error { return t.ws.WriteMessage(websocket.BinaryMessage, b) }

func (t *typist) sync(step wire.Step, body []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sketch = wire.AppendSync(t.head(t.sketch[:0]), step, body)
	return t.write(t.sketch)
}

// askState asks for everything.
func (t *typist) askState() error { return t.sync(wire.Step1, []byte{0}) }

func (t *typist) read() {
	defer close(t.gone)
	var buf bytes.Buffer
	for {
		_, r, err := t.ws.NextReader()
		if err != nil {
			t.err = err
			return
		}
		t.crowd.frames.Add(1)
		if !t.observes && t.isSynced() {
			continue
		}
		buf.Reset()
		if _, err = buf.ReadFrom(r); err == nil {
			err = t.take(buf.Bytes())
		}
		if err != nil {
			t.err = err
			t.ws.Close()
			return
		}
	}
}

func (t *typist) isSynced() bool {
	select {
	case <-t.synced:
		return true
	default:
		return false
	}
}

// take handles one message.
func (t *typist) take(b []byte) error {
	r := reader{b: b}
	if t.crowd.site.hocuspocus {
		r.bytes()
	}
	switch kind := r.uint(); {
	case kind == uint64(wire.Sync), kind == hocuspocusReply && t.crowd.site.hocuspocus:
		step, body := wire.Step(r.uint()), r.bytes()
		if r.bad {
			return wire.ErrMalformed
		}
		return t.takeSync(step, body)
	case kind == uint64(wire.Hello):
		var h struct{ Client string }
		err := json.Unmarshal(r.bytes(), &h)
		if err == nil {
			t.id, err = strconv.ParseUint(h.Client, 10, 64)
		}
		if err != nil {
			return fmt.Errorf("hello: %w", err)
		}
		return t.askState()
	case kind == uint64(wire.Ack):
		t.taken.Store(int64(r.uint()))
	case kind == hocuspocusStatus && t.crowd.site.hocuspocus:
		if r.uint() == 1 {
			t.taken.Add(1)
		}
	case kind == hocuspocusAuth && r.uint() != 2: // 2: welcome
		return fmt.Errorf("refused: %s", r.bytes())
	}
	return nil
}

func (t *typist) takeSync(step wire.Step, body []byte) error {
	switch step {
	case wire.Step1:
		t.others.Add(1)
		return t.sync(wire.Step2, []byte{0, 0})
	case wire.Step2:
		if !t.isSynced() {
			t.copy = append(t.copy, bytes.Clone(body))
			close(t.synced)
		}
		return nil
	}
	if !t.isSynced() { // a part of the copy
		t.copy = append(t.copy, bytes.Clone(body))
		return nil
	}
	if !t.observes || t.crowd.silent {
		return nil
	}
	return typed(body, t.saw)
}

// saw notes that n characters of client, from clock on, have come.
func (t *typist) saw(client, clock uint64, n int) {
	all := t.room.byID.Load()
	if client == t.id || all == nil {
		return
	}
	sender := (*all)[client]
	if sender == nil {
		return
	}
	now, since := time.Now().UnixNano(), t.crowd.since.Load()
	apart := t.crowd.apart && (sender.turn-t.turn)%2 == 0
	for ; n > 0; n, clock = n-1, clock+1 {
		if clock == 0 {
			continue // the line break
		}
		t.seen.Add(1)
		if sent := sender.sentAt[clock%remembered].Load(); since != 0 && sent >= since && !apart {
			t.crowd.late.Load().add(time.Duration(now - sent))
		}
	}
}

// begin writes the typist's line break.
func (t *typist) begin() error {
	t.sentAt = make([]atomic.Int64, remembered)
	t.clock = 1
	t.others.Add(1)
	return t.sync(wire.Update, newLine(nil, t.id))
}

// press types one character.
func (t *typist) press() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var update [40]byte
	t.sketch = wire.AppendSync(t.head(t.sketch[:0]), wire.Update, keystroke(update[:0], t.id, t.clock, "etaoin shrdlu"[t.clock%13]))
	t.sentAt[t.clock%remembered].Store(time.Now().UnixNano())
	if err := t.write(t.sketch); err != nil {
		return err
	}
	t.clock++
	t.sent.Add(1)
	return nil
}

// work types until stop is closed, at the crowd's pace. The times are set beforehand: who could not type in time types later
// and counts as late.
func (t *typist) work(stop <-chan struct{}) {
	next := time.Now().Add(time.Duration(rand.Float64() * float64(t.crowd.gap())))
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	for {
		select {
		case <-stop:
			return
		case <-timer.C:
		}
		if t.crowd.since.Load() != 0 {
			t.crowd.lag.Load().add(time.Since(next))
		}
		if t.press() != nil {
			return // its reader knows why
		}
		next = next.Add(time.Duration((0.8 + 0.4*rand.Float64()) * float64(t.crowd.gap())))
		timer.Reset(time.Until(next))
	}
}

// kept returns how many of its characters the server has acknowledged. The answers come in the order of the updates, and those
// that are no keystrokes were sent before the first keystroke.
func (t *typist) kept() int64 { return max(0, t.taken.Load()-t.others.Load()) }

func (t *typist) close() {
	if t.ws != nil {
		t.ws.NetConn().Close()
		<-t.gone
	}
}
