package office

import (
	"fmt"
	"testing"
	"time"

	"spolupis/documents/body"
	"spolupis/documents/compare"
)

// hundredPages is a material of 2,700 blocks and 37,000 words with 300 comments and 300 tracked changes, as documents on a hundred pages have.
func hundredPages() Document {
	var d Document
	words := "Rada kraje schvaluje záměr opravy mostu ev. č. 292-007 přes řeku Jizeru ve výši "
	for i := range 2700 {
		x := body.Block{Kind: body.Paragraph, Runs: []body.Run{{Text: words}, {Text: fmt.Sprint(i, " tis. Kč"), Strong: true}, {Text: " z rozpočtu odboru dopravy."}}}
		switch {
		case i%27 == 0:
			x.Kind, x.Level = body.Heading, 2
		case i%9 > 5:
			x.Kind = body.Numbered
		case i%27 > 20 && i%27 < 25:
			x.Cell = &body.Cell{Table: fmt.Sprint("t", i/27), Row: fmt.Sprint("r", i%27/23), Col: fmt.Sprint("c", i%2)}
		}
		if i%9 == 1 {
			x.Runs = append(x.Runs, body.Run{Text: " Doplněno.", Ins: &body.Change{By: "Eva Malá", At: 1_780_000_000_000}})
			d.Comments = append(d.Comments, Comment{Author: "Jan Novák", At: time.Date(2026, 11, 3, 10, 15, 0, 0, time.UTC), Text: "Prosím doložit.", From: Point{i, 0}, To: Point{i, 10}})
		}
		d.Body.Blocks = append(d.Body.Blocks, x)
	}
	return d
}

// BenchmarkHundredPages measures what an import, an export and a redline of a hundred pages cost.
func BenchmarkHundredPages(b *testing.B) {
	d := hundredPages()
	file, err := Write(d)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			got, err := Read(file)
			if err != nil {
				b.Fatal(err)
			}
			Numbered(got.Body)
		}
	})
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Write(d); err != nil {
				b.Fatal(err)
			}
		}
	})
	before, after := d.Body.Decided(false), d.Body.Decided(true)
	b.Run("redline", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			changes := Redline(compare.Compare(before, after), body.Change{By: "Eva Malá"})
			if _, err := Write(Document{Body: changes}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestHundredPagesComeBack(t *testing.T) {
	d := hundredPages()
	file, err := Write(d)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, changes := Numbered(got.Body); len(got.Comments) != 300 || changes != 300 {
		t.Errorf("%d comments, %d tracked changes", len(got.Comments), changes)
	}
}
