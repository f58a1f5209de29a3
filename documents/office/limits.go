package office

import "fmt"

// Limits of what Read takes. A council material of 100 pages unpacks to some 3 MB in 90,000 elements.
const (
	MaxFile     = 16 << 20 // bytes of the whole file
	MaxUnpacked = 64 << 20 // bytes of all parts as the file declares them; pictures are never unpacked
	MaxPart     = 16 << 20 // bytes of one part that is read
	MaxRead     = 24 << 20 // bytes of all parts that are read
	MaxRatio    = 200      // of a part's size unpacked to packed, from minRatio bytes on
	MaxParts    = 2000
	MaxElements = 400_000 // XML elements in all parts that are read
	MaxDepth    = 100     // of XML elements inside each other
	MaxComments = 2000
	MaxChanges  = 5000      // tracked changes, as revisions counts them
	MaxText     = 2 << 20   // bytes of text, as for Markdown
	MaxBlocks   = 30_000    // paragraphs and cells
	MaxRuns     = 150_000   // stretches of text of one look
	MaxStretch  = 256 << 10 // bytes of one tag with the text behind it
	MaxName     = 200       // bytes of the name of a part
	minRatio    = 1 << 20
	maxNotes    = 5000 // footnotes and endnotes
	maxLabel    = 100  // bytes of what a list shows before an item
	maxField    = 4096 // bytes of a field's instruction or a link
)

// Error says why a file was refused, and because of which part of it.
type Error struct {
	// Code is stable, for the dictionaries: see Codes.
	Code  string
	Part  string // name of the part inside the file; "" = the file as a whole
	Limit int    // what is allowed, where Code is about a limit
	What  string // the same in English, with what was found
}

// Codes are all values of Error.Code.
var Codes = []string{
	"size", "old", "format", "damaged", "encrypted", "parts", "name", "duplicate", "overlap", "method", "unpacked", "ratio", "missing", "kind", "macro",
	"external", "doctype", "xml", "charset", "stretch", "paragraph", "depth", "elements", "comments", "changes", "text", "columns", "cells",
}

// Error gives part and reason.
func (e *Error) Error() string {
	if e.Part == "" {
		return "docx: " + e.What
	}
	return fmt.Sprintf("docx part %s: %s", e.Part, e.What)
}

func refuse(code, part string, limit int, format string, args ...any) error {
	return &Error{Code: code, Part: shown(part), Limit: limit, What: fmt.Sprintf(format, args...)}
}

// shown makes the name of a part fit for a sentence.
func shown(part string) string {
	var out []rune
	for _, r := range part {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			r = '?'
		}
		if out = append(out, r); len(out) == 80 {
			return string(out) + "…"
		}
	}
	return string(out)
}
