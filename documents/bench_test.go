package documents_test

import (
	"os"
	"strings"
	"testing"

	"spolupis/collab/crdt"
	"spolupis/documents"
	"spolupis/documents/body"
	docx "spolupis/documents/office"
)

// What a hundred printed pages (2,720 blocks) cost whoever reads them while somebody else writes: each time one word has
// changed. Writing is not measured.
func BenchmarkHundredPages(b *testing.B) {
	md, err := os.ReadFile("body/testdata/duvodova-zprava.md")
	if err != nil {
		b.Fatal(err)
	}
	o := onSQLite(b)
	m := o.material(strings.Repeat(string(md)+"\n\n", 34))
	_, err = o.Freeze(o.ctx, drafter, m.ID)
	o.ok(err)
	o.ok(o.OpenDraft(o.ctx, drafter, m.ID))
	run := func(name string, read func() error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				b.StopTimer()
				o.edit(m.ID, func(t *crdt.Text) { t.Insert(t.Len()/2, "slovo ", nil) })
				b.StartTimer()
				o.ok(read())
			}
		})
	}
	run("text", func() error { _, err := o.Text(o.ctx, drafter, m.ID); return err })
	run("comparison with version 1", func() error { _, _, _, err := o.Compare(o.ctx, drafter, m.ID, 1, 0); return err })
	run("freeze", func() error {
		if _, err := o.Freeze(o.ctx, drafter, m.ID); err != nil {
			return err
		}
		b.StopTimer()
		defer b.StartTimer()
		return o.OpenDraft(o.ctx, drafter, m.ID)
	})
}

// What a .docx of a hundred pages with 300 comments and 300 tracked changes costs from its bytes to the numbered material, and
// back.
func BenchmarkHundredPagesDOCX(b *testing.B) {
	md, err := os.ReadFile("body/testdata/duvodova-zprava.md")
	if err != nil {
		b.Fatal(err)
	}
	text, err := body.Parse([]byte(strings.Repeat(string(md)+"\n\n", 34)))
	if err != nil {
		b.Fatal(err)
	}
	d := docx.Document{Body: text}
	for i := range d.Body.Blocks {
		if x := &d.Body.Blocks[i]; i%9 == 1 && len(x.Runs) > 0 {
			x.Runs = append(x.Runs, body.Run{Text: " Doplněno.", Ins: &body.Change{By: "Eva Malá"}})
			d.Comments = append(d.Comments, docx.Comment{Author: "Jan Novák", Text: "Prosím doložit.", From: docx.Point{Block: i}, To: docx.Point{Block: i, Offset: 4}})
		}
	}
	file, err := docx.Write(d)
	if err != nil {
		b.Fatal(err)
	}
	o := onSQLite(b)
	var m documents.Material
	b.Run("import", func(b *testing.B) {
		for b.Loop() {
			m, _, err = o.ImportDOCX(o.ctx, drafter, documents.NewMaterial{Title: "Sto stran", Agenda: "rada"}, file, say)
			o.ok(err)
		}
	})
	b.Run("export", func(b *testing.B) {
		for b.Loop() {
			_, err := o.DOCX(o.ctx, drafter, m.ID, say)
			o.ok(err)
		}
	})
	b.Logf("%d blocks, %d comments, %d KiB", len(text.Blocks), len(d.Comments), len(file)>>10)
}
