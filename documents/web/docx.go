package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-chi/chi/v5"

	"spolupis/documents"
	"spolupis/security/web"
)

const docxType = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

// maxImports is how many files are read at once: each may take 64 MiB for a moment.
const maxImports = 2

// say speaks the language of the request.
func (h *Handler) say(r *http.Request) documents.Say {
	lang := web.Lang(r)
	return func(key string, args ...any) string { return h.kit.Pages.Text(lang, key, args...) }
}

// turn waits until few enough files are being read, as long as the browser does. Call done when the file is read.
func (h *Handler) turn(r *http.Request) (done func(), err error) {
	select {
	case h.imports <- struct{}{}:
		return func() { <-h.imports }, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// report shows what an import brought and what it left behind.
func (h *Handler) report(w http.ResponseWriter, r *http.Request) {
	x, err := h.read(r, "import")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	report, err := h.documents.Report(r.Context(), web.Who(r), x.ID, documents.ReportID(chi.URLParam(r, "report")))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	h.kit.Page(w, r, http.StatusOK, "documents/import", map[string]any{"Head": x, "Report": report})
}

// docx hands out the live text, recorded before it is sent.
func (h *Handler) docx(w http.ResponseWriter, r *http.Request) {
	m, err := h.documents.Read(r.Context(), web.Who(r), material(r), "document.docx")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	file, err := h.documents.DOCX(r.Context(), web.Who(r), m.ID, h.say(r))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	send(w, docxType, fmt.Sprintf("%s-koncept%d.docx", plain(m.Number), m.Draft), file)
}

func (h *Handler) versionDOCX(w http.ResponseWriter, r *http.Request) {
	v, err := h.numbered(r, "document.docx")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	file, err := h.documents.VersionDOCX(r.Context(), web.Who(r), v, h.say(r))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	send(w, docxType, fmt.Sprintf("%s-v%d.docx", plain(v.Manifest.Number), v.Number), file)
}

// compareDOCX hands out the changes between two versions as tracked changes.
func (h *Handler) compareDOCX(w http.ResponseWriter, r *http.Request) {
	ctx, who := r.Context(), web.Who(r)
	m, err := h.documents.Read(ctx, who, material(r), "compare.docx")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	q := r.URL.Query()
	from, to := number(q.Get("from")), number(q.Get("to"))
	file, a, b, err := h.documents.CompareDOCX(ctx, who, m.ID, from, to, h.say(r))
	if err == nil {
		err = h.readSides(r, "compare.docx", a, b)
	}
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	send(w, docxType, fmt.Sprintf("%s-zmeny-%s-%s.docx", plain(m.Number), sideLabel(from), sideLabel(to)), file)
}

// readSides records that both texts of a comparison are read.
func (h *Handler) readSides(r *http.Request, page string, sides ...documents.Side) error {
	for _, side := range sides {
		if side.Version == nil {
			continue
		}
		if err := h.documents.ReadVersion(r.Context(), web.Who(r), *side.Version, page); err != nil {
			return err
		}
	}
	return nil
}

func sideLabel(n int) string {
	if n == 0 {
		return "koncept"
	}
	return "v" + strconv.Itoa(n)
}

// changesFile is where a comparison is as a file.
func changesFile(id documents.MaterialID, from, to int) string {
	q := url.Values{"from": {strconv.Itoa(from)}, "to": {strconv.Itoa(to)}}
	return address(id, "/compare.docx?"+q.Encode())
}
