package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// documentsBench is one run of "spolupis bench documents": an office of the
// size that issue 5 names is made in an empty database, and its pages are asked
// for at the handler, one after another, as the people who are busiest with them.
type documentsBench struct {
	*App
	size   documentsSize
	rounds int // how often each page is asked for
	stderr io.Writer
	people map[string]*http.Cookie // by login
	made   madeOffice
	rows   []documentsResult
}

// documentsSize is how large the office is.
type documentsSize struct {
	materials, words        int // in the archive, and words of each on average
	units, wave, each       int // units in a commenting round, materials of it, comments of a unit on each
	settlement, pages, mine int // comments in one settlement, pages of a long text, tasks of a kind in an inbox
}

var (
	fullSize  = documentsSize{materials: 50_000, words: 300, units: 15, wave: 66, each: 5, settlement: 500, pages: 100, mine: 66}
	quickSize = documentsSize{materials: 600, words: 60, units: 3, wave: 3, each: 2, settlement: 20, pages: 5, mine: 5}
)

// documentsResult is one line of the report. Times are milliseconds. CPU is the processor time of this process for one request
// on average, with what the background did meanwhile and without what PostgreSQL used; of the wave, whose requests are
// made at once, it is that of all its rows together. On a machine that others use, it tells more than the other times.
type documentsResult struct {
	Database string  `json:"database"`
	Row      string  `json:"row"`
	N        int     `json:"n"`
	P50      float64 `json:"p50_ms"`
	P95      float64 `json:"p95_ms"`
	Max      float64 `json:"max_ms"`
	CPU      float64 `json:"cpu_ms"`
	Goal     float64 `json:"goal_ms"` // for p95
	Met      bool    `json:"met"`
}

// benchDocuments carries out the command. A goal that is missed is no error.
func benchDocuments(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("spolupis bench documents", flag.ContinueOnError)
	f.SetOutput(stderr)
	database := f.String("database", "", "PostgreSQL URL of an empty database; empty: SQLite in a temporary folder")
	materials := f.Int("materials", fullSize.materials, "materials in the archive")
	words := f.Int("words", fullSize.words, "words of each on average")
	rounds := f.Int("n", 60, "how often each page is asked for")
	quick := f.Bool("quick", false, "a small office and few rounds: for tests")
	asJSON := f.Bool("json", false, "a line of JSON per row")
	only := f.String("only", "", "rows, as a regular expression")
	profiles := f.String("profile", "", "folder for a CPU profile of each row")
	if err := f.Parse(args); err != nil {
		return err
	}
	filter, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	size := fullSize
	size.materials, size.words = *materials, *words
	if *quick {
		size, *rounds = quickSize, 3
	}
	data, err := os.MkdirTemp("", "spolupis-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	cfg := Config{Data: data, DatabaseURL: *database, PublicURL: "http://127.0.0.1:1", Addr: "127.0.0.1:0"}
	if err := cfg.validate(); err != nil {
		return err
	}
	app, err := Open(ctx, cfg, slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelError})))
	if err != nil {
		return err
	}
	b := &documentsBench{App: app, size: size, rounds: *rounds, stderr: stderr, people: map[string]*http.Cookie{}}
	err = b.run(ctx, filter, *profiles)
	if err := errors.Join(err, app.Close()); err != nil {
		return err
	}
	return b.print(stdout, *asJSON)
}

func (b *documentsBench) say(format string, args ...any) { fmt.Fprintf(b.stderr, format+"\n", args...) }

// run makes the office and measures. Live work of the background goes on meanwhile, as it does in an office.
func (b *documentsBench) run(ctx context.Context, filter *regexp.Regexp, profiles string) error {
	began := time.Now()
	if err := b.seed(ctx); err != nil {
		return fmt.Errorf("make the office: %w", err)
	}
	b.say("the office is made: %d materials, %.0f s", b.size.materials, time.Since(began).Seconds())
	ctx, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	var failed error
	for _, r := range documentRows {
		if !filter.MatchString(r.name) {
			continue
		}
		if err := b.profiled(ctx, r, profiles); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", r.name, err))
		}
	}
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		failed = errors.Join(failed, err)
	}
	return failed
}

// profiled measures one row, and writes down where the time went when there is a folder for it.
func (b *documentsBench) profiled(ctx context.Context, r documentRow, folder string) error {
	if folder != "" {
		f, err := os.Create(filepath.Join(folder, r.name+".pprof"))
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	return r.measure(ctx, b, r)
}

// processorTime is how much of it this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// documentRow is something to measure.
type documentRow struct {
	name    string
	goal    time.Duration // for p95
	measure func(ctx context.Context, b *documentsBench, r documentRow) error
}

// add adds a line: spent is the processor time of so many requests, of which times are some or all.
func (b *documentsBench) add(r documentRow, name string, times []time.Duration, spent time.Duration, requests int) {
	slices.Sort(times)
	at := func(q float64) float64 {
		return float64(times[min(len(times)-1, int(q*float64(len(times))))].Microseconds()) / 1000
	}
	database := "sqlite"
	if b.DB.Postgres {
		database = "postgres"
	}
	x := documentsResult{Database: database, Row: name, N: len(times), P50: at(.5), P95: at(.95), Max: at(1), CPU: float64(spent.Microseconds()) / 1000 / float64(requests), Goal: float64(r.goal.Milliseconds())}
	x.Met = x.P95 < x.Goal
	b.rows = append(b.rows, x)
	b.say("%s: p50 %.1f ms, p95 %.1f ms, cpu %.1f ms", name, x.P50, x.P95, x.CPU)
}

func (b *documentsBench) print(stdout io.Writer, asJSON bool) error {
	if asJSON {
		for _, x := range b.rows {
			if err := json.NewEncoder(stdout).Encode(x); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(stdout, 0, 8, 1, ' ', 0)
	fmt.Fprint(w, "| database\t| row\t| n\t| p50 ms\t| p95 ms\t| max ms\t| cpu ms\t| goal p95\t| met\t|\n|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|\n")
	for _, x := range b.rows {
		fmt.Fprintf(w, "| %s\t| %s\t| %d\t| %.1f\t| %.1f\t| %.1f\t| %.1f\t| %.0f\t| %s\t|\n", x.Database, x.Row, x.N, x.P50, x.P95, x.Max, x.CPU, x.Goal, map[bool]string{true: "yes", false: "NO"}[x.Met])
	}
	return w.Flush()
}

// get asks for a page and returns how long the handler took. Anything but 200 is an error.
func (b *documentsBench) get(ctx context.Context, login, path string) (time.Duration, string, error) {
	return b.do(httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil), login, http.StatusOK)
}

// post sends a form, as a page without JavaScript does.
func (b *documentsBench) post(ctx context.Context, login, path string, values url.Values) (time.Duration, error) {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	took, _, err := b.do(r, login, http.StatusSeeOther)
	return took, err
}

func (b *documentsBench) do(r *http.Request, login string, want int) (time.Duration, string, error) {
	r.AddCookie(b.people[login])
	w := httptest.NewRecorder()
	began := time.Now()
	b.Handler.ServeHTTP(w, r)
	took := time.Since(began)
	if w.Code != want {
		return took, "", fmt.Errorf("%s %s as %s: %d %.300s", r.Method, r.URL, login, w.Code, w.Body)
	}
	return took, w.Body.String(), nil
}

// ask asks for pages in turn, until each was asked for rounds times, and adds one line for all of them.
func (b *documentsBench) ask(ctx context.Context, r documentRow, name, login string, paths ...string) error {
	var times []time.Duration
	var before time.Duration
	for i := range b.rounds*len(paths) + len(paths) {
		if i == len(paths) {
			before = processorTime()
		}
		took, _, err := b.get(ctx, login, paths[i%len(paths)])
		if err != nil {
			return err
		}
		if i >= len(paths) { // the first of each warms up
			times = append(times, took)
		}
	}
	b.add(r, name, times, processorTime()-before, len(times))
	return nil
}
