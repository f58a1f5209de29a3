package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"spolupis/collab/ws/official"
)

// slow lets every fifth connection read 1 KB/s while one official of each document pastes. Each run measures the others for a while without and
// then with them: their p99 may grow by o.ratio. A few samples are noise; the ratio means something from a minute on.
func slow(ctx context.Context, o options) (*verdict, error) {
	v := &verdict{Figures: map[string]any{}}
	p := &proxy{rate: 1 << 10, nodes: hosts(o)}
	if err := p.listen(); err != nil {
		return nil, err
	}
	defer p.close()
	c, err := gather(ctx, o)
	if err != nil {
		return nil, err
	}
	defer c.disband()
	docs, each := c.o.documents, o.lasting/time.Duration(2*o.runs)
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := c.work(working, 0)
	defer func() { stop() }()
	pasted := make(chan struct{})
	go func() {
		defer close(pasted)
		for n := 0; sleep(working, 100*time.Millisecond/time.Duration(len(docs))) == nil; n++ {
			c.typists[n%len(docs)].Type(strings.Repeat("vložený odstavec ", 60))
		}
	}()
	var without, with []time.Duration
	readers := max(1, len(c.typists)/5)
	for n := range o.runs {
		_, seen, err := c.measure(ctx, each)
		if err != nil {
			return nil, err
		}
		without = append(without, seen...)
		var slowOnes []*official.Official
		for i := range readers {
			who, cancel := context.WithTimeout(ctx, 5*time.Second)
			s, err := official.Dial(who, official.Config{URL: socket(p.url(), docs[i%len(docs)]), Header: at(p.url(), c.headers[(i/len(docs)+1)%len(c.headers)])})
			cancel()
			if err == nil { // otherwise he is still reading what was there before; that is slow, too
				slowOnes = append(slowOnes, s)
			}
		}
		_, seen, err = c.measure(ctx, each)
		if err != nil {
			return nil, err
		}
		with = append(with, seen...)
		o.log("run %2d: %s ms without, %s ms with %d slow readers", n+1, quantiles(without), quantiles(with), readers)
		for _, s := range slowOnes {
			s.Break()
		}
		p.each(func(l *line) { l.end() })
	}
	cancel()
	<-pasted
	stop()
	if err := c.agree(ctx, "at the end", v); err != nil {
		return nil, err
	}
	ratio := float64(quantile(with, 0.99)) / float64(quantile(without, 0.99))
	v.Figures["slow readers"] = readers
	v.Figures["shown p50/p95/p99 ms without"] = quantiles(without)
	v.Figures["shown p50/p95/p99 ms with"] = quantiles(with)
	v.Figures["samples"] = len(with)
	v.Figures["ratio of p99"] = fmt.Sprintf("%.2f", ratio)
	v.Figures["acknowledged words"] = c.kept()
	if ratio > o.ratio {
		v.breach("slow readers made the others' p99 %.2f times as long, at most %.2f was promised", ratio, o.ratio)
	}
	return v, nil
}
