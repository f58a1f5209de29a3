package web

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"spolupis/security/access"
	"spolupis/security/fault"
)

type signInView struct {
	Next  string
	Login string
	Error string
}

func (o *Office) signInForm(w http.ResponseWriter, r *http.Request) {
	next := local(r.URL.Query().Get("next"))
	if Who(r).Known() {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	o.Kit.Page(w, r, http.StatusOK, "security/sign-in", signInView{Next: next})
}

func (o *Office) signIn(w http.ResponseWriter, r *http.Request) {
	next := local(r.PostFormValue("next"))
	login := r.PostFormValue("login")
	s, err := o.Accounts.Authenticate(r.Context(), login, r.PostFormValue("password"), ip(r))
	if errors.Is(err, fault.Unauthenticated) || errors.Is(err, fault.TooMany) {
		if len(login) > 100 {
			login = ""
		}
		if f := fault.Of(err); f.Kind == fault.TooMany && len(f.Args) == 1 {
			if minutes, ok := f.Args[0].(int); ok {
				w.Header().Set("Retry-After", strconv.Itoa(60*minutes))
			}
		}
		v := signInView{Next: next, Login: login, Error: o.sentence(r, err)}
		o.Kit.Page(w, r, statuses[fault.Of(err).Kind], "security/sign-in", v)
		return
	}
	if err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	o.endOld(r)
	http.SetCookie(w, &http.Cookie{Name: o.cookie(), Value: s.Token, Path: "/", HttpOnly: true, Secure: o.Kit.TLS, SameSite: http.SameSiteLaxMode})
	if s.MustChange {
		http.Redirect(w, r, "/account", http.StatusSeeOther)
		return
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// endOld ends the session the browser came with, so that a new sign-in leaves
// no older one behind.
func (o *Office) endOld(r *http.Request) {
	if c, err := r.Cookie(o.cookie()); err == nil {
		if err := o.Accounts.SignOut(r.Context(), c.Value); err != nil {
			o.Kit.Log.Warn("end the previous session", "err", err)
		}
	}
}

func (o *Office) signOut(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(o.cookie()); err == nil {
		if err := o.Accounts.SignOut(r.Context(), c.Value); err != nil {
			o.Kit.Fail(w, r, err)
			return
		}
	}
	http.SetCookie(w, &http.Cookie{Name: o.cookie(), Path: "/", MaxAge: -1, HttpOnly: true, Secure: o.Kit.TLS, SameSite: http.SameSiteLaxMode})
	o.Kit.Done(w, r, "/sign-in", "sign_in.signed_out")
}

// sentence says a fault to the reader.
func (o *Office) sentence(r *http.Request, err error) string {
	f := fault.Of(err)
	return o.Kit.Pages.Text(Lang(r), f.Key, f.Args...)
}

// known reports whether err is one a form can show beside its fields.
func known(err error) bool {
	return errors.Is(err, fault.Invalid) || errors.Is(err, fault.Conflict) || errors.Is(err, fault.Denied) || errors.Is(err, fault.TooMany) || errors.Is(err, fault.Unauthenticated)
}

type ownView struct {
	Person     access.Person
	Tokens     []access.Token
	Scopes     []access.Scope
	MustChange bool
	Error      string // of the password form
	TokenError string
	Token      string // a token just made, shown once
	Min        int
}

func (o *Office) own(w http.ResponseWriter, r *http.Request) {
	o.ownPage(w, r, http.StatusOK, ownView{})
}

func (o *Office) ownPage(w http.ResponseWriter, r *http.Request, status int, v ownView) {
	var err1, err2, err3 error
	v.Person, err1 = o.Accounts.Person(r.Context(), Who(r).ID)
	v.Tokens, err2 = o.Accounts.Tokens(r.Context(), Who(r))
	v.MustChange, err3 = o.Accounts.MustChange(r.Context(), Who(r).ID)
	if err := errors.Join(err1, err2, err3); err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	v.Scopes, v.Min = access.Scopes, access.MinPassword
	o.Kit.Page(w, r, status, "security/account", v)
}

func (o *Office) changePassword(w http.ResponseWriter, r *http.Request) {
	fresh := r.PostFormValue("fresh")
	err := error(nil)
	if fresh != r.PostFormValue("again") {
		err = fault.New(fault.Invalid, "access.fault.password_differs")
	} else {
		err = o.Accounts.ChangePassword(r.Context(), Who(r), r.PostFormValue("old"), fresh, ip(r))
	}
	if err != nil && known(err) {
		o.ownPage(w, r, statuses[fault.Of(err).Kind], ownView{Error: o.sentence(r, err)})
		return
	}
	if err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	o.Kit.Done(w, r, "/account", "account.password_changed")
}

func (o *Office) createToken(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		o.Kit.Fail(w, r, fault.New(fault.Invalid, "fault.invalid"))
		return
	}
	var scopes []access.Scope
	for _, s := range r.PostForm["scope"] {
		scopes = append(scopes, access.Scope(s))
	}
	days := map[string]int{"7": 7, "30": 30, "90": 90, "365": 365}[r.PostFormValue("days")]
	token, err := o.Accounts.CreateToken(r.Context(), Who(r), r.PostFormValue("name"), scopes, time.Duration(days)*24*time.Hour)
	switch {
	case err != nil && known(err):
		o.ownPage(w, r, statuses[fault.Of(err).Kind], ownView{TokenError: o.sentence(r, err)})
	case err != nil:
		o.Kit.Fail(w, r, err)
	default:
		o.ownPage(w, r, http.StatusCreated, ownView{Token: token})
	}
}

func (o *Office) revokeToken(w http.ResponseWriter, r *http.Request) {
	if err := o.Accounts.RevokeToken(r.Context(), Who(r), chi.URLParam(r, "token")); err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	o.Kit.Done(w, r, "/account", "account.token_revoked")
}
