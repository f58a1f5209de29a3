// Package web is the frame every page and API call of the product stands in:
// who is asking, what they may, how an answer and an error look. The domains'
// own web packages register their routes on a Kit; security's own pages
// (sign-in, accounts, audit) live here too.
package web

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
)

// Renderer turns a page's name and data into HTML, and a dictionary key into
// a sentence. Package frontend provides it.
type Renderer interface {
	// Render writes templates/<page>.html. It fails before the first byte is
	// written when the template or the data is wrong.
	Render(w io.Writer, lang, page string, data any) error
	// Text returns the entry key in lang with {0}, {1} … filled by args.
	Text(lang, key string, args ...any) string
}

// NavItem is one entry of the main navigation.
type NavItem struct {
	Key    string // dictionary key of its name
	Href   string
	Count  int // shown as a badge when positive
	Active bool
}

// View is what every template sees; the page's own data is D.
type View struct {
	Lang  string
	Path  string
	Page  string
	Actor security.Actor
	Nav   []NavItem
	Flash string
	Demo  bool
	D     any
}

// Kit is shared by all web packages. The fields are set once, in cmd, before
// the first request.
type Kit struct {
	Pages    Renderer
	Log      *slog.Logger
	Now      func() time.Time
	Identify func(r *http.Request) (security.Actor, error)                                         // who is asking; the zero Actor is nobody
	Nav      func(ctx context.Context, who security.Actor) []NavItem                               // main navigation of somebody signed in
	Rights   func(ctx context.Context, who security.Actor, act access.Act, on access.Object) error // access.Rights.Can
	// CrossOrigin records that a request with who's login was refused because another site sent it; nil: it is only logged.
	CrossOrigin func(r *http.Request, who security.Actor) error
	TLS         bool // cookies are Secure and named __Host-
	Demo        bool // the page says that this is a demonstration

	routes []Route
	large  map[string]int64 // "POST /path" or "POST /path/*/file" -> largest body; set by Large
}

type actorKey struct{}

// Who returns the person the request was made by, as the middleware found
// out; the zero Actor is nobody.
func Who(r *http.Request) security.Actor {
	a := In(r.Context())
	if a.Lang == "" {
		a.Lang = Lang(r)
	}
	return a
}

// In is Who for the context of a request; without a language.
func In(ctx context.Context) security.Actor {
	a, _ := ctx.Value(actorKey{}).(security.Actor)
	return a
}

// Lang is the language the reader chose (cookie "lang"), or Czech.
func Lang(r *http.Request) string {
	if c, err := r.Cookie("lang"); err == nil && c.Value == "en" {
		return "en"
	}
	return "cs"
}

// Page answers with the template templates/<page>.html.
func (k *Kit) Page(w http.ResponseWriter, r *http.Request, status int, page string, data any) {
	who := Who(r)
	v := View{Lang: Lang(r), Path: r.URL.Path, Page: page, Actor: who, Flash: k.takeFlash(w, r), Demo: k.Demo, D: data}
	if who.Known() && k.Nav != nil {
		v.Nav = k.Nav(r.Context(), who)
		for i := range v.Nav {
			h := v.Nav[i].Href
			v.Nav[i].Active = r.URL.Path == h || h != "/" && strings.HasPrefix(r.URL.Path, h+"/")
		}
	}
	var b bytes.Buffer
	if err := k.Pages.Render(&b, v.Lang, page, v); err != nil {
		k.Log.Error("render page", "page", page, "err", err)
		http.Error(w, k.Pages.Text(v.Lang, "fault.internal"), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", v.Lang)
	w.WriteHeader(status)
	b.WriteTo(w)
}

// JSON answers with v.
func (k *Kit) JSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		k.Log.Error("encode answer", "err", err)
		http.Error(w, "internal", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body)
}

var statuses = map[fault.Kind]int{
	fault.Internal: 500, fault.NotFound: 404, fault.Denied: 403, fault.Conflict: 409, fault.Invalid: 422,
	fault.Unauthenticated: 401, fault.TooLarge: 413, fault.TooMany: 429, fault.Unavailable: 503,
}

// Problem is an error answer of the API (RFC 9457). Code is stable; Title is a
// sentence in the reader's language.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`
}

// Fail answers with err: a page in the reader's language, or problem details
// under /api/. Kinds become HTTP statuses here and nowhere else. An internal
// error is logged with its chain and told only as such.
func (k *Kit) Fail(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.Of(err)
	status := statuses[f.Kind]
	if f.Kind == fault.Internal || f.Kind == fault.Unavailable {
		k.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	title := k.Pages.Text(Lang(r), f.Key, f.Args...)
	if f.Kind == fault.TooMany {
		w.Header().Set("Retry-After", "60")
	}
	if strings.HasPrefix(r.URL.Path, "/api/") || strings.HasPrefix(r.Header.Get("Accept"), "application/json") {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(Problem{Type: "about:blank", Title: title, Status: status, Code: f.Key})
		return
	}
	if f.Kind == fault.Unauthenticated && r.Method == http.MethodGet {
		http.Redirect(w, r, "/sign-in?next="+urlEscape(r.URL.RequestURI()), http.StatusSeeOther)
		return
	}
	k.Page(w, r, status, "fault", map[string]any{"Status": status, "Title": title, "Kind": f.Kind.Error()})
}

// Done redirects after a successful POST (303) and shows the dictionary entry
// key on the next page.
func (k *Kit) Done(w http.ResponseWriter, r *http.Request, to, key string, args ...any) {
	if key != "" {
		k.putFlash(w, k.Pages.Text(Lang(r), key, args...))
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}
