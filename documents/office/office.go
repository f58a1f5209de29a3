package office

import (
	"time"

	"spolupis/documents/body"
)

// Document is a text with what a word processor keeps beside it.
type Document struct {
	// Body is canonical. Ins and Del are tracked changes; their By is the author's name as the file has it, not an account, their At what
	// his clock showed, and they have no ids: see Numbered.
	Body     body.Body
	Comments []Comment
	// Left is what Read found and could not take over; Write ignores it.
	Left []Left
	// Title, Number, Author and Footer go into the properties and the foot of the page of a written file; Read does not fill them in.
	Title, Number, Author, Footer string
	// Landscape lays the pages of a written file across, with smaller type, and Columns share the width of a table with as many
	// columns; without, they are of one width. Read does not fill them in.
	Landscape bool
	Columns   []int
}

// Point is a place in a body: before the byte Offset of the text of a block. Offset -1 is before the paragraph's own break.
type Point struct{ Block, Offset int }

// Compare orders places as they stand in the text.
func (a Point) Compare(b Point) int {
	if a.Block != b.Block {
		return a.Block - b.Block
	}
	return a.Offset - b.Offset
}

// Comment is a remark at a passage, which may go over tracked changes. From == To: on the document as a whole.
type Comment struct {
	Author string
	// At is what the author's clock showed; files do not tell its zone. Zero = not said.
	At       time.Time
	Text     string // lines parted by line feeds
	From, To Point
	Done     bool // marked as resolved
	Replies  []Reply
}

// Reply is an answer under a comment.
type Reply struct {
	Author string
	At     time.Time
	Text   string
}

// Left is one kind of thing that was not taken over.
type Left struct {
	Kind  string   `json:"kind"` // one of Kinds
	Count int      `json:"count"`
	Texts []string `json:"texts,omitempty"` // the first few of them: text, description or name
}

// Kinds are all values of Left.Kind, in the order a report lists them.
var Kinds = []string{
	"header", "footer", "image", "object", "formula", "foreign", "contents", "hidden", "notes", "textbox", "merged", "nested", "symbol", "link",
	"numbering", "strike", "script", "underline", "highlight", "heading", "formatting", "table_change", "comment_parts",
}
