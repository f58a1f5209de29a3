package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"spolupis/collab"
	"spolupis/collab/crdt"
	"spolupis/collab/wire"
	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/journal"
	"spolupis/security/web"
	"spolupis/signing"
)

// An attack is a demo office at work behind a real server, and somebody who
// sends it what he should not.
type attack struct {
	*App
	t      *testing.T
	url    string
	logins map[string]*http.Cookie
}

func attacked(t *testing.T) *attack {
	t.Helper()
	a := furnished(t)
	work, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(work) }()
	s := httptest.NewServer(a.Handler)
	t.Cleanup(func() { a.Drain(); s.Close(); stop(); <-done })
	return &attack{a, t, s.URL, map[string]*http.Cookie{}}
}

func (o *attack) signIn(login string) *http.Cookie {
	o.t.Helper()
	if o.logins[login] == nil {
		o.logins[login] = cookie(o.t, o.App, login)
	}
	return o.logins[login]
}

func (o *attack) ok(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// draft is a material nobody has frozen, made by Ms Dvořáková.
func (o *attack) draft() documents.Material { return o.material(documents.Draft) }

func (o *attack) material(state documents.State) documents.Material {
	o.t.Helper()
	alena := actor(o.t, o.App, "dvorakova")
	for _, m := range all(o.t, o.App, alena) {
		if m.State == state && m.Drafter == alena.ID {
			return m
		}
	}
	o.t.Fatalf("no material in state %s", state)
	return documents.Material{}
}

// eventually is until with an end of its own.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	end := time.Now().Add(5 * time.Second)
	until(t, func() bool { return holds() || time.Now().After(end) })
	if !holds() {
		t.Error("did not happen in time")
	}
}

// says is the sentence of a key, which must have one.
func (o *attack) says(lang, key string, args ...any) string {
	o.t.Helper()
	s := o.pages.Text(lang, key, args...)
	if s == key || s == "" || strings.Contains(s, "{0}") {
		o.t.Errorf("%s has no sentence in %q: %q", key, lang, s)
	}
	return s
}

// loose are the tables that say who was there and what was tried, not what the
// office holds, and the index of what it holds.
var loose = []string{"journal_", "access_throttle", "access_session", "citizen_try", "collab_lease", "collab_edit", "collab_snapshot", "documents_history", "documents_search", "documents_stale", "documents_fts", "schema_", "sqlite_"}

// holdings is a hash of every other table.
func (o *attack) holdings() map[string]string {
	o.t.Helper()
	out := map[string]string{}
	rows, err := o.DB.QueryContext(o.t.Context(), `SELECT name FROM sqlite_master WHERE type = 'table'`)
	o.ok(err)
	var names []string
	for rows.Next() {
		var n string
		o.ok(rows.Scan(&n))
		if !slices.ContainsFunc(loose, func(p string) bool { return strings.HasPrefix(n, p) }) {
			names = append(names, n)
		}
	}
	o.ok(errors.Join(rows.Err(), rows.Close()))
	if len(names) < 20 {
		o.t.Fatalf("only %v", names)
	}
	for _, n := range names {
		out[n] = o.table(n)
	}
	return out
}

func (o *attack) table(name string) string {
	o.t.Helper()
	rows, err := o.DB.QueryContext(o.t.Context(), `SELECT * FROM `+name+` ORDER BY 1`)
	o.ok(err)
	defer rows.Close()
	columns, err := rows.Columns()
	o.ok(err)
	h := sha256.New()
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		o.ok(rows.Scan(values...))
		for i, v := range values {
			if columns[i] != "leases" { // counts who came in
				fmt.Fprintf(h, "%v|", *v.(*any))
			}
		}
	}
	o.ok(rows.Err())
	return fmt.Sprintf("%x", h.Sum(nil))
}

// unchanged runs try and fails when the office holds anything else afterwards,
// or has stopped answering.
func (o *attack) unchanged(t *testing.T, try func()) {
	t.Helper()
	before := o.holdings()
	try()
	for table, now := range o.holdings() {
		if now != before[table] {
			t.Errorf("%s has changed", table)
		}
	}
	if status, _, _ := o.send(t, ask{path: "/readyz"}); status != http.StatusOK {
		t.Errorf("afterwards the server answers %d", status)
	}
}

// entries are those of one kind, after a place in the journal.
func (o *attack) entries(kind string, after int64) (out []journal.Entry) {
	o.t.Helper()
	for {
		page, err := o.Journal.Read(o.t.Context(), after, 500)
		o.ok(err)
		for _, e := range page {
			after = e.Seq
			if e.Kind == kind {
				out = append(out, e)
			}
		}
		if len(page) < 500 {
			return out
		}
	}
}

func (o *attack) now() int64 {
	o.t.Helper()
	n, err := o.Journal.Size(o.t.Context())
	o.ok(err)
	return n
}

// An ask is one request to the server.
type ask struct {
	login, lang, path string
	form              url.Values
	body              io.Reader // instead of form
	kind              string    // of body
	header            map[string]string
}

func (o *attack) send(t *testing.T, a ask) (status int, page string, h http.Header) {
	t.Helper()
	method := http.MethodGet
	if a.form != nil {
		method, a.body, a.kind = http.MethodPost, strings.NewReader(a.form.Encode()), "application/x-www-form-urlencoded"
	} else if a.body != nil {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(t.Context(), method, o.url+a.path, a.body)
	if err != nil {
		t.Fatal(err)
	}
	if a.login != "" {
		r.AddCookie(o.signIn(a.login))
	}
	if a.lang != "" {
		r.AddCookie(&http.Cookie{Name: "lang", Value: a.lang})
	}
	if a.kind != "" {
		r.Header.Set("Content-Type", a.kind)
	}
	for k, v := range a.header {
		r.Header.Set(k, v)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

// refused sends a request in both languages and wants the status and, in the
// reader's own language, the sentence of key.
func (o *attack) refused(t *testing.T, a ask, want int, key string, args ...any) {
	t.Helper()
	var again []byte
	if a.body != nil {
		var err error
		if again, err = io.ReadAll(a.body); err != nil {
			t.Fatal(err)
		}
	}
	for _, lang := range []string{"", "en"} {
		if a.lang = lang; again != nil {
			a.body = bytes.NewReader(again)
		}
		status, page, _ := o.send(t, a)
		if sentence := o.says(lang, key, args...); status != want || !strings.Contains(page, sentence) {
			t.Errorf("%s in %q: %d %s; want %d and %q", a.path, lang, status, firstLines(page), want, sentence)
		}
	}
}

func firstLines(page string) string {
	if _, rest, ok := strings.Cut(page, "<main"); ok {
		page = rest
	}
	return page[:min(len(page), 800)]
}

// A socket is a live connection without any manners.
type socket struct {
	*websocket.Conn
	client uint64 // given in hello
}

// dial opens a socket and takes the first message, which says who is there.
func (o *attack) dial(t *testing.T, login, token, lang string, doc documents.MaterialID) socket {
	t.Helper()
	s := o.connect(t, login, token, lang, doc)
	if token == "" {
		var hello struct {
			Client uint64 `json:"client,string"`
		}
		_, b, err := s.ReadMessage()
		if err != nil {
			t.Fatalf("hello: %v", err)
		}
		m, err := wire.Decode(b)
		if err != nil || m.Type != wire.Hello || json.Unmarshal(m.Body, &hello) != nil {
			t.Fatalf("the first message is %x, %v", b, err)
		}
		s.client = hello.Client
	}
	return s
}

// connect opens a socket with a cookie, from our own page and with our
// subprotocol, or as a plain y-websocket client with a token.
func (o *attack) connect(t *testing.T, login, token, lang string, doc documents.MaterialID) socket {
	t.Helper()
	u, h := "ws"+strings.TrimPrefix(o.url, "http")+"/collab/"+string(doc), http.Header{}
	d := websocket.Dialer{}
	cookies := "lang=" + lang
	if token != "" {
		u += "?token=" + token
	} else {
		d.Subprotocols = []string{wire.Subprotocol}
		h.Set("Origin", o.url)
		cookies += "; " + o.signIn(login).String()
	}
	h.Set("Cookie", cookies)
	ws, resp, err := d.DialContext(t.Context(), u, h)
	if err != nil {
		t.Fatalf("dial: %v (%v)", err, resp)
	}
	t.Cleanup(func() { ws.Close() })
	return socket{Conn: ws}
}

// end reads until the server hangs up.
func (s socket) end(t *testing.T) (code int, reason string) {
	t.Helper()
	s.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		if _, _, err := s.ReadMessage(); err != nil {
			if c, ok := errors.AsType[*websocket.CloseError](err); ok {
				return c.Code, c.Text
			}
			t.Fatalf("the connection ended without a goodbye: %v", err)
		}
	}
}

// reply reads until the answer to a command.
func (s socket) reply(t *testing.T, id string) (result struct {
	Result json.RawMessage
	Error  struct{ Code, Title string }
},
) {
	t.Helper()
	s.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		_, b, err := s.ReadMessage()
		if err != nil {
			t.Fatalf("no answer to %s: %v", id, err)
		}
		if m, err := wire.Decode(b); err == nil && m.Type == wire.Event && bytes.Contains(m.Body, []byte(`"id":"`+id+`"`)) && bytes.Contains(m.Body, []byte(`"reply"`)) {
			if err := json.Unmarshal(m.Body, &result); err != nil {
				t.Fatal(err)
			}
			return result
		}
	}
}

func (s socket) command(t *testing.T, id, name, args string) {
	t.Helper()
	s.write(t, websocket.BinaryMessage, wire.AppendJSON(nil, wire.Command, fmt.Appendf(nil, `{"id":%q,"name":%q,"args":%s}`, id, name, args)))
}

func (s socket) write(t *testing.T, kind int, b []byte) {
	t.Helper()
	if err := s.WriteMessage(kind, b); err != nil {
		t.Fatal(err)
	}
}

// token is an API token that may edit live.
func (o *attack) token(login string, scopes ...access.Scope) string {
	o.t.Helper()
	who := actor(o.t, o.App, login)
	token, err := o.Accounts.CreateToken(o.t.Context(), who, "test", scopes, 0)
	o.ok(err)
	return token
}

func TestBadFramesEndTheConnectionWithASentenceAndChangeNothing(t *testing.T) {
	o := attacked(t)
	doc := o.draft().ID
	tokens := map[string]string{"plain": o.token("novak", access.ScopeEdit), "ours": ""}
	o.signIn("novak")
	frames := []struct {
		name string
		kind int
		send []byte
		want int
	}{
		{"text", websocket.TextMessage, []byte("ahoj"), 4422},
		{"nothing", websocket.BinaryMessage, nil, 4422},
		{"a number cut short", websocket.BinaryMessage, []byte{0x80, 0x80}, 4422},
		{"a number without an end", websocket.BinaryMessage, bytes.Repeat([]byte{0xff}, 40), 4422},
		{"a length without the bytes", websocket.BinaryMessage, []byte{0, 2, 50, 1}, 4422},
		{"bytes after the message", websocket.BinaryMessage, append(wire.AppendQueryAwareness(nil), 1), 4422},
		{"an unknown type", websocket.BinaryMessage, []byte{99}, 4422},
		{"an unknown step", websocket.BinaryMessage, []byte{0, 9, 0}, 4422},
		{"hello", websocket.BinaryMessage, wire.AppendJSON(nil, wire.Hello, []byte("{}")), 4422},
		{"an acknowledgement", websocket.BinaryMessage, wire.AppendAck(nil, 1), 4422},
		{"an event", websocket.BinaryMessage, wire.AppendJSON(nil, wire.Event, []byte(`{"type":"frozen"}`)), 4422},
		{"a command without a name", websocket.BinaryMessage, wire.AppendJSON(nil, wire.Command, []byte(`{"id":"1"}`)), 4422},
		{"a state vector that is none", websocket.BinaryMessage, wire.AppendSync(nil, wire.Step1, []byte{9, 1}), 4422},
		{"an update that is none", websocket.BinaryMessage, wire.AppendSync(nil, wire.Update, []byte{7, 7, 7}), 4422},
		{"a long command", websocket.BinaryMessage, wire.AppendJSON(nil, wire.Command, bytes.Repeat([]byte(" "), wire.MaxCommand+1)), 4413},
		{"presence of a crowd", websocket.BinaryMessage, wire.AppendAwareness(nil, make([]wire.Presence, 17)), 4413},
		{"a message over a megabyte", websocket.BinaryMessage, wire.AppendSync(nil, wire.Update, make([]byte, 1<<20)), 4413},
	}
	for mode, token := range tokens {
		after := o.now()
		o.unchanged(t, func() {
			for i, f := range frames {
				lang := []string{"cs", "en"}[i%2]
				s := o.dial(t, "novak", token, lang, doc)
				s.write(t, f.kind, f.send)
				code, reason := s.end(t)
				if want := o.says(lang, fmt.Sprint("collab.close.", f.want)); code != f.want || reason != want {
					t.Errorf("%s, %s: closed with %d %q; want %d %q", mode, f.name, code, reason, f.want, want)
				}
			}
		})
		novak := actor(t, o.App, "novak").ID
		eventually(t, func() bool { // the same reason of one login is noted once in five minutes
			reasons := map[string]bool{}
			for _, e := range o.entries("collab.refused", after) {
				if e.Actor != novak || e.Subject != "document:"+string(doc) {
					t.Fatalf("%+v", e)
				}
				reasons[string(e.Body)] = true
			}
			return reasons[`{"reason":"4422"}`] && reasons[`{"reason":"4413"}`] && reasons[`{"reason":"malformed"}`]
		})
	}
}

// hostile are updates made against a document, each with the reason for which
// the gate refuses it. own is a client id the sender may use.
func hostile(t *testing.T, state []byte, vector []byte, own uint64) map[string][]byte {
	t.Helper()
	change := func(client uint64, n int) []byte {
		d := crdt.New(crdt.Config{Client: client})
		if err := d.Apply(state); err != nil {
			t.Fatal(err)
		}
		var u []byte
		for range n {
			u = d.Transact(func() { d.Text(collab.Root).Insert(0, "zlo", nil) })
		}
		return u
	}
	_, n := binary.Uvarint(vector)
	theirs, _ := binary.Uvarint(vector[n:])
	number := func(b []byte, vs ...uint64) []byte {
		for _, v := range vs {
			b = binary.AppendUvarint(b, v)
		}
		return b
	}
	root := append(number(nil, 1, 4), collab.Root...)
	doc := append(number(nil, 1, 1, own, 0, 9), root...)
	doc = append(append(doc, 1, 'g', 118, 0), 0)
	return map[string][]byte{
		"foreign": change(theirs, 1),
		"gap":     change(own, 2),
		"unborn":  number(nil, 0, 1, own, 1, 1_000_000, 1),
		"kind":    doc, // a subdocument
		// Its author would never write again: all his clocks are taken.
		"too_large": number(nil, 1, 1, own, 0, 0, 1<<31-1, 0),
		"malformed": number(nil, 1, 1, own, 1<<53-1, 0, 5, 0),
	}
}

func TestUpdatesThatTheGateRefusesChangeNothingAndAreJournalled(t *testing.T) {
	o := attacked(t)
	doc := o.draft().ID
	plain := o.token("novak", access.ScopeEdit)
	o.signIn("novak")
	head, err := o.Hub.Head(t.Context(), doc)
	o.ok(err)
	for mode, token := range map[string]string{"plain": plain, "ours": ""} {
		o.unchanged(t, func() {
			for reason := range hostile(t, head.State, head.StateVector, 77) {
				after := o.now()
				s := o.dial(t, "novak", token, "en", doc)
				own := s.client
				if token != "" {
					own = 4_000_000_001
				}
				s.write(t, websocket.BinaryMessage, wire.AppendSync(nil, wire.Update, hostile(t, head.State, head.StateVector, own)[reason]))
				want := 4422
				if reason == "too_large" {
					want = 4413
				}
				code, sentence := s.end(t)
				if code != want || sentence != o.says("en", fmt.Sprint("collab.close.", want)) {
					t.Errorf("%s, %s: closed with %d %q, want %d", mode, reason, code, sentence, want)
				}
				eventually(t, func() bool {
					es := o.entries("collab.refused", after)
					return len(es) == 1 && string(es[0].Body) == fmt.Sprintf(`{"reason":%q}`, reason)
				})
			}
		})
	}
	now, err := o.Hub.Head(t.Context(), doc)
	if err != nil || now.Seq != head.Seq || !bytes.Equal(now.State, head.State) {
		t.Errorf("the text is at %d, was at %d (%v)", now.Seq, head.Seq, err)
	}
}

func TestWhoMayNotWriteIsToldSoAndChangesNothing(t *testing.T) {
	o := attacked(t)
	draft, frozen := o.draft().ID, o.material(documents.Signing).ID
	for _, c := range []struct {
		login string
		doc   documents.MaterialID
		want  int
	}{{"fiala", draft, 4403}, {"novak", frozen, 4409}} {
		o.signIn(c.login)
		after := o.now()
		o.unchanged(t, func() {
			for _, lang := range []string{"cs", "en"} {
				s := o.dial(t, c.login, "", lang, c.doc)
				d := crdt.New(crdt.Config{Client: s.client})
				s.write(t, websocket.BinaryMessage, wire.AppendSync(nil, wire.Update, d.Transact(func() { d.Text(collab.Root).Insert(0, "já taky", nil) })))
				if code, reason := s.end(t); code != c.want || reason != o.says(lang, fmt.Sprint("collab.close.", c.want)) {
					t.Errorf("%s: closed with %d %q, want %d", c.login, code, reason, c.want)
				}
			}
		})
		if c.want == 4403 {
			eventually(t, func() bool { return len(o.entries("collab.refused", after)) == 1 })
		}
	}
}

func TestATokenThatMayNotEditIsToldSoAfterTheUpgrade(t *testing.T) {
	o := attacked(t)
	for _, token := range []string{o.token("novak", access.ScopeRead), "wrong"} {
		s := o.dial(t, "", token, "en", o.draft().ID) // a refused upgrade would be tried again for ever
		if code, reason := s.end(t); code != 4401 || reason != o.says("en", "collab.close.4401") {
			t.Errorf("closed with %d %q, want 4401", code, reason)
		}
	}
}

func TestRequestsFromAnotherSiteAreRefusedInEveryPartOfTheOffice(t *testing.T) {
	o := attacked(t)
	m := o.draft()
	spravce := actor(t, o.App, "spravce")
	posts := []ask{
		{login: "dvorakova", path: "/documents/" + string(m.ID) + "/title", form: url.Values{"title": {"Ukradeno"}}},
		{login: "dvorakova", path: "/documents/" + string(m.ID) + "/freeze", form: url.Values{}},
		{login: "spravce", path: "/accounts/" + string(spravce.ID), form: url.Values{"role": {"administrator"}}},
		{login: "vesela", path: "/agendas/rada/scope", form: url.Values{"mode": {"none"}}},
		{login: "kolar", path: "/signing/batches", form: url.Values{"version": {"x"}, "password": {testPassword}}},
		{path: "/stav", form: url.Values{"number": {"2026-111-111"}, "code": {"x"}}},
	}
	for _, p := range posts {
		if p.login != "" {
			o.signIn(p.login)
		}
	}
	o.signIn("novak")
	after := o.now()
	o.unchanged(t, func() {
		for _, p := range posts {
			for _, h := range []map[string]string{{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}} {
				p.header = h
				o.refused(t, p, http.StatusForbidden, "fault.cross_origin")
			}
		}
		// A browser lets any page open a WebSocket with the reader's cookies.
		for _, origin := range []string{"https://evil.example", "null", ""} {
			h := http.Header{"Cookie": {o.signIn("novak").String() + "; lang=en"}}
			if origin != "" {
				h.Set("Origin", origin)
			}
			ws, resp, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(o.url, "http")+"/collab/"+string(m.ID), h)
			if err == nil {
				ws.Close()
				t.Errorf("a page of %q got in with somebody's cookie", origin)
				continue
			}
			if b, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusForbidden || !strings.Contains(string(b), o.says("en", "fault.cross_origin")) {
				t.Errorf("from %q: %d %s", origin, resp.StatusCode, b)
			}
		}
	})
	who := map[security.ActorID]int{}
	for _, e := range o.entries("access.cross_origin_refused", after) {
		who[e.Actor]++
		if e.Subject != "account:"+string(e.Actor) {
			t.Errorf("%+v", e)
		}
	}
	for _, login := range []string{"dvorakova", "spravce", "vesela", "kolar", "novak"} {
		if n := who[actor(t, o.App, login).ID]; n != 1 {
			t.Errorf("%d entries about requests with the login of %s, want 1", n, login)
		}
	}
	if len(who) != 5 {
		t.Errorf("entries about %d people, want 5: nobody's request is not worth one", len(who))
	}
	o.says("cs", "audit.kind.access.cross_origin_refused")
	if status, _, _ := o.send(t, ask{login: "dvorakova", path: "/documents"}); status != http.StatusOK {
		t.Errorf("afterwards her own page answers %d", status)
	}
}

func TestTooMuchAndBrokenTextIsRefusedByName(t *testing.T) {
	o := attacked(t)
	m := o.draft()
	at := "/documents/" + string(m.ID)
	upload := func(md string) ask {
		var b bytes.Buffer
		form := multipart.NewWriter(&b)
		for k, v := range map[string]string{"title": "Špatný soubor", "agenda": "rada", "unit": "oi"} {
			form.WriteField(k, v)
		}
		f, err := form.CreateFormFile("file", "a.md")
		o.ok(err)
		io.WriteString(f, md)
		o.ok(form.Close())
		return ask{login: "dvorakova", path: "/documents", body: &b, kind: form.FormDataContentType()}
	}
	comment := func(text string) ask {
		return ask{login: "fiala", path: at + "/comments", form: url.Values{"command": {"comment.add"}, "key": {"k-" + text[:1]}, "kind": {"advisory"}, "text": {text}}}
	}
	api := func(body string) ask {
		return ask{login: "fiala", path: "/api/v1/documents/" + string(m.ID) + "/comments", body: strings.NewReader(body), kind: "application/json", header: map[string]string{"Idempotency-Key": "k"}}
	}
	o.signIn("dvorakova")
	o.signIn("fiala")
	o.signIn("kolar")
	wide := "|" + strings.Repeat("a|", 3000) + "\n|" + strings.Repeat("-|", 3000) + "\n"
	big := strings.Repeat("x", web.MaxForm+1)
	o.unchanged(t, func() {
		for _, c := range []struct {
			name   string
			ask    ask
			status int
			key    string
			args   []any
		}{
			{"title", ask{login: "dvorakova", path: at + "/title", form: url.Values{"title": {strings.Repeat("č", documents.MaxTitle+1)}}}, 422, "documents.fault.title_long", []any{documents.MaxTitle}},
			{"no title", ask{login: "dvorakova", path: at + "/title", form: url.Values{"title": {" "}}}, 422, "documents.fault.title_empty", nil},
			{"comment", comment(strings.Repeat("š", documents.MaxText+1)), 422, "documents.fault.text_long", []any{documents.MaxText}},
			{"form of a page", ask{login: "dvorakova", path: at + "/title", form: url.Values{"title": {big}}}, 413, "fault.too_large", nil},
			{"form of the round", ask{login: "dvorakova", path: at + "/round", form: url.Values{"due": {big}}}, 413, "fault.too_large", nil},
			{"form of the sign-in", ask{path: "/sign-in", form: url.Values{"login": {"novak"}, "password": {big}}}, 413, "fault.too_large", nil},
			{"form of signing", ask{login: "kolar", path: "/signing/confirm", form: url.Values{"version": {big}}}, 413, "fault.too_large", nil},
			{"file to check", ask{login: "kolar", path: "/signing/check", body: strings.NewReader(big), kind: "multipart/form-data; boundary=x"}, 413, "fault.too_large", nil},
			{"status form", ask{path: "/stav", form: url.Values{"number": {strings.Repeat("1", 5<<10)}}}, 413, "fault.too_large", nil},
			{"command", api(`{"name":"comment.add","args":{"kind":"formal","text":"` + strings.Repeat("x", 300<<10) + `"}}`), 413, "fault.too_large", nil},
			{"broken command", api(`{"name":`), 422, "documents.fault.command_args", nil},
			{"unknown command", api(`{"name":"comment.explode","args":{}}`), 422, "documents.fault.command_name", []any{"comment.explode"}},
			{"Markdown over 2 MiB", upload(strings.Repeat("řádek\n\n", 300_000)), 413, "documents.fault.import_large", []any{2}},
			{"bad UTF-8", upload("# Titul\n\ntext\n\xe1\xe9\n"), 422, "documents.fault.import_utf8", []any{4}},
			{"a nesting bomb", upload("text\n\n" + strings.Repeat(">", 20_000) + " x\n"), 422, "documents.fault.import_depth", []any{3, 32}},
			{"a huge table", upload("text\n\n" + wide), 422, "documents.fault.import_columns", nil},
		} {
			if c.name == "a huge table" {
				status, page, _ := o.send(t, c.ask)
				if status != 422 || !strings.Contains(page, "Řádek 4: tabulka má víc než") {
					t.Errorf("%s: %d %s", c.name, status, firstLines(page))
				}
				continue
			}
			t.Run(c.name, func(t *testing.T) { o.refused(t, c.ask, c.status, c.key, c.args...) })
		}
	})
}

func TestAWrongCodeAndAWrongNumberLookAlike(t *testing.T) {
	o := attacked(t)
	var real string
	o.ok(o.DB.QueryRow(`SELECT number FROM citizen_matter ORDER BY number`).Scan(&real))
	missing := "2026-" + map[bool]string{true: "111", false: "222"}[!strings.Contains(real, "111")] + "-333"
	const code = "ABCDE-23456"
	after := o.now()
	o.unchanged(t, func() {
		var first [2]string
		for i, lang := range []string{"", "en"} {
			var pages []string
			for _, number := range []string{real, missing} {
				status, page, _ := o.send(t, ask{path: "/stav", lang: lang, form: url.Values{"number": {number}, "code": {code}}})
				if status != http.StatusForbidden || !strings.Contains(page, o.says(lang, "citizen.fault.refused")) || strings.Contains(page, code) {
					t.Errorf("%s: %d %s", number, status, firstLines(page))
				}
				pages = append(pages, strings.ReplaceAll(page, number, "N"))
			}
			if pages[0] != pages[1] {
				t.Errorf("the answers differ:\n%s\n%s", pages[0], pages[1])
			}
			first[i] = pages[0]
		}
		for _, number := range []string{real, missing} {
			for range 8 { // two are spent
				o.send(t, ask{path: "/stav", form: url.Values{"number": {number}, "code": {code}}})
			}
			status, page, h := o.send(t, ask{path: "/stav", form: url.Values{"number": {number}, "code": {code}}})
			if status != http.StatusTooManyRequests || h.Get("Retry-After") == "" || !strings.Contains(page, o.says("cs", "citizen.fault.too_many", 15)) {
				t.Errorf("%s after ten tries: %d %q %s", number, status, h.Get("Retry-After"), firstLines(page))
			}
		}
	})
	locked := 0
	all := o.entries("citizen.code_refused", after)
	for _, e := range all {
		if line := string(e.Body) + string(e.Personal); strings.Contains(line, "ABCDE") || strings.Contains(line, real) {
			t.Errorf("the journal says %s", line)
		} else if strings.Contains(line, `"locked":true`) {
			locked++
		}
	}
	if len(all) != 22 || locked != 2 {
		t.Errorf("%d refusals, %d locks; want 22 and 2", len(all), locked)
	}
}

// later moves the counted tries back, as if the time had passed.
func (o *attack) later(d time.Duration) {
	o.t.Helper()
	_, err := o.DB.Exec(`UPDATE access_throttle SET since = since - $1, until = until - $1`, d.Microseconds())
	o.ok(err)
}

func TestASignInStormIsStoppedAndTheRightPasswordWorksLater(t *testing.T) {
	o := attacked(t)
	try := func(login, password, lang string) (int, string, string) {
		status, page, h := o.send(t, ask{path: "/sign-in", lang: lang, form: url.Values{"login": {login}, "password": {password}}})
		return status, strings.ReplaceAll(page, login, "L"), h.Get("Retry-After")
	}
	const wrong = "zcela spatne heslo"
	after := o.now()
	o.unchanged(t, func() {
		for i := range 5 {
			lang := []string{"", "en"}[i%2]
			status, page, _ := try("novak", wrong, lang)
			status2, page2, _ := try("nikdo.takovy", wrong, lang)
			if status != http.StatusUnauthorized || status2 != status || page != page2 || !strings.Contains(page, o.says(lang, "access.fault.wrong")) {
				t.Errorf("wrong password %d, wrong login %d, same answer %v: %s", status, status2, page == page2, firstLines(page))
			}
		}
		for _, login := range []string{"novak", "nikdo.takovy"} {
			if status, page, wait := try(login, testPassword, "en"); status != http.StatusTooManyRequests || wait != "60" || !strings.Contains(page, o.says("en", "access.fault.too_many", 1)) {
				t.Errorf("%s after five: %d, wait %q, %s", login, status, wait, firstLines(page))
			}
		}
	})
	refused, blocked := o.entries("access.sign_in_refused", after), o.entries("access.sign_in_blocked", after)
	if len(refused) != 10 || len(blocked) != 2 {
		t.Errorf("%d refusals and %d blocks, want 10 and 2", len(refused), len(blocked))
	}
	for _, e := range append(refused, blocked...) {
		if strings.Contains(string(e.Body)+string(e.Personal), wrong) || strings.Contains(string(e.Body), "novak") {
			t.Errorf("the journal says %s %s", e.Body, e.Personal)
		}
	}
	o.later(2 * time.Minute)
	if status, _, _ := try("novak", testPassword, ""); status != http.StatusSeeOther {
		t.Errorf("the right password a minute later: %d", status)
	}

	// From one address, whoever it says it is.
	_, err := o.DB.Exec(`UPDATE access_throttle SET tries = 99 WHERE id = 'ip:127.0.0.1'`)
	o.ok(err)
	o.unchanged(t, func() {
		if status, _, _ := try("benes", wrong, ""); status != http.StatusUnauthorized {
			t.Errorf("the hundredth try: %d", status)
		}
		if status, page, wait := try("fiala", testPassword, ""); status != http.StatusTooManyRequests || wait == "" || !strings.Contains(page, o.says("cs", "access.fault.too_many", 1)) {
			t.Errorf("anybody from that address: %d, wait %q", status, wait)
		}
	})
	o.later(20 * time.Minute)
	if status, _, _ := try("fiala", testPassword, ""); status != http.StatusSeeOther {
		t.Errorf("the right password later: %d", status)
	}
}

func TestTwoThingsInOneRequestMustBelongTogether(t *testing.T) {
	o := attacked(t)
	ctx := t.Context()
	alena, lenka := actor(t, o.App, "dvorakova"), actor(t, o.App, "horakova")

	// A comment is on one material, its author works on another.
	m := o.draft()
	raw, err := o.Documents.Command(ctx, alena, m.ID, "first", "comment.add", []byte(`{"kind":"advisory","text":"Dobře."}`))
	o.ok(err)
	var c documents.CommentView
	o.ok(json.Unmarshal(raw, &c))
	i := slices.IndexFunc(all(t, o.App, alena), func(x documents.Material) bool {
		return x.State == documents.Draft && x.Drafter == alena.ID && x.ID != m.ID
	})
	other := all(t, o.App, alena)[i]
	o.signIn("dvorakova")
	o.unchanged(t, func() {
		s := o.dial(t, "dvorakova", "", "en", other.ID)
		for _, command := range []string{"comment.reply", "comment.edit", "comment.withdraw", "comment.settle"} {
			s.command(t, command, command, fmt.Sprintf(`{"comment":%q,"kind":"formal","text":"x","outcome":"accepted","reasoning":"x"}`, c.ID))
			if r := s.reply(t, command); r.Error.Code != "not_found" || r.Error.Title != o.says("en", "documents.fault.comment_gone") {
				t.Errorf("%s: %+v", command, r)
			}
		}
		o.refused(t, ask{login: "dvorakova", path: "/documents/" + string(other.ID) + "/comments", form: url.Values{"command": {"comment.withdraw"}, "key": {"w"}, "comment": {string(c.ID)}}},
			http.StatusNotFound, "documents.fault.comment_gone")
	})

	// Ms Horáková approves what is not on the page before her.
	v, err := o.Documents.Freeze(ctx, alena, m.ID)
	o.ok(err)
	_, err = o.Documents.StartRoute(ctx, alena, v.ID, documents.Route{
		Approvers: []documents.Group{{Members: []security.ActorID{lenka.ID}, Rule: documents.All}},
		Signers:   []documents.Group{{Members: []security.ActorID{actor(t, o.App, "kolar").ID}, Rule: documents.All}},
	})
	o.ok(err)
	elsewhere := o.material(documents.Signing)
	o.signIn("horakova")
	o.ok(o.Settle(ctx))
	o.unchanged(t, func() {
		for _, decision := range []string{"approve", "reject"} {
			o.refused(t, ask{login: "horakova", path: "/documents/" + string(elsewhere.ID) + "/route/decision",
				form: url.Values{"version": {string(v.ID)}, "decision": {decision}, "reason": {"x"}}}, http.StatusNotFound, "fault.not_found")
		}
		o.refused(t, ask{login: "dvorakova", path: "/documents/" + string(elsewhere.ID) + "/route",
			form: url.Values{"version": {string(v.ID)}, "approvers1": {string(lenka.ID)}, "signers1": {string(lenka.ID)}}}, http.StatusNotFound, "fault.not_found")
	})

	// A batch belongs to its signer.
	pavel := actor(t, o.App, "kolar")
	basket, err := o.Signing.Basket(ctx, pavel)
	o.ok(err)
	mine := []signing.VersionID{basket[0].Version}
	intent, err := o.Signing.Confirm(ctx, pavel, mine)
	o.ok(err)
	batch, err := o.Signing.Authorise(ctx, pavel, mine, intent.Hash(), testPassword)
	o.ok(err)
	eventually(t, func() bool {
		b, _, err := o.Signing.Batch(ctx, pavel, batch)
		o.ok(err)
		return b.State.Ended()
	})
	eventually(t, func() bool {
		m, err := o.Documents.Version(ctx, security.System, documents.VersionID(mine[0]))
		o.ok(err)
		return m.State == "signed"
	})
	o.ok(o.Settle(ctx))
	o.signIn("vesela")
	o.unchanged(t, func() {
		at := "/signing/batches/" + string(batch)
		o.refused(t, ask{login: "vesela", path: at}, http.StatusNotFound, "signing.fault.no_batch")
		o.refused(t, ask{login: "vesela", path: at + "/cancel", form: url.Values{}}, http.StatusNotFound, "signing.fault.no_batch")
		o.refused(t, ask{login: "vesela", path: at + "/authorise", form: url.Values{"password": {testPassword}}}, http.StatusNotFound, "signing.fault.no_batch")
		status, page, _ := o.send(t, ask{login: "vesela", path: "/signing/confirm", form: url.Values{"version": {string(basket[1].Version)}}})
		if status < 400 || status >= 500 || strings.Contains(page, "signing.fault.") {
			t.Errorf("somebody else's version in the confirmation: %d %s", status, firstLines(page))
		}
	})
}

func TestADisabledAccountLosesItsLoginsAndItsConnections(t *testing.T) {
	o := attacked(t)
	doc := o.draft().ID
	token := o.token("novak", access.ScopeEdit, access.ScopeRead)
	s, plain := o.dial(t, "novak", "", "en", doc), o.dial(t, "", token, "cs", doc)
	if status, _, _ := o.send(t, ask{login: "novak", path: "/documents"}); status != http.StatusOK {
		t.Fatalf("before: %d", status)
	}
	petr := actor(t, o.App, "novak")
	o.ok(o.Accounts.Update(t.Context(), actor(t, o.App, "spravce"), petr.ID, access.Change{Unit: petr.Unit, Roles: petr.Roles, Disabled: true}))
	for _, s := range []socket{s, plain} {
		if code, reason := s.end(t); code != 4401 && code != 4403 || reason == "" || strings.HasPrefix(reason, "collab.") {
			t.Errorf("closed with %d %q", code, reason)
		}
	}
	if status, _, h := o.send(t, ask{login: "novak", path: "/documents"}); status != http.StatusSeeOther || !strings.HasPrefix(h.Get("Location"), "/sign-in") {
		t.Errorf("his page: %d %s", status, h.Get("Location"))
	}
	if status, body, _ := o.send(t, ask{path: "/api/v1/documents", lang: "en", header: map[string]string{"Authorization": "Bearer " + token}}); status != http.StatusUnauthorized || !strings.Contains(body, o.says("en", "fault.unauthenticated")) {
		t.Errorf("his token: %d %s", status, body)
	}
	if code, _ := o.connect(t, "novak", "", "cs", doc).end(t); code != 4401 {
		t.Errorf("a new connection: %d, want 4401", code)
	}
	if status, page, _ := o.send(t, ask{path: "/sign-in", form: url.Values{"login": {"novak"}, "password": {testPassword}}}); status != http.StatusUnauthorized || !strings.Contains(page, o.says("cs", "access.fault.wrong")) {
		t.Errorf("signing in again: %d", status)
	}
}

func TestACommandSentAgainHasOneEffect(t *testing.T) {
	o := attacked(t)
	doc := o.draft().ID
	martin := actor(t, o.App, "fiala")
	const args = `{"kind":"formal","text":"Jednou."}`
	count := func() int {
		cs, err := o.Documents.Comments(t.Context(), martin, doc)
		o.ok(err)
		return len(cs)
	}
	before, after := count(), o.now()
	a, b := o.dial(t, "fiala", "", "cs", doc), o.dial(t, "fiala", "", "en", doc)
	for _, s := range []socket{a, b, a} {
		s.command(t, "key-1", "comment.add", args)
	}
	for _, s := range []socket{a, b, a} {
		if r := s.reply(t, "key-1"); r.Error.Code != "" {
			t.Errorf("%+v", r)
		}
	}
	api := func(body string) ask {
		return ask{login: "fiala", path: "/api/v1/documents/" + string(doc) + "/comments", kind: "application/json", body: strings.NewReader(body), header: map[string]string{"Idempotency-Key": "key-1"}}
	}
	if status, body, _ := o.send(t, api(`{"name":"comment.add","args":`+args+`}`)); status != http.StatusOK || !strings.Contains(body, "Jednou.") {
		t.Errorf("the same over the API: %d %s", status, body)
	}
	o.refused(t, api(`{"name":"comment.add","args":{"kind":"formal","text":"Podruhé."}}`), http.StatusConflict, "documents.fault.command_reused")
	if n := count() - before; n != 1 {
		t.Errorf("%d comments, want 1", n)
	}
	if n := len(o.entries("documents.comment_added", after)); n != 1 {
		t.Errorf("%d entries, want 1", n)
	}
}
