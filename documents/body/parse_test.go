package body

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func sample(t testing.TB, name string) []byte {
	t.Helper()
	md, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return md
}

func TestSamplesImportWithoutLosingACharacter(t *testing.T) {
	for _, name := range []string{"duvodova-zprava.md", "vlajkovy-projekt.md"} {
		t.Run(name, func(t *testing.T) {
			md := sample(t, name)
			b, err := Parse(md)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := oneLine(b.Text()), foreignText(t, md); got != want {
				t.Errorf("text differs\n got %q\nwant %q", got, want)
			}
			out, err := Markdown(b)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Parse(out)
			if err != nil {
				t.Fatal(err)
			}
			if at, ok := sameBlocks(b.Blocks, again.Blocks); !ok {
				t.Errorf("block %d changed on the way through Markdown:\n%+v\n%+v", at, b.Blocks[at], again.Blocks[at])
			}
			if got, want := foreignText(t, out), foreignText(t, md); got != want {
				t.Errorf("canonical Markdown reads otherwise than the original")
			}
		})
	}
}

// outline writes a body so that a person can read its structure.
func outline(b Body) string {
	var s strings.Builder
	numbers := b.Numbers()
	row := ""
	for i, x := range b.Blocks {
		if x.Cell != nil {
			if x.Cell.Row != row {
				s.WriteString("row")
				if x.Cell.Head {
					s.WriteString(" head")
				}
				s.WriteString("\n")
				row = x.Cell.Row
			}
			s.WriteString("  cell")
			if x.Align != "" {
				s.WriteString(" " + x.Align)
			}
		} else {
			s.WriteString(strings.Repeat("  ", max(0, x.Level)) + string(x.Kind))
			if numbers[i] > 0 {
				s.WriteString(" " + string(rune('0'+numbers[i])))
			}
			if x.Kind == Heading {
				s.WriteString(string(rune('0' + x.Level)))
			}
		}
		s.WriteString(":")
		for _, r := range x.Runs {
			l := " " + r.Text
			if r.Strong {
				l = " strong(" + r.Text + ")"
			}
			if r.Em {
				l = " em(" + r.Text + ")"
			}
			if r.Strong && r.Em {
				l = " both(" + r.Text + ")"
			}
			if r.Code {
				l = " code(" + r.Text + ")"
			}
			if r.Link != "" {
				l = " link" + l + "->" + r.Link
			}
			s.WriteString(l)
		}
		s.WriteString("\n")
	}
	return s.String()
}

func TestImportKeepsStructure(t *testing.T) {
	b, err := Parse(sample(t, "duvodova-zprava.md"))
	if err != nil {
		t.Fatal(err)
	}
	got := outline(b)
	for _, want := range []string{
		"  h1: Důvodová zpráva k návrhu na pořízení systému elektronického oběhu dokumentů\n",
		"p: strong(Materiál č.:)  ZK-2026-0147 ·  strong(Předkladatel:)  odbor informatiky ·  strong(Zpracoval:)  odbor informatiky\n",
		" em(„úřad bez papírů“) . Příliš",
		" both(Není vyřešen hromadný podpis)  a není",
		"link zákon č. 297/2016 Sb.->https://www.zakonyprolidi.cz/cs/2016-297",
		"ol 1: Definovat agendy, které budou obíhat pouze elektronicky:\n  ul: vnitřní připomínkové řízení k materiálům rady a zastupitelstva,\n  ul: evidence smluv a dodatků, včetně zveřejnění v registru smluv,\n    ul: smlouvy nad 50 000 Kč bez DPH,\n",
		"ol 2: Definovat způsoby",
		"row head\n  cell left: Položka\n  cell right: Rok 2026 (tis. Kč)\n  cell right: Rok 2027 (tis. Kč)\n  cell left: Poznámka\nrow\n  cell left: Licence a podpora\n  cell right: 1 250\n",
		"  cell left: strong(Celkem)\n  cell right: strong(1 715)\n  cell right: strong(757)\n  cell left:\n",
		"quote: Odbor ekonomický souhlasí",
		"ul: strong(Varianta B:)  rozšířit spisovou službu o modul připomínkového řízení. Odhad  code(0,5 mil. Kč) , trvání půl roku.\n",
		"hr:\n    h2: 4. Návrh usnesení\n",
		"code: sha256  9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in\n%s", want, got)
		}
	}
	b, err = Parse(sample(t, "vlajkovy-projekt.md"))
	if err != nil {
		t.Fatal(err)
	}
	got = outline(b)
	for _, want := range []string{
		"row head\n  cell:\n  cell: Instituce\n  cell:\nrow\n  cell: Odpovědný člen rady kraje\n",
		"      h3: AD1/\n",
		"ol 3: Zajištění a rozšiřování odpovídající úrovně kyberbezpečnosti\n",
		"ul: strong(Zahraničí, Banská Bystrica:)  přehledná online komunikace úřadu s občanem\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in\n%s", want, got)
		}
	}
	if n := strings.Count(got, "row"); n != 4+7 {
		t.Errorf("got %d table rows, want 11", n)
	}
}

func TestImportOfOneShapeEach(t *testing.T) {
	for _, c := range []struct{ name, md, want string }{
		{"deep headings become third level", "#### A\n\n###### B", "      h3: A\n      h3: B\n"},
		{"setext heading", "A\n===\n\nB\n---", "  h1: A\n    h2: B\n"},
		{"hard break starts a paragraph", "a  \nb\\\nc<br>d", "p: a\np: b\np: c\np: d\n"},
		{"soft break is a space", "a\nb", "p: a b\n"},
		{"hard break in an item continues it", "- a\\\n  b\n- c", "ul: a\n  p: b\nul: c\n"},
		{"item of two paragraphs", "1. a\n\n   b\n\n2. c", "ol 1: a\n  p: b\nol 2: c\n"},
		{"list goes on after a paragraph", "1. a\n2. b\n\ntext\n\n3. c\n4. d", "ol 1: a\nol 2: b\np: text\nol 3: c\nol 4: d\n"},
		{"two numbered lists in a row", "1. a\n2. b\n\n1) c", "ol 1: a\nol 2: b\nol 1: c\n"},
		{"blank item keeps the numbers", "1. a\n2.\n3. c", "ol 1: a\nol 3: c\n"},
		{"mixed list", "1. a\n   - b\n     1. c\n        * d\n2. e", "ol 1: a\n  ul: b\n    ol 1: c\n      ul: d\nol 2: e\n"},
		{"nested quote", "> a\n>\n> > b\n>\n> c", "quote: a\n  quote: b\nquote: c\n"},
		{"list in a quote", "> - a\n> - b", "ul: a\nul: b\n"},
		{"quote in a list", "1. a\n   > b\n2. c", "ol 1: a\n  p: b\nol 2: c\n"},
		{"code in a list", "1. a\n   ```\n   x  y\n   ```\n2. c", "ol 1: a\n  p: code(x  y)\nol 2: c\n"},
		{"heading in a list", "- # A\n- b", "ul: strong(A)\nul: b\n"},
		{"raw HTML stays as text", "<div onclick=x>\n<b>a</b>\n</div>\n\nx <i>y</i> <!-- z -->", "p: <div onclick=x>\np: <b>a</b>\np: </div>\np: x <i>y</i> <!-- z -->\n"},
		{"indented code", "    a\n      b", "code: a\ncode:   b\n"},
		{"fenced code", "~~~go\na\n\n\tb\n~~~", "code: a\ncode:\ncode: \tb\n"},
		{"table without header", "| | |\n|---|---|\n| a | b |", "row\n  cell: a\n  cell: b\n"},
		{"short row is filled", "|a|b|\n|---|---|\n|c|", "row head\n  cell: a\n  cell: b\nrow\n  cell: c\n  cell:\n"},
		{"cell of two paragraphs", "|a|\n|---|\n|c<br/>d \\| `e\\|f`|", "row head\n  cell: a\nrow\n  cell: c\n  cell: d |  code(e|f)\n"},
		{"links", "[a](https://x.cz \"t\") <https://y.cz> <a@b.cz> [b](javascript:x) ![pic](/p.png) [r]\n\n[r]: /r\n[unused]: /u\n", "p: link a->https://x.cz  (t)  link https://y.cz->https://y.cz   link a@b.cz->mailto:a@b.cz  b  link pic->/p.png   link r->/r\np: [unused]: /u\n"},
		{"entities and escapes", "&copy; &#268; \\* &amp;lt; &nosuch;", "p: © Č * &lt; &nosuch;\n"},
		{"windows line ends and a byte order mark", "\ufeff# A\r\n\r\nb\rc", "  h1: A\np: b c\n"},
		{"strikethrough is not ours", "~~a~~ www.x.cz", "p: ~~a~~ www.x.cz\n"},
		{"bold in italic", "*a **b** c*", "p: em(a ) both(b) em( c)\n"},
		{"nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := Parse([]byte(c.md))
			if err != nil {
				t.Fatal(err)
			}
			if got := outline(b); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			md, err := Markdown(b)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := Parse(md); err != nil || outline(again) != outline(b) {
				t.Errorf("through Markdown it becomes (%v)\n%s\nby way of\n%s", err, outline(again), md)
			}
		})
	}
}

func TestBadMarkdownIsRefusedWithItsLine(t *testing.T) {
	for _, c := range []struct {
		name, md, code string
		line           int
	}{
		{"too large", strings.Repeat("slovo\n\n", MaxSize/7+1), "size", 0},
		{"Windows-1250", "a\nb\nP\xf8\xedli\x9a", "utf8", 3},
		{"long line", "a\n" + strings.Repeat("x", MaxLine+1), "line", 2},
		{"long paragraph", "a\n\n" + strings.Repeat("slovo slovo\n", MaxParagraph/11), "paragraph", 3},
		{"quotes", "a\n\n" + strings.Repeat("> ", MaxDepth+1) + "b", "depth", 3},
		{"lists in one line", strings.Repeat("- ", MaxDepth+1) + "b", "depth", 1},
		{"lists by indent", func() (s string) {
			for i := range MaxDepth + 2 {
				s += strings.Repeat("  ", i) + "- a\n"
			}
			return
		}(), "depth", MaxDepth + 1},
		{"columns", "x\n\n" + strings.Repeat("|a", MaxColumns+1) + "|\n" + strings.Repeat("|-", MaxColumns+1) + "|\n", "columns", 4},
		{"cells", strings.Repeat("|a", 60) + "|\n" + strings.Repeat("|-", 60) + "|\n" + strings.Repeat("a\n", 900), "cells", 2 + 833},
		{"marks", "ok\n\n" + strings.Repeat("*a_ ", MaxMarks/2+1), "marks", 3},
		{"row longer than its header", "|a|b|\n|-|-|\n|1|2|\n|1|2|3|", "row", 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.md))
			var bad *ParseError
			if !errors.As(err, &bad) {
				t.Fatalf("got %v, want a ParseError", err)
			}
			if bad.Code != c.code || bad.Line != c.line || bad.What == "" {
				t.Errorf("got %s on line %d (%s), want %s on line %d", bad.Code, bad.Line, bad.What, c.code, c.line)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample(f, "duvodova-zprava.md"))
	for _, s := range nasty {
		f.Add([]byte("# " + s + "\n\n- " + s + "\n\n| " + s + " |\n|---|\n| " + s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		b, err := Parse(in)
		if err != nil {
			return
		}
		md, err := Markdown(b)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := foreignText(t, md), oneLine(b.Text()); got != want {
			t.Fatalf("goldmark reads %q, the body says %q", got, want)
		}
		if again := Reread(md); again.Text() != b.Text() {
			t.Fatalf("text changed on the way through Markdown: %q, %q", again.Text(), b.Text())
		}
	})
}
