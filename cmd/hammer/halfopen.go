package main

import (
	"context"
	"fmt"
	"time"
)

// halfOpen lets the lines of every other official go dead in mid-typing, without a word to either side. The server must notice
// within o.notice and take them off the list of who is there; what they typed into the dead line must arrive once they come back.
func halfOpen(ctx context.Context, o options) (*verdict, error) {
	v := &verdict{Figures: map[string]any{}}
	p := &proxy{nodes: hosts(o)}
	if err := p.listen(); err != nil {
		return nil, err
	}
	defer p.close()
	behind := func(i int) bool { return i%2 == 1 }
	o.front = func(i int) string {
		if behind(i) {
			return p.url()
		}
		return o.nodes[i%len(o.nodes)]
	}
	c, err := gather(ctx, o)
	if err != nil {
		return nil, err
	}
	defer c.disband()
	var slowest time.Duration
	dead := 0
	for n := range o.runs {
		when := fmt.Sprintf("run %d", n+1)
		var cut []*typist
		for i, t := range c.typists {
			if behind(i / len(c.o.documents)) {
				cut = append(cut, t)
				t.Point(`{"cursor":null}`)
			}
		}
		took, err := c.goDead(ctx, p, cut, when, v)
		if err != nil {
			return nil, err
		}
		slowest, dead = max(slowest, took), dead+len(cut)
		for _, doc := range c.o.documents {
			if err := c.inspect(ctx, doc, when, v); err != nil {
				return nil, err
			}
		}
		if err := c.agree(ctx, when, v); err != nil {
			return nil, err
		}
		o.log("%s: %d dead lines, the last noticed after %s", when, len(cut), took.Round(time.Millisecond))
		if len(v.Broken) > 0 {
			break
		}
	}
	v.Figures["dead lines"] = dead
	v.Figures["slowest to notice ms"] = slowest.Milliseconds()
	v.Figures["acknowledged words"] = c.kept()
	return v, nil
}

// goDead lets the lines of cut die while everybody types and returns how long it took until none of them counted as there.
func (c *crew) goDead(ctx context.Context, p *proxy, cut []*typist, when string, v *verdict) (time.Duration, error) {
	look := func(t *typist, there bool, within time.Duration) error {
		watcher, err := c.stranger(ctx, 0, t.room)
		if err != nil {
			return err
		}
		defer watcher.Break()
		ctx, cancel := context.WithTimeout(ctx, within)
		defer cancel()
		return watcher.WaitPresence(ctx, func(states map[uint64]string) bool { _, ok := states[t.Client()]; return ok == there })
	}
	for _, t := range cut {
		if err := look(t, true, 10*time.Second); err != nil {
			return 0, fmt.Errorf("%s: official %d is not seen: %w", when, t.n, err)
		}
	}
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := c.work(working, 0)
	if err := sleep(ctx, 300*time.Millisecond); err != nil {
		stop()
		return 0, err
	}
	began := time.Now()
	p.kill()
	err := sleep(ctx, 300*time.Millisecond) // they type into nothing
	stop()
	if err != nil {
		return 0, err
	}
	for _, t := range cut {
		if err := look(t, false, c.o.notice-time.Since(began)); err != nil {
			v.breach("%s: official %d is still there %s after the line died: %v", when, t.n, time.Since(began).Round(time.Second), err)
		}
	}
	return time.Since(began), nil
}
