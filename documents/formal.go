package documents

import (
	"cmp"
	"context"
	"errors"

	"spolupis/documents/compare"
	"spolupis/documents/workflow"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
)

// Carryable reports whether the approvals of the version before v may be
// carried over to v: there are some, nobody refused it, and the comparison
// proves that only the form of the text changed since (compare.Diff.Formal).
// Otherwise the error says why not: "documents.fault.nothing_to_carry" or
// "documents.fault.not_formal" with the first stretch of text that changed.
func (s *Service) Carryable(ctx context.Context, who security.Actor, v Version) (Circulation, error) {
	if v.Supersedes == "" {
		return Circulation{}, conflict("documents.fault.nothing_to_carry")
	}
	old, err := s.Version(ctx, who, v.Supersedes)
	if err != nil {
		return Circulation{}, err
	}
	c, err := s.Store.Circulation(ctx, old.ID)
	if errors.Is(err, fault.NotFound) {
		return c, conflict("documents.fault.nothing_to_carry")
	} else if err != nil {
		return c, err
	}
	approvals := 0
	for _, step := range c.Steps {
		approvals += step.count(ActApproved)
	}
	if approvals == 0 || c.State == Refused {
		return c, conflict("documents.fault.nothing_to_carry")
	}
	if old.Manifest.Title != v.Manifest.Title || old.Manifest.Number != v.Manifest.Number {
		return c, conflict("documents.fault.not_formal", v.Manifest.Title)
	}
	if changed := AnnexChanges(old.Manifest.Annexes, v.Manifest.Annexes); len(changed) > 0 {
		return c, conflict("documents.fault.not_formal", cmp.Or(changed[0].New, changed[0].Old).Name)
	}
	a, err := s.VersionBody(ctx, who, old.ID)
	if err != nil {
		return c, err
	}
	b, err := s.VersionBody(ctx, who, v.ID)
	if err != nil {
		return c, err
	}
	if formal, what := compare.Compare(a, b).Formal(); !formal {
		return c, conflict("documents.fault.not_formal", firstRunes(what, 120))
	}
	return c, nil
}

// carry is the same route for another version: approvals stay, with the version
// they were given to on record; signatures stay with their version and are
// asked for again.
func (c Circulation) carry(to Version) Circulation {
	out := Circulation{Version: to.ID, Material: to.Material, State: Running}
	for _, s := range c.Steps {
		step := Step{Sign: s.Sign, Rule: s.Rule, Needed: s.Needed}
		for _, m := range s.Members {
			if m.Act != ActApproved {
				m = Member{Person: m.Person}
			} else {
				m.Carried = cmp.Or(m.Carried, c.Version)
			}
			step.Members = append(step.Members, m)
		}
		out.Steps = append(out.Steps, step)
	}
	out.settle()
	return out
}

// CarryApprovals sends a frozen version on the route of the version before it
// with the approvals given there, when only the form of the text changed; see
// Carryable. Everybody whose approval is carried over is told, with the way to
// the comparison.
func (s *Service) CarryApprovals(ctx context.Context, who security.Actor, version VersionID) (Circulation, error) {
	v, err := s.Version(ctx, who, version)
	if err != nil {
		return Circulation{}, err
	}
	if err := s.can(ctx, who, access.Manage, v.Material); err != nil {
		return Circulation{}, err
	}
	before, err := s.Carryable(ctx, who, v)
	if err != nil {
		return Circulation{}, err
	}
	c := before.carry(v)
	c.ID, c.StartedBy, c.StartedAt = newID("o"), who.ID, s.now()
	err = s.Store.Write(ctx, func(tx Tx) error {
		m, err := s.current(ctx, tx, v)
		if err != nil {
			return err
		}
		if m.State != Frozen {
			return conflict("documents.fault.route_state")
		}
		if err := s.sendToApprove(ctx, tx, who, &m); err != nil {
			return err
		}
		if err := tx.AddCirculation(ctx, c); err != nil {
			return err
		}
		if err := s.move(ctx, tx, &m, v.ID, Approving); err != nil {
			return err
		}
		if err := tx.Record(ctx, s.entry(who, "documents.approvals_carried", m.ID, map[string]any{"version": v.ID, "from": before.Version}, nil)); err != nil {
			return err
		}
		for _, step := range c.Steps {
			for _, member := range step.Members {
				if member.Carried == "" || member.Person == who.ID {
					continue
				}
				n := s.notice(member.Person, "carried", m, v.ID, comparison(m.ID, v.Number-1, v.Number), m.Number, m.Title, v.Number-1, v.Number)
				if err := tx.AddNotice(ctx, n); err != nil {
					return err
				}
			}
		}
		if err := s.askApprovers(ctx, tx, who, m, c); err != nil {
			return err
		}
		if c.State != Running {
			if err := s.fire(ctx, tx, who, &m, workflow.ApproveLast, workflow.Facts{Last: true, SameText: true}, workflow.Submitter); err != nil {
				return err
			}
		}
		return s.advance(ctx, tx, who, &m, c)
	})
	if err != nil {
		return Circulation{}, wrap("carry approvals to", v.ID, err)
	}
	s.pushState(ctx, v.Material)
	return c, nil
}
