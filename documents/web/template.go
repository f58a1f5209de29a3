package web

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"spolupis/documents"
	"spolupis/security/fault"
	"spolupis/security/web"
)

func (h *Handler) templates(w http.ResponseWriter, r *http.Request) {
	all, err := h.documents.Templates(r.Context(), web.Who(r))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	h.kit.Page(w, r, http.StatusOK, "documents/templates", map[string]any{"Templates": all, "May": h.documents.MayTemplate(r.Context(), web.Who(r))})
}

// templatePart is one part in the form of a template, used or not.
type templatePart struct {
	documents.TemplatePart
	Used  bool
	Order int
}

func (h *Handler) template(w http.ResponseWriter, r *http.Request, f form) {
	who, id := web.Who(r), documents.TemplateID(chi.URLParam(r, "template"))
	var k documents.KeptTemplate
	if id != "" {
		var err error
		if k, err = h.documents.Template(r.Context(), who, id); err != nil {
			h.kit.Fail(w, r, err)
			return
		}
	}
	if !h.documents.MayTemplate(r.Context(), who) {
		h.kit.Fail(w, r, fault.New(fault.Denied, "fault.denied"))
		return
	}
	version, t := k.Version, k.Template
	if f.Values != nil {
		version, t = number(f.Of("version")), readTemplate(r)
	}
	agendas, err := h.documents.Agendas(r.Context())
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	var parts []templatePart
	for i, p := range t.Parts {
		parts = append(parts, templatePart{p, true, i + 1})
	}
	for _, p := range documents.AllParts {
		if !slices.ContainsFunc(parts, func(x templatePart) bool { return x.Part == p }) {
			parts = append(parts, templatePart{documents.TemplatePart{Part: p, Heading: h.kit.Pages.Text("cs", "templates.part."+string(p)), Required: true}, id == "" && f.Values == nil, len(parts) + 1})
		}
	}
	chosen := map[documents.AgendaID]bool{}
	for _, a := range t.Agendas {
		chosen[a] = true
	}
	h.kit.Page(w, r, f.status(), "documents/template", map[string]any{"T": t, "New": id == "", "Version": version, "Parts": parts, "Agendas": agendas, "Chosen": chosen,
		"Bodies": documents.TemplateBodies, "Form": f})
}

func readTemplate(r *http.Request) documents.Template {
	v := r.Form
	t := documents.Template{ID: documents.TemplateID(strings.TrimSpace(v.Get("id"))), Name: strings.TrimSpace(v.Get("name")), Body: v.Get("body"), Closed: v.Get("closed") != ""}
	if id := chi.URLParam(r, "template"); id != "" {
		t.ID = documents.TemplateID(id)
	}
	for _, a := range v["agenda"] {
		t.Agendas = append(t.Agendas, documents.AgendaID(a))
	}
	order := map[documents.PartKind]int{}
	for _, p := range documents.AllParts {
		of := func(name string) string { return strings.TrimSpace(v.Get(name + "_" + string(p))) }
		if of("used") == "" {
			continue
		}
		order[p], _ = strconv.Atoi(of("order")) // without a number it comes first
		t.Parts = append(t.Parts, documents.TemplatePart{Part: p, Heading: of("heading"), Required: of("required") != "",
			Text: strings.ReplaceAll(of("text"), "\r\n", "\n"), Guide: strings.ReplaceAll(of("guide"), "\r\n", "\n")})
	}
	slices.SortStableFunc(t.Parts, func(a, b documents.TemplatePart) int { return cmp.Compare(order[a.Part], order[b.Part]) })
	return t
}

func (h *Handler) setTemplate(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	k, err := h.documents.SetTemplate(r.Context(), web.Who(r), max(0, number(r.Form.Get("version"))), readTemplate(r))
	if err != nil {
		h.again(w, r, err, "", func(f form) { h.template(w, r, f) })
		return
	}
	h.kit.Done(w, r, "/templates", "templates.done", k.Name)
}

// lackRow is what a text lacks, with the place in it to mend.
type lackRow struct {
	documents.Lack
	Link string
}

// lacking says what a material that is being written still lacks; made is
// whether it follows a template.
func (h *Handler) lacking(r *http.Request, x head) (rows []lackRow, made bool, err error) {
	if !x.Editable() {
		return nil, false, nil
	}
	lacks, made, err := h.documents.Lacks(r.Context(), web.Who(r), x.ID)
	for _, l := range lacks {
		row := lackRow{l, address(x.ID, "/text")}
		if l.Block != "" {
			row.Link += "#b-" + strings.ReplaceAll(l.Block, ":", "-")
		}
		rows = append(rows, row)
	}
	return rows, made, err
}
