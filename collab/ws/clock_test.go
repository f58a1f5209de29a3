package ws_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"spolupis/collab"
	"spolupis/collab/ws/official"
	"spolupis/security/database/dbtest"
)

// The clock of a server is put right by hand, by a hypervisor, by a broken time server. Nothing that was acknowledged, nobody's
// order and no entry of the journal may depend on it.
func TestNothingIsLostWhenTheClockJumps(t *testing.T) {
	var wrong atomic.Int64 // by how much
	now := func() time.Time { return time.Now().Add(time.Duration(wrong.Load())).Round(0) }
	s := serve(t, dbtest.SQLite(t, sets...), options{now: now})
	ctx := within(t, time.Minute)
	var all []*official.Official
	for i := range 6 {
		all = append(all, dial(t, s, "d", fmt.Sprint("official", i)))
	}
	jumping, still := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		for r := rand.New(rand.NewPCG(4, 4)); jumping.Err() == nil; time.Sleep(5 * time.Millisecond) {
			wrong.Store(r.Int64N(int64(96*time.Hour)) - int64(48*time.Hour)) // two days back, or ahead
		}
	})
	var typing sync.WaitGroup
	for i, o := range all {
		typing.Go(func() {
			for n := range 40 {
				o.Type(fmt.Sprintf("<%d.%d>", i, n))
				if n%10 == 9 {
					if o.WaitAcked(ctx) != nil {
						return
					}
					o.Break() // and come back, in what may be last week
					if o.Reconnect(ctx) != nil {
						return
					}
				}
			}
		})
	}
	typing.Wait()
	for i, o := range all {
		must(t, fmt.Sprint("acknowledged ", i), o.WaitAcked(ctx))
		must(t, "complete", o.WaitText(ctx, func(body string) bool { return strings.Count(body, "<") == 40*len(all) }))
	}
	still()
	wg.Wait()
	for i, o := range all {
		if !bytes.Equal(o.State(), all[0].State()) {
			t.Errorf("document of %d differs", i)
		}
		from := 0
		for n := range 40 {
			word := fmt.Sprintf("<%d.%d>", i, n)
			at := strings.Index(o.Text()[from:], word)
			if at < 0 {
				t.Fatalf("%s is not behind what the same official typed before", word)
			}
			from += at
		}
	}
	wrong.Store(int64(-72 * time.Hour)) // in the end the clock is put back: what was written is days ahead
	s.stop()
	entries, err := s.journal.Read(ctx, 0, 10_000)
	must(t, "journal", err)
	told, rows := 0, 0
	for _, e := range entries {
		if e.Kind == "collab.edited" {
			var body struct{ Rows int }
			must(t, "entry", json.Unmarshal(e.Body, &body))
			told, rows = told+1, rows+body.Rows
		}
	}
	stored, _, err := s.store.Since(ctx, collab.DocumentID("d"), 0, 10_000)
	if err != nil || rows != len(stored) {
		t.Errorf("%d entries of the journal tell of %d rows, %d are stored (%v)", told, rows, len(stored), err)
	}
}
