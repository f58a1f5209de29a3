package web

import (
	"context"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"spolupis/citizen"
	"spolupis/security"
	"spolupis/security/fault"
	frame "spolupis/security/web"
)

// openingPage is the data of citizen/open.
type openingPage struct {
	Document   citizen.Document
	Form       citizen.Opening
	Received   string
	Today      string
	Rules      []citizen.Rule
	Hard, Soft []citizen.Exclusion
	Marked     map[citizen.Exclusion]bool
	NoScope    bool
	Error      string
}

func (h *Handler) opening(w http.ResponseWriter, r *http.Request) {
	id := citizen.DocumentID(chi.URLParam(r, "id"))
	if m, err := h.Citizen.MatterOf(r.Context(), frame.Who(r), id); err == nil {
		http.Redirect(w, r, "/matters/"+string(m.ID), http.StatusSeeOther)
		return
	}
	h.openForm(w, r, citizen.Opening{Document: id, Rule: citizen.Administrative}, h.Citizen.Now().In(citizen.Prague).Format(time.DateOnly), nil)
}

func (h *Handler) openForm(w http.ResponseWriter, r *http.Request, o citizen.Opening, received string, problem error) {
	d, err := h.Citizen.Documents.Document(r.Context(), frame.Who(r), o.Document)
	if err != nil {
		h.Kit.Fail(w, r, err)
		return
	}
	scope, err := h.Citizen.Store.Current(r.Context(), d.Agenda)
	if err != nil {
		h.Kit.Fail(w, r, err)
		return
	}
	p := openingPage{
		Document: d, Form: o, Received: received, Today: h.Citizen.Now().In(citizen.Prague).Format(time.DateOnly), Rules: citizen.Rules,
		Hard: citizen.HardExclusions, Soft: citizen.Circumstances, Marked: set(o.Circumstances), NoScope: !scope.Mode.Shows(),
	}
	status := http.StatusOK
	if problem != nil {
		status, p.Error = h.sentence(r, problem)
	}
	h.Kit.Page(w, r, status, "citizen/open", p)
}

func (h *Handler) sentence(r *http.Request, err error) (int, string) {
	f := fault.Of(err)
	status := http.StatusUnprocessableEntity
	if f.Kind == fault.Conflict {
		status = http.StatusConflict
	}
	return status, h.Kit.Pages.Text(frame.Lang(r), f.Key, f.Args...)
}

// mine reports whether err is something the form can be mended for.
func mine(err error) bool {
	k := fault.Of(err).Kind
	return k == fault.Invalid || k == fault.Conflict
}

func (h *Handler) open(w http.ResponseWriter, r *http.Request) {
	if err := parseForm(r); err != nil {
		h.Kit.Fail(w, r, err)
		return
	}
	o := citizen.Opening{
		Document: citizen.DocumentID(chi.URLParam(r, "id")), Rule: citizen.Rule(r.PostFormValue("rule")),
		Generic: r.PostFormValue("generic"), Full: r.PostFormValue("full"),
		Contact:       citizen.Contact{Name: r.PostFormValue("contact_name"), Position: r.PostFormValue("contact_position"), Mailbox: r.PostFormValue("contact_mailbox")},
		Circumstances: list[citizen.Exclusion](r, "circumstance"),
	}
	var err error
	if o.Received, err = date(r, "received"); err != nil {
		h.openForm(w, r, o, r.PostFormValue("received"), err)
		return
	}
	m, code, err := h.Citizen.Open(r.Context(), frame.Who(r), o)
	if err != nil && mine(err) {
		h.openForm(w, r, o, r.PostFormValue("received"), err)
		return
	}
	h.handOver(w, r, m, code, err, "citizen.open.done")
}

func (h *Handler) reissue(w http.ResponseWriter, r *http.Request) {
	m, code, err := h.Citizen.Reissue(r.Context(), frame.Who(r), matterID(r))
	h.handOver(w, r, m, code, err, "citizen.matter.reissued")
}

// handOver leads to the confirmation. The code goes there sealed in a cookie of
// that one page, which the page deletes: it is shown once and is in no address,
// no log and no table.
func (h *Handler) handOver(w http.ResponseWriter, r *http.Request, m citizen.Matter, code citizen.Code, err error, say string) {
	if err != nil {
		h.Kit.Fail(w, r, err)
		return
	}
	h.now(r)
	sealed, err := h.Citizen.HandOver(m, code)
	if err != nil {
		h.Kit.Fail(w, r, err)
		return
	}
	http.SetCookie(w, h.once(m.ID, sealed, 300))
	h.Kit.Done(w, r, "/matters/"+string(m.ID)+"/confirmation", say, m.Number)
}

func (h *Handler) once(id citizen.MatterID, value string, age int) *http.Cookie {
	return &http.Cookie{
		Name: "code", Value: value, Path: "/matters/" + string(id) + "/confirmation", MaxAge: age,
		HttpOnly: true, Secure: h.Kit.TLS, SameSite: http.SameSiteStrictMode,
	}
}

// confirmationPage is the data of citizen/confirmation.
type confirmationPage struct {
	Matter  citizen.Matter
	Code    string // empty when it was handed over already
	Address string
	Link    string
	QR      template.HTML
}

func (h *Handler) confirmation(w http.ResponseWriter, r *http.Request) {
	in, err := h.Citizen.Inside(r.Context(), frame.Who(r), matterID(r))
	if err != nil {
		h.Kit.Fail(w, r, err)
		return
	}
	p := confirmationPage{Matter: in.Matter, Address: h.address(r, "/stav"), Link: h.address(r, "/stav/"+string(in.Matter.Number))}
	if c, err := r.Cookie("code"); err == nil {
		if code, ok := h.Citizen.TakeOver(in.Matter, c.Value); ok {
			p.Code = code.String()
		}
		http.SetCookie(w, h.once(in.Matter.ID, "", -1))
	}
	if p.QR, err = frame.QR(p.Link); err != nil {
		h.Kit.Fail(w, r, err)
		return
	}
	h.Kit.Page(w, r, http.StatusOK, "citizen/confirmation", p)
}

// matterPage is the data of citizen/matter.
type matterPage struct {
	citizen.Inside
	View   statusPage
	Stages []citizen.Stage
	Today  string
	More   int // most days the deadline can be prolonged by
	Error  string
}

func (h *Handler) matter(w http.ResponseWriter, r *http.Request) { h.matterForm(w, r, nil) }

func (h *Handler) matterForm(w http.ResponseWriter, r *http.Request, problem error) {
	in, err := h.Citizen.Inside(r.Context(), frame.Who(r), matterID(r))
	if err != nil {
		h.Kit.Fail(w, r, err)
		return
	}
	p := matterPage{Inside: in, View: h.page(in.Public), Stages: citizen.ByHand, Today: h.Citizen.Now().In(citizen.Prague).Format(time.DateOnly)}
	p.View.Preview = true
	if _, p.More = in.Matter.Rule.Days(); p.More > 0 {
		p.Stages = append(p.Stages[:len(p.Stages):len(p.Stages)], citizen.DeadlineChanged)
	}
	status := http.StatusOK
	if problem != nil {
		status, p.Error = h.sentence(r, problem)
	}
	h.Kit.Page(w, r, status, "citizen/matter", p)
}

func (h *Handler) record(w http.ResponseWriter, r *http.Request) {
	rec := citizen.Record{Stage: citizen.Stage(r.PostFormValue("stage")), More: number(r, "more")}
	var err error
	if rec.At, err = date(r, "at"); err == nil {
		now := h.Citizen.Now()
		if citizen.Day(rec.At).Equal(citizen.Day(now)) {
			rec.At = now // today: at this moment, so that it follows what happened today
		}
		rec.Until, err = date(r, "until")
	}
	if err == nil {
		err = h.Citizen.Record(r.Context(), frame.Who(r), matterID(r), rec)
	}
	h.back(w, r, err, "citizen.matter.recorded")
}

func (h *Handler) retract(w http.ResponseWriter, r *http.Request) {
	seq, err := strconv.ParseInt(chi.URLParam(r, "seq"), 10, 64)
	if err != nil {
		h.Kit.Fail(w, r, fault.NotFound)
		return
	}
	h.back(w, r, h.Citizen.Retract(r.Context(), frame.Who(r), matterID(r), seq), "citizen.matter.retracted")
}

func (h *Handler) back(w http.ResponseWriter, r *http.Request, err error, say string) {
	switch {
	case err != nil && mine(err):
		h.matterForm(w, r, err)
	case err != nil:
		h.Kit.Fail(w, r, err)
	default:
		h.now(r)
		h.Kit.Done(w, r, "/matters/"+chi.URLParam(r, "id"), say)
	}
}

func set[T comparable](vs []T) map[T]bool {
	m := map[T]bool{}
	for _, v := range vs {
		m[v] = true
	}
	return m
}

func (h *Handler) names(ctx context.Context, scopes []citizen.Scope) (map[security.ActorID]string, error) {
	var ids []security.ActorID
	for _, s := range scopes {
		ids = append(ids, s.ProposedBy)
		if s.DecidedBy != "" {
			ids = append(ids, s.DecidedBy)
		}
	}
	return h.People.Names(ctx, ids...)
}
