package pdfa

import (
	"strconv"
	"strings"
)

// info is the information dictionary; it says the same as the XMP (ISO 19005-2, 6.6.3).
func (m Meta) info() string {
	s := "<</Title" + textString(m.Title)
	if m.Author != "" {
		s += "/Author" + textString(m.Author)
	}
	if !m.Date.IsZero() {
		d := m.Date.UTC().Format("(D:20060102150405+00'00')")
		s += "/CreationDate" + d + "/ModDate" + d
	}
	return s + "/Producer" + textString(m.Producer) + ">>"
}

// xmp is the metadata packet (ISO 16684-1), with the declarations of PDF/A-2a and PDF/UA-1. The latter's schema is not
// among those PDF/A knows and is therefore described in the packet.
func (m Meta) xmp() []byte {
	part := 2
	if m.Twin != 0 {
		part = m.Twin
	}
	var b strings.Builder
	about := func(ns, body string) {
		b.WriteString(`<rdf:Description rdf:about="" ` + ns + ">" + body + "</rdf:Description>\n")
	}
	b.WriteString("<?xpacket begin=\"\uFEFF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n")
	about(`xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"`, tag("pdfaid:part", strconv.Itoa(part))+tag("pdfaid:conformance", "A"))
	dc := tag("dc:format", "application/pdf") + tag("dc:identifier", m.Identifier) +
		`<dc:title><rdf:Alt><rdf:li xml:lang="x-default">` + escape(m.Title) + `</rdf:li></rdf:Alt></dc:title>` +
		`<dc:language><rdf:Bag>` + tag("rdf:li", m.Lang) + `</rdf:Bag></dc:language>`
	if m.Author != "" {
		dc += `<dc:creator><rdf:Seq>` + tag("rdf:li", m.Author) + `</rdf:Seq></dc:creator>`
	}
	about(`xmlns:dc="http://purl.org/dc/elements/1.1/"`, dc)
	if !m.Date.IsZero() {
		d := m.Date.UTC().Format("2006-01-02T15:04:05+00:00")
		about(`xmlns:xmp="http://ns.adobe.com/xap/1.0/"`, tag("xmp:CreateDate", d)+tag("xmp:ModifyDate", d))
	}
	about(`xmlns:pdf="http://ns.adobe.com/pdf/1.3/"`, tag("pdf:Producer", m.Producer))
	about(`xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/"`, tag("pdfuaid:part", "1"))
	about(`xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/" xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#"`,
		`<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">`+
			tag("pdfaSchema:schema", "PDF/UA identification schema")+tag("pdfaSchema:namespaceURI", "http://www.aiim.org/pdfua/ns/id/")+tag("pdfaSchema:prefix", "pdfuaid")+
			`<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">`+
			tag("pdfaProperty:name", "part")+tag("pdfaProperty:valueType", "Integer")+tag("pdfaProperty:category", "internal")+tag("pdfaProperty:description", "PDF/UA part number")+
			`</rdf:li></rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas>`)
	b.WriteString("</rdf:RDF></x:xmpmeta>\n<?xpacket end=\"w\"?>")
	return []byte(b.String())
}

func tag(name, text string) string { return "<" + name + ">" + escape(text) + "</" + name + ">" }

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
