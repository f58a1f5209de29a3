package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"spolupis/collab/wire"
)

// proxy stands on the loopback between officials and the nodes and spoils the line as its fields say. Set the fields before
// anybody connects.
type proxy struct {
	garble float64     // share of updates that are duplicated, or swapped with the next, or cut off in the middle with the line
	spoils atomic.Bool // garbles only while set
	rate   int         // bytes a second towards officials; 0: as they come
	nodes  []string    // host:port; the first that answers, beginning with another each time

	l     net.Listener
	next  atomic.Int64
	wg    sync.WaitGroup
	mu    sync.Mutex
	lines map[*line]struct{} // guarded by mu

	frames, doubled, swapped, cut atomic.Int64
}

// line is one connection through the proxy.
type line struct {
	client, server net.Conn
	ended          chan struct{}
	once           sync.Once
	dead           atomic.Bool // nothing passes, nobody is told

	mu      sync.Mutex
	sent    []int // guarded by mu; which of the official's updates each forwarded one was
	counted int   // guarded by mu; so many of sent were acknowledged
	have    map[int]bool
	whole   uint64 // guarded by mu; the official's first updates that were acknowledged without a gap
}

// listen opens the proxy on a free port of the loopback.
func (p *proxy) listen() (err error) {
	p.lines = map[*line]struct{}{}
	if p.l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	p.wg.Go(func() {
		for {
			c, err := p.l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(c) })
		}
	})
	return nil
}

func (p *proxy) url() string { return "http://" + p.l.Addr().String() }

// close ends every line and waits.
func (p *proxy) close() {
	p.l.Close()
	p.each(func(l *line) { l.end() })
	p.wg.Wait()
}

// kill makes the lines of now half-open: what comes is swallowed, and neither side hears of it.
func (p *proxy) kill() { p.each(func(l *line) { l.dead.Store(true) }) }

func (p *proxy) each(do func(l *line)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.lines {
		do(l)
	}
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	first := int(p.next.Add(1))
	for i := range p.nodes {
		server, err := net.DialTimeout("tcp", p.nodes[(first+i)%len(p.nodes)], time.Second)
		if err != nil {
			continue
		}
		l := &line{client: client, server: server, ended: make(chan struct{}), have: map[int]bool{}}
		p.mu.Lock()
		p.lines[l] = struct{}{}
		p.mu.Unlock()
		p.run(l)
		p.mu.Lock()
		delete(p.lines, l)
		p.mu.Unlock()
		return
	}
}

func (p *proxy) run(l *line) {
	if p.rate > 0 {
		l.server.(*net.TCPConn).SetReadBuffer(2048)
		l.client.(*net.TCPConn).SetWriteBuffer(2048)
	}
	var wg sync.WaitGroup
	for _, up := range []bool{true, false} {
		wg.Go(func() {
			defer l.end()
			if p.garble > 0 {
				p.spoil(l, up)
			} else {
				p.copy(l, up)
			}
		})
	}
	wg.Wait()
}

func (l *line) end() {
	l.once.Do(func() {
		close(l.ended)
		l.client.Close()
		l.server.Close()
	})
}

func (l *line) ends(up bool) (from, to net.Conn) {
	if up {
		return l.client, l.server
	}
	return l.server, l.client
}

// copy passes bytes on until the line is dead or ended.
func (p *proxy) copy(l *line, up bool) {
	from, to := l.ends(up)
	b := make([]byte, 4096)
	if p.rate > 0 && !up {
		b = b[:max(1, p.rate/20)]
	}
	for {
		n, err := from.Read(b)
		if l.dead.Load() {
			<-l.ended
			return
		}
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
		if p.rate > 0 && !up {
			select {
			case <-time.After(time.Second * time.Duration(n) / time.Duration(p.rate)):
			case <-l.ended:
				return
			}
		}
	}
}

// spoil passes frames on and spoils some that carry an update.
func (p *proxy) spoil(l *line, up bool) {
	from, to := l.ends(up)
	r := bufio.NewReader(from)
	for blank := false; !blank; { // the HTTP part
		s, err := r.ReadString('\n')
		if _, werr := io.WriteString(to, s); err != nil || werr != nil {
			return
		}
		blank = s == "\r\n"
	}
	frames := make(chan frame)
	go func() {
		defer close(frames)
		for {
			f, err := readFrame(r)
			if err != nil {
				return
			}
			select {
			case frames <- f:
			case <-l.ended:
				return
			}
		}
	}()
	var held *frame // goes after the next one, or soon
	for n := 0; ; {
		var soon <-chan time.Time
		if held != nil {
			soon = time.After(30 * time.Millisecond)
		}
		var out []frame
		select {
		case f, ok := <-frames:
			if !ok {
				return
			}
			p.frames.Add(1)
			if f.update() {
				f.n = n
				n++
				switch fate := rand.Float64() / p.garble; {
				case !p.spoils.Load():
				case fate < 0.45:
					p.doubled.Add(1)
					out = append(out, f, f)
				case fate < 0.9 && held == nil:
					p.swapped.Add(1)
					held = &f
					continue
				case fate >= 0.9 && fate < 1:
					p.cut.Add(1)
					to.Write(f.raw[:len(f.raw)/2])
					return
				}
			}
			if out == nil {
				out = append(out, f)
			}
		case <-soon:
		}
		if held != nil {
			out, held = append(out, *held), nil
		}
		for _, f := range out {
			if err := l.pass(to, f, up); err != nil {
				return
			}
		}
	}
}

// pass forwards a frame. Acknowledgements are counts of updates, so they are translated into what the official sent: he must
// not take the second copy of one update for his next.
func (l *line) pass(to net.Conn, f frame, up bool) error {
	l.mu.Lock()
	switch {
	case up && f.update():
		l.sent = append(l.sent, f.n)
	case !up && len(f.body) > 0 && f.body[0] == byte(wire.Ack):
		m, err := wire.Decode(f.body)
		if err == nil {
			for l.counted < len(l.sent) && uint64(l.counted) < m.Count {
				l.have[l.sent[l.counted]] = true
				l.counted++
			}
			for l.have[int(l.whole)] {
				l.whole++
			}
			body := wire.AppendAck(nil, l.whole)
			f.raw = append([]byte{0x82, byte(len(body))}, body...)
		}
	}
	l.mu.Unlock()
	_, err := to.Write(f.raw)
	return err
}

// frame is one WebSocket frame.
type frame struct {
	raw, body []byte // as it came; its payload without the mask
	n         int    // which update of this direction
}

// update reports whether the frame carries a part of the document.
func (f frame) update() bool {
	return f.raw[0] == 0x82 && len(f.body) > 1 && f.body[0] == byte(wire.Sync) && f.body[1] != byte(wire.Step1)
}

func readFrame(r *bufio.Reader) (frame, error) {
	raw := make([]byte, 2, 64)
	if _, err := io.ReadFull(r, raw); err != nil {
		return frame{}, err
	}
	more := func(n int) ([]byte, error) {
		raw = append(raw, make([]byte, n)...)
		_, err := io.ReadFull(r, raw[len(raw)-n:])
		return raw[len(raw)-n:], err
	}
	size := uint64(raw[1] & 0x7f)
	switch size {
	case 126:
		b, err := more(2)
		if err != nil {
			return frame{}, err
		}
		size = uint64(binary.BigEndian.Uint16(b))
	case 127:
		b, err := more(8)
		if err != nil {
			return frame{}, err
		}
		size = binary.BigEndian.Uint64(b)
	}
	var mask []byte
	if raw[1]&0x80 != 0 {
		b, err := more(4)
		if err != nil {
			return frame{}, err
		}
		mask = append(mask, b...)
	}
	if size > 64<<20 {
		return frame{}, io.ErrUnexpectedEOF
	}
	b, err := more(int(size))
	body := append([]byte(nil), b...)
	for i := range mask {
		for j := i; j < len(body); j += 4 {
			body[j] ^= mask[i]
		}
	}
	return frame{raw: raw, body: body}, err
}
