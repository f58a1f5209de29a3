package ws_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"spolupis/collab"
	"spolupis/collab/crdt"
	"spolupis/collab/wire"
	"spolupis/collab/ws"
	"spolupis/collab/ws/official"
	"spolupis/security"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

func has(s string) func(string) bool {
	return func(body string) bool { return strings.Contains(body, s) }
}

func TestTwoOfficialsWritingInOneParagraphConverge(t *testing.T) {
	s := sqlite(t, options{})
	eva, karel := dial(t, s, "d", "eva"), dial(t, s, "d", "karel")
	for i := range 20 {
		eva.Type(fmt.Sprintf("e%d ", i))
		karel.Type(fmt.Sprintf("k%d ", i))
	}
	ctx := within(t, time.Minute)
	for _, o := range []*official.Official{eva, karel} {
		must(t, "acknowledged", o.WaitAcked(ctx))
		must(t, "the other's text", o.WaitText(ctx, func(b string) bool {
			return strings.Count(b, "e") == 20 && strings.Count(b, "k") == 20
		}))
	}
	if !bytes.Equal(eva.State(), karel.State()) {
		t.Errorf("documents differ:\n%q\n%q", eva.Text(), karel.Text())
	}
	head, err := s.Head(ctx, "d")
	must(t, "head", err)
	if got := head.Body.Text(collab.Root).String(); got != eva.Text() {
		t.Errorf("head = %q, want %q", got, eva.Text())
	}
}

func TestHelloSaysWhoYouAre(t *testing.T) {
	s := sqlite(t, options{})
	h := dial(t, s, "d", "eva").Hello()
	if h.Person.ID != "p-eva" || h.Person.Name != "Eva" || !strings.HasPrefix(h.Person.Color, "#") || h.Right != "edit" || h.Frozen || h.Schema != 2 || h.Epoch != "1" {
		t.Errorf("hello = %+v", h)
	}
}

// heldLog holds back every append until release is closed.
type heldLog struct {
	collab.Log
	reached chan struct{}
	release chan struct{}
}

func (l *heldLog) Append(ctx context.Context, b collab.Batch) (int64, error) {
	l.reached <- struct{}{}
	<-l.release
	return l.Log.Append(ctx, b)
}

func TestNothingIsAcknowledgedOrShownBeforeItIsDurable(t *testing.T) {
	log := &heldLog{reached: make(chan struct{}, 1), release: make(chan struct{})}
	s := serveWith(t, dbtest.SQLite(t, sets...), func(c *collab.Config) { log.Log, c.Log = c.Log, log })
	eva, karel := dial(t, s, "d", "eva"), dial(t, s, "d", "karel")
	eva.Type("secret")
	<-log.reached
	told := make(chan struct{})
	go func() {
		defer close(told)
		s.Head(context.Background(), "d")
	}()
	select {
	case <-told:
		t.Error("the head was told while an update before it was not durable")
	case <-time.After(100 * time.Millisecond):
	}
	if eva.Acked() != 0 || karel.Text() != "" {
		t.Errorf("acked %d, the other sees %q; want nothing before the commit", eva.Acked(), karel.Text())
	}
	close(log.release)
	must(t, "acknowledged", eva.WaitAcked(within(t, time.Minute)))
	must(t, "shown", karel.WaitText(within(t, time.Minute), has("secret")))
	rows, _, err := s.store.Since(context.Background(), "d", 0, 10)
	if err != nil || len(rows) != 1 || rows[0].Person != "p-eva" || rows[0].Client != eva.Client() {
		t.Errorf("rows = %+v, %v", rows, err)
	}
}

func TestWhatWasAcknowledgedSurvivesTheServer(t *testing.T) {
	db := dbtest.SQLite(t, sets...)
	s := serve(t, db, options{collab: collab.Config{Snapshot: 10}})
	eva := dial(t, s, "d", "eva")
	for i := range 50 {
		eva.Type(fmt.Sprintf("%d ", i))
	}
	must(t, "acknowledged", eva.WaitAcked(within(t, time.Minute)))
	s.stop()
	wantClosed(t, eva, collab.CodeRestart)

	s2 := serve(t, db, options{})
	if got, want := dial(t, s2, "d", "karel").Text(), eva.Text(); got != want {
		t.Errorf("after the restart %q, want %q", got, want)
	}
}

// Those who come in shortly after one another share a copy. Whoever has the answer to his first step must still have all that was
// acknowledged before he came, whatever was written since the copy was made.
func TestANewcomerHasAtOnceWhatWasAcknowledgedBefore(t *testing.T) {
	s := sqlite(t, options{})
	writer := dial(t, s, "d", "eva")
	writer.Type(strings.Repeat("word ", 5000)) // of a short text a new copy is made for everybody
	for i := range 150 {                       // more than one copy lives
		word := fmt.Sprintf("%d. ", i)
		writer.Type(word)
		must(t, "acknowledge", writer.WaitAcked(within(t, time.Minute)))
		newcomer := dial(t, s, "d", "karel")
		if got := newcomer.Text(); !strings.HasSuffix(got, word) {
			t.Fatalf("somebody who came after %q was acknowledged finds %q", word, got)
		}
		newcomer.Break()
	}
}

func TestSealedDocumentTakesNoEditAndReadsOn(t *testing.T) {
	s := sqlite(t, options{})
	eva, karel := dial(t, s, "d", "eva"), dial(t, s, "d", "karel")
	eva.Type("done")
	must(t, "acknowledged", eva.WaitAcked(within(t, time.Minute)))
	sealed, err := s.Seal(within(t, time.Minute), "d")
	must(t, "seal", err)
	head, err := s.Head(within(t, time.Minute), "d")
	must(t, "head", err)
	if !head.Sealed || !bytes.Equal(head.State, sealed.State) || head.Body.Text(collab.Root).String() != "done" {
		t.Errorf("sealed head = %+v", head)
	}
	eva.Type("too late")
	wantClosed(t, eva, collab.CodeFrozen)
	if _, err := s.Edit(within(t, time.Minute), person("eva"), "d", func(d *crdt.Doc) error {
		d.Text(collab.Root).Insert(0, "x", nil)
		return nil
	}); !errors.Is(err, fault.Conflict) {
		t.Errorf("server-side edit of a sealed document: %v, want a conflict", err)
	}
	reader := dial(t, s, "d", "jana")
	if reader.Text() != "done" || !reader.Hello().Frozen || karel.Text() != "done" {
		t.Errorf("reader sees %q, frozen %v", reader.Text(), reader.Hello().Frozen)
	}
	must(t, "reopen", s.Reopen(within(t, time.Minute), "d"))
	karel.Type("!")
	must(t, "edit after reopening", karel.WaitAcked(within(t, time.Minute)))
	must(t, "shown", reader.WaitText(within(t, time.Minute), has("done!")))
}

func TestWithdrawnRightClosesTheConnectionBeforeTheNextUpdate(t *testing.T) {
	s := sqlite(t, options{})
	eva, karel := dial(t, s, "d", "eva"), dial(t, s, "d", "karel")
	eva.Type("mine")
	must(t, "acknowledged", eva.WaitAcked(within(t, time.Minute)))
	s.rights.set("p-eva", collab.Comment)
	eva.Type(" no longer")
	wantClosed(t, eva, collab.CodeDenied)
	karel.Type(".")
	must(t, "others go on", karel.WaitAcked(within(t, time.Minute)))
	if strings.Contains(karel.Text(), "no longer") {
		t.Errorf("an update after the withdrawal was taken: %q", karel.Text())
	}

	s.rights.set("p-karel", collab.None)
	s.Recheck("p-karel")
	wantClosed(t, karel, collab.CodeDenied)
}

func TestReadersAndCommentersSeeButAnUpdateEndsTheirConnection(t *testing.T) {
	for _, right := range []collab.Right{collab.View, collab.Comment} {
		t.Run(right.String(), func(t *testing.T) {
			s := sqlite(t, options{})
			s.rights.set("p-jana", right)
			eva, jana := dial(t, s, "d", "eva"), dial(t, s, "d", "jana")
			eva.Type("text")
			must(t, "seen", jana.WaitText(within(t, time.Minute), has("text")))
			if jana.Hello().Right != right.String() {
				t.Errorf("hello says %q", jana.Hello().Right)
			}
			jana.Type("I too")
			wantClosed(t, jana, collab.CodeDenied)
			eva.Type(" on")
			must(t, "acknowledged", eva.WaitAcked(within(t, time.Minute)))
			if got := eva.Text(); got != "text on" {
				t.Errorf("text = %q", got)
			}
		})
	}
}

func TestWhoIsNotSignedInOrMaySeeNothingIsToldSo(t *testing.T) {
	s := sqlite(t, options{})
	s.rights.set("p-jana", collab.None)
	for name, want := range map[string]collab.Code{"bad token": collab.CodeSignIn, "jana": collab.CodeDenied} {
		o, err := official.Dial(within(t, time.Minute), official.Config{URL: s.url + "d", Header: http.Header{"Authorization": {"Bearer " + name}}})
		if err == nil {
			t.Errorf("%s got in", name)
			o.Break()
			continue
		}
		if !strings.Contains(err.Error(), fmt.Sprint(int(want))) {
			t.Errorf("%s: %v, want %d", name, err, want)
		}
	}
}

func TestACookieCountsOnlyFromOurOwnPages(t *testing.T) {
	s := sqlite(t, options{})
	for origin, want := range map[string]bool{s.http: true, "https://evil.example": false, "": false, "null": false, s.http + ".evil.example": false} {
		h := http.Header{"Cookie": {"session=eva"}}
		if origin != "" {
			h.Set("Origin", origin)
		}
		o, err := official.Dial(within(t, time.Minute), official.Config{URL: s.url + "d", Header: h})
		if (err == nil) != want {
			t.Errorf("origin %q: %v, want let in %v", origin, err, want)
		}
		if o != nil {
			o.Break()
		}
	}
}

func TestWritingKeepsTheLoginAlive(t *testing.T) {
	var active atomic.Int32
	s := sqlite(t, options{ws: ws.Config{Active: func(_ context.Context, who security.Actor) {
		if who.ID == "p-eva" {
			active.Add(1)
		}
	}}})
	eva := dial(t, s, "d", "eva")
	if n := active.Load(); n != 0 {
		t.Errorf("active %d times before writing", n)
	}
	for range 10 {
		eva.Type("x")
	}
	must(t, "acknowledged", eva.WaitAcked(within(t, time.Minute)))
	if n := active.Load(); n != 1 {
		t.Errorf("active %d times, want once a minute", n)
	}
}

func TestEndOfTheLoginEndsTheConnection(t *testing.T) {
	var out atomic.Bool
	s := sqlite(t, options{ws: ws.Config{Logins: 20 * time.Millisecond, Valid: func(context.Context, security.Actor) error {
		if out.Load() {
			return fault.Unauthenticated
		}
		return nil
	}}})
	eva := dial(t, s, "d", "eva")
	out.Store(true)
	wantClosed(t, eva, collab.CodeSignIn)
}

// What a commenter might send instead of a comment: an insert whose bytes do not name the body (A1), a deletion without any
// content (A2), a deletion of what is written next (A3). Rights are looked up before an update is looked into.
func TestAttacksOfWhoMayOnlyCommentChangeNothing(t *testing.T) {
	for _, c := range []struct {
		name   string
		update func(jana *crdt.Doc, eva uint64) []byte
	}{
		{"A1 an insert with an origin", func(d *crdt.Doc, eva uint64) []byte {
			return d.Transact(func() { d.Text(collab.Root).Insert(4, "x", nil) })
		}},
		{"A2 a deletion of everything", func(d *crdt.Doc, eva uint64) []byte {
			return d.Transact(func() { d.Text(collab.Root).Delete(0, 10) })
		}},
		{"A3 a deletion of what comes next", func(d *crdt.Doc, eva uint64) []byte {
			ahead := crdt.New(crdt.Config{Client: eva})
			if ahead.Apply(d.Encode()) != nil {
				return nil
			}
			ahead.Transact(func() { ahead.Text(collab.Root).Insert(10, "not yet", nil) })
			return ahead.Transact(func() { ahead.Text(collab.Root).Delete(10, 7) })
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sqlite(t, options{})
			s.rights.set("p-jana", collab.Comment)
			eva, jana := dial(t, s, "d", "eva"), dial(t, s, "d", "jana")
			eva.Type("0123456789")
			must(t, "seen", jana.WaitText(within(t, time.Minute), has("0123456789")))
			d := crdt.New(crdt.Config{Client: jana.Client()})
			must(t, "copy", d.Apply(jana.State()))
			u := c.update(d, eva.Client())
			if len(u) == 0 {
				t.Fatal("no attack")
			}
			jana.SendUpdate(u)
			wantClosed(t, jana, collab.CodeDenied)
			eva.Type(" and on")
			must(t, "acknowledged", eva.WaitAcked(within(t, time.Minute)))
			head, err := s.Head(within(t, time.Minute), "d")
			if err != nil || head.Body.Text(collab.Root).String() != "0123456789 and on" || head.Body.Pending() {
				t.Errorf("text = %q, pending %v, %v", head.Body.Text(collab.Root).String(), head.Body.Pending(), err)
			}
		})
	}
}

func TestBadMessagesEndTheConnectionWithAReasonAndChangeNothing(t *testing.T) {
	foreign := crdt.New(crdt.Config{Client: 4242})
	foreign.Transact(func() { foreign.Text(collab.Root).Insert(0, "a", nil) }) // never sent: a gap before the next
	later := foreign.Transact(func() { foreign.Text(collab.Root).Insert(1, "b", nil) })
	for _, c := range []struct {
		name string
		send []byte
		want collab.Code
	}{
		{"nothing", []byte{}, collab.CodeRefused},
		{"an unknown type", []byte{99}, collab.CodeRefused},
		{"a cut message", []byte{0, 2, 50, 1}, collab.CodeRefused},
		{"an acknowledgement, which only the server sends", wire.AppendAck(nil, 5), collab.CodeRefused},
		{"hello", wire.AppendJSON(nil, wire.Hello, []byte("{}")), collab.CodeRefused},
		{"an event", wire.AppendJSON(nil, wire.Event, []byte("{}")), collab.CodeRefused},
		{"a command that is no JSON", wire.AppendJSON(nil, wire.Command, []byte("boo")), collab.CodeRefused},
		{"an update that is none", wire.AppendSync(nil, wire.Update, []byte{7, 7, 7}), collab.CodeRefused},
		{"an update with a gap before it", wire.AppendSync(nil, wire.Update, later), collab.CodeRefused},
		{"A3 a deletion of what nobody has written yet", wire.AppendSync(nil, wire.Update, []byte{0, 1, 77, 1, 0, 20}), collab.CodeRefused},
		{"A5b content of 18,000 strangers that waits", wire.AppendSync(nil, wire.Update, strangers(18_000)), collab.CodeLimit},
		{"A5c a struct that eats all clocks to come", wire.AppendSync(nil, wire.Update, []byte{1, 1, 77, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x07, 0}), collab.CodeLimit},
		{"a state vector that is none", wire.AppendSync(nil, wire.Step1, []byte{9, 1}), collab.CodeRefused},
		{"presence of a crowd", wire.AppendAwareness(nil, make([]wire.Presence, 17)), collab.CodeLimit},
		{"a long command", wire.AppendJSON(nil, wire.Command, make([]byte, 300<<10)), collab.CodeLimit},
		{"a message over a megabyte", wire.AppendSync(nil, wire.Update, make([]byte, 1<<20)), collab.CodeLimit},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sqlite(t, options{})
			eva := dial(t, s, "d", "eva")
			eva.Send(c.send)
			wantClosed(t, eva, c.want)
			head, err := s.Head(within(t, time.Minute), "d")
			if err != nil || head.Seq != 0 || head.Body.Text(collab.Root).Len() != 0 {
				t.Errorf("head = %+v, %v; want nothing written", head, err)
			}
		})
	}
	t.Run("text", func(t *testing.T) {
		s := sqlite(t, options{})
		eva := dial(t, s, "d", "eva")
		eva.SendText("hello")
		wantClosed(t, eva, collab.CodeRefused)
	})
}

// strangers is an update of collected structs, one each of many clients, that all build on something missing.
func strangers(n int) []byte {
	b := binary.AppendUvarint(nil, uint64(n))
	for i := range n {
		b = append(binary.AppendUvarint(append(b, 1), uint64(1_000_000-i)), 5, 0, 1)
	}
	return append(b, 0)
}

func TestWritingUnderAnothersNameIsRefusedAndJournalled(t *testing.T) {
	s := sqlite(t, options{})
	eva := dial(t, s, "d", "eva")
	eva.Type("Eva wrote this")
	must(t, "acknowledged", eva.WaitAcked(within(t, time.Minute)))
	karel := dial(t, s, "d", "karel")
	forged := crdt.New(crdt.Config{Client: eva.Client()})
	must(t, "copy", forged.Apply(eva.State()))
	karel.SendUpdate(forged.Transact(func() { forged.Text(collab.Root).Insert(0, "not ", nil) }))
	wantClosed(t, karel, collab.CodeRefused)
	head, err := s.Head(within(t, time.Minute), "d")
	must(t, "head", err)
	if got := head.Body.Text(collab.Root).String(); got != "Eva wrote this" {
		t.Errorf("text = %q", got)
	}
	if n := countEntries(t, s.journal, "collab.refused", "p-karel"); n != 1 {
		t.Errorf("%d entries about the refusal, want 1", n)
	}
}

func countEntries(t *testing.T, j *journal.Journal, kind string, who security.ActorID) (n int) {
	t.Helper()
	entries, err := j.Read(context.Background(), 0, 1000)
	must(t, "journal", err)
	for _, e := range entries {
		if e.Kind == kind && e.Actor == who {
			n++
		}
	}
	return n
}

func TestPresenceCarriesTheNameTheServerKnows(t *testing.T) {
	s := sqlite(t, options{})
	eva, karel := dial(t, s, "d", "eva"), dial(t, s, "d", "karel")
	karel.PointAs(eva.Client(), `{"cursor":{"a":1,"h":1},"user":{"name":"Eva"}}`)
	eva.Point(`{"cursor":{"a":2,"h":3},"user":{"name":"the Governor","color":"url(x)"},"junk":1}`)
	ctx := within(t, time.Minute)
	want := fmt.Sprintf(`{"cursor":{"a":2,"h":3},"user":{"id":"p-eva","name":"Eva","color":%q}}`, eva.Hello().Person.Color)
	must(t, "presence", karel.WaitPresence(ctx, func(p map[uint64]string) bool { return p[eva.Client()] == want }))
	if people := s.Present("d"); len(people) != 2 || people[0].Name != "Eva" || people[1].Name != "Karel" {
		t.Errorf("present: %+v", people)
	}
	late := dial(t, s, "d", "jana")
	must(t, "presence for a latecomer", late.WaitPresence(ctx, func(p map[uint64]string) bool { return p[eva.Client()] == want }))
	client := eva.Client()
	eva.Break()
	must(t, "gone", karel.WaitPresence(ctx, func(p map[uint64]string) bool { return p[client] == "" }))
}

// A6: presence sent for somebody else's client id, with the highest clock there is and styles in the name, or saying that he
// left. Nobody is shown it, and his own presence goes on.
func TestPresenceUnderAnothersIDIsDroppedWhateverItsClock(t *testing.T) {
	s := sqlite(t, options{})
	eva, karel, jana := dial(t, s, "d", "eva"), dial(t, s, "d", "karel"), dial(t, s, "d", "jana")
	plain := dialAs(t, official.Config{URL: s.url + "d", Header: http.Header{"Authorization": {"Bearer petr"}}, Plain: true, Client: 77})
	ctx := within(t, time.Minute)
	forge := func(state string) {
		for _, id := range []uint64{eva.Client(), 77} {
			karel.Send(wire.AppendAwareness(nil, []wire.Presence{{Client: id, Clock: wire.Max, State: []byte(state)}}))
		}
	}
	plain.Edit(func(d *crdt.Doc) { d.Text(collab.Root).Insert(0, "mine", nil) })
	must(t, "the plain client's id is taken", jana.WaitText(ctx, has("mine")))
	for i := range 3 {
		forge(`{"cursor":{"a":9},"user":{"name":"the Governor","color":"red;background:url(//evil)"}}`)
		forge("null")
		cursor := fmt.Sprintf(`{"cursor":{"a":%d}}`, i)
		karel.Point(cursor) // comes after what he forged
		eva.Point(cursor)
		plain.Point(cursor)
		must(t, "presence", jana.WaitPresence(ctx, func(p map[uint64]string) bool {
			for id, name := range map[uint64]string{eva.Client(): "Eva", karel.Client(): "Karel", 77: "Petr"} {
				if strings.Contains(p[id], "Governor") || strings.Contains(p[id], "evil") {
					t.Errorf("shown: %s", p[id])
				}
				if !strings.Contains(p[id], cursor[1:len(cursor)-1]) || !strings.Contains(p[id], `"name":"`+name+`"`) {
					return false
				}
			}
			return true
		}))
	}
}

func TestPresenceThatIsNotRepeatedIsForgotten(t *testing.T) {
	var later atomic.Int64
	s := sqlite(t, options{change: func(c *collab.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	}})
	eva, karel := dial(t, s, "d", "eva"), dial(t, s, "d", "karel")
	ctx := within(t, time.Minute)
	eva.Point(`{"cursor":1}`)
	karel.Point(`{"cursor":2}`)
	must(t, "presence", karel.WaitPresence(ctx, func(p map[uint64]string) bool { return p[eva.Client()] != "" }))
	later.Store(int64(31 * time.Second))
	karel.Point(`{"cursor":3}`)
	must(t, "removal", karel.WaitPresence(ctx, func(p map[uint64]string) bool { return p[eva.Client()] == "" }))
	late := dial(t, s, "d", "jana")
	must(t, "presence for a latecomer", late.WaitPresence(ctx, func(p map[uint64]string) bool { return p[karel.Client()] != "" }))
	must(t, "absence", late.WaitPresence(ctx, func(p map[uint64]string) bool { return p[eva.Client()] == "" }))
	eva.Point(`{"cursor":4}`)
	must(t, "presence again", late.WaitPresence(ctx, func(p map[uint64]string) bool { return strings.Contains(p[eva.Client()], `"cursor":4`) }))
}

func TestReconnectingKeepsTheClientIDAndWhatWasTypedMeanwhile(t *testing.T) {
	s := sqlite(t, options{})
	eva, karel := dial(t, s, "d", "eva"), dial(t, s, "d", "karel")
	eva.Type("one ")
	must(t, "acknowledged", eva.WaitAcked(within(t, time.Minute)))
	id := eva.Client()
	eva.Break()
	must(t, "gone", waitFor(within(t, time.Minute), func() bool { return len(s.Present("d")) == 1 }))
	eva.Type("offline ")
	must(t, "reconnect", eva.Reconnect(within(t, time.Minute)))
	if eva.Client() != id {
		t.Errorf("client id = %d, was %d", eva.Client(), id)
	}
	eva.Type("again")
	must(t, "acknowledged", eva.WaitAcked(within(t, time.Minute)))
	must(t, "shown", karel.WaitText(within(t, time.Minute), has("one offline again")))

	// his colleague asks for her id: he gets his own
	other, err := official.Dial(within(t, time.Minute), official.Config{
		URL: fmt.Sprintf("%sd?client=%d", s.url, id), Header: http.Header{"Authorization": {"Bearer jana"}}})
	must(t, "dial", err)
	defer other.Break()
	if other.Client() == id {
		t.Error("a client id was given to another person")
	}
}

// waitFor asks until ok holds.
func waitFor(ctx context.Context, ok func() bool) error {
	for !ok() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

func TestASecondWindowGetsItsOwnClientID(t *testing.T) {
	s := sqlite(t, options{})
	a := dial(t, s, "d", "eva")
	b, err := official.Dial(within(t, time.Minute), official.Config{
		URL: fmt.Sprintf("%sd?client=%d", s.url, a.Client()), Header: http.Header{"Authorization": {"Bearer eva"}}})
	must(t, "dial", err)
	defer b.Break()
	if a.Client() == b.Client() {
		t.Fatal("two windows write under one client id")
	}
	a.Type("left ")
	b.Type("right ")
	must(t, "left", a.WaitAcked(within(t, time.Minute)))
	must(t, "right", b.WaitAcked(within(t, time.Minute)))
}

func TestCommandsAreAnsweredOnceEach(t *testing.T) {
	e := &echo{}
	s := sqlite(t, options{collab: collab.Config{Commands: e, Text: func(lang, key string, _ ...any) string { return lang + ": " + key }}})
	eva := dial(t, s, "d", "eva")
	ctx := within(t, time.Minute)
	for range 2 {
		eva.Command("c-1", "comment.add", `{"text":"hm"}`)
	}
	eva.Command("c-2", "refuse", `{}`)
	eva.Command("c-3", "break", `{}`)
	must(t, "answer", eva.WaitEvent(ctx, has(`{"type":"reply","id":"c-1","result":{"text":"hm"}}`)))
	must(t, "refusal", eva.WaitEvent(ctx, has(`{"type":"reply","id":"c-2","error":{"code":"denied","title":"cs: documents.fault.no"}}`)))
	must(t, "breakdown", eva.WaitEvent(ctx, has(`{"type":"reply","id":"c-3","error":{"code":"internal","title":"cs: fault.internal"}}`)))
	if e.calls != 3 {
		t.Errorf("carried out %d commands, want 3: the repeated one once", e.calls)
	}
	s.Push(ctx, "d", []byte(`{"type":"state","state":"frozen"}`))
	must(t, "event", eva.WaitEvent(ctx, has(`"frozen"`)))
}

func TestServerSideEditsAreThePersonsAndReachEverybody(t *testing.T) {
	s := sqlite(t, options{})
	eva := dial(t, s, "d", "eva")
	ctx := within(t, time.Minute)
	head, err := s.Edit(ctx, person("karel"), "d", func(d *crdt.Doc) error {
		d.Text(collab.Root).Insert(0, "imported", nil)
		return nil
	})
	must(t, "edit", err)
	if head.Seq != 1 || head.Body.Text(collab.Root).String() != "imported" {
		t.Errorf("head = %+v", head)
	}
	must(t, "shown", eva.WaitText(ctx, has("imported")))
	boom := errors.New("boom")
	if _, err := s.Edit(ctx, person("karel"), "d", func(d *crdt.Doc) error {
		d.Text(collab.Root).Insert(0, "half ", nil)
		return boom
	}); !errors.Is(err, boom) {
		t.Errorf("edit = %v, want the error of change", err)
	}
	if _, err := s.Edit(ctx, person("karel"), "d", func(d *crdt.Doc) error {
		d.Text(collab.Root).Insert(8, " twice", nil)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	must(t, "shown", eva.WaitText(ctx, func(b string) bool { return b == "imported twice" }))
	rows, _, err := s.store.Since(ctx, "d", 0, 10)
	if err != nil || len(rows) != 2 || rows[0].Person != "p-karel" || rows[0].Client == 0 {
		t.Errorf("rows = %+v, %v", rows, err)
	}
}

func TestAnIdleRoomLeavesMemoryAndComesBack(t *testing.T) {
	s := sqlite(t, options{collab: collab.Config{Idle: 20 * time.Millisecond}})
	eva := dial(t, s, "d", "eva")
	eva.Type("kept")
	must(t, "acknowledged", eva.WaitAcked(within(t, time.Minute)))
	eva.Break()
	must(t, "evicted", waitFor(within(t, time.Minute), func() bool { return s.Stats().Rooms == 0 }))
	if got := dial(t, s, "d", "karel").Text(); got != "kept" {
		t.Errorf("text = %q", got)
	}
}

func TestASleepingClientIsResynchronisedAndDelaysNobody(t *testing.T) {
	s := sqlite(t, options{collab: collab.Config{Queue: 16 << 10}, ws: ws.Config{Rate: 10000, Burst: 10000}})
	eva, karel, asleep := dial(t, s, "d", "eva"), dial(t, s, "d", "karel"), dial(t, s, "d", "jana")
	asleep.Stall(true)
	ctx := within(t, time.Minute)
	page := strings.Repeat("All work and no play makes an official dull. ", 2000)
	for i := 0; s.Stats().Shed == 0; i++ {
		if i == 400 {
			t.Fatal("36 MB were sent to somebody who does not read, and nothing was dropped")
		}
		eva.Edit(func(d *crdt.Doc) { d.Text(collab.Root).Insert(0, page, nil) })
		must(t, "acknowledged", eva.WaitAcked(ctx))
		eva.Edit(func(d *crdt.Doc) { d.Text(collab.Root).Delete(0, len(page)) })
	}
	eva.Type("awake?")
	must(t, "others see it", karel.WaitText(ctx, has("awake?")))
	asleep.Stall(false)
	must(t, "resynchronised", asleep.WaitText(ctx, has("awake?")))
	must(t, "the same", waitFor(ctx, func() bool { return bytes.Equal(asleep.State(), karel.State()) }))
}

func TestWhatUpdatesTookAndWhyTheyWereRefusedIsCounted(t *testing.T) {
	s := sqlite(t, options{})
	ctx := within(t, time.Minute)
	eva, karel := dial(t, s, "d", "eva"), dial(t, s, "d", "karel")
	for range 3 {
		eva.Type("x")
		must(t, "acknowledged", eva.WaitAcked(ctx))
	}
	must(t, "shown", karel.WaitText(ctx, has("xxx")))
	karel.Send(wire.AppendSync(nil, wire.Update, []byte{1, 1, 1}))
	wantClosed(t, karel, collab.CodeRefused)
	n := s.Stats()
	if n.Durable.Count != 3 || n.Shown.Count != 3 || n.Durable.Total <= 0 || n.Shown.Total < n.Durable.Total {
		t.Errorf("durable %+v, shown %+v; want three of each, later shown than durable", n.Durable, n.Shown)
	}
	if last := len(collab.Bounds) - 1; n.Durable.Within[last] != 3 {
		t.Errorf("within %v: %d, want 3", collab.Bounds[last], n.Durable.Within[last])
	}
	if len(n.Refused) != 1 || n.Refused["malformed"] != 1 {
		t.Errorf("refused %v", n.Refused)
	}
	must(t, "nothing waits", waitFor(ctx, func() bool { return s.Stats().Waiting == 0 }))
}

func TestOnePersonMayHaveEightConnectionsToADocument(t *testing.T) {
	s := sqlite(t, options{})
	for range 8 {
		dial(t, s, "d", "eva")
	}
	_, err := official.Dial(within(t, time.Minute), official.Config{URL: s.url + "d", Header: http.Header{"Authorization": {"Bearer eva"}}})
	if err == nil || !strings.Contains(err.Error(), "4413") {
		t.Errorf("ninth connection: %v, want 4413", err)
	}
	dial(t, s, "d", "karel")
	dial(t, s, "other", "eva")
}

func TestAFloodOfMessagesEndsTheConnection(t *testing.T) {
	s := sqlite(t, options{ws: ws.Config{Rate: 1, Burst: 20}})
	eva := dial(t, s, "d", "eva")
	for range 30 {
		eva.Send(wire.AppendQueryAwareness(nil))
	}
	wantClosed(t, eva, collab.CodeLimit)
}

func TestFreezingRacesEditingAndTheFrozenTextNeverChanges(t *testing.T) {
	s := sqlite(t, options{})
	for round := range deep(4, 200) {
		doc := fmt.Sprint("d", round)
		var writers []*official.Official
		for i := range 3 {
			writers = append(writers, dial(t, s, doc, fmt.Sprint("writer", i)))
		}
		var wg sync.WaitGroup
		for _, w := range writers {
			wg.Go(func() {
				for i := range 20 {
					w.Type(fmt.Sprint(i, " "))
				}
			})
		}
		ctx := within(t, time.Minute)
		frozen, err := s.Seal(ctx, collab.DocumentID(doc))
		must(t, "seal", err)
		wg.Wait()
		for _, w := range writers { // whoever still had something to send is told; who had nothing stays
			if err := w.WaitAcked(ctx); err != nil {
				wantClosed(t, w, collab.CodeFrozen)
			}
		}
		now, err := s.Head(ctx, collab.DocumentID(doc))
		must(t, "head", err)
		if now.Seq != frozen.Seq || !bytes.Equal(now.State, frozen.State) {
			t.Fatalf("frozen at %d, now at %d: %q", frozen.Seq, now.Seq, now.Body.Text(collab.Root).String())
		}
	}
}

// serveWith is serve with a change to the hub's configuration that needs what serve has made.
func serveWith(t *testing.T, db *database.DB, change func(*collab.Config)) *server {
	return serve(t, db, options{change: change})
}

func TestAnUpdateThatArrivesAgainHasOneEffect(t *testing.T) {
	s := sqlite(t, options{})
	eva := dial(t, s, "d", "eva")
	d := crdt.New(crdt.Config{Client: eva.Client()})
	u := d.Transact(func() { d.Text(collab.Root).Insert(0, "once", nil) })
	for range 3 {
		eva.SendUpdate(u)
	}
	karel := dial(t, s, "d", "karel")
	must(t, "shown", karel.WaitText(within(t, time.Minute), has("once")))
	eva.SendUpdate(u)
	head, err := s.Head(within(t, time.Minute), "d")
	if err != nil || head.Body.Text(collab.Root).String() != "once" || head.Seq != 1 {
		t.Errorf("head = %q at %d, %v; want it once, as one row", head.Body.Text(collab.Root).String(), head.Seq, err)
	}
}

func TestNoUpdateIsTakenOnceARightIsWithdrawn(t *testing.T) {
	s := sqlite(t, options{ws: ws.Config{Rate: 10000, Burst: 10000}})
	for round := range deep(4, 100) {
		doc := fmt.Sprint("d", round)
		who := fmt.Sprint("typist", round)
		eva := dial(t, s, doc, who)
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					eva.Type("x")
				}
			}
		})
		ctx := within(t, time.Minute)
		must(t, "typing", eva.WaitText(ctx, func(b string) bool { return len(b) > 20 }))
		s.rights.set(security.ActorID("p-"+who), collab.Comment)
		// What was judged before the withdrawal may still be on its way into the log; Head comes after it.
		at, err := s.Head(ctx, collab.DocumentID(doc))
		must(t, "head", err)
		wantClosed(t, eva, collab.CodeDenied)
		close(stop)
		wg.Wait()
		now, err := s.Head(ctx, collab.DocumentID(doc))
		must(t, "head", err)
		if now.Seq != at.Seq {
			t.Errorf("round %d: %d rows after the withdrawal", round, now.Seq-at.Seq)
		}
	}
}

func TestGarbageFromOneHurtsNobodyElse(t *testing.T) {
	s := sqlite(t, options{ws: ws.Config{Rate: 10000, Burst: 10000}})
	karel := dial(t, s, "d", "karel")
	karel.Type("Karel's text. ")
	must(t, "acknowledged", karel.WaitAcked(within(t, time.Minute)))
	rnd := rand.New(rand.NewPCG(1, 2))
	ctx := within(t, 60*time.Second)
	for round := range deep(40, 2000) {
		eva, err := official.Dial(ctx, official.Config{URL: s.url + "d", Header: http.Header{"Authorization": {"Bearer eva"}}})
		must(t, fmt.Sprint("round ", round), err)
		copied := crdt.New(crdt.Config{Client: eva.Client()})
		must(t, "copy", copied.Apply(eva.State()))
		for range 5 {
			var good []byte
			switch rnd.IntN(4) {
			case 0:
				good = wire.AppendAwareness(nil, []wire.Presence{{Client: eva.Client(), Clock: 1, State: []byte(`{"cursor":null}`)}})
			case 1:
				good = wire.AppendSync(nil, wire.Step1, copied.StateVector())
			default:
				at := rnd.IntN(copied.Text(collab.Root).Len() + 1)
				good = wire.AppendSync(nil, wire.Update, copied.Transact(func() {
					copied.Text(collab.Root).Insert(at, "e🐎", crdt.Attrs{"strong": true})
				}))
			}
			bad := bytes.Clone(good)
			for range 1 + rnd.IntN(3) {
				bad[rnd.IntN(len(bad))] ^= 1 << rnd.IntN(8)
			}
			eva.Send(bad)
		}
		eva.Break()
	}
	karel.Type("Still here.")
	must(t, "acknowledged", karel.WaitAcked(ctx))
	must(t, "converged", waitFor(ctx, func() bool {
		head, err := s.Head(ctx, "d")
		return err == nil && bytes.Equal(head.State, karel.State())
	}))
	if n := s.Stats().Panics; n != 0 {
		t.Errorf("%d panics", n)
	}
}

func TestAPanicInARoomCostsAReloadNotTheServer(t *testing.T) {
	s := sqlite(t, options{})
	eva := dial(t, s, "d", "eva")
	eva.Type("kept")
	must(t, "acknowledged", eva.WaitAcked(within(t, time.Minute)))
	if _, err := s.Edit(within(t, time.Minute), person("eva"), "d", func(*crdt.Doc) error { panic("mistake") }); err == nil {
		t.Error("an edit that panicked succeeded")
	}
	eva.Type(" and more")
	must(t, "acknowledged", eva.WaitAcked(within(t, time.Minute)))
	head, err := s.Head(within(t, time.Minute), "d")
	if err != nil || head.Body.Text(collab.Root).String() != "kept and more" {
		t.Errorf("head = %+v, %v", head, err)
	}
}
