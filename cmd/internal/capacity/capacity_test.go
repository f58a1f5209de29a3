package capacity

import (
	"math"
	"testing"
	"time"
)

var sites = []struct {
	name string
	Site
	Load
}{
	{"one node, 500 documents of 4", Site{Nodes: 1, Cores: 1}, Load{500, 4, 1}},
	{"one node, one document of 200", Site{Nodes: 1, Cores: 1}, Load{1, 200, 5}},
	{"one node, little to do", Site{Nodes: 1, Cores: 1}, Load{10, 2, 0.2}},
	{"two nodes", Site{Nodes: 2, Cores: 2, DatabaseCores: 2}, Load{400, 4, 1}},
	{"ten nodes, ten times what a machine here can run", Site{Nodes: 10, Cores: 2, DatabaseCores: 8}, Load{5000, 4, 1}},
}

func TestSimulationUsesWhatIsEstimated(t *testing.T) {
	for _, s := range sites {
		t.Run(s.name, func(t *testing.T) {
			e, o := Measured.Estimate(s.Site, s.Load), Measured.Simulate(s.Site, s.Load, 10*time.Second, 7)
			t.Logf("node %.3f estimated, %.3f simulated; database %.3f, %.3f; p95 %v, other nodes %v", e.Node, o.Node, e.Database, o.Database, o.Here, o.There)
			if math.Abs(e.Node-o.Node) > 0.15*o.Node+0.005 {
				t.Errorf("share of a node in use: %.3f estimated, %.3f simulated", e.Node, o.Node)
			}
			if math.Abs(e.Database-o.Database) > 0.15*o.Database+0.005 {
				t.Errorf("share of the database in use: %.3f estimated, %.3f simulated", e.Database, o.Database)
			}
			if typed := e.Updates * 10; math.Abs(typed-float64(o.Typed)) > 0.2*typed {
				t.Errorf("%d updates simulated, %.0f estimated", o.Typed, typed)
			}
			if !o.Held() {
				t.Errorf("did not keep up: %+v", o)
			}
		})
	}
}

func TestWallIsWhereASimulatedSiteStopsKeepingUp(t *testing.T) {
	for _, s := range []struct {
		name string
		Site
		what string
	}{
		{"one node", Site{Nodes: 1, Cores: 1}, "node"},
		{"one node of many processors", Site{Nodes: 1, Cores: 8}, "committer"},
		{"ten nodes on a small database", Site{Nodes: 10, Cores: 4, DatabaseCores: 1}, "database"},
	} {
		t.Run(s.name, func(t *testing.T) {
			w := Measured.Wall(s.Site, 4, 1)
			if w.What != s.what {
				t.Fatalf("%+v, want %s", w, s.what)
			}
			at := func(share float64) Outcome {
				return Measured.Simulate(s.Site, Load{int(float64(w.People) * share / 4), 4, 1}, 6*time.Second, 3)
			}
			if o := at(1); !o.Held() {
				t.Errorf("at the wall, %d people: %+v", w.People, o)
			}
			if o := at(1.8); o.Held() {
				t.Errorf("far behind the wall it still holds: %+v", o)
			}
		})
	}
}

func TestConnectionsAndMemoryAreWallsToo(t *testing.T) {
	if w := Measured.Wall(Site{Nodes: 1, Cores: 64, Connections: 1000}, 4, 0.01); w != (Wall{1000, "connections"}) {
		t.Errorf("%+v", w)
	}
	if w := Measured.Wall(Site{Nodes: 1, Cores: 64, Memory: 1 << 20}, 4, 0.01); w.What != "memory" || w.People < 40 || w.People > 120 {
		t.Errorf("%+v", w)
	}
}

func TestSimulationIsRepeatable(t *testing.T) {
	play := func() Outcome {
		return Measured.Simulate(Site{Nodes: 3, Cores: 1, DatabaseCores: 1}, Load{50, 4, 1}, time.Second, 9)
	}
	if a, b := play(), play(); a != b {
		t.Errorf("%+v, then %+v", a, b)
	}
}
