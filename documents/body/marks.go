package body

import (
	"strings"
	"unicode"
)

// Marks in CommonMark are delimiters whose meaning depends on the characters around them, so not every row of runs can be
// said. Here a row of runs becomes one line of Markdown; what cannot be said is given up step by step, and goldmark is
// asked each time whether it reads the line as we meant it.

// glyph is one character with its marks.
type glyph struct {
	r rune
	m Run // Text is unused
}

// say is one attempt at writing a block's text.
type say struct {
	em     byte // '*' or '_'
	table  bool // inside a table cell
	b      strings.Builder
	before rune // last character of text or syntax that is not one of our own delimiters; ' ' at the start
	delims int  // characters that could be delimiters; matching them is quadratic, beyond MaxMarks marks are given up unasked
}

// inlineMarkdown writes runs as one line of Markdown and returns the runs as they will be read back. Where marks were given
// up, the rest might nest otherwise the next time; it is written again until it settles, so that the bytes are a fixed point.
func inlineMarkdown(rs []Run, table bool) (string, []Run) {
	line, got := attempt(rs, table)
	for range 8 {
		if got = rejoin(got); sameRuns(got, rs) {
			return line, got
		}
		again, next := attempt(got, table)
		if again == line {
			return line, got
		}
		line, got = again, next
	}
	return attempt(unmarked(rs), table)
}

func attempt(rs []Run, table bool) (string, []Run) {
	if !marked(rs) {
		s := &say{}
		for _, r := range rs {
			for _, c := range r.Text {
				s.char(c)
			}
		}
		return guardEdges(s.b.String()), rs
	}
	tries := []func(Run, *say) Run{
		func(r Run, s *say) Run { return r },
		func(r Run, s *say) Run { s.em = '_'; return r },
		func(r Run, s *say) Run { r.Em = false; return r },
		func(r Run, s *say) Run { r.Em, r.Strong = false, false; return r },
		func(r Run, s *say) Run { return Run{Text: r.Text, Link: r.Link} },
	}
	for _, try := range tries {
		s := &say{em: '*', table: table, before: ' '}
		gs := glyphs(rs, func(r Run) Run { return try(r, s) })
		line := s.line(gs)
		if got := ungl(gs); s.delims <= MaxMarks && (!marked(got) || readsAs(line, got, table)) {
			return line, got
		}
	}
	s := &say{em: '*', table: table, before: ' '}
	gs := glyphs(rs, func(r Run) Run { return Run{} })
	return s.line(gs), ungl(gs)
}

func marked(rs []Run) bool {
	for _, r := range rs {
		if r.Strong || r.Em || r.Code || r.Link != "" {
			return true
		}
	}
	return false
}

func glyphs(rs []Run, change func(Run) Run) []glyph {
	var gs []glyph
	for _, r := range rs {
		m := change(Run{Strong: r.Strong, Em: r.Em, Code: r.Code, Link: r.Link})
		m.Text = ""
		for _, c := range r.Text {
			gs = append(gs, glyph{c, m})
		}
	}
	return gs
}

func ungl(gs []glyph) []Run {
	var out []Run
	var text strings.Builder
	for i, g := range gs {
		text.WriteRune(g.r)
		if i+1 == len(gs) || gs[i+1].m != g.m {
			r := g.m
			r.Text = text.String()
			out = append(out, r)
			text.Reset()
		}
	}
	return out
}

// line writes a whole block. It may take marks away from gs at the edges of runs.
func (s *say) line(gs []glyph) string {
	s.emit(gs, 0, len(gs), Run{})
	return guardEdges(s.b.String())
}

// emit writes gs[i:j]; done holds the marks that are already open around it.
func (s *say) emit(gs []glyph, i, j int, done Run) {
	for i < j {
		k, kind := s.longest(gs, i, j, done)
		inner := done
		switch kind {
		case "":
			s.plain(gs[i:k])
		case "link":
			inner.Link = gs[i].m.Link
			s.delims += 2
			s.syntax("[", '[')
			s.emit(gs, i, k, inner)
			s.syntax("]("+strings.ReplaceAll(gs[i].m.Link, "&", "&amp;")+")", ')')
		case "strong":
			inner.Strong = true
			s.wrap(gs, i, k, inner, "**", func(g *glyph) { g.m.Strong = false })
		case "em":
			inner.Em = true
			s.wrap(gs, i, k, inner, string(s.em), func(g *glyph) { g.m.Em = false })
		case "code":
			s.code(gs[i:k])
		}
		i = k
	}
}

// longest finds the mark of gs[i] that reaches furthest, so that delimiters nest with the fewest cuts.
func (s *say) longest(gs []glyph, i, j int, done Run) (int, string) {
	reach := func(has func(Run) bool) int {
		k := i
		for k < j && has(gs[k].m) {
			k++
		}
		return k
	}
	end, kind := i, ""
	if l := gs[i].m.Link; l != "" && done.Link == "" {
		end, kind = reach(func(m Run) bool { return m.Link == l }), "link"
	}
	if !done.Strong {
		if k := reach(func(m Run) bool { return m.Strong }); k > end {
			end, kind = k, "strong"
		}
	}
	if !done.Em {
		if k := reach(func(m Run) bool { return m.Em }); k > end {
			end, kind = k, "em"
		}
	}
	if kind != "" {
		return end, kind
	}
	first := gs[i].m
	if first.Code { // marks around it are open by now: code goes innermost and ends where any of them ends
		return reach(func(m Run) bool { return m == first }), "code"
	}
	return reach(func(m Run) bool { return m == first }), ""
}

// wrap writes gs[i:j] between delimiters. White space at the inner edges, and punctuation where a letter stands outside,
// would keep the delimiter from opening or closing: those characters go outside and lose the mark.
func (s *say) wrap(gs []glyph, i, j int, inner Run, delim string, clear func(*glyph)) {
	outer := inner
	if delim == "**" {
		outer.Strong = false
	} else {
		outer.Em = false
	}
	a, z := i, j
	before := s.before
	for a < z && (blank(gs[a]) || edge(gs[a], inner) && !open(before)) {
		before = gs[a].r
		clear(&gs[a])
		a++
	}
	after := ' '
	if j < len(gs) {
		after = gs[j].r
		if gs[j].m.Link != gs[j-1].m.Link || gs[j].m.Code {
			after = '['
		}
	}
	for z > a && (blank(gs[z-1]) || edge(gs[z-1], inner) && !open(after)) {
		z--
		after = gs[z].r
		clear(&gs[z])
	}
	s.emit(gs, i, a, outer)
	if a < z {
		s.delims += 2 * len(delim)
		s.b.WriteString(delim)
		s.emit(gs, a, z, inner)
		s.b.WriteString(delim)
	}
	s.emit(gs, z, j, outer)
}

func blank(g glyph) bool { return !g.m.Code && (unicode.IsSpace(g.r) || !unicode.IsPrint(g.r)) }

// edge reports whether the character would be punctuation beside a delimiter.
func edge(g glyph, around Run) bool {
	return g.m.Code || g.m.Link != around.Link || punct(g.r)
}

func punct(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) }

func open(r rune) bool { return unicode.IsSpace(r) || punct(r) }

func (s *say) syntax(t string, last rune) {
	s.b.WriteString(t)
	s.before = last
}

func (s *say) plain(gs []glyph) {
	for _, g := range gs {
		s.char(g.r)
		s.before = g.r
	}
}

// char writes one character of text so that it means itself anywhere but at the edges of a block.
func (s *say) char(r rune) {
	switch r {
	case '\\', '`', '*', '_', '[', ']', '<', '>', '&', '|', '~', '#', '!', '$', '^':
		s.b.WriteByte('\\')
		s.b.WriteRune(r)
	case '\t':
		s.b.WriteString("&#9;")
	default:
		s.b.WriteRune(r)
	}
}

// code writes a code span: a fence longer than any run of backticks inside.
func (s *say) code(gs []glyph) {
	var t strings.Builder
	run, most, blanks, special := 0, 0, 0, 0
	for _, g := range gs {
		if g.r == '`' {
			run++
			most = max(most, run)
		} else {
			run = 0
		}
		switch g.r {
		case ' ':
			blanks++
		case '*', '_', '[', ']', '<', '`':
			special++
		}
		if s.table && g.r == '|' {
			t.WriteByte('\\')
		}
		t.WriteRune(g.r)
	}
	first, last := gs[0].r, gs[len(gs)-1].r
	pad := ""
	if first == '`' || last == '`' || first == ' ' && last == ' ' && blanks < len(gs) {
		pad = " "
	}
	fence := strings.Repeat("`", most+1)
	s.delims += 2*len(fence) + special
	s.syntax(fence+pad+t.String()+pad+fence, '`')
}

// guardEdges keeps the first and last characters of a block from being read as blanks to trim or as a block of its own.
func guardEdges(t string) string {
	if e := strings.TrimRight(t, " "); e != t {
		t = e + strings.Repeat("&#32;", len(t)-len(e))
	}
	if e := strings.TrimLeft(t, " "); e != t {
		t = strings.Repeat("&#32;", len(t)-len(e)) + e
	}
	if t != "" && strings.IndexByte("+-=:", t[0]) >= 0 {
		t = "\\" + t
	}
	i := strings.IndexFunc(t, func(r rune) bool { return r < '0' || r > '9' })
	if i > 0 && i < 10 && (t[i] == '.' || t[i] == ')') {
		t = t[:i] + "\\" + t[i:]
	}
	return t
}

// readsAs asks goldmark whether the line means the runs.
func readsAs(line string, want []Run, table bool) bool {
	md := line + "\n"
	if table {
		md = "| " + line + " |\n| --- |\n"
	}
	got := reread([]byte(md))
	if len(got.Blocks) != 1 {
		return false
	}
	return sameRuns(got.Blocks[0].Runs, rejoin(append([]Run(nil), want...)))
}

func sameRuns(a, b []Run) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Text != b[i].Text || !alike(a[i], b[i]) {
			return false
		}
	}
	return true
}
