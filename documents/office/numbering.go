package office

import (
	"encoding/xml"
	"strconv"
	"strings"

	"spolupis/documents/body"
)

// level is one level of a list (ECMA-376 part 1, 17.9.6).
type level struct {
	format string // decimal, bullet, lowerLetter …
	text   string // such as "%1.%2."
	start  int
	style  string // the paragraph style tied to it
}

type abstractNum struct {
	levels map[int]*level
	link   string // a numbering style that has the levels (17.9.21)
	of     string // the numbering style whose levels these are (17.9.27)
	count  [9]int // the number last given at each level
	begun  [9]bool
}

type num struct {
	abstract string
	levels   map[int]*level // overridden (17.9.8)
	restart  map[int]int    // startOverride: counts anew when the list is first used
}

type numbering struct {
	abstracts map[string]*abstractNum
	nums      map[string]*num
}

func readNumbering(c *container, name string) (*numbering, error) {
	n := &numbering{map[string]*abstractNum{}, map[string]*num{}}
	if name == "" {
		return n, nil
	}
	p, err := c.open(name)
	if err != nil {
		return nil, err
	}
	if _, err := p.root(); err != nil {
		return nil, err
	}
	return n, p.children(func(e *xml.StartElement) error {
		switch nameOf(e) {
		case "w:abstractNum":
			a := &abstractNum{levels: map[int]*level{}}
			n.abstracts[attr(e, "w:abstractNumId")] = a
			return p.children(func(e *xml.StartElement) error { return a.read(p, e) })
		case "w:num":
			x := &num{levels: map[int]*level{}, restart: map[int]int{}}
			n.nums[attr(e, "w:numId")] = x
			return p.children(func(e *xml.StartElement) error { return x.read(p, e) })
		}
		return p.skip()
	})
}

func (a *abstractNum) read(p *part, e *xml.StartElement) error {
	switch nameOf(e) {
	case "w:lvl":
		at, l, err := p.level(e)
		a.levels[at] = l
		return err
	case "w:numStyleLink":
		a.link = val(e)
	case "w:styleLink":
		a.of = val(e)
	}
	return p.skip()
}

func (x *num) read(p *part, e *xml.StartElement) error {
	switch nameOf(e) {
	case "w:abstractNumId":
		x.abstract = val(e)
	case "w:lvlOverride":
		at := number(attr(e, "w:ilvl"), 0, 0, 8)
		return p.children(func(e *xml.StartElement) error {
			switch nameOf(e) {
			case "w:startOverride":
				x.restart[at] = number(val(e), 1, 0, 900_000_000)
			case "w:lvl":
				_, l, err := p.level(e)
				x.levels[at] = l
				return err
			}
			return p.skip()
		})
	}
	return p.skip()
}

func (p *part) level(e *xml.StartElement) (at int, l *level, err error) {
	at, l = number(attr(e, "w:ilvl"), 0, 0, 8), &level{format: "decimal", start: 1}
	return at, l, p.children(func(e *xml.StartElement) error {
		switch nameOf(e) {
		case "w:numFmt":
			l.format = val(e)
		case "w:lvlText":
			if l.text = val(e); len(l.text) > maxLabel {
				l.text = l.text[:maxLabel]
			}
		case "w:start":
			l.start = number(val(e), 1, 0, 900_000_000)
		case "w:pStyle":
			l.style = val(e)
		}
		return p.skip()
	})
}

// find returns the list a paragraph is in and its level; nil when it is in none.
func (n *numbering) find(ref numRef, by string, ss styles) (x *num, a *abstractNum, at int) {
	if ref.id == "" || ref.id == "0" {
		return nil, nil, 0
	}
	if x = n.nums[ref.id]; x == nil {
		return nil, nil, 0
	}
	if a = n.abstracts[x.abstract]; a != nil && len(a.levels) == 0 && a.link != "" {
		if s := ss[a.link]; s != nil && n.nums[s.num.id] != nil {
			a = n.abstracts[n.nums[s.num.id].abstract]
		}
	}
	if a == nil {
		return nil, nil, 0
	}
	if at = ref.level; at < 0 {
		at = 0
		for k, l := range a.levels {
			if by != "" && l.style == by {
				at = k
			}
		}
	}
	return x, a, at
}

func (x *num) level(a *abstractNum, at int) *level {
	if l := x.levels[at]; l != nil {
		return l
	}
	if l := a.levels[at]; l != nil {
		return l
	}
	return &level{format: "decimal", start: 1, text: "%" + strconv.Itoa(at+1) + "."}
}

// next counts one item and returns its number.
func (x *num) next(a *abstractNum, at int) int {
	if from, ok := x.restart[at]; ok {
		delete(x.restart, at)
		a.count[at], a.begun[at] = from-1, true
	}
	if !a.begun[at] {
		a.count[at], a.begun[at] = x.level(a, at).start-1, true
	}
	a.count[at]++
	for k := at + 1; k < len(a.begun); k++ {
		a.begun[k] = false
	}
	return a.count[at]
}

// label is what the list shows in front of the item just counted, such as "2.1" or "b)".
func (x *num) label(a *abstractNum, at int) string {
	var s strings.Builder
	text := x.level(a, at).text
	for i := 0; i < len(text); i++ {
		if text[i] != '%' || i+1 == len(text) || text[i+1] < '1' || text[i+1] > '9' {
			s.WriteByte(text[i])
			continue
		}
		i++
		k := int(text[i] - '1')
		n, l := a.count[k], x.level(a, k)
		if !a.begun[k] {
			n = l.start
		}
		s.WriteString(numeral(n, l.format))
	}
	return strings.TrimSpace(body.Clean(s.String()))
}

func numeral(n int, format string) string {
	switch format {
	case "lowerLetter", "upperLetter":
		if n < 1 || n > 26*20 {
			break
		}
		s := strings.Repeat(string(rune('a'+(n-1)%26)), (n-1)/26+1)
		if format == "upperLetter" {
			return strings.ToUpper(s)
		}
		return s
	case "lowerRoman":
		return strings.ToLower(roman(n))
	case "upperRoman":
		return roman(n)
	case "decimalZero":
		if n >= 0 && n < 10 {
			return "0" + strconv.Itoa(n)
		}
	case "none", "bullet":
		return ""
	}
	return strconv.Itoa(n)
}

func roman(n int) string {
	if n < 1 || n > 3999 {
		return strconv.Itoa(n)
	}
	var s strings.Builder
	for _, d := range []struct {
		n int
		s string
	}{{1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"}, {50, "L"}, {40, "XL"}, {10, "X"}, {9, "IX"}, {5, "V"}, {4, "IV"}, {1, "I"}} {
		for ; n >= d.n; n -= d.n {
			s.WriteString(d.s)
		}
	}
	return s.String()
}
