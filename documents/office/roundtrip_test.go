package office

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"spolupis/documents/body"
)

var nasty = []string{"a", "b", "č", "ř", " ", "  ", "*", "<b>", ">", "1.", "- ", "|", "\\", "&amp;", "&", "]]>", "\t", "\u00a0", "\u200b", "\u00ad", "„", "“", "§ 12", "€", "😀",
	"e\u0301", "\u0301", "<!--", "\n", "\u2028", "\x00", ".", "–", "\ufeff", "\u202e", "\x7f", "\ufffe", "𝔸", "한", "\u1100\u1161", "slovo ", "věta. ", "0", "\u2011"}

var links = []string{"https://kraj.example/a?b=c&copy;=1", "/documents/1", "mailto:a@b.cz", "javascript:alert(1)", "https://x.cz/a(b)c|d e", "#b", "#b-c", "https://háčky.cz/ř", ""}

// rounds is how often a random test runs: the race detector has nothing to find here and takes ten times as long.
func rounds(n int) int {
	if race {
		return n / 10
	}
	return n
}

func randomChange(r *rand.Rand) *body.Change {
	if r.IntN(4) != 0 {
		return nil
	}
	return &body.Change{By: []string{"Jan Novák", "Eva <Malá> & \"syn\""}[r.IntN(2)], At: int64(r.IntN(2)) * 1_700_000_000_000}
}

func randomRuns(r *rand.Rand, tracked bool) (rs []body.Run) {
	for range r.IntN(5) {
		var s strings.Builder
		for range 1 + r.IntN(4) {
			s.WriteString(nasty[r.IntN(len(nasty))])
		}
		x := body.Run{Text: s.String(), Strong: r.IntN(3) == 0, Em: r.IntN(3) == 0, Code: r.IntN(8) == 0}
		if r.IntN(8) == 0 {
			x.Link = links[r.IntN(len(links))]
		}
		if tracked {
			x.Ins, x.Del = randomChange(r), randomChange(r)
		}
		rs = append(rs, x)
	}
	return rs
}

func randomBody(r *rand.Rand, tracked bool) body.Body {
	kinds := []body.Kind{body.Paragraph, body.Paragraph, body.Heading, body.Bullet, body.Numbered, body.Numbered, body.Bullet, body.Quote, body.Code, body.Rule, "surprise"}
	var b body.Body
	add := func(x body.Block) {
		x.Runs = randomRuns(r, tracked)
		if tracked {
			x.Ins, x.Del = randomChange(r), randomChange(r)
		}
		b.Blocks = append(b.Blocks, x)
	}
	for range 1 + r.IntN(9) {
		if r.IntN(6) != 0 {
			x := body.Block{Kind: kinds[r.IntN(len(kinds))], Level: r.IntN(5)}
			if r.IntN(6) == 0 {
				x.Start = r.IntN(12)
			}
			add(x)
			continue
		}
		table, head := fmt.Sprint("t", len(b.Blocks)), r.IntN(2) == 0
		for y := range 1 + r.IntN(3) {
			for x := range 1 + r.IntN(3) {
				for range 1 + r.IntN(2) {
					add(body.Block{Kind: body.Paragraph, Align: []string{"", "left", "right", "center"}[r.IntN(4)], Cell: &body.Cell{Table: table, Row: fmt.Sprint("r", y), Col: fmt.Sprint("c", x), Head: head && y == 0}})
				}
			}
		}
	}
	return b
}

// settled is the form both directions keep.
func settled(b body.Body) body.Body {
	blocks := b.Canonical().Blocks
	for i := range blocks {
		blocks[i].ID = ""
	}
	blocks = body.Body{Blocks: settle(blocks)}.Canonical().Blocks
	renumber(blocks)
	return body.Body{Blocks: blocks}
}

// named gives tables, rows and columns names by their order, so that two bodies can be compared.
func named(b body.Body) []body.Block {
	out := slices.Clone(b.Blocks)
	names := map[string]string{}
	name := func(kind, id string) string {
		if names[kind+id] == "" {
			names[kind+id] = fmt.Sprint(kind, len(names))
		}
		return names[kind+id]
	}
	for i := range out {
		if c := out[i].Cell; c != nil {
			out[i].Cell = &body.Cell{Table: name("t", c.Table), Row: name("r", c.Table+c.Row), Col: name("c", c.Table+c.Col), Head: c.Head}
		}
		if len(out[i].Runs) == 0 {
			out[i].Runs = nil
		}
	}
	return out
}

func sameBody(t *testing.T, what string, got, want body.Body) {
	t.Helper()
	a, b := named(got), named(want)
	if reflect.DeepEqual(a, b) {
		return
	}
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || !reflect.DeepEqual(a[i], b[i]) {
			t.Fatalf("%s: block %d:\n got %s\nwant %s", what, i, show(a[max(min(i, len(a))-2, 0):]), show(b[max(min(i, len(b))-2, 0):]))
		}
	}
}

// show writes blocks so that a person sees where two differ.
func show(bs []body.Block) string {
	var s strings.Builder
	for _, x := range bs {
		fmt.Fprintf(&s, "\n  %s%d", x.Kind, x.Level)
		if x.Start != 0 {
			fmt.Fprintf(&s, " from %d", x.Start)
		}
		if x.Cell != nil {
			fmt.Fprintf(&s, " %v %s", *x.Cell, x.Align)
		}
		mark := func(ins, del *body.Change) {
			if ins != nil {
				fmt.Fprintf(&s, "[+%s%d]", ins.By[:1], ins.At/1e12)
			}
			if del != nil {
				fmt.Fprintf(&s, "[-%s%d]", del.By[:1], del.At/1e12)
			}
		}
		mark(x.Ins, x.Del)
		for _, r := range x.Runs {
			fmt.Fprintf(&s, " %q", r.Text)
			mark(r.Ins, r.Del)
			if r.Strong || r.Em || r.Code || r.Link != "" {
				fmt.Fprintf(&s, "(%v %v %v %s)", r.Strong, r.Em, r.Code, r.Link)
			}
		}
	}
	return s.String()
}

func randomComments(r *rand.Rand, b body.Body) (out []Comment) {
	point := func() Point {
		i := r.IntN(len(b.Blocks))
		text := b.Blocks[i].Text()
		n := r.IntN(len(text) + 1)
		for n > 0 && n < len(text) && text[n]&0xc0 == 0x80 {
			n--
		}
		return Point{i, n}
	}
	for n := range r.IntN(5) {
		c := Comment{Author: fmt.Sprint("Autor ", n), At: time.Date(2026, 11, 3, 10, 15, n, 0, time.UTC), Text: "První řádek <&>\nDruhý " + fmt.Sprint(n), Done: r.IntN(3) == 0}
		for k := range r.IntN(3) {
			c.Replies = append(c.Replies, Reply{"Kdosi", time.Date(2026, 11, 4, 0, 0, k, 0, time.UTC), fmt.Sprint("Odpověď ", k)})
		}
		if r.IntN(5) != 0 && len(b.Blocks) > 0 {
			c.From, c.To = point(), point()
			if c.From.Compare(c.To) > 0 {
				c.From, c.To = c.To, c.From
			}
			if c.From.Block < c.To.Block && (c.To.Offset == 0 || c.From.Offset == len(b.Blocks[c.From.Block].Text())) || c.From == c.To {
				c.From, c.To = Point{}, Point{}
			}
		}
		out = append(out, c)
	}
	return out
}

func TestWhatWasWrittenIsReadBack(t *testing.T) {
	for i := range rounds(300) {
		r := rand.New(rand.NewPCG(uint64(i), 7))
		want := Document{Body: settled(randomBody(r, i%2 == 1))}
		want.Comments = randomComments(r, want.Body)
		file, err := Write(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Read(file)
		if err != nil {
			t.Fatalf("document %d: %v", i, err)
		}
		sameBody(t, fmt.Sprint("document ", i), got.Body, want.Body)
		if !reflect.DeepEqual(got.Comments, want.Comments) {
			t.Fatalf("document %d: comments\n got %+v\nwant %+v\n%s", i, got.Comments, want.Comments, show(want.Body.Blocks))
		}
		again, err := Write(got)
		if err != nil {
			t.Fatal(err)
		}
		if i < 100 {
			twice, err := Read(again)
			if err != nil {
				t.Fatal(err)
			}
			sameBody(t, fmt.Sprint("document again ", i), twice.Body, want.Body)
		}
	}
}
