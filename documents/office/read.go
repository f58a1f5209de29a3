package office

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/xml"
	"slices"
	"strconv"
	"strings"

	"spolupis/documents/body"
)

// Read reads a .docx from outside. Bad input gives an *Error; the limits are the constants Max….
//
//   - headings are known by their style's name (English or Czech), its outline level or the paragraph's own; those below 3 become 3, and
//     a number that a list gives a heading becomes its first word
//   - a line break inside a paragraph starts the next paragraph, as with Markdown; in a heading it is a space
//   - footnotes and endnotes stand in brackets where their mark was; the text of a text box follows its paragraph
//   - all numbered lists count in Arabic figures; a number out of turn is kept
//   - cells of a table joined together are parted again, tables inside cells become lines of the cell
//   - insertions and deletions, moves too, are tracked changes; of a tracked change of formatting only the new looks are taken
func Read(file []byte) (Document, error) {
	c, err := unpack(file)
	if err != nil {
		return Document{}, err
	}
	main, err := c.main()
	if err != nil {
		return Document{}, err
	}
	r, err := newReader(c, main)
	if err != nil {
		return Document{}, err
	}
	p, err := c.open(main)
	if err != nil {
		return Document{}, err
	}
	r.salt = sha256.Sum256(file)
	if err := r.document(p); err != nil {
		return Document{}, err
	}
	r.p = nil // and with it the XML, before the text is laid out
	if err := r.margins(); err != nil {
		return Document{}, err
	}
	return r.finish()
}

// reader holds what is known while one file is read.
type reader struct {
	c        *container
	main     string
	rels     map[string]relation // of the part that is being read
	styles   styles
	nums     *numbering
	notes    map[string][]body.Run // footnotes and endnotes by "f" or "e" and id
	comments []*remark
	spans    map[string]*remark // comments by id
	left     leftOvers
	headers  []string // relations of headers and footers of the document
	salt     [32]byte
	ids      int
	room     int // bytes of text that may still come
	noted    int
	runs     int             // stretches of text so far
	looks    map[string]look // of paragraph styles, found before

	p       *part
	blocks  []paragraph
	made    int          // blocks so far, for their ids
	cur     *paragraph   // being read; nil between paragraphs
	ins     *body.Change // around what is being read
	del     *body.Change
	link    string
	fields  []field
	boxes   []paragraph // text boxes met in the paragraph being read
	cell    int         // depth of tables around
	style   string      // of the paragraph, when its bold and italic are marks and not the looks of a heading
	item    int         // level of the last list item, -1 after anything else
	lastID  string      // w14:paraId of the last paragraph
	inNotes bool
}

// paragraph is a block being read, with the tracked changes of its own mark.
type paragraph struct {
	body.Block
	markIns, markDel *body.Change
	continued        bool   // a line of the paragraph before
	size             int    // bytes of its text
	more             []byte // text that belongs to the last run
}

// field is a complex field (ECMA-376 part 1, 17.16.18): its instruction, then its result.
type field struct {
	code   string
	result bool
	link   string
}

func newReader(c *container, main string) (*reader, error) {
	r := &reader{c: c, main: main, notes: map[string][]body.Run{}, spans: map[string]*remark{}, left: leftOvers{}, room: MaxText, item: -1}
	rels, err := c.of(main)
	if err != nil {
		return nil, err
	}
	r.rels = rels
	part := map[string]string{}
	for _, kind := range []string{"styles", "numbering", "footnotes", "endnotes", "comments", "commentsExtended"} {
		if part[kind], err = c.only(main, rels, kind); err != nil {
			return nil, err
		}
	}
	if r.styles, err = readStyles(c, part["styles"]); err != nil {
		return nil, err
	}
	if r.nums, err = readNumbering(c, part["numbering"]); err != nil {
		return nil, err
	}
	if err := r.readNotes(part["footnotes"], "w:footnote", "f"); err != nil {
		return nil, err
	}
	if err := r.readNotes(part["endnotes"], "w:endnote", "e"); err != nil {
		return nil, err
	}
	return r, r.readComments(part["comments"], part["commentsExtended"])
}

func (r *reader) document(p *part) error {
	e, err := p.root()
	if err != nil {
		return err
	}
	if nameOf(e) != "w:document" {
		return refuse("kind", p.name, 0, "root element %s", shown(e.Name.Local))
	}
	r.p = p
	return p.children(func(e *xml.StartElement) error {
		if nameOf(e) == "w:body" {
			return r.story()
		}
		return p.skip()
	})
}

// story reads block-level content to the end of the element just opened.
func (r *reader) story() error { return r.p.children(r.block) }

// block reads one element that stands between paragraphs. What is not known is looked into: no text is passed by.
func (r *reader) block(e *xml.StartElement) error {
	switch nameOf(e) {
	case "w:p":
		return r.paragraph(e)
	case "w:tbl":
		return r.table()
	case "w:sdt":
		return r.control(r.block)
	case "w:sectPr":
		return r.p.section(&r.headers)
	case "w:altChunk":
		r.left.add("foreign", r.rels[attr(e, "r:id")].target)
		return r.p.skip()
	case "mc:AlternateContent":
		return r.alternative(r.block)
	case "w:commentRangeStart":
		r.mark(attr(e, "w:id"), true)
	case "w:commentRangeEnd":
		r.mark(attr(e, "w:id"), false)
	case "w:tblPr", "w:tblGrid", "w:sdtPr", "w:sdtEndPr", "w:customXmlPr":
		return r.p.skip()
	case "m:oMathPara", "m:oMath", "w:r", "w:hyperlink", "w:fldSimple": // without a paragraph around
		r.begin(paragraph{Block: body.Block{Kind: body.Paragraph}})
		if err := r.inline(e); err != nil {
			return err
		}
		r.end()
		return nil
	}
	return r.p.children(r.block)
}

// control reads a content control; a table of contents is left out, as it is made anew by whoever needs it.
func (r *reader) control(inside func(*xml.StartElement) error) error {
	contents := false
	return r.p.children(func(e *xml.StartElement) error {
		switch nameOf(e) {
		case "w:sdtPr":
			return r.p.children(func(e *xml.StartElement) error {
				if nameOf(e) != "w:docPartObj" {
					return r.p.skip()
				}
				return r.p.children(func(e *xml.StartElement) error {
					contents = contents || nameOf(e) == "w:docPartGallery" && val(e) == "Table of Contents"
					return r.p.skip()
				})
			})
		case "w:sdtContent":
			if contents {
				r.left.add("contents", "")
				return r.p.skip()
			}
			return r.p.children(inside)
		}
		return r.p.skip()
	})
}

// alternative reads <mc:AlternateContent> (part 3, 9.3): the first choice, or the fallback when the choice gave nothing.
func (r *reader) alternative(inside func(*xml.StartElement) error) error {
	before, gave := r.given(), false
	return r.p.children(func(e *xml.StartElement) error {
		if n := nameOf(e); n != "mc:Choice" && n != "mc:Fallback" || gave {
			return r.p.skip()
		}
		err := r.p.children(inside)
		gave = r.given() != before
		return err
	})
}

// given tells whether anything was read since it was last asked.
func (r *reader) given() int { return r.made + MaxText - r.room + r.left.total() }

// begin opens a paragraph.
func (r *reader) begin(x paragraph) {
	r.made++
	x.ID = blockID(r.made)
	x.size = len(x.Text())
	r.blocks = append(r.blocks, x)
	r.cur = &r.blocks[len(r.blocks)-1]
}

func blockID(n int) string { return "n:" + strconv.Itoa(n) }

// end closes the paragraph; the text boxes in it come behind.
func (r *reader) end() {
	r.cur.join()
	r.cur.more = nil
	r.cur = nil
	r.blocks = append(r.blocks, r.boxes...)
	r.boxes = nil
}

func (r *reader) paragraph(e *xml.StartElement) error {
	if r.made >= MaxBlocks {
		return refuse("text", r.p.name, MaxText>>20, "more than %d paragraphs", MaxBlocks)
	}
	r.lastID = attr(e, "w14:paraId")
	props := paragraphProps{outline: -1, num: numRef{level: -1}}
	outer, outerBoxes := r.cur, r.boxes // not nil inside a text box
	r.boxes = nil
	begun, first := false, 0
	begin := func() {
		if !begun {
			begun = true
			r.begin(r.shape(&props))
			first = len(r.blocks) - 1
		}
	}
	err := r.p.children(func(e *xml.StartElement) (err error) {
		if nameOf(e) == "w:pPr" {
			props, err = r.p.paragraphProps()
			return err
		}
		begin()
		return r.inline(e)
	})
	if err != nil {
		return err
	}
	begin()
	if props.changed != nil {
		r.left.add("formatting", props.changed.By)
	}
	r.headers = append(r.headers, props.headers...)
	r.cur.markIns, r.cur.markDel = props.ins, props.del
	r.rule(&props, first)
	r.end()
	r.cur, r.boxes = outer, outerBoxes
	return nil
}

// rule makes an empty paragraph with a line at its foot a line across.
func (r *reader) rule(props *paragraphProps, first int) {
	x := &r.blocks[first]
	if r.look(props.style).kind == body.Rule || props.line && x.Kind == body.Paragraph {
		if x.Text() == "" && len(r.boxes) == 0 {
			x.Kind, x.Level = body.Rule, 0
		} else if x.Kind == body.Rule {
			x.Kind = body.Paragraph
		}
	}
}

// shape says what kind of block a paragraph is.
func (r *reader) shape(props *paragraphProps) paragraph {
	x := paragraph{Block: body.Block{Kind: body.Paragraph, Align: props.align}}
	l := r.look(props.style)
	r.style = ""
	if l.contents {
		r.left.add("contents", "")
		x.Kind = contentsLine
		return x
	}
	outline := props.outline
	if outline < 0 && l.kind == "" {
		outline = r.styles.outline(props.style)
	}
	if l.kind != body.Heading && outline >= 0 && outline < 9 {
		l = look{kind: body.Heading, level: outline + 1}
	}
	n, by := props.num, ""
	if n.id == "" {
		var level numRef
		if level, by = r.styles.number(props.style); level.id != "" {
			n = numRef{level.id, max(level.level, n.level)}
		}
	}
	num, abstract, at := r.nums.find(n, by, r.styles)
	last := r.item
	r.item = -1
	if l.kind == "" {
		r.style = props.style
	}
	switch {
	case l.kind == body.Heading:
		x.Kind, x.Level = body.Heading, min(l.level, 3)
		if l.level > 3 {
			r.left.add("heading", "")
		}
		if num != nil {
			num.next(abstract, at)
			x.Runs = r.prefix(num.label(abstract, at))
		}
	case num != nil && (l.kind == "" || l.kind == body.Paragraph):
		r.listItem(&x, num, abstract, at)
	case l.kind == body.Paragraph && l.level > 0:
		x.Level, r.item = l.level, l.level-1
	case l.item && last >= 0:
		x.Level, r.item = last+1, last
	case l.kind != "":
		x.Kind, x.Level = l.kind, l.level
	}
	return x
}

func (r *reader) look(style string) look {
	l, ok := r.looks[style]
	if !ok {
		if r.looks == nil {
			r.looks = map[string]look{}
		}
		l = r.styles.paragraph(style)
		r.looks[style] = l
	}
	return l
}

// contentsLine marks paragraphs of a table of contents until they are dropped.
const contentsLine body.Kind = "contents"

func (r *reader) prefix(label string) []body.Run {
	if label == "" {
		return nil
	}
	r.room -= len(label)
	return []body.Run{{Text: label + " "}}
}

func (r *reader) listItem(x *paragraph, num *num, abstract *abstractNum, at int) {
	n, l := num.next(abstract, at), num.level(abstract, at)
	if r.cell > 0 { // cells hold plain paragraphs
		label := "•"
		if l.format != "bullet" {
			label = num.label(abstract, at)
		}
		x.Runs = r.prefix(label)
		return
	}
	x.Level, r.item = at, at
	if l.format == "bullet" || l.format == "none" && l.text == "" {
		x.Kind = body.Bullet
		return
	}
	x.Kind, x.Start = body.Numbered, n
	if l.format != "decimal" || strings.Count(l.text, "%") > 1 {
		r.left.add("numbering", num.label(abstract, at))
	}
}

// id returns an identifier that looks random and is the same for the same file.
func (r *reader) id() string {
	r.ids++
	sum := sha256.Sum256(strconv.AppendInt(slices.Clip(r.salt[:]), int64(r.ids), 10))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:5]))
}
