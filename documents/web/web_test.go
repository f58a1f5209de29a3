package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"golang.org/x/net/html"

	"spolupis/collab"
	"spolupis/collab/crdt"
	collabstore "spolupis/collab/store"
	"spolupis/documents"
	"spolupis/documents/office"
	"spolupis/documents/register"
	"spolupis/documents/store"
	docweb "spolupis/documents/web"
	"spolupis/frontend"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
	"spolupis/security/fault"
	"spolupis/security/journal"
	"spolupis/security/web"
)

var everybody = map[string]security.Actor{
	"admin":   {ID: "p-admin", Name: "Adam Správný", Session: "s0", Roles: []security.Role{security.Administrator}},
	"drafter": {ID: "p-eva", Name: "Eva Nová", Unit: "doprava", Session: "s1", Roles: []security.Role{security.Drafter}},
	"jurist":  {ID: "p-olga", Name: "Olga Právní", Unit: "pravni", Session: "s3", Roles: []security.Role{security.Commenter}},
	"lawhead": {ID: "p-jana", Name: "Jana Vedoucí", Unit: "pravni", Session: "s6", Roles: []security.Role{security.Head}},
	"head":    {ID: "p-karel", Name: "Karel Vedoucí", Unit: "doprava", Session: "s4", Roles: []security.Role{security.Approver}},
	"signer":  {ID: "p-ivan", Name: "Ivan Hejtman", Session: "s5", Roles: []security.Role{security.Signer}},
}

// directory is the office's people and units.
type directory struct{}

func (directory) Person(_ context.Context, id security.ActorID) (access.Person, error) {
	for _, a := range everybody {
		if a.ID == id {
			return access.Person{ID: a.ID, Name: a.Name, Unit: a.Unit, UnitName: "Útvar " + string(a.Unit), Roles: a.Roles}, nil
		}
	}
	return access.Person{}, fault.NotFound
}

func (d directory) ByID(ctx context.Context, ids ...security.ActorID) (map[security.ActorID]access.Person, error) {
	out := map[security.ActorID]access.Person{}
	for _, id := range ids {
		if p, err := d.Person(ctx, id); err == nil {
			out[id] = p
		}
	}
	return out, nil
}

func (d directory) People(ctx context.Context, f access.PeopleFilter) (out []access.Person, err error) {
	for _, a := range everybody {
		if p, _ := d.Person(ctx, a.ID); f.Role == "" || p.Has(f.Role) {
			out = append(out, p)
		}
	}
	return out, nil
}

func (directory) Units(context.Context) ([]access.UnitInfo, error) {
	return []access.UnitInfo{{ID: "doprava", Name: "Odbor dopravy"}, {ID: "pravni", Name: "Odbor právní"},
		{ID: "finance", Name: "Odbor ekonomický"}, {ID: "skolstvi", Name: "Odbor školství"}, {ID: "zivotni", Name: "Odbor životního prostředí"}}, nil
}

type rooms struct{ *access.Rights }

func (r rooms) Right(ctx context.Context, who security.Actor, doc collab.DocumentID) (collab.Right, int64, error) {
	n, err := r.Epoch(ctx, who.ID, doc)
	return collab.Edit, n, err
}

func (r rooms) Epoch(ctx context.Context, who security.ActorID, doc collab.DocumentID) (int64, error) {
	return r.Rights.Epoch(ctx, who, access.Document(string(doc)))
}

// site is the pages of documents over real stores and real templates.
type site struct {
	t       *testing.T
	server  *httptest.Server
	kit     *web.Kit
	service *documents.Service
	store   *store.Store
	journal *journal.Journal
	hub     *collab.Hub
}

func serve(t *testing.T) *site {
	t.Helper()
	db := dbtest.SQLite(t, database.Set{Name: "journal", FS: journal.Migrations}, database.Set{Name: "access", FS: access.Migrations},
		database.Set{Name: "collab", FS: collabstore.Migrations}, database.Set{Name: "documents", FS: store.Migrations})
	s := &site{t: t}
	var mu sync.Mutex
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Millisecond)
		return now
	}
	var err error
	s.journal, err = journal.New(db, journal.Config{Now: clock})
	s.ok(err)
	rights := access.NewRights(db, s.journal)
	log := collabstore.New(db, collabstore.Config{Journal: s.journal, Now: clock})
	s.hub, err = collab.New(collab.Config{Log: log, Leases: log, Rights: rooms{rights}, Witness: log, Now: clock, View: documents.View})
	s.ok(err)
	t.Cleanup(func() {
		s.hub.Close()
		log.Close()
	})
	s.store = store.New(db, s.journal, rights)
	prague, err := time.LoadLocation("Europe/Prague")
	s.ok(err)
	s.service, err = documents.New(documents.Config{Store: s.store, Hub: s.hub, Rights: rights, People: directory{}, Reads: s.journal, Now: clock, Zone: prague})
	s.ok(err)
	tx, err := db.BeginTx(t.Context(), nil)
	s.ok(err)
	s.ok(rights.Grant(t.Context(), tx, security.System, access.Office, access.Administrator, access.Holders(security.Administrator)))
	s.ok(rights.Grant(t.Context(), tx, security.System, access.Office, access.Creator, access.Holders(security.Drafter)))
	s.ok(tx.Commit())
	pages, err := frontend.Open("")
	s.ok(err)
	s.kit = &web.Kit{Pages: pages, Log: slog.New(slog.DiscardHandler), Now: clock, Rights: rights.Can,
		Identify: func(r *http.Request) (security.Actor, error) { return everybody[r.Header.Get("As")], nil }}
	mux := chi.NewRouter()
	mux.Use(s.kit.Middleware)
	handler := docweb.New(s.kit, s.service, directory{})
	handler.Mount(mux)
	docweb.NewPrints(handler, "https://office.example").Mount(mux)
	docweb.NewCalendars(handler, "https://office.example").Mount(mux)
	reg, err := register.New(register.Config{Store: s.store.Register(), Rights: rights, Directory: directory{}, Now: clock, Zone: prague})
	s.ok(err)
	docweb.NewRegister(s.kit, reg, s.service).Mount(mux)
	s.server = httptest.NewServer(mux)
	t.Cleanup(s.server.Close)
	s.ok(s.service.CreateAgenda(t.Context(), everybody["admin"], documents.Agenda{ID: "rada", Name: "Materiály pro radu", Unit: "doprava", Numbering: "KULK {n}/{year}"}))
	return s
}

func (s *site) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// answer is what came back, redirects followed.
type answer struct {
	t      *testing.T
	status int
	url    string
	header http.Header
	body   string
}

func (s *site) do(as, method, path string, body io.Reader, header map[string]string) answer {
	s.t.Helper()
	r, err := http.NewRequest(method, s.server.URL+path, body)
	s.ok(err)
	r.Header.Set("As", as)
	for k, v := range header {
		r.Header.Set(k, v)
	}
	jar, err := cookiejar.New(nil) // for the flash on the page after
	s.ok(err)
	client := &http.Client{Jar: jar, CheckRedirect: func(next *http.Request, _ []*http.Request) error {
		next.Header.Set("As", as)
		return nil
	}}
	res, err := client.Do(r)
	s.ok(err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	s.ok(err)
	return answer{s.t, res.StatusCode, res.Request.URL.RequestURI(), res.Header, string(b)}
}

func (s *site) get(as, path string) answer { s.t.Helper(); return s.do(as, "GET", path, nil, nil) }

func (s *site) post(as, path string, form url.Values) answer {
	s.t.Helper()
	return s.do(as, "POST", path, strings.NewReader(form.Encode()), map[string]string{"Content-Type": "application/x-www-form-urlencoded"})
}

func (a answer) want(status int, texts ...string) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: status %d, want %d\n%s", a.url, a.status, status, a.text())
	}
	seen := a.text()
	for _, text := range texts {
		if !strings.Contains(seen, text) {
			a.t.Errorf("%s does not say %q:\n%s", a.url, text, seen)
		}
	}
	return a
}

// text is what a person reads on the page.
func (a answer) text() string {
	doc, err := html.Parse(strings.NewReader(a.body))
	if err != nil {
		return a.body
	}
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(doc)
	return strings.Join(strings.Fields(b.String()), " ")
}

const sample = "# Oprava mostu\n\nRada kraje schvaluje opravu mostu v celkové výši **4 250 000 Kč** z rozpočtu.\n\n| Rok | Částka |\n|---|---|\n| 2026 | 100 |\n"

// create makes a material through the form, with Markdown as a file.
func (s *site) create(title, markdown string) (string, answer) {
	s.t.Helper()
	a := s.upload(title, "material.md", []byte(markdown))
	return strings.TrimPrefix(a.url, "/documents/"), a
}

// upload sends the form of a new material with a file.
func (s *site) upload(title, name string, content []byte) answer {
	s.t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	form.WriteField("title", title)
	form.WriteField("agenda", "rada")
	form.WriteField("unit", "doprava")
	file, err := form.CreateFormFile("file", name)
	s.ok(err)
	file.Write(content)
	s.ok(form.Close())
	return s.do("drafter", "POST", "/documents", &b, map[string]string{"Content-Type": form.FormDataContentType()})
}

func (s *site) follow() {
	s.t.Helper()
	_, err := s.store.Follow(s.t.Context())
	s.ok(err)
}

// key reads the idempotency key out of the comments page.
func key(a answer) string {
	return regexp.MustCompile(`name="command" value="comment.add"><input type="hidden" name="key" value="([^"]+)"`).FindStringSubmatch(a.body)[1]
}

func TestTheLifeOfAMaterialByPlainForms(t *testing.T) {
	s := serve(t)
	id, a := s.create("Oprava mostu v Turnově", sample)
	a.want(200, "KULK 1/2026", "Oprava mostu v Turnově", "Koncept", "Eva Nová")
	doc := "/documents/" + id
	s.get("drafter", "/documents").want(200, "Oprava mostu v Turnově", "Odbor dopravy")
	s.get("drafter", "/documents?q=TURNOVE&state=draft&agenda=rada").want(200, "Oprava mostu v Turnově")
	s.get("drafter", "/documents?q=jinde").want(200, "Filtru neodpovídá žádný materiál")
	s.get("jurist", doc).want(404)
	text := s.get("drafter", doc+"/text").want(200, "4 250 000 Kč")
	if !strings.Contains(text.body, "<table>") || !strings.Contains(text.body, "<strong>4 250 000 Kč</strong>") {
		t.Errorf("the text has lost its table or bold:\n%s", text.body)
	}

	// A round; the jurist comments with a wording, the drafter accepts it.
	s.post("drafter", doc+"/round", url.Values{"unit_pravni": {"required"}, "days": {"5"}}).want(200, "Připomínkové kolo je zahájeno", "Odbor právní")
	s.get("jurist", "/").want(200, "Připomínkovat", "30. 11. 2026")
	page := s.get("jurist", doc+"/comments").want(200, "Žádné připomínky")
	add := url.Values{"command": {"comment.add"}, "key": {key(page)}, "kind": {"major"}, "text": {"Částka neodpovídá."}, "quote": {"4 250 000 Kč"}, "proposed": {"5 000 000 Kč"}}
	refused := s.post("jurist", doc+"/comments", add).want(422, "Zásadní připomínku je nutné odůvodnit.", "Částka neodpovídá.")
	if !strings.Contains(refused.body, `aria-describedby="e-reasoning"`) || !strings.Contains(refused.body, `id="e-reasoning"`) {
		t.Error("the error does not stand beside its field")
	}
	add.Set("reasoning", "Viz rozpočet.")
	s.post("jurist", doc+"/comments", add).want(200, "Uloženo", "4 250 000 Kč", "zásadní", "Viz rozpočet.")
	s.post("jurist", doc+"/comments", add).want(200, "celkem 1, nevypořádáno 1") // the same form twice
	s.get("lawhead", "/").want(200, "Potvrdit stanovisko útvaru")
	s.post("drafter", doc+"/freeze", nil).want(409, "běží připomínkové kolo")
	s.post("lawhead", doc+"/round/statement", url.Values{"act": {"state"}, "unit": {"pravni"}, "statement": {"remarks"}}).want(200, "Stanovisko je potvrzeno.", "s připomínkami", "Jana Vedoucí")
	s.get("drafter", "/").want(200, "Vypořádat připomínky (1)")
	s.post("drafter", doc+"/round", url.Values{"act": {"end"}}).want(200, "Připomínkové kolo je ukončeno.")
	s.post("drafter", doc+"/freeze", nil).want(409, "Nelze zmrazit: nevypořádané zásadní připomínky: 1.")
	page = s.get("drafter", doc+"/comments")
	comment := regexp.MustCompile(`name="comment" value="(c-[^"]+)"`).FindStringSubmatch(page.body)[1]
	s.post("drafter", doc+"/comments", url.Values{"command": {"comment.accept"}, "key": {"k1"}, "comment": {comment}}).want(200, "akceptováno", "zapracováno do textu", "Eva Nová")
	s.get("drafter", doc+"/text").want(200, "v celkové výši 5 000 000 Kč z rozpočtu")

	// Freeze, files, route, approval.
	s.post("drafter", doc+"/freeze", nil).want(200, "Znění je zmrazeno.", "Verze 1", "Zmrazeno")
	version := s.get("drafter", doc+"/versions/1").want(200, "Verze 1", "5 000 000 Kč", "document.pdf")
	vid := regexp.MustCompile(`<code>([0-9a-f]{64})</code>`).FindStringSubmatch(version.body)[1]
	if pdf := s.get("drafter", doc+"/versions/1/document.pdf").want(200); !strings.HasPrefix(pdf.body, "%PDF-") || pdf.header.Get("Content-Disposition") != `attachment; filename="KULK_1_2026-v1-document.pdf"` {
		t.Errorf("PDF %.20q %v", pdf.body, pdf.header)
	}
	s.get("drafter", doc+"/versions/1/document.md").want(200, "# Oprava mostu")
	s.get("drafter", doc+"/versions/1/manifest.json").want(200, `"canonical_md"`)
	s.get("drafter", doc+"/versions/2").want(404)
	s.get("drafter", doc+"/versions/x").want(404)
	s.get("drafter", doc+"/route").want(200, "Schvalovatelé, 1. skupina", "Karel Vedoucí")
	s.post("drafter", doc+"/route", url.Values{"version": {vid}}).want(422, "Vyberte alespoň jednoho")
	s.post("drafter", doc+"/route", url.Values{"version": {vid}, "approvers1": {"p-karel"}, "approvers1_rule": {"all"}, "signers1": {"p-ivan"}, "signers1_rule": {"all"}}).
		want(200, "Verze je poslána ke schválení.", "na řadě", "Ivan Hejtman")
	s.get("head", "/").want(200, "Schválit: Oprava mostu v Turnově")
	s.get("head", doc+"/route").want(200, "Jste na řadě")
	s.post("head", doc+"/route/decision", url.Values{"version": {vid}, "decision": {"reject"}}).want(422, "Napište, proč verzi vracíte.")
	s.post("head", doc+"/route/decision", url.Values{"version": {vid}, "decision": {"approve"}}).want(200, "Schválení je zapsáno.", "čeká na podpisy")
	s.post("head", doc+"/route/decision", url.Values{"version": {vid}, "decision": {"approve"}}).want(409, "Schvalování této verze už skončilo.")

	// A change after approval: new draft, comparison, notice.
	s.post("drafter", doc+"/draft", nil).want(200, "Píše se koncept 2. Poslední zmrazená je verze 1.")
	_, err := s.hub.Edit(t.Context(), everybody["drafter"], documents.MaterialID(id), func(d *crdt.Doc) error {
		d.Text("body").Insert(d.Text("body").Len(), " a dodatek", nil)
		return nil
	})
	s.ok(err)
	side := s.get("drafter", doc+"/compare?from=1&to=0").want(200, "1 změna.", "vloženo: a dodatek", "nezměněn")
	if !strings.Contains(side.body, "<ins>") || !strings.Contains(side.body, "<details") {
		t.Error("the comparison marks nothing or folds nothing")
	}
	s.get("drafter", doc+"/compare?from=1&to=0&view=column").want(200, "1 změna.")
	s.post("drafter", doc+"/freeze", nil).want(200, "Verze 2")
	notice := s.get("head", "/notices").want(200, "verzi 1, ke které jste jednali, nahradila verze 2")
	link := regexp.MustCompile(`/notices/\d+`).FindString(notice.body)
	if a := s.get("head", link).want(200); !strings.HasSuffix(a.url, doc+"/compare?from=1&to=2") {
		t.Errorf("the notice leads to %s, not to the change since his version", a.url)
	}
	s.get("jurist", link).want(404)
	s.post("head", "/notices", url.Values{"upto": {"100"}}).want(200, "Oznámení jsou označena")
	s.get("drafter", doc+"/versions").want(200, "Nahrazeno novější", "Verze 2")
	s.post("drafter", doc+"/versions/1/restore", nil).want(200, "Text verze 1 je nyní v konceptu.")

	s.follow()
	s.get("drafter", doc+"/history").want(200, "Znění zmrazeno jako verze 2", "Navržené znění zapracováno do textu", "Materiál čten", "Verze nahrazena novější")
	if a := s.get("jurist", doc+"/history").want(200, "Znění zmrazeno jako verze 1"); strings.Contains(a.text(), "Materiál čten") {
		t.Error("a commenter sees who read the material")
	}

	s.get("drafter", doc+"/authors").want(200, "Kdo co napsal", "Napsal(a) znaků", "1\u2060Rada kraje schvaluje", "Zobrazit i smazaný text")
	s.get("drafter", doc+"/authors?deleted=1").want(200, "Smazal(a) znaků", "1\u2060vypuštěno: ¶", "\u2060×1", "říká, kdo ho smazal", "Skrýt smazaný text")
	if a := s.get("jurist", doc+"/authors").want(200, "Kdo co napsal"); strings.Contains(a.text(), "deleted=1") {
		t.Error("a commenter is offered what was deleted")
	}
	if a := s.get("jurist", doc+"/authors?deleted=1"); a.status == 200 {
		t.Error("a commenter sees what was deleted")
	}
}

func TestACommentIsEditedAndAnchoredAgainByForms(t *testing.T) {
	s := serve(t)
	id, _ := s.create("Materiál", "Jediný odstavec.\n\nDruhý odstavec.\n")
	path := "/documents/" + id + "/comments"
	s.post("drafter", path, url.Values{"command": {"comment.add"}, "key": {"1"}, "kind": {"advisory"}, "text": {"Původní"}, "quote": {"Jediný odstavec."}}).want(200, "Původní")
	comment := regexp.MustCompile(`name="comment" value="(c-[^"]+)"`).FindStringSubmatch(s.get("drafter", path).body)[1]
	s.post("drafter", path, url.Values{"command": {"comment.edit"}, "key": {"2"}, "comment": {comment}, "kind": {"major"}, "text": {"Upravené"}}).want(422, "Zásadní připomínku je nutné odůvodnit.", "Upravené")
	s.post("drafter", path, url.Values{"command": {"comment.edit"}, "key": {"3"}, "comment": {comment}, "kind": {"formal"}, "text": {"Upravené"}, "delete": {"1"}}).want(200, "Upravené", "formální", "vypustit")
	_, err := s.hub.Edit(t.Context(), everybody["drafter"], documents.MaterialID(id), func(d *crdt.Doc) error {
		d.Text("body").Delete(0, d.Text("body").Len())
		d.Text("body").Insert(0, "Úplně nový text.", nil)
		return nil
	})
	s.ok(err)
	checkForms(t, path, s.get("drafter", path).want(200, "místo už v textu není", "Znovu ukotvit").body)
	s.post("drafter", path, url.Values{"command": {"comment.reanchor"}, "key": {"4"}, "comment": {comment}, "quote": {"není tam"}}).want(422, "Citace se musí v textu vyskytovat právě jednou.")
	a := s.post("drafter", path, url.Values{"command": {"comment.reanchor"}, "key": {"5"}, "comment": {comment}, "quote": {"nový text"}}).want(200, "nový text")
	if strings.Contains(a.text(), "místo už v textu není") {
		t.Error("still an orphan")
	}
}

func TestABrokenImportIsShownBesideItsFieldWithTheLine(t *testing.T) {
	s := serve(t)
	form := url.Values{"title": {"Nový"}, "agenda": {"rada"}, "markdown": {"dobrý\n\n" + strings.Repeat("x", 70<<10)}}
	a := s.post("drafter", "/documents", form).want(422, "Řádek 3: je delší než")
	if !strings.Contains(a.body, `id="e-markdown"`) || !strings.Contains(a.body, `value="Nový"`) {
		t.Error("the error is not beside the field, or the title was lost")
	}
	s.post("drafter", "/documents", url.Values{"title": {" "}, "agenda": {"rada"}}).want(422, "Uveďte název materiálu.")
	s.post("jurist", "/documents", url.Values{"title": {"x"}, "agenda": {"rada"}}).want(403)
	s.get("drafter", "/documents").want(200, "Zatím tu není žádný materiál.")
}

func TestTheCommentAPI(t *testing.T) {
	s := serve(t)
	id, _ := s.create("Materiál", sample)
	api := "/api/v1/documents/" + id + "/comments"
	send := func(as, key, body string) answer {
		return s.do(as, "POST", api, strings.NewReader(body), map[string]string{"Idempotency-Key": key, "Content-Type": "application/json"})
	}
	add := `{"name":"comment.add","args":{"kind":"advisory","text":"Ahoj","quote":"opravu mostu"}}`
	var first, second documents.CommentView
	s.ok(json.Unmarshal([]byte(send("drafter", "k", add).want(200).body), &first))
	s.ok(json.Unmarshal([]byte(send("drafter", "k", add).want(200).body), &second))
	if first.ID == "" || first.ID != second.ID || first.Quote != "opravu mostu" || first.Anchor == nil {
		t.Errorf("comments %+v and %+v", first, second)
	}
	send("drafter", "", add).want(422, "documents.fault.command_key")
	send("drafter", "x", "{").want(422, "documents.fault.command_args")
	send("drafter", "y", `{"name":"comment.add","args":{"kind":"advisory","text":"`+strings.Repeat("x", 300<<10)+`"}}`).want(413)
	send("jurist", "z", add).want(404)
	send("", "z", add).want(401)
	var list struct{ Comments []map[string]any }
	s.ok(json.Unmarshal([]byte(s.get("drafter", api).want(200).body), &list))
	if len(list.Comments) != 1 {
		t.Fatalf("comments %+v", list)
	}
	for _, field := range []string{"id", "document", "number", "kind", "state", "author", "at", "anchor", "quote", "prefix", "suffix", "block", "orphan", "text", "reasoning", "proposed", "replies", "settlement", "applied", "mine", "unit", "working", "twin", "standing"} {
		if _, ok := list.Comments[0][field]; !ok {
			t.Errorf("the comment lacks %q", field)
		}
	}
	s.get("drafter", "/api/v1/documents?state=draft").want(200, `"number":"KULK 1/2026"`)
}

func TestTheEditorPageIsWhatTheEditorExpects(t *testing.T) {
	s := serve(t)
	id, _ := s.create(`Most "Turnov" & <okolí>`, sample)
	a := s.get("drafter", "/documents/"+id+"/edit").want(200)
	doc, err := html.Parse(strings.NewReader(a.body))
	s.ok(err)
	found := map[string]string{}
	for n := range doc.Descendants() {
		for _, at := range n.Attr {
			if n.Data == "div" && (at.Key == "id" || strings.HasPrefix(at.Key, "data-")) {
				found[at.Key] = at.Val
			}
			if n.Data == "script" && at.Key == "src" {
				found["script"] = at.Val
			}
		}
	}
	var user struct{ ID, Name string }
	s.ok(json.Unmarshal([]byte(found["data-user"]), &user))
	if found["id"] != "editor" || found["data-document"] != id || found["data-title"] != `Most "Turnov" & <okolí>` || found["data-number"] != "KULK 1/2026" ||
		found["data-lang"] != "cs" || user.Name != "Eva Nová" || !strings.HasPrefix(found["script"], "/assets/editor.js?v=") {
		t.Errorf("mount point %v", found)
	}
	if !strings.Contains(a.body, "<noscript>") || !strings.Contains(a.body, "/documents/"+id+"/text") {
		t.Error("there is no way to the text without JavaScript")
	}
}

func TestEveryPageReadsInBothLanguages(t *testing.T) {
	s := serve(t)
	id, _ := s.create("Materiál", sample)
	s.post("drafter", "/documents/"+id+"/freeze", nil).want(200)
	s.follow()
	for _, path := range []string{"/", "/notices", "/documents", "/documents/new", "/documents/" + id, "/documents/" + id + "/text", "/documents/" + id + "/edit", "/documents/" + id + "/comments",
		"/documents/" + id + "/versions", "/documents/" + id + "/versions/1", "/documents/" + id + "/compare", "/documents/" + id + "/route", "/documents/" + id + "/history",
		"/documents/" + id + "/authors", "/documents/" + id + "/authors?deleted=1", s.upload("Z Wordu", "material.docx", docx(t)).url} {
		for _, lang := range []string{"cs", "en"} {
			a := s.do("drafter", "GET", path, nil, map[string]string{"Cookie": "lang=" + lang}).want(200)
			if m := regexp.MustCompile(`documents\.[a-z_]+(\.[a-z_]+)*`).FindString(strings.ReplaceAll(a.text(), "documents.css", "")); m != "" {
				t.Errorf("%s in %s shows the key %q", path, lang, m)
			}
			if lang == "en" && (strings.Contains(a.text(), "Připomínky") || strings.Contains(a.text(), "Uložit")) {
				t.Errorf("%s in English speaks Czech", path)
			}
			checkForms(t, path, a.body)
		}
	}
	s.get("admin", "/agendas/new").want(200, "KULK {n}/{year}")
	s.post("admin", "/agendas/new", url.Values{"id": {"a b"}, "name": {"X"}, "numbering": {"{n}/{year}"}}).want(422, "nesmí být prázdné")
	s.post("admin", "/agendas/new", url.Values{"id": {"ab"}, "name": {"Nová agenda"}, "unit": {"pravni"}, "numbering": {"{n}/{year}"}}).want(200, "Agenda Nová agenda je založena.")
	s.get("drafter", "/agendas/new").want(403)
}

// checkForms checks what a screen reader needs: every field has a label, ids
// are unique, there is one h1.
func checkForms(t *testing.T, path, body string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	ids, labelled, h1 := map[string]int{}, map[string]bool{}, 0
	var fields []string
	for n := range doc.Descendants() {
		a := map[string]string{}
		for _, at := range n.Attr {
			a[at.Key] = at.Val
		}
		if id := a["id"]; id != "" {
			ids[id]++
		}
		switch {
		case n.Data == "label" && a["for"] != "":
			labelled[a["for"]] = true
		case n.Data == "h1":
			h1++
		case (n.Data == "select" || n.Data == "textarea" || n.Data == "input" && a["type"] != "hidden") && n.Parent.Data != "label":
			fields = append(fields, a["id"])
		}
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("%s has id %q %d times", path, id, n)
		}
	}
	for _, f := range fields {
		if !labelled[f] {
			t.Errorf("%s has field %q without a label", path, f)
		}
	}
	if h1 != 1 {
		t.Errorf("%s has %d h1", path, h1)
	}
}

func TestEverySentenceThatCodeNamesIsInTheDictionaries(t *testing.T) {
	pages, err := frontend.Open("")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, dir := range []string{"..", ".", "../store"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			source, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`"(documents\.[a-z_]+\.[a-z0-9_]+)"`).FindAllStringSubmatch(string(source), -1) {
				if m[1] != "documents.fault.import_" && m[1] != "documents.fault.docx_" && m[1] != "documents.import.left_" { // completed by the code of the error, below
					want[m[1]] = true
				}
			}
			for _, m := range regexp.MustCompile(`entry\([a-z.A-Z]+, "(documents\.[a-z_]+)"|s\.event\(who, "(documents\.[a-z_]+)"`).FindAllStringSubmatch(string(source), -1) {
				if kind := m[1] + m[2]; kind != "documents.agenda_created" {
					want["documents.event."+kind] = true
				}
			}
			for _, m := range regexp.MustCompile(`s\.notice\([a-zA-Z.]+, "([a-z_]+)"`).FindAllStringSubmatch(string(source), -1) {
				want["documents.notice."+m[1]] = true
			}
		}
	}
	for _, s := range append([]documents.State{documents.Freezing, documents.Superseded, documents.Withdrawn}, documents.States...) {
		want["documents.state."+string(s)] = true
	}
	for _, o := range documents.Outcomes {
		want["documents.outcome."+string(o)] = true
	}
	for _, r := range security.Roles {
		want["documents.role."+string(r)] = true
	}
	for _, code := range []string{"size", "utf8", "line", "paragraph", "depth", "columns", "cells", "marks", "row"} {
		want["documents.fault.import_"+code] = true
	}
	for _, code := range office.Codes {
		want["documents.fault.docx_"+code] = true
	}
	for _, kind := range office.Kinds {
		want["documents.import.left_"+kind] = true
	}
	if len(want) < 180 {
		t.Fatalf("found only %d keys", len(want))
	}
	for k := range want {
		if _, ok := pages.Texts("cs")[k]; !ok {
			t.Errorf("no sentence %q", k)
		}
	}
}

func TestEveryRouteHasARule(t *testing.T) {
	s := serve(t)
	if len(s.kit.Routes()) < 30 {
		t.Fatalf("only %d routes", len(s.kit.Routes()))
	}
	for _, r := range s.kit.Routes() {
		if !r.Rule.Classified() {
			t.Errorf("%s %s is open to nobody knows whom", r.Method, r.Pattern)
		}
		path := strings.NewReplacer("{id}", "m-none", "{n}", "1").Replace(r.Pattern)
		if a := s.do("signer", r.Method, path, nil, nil); strings.Contains(r.Pattern, "{id}") && a.status != 404 {
			t.Errorf("%s %s of a material that is not there: %d, want 404", r.Method, path, a.status)
		}
	}
}
