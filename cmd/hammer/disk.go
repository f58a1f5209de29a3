package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"time"

	"spolupis/cmd/internal/faultdisk"
)

// mountFaulty makes both folders and mounts a disk that can fail.
func mountFaulty(backing, mountpoint string) (*faultdisk.Disk, error) {
	for _, dir := range []string{backing, mountpoint} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, err
		}
	}
	d, err := faultdisk.Mount(backing, mountpoint)
	if err != nil {
		return nil, fmt.Errorf("not runnable here, needs FUSE: %w", err)
	}
	return d, nil
}

// powerLoss is kill9 where the disk forgets, too: in every other run all that was not synced, in the others each such write with
// an even chance, as disks write in any order.
func powerLoss(ctx context.Context, o options) (*verdict, error) {
	o.office.disk.Slow(3 * time.Millisecond) // what a good disk takes
	lost := 0
	v, err := kills(ctx, o, func(s *victim, run int) error {
		o.office.disk.Cut()
		s.kill()
		n, err := o.office.disk.Lose(func() bool { return run%2 == 1 && rand.N(2) == 0 })
		lost += n
		return err
	})
	if err == nil {
		v.Figures["writes lost"] = lost
		v.Figures["syncs"] = o.office.disk.Syncs()
	}
	return v, err
}

// diskFull lets the disk be full for o.pause, and every other time unable to sync, while everybody types. Nothing may be
// acknowledged meanwhile, the server says that it is not ready, and when there is room again it goes on by itself.
func diskFull(ctx context.Context, o options) (*verdict, error) {
	disk := o.office.disk
	v, err := disturb(ctx, o, "the disk failed", false, func(ctx context.Context, c *crew, v *verdict, n int) error {
		fail, what := disk.Fill, "is full"
		if n%2 == 1 {
			fail, what = disk.Stick, "cannot sync"
		}
		fail(true)
		defer fail(false)
		if err := sleep(ctx, time.Second); err != nil { // what was under way is through
			return err
		}
		before := c.kept()
		if ready(ctx, o.url) {
			v.breach("run %d: the disk %s and the server says that it is ready", n+1, what)
		}
		err := sleep(ctx, o.pause)
		if more := c.kept() - before; more > 0 {
			v.breach("run %d: %d words were acknowledged while the disk %s", n+1, more, what)
		}
		return err
	})
	if err == nil && !readyWithin(ctx, o.url, 10*time.Second) {
		v.breach("the server does not say that it is ready again")
	}
	return v, err
}

func ready(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func readyWithin(ctx context.Context, url string, d time.Duration) bool {
	for until := time.Now().Add(d); time.Now().Before(until); {
		if ready(ctx, url) {
			return true
		}
		if sleep(ctx, 100*time.Millisecond) != nil {
			break
		}
	}
	return false
}
