package collabbench

import (
	"context"
	"fmt"
	"time"
)

// observers are how many look at what they get; the others only count, which keeps the load cheap.
const observers = 64

// window is how long to measure, and a third of it how long to wait before.
func (b *bench) window() time.Duration {
	if b.Quick {
		return 150 * time.Millisecond
	}
	return b.Window
}

// typing has clients of n type at its rate, measures, and checks that everything arrived.
func (b *bench) typing(ctx context.Context, s *site, n needs) (measurement, error) {
	c := gather(s, n.documents, n.clients, observers)
	c.apart = n.nodes > 1
	defer c.close()
	if err := c.connect(ctx, 32); err != nil {
		return measurement{}, err
	}
	stop, err := c.start(n.rate)
	if err != nil {
		return measurement{}, err
	}
	defer stop()
	if err := sleep(ctx, b.window()/3); err != nil {
		return measurement{}, err
	}
	m, err := c.measure(ctx, b.window())
	if err != nil {
		return m, err
	}
	stop()
	return m, c.settled(ctx)
}

// note says so when the load itself was late.
func (m measurement) note() string {
	if lag := m.lag.ms(0.95); lag > 5 {
		return fmt.Sprintf("the load was itself late: p95 %.0f ms", lag)
	}
	return ""
}

func crowded(ctx context.Context, b *bench, s *site, n needs) (sample, error) {
	m, err := b.typing(ctx, s, n)
	if err != nil {
		return sample{}, err
	}
	return sample{[]float64{m.perDelivery(), m.late.ms(0.95)}, m.note()}, nil
}

func scattered(ctx context.Context, b *bench, s *site, n needs) (sample, error) {
	m, err := b.typing(ctx, s, n)
	if err != nil {
		return sample{}, err
	}
	return sample{[]float64{m.perUpdate(), m.late.ms(0.95)}, m.note()}, nil
}

func acrossNodes(ctx context.Context, b *bench, s *site, n needs) (sample, error) {
	m, err := b.typing(ctx, s, n)
	if err != nil {
		return sample{}, err
	}
	return sample{[]float64{m.late.ms(0.95)}, m.note()}, nil
}

// tooLate is the p95 at which a step of the ramp no longer counts as held.
const tooLate = 100.0

// ramp raises the pace by a quarter until the p95 passes 100 ms, or the typists cannot type as fast as they should.
func ramp(ctx context.Context, b *bench, s *site, n needs) (sample, error) {
	c := gather(s, n.documents, n.clients, 8)
	defer c.close()
	if err := c.connect(ctx, 32); err != nil {
		return sample{}, err
	}
	stop, err := c.start(n.rate)
	if err != nil {
		return sample{}, err
	}
	defer stop()
	best := sample{values: []float64{0}}
	for rate := n.rate; ; rate *= 1.25 {
		c.since.Store(0)
		c.setPace(rate)
		if err := sleep(ctx, b.window()/6); err != nil {
			return best, err
		}
		m, err := c.measure(ctx, b.window()/3)
		if err != nil {
			return best, err
		}
		got, due := m.updates/m.seconds, rate*float64(len(c.typists))
		late, lag := m.late.ms(0.95), m.lag.ms(0.95)
		fmt.Fprintf(b.stderr, "  %8.0f updates/s: %9.0f deliveries/s, p95 %6.1f ms, load late %6.1f ms, server %.2f cores\n",
			got, m.delivered/m.seconds, late, lag, m.cpu.Seconds()/m.seconds)
		held := late <= tooLate && lag <= tooLate && got >= 0.93*due && m.delivered >= 0.93*m.updates*float64(m.clients-1)
		switch {
		case b.Quick && rate > 2*n.rate: // a busy machine says nothing
			return sample{values: []float64{m.delivered / m.seconds}}, nil
		case !b.Quick && !held:
			if best.note = fmt.Sprintf("p95 %.0f ms in the next step", late); lag > tooLate/2 {
				best.note += fmt.Sprintf(", and the load itself was late: %.0f ms", lag)
			}
			return best, nil
		}
		best.values[0] = m.delivered / m.seconds
	}
}
