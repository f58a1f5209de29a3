package collab

import (
	"context"
	"fmt"
	"time"

	"spolupis/collab/crdt"
	"spolupis/security"
)

// Origins is a document with all that was ever in it, and who wrote and who deleted each part. It is derived from the rows of
// the log alone: from what was accepted from whom, not from what a client says of itself.
type Origins struct {
	Doc *crdt.Doc // keeps deleted content
	by  crdt.Authorship

	first int64 // sequence number of acts[0]
	acts  []Act
}

// Act is who did something to the text, and when it was received.
type Act struct {
	Person security.ActorID
	At     time.Time
}

// Part is a range of one client's clocks that one act wrote or deleted.
type Part struct {
	crdt.Range
	Act
}

// Written returns the acts that wrote a range, by clock.
func (o *Origins) Written(r crdt.Range) []Part { return o.parts(r.Client, o.by.WrittenIn(r)) }

// Deleted returns the acts that deleted a range, by clock. Parts that are not deleted are left out.
func (o *Origins) Deleted(r crdt.Range) []Part { return o.parts(r.Client, o.by.Deleted(r)) }

func (o *Origins) parts(client uint64, spans []crdt.Span) []Part {
	parts := make([]Part, len(spans))
	for i, s := range spans {
		parts[i] = Part{crdt.Range{Client: client, Clock: s.Clock, Len: s.Len}, o.acts[s.Row-o.first]}
	}
	return parts
}

// originsPage is how many rows are in memory at a time.
const originsPage = 1000

// Origins reads the whole log of doc. It does not disturb the room; the time it takes grows with the number of rows.
func (h *Hub) Origins(ctx context.Context, doc DocumentID) (*Origins, error) {
	o := &Origins{Doc: crdt.New(crdt.Config{KeepDeleted: true})}
	for seq := int64(0); ; {
		rows, _, err := h.cfg.Log.Since(ctx, doc, seq, originsPage)
		if err != nil {
			return nil, fmt.Errorf("origins of %s: %w", doc, err)
		}
		for _, r := range rows {
			if len(o.acts) == 0 {
				o.first = r.Seq
			}
			if r.Seq != o.first+int64(len(o.acts)) {
				return nil, fmt.Errorf("origins of %s: row %d follows %d", doc, r.Seq, seq)
			}
			seq = r.Seq
			o.acts = append(o.acts, Act{r.Person, r.At})
			if err := o.Doc.Apply(r.Update); err != nil {
				return nil, fmt.Errorf("origins of %s: row %d: %w", doc, r.Seq, err)
			}
			if err := o.by.Add(r.Seq, r.Update); err != nil {
				return nil, fmt.Errorf("origins of %s: row %d: %w", doc, r.Seq, err)
			}
		}
		if len(rows) < originsPage {
			return o, nil
		}
	}
}
