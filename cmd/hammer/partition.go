package main

import (
	"context"
	"net"
	"sync"
	"time"
)

// cable is what a node reaches PostgreSQL or Redis through. While it is cut nothing passes and nobody is told: connections stay
// open, new ones get no answer, and what was on its way arrives later, as TCP sends it again.
type cable struct {
	to string
	l  net.Listener
	wg sync.WaitGroup

	mu     sync.Mutex
	whole  chan struct{}         // guarded by mu; closed while nothing is cut
	ends   map[net.Conn]struct{} // guarded by mu
	closed bool                  // guarded by mu
}

// lay opens a cable on a free port of the loopback.
func lay(to string) (*cable, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &cable{to: to, l: l, whole: make(chan struct{}), ends: map[net.Conn]struct{}{}}
	close(c.whole)
	c.wg.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			c.wg.Go(func() { c.serve(near) })
		}
	})
	return c, nil
}

func (c *cable) addr() string { return c.l.Addr().String() }

// cut lets nothing pass until mend.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.whole:
		c.whole = make(chan struct{})
	default:
	}
}

func (c *cable) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.whole:
	default:
		close(c.whole)
	}
}

// close ends all connections and waits.
func (c *cable) close() {
	c.l.Close()
	c.mend()
	c.mu.Lock()
	c.closed = true
	for e := range c.ends {
		e.Close()
	}
	c.mu.Unlock()
	c.wg.Wait()
}

func (c *cable) wait() {
	c.mu.Lock()
	whole := c.whole
	c.mu.Unlock()
	<-whole
}

// keep remembers a connection so that close ends it; false after close.
func (c *cable) keep(e net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.ends[e] = struct{}{}
	}
	return !c.closed
}

func (c *cable) serve(near net.Conn) {
	defer near.Close()
	if !c.keep(near) {
		return
	}
	c.wait()
	far, err := net.DialTimeout("tcp", c.to, 10*time.Second)
	if err != nil {
		return
	}
	defer far.Close()
	if !c.keep(far) {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { c.pump(near, far) })
	c.pump(far, near)
	wg.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.ends, near)
	delete(c.ends, far)
}

// pump carries bytes one way until either side ends; then it ends both.
func (c *cable) pump(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		c.wait()
		if n > 0 {
			if _, werr := to.Write(b[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// partition cuts one node off for o.pause, by turns from PostgreSQL and Redis, from PostgreSQL alone and from Redis alone. Who is
// cut off from PostgreSQL acknowledges nothing, and the officials of the other node go on: nothing that the lost node holds may
// stop them for long.
func partition(ctx context.Context, o options) (*verdict, error) {
	return disturb(ctx, o, "a node was cut off", false, func(ctx context.Context, c *crew, v *verdict, n int) error {
		lost := n % len(o.office.nodes)
		what, truth := "PostgreSQL and Redis", o.office.truth[lost]
		switch n % 3 {
		case 0:
			o.office.hints[lost].cut()
			truth.cut()
		case 1:
			what = "PostgreSQL"
			truth.cut()
		case 2:
			what = "Redis"
			o.office.hints[lost].cut()
		}
		defer o.office.hints[lost].mend()
		defer truth.mend()
		if err := sleep(ctx, settling); err != nil {
			return err
		}
		before := c.keptByNode()
		if err := sleep(ctx, o.pause); err != nil {
			return err
		}
		for node, kept := range c.keptByNode() {
			switch more := kept - before[node]; {
			case node == lost && n%3 != 2 && more > 0:
				v.breach("run %d: node %d acknowledged %d words while it was cut off from %s", n+1, node, more, what)
			case (node != lost || n%3 == 2) && more == 0:
				v.breach("run %d: node %d acknowledged nothing while node %d was cut off from %s", n+1, node, lost, what)
			}
		}
		return nil
	})
}

// settling is how long a node that was cut off may hold up another one: by the lock of a row that it was about to write.
const settling = 13 * time.Second

// keptByNode is how many words each node acknowledged to its officials.
func (c *crew) keptByNode() []int {
	by := make([]int, len(c.o.nodes))
	for _, t := range c.typists {
		kept, _ := t.kept()
		by[t.turn%len(by)] += kept
	}
	return by
}
