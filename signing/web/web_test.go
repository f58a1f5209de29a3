package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"spolupis/frontend"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
	"spolupis/security/fault"
	"spolupis/security/journal"
	"spolupis/security/web"
	"spolupis/security/web/webtest"
	"spolupis/signing"
	"spolupis/signing/keys"
	"spolupis/signing/seal"
	"spolupis/signing/signingtest"
	"spolupis/signing/store"
	signingweb "spolupis/signing/web"
)

// site is the pages of signing on a real database, with Jana signed in unless the header X-Who says otherwise.
type site struct {
	t       *testing.T
	docs    *signingtest.Documents
	journal *journal.Journal
	signing *signing.Service
	kit     *web.Kit
	router  chi.Router
	empty   bool // nobody is signed in
	http.Handler
}

type people struct{}

func (people) Name(_ context.Context, id security.ActorID) (string, error) {
	return map[security.ActorID]string{"p-jana": "Jana Nováková", "p-petr": "Petr Dvořák"}[id], nil
}

const password = "tajné heslo Jany"

func open(t *testing.T) *site {
	t.Helper()
	db := dbtest.SQLite(t, database.Set{Name: "journal", FS: journal.Migrations}, database.Set{Name: "signing", FS: store.Migrations})
	s := &site{t: t, docs: &signingtest.Documents{}}
	var err error
	if s.journal, err = journal.New(db, journal.Config{}); err != nil {
		t.Fatal(err)
	}
	folder, err := keys.Open(filepath.Join(t.TempDir(), "keys"), keys.Config{People: people{}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := frontend.Open("")
	if err != nil {
		t.Fatal(err)
	}
	s.signing, err = signing.New(signing.Config{
		Store: store.New(db, s.journal, time.Now), Documents: s.docs, Keys: folder, Stamper: keys.Local{Authority: folder.Authority()}, People: people{},
		Trust: folder.Trust, Now: time.Now, Reads: s.journal, Reason: signingweb.Reason(pages),
		Authorise: func(_ context.Context, _ security.Actor, secret, _ string) error {
			if secret != password {
				return fault.Unauthenticated
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.kit = &web.Kit{Pages: pages, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: time.Now,
		Identify: func(r *http.Request) (security.Actor, error) {
			switch r.Header.Get("X-Who") {
			case "":
				if s.empty {
					return security.Actor{}, nil
				}
				return security.Actor{ID: "p-jana", Name: "Jana Nováková", Session: "s1"}, nil
			}
			return security.Actor{ID: "p-petr", Name: "Petr Dvořák", Session: "s2", Roles: []security.Role{security.Role(r.Header.Get("X-Who"))}}, nil
		},
		Rights: func(_ context.Context, _ security.Actor, _ access.Act, on access.Object) error {
			if strings.HasPrefix(string(on), "document:m") {
				return nil
			}
			return fault.NotFound
		}}
	s.router = chi.NewRouter()
	signingweb.New(s.kit, s.signing).Mount(s.router)
	s.Handler = s.kit.Middleware(s.router)
	return s
}

func (s *site) ask(m signing.MaterialID, number int) signing.VersionID {
	s.t.Helper()
	id := s.docs.Put(signing.VersionInfo{ID: signing.VersionID(strings.Repeat("ab", 30) + string(m[len(m)-2:]) + string(rune('0'+number)) + "0"), Material: m,
		MaterialNumber: "KUKV " + string(m), Title: "Dotace <" + string(m) + ">", Number: number, State: "approved"})
	if err := s.signing.Request(s.t.Context(), id, [][]security.ActorID{{"p-jana"}}); err != nil {
		s.t.Fatal(err)
	}
	return id
}

func (s *site) do(method, path string, form url.Values, header ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// see fails unless the answer has the status and every text.
func (s *site) see(w *httptest.ResponseRecorder, status int, texts ...string) string {
	s.t.Helper()
	body := w.Body.String()
	if w.Code != status {
		s.t.Fatalf("status %d, want %d\n%s", w.Code, status, body)
	}
	for _, text := range texts {
		if !strings.Contains(body, text) {
			s.t.Errorf("the page does not say %q\n%s", text, body)
		}
	}
	if strings.Contains(body, "signing.") && strings.Contains(body, "<main") && regexp.MustCompile(`>[^<]*\bsigning\.[a-z_.]+`).MatchString(body) {
		s.t.Errorf("a key shows through: %s", regexp.MustCompile(`>[^<]*\bsigning\.[a-z_.]+`).FindString(body))
	}
	return body
}

func (s *site) work() {
	s.t.Helper()
	for {
		worked, err := s.signing.Work(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		if !worked {
			return
		}
	}
}

var listField = regexp.MustCompile(`name="list" value="([0-9a-f]{64})"`)

func TestASignerGoesThroughTheBasketWithoutJavaScript(t *testing.T) {
	s := open(t)
	a, b := s.ask("m1", 1), s.ask("m2", 1)
	s.see(s.do("GET", "/signing", nil), 200, "Na váš podpis čekají 2 dokumenty", "KUKV m1", "Dotace &lt;m2&gt;", "Neotevřeno", "NEKVALIFIKOVANÝ – zkušební klíč")
	if body := s.see(s.do("GET", "/signing?all=1", nil), 200); strings.Count(body, " checked") != 2 {
		t.Error("not all are selected")
	}
	w := s.do("GET", "/signing/open/"+string(a), nil)
	s.see(w, 303)
	if got := w.Header().Get("Location"); got != "/documents/m1/versions/1" {
		t.Errorf("opened at %q", got)
	}
	s.see(s.do("GET", "/signing", nil), 200, "Otevřeno, beze změny")
	s.see(s.do("POST", "/signing/confirm", url.Values{}), 422, "Vyberte aspoň jeden dokument")

	chosen := url.Values{"version": {string(a), string(b)}}
	confirm := s.see(s.do("POST", "/signing/confirm", chosen), 200, "Podepsat 2 dokumenty", "KUKV m1", "KUKV m2", "časovým razítkem", "1 dokument ze seznamu jste neotevřeli", "NEKVALIFIKOVANÝ")
	chosen.Set("list", listField.FindStringSubmatch(confirm)[1])
	chosen.Set("password", "wrong")
	s.see(s.do("POST", "/signing/batches", chosen), 422, "Heslo není správné. Nic nebylo podepsáno.", "KUKV m1", `aria-invalid="true"`)
	chosen.Set("password", password)
	w = s.do("POST", "/signing/batches", chosen)
	s.see(w, 303)
	at := w.Header().Get("Location")
	s.see(s.do("GET", at, nil), 200, "Podepsáno 0 z 2", `<noscript><meta http-equiv="refresh"`, "Okno můžete zavřít", "Ve frontě")
	s.work()
	done := s.see(s.do("GET", at, nil), 200, "Podepsáno 2 z 2", "Dokončeno", "/signing/versions/"+string(a)+"/signed.pdf")
	if strings.Contains(done, "refresh") {
		t.Error("a finished batch refreshes for ever")
	}
	s.see(s.do("GET", at, nil, "X-Who", "signer"), 404)
	s.see(s.do("GET", "/signing", nil), 200, "Nic nečeká na váš podpis", "Dokončeno")
	s.see(s.do("GET", "/signing", nil, "Cookie", "lang=en"), 200, "Nothing waits for your signature")
}

func (s *site) sign(v ...signing.VersionID) signing.BatchID {
	s.t.Helper()
	jana := security.Actor{ID: "p-jana", Name: "Jana Nováková"}
	in, err := s.signing.Confirm(s.t.Context(), jana, v)
	if err != nil {
		s.t.Fatal(err)
	}
	id, err := s.signing.Authorise(s.t.Context(), jana, v, in.Hash(), password)
	if err != nil {
		s.t.Fatal(err)
	}
	s.work()
	return id
}

func TestTheReportSaysWhoSignedWhatAndThatItIsNotQualified(t *testing.T) {
	s := open(t)
	v := s.ask("m1", 4)
	s.see(s.do("GET", "/signing/versions/"+string(v), nil), 200, "zatím není podepsána", "Jana Nováková", "Čeká na podpis")
	s.sign(v)
	s.see(s.do("GET", "/signing/versions/"+string(v), nil), 200, "Podpis souhlasí", "NEKVALIFIKOVANÝ podpis.", "NEKVALIFIKOVANÝ – zkušební klíč", "Jana Nováková",
		"PAdES B-T", "podle časového razítka", "verze 4", "KUKV m1, verze 4 – NEKVALIFIKOVANÝ – zkušební klíč")
	s.docs.Put(signing.VersionInfo{Material: "m1", Number: 5, State: "frozen"})
	s.see(s.do("GET", "/signing/versions/"+string(v), nil), 200, "Podpis platí k verzi 4; existuje verze 5.", "/documents/m1/compare?from=4&amp;to=5")

	w := s.do("GET", "/signing/versions/"+string(v)+"/signed.pdf", nil)
	s.see(w, 200)
	var report struct {
		Newer  int         `json:"newer"`
		Report seal.Report `json:"report"`
	}
	if err := json.Unmarshal(s.do("GET", "/api/v1/signing/versions/"+string(v), nil).Body.Bytes(), &report); err != nil || report.Newer != 5 ||
		report.Report.Indication != seal.Passed || report.Report.Size != w.Body.Len() || report.Report.Signatures[0].Qualified {
		t.Errorf("got %+v, %v", report, err)
	}
	s.see(s.do("GET", "/signing/versions/unknown", nil), 404)
	entries, err := s.journal.Read(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	reads := 0
	for _, e := range entries {
		if e.Kind == "signing.read" && e.Subject == "version:"+string(v) && e.Actor == "p-jana" {
			reads++
		}
	}
	if reads == 0 {
		t.Error("reading a signed document is not in the journal")
	}
}

func TestAnybodyInTheOfficeCanCheckAFile(t *testing.T) {
	s := open(t)
	v := s.ask("m1", 1)
	s.sign(v)
	pdf := s.do("GET", "/signing/versions/"+string(v)+"/signed.pdf", nil).Body.Bytes()
	s.see(s.upload(pdf), 200, "Podpis souhlasí", "Jana Nováková")
	spoilt := bytes.Clone(pdf)
	spoilt[300] ^= 1
	s.see(s.upload(spoilt), 200, "Podpis neplatí")
	s.see(s.upload([]byte("<script>alert(1)</script>")), 200, "Podpis neplatí")
	s.see(s.upload(nil), 422, "Vyberte soubor PDF")
	s.see(s.do("POST", "/signing/check", url.Values{}), 422, "Vyberte soubor PDF")
}

func (s *site) upload(b []byte) *httptest.ResponseRecorder {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", `podpis"<b>.pdf`)
	if err != nil {
		s.t.Fatal(err)
	}
	part.Write(b)
	form.Close()
	r := httptest.NewRequest("POST", "/signing/check", &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestAChangedRowIsShownWithItsChangesAndCannotBeChosen(t *testing.T) {
	s := open(t)
	v := s.ask("m1", 1)
	s.see(s.do("GET", "/signing/open/"+string(v), nil), 303)
	if err := s.signing.Store.Cancel(t.Context(), v, signing.CodeSuperseded); err != nil {
		t.Fatal(err)
	}
	next := s.ask("m1", 2)
	page := s.see(s.do("GET", "/signing", nil), 200, "3 změny", "od verze 1, kterou jste viděli", "Nejdřív otevřete", "/signing/open/"+string(next)+"?from=1", "mezitím vznikla novější verze")
	if strings.Contains(page, `type="checkbox"`) {
		t.Error("it can be chosen")
	}
	s.see(s.do("POST", "/signing/confirm", url.Values{"version": {string(next)}}), 409, "Nejdřív ho otevřete")
	w := s.do("GET", "/signing/open/"+string(next)+"?from=1", nil)
	if got := w.Header().Get("Location"); got != "/documents/m1/compare?from=1&to=2" {
		t.Errorf("compared at %q", got)
	}
	s.see(s.do("POST", "/signing/confirm", url.Values{"version": {string(next)}}), 200, "Podepsat 1 dokument")
}

func TestTheAPISignsABasket(t *testing.T) {
	s := open(t)
	v := s.ask("m1", 1)
	call := func(method, path string, body any, status int) (out map[string]any) {
		t.Helper()
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(method, path, bytes.NewReader(raw))
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != status {
			t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			t.Fatalf("%s: %v", w.Body, err)
		}
		return out
	}
	if rows := call("GET", "/api/v1/signing/basket", nil, 200)["items"].([]any); len(rows) != 1 || rows[0].(map[string]any)["selectable"] != true {
		t.Fatalf("got %v", rows)
	}
	in := call("POST", "/api/v1/signing/intents", map[string]any{"versions": []any{v}}, 200)
	body := map[string]any{"versions": []any{v}, "list": in["list"], "password": "wrong"}
	if got := call("POST", "/api/v1/signing/batches", body, 403); got["code"] != "signing.fault.password" {
		t.Errorf("got %v", got)
	}
	body["password"] = password
	id := call("POST", "/api/v1/signing/batches", body, 201)["batch"].(string)
	if got := call("GET", "/api/v1/signing/batches/"+id, nil, 200); got["live"] != true || got["text"] != "Podepsáno 0 z 1" {
		t.Errorf("got %v", got)
	}
	s.work()
	if got := call("GET", "/api/v1/signing/batches/"+id, nil, 200); got["live"] != false || got["signed"] != 1.0 || len(got["result"].(string)) != 64 {
		t.Errorf("got %v", got)
	}
	call("POST", "/api/v1/signing/intents", "nonsense", 422)
}

func TestEveryRouteIsClassified(t *testing.T) {
	s := open(t)
	s.empty = true
	webtest.Walk(t, webtest.Config{Kit: s.kit, Router: s.router, Handler: s.Handler,
		SignIn: func(r *http.Request, role security.Role) { r.Header.Set("X-Who", string(role)) }})
}

func TestWhatWasLeftUnsignedIsSelectedAgain(t *testing.T) {
	s := open(t)
	a, b := s.ask("m1", 1), s.ask("m2", 1)
	jana := security.Actor{ID: "p-jana", Name: "Jana Nováková"}
	in, err := s.signing.Confirm(t.Context(), jana, []signing.VersionID{a, b})
	if err != nil {
		t.Fatal(err)
	}
	id, err := s.signing.Authorise(t.Context(), jana, []signing.VersionID{a, b}, in.Hash(), password)
	if err != nil {
		t.Fatal(err)
	}
	w := s.do("POST", "/signing/batches/"+string(id)+"/cancel", nil)
	s.see(w, 303)
	s.work()
	s.see(s.do("GET", "/signing/batches/"+string(id), nil), 200, "Zastaveno", "zastavili jste podepisování", "2 dokumenty zůstaly bez podpisu", "/signing?batch="+string(id))
	if page := s.see(s.do("GET", "/signing?batch="+string(id), nil), 200); strings.Count(page, " checked") != 2 {
		t.Error("they are not selected again")
	}
}
