package web

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"spolupis/documents"
	"spolupis/documents/search"
	"spolupis/security"
	"spolupis/security/fault"
	"spolupis/security/web"
)

// filing reads how materials shall be filed. Days are those of the office.
func (h *Handler) filing(r *http.Request) (documents.Filing, error) {
	q := r.URL.Query()
	f := documents.Filing{State: documents.State(q.Get("state")), Agenda: documents.AgendaID(q.Get("agenda")),
		Unit: security.UnitID(q.Get("unit")), Drafter: security.ActorID(q.Get("drafter"))}
	if f.Drafter == "me" {
		f.Drafter = web.Who(r).ID
	}
	for _, day := range []struct {
		field string
		to    *time.Time
		days  int
	}{{"from", &f.From, 0}, {"to", &f.To, 1}} {
		if s := q.Get(day.field); s != "" {
			at, err := time.ParseInLocation(time.DateOnly, s, h.zone)
			if err != nil {
				return f, fault.New(fault.Invalid, "search.fault.day")
			}
			*day.to = at.AddDate(0, 0, day.days)
		}
	}
	return f, nil
}

// filters is what a form of filters offers and holds.
type filters struct {
	Values  url.Values
	States  []documents.State
	Agendas []documents.Agenda
	Units   []unitName
	People  []documents.PersonView
	Error   string
}

type unitName struct {
	ID   security.UnitID
	Name string
}

// Of is the value of one filter.
func (f filters) Of(name string) string { return f.Values.Get(name) }

// Any reports whether anything is filtered by.
func (f filters) Any() bool {
	for name := range f.Values {
		if name != "after" && name != "sort" && f.Values.Get(name) != "" {
			return true
		}
	}
	return false
}

// filters collects what the form shows; names maps units to their names.
func (h *Handler) filters(r *http.Request, more ...string) (f filters, names map[security.UnitID]string, err error) {
	f.Values, f.States = url.Values{}, documents.States
	for _, name := range append([]string{"q", "state", "agenda", "unit", "drafter", "from", "to", "after"}, more...) {
		if s := strings.TrimSpace(r.URL.Query().Get(name)); s != "" {
			f.Values.Set(name, s)
		}
	}
	if f.Agendas, err = h.documents.Agendas(r.Context()); err != nil {
		return f, nil, err
	}
	units, names, err := h.units(r)
	for _, u := range units {
		f.Units = append(f.Units, unitName{u.ID, u.Name})
	}
	return f, names, err
}

// next is the address of the page after this one, or "".
func (f filters) next(path, after string) string {
	if after == "" {
		return ""
	}
	v := maps.Clone(f.Values)
	v["after"] = []string{after}
	return path + "?" + v.Encode()
}

func (h *Handler) search(w http.ResponseWriter, r *http.Request) {
	f, units, err := h.filters(r)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	filing, err := h.filing(r)
	var found documents.Results
	if err == nil {
		found, err = h.documents.Search(r.Context(), web.Who(r), documents.Search{Text: f.Of("q"), Filing: filing, After: f.Of("after")})
	}
	status := http.StatusOK
	if x := fault.Of(err); err != nil && x.Kind == fault.Invalid {
		f.Error, status = h.kit.Pages.Text(web.Lang(r), x.Key, x.Args...), http.StatusUnprocessableEntity
	} else if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	type row struct {
		documents.Result
		UnitName string
		Drafter  string
	}
	names := h.names(r)
	var rows []row
	for _, x := range found.Results {
		rows = append(rows, row{x, units[x.Unit], names.of(x.Material.Drafter).Name})
	}
	h.kit.Page(w, r, status, "documents/search", map[string]any{
		"Filters": f, "Results": rows, "Next": f.next("/search", found.Next), "Asked": len(search.Parse(f.Of("q"))) > 0,
		"Narrowed": slices.ContainsFunc([]string{"state", "agenda", "unit", "from", "to"}, func(s string) bool { return f.Of(s) != "" }),
	})
}

func (h *Handler) apiSearch(w http.ResponseWriter, r *http.Request) {
	filing, err := h.filing(r)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	q := r.URL.Query()
	found, err := h.documents.Search(r.Context(), web.Who(r), documents.Search{Text: q.Get("q"), Filing: filing, After: q.Get("after")})
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	type place struct {
		Kind    string `json:"kind"`
		Number  int    `json:"number,omitempty"`
		Link    string `json:"link"`
		Passage string `json:"passage"`
	}
	type item struct {
		ID     documents.MaterialID `json:"id"`
		Number string               `json:"number"`
		Title  string               `json:"title"`
		State  documents.State      `json:"state"`
		Exact  bool                 `json:"exact,omitempty"`
		Places []place              `json:"places"`
	}
	items := []item{}
	for _, x := range found.Results {
		i := item{x.ID, x.Material.Number, x.Material.Title, x.State, x.Exact, []place{}}
		for _, p := range x.Places {
			var text strings.Builder
			for _, piece := range p.Pieces {
				text.WriteString(piece.Text)
			}
			i.Places = append(i.Places, place{p.Kind, p.Number, p.Link, text.String()})
		}
		items = append(items, i)
	}
	h.kit.JSON(w, http.StatusOK, map[string]any{"results": items, "next": found.Next})
}
