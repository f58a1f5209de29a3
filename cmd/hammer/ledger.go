package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"spolupis/collab"
	"spolupis/collab/crdt"
	"spolupis/collab/ws/official"

	"github.com/gorilla/websocket"
)

// typist is an official who writes words that can be recognised later, and remembers what was promised to him.
type typist struct {
	*official.Official
	n        int
	turn     int // among those in the room; says which node he uses
	room     string
	comments bool // may send commands

	mu    sync.Mutex
	words []word      // guarded by mu
	notes []note      // guarded by mu
	ended collab.Code // guarded by mu; why he was sent away for good
	came  int         // guarded by mu; how often he came back
}

// word is an entry of the ledger.
type word struct {
	text   string
	client uint64
	end    uint32 // own clock after it
	kept   bool   // acknowledged
}

// note is a comment that was sent.
type note struct{ id, text string }

// act does what an official does next: he mostly types a word such as "⟨3.17⟩", sometimes makes his last one bold, seldom comments.
func (t *typist) act() {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch dice := rand.N(60); {
	case dice < 4 && len(t.words) > 0:
		t.embolden(t.words[len(t.words)-1].text)
	case dice == 4 && t.comments && len(t.notes) < 20:
		n := note{fmt.Sprintf("hammer-%x", rand.Uint64()), fmt.Sprintf("poznámka %d-%d.", t.n, len(t.notes))}
		t.notes = append(t.notes, n)
		t.send(n)
	default:
		w := fmt.Sprintf("⟨%d.%d⟩", t.n, len(t.words))
		t.Type(w)
		t.words = append(t.words, word{text: w, client: t.Client(), end: t.Clock()})
	}
}

func (t *typist) send(n note) {
	t.Command(n.id, "comment.add", fmt.Sprintf(`{"kind":"formal","anchor":null,"text":%q}`, n.text))
}

func (t *typist) embolden(word string) {
	t.Edit(func(d *crdt.Doc) {
		text := d.Text(collab.Root)
		before, _, ok := strings.Cut(text.String(), word)
		marks := 0 // a marker of a paragraph takes a place but is no character
		for _, op := range text.Delta() {
			if op.Map != nil || op.Embed != nil {
				marks++
			}
		}
		if ok && marks == 0 {
			text.Format(len([]rune(before)), len([]rune(word)), crdt.Attrs{"strong": true})
		}
	})
}

// harvest notes what is acknowledged on this connection.
func (t *typist) harvest() {
	client, acked := t.Client(), t.Acked()
	for i := range t.words {
		if w := &t.words[i]; w.client == client && w.end <= acked {
			w.kept = true
		}
	}
}

// kept returns how many words were acknowledged, and how many there are.
func (t *typist) kept() (kept, all int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.harvest()
	for _, w := range t.words {
		if w.kept {
			kept++
		}
	}
	return kept, len(t.words)
}

// faults returns what is wrong with text, given all that was acknowledged to t when kept was last asked: before the text was read.
func (t *typist) faults(text string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return faults(t.words, text)
}

// faults finds words that were acknowledged and are not in text, and words that are there twice or out of order.
func faults(words []word, text string) (found []string) {
	last := -1
	for _, w := range words {
		switch n := strings.Count(text, w.text); {
		case n == 0 && w.kept:
			found = append(found, w.text+" was acknowledged and is lost")
		case n > 1:
			found = append(found, w.text+" is there twice")
		case n == 1:
			at := strings.Index(text, w.text)
			if at < last {
				found = append(found, w.text+" is out of order")
			}
			last = at
		}
	}
	if len(found) > 5 {
		found = append(found[:5], fmt.Sprintf("and %d more", len(found)-5))
	}
	return found
}

// final are the close codes after which coming back is useless.
func final(code collab.Code) bool {
	return code == collab.CodeSignIn || code == collab.CodeDenied || code == collab.CodeFrozen
}

// comeBack connects anew until it works, ctx ends, or the server says that it is useless.
func (t *typist) comeBack(ctx context.Context) error {
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		t.Break()
		t.mu.Lock()
		t.harvest()
		t.mu.Unlock()
		try, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := t.Reconnect(try)
		cancel()
		if err == nil {
			return nil
		}
		if c, ok := errors.AsType[*websocket.CloseError](err); ok && final(collab.Code(c.Code)) {
			t.mu.Lock()
			t.ended = collab.Code(c.Code)
			t.mu.Unlock()
			return err
		}
		if serr := sleep(ctx, pause/2+rand.N(pause)); serr != nil {
			return errors.Join(serr, err)
		}
	}
}

// stay comes back whenever the connection ends. With offline > 0 it also ends it now and then, for as long as that.
func (t *typist) stay(ctx context.Context, offline time.Duration) {
	for ctx.Err() == nil {
		during, cancel := ctx, context.CancelFunc(func() {})
		if offline > 0 {
			during, cancel = context.WithTimeout(ctx, 3*offline+rand.N(3*offline))
		}
		code, _, err := t.WaitClosed(during)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil: // time to go offline
			t.Break()
			if sleep(ctx, rand.N(offline)) != nil {
				return
			}
		case final(code):
			t.mu.Lock()
			t.harvest()
			t.ended = code
			t.mu.Unlock()
			return
		}
		if t.comeBack(ctx) != nil {
			return
		}
		t.mu.Lock()
		t.came++
		t.mu.Unlock()
	}
}

// work has everybody act and stay connected, until the function that it returns is called.
func (c *crew) work(ctx context.Context, offline time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for _, t := range c.typists {
		wg.Go(func() {
			tick := time.NewTicker(c.o.every)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					t.act()
				}
			}
		})
		wg.Go(func() { t.stay(ctx, offline) })
	}
	return func() {
		cancel()
		wg.Wait()
	}
}

// kept returns how many words of everybody are acknowledged.
func (c *crew) kept() (n int) {
	for _, t := range c.typists {
		kept, _ := t.kept()
		n += kept
	}
	return n
}

// waitKept waits until n words of everybody are acknowledged, or for half a minute: on a busy machine the first may take its time.
func (c *crew) waitKept(ctx context.Context, n int) error {
	for until := time.Now().Add(30 * time.Second); c.kept() < n && time.Now().Before(until); {
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func (c *crew) typed() (n int) {
	for _, t := range c.typists {
		_, all := t.kept()
		n += all
	}
	return n
}

// lag is how long a node may take to learn of what another one acknowledged; see D8 of the design: without hints it asks every
// few seconds.
const lag = 15 * time.Second

// inspect looks, as a stranger who remembers nothing, at what the server itself kept. Nobody sends anything again meanwhile. One
// node must show at once what it acknowledged, others when they have heard of it.
func (c *crew) inspect(ctx context.Context, doc, when string, v *verdict) error {
	c.kept() // what is acknowledged from now on may be stored after the stranger has looked
	clients, acked := make([]uint64, len(c.typists)), make([]uint32, len(c.typists))
	for i, t := range c.typists {
		clients[i], acked[i] = t.Client(), t.Acked()
	}
	stranger, err := c.stranger(ctx, 0, doc)
	if err != nil {
		return err
	}
	defer stranger.Break()
	for until := time.Now().Add(lag); ; {
		var seen verdict
		c.compare(doc, stranger.Text(), when, &seen)
		for i, t := range c.typists {
			if has := stranger.ClockOf(clients[i]); t.room == doc && has < acked[i] {
				seen.breach("%s: %d of the characters acknowledged to official %d are lost", when, acked[i]-has, t.n)
			}
		}
		if len(seen.Broken) == 0 || len(c.o.nodes) == 1 || time.Now().After(until) {
			v.Broken = append(v.Broken, seen.Broken...)
			return nil
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// compare holds the ledgers of everybody in doc against a text.
func (c *crew) compare(doc, text, when string, v *verdict) {
	for _, t := range c.typists {
		if t.room != doc {
			continue
		}
		if f := t.faults(text); len(f) > 0 {
			v.breach("%s: official %d: %s", when, t.n, strings.Join(f, ", "))
		}
	}
}

// agree brings everybody back and waits until all is acknowledged and equal; then every word must be there once and in order,
// and every comment once.
func (c *crew) agree(ctx context.Context, when string, v *verdict) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	began := time.Now()
	var first atomic.Int64
	err := c.each(func(t *typist) error {
		kept, all := t.kept()
		for {
			if err := t.comeBack(ctx); err != nil {
				return err
			}
			wait, cancel := context.WithTimeout(ctx, 20*time.Second)
			err := t.WaitAcked(wait)
			cancel()
			if err == nil && kept < all {
				first.CompareAndSwap(0, int64(time.Since(began)))
			}
			if err == nil || ctx.Err() != nil {
				return err
			}
		}
	})
	c.first = time.Duration(first.Load())
	if err != nil {
		v.breach("%s: not everybody could come back: %v", when, err)
		return nil
	}
	for _, doc := range c.o.documents {
		if err := c.agreeOn(ctx, doc, when, v); err != nil {
			return err
		}
	}
	return nil
}

func (c *crew) agreeOn(ctx context.Context, doc, when string, v *verdict) error {
	c.kept()
	stranger, err := c.stranger(ctx, 0, doc)
	if err != nil {
		return err
	}
	defer stranger.Break()
	for _, t := range c.typists {
		if t.room != doc {
			continue
		}
		if err := same(ctx, t.Official, stranger); err != nil {
			v.breach("%s: official %d does not have the same document as the server: %v", when, t.n, err)
		}
	}
	text := stranger.Text()
	c.compare(doc, text, when, v)
	for _, t := range c.typists {
		for _, w := range t.words { // nobody types any more
			if t.room == doc && !strings.Contains(text, w.text) {
				v.breach("%s: %s of official %d never arrived", when, w.text, t.n)
			}
		}
	}
	return c.notes(ctx, doc, when, v)
}

// notes sends every comment again under its own id, which must have one effect however often it was sent, and counts them. An
// error, such as while the database was away, is no answer: the comment was not promised yet.
func (c *crew) notes(ctx context.Context, doc, when string, v *verdict) error {
	if !c.o.product {
		return nil
	}
	for _, t := range c.typists {
		for _, n := range t.notes {
			if t.room != doc {
				continue
			}
			t.send(n)
			wait, cancel := context.WithTimeout(ctx, 20*time.Second)
			err := t.WaitEvent(wait, func(e string) bool {
				return strings.Contains(e, `"reply"`) && strings.Contains(e, n.id) && strings.Contains(e, `"result"`)
			})
			cancel()
			if err != nil {
				v.breach("%s: no answer to a comment of official %d: %v", when, t.n, err)
			}
		}
	}
	list, err := get(ctx, c.o.url, "/api/v1/documents/"+doc+"/comments", c.headers[0])
	if err != nil {
		return err
	}
	for _, t := range c.typists {
		for _, n := range t.notes {
			if k := strings.Count(list, n.text); t.room == doc && k != 1 {
				v.breach("%s: a comment of official %d is there %d times", when, t.n, k)
			}
		}
	}
	return nil
}

// same waits until two copies are equal to the byte.
func same(ctx context.Context, a, b *official.Official) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for !bytes.Equal(a.State(), b.State()) {
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
