// Package web is the office's pages and API of materials: list, text,
// comments, versions, comparison, route, history, notices. Every page but the
// editor works without JavaScript: plain forms, POST and 303.
package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"spolupis/documents"
	"spolupis/documents/office"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/web"
)

// Directory knows the people and units of the office (access.Accounts).
type Directory interface {
	People(ctx context.Context, f access.PeopleFilter) ([]access.Person, error)
	Units(ctx context.Context) ([]access.UnitInfo, error)
}

// Handler serves the pages of documents.
type Handler struct {
	kit       *web.Kit
	documents *documents.Service
	directory Directory
	zone      *time.Location // deadlines are days of the office
	imports   chan struct{}  // one for each file that may be read at once

	// Mail says how mail is sent; for the pages about it. Set before Mount.
	Mail MailConfig
}

// MailConfig is what pages need to know about sending mail.
type MailConfig struct {
	On      bool
	Domains []string // of addresses that may be used; nil: any
}

// New returns the pages of s in the frame of kit.
func New(kit *web.Kit, s *documents.Service, d Directory) *Handler {
	return &Handler{kit: kit, documents: s, directory: d, zone: s.Zone, imports: make(chan struct{}, maxImports)}
}

// Mount registers every route with its rule. All checks of a rule are made
// again by the service; the rule keeps what is not there and what is not yours alike.
func (h *Handler) Mount(r chi.Router) {
	view, edit, manage := web.Document(access.View), web.Document(access.Edit), web.Document(access.Manage)
	comment, freeze := web.Document(access.Comment), web.Document(access.Freeze)
	get := func(pattern string, rule web.Rule, f http.HandlerFunc) { h.kit.Get(r, pattern, rule, f) }
	post := func(pattern string, rule web.Rule, f http.HandlerFunc) { h.kit.Post(r, pattern, rule, f) }

	get("/", web.SignedIn, h.inbox)
	get("/notices", web.SignedIn, h.notices)
	get("/notices/{seq}", web.SignedIn, h.openNotice)
	post("/notices", web.SignedIn, h.seeNotices)
	get("/account/mail", web.SignedIn, func(w http.ResponseWriter, r *http.Request) { h.mailSetting(w, r, form{}) })
	post("/account/mail", web.SignedIn, h.setMail)
	get("/mail", web.Roles(security.Administrator), h.outbox)
	get("/agendas/new", web.Roles(security.Administrator), func(w http.ResponseWriter, r *http.Request) { h.agendas(w, r, form{}) })
	post("/agendas/new", web.Roles(security.Administrator), h.createAgenda)

	get("/search", web.SignedIn, h.search)
	get("/templates", web.SignedIn, h.templates)
	get("/templates/new", web.SignedIn, func(w http.ResponseWriter, r *http.Request) { h.template(w, r, form{}) })
	post("/templates/new", web.SignedIn, h.setTemplate)
	get("/templates/{template}", web.SignedIn, func(w http.ResponseWriter, r *http.Request) { h.template(w, r, form{}) })
	post("/templates/{template}", web.SignedIn, h.setTemplate)

	get("/documents", web.SignedIn, h.list)
	post("/views", web.SignedIn, h.saveView)
	get("/views/{view}", web.SignedIn, h.sharedView)
	post("/views/{view}/delete", web.SignedIn, h.dropView)
	post("/documents", web.SignedIn, h.create)
	h.kit.Large(http.MethodPost, "/documents", office.MaxFile+1<<20) // the file and the rest of the form
	get("/documents/new", web.SignedIn, func(w http.ResponseWriter, r *http.Request) { h.newForm(w, r, form{}) })
	get("/documents/{id}", view, func(w http.ResponseWriter, r *http.Request) { h.overview(w, r, form{}) })
	get("/documents/{id}/edit", view, h.edit)
	get("/documents/{id}/text", view, h.text)
	post("/documents/{id}/title", edit, h.rename)
	post("/documents/{id}/participants", manage, h.participants)
	get("/documents/{id}/round", view, func(w http.ResponseWriter, r *http.Request) { h.roundPage(w, r, form{}) })
	post("/documents/{id}/round", manage, h.round)
	post("/documents/{id}/round/statement", view, h.statement)
	get("/documents/{id}/round/{n}/changes", view, h.roundChanges)
	post("/documents/{id}/freeze", freeze, h.freeze)
	post("/documents/{id}/draft", freeze, h.openDraft)

	get("/documents/{id}/comments", view, func(w http.ResponseWriter, r *http.Request) { h.comments(w, r, form{}) })
	post("/documents/{id}/comments", comment, h.command)
	get("/documents/{id}/settlement", view, h.settlement)
	get("/documents/{id}/settlement/duplicates", edit, h.duplicates)
	get("/documents/{id}/settlement/{n}", view, func(w http.ResponseWriter, r *http.Request) { h.settleOne(w, r, form{}) })
	post("/documents/{id}/settlement/{n}", comment, h.settleCommand)
	post("/documents/{id}/settlement/{n}/dispute", view, h.dispute)
	for ext := range tableFiles {
		get("/documents/{id}/settlement."+ext, view, h.tableFile(ext))
		get("/documents/{id}/versions/{n}/settlement."+ext, view, h.versionTable(ext))
	}
	get("/documents/{id}/versions", view, h.versions)
	get("/documents/{id}/versions/{n}", view, h.version)
	post("/documents/{id}/versions/{n}/restore", edit, h.restore)
	for _, f := range []documents.File{documents.FilePDF, documents.FileMarkdown, documents.FileManifest, documents.FileComments} {
		get("/documents/{id}/versions/{n}/"+string(f), view, h.file(f))
	}
	get("/documents/{id}/versions/{n}/derivatives", view, func(w http.ResponseWriter, r *http.Request) { h.derivatives(w, r, form{}) })
	post("/documents/{id}/versions/{n}/derivatives", edit, h.derive)
	post("/documents/{id}/versions/{n}/derivatives/{derivative}", view, h.decideDerivative)
	get("/derivatives/{derivative}/document.pdf", web.SignedIn, h.derivativePDF)
	get("/documents/{id}/compare", view, h.compare)
	get("/documents/{id}/document.docx", view, h.docx)
	get("/documents/{id}/versions/{n}/document.docx", view, h.versionDOCX)
	get("/documents/{id}/compare.docx", view, h.compareDOCX)
	get("/documents/{id}/import/{report}", view, h.report)
	get("/documents/{id}/route", view, func(w http.ResponseWriter, r *http.Request) { h.route(w, r, form{}) })
	post("/documents/{id}/route", manage, h.startRoute)
	post("/documents/{id}/route/carry", manage, h.carry)
	post("/documents/{id}/route/decision", view, h.decide) // a deputy has the right only in the name of another
	get("/documents/{id}/history", view, h.history)
	get("/documents/{id}/authors", view, h.authors)
	get("/documents/{id}/changes", view, h.changes)

	h.mountAttachments(r)
	h.mountCourse(r)
	h.mountMeetings(r)

	get("/api/v1/documents", web.SignedIn, h.apiList)
	get("/api/v1/search", web.SignedIn, h.apiSearch)
	get("/api/v1/documents/{id}/comments", view, h.apiComments)
	get("/api/v1/documents/{id}/changes", view, h.apiChanges)
	post("/api/v1/documents/{id}/comments", comment, h.apiCommand)
	get("/api/v1/documents/{id}/settlement", view, h.apiSettlement)
}

// form is what a refused form shows again: what was typed, and what is wrong where.
type form struct {
	Values url.Values
	Error  string // the fault's sentence in the reader's language
	Field  string // the field at fault; "" for the whole form
	Row    string // which of several forms on the page
	Status int    // of the page that shows it again; 0 for a form not yet sent
}

// Of returns what was typed into a field.
func (f form) Of(field string) string { return f.Values.Get(field) }

// Wrong returns the sentence about a field of one form of the page, or "".
func (f form) Wrong(row, field string) string {
	if f.Row == row && f.Field == field {
		return f.Error
	}
	return ""
}

// General returns the sentence about one form as a whole, or "".
func (f form) General(row string) string { return f.Wrong(row, "") }

// In reports whether one of several values was chosen.
func (f form) In(field, value string) bool {
	for _, v := range f.Values[field] {
		if v == value {
			return true
		}
	}
	return false
}

// fields tells which field of a form a fault is about; those missing here are
// about the whole form.
var fields = map[string]string{
	"documents.fault.title_empty": "title", "documents.fault.title_long": "title", "documents.fault.agenda_missing": "agenda",
	"documents.fault.comment_empty": "text", "documents.fault.comment_kind": "kind", "documents.fault.comment_reasoning": "reasoning",
	"documents.fault.quote": "quote", "documents.fault.proposed_nowhere": "proposed", "documents.fault.proposed_same": "proposed",
	"documents.fault.outcome": "outcome", "documents.fault.settle_reasoning": "reasoning", "documents.fault.reply_empty": "text",
	"documents.fault.agenda_id": "id", "documents.fault.agenda_exists": "id", "documents.fault.agenda_name": "name", "documents.fault.agenda_numbering": "numbering",
	"documents.fault.template_missing": "template", "documents.fault.template_id": "id", "documents.fault.template_exists": "id", "documents.fault.template_name": "name",
	"search.fault.view_name": "name", "mail.fault.address": "address", "mail.fault.domain": "address", "mail.fault.setting": "address",
	"documents.fault.round_units": "unit", "documents.fault.round_days": "days", "documents.fault.round_urgent": "urgent", "documents.fault.round_why": "why",
	"documents.fault.round_reason": "reason", "documents.fault.statement": "statement", "documents.fault.statement_note": "note", "documents.fault.statement_has": "statement",
	"documents.fault.statement_has_none": "statement", "documents.fault.settle_unchanged": "reasoning", "documents.fault.insist_reasoning": "reasoning",
	"documents.fault.dispute_reason": "text", "documents.fault.dispute_words": "text", "documents.fault.dispute_decider": "decider", "documents.fault.reject_reason": "reason",
	"documents.fault.participant": "subject", "documents.fault.route_empty": "approvers1",
	"documents.fault.tracked_open": "tracked",
}

// again shows a page again with what is wrong, or fails when the fault is not
// the kind that a person can mend in the form.
func (h *Handler) again(w http.ResponseWriter, r *http.Request, err error, row string, show func(form)) {
	f := fault.Of(err)
	switch f.Kind {
	case fault.Invalid, fault.Conflict, fault.TooMany, fault.TooLarge:
		field := fields[f.Key]
		switch {
		case field != "":
		case strings.HasPrefix(f.Key, "documents.fault.import_"):
			field = "markdown"
		case strings.HasPrefix(f.Key, "documents.fault.docx_"):
			field = "file"
		case strings.HasPrefix(f.Key, "attachments.fault."):
			field = "file"
		}
		show(form{Values: r.Form, Error: h.kit.Pages.Text(web.Lang(r), f.Key, f.Args...), Field: field, Row: row, Status: statuses[f.Kind]})
	default:
		h.kit.Fail(w, r, err)
	}
}

// statuses of a form shown again, as Kit.Fail gives them.
var statuses = map[fault.Kind]int{
	fault.Invalid: http.StatusUnprocessableEntity, fault.Conflict: http.StatusConflict,
	fault.TooMany: http.StatusTooManyRequests, fault.TooLarge: http.StatusRequestEntityTooLarge,
}

func (f form) status() int {
	if f.Status == 0 {
		return http.StatusOK
	}
	return f.Status
}

// parse reads a form; what is too large or broken is refused.
func (h *Handler) parse(w http.ResponseWriter, r *http.Request) bool {
	err := r.ParseMultipartForm(1 << 20)
	if errors.Is(err, http.ErrNotMultipart) {
		err = r.ParseForm()
	}
	if err == nil {
		return true
	}
	kind := fault.Invalid
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		kind = fault.TooLarge
	}
	h.kit.Fail(w, r, fault.New(kind, "fault."+kind.Error()))
	return false
}

func material(r *http.Request) documents.MaterialID {
	return documents.MaterialID(chi.URLParam(r, "id"))
}

func address(id documents.MaterialID, rest string) string { return "/documents/" + string(id) + rest }

// names looks people up once per page.
type names struct {
	ctx  context.Context
	s    *documents.Service
	seen map[security.ActorID]documents.PersonView
}

func (h *Handler) names(r *http.Request) *names {
	return &names{r.Context(), h.documents, map[security.ActorID]documents.PersonView{}}
}

func (n *names) of(id security.ActorID) documents.PersonView {
	p, ok := n.seen[id]
	if !ok {
		name, unit := n.s.Name(n.ctx, id)
		p = documents.PersonView{ID: id, Name: name, Unit: unit}
		n.seen[id] = p
	}
	return p
}

// units maps unit ids to names.
func (h *Handler) units(r *http.Request) ([]access.UnitInfo, map[security.UnitID]string, error) {
	all, err := h.directory.Units(r.Context())
	byID := map[security.UnitID]string{}
	for _, u := range all {
		byID[u.ID] = u.Name
	}
	return all, byID, err
}

// head is what every page of one material shows on top: title, number, state, tabs.
type head struct {
	documents.Material
	UnitName string
	Drafter  documents.PersonView
	Tab      string
	May      map[string]bool // edit, comment, manage, freeze, approve, audit
}

// read opens a material for a page and records the reading before the answer.
func (h *Handler) read(r *http.Request, tab string) (head, error) {
	who := web.Who(r)
	m, err := h.documents.Read(r.Context(), who, material(r), tab)
	if err != nil {
		return head{}, err
	}
	_, units, err := h.units(r)
	if err != nil {
		return head{}, err
	}
	x := head{Material: m, UnitName: units[m.Unit], Drafter: h.names(r).of(m.Drafter), Tab: tab, May: map[string]bool{}}
	allowed, err := h.documents.Allowed(r.Context(), who, m.ID)
	if err != nil {
		return head{}, err
	}
	for _, act := range []access.Act{access.Edit, access.Comment, access.Manage, access.Freeze, access.Approve, access.Audit} {
		x.May[string(act)] = allowed[act]
	}
	return x, nil
}

// Editable reports whether the text can be written in.
func (x head) Editable() bool { return x.State.Editable() }

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return -1
	}
	return n
}
