package collab

import (
	"context"
	"errors"

	"spolupis/collab/crdt"
	"spolupis/security"
)

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
		if r.serverID == nil {
			r.serverID = map[security.ActorID]uint64{}
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
	r.changed(update)
	r.stored(last, rows, nil, nil)
	return r.head(), nil
}

func (r *room) head() Head {
	return Head{Seq: r.seq, Sealed: r.sealed.Load(), State: r.encoded(), StateVector: r.d.StateVector()}
}

// seen returns what the domain above keeps of the document.
func (r *room) seen() any {
	if r.h.cfg.View == nil {
		return nil
	}
	if r.view == nil {
		r.view = r.h.cfg.View(r.d)
	}
	return r.view()
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
