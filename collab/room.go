package collab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"spolupis/collab/crdt"
	"spolupis/collab/gate"
	"spolupis/collab/wire"
	"spolupis/security"
)

// room is one open document. Its goroutine, run, is the only one that touches the fields under "owned by run".
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
	gone  bool // guarded by mu; nothing more is taken
	wake  chan struct{}

	known  atomic.Int64 // copy of seq and sealed for the poll
	sealed atomic.Bool

	// owned by run
	d        *crdt.Doc
	seq      int64
	epoch    int64
	quit     bool
	members  map[*Member]struct{}
	people   map[security.ActorID]int
	presence map[uint64]*mark
	owners   map[uint64]security.ActorID // leases seen so far
	holders  map[uint64]*Member          // who writes under a lease now
	serverID map[security.ActorID]uint64 // leases of server-side edits
	full     []byte                      // the document encoded, nil when it changed since

	rows   []Row                      // accepted in this turn, not stored yet
	bytes  int                        // of rows
	by     []*Member                  // the senders of rows
	turn   map[*Member]int            // frames taken from each member in this turn
	epochs map[security.ActorID]int64 // rights epochs looked up in this turn
	holds  map[uint64]string          // leases used by rows
	news   []shown                    // stored, not shown yet
	moved  map[uint64]struct{}        // presence not shown yet
	paused bool                       // within the pause after a flush
	since  int                        // rows since the last snapshot
	saving chan struct{}              // closed when the snapshot being stored is done; nil when none is
}

// op is something to do in the room: an update of a member, or anything else.
type op struct {
	from   *Member
	update []byte
	do     func(ctx context.Context)
	failed func(err error) // the room could not be opened
}

// shown is a stored update on its way to the members.
type shown struct {
	update []byte
	by     *Member // who needs no copy; nil when from elsewhere
}

// maxTurn is how many bytes of updates a turn stores at once.
const maxTurn = 4 << 20

func newRoom(h *Hub, doc DocumentID) *room {
	return &room{
		h: h, doc: doc, holder: rand.Text(), wake: make(chan struct{}, 1),
		members: map[*Member]struct{}{}, people: map[security.ActorID]int{}, presence: map[uint64]*mark{},
		owners: map[uint64]security.ActorID{}, holders: map[uint64]*Member{}, serverID: map[security.ActorID]uint64{},
		turn: map[*Member]int{}, epochs: map[security.ActorID]int64{}, holds: map[uint64]string{}, moved: map[uint64]struct{}{},
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
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
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

func (r *room) run(ctx context.Context) {
	cancel := func() {}
	if f := r.h.cfg.Fanout; f != nil { // before loading: what comes meanwhile waits in the inbox
		cancel = f.Subscribe(topic(r.doc), r.heard)
	}
	defer cancel()
	if err := r.load(ctx); err != nil {
		r.abandon(err)
		return
	}
	if r.h.cfg.Fanout != nil {
		r.publish(hint{kind: hintQuery})
	}
	r.work(ctx)
	if r.saving != nil {
		<-r.saving
	}
}

// work takes turns until the room is evicted or the hub stops.
func (r *room) work(ctx context.Context) {
	idle := time.NewTimer(r.h.cfg.Idle)
	defer idle.Stop()
	var ops []op
	for {
		clear(ops)
		if ops = r.take(ops); len(ops) > 0 {
			r.takeTurn(ctx, ops)
			if len(r.members) == 0 {
				idle.Reset(r.h.cfg.Idle)
			}
			continue
		}
		if r.quit && r.evict(ctx) {
			return
		}
		select {
		case <-r.wake:
		case <-ctx.Done():
			r.abandon(ctx.Err())
			return
		case <-idle.C:
			if len(r.members) == 0 && r.evict(ctx) {
				return
			}
		}
	}
}

// evict ends the room. All it knows is durable: nothing is ever kept beyond a turn.
func (r *room) evict(ctx context.Context) bool {
	if r.since > 0 && ctx.Err() == nil {
		r.snapshot(ctx)
	}
	return r.h.forget(r)
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
		if r.h.forget(r) {
			return
		}
	}
}

// load builds the document from the log.
func (r *room) load(ctx context.Context) error {
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
	r.d, r.full, r.since = d, nil, len(st.Rows)
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

func (r *room) takeTurn(ctx context.Context, ops []op) {
	for _, o := range ops {
		if o.do == nil {
			r.accept(ctx, o.from, o.update)
			if r.bytes > maxTurn {
				r.commit(ctx)
			}
			continue
		}
		r.commit(ctx)
		o.do(ctx)
	}
	r.commit(ctx)
	if !r.paused {
		r.flush()
	}
}

// accept judges one update of m and, when it is good, applies it and queues it for the log.
func (r *room) accept(ctx context.Context, m *Member, update []byte) {
	if _, ok := r.members[m]; !ok {
		m.release(1)
		return
	}
	r.turn[m]++
	if len(update) == 2 && update[0] == 0 && update[1] == 0 {
		return // what every client answers when it has nothing
	}
	if c := r.mayWrite(ctx, m); c != nil {
		r.refuse(ctx, m, c)
		return
	}
	info, err := r.check(ctx, m, update)
	if err != nil {
		if caught, err := r.caughtUp(ctx); err == nil && caught { // it may build on what another node has stored
			if info, err := r.check(ctx, m, update); err == nil {
				r.apply(ctx, m, update, info)
				return
			}
		}
		r.refuse(ctx, m, refusal(err))
		return
	}
	r.apply(ctx, m, update, info)
}

// mayWrite looks up the right of m once a turn: whatever was posted is judged by rights looked up after it came.
func (r *room) mayWrite(ctx context.Context, m *Member) *Closed {
	epoch, ok := r.epochs[m.who.ID]
	if !ok {
		var err error
		if err = r.insist(ctx, func() error { epoch, err = r.h.cfg.Rights.Epoch(ctx, m.who.ID, r.doc); return err }); err != nil {
			return closed(CodeRestart, "look up rights: %v", err)
		}
		r.epochs[m.who.ID] = epoch
	}
	if epoch != m.epoch {
		if c := r.lookUp(ctx, m); c != nil {
			return c
		}
	}
	if m.right < Edit {
		return closed(CodeDenied, "update from somebody who may %s", m.right)
	}
	if r.sealed.Load() {
		return closed(CodeFrozen, "update to a sealed document")
	}
	return nil
}

// insist repeats do, which talks to the storage, until it succeeds or ctx ends: while the database restarts, edits wait.
func (r *room) insist(ctx context.Context, do func() error) error {
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := do()
		if err == nil {
			return nil
		}
		r.h.cfg.Logger.Warn("storage does not answer, trying again", "document", r.doc, "error", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

func (r *room) check(ctx context.Context, m *Member, update []byte) (gate.Info, error) {
	return gate.Check(gate.Request{Doc: r.d, Update: update, Limits: r.h.cfg.Limits, Roots: []string{Root},
		Leased: func(client uint64) bool { return r.leased(ctx, m, client) }})
}

// refusal turns an error of the gate into a close code.
func refusal(err error) *Closed {
	if g, ok := errors.AsType[*gate.Refusal](err); ok {
		code := CodeRefused
		switch g.Reason {
		case gate.TooLarge, gate.Nesting, gate.Full:
			code = CodeLimit
		}
		return closed(code, "%s: %s", g.Reason, g.Detail)
	}
	return closed(CodeRefused, "%v", err)
}

// leased reports whether m may write under client. An id that nobody has used is leased to him on first use; one of his
// own passes over to this connection.
func (r *room) leased(ctx context.Context, m *Member, client uint64) bool {
	owner, ok := r.owners[client]
	if !ok {
		err := r.insist(ctx, func() (err error) { owner, err = r.h.cfg.Leases.Owner(ctx, r.doc, client); return err })
		if err != nil {
			return false
		}
	}
	if owner != m.who.ID && (owner != "" || r.d.Clock(client) > 0) {
		return false
	}
	if owner == m.who.ID && r.holders[client] == m {
		return true
	}
	err := r.insist(ctx, func() error {
		_, err := r.h.cfg.Leases.Hold(ctx, r.doc, m.who, client, m.id)
		if errors.Is(err, ErrLeased) {
			owner, err = "", nil
			return nil
		}
		owner = m.who.ID
		return err
	})
	if err != nil || owner != m.who.ID {
		return false
	}
	r.owners[client] = owner
	if old := r.holders[client]; old != nil && old != m {
		r.remove(old, closed(CodeRestart, "client id %d is used by another connection", client))
	}
	r.holders[client] = m
	m.leases = append(m.leases, client)
	return true
}

func (r *room) apply(ctx context.Context, m *Member, update []byte, info gate.Info) {
	if info.Empty {
		return // known already, so durable once this turn is
	}
	if err := r.d.Apply(update); err != nil {
		r.refuse(ctx, m, closed(CodeRefused, "apply: %v", err))
		return
	}
	r.full = nil
	row := Row{Person: m.who.ID, Session: m.who.Session, At: r.h.cfg.Now(), Update: update}
	for _, c := range info.Clients {
		r.holds[c.Client] = m.id
		row.Client = c.Client
	}
	r.rows, r.by = append(r.rows, row), append(r.by, m)
	r.bytes += len(update)
}

// commit stores what was accepted and then, not before, acknowledges it.
func (r *room) commit(ctx context.Context) {
	if len(r.rows) > 0 {
		last, err := r.append(ctx, r.rows)
		if err != nil {
			r.lost(ctx, err)
			return
		}
		r.stored(last, r.rows, r.by)
	}
	for m, n := range r.turn {
		m.updates += uint64(n)
		if m.ours {
			r.deliver(m, &Message{Bytes: wire.AppendAck(nil, m.updates)})
		}
		m.release(n)
	}
	r.endTurn()
}

func (r *room) endTurn() {
	r.rows, r.bytes = nil, 0
	clear(r.by)
	r.by = r.by[:0]
	clear(r.turn)
	clear(r.epochs)
	clear(r.holds)
}

// append stores rows, and brings in whatever other nodes stored before them.
func (r *room) append(ctx context.Context, rows []Row) (last int64, err error) {
	b := Batch{Document: r.doc, Known: r.seq, Rows: rows}
	for client, holder := range r.holds {
		b.Holds = append(b.Holds, Hold{client, holder})
	}
	for person, epoch := range r.epochs {
		b.Claims = append(b.Claims, Claim{person, epoch})
	}
	if last, err = r.h.cfg.Log.Append(ctx, b); err != nil {
		return 0, err
	}
	return last, r.fillGap(ctx, last-int64(len(rows)))
}

// fillGap applies the rows after r.seq up to last.
func (r *room) fillGap(ctx context.Context, last int64) error {
	for r.seq < last {
		var rows []Row
		err := r.insist(ctx, func() (err error) {
			rows, _, err = r.h.cfg.Log.Since(ctx, r.doc, r.seq, int(min(last-r.seq, 1000)))
			return err
		})
		if err != nil {
			return err
		}
		if err := r.adopt(rows); err != nil {
			return err
		}
	}
	return nil
}

// adopt applies rows that others stored.
func (r *room) adopt(rows []Row) error {
	for _, row := range rows {
		if err := r.d.Apply(row.Update); err != nil {
			return fmt.Errorf("row %d: %w", row.Seq, err)
		}
		r.news = append(r.news, shown{update: row.Update})
		r.seq = row.Seq
		r.since++
	}
	if len(rows) > 0 {
		r.full = nil
		r.known.Store(r.seq)
	}
	return nil
}

// stored takes note that rows have become durable, the last one as number last.
func (r *room) stored(last int64, rows []Row, by []*Member) {
	updates := make([][]byte, len(rows))
	for i, row := range rows {
		updates[i] = row.Update
		s := shown{update: row.Update}
		if by != nil {
			s.by = by[i]
		}
		r.news = append(r.news, s)
	}
	r.seq = last
	r.known.Store(last)
	r.h.stats.stored.Add(int64(len(rows)))
	if r.h.cfg.Fanout != nil {
		r.publish(hint{kind: hintUpdate, first: last - int64(len(rows)) + 1, last: last, body: merge(updates)})
	}
	if r.since += len(rows); r.since >= r.h.cfg.Snapshot {
		r.saveLater()
	}
}

// merge joins updates into one; nil when that cannot be done.
func merge(updates [][]byte) []byte {
	if len(updates) == 1 {
		return updates[0]
	}
	u, err := crdt.MergeUpdates(updates...)
	if err != nil {
		return nil
	}
	return u
}

// lost handles a batch that was not stored. The document already contains it, so it is built anew; its senders still have
// it, unacknowledged, and are sent away to come back with it.
func (r *room) lost(ctx context.Context, err error) {
	senders := slices.Collect(maps.Keys(r.turn))
	r.endTurn()
	r.h.cfg.Logger.Warn("updates were not stored", "document", r.doc, "error", err)
	c := closed(CodeRestart, "not stored: %v", err)
	switch {
	case errors.Is(err, ErrSealed):
		c = closed(CodeFrozen, "update to a sealed document")
	case errors.Is(err, ErrRevoked):
		r.recheck(ctx, "")
	}
	for _, m := range senders {
		r.refuse(ctx, m, c)
	}
	r.rebuild(ctx)
}

// rebuild forgets what is not in the log. Rows of other nodes may come in on the way: they are shown as part of the whole.
func (r *room) rebuild(ctx context.Context) {
	before := r.seq
	if err := r.insist(ctx, func() error { return r.load(ctx) }); err != nil {
		r.quit = true
		r.dismiss(closed(CodeRestart, "reload: %v", err))
		return
	}
	if r.seq != before {
		r.news = append(r.news, shown{update: r.encoded()})
	}
}

// catchUp brings in everything that any node has stored up to now.
func (r *room) catchUp(ctx context.Context) error {
	_, err := r.caughtUp(ctx)
	return err
}

// caughtUp is catchUp that reports whether there was news.
func (r *room) caughtUp(ctx context.Context) (news bool, err error) {
	const page = 1000
	for {
		rows, st, err := r.h.cfg.Log.Since(ctx, r.doc, r.seq, page)
		if err != nil {
			return news, err
		}
		if st.Epoch != r.epoch {
			r.dismiss(closed(CodeRestart, "document was replaced"))
			return true, r.load(ctx)
		}
		r.changeSealed(st.Sealed)
		if err := r.adopt(rows); err != nil {
			return news, err
		}
		if news = news || len(rows) > 0; len(rows) < page {
			return news, nil
		}
	}
}

// changeSealed follows the log. When editing opens again, editors are asked for what they have kept.
func (r *room) changeSealed(sealed bool) {
	if r.sealed.Swap(sealed) == sealed || sealed {
		return
	}
	for m := range r.members {
		if m.right == Edit {
			r.deliver(m, &Message{Bytes: wire.AppendSync(nil, wire.Step1, r.d.StateVector())})
		}
	}
}

// edit is Hub.Edit within the room. Nothing is waiting to be stored when it is called.
func (r *room) edit(ctx context.Context, who security.Actor, change func(d *crdt.Doc) error) (Head, error) {
	if err := r.catchUp(ctx); err != nil {
		return Head{}, err
	}
	if r.sealed.Load() {
		return Head{}, errFrozen()
	}
	client, ok := r.serverID[who.ID]
	if !ok {
		var err error
		if client, err = r.h.cfg.Leases.Hold(ctx, r.doc, who, 0, r.holder); err != nil {
			return Head{}, err
		}
		r.serverID[who.ID] = client
		r.owners[client] = who.ID
	}
	scratch := crdt.New(crdt.Config{Client: client})
	if err := scratch.Apply(r.encoded()); err != nil {
		return Head{}, err
	}
	var failed error
	update := scratch.Transact(func() { failed = change(scratch) })
	if failed != nil {
		return Head{}, failed
	}
	if update == nil {
		return r.head(), nil
	}
	rows := []Row{{Person: who.ID, Session: who.Session, Client: client, At: r.h.cfg.Now(), Update: update}}
	r.holds[client] = r.holder
	last, err := r.append(ctx, rows)
	clear(r.holds)
	if errors.Is(err, ErrSealed) {
		return Head{}, errFrozen()
	}
	if err != nil {
		delete(r.serverID, who.ID) // its next number is in doubt
		return Head{}, err
	}
	if err := r.d.Apply(update); err != nil {
		r.rebuild(ctx)
		return Head{}, err
	}
	r.full = nil
	r.stored(last, rows, nil)
	return r.head(), nil
}

func (r *room) head() Head {
	return Head{Seq: r.seq, Sealed: r.sealed.Load(), State: r.encoded(), StateVector: r.d.StateVector()}
}

// encoded returns the whole document; the bytes are shared and never changed.
func (r *room) encoded() []byte {
	if r.full == nil {
		r.full = r.d.Encode()
	}
	return r.full
}

// saveLater stores a snapshot while the room goes on.
func (r *room) saveLater() {
	if r.saving != nil {
		select {
		case <-r.saving:
		default:
			return // the last one is not done yet
		}
	}
	state, seq := r.encoded(), r.seq
	done := make(chan struct{})
	r.saving, r.since = done, 0
	go func() {
		defer close(done)
		if err := r.h.cfg.Log.Snapshot(r.h.ctx, r.doc, seq, state); err != nil {
			r.h.cfg.Logger.Warn("store a snapshot", "document", r.doc, "error", err)
		}
	}()
}

// snapshot stores one before the room goes, if the next load would be long without.
func (r *room) snapshot(ctx context.Context) {
	if r.saving != nil {
		<-r.saving
		r.saving = nil
	}
	if r.since < r.h.cfg.Snapshot/10 {
		return
	}
	r.since = 0
	if err := r.h.cfg.Log.Snapshot(ctx, r.doc, r.seq, r.encoded()); err != nil {
		r.h.cfg.Logger.Warn("store a snapshot", "document", r.doc, "error", err)
	}
}

// publish tells the other nodes.
func (r *room) publish(h hint) {
	if r.h.cfg.Fanout != nil {
		r.h.cfg.Fanout.Publish(topic(r.doc), h.encode(r.h.node))
	}
}

// heard takes a hint of another node. Any goroutine may call it.
func (r *room) heard(message []byte) {
	h, node, err := decodeHint(message)
	if err != nil || node == r.h.node {
		return
	}
	h.body = slices.Clone(h.body)
	r.post(op{do: func(ctx context.Context) { r.follow(ctx, h, node) }})
}

func (r *room) follow(ctx context.Context, h hint, node string) {
	switch h.kind {
	case hintUpdate:
		if h.last <= r.seq {
			return
		}
		if h.first > r.seq+1 || h.body == nil || len(h.body) == 0 {
			r.tryCatchUp(ctx)
			return
		}
		if err := r.d.Apply(h.body); err != nil {
			r.tryCatchUp(ctx)
			return
		}
		r.full = nil
		r.news = append(r.news, shown{update: h.body})
		r.since += int(h.last - r.seq)
		r.seq = h.last
		r.known.Store(r.seq)
	case hintState:
		r.tryCatchUp(ctx)
	case hintPresence:
		if ps, err := wire.DecodePresence(h.body); err == nil {
			r.presenceFrom(node, ps)
		}
	case hintQuery:
		if ps := r.presenceHere(); len(ps) > 0 {
			r.publish(hint{kind: hintPresence, body: wire.AppendPresence(nil, ps)})
		}
	case hintEvent:
		r.event(h.body)
	}
}

func (r *room) tryCatchUp(ctx context.Context) {
	if err := r.catchUp(ctx); err != nil {
		r.h.cfg.Logger.Warn("catch up", "document", r.doc, "error", err)
	}
}
