package web

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"spolupis/documents"
	"spolupis/security/fault"
	"spolupis/security/web"
)

func (h *Handler) comments(w http.ResponseWriter, r *http.Request, f form) {
	x, err := h.read(r, "comments")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	all, err := h.documents.Comments(r.Context(), web.Who(r), x.ID)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	show := r.URL.Query().Get("show")
	var rows []documents.CommentView
	open := 0
	for _, c := range all {
		if c.State == documents.Open {
			open++
		}
		if show == "open" && c.State != documents.Open || show == "mine" && !c.Mine || show == "major" && c.Kind != documents.Major {
			continue
		}
		rows = append(rows, c)
	}
	page, pages := max(1, number(r.URL.Query().Get("page"))), max(1, (len(rows)+perPage-1)/perPage)
	if id, _, _ := strings.Cut(f.Row, " "); id != "" { // a refused form is shown where it stands
		if i := slices.IndexFunc(rows, func(c documents.CommentView) bool { return string(c.ID) == id }); i >= 0 {
			page = i/perPage + 1
		}
	}
	page = min(page, pages)
	rows = rows[(page-1)*perPage : min(len(rows), page*perPage)]
	var links []pageLink
	for n := 1; n <= pages && pages > 1; n++ {
		q := url.Values{"page": {strconv.Itoa(n)}}
		if show != "" {
			q.Set("show", show)
		}
		links = append(links, pageLink{n, address(x.ID, "/comments?"+q.Encode())})
	}
	h.kit.Page(w, r, f.status(), "documents/comments", map[string]any{
		"Head": x, "Comments": rows, "Open": open, "All": len(all), "Show": show, "Page": page, "Links": links, "Form": f, "Key": rand.Text(),
		"Outcomes": documents.Outcomes, "Kinds": []documents.CommentKind{documents.Advisory, documents.Major, documents.Formal},
		"Settles": x.May["edit"] && x.Editable(), "Writes": x.May["comment"] && x.Editable(),
	})
}

// command is the plain form of every comment command. The key was drawn when
// the form was shown, so sending it twice has one effect.
func (h *Handler) command(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	name := r.Form.Get("command")
	args := map[string]any{}
	for _, field := range []string{"comment", "kind", "text", "reasoning", "outcome", "quote"} {
		if v := strings.ReplaceAll(r.Form.Get(field), "\r\n", "\n"); v != "" {
			args[field] = v
		}
	}
	if v := strings.ReplaceAll(r.Form.Get("proposed"), "\r\n", "\n"); v != "" || r.Form.Get("delete") != "" {
		args["proposed"] = v
	}
	raw, err := json.Marshal(args)
	if err == nil {
		_, err = h.documents.Command(r.Context(), web.Who(r), material(r), r.Form.Get("key"), name, raw)
	}
	if err != nil {
		row := r.Form.Get("comment")
		if row != "" {
			row += " " + name
		}
		h.again(w, r, err, row, func(f form) { h.comments(w, r, f) })
		return
	}
	h.kit.Done(w, r, address(material(r), "/comments"), "documents.comments.done")
}

func (h *Handler) apiComments(w http.ResponseWriter, r *http.Request) {
	if _, err := h.documents.Read(r.Context(), web.Who(r), material(r), "comments"); err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	all, err := h.documents.Comments(r.Context(), web.Who(r), material(r))
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	h.kit.JSON(w, http.StatusOK, map[string]any{"comments": all})
}

// maxCommand is the largest command the API takes, in bytes.
const maxCommand = 256 << 10

// apiCommand takes {"name": "comment.add", "args": {…}} under an Idempotency-Key
// and answers with the comment.
func (h *Handler) apiCommand(w http.ResponseWriter, r *http.Request) {
	var c struct {
		Name string          `json:"name"`
		Args json.RawMessage `json:"args"`
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCommand))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		h.kit.Fail(w, r, fault.New(fault.TooLarge, "fault.too_large"))
		return
	}
	if err != nil || json.Unmarshal(body, &c) != nil {
		h.kit.Fail(w, r, fault.New(fault.Invalid, "documents.fault.command_args"))
		return
	}
	result, err := h.documents.Command(r.Context(), web.Who(r), material(r), r.Header.Get("Idempotency-Key"), c.Name, c.Args)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	h.kit.JSON(w, http.StatusOK, result)
}
