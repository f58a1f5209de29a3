package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"spolupis/documents"
	"spolupis/documents/body"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/database/dbtest"
	"spolupis/security/web/webtest"
	"spolupis/signing"
	"spolupis/signing/keys"
	"spolupis/signing/signingtest"
)

// each runs run on an office of its own on every database.
func each(t *testing.T, run func(t *testing.T, a *App)) {
	t.Helper()
	for name, url := range map[string]func(*testing.T) string{
		"sqlite":   func(*testing.T) string { return "" },
		"postgres": func(t *testing.T) string { return dbtest.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) { run(t, open(t, Config{Data: t.TempDir(), DatabaseURL: url(t)})) })
	}
}

func open(t *testing.T, cfg Config) *App {
	t.Helper()
	if cfg.PublicURL == "" {
		cfg.PublicURL = "http://office.example"
	}
	a, err := Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return a
}

// furnished is a demo office of its own in SQLite. The office is made once and
// copied: fourteen passwords are hashed slowly on purpose.
func furnished(t *testing.T) *App {
	t.Helper()
	template(t)
	data := t.TempDir()
	if err := os.CopyFS(data, os.DirFS(templateDir)); err != nil {
		t.Fatal(err)
	}
	return open(t, Config{Data: data})
}

var (
	templateOnce sync.Once
	templateDir  string
	templateErr  error
)

func template(t *testing.T) {
	t.Helper()
	templateOnce.Do(func() {
		if templateDir, templateErr = os.MkdirTemp("", "spolupis-test-"); templateErr != nil {
			return
		}
		var a *App
		if a, templateErr = Open(context.Background(), Config{Data: templateDir, PublicURL: "http://office.example"}, slog.New(slog.DiscardHandler)); templateErr != nil {
			return
		}
		_, templateErr = furnish(context.Background(), a, testPassword)
		templateErr = errors.Join(templateErr, a.Close())
	})
	if templateErr != nil {
		t.Fatal(templateErr)
	}
}

func TestMain(m *testing.M) {
	status := m.Run()
	if templateDir != "" {
		os.RemoveAll(templateDir)
	}
	os.Exit(status)
}

const testPassword = "heslo pro zkoušky"

// cookie signs somebody in and returns the session cookie.
func cookie(t *testing.T, a *App, login string) *http.Cookie {
	t.Helper()
	r := httptest.NewRequest("POST", "/sign-in", strings.NewReader("login="+login+"&password="+strings.ReplaceAll(testPassword, " ", "+")))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	a.Handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.HttpOnly && c.Value != "" {
			return c
		}
	}
	t.Fatalf("sign in as %s: %d %s", login, w.Code, w.Body)
	return nil
}

func TestEveryRouteOfTheProductLetsInWhomItShould(t *testing.T) {
	a := open(t, Config{Data: t.TempDir()})
	cookies := map[security.Role]*http.Cookie{}
	for _, role := range security.Roles {
		if _, err := a.Accounts.Create(t.Context(), security.System, access.NewAccount{Login: string(role), Name: string(role), Password: testPassword, Roles: []security.Role{role}}); err != nil {
			t.Fatal(err)
		}
		cookies[role] = cookie(t, a, string(role))
	}
	webtest.Walk(t, webtest.Config{Kit: a.Kit, Router: a.router, Handler: a.Handler, Open: []string{"/assets/*"},
		SignIn: func(r *http.Request, role security.Role) { r.AddCookie(cookies[role]) },
		Skip: map[string]string{
			"GET /collab/{document}":    "needs a WebSocket; its rights are tested in collab/ws",
			"POST /sign-in":             "would end the sessions of the walk; tested in security/web",
			"POST /sign-out":            "would end the sessions of the walk; tested in security/web",
			"POST /stav":                "answers an empty form as it answers a wrong code; tested in citizen/web",
			"GET /audit/documents/{id}": "an auditor may ask about a document that is gone; tested in security/web",
		}})
}

func TestEveryAPIRouteIsDescribed(t *testing.T) {
	a := open(t, Config{Data: t.TempDir()})
	known := map[string]bool{}
	for _, r := range a.Kit.Routes() {
		if strings.HasPrefix(r.Pattern, "/api/") {
			known[r.Method+" "+r.Pattern] = true
			if _, ok := operations[r.Method+" "+r.Pattern]; !ok {
				t.Errorf("%s %s is not described in openapi.go", r.Method, r.Pattern)
			}
		}
	}
	for name := range operations {
		if !known[name] {
			t.Errorf("%s is described but not served", name)
		}
	}
	w := httptest.NewRecorder()
	a.Handler.ServeHTTP(w, httptest.NewRequest("GET", "/api/openapi.json", nil))
	var d struct {
		OpenAPI string
		Paths   map[string]map[string]any
	}
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || d.OpenAPI != "3.1.0" || len(d.Paths) < 5 {
		t.Errorf("description: %v, version %q, %d paths", err, d.OpenAPI, len(d.Paths))
	}
}

func TestTheDemoOfficeIsFurnished(t *testing.T) {
	each(t, func(t *testing.T, a *App) {
		ctx := t.Context()
		codes, err := furnish(ctx, a, testPassword)
		if err != nil {
			t.Fatal(err)
		}
		if len(codes) != 2 {
			t.Errorf("%d citizen codes, want one for each of two agendas", len(codes))
		}
		people, err := a.Accounts.People(ctx, access.PeopleFilter{})
		if err != nil {
			t.Fatal(err)
		}
		for _, role := range security.Roles {
			if !slices.ContainsFunc(people, func(p access.Person) bool { return p.Has(role) }) {
				t.Errorf("nobody is %s", role)
			}
		}
		if len(people) < 12 {
			t.Errorf("%d accounts, want a dozen", len(people))
		}
		marie := actor(t, a, "vesela")
		materials := all(t, a, marie)
		if len(materials) < 25 {
			t.Errorf("%d materials, want at least 25", len(materials))
		}
		basket, err := a.Signing.Basket(ctx, actor(t, a, "kolar"))
		if err != nil || len(basket) < 20 {
			t.Errorf("basket of %d, %v; want at least 20", len(basket), err)
		}
		again, err := furnish(ctx, a, testPassword)
		if err != nil || len(again) != 0 {
			t.Errorf("furnishing twice: %v, %v; want nothing", again, err)
		}
	})
}

// actor is somebody of the demo office as he would be signed in.
func actor(t *testing.T, a *App, login string) security.Actor {
	t.Helper()
	people, err := a.Accounts.People(t.Context(), access.PeopleFilter{Text: login})
	if err != nil || len(people) != 1 {
		t.Fatalf("find %s: %d people, %v", login, len(people), err)
	}
	p := people[0]
	return security.Actor{ID: p.ID, Name: p.Name, Unit: p.Unit, UnitName: p.UnitName, Roles: p.Roles, Session: "test-" + login, Lang: "cs"}
}

func all(t *testing.T, a *App, who security.Actor) []documents.Material {
	t.Helper()
	var out []documents.Material
	q := documents.Query{}
	for {
		page, err := a.Documents.List(t.Context(), who, q)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, page.Materials...)
		if page.Next == "" {
			return out
		}
		q.After = page.Next
	}
}

func TestTheSamplesComeInWithoutLosingACharacter(t *testing.T) {
	a := furnished(t)
	marie := actor(t, a, "vesela")
	for file, title := range map[string]string{"vlajkovy-projekt.md": "Vlajkový projekt", "duvodova-zprava.md": "Důvodová zpráva"} {
		md, err := demoTexts.ReadFile("demo/" + file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := body.Parse(md)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(all(t, a, marie), func(m documents.Material) bool { return strings.HasPrefix(m.Title, title) })
		if i < 0 {
			t.Fatalf("%s is not in the office", file)
		}
		got, err := a.Documents.Text(t.Context(), marie, all(t, a, marie)[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.Text() != want.Text() {
			t.Errorf("%s: the text in the office differs from the file", file)
		}
		kinds := map[body.Kind]int{}
		for _, b := range got.Blocks {
			kinds[b.Kind]++
		}
		if kinds["h"] < 5 || kinds["ul"] < 3 {
			t.Errorf("%s: headings and lists are missing: %v", file, kinds)
		}
	}
}

// Every PDF the office gives out is good for qpdf, pdfsig and openssl.
func TestEverySignedFileIsGoodForOtherPeoplesTools(t *testing.T) {
	a := furnished(t)
	ctx := t.Context()
	work, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- a.Run(work) }()
	t.Cleanup(func() { stop(); <-done })

	pavel := actor(t, a, "kolar")
	basket, err := a.Signing.Basket(ctx, pavel)
	if err != nil || len(basket) < 20 {
		t.Fatalf("basket of %d, %v", len(basket), err)
	}
	var versions []signing.VersionID
	for _, r := range basket {
		versions = append(versions, r.Version)
	}
	intent, err := a.Signing.Confirm(ctx, pavel, versions)
	if err != nil {
		t.Fatal(err)
	}
	id, err := a.Signing.Authorise(ctx, pavel, versions, intent.Hash(), testPassword)
	if err != nil {
		t.Fatal(err)
	}
	until(t, func() bool {
		b, _, err := a.Signing.Batch(ctx, pavel, id)
		if err != nil {
			t.Fatal(err)
		}
		return b.State.Ended()
	})
	folder, err := keys.Open(filepath.Join(a.Config.Data, "keys"), keys.Config{People: names{a.Accounts}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range versions {
		file, revisions, err := a.Signing.Signed(ctx, v)
		if err != nil || len(revisions) != 1 {
			t.Fatalf("%s: %d revisions, %v", v, len(revisions), err)
		}
		frozen, err := a.Documents.VersionPDF(ctx, security.System, documents.VersionID(v))
		if err != nil || !bytes.HasPrefix(file, frozen) {
			t.Errorf("%s: the frozen document is not a prefix of the signed one (%v)", v, err)
		}
		signingtest.CrossCheck(t, file, 1, folder.Root())
	}
}

// until waits for something the background does; the test's own deadline ends it.
func until(t *testing.T, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("did not happen in time")
		}
	}
}

func TestMistakesOnTheCommandLineAreNamed(t *testing.T) {
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"nonsense"}, 2, `unknown command "nonsense"`},
		{[]string{"serve", "-addr", "nowhere"}, 1, `-addr "nowhere"`},
		{[]string{"serve", "-database", "mysql://x"}, 1, "postgres://"},
		{[]string{"serve", "-redis", "redis://x"}, 1, "needs -database"},
		{[]string{"serve", "-public", "office.example"}, 1, "-public"},
		{[]string{"serve", "-admin", "0.0.0.0:6060"}, 1, "loopback"},
		{[]string{"serve", "more"}, 1, `unexpected argument "more"`},
		{[]string{"audit", "export"}, 2, "usage"},
		{[]string{"audit", "export", "-data", "/nonexistent", "-o", "x"}, 1, "no office in"},
		{[]string{"audit", "verify", "/nonexistent.zip"}, 2, "nonexistent.zip"},
	} {
		var out, errs bytes.Buffer
		if status := run(t.Context(), c.args, &out, &errs); status != c.status || !strings.Contains(out.String()+errs.String(), c.says) {
			t.Errorf("spolupis %s: status %d, says %q; want %d and %q", strings.Join(c.args, " "), status, out.String()+errs.String(), c.status, c.says)
		}
	}
}

func TestAnExportedJournalVerifiesAndAChangedByteIsNamed(t *testing.T) {
	data := furnished(t).Config.Data
	file := filepath.Join(t.TempDir(), "audit.zip")
	var out bytes.Buffer
	if status := run(t.Context(), []string{"audit", "export", "-data", data, "-o", file}, &out, &out); status != 0 {
		t.Fatalf("export: %d %s", status, &out)
	}
	if status := run(t.Context(), []string{"audit", "verify", file}, &out, &out); status != 0 {
		t.Fatalf("verify: %d %s", status, &out)
	}
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"documents.created", "documents.frozen", "access.account_created"} {
		bad := bytes.Clone(good)
		bad[bytes.Index(bad, []byte(word))] ^= 1
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		out.Reset()
		status := run(t.Context(), []string{"audit", "verify", file, "-json"}, &out, &out)
		var report struct{ Wrong int64 }
		if err := json.Unmarshal(out.Bytes(), &report); err != nil || status != 1 || report.Wrong == 0 {
			t.Errorf("%s changed: status %d, %s; want 1 and the entry", word, status, &out)
		}
	}
}

func TestReadyTellsTheTruth(t *testing.T) {
	a := open(t, Config{Data: t.TempDir()})
	get := func() int {
		w := httptest.NewRecorder()
		a.Handler.ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
		return w.Code
	}
	if got := get(); got != 200 {
		t.Errorf("ready = %d with a database", got)
	}
	broken := open(t, Config{Data: t.TempDir()})
	broken.DB.Close()
	broken.closers = nil
	a = broken
	if got := get(); got != 503 {
		t.Errorf("ready = %d without a database", got)
	}
}

func TestMetricsSpeakPrometheus(t *testing.T) {
	a := open(t, Config{Data: t.TempDir()})
	w := httptest.NewRecorder()
	a.Handler.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		var name string
		var value float64
		if !strings.HasPrefix(line, "# ") {
			if _, err := fmt.Sscan(line, &name, &value); err != nil || !strings.HasPrefix(name, "spolupis_") {
				t.Errorf("line %q: %v", line, err)
			}
		}
	}
	for _, line := range []string{"spolupis_rooms 0", `spolupis_update_durable_seconds_bucket{le="0.005"} 0`, `spolupis_update_shown_seconds_bucket{le="+Inf"} 0`} {
		if !strings.Contains(w.Body.String(), line+"\n") {
			t.Errorf("no %s in %s", line, w.Body)
		}
	}
}

func TestAnEmptyOfficeGetsOneAdministratorWhoMustChangeHisPassword(t *testing.T) {
	each(t, func(t *testing.T, a *App) {
		var first, second bytes.Buffer
		if err := firstAdministrator(t.Context(), a, &first); err != nil {
			t.Fatal(err)
		}
		if err := firstAdministrator(t.Context(), a, &second); err != nil || second.Len() > 0 {
			t.Errorf("the second time: %v, says %q; want nothing", err, &second)
		}
		_, rest, _ := strings.Cut(first.String(), "password ")
		password, _, _ := strings.Cut(rest, " ")
		s, err := a.Accounts.Authenticate(t.Context(), "spravce", password, "ip")
		if err != nil || !s.MustChange || !s.Actor.Has(security.Administrator) {
			t.Errorf("sign in with %q: %+v, %v; want an administrator who must change the password", password, s.Actor, err)
		}
	})
}
