package meeting

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"spolupis/documents/body"
	"spolupis/security/access"
	"spolupis/security/fault"
)

func read(t *testing.T, md string) body.Body {
	t.Helper()
	b, err := body.Parse([]byte(md))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTheClausesAreReadOutOfTheDraft(t *testing.T) {
	for name, c := range map[string]struct{ md, want string }{
		"list with bold verbs": {"# Název\n\nUkládá se nic.\n\n## Návrh usnesení\n\nRada Libereckého kraje\n\n- **schvaluje** vyhlášení programu,\n- **ukládá** vedoucímu odboru zveřejnit program, termín: 15. 1. 2027.\n\n## Odpovědnost\n\nschvaluje nikdo\n",
			"schvaluje|vyhlášení programu,|; ukládá|vedoucímu odboru zveřejnit program|2027-01-15; "},
		"roman numerals and a paragraph each": {"## NÁVRH USNESENÍ\n\nRada kraje po projednání\n\nI. bere na vědomí\n\nzprávu o stavu mostů,\n\nII. doporučuje zastupitelstvu schválit dar,\n\nIII. Ukládá řediteli předložit zprávu do 31. 3. 2027\n",
			"bere na vědomí|zprávu o stavu mostů,|; doporučuje zastupitelstvu|schválit dar,|; ukládá|řediteli předložit zprávu do 31. 3. 2027|2027-03-31; "},
		"a day that does not exist": {"## Návrh usnesení\n\n- ukládá opravit most, termín: 31. 2. 2027\n", "ukládá|opravit most, termín: 31. 2. 2027|; "},
		"a longer word is no verb":  {"## Návrh usnesení\n\n- schvalujeme vše\n- zrušuje usnesení č. 5\n", "zrušuje|usnesení č. 5|; "},
		"deeper headings belong":    {"# Návrh usnesení\n\n## Výrok\n\nneschvaluje prodej\n\n# Termín\n\nschvaluje\n", "neschvaluje|prodej|; "},
		"no such part":              {"# Název\n\nschvaluje vše\n", ""},
	} {
		got := ""
		for _, x := range Draft(read(t, c.md)) {
			got += fmt.Sprintf("%s|%s|%s; ", x.Verb, x.Text, x.Due)
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

func TestAWordingIsMarkdownThatSaysWhatWasDecided(t *testing.T) {
	m := Meeting{Kind: Council, Number: 27, Year: 2026, On: "2026-12-08"}
	r := Resolution{Number: ResolutionNumber(m, 1531), Amendment: "místo 100 000 Kč\n90 000 Kč", Clauses: []Clause{
		{Verb: "schvaluje", Text: "dar *s hvězdičkou* | 90 000 Kč\npříloha č. 1"}, {Verb: Orders, Text: "vyplatit dar", Unit: "oe", Due: "2027-01-15"}}}
	if r.Number != "1531/27/2026/RK" {
		t.Errorf("number %s", r.Number)
	}
	md := Wording(m, r, "Dar_obci", Vote{9, 8, 6, 1, 1}, Names{Unit: func(c Clause) string { return "odbor ekonomický" }})
	text := read(t, string(md)).Text()
	for _, want := range []string{"Usnesení č. 1531/27/2026/RK", "Dar_obci", "Projednáno na 27. schůzi rady kraje dne 8. 12. 2026", "schvaluje dar *s hvězdičkou* | 90 000 Kč", "příloha č. 1",
		"Odpovědnost: odbor ekonomický. Termín: 15. 1. 2027", "Změna přijatá při projednání: místo 100 000 Kč 90 000 Kč", "pro 6, proti 1, zdrželo se 1, přítomno 8 z 9 členů"} {
		if !strings.Contains(text, want) {
			t.Errorf("the wording lacks %q:\n%s", want, text)
		}
	}
}

func TestAMajorityIsOneOfAllMembers(t *testing.T) {
	for _, c := range []struct {
		v              Vote
		quorum, passed bool
	}{{Vote{9, 5, 5, 0, 0}, true, true}, {Vote{9, 5, 4, 0, 1}, true, false}, {Vote{9, 4, 4, 0, 0}, false, false}, {Vote{45, 23, 22, 0, 1}, true, false},
		{Vote{45, 23, 23, 0, 0}, true, true}, {Vote{10, 5, 5, 0, 0}, false, false}, {Vote{}, false, false}} {
		if c.v.Quorum() != c.quorum || c.v.Passed() != c.passed {
			t.Errorf("%+v: quorum %v, passed %v", c.v, c.v.Quorum(), c.v.Passed())
		}
	}
	for _, v := range []Vote{{9, 10, 1, 1, 1}, {9, 5, 3, 2, 1}, {9, 5, -1, 2, 1}} {
		if !errors.Is(v.Check(), fault.Invalid) {
			t.Errorf("%+v passes", v)
		}
	}
}

func TestTenDaysOfNoticeAreCountedInDaysOfTheOffice(t *testing.T) {
	m := Meeting{Kind: Assembly, On: "2027-03-30"} // the clock changes on 28 March
	for at, want := range map[string]int{"2027-03-19T23:30:00+01:00": 11, "2027-03-20T00:30:00+01:00": 10, "2027-03-21T12:00:00+01:00": 9} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Notice(now); got != want {
			t.Errorf("at %s: %d days, want %d", at, got, want)
		}
	}
}

func TestTheReportTakesTheTasksOfItsHalfYear(t *testing.T) {
	at := func(d access.Day) time.Time { return d.Time().Add(12 * time.Hour) }
	h := HalfYear{2026, 2}
	for name, c := range map[string]struct {
		t    Task
		want bool
	}{
		"due in it":              {Task{State: Open, MadeAt: at("2026-05-01"), Due: "2026-12-31"}, true},
		"due after it":           {Task{State: Open, MadeAt: at("2026-08-01"), Due: "2027-01-01"}, false},
		"open from before":       {Task{State: Open, MadeAt: at("2025-01-01"), Due: "2025-06-30"}, true},
		"done in it, due before": {Task{State: Done, MadeAt: at("2026-01-01"), Due: "2026-06-30", ClosedAt: at("2026-07-01")}, true},
		"done before it":         {Task{State: Done, MadeAt: at("2026-01-01"), Due: "2026-05-30", ClosedAt: at("2026-06-01")}, false},
		"made after it":          {Task{State: Open, MadeAt: at("2027-01-05"), Due: "2026-12-31"}, false},
	} {
		if h.Belongs(c.t) != c.want {
			t.Errorf("%s: %v", name, !c.want)
		}
	}
	tasks := []Task{{Number: "1/1/2026/RK", Text: "opravit | most", Unit: "oi", Due: "2026-10-01", State: Open}, {Number: "2/1/2026/RK", Text: "zpráva", Due: "2026-12-01", State: Done, Proof: "č. j. 5", ClosedAt: at("2026-11-30"), ExtendedBy: "9/2/2026/RK"}}
	md := Report(h, Council, tasks, "2026-12-15", Names{Unit: func(c Clause) string { return string(c.Unit) }})
	b := read(t, string(md))
	text := b.Text()
	for _, want := range []string{"Zpráva o plnění usnesení rady kraje za 2. pololetí 2026", "celkem úkolů: 2", "po termínu: 1", "opravit | most", "po termínu", "splněno 30. 11. 2026", "1. 12. 2026 (prodloužen usnesením č. 9/2/2026/RK)", "č. j. 5"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	cells := 0
	for _, x := range b.Blocks {
		if x.Cell != nil {
			cells++
		}
	}
	if cells < 18 {
		t.Errorf("%d cells, want a table of three rows", cells)
	}
	if c := Draft(b); len(c) != 1 || c[0].Verb != "bere na vědomí" {
		t.Errorf("its own resolution is %+v", c)
	}
}

func TestClausesOfAnOrderSayWhoAndWhen(t *testing.T) {
	ok := Clause{Verb: Orders, Text: "x", Unit: "oi", Due: "2027-01-01"}
	for key, c := range map[string]Clause{"verb": {Verb: "přeje si", Text: "x"}, "clause_text": {Verb: "schvaluje", Text: " "}, "clause_who": {Verb: Orders, Text: "x", Due: "2027-01-01"}, "clause_due": {Verb: Orders, Text: "x", Unit: "oi", Due: "zítra"}} {
		if err := Check([]Clause{ok, c}); fault.Of(err).Key != "meeting.fault."+key || fault.Of(err).Args[0] != 2 {
			t.Errorf("%s: %v", key, err)
		}
	}
	if err := Check(nil); fault.Of(err).Key != "meeting.fault.clauses" {
		t.Error(err)
	}
	if err := Check([]Clause{ok}); err != nil {
		t.Error(err)
	}
}
