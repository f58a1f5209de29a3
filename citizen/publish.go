package citizen

import (
	"context"
	"errors"
	"slices"
	"time"

	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// AgendaScope is an agenda with what the public may see of it.
type AgendaScope struct {
	Agenda   Agenda
	Current  Scope
	Proposed bool // a change waits for a second person
}

// AgendaScopes lists the agendas who may see.
func (s *Service) AgendaScopes(ctx context.Context, who security.Actor) ([]AgendaScope, error) {
	as, err := s.Agendas.Agendas(ctx, who)
	if err != nil {
		return nil, err
	}
	out := make([]AgendaScope, 0, len(as))
	for _, a := range as {
		scopes, err := s.Store.Scopes(ctx, a.ID)
		if err != nil {
			return nil, err
		}
		row := AgendaScope{Agenda: a}
		for _, sc := range scopes {
			switch sc.State {
			case InForce:
				row.Current = sc
			case Proposed:
				row.Proposed = true
			}
		}
		out = append(out, row)
	}
	return out, nil
}

// History is the scope of an agenda with its past.
type History struct {
	Agenda   Agenda
	Current  Scope
	Proposed *Scope
	All      []Scope // newest first
}

// History returns the scope of an agenda, its open proposal and all versions.
func (s *Service) History(ctx context.Context, who security.Actor, id AgendaID) (History, error) {
	if err := s.Rights.Can(ctx, who, access.View, objectOf("agenda", string(id))); err != nil {
		return History{}, err
	}
	a, err := s.Agendas.Agenda(ctx, who, id)
	if err != nil {
		return History{}, err
	}
	h := History{Agenda: a, Current: Scope{Agenda: id}}
	if h.All, err = s.Store.Scopes(ctx, id); err != nil {
		return History{}, err
	}
	for i := range h.All {
		switch h.All[i].State {
		case InForce:
			h.Current = h.All[i]
		case Proposed:
			h.Proposed = &h.All[i]
		}
	}
	return h, nil
}

// Propose stores sc as a proposal. Nothing changes for the public until a
// second person approves it. An open proposal is set aside by a newer one.
func (s *Service) Propose(ctx context.Context, who security.Actor, sc Scope) (Scope, error) {
	if err := s.Rights.Can(ctx, who, access.Publish, objectOf("agenda", string(sc.Agenda))); err != nil {
		return Scope{}, err
	}
	if _, err := s.Agendas.Agenda(ctx, who, sc.Agenda); err != nil {
		return Scope{}, err
	}
	if err := sc.Check(); err != nil {
		return Scope{}, err
	}
	sc.State, sc.ProposedBy, sc.ProposedAt = Proposed, who.ID, s.Now()
	return s.Store.Propose(ctx, sc, func(number int) (journal.Entry, error) {
		return entry(who, KindScopeProposed, sc.subject(), map[string]any{"agenda": sc.Agenda, "number": number})
	})
}

// Decide approves or refuses the open proposal number of an agenda. The person
// who proposed it may refuse it but never approve it, whatever rights he has.
func (s *Service) Decide(ctx context.Context, who security.Actor, id AgendaID, number int, approve bool) error {
	if err := s.Rights.Can(ctx, who, access.Publish, objectOf("agenda", string(id))); err != nil {
		return err
	}
	scopes, err := s.Store.Scopes(ctx, id)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(scopes, func(sc Scope) bool { return sc.Number == number })
	switch {
	case i < 0:
		return fault.NotFound
	case scopes[i].State != Proposed:
		return fault.New(fault.Conflict, "citizen.fault.decided")
	case approve && (scopes[i].ProposedBy == who.ID || scopes[i].ProposedBy == who.OnBehalfOf):
		return fault.New(fault.Denied, "citizen.fault.same_person")
	}
	kind := KindScopeRefused
	if approve {
		kind = KindScopeApproved
	}
	e, err := entry(who, kind, scopes[i].subject(), map[string]any{"agenda": id, "number": number})
	if err != nil {
		return err
	}
	return s.Store.Decide(ctx, id, number, approve, who.ID, s.Now(), e)
}

// Preview is what a change of scope would do, before it takes effect.
type Preview struct {
	Now, Then           Status
	NowShown, ThenShown bool
	Visible, Hidden     []Exposure // newly visible, newly hidden
	Real                bool       // made from a real matter, not from an invented one
}

// Preview shows a matter of the agenda as the citizen sees it under the scope
// in force and would see it under then: a real matter when the agenda has one.
func (s *Service) Preview(ctx context.Context, who security.Actor, then Scope) (Preview, error) {
	if err := s.Rights.Can(ctx, who, access.View, objectOf("agenda", string(then.Agenda))); err != nil {
		return Preview{}, err
	}
	now := s.Now()
	current, err := s.Store.Current(ctx, then.Agenda)
	if err != nil {
		return Preview{}, err
	}
	m, facts, err := s.sample(ctx, who, then.Agenda, now)
	if err != nil {
		return Preview{}, err
	}
	p := Preview{Real: m.ID != ""}
	var pubs []Publication
	if p.Real {
		if pubs, err = s.Store.Publications(ctx, m.ID); err != nil {
			return Preview{}, err
		}
	} else {
		pubs = Publish(m, current, facts, nil, now)
	}
	p.Now, p.NowShown = View(m, current, facts, pubs, now)
	then.State = Proposed
	pubs = append(slices.Clone(pubs), Publish(m, then, facts, pubs, now)...)
	p.Then, p.ThenShown = View(m, then, facts, pubs, now)
	p.Visible, p.Hidden = Compare(current, then)
	if p.Real {
		err = errors.Join(s.final(ctx, &p.Now, m), s.final(ctx, &p.Then, m))
	}
	return p, err
}

// sample returns a matter to preview with: the richest of the agenda, or an
// invented one on its way.
func (s *Service) sample(ctx context.Context, who security.Actor, id AgendaID, now time.Time) (Matter, []Fact, error) {
	m, err := s.Store.Sample(ctx, id)
	if err == nil {
		facts, err := s.Store.Facts(ctx, m.Document)
		return m, facts, err
	}
	if !errors.Is(err, fault.NotFound) {
		return Matter{}, nil, err
	}
	a, err := s.Agendas.Agenda(ctx, who, id)
	if err != nil {
		return Matter{}, nil, err
	}
	m = Matter{
		Number: "2026-000-000", Document: "sample", Agenda: id, AgendaName: a.Name, UnitName: a.UnitName, Rule: Administrative,
		Generic: a.Name, Full: a.Name, Contact: Contact{Name: "Jana Vzorová", Position: "–", Mailbox: "podatelna@example.org"},
		Received: now.AddDate(0, 0, -12), OpenedAt: now.AddDate(0, 0, -12),
	}
	var facts []Fact
	for i, st := range []Stage{Received, Registered, InProgress, InApproval} {
		facts = append(facts, Fact{Seq: int64(i + 1), Document: m.Document, Stage: st, At: now.AddDate(0, 0, -12+3*i)})
	}
	return m, facts, nil
}
