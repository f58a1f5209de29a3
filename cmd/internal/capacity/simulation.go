package capacity

import (
	"container/heap"
	"math/rand/v2"
	"slices"
	"time"
)

// Outcome is what a simulated stretch of time came to.
type Outcome struct {
	Typed, Shown   int           // updates, and those that everybody had in the end or when time was up
	Here, There    time.Duration // p95 until all on the same node, and on other nodes, have an update; 0: nobody
	Node, Database float64       // share of the processors that was in use
	Transactions   int
}

// Simulate plays load l on site s for so long, keystroke by keystroke: processors with queues, rooms with turns, one committer a
// node, transactions of different nodes that wait for each other's documents, hints on their way.
func (c Costs) Simulate(s Site, l Load, lasts time.Duration, seed uint64) Outcome {
	w := &world{costs: c, load: l, gather: s.gatherTime(), rand: rand.New(rand.NewPCG(seed, 1)), locked: map[int]bool{}}
	open := s.nodesOf(l.Clients)
	for range s.Nodes {
		w.nodes = append(w.nodes, &simNode{w: w, cpu: processor{w: w, free: s.Cores}, rooms: map[int]*simRoom{}})
	}
	if s.DatabaseCores > 0 {
		w.database = &processor{w: w, free: s.DatabaseCores}
	}
	for d := range l.Documents {
		for k := range l.Clients {
			n := w.nodes[(d+k%open)%s.Nodes]
			r := n.rooms[d]
			if r == nil {
				r = &simRoom{node: n, document: d}
				n.rooms[d] = r
			}
			r.members++
			w.typist(r, lasts)
		}
	}
	w.run(lasts)
	o := Outcome{Typed: w.typed, Shown: w.shown, Here: p95(w.here), There: p95(w.there), Transactions: w.transactions}
	for _, n := range w.nodes {
		o.Node += n.cpu.used.Seconds() / lasts.Seconds() / float64(s.Cores*s.Nodes)
	}
	if w.database != nil {
		o.Database = w.database.used.Seconds() / lasts.Seconds() / float64(s.DatabaseCores)
	}
	return o
}

func p95(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)*95/100]
}

// world is simulated time and what happens in it.
type world struct {
	costs    Costs
	load     Load
	gather   time.Duration
	rand     *rand.Rand
	now      time.Duration
	events   events
	order    int // of events at the same time
	nodes    []*simNode
	database *processor
	locked   map[int]bool // documents in a transaction
	waiting  []*simNode   // whose transaction waits for documents

	typed, shown, transactions int
	here, there                []time.Duration
}

type event struct {
	at    time.Duration
	order int
	do    func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].order < e[j].order
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	(*e)[len(*e)-1] = event{}
	*e = (*e)[:len(*e)-1]
	return last
}

func (w *world) after(d time.Duration, do func()) {
	w.order++
	heap.Push(&w.events, event{w.now + d, w.order, do})
}

func (w *world) run(until time.Duration) {
	for len(w.events) > 0 && w.events[0].at <= until {
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		e.do()
	}
}

// typist types into r at random moments.
func (w *world) typist(r *simRoom, until time.Duration) {
	if w.load.Rate <= 0 {
		return
	}
	gap := time.Duration(w.rand.ExpFloat64() / w.load.Rate * float64(time.Second))
	if w.now+gap > until {
		return
	}
	w.after(gap, func() {
		w.typed++
		at := w.now
		r.node.cpu.work(w.costs.Receive, func() {
			r.inbox = append(r.inbox, at)
			r.begin()
		})
		w.typist(r, until)
	})
}

// processor works off what comes, so many at once.
type processor struct {
	w     *world
	free  int
	queue []job
	used  time.Duration
}

type job struct {
	takes time.Duration
	then  func()
}

func (p *processor) work(takes time.Duration, then func()) {
	p.queue = append(p.queue, job{takes, then})
	p.next()
}

func (p *processor) next() {
	for p.free > 0 && len(p.queue) > 0 {
		j := p.queue[0]
		p.queue = p.queue[1:]
		p.free--
		p.w.after(j.takes, func() {
			p.used += j.takes
			p.free++
			j.then()
			p.next()
		})
	}
}

// simNode is a node with its committer.
type simNode struct {
	w          *world
	cpu        processor
	rooms      map[int]*simRoom
	queue      []batch // for the next transaction
	committing bool
}

// batch is one turn of one room.
type batch struct {
	room  *simRoom
	typed []time.Duration
}

// simRoom is a document as it is open on a node.
type simRoom struct {
	node     *simNode
	document int
	members  int
	inbox    []time.Duration // when what waits was typed
	busy     bool
	began    time.Duration
}

// begin takes a turn unless one is under way.
func (r *simRoom) begin() {
	if r.busy || len(r.inbox) == 0 {
		return
	}
	r.busy, r.began = true, r.node.w.now
	r.node.queue = append(r.node.queue, batch{r, r.inbox})
	r.inbox = nil
	r.node.commit()
}

// commit stores what waits in one transaction unless one is under way.
func (n *simNode) commit() {
	if n.committing || len(n.queue) == 0 {
		return
	}
	w := n.w
	if w.database != nil {
		for _, b := range n.queue {
			if w.locked[b.room.document] {
				if !slices.Contains(w.waiting, n) {
					w.waiting = append(w.waiting, n)
				}
				return // another node is writing one of the documents
			}
		}
	}
	n.committing = true
	part, began, rows := n.queue, w.now, 0
	n.queue = nil
	w.transactions++
	for _, b := range part {
		rows += len(b.typed)
		if w.database != nil {
			w.locked[b.room.document] = true
		}
	}
	done := func() {
		for _, b := range part {
			delete(w.locked, b.room.document)
			b.room.show(b.typed)
		}
		waiting := w.waiting
		w.waiting = nil
		for _, other := range waiting { // before this node takes the documents again
			other.commit()
		}
		again := func() { n.committing = false; n.commit() }
		if rest := w.gather - (w.now - began); len(part) >= gatherFrom && rest > 0 {
			w.after(rest, again)
		} else {
			again()
		}
	}
	n.cpu.work(w.costs.Commit+time.Duration(rows)*w.costs.Row, func() {
		if w.database == nil {
			w.after(w.costs.Sync, done)
			return
		}
		w.database.work(w.costs.DatabaseCommit+time.Duration(rows)*w.costs.DatabaseRow, func() { w.after(w.costs.Sync, done) })
	})
}

// show writes what is stored to the members and tells the other nodes.
func (r *simRoom) show(typed []time.Duration) {
	w := r.node.w
	r.node.cpu.work(time.Duration(r.members)*w.costs.Write, func() {
		w.shown += len(typed)
		for _, at := range typed {
			w.here = append(w.here, w.now-at)
		}
		rest := max(0, pause(r.members)-(w.now-r.began))
		w.after(rest, func() { r.busy = false; r.begin() })
	})
	for _, n := range w.nodes {
		other := n.rooms[r.document]
		if other == nil || n == r.node {
			continue
		}
		w.after(w.costs.Hint, func() {
			n.cpu.work(time.Duration(len(typed))*w.costs.Adopt+time.Duration(other.members)*w.costs.Write, func() {
				for _, at := range typed {
					w.there = append(w.there, w.now-at)
				}
			})
		})
	}
}

// Held says whether the site kept up: nearly all that was typed was shown, and soon.
func (o Outcome) Held() bool {
	return float64(o.Shown) > 0.99*float64(o.Typed) && max(o.Here, o.There) < 100*time.Millisecond
}
