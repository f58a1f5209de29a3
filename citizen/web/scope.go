package web

import (
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"

	"spolupis/citizen"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	frame "spolupis/security/web"
)

func (h *Handler) agendas(w http.ResponseWriter, r *http.Request) {
	rows, err := h.Citizen.AgendaScopes(r.Context(), frame.Who(r))
	if err != nil {
		h.Kit.Fail(w, r, err)
		return
	}
	h.Kit.Page(w, r, http.StatusOK, "citizen/agendas", rows)
}

// scopePage is the data of citizen/scope.
type scopePage struct {
	citizen.History
	Form      citizen.Scope // what the form is filled with
	Choices   choices
	Stage     map[citizen.Stage]bool // ticked in Form
	Suppress  map[citizen.Exclusion]bool
	Contains  map[citizen.Exclusion]bool
	Preview   *citizen.Preview // of Form or of the open proposal
	Of        int              // number of the proposal Preview is of, 0 = of the form
	Then      statusPage       // Preview.Then
	Names     map[security.ActorID]string
	May       bool // may propose and decide
	Own       bool // the open proposal is his
	Error     string
	Exposures []citizen.Exposure // of the scope in force
}

type choices struct {
	Modes                               []citizen.Mode
	Stages                              []citizen.Stage
	Official, Subject, Dates, Documents []string
	Circumstances, HardExclusions       []citizen.Exclusion
}

var offered = choices{
	citizen.Modes, citizen.Stages, citizen.OfficialLevels, citizen.SubjectLevels, citizen.DatesLevels, citizen.DocumentLevels,
	citizen.Circumstances, citizen.HardExclusions,
}

func agendaID(r *http.Request) citizen.AgendaID { return citizen.AgendaID(chi.URLParam(r, "id")) }

func (h *Handler) scope(w http.ResponseWriter, r *http.Request) {
	h.scopeForm(w, r, nil, nil, false)
}

// scopeForm shows the scope page. form is what was filled in, nil the scope in
// force; show previews it.
func (h *Handler) scopeForm(w http.ResponseWriter, r *http.Request, form *citizen.Scope, problem error, show bool) {
	ctx, who := r.Context(), frame.Who(r)
	past, err := h.Citizen.History(ctx, who, agendaID(r))
	if err != nil {
		h.Kit.Fail(w, r, err)
		return
	}
	p := scopePage{History: past, Form: past.Current, Choices: offered, Exposures: past.Current.Exposures()}
	p.May = h.Kit.Rights(ctx, who, access.Publish, access.Agenda(string(agendaID(r)))) == nil
	var preview *citizen.Scope
	if past.Proposed != nil {
		p.Form, preview, p.Of = *past.Proposed, past.Proposed, past.Proposed.Number
		p.Own = past.Proposed.ProposedBy == who.ID
	}
	if past.Current.Number == 0 && past.Proposed == nil {
		p.Form.RetentionDays = 90
	}
	if form != nil {
		p.Form = *form
	}
	if show && problem == nil {
		preview, p.Of = form, 0
	}
	if preview != nil {
		v, err := h.Citizen.Preview(ctx, who, *preview)
		if err != nil {
			h.Kit.Fail(w, r, err)
			return
		}
		p.Preview, p.Then = &v, h.page(v.Then)
		p.Then.Preview = true
	}
	if p.Names, err = h.names(ctx, past.All); err != nil {
		h.Kit.Fail(w, r, err)
		return
	}
	p.Stage, p.Suppress, p.Contains = set(p.Form.Stages), set(p.Form.Suppress), set(p.Form.Contains)
	status := http.StatusOK
	if problem != nil {
		status, p.Error = h.sentence(r, problem)
	}
	h.Kit.Page(w, r, status, "citizen/scope", p)
}

func (h *Handler) propose(w http.ResponseWriter, r *http.Request) {
	if err := parseForm(r); err != nil {
		h.Kit.Fail(w, r, err)
		return
	}
	sc := citizen.Scope{
		Agenda: agendaID(r), Mode: citizen.Mode(r.PostFormValue("mode")), Stages: list[citizen.Stage](r, "stage"),
		Fields: citizen.Fields{
			Unit: r.PostFormValue("unit") != "", Official: r.PostFormValue("official"), Subject: r.PostFormValue("subject"),
			Dates: r.PostFormValue("dates"), Documents: r.PostFormValue("documents"),
		},
		DelayHours: number(r, "delay_hours"), RetentionDays: number(r, "retention_days"), LegalBasis: r.PostFormValue("legal_basis"),
		Suppress: list[citizen.Exclusion](r, "suppress"), Contains: list[citizen.Exclusion](r, "contains"),
	}
	if r.PostFormValue("do") == "preview" {
		h.scopeForm(w, r, &sc, sc.Check(), true)
		return
	}
	made, err := h.Citizen.Propose(r.Context(), frame.Who(r), sc)
	switch {
	case err != nil && mine(err):
		h.scopeForm(w, r, &sc, err, false)
	case err != nil:
		h.Kit.Fail(w, r, err)
	default:
		h.Kit.Done(w, r, "/agendas/"+chi.URLParam(r, "id")+"/scope", "citizen.scope.proposed", made.Number)
	}
}

func (h *Handler) decide(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(chi.URLParam(r, "number"))
	do := r.PostFormValue("do")
	if err != nil || do != "approve" && do != "refuse" {
		h.Kit.Fail(w, r, fault.NotFound)
		return
	}
	if err := h.Citizen.Decide(r.Context(), frame.Who(r), agendaID(r), n, do == "approve"); err != nil {
		h.Kit.Fail(w, r, err)
		return
	}
	h.now(r)
	say := "citizen.scope.refused_done"
	if do == "approve" {
		say = "citizen.scope.approved_done"
	}
	h.Kit.Done(w, r, "/agendas/"+chi.URLParam(r, "id")+"/scope", say, n)
}
