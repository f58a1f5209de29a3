package web

import (
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"spolupis/documents"
	"spolupis/security/fault"
	"spolupis/security/web"
)

func (h *Handler) query(r *http.Request) (documents.Query, error) {
	f, err := h.filing(r)
	q := r.URL.Query()
	return documents.Query{State: f.State, Agenda: f.Agenda, Unit: f.Unit, Drafter: f.Drafter, From: f.From, To: f.To,
		Text: q.Get("q"), Sort: documents.Sort(q.Get("sort")), After: q.Get("after")}, err
}

func (h *Handler) list(w http.ResponseWriter, r *http.Request) { h.listWith(w, r, form{}) }

// listWith shows the list, with a refused form of saving a view.
func (h *Handler) listWith(w http.ResponseWriter, r *http.Request, refused form) {
	who := web.Who(r)
	f, units, err := h.filters(r, "sort")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	q, err := h.query(r)
	q.Count = true
	var page documents.Page
	if err == nil {
		page, err = h.documents.List(r.Context(), who, q)
	}
	status := refused.status()
	if x := fault.Of(err); err != nil && x.Kind == fault.Invalid {
		f.Error, status = h.kit.Pages.Text(web.Lang(r), x.Key, x.Args...), http.StatusUnprocessableEntity
	} else if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	views, err := h.documents.Views(r.Context(), who)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	type row struct {
		documents.Material
		UnitName string
		Drafter  string
	}
	names := h.names(r)
	var rows []row
	for _, m := range page.Materials {
		rows = append(rows, row{m, units[m.Unit], names.of(m.Drafter).Name})
	}
	kept := url.Values{} // what a saved view keeps
	for name, v := range f.Values {
		if name != "after" {
			kept[name] = v
		}
	}
	h.kit.Page(w, r, status, "documents/list", map[string]any{
		"Materials": rows, "Next": f.next("/documents", page.Next), "Filters": f, "Sorts": documents.Sorts, "Count": page.Count, "Most": documents.MaxCount,
		"Creates": creates(who), "Filtered": f.Any(), "Views": views, "Kept": kept.Encode(), "Form": refused, "First": f.Of("after") == "",
	})
}

func (h *Handler) saveView(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	asked, err := url.ParseQuery(r.Form.Get("query"))
	if err != nil {
		h.kit.Fail(w, r, fault.Invalid)
		return
	}
	kept := url.Values{}
	for _, name := range []string{"q", "state", "agenda", "unit", "drafter", "from", "to", "sort"} {
		if s := asked.Get(name); s != "" {
			kept.Set(name, s)
		}
	}
	v, err := h.documents.SaveView(r.Context(), web.Who(r), r.Form.Get("name"), kept.Encode())
	if err != nil {
		again := r.Clone(r.Context())
		again.URL.RawQuery = kept.Encode()
		h.again(w, r, err, "view", func(f form) { h.listWith(w, again, f) })
		return
	}
	h.kit.Done(w, r, "/documents?"+v.Query, "search.views.saved", v.Name)
}

// sharedView leads to the list that somebody saved. Who "me" is, is who opens it.
func (h *Handler) sharedView(w http.ResponseWriter, r *http.Request) {
	v, err := h.documents.SharedView(r.Context(), web.Who(r), chi.URLParam(r, "view"))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/documents?"+v.Query, http.StatusSeeOther)
}

func (h *Handler) dropView(w http.ResponseWriter, r *http.Request) {
	if err := h.documents.DropView(r.Context(), web.Who(r), chi.URLParam(r, "view")); err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	h.kit.Done(w, r, "/documents", "search.views.dropped")
}
