package register_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/charmap"

	"spolupis/documents"
	"spolupis/documents/register"
	"spolupis/documents/store"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

var (
	admin   = security.Actor{ID: "p-admin", Name: "Adam", Roles: []security.Role{security.Administrator}}
	head    = security.Actor{ID: "p-head", Name: "Hana", Unit: "oi", Roles: []security.Role{security.Head}}
	drafter = security.Actor{ID: "p-eva", Name: "Eva", Unit: "oi", Roles: []security.Role{security.Drafter}}
	other   = security.Actor{ID: "p-olga", Name: "Olga", Unit: "oe", Roles: []security.Role{security.Head}}
)

// people is the office's directory.
type people struct{}

var everybody = []security.Actor{admin, head, drafter, other}

func (people) Person(_ context.Context, id security.ActorID) (access.Person, error) {
	for _, a := range everybody {
		if a.ID == id {
			return access.Person{ID: a.ID, Login: strings.ToLower(a.Name), Name: a.Name, Unit: a.Unit, Roles: a.Roles}, nil
		}
	}
	return access.Person{}, fault.NotFound
}

func (p people) People(ctx context.Context, f access.PeopleFilter) (out []access.Person, err error) {
	for _, a := range everybody {
		if x, _ := p.Person(ctx, a.ID); strings.Contains(x.Login, f.Text) {
			out = append(out, x)
		}
	}
	return out, nil
}

func (people) Units(context.Context) ([]access.UnitInfo, error) {
	return []access.UnitInfo{{ID: "oi", Name: "odbor informatiky"}, {ID: "oe", Name: "odbor ekonomický"}, {ID: "op", Name: "odbor právní"},
		{ID: "sk", Name: "kancelář ředitele a sekretariát"}}, nil
}

var sets = []database.Set{{Name: "journal", FS: journal.Migrations}, {Name: "access", FS: access.Migrations}, {Name: "documents", FS: store.Migrations}}

type office struct {
	*register.Service
	t       testing.TB
	ctx     context.Context
	db      *database.DB
	journal *journal.Journal
	store   *store.Store
	kept    *store.Register
	now     time.Time
}

func open(t testing.TB, db *database.DB) *office {
	t.Helper()
	o := &office{t: t, ctx: t.Context(), db: db, now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	clock := func() time.Time { o.now = o.now.Add(time.Millisecond); return o.now }
	var err error
	o.journal, err = journal.New(db, journal.Config{Now: clock})
	o.ok(err)
	rights := access.NewRights(db, o.journal)
	o.store = store.New(db, o.journal, rights)
	o.kept = o.store.Register()
	o.Service, err = register.New(register.Config{Store: o.kept, Rights: rights, Directory: people{}, Now: clock})
	o.ok(err)
	o.ok(o.store.Write(o.ctx, func(tx documents.Tx) error {
		return tx.AddAgenda(o.ctx, admin, documents.Agenda{ID: "rada", Name: "Materiály pro radu", Unit: "sk", Numbering: "RK {n}/{year}"})
	}))
	return o
}

func each(t *testing.T, run func(t *testing.T, o *office)) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) { run(t, open(t, db)) })
}

func onSQLite(t testing.TB) *office { return open(t, dbtest.SQLite(t, sets...)) }

func (o *office) ok(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) refused(err error, kind fault.Kind, key string) {
	o.t.Helper()
	if !errors.Is(err, kind) || fault.Of(err).Key != key {
		o.t.Fatalf("got %v, want %v with %s", err, kind, key)
	}
}

func (o *office) start() {
	o.t.Helper()
	files, err := register.Start()
	o.ok(err)
	p, err := o.Propose(o.ctx, admin, files)
	o.ok(err)
	for _, e := range p.Errors {
		o.t.Errorf("%s:%d %s: %s %v", e.File, e.Line, e.Column, e.Key, e.Args)
	}
	_, err = o.Import(o.ctx, admin, files, p.Digest)
	o.ok(err)
}

func (o *office) board() register.Board {
	o.t.Helper()
	b, err := o.Board(o.ctx, drafter)
	o.ok(err)
	return b
}

func of(b register.Board, id register.ID) register.Row {
	i := slices.IndexFunc(b.Rows, func(r register.Row) bool { return r.ID == id })
	return b.Rows[i]
}

// event writes a journal entry as the other packages do.
func (o *office) event(kind string, m documents.MaterialID, n int) {
	o.t.Helper()
	for range n {
		o.ok(o.store.Write(o.ctx, func(tx documents.Tx) error {
			return tx.Record(o.ctx, journal.Entry{At: o.now, Actor: drafter.ID, Kind: kind, Subject: "document:" + string(m), Body: []byte(`{}`)})
		}))
	}
}

func (o *office) material(id documents.MaterialID) {
	o.t.Helper()
	o.ok(o.store.Write(o.ctx, func(tx documents.Tx) error {
		return tx.AddMaterial(o.ctx, documents.Material{ID: id, Number: string(id), Title: "x", Agenda: "rada", State: documents.Draft, CreatedAt: o.now, ChangedAt: o.now})
	}))
}

func TestTheRegionsStartingStateIsAsTheCardTellsIt(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.start()
		b := o.board()
		want := map[register.ID]struct {
			class  register.State
			blocks int
			saves  bool
		}{
			"sber-dotaci": {register.Electronic, 0, false}, "skenovaci-linka": {register.Electronic, 0, false},
			"materialy": {register.Hybrid, 2, true}, "spisova-sluzba": {register.Hybrid, 2, true}, "podepisovani": {register.Hybrid, 3, true},
			"mezi-odbory": {register.Hybrid, 1, true}, "komunikace-obcan": {register.Hybrid, 1, true}, "papirove-procesy": {register.Paper, 1, false},
		}
		if len(b.Rows) != len(want) {
			t.Errorf("%d agendas, want %d", len(b.Rows), len(want))
		}
		for id, w := range want {
			r := of(b, id)
			if r.Class != w.class || len(r.Blocking) != w.blocks || (r.Plan.Hours > 0) != w.saves {
				t.Errorf("%s: %s, %d barriers, saves %.0f h", id, r.Class, len(r.Blocking), r.Plan.Hours)
			}
			if r.Volume > 0 && !strings.Contains(r.VolumeSource, "Předpoklad") {
				t.Errorf("%s: a number the card does not give is not marked as an assumption", id)
			}
		}
		if s := of(b, "materialy").Steps["comment"].State; s != register.Paper {
			t.Errorf("commenting on council materials is %s, want paper", s)
		}
		if len(b.Only) != 0 {
			t.Error("an agenda goes only electronically, and the card knows no mandate")
		}
		var activities []string
		for _, y := range b.Years {
			for _, m := range y.Milestones {
				activities = append(activities, fmt.Sprint(y.Number, " ", m.Activity))
			}
		}
		if got := strings.Join(activities, ", "); got != "1 1/AD1, 1 1/AD2, 2 2, 3 3, 3 5, 4 4, 4 5" {
			t.Errorf("roadmap has %s", got)
		}

		// The same files again change nothing.
		files, err := register.Start()
		o.ok(err)
		p, err := o.Propose(o.ctx, admin, files)
		o.ok(err)
		if len(p.New) != 0 || len(p.Changed) != 0 || p.Same != len(want) {
			t.Errorf("again: %d new, %+v changed, %d same", len(p.New), p.Changed, p.Same)
		}
	})
}

func TestAnExportComesBackAsItWas(t *testing.T) {
	o := onSQLite(t)
	o.start()
	_, err := o.Edit(o.ctx, admin, "materialy", 1, "pokus", func(e *register.Entry) error {
		e.Note = "=HYPERLINK(1)\nna dvou řádcích; se středníkem a \"uvozovkami\""
		e.Barriers[0].Owner = head.ID
		e.Savings[0].Minutes = -2.5
		e.Materials = "rada"
		return nil
	})
	o.ok(err)
	before, err := o.Entries(o.ctx, drafter)
	o.ok(err)
	var files []register.File
	for _, table := range register.Tables {
		b, err := o.Export(o.ctx, drafter, table)
		o.ok(err)
		if !bytes.HasPrefix(b, []byte("\ufeff")) {
			t.Errorf("%s: no mark of UTF-8", table)
		}
		if bytes.Contains(b, []byte(`;=`)) || bytes.Contains(b, []byte(`"=`)) {
			t.Errorf("%s: a cell that a spreadsheet would run", table)
		}
		files = append(files, register.File{Name: string(table) + ".csv", Bytes: b})
	}
	same := func(o *office, who security.Actor) register.Proposal {
		p, err := o.Propose(o.ctx, who, files)
		o.ok(err)
		for _, e := range p.Errors {
			t.Errorf("%s:%d %s: %s %v", e.File, e.Line, e.Column, e.Key, e.Args)
		}
		return p
	}
	if p := same(o, admin); len(p.New)+len(p.Changed) != 0 || p.Same != len(before) {
		t.Errorf("into the same register: %d new, changed %+v", len(p.New), p.Changed)
	}
	empty := onSQLite(t)
	p := same(empty, admin)
	_, err = empty.Import(empty.ctx, admin, files, p.Digest)
	o.ok(err)
	after, err := empty.Entries(empty.ctx, drafter)
	o.ok(err)
	for i := range before {
		if d := register.Diff(before[i].Entry, after[i].Entry); len(d) > 0 {
			t.Errorf("%s came back otherwise: %+v", before[i].ID, d)
		}
	}
}

func TestEncodingAndSeparatorAreRecognised(t *testing.T) {
	text := "kód;název;útvar;druh;fáze příjem\nzkouska;Žluťoučká agenda;Odbor informatiky;VNITRNI;papír\n"
	cp1250, err := charmap.Windows1250.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]string{
		"utf8": text, "mark": "\ufeff" + text, "cp1250": cp1250, "crlf": strings.ReplaceAll(text, "\n", "\r\n"),
		"comma": strings.ReplaceAll(text, ";", ","), "tab": strings.ReplaceAll(text, ";", "\t"),
	} {
		o := onSQLite(t)
		p, err := o.Propose(o.ctx, admin, []register.File{{Name: name, Bytes: []byte(b)}})
		o.ok(err)
		if len(p.Errors) > 0 || len(p.New) != 1 || p.New[0].Name != "Žluťoučká agenda" || p.New[0].Unit != "oi" || p.New[0].Steps["receive"].State != register.Paper {
			t.Errorf("%s: %+v %+v", name, p.Errors, p.New)
		}
	}
}

func TestAnImportIsAllOrNothingAndNamesTheRow(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		good := "kód;název;útvar\na-1;První;oi\na-2;Druhá;oi\n"
		bad := func(text, key string, line int, column string) {
			t.Helper()
			files := []register.File{{Name: "a.csv", Bytes: []byte(good)}, {Name: "b.csv", Bytes: []byte(text)}}
			p, err := o.Propose(o.ctx, admin, files)
			o.ok(err)
			if len(p.Errors) == 0 || p.Errors[0].Key != "register.fault."+key || p.Errors[0].Line != line || p.Errors[0].Column != column || p.Errors[0].File != "b.csv" {
				t.Errorf("%q: %+v, want %s at %d %q", text, p.Errors, key, line, column)
			}
			_, err = o.Import(o.ctx, admin, files, p.Digest)
			o.refused(err, fault.Invalid, "register.fault.csv_errors")
			if all, _ := o.Entries(o.ctx, admin); len(all) != 0 {
				t.Fatalf("%d agendas came in", len(all))
			}
		}
		bad("kód;název;útvar\n\nb-1;Dobrá;oi\nb-2;Špatná;neznámý odbor\n", "csv_unit", 4, "útvar")
		bad("kód;název;útvar;dokumentů ročně\nb-1;Dobrá;oi;mnoho\n", "csv_number", 2, "dokumentů ročně")
		bad("kód;název;útvar;dokumentů ročně\nb-1;Dobrá;oi;100\n", "volume_source", 2, "")
		bad("kód;název;útvar;pouze elektronicky\nb-1;Dobrá;oi;ano\n", "mandate", 2, "")
		bad("kód;fáze;stav fáze\na-1;příjem;papír\nnikde;příjem;papír\n", "csv_agenda", 3, "kód")
		bad("kód;fáze;stav fáze\na-1;příjem;papír\na-1;příjem;hybridně\n", "csv_again", 3, "")
		bad("kód;fáze;stav fáze\na-1;příjem;možná\n", "csv_word", 2, "stav fáze")
		bad("kód;klíč;typ překážky;popis\na-1;x;technická;Něco\n", "owner", 2, "")
		bad("kód;název;útvar;cizí\nb-1;Dobrá;oi;x\n", "csv_column", 1, "cizí")
		bad("jiný;soubor\n1;2\n", "csv_header", 1, "")
		bad("kód;název;útvar\nb-1;\"Dobrá;oi\n", "csv_quotes", 2, "")
		bad("kód;název;útvar\nb-1;Dobrá;oi;navíc\n", "csv_wide", 2, "")
		bad("\xff\xfek\x00", "csv_encoding", 1, "")
		bad("", "csv_empty", 1, "")
		bad("kód;název;útvar\n"+strings.Repeat("b;B;oi\n", register.MaxRows+1), "csv_rows", register.MaxRows+2, "")
		bad(strings.Repeat("x", register.MaxFile+1), "csv_large", 1, "")

		// What was shown is what is done: another file or another register is refused.
		files := []register.File{{Name: "a.csv", Bytes: []byte(good)}}
		p, err := o.Propose(o.ctx, admin, files)
		o.ok(err)
		_, err = o.Import(o.ctx, admin, []register.File{{Name: "a.csv", Bytes: []byte(good + "a-3;Třetí;oi\n")}}, p.Digest)
		o.refused(err, fault.Conflict, "register.fault.csv_digest")
		_, err = o.Enter(o.ctx, admin, register.Entry{ID: "a-1", Name: "Jiná", Kind: "own", Unit: "oi"}, "")
		o.ok(err)
		_, err = o.Import(o.ctx, admin, files, p.Digest)
		o.refused(err, fault.Conflict, "register.fault.csv_digest")

		// A head brings in agendas of the own unit only.
		p, err = o.Propose(o.ctx, other, files)
		o.ok(err)
		if len(p.Errors) != 2 || p.Errors[0].Key != "register.fault.denied" {
			t.Errorf("somebody else's agendas: %+v", p.Errors)
		}
	})
}

func TestElectronicOnlyNeedsAMandate(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.start()
		only := func(m register.Mandate) error {
			k, err := o.Entry(o.ctx, admin, "mezi-odbory")
			o.ok(err)
			_, err = o.Edit(o.ctx, admin, k.ID, k.Version, "", func(e *register.Entry) error { e.Only, e.Mandate = true, m; return nil })
			return err
		}
		whole := register.Mandate{Document: "usnesení č. 1/26/RK", By: "rada kraje", On: "2026-11-01", From: "2026-12-01"}
		o.refused(only(register.Mandate{}), fault.Invalid, "register.fault.mandate")
		part := whole
		part.By = " "
		o.refused(only(part), fault.Invalid, "register.fault.mandate")
		early := whole
		early.From = "2026-10-01"
		o.refused(only(early), fault.Invalid, "register.fault.mandate_from")
		o.ok(only(whole))
		if r := of(o.board(), "mezi-odbory"); r.InForce || r.Leaks != 0 {
			t.Error("the mandate is in force before its day")
		}
		paper := func(day register.Day, n int) error {
			return o.RecordPaper(o.ctx, drafterOf("sk"), register.PaperIn{Agenda: "mezi-odbory", Day: day, Count: n, Phase: "receive", Note: "přinesl posel"})
		}
		o.ok(paper("2026-11-20", 5)) // before the mandate: on paper, no leak
		o.refused(paper("2026-12-24", 1), fault.Invalid, "register.fault.paper_day")
		o.refused(paper("2026-11-20", 0), fault.Invalid, "register.fault.paper_count")
		o.now = time.Date(2026, 12, 10, 9, 0, 0, 0, time.UTC)
		o.ok(paper("2026-12-05", 2))
		o.ok(paper("2026-12-10", 1))
		b := o.board()
		r := of(b, "mezi-odbory")
		if !r.InForce || !r.Contradicts || r.Leaks != 3 || r.Papers != 8 || len(b.Leaks) != 1 || len(b.Only) != 1 {
			t.Errorf("in force %v, contradicts %v, %d leaks of %d", r.InForce, r.Contradicts, r.Leaks, r.Papers)
		}
		o.refused(o.RecordPaper(o.ctx, other, register.PaperIn{Agenda: "mezi-odbory", Day: "2026-12-05", Count: 1, Phase: "receive"}), fault.Denied, "register.fault.denied")
	})
}

// drafterOf is somebody of a unit.
func drafterOf(unit security.UnitID) security.Actor {
	a := security.Actor{ID: security.ActorID("p-of-" + unit), Name: "of-" + string(unit), Unit: unit, Roles: []security.Role{security.Drafter}}
	if !slices.ContainsFunc(everybody, func(b security.Actor) bool { return a.ID == b.ID }) {
		everybody = append(everybody, a)
	}
	return a
}

func TestWhoMayChangeAnEntry(t *testing.T) {
	o := onSQLite(t)
	e := register.Entry{ID: "x", Name: "Agenda", Kind: "own", Unit: "oi"}
	_, err := o.Enter(o.ctx, drafter, e, "")
	o.refused(err, fault.Denied, "register.fault.denied")
	_, err = o.Enter(o.ctx, other, e, "")
	o.refused(err, fault.Denied, "register.fault.denied")
	_, err = o.Enter(o.ctx, security.Actor{}, e, "")
	o.refused(err, fault.Unauthenticated, "fault.unauthenticated")
	k, err := o.Enter(o.ctx, head, e, "")
	o.ok(err)
	rename := func(who security.Actor) error {
		_, err := o.Edit(o.ctx, who, "x", k.Version, "", func(e *register.Entry) error { e.Name += "!"; return nil })
		return err
	}
	o.refused(rename(drafter), fault.Denied, "register.fault.denied")
	o.ok(rename(admin))
	o.refused(rename(head), fault.Conflict, "register.fault.changed")
	k.Version = 2
	_, err = o.Edit(o.ctx, head, "x", 2, "", func(e *register.Entry) error { e.Unit = "oe"; return nil })
	o.refused(err, fault.Denied, "register.fault.denied") // cannot push an agenda onto another unit
	// A relation to the unit gives the right, as everywhere.
	tx, err := o.db.BeginTx(o.ctx, nil)
	o.ok(err)
	o.ok(access.NewRights(o.db, o.journal).Grant(o.ctx, tx, security.System, access.Unit("oi"), access.Owner, access.User(drafter.ID)))
	o.ok(tx.Commit())
	o.ok(rename(drafter))
	o.refused(o.SetPlan(o.ctx, head, 0, register.Plan{}), fault.Denied, "fault.denied")
}

func TestEveryChangeIsAVersionInTheJournal(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.start()
		_, err := o.Edit(o.ctx, admin, "materialy", 1, "po poradě", func(e *register.Entry) error {
			e.Steps["comment"] = register.Step{State: register.Electronic}
			return nil
		})
		o.ok(err)
		k, err := o.Edit(o.ctx, admin, "materialy", 2, "", func(*register.Entry) error { return nil })
		if err != nil || k.Version != 2 {
			t.Errorf("a change of nothing made version %d, %v", k.Version, err)
		}
		past, err := o.History(o.ctx, drafter, "materialy", 0)
		o.ok(err)
		if len(past) != 2 || past[0].Note != "po poradě" || past[1].Steps["comment"].State != register.Paper {
			t.Fatalf("history %+v", past)
		}
		c := past[0].Changes
		if i := slices.IndexFunc(c, func(c register.Change) bool { return c.Field == "step_state" }); i < 0 || c[i].Phase != "comment" || c[i].Old != "paper" || c[i].New != "electronic" {
			t.Errorf("changes %+v", c)
		}
		entries, err := o.journal.Search(o.ctx, journal.Filter{Subjects: []string{"register:materialy"}})
		o.ok(err)
		if len(entries) != 2 || entries[0].Kind != "documents.register_changed" || entries[1].Kind != "documents.register_entered" {
			t.Errorf("journal %+v", entries)
		}
	})
}

func TestRealSavingsAreCountedAndPlannedOnesAreNot(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.start()
		o.ok(o.SetPlan(o.ctx, admin, 1, register.Plan{Hour: 600, Page: 2, Source: "mzdová účtárna"}))
		_, err := o.Edit(o.ctx, admin, "materialy", 1, "", func(e *register.Entry) error {
			e.Materials = "rada"
			e.Savings = []register.Saving{
				{Key: "a", What: "připomínky", Event: "material", Minutes: 30, Pages: 60, Yearly: 1000, Since: "2026-11", Method: "odhad"},
				{Key: "b", What: "podpis trvá déle", Event: "signature", Minutes: -2, Yearly: 1000, Since: "2026-11", Method: "stopky, n = 20"},
				{Key: "c", What: "jen plán", Minutes: 6, Yearly: 100, Method: "odhad"},
			}
			return nil
		})
		o.ok(err)
		o.material("m-1")
		o.event("documents.created", "m-1", 1)
		o.event("signing.signed", "m-1", 3)
		o.event("documents.read", "m-1", 2)
		for range 2 { // following again counts nothing twice
			_, err = o.kept.Follow(o.ctx)
			o.ok(err)
		}
		r := of(o.board(), "materialy")
		want := []register.Reckoned{
			{Saving: r.Savings[0].Saving, Plan: register.Sum{N: 1000, Hours: 500, Pages: 60000, CZK: 420_000}, Real: register.Sum{N: 1, Hours: .5, Pages: 60, CZK: 420}},
			{Saving: r.Savings[1].Saving, Plan: register.Sum{N: 1000, Hours: -1000. * 2 / 60, CZK: -20_000}, Real: register.Sum{N: 3, Hours: -.1, CZK: -60}},
			{Saving: r.Savings[2].Saving, Plan: register.Sum{N: 100, Hours: 10, CZK: 6000}},
		}
		if !slices.Equal(r.Savings, want) {
			t.Errorf("got  %+v\nwant %+v", r.Savings, want)
		}
		if r.Real.CZK != 360 || r.Plan.CZK != 406_000 || r.Real.Loss() || !r.Savings[1].Real.Loss() {
			t.Errorf("sums %+v and %+v", r.Real, r.Plan)
		}
		// Before its month nothing counts.
		_, err = o.Edit(o.ctx, admin, "materialy", 2, "", func(e *register.Entry) error { e.Savings[0].Since = "2026-12"; return nil })
		o.ok(err)
		if r := of(o.board(), "materialy"); r.Savings[0].Real.N != 0 {
			t.Errorf("%d events before the first month count", r.Savings[0].Real.N)
		}
	})
}

func TestWhatContradictsItselfIsRefusedByName(t *testing.T) {
	good := register.Entry{ID: "x", Name: "Agenda", Kind: "own", Unit: "oi"}
	barrier := register.Barrier{Key: "b", Type: "technical", Side: "office", Text: "něco", Unit: "oi", Due: "2026-12-01", Status: "open"}
	saving := register.Saving{Key: "s", What: "něco", Method: "odhad"}
	for key, change := range map[string]func(e *register.Entry){
		"id": func(e *register.Entry) { e.ID = "Á b" }, "name": func(e *register.Entry) { e.Name = strings.Repeat("ž", register.MaxName+1) },
		"kind": func(e *register.Entry) { e.Kind = "x" }, "unit": func(e *register.Entry) { e.Unit = "" }, "volume": func(e *register.Entry) { e.Volume = -1 },
		"volume_source": func(e *register.Entry) { e.Volume = 1 }, "year": func(e *register.Entry) { e.Year = 5 }, "channel": func(e *register.Entry) { e.Channels = []string{"pigeon"} },
		"phase":        func(e *register.Entry) { e.Steps = map[register.Phase]register.Step{"x": {}} },
		"amount":       func(e *register.Entry) { e.Steps = map[register.Phase]register.Step{"sign": {Minutes: nan()}} },
		"mandate_part": func(e *register.Entry) { e.Mandate.Document = "x" }, "long": func(e *register.Entry) { e.Note = strings.Repeat("x", register.MaxText+1) },
		"owner":      func(e *register.Entry) { b := barrier; b.Unit = ""; e.Barriers = []register.Barrier{b} },
		"due":        func(e *register.Entry) { b := barrier; b.Due = ""; e.Barriers = []register.Barrier{b} },
		"law":        func(e *register.Entry) { b := barrier; b.Type = "legal_excluded"; e.Barriers = []register.Barrier{b} },
		"resolution": func(e *register.Entry) { b := barrier; b.Status = "resolved"; e.Barriers = []register.Barrier{b} },
		"key":        func(e *register.Entry) { e.Barriers = []register.Barrier{barrier, barrier} },
		"since":      func(e *register.Entry) { s := saving; s.Event = "version"; e.Savings = []register.Saving{s} },
		"method":     func(e *register.Entry) { s := saving; s.Method = " "; e.Savings = []register.Saving{s} },
		"reason": func(e *register.Entry) {
			e.Signatures = []register.Signature{{Key: "p", Document: "x", Phase: "sign", Level: "wet"}}
		},
		"decision_record": func(e *register.Entry) {
			e.Alternatives = []register.Alternative{{Key: "a", Tool: "x", Decision: "chosen"}}
		},
		"items": func(e *register.Entry) {
			for i := range register.MaxItems + 1 {
				b := barrier
				b.Key = fmt.Sprint(i)
				e.Barriers = append(e.Barriers, b)
			}
		},
	} {
		e := good
		change(&e)
		if err := e.Check(); fault.Of(err).Key != "register.fault."+key {
			t.Errorf("%s: %v", key, err)
		}
	}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
}

func nan() float64 { zero := 0.0; return zero / zero }

// Two hundred agendas of eleven phases with thousands of materials (SPOLUPIS_DEEP: fifty thousand): the
// dashboard reads sums, never materials. How long that takes is told.
func TestTheDashboardReadsSumsAtFullSize(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		materials := 5000
		if os.Getenv("SPOLUPIS_DEEP") != "" {
			materials = 50_000
		}
		o.fill(200, materials)
		best := time.Hour
		for range 3 {
			begin := time.Now()
			b := o.board()
			best = min(best, time.Since(begin))
			if len(b.Rows) != 200 || b.Real.N == 0 || len(b.Top) != 10 {
				t.Fatalf("%d rows, %d events, %d at the top", len(b.Rows), b.Real.N, len(b.Top))
			}
		}
		t.Logf("dashboard of 200 agendas: %v", best)
		if !o.db.Postgres {
			for _, q := range []string{
				`SELECT agenda, event, sum(n) FROM documents_register_count WHERE month >= '2026-01' GROUP BY agenda, event`,
				`SELECT agenda, sum(count) FROM documents_register_paper WHERE day >= '2026-01-01' GROUP BY agenda`,
				`SELECT id FROM documents_register_paper WHERE agenda = 'a-1' ORDER BY day DESC, id DESC LIMIT 100`,
			} {
				if plan := o.explain(q); !strings.Contains(plan, "USING") || strings.Contains(plan, "SCAN documents_register_paper\n") {
					t.Errorf("%s\n%s", q, plan)
				}
			}
		}
	})
}

func (o *office) explain(q string) string {
	o.t.Helper()
	rows, err := o.db.QueryContext(o.ctx, `EXPLAIN QUERY PLAN `+q)
	o.ok(err)
	defer rows.Close()
	var out strings.Builder
	for rows.Next() {
		var a, b, c int
		var s string
		o.ok(rows.Scan(&a, &b, &c, &s))
		out.WriteString(s + "\n")
	}
	return out.String()
}

// fill makes a register and materials at size.
func (o *office) fill(agendas, materials int) {
	o.t.Helper()
	o.ok(o.kept.Write(o.ctx, func(tx register.Tx) error {
		for i := range agendas {
			e := register.Entry{ID: register.ID(fmt.Sprint("a-", i)), Name: fmt.Sprint("Agenda ", i), Kind: "own", Unit: "oi", Volume: i + 1, VolumeSource: "zkouška",
				Materials: documents.AgendaID(fmt.Sprint("d-", i)), Steps: map[register.Phase]register.Step{}}
			for j, p := range register.Phases {
				e.Steps[p] = register.Step{State: register.States[1+(i+j)%3], System: "systém", Minutes: 5}
			}
			for j := range 3 {
				e.Barriers = append(e.Barriers, register.Barrier{Key: fmt.Sprint(j), Type: "technical", Side: "office", Text: "překážka", Unit: "oi", Due: "2026-12-01", Status: "open"})
				e.Savings = append(e.Savings, register.Saving{Key: fmt.Sprint(j), What: "úspora", Event: register.Events[1+j], Minutes: 2, Yearly: 10, Since: register.Month(fmt.Sprintf("2026-%02d", 1+i%11)), Method: "odhad"})
			}
			if err := tx.Put(o.ctx, register.Kept{Entry: e, Version: 1, ChangedBy: "p-admin", ChangedAt: o.now}); err != nil {
				return err
			}
		}
		return nil
	}))
	tx, err := o.db.BeginTx(o.ctx, nil)
	o.ok(err)
	defer tx.Rollback()
	exec := func(q string, args ...any) {
		if _, err := tx.ExecContext(o.ctx, q, args...); err != nil {
			o.t.Fatal(err)
		}
	}
	for i := range agendas {
		exec(`INSERT INTO documents_agenda (id, name, unit, numbering) VALUES ($1, $1, 'oi', $1)`, fmt.Sprint("d-", i))
		for m := 1; m <= 24; m++ {
			for _, e := range register.Events[1:] {
				exec(`INSERT INTO documents_register_count (agenda, event, month, n) VALUES ($1, $2, $3, 10)`, fmt.Sprint("d-", i), e, fmt.Sprintf("%d-%02d", 2025+(m-1)/12, 1+(m-1)%12))
			}
		}
		for j := range 50 {
			exec(`INSERT INTO documents_register_paper (id, agenda, day, count, phase, note, person, at) VALUES ($1, $2, $3, 1, 'receive', '', 'p', 0)`,
				fmt.Sprintf("l-%d-%d", i, j), fmt.Sprint("a-", i), fmt.Sprintf("2026-%02d-%02d", 1+j%11, 1+j%28))
		}
	}
	for i := 0; i < materials; i += 500 {
		var values []string
		for j := i; j < i+500; j++ {
			values = append(values, fmt.Sprintf("('m-%d', 'n-%d', 't', 't', 'd-%d', 'oi', 'p', 'draft', 1, '', %d, %d)", j, j, j%agendas, j, j))
		}
		exec(`INSERT INTO documents_material (id, number, title, folded, agenda, unit, drafter, state, draft, current, created_at, changed_at) VALUES ` + strings.Join(values, ","))
	}
	o.ok(tx.Commit())
}
