package office

import (
	"encoding/xml"
	"strconv"
	"strings"
	"unicode"

	"spolupis/documents/body"
)

// inline reads one element inside a paragraph. What is not known is looked into.
func (r *reader) inline(e *xml.StartElement) error {
	switch nameOf(e) {
	case "w:r":
		return r.run()
	case "w:hyperlink":
		return r.hyperlink(e)
	case "w:ins", "w:moveTo":
		return r.within(&r.ins, changeOf(e))
	case "w:del", "w:moveFrom":
		return r.within(&r.del, changeOf(e))
	case "w:sdt":
		return r.control(r.inline)
	case "w:fldSimple":
		return r.simpleField(e)
	case "mc:AlternateContent":
		return r.alternative(r.inline)
	case "m:oMath", "m:oMathPara":
		return r.formula()
	case "w:commentRangeStart":
		r.mark(attr(e, "w:id"), true)
	case "w:commentRangeEnd":
		r.mark(attr(e, "w:id"), false)
	case "w:p", "w:tbl": // where none may be
		return r.aside(func() error { return r.block(e) })
	case "w:pPr", "w:sdtPr", "w:smartTagPr", "w:customXmlPr":
		return r.p.skip()
	}
	return r.p.children(r.inline)
}

// within reads what a tracked change encloses.
func (r *reader) within(which **body.Change, c *body.Change) error {
	was := *which
	*which = c
	err := r.p.children(r.inline)
	*which = was
	return err
}

func (r *reader) hyperlink(e *xml.StartElement) error {
	was := r.link
	href := ""
	if rel, ok := r.rels[attr(e, "r:id")]; ok {
		href = rel.target
	}
	r.link = r.address(href, attr(e, "w:anchor"))
	err := r.p.children(r.inline)
	r.link = was
	return err
}

// address is where a link leads, in the one spelling we store. Places inside the document that Word itself named are no addresses: their
// names mean nothing outside.
func (r *reader) address(href, anchor string) string {
	if href == "" && strings.HasPrefix(anchor, "_") {
		return ""
	}
	if len(href)+len(anchor) > maxField {
		r.left.add("link", href)
		return ""
	}
	if anchor != "" {
		href += "#" + anchor
	}
	if href == "" {
		return ""
	}
	safe, ok := body.SafeLink(href)
	if !ok {
		r.left.add("link", href)
	}
	return safe
}

// simpleField reads <w:fldSimple>: its result stands inside.
func (r *reader) simpleField(e *xml.StartElement) error {
	was := r.link
	href, err := r.instruction(attr(e, "w:instr"))
	if err != nil {
		return err
	}
	if href != "" {
		r.link = href
	}
	err = r.p.children(r.inline)
	r.link = was
	return err
}

// instruction returns the address of a HYPERLINK field and refuses fields that fetch or start something.
func (r *reader) instruction(code string) (string, error) {
	words := fieldWords(code)
	if len(words) == 0 {
		return "", nil
	}
	switch name := strings.ToUpper(words[0]); name {
	case "DDE", "DDEAUTO", "INCLUDEPICTURE", "INCLUDETEXT", "INCLUDE", "LINK", "IMPORT", "DATABASE", "RD":
		return "", refuse("external", r.p.name, 0, "a field %s", name)
	case "HYPERLINK":
		href, anchor := "", ""
		for i := 1; i < len(words); i++ {
			switch {
			case words[i] == `\l` && i+1 < len(words):
				i++
				anchor = words[i]
			case (words[i] == `\o` || words[i] == `\t`) && i+1 < len(words):
				i++
			case !strings.HasPrefix(words[i], `\`) && href == "":
				href = words[i]
			}
		}
		return r.address(href, anchor), nil
	}
	return "", nil
}

// fieldWords cuts a field's instruction into words and quoted strings (17.16.1).
func fieldWords(code string) (out []string) {
	for code = strings.TrimSpace(code); code != "" && len(out) < 50; code = strings.TrimSpace(code) {
		if code[0] == '"' {
			end := strings.IndexByte(code[1:], '"')
			if end < 0 {
				return append(out, code[1:])
			}
			out = append(out, code[1:end+1])
			code = code[end+2:]
			continue
		}
		end := strings.IndexFunc(code, unicode.IsSpace)
		if end < 0 {
			end = len(code)
		}
		out = append(out, code[:end])
		code = code[end:]
	}
	return out
}

// fieldChar begins, divides or ends a complex field.
func (r *reader) fieldChar(kind string) error {
	top := len(r.fields) - 1
	switch kind {
	case "begin":
		if top > 50 {
			return refuse("depth", r.p.name, 50, "fields inside fields")
		}
		r.fields = append(r.fields, field{})
	case "separate":
		if top >= 0 && !r.fields[top].result {
			href, err := r.instruction(r.fields[top].code)
			r.fields[top].result, r.fields[top].link = true, href
			return err
		}
	case "end":
		if top >= 0 {
			_, err := r.instruction(r.fields[top].code)
			r.fields = r.fields[:top]
			return err
		}
	}
	return nil
}

// run reads <w:r> (17.3.2.25).
func (r *reader) run() error {
	var props runProps
	return r.p.children(func(e *xml.StartElement) (err error) {
		switch nameOf(e) {
		case "w:rPr":
			if props, err = r.p.runProps(); err == nil && props.changed != nil && !r.inNotes {
				r.left.add("formatting", props.changed.By)
			}
			return err
		case "w:t", "w:delText":
			t, err := r.p.text()
			if err != nil {
				return err
			}
			return r.emit(t, &props)
		case "w:tab", "w:ptab":
			err = r.emit("\t", &props)
		case "w:br", "w:cr":
			if k := attr(e, "w:type"); k == "" || k == "textWrapping" {
				err = r.lineBreak(&props)
			}
		case "w:noBreakHyphen":
			err = r.emit("\u2011", &props)
		case "w:softHyphen":
			err = r.emit("\u00ad", &props)
		case "w:sym":
			err = r.symbol(e, &props)
		case "w:instrText", "w:delInstrText":
			t, err := r.p.text()
			if top := len(r.fields) - 1; top >= 0 && !r.fields[top].result && len(r.fields[top].code)+len(t) <= maxField {
				r.fields[top].code += t
			}
			return err
		case "w:fldChar":
			err = r.fieldChar(attr(e, "w:fldCharType"))
		case "w:footnoteReference":
			err = r.note("f"+attr(e, "w:id"), &props)
		case "w:endnoteReference":
			err = r.note("e"+attr(e, "w:id"), &props)
		case "w:commentReference":
			r.refer(attr(e, "w:id"))
		case "w:drawing":
			return r.drawing()
		case "w:pict":
			return r.p.children(r.picture)
		case "w:object":
			r.left.add("object", "")
			return r.p.children(r.insideObject)
		case "mc:AlternateContent":
			return r.alternative(func(e *xml.StartElement) error {
				if nameOf(e) == "w:drawing" {
					return r.drawing()
				}
				return r.picture(e)
			})
		case "w:ruby":
			return r.p.children(r.inline)
		case "w:annotationRef", "w:footnoteRef", "w:endnoteRef", "w:separator", "w:continuationSeparator", "w:lastRenderedPageBreak", "w:pgNum":
		default:
			return r.p.children(r.inline)
		}
		if err != nil {
			return err
		}
		return r.p.skip()
	})
}

// silent reports whether what is read is the instruction of a field and no text.
func (r *reader) silent() bool {
	for _, f := range r.fields {
		if !f.result {
			return true
		}
	}
	return false
}

// emit adds text to the paragraph.
func (r *reader) emit(t string, props *runProps) error {
	if t == "" || r.cur == nil || r.silent() {
		return nil
	}
	if props.hidden || props.style != "" && r.styles.hides(props.style) {
		r.left.add("hidden", t)
		return nil
	}
	x := r.marked(props)
	x.Text = r.script(lineEnds.Replace(t), props)
	r.count(x, props)
	return r.add(x)
}

var lineEnds = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ")

// add puts a run behind those of the paragraph, or its text into the last one when both look alike.
func (r *reader) add(x body.Run) error {
	if r.room -= len(x.Text); r.room < 0 {
		return refuse("text", r.p.name, MaxText>>20, "more than %d bytes of text", MaxText)
	}
	if r.cur.size += len(x.Text); r.cur.size > body.MaxParagraph {
		return refuse("paragraph", r.p.name, body.MaxParagraph>>10, "a paragraph of more than %d bytes", body.MaxParagraph)
	}
	if n := len(r.cur.Runs); n > 0 && sameLook(r.cur.Runs[n-1], x) {
		r.cur.more = append(r.cur.more, x.Text...)
		return nil
	}
	if r.runs++; r.runs > MaxRuns {
		return refuse("text", r.p.name, MaxText>>20, "more than %d stretches of text", MaxRuns)
	}
	r.cur.join()
	r.cur.Runs = append(r.cur.Runs, x)
	return nil
}

// join gives the last run the text that came to it.
func (x *paragraph) join() {
	if len(x.more) > 0 {
		x.Runs[len(x.Runs)-1].Text += string(x.more)
		x.more = x.more[:0]
	}
}

func sameLook(a, b body.Run) bool {
	a.Text, b.Text = "", ""
	if a.Ins != nil && b.Ins != nil && *a.Ins == *b.Ins {
		a.Ins = b.Ins
	}
	if a.Del != nil && b.Del != nil && *a.Del == *b.Del {
		a.Del = b.Del
	}
	return a == b
}

// marked is an empty run with the marks in force.
func (r *reader) marked(props *runProps) body.Run {
	x := body.Run{Ins: r.ins, Del: r.del, Link: r.link}
	for i := len(r.fields) - 1; i >= 0 && x.Link == ""; i-- {
		x.Link = r.fields[i].link
	}
	x.Strong, x.Em = r.styles.marks(r.style, props.style)
	if props.strong != nil {
		x.Strong = *props.strong
	}
	if props.em != nil {
		x.Em = *props.em
	}
	x.Code = props.style != "" && r.styles.code(props.style)
	return x
}

// count notes the looks that the text cannot keep.
func (r *reader) count(x body.Run, props *runProps) {
	if r.inNotes {
		return
	}
	if props.strike {
		r.left.add("strike", x.Text)
	}
	if props.underline && x.Link == "" {
		r.left.add("underline", x.Text)
	}
	if props.highlight {
		r.left.add("highlight", x.Text)
	}
}

const (
	superPlain = "0123456789+-=()n"
	superSigns = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ"
	subPlain   = "0123456789+-=()"
	subSigns   = "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎"
)

// script keeps m² and CO₂: raised and lowered figures have characters of their own.
func (r *reader) script(t string, props *runProps) string {
	plain, signs := superPlain, []rune(superSigns)
	switch props.script {
	case "subscript":
		plain, signs = subPlain, []rune(subSigns)
	case "superscript":
	default:
		return t
	}
	var s strings.Builder
	for _, c := range t {
		i := strings.IndexRune(plain, c)
		if i < 0 {
			r.left.add("script", t)
			return t
		}
		s.WriteRune(signs[i])
	}
	return s.String()
}

// lineBreak goes on in a new block of the same kind: inside a block there are no lines.
func (r *reader) lineBreak(props *runProps) error {
	if r.cur == nil || r.silent() {
		return nil
	}
	if r.cur.Kind == body.Heading || r.inNotes {
		return r.emit(" ", props)
	}
	if r.made >= MaxBlocks {
		return refuse("text", r.p.name, MaxText>>20, "more than %d paragraphs", MaxBlocks)
	}
	x := paragraph{Block: body.Block{Kind: r.cur.Kind, Level: r.cur.Level, Align: r.cur.Align, Ins: r.ins, Del: r.del}, continued: true}
	if x.Kind == body.Bullet || x.Kind == body.Numbered {
		x.Kind, x.Level = body.Paragraph, x.Level+1
	}
	r.cur.join()
	r.begin(x)
	return nil
}

// note puts a footnote or endnote into the text, in brackets and numbered.
func (r *reader) note(id string, props *runProps) error {
	runs, ok := r.notes[id]
	if !ok || r.inNotes || r.cur == nil || r.silent() {
		return nil
	}
	r.noted++
	r.left.add("notes", body.Block{Runs: runs}.Text())
	if err := r.emit(" ["+strconv.Itoa(r.noted)+": ", &runProps{}); err != nil {
		return err
	}
	for _, x := range runs {
		x.Ins, x.Del = r.ins, r.del
		if err := r.add(x); err != nil {
			return err
		}
	}
	return r.emit("]", &runProps{})
}

// drawing reads <w:drawing>: the text of text boxes is kept, pictures are named.
func (r *reader) drawing() error {
	said, boxed := "", false
	boxes := len(r.boxes)
	var look func(e *xml.StartElement) error
	look = func(e *xml.StartElement) error {
		switch nameOf(e) {
		case "wp:docPr":
			if said = plainAttr(e, "descr"); said == "" {
				said = plainAttr(e, "name")
			}
		case "w:txbxContent":
			boxed = true
			return r.aside(r.story)
		}
		return r.p.children(look)
	}
	if err := r.p.children(look); err != nil {
		return err
	}
	if boxed && len(r.boxes) > boxes {
		r.left.add("textbox", said)
	} else {
		r.left.add("image", said)
	}
	return nil
}

// picture reads an element of <w:pict>, the older way to draw (VML).
func (r *reader) picture(e *xml.StartElement) error {
	switch nameOf(e) {
	case "w:txbxContent":
		r.left.add("textbox", "")
		return r.aside(r.story)
	case "v:imagedata":
		r.left.add("image", attr(e, "o:title"))
	case "w:drawing":
		return r.drawing()
	}
	return r.p.children(r.picture)
}

// insideObject reads what stands for an embedded object; text boxes in it are kept.
func (r *reader) insideObject(e *xml.StartElement) error {
	if nameOf(e) == "w:txbxContent" {
		return r.aside(r.story)
	}
	return r.p.children(r.insideObject)
}

// aside reads paragraphs that stand inside a paragraph; they come behind it.
func (r *reader) aside(read func() error) error {
	blocks, cur, boxes, fields, item := r.blocks, r.cur, r.boxes, r.fields, r.item
	ins, del, link, style := r.ins, r.del, r.link, r.style
	at := -1
	if cur != nil {
		at = len(blocks) - 1
	}
	r.blocks, r.cur, r.boxes, r.fields, r.link = nil, nil, nil, nil, ""
	err := read()
	inside := r.blocks
	r.blocks, r.cur, r.fields, r.item = blocks, cur, fields, item
	r.ins, r.del, r.link, r.style = ins, del, link, style
	r.boxes = append(boxes, inside...)
	if at >= 0 {
		r.cur = &r.blocks[at]
	}
	return err
}

// formula keeps the characters of an equation in a row; its layout is lost.
func (r *reader) formula() error {
	var all, s strings.Builder
	flush := func() error {
		t := s.String()
		s.Reset()
		return r.emit(t, &runProps{})
	}
	var look func(e *xml.StartElement) error
	changed := func(which **body.Change, e *xml.StartElement) error {
		if err := flush(); err != nil {
			return err
		}
		was := *which
		*which = changeOf(e)
		err := r.p.children(look)
		if err == nil {
			err = flush()
		}
		*which = was
		return err
	}
	look = func(e *xml.StartElement) error {
		switch nameOf(e) {
		case "m:t", "w:t", "w:delText":
			t, err := r.p.text()
			s.WriteString(t)
			all.WriteString(t)
			return err
		case "w:ins", "w:moveTo":
			return changed(&r.ins, e)
		case "w:del", "w:moveFrom":
			return changed(&r.del, e)
		}
		return r.p.children(look)
	}
	if err := r.p.children(look); err != nil {
		return err
	}
	r.left.add("formula", all.String())
	return flush()
}
