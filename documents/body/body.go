package body

import (
	"strings"
)

// Kind says what a block is. An unknown kind is kept in the shared text and treated as a paragraph here.
type Kind string

// The kinds of block.
const (
	Paragraph Kind = "p"
	Heading   Kind = "h"
	Bullet    Kind = "ul"
	Numbered  Kind = "ol"
	Quote     Kind = "quote"
	Code      Kind = "code" // one line of code; neighbours form one listing
	Rule      Kind = "hr"   // a line across; has no text
)

// Body is a whole text: its blocks in reading order.
type Body struct {
	Blocks []Block `json:"blocks"`
}

// Block is one paragraph, heading, list item, line of code or piece of a table cell.
type Block struct {
	// ID is "client:clock" of the block's marker in the shared text, "0:0" for text before the first marker, "" after Parse.
	ID   string `json:"id,omitempty"`
	Kind Kind   `json:"kind"`
	// Level is 1–3 for headings. For list items and quotes it is the depth of nesting from 0. A paragraph of level n > 0
	// continues a list item of level n-1.
	Level int `json:"level,omitempty"`
	// Start, on a numbered item, is the number it carries when that is not simply the next one: the first number of a list,
	// or a fresh start in the middle of one. 0 = the next number.
	Start int `json:"start,omitempty"`
	// Cell is nil outside tables. One table is a run of neighbouring blocks with the same Cell.Table.
	Cell *Cell `json:"cell,omitempty"`
	// Align is "left", "center", "right" or "" and means something only in a cell.
	Align string `json:"align,omitempty"`
	Runs  []Run  `json:"runs,omitempty"`
	// Part names the part of a structured material that the block is the heading of. It is a key of the marker that
	// editors leave alone, so it stays with the heading whatever people write into it; it is not part of the text.
	Part string `json:"part,omitempty"`
	// Ins and Del are tracked changes of the paragraph break before this block.
	Ins *Change `json:"ins,omitempty"`
	Del *Change `json:"del,omitempty"`
	// Was is what the block was before a proposed change of its kind, level, numbering or alignment.
	Was *Looks `json:"was,omitempty"`
}

// Cell is the place of a block in a table. The three ids are opaque; order comes from the blocks.
type Cell struct {
	Table string `json:"table"`
	Row   string `json:"row"`
	Col   string `json:"col"`
	Head  bool   `json:"head,omitempty"`
}

// Run is a piece of text with the same marks throughout.
type Run struct {
	Text   string  `json:"text"`
	Strong bool    `json:"strong,omitempty"`
	Em     bool    `json:"em,omitempty"`
	Code   bool    `json:"code,omitempty"`
	Link   string  `json:"link,omitempty"` // target; http, https, mailto or relative
	Ins    *Change `json:"ins,omitempty"`
	Del    *Change `json:"del,omitempty"`
	Was    *Looks  `json:"was,omitempty"` // how the text looked before a proposed change of that
}

// Change says who proposed a tracked insertion or deletion, and when.
type Change struct {
	ID string `json:"id"`
	By string `json:"by"`           // security.ActorID, or ByFile and the name a file gives
	At int64  `json:"at,omitempty"` // Unix milliseconds, as the editor writes them; 0 = not said
}

// ByFile begins the By of a change that came from a file. No account has a colon in its id, so whatever name stands in a file, the
// change is nobody's here.
const ByFile = "file:"

// File returns the author's name as the file of the change gives it, and false for a change of an account.
func (c Change) File() (string, bool) { return strings.CutPrefix(c.By, ByFile) }

// Text is the text of the block without its marks, as it stands (not cleaned).
func (b Block) Text() string {
	if len(b.Runs) == 1 {
		return b.Runs[0].Text
	}
	var s strings.Builder
	for _, r := range b.Runs {
		s.WriteString(r.Text)
	}
	return s.String()
}

// Blank reports whether a reader sees nothing in the block: no text, or only spaces.
func (b Block) Blank() bool {
	for _, r := range b.Runs {
		if strings.TrimSpace(r.Text) != "" {
			return false
		}
	}
	return true
}

// Text is the text of the canonical body: cleaned, one line per block, empty ones left out. Tracked insertions and
// deletions both stand in it.
func (b Body) Text() string {
	var s strings.Builder
	for _, x := range b.Canonical().Blocks {
		t := x.Text()
		if t == "" {
			continue
		}
		if s.Len() > 0 {
			s.WriteByte('\n')
		}
		s.WriteString(t)
	}
	return s.String()
}

// HasTrackedChanges reports whether any character, paragraph break or change of looks waits to be accepted or rejected.
func (b Body) HasTrackedChanges() bool {
	for _, x := range b.Blocks {
		if x.Ins != nil || x.Del != nil || x.Was != nil {
			return true
		}
		for _, r := range x.Runs {
			if r.Ins != nil || r.Del != nil || r.Was != nil {
				return true
			}
		}
	}
	return false
}

// Title is the text of the first heading, or "" when there is none. Importers offer it as the name of the material.
func (b Body) Title() string {
	for _, x := range b.Blocks {
		if x.Kind == Heading && x.Cell == nil && !x.Blank() {
			return strings.TrimSpace(Clean(x.Text()))
		}
	}
	return ""
}
