package documents

import (
	"strings"
	"unicode/utf16"

	"spolupis/collab/crdt"
	"spolupis/documents/body"
)

// flatWording is a wording as flat texts hold it.
func flatWording(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

// units is the length of a wording in the live text: UTF-16 units, one per new paragraph.
func units(s string) int { return len(utf16.Encode([]rune(flatWording(s)))) }

// replace puts wording in the place of a range, within Hub.Edit. It takes on the attributes of
// the range's first character, without tracked-change marks; a line break
// starts a paragraph like the one the range begins in. A range across table
// cells is refused: replacing it would tear the table apart.
func (t *text) replace(from, to int, wording string) error {
	attrs := crdt.Attrs{}
	for k, v := range t.flat.attrsAt(from) {
		if !body.IsTracked(k) {
			attrs[k] = v
		}
	}
	home := t.flat.blockAt(from)
	for _, b := range t.flat.blocks {
		if b.at >= from && b.at < to && (b.marker["cell"] != nil || home.marker["cell"] != nil) && b.marker["cell"] != home.marker["cell"] {
			return conflict("documents.fault.across_cells")
		}
	}
	marker := map[string]any{}
	for k, v := range home.marker {
		if !body.IsTracked(k) {
			marker[k] = v
		}
	}
	// Inserted behind the old text and before deleting it, so the anchor's
	// deleted characters stay in front of the new ones.
	at := to
	for i, line := range strings.Split(flatWording(wording), "\n") {
		if i > 0 {
			t.body.InsertMap(at, marker, nil)
			at++
		}
		if line != "" {
			t.body.Insert(at, line, attrs)
			at += units(line)
		}
	}
	t.body.Delete(from, to-from)
	return nil
}
