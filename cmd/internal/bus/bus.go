// Package bus carries hints between the nodes of one service: "document d has a new row", "the journal is at N", "rights of p
// changed". Nothing depends on a hint: whoever misses one finds the truth in the database a moment later.
//
// There are two: Memory for a single process, or several of its parts, and Redis publish/subscribe for many processes. Both
// implement collab.Fanout.
package bus

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"spolupis/collab"

	"github.com/redis/go-redis/v9"
)

var (
	_ collab.Fanout = (*Memory)(nil)
	_ collab.Fanout = (*Redis)(nil)
)

// subscribers is who listens to what in this process.
type subscribers struct {
	mu   sync.Mutex
	on   map[string]map[int]func([]byte) // guarded by mu
	next int                             // guarded by mu
}

// add returns the key to remove f with, and whether it is the first on topic.
func (s *subscribers) add(topic string, f func([]byte)) (key int, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on == nil {
		s.on = map[string]map[int]func([]byte){}
	}
	if first = s.on[topic] == nil; first {
		s.on[topic] = map[int]func([]byte){}
	}
	s.next++
	s.on[topic][s.next] = f
	return s.next, first
}

func (s *subscribers) remove(topic string, key int) (last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.on[topic], key)
	if len(s.on[topic]) == 0 {
		delete(s.on, topic)
		return true
	}
	return false
}

func (s *subscribers) tell(topic string, message []byte) {
	s.mu.Lock()
	fs := make([]func([]byte), 0, len(s.on[topic]))
	for _, f := range s.on[topic] {
		fs = append(fs, f)
	}
	s.mu.Unlock()
	for _, f := range fs {
		f(message)
	}
}

// Memory is a bus within one process. Its zero value is ready.
type Memory struct{ subscribers subscribers }

// Publish hands message to every subscriber of topic before it returns.
func (m *Memory) Publish(topic string, message []byte) { m.subscribers.tell(topic, message) }

// Subscribe implements collab.Fanout.
func (m *Memory) Subscribe(topic string, receive func([]byte)) (cancel func()) {
	key, _ := m.subscribers.add(topic, receive)
	return sync.OnceFunc(func() { m.subscribers.remove(topic, key) })
}

// Redis is a bus through a Redis server. While the server is away messages are dropped; the client comes back by itself.
type Redis struct {
	client      *redis.Client
	pubsub      *redis.PubSub
	logger      *slog.Logger
	subscribers subscribers
	outbox      chan message
	ctx         context.Context
	stop        context.CancelFunc
	wg          sync.WaitGroup

	mu      sync.Mutex
	changes []change      // guarded by mu; subscriptions that the server has not been told of, oldest first
	changed chan struct{} // there are some
}

// change is a topic that somebody here begins or stops to listen to.
type change struct {
	topic string
	on    bool
}

type message struct {
	topic string
	body  []byte
}

// waiting is how many messages may wait for Redis before they are dropped; a hint that is late is worth nothing.
const waiting = 4096

// prefix keeps our topics apart from what else may be on the server.
const prefix = "spolupis."

// NewRedis connects to url, redis://[user:password@]host:port[/n]. It fails on a malformed URL only: a server that is away
// now may come later.
func NewRedis(url string, logger *slog.Logger) (*Redis, error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	if logger == nil {
		logger = slog.Default()
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &Redis{client: redis.NewClient(o), logger: logger, outbox: make(chan message, waiting), ctx: ctx, stop: stop,
		changed: make(chan struct{}, 1)}
	r.pubsub = r.client.Subscribe(ctx)
	r.wg.Go(r.follow)
	r.wg.Go(r.send)
	r.wg.Go(r.receive)
	return r, nil
}

// Close disconnects.
func (r *Redis) Close() error {
	r.stop()
	err := r.pubsub.Close()
	r.wg.Wait()
	if e := r.client.Close(); err == nil {
		err = e
	}
	return err
}

// Publish implements collab.Fanout: it drops the message when Redis does not keep up.
func (r *Redis) Publish(topic string, body []byte) {
	select {
	case r.outbox <- message{topic, body}:
	default:
	}
}

// send publishes in order, what is waiting in one round trip.
func (r *Redis) send() {
	const most = 256
	for {
		var first message
		select {
		case <-r.ctx.Done():
			return
		case first = <-r.outbox:
		}
		p := r.client.Pipeline()
		p.Publish(r.ctx, prefix+first.topic, first.body)
		for n := 1; n < most && len(r.outbox) > 0; n++ {
			m := <-r.outbox
			p.Publish(r.ctx, prefix+m.topic, m.body)
		}
		if _, err := p.Exec(r.ctx); err != nil && r.ctx.Err() == nil {
			r.logger.Warn("hints to other nodes are lost", "error", err)
		}
	}
}

func (r *Redis) receive() {
	for m := range r.pubsub.Channel(redis.WithChannelSize(waiting)) {
		r.subscribers.tell(m.Channel[len(prefix):], []byte(m.Payload))
	}
}

// Subscribe implements collab.Fanout. It does not wait for the server: the subscription is on its way when it returns.
func (r *Redis) Subscribe(topic string, receive func([]byte)) (cancel func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key, first := r.subscribers.add(topic, receive)
	if first {
		r.change(topic, true)
	}
	return sync.OnceFunc(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.subscribers.remove(topic, key) {
			r.change(topic, false)
		}
	})
}

// change queues a change. mu is held, so that changes stand in the order in which they happened.
func (r *Redis) change(topic string, on bool) {
	r.changes = append(r.changes, change{topic, on})
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// follow tells the server what is listened to here. Telling may fail while the server is away: the client remembers the
// subscriptions and makes them again when it is back.
func (r *Redis) follow() {
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-r.changed:
		}
		r.mu.Lock()
		changes := r.changes
		r.changes = nil
		r.mu.Unlock()
		for _, c := range changes {
			tell := r.pubsub.Unsubscribe
			if c.on {
				tell = r.pubsub.Subscribe
			}
			if err := tell(r.ctx, prefix+c.topic); err != nil && r.ctx.Err() == nil {
				r.logger.Warn("subscribe at Redis", "topic", c.topic, "on", c.on, "error", err)
			}
		}
	}
}
