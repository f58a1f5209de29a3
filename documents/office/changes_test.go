package office

import (
	"slices"
	"strings"
	"testing"

	"spolupis/documents/body"
)

// flat is a text as a live document holds it: every block behind a line feed.
func flat(b body.Body) string {
	var s strings.Builder
	for _, x := range b.Blocks {
		s.WriteString("\n" + x.Text())
	}
	return s.String()
}

func flatAt(b body.Body, p Point) int {
	at := 0
	for _, x := range b.Blocks[:p.Block] {
		at += 1 + len(x.Text())
	}
	return at + 1 + p.Offset
}

// words are the lines of a text without the blank ones.
func words(s string) string {
	var out []string
	for _, line := range strings.Split(body.Clean(strings.ReplaceAll(s, "\n", "\ue000")), "\ue000") {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

func TestNeighbouringPiecesOfOneAuthorAndTimeAreOneChange(t *testing.T) {
	jan, eva, later := &body.Change{By: "Jan", At: 1000}, &body.Change{By: "Eva", At: 1000}, &body.Change{By: "Jan", At: 2000}
	p := func(ins, del *body.Change, rs ...body.Run) body.Block {
		return body.Block{Kind: body.Paragraph, Ins: ins, Del: del, Runs: rs}
	}
	b := body.Body{Blocks: []body.Block{
		p(nil, nil, body.Run{Text: "staré", Del: jan}, body.Run{Text: "nové", Ins: jan}, body.Run{Text: " "}, body.Run{Text: "jinde", Ins: jan}),
		p(jan, nil, body.Run{Text: "celý", Ins: jan}, body.Run{Text: "tučný", Strong: true, Ins: jan}, body.Run{Text: "pozdější", Ins: later}, body.Run{Text: "zase pryč", Ins: later, Del: eva}),
		p(nil, nil, body.Run{Text: "další", Ins: later}),
	}}
	got, n := Numbered(b)
	var told []string
	for _, x := range got.Proposals() {
		s := x.ID + " " + x.By
		for _, y := range x.Pieces {
			s += " " + y.How + " " + y.Text
		}
		told = append(told, s)
	}
	want := []string{"f1 Jan del staré ins nové", "f2 Jan ins jinde¶celýtučný", "f3 Jan ins pozdějšízase pryč", "f4 Eva del zase pryč", "f5 Jan ins další"}
	if n != len(want) || !slices.Equal(told, want) {
		t.Errorf("%d changes\n%s\nwant\n%s", n, strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
	if b.Blocks[0].Runs[0].Del != jan || b.Blocks[1].Ins != jan {
		t.Error("the text that was given was changed")
	}
}
