package office

import (
	"encoding/xml"
	"slices"
	"strings"
	"unicode/utf8"

	"spolupis/documents/body"
)

// leftOvers are what was met and not taken over.
type leftOvers map[string]*Left

const (
	maxLeft     = 8   // texts of one kind
	maxLeftText = 160 // characters of one of them
)

func (l leftOvers) add(kind, text string) {
	x := l[kind]
	if x == nil {
		x = &Left{Kind: kind}
		l[kind] = x
	}
	x.Count++
	if len(text) > 8*maxLeftText {
		text = text[:8*maxLeftText]
	}
	text = strings.TrimSpace(body.Clean(strings.ToValidUTF8(text, "")))
	if r := []rune(text); len(r) > maxLeftText {
		text = string(r[:maxLeftText]) + "…"
	}
	if text != "" && len(x.Texts) < maxLeft && !slices.Contains(x.Texts, text) {
		x.Texts = append(x.Texts, text)
	}
}

func (l leftOvers) total() (n int) {
	for _, x := range l {
		n += x.Count
	}
	return n
}

func (l leftOvers) list() (out []Left) {
	for _, k := range Kinds {
		if x := l[k]; x != nil {
			out = append(out, *x)
		}
	}
	return out
}

// sub reads another part's paragraphs with the same styles and limits, and returns them.
func (r *reader) sub(p *part, rels map[string]relation) *reader {
	return &reader{c: r.c, rels: rels, styles: r.styles, nums: &numbering{}, spans: map[string]*remark{}, left: leftOvers{}, room: r.room, item: -1, p: p, inNotes: true}
}

// enter opens another part with text up to its root element, and returns what it refers to.
func (r *reader) enter(name string) (*part, map[string]relation, error) {
	rels, err := r.c.of(name)
	if err != nil {
		return nil, nil, err
	}
	p, err := r.c.open(name)
	if err != nil {
		return nil, nil, err
	}
	_, err = p.root()
	return p, rels, err
}

// lines are the texts of the paragraphs as they were before tracked changes.
func (r *reader) lines() (out []string) {
	for _, x := range r.blocks {
		var s strings.Builder
		for _, run := range x.Runs {
			if run.Ins == nil {
				s.WriteString(run.Text)
			}
		}
		out = append(out, strings.TrimRight(body.Clean(s.String()), " "))
	}
	return out
}

// readNotes reads footnotes or endnotes (ECMA-376 part 1, 17.11).
func (r *reader) readNotes(name, element, prefix string) error {
	if name == "" {
		return nil
	}
	p, rels, err := r.enter(name)
	if err != nil {
		return err
	}
	return p.children(func(e *xml.StartElement) error {
		kind := attr(e, "w:type")
		if nameOf(e) != element || kind != "" && kind != "normal" {
			return p.skip()
		}
		if len(r.notes) >= maxNotes {
			return refuse("text", name, MaxText>>20, "more than %d notes", maxNotes)
		}
		s := r.sub(p, rels)
		if err := s.story(); err != nil {
			return err
		}
		r.notes[prefix+attr(e, "w:id")] = s.flat()
		return nil
	})
}

// flat joins the paragraphs of a note into one row of runs.
func (r *reader) flat() (out []body.Run) {
	for _, x := range r.blocks {
		if x.Blank() {
			continue
		}
		if len(out) > 0 {
			out = append(out, body.Run{Text: " "})
		}
		out = append(out, x.Runs...)
	}
	for i := range out {
		out[i].Ins, out[i].Del = nil, nil
	}
	if len(out) > 0 {
		out[0].Text = strings.TrimLeft(out[0].Text, " \t")
	}
	return out
}

// remark is a comment of the file and where it stands.
type remark struct {
	Comment
	id, paragraph string // w:id, and w14:paraId of its last paragraph
	parent        *remark
	from, to      *spot
}

// readComments reads the comments (17.13.4) and what Word 2013 and LibreOffice keep beside them: which answers which, and which is done
// ([MS-DOCX] 2.5.3.3, commentEx).
func (r *reader) readComments(name, extended string) error {
	if name == "" {
		return nil
	}
	p, rels, err := r.enter(name)
	if err != nil {
		return err
	}
	of := map[string]*remark{}
	err = p.children(func(e *xml.StartElement) error {
		if nameOf(e) != "w:comment" {
			return p.skip()
		}
		if len(r.comments) >= MaxComments {
			return refuse("comments", name, MaxComments, "more than %d comments", MaxComments)
		}
		c := &remark{id: attr(e, "w:id"), Comment: Comment{Author: person(attr(e, "w:author")), At: moment(attr(e, "w:date"))}}
		s := r.sub(p, rels)
		if err := s.story(); err != nil {
			return err
		}
		c.Text = strings.TrimSpace(strings.Join(s.lines(), "\n"))
		if r.room -= len(c.Text); r.room < 0 {
			return refuse("text", name, MaxText>>20, "more than %d bytes of text", MaxText)
		}
		if parts := s.left.total(); parts > 0 {
			r.left.add("comment_parts", c.Text)
		}
		if r.spans[c.id] != nil {
			return refuse("duplicate", name, 0, "two comments %s", shown(c.id))
		}
		c.paragraph = s.lastID
		r.spans[c.id] = c
		if c.paragraph != "" {
			of[c.paragraph] = c
		}
		r.comments = append(r.comments, c)
		return nil
	})
	if err != nil || extended == "" {
		return err
	}
	return r.readThreads(extended, of)
}

func (r *reader) readThreads(name string, of map[string]*remark) error {
	p, err := r.c.open(name)
	if err != nil {
		return err
	}
	return p.walk(func(e *xml.StartElement) {
		c := of[attr(e, "w15:paraId")]
		if nameOf(e) != "w15:commentEx" || c == nil {
			return
		}
		if d := attr(e, "w15:done"); d == "1" || d == "true" {
			c.Done = true
		}
		if up := of[attr(e, "w15:paraIdParent")]; up != nil && up != c {
			c.parent = up
		}
	})
}

// root is the comment at the top of a thread; of a circle, any.
func (c *remark) root() *remark {
	for range MaxComments {
		if c.parent == nil {
			return c
		}
		c = c.parent
	}
	return c
}

// margins names what stands in headers and footers: it is no part of the text.
func (r *reader) margins() error {
	slices.Sort(r.headers)
	for _, id := range slices.Compact(r.headers) {
		rel := r.rels[id]
		if rel.kind != "header" && rel.kind != "footer" {
			continue
		}
		name := target(r.main, rel)
		if !r.c.has(name) {
			return refuse("missing", name, 0, "named by %s but not there", r.main)
		}
		if err := r.margin(name, rel.kind); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) margin(name, kind string) error {
	p, rels, err := r.enter(name)
	if err != nil {
		return err
	}
	s := r.sub(p, rels)
	if err := s.story(); err != nil {
		return err
	}
	if text := strings.Join(strings.Fields(strings.Join(s.lines(), " ")), " "); text != "" {
		r.left.add(kind, text)
	}
	for _, x := range s.left.list() {
		if x.Kind == "image" || x.Kind == "object" {
			r.left.add(x.Kind, strings.Join(x.Texts, ", "))
		}
	}
	return nil
}

// symbols are the signs of Word's symbol fonts that offices use, by the last byte of their code.
var symbols = map[string]map[byte]rune{
	"symbol": {
		0x2d: '−', 0x61: 'α', 0x62: 'β', 0x64: 'δ', 0x65: 'ε', 0x67: 'γ', 0x6c: 'λ', 0x6d: 'μ', 0x70: 'π', 0x73: 'σ', 0x77: 'ω', 0x44: 'Δ', 0x53: 'Σ', 0x57: 'Ω',
		0xa3: '≤', 0xb3: '≥', 0xb1: '±', 0xb4: '×', 0xb7: '•', 0xb8: '÷', 0xb9: '≠', 0xbb: '≈', 0xae: '→', 0xac: '←', 0xb0: '°', 0xa5: '∞', 0xd6: '√', 0xde: '⇒', 0xe5: '∑',
	},
	"wingdings": {
		0x28: '☎', 0x2a: '✉', 0x4a: '☺', 0x6c: '●', 0x6e: '■', 0x6f: '□', 0x71: '❑', 0x72: '❒', 0x76: '❖', 0x9f: '•', 0xa7: '▪', 0xa8: '☐', 0xd8: '➢',
		0xdf: '←', 0xe0: '→', 0xe8: '➔', 0xf0: '⇨', 0xfb: '✗', 0xfc: '✓', 0xfd: '☒', 0xfe: '☑',
	},
	"wingdings2": {0x50: '✓', 0x52: '☑', 0x54: '☒', 0xa3: '☐', 0x97: '●'},
}

// symbol reads <w:sym> (17.3.3.30): a character by its place in a font.
func (r *reader) symbol(e *xml.StartElement, props *runProps) error {
	font := strings.ToLower(strings.ReplaceAll(attr(e, "w:font"), " ", ""))
	code := hexNumber(attr(e, "w:char"))
	c, known := symbols[font][byte(code)]
	switch {
	case known && (code < 0x100 || code >= 0xf000 && code < 0xf100):
	case code >= 0x20 && code < 0xe000 && utf8.ValidRune(rune(code)) && symbols[font] == nil:
		c = rune(code)
	default:
		c = utf8.RuneError
		r.left.add("symbol", attr(e, "w:font")+" "+attr(e, "w:char"))
	}
	return r.emit(string(c), props)
}

func hexNumber(s string) (n int) {
	if len(s) > 6 {
		return -1
	}
	for _, c := range []byte(strings.ToLower(s)) {
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | int(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | int(c-'a'+10)
		default:
			return -1
		}
	}
	return n
}
