// Package office reads and writes .docx files (ECMA-376, WordprocessingML): text, marks, lists, tables, comments and tracked changes.
//
// Reading order:
//
//   - office.go: Document, what both directions speak of.
//   - changes.go: the one form tracked changes have here, which is that of a live text, and which pieces are one change.
//   - redline.go: a comparison of two texts as tracked changes.
//   - limits.go: what is refused, and Error.
//   - container.go, xml.go: the ZIP and the XML inside, within the limits.
//   - styles.go, numbering.go, beside.go: the parts beside the text; read.go, inline.go, tables.go, place.go: the text itself.
//   - write.go, parts.go: the other way.
//
// Three promises hold, and the tests try to break them:
//
//   - reading any bytes ends, within the limits, with a Document or an *Error that names the part at fault;
//   - text, pictures, objects and marks that are left out of a Document are named in its Left. Fonts, sizes, colours, bookmarks and the
//     layout of pages go without a word;
//   - what Write wrote, Read gives back: the same canonical body, tracked changes and comments.
//
// The package does no input or output, opens no link and knows no clock.
package office
