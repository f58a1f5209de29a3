package crdtbench

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"spolupis/collab/crdt"
)

// A phase is one thing that every engine is timed at. Per operation means per update, per edit, per document or per answer.
type phase struct {
	name string
	// check compares what a run made with what is expected.
	check func(w *workload, content string, state []byte) verdict
	needs func(w *workload) bool // nil: no workload lacks it
}

// verdict says what was found equal.
type verdict struct{ content, state bool }

func (v verdict) equal() bool { return v.content && v.state }

// phases in the order in which they are measured. Bytes are: of the log (apply), of the updates made (local), of the state
// (load, encode, again, compact), of the answer (diff).
var phases = []phase{
	{"apply", wholeState, nil}, // every update, each in a transaction
	{"local", typedText, func(w *workload) bool { return w.edits != nil }}, // edits by hand, each giving the bytes of its update
	{"load", wholeState, nil},    // the state into an empty document
	{"encode", sameBytes, nil},   // the state of a document just loaded
	{"again", sameBytes, nil},    // once more, nothing having changed
	{"diff", fillsTheGap, nil},   // what a client lacks that has half of the log
	{"compact", wholeState, nil}, // the log into one state; one transaction where there is such a thing
}

func wholeState(w *workload, content string, state []byte) verdict {
	return verdict{sameContent(w, content), bytes.Equal(state, w.full)}
}

func sameBytes(w *workload, _ string, state []byte) verdict {
	return verdict{true, bytes.Equal(state, w.full)}
}

// typedText asks only for the text: the state has the identity of another writer than that of the log.
func typedText(w *workload, content string, _ []byte) verdict {
	return verdict{content == w.typed, true}
}

// fillsTheGap asks whether half of the log and the answer make the whole.
func fillsTheGap(w *workload, _ string, diff []byte) verdict {
	d := crdt.New(crdt.Config{Client: 1})
	for _, u := range append(slices.Clone(w.updates[:len(w.updates)/2]), diff) {
		if d.Apply(u) != nil {
			return verdict{}
		}
	}
	return verdict{true, bytes.Equal(d.Encode(), w.full)}
}

// sameContent compares text as it is, maps and arrays as JSON.
func sameContent(w *workload, got string) bool {
	switch w.kind {
	case "text":
		return got == w.want
	case "map", "array":
		var x, y any
		return json.Unmarshal([]byte(got), &x) == nil && json.Unmarshal([]byte(w.want), &y) == nil && reflect.DeepEqual(x, y)
	}
	return true // no engine is asked for other content; its bytes are compared
}

// workload measures everything of one workload.
func (b *bench) workload(ctx context.Context, w *workload) error {
	for _, e := range b.engines {
		if err := e.open(w); err != nil {
			return err
		}
		if _, err := e.run("warm", b.cfg.Budget); err != nil {
			return err
		}
	}
	for _, p := range phases {
		if !b.wantedPhase(p.name) || p.needs != nil && !p.needs(w) {
			continue
		}
		if err := b.phase(ctx, w, p); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if b.measures("ours") {
		return b.memory(ctx, w)
	}
	return nil
}

func (b *bench) measures(name string) bool {
	return slices.ContainsFunc(b.engines, func(e engine) bool { return e.name() == name })
}

// warmable is how long a run may take to be done twice in a turn. While the others had theirs, caches were filled with what is theirs;
// a longer run notices that little.
const warmable = time.Second

// phase lets the engines take turns and reports a row for each.
func (b *bench) phase(ctx context.Context, w *workload, p phase) error {
	samples := make([][]sample, len(b.engines))
	spent := make([]time.Duration, len(b.engines))
	verdicts := make([]verdict, len(b.engines))
	for round := range b.cfg.N {
		for i, e := range b.engines {
			if err := ctx.Err(); err != nil {
				return err
			}
			if round > 0 && spent[i] >= b.cfg.Budget {
				continue
			}
			if round > 0 && samples[i][0].took < warmable {
				if _, err := e.run(p.name, b.cfg.Budget); err != nil {
					return fmt.Errorf("%s: %w", e.name(), err)
				}
			}
			s, err := e.run(p.name, b.cfg.Budget)
			if err != nil {
				return fmt.Errorf("%s: %w", e.name(), err)
			}
			samples[i] = append(samples[i], s)
			spent[i] += s.took
			if round == 0 {
				content, state, err := e.result()
				if err != nil {
					return fmt.Errorf("%s: %w", e.name(), err)
				}
				verdicts[i] = p.check(w, content, state)
			}
		}
	}
	var base float64
	for i, e := range b.engines {
		r := summary(samples[i])
		r.Workload, r.Phase, r.Engine = w.name, p.name, e.name()
		if e.name() == "ours" {
			base = r.PerOp
		} else {
			r.Allocs = nil
		}
		r.Ratio = ratio(r.PerOp, base)
		r.Equal = verdicts[i].equal()
		switch {
		case p.name == "local" && samples[i][0].ops < len(w.edits):
			// What an engine has typed of the beginning cannot be compared, and the rest would have been slower still.
			r.Equal, r.Note = true, fmt.Sprintf("first %d of %d edits only, not compared", samples[i][0].ops, len(w.edits))
		case verdicts[i].content && !verdicts[i].state:
			r.Note = "content equal, state bytes not"
		case !r.Equal:
			r.Note = "content differs"
		}
		b.add(r)
	}
	return nil
}

// add reports a result and remembers whether it counts against us.
func (b *bench) add(r result) {
	if !r.Equal && r.Engine != "yrs" {
		b.differs++
	}
	b.report.add(r)
}

// summary makes a row of repeated measurements: the median of their times, what else they have in common.
func summary(ss []sample) result {
	s := slices.Clone(ss)
	slices.SortFunc(s, func(x, y sample) int { return cmp.Compare(perOp(x), perOp(y)) })
	m := s[len(s)/2]
	allocs := float64(m.allocs) / float64(max(1, m.ops))
	return result{Median: m.took.Nanoseconds(), PerOp: perOp(m), Allocs: &allocs, Bytes: m.bytes, Runs: len(s)}
}

func perOp(s sample) float64 { return float64(s.took.Nanoseconds()) / float64(max(1, s.ops)) }

// ratio is how many times as long as ours something took; 0 when that cannot be said.
func ratio(other, ours float64) float64 {
	if ours == 0 {
		return 0
	}
	return other / ours
}
