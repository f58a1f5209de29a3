package web

import (
	"html/template"
	"net/http"

	"github.com/go-chi/chi/v5"

	"spolupis/documents"
	"spolupis/documents/render"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/web"
)

// Prints serves printouts: making one, looking at it, and the page that tells
// whoever holds the paper whether it still holds good.
type Prints struct {
	h    *Handler
	base string
}

// NewPrints returns the pages of printouts beside those of h. Base is the
// address people open, for the QR codes.
func NewPrints(h *Handler, base string) *Prints { return &Prints{h, base} }

// Mount registers every route with its rule.
func (p *Prints) Mount(r chi.Router) {
	view := web.Document(access.View)
	p.h.kit.Post(r, "/documents/{id}/print", view, p.make)
	p.h.kit.Get(r, "/documents/{id}/prints", view, p.list)
	p.h.kit.Get(r, "/prints/{code}", web.SignedIn, p.show)
	p.h.kit.Get(r, "/overeni/{code}", web.Public, p.verify)
}

func (p *Prints) make(w http.ResponseWriter, r *http.Request) {
	if !p.h.parse(w, r) {
		return
	}
	n := 0
	if s := r.Form.Get("version"); s != "" {
		n = number(s)
	}
	if n < 0 {
		p.h.kit.Fail(w, r, fault.New(fault.NotFound, "documents.fault.version_gone"))
		return
	}
	made, err := p.h.documents.Print(r.Context(), web.Who(r), material(r), n)
	if err != nil {
		p.h.kit.Fail(w, r, err)
		return
	}
	p.h.kit.Done(w, r, "/prints/"+string(made.Code), "")
}

func code(r *http.Request) documents.PrintCode { return documents.PrintCode(chi.URLParam(r, "code")) }

func (p *Prints) show(w http.ResponseWriter, r *http.Request) {
	made, m, text, err := p.h.documents.Printed(r.Context(), web.Who(r), code(r))
	if err != nil {
		p.h.kit.Fail(w, r, err)
		return
	}
	link := p.base + "/overeni/" + string(made.Code)
	qr, err := web.QR(link)
	if err != nil {
		p.h.kit.Fail(w, r, err)
		return
	}
	p.h.kit.Page(w, r, http.StatusOK, "print/show", map[string]any{"P": made, "M": m, "By": p.h.names(r).of(made.By), "HTML": template.HTML(render.HTML(text)), "QR": qr, "Link": link})
}

func (p *Prints) list(w http.ResponseWriter, r *http.Request) {
	x, err := p.h.read(r, "prints")
	if err != nil {
		p.h.kit.Fail(w, r, err)
		return
	}
	all, err := p.h.documents.Printouts(r.Context(), web.Who(r), x.ID)
	if err != nil {
		p.h.kit.Fail(w, r, err)
		return
	}
	type row struct {
		documents.Printout
		Name string
	}
	var rows []row
	names := p.h.names(r)
	for _, x := range all {
		rows = append(rows, row{x, names.of(x.By).Name})
	}
	p.h.kit.Page(w, r, http.StatusOK, "documents/prints", map[string]any{"Head": x, "Prints": rows})
}

func (p *Prints) verify(w http.ResponseWriter, r *http.Request) {
	v, err := p.h.documents.Verify(r.Context(), web.Who(r), code(r))
	if err != nil {
		p.h.kit.Fail(w, r, err)
		return
	}
	data := map[string]any{"V": v}
	if v.Inside != nil {
		data["Groups"], data["Changes"] = fold(v.Inside.Changes)
	}
	p.h.kit.Page(w, r, http.StatusOK, "documents/verify", data)
}
