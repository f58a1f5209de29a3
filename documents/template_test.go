package documents_test

import (
	"slices"
	"strings"
	"testing"

	"spolupis/collab/crdt"
	"spolupis/documents"
	"spolupis/documents/body"
	"spolupis/security"
	"spolupis/security/fault"
)

// live is the text of a material as the room has it, markers and all.
func (o *office) live(id documents.MaterialID) body.Body {
	o.t.Helper()
	b, err := o.Text(o.ctx, drafter, id)
	o.ok(err)
	return b
}

func templated(o *office) documents.Material {
	o.t.Helper()
	o.ok(o.EnsureTemplates(o.ctx))
	m, err := o.Create(o.ctx, drafter, documents.NewMaterial{Title: "Oprava mostu", Agenda: "rada", Template: "rada"})
	o.ok(err)
	return m
}

func whys(lacks []documents.Lack) (out []string) {
	for _, l := range lacks {
		out = append(out, string(l.Part)+" "+l.Why)
	}
	return out
}

func TestAMaterialBeginsWithThePartsOfItsTemplate(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := templated(o)
		if m.Number != "KULK 1/2026" || m.State != documents.Draft {
			t.Errorf("material %+v", m)
		}
		sections := documents.Parts(o.live(m.ID))
		var kinds []documents.PartKind
		for _, s := range sections {
			kinds = append(kinds, s.Part)
		}
		if !slices.Equal(kinds, documents.AllParts) {
			t.Errorf("parts %v, want %v", kinds, documents.AllParts)
		}
		if got := sections[0].Body.Text(); got != "Oprava mostu" {
			t.Errorf("title %q", got)
		}
		if got := sections[1].Body.Text(); !strings.HasPrefix(got, "Jan") && !strings.Contains(got, ",") {
			t.Errorf("drafted by %q, want name and department", got)
		}
		lacks, made, err := o.Lacks(o.ctx, drafter, m.ID)
		o.ok(err)
		if want := []string{"submitter empty", "problem empty", "solution empty", "opinions empty", "resolution empty", "responsibility empty", "deadline empty"}; !made || !slices.Equal(whys(lacks), want) {
			t.Errorf("lacks %v, want %v", whys(lacks), want)
		}
		for _, l := range lacks {
			if l.Block == "" {
				t.Errorf("%s leads nowhere", l.Part)
			}
		}
		if got := o.happened("document:" + string(m.ID)); !slices.Contains(got, "documents.from_template") {
			t.Errorf("journal has %v", got)
		}
		// One without a template lacks nothing.
		plain := o.material(sample)
		if lacks, made, err := o.Lacks(o.ctx, drafter, plain.ID); made || len(lacks) > 0 || err != nil {
			t.Errorf("without a template: %v, %v, %v", lacks, made, err)
		}
	})
}

func TestAPartStaysWhatItIsWhateverPeopleDoToItsHeading(t *testing.T) {
	for name, change := range map[string]func(t *crdt.Text){
		"renamed": func(x *crdt.Text) {
			i := index(x, "Návrh usnesení")
			x.Delete(i, len([]rune("Návrh usnesení")))
			x.Insert(i, "Rada ať rozhodne", nil)
		},
		"a paragraph": func(x *crdt.Text) { marker(x, "resolution").Set("kind", "p") },
		"level three": func(x *crdt.Text) { marker(x, "resolution").Set("level", int64(3)) },
		"no words":    func(x *crdt.Text) { i := index(x, "Návrh usnesení"); x.Delete(i, len([]rune("Návrh usnesení"))) },
		"split": func(x *crdt.Text) {
			x.InsertMap(index(x, "Návrh usnesení")+5, map[string]any{"kind": "h", "level": int64(2)}, crdt.Attrs{})
		},
	} {
		o := onSQLite(t)
		m := templated(o)
		before, ok := documents.PartOf(o.live(m.ID), documents.PartResolution)
		if !ok {
			t.Fatal("no resolution")
		}
		o.edit(m.ID, change)
		o.edit(m.ID, func(x *crdt.Text) {
			i := index(x, "[Jednotlivé výroky")
			x.Insert(i, "schvaluje opravu mostu a ", nil)
		})
		after, ok := documents.PartOf(o.live(m.ID), documents.PartResolution)
		if !ok || after.Block != before.Block || !strings.Contains(after.Body.Text(), "schvaluje opravu mostu") {
			t.Errorf("%s: %v, heading %q, block %s then %s, text %q", name, ok, after.Heading, before.Block, after.Block, after.Body.Text())
		}
		v, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		if clauses, err := o.Proposed(o.ctx, drafter, v.ID); err != nil || len(clauses) != 1 || clauses[0].Verb != "schvaluje" {
			t.Errorf("%s: the resolution has clauses %+v, %v", name, clauses, err)
		}
	}
}

// marker is the marker of a part's heading.
func marker(x *crdt.Text, part string) *crdt.Map {
	for _, op := range x.Delta() {
		if op.Map != nil {
			if p, _ := op.Map.Get("part"); p == part {
				return op.Map
			}
		}
	}
	return nil
}

func TestOnlyAWholeMaterialCanBeSubmitted(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := templated(o)
		o.edit(m.ID, func(x *crdt.Text) {
			for guide, text := range map[string]string{"Kdo materiál": "Jana Nová, radní", "Co je potřeba": "Most je ve špatném stavu.", "Co se navrhuje": "Opravit.", "Která místa": "Odbor právní souhlasí.",
				"Kdo odpovídá": "odbor dopravy", "Do kdy se": "31. 12. 2026"} {
				x.Insert(index(x, guide), text+" ", nil)
			}
		})
		v, err := o.Freeze(o.ctx, drafter, m.ID) // a baseline for comments may lack something
		o.ok(err)
		route := documents.Route{Approvers: []documents.Group{{Members: []security.ActorID{"p-karel"}, Rule: documents.All}}}
		_, err = o.StartRoute(o.ctx, drafter, v.ID, route)
		o.refused(err, fault.Conflict, "documents.fault.parts")
		if args := fault.Of(err).Args; len(args) != 1 || args[0] != "Návrh usnesení" {
			t.Errorf("names %v", args)
		}
		o.ok(o.OpenDraft(o.ctx, drafter, m.ID))
		o.edit(m.ID, func(x *crdt.Text) { x.Insert(index(x, "Jednotlivé výroky"), "schvaluje opravu. ", nil) })
		if lacks, _, err := o.Lacks(o.ctx, drafter, m.ID); err != nil || len(lacks) > 0 {
			t.Errorf("lacks %v, %v", whys(lacks), err)
		}
		// What the guide says must not become a clause.
		o.edit(m.ID, func(x *crdt.Text) {
			x.InsertMap(index(x, "Jednotlivé výroky"), map[string]any{"kind": "p"}, crdt.Attrs{})
		})
		lacks, _, err := o.Lacks(o.ctx, drafter, m.ID)
		o.ok(err)
		if got := whys(lacks); !slices.Equal(got, []string{"resolution guide"}) {
			t.Errorf("lacks %v", got)
		}
		// A part taken out is named, and so is one that stands twice.
		o.edit(m.ID, func(x *crdt.Text) { marker(x, "deadline").Delete("part"); marker(x, "solution").Set("part", "problem") })
		o.edit(m.ID, func(x *crdt.Text) { i := index(x, "Termín"); x.Delete(i, 6) })
		lacks, _, err = o.Lacks(o.ctx, drafter, m.ID)
		o.ok(err)
		if got := whys(lacks); !slices.Contains(got, "deadline missing") || !slices.Contains(got, "problem twice") {
			t.Errorf("lacks %v", got)
		}
	})
}

func TestTheTextOfAFileIsCheckedByItsHeadings(t *testing.T) {
	o := onSQLite(t)
	o.ok(o.EnsureTemplates(o.ctx))
	md := "# Oprava mostu\n\n## Zpracoval\n\nx\n\n## Předkládá:\n\nx\n\n## POPIS PROBLÉMU\n\nx\n\n### Podrobnosti\n\ny\n\n## Návrh řešení\n\n### Jen nadpis\n\n## Stanoviska\n\nx\n\n## Návrh usnesení\n\nschvaluje\n\n# Příloha\n\nz\n"
	m, err := o.Import(o.ctx, drafter, documents.NewMaterial{Title: "Oprava", Agenda: "rada", Template: "zastupitelstvo"}, []byte(md))
	o.ok(err)
	lacks, made, err := o.Lacks(o.ctx, drafter, m.ID)
	o.ok(err)
	if want := []string{"solution empty", "responsibility missing", "deadline missing"}; !made || !slices.Equal(whys(lacks), want) {
		t.Errorf("lacks %v, want %v", whys(lacks), want)
	}
	text := o.live(m.ID)
	for part, want := range map[documents.PartKind]string{documents.PartTitle: "Oprava mostu", documents.PartProblem: "x\nPodrobnosti\ny", documents.PartResolution: "schvaluje"} {
		if s, ok := documents.PartOf(text, part); !ok || s.Body.Text() != want {
			t.Errorf("%s is %q, want %q", part, s.Body.Text(), want)
		}
	}
	_, err = o.Import(o.ctx, drafter, documents.NewMaterial{Title: "Oprava", Agenda: "rada", Template: "nic"}, []byte(md))
	o.refused(err, fault.Invalid, "documents.fault.template_missing")
}

func TestTemplatesAreKeptInVersions(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := templated(o)
		k, err := o.Template(o.ctx, drafter, "rada")
		o.ok(err)
		k.Parts = k.Parts[:2]
		_, err = o.SetTemplate(o.ctx, drafter, k.Version, k.Template)
		o.refused(err, fault.Denied, "fault.denied")
		_, err = o.SetTemplate(o.ctx, admin, 0, k.Template)
		o.refused(err, fault.Conflict, "documents.fault.template_exists")
		_, err = o.SetTemplate(o.ctx, admin, k.Version, k.Template)
		o.ok(err)
		_, err = o.SetTemplate(o.ctx, admin, k.Version, k.Template)
		o.refused(err, fault.Conflict, "documents.fault.template_changed")
		if lacks, _, err := o.Lacks(o.ctx, drafter, m.ID); err != nil || len(lacks) != 7 {
			t.Errorf("an older material lacks %v, %v: it follows another template now", whys(lacks), err)
		}
		again, err := o.Create(o.ctx, drafter, documents.NewMaterial{Title: "Druhý", Agenda: "rada", Template: "rada"})
		o.ok(err)
		if n := len(documents.Parts(o.live(again.ID))); n != 2 {
			t.Errorf("%d parts from the new version, want 2", n)
		}
		k.Version, k.Agendas = 2, []documents.AgendaID{"dotace"}
		_, err = o.SetTemplate(o.ctx, admin, 2, k.Template)
		o.ok(err)
		_, err = o.Create(o.ctx, drafter, documents.NewMaterial{Title: "Třetí", Agenda: "rada", Template: "rada"})
		o.refused(err, fault.Invalid, "documents.fault.template_missing")
	})
}
