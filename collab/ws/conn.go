package ws

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"spolupis/collab"
	"spolupis/collab/wire"
	"spolupis/security"
	"spolupis/security/fault"

	"github.com/gorilla/websocket"
)

// conn is one connection. One goroutine reads. Nobody stays to write, so an idle connection costs one goroutine: who has
// something to send hands the connection to the Handler's writers, which write as much as the network takes at once. When
// it does not take all, a goroutine of the connection's own waits for it. Either way one at a time writes.
type conn struct {
	h     *Handler
	ws    *websocket.Conn
	doc   collab.DocumentID
	who   security.Actor
	asked uint64    // client id that the browser wants to keep
	heard time.Time // when the other end was last noted to be there; owned by whoever reads

	member *collab.Member  // set before anybody writes
	raw    syscall.RawConn // nil when it cannot be written to without waiting, as under TLS
	left   []byte          // of a frame that is partly written; owned by whoever writes

	mu      sync.Mutex
	writing bool           // guarded by mu; somebody writes or will soon; also before the member is known, and after the last write
	again   bool           // guarded by mu; he must look once more
	frames  [][]byte       // guarded by mu; heartbeats
	pong    []byte         // guarded by mu; the answer to the last ping
	closing *collab.Closed // guarded by mu; say goodbye after what is queued
}

// heartbeat is a ping, which the other end's WebSocket answers, and presence of nobody, which y-websocket takes for a sign
// of life: it does not see pings and reconnects after 30 s without a message.
var heartbeat = append([]byte{0x89, 0}, frame(wire.AppendAwareness(nil, nil))...)

func newConn(h *Handler, ws *websocket.Conn, doc collab.DocumentID, who security.Actor) *conn {
	c := &conn{h: h, ws: ws, doc: doc, who: who, writing: true}
	if s, ok := ws.NetConn().(syscall.Conn); ok {
		c.raw, _ = s.SyscallConn()
	}
	c.alive()
	ws.SetPongHandler(func(string) error { c.alive(); return nil })
	ws.SetPingHandler(func(data string) error { // by the writers: a frame must not come between the halves of another
		c.alive()
		c.kick(func() { c.pong = append(header(0x8a, len(data)), data...) })
		return nil
	})
	return c
}

// alive puts off the moment when the other end counts as gone; not at each message, as it costs half as much as reading one.
func (c *conn) alive() {
	if now := time.Now(); now.Sub(c.heard) > c.h.cfg.Beat/8 {
		c.heard = now
		c.ws.SetReadDeadline(now.Add(3*c.h.cfg.Beat + c.h.cfg.Beat/8))
	}
}

// begin lets the connection into the room. err is what signing in came to. It goes deep, into the database, and ends then: who
// stays is a goroutine with a small stack.
func (c *conn) begin(ctx context.Context, err error) {
	if c.join(ctx, err) {
		go c.serve(ctx)
		return
	}
	c.ws.Close()
	c.h.remove(c)
}

func (c *conn) join(ctx context.Context, err error) bool {
	if err != nil {
		c.refuse(err)
		return false
	}
	m, err := c.h.cfg.Hub.Join(ctx, c.doc, collab.Join{
		Who: c.who, Ours: c.ws.Subprotocol() == wire.Subprotocol, Client: c.asked, Transport: c,
	})
	if err != nil {
		c.refuse(err)
		return false
	}
	c.member = m
	c.h.writers.add(c) // for what was queued meanwhile
	return true
}

// serve reads to the end of the connection.
func (c *conn) serve(ctx context.Context) {
	defer c.h.remove(c)
	defer c.ws.Close()
	defer c.member.Leave()
	if closed := c.read(ctx); closed != nil {
		c.member.Refuse(closed)
		c.Close(closed)
		c.drain()
	}
}

// refuse says why there is no connection to be had.
func (c *conn) refuse(err error) {
	closed, ok := errors.AsType[*collab.Closed](err)
	switch {
	case ok:
	case errors.Is(err, fault.Unauthenticated):
		closed = signIn("not signed in")
	case errors.Is(err, fault.Unavailable):
		closed = &collab.Closed{Code: collab.CodeRestart, Key: "collab.close.4500", Detail: err.Error()}
	default:
		c.h.cfg.Logger.Error("join", "document", c.doc, "error", err)
		closed = &collab.Closed{Code: collab.CodeRestart, Key: "collab.close.4500", Detail: err.Error()}
	}
	c.ws.SetWriteDeadline(time.Now().Add(c.h.cfg.Write))
	reason := c.reason(closed)
	if closed.Code == collab.CodeSignIn || closed.Code == collab.CodeDenied {
		c.ws.NetConn().Write(frame(wire.AppendDenied(nil, reason)))
	}
	c.ws.NetConn().Write(closeFrame(closed.Code, reason))
	c.drain()
}

// drain reads what is still on its way until the other end hangs up, for two seconds: closing at once would throw away the
// goodbye with it.
func (c *conn) drain() {
	defer c.endSoon().Stop()
	for {
		if _, _, err := c.ws.NextReader(); err != nil {
			return
		}
	}
}

// endSoon ends the connection in two seconds, whatever the other end does.
func (c *conn) endSoon() *time.Timer { return time.AfterFunc(2*time.Second, func() { c.ws.Close() }) }

// reason is what the person gets to read; at most what fits into a close frame.
func (c *conn) reason(closed *collab.Closed) string {
	s := c.h.cfg.Text(c.who.Lang, closed.Key)
	for len(s) > 123 {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

// read takes messages until the connection ends, or has to end for the reason returned.
func (c *conn) read(ctx context.Context) *collab.Closed {
	var told time.Time
	pace := bucket{rate: float64(c.h.cfg.Rate), burst: float64(c.h.cfg.Burst), left: float64(c.h.cfg.Burst), at: time.Now()}
	for {
		kind, r, err := c.ws.NextReader()
		if err != nil {
			return nil
		}
		c.alive()
		if kind != websocket.BinaryMessage {
			return refused(collab.CodeRefused, "text message")
		}
		b, err := c.message(r)
		if closed, ok := errors.AsType[*collab.Closed](err); ok {
			return closed
		}
		if err != nil {
			return nil
		}
		if !pace.take(time.Now()) {
			return refused(collab.CodeLimit, "too many messages")
		}
		if wire.IsUpdate(b) && time.Since(told) > time.Minute {
			told = time.Now()
			done := make(chan struct{})
			go func() { // into the database, as begin
				defer close(done)
				c.h.cfg.Active(ctx, c.who)
			}()
			<-done
		}
		if err := c.member.Receive(ctx, b); err != nil {
			closed, ok := errors.AsType[*collab.Closed](err)
			if !ok {
				closed = refused(collab.CodeRestart, err.Error())
			}
			return closed
		}
		c.alive() // Receive may have waited long for the storage
	}
}

func refused(code collab.Code, detail string) *collab.Closed {
	keys := map[collab.Code]string{collab.CodeRefused: "collab.close.4422", collab.CodeLimit: "collab.close.4413", collab.CodeRestart: "collab.close.4500"}
	return &collab.Closed{Code: code, Key: keys[code], Detail: detail}
}

var scratch = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// message reads one message into memory of its own size. Only updates may be as long as a paste.
func (c *conn) message(r io.Reader) ([]byte, error) {
	buf := scratch.Get().(*bytes.Buffer)
	defer func() {
		if buf.Cap() <= 64<<10 {
			buf.Reset()
			scratch.Put(buf)
		}
	}()
	buf.Reset()
	n, err := io.Copy(buf, io.LimitReader(r, int64(c.h.cfg.Paste)+1))
	if err != nil {
		return nil, err
	}
	if n > int64(c.h.cfg.Paste) || n > int64(c.h.cfg.Frame) && buf.Bytes()[0] != byte(wire.Sync) {
		return nil, refused(collab.CodeLimit, "message too long")
	}
	return bytes.Clone(buf.Bytes()), nil
}

// bucket allows rate messages a second in the long run and burst at once.
type bucket struct {
	rate, burst, left float64
	at                time.Time
}

func (b *bucket) take(now time.Time) bool {
	b.left = min(b.burst, b.left+b.rate*now.Sub(b.at).Seconds())
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// Wake implements collab.Transport.
func (c *conn) Wake() { c.kick(func() {}) }

// Close implements collab.Transport: what is queued goes out first, then the reason.
func (c *conn) Close(closed *collab.Closed) {
	c.kick(func() {
		if c.closing == nil {
			c.closing = closed
		}
	})
}

func (c *conn) control(frame []byte) { c.kick(func() { c.frames = append(c.frames, frame) }) }

// kick changes something under mu and sees to it that somebody looks at it and writes.
func (c *conn) kick(change func()) {
	c.mu.Lock()
	change()
	start := !c.writing
	c.writing, c.again = true, !start
	c.mu.Unlock()
	if start {
		c.h.writers.add(c)
	}
}

// writeOn writes what waits for as long as the network takes it at once, and leaves the rest to a goroutine.
func (c *conn) writeOn(scratch []byte) {
	for {
		buffers, closing, more := c.next()
		if len(buffers) > 0 && !c.writeNow(buffers, scratch) {
			go c.finish(buffers, closing)
			return
		}
		if closing {
			c.endSoon()
			return
		}
		if !more {
			return
		}
	}
}

// writeNow writes buffers without waiting. It reports false when they are still to be written, c.left before them: nil when
// nothing of them was, otherwise what is left of all.
func (c *conn) writeNow(buffers net.Buffers, scratch []byte) bool {
	if c.raw == nil {
		return false
	}
	b := buffers[0]
	if len(buffers) > 1 {
		n := 0
		for _, p := range buffers {
			n += len(p)
		}
		if n > cap(scratch) {
			return false
		}
		b = scratch[:0]
		for _, p := range buffers {
			b = append(b, p...)
		}
	}
	n := writeAtOnce(c.raw, b)
	if n == len(b) {
		return true
	}
	if n > 0 {
		c.left = bytes.Clone(b[n:])
	}
	return false
}

// finish writes buffers, of which c.left may be what is left, and then what waits, and waits for the network.
func (c *conn) finish(buffers net.Buffers, closing bool) {
	if c.left != nil {
		buffers, c.left = net.Buffers{c.left}, nil
	}
	for more := true; ; {
		if len(buffers) > 0 {
			nc := c.ws.NetConn()
			nc.SetWriteDeadline(time.Now().Add(c.h.cfg.Write))
			if _, err := buffers.WriteTo(nc); err != nil {
				nc.Close() // the reader notices
				return
			}
		}
		if closing {
			c.endSoon()
			return
		}
		if !more {
			return
		}
		buffers, closing, more = c.next()
	}
}

// next returns the frames to write now, whether the last of them is the goodbye, and whether to come again.
func (c *conn) next() (buffers net.Buffers, closing, more bool) {
	for _, m := range c.member.Take() {
		buffers = append(buffers, m.Framed(frame))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	buffers = append(buffers, c.frames...)
	if c.pong != nil {
		buffers = append(buffers, c.pong)
	}
	c.frames, c.pong = nil, nil
	if len(buffers) > 0 || c.again {
		c.again = false
		return buffers, false, true
	}
	if c.closing != nil {
		return net.Buffers{closeFrame(c.closing.Code, c.reason(c.closing))}, true, false // writing stays set: this was the last
	}
	c.writing = false
	return nil, false, false
}

// frame puts the header of an unfragmented binary message before b.
func frame(b []byte) []byte { return append(header(0x82, len(b)), b...) }

func header(first byte, n int) []byte {
	b := make([]byte, 0, n+10)
	switch b = append(b, first); {
	case n < 126:
		return append(b, byte(n))
	case n < 1<<16:
		return append(b, 126, byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
}

func closeFrame(code collab.Code, reason string) []byte {
	b := header(0x88, 2+len(reason))
	return append(append(b, byte(code>>8), byte(code)), reason...)
}
