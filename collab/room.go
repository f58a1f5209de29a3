package collab

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"spolupis/collab/crdt"
	"spolupis/security"
)

// room is one open document. One goroutine at a time works in it, and only while there is something to do: see run. It alone
// touches the fields under "owned by run".
//
// It works in turns. A turn takes everything that was posted, judges and applies the updates in order, stores them with one
// Append and only then acknowledges and shows them. Whatever else was posted between updates runs after those before it are
// durable, so nobody is ever shown, or told about, anything that a crash could take back.
type room struct {
	h      *Hub
	doc    DocumentID
	holder string // under which server-side edits hold their leases

	mu    sync.Mutex
	inbox []op // guarded by mu
	busy  bool // guarded by mu; somebody works here or will soon
	gone  bool // guarded by mu; nothing more is taken

	known  atomic.Int64 // copy of seq and sealed for the poll
	sealed atomic.Bool

	// owned by run
	d        *crdt.Doc // nil before it is loaded
	seq      int64
	epoch    int64
	quit     bool
	leave    bool        // has been empty long enough to be forgotten
	idle     *time.Timer // says so; nil unless the room was empty once
	unheard  func()      // ends the subscription of the room
	broken   error       // it could not be rebuilt: d is not what the log says, nothing more is done with it
	members  map[*Member]struct{}
	people   map[security.ActorID]int
	presence map[uint64]*mark
	owners   map[uint64]security.ActorID // leases seen so far
	holders  map[uint64]*Member          // who writes under a lease now
	serverID map[security.ActorID]uint64 // leases of server-side edits; nil until there is one
	full     []byte                      // the document encoded, nil when it changed since
	copy     copies                      // messages for those who come in
	view     func() any                  // what Config.View keeps of d, nil until somebody asks
	since    int                         // rows since the last snapshot
	saving   chan struct{}               // closed when the snapshot being stored is done; nil when none is

	*desk // nil while nobody works here
}

// desk is what a room needs only while somebody works in it. All of it is empty between turns, unless one ended in a panic: then
// the next turn finds what was left.
type desk struct {
	ops    []op                       // of this turn
	rows   []Row                      // accepted in this turn, not stored yet
	bytes  int                        // of rows
	by     []*Member                  // the senders of rows
	came   []time.Time                // when rows arrived
	at     time.Time                  // when the update at hand arrived
	turn   map[*Member]int            // frames taken from each member in this turn
	epochs map[security.ActorID]int64 // rights epochs looked up in this turn
	holds  map[uint64]string          // leases used by rows
	news   []shown                    // stored, not shown yet
	moved  map[uint64]struct{}        // presence not shown yet
	asleep []*Member                  // have something queued and are not woken yet
	batch  time.Duration              // how long after the beginning of this turn the next may begin
}

func (k *desk) clean() bool {
	return len(k.rows)+len(k.by)+len(k.came)+len(k.turn)+len(k.epochs)+len(k.holds)+len(k.news)+len(k.moved)+len(k.asleep) == 0
}

// desks are those nobody sits at.
var desks = sync.Pool{New: func() any {
	return &desk{turn: map[*Member]int{}, epochs: map[security.ActorID]int64{}, holds: map[uint64]string{}, moved: map[uint64]struct{}{}}
}}

// op is something to do in the room: an update of a member, or anything else.
type op struct {
	from   *Member
	update []byte
	came   time.Time // of an update
	do     func(ctx context.Context)
	failed func(err error) // the room could not be opened
}

// shown is a stored update on its way to the members.
type shown struct {
	update []byte
	by     *Member   // who needs no copy; nil when from elsewhere
	came   time.Time // when it arrived; zero when from elsewhere
}

// maxTurn is how many bytes of updates a turn stores at once.
const maxTurn = 4 << 20

func newRoom(h *Hub, doc DocumentID) *room {
	return &room{
		h: h, doc: doc, holder: rand.Text(), members: map[*Member]struct{}{}, people: map[security.ActorID]int{},
		presence: map[uint64]*mark{}, owners: map[uint64]security.ActorID{}, holders: map[uint64]*Member{},
	}
}

// post hands o to the room. It reports false when the room is gone; then a new one must be asked for.
func (r *room) post(o op) bool {
	r.mu.Lock()
	if r.gone {
		r.mu.Unlock()
		return false
	}
	r.inbox = append(r.inbox, o)
	start := !r.busy
	r.busy = true
	r.mu.Unlock()
	if start {
		r.h.workers.send(r)
	}
	return true
}

func (r *room) take(spare []op) []op {
	r.mu.Lock()
	defer r.mu.Unlock()
	ops := r.inbox
	r.inbox = spare[:0]
	return ops
}

// rest ends the work if nothing is in the inbox. From then on whoever posts something sends somebody else here.
func (r *room) rest() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.inbox) > 0 {
		return false
	}
	r.inbox, r.busy = nil, false
	if r.clean() {
		desks.Put(r.desk)
		r.desk = nil
	}
	return true
}

// shut closes the inbox if nothing is in it.
func (r *room) shut() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.inbox) > 0 {
		return false
	}
	r.gone = true
	return true
}

// run takes turns until there is nothing to do, or the room is evicted, or ctx ends. The first to come loads the document.
func (r *room) run(ctx context.Context) {
	if r.desk == nil {
		r.desk = desks.Get().(*desk)
	}
	if r.d == nil {
		if err := r.begin(ctx); err != nil {
			r.abandon(err)
			return
		}
	}
	for {
		clear(r.ops)
		if r.ops = r.take(r.ops); len(r.ops) > 0 {
			began := time.Now()
			r.takeTurn(ctx, r.ops)
			r.wait(ctx, began)
			continue
		}
		if err := ctx.Err(); err != nil {
			r.abandon(err)
			return
		}
		if r.quit || r.leave && len(r.members) == 0 {
			r.leave = false
			if r.evict(ctx) {
				return
			}
			continue
		}
		if len(r.members) == 0 {
			r.leaveLater()
		}
		if r.rest() {
			return
		}
	}
}

// begin subscribes to what other nodes tell, which waits in the inbox meanwhile, and loads the document.
func (r *room) begin(ctx context.Context) error {
	r.unheard = func() {}
	if f := r.h.cfg.Fanout; f != nil {
		r.unheard = f.Subscribe(topic(r.doc), r.heard)
	}
	if err := r.load(ctx); err != nil {
		return err
	}
	r.askWhoIsThere()
	return nil
}

// askWhoIsThere asks the other nodes, and once more when the subscription must have reached the bus. Should both be too
// early, clients repeat their presence every 15 s.
func (r *room) askWhoIsThere() {
	if r.h.cfg.Fanout == nil {
		return
	}
	r.publish(hint{kind: hintQuery})
	time.AfterFunc(500*time.Millisecond, func() { r.publish(hint{kind: hintQuery}) })
}

// leaveLater has the empty room forgotten after a while in which nothing is asked of it.
func (r *room) leaveLater() {
	if r.idle != nil {
		r.idle.Reset(r.h.cfg.Idle)
		return
	}
	r.idle = time.AfterFunc(r.h.cfg.Idle, func() { r.post(op{do: func(context.Context) { r.leave = len(r.members) == 0 }}) })
}

// wait lets a batch come together after the turn that began then. A room that is to end does not wait.
func (r *room) wait(ctx context.Context, began time.Time) {
	rest := r.batch - time.Since(began)
	r.batch = 0
	if rest <= 0 || r.quit {
		return
	}
	select {
	case <-time.After(rest):
	case <-ctx.Done():
	}
}

// evict ends the room, if nothing was posted meanwhile. All it knows is durable: nothing is ever kept beyond a turn.
func (r *room) evict(ctx context.Context) bool {
	if r.since > 0 && r.broken == nil && ctx.Err() == nil {
		r.snapshot(ctx)
	}
	return r.end()
}

// end takes the room out of the hub, if nothing was posted meanwhile.
func (r *room) end() bool {
	if !r.h.forget(r) {
		return false
	}
	if r.saving != nil {
		<-r.saving
	}
	r.unheard()
	if r.idle != nil {
		r.idle.Stop()
	}
	r.h.wg.Done()
	return true
}

// abandon ends a room that cannot go on, telling everybody who waits for it.
func (r *room) abandon(err error) {
	r.h.cfg.Logger.Error("room is abandoned", "document", r.doc, "error", err)
	for {
		for _, o := range r.take(nil) {
			if o.failed != nil {
				o.failed(err)
			}
		}
		r.dismiss(closed(CodeRestart, "room is abandoned: %v", err))
		if r.end() {
			return
		}
	}
}

// load builds the document from the log.
func (r *room) load(ctx context.Context) (err error) {
	defer func() { // a document that cannot be opened must not keep the others closed
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	st, err := r.h.cfg.Log.Load(ctx, r.doc)
	if err != nil {
		return err
	}
	d := crdt.New(crdt.Config{})
	if st.Snapshot != nil {
		if err := d.Apply(st.Snapshot); err != nil {
			return fmt.Errorf("snapshot at %d: %w", st.SnapshotSeq, err)
		}
	}
	for _, row := range st.Rows {
		if err := d.Apply(row.Update); err != nil {
			return fmt.Errorf("row %d: %w", row.Seq, err)
		}
	}
	r.d, r.full, r.copy, r.view, r.since = d, nil, copies{}, nil, len(st.Rows)
	r.setState(st.State)
	return nil
}

func (r *room) setState(st State) {
	r.seq, r.epoch = st.Seq, st.Epoch
	r.known.Store(st.Seq)
	r.sealed.Store(st.Sealed)
}

// behind reports whether st is news to the room. Any goroutine may ask.
func (r *room) behind(st State) bool {
	return st.Seq > r.known.Load() || st.Sealed != r.sealed.Load()
}
