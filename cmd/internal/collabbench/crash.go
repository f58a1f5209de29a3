package collabbench

import (
	"context"
	"fmt"

	"spolupis/collab/crdt"
)

// crash kills the server while everybody types, starts it again and counts, as somebody new in each document, what is left of
// what it had acknowledged.
func crash(ctx context.Context, b *bench, s *site, n needs) (sample, error) {
	c := gather(s, n.documents, n.clients, n.documents*n.clients)
	defer c.close()
	if err := c.connect(ctx, 32); err != nil {
		return sample{}, err
	}
	stop, err := c.start(n.rate)
	if err != nil {
		return sample{}, err
	}
	defer stop()
	if err := sleep(ctx, b.window()); err != nil {
		return sample{}, err
	}
	if err := c.alive(); err != nil {
		return sample{}, err
	}
	s.nodes[0].kill()
	stop()
	c.close() // its readers have taken every acknowledgement that was sent
	if err := s.nodes[0].start(ctx); err != nil {
		return sample{}, err
	}
	var lost, acknowledged int64
	for _, r := range c.rooms {
		d, err := found(ctx, s, r.document)
		if err != nil {
			return sample{}, err
		}
		for _, t := range r.typists {
			left := max(0, int64(d.Clock(t.id))-1) // without the line break
			acknowledged += t.kept()
			lost += max(0, t.kept()-left)
		}
	}
	if acknowledged == 0 {
		return sample{}, fmt.Errorf("nothing was acknowledged of %d characters", c.typed())
	}
	return sample{values: []float64{float64(lost), float64(acknowledged)}, note: fmt.Sprintf("%.1f %%", 100*float64(lost)/float64(acknowledged))}, nil
}

// found is what somebody new finds in a document.
func found(ctx context.Context, s *site, document string) (*crdt.Doc, error) {
	c := &crowd{site: s}
	t := &typist{crowd: c, room: &room{document: document}, synced: make(chan struct{}), gone: make(chan struct{})}
	defer t.close()
	if err := t.join(ctx); err != nil {
		return nil, err
	}
	d := crdt.New(crdt.Config{})
	for _, update := range t.copy {
		if err := d.Apply(update); err != nil {
			return nil, err
		}
	}
	return d, nil
}
