package documents_test

import (
	"os"
	"strings"
	"testing"

	"spolupis/collab/crdt"
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
