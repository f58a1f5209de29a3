package register

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"spolupis/documents"
	"spolupis/security"
)

// Limits of an import, tested.
const (
	MaxFiles  = 10
	MaxFile   = 1 << 20 // bytes
	MaxRows   = 5000    // of one file
	maxCell   = 10_000  // bytes
	maxErrors = 100     // named; the rest is counted
)

// File is one CSV file as it came.
type File struct {
	Name  string
	Bytes []byte
}

// RowError is what is wrong where. Line is that of the file, from 1.
type RowError struct {
	File   string
	Line   int
	Column string // its header, "" for the whole row
	Key    string // dictionary key of the sentence
	Args   []any
}

// Table is one kind of file.
type Table string

// The tables of an export. An import takes any of them, in any order.
const (
	AgendaTable      Table = "agendy"
	PhaseTable       Table = "faze"
	SignatureTable   Table = "podpisy"
	BarrierTable     Table = "prekazky"
	AlternativeTable Table = "alternativy"
	SavingTable      Table = "uspory"
	PlanTable        Table = "plan"
)

// Tables in the order they are offered.
var Tables = []Table{AgendaTable, PhaseTable, SignatureTable, BarrierTable, AlternativeTable, SavingTable, PlanTable}

// directory resolves units and people of a file by name.
type directory struct {
	units  map[security.UnitID]string
	folded map[string]security.UnitID                   // by folded id and name
	logins map[security.ActorID]string                  // of those met
	person func(login string) (security.ActorID, error) // "" for nobody of that login
	login  func(id security.ActorID) string
}

// record is what one line of a table is about: the entry, and the item or the
// milestone the line stands for.
type record struct {
	dir         *directory
	entry       *Entry
	phase       Phase
	step        Step
	signature   Signature
	barrier     Barrier
	alternative Alternative
	saving      Saving
	milestone   Milestone
	plan        *Plan
}

// column reads and writes one field.
type column struct {
	name string
	get  func(r *record) string
	set  func(r *record, s string) error
}

// tables say which columns a file of each kind has. The first is required in
// all of them; the others may be missing and then stay as they are.
var tables map[Table][]column

func init() {
	code := column{"kód", func(r *record) string { return string(r.entry.ID) }, nil}
	agenda := []column{code,
		text("název", func(r *record) *string { return &r.entry.Name }),
		word("druh", "kind", func(r *record) *string { return &r.entry.Kind }),
		{"útvar", func(r *record) string { return r.dir.unit(r.entry.Unit) }, func(r *record, s string) (err error) { r.entry.Unit, err = r.dir.unitOf(s); return err }},
		{"agenda materiálů", func(r *record) string { return string(r.entry.Materials) }, func(r *record, s string) error { r.entry.Materials = documents.AgendaID(s); return nil }},
		text("právní základ", func(r *record) *string { return &r.entry.Legal }),
		text("systémy", func(r *record) *string { return &r.entry.Systems }),
		{"způsoby komunikace", func(r *record) string { return many("channel", r.entry.Channels) }, func(r *record, s string) (err error) {
			r.entry.Channels, err = manyOf("channel", s)
			return err
		}},
		text("poznámka ke komunikaci", func(r *record) *string { return &r.entry.ChannelNote }),
		number("dokumentů ročně", func(r *record) *int { return &r.entry.Volume }),
		text("zdroj počtu", func(r *record) *string { return &r.entry.VolumeSource }),
		flag("pouze elektronicky", func(r *record) *bool { return &r.entry.Only }),
		text("pověření", func(r *record) *string { return &r.entry.Mandate.Document }),
		text("rozhodl", func(r *record) *string { return &r.entry.Mandate.By }),
		day("rozhodnuto dne", func(r *record) *Day { return &r.entry.Mandate.On }),
		day("platí od", func(r *record) *Day { return &r.entry.Mandate.From }),
		text("výjimky", func(r *record) *string { return &r.entry.Mandate.Exceptions }),
		number("rok převodu", func(r *record) *int { return &r.entry.Year }),
		text("poznámka", func(r *record) *string { return &r.entry.Note }),
		flag("zrušena", func(r *record) *bool { return &r.entry.Closed }),
	}
	for _, p := range Phases {
		agenda = append(agenda, column{"fáze " + words["phase"][string(p)],
			func(r *record) string { return words["state"][string(r.entry.Steps[p].State)] },
			func(r *record, s string) error {
				id, err := id("state", s)
				step := r.entry.Steps[p]
				step.State = State(id)
				r.entry.Steps[p] = step
				return err
			}})
	}
	tables = map[Table][]column{
		AgendaTable: agenda,
		PhaseTable: {code,
			word("fáze", "phase", func(r *record) *string { return (*string)(&r.phase) }),
			word("stav fáze", "state", func(r *record) *string { return (*string)(&r.step.State) }),
			text("systém", func(r *record) *string { return &r.step.System }),
			decimal("minut na dokument", func(r *record) *float64 { return &r.step.Minutes }),
			number("stran na dokument", func(r *record) *int { return &r.step.Pages }),
			flag("podepisuje se rukou", func(r *record) *bool { return &r.step.Wet }),
			text("poznámka", func(r *record) *string { return &r.step.Note }),
		},
		SignatureTable: {code,
			text("klíč", func(r *record) *string { return &r.signature.Key }),
			text("druh dokumentu", func(r *record) *string { return &r.signature.Document }),
			word("fáze", "phase", func(r *record) *string { return (*string)(&r.signature.Phase) }),
			word("úroveň podpisu", "level", func(r *record) *string { return &r.signature.Level }),
			text("důvod", func(r *record) *string { return &r.signature.Reason }),
		},
		BarrierTable: {code,
			text("klíč", func(r *record) *string { return &r.barrier.Key }),
			word("typ překážky", "barrier", func(r *record) *string { return &r.barrier.Type }),
			word("strana", "side", func(r *record) *string { return &r.barrier.Side }),
			word("fáze", "phase", func(r *record) *string { return (*string)(&r.barrier.Phase) }),
			text("popis", func(r *record) *string { return &r.barrier.Text }),
			text("předpis", func(r *record) *string { return &r.barrier.Law }),
			{"odpovídá útvar", func(r *record) string { return r.dir.unit(r.barrier.Unit) }, func(r *record, s string) (err error) { r.barrier.Unit, err = r.dir.unitOf(s); return err }},
			{"odpovídá osoba", func(r *record) string { return r.dir.login(r.barrier.Owner) }, func(r *record, s string) (err error) {
				if r.barrier.Owner = ""; s == "" {
					return nil
				}
				r.barrier.Owner, err = r.dir.person(s)
				if err == nil && r.barrier.Owner == "" {
					err = invalid("csv_person", s)
				}
				return err
			}},
			day("termín", func(r *record) *Day { return &r.barrier.Due }),
			word("stav překážky", "status", func(r *record) *string { return &r.barrier.Status }),
			text("řešení", func(r *record) *string { return &r.barrier.Resolution }),
		},
		AlternativeTable: {code,
			text("klíč", func(r *record) *string { return &r.alternative.Key }),
			text("nástroj", func(r *record) *string { return &r.alternative.Tool }),
			decimal("minut navíc", func(r *record) *float64 { return &r.alternative.Minutes }),
			number("kliknutí navíc", func(r *record) *int { return &r.alternative.Clicks }),
			number("náklady Kč", func(r *record) *int { return &r.alternative.Cost }),
			text("pro", func(r *record) *string { return &r.alternative.Pros }),
			text("proti", func(r *record) *string { return &r.alternative.Cons }),
			word("rozhodnutí", "decision", func(r *record) *string { return &r.alternative.Decision }),
			text("rozhodl", func(r *record) *string { return &r.alternative.By }),
			day("rozhodnuto dne", func(r *record) *Day { return &r.alternative.On }),
			text("odůvodnění", func(r *record) *string { return &r.alternative.Reason }),
		},
		SavingTable: {code,
			text("klíč", func(r *record) *string { return &r.saving.Key }),
			text("co se ušetří", func(r *record) *string { return &r.saving.What }),
			word("událost", "event", func(r *record) *string { return (*string)(&r.saving.Event) }),
			decimal("minut na událost", func(r *record) *float64 { return &r.saving.Minutes }),
			decimal("stran na událost", func(r *record) *float64 { return &r.saving.Pages }),
			number("plán ročně", func(r *record) *int { return &r.saving.Yearly }),
			{"počítat od", func(r *record) string { return string(r.saving.Since) }, func(r *record, s string) error {
				if r.saving.Since = Month(s); !r.saving.Since.valid() {
					return invalid("month")
				}
				return nil
			}},
			text("způsob výpočtu", func(r *record) *string { return &r.saving.Method }),
		},
		PlanTable: {
			{"rok", func(r *record) string { return strconv.Itoa(r.milestone.Year) }, nil},
			text("aktivita", func(r *record) *string { return &r.milestone.Activity }),
			text("obsah", func(r *record) *string { return &r.milestone.What }),
			word("stav aktivity", "milestone", func(r *record) *string { return &r.milestone.State }),
			text("poznámka", func(r *record) *string { return &r.milestone.Note }),
		},
	}
}

func text(name string, at func(*record) *string) column {
	return column{name, func(r *record) string { return *at(r) }, func(r *record, s string) error { *at(r) = s; return nil }}
}

func number(name string, at func(*record) *int) column {
	return column{name, func(r *record) string { return count(*at(r)) }, func(r *record, s string) (err error) {
		if *at(r) = 0; s == "" {
			return nil
		}
		if *at(r), err = strconv.Atoi(plain(s)); err != nil {
			return invalid("csv_number", s)
		}
		return nil
	}}
}

func decimal(name string, at func(*record) *float64) column {
	return column{name, func(r *record) string { return strings.Replace(amount(*at(r)), ".", ",", 1) }, func(r *record, s string) (err error) {
		if *at(r) = 0; s == "" {
			return nil
		}
		if *at(r), err = strconv.ParseFloat(strings.Replace(plain(s), ",", ".", 1), 64); err != nil || outside(*at(r), -most) {
			return invalid("csv_number", s)
		}
		return nil
	}}
}

// plain takes out the spaces that group digits and makes a written minus one to read.
func plain(s string) string {
	return strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "", "−", "-").Replace(s)
}

func flag(name string, at func(*record) *bool) column {
	return column{name, func(r *record) string { return words["yes"][yes(*at(r))] }, func(r *record, s string) error {
		v, err := id("yes", s)
		*at(r) = v == "yes"
		return err
	}}
}

func day(name string, at func(*record) *Day) column {
	return column{name, func(r *record) string { return string(*at(r)) }, func(r *record, s string) error {
		d, ok := dayOf(s)
		if !ok {
			return invalid("csv_day", s)
		}
		*at(r) = d
		return nil
	}}
}

// dayOf reads "2026-01-31" and, as people and their programs write it, "31. 1. 2026".
func dayOf(s string) (Day, bool) {
	if d := Day(s); d.valid() {
		return d, true
	}
	parts := strings.Split(strings.NewReplacer(" ", "", "\u00a0", "").Replace(s), ".")
	if len(parts) != 3 || len(parts[2]) != 4 {
		return "", false
	}
	for i, p := range parts[:2] {
		if len(p) == 1 {
			parts[i] = "0" + p
		}
	}
	d := Day(parts[2] + "-" + parts[1] + "-" + parts[0])
	return d, d.valid() && d != ""
}

func word(name, list string, at func(*record) *string) column {
	return column{name, func(r *record) string { return words[list][*at(r)] }, func(r *record, s string) (err error) {
		*at(r), err = id(list, s)
		return err
	}}
}

// id finds what a word of a list means; case and diacritics do not matter.
func id(list, s string) (string, error) {
	f := documents.Fold(s)
	for k, v := range words[list] {
		if f == documents.Fold(v) || f == k {
			return k, nil
		}
	}
	var known []string
	for _, v := range words[list] {
		if v != "" {
			known = append(known, v)
		}
	}
	slices.Sort(known)
	return "", invalid("csv_word", s, strings.Join(known, ", "))
}

func many(list string, ids []string) string {
	var out []string
	for _, k := range ids {
		out = append(out, words[list][k])
	}
	return strings.Join(out, ", ")
}

func manyOf(list, s string) ([]string, error) {
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		k, err := id(list, part)
		if err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, nil
}

func (d *directory) unit(id security.UnitID) string {
	if name := d.units[id]; name != "" {
		return name
	}
	return string(id)
}

func (d *directory) unitOf(s string) (security.UnitID, error) {
	if s == "" {
		return "", nil
	}
	if u, ok := d.folded[documents.Fold(s)]; ok {
		return u, nil
	}
	return "", invalid("csv_unit", s)
}

// rows are the lines of a table for the entries, or for the plan.
func rows(t Table, dir *directory, entries []Kept, plan *Plan) []*record {
	var out []*record
	if t == PlanTable {
		for _, m := range plan.Milestones {
			out = append(out, &record{dir: dir, milestone: m, plan: plan})
		}
		return out
	}
	for i := range entries {
		e := &entries[i].Entry
		switch t {
		case AgendaTable:
			out = append(out, &record{dir: dir, entry: e})
		case PhaseTable:
			for _, p := range Phases {
				if s, ok := e.Steps[p]; ok {
					out = append(out, &record{dir: dir, entry: e, phase: p, step: s})
				}
			}
		case SignatureTable:
			for _, x := range e.Signatures {
				out = append(out, &record{dir: dir, entry: e, signature: x})
			}
		case BarrierTable:
			for _, x := range e.Barriers {
				out = append(out, &record{dir: dir, entry: e, barrier: x})
			}
		case AlternativeTable:
			for _, x := range e.Alternatives {
				out = append(out, &record{dir: dir, entry: e, alternative: x})
			}
		case SavingTable:
			for _, x := range e.Savings {
				out = append(out, &record{dir: dir, entry: e, saving: x})
			}
		}
	}
	return out
}

// write makes a CSV file that Czech spreadsheets open by a double click:
// UTF-8 with its mark, semicolons, CRLF. A cell that a spreadsheet would take
// for a formula gets an apostrophe, which reading takes off again.
func write(t Table, lines []*record) []byte {
	var b bytes.Buffer
	b.WriteString("\ufeff")
	w := csv.NewWriter(&b)
	w.Comma, w.UseCRLF = ';', true
	var head []string
	for _, c := range tables[t] {
		head = append(head, c.name)
	}
	w.Write(head)
	for _, r := range lines {
		var cells []string
		for _, c := range tables[t] {
			cells = append(cells, guard(c.get(r)))
		}
		w.Write(cells)
	}
	w.Flush()
	return b.Bytes()
}

func guard(s string) string {
	if s != "" && strings.ContainsRune("=+@\t\r'", rune(s[0])) || strings.HasPrefix(s, "-") && !isNumber(s) {
		return "'" + s
	}
	return s
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(strings.Replace(s, ",", ".", 1), 64)
	return err == nil
}

func unguard(s string) string {
	if len(s) > 1 && s[0] == '\'' && strings.ContainsRune("=+@-\t\r'", rune(s[1])) {
		return s[1:]
	}
	return s
}

// sheet is a file that could be read as a table.
type sheet struct {
	name    string
	table   Table
	columns []column // nil for a column nobody knows
	head    []string
	lines   [][]string
	at      []int // line in the file of each
}

// read recognises encoding, separator and kind of a file.
func read(f File) (sheet, []RowError) {
	s := sheet{name: f.Name}
	fail := func(line int, key string, args ...any) (sheet, []RowError) {
		return s, []RowError{{f.Name, line, "", "register.fault." + key, args}}
	}
	if len(f.Bytes) > MaxFile {
		return fail(1, "csv_large", MaxFile>>20)
	}
	b, err := decode(f.Bytes)
	if err != nil {
		return fail(1, "csv_encoding")
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return fail(1, "csv_empty")
	}
	r := csv.NewReader(bytes.NewReader(b))
	r.Comma = separator(b)
	r.FieldsPerRecord = -1
	r.LazyQuotes = false
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			line := 1
			if at, ok := errors.AsType[*csv.ParseError](err); ok {
				line = at.StartLine
			}
			return fail(line, "csv_quotes")
		}
		line, _ := r.FieldPos(0)
		if strings.TrimSpace(strings.Join(cells, "")) == "" {
			continue
		}
		for i, c := range cells {
			if len(c) > maxCell {
				return fail(line, "csv_cell", maxCell)
			}
			cells[i] = strings.TrimSpace(c)
		}
		if s.head == nil {
			s.head = cells
			continue
		}
		if len(s.lines) == MaxRows {
			return fail(line, "csv_rows", MaxRows)
		}
		s.lines, s.at = append(s.lines, cells), append(s.at, line)
	}
	return s.recognise()
}

// recognise finds which table the header is of: the one that knows all its
// columns and has most of them.
func (s sheet) recognise() (sheet, []RowError) {
	best := 0
	for _, t := range Tables {
		known := 0
		for _, h := range s.head {
			if columnOf(t, h) != nil {
				known++
			}
		}
		if columnOf(t, s.head[0]) != nil && documents.Fold(s.head[0]) == documents.Fold(tables[t][0].name) && known > best {
			best, s.table = known, t
		}
	}
	if best < 2 {
		return s, []RowError{{s.name, 1, "", "register.fault.csv_header", []any{strings.Join(s.head, "; ")}}}
	}
	var bad []RowError
	seen := map[string]bool{}
	for _, h := range s.head {
		c := columnOf(s.table, h)
		switch {
		case c == nil && h != "":
			bad = append(bad, RowError{s.name, 1, h, "register.fault.csv_column", []any{h}})
		case c != nil && seen[c.name]:
			bad = append(bad, RowError{s.name, 1, h, "register.fault.csv_twice", []any{h}})
		case c != nil:
			seen[c.name] = true
		}
		if c == nil {
			c = &column{}
		}
		s.columns = append(s.columns, *c)
	}
	return s, bad
}

func columnOf(t Table, head string) *column {
	for i, c := range tables[t] {
		if documents.Fold(c.name) == documents.Fold(head) {
			return &tables[t][i]
		}
	}
	return nil
}

// decode makes UTF-8 of a file: as it is, or from Windows-1250, which older
// Czech programs still write.
func decode(b []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		b = b[3:]
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")):
		return nil, errors.New("UTF-16")
	}
	if bytes.IndexByte(b, 0) >= 0 {
		return nil, errors.New("binary")
	}
	if utf8.Valid(b) {
		return b, nil
	}
	out, err := charmap.Windows1250.NewDecoder().Bytes(b)
	if err == nil && bytes.ContainsRune(out, utf8.RuneError) {
		err = errors.New("neither UTF-8 nor Windows-1250")
	}
	return out, err
}

// separator is what stands most often in the first line: semicolon, comma or tabulator.
func separator(b []byte) rune {
	first, _, _ := bytes.Cut(bytes.TrimLeft(b, "\r\n"), []byte("\n"))
	best, n := ';', bytes.Count(first, []byte(";"))
	for _, c := range ",\t" {
		if m := bytes.Count(first, []byte(string(c))); m > n {
			best, n = c, m
		}
	}
	return best
}
