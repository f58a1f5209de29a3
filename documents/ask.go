package documents

import (
	"context"
	"slices"

	"spolupis/security"
	"spolupis/security/access"
)

// Kinds of notice that tell somebody, by mail and at once, what is asked of him.
// On pages a task says so; the notice is there for the mail, and seen from the start.
const (
	AskApprove = "to_approve" // it is his turn to approve
	AskSign    = "to_sign"    // it is his turn to sign
	AskComment = "to_comment" // his unit is asked to comment
	AskState   = "to_state"   // the unit he leads is asked for its statement
	AskSettle  = "to_settle"  // a unit has confirmed comments on his material
)

// Asks lists them.
var Asks = []string{AskApprove, AskSign, AskComment, AskState, AskSettle}

// Asks reports whether n tells what is asked of its person. It is kept only when he wants to be told at once: a
// digest lists what waits anyway.
func (n Notice) Asks() bool { return slices.Contains(Asks, n.Kind) }

// ask makes the notice of an ask. Cause is the journal entry it came from, or 0.
func (s *Service) ask(ctx context.Context, tx Tx, kind string, m Material, v VersionID, link string, cause int64, people ...security.ActorID) error {
	for _, p := range people {
		n := s.notice(p, kind, m, v, link, m.Number, m.Title)
		n.SeenAt, n.Cause = n.At, cause
		if err := tx.AddNotice(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// askApprovers tells those whose turn it is to approve.
func (s *Service) askApprovers(ctx context.Context, tx Tx, who security.Actor, m Material, c Circulation) error {
	if c.State != Running {
		return nil
	}
	var turn []security.ActorID
	for _, member := range c.Steps[c.Current].Members {
		if member.Act == "" && member.Person != who.ID {
			turn = append(turn, member.Person)
		}
	}
	return s.ask(ctx, tx, AskApprove, m, c.Version, "/documents/"+string(m.ID)+"/route", 0, turn...)
}

// roundAsks is who is to be told of a round.
type roundAsks struct{ heads, members []security.ActorID }

// whoIsAsked finds whom a round concerns among those who want mail at once: the
// heads of the units asked, and everybody else in them. It is read before the
// round's transaction; whoever changes his setting meanwhile is judged by the new one.
func (s *Service) whoIsAsked(ctx context.Context, who security.Actor, units []security.UnitID) (r roundAsks, err error) {
	if s.Members == nil {
		return r, nil
	}
	state, err := s.Store.MailedNow(ctx, AskState)
	if err != nil {
		return r, err
	}
	comment, err := s.Store.MailedNow(ctx, AskComment)
	if err != nil || len(state)+len(comment) == 0 {
		return r, err
	}
	heads, err := s.Rights.Heads(ctx)
	if err != nil {
		return r, err
	}
	told := map[security.ActorID]bool{who.ID: true}
	for _, u := range units {
		if h := heads[u]; h != "" && !told[h] && slices.Contains(state, h) {
			told[h] = true
			r.heads = append(r.heads, h)
		}
	}
	for _, u := range units {
		people, err := s.Members(ctx, u)
		if err != nil {
			return r, err
		}
		for _, p := range people {
			if told[p.ID] || !slices.Contains(comment, p.ID) && !slices.Contains(state, p.ID) {
				continue
			}
			leads := false
			if heads[u] == "" { // nobody is named: whoever has the role
				if _, leads, err = s.Leads(ctx, actorOf(p), u); err != nil {
					return r, err
				}
			}
			switch {
			case leads && slices.Contains(state, p.ID):
				r.heads = append(r.heads, p.ID)
			case !leads && p.ID != heads[u] && slices.Contains(comment, p.ID):
				r.members = append(r.members, p.ID)
			default:
				continue
			}
			told[p.ID] = true
		}
	}
	return r, nil
}

func actorOf(p access.Person) security.Actor {
	return security.Actor{ID: p.ID, Name: p.Name, Unit: p.Unit, UnitName: p.UnitName, Roles: p.Roles}
}

func (s *Service) askUnits(ctx context.Context, tx Tx, m Material, r roundAsks) error {
	if err := s.ask(ctx, tx, AskState, m, "", roundPage(m.ID), 0, r.heads...); err != nil {
		return err
	}
	return s.ask(ctx, tx, AskComment, m, "", "/documents/"+string(m.ID)+"/comments", 0, r.members...)
}
