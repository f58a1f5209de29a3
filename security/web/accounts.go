package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
)

type accountsView struct {
	People []access.Person
	Units  []access.UnitInfo
	Roles  []security.Role
	Filter access.PeopleFilter
	Error  string // of the unit form
	Heads  map[security.UnitID]security.ActorID
	Names  map[security.ActorID]string // of everybody who can be a head
	Staff  []access.Person
	// Confirm: the administrator has to give the own password with the form.
	Confirm bool
}

func (o *Office) accounts(w http.ResponseWriter, r *http.Request) {
	o.accountsPage(w, r, http.StatusOK, "")
}

func (o *Office) accountsPage(w http.ResponseWriter, r *http.Request, status int, problem string) {
	q := r.URL.Query()
	v := accountsView{Roles: security.Roles, Error: problem, Filter: access.PeopleFilter{
		Text: q.Get("text"), Unit: security.UnitID(q.Get("unit")), Role: security.Role(q.Get("role")), Disabled: q.Get("disabled") == "1",
	}}
	var err1, err2, err3, err4 error
	v.People, err1 = o.Accounts.People(r.Context(), v.Filter)
	v.Units, err2 = o.Accounts.Units(r.Context())
	v.Heads, err3 = o.Rights.Heads(r.Context())
	v.Staff, err4 = o.Accounts.People(r.Context(), access.PeopleFilter{})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	v.Names = map[security.ActorID]string{}
	for _, p := range v.Staff {
		v.Names[p.ID] = p.Name
	}
	v.Confirm = o.Accounts.Confirmed(r.Context(), Who(r)) != nil
	o.Kit.Page(w, r, status, "security/accounts", v)
}

type accountView struct {
	Person   access.Person // also carries what was typed into a refused form
	Units    []access.UnitInfo
	Roles    []security.Role
	Error    string
	Reason   string
	Password string // a password just set, shown once
	Confirm  bool   // the administrator has to give the own password with the form
	Min      int
}

// stepUp lets an act on other people's accounts through when the administrator
// gave the own password lately, or gives it with this form.
func (o *Office) stepUp(r *http.Request) error {
	err := o.Accounts.Confirmed(r.Context(), Who(r))
	if own := r.PostFormValue("confirm"); err != nil && own != "" {
		return o.Accounts.Confirm(r.Context(), Who(r), own, ip(r))
	}
	return err
}

func (o *Office) accountPage(w http.ResponseWriter, r *http.Request, status int, page string, v accountView) {
	var err error
	if v.Units, err = o.Accounts.Units(r.Context()); err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	v.Confirm = o.Accounts.Confirmed(r.Context(), Who(r)) != nil
	v.Roles, v.Min = security.Roles, access.MinPassword
	o.Kit.Page(w, r, status, page, v)
}

func (o *Office) newAccount(w http.ResponseWriter, r *http.Request) {
	o.accountPage(w, r, http.StatusOK, "security/account-new", accountView{})
}

func chosenRoles(r *http.Request) []security.Role {
	var out []security.Role
	for _, s := range r.PostForm["role"] {
		out = append(out, security.Role(s))
	}
	return out
}

func (o *Office) createAccount(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		o.Kit.Fail(w, r, fault.New(fault.Invalid, "fault.invalid"))
		return
	}
	n := access.NewAccount{
		Login: r.PostFormValue("login"), Name: r.PostFormValue("name"), Password: r.PostFormValue("password"),
		Unit: security.UnitID(r.PostFormValue("unit")), Roles: chosenRoles(r), MustChange: true,
	}
	var id security.ActorID
	err := o.stepUp(r)
	if err == nil {
		id, err = o.Accounts.Create(r.Context(), Who(r), n)
	}
	if err != nil && known(err) {
		o.accountPage(w, r, statuses[fault.Of(err).Kind], "security/account-new", accountView{
			Person: access.Person{Login: n.Login, Name: n.Name, Unit: n.Unit, Roles: n.Roles}, Error: o.sentence(r, err),
		})
		return
	}
	if err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	o.Kit.Done(w, r, "/accounts/"+string(id), "accounts.created", strings.TrimSpace(n.Name))
}

func (o *Office) createUnit(w http.ResponseWriter, r *http.Request) {
	err := o.Accounts.CreateUnit(r.Context(), Who(r), access.UnitInfo{ID: security.UnitID(strings.TrimSpace(r.PostFormValue("id"))), Name: r.PostFormValue("name")})
	switch {
	case err != nil && known(err):
		o.accountsPage(w, r, statuses[fault.Of(err).Kind], o.sentence(r, err))
	case err != nil:
		o.Kit.Fail(w, r, err)
	default:
		o.Kit.Done(w, r, "/accounts", "accounts.unit_created", r.PostFormValue("name"))
	}
}

func (o *Office) account(w http.ResponseWriter, r *http.Request) {
	p, err := o.Accounts.Person(r.Context(), security.ActorID(chi.URLParam(r, "id")))
	if err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	o.accountPage(w, r, http.StatusOK, "security/account-edit", accountView{Person: p})
}

func (o *Office) updateAccount(w http.ResponseWriter, r *http.Request) {
	id := security.ActorID(chi.URLParam(r, "id"))
	p, err := o.Accounts.Person(r.Context(), id)
	if err == nil {
		err = r.ParseForm()
	}
	if err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	c := access.Change{Unit: security.UnitID(r.PostFormValue("unit")), Roles: chosenRoles(r), Disabled: r.PostFormValue("disabled") == "1"}
	if err = o.stepUp(r); err == nil {
		err = o.Accounts.Update(r.Context(), Who(r), id, c)
	}
	switch {
	case err != nil && known(err):
		p.Unit, p.Roles, p.Disabled = c.Unit, c.Roles, c.Disabled
		o.accountPage(w, r, statuses[fault.Of(err).Kind], "security/account-edit", accountView{Person: p, Error: o.sentence(r, err)})
	case err != nil:
		o.Kit.Fail(w, r, err)
	default:
		o.Kit.Done(w, r, "/accounts/"+string(id), "accounts.changed", p.Name)
	}
}

func (o *Office) resetPassword(w http.ResponseWriter, r *http.Request) {
	p, err := o.Accounts.Person(r.Context(), security.ActorID(chi.URLParam(r, "id")))
	if err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	reason, password := r.PostFormValue("reason"), ""
	if err = o.stepUp(r); err == nil {
		password, err = o.Accounts.ResetPassword(r.Context(), Who(r), p.ID, reason)
	}
	switch {
	case err != nil && known(err):
		o.accountPage(w, r, statuses[fault.Of(err).Kind], "security/account-edit", accountView{Person: p, Reason: reason, Error: o.sentence(r, err)})
	case err != nil:
		o.Kit.Fail(w, r, err)
	default: // not a redirect: the password is shown once and kept nowhere
		o.accountPage(w, r, http.StatusOK, "security/account-edit", accountView{Person: p, Password: password})
	}
}

func (o *Office) eraseAccount(w http.ResponseWriter, r *http.Request) {
	p, err := o.Accounts.Person(r.Context(), security.ActorID(chi.URLParam(r, "id")))
	if err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	// The login typed out is the question "really?" without JavaScript.
	if strings.TrimSpace(r.PostFormValue("login")) != p.Login {
		err = fault.New(fault.Invalid, "access.fault.erase_login")
	} else if err = o.stepUp(r); err == nil {
		err = o.Accounts.Erase(r.Context(), Who(r), p.ID, r.PostFormValue("reason"))
	}
	switch {
	case err != nil && known(err):
		o.accountPage(w, r, statuses[fault.Of(err).Kind], "security/account-edit", accountView{Person: p, Error: o.sentence(r, err)})
	case err != nil:
		o.Kit.Fail(w, r, err)
	default:
		o.Kit.Done(w, r, "/accounts", "accounts.erased")
	}
}

type apiPerson struct {
	ID       security.ActorID `json:"id"`
	Login    string           `json:"login,omitempty"`
	Name     string           `json:"name"`
	Unit     security.UnitID  `json:"unit,omitempty"`
	UnitName string           `json:"unit_name,omitempty"`
	Roles    []security.Role  `json:"roles"`
	Disabled bool             `json:"disabled,omitempty"`
}

func (o *Office) apiMe(w http.ResponseWriter, r *http.Request) {
	who := Who(r)
	o.Kit.JSON(w, http.StatusOK, apiPerson{ID: who.ID, Name: who.Name, Unit: who.Unit, UnitName: who.UnitName, Roles: append([]security.Role{}, who.Roles...)})
}

func (o *Office) apiAccounts(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	people, err := o.Accounts.People(r.Context(), access.PeopleFilter{
		Text: q.Get("text"), Unit: security.UnitID(q.Get("unit")), Role: security.Role(q.Get("role")), Disabled: q.Get("disabled") == "1",
	})
	if err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	out := make([]apiPerson, len(people))
	for i, p := range people {
		out[i] = apiPerson{p.ID, p.Login, p.Name, p.Unit, p.UnitName, append([]security.Role{}, p.Roles...), p.Disabled}
	}
	o.Kit.JSON(w, http.StatusOK, map[string]any{"accounts": out})
}

func (o *Office) apiCreateAccount(w http.ResponseWriter, r *http.Request) {
	var n struct {
		Login, Name, Password string
		Unit                  security.UnitID
		Roles                 []security.Role
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&n); err != nil {
		o.Kit.Fail(w, r, fault.New(fault.Invalid, "fault.invalid"))
		return
	}
	id, err := o.Accounts.Create(r.Context(), Who(r), access.NewAccount{Login: n.Login, Name: n.Name, Password: n.Password, Unit: n.Unit, Roles: n.Roles, MustChange: true})
	if err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	o.Kit.JSON(w, http.StatusCreated, map[string]any{"id": id})
}
