package documents

import (
	"context"
	"fmt"
	"strings"

	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/journal"
)

// inWhoseName says whose comment a new one is: of the author's unit when it is asked in the round that runs. A unit that has
// confirmed its set adds nothing to it.
func (s *Service) inWhoseName(ctx context.Context, tx Tx, who security.Actor, m Material, c *Comment) error {
	if m.State != Commenting {
		return nil
	}
	r, err := s.running(ctx, tx, m)
	if isConflict(err) {
		return nil
	} else if err != nil {
		return err
	}
	c.Round = r.ID
	a := r.Of(who.Unit)
	switch {
	case a == nil:
		return nil
	case a.Statement != "":
		return conflict("documents.fault.statement_closed")
	}
	c.Unit, c.Working = who.Unit, true
	return nil
}

// unconfirmed refuses to change what a unit has confirmed.
func unconfirmed(c *Comment) error {
	if c.Unit != "" && !c.Working {
		return conflict("documents.fault.statement_closed")
	}
	return nil
}

// withdraw takes a comment back: its author does, and once its unit confirmed it, the head of the unit.
func (s *Service) withdraw(ctx context.Context, who security.Actor, id MaterialID, a args, done answer) (Comment, *text, error) {
	c, err := s.commentOn(ctx, s.Store, id, a.Comment)
	if err != nil {
		return c, nil, err
	}
	if unconfirmed(&c) != nil {
		if who, err = s.asHead(ctx, who, c.Unit); err != nil {
			return c, nil, err
		}
	} else if err := own(who, &c); err != nil {
		return c, nil, err
	}
	return s.change(ctx, who, id, a, done, func(_ Tx, _ Material, now *Comment, _ *text) ([]journal.Entry, error) {
		if now.Working != c.Working || now.Unit != c.Unit {
			return nil, conflict("documents.fault.busy") // its unit spoke meanwhile
		}
		if now.State != Open {
			return nil, conflict("documents.fault.comment_closed")
		}
		now.State = TakenBack
		return s.event(who, "documents.comment_withdrawn", now, nil), nil
	})
}

// settle answers a comment, and its duplicates with it. A working note of a unit can only be accepted: anything else waits
// for the unit's statement. A comment is accepted by changing the text; where its place has not changed since the beginning of
// the round, the reasoning must say where it was worked in.
func (s *Service) settle(ctx context.Context, who security.Actor, id MaterialID, a args, done answer) (Comment, *text, error) {
	if err := s.can(ctx, who, access.Edit, id); err != nil {
		return Comment{}, nil, err
	}
	st := Settlement{Outcome: a.Outcome, Reasoning: a.Reasoning, By: who.ID, At: s.now()}
	if err := st.check(); err != nil {
		return Comment{}, nil, err
	}
	rounds, err := s.Store.Rounds(ctx, id)
	if err != nil {
		return Comment{}, nil, err
	}
	return s.change(ctx, who, id, a, done, func(tx Tx, m Material, c *Comment, t *text) ([]journal.Entry, error) {
		switch {
		case c.State == TakenBack:
			return nil, conflict("documents.fault.comment_closed")
		case c.Applied && st.Outcome != Accepted:
			return nil, conflict("documents.fault.comment_applied")
		case c.Twin != "":
			return nil, s.isTwin(ctx, tx, *c)
		case c.Working && m.State == Commenting && st.Outcome != Accepted:
			return nil, conflict("documents.fault.settle_working")
		}
		if st.Outcome == Accepted && st.Reasoning == "" && !c.Applied {
			p, err := s.proofs(rounds, t).of(ctx, *c)
			if err != nil {
				return nil, err
			}
			if p.Known && !p.Changed {
				return nil, invalid("documents.fault.settle_unchanged")
			}
		}
		c.State, c.Settlement, c.Standing = Settled, &st, nil
		if err := s.tellAuthor(ctx, tx, who, m, *c); err != nil {
			return nil, err
		}
		twins, err := s.settleTwins(ctx, tx, who, m, *c)
		return append(s.event(who, "documents.comment_settled", c, map[string]any{"outcome": st.Outcome}), twins...), err
	})
}

// settleTwins gives the duplicates of a comment the same settlement.
func (s *Service) settleTwins(ctx context.Context, tx Tx, who security.Actor, m Material, lead Comment) ([]journal.Entry, error) {
	twins, err := tx.Twins(ctx, lead.ID)
	if err != nil {
		return nil, err
	}
	var entries []journal.Entry
	for _, c := range twins {
		if c.State == TakenBack || c.Applied {
			continue
		}
		st := *lead.Settlement
		c.State, c.Settlement, c.Standing = Settled, &st, nil
		if err := tx.SetComment(ctx, c); err != nil {
			return nil, err
		}
		if err := s.tellAuthor(ctx, tx, who, m, c); err != nil {
			return nil, err
		}
		entries = append(entries, s.event(who, "documents.comment_settled", &c, map[string]any{"outcome": st.Outcome, "with": lead.ID})...)
	}
	return entries, nil
}

// isTwin refuses what is done to a group as a whole.
func (s *Service) isTwin(ctx context.Context, r Reader, c Comment) error {
	lead, err := r.Comment(ctx, c.Twin)
	if err != nil {
		return err
	}
	return conflict("documents.fault.comment_twin", lead.Number)
}

// pushTwins tells the room about duplicates that changed with their comment.
func (s *Service) pushTwins(ctx context.Context, lead Comment, t *text, command string) {
	switch command {
	case "comment.settle", "comment.accept", "comment.group":
	default:
		return
	}
	twins, err := s.Store.Twins(ctx, lead.ID)
	if err != nil {
		return // what is durable is shown when somebody asks again
	}
	person := s.named(ctx)
	for _, c := range twins {
		s.push(ctx, lead.Material, map[string]any{"type": "comment", "comment": t.view("", c, person)})
	}
}

// maxTwins is how many duplicates one comment can have.
const maxTwins = 100

// group makes other comments the duplicates of one: they are settled with it, once for all.
func (s *Service) group(ctx context.Context, who security.Actor, id MaterialID, a args, done answer) (Comment, *text, error) {
	if err := s.can(ctx, who, access.Edit, id); err != nil {
		return Comment{}, nil, err
	}
	if len(a.Others) == 0 || len(a.Others) > maxTwins {
		return Comment{}, nil, invalid("documents.fault.group_none", maxTwins)
	}
	return s.change(ctx, who, id, a, done, func(tx Tx, _ Material, lead *Comment, _ *text) ([]journal.Entry, error) {
		if lead.Twin != "" {
			return nil, s.isTwin(ctx, tx, *lead)
		}
		var entries []journal.Entry
		for _, other := range a.Others {
			c, err := s.commentOn(ctx, tx, id, other)
			if err != nil {
				return nil, err
			}
			switch {
			case c.ID == lead.ID:
				continue
			case c.State != Open || lead.State != Open:
				return nil, conflict("documents.fault.group_closed")
			case c.Working || lead.Working:
				return nil, conflict("documents.fault.settle_working")
			}
			own, err := tx.Twins(ctx, c.ID) // its own duplicates go with it
			if err != nil {
				return nil, err
			}
			for _, x := range append(own, c) {
				x.Twin = lead.ID
				if err := tx.SetComment(ctx, x); err != nil {
					return nil, err
				}
			}
			entries = append(entries, s.event(who, "documents.comment_grouped", &c, map[string]any{"with": lead.ID})...)
		}
		if twins, err := tx.Twins(ctx, lead.ID); err != nil || len(twins) > maxTwins {
			return nil, join([]error{err, invalid("documents.fault.group_none", maxTwins)})
		}
		return entries, nil
	})
}

// ungroup makes a duplicate a comment of its own again. A settlement it has stays until it gets another.
func (s *Service) ungroup(ctx context.Context, who security.Actor, id MaterialID, a args, done answer) (Comment, *text, error) {
	if err := s.can(ctx, who, access.Edit, id); err != nil {
		return Comment{}, nil, err
	}
	return s.change(ctx, who, id, a, done, func(_ Tx, _ Material, c *Comment, _ *text) ([]journal.Entry, error) {
		if c.Twin == "" {
			return nil, conflict("documents.fault.group_not")
		}
		c.Twin = ""
		return s.event(who, "documents.comment_ungrouped", c, nil), nil
	})
}

// openDisputes counts disputes that keep the text from being frozen.
func openDisputes(disputes []Dispute) (n int) {
	for _, d := range disputes {
		if d.State == DisputeOpen {
			n++
		}
	}
	return n
}

// unproved refuses to freeze a text in which the place of an accepted comment is as it was and nobody says why, or from which the
// description of a dispute before the council has gone.
func (s *Service) unproved(ctx context.Context, x settlement) error {
	p := s.proofs(x.rounds, x.text)
	for _, c := range x.comments {
		if c.Settlement == nil || c.Settlement.Outcome != Accepted || c.Settlement.Reasoning != "" || c.Twin != "" || c.State != Settled {
			continue
		}
		if proof, err := p.of(ctx, c); err != nil {
			return err
		} else if proof.Known && !proof.Changed {
			return conflict("documents.fault.accepted_unchanged", c.Number)
		}
	}
	for _, d := range x.disputes {
		if d.State == DisputeCarried && !x.text.holds(d.Words) {
			return conflict("documents.fault.dispute_unsaid")
		}
	}
	return nil
}

// holds reports whether a paragraph with these words stands in the text.
func (t *text) holds(words string) bool { return strings.Contains("\n"+t.flat.text, "\n"+words) }

// onePage is where one comment is settled.
func onePage(id MaterialID, number int) string {
	return fmt.Sprintf("/documents/%s/settlement/%d", id, number)
}

// Remarks lists the comments on a material by number, without their places in the text.
func (s *Service) Remarks(ctx context.Context, who security.Actor, id MaterialID) ([]Comment, error) {
	if err := s.can(ctx, who, access.View, id); err != nil {
		return nil, err
	}
	return s.Store.Comments(ctx, id)
}

// Duplicates lists groups of open comments that may say the same, the oldest comment of each first, for whoever settles.
func (s *Service) Duplicates(ctx context.Context, who security.Actor, id MaterialID) ([][]CommentView, error) {
	if err := s.can(ctx, who, access.Edit, id); err != nil {
		return nil, err
	}
	comments, err := s.Store.Comments(ctx, id)
	if err != nil {
		return nil, err
	}
	t, err := s.live(ctx, id)
	if err != nil {
		return nil, wrap("duplicates on", id, err)
	}
	person := s.named(ctx)
	var out [][]CommentView
	for _, group := range groupsAlike(comments, t) {
		var views []CommentView
		for _, i := range group {
			views = append(views, t.view(who.ID, comments[i], person))
		}
		out = append(out, views)
		if len(out) == maxTwins {
			break
		}
	}
	return out, nil
}
