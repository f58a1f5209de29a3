package web

import (
	"net/http"
	"strings"

	"spolupis/documents"
	"spolupis/security/web"
)

type changeRow struct {
	documents.ChangeView
	Anchor string // of its paragraph on the page of the text
}

// changes lists the open tracked changes of the live text, with where they are.
func (h *Handler) changes(w http.ResponseWriter, r *http.Request) {
	x, err := h.read(r, "changes")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	x.Tab = "text"
	all, err := h.documents.Changes(r.Context(), web.Who(r), x.ID, true)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	var rows []changeRow
	for _, c := range all {
		rows = append(rows, changeRow{c, "b-" + strings.ReplaceAll(c.Block, ":", "-")})
	}
	h.kit.Page(w, r, http.StatusOK, "documents/changes", map[string]any{"Head": x, "Changes": rows, "Decide": x.Editable() && h.documents.MayDecide(r.Context(), web.Who(r), x.ID)})
}

func (h *Handler) apiChanges(w http.ResponseWriter, r *http.Request) {
	if _, err := h.documents.Read(r.Context(), web.Who(r), material(r), "changes"); err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	all, err := h.documents.Changes(r.Context(), web.Who(r), material(r), r.URL.Query().Get("origins") != "")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	h.kit.JSON(w, http.StatusOK, map[string]any{"changes": all})
}
