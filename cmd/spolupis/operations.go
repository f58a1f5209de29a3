package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/web"
)

// operations mounts what belongs to no domain: live editing's socket, health,
// language, the API description.
func (a *App) operations(r chi.Router) {
	k := a.Kit
	k.Get(r, "/collab/{document}", web.Public, a.sockets.ServeHTTP) // signs in by itself, so that close codes can say why
	k.Get(r, "/healthz", web.Public, func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("ok\n")) })
	k.Get(r, "/readyz", web.Public, a.ready)
	k.Get(r, "/metrics", web.Public, a.metrics)
	k.Post(r, "/lang", web.Public, a.language)
	k.Get(r, "/api/openapi.json", web.Public, a.openAPI)
}

// readyFor is how long a look at the database is believed, so that asking often costs nothing.
const readyFor = 3 * time.Second

// ready tells whether edits can be kept: a database that answers may still have a full disk, so something is written.
func (a *App) ready(w http.ResponseWriter, r *http.Request) {
	a.readiness.Lock()
	defer a.readiness.Unlock()
	if now := time.Now(); a.looked.IsZero() || now.Sub(a.looked) > readyFor || a.unready != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 2*time.Second) // what is found holds for others, too
		defer cancel()
		a.looked, a.unready = now, a.DB.Writable(ctx)
	}
	if a.unready != nil {
		a.Log.Warn("not ready", "err", a.unready)
		http.Error(w, "database does not take writes", http.StatusServiceUnavailable)
		return
	}
	w.Write([]byte("ready\n"))
}

// language keeps the reader's choice for a year.
func (a *App) language(w http.ResponseWriter, r *http.Request) {
	lang := r.PostFormValue("lang")
	if lang != "cs" && lang != "en" {
		a.Kit.Fail(w, r, fault.Invalid)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: "lang", Value: lang, Path: "/", MaxAge: 365 * 86400, HttpOnly: true, Secure: a.Kit.TLS, SameSite: http.SameSiteLaxMode})
	next := r.PostFormValue("next")
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n") {
		next = "/"
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// nav is the main navigation of somebody signed in: what he can use.
func (a *App) nav(ctx context.Context, who security.Actor) []web.NavItem {
	unseen, err := a.Documents.Unseen(ctx, who)
	if err != nil {
		a.Log.Error("count notices", "err", err)
	}
	waiting, err := a.Documents.InboxCount(ctx, who)
	if err != nil {
		a.Log.Error("count what waits", "err", err)
	}
	items := []web.NavItem{{Key: "nav.inbox", Href: "/", Count: waiting}, {Key: "nav.documents", Href: "/documents"}, {Key: "nav.meetings", Href: "/meetings"}}
	if who.Has(security.Signer) {
		n, _, err := a.Signing.Pending(ctx, who)
		if err != nil {
			a.Log.Error("count signatures", "err", err)
		}
		items = append(items, web.NavItem{Key: "nav.signing", Href: "/signing", Count: n})
	}
	items = append(items, web.NavItem{Key: "nav.notices", Href: "/notices", Count: unseen}, web.NavItem{Key: "nav.agendas", Href: "/agendas"},
		web.NavItem{Key: "nav.register", Href: "/register"})
	if who.Has(security.Auditor) {
		items = append(items, web.NavItem{Key: "nav.audit", Href: "/audit"})
	}
	if who.Has(security.Administrator) {
		items = append(items, web.NavItem{Key: "nav.accounts", Href: "/accounts"})
	}
	return items
}

// session finds who opens a live connection with a cookie: whom the middleware has found out a moment ago, or why nobody.
func (a *App) session(office *web.Office) func(r *http.Request) (security.Actor, error) {
	return func(r *http.Request) (security.Actor, error) {
		if who := web.Who(r); who.Known() && !access.ByToken(who) {
			return who, nil
		}
		return office.Identify(r)
	}
}

// editToken finds whose API token it is and whether it may edit live. Whom the middleware has found by a token, it has by this one:
// it looks for it in the same places, and only when it may edit live.
func (a *App) editToken(ctx context.Context, token string) (security.Actor, error) {
	if who := web.In(ctx); access.ByToken(who) {
		return who, nil
	}
	who, t, err := a.Accounts.Token(ctx, token)
	if err != nil {
		return security.Actor{}, err
	}
	if !t.Allows(access.ScopeEdit) {
		return security.Actor{}, fault.New(fault.Unauthenticated, "fault.unauthenticated")
	}
	return who, nil
}

// nameOf is what people call the thing that a journal subject names.
func (a *App) nameOf(ctx context.Context, subject string) string {
	kind, id, _ := strings.Cut(subject, ":")
	switch kind {
	case "version":
		v, err := a.Documents.Version(ctx, security.System, documents.VersionID(id))
		if err != nil {
			return ""
		}
		id = string(v.Material)
		fallthrough
	case "document":
		m, err := a.Documents.Get(ctx, security.System, documents.MaterialID(id))
		if err != nil {
			return ""
		}
		return m.Number + " " + m.Title
	}
	return ""
}

// find returns the materials an auditor means by a number or part of a title.
func (a *App) find(ctx context.Context, text string) ([]string, error) {
	page, err := a.Documents.List(ctx, security.System, documents.Query{Text: text})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, m := range page.Materials {
		ids = append(ids, string(m.ID))
	}
	return ids, nil
}
