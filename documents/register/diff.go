package register

import (
	"slices"
	"strconv"
	"strings"
)

// Change is one field of an entry that has another value than before. Of names
// the item or phase it belongs to, "" for the entry itself.
type Change struct {
	Field    string // dictionary key "register.field.<Field>"
	Of       string
	Phase    Phase // when Of is a phase
	Old, New string
}

// fact is one field of an entry as a word.
type fact struct {
	field, of string
	phase     Phase
	value     string
}

func (f fact) id() string { return f.field + "\x00" + f.of + "\x00" + string(f.phase) }

// Diff lists the fields that differ, in the order of an entry.
func Diff(old, new Entry) []Change {
	before, after := facts(old), facts(new)
	was := map[string]string{}
	for _, f := range before {
		was[f.id()] = f.value
	}
	is := map[string]bool{}
	var out []Change
	for _, f := range after {
		is[f.id()] = true
		if was[f.id()] != f.value {
			out = append(out, Change{f.field, f.of, f.phase, was[f.id()], f.value})
		}
	}
	for _, f := range before {
		if !is[f.id()] && f.value != "" {
			out = append(out, Change{f.field, f.of, f.phase, f.value, ""})
		}
	}
	return out
}

// facts lists every field of an entry. Items are told apart by key and called
// by what people see of them; one that is renamed shows as its new name.
func facts(e Entry) []fact {
	var out []fact
	add := func(field, value string) { out = append(out, fact{field: field, value: value}) }
	add("name", e.Name)
	add("kind", e.Kind)
	add("unit", string(e.Unit))
	add("materials", string(e.Materials))
	add("legal", e.Legal)
	add("systems", e.Systems)
	add("channels", strings.Join(e.Channels, ", "))
	add("channel_note", e.ChannelNote)
	add("volume", count(e.Volume))
	add("volume_source", e.VolumeSource)
	add("only", yes(e.Only))
	add("mandate", e.Mandate.Document)
	add("mandate_by", e.Mandate.By)
	add("mandate_on", string(e.Mandate.On))
	add("mandate_from", string(e.Mandate.From))
	add("mandate_exceptions", e.Mandate.Exceptions)
	add("year", count(e.Year))
	add("note", e.Note)
	add("closed", yes(e.Closed))
	for _, p := range Phases {
		s := e.Steps[p]
		for _, f := range []fact{{"step_state", "", p, string(s.State)}, {"step_system", "", p, s.System}, {"step_minutes", "", p, amount(s.Minutes)},
			{"step_pages", "", p, count(s.Pages)}, {"step_wet", "", p, yes(s.Wet)}, {"step_note", "", p, s.Note}} {
			out = append(out, f)
		}
	}
	for _, x := range e.Signatures {
		out = append(out, fact{"signature", x.Key, "", line(x.Document, string(x.Phase), x.Level, x.Reason)})
	}
	for _, x := range e.Barriers {
		out = append(out, fact{"barrier", x.Key, "", line(x.Text, x.Type, x.Side, string(x.Phase), x.Law, string(x.Unit), string(x.Owner), string(x.Due), x.Status, x.Resolution)})
	}
	for _, x := range e.Alternatives {
		out = append(out, fact{"alternative", x.Key, "", line(x.Tool, amount(x.Minutes), count(x.Clicks), count(x.Cost), x.Pros, x.Cons, x.Decision, x.By, string(x.On), x.Reason)})
	}
	for _, x := range e.Savings {
		out = append(out, fact{"saving", x.Key, "", line(x.What, string(x.Event), amount(x.Minutes), amount(x.Pages), count(x.Yearly), string(x.Since), x.Method)})
	}
	return out
}

func line(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " · ")
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func amount(x float64) string {
	if x == 0 {
		return ""
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}
