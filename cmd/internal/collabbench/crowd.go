package collabbench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// crowd is everybody who is connected to a site for one measurement.
type crowd struct {
	site    *site
	rooms   []*room
	typists []*typist
	apart   bool // measure only what comes from another node
	silent  bool // nobody looks at updates

	late   atomic.Pointer[histogram] // from a keystroke to each observer who has it
	lag    atomic.Pointer[histogram] // from when a keystroke was due to when it was typed
	since  atomic.Int64              // keystrokes typed from then on are measured, in nanoseconds since the epoch; 0: none
	pace   atomic.Uint64             // keystrokes a second of one typist, as the bits of a float64
	frames atomic.Int64              // messages received
}

// room is one document and who is in it.
type room struct {
	document string
	typists  []*typist
	byID     atomic.Pointer[map[uint64]*typist] // nil until everybody is in
}

// gather makes a crowd of so many clients in each of the first so many documents, to be connected. At most observers of them
// look at what comes in.
func gather(s *site, documents, clients, observers int) *crowd {
	c := &crowd{site: s}
	c.late.Store(new(histogram))
	c.lag.Store(new(histogram))
	for _, d := range s.documents[:documents] {
		c.rooms = append(c.rooms, &room{document: d})
	}
	for turn := range clients {
		for _, r := range c.rooms {
			t := &typist{crowd: c, room: r, turn: turn, observes: len(c.typists) < observers,
				synced: make(chan struct{}), gone: make(chan struct{})}
			r.typists = append(r.typists, t)
			c.typists = append(c.typists, t)
		}
	}
	return c
}

// behind says that so many others are in each room already: who comes is another person.
func (c *crowd) behind(others int) {
	for _, t := range c.typists {
		t.turn += others
	}
}

// connect connects everybody, so many at a time, and waits until all have the server's copy.
func (c *crowd) connect(ctx context.Context, atOnce int) error {
	errs := make(chan error, len(c.typists))
	var wg sync.WaitGroup
	turn := make(chan struct{}, atOnce)
	for _, t := range c.typists {
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			if err := t.join(ctx); err != nil {
				errs <- fmt.Errorf("client %d of %s: %w", t.turn, t.room.document, err)
			}
		})
	}
	wg.Wait()
	close(errs)
	err := <-errs
	if n := len(errs); n > 0 {
		err = fmt.Errorf("%w (and %d more)", err, n)
	}
	return err
}

// join connects and waits for the server's copy.
func (t *typist) join(ctx context.Context) error {
	if err := t.dial(ctx); err != nil {
		return err
	}
	select {
	case <-t.synced:
		return nil
	case <-t.gone:
		return fmt.Errorf("closed before the server's copy came: %w", t.err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// start has everybody type at rate until the function returned is called.
func (c *crowd) start(rate float64) (stop func(), err error) {
	c.setPace(rate)
	for _, r := range c.rooms {
		all := make(map[uint64]*typist, len(r.typists))
		for _, t := range r.typists {
			all[t.id] = t
			if err := t.begin(); err != nil {
				return nil, err
			}
		}
		r.byID.Store(&all)
	}
	end := make(chan struct{})
	var wg sync.WaitGroup
	for _, t := range c.typists {
		wg.Go(func() { t.work(end) })
	}
	return sync.OnceFunc(func() { close(end); wg.Wait() }), nil
}

func (c *crowd) setPace(rate float64) { c.pace.Store(math.Float64bits(rate)) }

func (c *crowd) gap() time.Duration {
	return time.Duration(float64(time.Second) / math.Float64frombits(c.pace.Load()))
}

// measurement is what happened in a stretch of time.
type measurement struct {
	seconds   float64
	clients   int // in each document
	updates   float64
	delivered float64 // updates that came to observers, as if all observed
	cpu       time.Duration
	memory    int64 // at the end
	late, lag *histogram
}

func (m measurement) perUpdate() float64   { return m.cpu.Seconds() * 1e6 / m.updates }
func (m measurement) perDelivery() float64 { return m.perUpdate() / float64(max(1, m.clients-1)) }

// measure lets the crowd go on for as long and says what happened.
func (c *crowd) measure(ctx context.Context, d time.Duration) (measurement, error) {
	m := measurement{clients: len(c.rooms[0].typists), late: new(histogram), lag: new(histogram)}
	c.late.Store(m.late)
	c.lag.Store(m.lag)
	began := time.Now()
	c.since.Store(began.UnixNano())
	before, typed := c.site.usage(), c.typed()
	if err := sleep(ctx, d); err != nil {
		return m, err
	}
	after := c.site.usage()
	m.updates, m.seconds = float64(c.typed()-typed), time.Since(began).Seconds()
	m.cpu, m.memory = after.cpu-before.cpu, after.memory
	observers := 0
	for _, t := range c.typists {
		if t.observes {
			observers++
		}
	}
	m.delivered = float64(m.late.n.Load()) * float64(len(c.typists)) / float64(max(1, observers))
	if m.updates == 0 {
		return m, errors.New("nobody could type")
	}
	return m, c.alive()
}

func (c *crowd) typed() (n int64) {
	for _, t := range c.typists {
		n += t.sent.Load()
	}
	return n
}

// alive returns why a connection has ended that nobody here has closed.
func (c *crowd) alive() error {
	for _, t := range c.typists {
		select {
		case <-t.gone:
			return fmt.Errorf("client %d of %s was cut off: %w", t.turn, t.room.document, t.err)
		default:
		}
	}
	return nil
}

// settled waits until every observer has everything that the others in its room have typed: a server that loses or drops
// updates must not look fast.
func (c *crowd) settled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for _, t := range c.typists {
		for t.observes {
			var all int64
			for _, other := range t.room.typists {
				if other != t {
					all += other.sent.Load()
				}
			}
			if t.seen.Load() >= all {
				break
			}
			if err := c.alive(); err != nil {
				return err
			}
			if sleep(ctx, 10*time.Millisecond) != nil {
				return fmt.Errorf("client %d of %s never got %d of %d characters", t.turn, t.room.document, all-t.seen.Load(), all)
			}
		}
	}
	return nil
}

func (c *crowd) close() {
	for _, t := range c.typists {
		t.close()
	}
}
