package web

import (
	"errors"
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

type versionRow struct {
	documents.Version
	By documents.PersonView
}

func (h *Handler) versions(w http.ResponseWriter, r *http.Request) {
	x, err := h.read(r, "versions")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	all, err := h.documents.Versions(r.Context(), web.Who(r), x.ID)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	names := h.names(r)
	var rows []versionRow
	for _, v := range all {
		rows = append(rows, versionRow{v, names.of(v.FrozenBy)})
	}
	h.kit.Page(w, r, http.StatusOK, "documents/versions", map[string]any{"Head": x, "Versions": rows})
}

// numbered finds the version of the URL and records that it is read.
func (h *Handler) numbered(r *http.Request, what string) (documents.Version, error) {
	v, err := h.documents.Numbered(r.Context(), web.Who(r), material(r), number(chi.URLParam(r, "n")))
	if err != nil {
		return v, err
	}
	return v, h.documents.ReadVersion(r.Context(), web.Who(r), v, what)
}

func (h *Handler) version(w http.ResponseWriter, r *http.Request) {
	v, err := h.numbered(r, "version")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	x, err := h.read(r, "versions")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	b, err := h.documents.VersionBody(r.Context(), web.Who(r), v.ID)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	acts, err := h.acts(r, v)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	h.kit.Page(w, r, http.StatusOK, "documents/version", map[string]any{
		"Head": x, "V": versionRow{v, h.names(r).of(v.FrozenBy)}, "HTML": template.HTML(render.HTML(b)), "Acts": acts,
		"Newest": x.Current == v.ID,
	})
}

type actRow struct {
	By     documents.PersonView
	Sign   bool
	Act    documents.Act
	Member documents.Member
}

// acts lists who approved and signed a version.
func (h *Handler) acts(r *http.Request, v documents.Version) ([]actRow, error) {
	c, err := h.documents.Circulation(r.Context(), web.Who(r), v.ID)
	if errors.Is(err, fault.NotFound) {
		return nil, nil
	}
	names := h.names(r)
	var rows []actRow
	for _, s := range c.Steps {
		for _, m := range s.Members {
			if m.Act != "" {
				rows = append(rows, actRow{names.of(m.Person), s.Sign, m.Act, m})
			}
		}
	}
	return rows, err
}

// file hands out one stored file of a version, recorded before it is sent.
func (h *Handler) file(f documents.File) http.HandlerFunc {
	types := map[documents.File]string{
		documents.FilePDF: "application/pdf", documents.FileMarkdown: "text/markdown; charset=utf-8",
		documents.FileManifest: "application/json", documents.FileComments: "application/json",
	}
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := h.numbered(r, string(f))
		if err != nil {
			h.kit.Fail(w, r, err)
			return
		}
		body, err := h.documents.VersionFile(r.Context(), web.Who(r), v.ID, f)
		if err != nil {
			h.kit.Fail(w, r, err)
			return
		}
		send(w, types[f], fmt.Sprintf("%s-v%d-%s", plain(v.Manifest.Number), v.Number, f), body)
	}
}

// send answers with a file to be saved.
func send(w http.ResponseWriter, kind, name string, file []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	w.Header().Set("Content-Length", strconv.Itoa(len(file)))
	w.Write(file)
}

// plain keeps of a reference number what every file system takes.
func plain(number string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-':
			return r
		}
		return '_'
	}, number)
}

func (h *Handler) restore(w http.ResponseWriter, r *http.Request) {
	v, err := h.documents.Numbered(r.Context(), web.Who(r), material(r), number(chi.URLParam(r, "n")))
	if err == nil {
		_, err = h.documents.Restore(r.Context(), web.Who(r), v.ID)
	}
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	h.kit.Done(w, r, address(v.Material, ""), "documents.version.restored", v.Number)
}

func (h *Handler) history(w http.ResponseWriter, r *http.Request) {
	x, err := h.read(r, "history")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	before, _ := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	entries, reads, err := h.documents.History(r.Context(), web.Who(r), x.ID, max(0, before))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	names := h.names(r)
	var rows []historyRow
	older := int64(0)
	for _, e := range entries {
		row := historyRow{Entry: e, By: names.of(e.Actor)}
		if e.OnBehalfOf != "" {
			row.Behalf = names.of(e.OnBehalfOf).Name
		}
		row.What, row.Report = h.what(web.Lang(r), e), reportOf(x.ID, e)
		rows = append(rows, row)
		older = e.Seq
	}
	if len(entries) < 100 {
		older = 0
	}
	h.kit.Page(w, r, http.StatusOK, "documents/history", map[string]any{"Head": x, "Rows": rows, "Reads": reads, "Older": older})
}
