package office

import (
	"fmt"
	"math/rand/v2"
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

func TestAcceptingAllProposalsGivesTheAcceptedText(t *testing.T) {
	loose, proposed := 0, 0
	for i := range rounds(1000) {
		r := rand.New(rand.NewPCG(uint64(i), 11))
		b := settled(randomBody(r, true))
		text, comments := Document{Body: b}.Proposals(10_000)
		sameBody(t, fmt.Sprint("before ", i), text, Before(b))
		got := flat(text)
		open := false
		for n := len(comments) - 1; n >= 0; n-- { // from the back, so that places stay
			c := comments[n]
			if c.Proposed == nil {
				loose++
				open = true
				if c.Gone == "" && c.Added == "" {
					t.Fatalf("body %d: a change that says nothing", i)
				}
				continue
			}
			proposed++
			from, to := flatAt(text, c.From), flatAt(text, c.To)
			if from >= to || n > 0 && comments[n-1].Proposed != nil && flatAt(text, comments[n-1].To) > from {
				t.Fatalf("body %d: proposal %d from %d to %d overlaps or is empty:\n%s", i, n, from, to, show(b.Blocks))
			}
			got = got[:from] + *c.Proposed + got[to:]
		}
		if want := flat(After(b)); !open && words(got) != words(want) {
			t.Fatalf("body %d: accepted\n%q\nwant\n%q\n%s\n%+v", i, words(got), words(want), show(b.Blocks), comments)
		}
	}
	if proposed < loose {
		t.Errorf("only %d proposals and %d changes without a place", proposed, loose)
	}
	t.Logf("%d proposals, %d changes without a place", proposed, loose)
}
