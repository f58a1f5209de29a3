package web_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/xml"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"golang.org/x/net/html"

	"spolupis/citizen"
	"spolupis/citizen/store"
	"spolupis/citizen/web"
	"spolupis/frontend"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
	"spolupis/security/fault"
	"spolupis/security/journal"
	frame "spolupis/security/web"
)

// office is a running citizen side over SQLite. Who asks is told by the header
// X-Who; documents and rights are invented.
type office struct {
	*citizen.Service
	t       *testing.T
	db      *database.DB
	journal *journal.Journal
	server  *httptest.Server
	kit     *frame.Kit
	log     *bytes.Buffer
	now     time.Time
}

func (o *office) Document(_ context.Context, _ security.Actor, id citizen.DocumentID) (citizen.Document, error) {
	return citizen.Document{ID: id, Number: "KÚ 12/2026", Title: "Dotace <b>Sokol</b>", Agenda: "grants", AgendaName: "Dotace", UnitName: "Odbor kultury"}, nil
}

func (o *office) Agendas(context.Context, security.Actor) ([]citizen.Agenda, error) {
	return []citizen.Agenda{{ID: "grants", Name: "Dotace", UnitName: "Odbor kultury"}}, nil
}

func (o *office) Agenda(_ context.Context, _ security.Actor, id citizen.AgendaID) (citizen.Agenda, error) {
	return citizen.Agenda{ID: id, Name: "Dotace", UnitName: "Odbor kultury"}, nil
}

func (o *office) Can(_ context.Context, who security.Actor, act access.Act, on access.Object) error {
	switch {
	case on == "document:":
		return fault.NotFound
	case who.ID == "p-drafter" && act == access.Manage, (who.ID == "p-head" || who.ID == "p-second") && act == access.Publish, who.Known() && act == access.View:
		return nil
	}
	return fault.Denied
}

func (o *office) Names(_ context.Context, ids ...security.ActorID) (map[security.ActorID]string, error) {
	return map[security.ActorID]string{"p-head": "Hana Vedoucí", "p-second": "Dušan Druhý"}, nil
}

func (o *office) Final(context.Context, citizen.DocumentID) (citizen.Paper, error) {
	return citizen.Paper{ID: "v1", Title: "Usnesení o dotaci", Version: 1}, nil
}

func (o *office) PDF(context.Context, string) ([]byte, error) { return []byte("%PDF-1.7 signed"), nil }

func start(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), log: &bytes.Buffer{}}
	o.db = dbtest.SQLite(t, database.Set{Name: "journal", FS: journal.Migrations}, store.Set)
	clock := func() time.Time { return o.now }
	var err error
	if o.journal, err = journal.New(o.db, journal.Config{Now: clock}); err != nil {
		t.Fatal(err)
	}
	o.Service, err = citizen.New(citizen.Config{
		Store: store.New(o.db, o.journal, clock), Agendas: o, Documents: o, Papers: o, Rights: o, Reads: o.journal,
		Key: []byte("0123456789abcdef0123456789abcdef"), Now: clock, Rand: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := frontend.Open("")
	if err != nil {
		t.Fatal(err)
	}
	o.kit = &frame.Kit{
		Pages: pages, Log: slog.New(slog.NewTextHandler(o.log, nil)), Now: clock, Rights: o.Can,
		Identify: func(r *http.Request) (security.Actor, error) {
			id := r.Header.Get("X-Who")
			if id == "" {
				return security.Actor{}, nil
			}
			return security.Actor{ID: security.ActorID(id), Session: id, Name: id}, nil
		},
	}
	mux := chi.NewRouter()
	(&web.Handler{Kit: o.kit, Citizen: o.Service, People: o}).Mount(mux)
	o.server = httptest.NewServer(o.kit.Middleware(mux))
	t.Cleanup(o.server.Close)
	return o
}

// visitor is a browser without scripts.
type visitor struct {
	o      *office
	who    string
	client *http.Client
}

func (o *office) visitor(who string) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		o.t.Fatal(err)
	}
	return &visitor{o, who, &http.Client{Jar: jar}}
}

type answer struct {
	status int
	url    string
	header http.Header
	body   string
}

func (v *visitor) do(method, path string, form url.Values) answer {
	v.o.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = v.o.server.URL + path
	}
	req, err := http.NewRequest(method, path, strings.NewReader(form.Encode()))
	if err != nil {
		v.o.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if v.who != "" {
		req.Header.Set("X-Who", v.who)
	}
	res, err := v.client.Do(req)
	if err != nil {
		v.o.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		v.o.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Request.URL.String(), res.Header, string(body)}
}

func (v *visitor) get(path string) answer                   { return v.do(http.MethodGet, path, nil) }
func (v *visitor) post(path string, form url.Values) answer { return v.do(http.MethodPost, path, form) }

// opened opens the agenda to the public and a matter, through the pages, and
// returns the number, the code and the matter's id as printed.
func (o *office) opened() (number, code, id string) {
	o.t.Helper()
	form := url.Values{"do": {"propose"}, "mode": {"T2"}, "unit": {"yes"}, "official": {"position"}, "subject": {"generic"}, "dates": {"day"}, "documents": {"public_files"},
		"retention_days": {"90"}, "legal_basis": {"§ 38 správního řádu"},
		"stage": {"received", "registered", "in_progress", "waiting_for_you", "in_approval", "approved", "signed", "dispatched"}}
	if a := o.visitor("p-head").post("/agendas/grants/scope", form); a.status != 200 || !strings.Contains(a.body, "čeká na schválení") {
		o.t.Fatalf("propose: %d\n%s", a.status, o.log)
	}
	if a := o.visitor("p-second").post("/agendas/grants/scope/1", url.Values{"do": {"approve"}}); a.status != 200 {
		o.t.Fatalf("approve: %d", a.status)
	}
	a := o.visitor("p-drafter").post("/documents/d1/matter", url.Values{"rule": {"administrative"}, "generic": {"Žádost o dotaci"}, "full": {"Žádost spolku LEAK"},
		"contact_position": {"referentka"}, "contact_name": {"Jana LEAK"}, "received": {"2026-11-22"}})
	if a.status != 200 || !strings.HasSuffix(a.url, "/confirmation") {
		o.t.Fatalf("open: %d %s\n%s", a.status, a.url, a.body)
	}
	keys := regexp.MustCompile(`<dd class="key">([^<]+)</dd>`).FindAllStringSubmatch(a.body, -1)
	if len(keys) != 2 {
		o.t.Fatalf("the confirmation shows %v", keys)
	}
	return keys[0][1], keys[1][1], strings.Split(a.url, "/")[4]
}

func (o *office) happened(kind string) {
	o.t.Helper()
	o.now = o.now.Add(time.Hour)
	tx, err := o.db.BeginTx(context.Background(), nil)
	if err != nil {
		o.t.Fatal(err)
	}
	defer tx.Rollback()
	if err := o.journal.Append(context.Background(), tx, journal.Entry{Kind: kind, Subject: "document:d1", Actor: "p-LEAK", Body: []byte(`{"x":"LEAK"}`)}); err != nil {
		o.t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		o.t.Fatal(err)
	}
	if _, err := o.Store.Follow(context.Background()); err != nil {
		o.t.Fatal(err)
	}
}

// find returns the elements that ok accepts.
func find(t *testing.T, body string, ok func(*html.Node) bool) []*html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var out []*html.Node
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && ok(n) {
			out = append(out, n)
		}
	}
	return out
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func TestCitizenReadsTheStateWithoutScript(t *testing.T) {
	o := start(t)
	number, code, _ := o.opened()
	o.happened("documents.round_started")
	o.happened("documents.route_started")
	v := o.visitor("")
	a := v.post("/stav", url.Values{"number": {number}, "code": {code}})
	if a.status != 200 || !strings.HasSuffix(a.url, "/stav/"+number) {
		t.Fatalf("entered: %d at %s", a.status, a.url)
	}
	now := find(t, a.body, func(n *html.Node) bool { return attr(n, "aria-current") == "step" })
	if len(now) != 1 || !strings.HasPrefix(text(now[0]), "Návrh se schvaluje nyní") {
		t.Errorf("current steps: %d, want one: in approval", len(now))
	}
	for _, want := range []string{"Zákonná lhůta: do 22.\u00a012.\u00a02026", "Odbor kultury", "referentka", "Údaje jsou pouze informativní, nemají procesní účinky.", "Co zde vidíte a\u00a0co ne", "Nyní nemusíte nic dělat", "Žádost o\u00a0dotaci"} {
		if !strings.Contains(a.body, want) && !strings.Contains(a.body, strings.ReplaceAll(want, "o\u00a0", "o ")) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(a.body, "LEAK") {
		t.Error("the page tells what the scope does not open")
	}
	if len(a.body) > 30<<10 {
		t.Errorf("the page has %d bytes, want at most 30 KiB", len(a.body))
	}
	if n := find(t, a.body, func(n *html.Node) bool {
		return n.Data == "script" || n.Data == "img" || n.Data == "iframe" || attr(n, "style") != ""
	}); len(n) != 0 {
		t.Errorf("the page has scripts, images, frames or inline styles: %s", n[0].Data)
	}
	for _, n := range find(t, a.body, func(n *html.Node) bool { return n.Data == "a" || n.Data == "link" || n.Data == "form" }) {
		for _, at := range []string{attr(n, "href"), attr(n, "action")} {
			if u, err := url.Parse(at); err != nil || u.Host != "" && u.Host != strings.TrimPrefix(o.server.URL, "http://") {
				t.Errorf("the page leads to a third party: %s", at)
			}
			if strings.Contains(at, code) {
				t.Errorf("the page puts the code into an address: %s", at)
			}
		}
	}
	for header, want := range map[string]string{"X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"} {
		if !strings.Contains(a.header.Get(header), want) {
			t.Errorf("%s: %q, want %q", header, a.header.Get(header), want)
		}
	}
}

func TestPassStaysOnItsOwnPage(t *testing.T) {
	o := start(t)
	number, code, _ := o.opened()
	v := o.visitor("")
	v.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	a := v.post("/stav", url.Values{"number": {number}, "code": {code}})
	c := a.header.Get("Set-Cookie")
	for _, want := range []string{"Path=/stav/" + number, "HttpOnly", "SameSite=Lax", "Max-Age=1800"} {
		if !strings.Contains(c, want) {
			t.Errorf("cookie %q, want %q in it", c, want)
		}
	}
	if strings.Contains(c, code) || strings.Contains(a.header.Get("Location"), strings.ReplaceAll(code, "-", "")) {
		t.Error("the code is in the cookie or the address")
	}
	if b := o.visitor("").get("/stav/" + number); b.status != 200 || strings.Contains(b.body, "Odbor kultury") || !strings.Contains(b.body, `value="`+number+`"`) {
		t.Errorf("without the cookie: %d, want the form with the number filled in", b.status)
	}
	if a := v.post("/stav/"+number+"/leave", nil); !strings.Contains(a.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("leaving keeps the cookie: %q", a.header.Get("Set-Cookie"))
	}
	if strings.Contains(o.log.String(), code) {
		t.Error("the log holds the code")
	}
}

func TestWrongNumberAndWrongCodeLookTheSame(t *testing.T) {
	o := start(t)
	number, code, _ := o.opened()
	other := "2026-000-001"
	if number == other {
		other = "2026-000-002"
	}
	a := o.visitor("").post("/stav", url.Values{"number": {number}, "code": {"00000-00000"}})
	b := o.visitor("").post("/stav", url.Values{"number": {other}, "code": {code}})
	if a.status != http.StatusForbidden || b.status != a.status {
		t.Errorf("statuses %d and %d, want 403 twice", a.status, b.status)
	}
	if strings.ReplaceAll(a.body, number, "N") != strings.ReplaceAll(b.body, other, "N") {
		t.Error("the pages differ")
	}
	for k := range a.header {
		if k != "Date" && k != "Content-Length" && a.header.Get(k) != b.header.Get(k) {
			t.Errorf("header %s differs: %q and %q", k, a.header.Get(k), b.header.Get(k))
		}
	}
	if strings.Contains(a.body, "00000-00000") || strings.Contains(b.body, code) {
		t.Error("the page repeats the code that was typed")
	}
	a, b = o.visitor("").get("/stav/"+number), o.visitor("").get("/stav/"+other)
	if a.status != b.status || strings.ReplaceAll(a.body, number, "N") != strings.ReplaceAll(b.body, other, "N") {
		t.Error("the address of a real number looks different from that of an invented one")
	}
}

func TestTooManyTriesGetAClearAnswer(t *testing.T) {
	o := start(t)
	number, _, _ := o.opened()
	var a answer
	for range citizen.DefaultLimits.PerNumber + 1 {
		a = o.visitor("").post("/stav", url.Values{"number": {number}, "code": {"00000-00000"}})
	}
	if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "900" || !strings.Contains(a.body, "Příliš mnoho pokusů. Zkuste to znovu za 15") {
		t.Errorf("after too many tries: %d, Retry-After %q", a.status, a.header.Get("Retry-After"))
	}
}

func TestConfirmationShowsTheCodeOnce(t *testing.T) {
	o := start(t)
	v := o.visitor("p-drafter")
	a := v.post("/documents/d1/matter", url.Values{"rule": {"administrative"}, "generic": {"Žádost"}})
	code := regexp.MustCompile(`<dd class="key">(\w{5}-\w{5})</dd>`).FindStringSubmatch(a.body)
	if code == nil {
		t.Fatalf("no code on the confirmation:\n%s", a.body)
	}
	if strings.Contains(a.url, code[1]) {
		t.Error("the code is in the address")
	}
	if len(find(t, a.body, func(n *html.Node) bool { return n.Data == "svg" })) != 1 {
		t.Error("the confirmation has no square code")
	}
	if again := v.get(a.url); again.status != 200 || strings.Contains(again.body, code[1]) {
		t.Errorf("the second look: %d, shows the code: %v", again.status, strings.Contains(again.body, code[1]))
	}
	id := strings.Split(a.url, "/")[4]
	b := v.post("/matters/"+id+"/code", nil)
	fresh := regexp.MustCompile(`<dd class="key">(\w{5}-\w{5})</dd>`).FindStringSubmatch(b.body)
	if fresh == nil || fresh[1] == code[1] {
		t.Errorf("reissued code: %v, want a new one", fresh)
	}
	if other := o.visitor("p-head").get("/matters/" + id); other.status != http.StatusForbidden {
		t.Errorf("somebody without the right: %d, want 403", other.status)
	}
	if missing := v.get("/matters/0000"); missing.status != http.StatusNotFound {
		t.Errorf("a matter that is not there: %d, want 404", missing.status)
	}
}

func TestFeedIsAtomAndAnswersNotModified(t *testing.T) {
	o := start(t)
	number, code, _ := o.opened()
	o.happened("documents.round_started")
	v := o.visitor("")
	page := v.post("/stav", url.Values{"number": {number}, "code": {code}})
	link := find(t, page.body, func(n *html.Node) bool { return attr(n, "rel") == "alternate" })
	if len(link) != 1 {
		t.Fatal("the page does not announce its feed")
	}
	reader := o.visitor("")
	a := reader.get(attr(link[0], "href"))
	if a.status != 200 || a.header.Get("Content-Type") != "application/atom+xml; charset=utf-8" {
		t.Fatalf("feed: %d %s", a.status, a.header.Get("Content-Type"))
	}
	var f struct {
		XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
		ID      string   `xml:"id"`
		Title   string   `xml:"title"`
		Updated string   `xml:"updated"`
		Author  string   `xml:"author>name"`
		Entries []struct {
			ID      string `xml:"id"`
			Title   string `xml:"title"`
			Updated string `xml:"updated"`
		} `xml:"entry"`
	}
	if err := xml.Unmarshal([]byte(a.body), &f); err != nil {
		t.Fatal(err)
	}
	if f.ID == "" || f.Title == "" || f.Author == "" || len(f.Entries) != 2 || f.Entries[0].Title != "Věc posuzujeme" || f.Updated != f.Entries[0].Updated {
		t.Errorf("feed %+v", f)
	}
	if strings.Contains(a.body, "LEAK") {
		t.Error("the feed tells what the scope does not open")
	}
	req, err := http.NewRequest(http.MethodGet, a.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("If-None-Match", a.header.Get("ETag"))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusNotModified {
		t.Errorf("unchanged feed: %d, want 304", res.StatusCode)
	}
	o.happened("documents.route_started")
	res, err = http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 {
		t.Errorf("changed feed: %d, want 200", res.StatusCode)
	}
	if bad := reader.get(strings.Replace(a.url, ".atom", "x.atom", 1)); bad.status != http.StatusNotFound {
		t.Errorf("a wrong token: %d, want 404", bad.status)
	}
}

func TestFinalDocumentIsOfferedOnlyWhenSigned(t *testing.T) {
	o := start(t)
	number, code, id := o.opened()
	v := o.visitor("")
	v.post("/stav", url.Values{"number": {number}, "code": {code}})
	if a := v.get("/stav/" + number + "/document.pdf"); a.status != http.StatusNotFound {
		t.Errorf("before the signature: %d, want 404", a.status)
	}
	o.happened("documents.signed") // an hour later: the page has closed
	if a := v.post("/stav", url.Values{"number": {number}, "code": {code}}); !strings.Contains(a.body, "Usnesení o dotaci") {
		t.Error("the page does not name the signed document")
	}
	if a := v.get("/stav/" + number + "/document.pdf"); a.status != 200 || !strings.HasPrefix(a.body, "%PDF") {
		t.Errorf("after the signature: %d", a.status)
	}
	if a := o.visitor("p-drafter").get("/matters/" + id); !strings.Contains(a.body, "Usnesení o dotaci") {
		t.Error("what the official is shown as the citizen's view lacks the document")
	}
	if a := o.visitor("").get("/stav/" + number + "/document.pdf"); a.status != http.StatusNotFound {
		t.Errorf("without the code: %d, want 404", a.status)
	}
}

func TestScopeIsPreviewedBeforeItTakesEffect(t *testing.T) {
	o := start(t)
	number, code, _ := o.opened()
	o.happened("documents.route_started")
	form := url.Values{"do": {"preview"}, "mode": {"T2"}, "stage": {"received"}, "subject": {"full"}, "retention_days": {"90"}, "legal_basis": {"zákon"}}
	a := o.visitor("p-head").post("/agendas/grants/scope", form)
	if a.status != 200 {
		t.Fatalf("preview: %d", a.status)
	}
	for _, want := range []string{"Nově uvidí", "úplný předmět věci", "Už neuvidí", "krok: Schvalování návrhu", "Takto to uvidí občan", number} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the preview does not say %q", want)
		}
	}
	v := o.visitor("")
	if p := v.post("/stav", url.Values{"number": {number}, "code": {code}}); !strings.Contains(p.body, "Návrh se schvaluje") {
		t.Error("a preview changed what the citizen sees")
	}
	form.Set("do", "propose")
	form.Del("legal_basis")
	if a := o.visitor("p-head").post("/agendas/grants/scope", form); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "Uveďte právní důvod") {
		t.Errorf("a proposal without a legal basis: %d", a.status)
	}
	if a := o.visitor("p-drafter").post("/agendas/grants/scope", form); a.status != http.StatusForbidden {
		t.Errorf("a proposal without the right: %d, want 403", a.status)
	}
}

func TestEveryPageOfTheOfficeSaysWhatItIs(t *testing.T) {
	o := start(t)
	_, _, id := o.opened()
	drafter, head := o.visitor("p-drafter"), o.visitor("p-head")
	if a := drafter.post("/matters/"+id+"/steps", url.Values{"stage": {"waiting_for_you"}, "at": {"2026-11-22"}, "until": {"2026-12-01"}}); a.status != 200 || !strings.Contains(a.body, "Krok je zaznamenaný") {
		t.Errorf("recording a step: %d", a.status)
	}
	if a := drafter.post("/matters/"+id+"/steps", url.Values{"stage": {"waiting_for_you"}, "at": {"včera"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a day nobody can read: %d, want 422", a.status)
	}
	for _, c := range []struct {
		v    *visitor
		path string
	}{{drafter, "/documents/d2/matter"}, {drafter, "/matters/" + id}, {drafter, "/matters/" + id + "/confirmation"}, {head, "/agendas"}, {head, "/agendas/grants/scope"}, {o.visitor(""), "/stav"}} {
		for _, lang := range []string{"cs", "en"} {
			u, _ := url.Parse(o.server.URL)
			c.v.client.Jar.SetCookies(u, []*http.Cookie{{Name: "lang", Value: lang}})
			a := c.v.get(c.path)
			if h := find(t, a.body, func(n *html.Node) bool { return n.Data == "h1" }); a.status != 200 || len(h) != 1 {
				t.Errorf("%s in %s: %d, %d main headings", c.path, lang, a.status, len(h))
			}
			if i := strings.Index(a.body, "citizen."); i >= 0 {
				t.Errorf("%s in %s shows a dictionary key: %.60s", c.path, lang, a.body[i:])
			}
			for _, n := range find(t, a.body, func(n *html.Node) bool { return n.Data == "input" || n.Data == "select" }) {
				id := attr(n, "id")
				labelled := attr(n, "type") == "hidden" || n.Parent.Data == "label" ||
					len(find(t, a.body, func(l *html.Node) bool { return l.Data == "label" && attr(l, "for") == id })) == 1
				if !labelled {
					t.Errorf("%s: field %s has no label", c.path, attr(n, "name"))
				}
			}
		}
	}
}

func TestEveryRouteIsClassified(t *testing.T) {
	for _, r := range start(t).kit.Routes() {
		if !r.Rule.Classified() {
			t.Errorf("%s %s has no rule", r.Method, r.Pattern)
		}
	}
}
