// Package capacity tells how much live editing a site carries, from what single steps cost, and plays the site in simulated
// time to see whether that is so. The costs come from `spolupis bench collab`; what they were when they were last measured is Measured.
package capacity

import (
	"math"
	"time"
)

// Costs are what the steps of an update take. Times of a processor are those of one core.
type Costs struct {
	Receive time.Duration // processor: reading, judging, applying and acknowledging one update
	Row     time.Duration // processor: storing one update, whatever else is in the transaction
	Commit  time.Duration // processor: one transaction, whatever is in it
	Write   time.Duration // processor: one message to one connection
	Adopt   time.Duration // processor: one update that comes from another node
	Sync    time.Duration // waiting until a transaction is on the disk
	Hint    time.Duration // waiting until the other nodes know of it

	DatabaseRow    time.Duration // processor of PostgreSQL: one update
	DatabaseCommit time.Duration // and one transaction

	Connection float64 // bytes of an idle connection
	Document   float64 // bytes of an open document without its text
	RowBytes   float64 // bytes that one update takes in the log
}

// Measured are the costs on one core of the project's CI machine on 1 December 2026. Receive, Row and Commit share out the 219 µs an
// update takes with 500 documents as its profile does; with Write they put a crowd in one document a third too high. Those of PostgreSQL
// are the processor time of its processes for 1 to 64 rooms in a transaction. Sync and Hint are not measured but assumed: a
// server's disk, a Redis in the same network.
var Measured = Costs{
	Receive: 90 * time.Microsecond, Row: 75 * time.Microsecond, Commit: 250 * time.Microsecond, Write: 10 * time.Microsecond,
	Adopt: 40 * time.Microsecond, Sync: 1500 * time.Microsecond, Hint: 500 * time.Microsecond,
	DatabaseRow: 90 * time.Microsecond, DatabaseCommit: 320 * time.Microsecond,
	Connection: 7.6 * (1 << 10), Document: 6.6 * (1 << 10), RowBytes: 300,
}

// How rooms and the committer gather, as in collab/show.go and collab/store/commit.go.
const (
	pauseFrom  = 30
	pauseEach  = 30 * time.Microsecond
	pauseMost  = 10 * time.Millisecond
	gatherFrom = 4
)

// gatherTime is how long after the last transaction began the next one does, at the earliest.
func (s Site) gatherTime() time.Duration {
	if s.DatabaseCores == 0 {
		return 10 * time.Millisecond
	}
	return 5 * time.Millisecond
}

// Site is what the office runs on.
type Site struct {
	Nodes         int  // processes; one has SQLite unless there are DatabaseCores
	Cores         int  // of each
	DatabaseCores int  // of PostgreSQL; 0: SQLite, within the only node
	Together      bool // the proxy sends all people of one document to one node
	Connections   int  // that one node takes; 0: 20,000
	Memory        int  // bytes of one node for documents and connections; 0: 4 GiB
}

// Load is what the office does: so many documents, each with so many people who each type so many updates a second.
type Load struct {
	Documents, Clients int
	Rate               float64
}

// People is how many are connected.
func (l Load) People() int { return l.Documents * l.Clients }

// Estimate is what a load comes to in the long run.
type Estimate struct {
	Updates    float64 // a second, all nodes
	Deliveries float64 // a second: updates times receivers
	Node       float64 // share of a node's processors in use; above 1 it falls behind
	Database   float64 // the same of PostgreSQL
	Pressed    float64 // what of it could not be saved: when it is slow, more comes together in each transaction, of which a node then makes one in 50 ms
	Committer  float64 // share of its time in which a node's only committer cannot but be busy, with as large transactions
	People     float64 // connections of a node
	Memory     float64 // bytes of a node for connections and documents
	Log        float64 // bytes a second
}

// pause is how long after the beginning of a turn in a room of n members the next one begins at the earliest.
func pause(n int) time.Duration {
	if n <= pauseFrom {
		return 0
	}
	return min(time.Duration(n)*pauseEach, pauseMost)
}

// nodesOf is on how many nodes a document of so many people is open. Where they are not kept together they are spread evenly,
// the worst way.
func (s Site) nodesOf(clients int) int {
	if s.Together {
		return 1
	}
	return min(s.Nodes, clients)
}

// Estimate says what l comes to on s.
func (c Costs) Estimate(s Site, l Load) Estimate {
	perRoom := l.Rate * float64(l.Clients) // updates a second in a document
	e := Estimate{Updates: perRoom * float64(l.Documents), People: float64(l.People()) / float64(s.Nodes)}
	e.Deliveries = e.Updates * float64(l.Clients-1)
	e.Log = e.Updates * c.RowBytes
	open := s.nodesOf(l.Clients)
	e.Memory = e.People*c.Connection + float64(l.Documents)*float64(open)/float64(s.Nodes)*c.Document

	// A room's turn takes what came since the last one began: at least what its commit takes.
	own := e.Updates / float64(s.Nodes) // that come to a node
	rooms := float64(l.Documents*open) / float64(s.Nodes)
	transaction, row := c.Sync+c.Commit, c.Row
	if s.DatabaseCores > 0 {
		transaction, row = transaction+c.DatabaseCommit, row+c.DatabaseRow
	}
	commits, batch := c.commits(own, rooms, s.gatherTime(), transaction, row)
	here := l.Clients / open // members on one node
	turn := max(pause(here), transaction+time.Duration(batch*float64(row)))
	perTurn := max(1, own/rooms*turn.Seconds())
	commits = min(commits, own/perTurn)     // a turn is in one transaction
	writes := own / perTurn * float64(here) // here, acknowledgements included
	adopted := own * float64(open-1)
	writes += adopted / perTurn * float64(here) // and what comes from elsewhere
	busy := own*(c.Receive+c.Row).Seconds() + commits*c.Commit.Seconds() + writes*c.Write.Seconds() + adopted*c.Adopt.Seconds()
	e.Node = busy / float64(s.Cores)
	e.Committer = own*row.Seconds() + min(commits, 20)*transaction.Seconds()
	if open > 1 {
		e.Committer *= 2 // it waits for documents that other nodes are writing; near the wall about as long as it works
	}
	if s.DatabaseCores > 0 {
		share := func(commits float64) float64 {
			return (e.Updates*c.DatabaseRow.Seconds() + commits*float64(s.Nodes)*c.DatabaseCommit.Seconds()) / float64(s.DatabaseCores)
		}
		e.Database, e.Pressed = share(commits), share(min(commits, 20))
	}
	return e
}

// commits is how many transactions a second a node needs for so many updates a second in so many rooms, and how many are in one.
// What comes while one transaction is under way is in the next.
func (c Costs) commits(updates, rooms float64, gather, transaction, row time.Duration) (commits, batch float64) {
	if updates == 0 {
		return 0, 0
	}
	batch = max(1, updates*gather.Seconds())
	for range 50 { // it settles quickly
		lasts := transaction.Seconds() + batch*row.Seconds()
		if gathers := gather.Seconds() - lasts; gathers > 0 {
			lasts += gathers * atLeastFour(min(batch, rooms))
		}
		batch = batch/2 + max(1, updates*lasts)/2
	}
	return updates / batch, batch
}

// atLeastFour is how likely gatherFrom rooms or more are in a transaction that has so many on average (Poisson).
func atLeastFour(mean float64) float64 {
	return 1 - math.Exp(-mean)*(1+mean+mean*mean/2+mean*mean*mean/6)
}

// Wall is what a site runs into first when more and more people type.
type Wall struct {
	People int    // who type at once when it is met
	What   string // "node", "committer", "database", "connections" or "memory"
}

// Full is how much of a processor may be in use before waiting grows out of hand.
const Full = 0.7

// Wall finds how many people typing rate updates a second, so many to a document, s carries, and what stops more.
func (c Costs) Wall(s Site, clients int, rate float64) Wall {
	connections, memory := float64(s.Connections), float64(s.Memory)
	if connections == 0 {
		connections = 20_000
	}
	if memory == 0 {
		memory = 4 << 30
	}
	first := func(documents int) string {
		e := c.Estimate(s, Load{documents, clients, rate})
		switch {
		case e.Node > Full:
			return "node"
		case e.Committer > Full:
			return "committer"
		case e.Pressed > Full:
			return "database"
		case e.People > connections:
			return "connections"
		case e.Memory > memory:
			return "memory"
		}
		return ""
	}
	low, high := 0, 1
	for first(high) == "" && high < math.MaxInt32 {
		low, high = high, 2*high
	}
	for high-low > 1 {
		if mid := (low + high) / 2; first(mid) == "" {
			low = mid
		} else {
			high = mid
		}
	}
	return Wall{low * clients, first(high)}
}
