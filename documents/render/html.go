package render

import (
	"html/template"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/microcosm-cc/bluemonday"

	"spolupis/documents/body"
)

// HTML draws the canonical form of b as HTML for a page: real nested lists, tables with column heads, quotations, listings. It
// has classes but no styles and no scripts. Headings start at h2, because the page has its title in h1, and never skip a
// level; class level-1 to level-3 keeps how they look. Elements carry id "b-client-clock" after their blocks. Tracked
// changes become ins and del, of a paragraph break with the sign ¶ where the paragraph begins.
//
// The writer escapes everything it is given; a whitelist goes over the result once more, so that one mistake is not enough.
func HTML(b body.Body) string {
	w := htmlWriter{body: b.Canonical()}
	for i := 0; i < len(w.body.Blocks); {
		i = w.block(i)
	}
	w.closeTo(0)
	return policy().Sanitize(w.String())
}

var policy = sync.OnceValue(func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("h2", "h3", "h4", "p", "ul", "ol", "li", "blockquote", "pre", "code", "hr", "strong", "em", "ins", "del",
		"table", "thead", "tbody", "tr", "th", "td", "a", "div")
	p.AllowAttrs("id").Matching(regexp.MustCompile(`^b-[0-9]+-[0-9]+$`)).Globally()
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^(level-[1-3]|align-(left|center|right)|tracked-(ins|del)|table-scroll)$`)).Globally()
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.AllowAttrs("scope").Matching(regexp.MustCompile(`^col$`)).OnElements("th")
	p.AllowAttrs("href").OnElements("a")
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowRelativeURLs(true)
	p.RequireNoReferrerOnFullyQualifiedLinks(true)
	p.RequireNoFollowOnFullyQualifiedLinks(false)
	return p
})

type htmlWriter struct {
	strings.Builder
	body    body.Body
	open    []string // closing tags of open containers, outermost first
	lists   []body.Kind
	quotes  int
	heading int // level of the heading before, as an element
}

// closeTo closes containers down to depth n.
func (w *htmlWriter) closeTo(n int) {
	for len(w.open) > n {
		w.WriteString(w.open[len(w.open)-1])
		w.open = w.open[:len(w.open)-1]
	}
	if n == 0 {
		w.lists, w.quotes = nil, 0
	}
}

func (w *htmlWriter) block(i int) int {
	x := w.body.Blocks[i]
	switch {
	case x.Cell != nil:
		w.closeTo(0)
		return w.table(i)
	case x.Kind == body.Bullet || x.Kind == body.Numbered:
		w.item(x)
		return i + 1
	case x.Kind == body.Paragraph && x.Level > 0:
		w.lists = w.lists[:x.Level]
		w.closeTo(2 * x.Level) // inside the item of that level
		w.element("p", x)
		return i + 1
	case x.Kind == body.Quote:
		if w.quotes == 0 {
			w.closeTo(0)
		}
		depth := x.Level + 1
		w.closeTo(min(depth, w.quotes))
		for w.quotes = min(depth, w.quotes); w.quotes < depth; w.quotes++ {
			w.WriteString("<blockquote>\n")
			w.open = append(w.open, "</blockquote>\n")
		}
		w.element("p", x)
		return i + 1
	}
	w.closeTo(0)
	switch x.Kind {
	case body.Heading:
		w.heading = min(x.Level+1, max(w.heading, 1)+1)
		w.WriteString("<h" + strconv.Itoa(w.heading) + idOf(x) + ` class="level-` + strconv.Itoa(x.Level) + `">`)
		w.runs(x)
		w.WriteString("</h" + strconv.Itoa(w.heading) + ">\n")
	case body.Rule:
		w.WriteString("<hr>\n")
	case body.Code:
		w.WriteString("<pre" + idOf(x) + "><code>")
		for ; i < len(w.body.Blocks) && w.body.Blocks[i].Cell == nil && w.body.Blocks[i].Kind == body.Code; i++ {
			w.runs(w.body.Blocks[i])
			w.WriteString("\n")
		}
		w.WriteString("</code></pre>\n")
		return i
	default:
		w.element("p", x)
	}
	return i + 1
}

func (w *htmlWriter) element(name string, x body.Block) {
	w.WriteString("<" + name + idOf(x) + ">")
	w.runs(x)
	w.WriteString("</" + name + ">\n")
}

// item writes a list item and leaves it open for what is nested in it. Each level takes two entries of open: list and item.
func (w *htmlWriter) item(x body.Block) {
	tag := string(x.Kind)
	if w.quotes > 0 || len(w.lists) == 0 {
		w.closeTo(0)
	}
	if len(w.lists) > x.Level && w.lists[x.Level] == x.Kind && x.Start == 0 {
		w.closeTo(2*x.Level + 1)
	} else {
		w.closeTo(2 * x.Level)
		start := ""
		if x.Start != 0 {
			start = ` start="` + strconv.Itoa(x.Start) + `"`
		}
		w.WriteString("<" + tag + start + ">\n")
		w.open = append(w.open, "</"+tag+">\n")
		w.lists = append(w.lists[:min(x.Level, len(w.lists))], x.Kind)
	}
	w.lists = w.lists[:x.Level+1]
	w.WriteString("<li" + idOf(x) + ">")
	w.open = append(w.open, "</li>\n")
	w.runs(x)
	w.WriteString("\n")
}

func (w *htmlWriter) table(i int) int {
	t, next := w.body.TableAt(i)
	w.WriteString("<div class=\"table-scroll\"><table>\n")
	for n, row := range t.Rows {
		switch {
		case n == 0 && t.Head:
			w.WriteString("<thead>\n")
		case n == 0, n == 1 && t.Head:
			w.WriteString("<tbody>\n")
		}
		w.WriteString("<tr>")
		for j, cell := range row {
			w.cell(cell, t.Align[j], t.Head && n == 0)
		}
		w.WriteString("</tr>\n")
		if n == 0 && t.Head {
			w.WriteString("</thead>\n")
		}
	}
	if len(t.Rows) > 1 || !t.Head {
		w.WriteString("</tbody>\n")
	}
	w.WriteString("</table></div>\n")
	return next
}

func (w *htmlWriter) cell(cell []body.Block, align string, head bool) {
	name, scope := "td", ""
	if head && !cell[0].Blank() { // an empty head would be announced as one
		name, scope = "th", ` scope="col"`
	}
	w.WriteString("<" + name + idOf(cell[0]) + scope)
	if align != "" {
		w.WriteString(` class="align-` + align + `"`)
	}
	w.WriteString(">")
	for k, x := range cell {
		if len(cell) == 1 {
			w.runs(x)
		} else {
			if k == 0 {
				x.ID = "" // the cell has it
			}
			w.element("p", x)
		}
	}
	w.WriteString("</" + name + ">")
}

func (w *htmlWriter) runs(x body.Block) {
	if x.Ins != nil {
		w.WriteString(`<ins class="tracked-ins">¶</ins>`)
	}
	if x.Del != nil {
		w.WriteString(`<del class="tracked-del">¶</del>`)
	}
	for _, r := range x.Runs {
		var end []string
		tag := func(on bool, start, stop string) {
			if on {
				w.WriteString(start)
				end = append(end, stop)
			}
		}
		tag(r.Ins != nil, `<ins class="tracked-ins">`, "</ins>")
		tag(r.Del != nil, `<del class="tracked-del">`, "</del>")
		tag(r.Link != "", `<a href="`+template.HTMLEscapeString(r.Link)+`">`, "</a>")
		tag(r.Strong, "<strong>", "</strong>")
		tag(r.Em, "<em>", "</em>")
		tag(r.Code, "<code>", "</code>")
		w.WriteString(template.HTMLEscapeString(r.Text))
		for k := len(end) - 1; k >= 0; k-- {
			w.WriteString(end[k])
		}
	}
}

// idOf is the id attribute of a block's element.
func idOf(x body.Block) string {
	client, clock, ok := strings.Cut(x.ID, ":")
	if !ok {
		return ""
	}
	return ` id="b-` + client + "-" + clock + `"`
}
