package collab

import (
	"context"
	"errors"

	"spolupis/security"
	"spolupis/security/fault"
)

// recheck looks at the rights of who, or of everybody, again: at the epoch first, which is cheap and moves seldom.
func (r *room) recheck(ctx context.Context, who security.ActorID) {
	if who == "" { // some times a minute: let go of what hardly anybody needs
		r.copy, r.full = copies{}, nil
		r.d.Trim()
	}
	epochs := map[security.ActorID]int64{}
	for m := range r.members {
		if who != "" && m.who.ID != who {
			continue
		}
		epoch, ok := epochs[m.who.ID]
		if !ok {
			var err error
			epoch, err = r.h.cfg.Rights.Epoch(ctx, m.who.ID, r.doc)
			if err != nil {
				r.h.cfg.Logger.Warn("look up rights", "document", r.doc, "error", err)
				return // every update is judged anyway; the next look is soon
			}
			epochs[m.who.ID] = epoch
		}
		if epoch == m.epoch {
			continue
		}
		if c := r.lookUp(ctx, m); c != nil {
			r.remove(m, c)
		}
	}
}

// lookUp refreshes the right of m. It returns how to close the connection when m lost what it had.
func (r *room) lookUp(ctx context.Context, m *Member) *Closed {
	right, epoch, err := r.h.cfg.Rights.Right(ctx, m.who, r.doc)
	if errors.Is(err, fault.Denied) || errors.Is(err, fault.NotFound) {
		right, err = None, nil
	}
	if err != nil {
		r.h.cfg.Logger.Warn("look up rights", "document", r.doc, "error", err)
		return nil // epochs guard the updates; the next look is soon
	}
	had := m.right
	m.right, m.epoch = right, epoch
	if right < had {
		return closed(CodeDenied, "right went from %s to %s", had, right)
	}
	if right > had && m.ours {
		// A client that could not edit has an id that is not leased: it comes back for one.
		return closed(CodeRestart, "right went from %s to %s", had, right)
	}
	return nil
}
