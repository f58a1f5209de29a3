// Package collabbench is the command "spolupis bench collab": it puts the same load on our server, as the real binary with its
// database, and on Hocuspocus from npm, one after the other on the same processor core, and prints how they compare.
//
// In reading order: rows.go is the table, what is measured and what it should come to. A site (site.go) is a server being
// measured in a process of its own. A crowd (crowd.go) is everybody connected to it, a typist (typist.go) one of them;
// yjs.go writes and reads the updates they exchange. typing.go, joining.go, idle.go and crash.go measure; report.go prints.
//
// Absolute figures depend on the machine and on who else uses it; ratios of one run count.
package collabbench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"
)

// Config says what is measured and how.
type Config struct {
	Server      string         // our binary; empty: the one that is running
	NodeModules string         // folder that has @hocuspocus/server in it
	Traces      string         // folder of recorded traces, for a document of 260,000 operations; empty: one is generated
	PostgresURL string         // for the row of two nodes
	RedisURL    string         // for the row of two nodes
	Only        *regexp.Regexp // names of rows; nil means all
	Quick       bool           // few clients and moments only, without pinning: for tests
	Window      time.Duration  // how long typing is measured
	JSON        bool           // a line of JSON per figure instead of a table
}

// Command carries out "spolupis bench collab" with its arguments. The table goes to stdout; what is under way, and with -json
// what is not measured and why, to stderr. A target that is missed is no error; a row that could not be measured is.
func Command(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var cfg Config
	var only string
	f := flag.NewFlagSet("spolupis bench collab", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&cfg.Server, "server", "", "binary to measure (default: this one)")
	f.StringVar(&cfg.NodeModules, "node-modules", "frontend/node_modules", "folder that has @hocuspocus/server in it")
	f.StringVar(&cfg.Traces, "traces", os.Getenv("SPOLUPIS_TRACES"), "folder with automerge-paper.full1.gz; empty: a document like it is generated")
	f.StringVar(&cfg.PostgresURL, "postgres", os.Getenv("SPOLUPIS_TEST_POSTGRES"), "PostgreSQL for the row of two nodes, which gets a database of its own")
	f.StringVar(&cfg.RedisURL, "redis", os.Getenv("SPOLUPIS_TEST_REDIS"), "Redis for the row of two nodes")
	f.StringVar(&only, "only", "", "rows, as a regular expression")
	f.BoolVar(&cfg.Quick, "quick", false, "few clients, for moments")
	f.DurationVar(&cfg.Window, "for", 8*time.Second, "how long typing is measured")
	f.BoolVar(&cfg.JSON, "json", false, "a line of JSON per figure")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if only != "" {
		re, err := regexp.Compile(only)
		if err != nil {
			return fmt.Errorf("-only: %w", err)
		}
		cfg.Only = re
	}
	return Run(ctx, cfg, stdout, stderr)
}

// bench is one run of the command.
type bench struct {
	Config
	scratch string // folder for data
	cores   cores
	report  report
	stderr  io.Writer
	theirs  error // why Hocuspocus is not measured; nil when it is
}

// Run measures as told by cfg; see Command.
func Run(ctx context.Context, cfg Config, stdout, stderr io.Writer) (err error) {
	if cfg.Server == "" {
		if cfg.Server, err = os.Executable(); err != nil {
			return err
		}
	}
	scratch, err := os.MkdirTemp("", "collabbench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	b := &bench{Config: cfg, scratch: scratch, stderr: stderr}
	if cfg.JSON {
		b.report = &jsonReport{w: stdout, notes: stderr}
	} else {
		b.report = &table{w: stdout}
	}
	if !cfg.Quick {
		if b.cores, err = settleOn(); err != nil {
			return err
		}
	}
	b.report.note(b.cores.String())
	version, err := hocuspocusVersion(cfg.NodeModules)
	if b.theirs = err; err != nil {
		b.report.note("Hocuspocus: not measured: " + err.Error())
	} else {
		b.report.note("Hocuspocus: " + version)
	}
	var failed []error
	for _, r := range rows {
		if cfg.Only != nil && !cfg.Only.MatchString(r.name) {
			continue
		}
		if err := b.row(ctx, r); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", r.name, err))
			fmt.Fprintf(stderr, "%s: %v\n", r.name, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(append(failed, b.report.end())...)
}

// rowTime bounds a row: a server that hangs must not hold up the rest.
const rowTime = 5 * time.Minute

// row measures one row, our server first.
func (b *bench) row(ctx context.Context, r row) error {
	ctx, cancel := context.WithTimeout(ctx, rowTime)
	defer cancel()
	if why := b.lacks(r); why != "" {
		b.report.note(r.name + ": not measured: " + why)
		return nil
	}
	began := machineTime()
	ours, err := b.measure(ctx, r, (*bench).openOurs)
	if err != nil {
		return err
	}
	theirs := sample{}
	if !r.alone && b.theirs == nil {
		if theirs, err = b.measure(ctx, r, (*bench).openTheirs); err != nil {
			return fmt.Errorf("Hocuspocus: %w", err)
		}
	}
	for i, f := range r.figures {
		b.report.add(compare(r, f, ours, theirs, i))
	}
	if others := began.others(); others > 0.15 {
		b.report.note(fmt.Sprintf("%s: others kept %.1f cores busy meanwhile: look at ratios only", r.name, others))
	}
	return nil
}

// lacks says what is missing here to measure r.
func (b *bench) lacks(r row) string {
	if r.needs.nodes > 1 && (b.PostgresURL == "" || b.RedisURL == "") {
		return "no PostgreSQL and Redis (-postgres, -redis; .ci/with-servers starts both)"
	}
	return ""
}

func (b *bench) measure(ctx context.Context, r row, open func(*bench, context.Context, needs) (*site, error)) (sample, error) {
	n := r.needs
	if b.Quick {
		n = r.quick
	}
	s, err := open(b, ctx, n)
	if err != nil {
		return sample{}, err
	}
	defer s.close()
	fmt.Fprintf(b.stderr, "%s: %s …\n", r.name, s.label)
	got, err := r.measure(ctx, b, s, n)
	if err != nil {
		return sample{}, fmt.Errorf("%w%s", err, s.said())
	}
	if len(got.values) != len(r.figures) {
		return sample{}, fmt.Errorf("%d values for %d figures", len(got.values), len(r.figures))
	}
	return got, nil
}
