package web

import (
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"spolupis/documents"
	"spolupis/documents/render"
	"spolupis/security/fault"
	"spolupis/security/web"
)

// blockRow is one block of a version on the page where passages are marked.
type blockRow struct {
	Number int
	Text   string
	Whole  bool // to be blacked out
}

type derivativeRow struct {
	documents.Derivative
	MadeByName, DecidedByName string
	MayDecide, Own            bool
}

func (h *Handler) derivatives(w http.ResponseWriter, r *http.Request, f form) {
	ctx, who := r.Context(), web.Who(r)
	v, err := h.numbered(r, "derivatives")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	x, err := h.read(r, "versions")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	all, err := h.documents.Derivatives(ctx, who, v.ID)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	names := h.names(r)
	var rows []derivativeRow
	for _, d := range all {
		rows = append(rows, derivativeRow{d, names.of(d.MadeBy).Name, names.of(d.DecidedBy).Name, d.State == documents.DerivativeProposed && h.documents.MayDecideDerivative(ctx, who, d), d.MadeBy == who.ID})
	}
	data := map[string]any{"Head": x, "V": v, "Rows": rows, "Form": f, "Audiences": documents.Audiences, "Reasons": documents.Reasons, "Audience": f.Of("audience")}
	if x.May["edit"] {
		if err := h.marking(r, v, f, data); err != nil {
			h.kit.Fail(w, r, err)
			return
		}
	}
	h.kit.Page(w, r, f.status(), "documents/derivatives", data)
}

// marking fills in the blocks and marks of the form, and the preview when one was asked for.
func (h *Handler) marking(r *http.Request, v documents.Version, f form, data map[string]any) error {
	text, err := h.documents.VersionBody(r.Context(), web.Who(r), v.ID)
	if err != nil {
		return err
	}
	var marks []documents.Mark
	if f.Values != nil {
		marks = readMarks(r)
	}
	whole := map[int]bool{}
	var quotes []documents.Mark
	for _, m := range marks {
		if m.Quote == "" {
			whole[m.Block] = true
		} else {
			quotes = append(quotes, m)
		}
	}
	var blocks []blockRow
	for i, b := range text.Canonical().Blocks {
		blocks = append(blocks, blockRow{i + 1, b.Text(), whole[i+1]})
	}
	for range 5 {
		quotes = append(quotes, documents.Mark{Reason: documents.Reasons[0]})
	}
	data["Blocks"], data["Quotes"], data["MaxMarks"] = blocks, quotes, documents.MaxMarks
	if f.Of("do") == "preview" && f.Error == "" {
		a, err := h.documents.PreviewDerivative(r.Context(), web.Who(r), v.ID, marks)
		if err != nil {
			return err
		}
		var nowhere []string
		for i, n := range a.Hits {
			if n == 0 {
				nowhere = append(nowhere, marks[i].Quote)
			}
		}
		data["Preview"], data["Title"], data["Left"], data["Nowhere"] = template.HTML(render.HTML(a.Body)), a.Title, strings.Join(a.Left, ", "), strings.Join(nowhere, ", ")
	}
	return nil
}

// readMarks reads the whole blocks and the quotes of the form.
func readMarks(r *http.Request) []documents.Mark {
	v := r.Form
	var out []documents.Mark
	for _, b := range v["block"] {
		out = append(out, documents.Mark{Block: max(0, number(b)), Reason: v.Get("block_reason")})
	}
	quotes, places, reasons := v["quote"], v["place"], v["reason"]
	for i, q := range quotes {
		if q = strings.TrimSpace(q); q == "" || i >= len(places) || i >= len(reasons) {
			continue
		}
		m := documents.Mark{Quote: q, Reason: reasons[i]}
		if p := strings.TrimSpace(places[i]); p != "" {
			n, err := strconv.Atoi(p)
			if err != nil {
				n = -1 // refused by name
			}
			m.Block = n
		}
		out = append(out, m)
	}
	return out
}

func (h *Handler) derive(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	v, err := h.documents.Numbered(r.Context(), web.Who(r), material(r), number(chi.URLParam(r, "n")))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	if r.Form.Get("do") == "preview" {
		if _, err := h.documents.PreviewDerivative(r.Context(), web.Who(r), v.ID, readMarks(r)); err != nil {
			h.again(w, r, err, "", func(f form) { h.derivatives(w, r, f) })
			return
		}
		h.derivatives(w, r, form{Values: r.Form})
		return
	}
	d, err := h.documents.Derive(r.Context(), web.Who(r), v.ID, documents.Audience(r.Form.Get("audience")), readMarks(r))
	if err != nil {
		h.again(w, r, err, "", func(f form) { h.derivatives(w, r, f) })
		return
	}
	h.kit.Done(w, r, fmt.Sprintf("%s/versions/%d/derivatives", address(d.Material, ""), v.Number), "print.derivative.made")
}

func (h *Handler) decideDerivative(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	do := r.Form.Get("do")
	if do != "approve" && do != "refuse" {
		h.kit.Fail(w, r, fault.New(fault.Invalid, "fault.invalid"))
		return
	}
	id := documents.DerivativeID(chi.URLParam(r, "derivative"))
	if err := h.documents.DecideDerivative(r.Context(), web.Who(r), id, do == "approve", r.Form.Get("reason")); err != nil {
		h.again(w, r, err, string(id), func(f form) { h.derivatives(w, r, form{Error: f.Error, Row: f.Row, Field: f.Field, Status: f.Status}) })
		return
	}
	h.kit.Done(w, r, address(material(r), "/versions/"+chi.URLParam(r, "n")+"/derivatives"), map[string]string{"approve": "print.derivative.approved_done", "refuse": "print.derivative.refused_done"}[do])
}

func (h *Handler) derivativePDF(w http.ResponseWriter, r *http.Request) {
	d, pdf, err := h.documents.DerivativePDF(r.Context(), web.Who(r), documents.DerivativeID(chi.URLParam(r, "derivative")))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	send(w, "application/pdf", string(d.Audience)+"-"+string(d.ID)+".pdf", pdf)
}
