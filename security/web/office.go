package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"
	_ "time/tzdata" // days of the audit filter are days in Prague

	"github.com/go-chi/chi/v5"

	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// Office is security's own pages: sign-in, one's own account, the
// administrator's accounts, the auditor's log.
type Office struct {
	Kit      *Kit
	Accounts *access.Accounts
	Rights   *access.Rights
	Journal  *journal.Journal
	// Name returns what people call the thing a journal subject names, such as
	// a material's number and title; "" when unknown. May be nil.
	Name func(ctx context.Context, subject string) string
	// Find returns the ids of documents that an auditor means by text, such as
	// a reference number. May be nil: then text is an id.
	Find func(ctx context.Context, text string) ([]string, error)
}

// Mount registers the routes.
func (o *Office) Mount(r chi.Router) {
	k := o.Kit
	k.Get(r, "/sign-in", Public, o.signInForm)
	k.Post(r, "/sign-in", Public, o.signIn)
	k.Post(r, "/sign-out", Public, o.signOut)

	k.Get(r, "/account", SignedIn, o.own)
	k.Post(r, "/account/password", SignedIn, o.changePassword)
	k.Post(r, "/account/tokens", SignedIn, o.createToken)
	k.Post(r, "/account/tokens/{token}/revoke", SignedIn, o.revokeToken)

	k.Get(r, "/deputies", SignedIn, o.deputies)
	k.Post(r, "/deputies", SignedIn, o.nameDeputy)
	k.Post(r, "/deputies/{deputyship}/revoke", SignedIn, o.revokeDeputy)

	admin := Roles(security.Administrator)
	k.Get(r, "/accounts", admin, o.accounts)
	k.Get(r, "/accounts/new", admin, o.newAccount)
	k.Post(r, "/accounts", admin, o.createAccount)
	k.Post(r, "/accounts/units", admin, o.createUnit)
	k.Post(r, "/accounts/heads", admin, o.nameHead)
	k.Get(r, "/accounts/{id}", admin, o.account)
	k.Post(r, "/accounts/{id}", admin, o.updateAccount)
	k.Post(r, "/accounts/{id}/password", admin, o.resetPassword)
	k.Post(r, "/accounts/{id}/erase", admin, o.eraseAccount)

	auditor := Roles(security.Auditor)
	k.Get(r, "/audit", auditor, o.audit)
	k.Post(r, "/audit/verify", auditor, o.verify)
	k.Get(r, "/audit/export", auditor, o.export)
	k.Get(r, "/audit/documents/{id}", Document(access.Audit), o.auditDocument)
	k.Get(r, "/audit/checkpoint", Public, o.checkpoint)
	k.Get(r, "/audit/key", Public, o.logKey)
	k.Get(r, "/audit/tile/entries/*", auditor, o.tile)
	k.Get(r, "/audit/tile/{level}/*", Public, o.tile)

	k.Get(r, "/api/v1/me", SignedIn, o.apiMe)
	k.Get(r, "/api/v1/accounts", admin, o.apiAccounts)
	k.Post(r, "/api/v1/accounts", admin, o.apiCreateAccount)
	k.Get(r, "/api/v1/audit/entries", auditor, o.apiEntries)
	k.Get(r, "/api/v1/audit/status", auditor, o.apiStatus)
	k.Post(r, "/api/v1/audit/verify", auditor, o.apiVerify)
}

func (o *Office) cookie() string {
	if o.Kit.TLS {
		return "__Host-session"
	}
	return "session"
}

// Identify finds out who a request is from, for Kit.Identify: the session
// cookie, or an API token whose scope covers the request. A token counts only
// under /api/ and, in the query, on a WebSocket upgrade. A cookie that no
// longer holds is nobody; a wrong token is fault.Unauthenticated, or
// fault.Denied when its scope does not reach so far. On an upgrade that is
// fault.Unauthenticated too: live editing says it as a close code.
func (o *Office) Identify(r *http.Request) (security.Actor, error) {
	upgrade := strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		if !upgrade && !strings.HasPrefix(r.URL.Path, "/api/") {
			return security.Actor{}, nil
		}
		return o.byToken(r, token, upgrade)
	}
	if upgrade && r.URL.Query().Has("token") {
		return o.byToken(r, r.URL.Query().Get("token"), true)
	}
	c, err := r.Cookie(o.cookie())
	if err != nil || c.Value == "" {
		return security.Actor{}, nil
	}
	who, err := o.Accounts.BySession(r.Context(), c.Value)
	if err != nil || forced[r.URL.Path] {
		return who, err
	}
	if must, err := o.Accounts.MustChange(r.Context(), who.ID); err != nil || must {
		return security.Actor{}, errors.Join(err, errMustChange)
	}
	return who, nil
}

// errMustChange stops everything but the form for a new password, for people
// whose password somebody else knows.
var errMustChange = fault.New(fault.Denied, "account.must_change")

// forced are the pages open to them.
var forced = map[string]bool{"/account": true, "/account/password": true, "/sign-in": true, "/sign-out": true, "/lang": true}

// CrossOrigin notes in the journal that another site tried to act with who's
// login, for Kit.CrossOrigin; once in five minutes for one login.
func (o *Office) CrossOrigin(r *http.Request, who security.Actor) error {
	return o.Journal.Recorded(r.Context(), who, "access.cross_origin_refused", "account:"+string(who.ID),
		map[string]string{"origin": first(r.Header.Get("Origin"), 200), "path": first(r.URL.Path, 200)})
}

// first returns at most n bytes of s, in whole characters.
func first(s string, n int) string {
	return strings.ToValidUTF8(s[:min(n, len(s))], "")
}

func (o *Office) byToken(r *http.Request, token string, upgrade bool) (security.Actor, error) {
	who, t, err := o.Accounts.Token(r.Context(), token)
	if err != nil {
		return security.Actor{}, err
	}
	need := access.ScopeWrite
	switch {
	case upgrade:
		need = access.ScopeEdit
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		need = access.ScopeRead
	}
	if !t.Allows(need) && upgrade {
		return security.Actor{}, fault.New(fault.Unauthenticated, "access.fault.scope", string(need))
	}
	if !t.Allows(need) {
		return security.Actor{}, fault.New(fault.Denied, "access.fault.scope", string(need))
	}
	return who, nil
}

// ip is the address the connection comes from. Headers that claim another one
// are not believed: anybody can send them.
func ip(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// local returns next when it is a path on this server, and "/" otherwise.
func local(next string) string {
	if len(next) < 1 || len(next) > 2000 || next[0] != '/' || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}

var prague = func() *time.Location {
	if l, err := time.LoadLocation("Europe/Prague"); err == nil {
		return l
	}
	return time.FixedZone("CET", 3600)
}()
