package render

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"spolupis/documents/body"
	"spolupis/documents/render/font"
	"spolupis/security/database/dbtest"
)

var files = map[string]string{
	"duvodova-zprava":  "../body/testdata/duvodova-zprava.md",
	"vlajkovy-projekt": "../body/testdata/vlajkovy-projekt.md",
	"everything":       "testdata/everything.md",
}

func load(t testing.TB, name string) body.Body {
	t.Helper()
	md, err := os.ReadFile(files[name])
	if err != nil {
		t.Fatal(err)
	}
	b, err := body.Parse(md)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var meta = PDFMeta{Title: "Zkouška & <zkouška>", Number: "ZK-2026-0147", Version: 2, Author: "Jana Nováková", Date: time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)}

func draw(t testing.TB, b body.Body) []byte {
	t.Helper()
	pdf, err := PDF(b, meta)
	if err != nil {
		t.Fatal(err)
	}
	return pdf
}

// tool runs a checker on the file, or skips; `make test` turns a missing one into a failure.
func tool(t *testing.T, pdf []byte, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		dbtest.Missing(t, name)
	}
	path := filepath.Join(t.TempDir(), "document.pdf")
	if err := os.WriteFile(path, pdf, 0o644); err != nil {
		t.Fatal(err)
	}
	for i, a := range args {
		if a == "FILE" {
			args[i] = path
		}
	}
	var stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 && name != "qpdf" {
		t.Errorf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

func TestQpdfFindsNothingWrong(t *testing.T) {
	for name := range files {
		if out := tool(t, draw(t, load(t, name)), "qpdf", "--check", "FILE"); strings.Contains(out, "WARNING") || !strings.Contains(out, "No syntax or stream encoding errors") {
			t.Errorf("%s: %s", name, out)
		}
	}
}

// structText is the text poppler reads through the structure tree: what a screen reader says. Labels of list items and
// furniture are not part of the body's text. poppler shows what is drawn, so the written-out numbers of signs no font has
// are turned back; that other programs get the sign itself is another test.
func structText(out string) string {
	var s strings.Builder
	label := false
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if len(line) >= 2 && line[0] == '"' && line[len(line)-1] == '"' {
			if !label {
				s.WriteString(line[1 : len(line)-1])
			}
			continue
		}
		label = strings.HasPrefix(line, "Lbl ")
	}
	return regexp.MustCompile(`\[U\+([0-9A-F]+)\]`).ReplaceAllStringFunc(s.String(), func(m string) string {
		n, _ := strconv.ParseInt(m[3:len(m)-1], 16, 32)
		return string(rune(n))
	})
}

// squeeze leaves out white space and characters that are drawn as nothing.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || font.Hidden(r) {
			return -1
		}
		return r
	}, s)
}

func TestStructureTreeHoldsTheWholeTextInOrder(t *testing.T) {
	for name := range files {
		b := load(t, name)
		sameText(t, name, readPDF(t, draw(t, b)), b.Text())
	}
}

func TestStructureTreeSaysWhatThingsAre(t *testing.T) {
	out := tool(t, draw(t, load(t, "everything")), "pdfinfo", "-struct-text", "FILE")
	lines := regexp.MustCompile(`\n\s*`).ReplaceAllString(out, "\n")
	for _, want := range []string{
		"Document\nH1 (block)\n\"Zkouška znaků a vnoření\"",
		"L (block):\n/ListNumbering /Decimal\nLI (block)\nLbl (block)\n\"1.\"\nLBody (block)\nP (block)\n\"první s \"\nLink (inline)\n",
		"BlockQuote\nP (block)",
		"Table (block)\nTHead\nTR\nTH:\n/Scope /Column\n",
		"TBody\nTR\nTD\n",
		"P (block)\nCode (inline)\n\"func main() {\"",
	} {
		if !strings.Contains(lines, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestExtractedWordsAreTheWordsOfTheMarkdown(t *testing.T) {
	for _, name := range []string{"duvodova-zprava", "vlajkovy-projekt"} {
		b := load(t, name)
		want := strings.Fields(b.Text())
		out := tool(t, draw(t, b), "pdftotext", "-raw", "-enc", "UTF-8", "FILE", "-")
		got := strings.Fields(out)
		// The words must come in this order; between them may stand list labels, heads and feet of pages and repeated table headers.
		k := 0
		for _, w := range got {
			if k < len(want) && w == want[k] {
				k++
			}
		}
		if k < len(want) {
			t.Errorf("%s: word %d, %q, is not where it should be after %q", name, k, want[k], want[max(0, k-5):k])
		}
		if extra := len(got) - len(want); extra > 150 {
			t.Errorf("%s: %d words more than the text has", name, extra)
		}
		if pages := strings.Count(out, "\f"); !strings.Contains(out, fmt.Sprintf("strana %d z %d", pages, pages)) {
			t.Errorf("%s: the last page does not say it is page %d of %d", name, pages, pages)
		}
	}
}

func TestFootNamesNumberVersionAndHash(t *testing.T) {
	b := load(t, "duvodova-zprava")
	md, err := body.Markdown(b)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(md)
	hash := hex.EncodeToString(sum[:])
	pdf := draw(t, b)
	out := tool(t, pdf, "pdftotext", "-raw", "FILE", "-")
	for _, want := range []string{"ZK-2026-0147 · verze 2", hash} {
		if n, pages := strings.Count(out, want), strings.Count(out, "\f"); n != pages {
			t.Errorf("%q stands on %d of %d pages", want, n, pages)
		}
	}
	if !bytes.Contains(pdf, []byte("<dc:identifier>ZK-2026-0147 v2 sha256:"+hash+"</dc:identifier>")) {
		t.Error("dc:identifier does not bind the file to the text")
	}
	m := meta
	m.SHA256 = strings.Repeat("0", 64)
	if _, err := PDF(b, m); !errors.Is(err, ErrOtherText) {
		t.Errorf("a hash of another text: got %v, want ErrOtherText", err)
	}
}

func TestTheSameDocumentGivesTheSameBytes(t *testing.T) {
	for name := range files {
		if !bytes.Equal(draw(t, load(t, name)), draw(t, load(t, name))) {
			t.Errorf("%s: two drawings differ", name)
		}
	}
}

// TestFileIsReadyForSignatures holds the writer to pdfa.Layout.
func TestFileIsReadyForSignatures(t *testing.T) {
	for name := range files {
		pdf := draw(t, load(t, name))
		end := regexp.MustCompile(`\ntrailer\n<</Size (\d+)/Root 1 0 R/Info 3 0 R/ID\[<([0-9A-F]{32})><([0-9A-F]{32})>\]>>\nstartxref\n(\d+)\n%%EOF\n$`).FindSubmatch(pdf)
		if end == nil {
			t.Fatalf("%s: the end is %q", name, pdf[len(pdf)-200:])
		}
		size, _ := strconv.Atoi(string(end[1]))
		at, _ := strconv.Atoi(string(end[4]))
		if !bytes.Equal(end[2], end[3]) {
			t.Errorf("%s: ID is %s, %s", name, end[2], end[3])
		}
		table := strings.SplitAfter(string(pdf[at:]), "\n")
		if table[0] != "xref\n" || table[1] != fmt.Sprintf("0 %d\n", size) || table[2] != "0000000000 65535 f \n" {
			t.Fatalf("%s: the table begins %q", name, table[:3])
		}
		for n := 1; n < size; n++ {
			line := table[2+n]
			if len(line) != 20 || line[10:] != " 00000 n \n" {
				t.Fatalf("%s: entry %d is %q", name, n, line)
			}
			off, _ := strconv.Atoi(line[:10])
			if want := fmt.Sprintf("%d 0 obj\n", n); !bytes.HasPrefix(pdf[off:], []byte(want)) {
				t.Fatalf("%s: object %d is not at %d", name, n, off)
			}
		}
		for i, want := range []string{"<</Type/Catalog/Pages 2 0 R", "<</Type/Pages/Count", "<</Title", "<</Type/Metadata/Subtype/XML/Length", "<</N 3/Filter", "<</Type/StructTreeRoot", "<</Nums[", "<</Type/Outlines"} {
			if !bytes.Contains(pdf, []byte(fmt.Sprintf("\n%d 0 obj\n%s", i+1, want))) {
				t.Errorf("%s: object %d is not %s…", name, i+1, want)
			}
		}
		for _, not := range []string{"/AcroForm", "/Encrypt", "/ObjStm", "/XRef", "/Linearized", "/EmbeddedFile", "/JavaScript"} {
			if bytes.Contains(pdf, []byte(not)) {
				t.Errorf("%s: holds %s", name, not)
			}
		}
		if pages, annots := bytes.Count(pdf, []byte("/Type/Page/")), len(regexp.MustCompile(`/Tabs/S/Annots \d+ 0 R>>`).FindAll(pdf, -1)); pages == 0 || pages != annots {
			t.Errorf("%s: %d pages, %d with their own array of annotations", name, pages, annots)
		}
	}
}

func TestNothingIsLostWhereNoFontHasASign(t *testing.T) {
	b, err := body.Parse([]byte("Hotovo ☑, 😀 a 中文 i \u202ex.\n\n| 👍 | **𝔸** |\n|---|---|\n| `😀` | ok |\n"))
	if err != nil {
		t.Fatal(err)
	}
	pdf := draw(t, b)
	sameText(t, "own reader", readPDF(t, pdf), b.Text())
	sameText(t, "poppler", structText(tool(t, pdf, "pdfinfo", "-struct-text", "FILE")), b.Text())
	copied := tool(t, pdf, "pdftotext", "-raw", "-enc", "UTF-8", "FILE", "-")
	for _, want := range []string{"☑", "😀", "中文", "\u202e", "👍", "𝔸"} {
		if !strings.Contains(copied, want) {
			t.Errorf("%q is not copied: %s", want, copied)
		}
	}
	if strings.Contains(copied, "U+") {
		t.Errorf("the number of a sign is copied instead of the sign: %s", copied)
	}
	got := wrap((&typesetter{faces: loaded().faces}).chars([]body.Run{{Text: "a😀"}}, plain), 500, 10)
	shown := ""
	for _, c := range got[0].chars {
		shown += string(c.r)
	}
	if shown != "a[U+1F600]" {
		t.Errorf("the reader sees %q, want a[U+1F600]", shown)
	}
}

func TestLongTablesRepeatTheirHeader(t *testing.T) {
	md := "| Č. | Text |\n|---:|---|\n"
	for i := range 120 {
		md += fmt.Sprintf("| %d | %s |\n", i+1, strings.Repeat("slovo ", 1+i%20))
	}
	md += "| 121 | " + strings.Repeat("dlouhá buňka ", 900) + " |\n| 122 | konec |\n"
	b, err := body.Parse([]byte(md))
	if err != nil {
		t.Fatal(err)
	}
	pdf := draw(t, b)
	out := tool(t, pdf, "pdftotext", "-raw", "FILE", "-")
	pages := strings.Split(strings.TrimSuffix(out, "\f"), "\f")
	if len(pages) < 6 {
		t.Fatalf("%d pages", len(pages))
	}
	// Without the heads and feet of pages and the repeated header, what is left is the text.
	var rest []string
	for i, p := range pages {
		lines := strings.Split(strings.TrimSpace(p), "\n")
		if !slices.Contains(lines, "Č. Text") {
			t.Errorf("page %d has no header row", i+1)
		}
		for _, l := range lines {
			furniture := l == meta.Title || strings.HasPrefix(l, "ZK-2026-0147 · verze 2") || strings.HasPrefix(l, "strana ") || strings.HasPrefix(l, "SHA-256 textu")
			if !furniture && (l != "Č. Text" || i == 0) {
				rest = append(rest, l)
			}
		}
	}
	sameText(t, "pdftotext", strings.Join(rest, " "), b.Text())
	sameText(t, "structure", readPDF(t, pdf), b.Text())
}

func TestOddBodiesAreDrawnWhole(t *testing.T) {
	pieces := []string{"slovo", "velmi", strings.Repeat("nepřerušitelné", 30), " ", "  ", "\t", "*", "|", "😀", "\u200b", "\u00ad", "e\u0301", "\x00", "§ 12", "k ", "1 250 Kč", "ﬁ", "\u202e", "\ufeff", "🇨🇿", "ภาษา", "(", "\\", "<b>", "%", "č"}
	kinds := []body.Kind{body.Paragraph, body.Heading, body.Bullet, body.Numbered, body.Quote, body.Code, body.Rule, "other"}
	n := 40
	if os.Getenv("SPOLUPIS_DEEP") != "" {
		n = 500
	}
	for seed := range n {
		x := uint32(seed*2654435761 + 1)
		next := func(n int) int { x = x*1664525 + 1013904223; return int(x>>8) % n }
		var b body.Body
		for range 1 + next(60) {
			bl := body.Block{Kind: kinds[next(len(kinds))], Level: next(6), Start: next(30) * next(2)}
			if next(3) == 0 {
				bl.Cell = &body.Cell{Table: "t", Row: fmt.Sprint(next(5)), Col: fmt.Sprint(next(12)), Head: next(2) == 0}
				bl.Align = []string{"", "left", "right", "center"}[next(4)]
			}
			for range next(8) {
				r := body.Run{Strong: next(3) == 0, Em: next(3) == 0, Code: next(6) == 0}
				if next(6) == 0 {
					r.Link = "https://příklad.cz/(a)"
				}
				for range 1 + next(25) {
					r.Text += pieces[next(len(pieces))]
				}
				bl.Runs = append(bl.Runs, r)
			}
			b.Blocks = append(b.Blocks, bl)
		}
		pdf := draw(t, b)
		sameText(t, fmt.Sprint("seed ", seed), readPDF(t, pdf), b.Text())
		if seed%10 == 0 {
			tool(t, pdf, "qpdf", "--check", "FILE")
		}
	}
}

func TestStringsStayWithinTheLimitsOfPDFA(t *testing.T) {
	long := strings.Repeat("\u200b", 20_000) + strings.Repeat("č", 17_000)
	b := body.Body{Blocks: []body.Block{{Kind: body.Heading, Level: 1, Runs: []body.Run{{Text: long, Link: "https://x.cz"}}}}}
	m := meta
	m.Title = ""
	pdf, err := PDF(b, m)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range regexp.MustCompile(`<[0-9A-F]{100,}>`).FindAll(pdf, -1) {
		if len(s) > 2*32767 {
			t.Errorf("a string of %d bytes", len(s)/2)
		}
	}
	sameText(t, "long heading", readPDF(t, pdf), b.Text())
}

func TestAnEmptyBodyIsOnePage(t *testing.T) {
	pdf := draw(t, body.Body{})
	if out := tool(t, pdf, "pdfinfo", "FILE"); !regexp.MustCompile(`Pages:\s+1\n`).MatchString(out) || !regexp.MustCompile(`Tagged:\s+yes`).MatchString(out) {
		t.Error(out)
	}
}

// TestPreflightAcceptsTheTwin checks with Apache Preflight, the one independent validator to be had from Debian. It knows
// PDF/A-1b only, most of whose rules 2a shares; the twin differs in the declared part and the header.
func TestPreflightAcceptsTheTwin(t *testing.T) {
	jars, _ := filepath.Glob("/usr/share/java/preflight.jar")
	if _, err := exec.LookPath("javac"); err != nil || len(jars) == 0 {
		dbtest.Missing(t, "libpdfbox2-java, libactivation-java, libjaxb-api-java and a JDK")
	}
	var classes []string
	for _, jar := range []string{"preflight", "pdfbox2", "fontbox2", "xmpbox", "commons-logging", "commons-io", "javax.activation", "jaxb-api"} {
		classes = append(classes, "/usr/share/java/"+jar+".jar")
	}
	args := []string{"-cp", strings.Join(classes, ":"), "testdata/Preflight.java"}
	for name := range files {
		b := load(t, name)
		m := meta
		m.SHA256 = strings.Repeat("ab", 32)
		path := filepath.Join(t.TempDir(), name+".pdf")
		if err := os.WriteFile(path, compose(b, m, 1), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	cmd := exec.Command("java", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	if len(out) > 0 {
		t.Errorf("%s", out)
	}
}

func TestCzechLinesDoNotEndWhereTheyMustNot(t *testing.T) {
	for text, want := range map[string]string{
		"šel k lesu a zpět": "šel k~lesu a~zpět",
		"podle § 5 odst. 2 písm. a) zákona č. 297/2016 Sb., o službách": "podle §~5 odst.~2 písm.~a) zákona č.~297/2016~Sb., o~službách",
		"výdaje 1 250 000 Kč celkem":                                    "výdaje 1~250~000~Kč celkem",
		"0,5 mil. Kč ročně":                                             "0,5~mil.~Kč ročně",
		"dne 31. 3. 2027 se":                                            "dne 31.~3.~2027 se",
		"dne 1. ledna začne":                                            "dne 1.~ledna začne",
		"rada – zastupitelstvo":                                         "rada~– zastupitelstvo",
		"Ing. Novák a Mgr. Nová":                                        "Ing.~Novák a~Mgr.~Nová",
		"za 5 let, ze 7 na 5 dnů":                                       "za 5~let, ze 7 na 5~dnů",
		"(v roce) a":                                                    "(v~roce) a",
		"bod 3 a bod 4":                                                 "bod~3 a~bod~4",
	} {
		rs := []rune(text)
		for i := range ties(rs) {
			rs[i] = '~'
		}
		if got := string(rs); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestProfileNamesEveryFont(t *testing.T) {
	p := Profile()
	if len(p.Fonts) != faceCount || p.Markdown == "" || p.PDF == "" || p.Renderer == "" {
		t.Errorf("%+v", p)
	}
	total := 0
	for name, hash := range p.Fonts {
		data, err := os.ReadFile("fonts/" + name + ".ttf")
		if err != nil {
			t.Fatal(err)
		}
		total += len(data)
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != hash {
			t.Errorf("%s: the profile names another file", name)
		}
	}
	if total > 2_500_000 {
		t.Errorf("the fonts take %d bytes; keep the repository small", total)
	}
}

// BenchmarkFreeze is what freezing a three-page material costs: Markdown with its self-check, then the PDF.
func BenchmarkFreeze(b *testing.B) {
	x := load(b, "duvodova-zprava")
	size := 0
	var from, to syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &from)
	var slow []time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := body.Markdown(x); err != nil {
			b.Fatal(err)
		}
		size = len(draw(b, x))
		slow = append(slow, time.Since(start))
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &to)
	spent := to.Utime.Nano() - from.Utime.Nano() + to.Stime.Nano() - from.Stime.Nano()
	b.ReportMetric(float64(spent)/1e6/float64(b.N), "cpu-ms/op") // the honest number on a busy machine
	b.ReportMetric(float64(size), "bytes")
	if n := len(slow); n >= 20 {
		slices.Sort(slow)
		b.ReportMetric(float64(slow[n*95/100].Microseconds())/1000, "p95-ms")
	}
}
