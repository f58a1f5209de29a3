package ws

import (
	"runtime"
	"sync"
)

// writers write for the connections that have something to send, each as much as its network takes at once. There are as many
// as processors at most and none when there is nothing to do: a goroutine for each connection and message costs more than
// it gains, as there is nothing to wait for in it.
type writers struct {
	mu      sync.Mutex
	waiting []*conn // guarded by mu
	running int     // guarded by mu
}

// add has c written to. Nobody else may be writing to it.
func (w *writers) add(c *conn) {
	w.mu.Lock()
	w.waiting = append(w.waiting, c)
	start := w.running < runtime.GOMAXPROCS(0)
	if start {
		w.running++
	}
	w.mu.Unlock()
	if start {
		go w.run()
	}
}

// maxScratch is how many bytes of several frames are put together into one write.
const maxScratch = 16 << 10

func (w *writers) run() {
	scratch := scratches.Get().(*[maxScratch]byte)
	defer scratches.Put(scratch)
	for {
		c := w.next()
		if c == nil {
			return
		}
		c.writeOn(scratch[:0])
	}
}

var scratches = sync.Pool{New: func() any { return new([maxScratch]byte) }}

func (w *writers) next() *conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.waiting)
	if n == 0 {
		w.running--
		return nil
	}
	c := w.waiting[0]
	w.waiting[0] = nil
	w.waiting = w.waiting[1:]
	return c
}
