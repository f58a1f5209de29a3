package office

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"spolupis/documents/body"
)

// file is one part of a written document.
type file struct{ name, xml string }

const (
	head     = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	wordNS   = `xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"`
	relNS    = `xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"`
	laterNS  = `xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml" xmlns:w15="http://schemas.microsoft.com/office/word/2012/wordml" mc:Ignorable="w14 w15"`
	relBase  = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
	typeBase = "application/vnd.openxmlformats-officedocument.wordprocessingml."
)

// parts lists the parts of the file, in the order Word writes them.
func (w *writer) parts() []file {
	kinds := []string{"styles", "numbering", "settings", "footer"}
	if len(w.all) > 0 {
		kinds = append(kinds, "comments", "commentsExtended")
	}
	out := []file{
		{typesPart, contentTypes(kinds)},
		{"_rels/.rels", head + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
			`<Relationship Id="rId1" Type="` + relBase + `officeDocument" Target="word/document.xml"/>` +
			`<Relationship Id="rId2" Type="http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties" Target="docProps/core.xml"/></Relationships>`},
		{"docProps/core.xml", w.core()},
		{"word/document.xml", head + `<w:document ` + wordNS + ` ` + relNS + ` ` + laterNS + `><w:body>` + w.out.String() +
			`<w:sectPr><w:footerReference w:type="default" r:id="rfooter"/>` + w.paper() + `</w:sectPr></w:body></w:document>`},
		{"word/_rels/document.xml.rels", w.relations(kinds)},
		{"word/styles.xml", w.styles()},
		{"word/numbering.xml", w.numbering()},
		{"word/settings.xml", head + `<w:settings ` + wordNS + `><w:defaultTabStop w:val="708"/><w:compat><w:compatSetting w:name="compatibilityMode" ` +
			`w:uri="http://schemas.microsoft.com/office/word" w:val="15"/></w:compat><w:themeFontLang w:val="cs-CZ"/></w:settings>`},
		{"word/footer.xml", w.footer()},
	}
	if len(w.all) > 0 {
		out = append(out, file{"word/comments.xml", w.commentsXML()}, file{"word/commentsExtended.xml", w.threads()})
	}
	return out
}

// paper is the size of the page and its margins.
func (w *writer) paper() string {
	if w.d.Landscape {
		return `<w:pgSz w:w="16838" w:h="11906" w:orient="landscape"/>` +
			`<w:pgMar w:top="1134" w:right="1134" w:bottom="1134" w:left="1134" w:header="567" w:footer="567" w:gutter="0"/>`
	}
	return `<w:pgSz w:w="11906" w:h="16838"/>` +
		`<w:pgMar w:top="1417" w:right="1417" w:bottom="1417" w:left="1417" w:header="708" w:footer="708" w:gutter="0"/>`
}

// styles are those of every file; on a page laid across type and spacing are smaller.
func (w *writer) styles() string {
	s := stylesXML()
	if w.d.Landscape {
		s = strings.Replace(s, `<w:sz w:val="22"/><w:szCs w:val="22"/>`, `<w:sz w:val="15"/><w:szCs w:val="15"/>`, 1)
		s = strings.Replace(s, `<w:spacing w:after="120" w:line="264" w:lineRule="auto"/>`, `<w:spacing w:after="40" w:line="240" w:lineRule="auto"/>`, 1)
	}
	return s
}

func contentTypes(kinds []string) string {
	var s strings.Builder
	s.WriteString(head + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
		`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>` +
		`<Override PartName="/word/document.xml" ContentType="` + documentType + `"/>` +
		`<Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/>`)
	for _, k := range kinds {
		s.WriteString(`<Override PartName="/word/` + k + `.xml" ContentType="` + typeBase + k + `+xml"/>`)
	}
	return s.String() + `</Types>`
}

func (w *writer) relations(kinds []string) string {
	var s strings.Builder
	s.WriteString(head + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`)
	for _, k := range kinds {
		base := relBase
		if k == "commentsExtended" {
			base = "http://schemas.microsoft.com/office/2011/relationships/"
		}
		s.WriteString(`<Relationship Id="r` + k + `" Type="` + base + k + `" Target="` + k + `.xml"/>`)
	}
	for i, href := range w.targets {
		fmt.Fprintf(&s, `<Relationship Id="rLink%d" Type="%shyperlink" Target="%s" TargetMode="External"/>`, i+1, relBase, escape(href))
	}
	return s.String() + `</Relationships>`
}

func (w *writer) core() string {
	return head + `<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/">` +
		`<dc:title>` + escape(w.d.Title) + `</dc:title><dc:subject>` + escape(w.d.Number) + `</dc:subject><dc:creator>` + escape(w.d.Author) + `</dc:creator>` +
		`<dc:language>cs-CZ</dc:language></cp:coreProperties>`
}

func (w *writer) footer() string {
	text := ""
	if w.d.Footer != "" {
		text = `<w:r><w:t xml:space="preserve">` + escape(w.d.Footer) + `</w:t></w:r>`
	}
	field := func(code string) string {
		return `<w:fldSimple w:instr=" ` + code + ` "><w:r><w:t>1</w:t></w:r></w:fldSimple>`
	}
	return head + `<w:ftr ` + wordNS + `><w:p><w:pPr><w:pStyle w:val="Footer"/></w:pPr>` + text + `<w:r><w:tab/></w:r>` + field("PAGE") +
		`<w:r><w:t>/</w:t></w:r>` + field("NUMPAGES") + `</w:p></w:ftr>`
}

// numbering writes one list of bullets, one of figures, and an instance for each numbered list (ECMA-376 part 1, 17.9).
func (w *writer) numbering() string {
	var s strings.Builder
	s.WriteString(head + `<w:numbering ` + wordNS + `>`)
	for id, kind := range []body.Kind{body.Bullet, body.Numbered} {
		fmt.Fprintf(&s, `<w:abstractNum w:abstractNumId="%d"><w:multiLevelType w:val="hybridMultilevel"/>`, id)
		for at := range 9 {
			format, text := "bullet", []string{"•", "–", "▪"}[at%3]
			if kind == body.Numbered {
				format, text = "decimal", "%"+strconv.Itoa(at+1)+"."
			}
			fmt.Fprintf(&s, `<w:lvl w:ilvl="%d"><w:start w:val="1"/><w:numFmt w:val="%s"/><w:lvlText w:val="%s"/><w:lvlJc w:val="left"/><w:pPr><w:ind w:left="%d" w:hanging="360"/></w:pPr></w:lvl>`,
				at, format, text, 360*(at+1))
		}
		s.WriteString(`</w:abstractNum>`)
	}
	s.WriteString(`<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>`)
	for i, n := range w.nums {
		fmt.Fprintf(&s, `<w:num w:numId="%d"><w:abstractNumId w:val="1"/><w:lvlOverride w:ilvl="%d"><w:startOverride w:val="%d"/></w:lvlOverride></w:num>`, i+2, n.level, n.start)
	}
	return s.String() + `</w:numbering>`
}

// paraID names the last paragraph of a comment: eight hexadecimal digits below 80000000 ([MS-DOCX] 2.2.4).
func paraID(comment int) string { return fmt.Sprintf("%08X", 0x10000000+comment) }

func (w *writer) commentsXML() string {
	var s strings.Builder
	s.WriteString(head + `<w:comments ` + wordNS + ` ` + laterNS + `>`)
	for id, c := range w.all {
		fmt.Fprintf(&s, `<w:comment w:id="%d" w:author="%s" w:initials="%s"`, id, escape(cmp.Or(c.author, "?")), escape(initials(c.author)))
		if !c.at.IsZero() {
			s.WriteString(` w:date="` + stamp(c.at) + `"`)
		}
		s.WriteString(">")
		lines := strings.Split(c.text, "\n")
		for i, line := range lines {
			s.WriteString("<w:p")
			if i == len(lines)-1 {
				s.WriteString(` w14:paraId="` + paraID(id) + `"`)
			}
			s.WriteString(`><w:pPr><w:pStyle w:val="CommentText"/></w:pPr>`)
			if line = body.Clean(line); line != "" {
				s.WriteString(`<w:r><w:t xml:space="preserve">` + escape(line) + `</w:t></w:r>`)
			}
			s.WriteString("</w:p>")
		}
		s.WriteString("</w:comment>")
	}
	return s.String() + `</w:comments>`
}

func initials(name string) string {
	s := ""
	for _, w := range strings.Fields(name) {
		s += string([]rune(w)[:1])
	}
	return s
}

func (w *writer) threads() string {
	var s strings.Builder
	s.WriteString(head + `<w15:commentsEx ` + laterNS + `>`)
	for id, c := range w.all {
		s.WriteString(`<w15:commentEx w15:paraId="` + paraID(id) + `"`)
		if c.parent >= 0 {
			s.WriteString(` w15:paraIdParent="` + paraID(c.parent) + `"`)
		}
		done := "0"
		if c.done {
			done = "1"
		}
		s.WriteString(` w15:done="` + done + `"/>`)
	}
	return s.String() + `</w15:commentsEx>`
}

// stylesXML names styles as Word does itself, so that its own lists, navigation and Czech interface know them.
func stylesXML() string {
	var s strings.Builder
	s.WriteString(head + `<w:styles ` + wordNS + `><w:docDefaults><w:rPrDefault><w:rPr><w:rFonts w:ascii="Calibri" w:hAnsi="Calibri" w:eastAsia="Calibri" w:cs="Calibri"/>` +
		`<w:sz w:val="22"/><w:szCs w:val="22"/><w:lang w:val="cs-CZ" w:eastAsia="cs-CZ" w:bidi="ar-SA"/></w:rPr></w:rPrDefault>` +
		`<w:pPrDefault><w:pPr><w:spacing w:after="120" w:line="264" w:lineRule="auto"/></w:pPr></w:pPrDefault></w:docDefaults>`)
	style := func(kind, id, name, more string) {
		s.WriteString(`<w:style w:type="` + kind + `"`)
		if id == "Normal" || id == "DefaultParagraphFont" || id == "TableNormal" {
			s.WriteString(` w:default="1"`)
		}
		s.WriteString(` w:styleId="` + id + `"><w:name w:val="` + name + `"/>` + more + `</w:style>`)
	}
	based := func(paragraph, run string) string {
		return `<w:basedOn w:val="Normal"/><w:qFormat/><w:pPr>` + paragraph + `</w:pPr><w:rPr>` + run + `</w:rPr>`
	}
	indent := func(n int) string { return `<w:ind w:left="` + strconv.Itoa(360*n) + `"/>` }
	style("paragraph", "Normal", "Normal", `<w:qFormat/>`)
	style("character", "DefaultParagraphFont", "Default Paragraph Font", `<w:uiPriority w:val="1"/><w:semiHidden/>`)
	style("table", "TableNormal", "Normal Table", `<w:uiPriority w:val="99"/><w:semiHidden/><w:tblPr><w:tblInd w:w="0" w:type="dxa"/>`+
		`<w:tblCellMar><w:top w:w="0" w:type="dxa"/><w:left w:w="108" w:type="dxa"/><w:bottom w:w="0" w:type="dxa"/><w:right w:w="108" w:type="dxa"/></w:tblCellMar></w:tblPr>`)
	for n, size := range []int{32, 26, 23} {
		style("paragraph", "Heading"+strconv.Itoa(n+1), "heading "+strconv.Itoa(n+1), `<w:basedOn w:val="Normal"/><w:next w:val="Normal"/><w:qFormat/>`+
			`<w:pPr><w:keepNext/><w:keepLines/><w:spacing w:before="240" w:after="80"/><w:outlineLvl w:val="`+strconv.Itoa(n)+`"/></w:pPr><w:rPr><w:b/><w:sz w:val="`+strconv.Itoa(size)+`"/></w:rPr>`)
	}
	style("paragraph", "Quote", "Quote", based(indent(1), "<w:i/>"))
	for n := 2; n <= 8; n++ {
		style("paragraph", "Quote"+strconv.Itoa(n), "Quote "+strconv.Itoa(n), based(indent(n), "<w:i/>"))
	}
	style("paragraph", "ListParagraph", "List Paragraph", based(`<w:contextualSpacing/>`, ""))
	style("paragraph", "ListContinue", "List Continue", based(indent(1), ""))
	for n := 2; n <= 9; n++ {
		style("paragraph", "ListContinue"+strconv.Itoa(n), "List Continue "+strconv.Itoa(n), based(indent(n), ""))
	}
	style("paragraph", "SourceCode", "Source Code", based(`<w:spacing w:after="0"/>`, `<w:rFonts w:ascii="Courier New" w:hAnsi="Courier New" w:cs="Courier New"/><w:sz w:val="20"/>`))
	style("paragraph", "HorizontalLine", "Horizontal Line", based(`<w:pBdr><w:bottom w:val="single" w:sz="6" w:space="1" w:color="808080"/></w:pBdr>`, ""))
	style("paragraph", "Footer", "footer", based(`<w:tabs><w:tab w:val="right" w:pos="9072"/></w:tabs><w:spacing w:after="0"/>`, `<w:sz w:val="18"/>`))
	style("paragraph", "CommentText", "annotation text", based(`<w:spacing w:after="0" w:line="240" w:lineRule="auto"/>`, `<w:sz w:val="20"/>`))
	char := func(run string) string {
		return `<w:basedOn w:val="DefaultParagraphFont"/><w:rPr>` + run + `</w:rPr>`
	}
	style("character", "CommentReference", "annotation reference", char(`<w:sz w:val="16"/>`))
	style("character", "Hyperlink", "Hyperlink", char(`<w:color w:val="0563C1"/><w:u w:val="single"/>`))
	style("character", "SourceText", "Source Text", char(`<w:rFonts w:ascii="Courier New" w:hAnsi="Courier New" w:cs="Courier New"/>`))
	border := ""
	for _, side := range []string{"top", "left", "bottom", "right", "insideH", "insideV"} {
		border += `<w:` + side + ` w:val="single" w:sz="4" w:space="0" w:color="808080"/>`
	}
	style("table", "TableGrid", "Table Grid", `<w:basedOn w:val="TableNormal"/><w:pPr><w:spacing w:after="0"/></w:pPr><w:tblPr><w:tblBorders>`+border+`</w:tblBorders></w:tblPr>`+
		`<w:tblStylePr w:type="firstRow"><w:rPr><w:b/></w:rPr></w:tblStylePr>`)
	return s.String() + `</w:styles>`
}
