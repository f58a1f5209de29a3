package body

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
	xhtml "golang.org/x/net/html"
)

// foreign reads the visible text of Markdown without any code of this package: goldmark draws HTML, an HTML parser reads
// it. Line ends are structure there, so both sides are compared without them.
var foreign = goldmark.New(goldmark.WithExtensions(extension.Table), goldmark.WithRendererOptions(html.WithUnsafe()))

func foreignText(t *testing.T, md []byte) string {
	t.Helper()
	var h bytes.Buffer
	if err := foreign.Convert(md, &h); err != nil {
		t.Fatal(err)
	}
	var s strings.Builder
	z := xhtml.NewTokenizer(&h)
	for {
		switch z.Next() {
		case xhtml.ErrorToken:
			return strings.ReplaceAll(s.String(), "\n", "")
		case xhtml.TextToken:
			s.WriteString(z.Token().Data)
		}
	}
}

func oneLine(s string) string { return strings.ReplaceAll(s, "\n", "") }

var nasty = []string{"a", "b", "č", "ř", " ", "  ", "*", "**", "_", "[", "]", "(", ")", "<b>", ">", "#", "##", "1.", "1)", "12. ", "- ", "+", "=", "---",
	"|", "\\", "`", "```", "~", "~~", "&amp;", "&", "!", "![", "http://x.cz", "www.x.cz", "\t", "\u00a0", "\u200b", "\u00ad", "„", "“", "§ 12", "€", "😀",
	"e\u0301", "\u0301", ":", "---|---", "<!--", "$", "^", "\n", "\u2028", "\r", "\x00", "\\*", "a*b", ".", ",", "–", "\\|", "<br>", "[x]: /u", "&#32;", "\ufeff",
	"\xed\xa0\xbd", "\u202e", "\x7f", "\x1b", "\ufffe", "</td>", "{#id}", "  \n", "\v", "𝔸", "한", "\u1100\u1161", "slovo ", "věta. ", "0"}

var links = []string{"https://kraj.example/a?b=c&copy;=1", "/documents/1", "mailto:a@b.cz", "javascript:alert(1)", "//evil.example", "https://x.cz/a(b)c|d e", "#b", "blob:x", "https://háčky.cz/ř", ""}

func randomBody(r *rand.Rand) Body {
	flag := func(n int) bool { return r.IntN(n) == 0 }
	runs := func() []Run {
		var rs []Run
		for range r.IntN(5) {
			var s strings.Builder
			for range 1 + r.IntN(4) {
				s.WriteString(nasty[r.IntN(len(nasty))])
			}
			x := Run{Text: s.String(), Strong: flag(3), Em: flag(3), Code: flag(8)}
			if flag(8) {
				x.Link = links[r.IntN(len(links))]
			}
			rs = append(rs, x)
		}
		return rs
	}
	kinds := []Kind{Paragraph, Paragraph, Heading, Bullet, Numbered, Numbered, Bullet, Quote, Code, Rule, "surprise", ""}
	var b Body
	for n := range 1 + r.IntN(9) {
		if flag(6) {
			table := fmt.Sprint("t", r.IntN(3))
			rows, cols, ragged, head := 1+r.IntN(4), 1+r.IntN(4), flag(3), flag(2)
			for y := range rows {
				for x := range cols {
					if ragged && flag(3) {
						continue
					}
					for range 1 + r.IntN(2) {
						b.Blocks = append(b.Blocks, Block{Kind: kinds[r.IntN(len(kinds))], Level: r.IntN(3), Align: []string{"", "left", "right", "center", "odd"}[r.IntN(5)],
							Cell: &Cell{table, fmt.Sprint("r", y), fmt.Sprint("c", (x+r.IntN(2))%4), head && y == 0}, Runs: runs()})
					}
				}
			}
			continue
		}
		x := Block{ID: fmt.Sprint("7:", n), Kind: kinds[r.IntN(len(kinds))], Level: r.IntN(5) - 1, Runs: runs()}
		if flag(6) {
			x.Start = r.IntN(12)
		}
		b.Blocks = append(b.Blocks, x)
	}
	return b
}

func TestAnyBodyKeepsItsTextInMarkdown(t *testing.T) {
	n := 2000
	if os.Getenv("SPOLUPIS_DEEP") != "" {
		n = 20000
	}
	wrong := 0
	for i := range n {
		b := randomBody(rand.New(rand.NewPCG(uint64(i), 1)))
		md, err := Markdown(b)
		if err != nil {
			t.Errorf("body %d: %v\n%+v", i, err, b.Canonical())
			wrong++
		} else if got, want := foreignText(t, md), oneLine(b.Text()); got != want {
			t.Errorf("body %d: goldmark reads another text\n got %q\nwant %q\n  md %q", i, got, want, md)
			wrong++
		} else if again, err := Markdown(Reread(md)); err != nil || !bytes.Equal(again, md) {
			t.Errorf("body %d: Markdown is not a fixed point (%v)\n%q\n%q", i, err, md, again)
			wrong++
		} else if got, err := Parse(md); err != nil {
			t.Errorf("body %d: its Markdown cannot be imported: %v", i, err)
			wrong++
		} else if got.Text() != b.Text() {
			t.Errorf("body %d: import gives another text\n got %q\nwant %q", i, got.Text(), b.Text())
			wrong++
		}
		if c := b.Canonical(); wrong == 0 {
			if at, ok := sameBlocks(c.Blocks, c.Canonical().Blocks); !ok {
				t.Errorf("body %d: canonical form is not stable at block %d\n%+v\n%+v", i, at, c, c.Canonical())
				wrong++
			}
		}
		if wrong > 5 {
			t.Fatal("giving up")
		}
	}
}
