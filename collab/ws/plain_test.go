package ws_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spolupis/collab"
	"spolupis/collab/crdt"
	"spolupis/collab/wire"
	"spolupis/collab/ws/official"
	"spolupis/security/database/dbtest"
)

type npmResult struct {
	Text    string
	State   string
	Others  []string
	Closed  int
	Reason  string
	Timeout *string
}

// npm runs the y-websocket client of npm in the given document.
func npm(t *testing.T, s *server, doc, token, own, awaited string) <-chan npmResult {
	t.Helper()
	dir, err := filepath.Abs("../../frontend")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "y-websocket")); err != nil {
		dbtest.Missing(t, "npm packages (run npm ci in frontend)")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		dbtest.Missing(t, "node")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, node, "testdata/plain.cjs", dir, strings.TrimSuffix(s.url, "/"), doc, token, own, awaited)
	cmd.Stderr = os.Stderr
	got := make(chan npmResult, 1)
	go func() {
		var r npmResult
		out, err := cmd.Output()
		if err := json.Unmarshal(out, &r); err != nil {
			t.Errorf("npm client said %q: %v", out, err)
		}
		if err != nil && r.Timeout == nil {
			t.Errorf("npm client: %v", err)
		}
		got <- r
	}()
	return got
}

func TestThePlainClientFromNpmWritesInTheSameDocument(t *testing.T) {
	s := sqlite(t, options{})
	eva := dial(t, s, "d", "eva")
	eva.Type("Ahoj, ")
	must(t, "acknowledged", eva.WaitAcked(within(t, time.Minute)))
	got := npm(t, s, "d", "karel", "žluťoučký 🐎 z npm", "konec")
	ctx := within(t, time.Minute)
	must(t, "text from npm", eva.WaitText(ctx, has("žluťoučký 🐎 z npm")))
	must(t, "presence", eva.WaitPresence(ctx, func(p map[uint64]string) bool {
		for _, state := range p {
			return strings.Contains(state, `"name":"Karel"`) && strings.Contains(state, `"cursor"`)
		}
		return false
	}))
	eva.Type("konec")
	r := <-got
	if r.Text != eva.Text() || !strings.Contains(r.Text, "konec") {
		t.Errorf("npm has %q, we have %q", r.Text, eva.Text())
	}
	if want := hex.EncodeToString(eva.State()); r.State != want {
		t.Errorf("encoded state of npm %s, ours %s", r.State, want)
	}
	rows, _, err := s.store.Since(ctx, "d", 0, 1000)
	must(t, "rows", err)
	var clients []uint64
	for _, row := range rows {
		if row.Person == "p-karel" && (len(clients) == 0 || clients[len(clients)-1] != row.Client) {
			clients = append(clients, row.Client)
		}
	}
	if len(clients) != 1 {
		t.Fatalf("Karel wrote under %v, want one id", clients)
	}
	if owner, err := s.store.Owner(ctx, "d", clients[0]); err != nil || owner != "p-karel" {
		t.Errorf("the id that the client drew belongs to %q, %v; want Karel", owner, err)
	}
}

func TestThePlainClientFromNpmIsSentAwayForGood(t *testing.T) {
	s := sqlite(t, options{})
	s.rights.set("p-jana", collab.None)
	s.rights.set("p-karel", collab.View)
	for token, want := range map[string]int{"bad": 4401, "jana": 4403, "karel": 4403} {
		if r := <-npm(t, s, "d", token, "text", "never"); r.Closed != want || r.Reason == "" {
			t.Errorf("%s: closed with %d %q, want %d", token, r.Closed, r.Reason, want)
		}
	}
}

func TestAPlainClientGetsNothingBeyondYWebsocket(t *testing.T) {
	s := sqlite(t, options{collab: collab.Config{Commands: &echo{}}})
	eva := dial(t, s, "d", "eva")
	plain := dialAs(t, official.Config{URL: s.url + "d", Header: http.Header{"Authorization": {"Bearer karel"}}, Plain: true, Client: 77})
	ctx := within(t, time.Minute)
	s.Push(ctx, "d", []byte(`{"type":"state"}`))
	must(t, "event for ours", eva.WaitEvent(ctx, has("state")))
	plain.Edit(func(d *crdt.Doc) { d.Text(collab.Root).Insert(0, "plain", nil) })
	must(t, "shown", eva.WaitText(ctx, has("plain")))
	if plain.Hello() != nil || plain.Acked() != 0 {
		t.Errorf("hello %v, acked %d; want neither", plain.Hello(), plain.Acked())
	}
	plain.Send(wire.AppendJSON(nil, wire.Command, []byte(`{"id":"1","name":"x"}`)))
	wantClosed(t, plain, collab.CodeRefused)
}
