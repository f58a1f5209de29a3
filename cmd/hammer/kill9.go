package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// kill9 kills the server in mid-typing o.runs times. After each restart a stranger, who remembers nothing, looks first:
// only what he finds was kept by the server. Then everybody comes back with what he has, and all must agree.
//
// It cannot see whether the disk was flushed: the kernel survives. See powerLoss.
func kill9(ctx context.Context, o options) (*verdict, error) {
	return kills(ctx, o, func(s *victim, _ int) error { s.kill(); return nil })
}

// kills has kill end the server o.runs times.
func kills(ctx context.Context, o options, kill func(s *victim, run int) error) (*verdict, error) {
	v := &verdict{Figures: map[string]any{}}
	s := &victim{o: o}
	defer s.kill()
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	c, err := gather(ctx, o)
	if err != nil {
		return nil, err
	}
	defer c.disband()
	var slowest, first time.Duration
	for n := range o.runs {
		began := time.Now()
		back, up, kept, err := c.once(ctx, s, v, n, kill)
		if err != nil {
			return nil, fmt.Errorf("run %d: %w", n+1, err)
		}
		slowest = max(slowest, back)
		if c.first > 0 {
			first = max(first, up+c.first)
		}
		o.log("run %2d: %s, all agreed %d ms after the restart (%s)", n+1, kept,
			back.Milliseconds(), time.Since(began).Round(time.Millisecond))
		if len(v.Broken) > 0 {
			break // what a server that broke its word does next says nothing
		}
	}
	v.Figures["kills"] = o.runs
	v.Figures["officials"] = o.clients
	v.Figures["documents"] = len(c.o.documents)
	v.Figures["acknowledged words"] = c.kept()
	v.Figures["slowest agreement ms"] = slowest.Milliseconds()
	v.Figures["slowest first acknowledgement ms"] = first.Milliseconds() // with the start of the server, without the stranger's look
	return v, nil
}

// once lets everybody type, kills the server, and checks what it kept. It returns how long agreement and the server's start took
// and how much was acknowledged when it died.
func (c *crew) once(ctx context.Context, s *victim, v *verdict, run int, kill func(s *victim, run int) error) (took, up time.Duration, kept string, err error) {
	stop := c.work(ctx, 0)
	before := c.kept()
	err = sleep(ctx, 300*time.Millisecond+rand.N(700*time.Millisecond))
	if err == nil {
		err = c.waitKept(ctx, before+1)
	}
	if err != nil {
		return 0, 0, "", err
	}
	if err := kill(s, run); err != nil {
		return 0, 0, "", err
	}
	err = sleep(ctx, c.o.every) // some go on typing without a server
	stop()
	if err != nil {
		return 0, 0, "", err
	}
	for _, t := range c.typists {
		t.Break()
	}
	kept = fmt.Sprintf("%d of %d words acknowledged", c.kept(), c.typed())
	if c.kept() == before {
		v.breach("run %d: nothing was acknowledged while %d officials typed", run+1, len(c.typists))
	}
	began := time.Now()
	if err := s.start(ctx); err != nil {
		return 0, 0, "", err
	}
	up = time.Since(began)
	for _, doc := range c.o.documents {
		if err := c.inspect(ctx, doc, fmt.Sprintf("run %d", run+1), v); err != nil {
			return 0, 0, "", err
		}
	}
	if len(v.Broken) > 0 {
		return time.Since(began), up, kept, nil // who lost what he promised cannot make them agree
	}
	if err := c.agree(ctx, fmt.Sprintf("run %d", run+1), v); err != nil {
		return 0, 0, "", err
	}
	return time.Since(began), up, kept, nil
}

// victim is the server that gets killed.
type victim struct {
	o   options
	cmd *exec.Cmd
}

// start starts the server and waits until it answers.
func (s *victim) start(ctx context.Context) error {
	s.cmd = exec.Command(s.o.server, s.o.args...)
	var said bytes.Buffer
	s.cmd.Stdout, s.cmd.Stderr = &said, &said
	s.cmd.SysProcAttr = mortal()
	if err := s.cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		s.cmd.Wait()
		close(ended)
	}()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		if resp, err := http.Get(s.o.url + "/healthz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ended:
			return fmt.Errorf("server ended by itself: %s", said.Bytes())
		case <-ctx.Done():
			return fmt.Errorf("server does not answer at %s/healthz: %w: %s", s.o.url, ctx.Err(), said.Bytes())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// mortal has a process that we start end with us, and keeps the terminal's signals from it.
func mortal() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// kill sends SIGKILL and waits until the process is gone.
func (s *victim) kill() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	if err := s.cmd.Process.Signal(syscall.SIGKILL); errors.Is(err, os.ErrProcessDone) {
		return
	}
	for s.cmd.Process.Signal(syscall.Signal(0)) == nil {
		time.Sleep(time.Millisecond)
	}
}
