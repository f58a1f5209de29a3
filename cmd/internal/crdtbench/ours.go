package crdtbench

import (
	"encoding/json"
	"fmt"
	"runtime"
	"time"

	"spolupis/collab/crdt"
)

// engine is what can be measured. It has one workload open at a time.
type engine interface {
	name() string
	version() string
	open(w *workload) error
	// run carries out one phase once; limit bounds a replay of local edits.
	run(phase string, limit time.Duration) (sample, error)
	// result is what the last run made: content (when it made a document) and the bytes it encoded, otherwise the
	// encoded state of its document.
	result() (content string, state []byte, err error)
	close()
}

// sample is one measurement of a phase.
type sample struct {
	took   time.Duration
	ops    int // operations in it
	bytes  int // read, written or held; phases.go says which
	allocs int // ours only
}

// ours is the engine of this project, in this process.
type ours struct {
	wall  bool
	w     *workload
	doc   *crdt.Doc // of the last run; nil when there was none
	bytes []byte    // encoded by the last run
}

func (o *ours) name() string    { return "ours" }
func (o *ours) version() string { return "collab/crdt, " + runtime.Version() }
func (o *ours) close()          {}

func (o *ours) open(w *workload) error {
	*o = ours{wall: o.wall, w: w}
	return nil
}

// measure runs f on a quiet heap.
func (o *ours) measure(f func() error) (sample, error) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := now(o.wall)
	err := f()
	took := now(o.wall) - start
	runtime.ReadMemStats(&after)
	return sample{took: took, allocs: int(after.Mallocs - before.Mallocs)}, err
}

func (o *ours) loaded() (*crdt.Doc, error) {
	d := crdt.New(crdt.Config{Client: 1})
	return d, d.Apply(o.w.full)
}

func (o *ours) applyAll() error {
	for i, u := range o.w.updates {
		if err := o.doc.Apply(u); err != nil {
			return fmt.Errorf("update %d: %w", i, err)
		}
	}
	return nil
}

func (o *ours) run(phase string, limit time.Duration) (s sample, err error) {
	w := o.w
	o.doc, o.bytes = crdt.New(crdt.Config{Client: 1}), nil
	switch phase {
	case "warm":
		_, err = o.loaded()
	case "apply":
		s, err = o.measure(o.applyAll)
		s.ops, s.bytes = len(w.updates), w.size()
	case "local":
		done, size := 0, 0
		s, err = o.measure(func() error { done, size = o.replayEdits(limit); return nil })
		s.ops, s.bytes = done, size
	case "load":
		s, err = o.measure(func() error { return o.doc.Apply(w.full) })
		s.ops, s.bytes = 1, len(w.full)
	case "encode":
		var docs [4]*crdt.Doc
		for i := range docs {
			if docs[i], err = o.loaded(); err != nil {
				return s, err
			}
		}
		s, err = o.times(len(docs), func(i int) (err error) { o.bytes = docs[i].Encode(); return nil })
		o.doc = nil
	case "again", "diff":
		if o.doc, err = o.loaded(); err != nil {
			return s, err
		}
		o.doc.Encode()
		if phase == "again" {
			s, err = o.times(10, func(int) error { o.bytes = o.doc.Encode(); return nil })
		} else {
			s, err = o.times(5, func(int) (err error) { o.bytes, err = o.doc.Diff(w.half); return err })
		}
		o.doc = nil
	case "compact":
		s, err = o.measure(func() error {
			err := o.applyAll()
			o.bytes = o.doc.Encode()
			return err
		})
		s.ops, s.bytes = len(w.updates), len(o.bytes)
	default:
		err = fmt.Errorf("no phase %q", phase)
	}
	return s, err
}

// times measures n runs of f, which leaves what it encoded in o.bytes.
func (o *ours) times(n int, f func(i int) error) (sample, error) {
	s, err := o.measure(func() error {
		for i := range n {
			if err := f(i); err != nil {
				return err
			}
		}
		return nil
	})
	s.ops, s.bytes = n, len(o.bytes)
	return s, err
}

// replayEdits replays local edits, each a transaction of which the update is taken, until limit has passed.
func (o *ours) replayEdits(limit time.Duration) (done, size int) {
	text := o.doc.Text(o.w.root)
	start := now(o.wall)
	for i := range o.w.edits {
		e := &o.w.edits[i]
		size += len(o.doc.Transact(func() {
			if e.del > 0 {
				text.Delete(e.at, e.del)
			}
			if e.text != "" {
				text.Insert(e.at, e.text, nil)
			}
		}))
		if done++; done%4096 == 0 && now(o.wall)-start > limit {
			break
		}
	}
	return done, size
}

func (o *ours) result() (content string, state []byte, err error) {
	if o.doc != nil {
		switch o.w.kind {
		case "text":
			content = o.doc.Text(o.w.root).String()
		case "map":
			content, err = asJSON(o.doc.Map(o.w.root).JSON())
		case "array":
			content, err = asJSON(o.doc.Array(o.w.root).JSON())
		}
	}
	if state = o.bytes; state == nil {
		state = o.doc.Encode()
	}
	return content, state, err
}

func asJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}
