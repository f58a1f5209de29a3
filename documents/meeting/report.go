package meeting

import (
	"fmt"
	"strings"
	"time"

	"spolupis/security/access"
)

// HalfYear is the span of a report on fulfilment.
type HalfYear struct {
	Year int
	Half int // 1 or 2
}

// HalfYearOf is the half of the year that a day lies in.
func HalfYearOf(d access.Day) HalfYear {
	t := d.Time()
	h := HalfYear{t.Year(), 1}
	if t.Month() > time.June {
		h.Half = 2
	}
	return h
}

// Days are the first and the last day.
func (h HalfYear) Days() (first, last access.Day) {
	if h.Half == 1 {
		return access.Day(fmt.Sprintf("%04d-01-01", h.Year)), access.Day(fmt.Sprintf("%04d-06-30", h.Year))
	}
	return access.Day(fmt.Sprintf("%04d-07-01", h.Year)), access.Day(fmt.Sprintf("%04d-12-31", h.Year))
}

// Valid reports whether h is a half of a year at all.
func (h HalfYear) Valid() bool {
	return h.Year >= 1990 && h.Year <= 2200 && (h.Half == 1 || h.Half == 2)
}

// Title is the title of the report.
func (h HalfYear) Title(k Kind) string {
	which := "1."
	if h.Half == 2 {
		which = "2."
	}
	of := "rady kraje"
	if k == Assembly {
		of = "zastupitelstva kraje"
	}
	return fmt.Sprintf("Zpráva o plnění usnesení %s za %s pololetí %d", of, which, h.Year)
}

// Belongs reports whether a task is part of the report: due in the half-year,
// closed in it, or still open from before.
func (h HalfYear) Belongs(t Task) bool {
	first, last := h.Days()
	closed := access.Day("")
	if !t.ClosedAt.IsZero() {
		closed = access.DayOf(t.ClosedAt)
	}
	switch {
	case access.DayOf(t.MadeAt) > last:
		return false
	case t.Due >= first && t.Due <= last:
		return true
	case closed != "":
		return closed >= first && closed <= last
	}
	return t.Due <= last
}

// Report is the report on fulfilment as a material: what it is about, a table
// of tasks, and a proposal of the resolution. It is a beginning, to be worked on.
func Report(h HalfYear, k Kind, tasks []Task, today access.Day, names Names) []byte {
	var b strings.Builder
	count := map[TaskState]int{}
	overdue, extended := 0, 0
	for _, t := range tasks {
		count[t.State]++
		if t.Overdue(today) {
			overdue++
		}
		if t.ExtendedBy != "" {
			extended++
		}
	}
	fmt.Fprintf(&b, "# %s\n\n## Popis problému\n\n", h.Title(k))
	first, last := h.Days()
	fmt.Fprintf(&b, "Zpráva shrnuje úkoly uložené usneseními, které měly být splněny nebo byly uzavřeny od %s do %s, a starší úkoly, které trvají. ", Date(first), Date(last))
	fmt.Fprintf(&b, "Stav ke dni %s.\n\n", Date(today))
	fmt.Fprintf(&b, "- celkem úkolů: %d\n- splněno: %d\n- v plnění: %d, z toho po termínu: %d\n- zrušeno usnesením: %d\n- prodloužen termín: %d\n\n", len(tasks), count[Done], count[Open], overdue, count[Cancelled], extended)
	b.WriteString("## Přehled úkolů\n\n")
	if len(tasks) == 0 {
		b.WriteString("V tomto období nebyl žádný úkol.\n\n")
	} else {
		b.WriteString("| Usnesení | Úkol | Odpovědnost | Termín | Stav | Doložení |\n| --- | --- | --- | --- | --- | --- |\n")
		for _, t := range tasks {
			c := Clause{Unit: t.Unit, Person: t.Person}
			due := Date(t.Due)
			if t.ExtendedBy != "" {
				due += " (prodloužen usnesením č. " + t.ExtendedBy + ")"
			}
			proof := t.Proof
			if proof == "" {
				proof = "–"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", plain(t.Number), plain(t.Text), plain(names.who(c)), plain(due), state(t, today), plain(proof))
		}
		b.WriteString("\n")
	}
	b.WriteString("## Návrh řešení\n\nVzít zprávu na vědomí.\n\n## Návrh usnesení\n\n")
	fmt.Fprintf(&b, "%s\n\n- **bere na vědomí** %s.\n", bodies[k], lower(h.Title(k)))
	return []byte(b.String())
}

func lower(s string) string { return "z" + strings.TrimPrefix(s, "Z") } // Zpráva … in the middle of a sentence

func state(t Task, today access.Day) string {
	switch {
	case t.State == Done:
		return "splněno " + Date(access.DayOf(t.ClosedAt))
	case t.State == Cancelled:
		return "zrušeno"
	case t.Overdue(today):
		return "**po termínu**"
	}
	return "v plnění"
}
