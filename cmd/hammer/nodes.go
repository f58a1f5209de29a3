package main

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// frozenRedis stops Redis for o.pause in each run, as a machine does that swaps. Edits must go on being acknowledged, and reach
// the other node by polling; nothing is lost.
func frozenRedis(ctx context.Context, o options) (*verdict, error) {
	return disturb(ctx, o, "Redis stopped", true, func(ctx context.Context, _ *crew, _ *verdict, n int) error {
		pid := o.office.redis.cmd.Process
		if err := pid.Signal(syscall.SIGSTOP); err != nil {
			return err
		}
		defer pid.Signal(syscall.SIGCONT)
		return sleep(ctx, o.pause)
	})
}

// crashedPostgres stops PostgreSQL without a checkpoint and starts it again after o.pause. Edits wait, nothing is lost.
func crashedPostgres(ctx context.Context, o options) (*verdict, error) {
	return disturb(ctx, o, "PostgreSQL crashed", false, func(ctx context.Context, _ *crew, _ *verdict, n int) error {
		return o.office.cluster.crash(ctx, o.pause)
	})
}

// upgrade drains and restarts one node after the other by SIGTERM while the officials come through a proxy that knows both.
func upgrade(ctx context.Context, o options) (*verdict, error) {
	p := &proxy{nodes: hosts(o)}
	if err := p.listen(); err != nil {
		return nil, err
	}
	defer p.close()
	o.front = func(int) string { return p.url() }
	return disturb(ctx, o, "node restarted", true, func(ctx context.Context, _ *crew, _ *verdict, n int) error {
		node := o.office.nodes[n%len(o.office.nodes)]
		if err := node.drain(ctx); err != nil {
			return err
		}
		if err := sleep(ctx, o.pause/4); err != nil {
			return err
		}
		return node.start(ctx)
	})
}

// disturb has everybody type on all nodes while act disturbs what is under them. Afterwards a stranger looks first at what was
// kept, then all come together. With alive, edits must be acknowledged during the act as well.
func disturb(ctx context.Context, o options, what string, alive bool, act func(ctx context.Context, c *crew, v *verdict, n int) error) (*verdict, error) {
	v := &verdict{Figures: map[string]any{}}
	c, err := gather(ctx, o)
	if err != nil {
		return nil, err
	}
	defer c.disband()
	var slowest time.Duration
	for n := range o.runs {
		when := fmt.Sprintf("run %d", n+1)
		working, cancel := context.WithCancel(ctx)
		stop := c.work(working, 0)
		err := sleep(ctx, 500*time.Millisecond)
		before, during := c.kept(), 0
		if err == nil {
			err = act(ctx, c, v, n)
			during = c.kept() - before
		}
		began := time.Now()
		again := c.kept()
		for err == nil && c.kept() == again && time.Since(began) < 30*time.Second {
			err = sleep(ctx, 5*time.Millisecond)
		}
		back := time.Since(began)
		stop()
		cancel()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", when, err)
		}
		slowest = max(slowest, back)
		if alive && during == 0 {
			v.breach("%s: nothing was acknowledged while %s", when, what)
		}
		if back > 10*time.Second {
			v.breach("%s: the next acknowledgement came only %s afterwards", when, back.Round(time.Millisecond))
		}
		for _, doc := range c.o.documents {
			if err := c.inspect(ctx, doc, when, v); err != nil {
				return nil, err
			}
		}
		if err := c.agree(ctx, when, v); err != nil {
			return nil, err
		}
		o.log("%s: %s, %d words acknowledged meanwhile, the next %d ms afterwards", when, what, during, back.Milliseconds())
		if len(v.Broken) > 0 {
			break
		}
	}
	came := 0
	for _, t := range c.typists {
		came += t.came
	}
	v.Figures["runs"] = o.runs
	v.Figures["nodes"] = len(o.nodes)
	v.Figures["acknowledged words"] = c.kept()
	v.Figures["slowest next ack ms"] = slowest.Milliseconds()
	v.Figures["came back"] = came
	return v, nil
}

// drain sends SIGTERM and waits until the process is gone.
func (s *victim) drain(ctx context.Context) error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for s.cmd.Process.Signal(syscall.Signal(0)) == nil {
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return fmt.Errorf("the node does not stop: %w", err)
		}
	}
	return nil
}
