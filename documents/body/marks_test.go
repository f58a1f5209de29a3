package body

import (
	"math/rand/v2"
	"testing"
)

func TestOrdinaryMarksAreKept(t *testing.T) {
	for _, c := range []struct {
		want string
		runs []Run
	}{
		{"**Materiál č.:** ZK", []Run{{Text: "Materiál č.:", Strong: true}, {Text: " ZK"}}},
		{"konceptu *„úřad bez papírů“*.", []Run{{Text: "konceptu "}, {Text: "„úřad bez papírů“", Em: true}, {Text: "."}}},
		{"***obojí*** a **tučně *obojí***", []Run{{Text: "obojí", Strong: true, Em: true}, {Text: " a "}, {Text: "tučně ", Strong: true}, {Text: "obojí", Strong: true, Em: true}}},
		{"ne**podtr**žení", []Run{{Text: "ne"}, {Text: "podtr", Strong: true}, {Text: "žení"}}},
		{"**tučně***kurzíva*", []Run{{Text: "tučně", Strong: true}, {Text: "kurzíva", Em: true}}},
		{"**viz [zákon](https://x.cz) zde**", []Run{{Text: "viz ", Strong: true}, {Text: "zákon", Strong: true, Link: "https://x.cz"}, {Text: " zde", Strong: true}}},
		{"[**a**b](/x)", []Run{{Text: "a", Strong: true, Link: "/x"}, {Text: "b", Link: "/x"}}},
		{"**`kód`** a ``x`y``", []Run{{Text: "kód", Strong: true, Code: true}, {Text: " a "}, {Text: "x`y", Code: true}}},
		{"*schvaluje,* **ukládá**;", []Run{{Text: "schvaluje,", Em: true}, {Text: " "}, {Text: "ukládá", Strong: true}, {Text: ";"}}},
	} {
		got, rs := inlineMarkdown(c.runs, false)
		if got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
		if !sameRuns(rejoin(rs), c.runs) {
			t.Errorf("%s: marks given up: %+v", c.want, rs)
		}
	}
}

func TestWhatCannotBeSaidCostsAMarkNotText(t *testing.T) {
	for _, c := range []struct {
		want string
		runs []Run
	}{
		{"a **b** c", []Run{{Text: "a"}, {Text: " b ", Strong: true}, {Text: "c"}}}, // blanks leave the mark
		{"a(**b**)c", []Run{{Text: "a"}, {Text: "(b)", Strong: true}, {Text: "c"}}}, // so does punctuation beside letters
		{"javascript", []Run{{Text: "javascript", Link: "javascript:alert(1)"}}},    // unsafe link
		{"\\+ 1\\*&#32;", []Run{{Text: "+ 1* "}}},
		{"1\\. května", []Run{{Text: "1. května"}}},
	} {
		if got, _ := inlineMarkdown(tidy(c.runs), false); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

// TestMarksAreSeldomGivenUp guards against a self-check that passes because everything is plain.
func TestMarksAreSeldomGivenUp(t *testing.T) {
	before, after := 0, 0
	for i := range 500 {
		c := randomBody(rand.New(rand.NewPCG(uint64(i), 3))).Canonical()
		for _, x := range c.Blocks {
			if x.Kind == Code || !marked(x.Runs) {
				continue
			}
			before++
			if _, rs := inlineMarkdown(x.Runs, x.Cell != nil); marked(rs) {
				after++
			}
		}
	}
	if after*100 < before*85 {
		t.Errorf("marks survive in %d of %d adversarial blocks, want 85 in 100", after, before)
	} else {
		t.Logf("marks survive in %d of %d adversarial blocks", after, before)
	}
}

func TestSafeLinks(t *testing.T) {
	for in, want := range map[string]string{
		"https://www.kraj-lbc.cz/a?b=1&c=2#d": "https://www.kraj-lbc.cz/a?b=1&c=2#d",
		"HTTP://x.cz":                         "http://x.cz",
		"mailto:a@b.cz":                       "mailto:a@b.cz",
		"/documents/1":                        "/documents/1",
		"#bod":                                "#bod",
		"https://x.cz/a b(c)|d":               "https://x.cz/a%20b%28c%29%7Cd",
		" https://x.cz ":                      "https://x.cz",
		"javascript:alert(1)":                 "",
		"JaVaScRiPt:x":                        "",
		"java\tscript:x":                      "",
		"data:text/html,x":                    "",
		"blob:x":                              "",
		"intent:x":                            "",
		"//evil.example":                      "",
		`/\evil.example`:                      "",
		"https:evil":                          "",
		"https:///evil":                       "",
		"":                                    "",
	} {
		if got, ok := SafeLink(in); got != want || ok != (want != "") {
			t.Errorf("%q: got %q (%v), want %q", in, got, ok, want)
		}
	}
}
