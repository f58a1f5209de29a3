package collab

import (
	"context"
	"sync"
)

// workers go to the rooms in which there is something to do. One goroutine for each open document would do nothing nearly
// always, and hold the stack that its last visit to the storage took.
type workers struct {
	ctx context.Context

	mu     sync.Mutex
	free   []chan *room // guarded by mu; of those who wait, the last to have come first
	closed bool         // guarded by mu
}

// freeWorkers is how many wait for the next room at most.
const freeWorkers = 32

// send has somebody work in r.
func (w *workers) send(r *room) {
	w.mu.Lock()
	n := len(w.free)
	if n == 0 {
		w.mu.Unlock()
		go w.work(r)
		return
	}
	next := w.free[n-1]
	w.free = w.free[:n-1]
	w.mu.Unlock()
	next <- r
}

func (w *workers) work(r *room) {
	next := make(chan *room, 1)
	for r != nil {
		r.run(w.ctx)
		if !w.wait(next) {
			return
		}
		r = <-next
	}
}

// wait enters next among those who wait. It reports false when enough do.
func (w *workers) wait(next chan *room) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.free) >= freeWorkers {
		return false
	}
	w.free = append(w.free, next)
	return true
}

// close ends those who wait, and the others when they have done their work.
func (w *workers) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, next := range w.free {
		close(next)
	}
	w.free, w.closed = nil, true
}
