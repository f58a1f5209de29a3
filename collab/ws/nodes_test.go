package ws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"spolupis/collab"
	"spolupis/collab/crdt"
	"spolupis/collab/ws/official"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
)

// channel is a bus within the test that can lose everything. The real one, over Redis, is met in cmd.
type channel struct {
	mu   sync.Mutex
	on   map[string]map[int]func([]byte)
	next int
	deaf bool
}

func (c *channel) Publish(topic string, message []byte) {
	c.mu.Lock()
	var fs []func([]byte)
	for _, f := range c.on[topic] {
		fs = append(fs, f)
	}
	if c.deaf {
		fs = nil
	}
	c.mu.Unlock()
	for _, f := range fs {
		f(message)
	}
}

func (c *channel) Subscribe(topic string, receive func([]byte)) (cancel func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.on == nil {
		c.on = map[string]map[int]func([]byte){}
	}
	if c.on[topic] == nil {
		c.on[topic] = map[int]func([]byte){}
	}
	c.next++
	key := c.next
	c.on[topic][key] = receive
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.on[topic], key)
	}
}

// lose makes the channel deaf, or not.
func (c *channel) lose(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deaf = on
}

// twoNodes runs run with two nodes on one database, on PostgreSQL as in life and on SQLite because the rules are the same.
func twoNodes(t *testing.T, run func(t *testing.T, a, b *server, hints *channel)) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		hints := &channel{}
		node := func() *server {
			return serve(t, db, options{collab: collab.Config{Fanout: hints, Poll: 50 * time.Millisecond}})
		}
		run(t, node(), node(), hints)
	})
}

func TestOfficialsOnTwoNodesConverge(t *testing.T) {
	twoNodes(t, func(t *testing.T, a, b *server, hints *channel) {
		for _, lossy := range []bool{false, true} {
			hints.lose(lossy)
			doc := fmt.Sprint("lossy-", lossy)
			var all []*official.Official
			for i := range 4 {
				node := a
				if i%2 == 1 {
					node = b
				}
				all = append(all, dial(t, node, doc, fmt.Sprint("official", i)))
			}
			var wg sync.WaitGroup
			for i, o := range all {
				wg.Go(func() {
					for n := range 15 {
						o.Type(fmt.Sprintf("<%d.%d>", i, n))
					}
				})
			}
			wg.Wait()
			ctx := within(t, time.Minute)
			for _, o := range all {
				must(t, "acknowledged", o.WaitAcked(ctx))
				must(t, "complete", o.WaitText(ctx, func(body string) bool { return strings.Count(body, "<") == 60 }))
			}
			for _, o := range all[1:] {
				if !bytes.Equal(o.State(), all[0].State()) {
					t.Errorf("lossy %v: documents differ", lossy)
				}
			}
			head, err := b.Head(ctx, collab.DocumentID(doc))
			if err != nil || !bytes.Equal(head.State, all[0].State()) {
				t.Errorf("lossy %v: head of the other node differs (%v)", lossy, err)
			}
		}
	})
}

func TestSealingOnOneNodeEndsEditingOnTheOther(t *testing.T) {
	twoNodes(t, func(t *testing.T, a, b *server, hints *channel) {
		hints.lose(true) // the log itself must refuse
		eva := dial(t, b, "d", "eva")
		eva.Type("before")
		must(t, "acknowledged", eva.WaitAcked(within(t, time.Minute)))
		frozen, err := a.Seal(within(t, time.Minute), "d")
		must(t, "seal", err)
		eva.Type(" after")
		wantClosed(t, eva, collab.CodeFrozen)
		now, err := b.Head(within(t, time.Minute), "d")
		if err != nil || !bytes.Equal(now.State, frozen.State) || !now.Sealed {
			t.Errorf("head on the other node = %+v, %v", now, err)
		}
		must(t, "reopen", b.Reopen(within(t, time.Minute), "d"))
		karel := dial(t, a, "d", "karel")
		karel.Type("!")
		must(t, "edit after reopening elsewhere", karel.WaitAcked(within(t, time.Minute)))
	})
}

func TestPresenceAndEventsReachTheOtherNode(t *testing.T) {
	twoNodes(t, func(t *testing.T, a, b *server, _ *channel) {
		ctx := within(t, time.Minute)
		eva := dial(t, a, "d", "eva")
		eva.Point(`{"cursor":{"a":1,"h":1}}`)
		must(t, "own", waitFor(ctx, func() bool { return len(a.Present("d")) == 1 }))
		karel := dial(t, b, "d", "karel") // opens the room there: it has to ask who is where
		id := eva.Client()
		must(t, "presence", karel.WaitPresence(ctx, func(p map[uint64]string) bool { return strings.Contains(p[id], `"Eva"`) }))
		if people := b.Present("d"); len(people) != 2 {
			t.Errorf("present on the other node: %+v", people)
		}
		a.Push(ctx, "d", []byte(`{"type":"reopened"}`))
		must(t, "event", karel.WaitEvent(ctx, has("reopened")))
		eva.Break()
		must(t, "gone", karel.WaitPresence(ctx, func(p map[uint64]string) bool { return p[id] == "" }))
	})
}

func TestChangingTheNodeWithTheSameClientID(t *testing.T) {
	twoNodes(t, func(t *testing.T, a, b *server, hints *channel) {
		hints.lose(true)
		ctx := within(t, time.Minute)
		eva, karel := dial(t, a, "d", "eva"), dial(t, a, "d", "karel")
		dial(t, b, "d", "jana") // the room there is open and knows nothing yet
		karel.Type("Karel's ")
		eva.Type("seen on a ")
		must(t, "seen", eva.WaitText(ctx, has("Karel's")))
		must(t, "acknowledged", eva.WaitAcked(ctx)) // what the first node never heard, nobody has
		id := eva.Client()
		eva.Break()
		moved, err := official.Dial(ctx, official.Config{URL: fmt.Sprintf("%sd?client=%d", b.url, id), Header: http.Header{"Authorization": {"Bearer eva"}}})
		must(t, "move", err)
		defer moved.Break()
		if moved.Client() != id {
			t.Errorf("client id = %d, was %d", moved.Client(), id)
		}
		if !strings.Contains(moved.Text(), "seen on a") || !strings.Contains(moved.Text(), "Karel's") {
			t.Errorf("the other node shows %q: less than the first had", moved.Text())
		}
		moved.Type("and on b")
		must(t, "acknowledged", moved.WaitAcked(ctx))
		must(t, "shown", karel.WaitText(ctx, has("and on b")))
	})
}

func TestALeaseTakenToAnotherNodeFencesTheFirst(t *testing.T) {
	twoNodes(t, func(t *testing.T, a, b *server, hints *channel) {
		hints.lose(true)
		ctx := within(t, time.Minute)
		eva := dial(t, a, "d", "eva") // her laptop sleeps, the connection seems alive
		elsewhere, err := official.Dial(ctx, official.Config{URL: fmt.Sprintf("%sd?client=%d", b.url, eva.Client()), Header: http.Header{"Authorization": {"Bearer eva"}}})
		must(t, "dial", err)
		defer elsewhere.Break()
		elsewhere.Type("new")
		must(t, "acknowledged", elsewhere.WaitAcked(ctx))
		eva.Type("old")
		code, _, err := eva.WaitClosed(ctx)
		if err != nil || code != collab.CodeRestart && code != collab.CodeRefused {
			t.Errorf("the connection that lost its id: closed with %d, %v", code, err)
		}
		head, err := a.Head(ctx, "d")
		if err != nil || head.Body.Text(collab.Root).String() != "new" {
			t.Errorf("text = %q, %v", head.Body.Text(collab.Root).String(), err)
		}
	})
}

// brokenLog fails or loses the answer of appends, as a database that restarts does.
type brokenLog struct {
	collab.Log
	mu   sync.Mutex
	fail []func(ctx context.Context, b collab.Batch) error
}

func (l *brokenLog) Append(ctx context.Context, b collab.Batch) (int64, error) {
	l.mu.Lock()
	var f func(context.Context, collab.Batch) error
	if len(l.fail) > 0 {
		f, l.fail = l.fail[0], l.fail[1:]
	}
	l.mu.Unlock()
	if f != nil {
		return 0, f(ctx, b)
	}
	return l.Log.Append(ctx, b)
}

func TestAnAppendThatFailedOrSeemedToIsNeverAcknowledgedAndNeverLost(t *testing.T) {
	log := &brokenLog{}
	s := serveWith(t, dbtest.SQLite(t, sets...), func(c *collab.Config) { log.Log, c.Log = c.Log, log })
	away := errors.New("disk full")
	for name, fail := range map[string]func(context.Context, collab.Batch) error{
		"not saved": func(context.Context, collab.Batch) error { return away },
		"saved after all": func(ctx context.Context, b collab.Batch) error {
			log.Log.Append(ctx, b)
			return away
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := within(t, time.Minute)
			doc := strings.ReplaceAll(name, " ", "-")
			eva, karel := dial(t, s, doc, "eva"), dial(t, s, doc, "karel")
			karel.Type("before ")
			must(t, "acknowledged", karel.WaitAcked(ctx))
			log.mu.Lock()
			log.fail = append(log.fail, fail)
			log.mu.Unlock()
			eva.Type("precious")
			wantClosed(t, eva, collab.CodeRestart)
			if eva.Acked() != 0 {
				t.Error("acknowledged an update that was not stored")
			}
			must(t, "reconnect", eva.Reconnect(ctx))
			must(t, "acknowledged at last", eva.WaitAcked(ctx))
			must(t, "shown", karel.WaitText(ctx, has("precious")))
			head, err := s.Head(ctx, collab.DocumentID(doc))
			if err != nil || strings.Count(head.Body.Text(collab.Root).String(), "precious") != 1 {
				t.Errorf("text = %q, %v", head.Body.Text(collab.Root).String(), err)
			}
		})
	}
}

func TestAViewIsMadeOnceAndHoldsOnlyWhatIsDurable(t *testing.T) {
	log := &brokenLog{}
	var made atomic.Int32
	s := serveWith(t, dbtest.SQLite(t, sets...), func(c *collab.Config) {
		log.Log, c.Log = c.Log, log
		c.View = func(d *crdt.Doc) func() any {
			made.Add(1)
			return func() any { return d.Text(collab.Root).String() }
		}
	})
	ctx := within(t, time.Minute)
	eva := dial(t, s, "d", "eva")
	if made.Load() != 0 {
		t.Error("a view was made before anybody asked")
	}
	want := func(text string, times int32) {
		t.Helper()
		view, err := s.View(ctx, "d")
		if err != nil || view != text || made.Load() != times {
			t.Errorf("view = %q, %v, made %d times; want %q, made %d times", view, err, made.Load(), text, times)
		}
	}
	want("", 1)
	eva.Type("kept")
	must(t, "acknowledged", eva.WaitAcked(ctx))
	want("kept", 1)
	log.mu.Lock()
	log.fail = append(log.fail, func(context.Context, collab.Batch) error { return errors.New("disk full") })
	log.mu.Unlock()
	eva.Type(" lost")
	wantClosed(t, eva, collab.CodeRestart)
	want("kept", 2) // of the document built anew
	sealed, err := s.Seal(ctx, "d")
	if err != nil || sealed.View != "kept" || sealed.Seq != 1 {
		t.Errorf("sealed = %+v, %v", sealed, err)
	}
}

func TestAChangeOfRightsThatTakesNothingAwayInterruptsNobody(t *testing.T) {
	log := &brokenLog{}
	s := serveWith(t, dbtest.SQLite(t, sets...), func(c *collab.Config) { log.Log, c.Log = c.Log, log })
	ctx := within(t, time.Minute)
	eva := dial(t, s, "d", "eva")
	moved := func(context.Context, collab.Batch) error { return fmt.Errorf("append: %w", collab.ErrRevoked) }
	log.mu.Lock()
	log.fail = append(log.fail, moved)
	log.mu.Unlock()
	eva.Type("still here")
	must(t, "acknowledged", eva.WaitAcked(ctx))

	s.rights.set("p-eva", collab.Edit)
	log.mu.Lock()
	log.fail = append(log.fail, func(ctx context.Context, b collab.Batch) error {
		s.rights.set("p-eva", collab.View) // between the judgement and the commit
		return moved(ctx, b)
	})
	log.mu.Unlock()
	eva.Type(" and gone")
	wantClosed(t, eva, collab.CodeDenied)
	head, err := s.Head(ctx, "d")
	if err != nil || head.Body.Text(collab.Root).String() != "still here" {
		t.Errorf("text = %q, %v", head.Body.Text(collab.Root).String(), err)
	}
}

// TestARightWithdrawnCostsOnlyWhoeverHadIt lets four type into one turn, of which two may not any more when it is stored.
func TestARightWithdrawnCostsOnlyWhoeverHadIt(t *testing.T) {
	log := &heldLog{reached: make(chan struct{}, 10), release: make(chan struct{})}
	s := serveWith(t, dbtest.SQLite(t, sets...), func(c *collab.Config) { log.Log, c.Log = c.Log, log })
	ctx := within(t, time.Minute)
	first := dial(t, s, "d", "first")
	var stay, leave []*official.Official
	for _, name := range []string{"eva", "karel", "out1", "out2"} {
		o := dial(t, s, "d", name)
		if strings.HasPrefix(name, "out") {
			leave = append(leave, o)
		} else {
			stay = append(stay, o)
		}
	}
	first.Type("first ")
	<-log.reached // the room waits for this one; what the others type goes into the next turn
	for i := range stay {
		leave[i].Type("<withdrawn>")
		stay[i].Type("<stays>")
	}
	s.rights.set("p-out1", collab.View)
	s.rights.set("p-out2", collab.None)
	close(log.release)
	for i := range stay {
		must(t, "acknowledged", stay[i].WaitAcked(ctx))
		wantClosed(t, leave[i], collab.CodeDenied)
		if leave[i].Acked() != 0 {
			t.Error("acknowledged an update on a right that was withdrawn")
		}
	}
	must(t, "shown", first.WaitText(ctx, func(text string) bool { return strings.Count(text, "<stays>") == 2 }))
	head, err := s.Head(ctx, "d")
	if text := head.Body.Text(collab.Root).String(); err != nil || strings.Count(text, "<stays>") != 2 || strings.Contains(text, "withdrawn") || strings.Contains(first.Text(), "withdrawn") {
		t.Errorf("text = %q, %v; others see %q", text, err, first.Text())
	}
	for _, o := range append(stay, first) {
		o.Type("!")
		must(t, "acknowledged on the same connection", o.WaitAcked(ctx))
	}
}

func TestADocumentWhoseLogIsDamagedIsNotServed(t *testing.T) {
	db := dbtest.SQLite(t, sets...)
	s := serve(t, db, options{})
	ctx := within(t, time.Minute)
	eva := dial(t, s, "d", "eva")
	eva.Type("text")
	must(t, "acknowledged", eva.WaitAcked(ctx))
	s.stop()
	if _, err := db.Exec(`UPDATE collab_update SET bytes = x'00' WHERE document = 'd'`); err != nil {
		t.Fatal(err)
	}
	s = serve(t, db, options{})
	if head, err := s.Head(ctx, "d"); err == nil {
		t.Errorf("head of a damaged document = %+v", head)
	}
	if _, err := official.Dial(ctx, official.Config{URL: s.url + "d", Header: http.Header{"Authorization": {"Bearer eva"}}}); err == nil || !strings.Contains(err.Error(), "4500") {
		t.Errorf("dial: %v, want 4500", err)
	}
	karel := dial(t, s, "other", "karel")
	karel.Type("fine")
	must(t, "the others are served", karel.WaitAcked(ctx))
}
