package collab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"spolupis/collab/crdt"
	"spolupis/collab/gate"
	"spolupis/collab/wire"
)

// takeTurn does ops in order. Updates wait for each other and are stored together; before anything else is done, those
// ahead of it are stored.
func (r *room) takeTurn(ctx context.Context, ops []op) {
	for _, o := range ops {
		r.guarded(ctx, o, func() {
			if o.do != nil {
				r.commit(ctx)
				o.do(ctx)
				return
			}
			r.at = o.came
			r.accept(ctx, o.from, o.update)
			if r.bytes > maxTurn {
				r.commit(ctx)
			}
		})
	}
	r.guarded(ctx, op{}, func() {
		r.commit(ctx)
		r.flush()
	})
	r.wakeUp()
}

// guarded runs do. A panic in it, which is a mistake in our code met by unusual input, costs this document a reload and
// whoever sent the input his connection; the office goes on.
func (r *room) guarded(ctx context.Context, o op, do func()) {
	if r.broken != nil {
		if o.failed != nil {
			o.failed(r.broken)
		}
		return
	}
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		err := fmt.Errorf("panic: %v", p)
		r.h.stats.panics.Add(1)
		r.h.cfg.Logger.Error("panic in a room", "document", r.doc, "panic", p, "stack", string(debug.Stack()))
		if o.failed != nil {
			o.failed(err)
		}
		if o.from != nil {
			r.refuse(ctx, o.from, closed(CodeRefused, "%v", err))
		}
		r.lost(ctx, err)
	}()
	do()
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

// mayWrite judges m by the right known of him where the log asks, in the transaction that stores the update, whether it is
// still in force. Otherwise, and before he is refused, it is looked up anew.
func (r *room) mayWrite(ctx context.Context, m *Member) *Closed {
	if !r.h.cfg.Log.ChecksClaims() || m.right < Edit {
		if c := r.lookNow(ctx, m); c != nil {
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

// lookNow looks at the epoch of m once a turn, and at his right when it has moved: whatever was posted is judged by rights
// looked up after it came.
func (r *room) lookNow(ctx context.Context, m *Member) *Closed {
	epoch, ok := r.epochs[m.who.ID]
	if !ok {
		var err error
		if err = r.insist(ctx, func() error { epoch, err = r.h.cfg.Rights.Epoch(ctx, m.who.ID, r.doc); return err }); err != nil {
			return closed(CodeRestart, "look up rights: %v", err)
		}
		r.epochs[m.who.ID] = epoch
	}
	if epoch == m.epoch {
		return nil
	}
	return r.lookUp(ctx, m)
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
	return gate.Check(gate.Request{Doc: r.d, Update: update, Limits: r.h.cfg.Limits, Roots: r.h.cfg.Roots,
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
		c := closed(code, "%s: %s", g.Reason, g.Detail)
		c.Reason = g.Reason
		return c
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
	taken := false
	err := r.insist(ctx, func() error {
		_, err := r.h.cfg.Leases.Hold(ctx, r.doc, m.who, client, m.id)
		if taken = errors.Is(err, ErrLeased); taken {
			return nil
		}
		return err
	})
	if err != nil || taken {
		return false
	}
	r.owners[client] = m.who.ID
	if old := r.holders[client]; old != nil && old != m {
		r.remove(old, closed(CodeRestart, "client id %d is used by another connection", client))
	}
	r.holders[client] = m
	m.leases = append(m.leases, client)
	return true
}

func (r *room) apply(ctx context.Context, m *Member, update []byte, info gate.Info) {
	if c := r.claim(ctx, m, info.Empty); c != nil {
		r.refuse(ctx, m, c)
		return
	}
	if info.Empty {
		return // known already, so durable once this turn is
	}
	if err := r.d.Apply(update); err != nil {
		r.refuse(ctx, m, closed(CodeRefused, "apply: %v", err))
		return
	}
	r.changed(update)
	row := Row{Person: m.who.ID, Session: m.who.Session, At: r.h.cfg.Now(), Update: update}
	for _, c := range info.Clients {
		r.holds[c.Client] = m.id
		row.Client = c.Client
	}
	r.rows, r.by, r.came = append(r.rows, row), append(r.by, m), append(r.came, r.at)
	r.bytes += len(update)
}

// claim notes at which epoch m may write, for the log to check. What is known already is not stored again, and the log not asked
// about it, so m is looked at now.
func (r *room) claim(ctx context.Context, m *Member, known bool) *Closed {
	epoch, ok := r.epochs[m.who.ID]
	switch {
	case known:
		if c := r.lookNow(ctx, m); c != nil {
			return c
		}
	case ok && epoch != m.epoch: // another window of his was looked at before or after this one
		if c := r.lookUp(ctx, m); c != nil {
			return c
		}
	}
	if m.right < Edit {
		return closed(CodeDenied, "update on a right that was withdrawn")
	}
	r.epochs[m.who.ID] = m.epoch
	return nil
}

// commit stores what was accepted and then, not before, acknowledges it.
func (r *room) commit(ctx context.Context) {
	if len(r.rows) > 0 {
		r.wakeUp() // that takes a while; what was answered before does not wait for it
		last, err := r.append(ctx, r.rows)
		if errors.Is(err, ErrRevoked) && r.goOnWithout(ctx) {
			return
		}
		if err != nil {
			r.lost(ctx, err)
			return
		}
		r.stored(last, r.rows, r.by, r.came)
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
	r.by, r.came = r.by[:0], r.came[:0]
	clear(r.turn)
	clear(r.epochs)
	clear(r.holds)
}

// append stores rows, and brings in whatever other nodes stored before them. If some right changed after it was looked up,
// it looks again, and tries again when nobody lost his.
func (r *room) append(ctx context.Context, rows []Row) (last int64, err error) {
	for range 3 {
		b := Batch{Document: r.doc, Known: r.seq, Rows: rows}
		for client, holder := range r.holds {
			b.Holds = append(b.Holds, Hold{client, holder})
		}
		for person, epoch := range r.epochs {
			b.Claims = append(b.Claims, Claim{person, epoch})
		}
		last, err = r.h.cfg.Log.Append(ctx, b)
		if err == nil {
			return last, r.fillGap(ctx, last-int64(len(rows)))
		}
		if !errors.Is(err, ErrRevoked) || !r.stillAllowed(ctx) {
			return 0, err
		}
	}
	return 0, err
}

// stillAllowed looks up the rights of this turn's senders anew and reports whether all of them may still edit.
func (r *room) stillAllowed(ctx context.Context) bool {
	all := true
	for _, m := range r.by {
		if r.lookUp(ctx, m) != nil || m.right < Edit {
			all = false
		}
		r.epochs[m.who.ID] = m.epoch
	}
	return all
}

// stored takes note that rows have become durable, the last one as number last. Of rows that came from members by says from
// whom and came when.
func (r *room) stored(last int64, rows []Row, by []*Member, came []time.Time) {
	updates := make([][]byte, len(rows))
	now := time.Now()
	for i, row := range rows {
		updates[i] = row.Update
		s := shown{update: row.Update}
		if by != nil {
			s.by, s.came = by[i], came[i]
			r.h.stats.durable.add(now.Sub(came[i]))
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
	if errors.Is(err, ErrSealed) {
		c = closed(CodeFrozen, "update to a sealed document")
	}
	for _, m := range senders {
		r.refuse(ctx, m, c)
	}
	r.rebuild(ctx)
}

// goOnWithout sends away those of this turn who have lost their right and does the turn again with what the others wrote. It
// reports false when nobody has.
func (r *room) goOnWithout(ctx context.Context) bool {
	turn, rows, by, came := maps.Clone(r.turn), r.rows, slices.Clone(r.by), slices.Clone(r.came)
	revoked := 0
	for m := range turn {
		if m.right < Edit && slices.Contains(by, m) {
			r.refuse(ctx, m, closed(CodeDenied, "update on a right that was withdrawn"))
			delete(turn, m)
			revoked++
		}
	}
	if revoked == 0 {
		return false
	}
	r.endTurn()
	r.rebuild(ctx) // the document contains what they wrote
	if r.broken != nil {
		return true
	}
	maps.Copy(r.turn, turn)
	for i, m := range by {
		if _, ok := r.members[m]; !ok {
			continue
		}
		info, err := r.check(ctx, m, rows[i].Update)
		if err != nil {
			r.refuse(ctx, m, closed(CodeRestart, "not stored: %v", err))
			continue
		}
		r.at = came[i]
		r.apply(ctx, m, rows[i].Update, info)
	}
	r.commit(ctx)
	return true
}

// rebuild forgets what is not in the log. Rows of other nodes may come in on the way: they are shown as part of the whole.
func (r *room) rebuild(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, rebuildTime)
	defer cancel()
	before := r.seq
	if err := r.insist(ctx, func() error { return r.load(ctx) }); err != nil {
		r.quit, r.broken = true, err
		r.dismiss(closed(CodeRestart, "reload: %v", err))
		return
	}
	if r.seq != before {
		r.news = append(r.news, shown{update: r.encoded()})
	}
}

// rebuildTime is how long a room tries to reload before it is given up; the next one to open the document tries again.
const rebuildTime = 30 * time.Second
