// Package crdtbench is the command "spolupis bench crdt": it replays recorded and generated histories through our engine,
// npm yjs and native yrs in one run, and prints how long each takes and whether each ends with the content and bytes expected.
//
// In reading order: workload.go reads a folder of traces, body.go makes a flat body of ten writers, hostile.go messages that
// hurt. Engine is what can be measured: ours.go in this process, process.go the others, each in a process of its own
// (yjs.mjs, yrs/). Plan in phases.go says which phases there are; memory.go and hostile.go measure what only concerns us.
// table.go prints.
//
// Engines take turns, so that a busy minute hits all of them. Each measures itself, after a warm-up (see phase): neither the start of a
// process nor what is said to it counts. Time is processor time unless asked otherwise; on a machine that others use too,
// wall time tells more about the others. Absolute figures are a guide, ratios count.
package crdtbench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"
)

// ErrDiffers says that an engine ended with other content or other bytes than expected.
var ErrDiffers = errors.New("content or state differs from the expectation")

// Config says what is measured and how often.
type Config struct {
	Traces      string         // folder of traces; empty: only what is generated
	Only        *regexp.Regexp // names of workloads; nil means all
	Phases      *regexp.Regexp // names of phases of a workload; nil means all
	Quick       bool           // once, and little of what is generated: for tests
	N           int            // repetitions, of which the median counts
	Budget      time.Duration  // an engine that used this much in a phase is not repeated there, and a replay of local edits stops
	Wall        bool           // wall time instead of processor time
	Engines     string         // names of engines, with commas between
	NodeModules string         // folder that has yjs in it
	Cache       string         // where the Rust program is built; empty: the user's cache folder
	JSON        bool           // a line of JSON per result instead of a table
}

// Command carries out "spolupis bench crdt" with its arguments. The table goes to stdout, and with it what is not measured
// and why (to stderr with -json). The error is ErrDiffers when our engine or yjs is wrong (yrs is only marked in the table: its mistakes are
// not ours to mend).
func Command(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var cfg Config
	var only, phases string
	f := flag.NewFlagSet("spolupis bench crdt", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&cfg.Traces, "traces", os.Getenv("SPOLUPIS_TRACES"), "folder of recorded traces (index.jsonl, *.yupd.gz, *.full1.gz, *.exp.gz, *.tr.gz)")
	f.StringVar(&only, "only", "", "workloads, as a regular expression")
	f.StringVar(&phases, "phases", "", "phases of a workload, as a regular expression")
	f.BoolVar(&cfg.Quick, "quick", false, "once, and little of what is generated")
	f.IntVar(&cfg.N, "n", 5, "repetitions; the median counts")
	f.DurationVar(&cfg.Budget, "budget", time.Minute, "no repetition of a phase for an engine that has used this much in it")
	f.BoolVar(&cfg.Wall, "wall", false, "measure wall time, not processor time")
	f.StringVar(&cfg.Engines, "engines", "ours,yjs,yrs", "engines to measure")
	f.StringVar(&cfg.NodeModules, "node-modules", "frontend/node_modules", "folder that has yjs in it")
	f.StringVar(&cfg.Cache, "cache", "", "folder in which the yrs program is built (default: the user's cache folder)")
	f.BoolVar(&cfg.JSON, "json", false, "a line of JSON per result")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	for _, e := range []struct {
		flag, expr string
		re         **regexp.Regexp
	}{{"only", only, &cfg.Only}, {"phases", phases, &cfg.Phases}} {
		if e.expr == "" {
			continue
		}
		re, err := regexp.Compile(e.expr)
		if err != nil {
			return fmt.Errorf("-%s: %w", e.flag, err)
		}
		*e.re = re
	}
	return Run(ctx, cfg, stdout, stderr)
}

// shared lets the engines' own messages and our notes go to one place.
type shared struct {
	mu sync.Mutex
	w  io.Writer // guarded by mu
}

func (s *shared) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(b)
}

// Run measures as told by cfg; see Command.
func Run(ctx context.Context, cfg Config, stdout, stderr io.Writer) error {
	if cfg.Quick || cfg.N < 1 {
		cfg.N = 1
	}
	if cfg.Budget <= 0 {
		cfg.Budget = time.Minute
	}
	scratch, err := os.MkdirTemp("", "crdtbench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	stderr = &shared{w: stderr}
	b := bench{cfg: cfg, scratch: scratch, stderr: stderr}
	if cfg.JSON {
		b.report = &jsonReport{w: stdout, notes: stderr}
	} else {
		b.report = &table{w: stdout}
	}
	if cfg.Traces == "" {
		b.report.note("recorded traces: not measured: no folder given (-traces or SPOLUPIS_TRACES)")
	}
	defer b.close()
	if err := b.startEngines(ctx); err != nil {
		return err
	}
	if err := b.all(ctx); err != nil {
		return err
	}
	if err := b.report.end(); err != nil {
		return err
	}
	if b.differs > 0 {
		return fmt.Errorf("%d results: %w", b.differs, ErrDiffers)
	}
	return nil
}

// bench is one run of the command.
type bench struct {
	cfg     Config
	scratch string // folder for what is handed to other processes
	stderr  io.Writer
	report  report
	engines []engine
	differs int // results of ours and of yjs that are not as expected
}

func (b *bench) startEngines(ctx context.Context) error {
	for name := range strings.SplitSeq(b.cfg.Engines, ",") {
		var e engine
		var err error
		switch name {
		case "ours":
			e = &ours{wall: b.cfg.Wall}
		case "yjs":
			e, err = startYjs(ctx, b)
		case "yrs":
			e, err = startYrs(ctx, b)
		default:
			return fmt.Errorf("no engine is called %q", name)
		}
		if err != nil {
			b.report.note(fmt.Sprintf("%s rows: not measured: %v", name, err))
			continue
		}
		b.report.note(name + ": " + e.version())
		b.engines = append(b.engines, e)
	}
	return nil
}

func (b *bench) close() {
	for _, e := range b.engines {
		e.close()
	}
}

func (b *bench) wanted(name string) bool { return b.cfg.Only == nil || b.cfg.Only.MatchString(name) }

func (b *bench) wantedPhase(name string) bool {
	return b.cfg.Phases == nil || b.cfg.Phases.MatchString(name)
}

func (b *bench) all(ctx context.Context) error {
	names, err := traceNames(b.cfg.Traces)
	if err != nil {
		return err
	}
	for _, tr := range names {
		if !b.wanted(tr.Name) {
			continue
		}
		w, err := readTrace(b.cfg.Traces, tr)
		if err != nil {
			return err
		}
		if err := b.workload(ctx, w); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	if b.wanted(flatBodyName) {
		edits := 40_000
		if b.cfg.Quick {
			edits = 600
		}
		w, err := flatBody(edits)
		if err != nil {
			return err
		}
		if err := b.workload(ctx, w); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	if b.wanted(hostileName) {
		return b.hostile(ctx)
	}
	return nil
}
