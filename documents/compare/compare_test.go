package compare

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"spolupis/documents/body"
)

// parse reads Markdown and names its blocks by the comment at the line's end, "text {id}"; blocks without one have no id.
func parse(t testing.TB, md string) body.Body {
	t.Helper()
	b, err := body.Parse([]byte(md))
	if err != nil {
		t.Fatal(err)
	}
	for i := range b.Blocks {
		x := &b.Blocks[i]
		if len(x.Runs) == 0 {
			continue
		}
		last := &x.Runs[len(x.Runs)-1]
		if at := strings.LastIndex(last.Text, " {"); at >= 0 && strings.HasSuffix(last.Text, "}") {
			x.ID = last.Text[at+2 : len(last.Text)-1]
			last.Text = last.Text[:at]
		}
	}
	return b
}

// show writes a comparison the way a person would mark it on paper.
func show(d Diff) string {
	var s strings.Builder
	for _, r := range d.Rows {
		s.WriteString(map[Kind]string{Same: "  ", Changed: "~ ", Inserted: "+ ", Deleted: "- ", Moved: "> "}[r.Kind])
		if r.Kind == Moved && r.New == nil {
			s.WriteString("(gone) ")
		}
		if r.Style {
			fmt.Fprintf(&s, "(%s%d to %s%d) ", r.Old.Kind, r.Old.Level, r.New.Kind, r.New.Level)
		}
		for _, w := range r.Words {
			switch w.Op {
			case Equal:
				s.WriteString(w.Text)
			case Insert:
				s.WriteString("[+" + w.Text + "]")
			case Delete:
				s.WriteString("[-" + w.Text + "]")
			case Format:
				s.WriteString("[*" + w.Text + "]")
			}
		}
		s.WriteString("\n")
	}
	return s.String()
}

func TestWhatChangedReadsAsAPersonWouldMarkIt(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"words inside a paragraph",
			"Rada schvaluje záměr ve výši 1 250 tis. Kč. {a}", "Rada schvaluje nový záměr ve výši 1 350 tis. Kč. {a}",
			"~ Rada schvaluje [+nový ]záměr ve výši [-1 250][+1 350] tis. Kč.\n"},
		{"paragraph added and removed",
			"A zůstává. {a}\n\nB odejde. {b}", "A zůstává. {a}\n\nC přibude. {c}",
			"  A zůstává.\n- [-B odejde.]\n+ [+C přibude.]\n"},
		{"replaced text in the same block is one row",
			"Zcela původní znění bodu. {a}", "Nahrazeno jinou větou úplně. {a}",
			"~ [-Zcela původní znění bodu.][+Nahrazeno jinou větou úplně.]\n"},
		{"a paragraph becomes a heading",
			"Cíle {a}", "## Cíle {a}",
			"~ (p0 to h2) Cíle\n"},
		{"bold only",
			"Výdaje celkem 5 Kč {a}", "Výdaje **celkem** 5 Kč {a}",
			"~ Výdaje [*celkem] 5 Kč\n"},
		{"a moved point",
			"1. Bod první {a}\n2. Bod druhý {b}\n3. Bod třetí {c}", "1. Bod druhý {b}\n2. Bod třetí {c}\n3. Bod první {a}",
			"> (gone) [-Bod první]\n  Bod druhý\n  Bod třetí\n> Bod první\n"},
		{"moved and reworded",
			"Jedna {a}\n\nDva a půl {b}\n\nTři {c}", "Dva a čtvrt {b}\n\nJedna {a}\n\nTři {c}",
			"> (gone) [-Jedna]\n~ Dva a [-půl][+čtvrt]\n> Jedna\n  Tři\n"},
		{"without ids, similar paragraphs are found",
			"# Nadpis\n\nRada bere na vědomí zprávu o stavu.\n\nKonec.", "# Nadpis\n\nÚplně nový odstavec předem.\n\nRada bere na vědomí zprávu o stavu kraje.\n\nKonec.",
			"  Nadpis\n+ [+Úplně nový odstavec předem.]\n~ Rada bere na vědomí zprávu o stavu[+ kraje].\n  Konec.\n"},
		{"without ids, a moved paragraph is found",
			"Tento odstavec se přestěhuje dolů.\n\nPrvní stojí.\n\nDruhý stojí.", "První stojí.\n\nDruhý stojí.\n\nTento odstavec se přestěhuje dolů.",
			"> (gone) [-Tento odstavec se přestěhuje dolů.]\n  První stojí.\n  Druhý stojí.\n> Tento odstavec se přestěhuje dolů.\n"},
		{"a cell",
			"| Položka | Kč |\n|---|---:|\n| Licence | 100 |\n| Školení | 30 |", "| Položka | Kč |\n|---|---:|\n| Licence | 120 |\n| Školení | 30 |",
			"  Položka\n  Kč\n  Licence\n- [-100]\n+ [+120]\n  Školení\n  30\n"},
		{"nothing", "A {a}", "A {a}", "  A\n"},
		{"from nothing", "", "A {a}", "+ [+A]\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Compare(parse(t, c.old), parse(t, c.new))
			if got := show(d); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
			checkWhole(t, d, parse(t, c.old), parse(t, c.new))
		})
	}
}

// checkWhole demands that both texts can be read back from the rows.
func checkWhole(t *testing.T, d Diff, a, b body.Body) {
	t.Helper()
	var old, now []string
	line := func(ws []Word, skip Op) string {
		var s strings.Builder
		for _, w := range ws {
			if w.Op != skip {
				s.WriteString(w.Text)
			}
		}
		return s.String()
	}
	for i, r := range d.Rows {
		if r.Old != nil && !(r.Kind == Moved && r.New != nil) {
			old = append(old, r.Old.Text())
		}
		if r.New != nil {
			now = append(now, r.New.Text())
			if got := line(r.Words, Delete); got != r.New.Text() {
				t.Errorf("row %d: words give %q, the new block is %q", i, got, r.New.Text())
			}
		}
		if r.Old != nil {
			if got := line(r.Words, Insert); got != r.Old.Text() {
				t.Errorf("row %d: words give %q, the old block is %q", i, got, r.Old.Text())
			}
		}
		if r.Kind == Moved && (r.Partner < 0 || d.Rows[r.Partner].Partner != i) {
			t.Errorf("row %d: a move without its other half", i)
		}
	}
	texts := func(b body.Body) (out []string) {
		for _, x := range b.Canonical().Blocks {
			out = append(out, x.Text())
		}
		return
	}
	if got, want := strings.Join(old, "\n"), strings.Join(texts(a), "\n"); got != want {
		t.Errorf("old text from rows\n%s\nwant\n%s", got, want)
	}
	if got, want := strings.Join(now, "\n"), strings.Join(texts(b), "\n"); got != want {
		t.Errorf("new text from rows\n%s\nwant\n%s", got, want)
	}
}

func sample(t testing.TB) body.Body {
	md, err := os.ReadFile("../body/testdata/duvodova-zprava.md")
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(md))
}

func TestARealMaterialEditedAtRandomReadsBackWhole(t *testing.T) {
	base := sample(t)
	for i := range base.Blocks {
		base.Blocks[i].ID = fmt.Sprint("1:", i)
	}
	for seed := range 60 {
		ids := seed%2 == 0
		next := body.Body{Blocks: append([]body.Block(nil), base.Blocks...)}
		for k := range 1 + seed%9 {
			n := (seed*31 + k*17) % len(next.Blocks)
			if next.Blocks[n].Cell != nil {
				continue
			}
			switch (seed + k) % 4 {
			case 0:
				next.Blocks = append(next.Blocks[:n:n], next.Blocks[n+1:]...)
			case 1:
				x := next.Blocks[n]
				x.Runs = append([]body.Run{{Text: "Nově "}}, x.Runs...)
				next.Blocks[n] = x
			case 2:
				x := next.Blocks[n]
				next.Blocks = append(append(next.Blocks[:n:n], next.Blocks[n+1:]...), x)
			case 3:
				next.Blocks = append(next.Blocks[:n:n], append([]body.Block{{ID: fmt.Sprint("9:", k), Kind: body.Paragraph, Runs: []body.Run{{Text: "Vložený odstavec."}}}}, next.Blocks[n:]...)...)
			}
		}
		if !ids {
			for i := range next.Blocks {
				next.Blocks[i].ID = ""
			}
		}
		d := Compare(base, next)
		checkWhole(t, d, base, next)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestAnImportOfTheSameTextIsNoChange(t *testing.T) {
	a, b := sample(t), sample(t)
	for i := range a.Blocks {
		a.Blocks[i].ID = fmt.Sprint("1:", i)
		b.Blocks[i].ID = fmt.Sprint("2:", i)
	}
	if d := Compare(a, b); d.Changed() {
		t.Errorf("counts %+v, want none", d.Counts)
	}
}

func TestUnchangedRowsFold(t *testing.T) {
	old := strings.Repeat("stejný\n\n", 10)
	d := Compare(parse(t, old+"konec"), parse(t, old+"závěr"))
	s := d.Sections(2)
	if len(s) != 2 || !s[0].Folded || len(s[0].Rows) != 8 || s[1].Folded || len(s[1].Rows) != 4 {
		t.Errorf("got %+v, want 8 folded rows, then 2 of context and 2 changed", s)
	}
	if _, err := json.Marshal(d); err != nil {
		t.Error(err)
	}
}

func TestHostileTextsAreComparedInBoundedTime(t *testing.T) {
	word := func(seed, n int) string {
		var s strings.Builder
		for i := range n {
			fmt.Fprintf(&s, "w%d ", (i*7919+seed*104729)%50021)
		}
		return s.String()
	}
	var a, b body.Body
	for i := range 400 {
		a.Blocks = append(a.Blocks, body.Block{Kind: body.Paragraph, Runs: []body.Run{{Text: word(i, 400)}}})
		b.Blocks = append(b.Blocks, body.Block{Kind: body.Paragraph, Runs: []body.Run{{Text: word(i+1000, 400)}}})
	}
	a.Blocks = append(a.Blocks, body.Block{ID: "1:1", Kind: body.Paragraph, Runs: []body.Run{{Text: word(1, 15000)}}})
	b.Blocks = append(b.Blocks, body.Block{ID: "1:1", Kind: body.Paragraph, Runs: []body.Run{{Text: word(2, 15000)}}})
	start := time.Now()
	d := Compare(a, b)
	checkWhole(t, d, a, b)
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("took %v", took)
	} else {
		t.Log(took)
	}
}

// hundredPages is about a hundred printed pages, and the same after a round of comments.
func hundredPages(b testing.TB, ids bool) (body.Body, body.Body) {
	one := sample(b)
	var x, y body.Body
	for p := range 34 {
		for i, bl := range one.Blocks {
			bl.ID = ""
			if bl.Cell != nil {
				c := *bl.Cell
				c.Table += fmt.Sprint(p)
				bl.Cell = &c
			}
			bl.Runs = append([]body.Run{{Text: fmt.Sprint(p, " ")}}, bl.Runs...)
			if ids {
				bl.ID = fmt.Sprint(p, ":", i)
			}
			x.Blocks = append(x.Blocks, bl)
			if i%9 == 0 && bl.Cell == nil {
				bl.Runs = append(append([]body.Run(nil), bl.Runs...), body.Run{Text: " a doplněno " + fmt.Sprint(i)})
			}
			if i%25 != 7 || bl.Cell != nil {
				y.Blocks = append(y.Blocks, bl)
			}
		}
	}
	return x, y
}

func BenchmarkHundredPages(b *testing.B) {
	for _, ids := range []bool{true, false} {
		x, y := hundredPages(b, ids)
		b.Run(fmt.Sprintf("ids=%v/blocks=%d", ids, len(x.Blocks)), func(b *testing.B) {
			for b.Loop() {
				Compare(x, y)
			}
		})
	}
}
