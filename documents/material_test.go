package documents_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"spolupis/collab"
	"spolupis/collab/crdt"
	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/fault"
)

func TestAMaterialIsBornNumberedAndOwnedByItsDrafter(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		first, err := o.Create(o.ctx, drafter, documents.NewMaterial{Title: "  Oprava   mostu ", Agenda: "rada"})
		o.ok(err)
		second, err := o.Create(o.ctx, drafter, documents.NewMaterial{Title: "Druhý", Agenda: "rada"})
		o.ok(err)
		other, err := o.Create(o.ctx, drafter, documents.NewMaterial{Title: "Třetí", Agenda: "dotace"})
		o.ok(err)
		for got, want := range map[string]string{first.Number: "KULK 1/2026", second.Number: "KULK 2/2026", other.Number: "DOT-2026-0001", first.Title: "Oprava mostu"} {
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		o.ok(o.Rename(o.ctx, drafter, first.ID, "Oprava mostu v Turnově"))
		o.refused(o.Rename(o.ctx, reader, first.ID, "Cizí"), fault.NotFound, "fault.not_found")
		if got := o.happened("document:" + string(first.ID)); !slices.Contains(got, "documents.created") || !slices.Contains(got, "access.right_granted") {
			t.Errorf("journal has %v", got)
		}
	})
}

func TestNumbersAreUniqueWhenManyCreateAtOnce(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		var wg sync.WaitGroup
		numbers := make([]string, 12)
		for i := range numbers {
			wg.Go(func() {
				m, err := o.Create(o.ctx, drafter, documents.NewMaterial{Title: "Souběžně", Agenda: "rada"})
				if err != nil {
					t.Error(err)
				}
				numbers[i] = m.Number
			})
		}
		wg.Wait()
		slices.Sort(numbers)
		if got := len(slices.Compact(numbers)); got != 12 {
			t.Errorf("%d different numbers, want 12: %v", got, numbers)
		}
	})
}

func TestNumbersStartAgainEachYear(t *testing.T) {
	o := onSQLite(t)
	for range 2 {
		_, err := o.Create(o.ctx, drafter, documents.NewMaterial{Title: "Letošní", Agenda: "rada"})
		o.ok(err)
	}
	o.later(60 * 24 * time.Hour)
	m, err := o.Create(o.ctx, drafter, documents.NewMaterial{Title: "Další rok", Agenda: "rada"})
	o.ok(err)
	if m.Number != "KULK 1/2027" {
		t.Errorf("number %q, want KULK 1/2027", m.Number)
	}
}

func TestCreatingIsRefusedWithOneSentence(t *testing.T) {
	o := onSQLite(t)
	for _, c := range []struct {
		who  security.Actor
		in   documents.NewMaterial
		kind fault.Kind
		key  string
	}{
		{drafter, documents.NewMaterial{Title: " ", Agenda: "rada"}, fault.Invalid, "documents.fault.title_empty"},
		{drafter, documents.NewMaterial{Title: strings.Repeat("x", 301), Agenda: "rada"}, fault.Invalid, "documents.fault.title_long"},
		{drafter, documents.NewMaterial{Title: "x", Agenda: "none"}, fault.Invalid, "documents.fault.agenda_missing"},
		{drafter, documents.NewMaterial{Title: "x", Agenda: "rada", Participants: []documents.Participant{{Subject: "user:p-jan", Relation: "king"}}}, fault.Invalid, "documents.fault.participant"},
		{reader, documents.NewMaterial{Title: "x", Agenda: "rada"}, fault.Denied, "fault.denied"},
	} {
		_, err := o.Create(o.ctx, c.who, c.in)
		o.refused(err, c.kind, c.key)
	}
	o.refused(o.CreateAgenda(o.ctx, admin, documents.Agenda{ID: "x", Name: "X", Numbering: "BEZ/{year}"}), fault.Invalid, "documents.fault.agenda_numbering")
	o.refused(o.CreateAgenda(o.ctx, admin, documents.Agenda{ID: "rada", Name: "X", Numbering: "A {n}/{year}"}), fault.Conflict, "documents.fault.agenda_exists")
	o.refused(o.CreateAgenda(o.ctx, drafter, documents.Agenda{ID: "y", Name: "Y", Numbering: "A {n}/{year}"}), fault.Denied, "fault.denied")
}

func TestImportBringsTheTextOver(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		if got := o.text(m.ID); !strings.Contains(got, "4 250 000 Kč") || !strings.HasPrefix(got, "Oprava mostu") {
			t.Errorf("text is %q", got)
		}
		if m.State != documents.Draft || m.Number != "KULK 1/2026" {
			t.Errorf("material %+v", m)
		}
		if got := o.happened("document:" + string(m.ID)); !slices.Contains(got, "documents.imported") {
			t.Errorf("journal has %v", got)
		}
	})
}

func TestABrokenImportNamesTheLineAndLeavesNothing(t *testing.T) {
	o := onSQLite(t)
	for text, key := range map[string]string{
		"":                                    "documents.fault.import_empty",
		"dobrý řádek\n\nšpatný\x00zn":         "documents.fault.import_binary",
		"dobrý řádek\n\nšpatný \xff zn":       "documents.fault.import_utf8",
		"a\n\n" + strings.Repeat("x", 70<<10): "documents.fault.import_line",
	} {
		_, err := o.Import(o.ctx, drafter, documents.NewMaterial{Title: "x", Agenda: "rada"}, []byte(text))
		o.refused(err, fault.Invalid, key)
		if args := fault.Of(err).Args; text != "" && args[0] != 3 {
			t.Errorf("%s names line %v, want 3", key, args)
		}
	}
	if n := o.count(`SELECT count(*) FROM documents_material`); n != 0 {
		t.Errorf("%d materials were left behind", n)
	}
}

// brokenHub fails edits.
type brokenHub struct{ documents.Hub }

func (brokenHub) Edit(context.Context, security.Actor, documents.MaterialID, func(*crdt.Doc) error) (collab.Head, error) {
	return collab.Head{}, errors.New("disk full")
}

func TestAnImportThatFailsHalfwayLeavesNothing(t *testing.T) {
	o := onSQLite(t)
	s := o.serve(o.store, brokenHub{o.hub})
	_, err := s.Import(o.ctx, drafter, documents.NewMaterial{Title: "x", Agenda: "rada"}, []byte(sample))
	if err == nil {
		t.Fatal("import succeeded")
	}
	for _, table := range []string{"documents_material", "documents_participant", "documents_intent"} {
		if n := o.count(`SELECT count(*) FROM ` + table); n != 0 {
			t.Errorf("%d rows left in %s", n, table)
		}
	}
	if m := o.material(sample); m.Number != "KULK 1/2026" {
		t.Errorf("the failed import took a number: next is %s", m.Number)
	}
}

func TestTheListShowsEachOneHisOwnPageByPage(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		var mine []documents.MaterialID
		for i := range 7 {
			m, err := o.Create(o.ctx, drafter, documents.NewMaterial{Title: fmt.Sprintf("Oprava silnice č. %d", i), Agenda: "rada"})
			o.ok(err)
			mine = append(mine, m.ID)
		}
		secret, err := o.Create(o.ctx, security.Actor{ID: "p-other", Roles: []security.Role{security.Drafter}}, documents.NewMaterial{Title: "Cizí", Agenda: "dotace"})
		o.ok(err)
		var got []documents.MaterialID
		q := documents.Query{Limit: 3}
		for {
			page, err := o.List(o.ctx, drafter, q)
			o.ok(err)
			for _, m := range page.Materials {
				got = append(got, m.ID)
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		slices.Reverse(mine)
		if !slices.Equal(got, mine) {
			t.Errorf("listed %v, want %v without %s", got, mine, secret.ID)
		}
		for text, want := range map[string]int{"SILNICE c. 3": 2, "kulk 2/2026": 1, "oprava": 7, "100%": 0, "cizi": 0} {
			page, err := o.List(o.ctx, drafter, documents.Query{Text: text})
			o.ok(err)
			if len(page.Materials) != want {
				t.Errorf("%q finds %d, want %d", text, len(page.Materials), want)
			}
		}
		for _, c := range []struct {
			q    documents.Query
			want int
		}{{documents.Query{State: documents.Frozen}, 0}, {documents.Query{State: documents.Draft}, 7}, {documents.Query{Agenda: "dotace"}, 0}, {documents.Query{Unit: "doprava"}, 7}} {
			page, err := o.List(o.ctx, drafter, c.q)
			o.ok(err)
			if len(page.Materials) != c.want {
				t.Errorf("%+v finds %d, want %d", c.q, len(page.Materials), c.want)
			}
		}
		_, err = o.List(o.ctx, drafter, documents.Query{After: "x"})
		o.refused(err, fault.Invalid, "documents.fault.page")
	})
}

func TestAListOfTenThousandIsPagedByItsIndex(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		tx, err := o.db.BeginTx(o.ctx, nil)
		o.ok(err)
		for i := range 10_000 {
			_, err := tx.ExecContext(o.ctx, `
				INSERT INTO documents_material (id, number, title, folded, agenda, unit, drafter, state, draft, current, created_at, changed_at)
				VALUES ($1, $2, $3, $4, 'rada', 'doprava', 'p-eva', $5, 1, '', 1, $6)`,
				fmt.Sprintf("m-%05d", i), fmt.Sprintf("N %d", i), "Materiál", "material", documents.States[i%5], 1+i/3)
			o.ok(err)
		}
		o.ok(tx.Commit())
		_, err = o.db.ExecContext(o.ctx, `INSERT INTO access_tuple (object, relation, subject) VALUES ('agenda:rada', 'reader', 'unit:doprava')`)
		o.ok(err)
		_, err = o.db.ExecContext(o.ctx, `INSERT INTO access_link (child, parent) SELECT 'document:' || id, 'agenda:rada' FROM documents_material`)
		o.ok(err)
		seen := map[documents.MaterialID]bool{}
		// One state in ten pages; all ten thousand take fifty, for deep runs, and
		// the race detector, under which SQLite is fifty times slower, three.
		q, want, pages := documents.Query{Limit: 200, State: documents.Draft}, 2000, 100
		if os.Getenv("SPOLUPIS_DEEP") == "1" {
			q.State, want = "", 10_000
		}
		if race {
			want, pages = 600, 3
		}
		for range pages {
			page, err := o.List(o.ctx, head, q)
			o.ok(err)
			for _, m := range page.Materials {
				if seen[m.ID] {
					t.Fatalf("%s twice", m.ID)
				}
				seen[m.ID] = true
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		if len(seen) != want {
			t.Errorf("paged through %d, want %d", len(seen), want)
		}
	})
}
