package crdtbench

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"spolupis/collab/crdt"
	"spolupis/collab/gate"
)

// memory measures what documents of a workload cost a server that keeps them, and what a keystroke costs it. Only our engine
// is asked: heaps of different languages are not counted alike.
func (b *bench) memory(ctx context.Context, w *workload) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n := 10
	switch {
	case b.cfg.Quick:
		n = 2
	case w.edits != nil:
		n = 100
	}
	if (w.edits != nil || w.name == flatBodyName) && b.wantedPhase("gate+apply") {
		if err := b.gate(ctx, w); err != nil {
			return err
		}
	}
	if !b.wantedPhase("heap") && !b.wantedPhase("gc") {
		return nil
	}
	return b.heap(w, n)
}

// heap loads a document n times over: bytes held per document, and processor time of one cycle of the garbage collector with
// them. It comes last and lets go of the history, whose many small pieces the collector would have to follow too.
func (b *bench) heap(w *workload, n int) error {
	w.updates, w.edits, w.rawUpdates, w.rawEdits = nil, nil, nil, nil
	for _, e := range b.engines {
		if o, ok := e.(*ours); ok {
			o.doc, o.bytes = nil, nil
		}
	}
	empty, idle := held(), b.collection()
	docs := make([]*crdt.Doc, n)
	for i := range docs {
		docs[i] = crdt.New(crdt.Config{Client: 1})
		if err := docs[i].Apply(w.full); err != nil {
			return fmt.Errorf("heap: %w", err)
		}
	}
	each := int(max(0, held()-empty)) / n
	cycle := b.collection()
	r := result{Workload: w.name, Phase: "heap", Engine: "ours", Bytes: each, Equal: true, Runs: n, Note: fmt.Sprintf("per document, of %d", n)}
	if length := visible(w, docs[0]); length > 0 {
		r.BytesPerChar = float64(each) / float64(length)
	}
	b.add(r)
	cost := max(0, cycle-idle).Nanoseconds()
	b.add(result{
		Workload: w.name, Phase: "gc", Engine: "ours", Median: cost, PerOp: float64(cost), Bytes: each * n, Equal: true, Runs: gcCycles,
		Note: fmt.Sprintf("a cycle with %d documents takes %s, an idle one %s", n, duration(float64(cycle)), duration(float64(idle))),
	})
	runtime.KeepAlive(docs)
	return nil
}

// visible is the length that a reader sees, in UTF-16 units; 0 when it is no text.
func visible(w *workload, d *crdt.Doc) int {
	if w.kind != "text" {
		return 0
	}
	return d.Text(w.root).Len()
}

// held is the size of what is alive.
func held() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

const gcCycles = 21

// collection is the median time of a forced cycle of the garbage collector.
func (b *bench) collection() time.Duration {
	took := make([]time.Duration, gcCycles)
	for i := range took {
		start := now(b.cfg.Wall)
		runtime.GC()
		took[i] = now(b.cfg.Wall) - start
	}
	slices.Sort(took)
	return took[gcCycles/2]
}

// gate measures the whole way of a keystroke into the server's document: judged, then applied.
func (b *bench) gate(ctx context.Context, w *workload) error {
	o := ours{wall: b.cfg.Wall, w: w}
	var samples []sample
	var v verdict
	for range b.cfg.N {
		if err := ctx.Err(); err != nil {
			return err
		}
		o.doc, o.bytes = crdt.New(crdt.Config{Client: 1}), nil
		anyone := func(uint64) bool { return true }
		s, err := o.measure(func() error {
			for i, u := range w.updates {
				if _, err := gate.Check(gate.Request{Doc: o.doc, Update: u, Leased: anyone}); err != nil {
					return fmt.Errorf("gate: update %d: %w", i, err)
				}
				if err := o.doc.Apply(u); err != nil {
					return fmt.Errorf("gate: update %d: %w", i, err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		s.ops, s.bytes = len(w.updates), w.size()
		samples = append(samples, s)
		content, state, err := o.result()
		if err != nil {
			return err
		}
		v = wholeState(w, content, state)
	}
	r := summary(samples)
	r.Workload, r.Phase, r.Engine, r.Equal = w.name, "gate+apply", "ours", v.equal()
	b.add(r)
	return nil
}
