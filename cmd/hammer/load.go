package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// load lets everybody type for a while and measures with one pair of officials in the first document: one types a word and
// waits until it is durable, the other until he sees it. In the end all must have the same text.
func load(ctx context.Context, o options) (*verdict, error) {
	v := &verdict{Figures: map[string]any{}}
	c, err := gather(ctx, o)
	if err != nil {
		return nil, err
	}
	defer c.disband()
	stop := c.work(ctx, 0)
	durable, shown, err := c.measure(ctx, o.lasting)
	stop()
	if err != nil {
		return nil, err
	}
	if err := c.agree(ctx, "at the end", v); err != nil {
		return nil, err
	}
	v.Figures["officials"] = o.clients
	v.Figures["documents"] = len(c.o.documents)
	v.Figures["acknowledged words"] = c.kept()
	v.Figures["durable p50/p95/p99 ms"] = quantiles(durable)
	v.Figures["shown p50/p95/p99 ms"] = quantiles(shown)
	return v, nil
}

// measure has the pair type and see one word after another.
func (c *crew) measure(ctx context.Context, lasting time.Duration) (durable, shown []time.Duration, err error) {
	reader, err := c.stranger(ctx, 1, c.o.documents[0])
	if err != nil {
		return nil, nil, err
	}
	defer reader.Break()
	writer, err := c.stranger(ctx, 0, c.o.documents[0])
	if err != nil {
		return nil, nil, err
	}
	defer writer.Break()
	for end := time.Now().Add(lasting); time.Now().Before(end); {
		probe := fmt.Sprintf("⟪%x⟫", rand.Uint64())
		began := time.Now()
		writer.Type(probe)
		seen := make(chan error, 1)
		go func() {
			err := reader.WaitText(ctx, func(text string) bool { return strings.Contains(text, probe) })
			shown = append(shown, time.Since(began))
			seen <- err
		}()
		if err := writer.WaitAcked(ctx); err != nil {
			return nil, nil, err
		}
		durable = append(durable, time.Since(began))
		if err := <-seen; err != nil {
			return nil, nil, err
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return nil, nil, err
		}
	}
	return durable, shown, nil
}

func quantile(ds []time.Duration, q float64) time.Duration {
	if len(ds) == 0 {
		return 0
	}
	ds = slices.Sorted(slices.Values(ds))
	return ds[int(q*float64(len(ds)-1))]
}

func quantiles(ds []time.Duration) string {
	ms := func(q float64) float64 { return float64(quantile(ds, q).Microseconds()) / 1000 }
	return fmt.Sprintf("%.1f / %.1f / %.1f", ms(0.5), ms(0.95), ms(0.99))
}
