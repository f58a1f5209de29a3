package documents

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"spolupis/documents/workflow"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// StartRoute sends a frozen version round: first to the approvers, then, by
// the reaction of package signing to documents.approved, to the signers. They
// get the rights they need with it. Only the newest version can be sent, and
// only once until its route is stopped or refused and a new draft opened.
func (s *Service) StartRoute(ctx context.Context, who security.Actor, version VersionID, r Route) (Circulation, error) {
	v, err := s.Version(ctx, who, version)
	if err != nil {
		return Circulation{}, err
	}
	if err := s.can(ctx, who, access.Manage, v.Material); err != nil {
		return Circulation{}, err
	}
	if err := r.Check(); err != nil {
		return Circulation{}, err
	}
	for _, g := range append(append([]Group{}, r.Approvers...), r.Signers...) {
		for _, p := range g.Members {
			if _, err := s.People.Person(ctx, p); errors.Is(err, fault.NotFound) {
				return Circulation{}, invalid("documents.fault.route_person")
			} else if err != nil {
				return Circulation{}, err
			}
		}
	}
	if err := s.submittable(ctx, who, v); err != nil {
		return Circulation{}, err
	}
	c := r.circulation()
	c.ID, c.Version, c.Material, c.StartedBy, c.StartedAt = newID("o"), v.ID, v.Material, who.ID, s.now()
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
		for _, step := range c.Steps {
			relation := "approver"
			if step.Sign {
				relation = "signer"
			}
			for _, member := range step.Members {
				if err := tx.AddParticipant(ctx, who, m.ID, Participant{Subject: "user:" + string(member.Person), Relation: relation}); err != nil {
					return err
				}
			}
		}
		if err := s.move(ctx, tx, &m, v.ID, Approving); err != nil {
			return err
		}
		if err := tx.Record(ctx, s.entry(who, "documents.route_started", m.ID,
			map[string]any{"version": v.ID, "approvers": groups(r.Approvers), "signers": groups(r.Signers)}, nil)); err != nil {
			return err
		}
		if err := s.askApprovers(ctx, tx, who, m, c); err != nil {
			return err
		}
		if c.State != Running { // nobody is asked to approve: who sends it to be signed submits it
			if err := s.fire(ctx, tx, who, &m, workflow.ApproveLast, workflow.Facts{Last: true, SameText: true}, workflow.Submitter); err != nil {
				return err
			}
		}
		return s.advance(ctx, tx, who, &m, c)
	})
	if err != nil {
		return Circulation{}, wrap("start route of", v.ID, err)
	}
	s.pushState(ctx, v.Material)
	return c, nil
}

// sendToApprove moves a material to approving: straight from its draft, after
// settlement, or not at all when that was done before.
func (s *Service) sendToApprove(ctx context.Context, tx Tx, who security.Actor, m *Material) error {
	if m.Place == workflow.Approving {
		return nil
	}
	f, err := s.facts(ctx, tx, *m)
	if err != nil {
		return err
	}
	switch m.Place {
	case workflow.Disputed: // the director has decided that the council is to; see Carry
		if f.Open > 0 {
			return conflict("documents.fault.comments_open", f.Open)
		}
		return s.fire(ctx, tx, who, m, workflow.SubmitDisputed, f, workflow.Director)
	case workflow.Settling:
		return s.fire(ctx, tx, who, m, workflow.AllSettled, f, workflow.Drafter)
	}
	return s.fire(ctx, tx, who, m, workflow.SendToApprove, f, workflow.Drafter)
}

func groups(gs []Group) [][]security.ActorID {
	out := [][]security.ActorID{}
	for _, g := range gs {
		out = append(out, g.Members)
	}
	return out
}

// current locks the material of v and makes sure that nothing newer than v exists.
func (s *Service) current(ctx context.Context, tx Tx, v Version) (Material, error) {
	m, err := tx.Lock(ctx, v.Material)
	if err != nil {
		return m, err
	}
	now, err := tx.Version(ctx, v.ID)
	if err != nil {
		return m, err
	}
	if m.Current != v.ID || now.State == Superseded {
		return m, conflict("documents.fault.superseded")
	}
	if now.State == Withdrawn {
		return m, conflict("documents.fault.withdrawn")
	}
	return m, nil
}

// move sets the state of a version and, when it is the one in force, of its material.
func (s *Service) move(ctx context.Context, tx Tx, m *Material, v VersionID, state State) error {
	if err := tx.SetVersionState(ctx, v, state); err != nil {
		return err
	}
	if m.Current != v || m.State.Editable() || m.State == Freezing {
		return nil
	}
	m.State, m.ChangedAt = state, s.now()
	return tx.SetMaterial(ctx, *m)
}

// advance journals the end of approving when it has come.
func (s *Service) advance(ctx context.Context, tx Tx, who security.Actor, m *Material, c Circulation) error {
	if c.State != ToSign && c.State != Finished {
		return nil
	}
	if err := s.move(ctx, tx, m, c.Version, Approved); err != nil {
		return err
	}
	return tx.Record(ctx, s.entry(who, "documents.approved", m.ID, map[string]any{"version": c.Version, "signers": c.Signers()}, nil))
}

// Approve records that who approves a version, bound to his person and the
// version's id. It refuses out of turn, after his own act, and on a version
// that is not the newest any more (fault.Conflict). A deputy (who.OnBehalfOf)
// decides for the one he stands for; the record keeps both names.
func (s *Service) Approve(ctx context.Context, who security.Actor, version VersionID) (Circulation, error) {
	return s.decide(ctx, who, version, ActApproved, "")
}

// Reject returns a version for rework. A reason is required; it is shown to
// everybody who acted, and to the drafter. What was approved before stays on record.
func (s *Service) Reject(ctx context.Context, who security.Actor, version VersionID, reason string) (Circulation, error) {
	reason = strings.TrimSpace(reason)
	if reason == "" {
		return Circulation{}, invalid("documents.fault.reject_reason")
	}
	if runes(reason) > MaxText {
		return Circulation{}, invalid("documents.fault.text_long", MaxText)
	}
	return s.decide(ctx, who, version, ActRefused, reason)
}

func (s *Service) decide(ctx context.Context, who security.Actor, version VersionID, act Act, reason string) (c Circulation, err error) {
	v, err := s.Version(ctx, who, version)
	if err != nil {
		return c, err
	}
	if err := s.can(ctx, who, access.Approve, v.Material); err != nil {
		return c, err
	}
	err = s.Store.Write(ctx, func(tx Tx) error {
		m, err := s.current(ctx, tx, v)
		if err != nil {
			return err
		}
		c, err = tx.Circulation(ctx, v.ID)
		if errors.Is(err, fault.NotFound) {
			return conflict("documents.fault.route_none")
		} else if err != nil {
			return err
		}
		step, last := c.Current, c.lastApproval()
		person, deputy := who.ID, security.ActorID("")
		if who.OnBehalfOf != "" {
			person, deputy = who.OnBehalfOf, who.ID
		}
		if err := c.decide(person, deputy, act, reason, s.now()); err != nil {
			return err
		}
		if err := tx.SetCirculation(ctx, c); err != nil {
			return err
		}
		if act == ActRefused {
			return s.refused(ctx, tx, who, m, v, c, step, reason)
		}
		if err := tx.Record(ctx, s.entry(who, "documents.approval_given", m.ID, map[string]any{"version": v.ID, "step": step + 1}, nil)); err != nil {
			return err
		}
		if c.Current != step {
			if err := s.askApprovers(ctx, tx, who, m, c); err != nil {
				return err
			}
		}
		event, as := workflow.ApproveStep, workflow.Approver
		if last {
			event, as = workflow.ApproveLast, workflow.Submitter
		}
		if err := s.fire(ctx, tx, who, &m, event, workflow.Facts{Last: last, SameText: true}, as); err != nil {
			return err
		}
		return s.advance(ctx, tx, who, &m, c)
	})
	if err != nil {
		return c, wrap("approve", v.ID, err)
	}
	s.pushState(ctx, v.Material)
	return c, nil
}

func (s *Service) refused(ctx context.Context, tx Tx, who security.Actor, m Material, v Version, c Circulation, step int, reason string) error {
	if err := s.fire(ctx, tx, who, &m, workflow.Return, workflow.Facts{Reason: reason}, workflow.Approver); err != nil {
		return err
	}
	if err := s.move(ctx, tx, &m, v.ID, Rejected); err != nil {
		return err
	}
	told := c.people()
	if !slices.Contains(told, m.Drafter) {
		told = append(told, m.Drafter)
	}
	for _, p := range told {
		if p == who.ID {
			continue
		}
		if err := tx.AddNotice(ctx, s.notice(p, "rejected", m, v.ID, "/documents/"+string(m.ID)+"/route", m.Number, m.Title, reason)); err != nil {
			return err
		}
	}
	return tx.Record(ctx, s.entry(who, "documents.approval_refused", m.ID,
		map[string]any{"version": v.ID, "step": step + 1}, map[string]any{"reason": reason}))
}

// StandsFor lists the people for whom who may act on a material now.
func (s *Service) StandsFor(ctx context.Context, who security.Actor, id MaterialID) ([]security.ActorID, error) {
	return s.Rights.Represents(ctx, who, object(id))
}

// Circulation returns the last route of a version, fault.NotFound without one.
func (s *Service) Circulation(ctx context.Context, who security.Actor, version VersionID) (Circulation, error) {
	v, err := s.Version(ctx, who, version)
	if err != nil {
		return Circulation{}, err
	}
	return s.Store.Circulation(ctx, v.ID)
}

// MarkSigning records that signatures of a version have been asked for. It is
// idempotent and does nothing to a version that is not approved.
func (s *Service) MarkSigning(ctx context.Context, version VersionID) error {
	return s.mark(ctx, version, func(v Version, m *Material, tx Tx) (changed bool, err error) {
		if v.State != Approved {
			return false, nil
		}
		return true, s.move(ctx, tx, m, v.ID, Signing)
	})
}

// MarkSigned records that every signature asked for is on a version. It is
// idempotent. A version that has been superseded meanwhile keeps that state;
// its signatures are valid all the same and are shown with it.
func (s *Service) MarkSigned(ctx context.Context, version VersionID) error {
	return s.mark(ctx, version, func(v Version, m *Material, tx Tx) (changed bool, err error) {
		if v.State != Approved && v.State != Signing {
			return false, nil
		}
		if err := s.move(ctx, tx, m, v.ID, Signed); err != nil {
			return false, err
		}
		if m.Drafter != "" {
			n := s.notice(m.Drafter, "signed", *m, v.ID, page(m.ID, v.Number), m.Number, m.Title, v.Number)
			if err := tx.AddNotice(ctx, n); err != nil {
				return false, err
			}
		}
		return true, tx.Record(ctx, s.entry(security.System, "documents.signed", m.ID, map[string]any{"version": v.ID}, nil))
	})
}

// SignedBy records one person's signature in the version's route. It is idempotent.
func (s *Service) SignedBy(ctx context.Context, version VersionID, person security.ActorID) error {
	return s.mark(ctx, version, func(v Version, m *Material, tx Tx) (changed bool, err error) {
		c, err := tx.Circulation(ctx, v.ID)
		if errors.Is(err, fault.NotFound) {
			return false, nil
		} else if err != nil {
			return false, err
		}
		c.sign(person, s.now())
		return false, tx.SetCirculation(ctx, c)
	})
}

func (s *Service) mark(ctx context.Context, version VersionID, do func(v Version, m *Material, tx Tx) (changed bool, err error)) error {
	v, err := s.Store.Version(ctx, version)
	if err != nil {
		return wrap("mark", version, err)
	}
	changed := false
	err = s.Store.Write(ctx, func(tx Tx) error {
		m, err := tx.Lock(ctx, v.Material)
		if err != nil {
			return err
		}
		if v, err = tx.Version(ctx, version); err != nil {
			return err
		}
		changed, err = do(v, &m, tx)
		return err
	})
	if err == nil && changed {
		s.pushState(ctx, v.Material)
	}
	return wrap("mark", version, err)
}

func (s *Service) pushState(ctx context.Context, id MaterialID) {
	if m, err := s.Store.Material(ctx, id); err == nil {
		s.push(ctx, id, map[string]any{"type": "state", "state": m.State})
	}
}

// ReactsTo are the kinds of journal entries that are anything to React.
var ReactsTo = []string{"signing.requested", "signing.signed", "signing.completed", "signing.failed"}

// React is the documents' reaction to what happened elsewhere; run it with
// journal.React under the name "documents.signing". Facts about versions that
// do not exist here are passed over.
func (s *Service) React(ctx context.Context, e journal.Entry) error {
	var fact struct {
		Version VersionID        `json:"version"`
		Signer  security.ActorID `json:"signer"`
		Code    string           `json:"code"`
	}
	if !slices.Contains(ReactsTo, e.Kind) {
		return nil
	}
	err := unmarshal(e.Body, &fact)
	if err != nil {
		return err
	}
	switch e.Kind {
	case "signing.requested":
		if err = s.MarkSigning(ctx, fact.Version); err == nil {
			err = s.askSigner(ctx, fact.Version, fact.Signer, e.Seq)
		}
	case "signing.signed":
		err = s.SignedBy(ctx, fact.Version, cmp.Or(fact.Signer, e.Actor))
	case "signing.completed":
		err = s.MarkSigned(ctx, fact.Version)
	case "signing.failed":
		err = s.signingFailed(ctx, fact.Version, fact.Code, e.Seq)
	}
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// askSigner tells a signer that it is his turn, once per journal entry, unless
// the version is not to be signed any more.
func (s *Service) askSigner(ctx context.Context, version VersionID, signer security.ActorID, seq int64) error {
	if signer == "" {
		return nil
	}
	return s.mark(ctx, version, func(v Version, m *Material, tx Tx) (bool, error) {
		if v.State != Signing {
			return false, nil
		}
		return false, s.ask(ctx, tx, AskSign, *m, v.ID, "/signing", seq, signer)
	})
}

// signingFailed tells the drafter, once per journal entry.
func (s *Service) signingFailed(ctx context.Context, version VersionID, code string, seq int64) error {
	return s.mark(ctx, version, func(v Version, m *Material, tx Tx) (bool, error) {
		n := s.notice(m.Drafter, "sign_failed", *m, v.ID, page(m.ID, v.Number), m.Number, m.Title, code)
		n.Cause = seq
		return false, tx.AddNotice(ctx, n)
	})
}
