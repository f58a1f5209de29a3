package collabbench

import (
	"context"
	"time"
)

// settle is how long a server may tidy up before its memory is read.
func (b *bench) settle() time.Duration {
	if b.Quick {
		return 50 * time.Millisecond
	}
	return 6 * time.Second
}

// memory opens documents with one client each, then lets the others come, and reads what the process holds each time.
func memory(ctx context.Context, b *bench, s *site, n needs) (sample, error) {
	held := func() (float64, error) {
		err := sleep(ctx, b.settle())
		return float64(s.usage().memory), err
	}
	empty, err := held()
	if err != nil {
		return sample{}, err
	}
	first := gather(s, n.documents, 1, 0)
	defer first.close()
	if err := first.connect(ctx, 32); err != nil {
		return sample{}, err
	}
	opened, err := held()
	if err != nil {
		return sample{}, err
	}
	more := gather(s, n.documents, n.clients-1, 0)
	more.behind(1)
	defer more.close()
	if err := more.connect(ctx, 32); err != nil {
		return sample{}, err
	}
	full, err := held()
	if err != nil {
		return sample{}, err
	}
	connection := (full - opened) / float64(len(more.typists)) / 1024
	document := (opened-empty)/float64(n.documents)/1024 - connection
	return sample{values: []float64{connection, document}}, more.alive()
}

// many opens everything and reads what the process holds and uses.
func many(ctx context.Context, b *bench, s *site, n needs) (sample, error) {
	c := gather(s, n.documents, n.clients, 0)
	defer c.close()
	if err := c.connect(ctx, 32); err != nil {
		return sample{}, err
	}
	if err := sleep(ctx, b.settle()); err != nil {
		return sample{}, err
	}
	before, began := s.usage(), time.Now()
	if err := sleep(ctx, b.window()); err != nil {
		return sample{}, err
	}
	after := s.usage()
	return sample{values: []float64{float64(after.memory) / (1 << 20), (after.cpu - before.cpu).Seconds() / time.Since(began).Seconds()}}, c.alive()
}
