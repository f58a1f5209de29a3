package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// calm tells when to give memory back to the system. Go keeps that of a rush, a morning when everybody comes in, until the
// heap needs it again: with thousands of connections that had done nothing since, a third of what the process held was
// garbage and free pages. So when little is made after much was, the heap is collected and what is free goes back.
type calm struct {
	last  uint64 // bytes made up to the last look
	given uint64 // and up to when memory was last given back
}

const (
	calmLook   = 2 * time.Second
	calmMaking = 1 << 20  // bytes made from one look to the next, at most
	calmAfter  = 16 << 20 // bytes made since memory was last given back, at least
)

// due looks at how many bytes the process has made since its start.
func (c *calm) due(made uint64) bool {
	quiet := made-c.last <= calmMaking
	c.last = made
	if !quiet || made-c.given < calmAfter {
		return false
	}
	c.given = made
	return true
}

// giveBack returns memory to the system in calm moments until ctx ends.
func (a *App) giveBack(ctx context.Context) error {
	look := time.NewTicker(calmLook)
	defer look.Stop()
	made := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	for c := (calm{}); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
		if metrics.Read(made); c.due(made[0].Value.Uint64()) {
			if err := a.DB.Shrink(ctx); err != nil && ctx.Err() == nil {
				a.Log.Warn("give memory back", "err", err)
			}
			debug.FreeOSMemory()
		}
	}
}
