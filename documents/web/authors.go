package web

import (
	"net/http"
	"time"
	"unicode/utf16"

	"spolupis/collab"
	"spolupis/documents"
	"spolupis/documents/body"
	"spolupis/security"
	"spolupis/security/web"
)

// authorRow is one line of the key to the marks in the text: what a person did on one day.
type authorRow struct {
	N              int // the mark
	By             documents.PersonView
	Day            time.Time
	Wrote, Deleted int // characters, in UTF-16 units
}

type authorBlock struct {
	Kind     body.Kind
	Passages []authorPassage
}

type authorPassage struct {
	Text string
	N    int // who wrote it
	Gone int // who deleted it; 0: it is there
}

// authors shows who wrote what, and to those who may see it who deleted what.
func (h *Handler) authors(w http.ResponseWriter, r *http.Request) {
	x, err := h.read(r, "authors")
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	x.Tab = "history"
	deleted := r.URL.Query().Get("deleted") != ""
	text, err := h.documents.Authors(r.Context(), web.Who(r), x.ID, deleted)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	rows, blocks := h.key(r, text)
	h.kit.Page(w, r, http.StatusOK, "documents/authors", map[string]any{
		"Head": x, "Rows": rows, "Blocks": blocks, "Deleted": deleted, "May": h.documents.MaySeeDeleted(r.Context(), web.Who(r), x.ID),
	})
}

// key numbers the acts in the order in which a reader meets them.
func (h *Handler) key(r *http.Request, text []documents.AuthoredBlock) (rows []*authorRow, blocks []authorBlock) {
	type act struct {
		who security.ActorID
		day string
	}
	names, known := h.names(r), map[act]*authorRow{}
	row := func(a collab.Act) *authorRow {
		k := act{a.Person, a.At.In(h.zone).Format(time.DateOnly)}
		if known[k] == nil {
			known[k] = &authorRow{N: len(rows) + 1, By: names.of(a.Person), Day: a.At}
			rows = append(rows, known[k])
		}
		return known[k]
	}
	for _, b := range text {
		block := authorBlock{Kind: b.Kind}
		for _, p := range b.Passages {
			n := len(utf16.Encode([]rune(p.Text)))
			by := row(p.Author)
			by.Wrote += n
			out := authorPassage{Text: p.Text, N: by.N}
			if p.Gone != nil {
				gone := row(*p.Gone)
				gone.Deleted += n
				out.Gone = gone.N
			}
			block.Passages = append(block.Passages, out)
		}
		blocks = append(blocks, block)
	}
	return rows, blocks
}
