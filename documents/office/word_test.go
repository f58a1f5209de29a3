package office

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"

	"spolupis/documents/body"
)

// wordFile is a document as Word writes it: with its styles in Czech, a list and what else a test puts into the text.
func wordFile(t testing.TB, xml string, more ...entry) []byte {
	entries := plainFile(t)
	for i := range entries {
		e := &entries[i]
		switch e.name {
		case "word/document.xml":
			e.text = head + `<w:document ` + wordNS + ` ` + relNS + ` ` + laterNS + ` xmlns:v="urn:schemas-microsoft-com:vml" xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"` +
				` xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"><w:body>` + xml + `</w:body></w:document>`
		case "word/_rels/document.xml.rels":
			e.text = swap("</Relationships>", `<Relationship Id="rA" Type="`+relBase+`hyperlink" Target="https://kraj.example/" TargetMode="External"/>`+
				`<Relationship Id="rB" Type="`+relBase+`hyperlink" Target="javascript:alert(1)" TargetMode="External"/></Relationships>`)(e.text)
		case "word/styles.xml":
			e.text = swap("</w:styles>", `<w:style w:type="paragraph" w:styleId="Nadpis1"><w:name w:val="heading 1"/></w:style>`+
				`<w:style w:type="paragraph" w:styleId="Vlastni"><w:name w:val="Můj nadpis"/><w:basedOn w:val="Nadpis1"/></w:style>`+
				`<w:style w:type="paragraph" w:styleId="Clanek"><w:name w:val="Článek"/><w:pPr><w:numPr><w:numId w:val="50"/></w:numPr><w:outlineLvl w:val="1"/></w:pPr></w:style>`+
				`<w:style w:type="paragraph" w:styleId="Obsah1"><w:name w:val="toc 1"/></w:style>`+
				`<w:style w:type="paragraph" w:styleId="Tucne"><w:name w:val="Tučné"/><w:rPr><w:b/></w:rPr></w:style>`+
				`<w:style w:type="paragraph" w:styleId="Kruh"><w:name w:val="Kruh"/><w:basedOn w:val="Kruh"/></w:style>`+
				`<w:style w:type="character" w:styleId="Siln"><w:name w:val="Strong"/><w:rPr><w:b/></w:rPr></w:style></w:styles>`)(e.text)
		case "word/numbering.xml":
			e.text = swap("</w:numbering>", `<w:abstractNum w:abstractNumId="50"><w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="upperRoman"/><w:pStyle w:val="Clanek"/><w:lvlText w:val="Čl. %1"/></w:lvl></w:abstractNum>`+
				`<w:abstractNum w:abstractNumId="51"><w:lvl w:ilvl="0"><w:start w:val="3"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl><w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%2)"/></w:lvl></w:abstractNum>`+
				`<w:num w:numId="50"><w:abstractNumId w:val="50"/></w:num><w:num w:numId="51"><w:abstractNumId w:val="51"/></w:num></w:numbering>`)(e.text)
		}
	}
	return pack(t, append(entries, more...))
}

func TestWhatWordWritesIsUnderstood(t *testing.T) {
	style := func(id, text string) string {
		return `<w:p><w:pPr><w:pStyle w:val="` + id + `"/></w:pPr><w:r><w:t>` + text + `</w:t></w:r></w:p>`
	}
	item := func(num, level int, text string) string {
		return fmt.Sprintf(`<w:p><w:pPr><w:numPr><w:ilvl w:val="%d"/><w:numId w:val="%d"/></w:numPr></w:pPr><w:r><w:t>%s</w:t></w:r></w:p>`, level, num, text)
	}
	run := func(props, inner string) string { return `<w:r><w:rPr>` + props + `</w:rPr>` + inner + `</w:r>` }
	text := func(s string) string { return `<w:t xml:space="preserve">` + s + `</w:t>` }
	p := func(inner string) string { return `<w:p>` + inner + `</w:p>` }
	by := `w:id="1" w:author="Jan" w:date="2026-01-02T03:04:00Z"`
	box := `<w:txbxContent>` + p(run("", text("v poli"))) + `</w:txbxContent>`
	for _, c := range []struct{ name, xml, want, left string }{
		{"headings by a Czech style", style("Nadpis1", "A") + style("Vlastni", "B") + style("Nadpis2", "C"), "h1 A / h1 B / h2 C", ""},
		{"a heading by its outline level", `<w:p><w:pPr><w:outlineLvl w:val="4"/></w:pPr>` + run("", text("A")) + `</w:p>`, "h3 A", "heading"},
		{"a number of a heading is text", style("Clanek", "Úvod") + style("Clanek", "Závěr"), "h2 Čl. I Úvod / h2 Čl. II Závěr", ""},
		{"styles in a circle", style("Kruh", "A"), "p0 A", ""},
		{"a list that begins at three and has letters", item(51, 0, "a") + item(51, 1, "b") + p(run("", text("mezi"))) + item(51, 0, "c"), "ol0=3 a / ol1 b / p0 mezi / ol0=4 c", "numbering"},
		{"a list that is none", item(0, 0, "a") + item(999, 0, "b"), "p0 a / p0 b", ""},
		{"marks by style and by hand", p(run(`<w:rStyle w:val="Siln"/>`, text("a")) + run(`<w:rStyle w:val="Siln"/><w:b w:val="0"/><w:i/>`, text("b"))), "p0 **a***b*", ""},
		{"a bold paragraph style, and a heading that is bold by its own", style("Tucne", "a") + style("Heading1", "b"), "p0 **a** / h1 b", ""},
		{"a table whose looks were changed", `<w:tbl><w:tblPr><w:tblPrChange ` + by + `><w:tblPr/></w:tblPrChange></w:tblPr><w:tr><w:tc>` + p(run("", text("a"))) + `</w:tc></w:tr></w:tbl>`, "|a", "table_change Jan"},
		{"characters with elements of their own", p(run("", text("a")+`<w:noBreakHyphen/><w:softHyphen/><w:tab/><w:sym w:font="Symbol" w:char="F0B7"/><w:sym w:font="Wingdings" w:char="F0A8"/>`+text("b"))), "p0 a\u2011\u00ad\t•☐b", ""},
		{"a symbol nobody knows", p(run("", `<w:sym w:font="Webdings" w:char="F021"/>`)), "p0 �", "symbol"},
		{"raised and lowered figures", p(run("", text("m")) + run(`<w:vertAlign w:val="superscript"/>`, text("2")) + run("", text(" CO")) + run(`<w:vertAlign w:val="subscript"/>`, text("2"))), "p0 m² CO₂", ""},
		{"a raised word", p(run(`<w:vertAlign w:val="superscript"/>`, text("tm"))), "p0 tm", "script"},
		{"links", p(`<w:hyperlink r:id="rA">` + run("", text("a")) + `</w:hyperlink><w:hyperlink w:anchor="_Toc1">` + run("", text("b")) + `</w:hyperlink>`), "p0 [a](https://kraj.example/)b", ""},
		{"a link that may be none", p(`<w:hyperlink r:id="rB">` + run("", text("a")) + `</w:hyperlink>`), "p0 a", "link"},
		{"a link as a field", p(run("", `<w:fldChar w:fldCharType="begin"/>`) + run("", `<w:instrText> HYPERLINK "https://a.example/" \o "tip" </w:instrText>`) + run("", `<w:fldChar w:fldCharType="separate"/>`) + run("", text("a")) + run("", `<w:fldChar w:fldCharType="end"/>`) + run("", text("b"))), "p0 [a](https://a.example/)b", ""},
		{"a table of contents", `<w:sdt><w:sdtPr><w:docPartObj><w:docPartGallery w:val="Table of Contents"/></w:docPartObj></w:sdtPr><w:sdtContent>` + style("Obsah1", "A 1") + `</w:sdtContent></w:sdt>` + style("Obsah1", "B 2") + p(run("", text("text"))), "p0 text", "contents"},
		{"a content control", p(`<w:sdt><w:sdtPr/><w:sdtContent>` + run("", text("a")) + `</w:sdtContent></w:sdt>`), "p0 a", ""},
		{"a text box drawn in two ways", p(run("", text("kolem")+`<mc:AlternateContent><mc:Choice Requires="wps"><w:drawing><wp:docPr name="Pole"/>`+box+`</w:drawing></mc:Choice><mc:Fallback><w:pict>`+box+`</w:pict></mc:Fallback></mc:AlternateContent>`)), "p0 kolem / p0 v poli", "textbox"},
		{"an old text box", p(run("", `<w:pict><v:shape><v:textbox>`+box+`</v:textbox></v:shape></w:pict>`) + run("", text("kolem"))), "p0 kolem / p0 v poli", "textbox"},
		{"a picture", p(run("", text("a")+`<w:drawing><wp:inline><wp:docPr name="Obrázek 1" descr="Mapa kraje"/></wp:inline></w:drawing>`)), "p0 a", "image Mapa kraje"},
		{"an equation", p(`<m:oMath><m:r><m:t>a+b</m:t></m:r></m:oMath>`), "p0 a+b", "formula a+b"},
		{"hidden text", p(run("", text("a")) + run(`<w:vanish/>`, text("tajné"))), "p0 a", "hidden tajné"},
		{"an unknown wrapper", p(`<w:smartTag><x:y xmlns:x="urn:x">` + run("", text("a")) + `</x:y></w:smartTag>`), "p0 a", ""},
		{"a line break in an item and in a heading", `<w:p><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr>` + run("", text("a")+`<w:br/>`+text("b")) + `</w:p>` + `<w:p><w:pPr><w:pStyle w:val="Nadpis1"/></w:pPr>` + run("", text("c")+`<w:br/>`+text("d")) + `</w:p>`, "ul0 a / p1 b / h1 c d", ""},
		{"a table with a joined and a nested one", `<w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val="2"/></w:tcPr>` + p(run("", text("a"))) + `</w:tc></w:tr><w:tr><w:tc>` + item(51, 0, "b") + `</w:tc><w:tc><w:tbl><w:tr><w:tc>` + p(run("", text("c"))) + `</w:tc></w:tr></w:tbl><w:p/></w:tc></w:tr></w:tbl>`, "|a / | / |3. b / |c", "merged"},
		{"moved text", p(`<w:moveFrom ` + by + `>` + run("", text("pryč ")) + `</w:moveFrom>` + run("", text("zde ")) + `<w:moveTo ` + by + `>` + run("", text("sem")) + `</w:moveTo>`), "p0 {-pryč -}zde {+sem+}", ""},
		{"a change of formatting", p(run(`<w:b/><w:rPrChange `+by+`><w:rPr><w:i/></w:rPr></w:rPrChange>`, text("a"))), "p0 **a**", "formatting Jan"},
		{"a change of the style of a paragraph", `<w:p><w:pPr><w:pStyle w:val="Nadpis1"/><w:pPrChange ` + by + `><w:pPr/></w:pPrChange></w:pPr>` + run("", text("a")) + `</w:p>`, "h1 a", "formatting Jan"},
		{"a number put before a paragraph", `<w:p><w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/><w:ins ` + by + `/></w:numPr></w:pPr>` + run("", text("a")) + `</w:p>`, "ul0 a", "formatting Jan"},
		{"an equation with a change", p(`<m:oMath><m:r><m:t>a+</m:t></m:r><m:r><w:del ` + by + `><m:t>b</m:t></w:del></m:r><w:ins ` + by + `><m:r><m:t>c</m:t></m:r></w:ins></m:oMath>`), "p0 a+{-b-}{+c+}", "formula a+bc"},
		{"a paragraph cut in two", `<w:p><w:pPr><w:rPr><w:ins ` + by + `/></w:rPr></w:pPr>` + run("", text("a")) + `</w:p>` + p(run("", text("b"))), "p0 a / {+¶+}p0 b", ""},
		{"two paragraphs joined", `<w:p><w:pPr><w:rPr><w:del ` + by + `/></w:rPr></w:pPr>` + run("", text("a")) + `</w:p>` + p(run("", text("b"))), "p0 a / {-¶-}p0 b", ""},
		{"a paragraph taken out", p(run("", text("a"))) + `<w:p><w:pPr><w:rPr><w:del ` + by + `/></w:rPr></w:pPr><w:del ` + by + `><w:r><w:delText>b</w:delText></w:r></w:del></w:p>` + p(run("", text("c"))), "p0 a / {-¶-}p0 {-b-} / p0 c", ""},
		{"a row put in", `<w:tbl><w:tr><w:tc>` + p(run("", text("a"))) + `</w:tc></w:tr><w:tr><w:trPr><w:ins ` + by + `/></w:trPr><w:tc>` + p(`<w:ins `+by+`>`+run("", text("b"))+`</w:ins>`) + `</w:tc></w:tr></w:tbl>`, "|a / {+¶+}|{+b+}", ""},
		{"text put in and taken out again", p(run("", text("a")) + `<w:ins ` + by + `><w:del ` + by + `><w:r><w:delText>b</w:delText></w:r></w:del></w:ins>`), "p0 a{+{-b-}+}", ""},
	} {
		d, err := Read(wordFile(t, c.xml))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := sketch(d.Body); got != c.want {
			t.Errorf("%s: reads as\n %s\nwant\n %s", c.name, got, c.want)
		}
		left := ""
		if len(d.Left) > 0 {
			left = strings.TrimSpace(d.Left[0].Kind + " " + strings.Join(d.Left[0].Texts, ", "))
		}
		if !strings.HasPrefix(left, c.left) || c.left == "" && left != "" {
			t.Errorf("%s: left out %q, want %q", c.name, left, c.left)
		}
	}
}

// TestProposedLooksGoOutAsChangesOfFormatting: with what was before, for whoever rejects them in Word; they come back as the new looks.
func TestProposedLooksGoOutAsChangesOfFormatting(t *testing.T) {
	by := body.Change{ID: "w1", By: "Eva Malá", At: 1_780_000_000_000}
	file, err := Write(Document{Body: body.Body{Blocks: []body.Block{
		{Kind: body.Heading, Level: 2, Runs: []body.Run{{Text: "a"}}, Was: &body.Looks{Change: by, Kind: body.Numbered, Level: 1, Start: 3}},
		{Kind: body.Paragraph, Runs: []body.Run{{Text: "b", Strong: true, Was: &body.Looks{Change: by, Em: true}}, {Text: "c", Link: "https://kraj.example/", Was: &body.Looks{Change: by}}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := unpack(file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.open("word/document.xml")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := p.walk(func(e *xml.StartElement) {
		switch n := nameOf(e); n {
		case "w:pPrChange", "w:rPrChange":
			got = append(got, n+" "+attr(e, "w:author")+" "+attr(e, "w:date"))
		case "w:numId", "w:ilvl", "w:b", "w:i", "w:pStyle", "w:startOverride":
			got = append(got, n+" "+val(e))
		}
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{"w:pStyle Heading2", "w:pPrChange Eva Malá 2026-05-28T20:26:40Z", "w:pStyle ListParagraph", "w:ilvl 1", "w:numId 2", "w:b ", "w:rPrChange Eva Malá 2026-05-28T20:26:40Z", "w:i "}
	if !slices.Equal(got, want) {
		t.Errorf("the file says\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	d, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := sketch(d.Body); got != "h2 a / p0 **b**[c](https://kraj.example/)" || !slices.ContainsFunc(d.Left, func(l Left) bool { return l.Kind == "formatting" && l.Count == 2 }) {
		t.Errorf("it comes back as %s, %+v", got, d.Left)
	}
}

// sketch writes a body in one line.
func sketch(b body.Body) string {
	var out []string
	for _, x := range b.Blocks {
		s := fmt.Sprint(x.Kind, x.Level, " ")
		if x.Start != 0 {
			s = fmt.Sprint(x.Kind, x.Level, "=", x.Start, " ")
		}
		if x.Cell != nil {
			s = "|"
		}
		wrap := func(s string, ins, del *body.Change) string {
			if del != nil {
				s = "{-" + s + "-}"
			}
			if ins != nil {
				s = "{+" + s + "+}"
			}
			return s
		}
		if x.Ins != nil || x.Del != nil {
			s = wrap("¶", x.Ins, x.Del) + s
		}
		for _, r := range x.Runs {
			t := r.Text
			if r.Link != "" {
				t = "[" + t + "](" + r.Link + ")"
			}
			if r.Em {
				t = "*" + t + "*"
			}
			if r.Strong {
				t = "**" + t + "**"
			}
			s += wrap(t, r.Ins, r.Del)
		}
		out = append(out, s)
	}
	return strings.Join(out, " / ")
}

// TestCommentsOfWordKeepTheirThreads: answers, resolved ones, one without a passage, one on a picture.
func TestCommentsOfWordKeepTheirThreads(t *testing.T) {
	comment := func(id, para, text string) string {
		return `<w:comment w:id="` + id + `" w:author="Eva" w:date="2026-11-03T10:15:00Z"><w:p w14:paraId="` + para + `"><w:r><w:annotationRef/></w:r><w:r><w:t>` + text + `</w:t></w:r></w:p></w:comment>`
	}
	ref := func(id string) string { return `<w:r><w:commentReference w:id="` + id + `"/></w:r>` }
	entries := plainFile(t)
	for i := range entries {
		switch entries[i].name {
		case "word/comments.xml":
			entries[i].text = head + `<w:comments ` + wordNS + ` ` + laterNS + `>` + comment("1", "AA", "Otázka") + comment("2", "BB", "Odpověď") + comment("3", "CC", "Bez místa") + comment("4", "DD", "Nikde") + `</w:comments>`
		case "word/commentsExtended.xml":
			entries[i].text = head + `<w15:commentsEx ` + laterNS + `><w15:commentEx w15:paraId="AA" w15:done="1"/><w15:commentEx w15:paraId="BB" w15:paraIdParent="AA"/><w15:commentEx w15:paraId="EE" w15:paraIdParent="EE"/></w15:commentsEx>`
		case "word/document.xml":
			entries[i].text = head + `<w:document ` + wordNS + `><w:body><w:p><w:commentRangeStart w:id="1"/><w:r><w:t>Rada</w:t></w:r><w:commentRangeEnd w:id="1"/>` + ref("1") + ref("2") + `<w:r><w:t xml:space="preserve"> kraje</w:t></w:r>` + ref("3") + `</w:p></w:body></w:document>`
		}
	}
	d, err := Read(pack(t, entries))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range d.Comments {
		got = append(got, fmt.Sprintf("%s on %q, done %v, answers %d", c.Text, quote(d.Body, c), c.Done, len(c.Replies)))
	}
	want := `[Otázka on "Rada", done true, answers 1 Bez místa on "kraje", done false, answers 0 Nikde on "(whole)", done false, answers 0]`
	if fmt.Sprint(got) != want {
		t.Errorf("comments\n%v\nwant\n%v", got, want)
	}
}
