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
	Content json.RawMessage
	Others  []string
	Closed  int
	Reason  string
	Timeout *string
}

// script runs a script of testdata with the packages of the frontend.
func script(t *testing.T, name string, args ...string) <-chan npmResult {
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
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, node, append([]string{"testdata/" + name, dir}, args...)...)
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

// npm runs the y-websocket client of npm in the given document.
func npm(t *testing.T, s *server, doc, token, own, awaited string) <-chan npmResult {
	t.Helper()
	return script(t, "plain.cjs", strings.TrimSuffix(s.url, "/"), doc, token, own, awaited)
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

// A document of npm yjs with a text of marks and embeds, maps, arrays, XML, types in each other, binary values and subdocuments
// opens here, is edited by npm and by us at once, comes to the same bytes on both sides and out of the log again. Rooms of
// the office take the body alone and no new subdocument from clients: here the roots are free, and the subdocuments are in
// the log from the beginning.
func TestADocumentOfEveryTypeIsEditedByNpmAndUsAndConverges(t *testing.T) {
	db := dbtest.SQLite(t, sets...)
	free := options{collab: collab.Config{Roots: []string{collab.Root, "map", "array", "xml"}}}
	s := serve(t, db, free)
	ctx := within(t, time.Minute)
	seed := <-script(t, "types.cjs", "seed")
	state, err := hex.DecodeString(seed.State)
	must(t, "seed", err)
	_, err = s.store.Append(ctx, collab.Batch{Document: "d", Rows: []collab.Row{{Person: "p-archive", Session: "s-archive", At: time.Now(), Update: state}}})
	must(t, "append", err)

	eva := dial(t, s, "d", "eva")
	if got := hex.EncodeToString(eva.State()); got != seed.State {
		t.Fatalf("opened as %s, want %s", got, seed.State)
	}
	got := script(t, "types.cjs", "edit", strings.TrimSuffix(s.url, "/"), "d", "karel")
	eva.Edit(editEveryType(t))
	must(t, "npm's last edit", eva.WaitText(ctx, has("[npm done]")))
	eva.Edit(func(d *crdt.Doc) { d.Map("map").Set("ours", "done") })
	must(t, "acknowledged", eva.WaitAcked(ctx))
	r := <-got
	if r.Closed != 0 || r.Timeout != nil {
		t.Fatalf("npm was sent away: %+v", r)
	}
	want := hex.EncodeToString(eva.State())
	if r.State != want {
		t.Errorf("state of npm\n%s\nours\n%s", r.State, want)
	}
	for _, part := range []string{`"subdocument":"annex-1"`, `"subdocument":"annex-2"`, `"binary":"0909"`, `"binary":"07"`, "npm inside ours", "žluťoučký 🐎", `"ours":"done"`} {
		if !strings.Contains(string(r.Content), part) {
			t.Errorf("npm's content lacks %s: %s", part, r.Content)
		}
	}

	s.stop()
	s = serve(t, db, free)
	if got := hex.EncodeToString(dial(t, s, "d", "jana").State()); got != want {
		t.Errorf("out of the log\n%s\nwant\n%s", got, want)
	}
	again := <-script(t, "types.cjs", "read", strings.TrimSuffix(s.url, "/"), "d", "petr")
	if again.State != want || string(again.Content) != string(r.Content) {
		t.Errorf("npm reads out of the log\n%s\nwant\n%s", again.Content, r.Content)
	}
}

// editEveryType edits what the seed of types.cjs holds, each type as far as our interface goes: XML through its texts.
func editEveryType(t *testing.T) func(d *crdt.Doc) {
	return func(d *crdt.Doc) {
		body, m, list := d.Text(collab.Root), d.Map("map"), d.Array("array")
		body.Insert(1, "naše 🐎 ", crdt.Attrs{"strong": true})
		body.InsertEmbed(2, map[string]any{"image": "ours.png"}, nil)
		body.InsertMap(0, map[string]any{"kind": "p"}, nil)
		body.Format(3, 9, crdt.Attrs{"em": true, "link": nil})
		body.Delete(12, 3)
		inside, _ := m.Get("text")
		inside.(*crdt.Text).Insert(inside.(*crdt.Text).Len(), " ours", nil) // whether npm's is there already or not
		sub, _ := m.Get("sub")
		if sub != (crdt.Subdoc{GUID: "annex-1"}) {
			t.Errorf("subdocument = %+v", sub)
		}
		deep, _ := m.Get("map")
		deepList, _ := deep.(*crdt.Map).Get("deep")
		deepList.(*crdt.Array).Insert(0, crdt.EmptyMap, int64(5))
		m.Set("new", crdt.EmptyText)
		m.Set("bytes", []byte{7})
		m.Delete("values")
		list.Insert(1, "ours", []byte{7}, crdt.EmptyArray)
		list.Delete(0, 1)
		p := d.Fragment("xml").Children()[0].(*crdt.Element)
		if p.Name() != "p" || p.Attrs()["class"] != "lead" {
			t.Errorf("element %s %v", p.Name(), p.Attrs())
		}
		p.Children()[0].(*crdt.Text).Insert(8, " náš", crdt.Attrs{"i": true})
	}
}
