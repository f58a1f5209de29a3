package collabbench

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"spolupis/collab"
	"spolupis/collab/crdt"
	"spolupis/collab/wire"
)

// storm opens documents with one client each; then everybody else comes in one instant.
func storm(ctx context.Context, b *bench, s *site, n needs) (sample, error) {
	first := gather(s, n.documents, 1, 0)
	defer first.close()
	if err := first.connect(ctx, 32); err != nil {
		return sample{}, err
	}
	rest := gather(s, n.documents, n.clients-1, 0)
	rest.behind(1)
	defer rest.close()
	before, began := s.usage(), time.Now()
	if err := rest.connect(ctx, len(rest.typists)); err != nil {
		return sample{}, err
	}
	took := time.Since(began)
	cpu := s.usage().cpu - before.cpu
	return sample{values: []float64{took.Seconds() * 1e3, cpu.Seconds() * 1e6 / float64(len(rest.typists))}}, rest.alive()
}

// typingMeanwhile is how many of the clients type while the others join.
const typingMeanwhile = 10

// joins puts a large document in, lets some type in it, and has the others come in one instant.
func joins(ctx context.Context, b *bench, s *site, n needs) (sample, error) {
	update, err := b.largeDocument()
	if err != nil {
		return sample{}, err
	}
	leave, err := put(ctx, s, update)
	if err != nil {
		return sample{}, err
	}
	defer leave()
	c := gather(s, 1, typingMeanwhile, observers)
	c.behind(1)
	defer c.close()
	if err := c.connect(ctx, 1); err != nil {
		return sample{}, err
	}
	stop, err := c.start(n.rate)
	if err != nil {
		return sample{}, err
	}
	defer stop()
	if err := sleep(ctx, b.window()/3); err != nil {
		return sample{}, err
	}
	rest := gather(s, 1, n.clients-1-typingMeanwhile, 0)
	rest.behind(1 + typingMeanwhile)
	defer rest.close()
	late := new(histogram)
	c.late.Store(late)
	began := time.Now()
	c.since.Store(began.UnixNano())
	if err := rest.connect(ctx, len(rest.typists)); err != nil {
		return sample{}, err
	}
	took := time.Since(began)
	for _, t := range rest.typists {
		if size := len(bytes.Join(t.copy, nil)); size < len(update)/2 {
			return sample{}, fmt.Errorf("a copy of %d bytes came in, of a document of %d", size, len(update))
		}
	}
	if err := sleep(ctx, 500*time.Millisecond); err != nil { // what was typed during the joins has to arrive
		return sample{}, err
	}
	stop()
	return sample{values: []float64{took.Seconds() * 1e3, late.ms(0.95)}}, c.settled(ctx)
}

// put stores an update as somebody who stays until leave is called: a server that keeps nothing would forget it otherwise.
func put(ctx context.Context, s *site, update []byte) (leave func(), err error) {
	c := gather(s, 1, 1, 1)
	c.silent = true
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	t := c.typists[0]
	if err := t.join(ctx); err != nil {
		return nil, err
	}
	t.others.Add(1)
	if err := t.sync(wire.Update, update); err != nil {
		return nil, err
	}
	for t.taken.Load() < t.others.Load() {
		if err := c.alive(); err != nil {
			return nil, err
		}
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return nil, err
		}
	}
	return c.close, nil
}

// largeDocument is the recorded writing of a scientific paper, or, without traces, something of its size and kind.
func (b *bench) largeDocument() ([]byte, error) {
	if b.Traces == "" || b.Quick {
		operations := 260_000
		if b.Quick {
			operations = 2_000
		}
		return generated(operations), nil
	}
	packed, err := os.ReadFile(filepath.Join(b.Traces, "automerge-paper.full1.gz"))
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	recorded, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	// It was written into a root text called "text", a body is one called otherwise: 1 says that the name of a root follows.
	return bytes.ReplaceAll(recorded, []byte("\x01\x04text"), []byte("\x01\x04"+collab.Root)), nil
}

// generated is the state of a text that one client has written: mostly typing on, sometimes taking back or going elsewhere.
func generated(operations int) []byte {
	r := rand.New(rand.NewPCG(4, 260))
	d := crdt.New(crdt.Config{Client: 4})
	text, at := d.Text(collab.Root), 0
	d.Transact(func() {
		for range operations {
			switch k := r.IntN(1000); {
			case k < 975:
				text.Insert(at, string("etaoin shrdlu\n"[r.IntN(14)]), nil)
				at++
			case k < 995 && at > 0:
				text.Delete(at-1, 1)
				at--
			case k > 995:
				at = r.IntN(text.Len() + 1)
			}
		}
	})
	return d.Encode()
}
