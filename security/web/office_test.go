package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
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

	"spolupis/frontend"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
	"spolupis/security/journal"
	"spolupis/security/journal/bundle"
	"spolupis/security/web"
	"spolupis/security/web/webtest"
)

const password = "modrá-lavice-u-řeky"

// product is security's own pages over a real database and the real templates.
type product struct {
	*web.Office
	t   *testing.T
	db  *database.DB
	mux *chi.Mux
	srv *httptest.Server
	mu  sync.Mutex
	at  time.Time // guarded by mu
}

func (p *product) now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

func (p *product) advance(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = p.at.Add(d)
}

func start(t *testing.T) *product {
	t.Helper()
	pages, err := frontend.Open("")
	if err != nil {
		t.Fatal(err)
	}
	p := &product{t: t, at: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	p.db = dbtest.SQLite(t, database.Set{Name: "journal", FS: journal.Migrations}, database.Set{Name: "access", FS: access.Migrations})
	j, err := journal.New(p.db, journal.Config{Now: p.now})
	if err != nil {
		t.Fatal(err)
	}
	rights := access.NewRights(p.db, j)
	rights.Now = p.now
	kit := &web.Kit{Pages: pages, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: p.now, Rights: rights.Can}
	p.Office = &web.Office{Kit: kit, Accounts: access.NewAccounts(p.db, j, access.Config{Now: p.now}), Rights: rights, Journal: j}
	kit.Identify = p.Identify
	p.mux = chi.NewRouter()
	p.mux.Use(kit.Middleware)
	p.Mount(p.mux)
	kit.Get(p.mux, "/", web.SignedIn, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "inbox of "+web.Who(r).Name) })
	p.srv = httptest.NewServer(p.mux)
	t.Cleanup(p.srv.Close)
	return p
}

func (p *product) account(login, name string, roles ...security.Role) security.ActorID {
	p.t.Helper()
	id, err := p.Accounts.Create(context.Background(), security.System, access.NewAccount{Login: login, Name: name, Password: password, Roles: roles})
	if err != nil {
		p.t.Fatal(err)
	}
	return id
}

// browser is a person at a browser without JavaScript.
type browser struct {
	p *product
	*http.Client
}

func (p *product) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return &browser{p, &http.Client{Jar: jar}}
}

func (b *browser) do(r *http.Request) (int, string) {
	b.p.t.Helper()
	res, err := b.Do(r)
	if err != nil {
		b.p.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.p.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func (b *browser) get(path string) (int, string) {
	b.p.t.Helper()
	r, _ := http.NewRequest(http.MethodGet, b.p.srv.URL+path, nil)
	return b.do(r)
}

func (b *browser) post(path string, form url.Values) (int, string) {
	b.p.t.Helper()
	r, _ := http.NewRequest(http.MethodPost, b.p.srv.URL+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(r)
}

func (b *browser) signIn(login string) (int, string) {
	b.p.t.Helper()
	return b.post("/sign-in", url.Values{"login": {login}, "password": {password}})
}

func want(t *testing.T, what string, status, wantStatus int, body string, phrases ...string) {
	t.Helper()
	if status != wantStatus {
		t.Errorf("%s: answered %d, want %d\n%s", what, status, wantStatus, body)
	}
	for _, s := range phrases {
		if !strings.Contains(body, s) {
			t.Errorf("%s: the page lacks %q\n%s", what, s, body)
		}
	}
}

func TestSigningInLeadsWhereOneWantedToGoAndNowhereElse(t *testing.T) {
	p := start(t)
	p.account("jana", "Jana Nováková", security.Drafter)
	b := p.browser()
	status, body := b.get("/account")
	want(t, "a page before sign-in", status, 200, body, "Přihlášení", `value="/account"`)
	for next, to := range map[string]string{"/account": "/account", "//evil.example/": "/", `/\evil.example`: "/", "https://evil.example": "/", "": "/"} {
		c := p.browser()
		c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		r, _ := http.NewRequest(http.MethodPost, p.srv.URL+"/sign-in", strings.NewReader(url.Values{"login": {"jana"}, "password": {password}, "next": {next}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("Location"); res.StatusCode != 303 || got != to {
			t.Errorf("next %q: %d to %q, want 303 to %q", next, res.StatusCode, got, to)
		}
		cookie := res.Header.Get("Set-Cookie")
		for _, part := range []string{"HttpOnly", "SameSite=Lax", "Path=/"} {
			if !strings.Contains(cookie, part) {
				t.Errorf("cookie %q lacks %s", cookie, part)
			}
		}
	}
	status, body = b.signIn("jana")
	want(t, "sign-in", status, 200, body, "inbox of Jana Nováková")
	status, body = b.post("/sign-out", nil)
	want(t, "sign-out", status, 200, body, "Jste odhlášeni.")
	status, body = b.get("/")
	want(t, "after sign-out", status, 200, body, "Přihlášení")
}

func TestAWrongPasswordAndAWrongLoginLookAlike(t *testing.T) {
	p := start(t)
	p.account("jana", "Jana Nováková")
	_, unknown := p.browser().post("/sign-in", url.Values{"login": {"jan2"}, "password": {"wrong wrong wrong"}})
	status, wrong := p.browser().post("/sign-in", url.Values{"login": {"jana"}, "password": {"wrong wrong wrong"}})
	want(t, "wrong password", status, 401, wrong, "Přihlašovací jméno nebo heslo není správné.")
	if strings.ReplaceAll(wrong, "jana", "jan2") != unknown {
		t.Error("the answers differ")
	}
	for range 4 {
		p.browser().post("/sign-in", url.Values{"login": {"jana"}, "password": {"wrong wrong wrong"}})
	}
	status, body := p.browser().signIn("jana")
	want(t, "a storm", status, 429, body, "Zkuste to znovu za 1 min.")
}

func TestAnAdministratorMakesAnAccountAndThePersonChoosesAPassword(t *testing.T) {
	p := start(t)
	p.account("boss", "Správce", security.Administrator)
	boss, petr := p.browser(), p.browser()
	boss.signIn("boss")
	status, body := boss.post("/accounts/units", url.Values{"id": {"ozp"}, "name": {"Odbor životního prostředí"}})
	want(t, "add unit", status, 200, body, "Odbor životního prostředí je přidán")
	status, body = boss.post("/accounts", url.Values{"name": {"Petr Svoboda"}, "login": {"petr"}, "password": {"krátké"}, "unit": {"ozp"}, "role": {"drafter"}})
	want(t, "a short password", status, 422, body, "alespoň 12 znaků", `value="Petr Svoboda"`, `value="drafter" checked`)
	status, body = boss.post("/accounts", url.Values{"name": {"Petr Svoboda"}, "login": {"petr"}, "password": {password}, "unit": {"ozp"}, "role": {"drafter", "signer"}})
	want(t, "create", status, 200, body, "Účet pro Petr Svoboda je vytvořen.", `value="signer" checked`)
	path := regexp.MustCompile(`action="(/accounts/p-[a-z0-9]+)"`).FindStringSubmatch(body)[1]

	status, body = petr.signIn("petr")
	want(t, "first sign-in", status, 200, body, "Zvolte si prosím vlastní")
	status, body = petr.get("/")
	want(t, "another page before the change", status, 200, body, "Zvolte si prosím vlastní")
	status, body = petr.post("/account/tokens", url.Values{"name": {"x"}, "scope": {"read"}})
	want(t, "another act before the change", status, 403, body, "Zvolte si prosím vlastní")
	status, body = petr.post("/account/password", url.Values{"old": {password}, "fresh": {"tři slova a pomlčka"}, "again": {"tři slova a čárka"}})
	want(t, "two different passwords", status, 422, body, "neshodují")
	status, body = petr.post("/account/password", url.Values{"old": {password}, "fresh": {"tři slova a pomlčka"}, "again": {"tři slova a pomlčka"}})
	want(t, "own password", status, 200, body, "Heslo je změněno.")
	status, body = petr.get("/")
	want(t, "after the change", status, 200, body, "inbox of Petr Svoboda")

	p.advance(10 * time.Minute)
	status, body = boss.post(path, url.Values{"unit": {"ozp"}, "role": {"drafter"}})
	want(t, "a change long after sign-in", status, 403, body, "Potvrďte prosím úkon svým heslem.", "Vaše vlastní heslo", `value="drafter" checked`)
	status, body = boss.post(path, url.Values{"unit": {"ozp"}, "role": {"drafter"}, "confirm": {"wrong wrong wrong"}})
	want(t, "a change with a wrong password", status, 403, body, "Heslo není správné.")
	status, body = boss.post(path, url.Values{"unit": {"ozp"}, "role": {"drafter"}, "confirm": {password}})
	want(t, "a change with the password", status, 200, body, "jsou uloženy")

	status, body = boss.post(path+"/password", url.Values{"reason": {""}})
	want(t, "a reset without a reason", status, 422, body, "Uveďte důvod.")
	status, body = boss.post(path+"/password", url.Values{"reason": {"zapomněl"}})
	want(t, "reset", status, 200, body, "znovu ho nezobrazíme")
	status, body = petr.get("/account")
	want(t, "after the reset", status, 200, body, "Přihlášení")

	status, body = boss.post(path, url.Values{"unit": {""}, "disabled": {"1"}})
	want(t, "block", status, 200, body, "jsou uloženy", "zablokován")
	status, body = boss.get("/accounts")
	want(t, "list", status, 200, body, "Správce")
	if strings.Contains(body, "Petr Svoboda") {
		t.Error("a blocked account is listed")
	}
	status, body = boss.get("/accounts?disabled=1&text=svob")
	want(t, "list with blocked", status, 200, body, "Petr Svoboda", "1 účet")

	status, body = boss.post(path+"/erase", url.Values{"reason": {"uplynula lhůta"}, "login": {"pet"}})
	want(t, "erase with a wrong login", status, 422, body, "nesouhlasí")
	status, body = boss.post(path+"/erase", url.Values{"reason": {"uplynula lhůta"}, "login": {"petr"}})
	want(t, "erase", status, 200, body, "Osobní údaje jsou vymazány.")
	if _, body = boss.get("/accounts?disabled=1"); strings.Contains(body, "Petr Svoboda") {
		t.Error("an erased person is listed by name")
	}
}

func (p *product) happened(entries ...journal.Entry) {
	p.t.Helper()
	tx, err := p.db.BeginTx(context.Background(), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	defer tx.Rollback()
	if err := p.Journal.Append(context.Background(), tx, entries...); err != nil {
		p.t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		p.t.Fatal(err)
	}
}

func TestFactsOfTheLogAreWordsAndDatesNotCodes(t *testing.T) {
	p := start(t)
	jana := p.account("jana", "Jana Nováková", security.Drafter)
	p.account("eva", "Eva Auditorka", security.Auditor)
	at := time.Date(2026, 11, 20, 8, 30, 0, 0, time.UTC)
	p.happened(
		journal.Entry{Actor: jana, Kind: "documents.read", Subject: "document:m1", Body: json.RawMessage(`{"page":"route"}`)},
		journal.Entry{Actor: jana, Kind: "citizen.step_recorded", Subject: "matter:x1", Body: json.RawMessage(fmt.Sprintf(`{"at":%d,"stage":"registered"}`, at.UnixMicro()))},
		journal.Entry{Actor: jana, Kind: "citizen.matter_opened", Subject: "matter:x1", Body: json.RawMessage(fmt.Sprintf(`{"received":%d}`, at.UnixMicro()))},
	)
	eva := p.browser()
	eva.signIn("eva")
	status, body := eva.get("/audit")
	want(t, "log", status, 200, body, "schvalování</span>", "Podání je zaevidováno", `<time datetime="2026-11-20T08:30:00Z">20.`)
	if strings.Contains(body, fmt.Sprint(at.UnixMicro())) {
		t.Error("shows a moment as a number")
	}
}

func TestAnAuditorFindsWhoDidWhatAndEachLookIsRecorded(t *testing.T) {
	p := start(t)
	jana := p.account("jana", "Jana Nováková", security.Drafter)
	p.account("eva", "Eva Auditorka", security.Auditor)
	p.happened(
		journal.Entry{Actor: jana, Kind: "documents.created", Subject: "document:m1", Body: json.RawMessage(`{"number":"KÚ/1/2026"}`)},
		journal.Entry{Actor: jana, Kind: "documents.frozen", Subject: "document:m1", Body: json.RawMessage(`{"version":"v-77","number":1}`)},
		journal.Entry{Actor: jana, Kind: "documents.version_read", Subject: "version:v-77"},
		journal.Entry{Actor: security.SystemID, Kind: "signing.requested", Subject: "version:v-77", Body: json.RawMessage(fmt.Sprintf(`{"signer":%q}`, jana))},
		journal.Entry{Actor: jana, Kind: "documents.approval_refused", Subject: "document:m2", Personal: json.RawMessage(`{"reason":"chybí <příloha>"}`)},
	)
	p.advance(24 * time.Hour)
	for i := range 120 {
		p.happened(journal.Entry{Actor: jana, Kind: "documents.read", Subject: fmt.Sprintf("document:n%d", i)})
	}
	eva := p.browser()
	eva.signIn("eva")
	status, body := eva.get("/audit")
	want(t, "log", status, 200, body, "Zatím nebyl ověřen", "Materiál čten", "Starší", "Jana Nováková")
	if strings.Contains(body, "audit.kind.") || strings.Contains(body, "Nejnovější") {
		t.Error("the page shows a raw key, or a way to where it is")
	}
	seen, pages := map[string]bool{}, 0
	for path := "/audit?kind=documents.read"; path != "" && pages < 9; pages++ {
		_, body = eva.get(path)
		for _, m := range regexp.MustCompile(`audit__seq">(\d+)<`).FindAllStringSubmatch(body, -1) {
			if seen[m[1]] {
				t.Errorf("entry %s is on two pages", m[1])
			}
			seen[m[1]] = true
		}
		path = ""
		if m := regexp.MustCompile(`href="(/audit\?[^"]*before=[^"]*)"`).FindStringSubmatch(body); m != nil {
			path = strings.ReplaceAll(m[1], "&amp;", "&")
		}
	}
	if len(seen) != 120 || pages != 3 {
		t.Errorf("%d entries on %d pages, want 120 on 3", len(seen), pages)
	}
	for _, c := range []struct {
		query   string
		has     []string
		hasNot  string
		entries int
	}{
		{"person=nov%C3%A1kov&to=2026-11-23", []string{"Verze zmrazena", "KÚ/1/2026"}, "Materiál čten", 4},
		{"document=m1", []string{"Podpis vyžádán", "Spolupis (samo)", "podepisující:</span> <span class=\"break\">Jana Nováková"}, "Schválení odmítnuto", 4},
		{"kind=documents.approval_refused", []string{"chybí &lt;příloha&gt;"}, "<příloha>", 1},
		{"kind=documents.&to=2026-11-23", []string{"Materiál založen"}, "Podpis vyžádán", 4},
		{"person=nikdo+takov%C3%BD", []string{"Takovou osobu"}, "", 0},
		{"from=2031-01-01", []string{"neodpovídá žádný záznam"}, "", 0},
	} {
		status, body := eva.get("/audit?" + c.query)
		want(t, c.query, status, 200, body, c.has...)
		_, table, _ := strings.Cut(body, "<tbody>")
		if c.hasNot != "" && strings.Contains(table, c.hasNot) {
			t.Errorf("%s: shows %q", c.query, c.hasNot)
		}
		if got := strings.Count(body, "audit__seq"); got != c.entries {
			t.Errorf("%s: %d entries, want %d", c.query, got, c.entries)
		}
	}
	status, body = eva.get("/audit?from=yesterday")
	want(t, "a date that is none", status, 422, body, "rok-měsíc-den")

	status, body = eva.get("/audit/documents/m1")
	want(t, "one document", status, 200, body, "Kdo materiál četl", "Jana Nováková", "Verze zmrazena", "Podpis vyžádán")
	status, body = eva.get("/audit?kind=audit.viewed")
	want(t, "views of the log", status, 200, body, "Eva Auditorka", "Nahlédnuto do deníku")
	looks, err := p.Journal.Search(context.Background(), journal.Filter{Kind: "audit."})
	if err != nil {
		t.Fatal(err)
	}
	if got := len(looks); got != 1+3+5+1+1 {
		t.Errorf("%d looks recorded, want 11", got)
	}

	status, body = eva.post("/audit/verify", nil)
	want(t, "verify", status, 200, body, "Deník je v pořádku", "Řetězec ověřen do záznamu")
	if _, err := p.db.Exec(`UPDATE journal_entry SET actor = 'p-other' WHERE seq = 4`); err != nil {
		t.Fatal(err)
	}
	status, body = eva.post("/audit/verify", nil)
	want(t, "verify an altered log", status, 200, body, "Záznam 4 nesouhlasí", "Obsah záznamu byl změněn.")
}

func TestAnAuditorTakesTheLogHomeAndProvesIt(t *testing.T) {
	p := start(t)
	p.account("eva", "Eva Auditorka", security.Auditor)
	eva := p.browser()
	eva.signIn("eva")
	_, key := p.browser().get("/audit/key")
	_, checkpoint := p.browser().get("/audit/checkpoint")
	status, zip := eva.get("/audit/export")
	if status != 200 {
		t.Fatal(status)
	}
	rep, err := bundle.Verify(strings.NewReader(zip), int64(len(zip)), bundle.Check{Key: strings.TrimSpace(key), Previous: []byte(checkpoint)})
	if err != nil || !rep.OK || rep.Previous != 2 || rep.Size != 3 {
		t.Errorf("%+v %v", rep, err)
	}
	// The tiles are served for any C2SP client; entries only to auditors.
	if status, tile := p.browser().get("/audit/tile/0/000.p/3"); status != 200 || len(tile) != 96 {
		t.Errorf("tile: %d, %d bytes", status, len(tile))
	}
	if status, entries := eva.get("/audit/tile/entries/000.p/2"); status != 200 || !bytes.Contains([]byte(entries), []byte("access.account_created")) {
		t.Errorf("entries: %d", status)
	}
	for _, path := range []string{"/audit/tile/0/001", "/audit/tile/0/1", "/audit/tile/0/000.p/300", "/audit/tile/-1/000", "/audit/tile/0/x000/0/000", "/audit/tile/9/000"} {
		if status, _ := p.browser().get(path); status != 404 {
			t.Errorf("%s: %d, want 404", path, status)
		}
	}
	if status, body := p.browser().get("/audit/tile/entries/000.p/2"); status != 200 || strings.Contains(body, "access.account_created") {
		t.Errorf("entries for nobody: %d", status)
	}
}

func TestATokenReachesAsFarAsItsScope(t *testing.T) {
	p := start(t)
	id := p.account("boss", "Správce", security.Administrator)
	token := map[access.Scope]string{}
	for _, s := range access.Scopes {
		var err error
		if token[s], err = p.Accounts.CreateToken(context.Background(), security.Actor{ID: id}, string(s), []access.Scope{s}, 0); err != nil {
			t.Fatal(err)
		}
	}
	call := func(method, path, token, upgrade, body string) int {
		r, _ := http.NewRequest(method, p.srv.URL+path, strings.NewReader(body))
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		if upgrade != "" {
			r.Header.Set("Connection", "Upgrade")
			r.Header.Set("Upgrade", upgrade)
		}
		c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		res, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	fresh := fmt.Sprintf(`{"login":"petr","name":"Petr","password":%q}`, password)
	for _, c := range []struct {
		what, method, path, token, upgrade, body string
		want                                     int
	}{
		{"read", "GET", "/api/v1/me", token["read"], "", "", 200},
		{"read with a write token", "GET", "/api/v1/me", token["write"], "", "", 403},
		{"write with a read token", "POST", "/api/v1/accounts", token["read"], "", fresh, 403},
		{"write", "POST", "/api/v1/accounts", token["write"], "", fresh, 201},
		{"the same again", "POST", "/api/v1/accounts", token["write"], "", fresh, 409},
		{"not JSON", "POST", "/api/v1/accounts", token["write"], "", "{", 422},
		{"live editing with a read token", "GET", "/api/v1/me", token["read"], "websocket", "", 401},
		{"live editing", "GET", "/api/v1/me", token["edit"], "websocket", "", 200},
		{"token in the query of an ordinary call", "GET", "/api/v1/me?token=" + token["read"], "", "", "", 401},
		{"token in the query of a WebSocket", "GET", "/api/v1/me?token=" + token["edit"], "", "websocket", "", 200},
		{"a token on a page", "GET", "/account", token["read"], "", "", 303},
		{"a wrong token", "GET", "/api/v1/me", "spolupis_guess", "", "", 401},
	} {
		if got := call(c.method, c.path, c.token, c.upgrade, c.body); got != c.want {
			t.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
	}
}

func TestEveryRouteLetsInWhomItShould(t *testing.T) {
	p := start(t)
	sessions := map[security.Role]string{}
	for _, role := range security.Roles {
		p.account(string(role), string(role), role)
		s, err := p.Accounts.Authenticate(context.Background(), string(role), password, "ip")
		if err != nil {
			t.Fatal(err)
		}
		sessions[role] = s.Token
	}
	webtest.Walk(t, webtest.Config{
		Kit: p.Kit, Router: p.mux, Handler: p.mux,
		SignIn: func(r *http.Request, role security.Role) {
			token := sessions[role]
			if strings.HasPrefix(r.URL.Path, "/sign-out") { // keep the session for the rest of the walk
				token = "none"
			}
			r.AddCookie(&http.Cookie{Name: "session", Value: token})
		},
		Skip: map[string]string{
			"GET /audit/documents/{id}": "an auditor may ask about a document that is gone; covered by its own test",
			"POST /sign-in":             "would end the sessions of the walk",
		},
	})
}

// TestEveryKindOfEventHasASentence reads the kinds out of the sources of all
// domains, so that no event reaches the auditor as a code.
func TestEveryKindOfEventHasASentence(t *testing.T) {
	pages, err := frontend.Open("")
	if err != nil {
		t.Fatal(err)
	}
	kind := regexp.MustCompile(`"((?:documents|collab|signing|citizen|access|audit|journal)\.[a-z_]+)"`)
	other := map[string]bool{"collab.rights": true, "documents.history": true, "documents.register": true, "citizen.key": true, "journal.key": true} // a topic, cursors, files
	found := 0
	err = filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && path != "../..") {
			return filepath.SkipDir
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		src, err := os.ReadFile(path)
		for _, m := range kind.FindAllStringSubmatch(string(src), -1) {
			key := "audit.kind." + m[1]
			if pages.Text("cs", m[1]) != m[1] || other[m[1]] {
				continue // a sentence of a page
			}
			found++
			if pages.Text("cs", key) == key || pages.Text("en", key) == key {
				t.Errorf("%s records %q, which has no sentence in frontend/i18n/security.*.json", path, m[1])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 40 {
		t.Errorf("only %d kinds found: the pattern does not fit the sources any more", found)
	}
}
