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

// memory opens half of the documents, then the other half, with one client each; then lets half of the others come, and then the
// rest. What the second half of each took is counted: the first fills caches that all share.
func memory(ctx context.Context, b *bench, s *site, n needs) (sample, error) {
	var crowds []*crowd
	defer func() {
		for _, c := range crowds {
			c.close()
		}
	}()
	come := func(documents []string, clients, before int) (held float64, err error) {
		part := *s
		part.documents = documents
		c := gather(&part, len(documents), clients, 0)
		crowds = append(crowds, c)
		c.behind(before)
		if err := c.connect(ctx, 32); err != nil {
			return 0, err
		}
		if err := sleep(ctx, b.settle()); err != nil {
			return 0, err
		}
		return float64(s.usage().memory), c.alive()
	}
	documents, half, others := s.documents[:n.documents], n.documents/2, (n.clients-1)/2
	some, err := come(documents[:half], 1, 0)
	if err != nil {
		return sample{}, err
	}
	opened, err := come(documents[half:], 1, 0)
	if err != nil {
		return sample{}, err
	}
	fuller, err := come(documents, others, 1)
	if err != nil {
		return sample{}, err
	}
	full, err := come(documents, others, 1+others)
	if err != nil {
		return sample{}, err
	}
	connection := (full - fuller) / float64(others*n.documents) / 1024
	document := (opened-some)/float64(n.documents-half)/1024 - connection
	return sample{values: []float64{connection, document}}, nil
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
