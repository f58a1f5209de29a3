package render

import (
	"fmt"
	"strings"
	"unicode"

	"spolupis/documents/body"
	"spolupis/documents/render/font"
	"spolupis/documents/render/pdfa"
)

// char is a character on its way to a line.
type char struct {
	r       rune
	face    uint8
	small   bool    // drawn at smallSize of the text
	instead uint32  // group of characters that together stand for stand[instead-1]; 0 = itself
	link    uint32  // index+1 into targets
	width   float64 // in ems
	end     bool    // a line may end behind it
}

const smallSize = 0.72

// maxString keeps strings within the 32,767 bytes of ISO 19005-2, 6.1.13; characters without width have no other bound.
const maxString = 4000

// line is a piece of chars; width leaves the blanks at its end out.
type line struct {
	chars []char
	width float64
}

// style is how a block's text looks.
type style struct {
	size  float64
	lead  float64
	bold  bool
	code  bool
	align string
}

// typesetter turns runs into characters with fonts and widths. It remembers what characters stand for and where links go.
type typesetter struct {
	faces   [faceCount]*font.Face
	targets []string
	stand   []string
}

func (t *typesetter) chars(rs []body.Run, s style) []char {
	var all []rune
	for _, r := range rs {
		all = append(all, []rune(r.Text)...)
	}
	var tied map[int]bool
	if !s.code {
		tied = ties(all)
	}
	out := make([]char, 0, len(all))
	at := 0
	for _, r := range rs {
		link := t.target(r.Link)
		for _, c := range r.Text {
			n := len(out)
			out = t.add(out, c, faceOf(r, s))
			for k := n; k < len(out); k++ {
				out[k].link = link
			}
			last := &out[len(out)-1]
			switch {
			case c == ' ' || c == '\t':
				last.end = !s.code && !tied[at]
			case c == 0x200b || last.instead != 0:
				last.end = true
			case c == '–' || c == '—' || c == '/':
				last.end = at > 0 && at+1 < len(all) && unicode.IsLetter(all[at-1]) && unicode.IsLetter(all[at+1])
			}
			at++
		}
	}
	return out
}

// target numbers a link. A relative one leads nowhere from a file, so it is only text there.
func (t *typesetter) target(href string) uint32 {
	if !strings.Contains(href, ":") {
		return 0
	}
	if n := len(t.targets); n == 0 || t.targets[n-1] != href {
		t.targets = append(t.targets, href)
	}
	return uint32(len(t.targets))
}

func faceOf(r body.Run, s style) int {
	if r.Code || s.code {
		return mono
	}
	face := serif
	if r.Strong || s.bold {
		face |= serifBold
	}
	if r.Em {
		face |= serifItalic
	}
	return face
}

// add appends a character in the first font that has it. What no font has is written as its number in brackets, so that two
// different signs never look alike, and stands for itself when text is extracted.
func (t *typesetter) add(out []char, r rune, face int) []char {
	if r == '\t' {
		r = ' '
	}
	if font.Hidden(r) {
		return append(out, char{r: r, face: uint8(face)})
	}
	if t.faces[face].Has(r) {
		return append(out, char{r: r, face: uint8(face), width: t.em(face, r)})
	}
	for _, f := range fallback {
		if t.faces[f].Has(r) {
			return append(out, char{r: r, face: uint8(f), width: t.em(f, r)})
		}
	}
	t.stand = append(t.stand, string(r))
	for _, c := range fmt.Sprintf("[U+%04X]", r) {
		out = append(out, char{r: c, face: sans, small: true, instead: uint32(len(t.stand)), width: t.em(sans, c) * smallSize})
	}
	return out
}

func (t *typesetter) em(face int, r rune) float64 { return float64(t.faces[face].Advance(r)) / 1000 }

// width of a short text in one face, in points.
func (t *typesetter) width(face int, size float64, text string) (w float64) {
	for _, r := range text {
		w += t.em(face, r) * size
	}
	return w
}

// wrap breaks characters into lines no wider than width points. A word wider than that is cut.
func wrap(cs []char, width, size float64) []line {
	var out []line
	limit := width/size + 1e-9
	from, end := 0, 0 // end: behind the last place where the line may end
	w, seen := 0.0, 0.0
	atEnd := 0.0
	cut := func(to int, width float64) {
		out = append(out, line{cs[from:to], width * size})
		from = to
	}
	for i := 0; i < len(cs); i++ {
		c := cs[i]
		blank := c.r == ' '
		if !blank && w+c.width > limit && i > from {
			if end > from {
				cut(end, atEnd)
			} else {
				cut(i, seen)
			}
			w, seen = 0, 0
			for k := from; k < i; k++ {
				w += cs[k].width
				if cs[k].r != ' ' {
					seen = w
				}
			}
			end = from
			for k := from; k < i; k++ {
				if cs[k].end {
					end, atEnd = k+1, seen
				}
			}
		}
		w += c.width
		if !blank {
			seen = w
		}
		if c.end {
			end, atEnd = i+1, seen
		}
	}
	if from < len(cs) || len(cs) == 0 {
		cut(len(cs), seen)
	}
	return out
}

// widest is the width of the longest piece that cannot be broken, and of the whole, in points.
func widest(cs []char, size float64) (word, all float64) {
	w, seen := 0.0, 0.0
	for _, c := range cs {
		w += c.width
		all += c.width
		if c.r != ' ' {
			seen = w
		}
		word = max(word, seen)
		if c.end {
			w, seen = 0, 0
		}
	}
	return word * size, all * size
}

// draw puts a line on the page, as part of element e.
func (t *typesetter) draw(p *pdfa.Page, e *pdfa.Element, l line, x, y float64, s style) {
	cs := l.chars
	for i := 0; i < len(cs); {
		j, w := i, 0.0
		for j < len(cs) && j-i < maxString && cs[j].face == cs[i].face && cs[j].link == cs[i].link && cs[j].instead == cs[i].instead {
			w += cs[j].width * s.size
			j++
		}
		text := make([]rune, j-i)
		for k := range text {
			text[k] = cs[i+k].r
		}
		size := s.size
		if cs[i].small {
			size *= smallSize
		}
		inside := e
		linked := e != nil && cs[i].link != 0
		if linked {
			inside = p.Link(e, t.targets[cs[i].link-1], string(text), x, y-s.size*0.25, x+w, y+s.size*0.9)
		}
		if n := cs[i].instead; n != 0 && e != nil {
			stands := t.stand[n-1]
			if i == 0 && text[0] != '[' {
				stands = "" // the sign was given in the line before
			}
			p.MarkInstead(inside, stands)
		} else if e != nil {
			p.Mark(inside)
		}
		if linked {
			p.Ink(0.05, 0.22, 0.5)
		}
		p.Text(int(cs[i].face), size, x, y, text)
		if linked {
			p.Ink(0, 0, 0)
		}
		x += w
		i = j
	}
}
