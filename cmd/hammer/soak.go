package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// soak lets everybody work for o.lasting, going offline and coming back. What the server uses, asked through /metrics, is
// averaged over the second and the last quarter of the time: goroutines may grow by a tenth and twenty, the heap by half and 16 MiB
// and a kilobyte for each word that was stored meanwhile.
func soak(ctx context.Context, o options) (*verdict, error) {
	v := &verdict{Figures: map[string]any{}}
	c, err := gather(ctx, o)
	if err != nil {
		return nil, err
	}
	defer c.disband()
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := c.work(working, min(5*time.Second, o.lasting/8))
	defer func() { stop() }()
	var samples []usage
	began := time.Now()
	for tick := max(100*time.Millisecond, min(5*time.Second, o.lasting/40)); time.Since(began) < o.lasting; {
		u, err := measureUsage(ctx, o)
		if err != nil {
			return nil, err
		}
		u.words = float64(c.kept())
		samples = append(samples, u)
		if len(samples)%40 == 0 {
			o.log("%8s: %.0f goroutines, %.1f MiB, %.0f words acknowledged", time.Since(began).Round(time.Second), u.goroutines, u.heap/(1<<20), u.words)
		}
		if err := sleep(ctx, tick); err != nil {
			return nil, err
		}
	}
	stop()
	if err := c.agree(ctx, "at the end", v); err != nil {
		return nil, err
	}
	if len(samples) < 8 {
		return nil, fmt.Errorf("-for %s: too short to see anything grow", o.lasting)
	}
	q := len(samples) / 4
	early, late := mean(samples[q:2*q]), mean(samples[3*q:])
	v.Figures["hours"] = fmt.Sprintf("%.3f", o.lasting.Hours())
	v.Figures["acknowledged words"] = c.kept()
	v.Figures["goroutines early/late"] = fmt.Sprintf("%.0f / %.0f", early.goroutines, late.goroutines)
	v.Figures["heap early/late MiB"] = fmt.Sprintf("%.1f / %.1f", early.heap/(1<<20), late.heap/(1<<20))
	if late.goroutines > 1.1*early.goroutines+20 {
		v.breach("goroutines grew from %.0f to %.0f", early.goroutines, late.goroutines)
	}
	if late.heap > 1.5*early.heap+16<<20+1024*(late.words-early.words) {
		v.breach("the heap grew from %.1f to %.1f MiB", early.heap/(1<<20), late.heap/(1<<20))
	}
	return v, nil
}

// usage is what all nodes together use.
type usage struct{ goroutines, heap, words float64 }

func measureUsage(ctx context.Context, o options) (u usage, err error) {
	for _, node := range o.nodes {
		page, err := get(ctx, node, "/metrics", nil)
		if err != nil {
			return u, err
		}
		for row := range strings.Lines(page) {
			name, value, _ := strings.Cut(strings.TrimSpace(row), " ")
			n, err := strconv.ParseFloat(value, 64)
			switch {
			case err != nil:
			case name == "spolupis_goroutines":
				u.goroutines += n
			case name == "spolupis_heap_bytes":
				u.heap += n
			}
		}
	}
	if u.goroutines == 0 {
		err = fmt.Errorf("/metrics does not tell spolupis_goroutines")
	}
	return u, err
}

func mean(us []usage) (m usage) {
	for _, u := range us {
		m.goroutines += u.goroutines / float64(len(us))
		m.heap += u.heap / float64(len(us))
		m.words += u.words / float64(len(us))
	}
	return m
}
