package web

import (
	"errors"
	"net/http"

	"github.com/go-chi/chi/v5"

	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
)

type deputyRow struct {
	access.Deputyship
	ByName    string
	ScopeName string // of the unit the deputyship is limited to; its object when it is no unit
	Now, Over bool
	Mine      bool // the reader is the person represented
}

type deputiesView struct {
	Rows   []deputyRow
	People []access.Person
	Units  []access.UnitInfo
	All    bool // an administrator sees and makes everybody's
	Today  access.Day
	Max    int
	Error  string
	Typed  access.Deputyship
}

func (o *Office) deputies(w http.ResponseWriter, r *http.Request) {
	o.deputiesPage(w, r, http.StatusOK, deputiesView{})
}

func (o *Office) deputiesPage(w http.ResponseWriter, r *http.Request, status int, v deputiesView) {
	who := Who(r)
	v.All, v.Today, v.Max = who.Has(security.Administrator), access.DayOf(o.Kit.Now()), access.MaxDeputyDays
	list, err1 := o.Rights.Deputyships(r.Context(), who, v.All)
	people, err2 := o.Accounts.People(r.Context(), access.PeopleFilter{})
	units, err3 := o.Accounts.Units(r.Context())
	var givers []security.ActorID
	for _, d := range list {
		givers = append(givers, d.GivenBy)
	}
	names, err4 := o.Accounts.Names(r.Context(), givers...)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	v.People, v.Units = people, units
	for _, d := range list {
		row := deputyRow{Deputyship: d, ByName: names[d.GivenBy], ScopeName: string(d.Scope), Now: d.On(v.Today), Over: !d.RevokedAt.IsZero() || d.Last < v.Today, Mine: d.Person == who.ID}
		for _, u := range units {
			if access.Unit(u.ID) == d.Scope {
				row.ScopeName = u.Name
			}
		}
		v.Rows = append(v.Rows, row)
	}
	o.Kit.Page(w, r, status, "security/deputies", v)
}

func (o *Office) nameDeputy(w http.ResponseWriter, r *http.Request) {
	who := Who(r)
	d := access.Deputyship{Person: who.ID, Deputy: security.ActorID(r.PostFormValue("deputy")), First: access.Day(r.PostFormValue("first")),
		Last: access.Day(r.PostFormValue("last")), Scope: access.Object(r.PostFormValue("scope"))}
	if p := r.PostFormValue("person"); p != "" {
		d.Person = security.ActorID(p)
	}
	_, err := o.Rights.NameDeputy(r.Context(), who, d)
	switch {
	case err != nil && known(err):
		o.deputiesPage(w, r, statuses[fault.Of(err).Kind], deputiesView{Error: o.sentence(r, err), Typed: d})
	case err != nil:
		o.Kit.Fail(w, r, err)
	default:
		o.Kit.Done(w, r, "/deputies", "deputy.named")
	}
}

func (o *Office) revokeDeputy(w http.ResponseWriter, r *http.Request) {
	if err := o.Rights.RevokeDeputy(r.Context(), Who(r), chi.URLParam(r, "deputyship")); err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	o.Kit.Done(w, r, "/deputies", "deputy.revoked_done")
}

func (o *Office) nameHead(w http.ResponseWriter, r *http.Request) {
	err := o.stepUp(r)
	if err == nil {
		err = o.Rights.NameHead(r.Context(), Who(r), security.UnitID(r.PostFormValue("unit")), security.ActorID(r.PostFormValue("head")))
	}
	switch {
	case err != nil && known(err):
		o.accountsPage(w, r, statuses[fault.Of(err).Kind], o.sentence(r, err))
	case err != nil:
		o.Kit.Fail(w, r, err)
	default:
		o.Kit.Done(w, r, "/accounts", "deputy.head_named")
	}
}
