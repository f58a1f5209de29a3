// Package office reads and writes .docx files (ECMA-376, WordprocessingML): text, marks, lists, tables, comments and tracked changes.
//
// Reading order:
//
//   - office.go: Document, what both directions speak of.
//   - changes.go: tracked changes as the text before, the text after, and one proposal each.
//   - redline.go: a comparison of two texts as tracked changes.
//   - limits.go: what is refused, and Error.
//   - container.go, xml.go: the ZIP and the XML inside, within the limits.
//   - styles.go, numbering.go, beside.go: the parts beside the text; read.go, inline.go, tables.go, place.go: the text itself.
//   - write.go, parts.go: the other way.
//
// Three promises hold, and the tests try to break them:
//
//   - reading any bytes ends, within the limits, with a Document or an *Error that names the part at fault;
//   - what is left out of a Document is named in its Left: nothing is lost in silence;
//   - what Write wrote, Read gives back: the same canonical body, tracked changes and comments.
//
// The package does no input or output, opens no link and knows no clock.
package office
