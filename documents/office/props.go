package office

import (
	"encoding/xml"
	"time"

	"spolupis/documents/body"
)

// runProps are the properties of a run (ECMA-376 part 1, 17.3.2.28).
type runProps struct {
	style      string
	strong, em *bool
	hidden     bool
	strike     bool
	underline  bool
	highlight  bool
	script     string       // superscript, subscript
	ins, del   *body.Change // of a paragraph mark
	changed    *body.Change // formatting changed; the other fields are what it is now
}

// paragraphProps are the properties of a paragraph (17.3.1.26).
type paragraphProps struct {
	style    string
	num      numRef
	outline  int // 0–8, -1 = not said, 9 = none
	align    string
	line     bool         // a border at its foot
	ins, del *body.Change // of its mark, the end of the paragraph
	changed  *body.Change // formatting changed; the other fields are what it is now
	headers  []string     // relations of the headers and footers of a section that ends here
}

// runProps reads <w:rPr>, which has just been opened.
func (p *part) runProps() (x runProps, err error) {
	err = p.children(func(e *xml.StartElement) error {
		flag := on(e)
		switch nameOf(e) {
		case "w:rStyle":
			x.style = val(e)
		case "w:b":
			x.strong = &flag
		case "w:i":
			x.em = &flag
		case "w:vanish":
			x.hidden = flag
		case "w:strike", "w:dstrike":
			x.strike = x.strike || flag
		case "w:u":
			x.underline = val(e) != "none"
		case "w:highlight", "w:shd":
			x.highlight = x.highlight || val(e) != "none" && val(e) != "clear" && val(e) != "nil"
		case "w:vertAlign":
			x.script = val(e)
		case "w:ins", "w:moveTo":
			x.ins = changeOf(e)
		case "w:del", "w:moveFrom":
			x.del = changeOf(e)
		case "w:rPrChange":
			x.changed = changeOf(e)
		}
		return p.skip()
	})
	return x, err
}

// paragraphProps reads <w:pPr>, which has just been opened.
func (p *part) paragraphProps() (x paragraphProps, err error) {
	x.outline, x.num.level = -1, -1
	err = p.children(func(e *xml.StartElement) error {
		switch nameOf(e) {
		case "w:pStyle":
			x.style = val(e)
		case "w:numPr":
			return p.children(func(e *xml.StartElement) error {
				switch nameOf(e) {
				case "w:numId":
					x.num.id = val(e)
				case "w:ilvl":
					x.num.level = number(val(e), 0, 0, 8)
				case "w:ins", "w:numberingChange": // the number itself, not the text
					x.changed = changeOf(e)
				}
				return p.skip()
			})
		case "w:outlineLvl":
			x.outline = number(val(e), -1, 0, 9)
		case "w:jc":
			x.align = alignment(val(e))
		case "w:pBdr":
			return p.children(func(e *xml.StartElement) error {
				x.line = x.line || nameOf(e) == "w:bottom" && val(e) != "none" && val(e) != "nil"
				return p.skip()
			})
		case "w:rPr":
			mark, err := p.runProps()
			x.ins, x.del = mark.ins, mark.del
			return err
		case "w:sectPr":
			return p.section(&x.headers)
		case "w:pPrChange":
			x.changed = changeOf(e)
		}
		return p.skip()
	})
	return x, err
}

func alignment(jc string) string {
	switch jc {
	case "left", "start":
		return "left"
	case "center":
		return "center"
	case "right", "end":
		return "right"
	}
	return ""
}

// section reads <w:sectPr> and adds the relations of its headers and footers.
func (p *part) section(headers *[]string) error {
	return p.children(func(e *xml.StartElement) error {
		switch nameOf(e) {
		case "w:headerReference", "w:footerReference":
			*headers = append(*headers, attr(e, "r:id"))
		}
		return p.skip()
	})
}

// changeOf reads who changed and when from the attributes every tracked change has (17.13.5).
func changeOf(e *xml.StartElement) *body.Change {
	c := &body.Change{By: person(attr(e, "w:author"))}
	if t := moment(attr(e, "w:date")); !t.IsZero() {
		c.At = t.UnixMilli()
	}
	return c
}

const maxPerson = 100 // characters of an author's name

func person(s string) string {
	r := []rune(body.Clean(s))
	return string(r[:min(len(r), maxPerson)])
}

// moment reads a date. Word writes the clock of the author's wall and calls it UTC; others write a zone and mean it.
func moment(s string) time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() > 1900 && t.Year() < 2200 {
			return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
		}
	}
	return time.Time{}
}
