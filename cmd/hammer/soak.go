package main

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A soak is divided into days of this length, or into four shorter ones.
const day = 5 * time.Minute

// judged is from how long a soak on heap and delays are compared: in less, nothing is collected in a day, and a p99 is one sample.
const judged = 10 * time.Minute

// soak lets everybody work for o.lasting, going offline and coming back. Each day, of some minutes, has new materials (unless
// -documents says where to write), is checked at its end, and left behind. What the server uses, asked through /metrics, is averaged over
// the second and the last quarter of the days: goroutines may grow by a tenth and twenty, the heap, at its least of each day, by a quarter and
// 16 MiB, the p99 of what one pair of officials waits by one half and 20 ms.
func soak(ctx context.Context, o options) (*verdict, error) {
	v := &verdict{Figures: map[string]any{}}
	n := max(4, int(o.lasting/day))
	if o.lasting < 4*time.Second {
		return nil, fmt.Errorf("-for %s: too short to see anything grow", o.lasting)
	}
	days, words := make([]usage, n), 0
	for i := range n {
		kept, err := days[i].spend(ctx, o, o.lasting/time.Duration(n), fmt.Sprintf("day %d", i+1), v)
		if err != nil {
			return nil, fmt.Errorf("day %d: %w", i+1, err)
		}
		words += kept
		o.log("day %2d: %.0f goroutines, %.1f MiB, %d words acknowledged, p50/p95/p99 ms until durable %s, shown %s", i+1,
			days[i].goroutines, days[i].heap/(1<<20), words, quantiles(days[i].durable), quantiles(days[i].shown))
		if len(v.Broken) > 0 {
			return v, nil
		}
	}
	q := n / 4
	early, late := sum(days[q:2*q]), sum(days[n-q:])
	v.Figures["hours"] = fmt.Sprintf("%.3f", o.lasting.Hours())
	v.Figures["days"] = n
	v.Figures["acknowledged words"] = words
	v.Figures["goroutines early/late"] = fmt.Sprintf("%.0f / %.0f", early.goroutines, late.goroutines)
	v.Figures["heap early/late MiB"] = fmt.Sprintf("%.1f / %.1f", early.heap/(1<<20), late.heap/(1<<20))
	v.Figures["durable p50/p95/p99 ms early"] = quantiles(early.durable)
	v.Figures["durable p50/p95/p99 ms late"] = quantiles(late.durable)
	v.Figures["shown p50/p95/p99 ms early"] = quantiles(early.shown)
	v.Figures["shown p50/p95/p99 ms late"] = quantiles(late.shown)
	if late.goroutines > 1.1*early.goroutines+20 {
		v.breach("goroutines grew from %.0f to %.0f", early.goroutines, late.goroutines)
	}
	if o.lasting >= judged {
		if late.heap > 1.25*early.heap+16<<20 {
			v.breach("the heap grew from %.1f to %.1f MiB", early.heap/(1<<20), late.heap/(1<<20))
		}
		for what, p99 := range map[string][2]time.Duration{
			"durable": {quantile(early.durable, 0.99), quantile(late.durable, 0.99)}, "shown": {quantile(early.shown, 0.99), quantile(late.shown, 0.99)}} {
			if p99[1] > p99[0]*3/2+20*time.Millisecond {
				v.breach("the p99 until %s grew from %s to %s", what, p99[0], p99[1])
			}
		}
	}
	return v, nil
}

// usage is what all nodes together use, and what a pair of officials waits.
type usage struct {
	goroutines, heap float64
	durable, shown   []time.Duration
}

// spend has everybody work for a day, notes what is used meanwhile, and has all agree in the evening. It returns how many
// words were acknowledged.
func (u *usage) spend(ctx context.Context, o options, lasting time.Duration, when string, v *verdict) (words int, err error) {
	c, err := gather(ctx, o)
	if err != nil {
		return 0, err
	}
	defer c.disband()
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := c.work(working, min(5*time.Second, lasting/2))
	defer func() { stop() }()
	var measured error
	done := make(chan struct{})
	go func() {
		defer close(done)
		u.durable, u.shown, measured = c.measure(working, lasting)
	}()
	samples := 0.0
	u.heap = math.Inf(1)
	for waiting := true; waiting; samples++ {
		goroutines, heap, err := measureUsage(ctx, o)
		if err != nil {
			cancel()
			<-done
			return 0, err
		}
		u.goroutines, u.heap = u.goroutines+goroutines, min(u.heap, heap) // the least: what it is after a collection
		select {
		case <-done:
			waiting = false
		case <-time.After(min(5*time.Second, lasting/10)):
		}
	}
	u.goroutines /= samples
	if measured != nil {
		return 0, measured
	}
	stop()
	return c.kept(), c.agree(ctx, when, v)
}

// sum averages what days used and puts together what was waited.
func sum(days []usage) (s usage) {
	for _, u := range days {
		s.goroutines += u.goroutines / float64(len(days))
		s.heap += u.heap / float64(len(days))
		s.durable, s.shown = append(s.durable, u.durable...), append(s.shown, u.shown...)
	}
	return s
}

// measureUsage asks all nodes what they use.
func measureUsage(ctx context.Context, o options) (goroutines, heap float64, err error) {
	for _, node := range o.nodes {
		page, err := get(ctx, node, "/metrics", nil)
		if err != nil {
			return 0, 0, err
		}
		for row := range strings.Lines(page) {
			name, value, _ := strings.Cut(strings.TrimSpace(row), " ")
			n, err := strconv.ParseFloat(value, 64)
			switch {
			case err != nil:
			case name == "spolupis_goroutines":
				goroutines += n
			case name == "spolupis_heap_bytes":
				heap += n
			}
		}
	}
	if goroutines == 0 {
		err = fmt.Errorf("/metrics does not tell spolupis_goroutines")
	}
	return goroutines, heap, err
}
