package capacity

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// question is a site and how its people work.
type question struct {
	Name string `json:"site"`
	Site
	Clients int     `json:"-"` // in a document
	Rate    float64 `json:"-"` // updates a second of each
}

// answer is what a site carries, and what came of playing that.
type answer struct {
	question
	People    int     `json:"people"`
	What      string  `json:"wall"`
	Updates   float64 `json:"updates_per_second"`
	Node      float64 `json:"node_share"`
	Simulated float64 `json:"node_share_simulated"`
	Database  float64 `json:"database_share"`
	Held      bool    `json:"held"`
	Here      float64 `json:"p95_ms"`
	There     float64 `json:"p95_other_nodes_ms"`
	Log       float64 `json:"log_mb_per_hour"`
}

// questions are the sites that collab/README.md speaks of. Somebody who writes, thinks and reads types a character a second; in one
// document of all they type fast.
var questions = []question{
	{"one node of 1 core, SQLite", Site{Nodes: 1, Cores: 1}, 4, 1},
	{"one node of 4 cores, SQLite", Site{Nodes: 1, Cores: 4}, 4, 1},
	{"the same, one document of all", Site{Nodes: 1, Cores: 4}, 200, 3},
	{"two nodes of 2 cores, PostgreSQL of 2", Site{Nodes: 2, Cores: 2, DatabaseCores: 2, Together: true}, 4, 1},
	{"ten nodes of 4 cores, PostgreSQL of 8", Site{Nodes: 10, Cores: 4, DatabaseCores: 8, Together: true}, 4, 1},
	{"the same, people of a document spread", Site{Nodes: 10, Cores: 4, DatabaseCores: 8}, 4, 1},
	{"forty nodes of 4 cores, PostgreSQL of 8", Site{Nodes: 40, Cores: 4, DatabaseCores: 8, Together: true}, 4, 1},
}

// Command is `spolupis bench capacity`: what sites carry by the model, and whether they do when played.
func Command(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("bench capacity", flag.ContinueOnError)
	f.SetOutput(stderr)
	asJSON := f.Bool("json", false, "a line of JSON per site")
	lasts := f.Duration("for", 5*time.Second, "simulated time")
	if err := f.Parse(args); err != nil {
		return err
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 1, ' ', tabwriter.Debug)
	if !*asJSON {
		fmt.Fprintln(table, "site\t people typing\t wall\t updates/s\t node busy, simulated\t database\t p95 ms, other nodes\t log MB/h\t held\t")
		fmt.Fprintln(table, "---\t---\t---\t---\t---\t---\t---\t---\t---\t")
	}
	for _, q := range questions {
		if err := ctx.Err(); err != nil {
			return err
		}
		a := Measured.answer(q, *lasts)
		if *asJSON {
			if err := json.NewEncoder(stdout).Encode(a); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(table, "%s\t %d\t %s\t %.0f\t %.0f %%, %.0f %%\t %.0f %%\t %.1f, %.1f\t %.0f\t %v\t\n", a.Name, a.People, a.What, a.Updates,
			100*a.Node, 100*a.Simulated, 100*a.Database, a.Here, a.There, a.Log, a.Held)
	}
	return table.Flush()
}

func (c Costs) answer(q question, lasts time.Duration) answer {
	w := c.Wall(q.Site, q.Clients, q.Rate)
	l := Load{w.People / q.Clients, q.Clients, q.Rate}
	e, o := c.Estimate(q.Site, l), c.Simulate(q.Site, l, lasts, 1)
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return answer{question: q, People: w.People, What: w.What, Updates: e.Updates, Node: e.Node, Simulated: o.Node, Database: e.Database,
		Held: o.Held(), Here: ms(o.Here), There: ms(o.There), Log: e.Log * 3600 / 1e6}
}
