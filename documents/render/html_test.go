package render

import (
	"strings"
	"testing"

	"golang.org/x/net/html"

	"spolupis/documents/body"
)

func TestHTMLIsSemantic(t *testing.T) {
	for _, c := range []struct{ name, md, want string }{
		{"headings never skip", "# A\n\n### B\n\n## C", `<h2 class="level-1">A</h2><h3 class="level-3">B</h3><h3 class="level-2">C</h3>`},
		{"nested lists", "1. a\n   - b\n     - c\n   - d\n2. e\n\n   f\n3. g\n\n- h", `<ol><li>a<ul><li>b<ul><li>c</li></ul></li><li>d</li></ul></li><li>e<p>f</p></li><li>g</li></ol><ul><li>h</li></ul>`},
		{"numbers", "3. a\n4. b\n\n1) c", `<ol start="3"><li>a</li><li>b</li></ol><ol start="1"><li>c</li></ol>`},
		{"quotes", "> a\n>\n> > b\n>\n> c\n\nd", `<blockquote><p>a</p><blockquote><p>b</p></blockquote><p>c</p></blockquote><p>d</p>`},
		{"code", "```\na <b>\n\nc\n```", "<pre><code>a &lt;b&gt;\n\nc\n</code></pre>"},
		{"table", "| a | |\n|---|--:|\n| b | c<br>d |", `<div class="table-scroll"><table><thead><tr><th scope="col">a</th><td class="align-right"></td></tr></thead><tbody><tr><td>b</td><td class="align-right"><p>c</p><p>d</p></td></tr></tbody></table></div>`},
		{"marks", "**a *b*** `c` [d](/x) [e](https://x.cz)", `<p><strong>a </strong><strong><em>b</em></strong> <code>c</code> <a href="/x">d</a> <a href="https://x.cz" rel="noreferrer">e</a></p>`},
		{"rule", "a\n\n---\n\nb", `<p>a</p><hr><p>b</p>`},
	} {
		b, err := body.Parse([]byte(c.md))
		if err != nil {
			t.Fatal(err)
		}
		got := HTML(b)
		if c.name != "code" {
			got = strings.ReplaceAll(got, "\n", "")
		} else {
			got = strings.TrimSpace(got)
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestHTMLCarriesNoScript(t *testing.T) {
	evil := `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	b := body.Body{Blocks: []body.Block{
		{ID: `1:2" onclick="x`, Kind: body.Paragraph, Runs: []body.Run{{Text: evil, Link: "javascript:alert(1)"}, {Text: "a", Link: `/x" onmouseover="y`}, {Text: "b", Link: "//evil.example"}, {Text: "c", Link: "blob:x"}}},
		{ID: "3:4", Kind: body.Kind("script"), Runs: []body.Run{{Text: evil}}},
		{Kind: body.Paragraph, Cell: &body.Cell{Table: evil, Row: evil, Col: evil, Head: true}, Align: `left" onclick="x`, Runs: []body.Run{{Text: evil}}},
		{Kind: body.Code, Runs: []body.Run{{Text: "</code></pre>" + evil}}},
	}}
	got := HTML(b)
	z := html.NewTokenizer(strings.NewReader(got))
	for z.Next() != html.ErrorToken {
		k := z.Token()
		if k.Type == html.TextToken {
			continue
		}
		if k.Data == "script" || k.Data == "img" {
			t.Errorf("a %s came through: %s", k.Data, got)
		}
		for _, a := range k.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "href" && !strings.HasPrefix(a.Val, "/x%22") {
				t.Errorf("attribute %s=%q came through", a.Key, a.Val)
			}
		}
	}
}

func TestHTMLHoldsTheWholeText(t *testing.T) {
	for name := range files {
		b := load(t, name)
		var s strings.Builder
		z := html.NewTokenizer(strings.NewReader(HTML(b)))
		for z.Next() != html.ErrorToken {
			if k := z.Token(); k.Type == html.TextToken {
				s.WriteString(k.Data)
			}
		}
		if got, want := strings.ReplaceAll(s.String(), "\n", ""), strings.ReplaceAll(b.Text(), "\n", ""); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}

func TestTrackedChangesAreVisible(t *testing.T) {
	c := &body.Change{ID: "1", By: "p-1"}
	got := HTML(body.Body{Blocks: []body.Block{{ID: "5:6", Kind: body.Paragraph, Runs: []body.Run{{Text: "a"}, {Text: "b", Ins: c}, {Text: "c", Del: c}}}}})
	if want := `<p id="b-5-6">a<ins class="tracked-ins">b</ins><del class="tracked-del">c</del></p>`; strings.TrimSpace(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
