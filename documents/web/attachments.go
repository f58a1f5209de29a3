package web

import (
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"spolupis/documents"
	"spolupis/documents/filetype"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/web"
)

// maxUpload is the largest form with files: one of the largest, or several that come to as much.
const maxUpload = documents.MaxAttachment + 1<<20

func (h *Handler) mountAttachments(r chi.Router) {
	view, edit := web.Document(access.View), web.Document(access.Edit)
	h.kit.Get(r, "/documents/{id}/attachments", view, func(w http.ResponseWriter, r *http.Request) { h.attachments(w, r, form{}) })
	h.kit.Post(r, "/documents/{id}/attachments", edit, h.attach)
	h.kit.Large(http.MethodPost, "/documents/*/attachments", maxUpload)
	h.kit.Get(r, "/documents/{id}/attachments/{attachment}", view, h.attachment)
	h.kit.Post(r, "/documents/{id}/attachments/{attachment}/remove", edit, h.detach)
	h.kit.Get(r, "/documents/{id}/versions/{n}/attachments/{k}", view, h.annex)
	comment := web.Document(access.Comment)
	h.kit.Post(r, "/documents/{id}/settlement/{n}/attachments", comment, h.attachToComment)
	h.kit.Large(http.MethodPost, "/documents/*/settlement/*/attachments", maxUpload)
	h.kit.Post(r, "/documents/{id}/settlement/{n}/attachments/{attachment}/remove", comment, h.detachFromComment)
	h.kit.Get(r, "/api/v1/documents/{id}/attachments", view, h.apiAttachments)
}

type attachmentRow struct {
	documents.Attachment
	By documents.PersonView
}

func (h *Handler) attachments(w http.ResponseWriter, r *http.Request, f form) {
	x, err := h.read(r, "attachments")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	all, err := h.documents.Attachments(r.Context(), web.Who(r), x.ID)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	names := h.names(r)
	var rows []attachmentRow
	stored := 0
	for _, a := range all {
		rows = append(rows, attachmentRow{a, names.of(a.AddedBy)})
		stored += a.Size
	}
	h.kit.Page(w, r, f.status(), "documents/attachments", map[string]any{
		"Head": x, "Rows": rows, "Stored": stored, "Form": f, "Writes": x.May["edit"] && x.Editable(), "Accept": accept(),
		"Types": strings.Join(filetype.Extensions(), ", "), "MaxFile": documents.MaxAttachment >> 20, "MaxAll": documents.MaxAttached >> 20, "Most": documents.MaxAttachments,
	})
}

// accept is what a browser offers to choose from.
func accept() string { return "." + strings.Join(filetype.Extensions(), ",.") }

// files reads the files of a form; they are within the limit of the form together.
func files(r *http.Request) ([]documents.Upload, error) {
	if r.MultipartForm == nil {
		return nil, nil
	}
	var out []documents.Upload
	for _, header := range r.MultipartForm.File["file"] {
		if header.Filename == "" && header.Size == 0 { // what a browser sends when nothing was chosen
			continue
		}
		if header.Size > documents.MaxAttachment {
			return nil, fault.New(fault.TooLarge, "attachments.fault.large", filetype.Clean(header.Filename), documents.MaxAttachment>>20)
		}
		b, err := readFile(header)
		if err != nil {
			return nil, err
		}
		out = append(out, documents.Upload{Name: header.Filename, Bytes: b})
	}
	return out, nil
}

func readFile(header *multipart.FileHeader) ([]byte, error) {
	f, err := header.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, header.Size)
	_, err = io.ReadFull(f, b)
	return b, err
}

// upload hands the files of a form to do, few forms at a time: each is in memory for a moment.
func (h *Handler) upload(w http.ResponseWriter, r *http.Request, again func(error), do func([]documents.Upload) error) bool {
	if !h.parse(w, r) {
		return false
	}
	if r.MultipartForm != nil {
		defer r.MultipartForm.RemoveAll()
	}
	done, err := h.turn(r)
	if err != nil {
		h.kit.Fail(w, r, err)
		return false
	}
	defer done()
	all, err := files(r)
	if err == nil {
		err = do(all)
	}
	if err != nil {
		again(err)
		return false
	}
	return true
}

func (h *Handler) attach(w http.ResponseWriter, r *http.Request) {
	ok := h.upload(w, r, func(err error) { h.again(w, r, err, "", func(f form) { h.attachments(w, r, f) }) }, func(all []documents.Upload) error {
		_, err := h.documents.Attach(r.Context(), web.Who(r), material(r), all)
		return err
	})
	if ok {
		h.kit.Done(w, r, address(material(r), "/attachments"), "attachments.added")
	}
}

func (h *Handler) detach(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	if err := h.documents.Detach(r.Context(), web.Who(r), material(r), attachmentID(r)); err != nil {
		h.again(w, r, err, "", func(f form) { h.attachments(w, r, f) })
		return
	}
	h.kit.Done(w, r, address(material(r), "/attachments"), "attachments.removed")
}

// attachTo is the row of the form for attachments on the page of a comment.
const attachTo = "attach"

func (h *Handler) attachToComment(w http.ResponseWriter, r *http.Request) {
	n := number(chi.URLParam(r, "n"))
	ok := h.upload(w, r, func(err error) { h.again(w, r, err, attachTo, func(f form) { h.settleOne(w, r, f) }) }, func(all []documents.Upload) error {
		c, err := h.documents.Case(r.Context(), web.Who(r), material(r), n)
		if err != nil {
			return err
		}
		return h.documents.AttachToComment(r.Context(), web.Who(r), material(r), c.Comment.ID, all)
	})
	if ok {
		h.kit.Done(w, r, address(material(r), "/settlement/"+strconv.Itoa(n)), "attachments.added")
	}
}

func (h *Handler) detachFromComment(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	n := number(chi.URLParam(r, "n"))
	c, err := h.documents.Case(r.Context(), web.Who(r), material(r), n)
	if err == nil {
		err = h.documents.DetachFromComment(r.Context(), web.Who(r), material(r), c.Comment.ID, attachmentID(r))
	}
	if err != nil {
		h.again(w, r, err, attachTo, func(f form) { h.settleOne(w, r, f) })
		return
	}
	h.kit.Done(w, r, address(material(r), "/settlement/"+strconv.Itoa(n)), "attachments.removed")
}

func attachmentID(r *http.Request) documents.AttachmentID {
	return documents.AttachmentID(chi.URLParam(r, "attachment"))
}

func (h *Handler) attachment(w http.ResponseWriter, r *http.Request) {
	a, b, err := h.documents.AttachmentFile(r.Context(), web.Who(r), material(r), attachmentID(r))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	sendForeign(w, a, b)
}

// annex hands out an attachment of a version, as it was frozen.
func (h *Handler) annex(w http.ResponseWriter, r *http.Request) {
	v, err := h.documents.Numbered(r.Context(), web.Who(r), material(r), number(chi.URLParam(r, "n")))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	a, b, err := h.documents.VersionAnnex(r.Context(), web.Who(r), v.ID, number(chi.URLParam(r, "k")))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	sendForeign(w, a, b)
}

// sendForeign answers with a file that somebody brought from outside: to be
// saved, never shown, and without any power should a browser show it all the same.
func sendForeign(w http.ResponseWriter, a documents.Annex, b []byte) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Type", a.MediaType)
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": a.Name}))
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.Write(b)
}

func (h *Handler) apiAttachments(w http.ResponseWriter, r *http.Request) {
	m, err := h.documents.Read(r.Context(), web.Who(r), material(r), "attachments")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	all, err := h.documents.Attachments(r.Context(), web.Who(r), m.ID)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	type item struct {
		ID documents.AttachmentID `json:"id"`
		documents.Annex
	}
	out := []item{}
	for _, a := range all {
		out = append(out, item{a.ID, documents.Annex{Number: a.Number, Name: a.Name, MediaType: a.MediaType, Size: a.Size, SHA256: a.SHA256}})
	}
	h.kit.JSON(w, http.StatusOK, map[string]any{"attachments": out})
}
