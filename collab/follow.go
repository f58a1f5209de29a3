package collab

import (
	"context"
	"fmt"
	"slices"

	"spolupis/collab/wire"
)

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
		r.changed(row.Update)
		r.news = append(r.news, shown{update: row.Update})
		r.seq = row.Seq
		r.since++
	}
	if len(rows) > 0 {
		r.known.Store(r.seq)
	}
	return nil
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
		r.changed(h.body)
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
