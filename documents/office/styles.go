package office

import (
	"encoding/xml"
	"regexp"
	"strings"

	"spolupis/documents/body"
)

// style is what we read of a style (ECMA-376 part 1, 17.7.4).
type style struct {
	name    string // lower case, without blanks
	based   string
	outline int // 0–8, -1 = not said
	num     numRef
	strong  *bool
	em      *bool
	hidden  bool
}

// numRef names a list and a level in it (17.9.18, 17.9.3).
type numRef struct {
	id    string // "" = not said, "0" = none
	level int    // -1 = not said
}

type styles map[string]*style

func readStyles(c *container, name string) (styles, error) {
	out := styles{}
	if name == "" {
		return out, nil
	}
	p, err := c.open(name)
	if err != nil {
		return nil, err
	}
	if _, err := p.root(); err != nil {
		return nil, err
	}
	return out, p.children(func(e *xml.StartElement) error {
		if nameOf(e) != "w:style" {
			return p.skip()
		}
		id, s := attr(e, "w:styleId"), &style{outline: -1, num: numRef{level: -1}}
		out[id] = s
		return p.children(func(e *xml.StartElement) error { return s.read(p, e) })
	})
}

func (s *style) read(p *part, e *xml.StartElement) error {
	switch nameOf(e) {
	case "w:name":
		s.name = strings.ToLower(strings.Join(strings.Fields(val(e)), ""))
	case "w:basedOn":
		s.based = val(e)
	case "w:pPr":
		x, err := p.paragraphProps()
		s.outline, s.num = x.outline, x.num
		return err
	case "w:rPr":
		x, err := p.runProps()
		s.strong, s.em, s.hidden = x.strong, x.em, x.hidden
		return err
	}
	return p.skip()
}

// up calls do with the style and those it is based on, until do returns true. Circles end.
func (ss styles) up(id string, do func(id string, s *style) bool) {
	for range 20 {
		s := ss[id]
		if s == nil || do(id, s) || s.based == "" {
			return
		}
		id = s.based
	}
}

// look is what a paragraph style makes of a paragraph.
type look struct {
	kind  body.Kind // "" = nothing in particular
	level int
	// item: the style is for list items; a paragraph of it without a number continues the item before.
	item     bool
	contents bool // a line of a table of contents
}

var (
	headingName  = regexp.MustCompile(`^(?:heading|nadpis|überschrift|titre|nagłówek)([1-9])$`)
	quoteName    = regexp.MustCompile(`^(?:intense|výrazný)?(?:quote|quotations?|citát|citace|blocktext)(?:–?výrazný)?([2-8])?$`)
	continueName = regexp.MustCompile(`^(?:listcontinue|pokračováníseznamu)([1-9])?$|^list([1-5])cont\.$`)
	contentsName = regexp.MustCompile(`^(?:toc|contents|obsah)([1-9]|heading)$|^nadpisobsahu$`)
	itemName     = regexp.MustCompile(`^(?:listparagraph|odstavecseseznamem)$`)
	codeName     = regexp.MustCompile(`^(?:htmlpreformatted|předformátovanývhtml|formátovanývhtml|preformattedtext|sourcecode|code|plaintext)$`)
	codeRunName  = regexp.MustCompile(`^(?:sourcetext|verbatimchar|htmlcode|kódhtml|codechar)$`)
)

// paragraph says what the paragraph style is for, by its name in English (which Word and LibreOffice keep in files whatever the language
// of the program) or Czech (which other producers write).
func (ss styles) paragraph(id string) (l look) {
	found := false
	ss.up(id, func(id string, s *style) bool {
		for _, n := range []string{s.name, strings.ToLower(strings.Join(strings.Fields(id), ""))} {
			if l, found = lookOf(n); found {
				return true
			}
		}
		return false
	})
	if !found && ss[id] == nil {
		l, _ = lookOf(strings.ToLower(id))
	}
	return l
}

func lookOf(n string) (look, bool) {
	at := func(m []string) int {
		for _, d := range m[1:] {
			if d != "" {
				return number(d, 1, 1, 9)
			}
		}
		return 1
	}
	if m := headingName.FindStringSubmatch(n); m != nil {
		return look{kind: body.Heading, level: at(m)}, true
	}
	if m := quoteName.FindStringSubmatch(n); m != nil {
		return look{kind: body.Quote, level: at(m) - 1}, true
	}
	if m := continueName.FindStringSubmatch(n); m != nil {
		return look{kind: body.Paragraph, level: at(m)}, true
	}
	switch {
	case n == "title" || n == "název":
		return look{kind: body.Heading, level: 1}, true
	case contentsName.MatchString(n):
		return look{contents: true}, true
	case itemName.MatchString(n):
		return look{item: true}, true
	case codeName.MatchString(n):
		return look{kind: body.Code}, true
	case n == "horizontalline":
		return look{kind: body.Rule}, true
	}
	return look{}, false
}

// outline is the outline level of a style, -1 when it has none.
func (ss styles) outline(id string) (level int) {
	level = -1
	ss.up(id, func(_ string, s *style) bool { level = s.outline; return level >= 0 })
	return level
}

// number is the list a style puts paragraphs into, and which style says so.
func (ss styles) number(id string) (n numRef, by string) {
	ss.up(id, func(id string, s *style) bool { n, by = s.num, id; return n.id != "" })
	return n, by
}

// marks are bold and italic as paragraph and character style give them together: a toggle set by both is off again (17.7.3).
func (ss styles) marks(paragraph, char string) (strong, em bool) {
	for _, id := range []string{paragraph, char} {
		var b, i *bool
		ss.up(id, func(_ string, s *style) bool {
			if b == nil {
				b = s.strong
			}
			if i == nil {
				i = s.em
			}
			return b != nil && i != nil
		})
		strong = strong != (b != nil && *b)
		em = em != (i != nil && *i)
	}
	return strong, em
}

func (ss styles) code(char string) (code bool) {
	ss.up(char, func(_ string, s *style) bool { code = codeRunName.MatchString(s.name); return code })
	return code
}

func (ss styles) hides(char string) (hidden bool) {
	ss.up(char, func(_ string, s *style) bool { hidden = s.hidden; return hidden })
	return hidden
}
