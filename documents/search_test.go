package documents_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"spolupis/collab/crdt"
	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/fault"
)

// indexed brings the index up to now.
func (o *office) indexed() {
	o.t.Helper()
	_, err := o.journal.Size(o.ctx)
	o.ok(err)
	_, err = o.store.Follow(o.ctx)
	o.ok(err)
	_, err = o.Reindex(o.ctx, o.clock().Add(time.Hour))
	o.ok(err)
}

// find lists what a search finds: numbers of materials with kinds of places,
// such as "KULK 1/2026 text comment".
func (o *office) find(who security.Actor, text string) []string {
	o.t.Helper()
	res, err := o.Search(o.ctx, who, documents.Search{Text: text})
	o.ok(err)
	out := []string{}
	for _, r := range res.Results {
		s := r.Number
		if r.Exact {
			s += " exact"
		}
		for _, p := range r.Places {
			s += " " + p.Kind
		}
		out = append(out, s)
	}
	return out
}

func (o *office) finds(who security.Actor, text string, want ...string) {
	o.t.Helper()
	if got := o.find(who, text); !slices.Equal(got, want) {
		o.t.Errorf("%s finds by %q %q, want %q", who.Name, text, got, want)
	}
}

func TestEverythingThatIsWrittenIsFoundByThoseWhoMaySeeIt(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		other, err := o.Import(o.ctx, drafter, documents.NewMaterial{Title: "Dotace na sport", Agenda: "dotace"}, []byte("Rada schvaluje poskytnutí dotací klubům v Turnově.\n"))
		o.ok(err)
		_, err = o.command(jurist, m.ID, "comment.add", map[string]any{"kind": "major", "text": "Chybí vyčíslení nákladů.", "reasoning": "Zákon o rozpočtových pravidlech."})
		o.ok(err)
		o.indexed()

		o.finds(drafter, "turnov", "KULK 1/2026", "DOT-2026-0001 text") // in the title first
		o.finds(drafter, "SCHVALUJÍ mosty", "KULK 1/2026 text")
		o.finds(drafter, "vycisleni nakladu", "KULK 1/2026 comment")
		o.finds(drafter, "rozpočtovými pravidly", "KULK 1/2026 text comment") // each has one of the words
		o.finds(drafter, `"schvaluje opravu mostu"`, "KULK 1/2026 text")
		o.finds(drafter, `"opravu schvaluje"`)
		o.finds(drafter, "dot-2026-1", "DOT-2026-0001 exact")
		o.finds(drafter, "kulk 01/2026", "KULK 1/2026 exact")
		o.finds(drafter, "klub*", "DOT-2026-0001 text")
		o.finds(drafter, "nemocnice")
		o.finds(drafter, "' \\ \" ( ) * : & | ! <-> NEAR")
		// Jan reads the first material only, a stranger none.
		o.finds(reader, "turnov", "KULK 1/2026")
		o.finds(reader, "dotace")
		o.finds(security.Actor{ID: "p-x", Unit: "jinde", Roles: []security.Role{security.Drafter, security.Administrator}}, "turnov")
		o.finds(security.Actor{}, "turnov")
		o.finds(security.System, "turnov", "KULK 1/2026", "DOT-2026-0001 text")

		// What is deleted is found only where it still stands: in a version.
		_, err = o.Freeze(o.ctx, drafter, other.ID)
		o.ok(err)
		o.ok(o.OpenDraft(o.ctx, drafter, other.ID))
		o.edit(other.ID, func(t *crdt.Text) {
			i := index(t, "klubům")
			t.Delete(i, len([]rune("klubům")))
			t.Insert(i, "spolkům", nil)
		})
		o.tellEdits()
		o.indexed()
		o.finds(drafter, "spolky", "DOT-2026-0001 text")
		o.finds(drafter, "kluby", "DOT-2026-0001 version")
	})
}

// tellEdits has the minutes of writing told to the journal, as happens by itself once they are over.
func (o *office) tellEdits() {
	o.t.Helper()
	o.later(2 * time.Minute)
	until := time.Now().Add(20 * time.Second)
	for {
		if n := o.count(`SELECT count(*) FROM collab_edit_mark`); n == 0 {
			return
		}
		if time.Now().After(until) {
			o.t.Fatal("edits were not told to the journal")
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// The index lags behind, rights do not: one that is withdrawn hides a material
// before the index knows, one that is given shows it once the index does.
func TestAWithdrawnRightHidesAMaterialFromSearchAtOnce(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		o.indexed()
		o.finds(reader, "most", "KULK 1/2026 text")
		o.ok(o.Uninvite(o.ctx, drafter, m.ID, documents.Participant{Subject: "user:p-jan", Relation: "reader"}))
		o.finds(reader, "most")
		o.finds(reader, "KULK 1/2026")
		o.indexed()
		o.finds(reader, "most")
		o.ok(o.Invite(o.ctx, drafter, m.ID, documents.Participant{Subject: "unit:finance", Relation: "reader"}))
		o.indexed()
		o.finds(reader, "most", "KULK 1/2026 text")
		o.ok(o.Rename(o.ctx, drafter, m.ID, "Stavba lávky"))
		o.indexed()
		o.finds(reader, "lavka", "KULK 1/2026")
		o.finds(reader, "oprava Turnov") // was in the title; the text says "opravu mostu" only
	})
}

func TestSearchCanBeNarrowedAndPaged(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		for i := range 70 {
			agenda := documents.AgendaID("rada")
			if i%7 == 0 {
				agenda = "dotace"
			}
			_, err := o.Create(o.ctx, drafter, documents.NewMaterial{Title: fmt.Sprintf("Smlouva o dílo %d", i), Agenda: agenda})
			o.ok(err)
		}
		o.indexed()
		o.finds(reader, "smlouva")
		var seen []string
		q := documents.Search{Text: "smlouvy", Limit: 30}
		for pages := 1; ; pages++ {
			res, err := o.Search(o.ctx, drafter, q)
			o.ok(err)
			for _, r := range res.Results {
				seen = append(seen, r.Material.Title)
			}
			if q.After = res.Next; q.After == "" {
				if pages != 3 {
					t.Errorf("%d pages, want 3", pages)
				}
				break
			}
		}
		if len(seen) != 70 || seen[0] != "Smlouva o dílo 69" || seen[69] != "Smlouva o dílo 0" {
			t.Errorf("%d found, from %s to %s", len(seen), seen[0], seen[len(seen)-1])
		}
		narrowed := func(f documents.Filing) int {
			res, err := o.Search(o.ctx, drafter, documents.Search{Text: "smlouva", Filing: f, Limit: 50})
			o.ok(err)
			return len(res.Results)
		}
		for what, f := range map[string]struct {
			documents.Filing
			want int
		}{
			"agenda":  {documents.Filing{Agenda: "dotace"}, 10},
			"state":   {documents.Filing{State: documents.Signed}, 0},
			"drafts":  {documents.Filing{State: documents.Draft, Agenda: "dotace"}, 10},
			"unit":    {documents.Filing{Unit: "doprava", Agenda: "dotace"}, 10},
			"drafter": {documents.Filing{Drafter: reader.ID}, 0},
			"before":  {documents.Filing{To: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}, 0},
			"after":   {documents.Filing{From: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), Agenda: "dotace"}, 10},
		} {
			if got := narrowed(f.Filing); got != f.want {
				t.Errorf("narrowed by %s: %d, want %d", what, got, f.want)
			}
		}
		_, err := o.Search(o.ctx, drafter, documents.Search{Text: "smlouva", After: "nonsense"})
		o.refused(err, fault.Invalid, "documents.fault.page")
	})
}

// Passages of a text are read by who gets them.
func TestASearchThatShowsPassagesIsRecordedWithoutWhatWasAskedFor(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		o.indexed()
		o.finds(reader, "odstavec", "KULK 1/2026 text")
		_, err := o.store.Follow(o.ctx)
		o.ok(err)
		entries, reads, err := o.History(o.ctx, drafter, m.ID, 0)
		o.ok(err)
		if !reads || entries[0].Kind != "documents.searched" || entries[0].Actor != reader.ID {
			t.Errorf("the last entry is %+v", entries[0])
		}
		if n := o.count(`SELECT count(*) FROM journal_entry WHERE body LIKE '%odstav%' OR subject LIKE '%odstav%'`); n != 0 {
			t.Errorf("%d entries hold what was asked for", n)
		}
	})
}

// A text that cannot be read now does not keep the others from being indexed.
func TestOneUnreadableMaterialDoesNotHoldUpTheIndex(t *testing.T) {
	o := onSQLite(t)
	bad, good := o.material(sample), o.material(sample)
	_, err := o.store.Follow(o.ctx)
	o.ok(err)
	s := o.serve(o.store, unreadable{o.hub, bad.ID})
	if _, err := s.Reindex(o.ctx, o.clock().Add(time.Hour)); err == nil || !strings.Contains(err.Error(), string(bad.ID)) {
		t.Errorf("got %v, want the material named", err)
	}
	o.finds(drafter, "odstavec", good.Number+" text")
	o.later(time.Minute) // its lease runs out
	o.indexed()
	o.finds(drafter, "odstavec", good.Number+" text", bad.Number+" text")
}

type unreadable struct {
	documents.Hub
	bad documents.MaterialID
}

func (u unreadable) View(ctx context.Context, id documents.MaterialID) (any, error) {
	if id == u.bad {
		return nil, fault.Unavailable
	}
	return u.Hub.View(ctx, id)
}

// A text too large for the index is found by its beginning, and by its title.
func TestAVeryLongTextIsIndexedAsFarAsItGoes(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		var long strings.Builder
		for i := range 60_000 {
			fmt.Fprintf(&long, "slovo%dx ", i)
			if i%50 == 49 {
				long.WriteString("\n\n")
			}
		}
		m := o.material("Začátek zprávy.\n\n" + long.String())
		o.indexed()
		o.finds(drafter, "začátek", m.Number+" text")
		o.finds(drafter, "slovo20000x", m.Number+" text")
		o.finds(drafter, "Turnov", m.Number)
	})
}
