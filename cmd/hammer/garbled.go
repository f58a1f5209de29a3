package main

import (
	"context"
	"fmt"
	"net/url"
	"time"
)

// garbled puts everybody behind a proxy that sends updates twice, swaps them with the next, and cuts lines in the middle of a
// frame, in both directions. TCP does none of the first two, but whoever relays a WebSocket may. Each run lasts two seconds
// of typing; officials also go offline. After it the proxy behaves and all must be equal.
func garbled(ctx context.Context, o options) (*verdict, error) {
	v := &verdict{Figures: map[string]any{}}
	p := &proxy{garble: 0.05, nodes: hosts(o)}
	if err := p.listen(); err != nil {
		return nil, err
	}
	defer p.close()
	o.front = func(int) string { return p.url() }
	c, err := gather(ctx, o)
	if err != nil {
		return nil, err
	}
	defer c.disband()
	for n := range o.runs {
		p.spoils.Store(true)
		stop := c.work(ctx, time.Second)
		err := sleep(ctx, 2*time.Second)
		stop()
		p.spoils.Store(false)
		if err != nil {
			return nil, err
		}
		if err := c.agree(ctx, fmt.Sprintf("run %d", n+1), v); err != nil {
			return nil, err
		}
		o.log("run %2d: %d words acknowledged, %d frames, %d doubled, %d swapped, %d lines cut", n+1, c.kept(),
			p.frames.Load(), p.doubled.Load(), p.swapped.Load(), p.cut.Load())
		if len(v.Broken) > 0 {
			break
		}
	}
	v.Figures["runs"] = o.runs
	v.Figures["frames"] = p.frames.Load()
	v.Figures["frames doubled"] = p.doubled.Load()
	v.Figures["frames swapped"] = p.swapped.Load()
	v.Figures["lines cut"] = p.cut.Load()
	v.Figures["acknowledged words"] = c.kept()
	if p.doubled.Load() == 0 || p.swapped.Load() == 0 || p.cut.Load() == 0 {
		v.breach("nothing was spoiled: more -runs or -clients")
	}
	return v, nil
}

// hosts are the host:port of all nodes.
func hosts(o options) (out []string) {
	for _, n := range o.nodes {
		if u, err := url.Parse(n); err == nil {
			out = append(out, u.Host)
		}
	}
	return out
}
