package compare

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sergi/go-diff/diffmatchpatch"

	"spolupis/documents/body"
)

// maxWords of both texts together; longer ones, where not a common start and end, are shown as replaced.
const maxWords = 40_000

// tokens cuts a text into words, single spaces and single other characters. A number with its separators is one word, so
// that "1 250" against "1 350" does not read as a change of "2" into "3".
func tokens(s string) []string {
	var out []string
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if letter(r) {
			for n < len(s) {
				r, k := utf8.DecodeRuneInString(s[n:])
				if !letter(r) && !(joins(r) && digitBefore(s, n) && digitAfter(s, n+k)) {
					break
				}
				n += k
			}
		}
		out = append(out, s[:n])
		s = s[n:]
	}
	return out
}

func letter(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }

func joins(r rune) bool { return r == '.' || r == ',' || r == ' ' || r == 0xa0 || r == 0x202f }

func digitBefore(s string, n int) bool { return s[n-1] >= '0' && s[n-1] <= '9' }

func digitAfter(s string, n int) bool { return n < len(s) && s[n] >= '0' && s[n] <= '9' }

// words merges two texts into one row of words. One of them may be empty.
func (c *comparison) words(before, after []body.Run) []Word {
	a, b := text(before), text(after)
	m := merge{old: before, new: after}
	switch {
	case a == b:
		m.take(Equal, a)
	case a == "" || b == "" || strings.TrimSpace(a) == "":
		m.take(Delete, a)
		m.take(Insert, b)
	default:
		for _, d := range c.diff(a, b) {
			m.take(d.op, d.text)
		}
	}
	return m.out
}

func text(rs []body.Run) string { return body.Block{Runs: rs}.Text() }

type piece struct {
	op   Op
	text string
}

// diff compares two texts word by word.
func (c *comparison) diff(a, b string) []piece {
	ta, tb := tokens(a), tokens(b)
	if c.budget -= len(ta) + len(tb); c.budget < 0 || len(ta)+len(tb) > maxWords {
		return []piece{{Delete, a}, {Insert, b}}
	}
	ids := map[string]rune{}
	sa, sb := make([]rune, len(ta)), make([]rune, len(tb))
	for i, t := range ta {
		sa[i] = symbol(ids, t)
	}
	for i, t := range tb {
		sb[i] = symbol(ids, t)
	}
	d := diffmatchpatch.New()
	d.DiffTimeout = patience
	diffs := d.DiffCleanupSemantic(d.DiffMainRunes(sa, sb, false))
	var out []piece
	i, j, common := 0, 0, 0
	for _, x := range diffs {
		n := utf8.RuneCountInString(x.Text)
		switch x.Type {
		case diffmatchpatch.DiffEqual:
			t := strings.Join(ta[i:i+n], "")
			common += len(t)
			out = append(out, piece{Equal, t})
			i, j = i+n, j+n
		case diffmatchpatch.DiffDelete:
			out = append(out, piece{Delete, strings.Join(ta[i:i+n], "")})
			i += n
			c.budget -= n * 50
		case diffmatchpatch.DiffInsert:
			out = append(out, piece{Insert, strings.Join(tb[j:j+n], "")})
			j += n
			c.budget -= n * 50
		}
	}
	if common*5 < min(len(a), len(b)) { // a few shared commas do not make it the same sentence
		return []piece{{Delete, a}, {Insert, b}}
	}
	return out
}

// merge gives stretches of text their marks, walking through the runs of both sides.
type merge struct {
	old, new []body.Run
	oldAt    int // bytes of old[0] already taken
	newAt    int
	out      []Word
}

func (m *merge) take(op Op, t string) {
	for len(t) > 0 {
		n := len(t)
		w := Word{Op: op}
		if op != Insert {
			n = min(n, len(m.old[0].Text)-m.oldAt)
		}
		if op != Delete {
			n = min(n, len(m.new[0].Text)-m.newAt)
		}
		switch op {
		case Delete:
			w.Marks = marks(m.old[0])
		case Insert:
			w.Marks = marks(m.new[0])
		default:
			w.Marks = marks(m.new[0])
			if was := marks(m.old[0]); was != w.Marks {
				w.Op, w.Was = Format, &was
			}
		}
		w.Text = t[:n]
		if op != Insert {
			m.old, m.oldAt = advance(m.old, m.oldAt+n)
		}
		if op != Delete {
			m.new, m.newAt = advance(m.new, m.newAt+n)
		}
		m.out = append(m.out, w)
		t = t[n:]
	}
}

func advance(rs []body.Run, at int) ([]body.Run, int) {
	if at == len(rs[0].Text) {
		return rs[1:], 0
	}
	return rs, at
}

func marks(r body.Run) Marks { return Marks{Strong: r.Strong, Em: r.Em, Code: r.Code, Link: r.Link} }
