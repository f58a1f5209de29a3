// Command hammer drives a running server with many simulated officials and checks its promises from outside.
//
//	hammer kill9 -server ./spolupis -args "demo -data d" -login dvorakova,novak -password PASSWORD -new 3
//	hammer load -url http://127.0.0.1:8080,http://127.0.0.1:8081 -token t1,t2 -documents m-1 -clients 50 -for 30s
//
// kill9 starts the server itself and kills it in mid-typing, again and again: nothing that was acknowledged may be missing
// after the restart, and everybody must end up with the same text. load types into a server that is running already and
// measures how long it takes until an edit is durable and until another official, on another node if there are several, sees it.
//
// It prints a verdict and exits with 0 only when every promise held; 1 when one was broken, 2 when it could not be tried.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
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
	scenarios := map[string]func(context.Context, options) (*verdict, error){"kill9": kill9, "load": load}
	if len(args) == 0 || scenarios[args[0]] == nil {
		fmt.Fprintln(os.Stderr, "usage: hammer kill9|load [flags]; hammer kill9 -h lists them")
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
	v, err := scenarios[args[0]](ctx, o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "hammer %s: %v\n", args[0], err)
		return 2
	}
	v.Scenario, v.Held = args[0], len(v.Broken) == 0
	report(v, asJSON)
	if !v.Held {
		return 1
	}
	return 0
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
	log       func(format string, args ...any)
}

func parse(scenario string, args []string) (o options, asJSON bool, bound time.Duration, err error) {
	f := flag.NewFlagSet("hammer "+scenario, flag.ContinueOnError)
	f.StringVar(&o.server, "server", "", "binary of the server to start and kill (kill9)")
	serverArgs := f.String("args", "", "its arguments, separated by spaces")
	nodes := f.String("url", "http://127.0.0.1:8080", "where the server answers; several nodes separated by commas")
	tokens := f.String("token", "", "API tokens of the officials, separated by commas")
	logins := f.String("login", "", "logins of the officials, or login:password, separated by commas")
	password := f.String("password", "", "password of all logins given without one")
	documents := f.String("documents", "", "documents to write in, separated by commas")
	f.IntVar(&o.create, "new", 0, "instead, let the first official make so many new materials")
	f.StringVar(&o.agenda, "agenda", "rada", "agenda of new materials")
	f.StringVar(&o.unit, "unit", "oi", "department of new materials")
	f.IntVar(&o.clients, "clients", 20, "officials that type")
	f.IntVar(&o.runs, "runs", 20, "how often to kill (kill9)")
	f.DurationVar(&o.lasting, "for", 10*time.Second, "how long to type (load)")
	f.DurationVar(&o.every, "every", 200*time.Millisecond, "pause between two words of an official")
	quiet := f.Bool("q", false, "print the verdict only")
	f.BoolVar(&asJSON, "json", false, "print the verdict as JSON")
	f.DurationVar(&bound, "timeout", 10*time.Minute, "give up after")
	if err := f.Parse(args); err != nil {
		return o, false, 0, err
	}
	o.args = strings.Fields(*serverArgs)
	if o.nodes = split(*nodes); len(o.nodes) > 0 {
		o.url = o.nodes[0]
	}
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
	o.log = func(format string, args ...any) {
		if !*quiet {
			fmt.Fprintf(os.Stderr, format+"\n", args...)
		}
	}
	switch {
	case len(o.nodes) == 0:
		err = fmt.Errorf("-url: where?")
	case len(o.people) == 0:
		err = fmt.Errorf("-token or -login: who is typing?")
	case len(o.documents) == 0 && o.create == 0:
		err = fmt.Errorf("-documents or -new: write in what?")
	case scenario == "kill9" && o.server == "":
		err = fmt.Errorf("-server: start and kill what?")
	case o.clients > 6*len(o.people)*max(len(o.documents), o.create):
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
	for name, n := range v.Figures {
		fmt.Printf("%-28s %v\n", name, n)
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
