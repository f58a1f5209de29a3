package web

import (
	"net/http"

	"spolupis/documents"
	"spolupis/security/web"
)

func (h *Handler) compare(w http.ResponseWriter, r *http.Request) {
	ctx, who := r.Context(), web.Who(r)
	x, err := h.read(r, "versions")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	versions, err := h.documents.Versions(ctx, who, x.ID)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	q := r.URL.Query()
	from, to := number(q.Get("from")), number(q.Get("to"))
	if q.Get("from") == "" && len(versions) > 0 { // by default: what the newest version changed, or the draft
		from, to = versions[0].Number, 0
		if !x.Editable() && len(versions) > 1 {
			from, to = versions[1].Number, versions[0].Number
		}
	}
	data := map[string]any{"Head": x, "Versions": versions, "From": from, "To": to, "View": "side"}
	if q.Get("view") == "column" {
		data["View"] = "column"
	}
	if len(versions) > 0 {
		a, b, diff, err := h.documents.Compare(ctx, who, x.ID, from, to)
		if err != nil {
			h.kit.Fail(w, r, err)
			return
		}
		if err := h.readSides(r, "compare", a, b); err != nil {
			h.kit.Fail(w, r, err)
			return
		}
		groups, changes := fold(diff)
		data["Tracked"] = a.Tracked + b.Tracked
		data["Annexes"] = documents.AnnexChanges(a.Annexes, b.Annexes)
		data["Groups"], data["Changes"], data["File"] = groups, changes, changesFile(x.ID, from, to)
	}
	h.kit.Page(w, r, http.StatusOK, "documents/compare", data)
}
