package collab

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"spolupis/collab/wire"
)

// mark is where somebody is in the document.
type mark struct {
	clock uint64
	state []byte    // JSON with the person filled in by us
	by    *Member   // nil when he is on another node
	node  string    // which one
	who   Person    //
	heard time.Time // when it was last told
}

// How long presence is believed without being repeated: 30 s, as y-protocols awareness does. Clients repeat theirs every 15 s,
// and what comes from another node may have missed one of them.
const (
	forgetAfter          = 30 * time.Second
	forgetElsewhereAfter = 45 * time.Second
)

// presenceOf takes what m says about itself. Entries for other people's client ids are dropped, and of its own only where
// it is in the document is kept; who it is, we say.
func (r *room) presenceOf(ctx context.Context, m *Member, ps []wire.Presence) {
	if _, ok := r.members[m]; !ok {
		return
	}
	now := r.h.cfg.Now()
	r.forgetSilent(now)
	for _, p := range ps {
		if !r.mayAppear(ctx, m, p.Client) {
			r.h.stats.foreign.Add(1)
			continue
		}
		old := r.presence[p.Client]
		if old != nil && (p.Clock < old.clock || p.Clock == old.clock && !p.Gone()) {
			continue
		}
		state := []byte("null")
		if !p.Gone() {
			var ok bool
			if state, ok = stateOf(p.State, PersonOf(m.who)); !ok {
				continue
			}
		} else if old == nil {
			continue
		}
		r.presence[p.Client] = &mark{clock: p.Clock, state: state, by: m, node: r.h.node, who: PersonOf(m.who), heard: now}
		r.moved[p.Client] = struct{}{}
	}
}

// mayAppear reports whether client is m's to speak for. Plain clients draw their own id: it is theirs if nobody else in
// the room has it and nobody else ever wrote under it.
func (r *room) mayAppear(ctx context.Context, m *Member, client uint64) bool {
	if slices.Contains(m.ids, client) {
		return true
	}
	if len(m.ids) >= 4 {
		return false
	}
	if other := r.presence[client]; other != nil && string(other.state) != "null" {
		return false
	}
	if h := r.holders[client]; h != nil && h != m {
		return false
	}
	owner, ok := r.owners[client]
	if !ok {
		var err error
		owner, err = r.h.cfg.Leases.Owner(ctx, r.doc, client)
		if err != nil {
			return false
		}
	}
	if owner != m.who.ID && (owner != "" || r.d.Clock(client) > 0) {
		return false
	}
	m.ids = append(m.ids, client)
	return true
}

// stateOf returns what of a client's state goes out: the places, and the person as we know him.
func stateOf(b []byte, who Person) ([]byte, bool) {
	if len(b) > wire.MaxState {
		return nil, false
	}
	var in struct {
		Cursor    json.RawMessage `json:"cursor"`
		Selection json.RawMessage `json:"selection"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return nil, false
	}
	out := struct {
		Cursor    json.RawMessage `json:"cursor,omitempty"`
		Selection json.RawMessage `json:"selection,omitempty"`
		User      Person          `json:"user"`
	}{in.Cursor, in.Selection, who}
	state, err := json.Marshal(out)
	return state, err == nil
}

// presenceGone removes what m said about itself. The clock stays: clients accept a removal at the clock they know.
func (r *room) presenceGone(m *Member) {
	for _, id := range m.ids {
		if p := r.presence[id]; p != nil && p.by == m {
			p.state, p.by = []byte("null"), nil
			r.moved[id] = struct{}{}
		}
	}
}

// presenceFrom takes what another node tells about the people there.
func (r *room) presenceFrom(node string, ps []wire.Presence) {
	now := r.h.cfg.Now()
	r.forgetSilent(now)
	for _, p := range ps {
		old := r.presence[p.Client]
		if old != nil && old.by != nil || old == nil && p.Gone() {
			continue // who is here knows better
		}
		if old != nil && (p.Clock < old.clock || p.Clock == old.clock && !p.Gone()) {
			old.heard = now
			continue
		}
		var state struct {
			User Person `json:"user"`
		}
		if err := json.Unmarshal(p.State, &state); err != nil {
			continue
		}
		r.presence[p.Client] = &mark{clock: p.Clock, state: p.State, node: node, who: state.User, heard: now}
		r.moved[p.Client] = struct{}{}
	}
}

// forgetSilent takes away the presence of those who no longer repeat it. It is asked whenever presence comes or is asked for:
// clients drop what is not repeated by themselves, so only a newcomer could be told of somebody long gone.
func (r *room) forgetSilent(now time.Time) {
	for id, p := range r.presence {
		limit := forgetAfter
		if p.node != r.h.node {
			limit = forgetElsewhereAfter
		}
		if now.Sub(p.heard) > limit && string(p.state) != "null" {
			p.state, p.by = []byte("null"), nil
			r.moved[id] = struct{}{}
		}
	}
}

// showPresence sends what has changed, to other nodes only what is said here, and forgets those who left.
func (r *room) showPresence() {
	if len(r.moved) == 0 {
		return
	}
	var all, here []wire.Presence
	for id := range r.moved {
		p := r.presence[id]
		all = append(all, wire.Presence{Client: id, Clock: p.clock, State: p.state})
		if p.node == r.h.node {
			here = append(here, all[len(all)-1])
		}
		if string(p.state) == "null" {
			delete(r.presence, id)
		}
	}
	clear(r.moved)
	msg := &Message{Bytes: wire.AppendAwareness(nil, all), sheds: true}
	for m := range r.members {
		r.deliver(m, msg)
	}
	if len(here) > 0 && r.h.cfg.Fanout != nil {
		r.publish(hint{kind: hintPresence, body: wire.AppendPresence(nil, here)})
	}
}

func (r *room) presenceAll() []wire.Presence {
	r.forgetSilent(r.h.cfg.Now())
	var ps []wire.Presence
	for id, p := range r.presence {
		ps = append(ps, wire.Presence{Client: id, Clock: p.clock, State: p.state})
	}
	return ps
}

// presenceHere returns those who are on this node.
func (r *room) presenceHere() []wire.Presence {
	var ps []wire.Presence
	for id, p := range r.presence {
		if p.by != nil {
			ps = append(ps, wire.Presence{Client: id, Clock: p.clock, State: p.state})
		}
	}
	return ps
}

// present lists the people in the room, those elsewhere as far as presence tells.
func (r *room) present() []Person {
	seen := map[Person]bool{}
	for m := range r.members {
		seen[PersonOf(m.who)] = true
	}
	for _, p := range r.presence {
		if string(p.state) != "null" {
			seen[p.who] = true
		}
	}
	people := make([]Person, 0, len(seen))
	for p := range seen {
		people = append(people, p)
	}
	slices.SortFunc(people, func(a, b Person) int { return strings.Compare(a.Name+string(a.ID), b.Name+string(b.ID)) })
	return people
}
