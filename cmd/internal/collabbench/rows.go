package collabbench

import (
	"context"
	"fmt"
)

// A row is one kind of load and the figures it gives.
type row struct {
	name    string
	what    string
	figures []figure
	needs   needs
	quick   needs // the same in miniature
	alone   bool  // only our server is asked
	measure func(ctx context.Context, b *bench, s *site, n needs) (sample, error)
}

// needs is how large a load is.
type needs struct {
	documents int
	clients   int     // in each document
	rate      float64 // updates a second of each client
	nodes     int     // of our server, over PostgreSQL and Redis when there are several
	keeps     bool    // Hocuspocus must store something, too
}

// figure is one number of a row.
type figure struct {
	name string
	unit string
	goal goal
}

// goal is what a figure should come to: a bound for itself or for how many times that of Hocuspocus it is.
type goal struct {
	kind  goalKind
	bound float64
}

type goalKind int

const (
	noGoal goalKind = iota
	atMost
	ratioAtMost
	ratioAtLeast
)

func (g goal) String() string {
	switch g.kind {
	case atMost:
		return fmt.Sprintf("≤ %g", g.bound)
	case ratioAtMost:
		return fmt.Sprintf("≤ %g ×", g.bound)
	case ratioAtLeast:
		return fmt.Sprintf("≥ %g ×", g.bound)
	}
	return ""
}

// met reports whether ours, with its ratio to Hocuspocus (0: unknown), is good enough; nil when nobody can say.
func (g goal) met(ours, ratio float64) *bool {
	var ok bool
	switch {
	case g.kind == atMost:
		ok = ours <= g.bound
	case g.kind == noGoal || ratio == 0:
		return nil
	case g.kind == ratioAtMost:
		ok = ratio <= g.bound
	default:
		ok = ratio >= g.bound
	}
	return &ok
}

// sample is what a row came to on one server: a value for each of its figures.
type sample struct {
	values []float64
	note   string
}

// rows are what is measured, in this order. The goals are those of the project for its live server.
var rows = []row{
	{
		name: "ramp", what: "1 document, 50 typists, faster and faster until p95 passes 100 ms",
		figures: []figure{{"deliveries held", "/s", goal{ratioAtLeast, 2.5}}},
		needs:   needs{documents: 1, clients: 50, rate: 20},
		quick:   needs{documents: 1, clients: 3, rate: 40},
		measure: ramp,
	},
	{
		name: "crowd", what: "1 document, 200 typists at 5/s",
		figures: []figure{
			{"CPU per delivery", "µs", goal{ratioAtMost, 0.35}},
			{"p95 to everybody", "ms", goal{atMost, 10}},
		},
		needs:   needs{documents: 1, clients: 200, rate: 5},
		quick:   needs{documents: 1, clients: 4, rate: 20},
		measure: crowded,
	},
	{
		name: "office", what: "500 documents, 4 typists each at 1/s",
		figures: []figure{
			{"CPU per update in", "µs", goal{ratioAtMost, 0.4}},
			{"p95", "ms", goal{}},
		},
		needs:   needs{documents: 500, clients: 4, rate: 1},
		quick:   needs{documents: 3, clients: 2, rate: 10},
		measure: scattered,
	},
	{
		name: "memory", what: "1,000 documents opened by one each, then 4 more connections to each; nobody types",
		figures: []figure{
			{"per idle connection", "KiB", goal{atMost, 8}},
			{"per open document", "KiB", goal{atMost, 6}},
		},
		needs:   needs{documents: 1000, clients: 5},
		quick:   needs{documents: 4, clients: 3},
		measure: memory,
	},
	{
		name: "joins", what: "50 at once open a document of 260,000 operations, in which 10 type at 5/s",
		figures: []figure{
			{"all in", "ms", goal{atMost, 80}},
			{"typists' p95 meanwhile", "ms", goal{atMost, 20}},
		},
		needs:   needs{documents: 1, clients: 61, rate: 5},
		quick:   needs{documents: 1, clients: 12, rate: 20},
		measure: joins,
	},
	{
		name: "storm", what: "2,000 connections to 500 open documents in one instant",
		figures: []figure{
			{"all in sync", "ms", goal{ratioAtMost, 0.25}},
			{"CPU per connection", "µs", goal{}},
		},
		needs:   needs{documents: 500, clients: 5},
		quick:   needs{documents: 3, clients: 3},
		measure: storm,
	},
	{
		name: "kill", what: "kill -9 while 10 type in each of 5 documents at 10/s",
		figures: []figure{
			{"acknowledged characters lost", "", goal{atMost, 0}},
			{"of so many acknowledged", "", goal{}},
		},
		needs:   needs{documents: 5, clients: 10, rate: 10, keeps: true},
		quick:   needs{documents: 2, clients: 2, rate: 20, keeps: true},
		measure: crash,
	},
	{
		name: "many", what: "2,000 documents, 5 idle connections to each",
		figures: []figure{
			{"memory of the process", "MiB", goal{atMost, 400}},
			{"idle CPU", "cores", goal{}},
		},
		needs:   needs{documents: 2000, clients: 5},
		quick:   needs{documents: 3, clients: 3},
		alone:   true,
		measure: many,
	},
	{
		name: "nodes", what: "2 nodes over PostgreSQL and Redis, 10 documents, 4 typists each at 2/s, spread over the nodes",
		figures: []figure{{"p95 to the other node", "ms", goal{atMost, 15}}},
		needs:   needs{documents: 10, clients: 4, rate: 2, nodes: 2},
		quick:   needs{documents: 1, clients: 2, rate: 10, nodes: 2},
		alone:   true,
		measure: acrossNodes,
	},
	growth("clients", "clients of one document at 2/s", "delivery", []needs{
		{documents: 1, clients: 10, rate: 2}, {documents: 1, clients: 50, rate: 2}, {documents: 1, clients: 100, rate: 2},
		{documents: 1, clients: 200, rate: 2}, {documents: 1, clients: 500, rate: 2},
	}),
	growth("documents", "documents, 2 clients each at 0.2/s", "update in", []needs{
		{documents: 10, clients: 2, rate: 0.2}, {documents: 50, clients: 2, rate: 0.2}, {documents: 500, clients: 2, rate: 0.2},
		{documents: 5000, clients: 2, rate: 0.2},
	}),
}

// growth is a row of one load in several sizes: the cost of each must not grow with their number.
func growth(of, what, cost string, sizes []needs) row {
	r := row{name: "growth-" + of, what: "more and more " + what, alone: true, quick: needs{documents: 2, clients: 3}}
	size := func(n needs) int {
		if of == "clients" {
			return n.clients
		}
		return n.documents
	}
	for _, n := range sizes {
		r.needs.documents, r.needs.clients = max(r.needs.documents, n.documents), max(r.needs.clients, n.clients)
		r.figures = append(r.figures, figure{fmt.Sprintf("CPU per %s, %d %s", cost, size(n), of), "µs", goal{}},
			figure{fmt.Sprintf("p95, %d %s", size(n), of), "ms", goal{}})
	}
	r.measure = func(ctx context.Context, b *bench, s *site, most needs) (sample, error) {
		var all sample
		for _, n := range sizes {
			if b.Quick {
				n = needs{documents: min(n.documents, most.documents), clients: min(n.clients, most.clients), rate: 10}
			}
			m, err := b.typing(ctx, s, n)
			if err != nil {
				return all, err
			}
			per := m.perUpdate()
			if cost == "delivery" {
				per = m.perDelivery()
			}
			all.values = append(all.values, per, m.late.ms(0.95))
		}
		return all, nil
	}
	return r
}
