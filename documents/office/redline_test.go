package office

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"spolupis/documents/body"
	"spolupis/documents/compare"
)

// edited is a text after some random work on it.
func edited(r *rand.Rand, b body.Body, ids bool) body.Body {
	out := body.Body{Blocks: append([]body.Block(nil), b.Blocks...)}
	for range 1 + r.IntN(4) {
		if len(out.Blocks) == 0 {
			break
		}
		i := r.IntN(len(out.Blocks))
		x := out.Blocks[i]
		switch r.IntN(5) {
		case 0:
			out.Blocks = append(out.Blocks[:i:i], out.Blocks[i+1:]...)
		case 1:
			x.Runs = append([]body.Run{{Text: "Nově "}}, x.Runs...)
			out.Blocks[i] = x
		case 2:
			x.Runs = randomRuns(r, false)
			out.Blocks[i] = x
		case 3:
			out.Blocks = append(append(out.Blocks[:i:i], out.Blocks[i+1:]...), x)
		case 4:
			n := body.Block{ID: fmt.Sprint("9:", r.IntN(1000)), Kind: body.Paragraph, Cell: x.Cell, Runs: []body.Run{{Text: "Vložený odstavec."}}}
			out.Blocks = append(out.Blocks[:i:i], append([]body.Block{n}, out.Blocks[i:]...)...)
		}
	}
	if !ids {
		for i := range out.Blocks {
			out.Blocks[i].ID = ""
			if c := out.Blocks[i].Cell; c != nil {
				out.Blocks[i].Cell = &body.Cell{Table: "n" + c.Table, Row: "n" + c.Row, Col: "n" + c.Col, Head: c.Head}
			}
		}
	}
	return out
}

// TestARedlineHoldsBothTexts: whatever happened between two texts, rejecting gives the words of the one and accepting those of the other, also
// through the file.
func TestARedlineHoldsBothTexts(t *testing.T) {
	for i := range rounds(500) {
		r := rand.New(rand.NewPCG(uint64(i), 13))
		old := settled(randomBody(r, false))
		for k := range old.Blocks {
			old.Blocks[k].ID = fmt.Sprint("7:", k)
		}
		now := edited(r, old, i%3 != 0)
		if strings.ContainsAny(flat(old)+flat(now), "\u0301\u1161") {
			continue // a combining character goes with the letter before it, whoever wrote that
		}
		file, err := Write(Document{Body: Redline(compare.Compare(old, now), body.Change{By: "Eva"})})
		if err != nil {
			t.Fatal(err)
		}
		d, err := Read(file)
		if err != nil {
			t.Fatal(err)
		}
		tables := false
		for _, x := range d.Body.Blocks {
			tables = tables || x.Cell != nil
		}
		for what, c := range map[string][2]body.Body{"before": {d.Body.Decided(false), old}, "after": {d.Body.Decided(true), now}} {
			got, want := lines(c[0], tables), lines(c[1], tables)
			if got != want {
				t.Fatalf("texts %d %s:\n got %q\nwant %q\n%s", i, what, got, want, show(d.Body.Blocks))
			}
		}
	}
}

// lines are the lines of a text without blank ones. In tables the order of cells follows the rows, and is not looked at.
func lines(b body.Body, tables bool) string {
	s := words(flat(b.Canonical()))
	if !tables {
		return s
	}
	l := strings.Split(s, "\n")
	slices.Sort(l)
	return strings.Join(l, "\n")
}
