package web

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"spolupis/documents"
	"spolupis/documents/office"
	"spolupis/security"
	"spolupis/security/fault"
	"spolupis/security/web"
)

func (h *Handler) inbox(w http.ResponseWriter, r *http.Request) {
	who := web.Who(r)
	tasks, err := h.documents.Inbox(r.Context(), who)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	what := r.URL.Query().Get("what")
	var kinds []taskKind
	var shown []documents.Task
	for _, t := range tasks {
		i := slices.IndexFunc(kinds, func(k taskKind) bool { return k.What == t.What })
		if i < 0 {
			i, kinds = len(kinds), append(kinds, taskKind{What: t.What})
		}
		kinds[i].Count++
		if what == "" || t.What == what {
			shown = append(shown, t)
		}
	}
	h.kit.Page(w, r, http.StatusOK, "documents/inbox", map[string]any{"Groups": documents.Grouped(shown, h.kit.Now(), h.zone),
		"All": len(tasks), "Kinds": kinds, "What": what, "Creates": creates(who)})
}

// taskKind is how much of one kind there is to do.
type taskKind struct {
	What  string
	Count int
}

func (h *Handler) openNotice(w http.ResponseWriter, r *http.Request) {
	seq, err := strconv.ParseInt(chi.URLParam(r, "seq"), 10, 64)
	if err != nil {
		h.kit.Fail(w, r, fault.NotFound)
		return
	}
	n, err := h.documents.OpenNotice(r.Context(), web.Who(r), seq)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, n.Link, http.StatusSeeOther)
}

// creates is whether to offer creating; the service decides.
func creates(who security.Actor) bool {
	return who.Has(security.Drafter) || who.Has(security.Head) || who.Has(security.Secretariat)
}

func (h *Handler) notices(w http.ResponseWriter, r *http.Request) {
	before, _ := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	all, err := h.documents.Notices(r.Context(), web.Who(r), max(0, before))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	type row struct {
		documents.Notice
		Text string
	}
	rows := []row{}
	var newest, oldest int64
	for _, n := range all {
		args := make([]any, len(n.Args))
		for i, a := range n.Args {
			args[i] = a
		}
		rows = append(rows, row{n, h.kit.Pages.Text(web.Lang(r), "documents.notice."+n.Kind, args...)})
		newest, oldest = max(newest, n.Seq), n.Seq
	}
	if len(all) < 50 {
		oldest = 0
	}
	h.kit.Page(w, r, http.StatusOK, "documents/notices", map[string]any{"Notices": rows, "Newest": newest, "Older": oldest})
}

func (h *Handler) seeNotices(w http.ResponseWriter, r *http.Request) {
	upTo, err := strconv.ParseInt(r.PostFormValue("upto"), 10, 64)
	if err != nil {
		h.kit.Fail(w, r, fault.Invalid)
		return
	}
	if err := h.documents.See(r.Context(), web.Who(r), upTo); err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	h.kit.Done(w, r, "/notices", "documents.notices.done")
}

func (h *Handler) agendas(w http.ResponseWriter, r *http.Request, f form) {
	all, err := h.documents.Agendas(r.Context())
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	units, byID, err := h.units(r)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	type row struct {
		documents.Agenda
		UnitName string
	}
	var rows []row
	for _, a := range all {
		rows = append(rows, row{a, byID[a.Unit]})
	}
	h.kit.Page(w, r, f.status(), "documents/agendas", map[string]any{
		"Agendas": rows, "Units": units, "Form": f,
	})
}

func (h *Handler) createAgenda(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	a := documents.Agenda{ID: documents.AgendaID(r.Form.Get("id")), Name: r.Form.Get("name"), Unit: security.UnitID(r.Form.Get("unit")), Numbering: r.Form.Get("numbering")}
	if err := h.documents.CreateAgenda(r.Context(), web.Who(r), a); err != nil {
		h.again(w, r, err, "", func(f form) { h.agendas(w, r, f) })
		return
	}
	h.kit.Done(w, r, "/agendas/new", "documents.agendas.done", a.Name)
}

func (h *Handler) newForm(w http.ResponseWriter, r *http.Request, f form) {
	agendas, err := h.documents.Agendas(r.Context())
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	units, _, err := h.units(r)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	unit := f.Of("unit")
	if unit == "" {
		unit = string(web.Who(r).Unit)
	}
	all, err := h.documents.Templates(r.Context(), web.Who(r))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	chosen, templates := f.Of("template"), []documents.KeptTemplate{}
	for _, t := range all {
		if t.Closed {
			continue
		}
		if templates = append(templates, t); chosen == "" && f.Values == nil {
			chosen = string(t.ID)
		}
	}
	h.kit.Page(w, r, f.status(), "documents/new", map[string]any{"Agendas": agendas, "Units": units, "Unit": unit, "Templates": templates, "Template": chosen, "Form": f})
}

// create makes an empty material, or imports one when a file or Markdown came with it.
func (h *Handler) create(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	who := web.Who(r)
	n := documents.NewMaterial{Title: r.Form.Get("title"), Agenda: documents.AgendaID(r.Form.Get("agenda")), Unit: security.UnitID(r.Form.Get("unit"))}
	done, err := h.turn(r)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	defer done()
	text, err := uploaded(r)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	if n.Template = documents.TemplateID(r.Form.Get("template")); len(text) > 0 && r.Form.Get("check") == "" {
		n.Template = "" // a text of its own, which nobody asked to check
	}
	var m documents.Material
	var report documents.ReportID
	switch {
	case office.IsZip(text):
		m, report, err = h.documents.ImportDOCX(r.Context(), who, n, text, h.say(r))
	case len(text) > 0:
		m, err = h.documents.Import(r.Context(), who, n, text)
	default:
		m, err = h.documents.Create(r.Context(), who, n)
	}
	if err != nil {
		h.again(w, r, err, "", func(f form) { h.newForm(w, r, f) })
		return
	}
	rest := ""
	if report != "" {
		rest = "/import/" + string(report)
	}
	h.kit.Done(w, r, address(m.ID, rest), "documents.new.done", m.Number)
}

// uploaded is the text of a form: the file when there is one, else the Markdown that was pasted.
func uploaded(r *http.Request) ([]byte, error) {
	file, header, err := r.FormFile("file")
	if err == nil && header.Size > 0 {
		defer file.Close()
		text := make([]byte, header.Size) // within the limit of the form
		_, err := io.ReadFull(file, text)
		return text, err
	}
	pasted := strings.ReplaceAll(r.Form.Get("markdown"), "\r\n", "\n")
	if strings.TrimSpace(pasted) == "" {
		return nil, nil
	}
	return []byte(pasted), nil
}

func (h *Handler) apiList(w http.ResponseWriter, r *http.Request) {
	q, err := h.query(r)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	page, err := h.documents.List(r.Context(), web.Who(r), q)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	type item struct {
		ID      documents.MaterialID `json:"id"`
		Number  string               `json:"number"`
		Title   string               `json:"title"`
		Agenda  documents.AgendaID   `json:"agenda"`
		Unit    security.UnitID      `json:"unit"`
		State   documents.State      `json:"state"`
		Changed string               `json:"changed_at"`
	}
	items := []item{}
	for _, m := range page.Materials {
		items = append(items, item{m.ID, m.Number, m.Title, m.Agenda, m.Unit, m.State, m.ChangedAt.Format("2006-01-02T15:04:05.000000Z07:00")})
	}
	h.kit.JSON(w, http.StatusOK, map[string]any{"documents": items, "next": page.Next})
}
