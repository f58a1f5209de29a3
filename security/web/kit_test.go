package web

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
)

type plainPages struct{}

func (plainPages) Render(w io.Writer, lang, page string, data any) error {
	v := data.(View)
	_, err := fmt.Fprintf(w, "%s %s %v flash=%s", lang, page, v.D, v.Flash)
	return err
}

func (plainPages) Text(lang, key string, args ...any) string { return lang + ":" + key }

// office is a kit on which "auditor" and "drafter" are signed in by a header,
// and only the drafter may see document 1.
func office(t *testing.T) (*Kit, *chi.Mux, *httptest.Server) {
	t.Helper()
	k := &Kit{Pages: plainPages{}, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Identify: func(r *http.Request) (security.Actor, error) {
			role := r.Header.Get("As")
			if role == "" {
				return security.Actor{}, nil
			}
			return security.Actor{ID: security.ActorID("p-" + role), Roles: []security.Role{security.Role(role)}}, nil
		},
		Rights: func(_ context.Context, who security.Actor, act access.Act, on access.Object) error {
			if who.Has(security.Drafter) && on == "document:1" {
				return nil
			}
			return fault.NotFound
		}}
	mux := chi.NewRouter()
	mux.Use(k.Middleware)
	ok := func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "in") }
	k.Get(mux, "/open", Public, ok)
	k.Get(mux, "/desk", SignedIn, ok)
	k.Get(mux, "/log", Roles(security.Auditor), ok)
	k.Get(mux, "/documents/{id}", Document(access.View), ok)
	k.Get(mux, "/forgotten", Rule{}, ok)
	k.Post(mux, "/form", Public, func(w http.ResponseWriter, r *http.Request) { k.Done(w, r, "/page", "saved") })
	k.Get(mux, "/page", Public, func(w http.ResponseWriter, r *http.Request) { k.Page(w, r, 200, "page", nil) })
	k.Get(mux, "/panic", Public, func(http.ResponseWriter, *http.Request) { panic("broken") })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return k, mux, s
}

func TestARouteLetsInOnlyWhomItsRuleNames(t *testing.T) {
	_, _, s := office(t)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, c := range []struct {
		path, as string
		want     int
	}{
		{"/open", "", 200}, {"/desk", "", 303}, {"/desk", "drafter", 200},
		{"/log", "drafter", 403}, {"/log", "auditor", 200}, {"/log", "", 303},
		{"/documents/1", "drafter", 200}, {"/documents/1", "auditor", 404}, {"/documents/2", "drafter", 404},
		{"/forgotten", "auditor", 403},
	} {
		r, _ := http.NewRequest("GET", s.URL+c.path, nil)
		if c.as != "" {
			r.Header.Set("As", c.as)
		}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != c.want {
			t.Errorf("GET %s as %q = %d, want %d", c.path, c.as, res.StatusCode, c.want)
		}
	}
}

func TestAFormFromAnotherSiteIsRefused(t *testing.T) {
	_, _, s := office(t)
	for _, h := range []http.Header{
		{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {"https://evil.example"}}, {"Origin": {"null"}},
	} {
		r, _ := http.NewRequest("POST", s.URL+"/form", strings.NewReader(""))
		r.Header = h
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != 403 || !strings.Contains(string(body), "cs:fault.cross_origin") {
			t.Errorf("POST with %v = %d %s, want 403 with the reason", h, res.StatusCode, body)
		}
	}
}

func TestAnswersCarryTheSecurityHeaders(t *testing.T) {
	_, _, s := office(t)
	res, err := http.Get(s.URL + "/open")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	for name, want := range map[string]string{"Content-Security-Policy": "script-src 'self';", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"} {
		if got := res.Header.Get(name); !strings.Contains(got, want) {
			t.Errorf("%s = %q, want %q in it", name, got, want)
		}
	}
	if strings.Contains(res.Header.Get("Content-Security-Policy"), "unsafe") {
		t.Error("the policy allows something unsafe")
	}
}

func TestAPanicBecomesAnInternalErrorAndTheServerGoesOn(t *testing.T) {
	_, _, s := office(t)
	for range 2 {
		res, err := http.Get(s.URL + "/panic")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 500 {
			t.Errorf("status %d, want 500", res.StatusCode)
		}
	}
}

func TestFlashIsShownOnceOnTheNextPage(t *testing.T) {
	_, _, s := office(t)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Post(s.URL+"/form", "application/x-www-form-urlencoded", nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	r, _ := http.NewRequest("GET", s.URL+"/page", nil)
	for _, c := range res.Cookies() {
		r.AddCookie(c)
	}
	res, err = client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if !strings.Contains(string(body), "flash=cs:saved") {
		t.Errorf("page says %q, want the flash", body)
	}
	if c := res.Cookies(); len(c) != 1 || c[0].MaxAge >= 0 {
		t.Errorf("cookies %v, want the flash taken back", c)
	}
}

func TestAnAPIErrorIsAProblemInTheReadersLanguage(t *testing.T) {
	k, _, _ := office(t)
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/api/v1/x", nil)
	r.AddCookie(&http.Cookie{Name: "lang", Value: "en"})
	k.Fail(w, r, fmt.Errorf("deep: %w", fault.New(fault.Conflict, "documents.fault.frozen")))
	if w.Code != 409 || w.Header().Get("Content-Type") != "application/problem+json" || !strings.Contains(w.Body.String(), "en:documents.fault.frozen") {
		t.Errorf("got %d %s %s", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
}

func TestAFormIsAsLargeAsItsAddressSays(t *testing.T) {
	k, mux, s := office(t)
	k.Large(http.MethodPost, "/file", MaxForm+1<<20)
	k.Large(http.MethodPost, "/things/*/file", MaxForm+1<<20)
	for _, path := range []string{"/file", "/note", "/things/{id}/file", "/things/{id}/more/file"} {
		k.Post(mux, path, Public, func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				w.WriteHeader(http.StatusTeapot)
			}
		})
	}
	for _, c := range []struct {
		path         string
		size, status int
	}{{"/note", MaxForm, 200}, {"/note", MaxForm + 1, 413}, {"/file", MaxForm + 1<<20, 200}, {"/file", MaxForm + 1<<20 + 1, 413},
		{"/things/x/file", MaxForm + 1<<20, 200}, {"/things/x/file", MaxForm + 1<<20 + 1, 413}, {"/things/x/more/file", MaxForm + 1, 413}} {
		res, err := http.Post(s.URL+c.path, "text/plain", strings.NewReader(strings.Repeat("x", c.size)))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != c.status {
			t.Errorf("%d bytes to %s: %d, want %d", c.size, c.path, res.StatusCode, c.status)
		}
	}
}
