package documents_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"spolupis/collab/crdt"
	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/fault"
)

// told writes blocks down as {person:text} and [person deleted:text].
func told(blocks []documents.AuthoredBlock) string {
	var b strings.Builder
	for i, x := range blocks {
		if i > 0 {
			b.WriteByte('|')
		}
		for _, p := range x.Passages {
			if p.Gone == nil {
				fmt.Fprintf(&b, "{%s:%s}", p.Author.Person, p.Text)
			} else {
				fmt.Fprintf(&b, "[%s>%s:%s]", p.Author.Person, p.Gone.Person, p.Text)
			}
		}
	}
	return b.String()
}

func TestAuthorsTellWhoWroteAndWhoDeletedEachPassage(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material("První odstavec 😀 textu.\n\nDruhý odstavec.\n")
		as := func(who security.Actor, change func(t *crdt.Text)) {
			t.Helper()
			_, err := o.hub.Edit(o.ctx, who, m.ID, func(d *crdt.Doc) error { change(d.Text("body")); return nil })
			o.ok(err)
		}
		as(admin, func(t *crdt.Text) { t.Insert(index(t, "odstavec 😀"), "dlouhý ", nil) })
		as(jurist, func(t *crdt.Text) { t.Delete(index(t, "😀 textu"), 3) })
		got, err := o.Authors(o.ctx, drafter, m.ID, false)
		o.ok(err)
		if s, want := told(got), "{p-eva:První }{p-admin:dlouhý }{p-eva:odstavec textu.}|{p-eva:Druhý odstavec.}"; s != want {
			t.Errorf("authors:\n%s, want\n%s", s, want)
		}
		got, err = o.Authors(o.ctx, drafter, m.ID, true)
		o.ok(err)
		if s, want := told(got), "{p-eva:První }{p-admin:dlouhý }{p-eva:odstavec }[p-eva>p-olga:😀 ]{p-eva:textu.}|{p-eva:Druhý odstavec.}"; s != want {
			t.Errorf("with what was deleted:\n%s, want\n%s", s, want)
		}
		o.edit(m.ID, func(t *crdt.Text) { t.Delete(index(t, "Druhý")-1, 1) })
		got, err = o.Authors(o.ctx, drafter, m.ID, true)
		o.ok(err)
		if s, want := told(got), "{p-eva:textu.}[p-eva>p-eva:¶]{p-eva:Druhý odstavec.}"; !strings.HasSuffix(s, want) {
			t.Errorf("paragraphs joined: %s, want it to end with %s", s, want)
		}
		if _, err := o.Authors(o.ctx, jurist, m.ID, false); err != nil {
			t.Errorf("a commenter is not shown the authors: %v", err)
		}
		if _, err := o.Authors(o.ctx, jurist, m.ID, true); !errors.Is(err, fault.Denied) && !errors.Is(err, fault.NotFound) {
			t.Errorf("a commenter is shown what was deleted: %v", err)
		}
	})
}

func TestAuthorsOfAnotherDayAreAnotherPassage(t *testing.T) {
	o := onSQLite(t)
	m := o.material("Text.\n")
	o.later(24 * time.Hour)
	o.edit(m.ID, func(t *crdt.Text) { t.Insert(t.Len(), " Dodatek", nil) })
	o.edit(m.ID, func(t *crdt.Text) { t.Insert(t.Len(), " téhož dne.", nil) })
	got, err := o.Authors(o.ctx, drafter, m.ID, false)
	o.ok(err)
	if len(got) != 1 || len(got[0].Passages) != 2 || got[0].Passages[1].Text != " Dodatek téhož dne." || !got[0].Passages[1].Author.At.After(got[0].Passages[0].Author.At) {
		t.Errorf("passages: %+v", got)
	}
}
