// Command hammer drives a running server with many simulated officials and checks its promises from outside.
//
//	hammer SCENARIO -runs N -json
//	hammer load -url http://127.0.0.1:8080,http://127.0.0.1:8081 -token t1,t2 -documents m-1 -clients 50 -for 30s
//
// Officials type words, make them bold, comment, go offline and come back. Three promises are checked in every scenario: what
// was acknowledged is kept, everybody ends with the same bytes, and the words of each official are there once and in his
// order. What a scenario adds is said at its function; "hammer" alone lists them.
//
// Without -login or -token it starts a demo office of its own in a temporary folder, with the binary spolupis that lies
// beside it, on free ports of the loopback, and stops it afterwards. Scenarios with several nodes also start a PostgreSQL and
// a Redis of their own.
//
// It prints a verdict, or one line of JSON, and exits with 0 only when every promise held; 1 when one was broken, 2 when it
// could not be tried.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

// verdict is what a scenario found.
type verdict struct {
	Scenario string         `json:"scenario"`
	Held     bool           `json:"held"`
	Broken   []string       `json:"broken,omitempty"` // promises that did not hold
	Figures  map[string]any `json:"figures"`
}

func (v *verdict) breach(format string, args ...any) {
	v.Broken = append(v.Broken, fmt.Sprintf(format, args...))
}

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if len(args) == 0 || scenarios[args[0]].play == nil {
		fmt.Fprintln(os.Stderr, "usage: hammer SCENARIO [flags]; hammer SCENARIO -h lists them")
		for _, name := range slices.Sorted(maps.Keys(scenarios)) {
			fmt.Fprintf(os.Stderr, "  %-10s %s\n", name, scenarios[name].what)
		}
		return 2
	}
	o, asJSON, bound, err := parse(args[0], args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "hammer:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	v, err := perform(ctx, args[0], o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "hammer %s: %v\n", args[0], err)
		return 2
	}
	report(v, asJSON)
	if !v.Held {
		return 1
	}
	return 0
}

// scenarios by name.
var scenarios = map[string]scenario{
	"kill9":     {play: kill9, what: "the server is killed in mid-typing", stopped: true},
	"powerloss": {play: powerLoss, what: "the power fails in mid-typing: what was not synced is gone", stopped: true, disk: true},
	"diskfull":  {play: diskFull, what: "the disk is full, or cannot sync, while people type", disk: true},
	"load":      {play: load, what: "how long until an edit is durable, and until others see it"},
	"garbled":   {play: garbled, what: "updates arrive twice, in the wrong order, or cut off with the line"},
	"halfopen":  {play: halfOpen, what: "lines go dead and nobody is told"},
	"slow":      {play: slow, what: "readers at 1 KB/s beside fast ones"},
	"revoke":    {play: revoke, what: "a right or an account is withdrawn while its holder types"},
	"freeze":    {play: freeze, what: "a text is frozen while it is typed"},
	"redis":     {play: frozenRedis, what: "two nodes; Redis stops answering", nodes: 2},
	"postgres":  {play: crashedPostgres, what: "two nodes; PostgreSQL crashes and comes back", nodes: 2},
	"upgrade":   {play: upgrade, what: "two nodes; one after the other is drained and restarted", nodes: 2},
	"partition": {play: partition, what: "two nodes; one is cut off from PostgreSQL, Redis or both", nodes: 2, cabled: true},
	"soak":      {play: soak, what: "many days (-for): memory, goroutines and delays stay flat"},
}

type scenario struct {
	play    func(context.Context, options) (*verdict, error)
	what    string
	nodes   int  // needed, and started here; 0: one, or those of -url
	stopped bool // starts the server itself
	cabled  bool // its nodes reach their storage by cables that can be cut
	disk    bool // needs an office of its own whose data lies on a faulty disk
}

// perform plays a scenario, in an office of its own unless o says where people are.
func perform(ctx context.Context, name string, o options) (*verdict, error) {
	s := scenarios[name]
	if len(o.people) == 0 || s.nodes > 1 {
		o.faulty, o.cabled = s.disk, s.cabled
		f, err := found(ctx, o, max(1, s.nodes))
		if err != nil {
			return nil, err
		}
		defer f.close()
		if s.stopped {
			f.nodes[0].kill()
		}
		o = f.options
		o.office = f
	}
	v, err := s.play(ctx, o)
	if err != nil {
		return nil, err
	}
	v.Scenario, v.Held = name, len(v.Broken) == 0
	return v, nil
}

// options say what to hammer.
type options struct {
	server    string   // binary to start
	args      []string // its arguments
	url       string   // http://host:port of the first node
	nodes     []string // of all nodes
	people    []credential
	documents []string
	create    int // materials to make first, by the first of people
	agenda    string
	unit      string
	clients   int
	runs      int
	lasting   time.Duration
	every     time.Duration
	pause     time.Duration // how long Redis, PostgreSQL or a drained node is away
	notice    time.Duration // within this a dead line must be noticed
	ratio     float64       // what slow readers may cost the others
	product   bool          // the whole office answers, not only live editing
	admin     credential
	front     func(n int) string // address for official n, when something stands before the nodes
	office    *office            // ours, when we started it
	cabled    bool               // our office's nodes shall reach their storage by cables that can be cut
	faulty    bool               // our office shall have its data on a disk that can fail
	log       func(format string, args ...any)
}

func parse(scenario string, args []string) (o options, asJSON bool, bound time.Duration, err error) {
	f := flag.NewFlagSet("hammer "+scenario, flag.ContinueOnError)
	f.StringVar(&o.server, "server", "", "binary of the server to start; empty: spolupis beside this one")
	serverArgs := f.String("args", "", "its arguments, separated by spaces")
	nodes := f.String("url", "", "where the server answers; several nodes separated by commas")
	tokens := f.String("token", "", "API tokens of the officials, separated by commas")
	logins := f.String("login", "", "logins of the officials, or login:password, separated by commas")
	password := f.String("password", "", "password of all logins given without one")
	documents := f.String("documents", "", "documents to write in, separated by commas")
	f.IntVar(&o.create, "new", 0, "instead, let the first official make so many new materials")
	f.StringVar(&o.agenda, "agenda", "rada", "agenda of new materials")
	f.StringVar(&o.unit, "unit", "oi", "department of new materials")
	f.IntVar(&o.clients, "clients", 20, "officials that type")
	f.IntVar(&o.runs, "runs", 20, "how often to do what the scenario does")
	f.DurationVar(&o.lasting, "for", 10*time.Second, "how long to type (load, slow, soak)")
	f.DurationVar(&o.pause, "pause", 5*time.Second, "how long the thing is away (redis, postgres, upgrade)")
	f.DurationVar(&o.notice, "notice", 35*time.Second, "a dead line must be noticed within (halfopen)")
	f.Float64Var(&o.ratio, "ratio", 1.2, "slow readers may cost the others so many times their p99 (slow)")
	admin := f.String("admin", "", "login:password of an administrator (revoke)")
	f.BoolVar(&o.product, "product", true, "the whole office answers there, not only live editing")
	f.DurationVar(&o.every, "every", 200*time.Millisecond, "pause between two words of an official")
	quiet := f.Bool("q", false, "print the verdict only")
	f.BoolVar(&asJSON, "json", false, "print the verdict as JSON")
	f.DurationVar(&bound, "timeout", 10*time.Minute, "give up after")
	if err := f.Parse(args); err != nil {
		return o, false, 0, err
	}
	o.args = strings.Fields(*serverArgs)
	o.nodes = split(*nodes)
	if len(o.nodes) == 0 {
		o.nodes = []string{"http://127.0.0.1:8080"}
	}
	o.url = o.nodes[0]
	o.documents = split(*documents)
	for _, t := range split(*tokens) {
		o.people = append(o.people, credential{token: t})
	}
	for _, l := range split(*logins) {
		name, own, ok := strings.Cut(l, ":")
		if !ok {
			own = *password
		}
		o.people = append(o.people, credential{login: name, password: own})
	}
	o.admin.login, o.admin.password, _ = strings.Cut(*admin, ":")
	o.log = func(format string, args ...any) {
		if !*quiet {
			fmt.Fprintf(os.Stderr, format+"\n", args...)
		}
	}
	switch {
	case len(o.people) == 0 && *nodes != "":
		err = fmt.Errorf("-token or -login: who is typing at %s?", *nodes)
	case len(o.people) > 0 && (scenarios[scenario].nodes > 1 || scenarios[scenario].disk):
		err = fmt.Errorf("this scenario starts nodes of its own: leave out -login and -token")
	case len(o.people) > 0 && len(o.documents) == 0 && o.create == 0:
		err = fmt.Errorf("-documents or -new: write in what?")
	case len(o.people) == 0 && len(o.documents) > 0:
		err = fmt.Errorf("-token or -login: whose documents?")
	case len(o.people) > 0 && scenario == "kill9" && o.server == "":
		err = fmt.Errorf("-server: start and kill what?")
	case len(o.people) == 0 && o.clients > 36*max(1, o.create):
		err = fmt.Errorf("-clients %d: at most 36 for each material, see -new", o.clients)
	case len(o.people) > 0 && o.clients > 6*len(o.people)*max(len(o.documents), o.create):
		err = fmt.Errorf("-clients %d: one person may have 8 connections to a document, two are needed to look", o.clients)
	}
	return o, asJSON, bound, err
}

func split(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
}

func report(v *verdict, asJSON bool) {
	if asJSON {
		json.NewEncoder(os.Stdout).Encode(v)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(v.Figures)) {
		fmt.Printf("%-28s %v\n", name, v.Figures[name])
	}
	for _, b := range v.Broken {
		fmt.Println("BROKEN:", b)
	}
	if v.Held {
		fmt.Printf("%s: every promise held\n", v.Scenario)
	} else {
		fmt.Printf("%s: %d promises BROKEN\n", v.Scenario, len(v.Broken))
	}
}
