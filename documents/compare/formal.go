package compare

import (
	"strings"
	"unicode"

	"spolupis/documents/body"
)

// Formal reports whether a comparison proves that only the form of the text
// changed: spaces, typography (quotation marks, dashes, ellipses, bold and
// italic), alignment and the numbers lists begin with. Everything else counts
// as a change of substance, and so does whatever cannot be proven: a letter, a
// digit, a sign within a number, a link, a paragraph added, moved or made a
// heading. what is the first stretch of text that is not formal.
func (d Diff) Formal() (formal bool, what string) {
	for _, r := range d.Rows {
		switch r.Kind {
		case Same:
			continue
		case Inserted, Moved:
			if r.New == nil {
				continue // the other half of a move says it
			}
			return false, r.New.Text()
		case Deleted:
			return false, r.Old.Text()
		}
		a, b := r.Old, r.New
		if a.Kind != b.Kind || a.Level != b.Level || (a.Cell == nil) != (b.Cell == nil) || a.Cell != nil && a.Cell.Head != b.Cell.Head {
			return false, b.Text()
		}
		if plainForm(a.Text()) != plainForm(b.Text()) || links(a) != links(b) {
			return false, b.Text()
		}
	}
	return true, ""
}

// typography maps marks that are the same sign in another form.
var typography = strings.NewReplacer("„", `"`, "“", `"`, "”", `"`, "«", `"`, "»", `"`, "‚", "'", "‘", "'", "’", "'", "–", "-", "—", "-", "‑", "-", "−", "-", "…", "...", "\u00ad", "")

// plainForm is a text without what is only its form. Spaces are one space each;
// they do not vanish, since "100 000" and "100000" may be two things.
func plainForm(s string) string {
	return strings.Join(strings.FieldsFunc(typography.Replace(s), func(r rune) bool { return unicode.IsSpace(r) || r == '\u200b' }), " ")
}

// links are the targets of a block with the text they stand on.
func links(b *body.Block) string {
	var out strings.Builder
	for _, r := range b.Runs {
		if r.Link != "" {
			out.WriteString(r.Link + "\x00" + plainForm(r.Text) + "\x00")
		}
	}
	return out.String()
}
