package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"spolupis/collab/crdt"
	"spolupis/documents"
	"spolupis/documents/body"
	"spolupis/documents/office"
	"spolupis/security"
	"spolupis/security/access"
)

// madeOffice is what the measurements need to know of the office.
type madeOffice struct {
	drafter    security.Actor
	wave       []documents.Material // being commented on
	settlement documents.Material
	long       documents.Material // with two versions
	docx       []byte
	rare       []string // words that few materials have
	numbers    []string
}

const benchPassword = "heslo pro měření 2026"

// seed makes the office. The archive goes straight into the tables, as rows of
// the shape that the service writes, and its texts into the index through the
// store; what is measured live is made by the service.
func (b *documentsBench) seed(ctx context.Context) error {
	for _, step := range []func(context.Context) error{b.seedPeople, b.seedArchive, b.seedInbox, b.seedLive} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if err := b.Settle(ctx); err != nil {
		return err
	}
	if !b.DB.Postgres {
		return nil
	}
	_, err := b.DB.ExecContext(ctx, `ANALYZE`) // as it does by itself in time; nothing of ours does so on SQLite
	return err
}

func benchUnit(i int) security.UnitID { return security.UnitID(fmt.Sprintf("odbor-%d", i)) }

const benchAgendas = 12

func benchAgenda(i int) documents.AgendaID {
	return documents.AgendaID(fmt.Sprintf("agenda-%d", i%benchAgendas))
}

func (b *documentsBench) seedPeople(ctx context.Context) error {
	for i := range b.size.units {
		if err := b.Accounts.CreateUnit(ctx, security.System, access.UnitInfo{ID: benchUnit(i), Name: fmt.Sprintf("Odbor č. %d", i)}); err != nil {
			return err
		}
	}
	for i := range benchAgendas {
		a := documents.Agenda{ID: benchAgenda(i), Name: fmt.Sprintf("Agenda č. %d", i), Unit: benchUnit(i % b.size.units), Numbering: fmt.Sprintf("A%d {n}/{year}", i)}
		if err := b.Documents.CreateAgenda(ctx, security.System, a); err != nil {
			return err
		}
	}
	people := []access.NewAccount{
		{Login: "zpracovatelka", Unit: benchUnit(0), Roles: []security.Role{security.Drafter}},
		{Login: "sekretariat", Unit: benchUnit(0), Roles: []security.Role{security.Secretariat}},
		{Login: "vedouci", Unit: benchUnit(0), Roles: []security.Role{security.Head, security.Approver, security.Signer, security.Commenter}},
		{Login: "radni", Roles: []security.Role{security.Councillor}},
		{Login: "novacek", Unit: "", Roles: []security.Role{security.Drafter}},
	}
	for i := range b.size.units {
		people = append(people, access.NewAccount{Login: fmt.Sprintf("misto%d", i), Unit: benchUnit(i), Roles: []security.Role{security.Commenter}})
	}
	for _, p := range people {
		p.Name, p.Password = "Osoba "+p.Login, benchPassword
		id, err := b.Accounts.Create(ctx, security.System, p)
		if err != nil {
			return err
		}
		if p.Login == "zpracovatelka" {
			b.made.drafter = security.Actor{ID: id, Name: p.Name, Unit: p.Unit, Roles: p.Roles, Session: "bench"}
		}
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/sign-in", strings.NewReader(url.Values{"login": {p.Login}, "password": {benchPassword}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		b.Handler.ServeHTTP(w, r)
		for _, c := range w.Result().Cookies() {
			if c.HttpOnly && c.Value != "" && c.Name == "session" {
				b.people[p.Login] = c
			}
		}
		if b.people[p.Login] == nil {
			return fmt.Errorf("sign in as %s: %d", p.Login, w.Code)
		}
	}
	return nil
}

// wording makes texts out of the sentences of the demo's materials, names of
// municipalities and numbers: words as frequent as they are in an office, and
// a long tail of rare ones.
type wording struct {
	rnd       *rand.Rand
	sentences []string
}

func newWording() (*wording, error) {
	w := &wording{rnd: rand.New(rand.NewPCG(5, 2026))}
	names, err := demoTexts.ReadDir("demo")
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		text, err := demoTexts.ReadFile("demo/" + n.Name())
		if err != nil {
			return nil, err
		}
		b, err := body.Parse(text)
		if err != nil {
			return nil, err
		}
		for _, x := range b.Blocks {
			for s := range strings.SplitAfterSeq(strings.TrimSpace(x.Text()), ". ") {
				if len(s) > 30 {
					w.sentences = append(w.sentences, strings.TrimSpace(s))
				}
			}
		}
	}
	return w, nil
}

var syllables = strings.Fields("bra ces dob hol jar kam lip mir nov ost pol rak sko tru úva vel zde žel lho dvo hra")

// place is an invented name, one of some ten thousand.
func (w *wording) place() string {
	s := ""
	for range 3 {
		s += syllables[w.rnd.IntN(len(syllables))]
	}
	first := []rune(s)
	return strings.ToUpper(string(first[:1])) + string(first[1:]) + "ov"
}

func (w *wording) sentence() string {
	s := w.sentences[w.rnd.IntN(len(w.sentences))]
	if w.rnd.IntN(3) == 0 {
		s = fmt.Sprintf("Obec %s žádá o %d Kč na parcele č. %d. ", w.place(), w.rnd.IntN(5_000_000), w.rnd.IntN(9000)) + s
	}
	return s
}

// text has about so many words, between a third and four times as many.
func (w *wording) text(words int) string {
	n := words/3 + w.rnd.IntN(words)
	if w.rnd.IntN(20) == 0 {
		n = 4 * words
	}
	var b strings.Builder
	for have := 0; have < n; {
		s := w.sentence()
		b.WriteString(s)
		b.WriteByte('\n')
		have += strings.Count(s, " ") + 1
	}
	return b.String()
}

var benchTitles = []string{"Oprava mostu v obci %s", "Dotace na sport %s", "Smlouva o dílo %s", "Záměr prodeje pozemku %s", "Jmenování ředitele školy %s",
	"Rozpočtové opatření %s", "Zpráva o činnosti nemocnice %s", "Veřejná zakázka na silnici %s", "Stanovisko k územnímu plánu %s"}

// rowsOf inserts many rows with few statements.
type rowsOf struct {
	table, columns string
	values         [][]any
}

func (r *rowsOf) add(values ...any) { r.values = append(r.values, values) }

func (b *documentsBench) insert(ctx context.Context, tables ...*rowsOf) error {
	tx, err := b.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, r := range tables {
		for from := 0; from < len(r.values); from += 250 {
			part := r.values[from:min(from+250, len(r.values))]
			var text strings.Builder
			var args []any
			for i, v := range part {
				text.WriteString([]string{", (", "("}[boolInt(i == 0)])
				for j, x := range v {
					args = append(args, x)
					fmt.Fprintf(&text, "%s$%d", []string{", ", ""}[boolInt(j == 0)], len(args))
				}
				text.WriteByte(')')
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO `+r.table+` (`+r.columns+`) VALUES `+text.String(), args...); err != nil {
				return fmt.Errorf("%s: %w", r.table, err)
			}
		}
	}
	return tx.Commit()
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (b *documentsBench) seedArchive(ctx context.Context) error {
	w, err := newWording()
	if err != nil {
		return err
	}
	if b.DB.Postgres { // a GIN index is made faster than it is filled
		for _, text := range []string{`DROP INDEX documents_fts_head`, `DROP INDEX documents_fts_words`} {
			if _, err := b.DB.ExecContext(ctx, text); err != nil {
				return err
			}
		}
	}
	people, err := b.Accounts.People(ctx, access.PeopleFilter{Text: "novacek"})
	if err != nil || len(people) != 1 {
		return fmt.Errorf("find novacek: %d, %w", len(people), err)
	}
	newcomer := people[0].ID
	now := time.Now()
	for from := 0; from < b.size.materials; from += 500 {
		materials := &rowsOf{table: "documents_material", columns: "id, number, title, folded, collated, agenda, unit, drafter, state, draft, current, created_at, changed_at"}
		links := &rowsOf{table: "access_link", columns: "child, parent"}
		tuples := &rowsOf{table: "access_tuple", columns: "object, relation, subject"}
		shared := &rowsOf{table: "documents_participant", columns: "material, subject, relation"}
		rounds := &rowsOf{table: "documents_round", columns: "id, material, due, started_by, started_at, closed_at"}
		asked := &rowsOf{table: "documents_round_unit", columns: "round, unit"}
		var entries []documents.Indexed
		for i := from; i < min(from+500, b.size.materials); i++ {
			age := time.Duration(b.size.materials-i) * 20 * time.Minute
			m := documents.Material{ID: documents.MaterialID(fmt.Sprintf("m-archive%06d", i)), Number: fmt.Sprintf("ARCH %d/%d", i+1, 2020+i%7), Title: fmt.Sprintf(benchTitles[w.rnd.IntN(len(benchTitles))], w.place()),
				Agenda: benchAgenda(i), Unit: benchUnit(i % b.size.units), Drafter: security.ActorID(fmt.Sprintf("p-archive%d", i%400)), State: documents.States[w.rnd.IntN(len(documents.States))],
				Draft: 1, CreatedAt: now.Add(-age), ChangedAt: now.Add(-age / 2)}
			if i%1250 == 0 {
				m.Drafter = newcomer
			}
			if i%500 == 7 {
				b.made.numbers = append(b.made.numbers, m.Number)
				b.made.rare = append(b.made.rare, w.place())
			}
			materials.add(m.ID, m.Number, m.Title, documents.Fold(m.Number+" "+m.Title), "", m.Agenda, m.Unit, m.Drafter, m.State, m.Draft, "", m.CreatedAt.UnixMicro(), m.ChangedAt.UnixMicro())
			object := string(access.Document(string(m.ID)))
			links.add(object, string(access.Agenda(string(m.Agenda))))
			for _, p := range []documents.Participant{{Subject: "user:" + string(m.Drafter), Relation: "owner"}, {Subject: "unit:" + string(m.Unit), Relation: "commenter"},
				{Subject: "unit:" + string(benchUnit((i+1)%b.size.units)), Relation: "commenter"}, {Subject: "role:councillor", Relation: "reader"}} {
				shared.add(m.ID, p.Subject, p.Relation)
				tuples.add(object, p.Relation, p.Subject)
			}
			if i%2 == 0 { // rounds that are over
				at := m.CreatedAt.UnixMicro()
				rounds.add("r-"+m.ID, m.ID, at+1, m.Drafter, at, at+2)
				asked.add("r-"+m.ID, benchUnit(0))
				asked.add("r-"+m.ID, benchUnit(1))
			}
			texts := map[int]string{0: w.text(b.size.words)}
			entries = append(entries, documents.Indexed{Material: m, Texts: texts, Words: documents.Words(texts, nil)})
		}
		if err := b.insert(ctx, materials, links, tuples, shared, rounds, asked); err != nil {
			return err
		}
		if err := b.materials.Put(ctx, entries...); err != nil {
			return err
		}
	}
	if b.DB.Postgres {
		for _, text := range []string{`CREATE INDEX documents_fts_head ON documents_fts USING gin (head) WITH (fastupdate = off)`,
			`CREATE INDEX documents_fts_words ON documents_fts USING gin (words) WITH (fastupdate = off)`} {
			if _, err := b.DB.ExecContext(ctx, text); err != nil {
				return err
			}
		}
	}
	return nil
}

// seedInbox gives the head of department much to do: approvals asked of him and, by the wave, comments of his unit.
func (b *documentsBench) seedInbox(ctx context.Context) error {
	people, err := b.Accounts.People(ctx, access.PeopleFilter{Text: "vedouci"})
	if err != nil || len(people) != 1 {
		return fmt.Errorf("find vedouci: %d, %w", len(people), err)
	}
	head := people[0].ID
	for i := range b.size.mine {
		m, err := b.Documents.Import(ctx, b.made.drafter, documents.NewMaterial{Title: fmt.Sprintf("Ke schválení %d", i), Agenda: benchAgenda(i),
			Participants: []documents.Participant{{Subject: "user:" + string(head), Relation: "approver"}}}, []byte(fmt.Sprintf("# Materiál %d\n\nRada schvaluje záměr.\n", i)))
		if err != nil {
			return err
		}
		v, err := b.Documents.Freeze(ctx, b.made.drafter, m.ID)
		if err != nil {
			return err
		}
		if _, err := b.Documents.StartRoute(ctx, b.made.drafter, v.ID, documents.Route{Approvers: []documents.Group{{Members: []security.ActorID{head}, Rule: documents.All}}}); err != nil {
			return err
		}
	}
	return nil
}

// numbered is a text in which "bod číslo N." stands once for each N.
func (w *wording) numbered(points int) []byte {
	var b strings.Builder
	b.WriteString("# Důvodová zpráva\n\n")
	for i := range points {
		fmt.Fprintf(&b, "Zde je bod číslo %d. %s\n\n", i, strings.NewReplacer("*", "", "_", "", "[", "", "]", "", "<", "", "`", "").Replace(w.sentence()))
	}
	return []byte(b.String())
}

func (b *documentsBench) seedLive(ctx context.Context) error {
	w, err := newWording()
	if err != nil {
		return err
	}
	var units []security.UnitID
	for i := range b.size.units {
		units = append(units, benchUnit(i))
	}
	commented := func(title string, points int) (documents.Material, error) {
		m, err := b.Documents.Import(ctx, b.made.drafter, documents.NewMaterial{Title: title, Agenda: benchAgenda(0)}, w.numbered(points))
		if err != nil {
			return m, err
		}
		_, err = b.Documents.StartRound(ctx, b.made.drafter, m.ID, documents.NewRound{Required: units})
		return m, err
	}
	for i := range b.size.wave {
		m, err := commented(fmt.Sprintf("Materiál vlny %d", i), max(60, b.size.units*b.size.each))
		if err != nil {
			return err
		}
		b.made.wave = append(b.made.wave, m)
	}
	if b.made.settlement, err = commented("Vypořádání mnoha připomínek", max(60, b.size.settlement)); err != nil {
		return err
	}
	// A page of a material has some 27 paragraphs.
	long := body.Body{}
	for i := range 27 * b.size.pages {
		x := body.Block{Kind: body.Paragraph, Runs: []body.Run{{Text: fmt.Sprintf("%d. %s", i, w.sentences[w.rnd.IntN(len(w.sentences))])}}}
		if i%27 == 0 {
			x.Kind, x.Level = body.Heading, 2
		}
		long.Blocks = append(long.Blocks, x)
	}
	if b.made.docx, err = office.Write(office.Document{Body: long}); err != nil {
		return err
	}
	say := func(key string, args ...any) string { return b.App.pages.Text("cs", key, args...) }
	if b.made.long, _, err = b.Documents.ImportDOCX(ctx, b.made.drafter, documents.NewMaterial{Title: "Sto stran", Agenda: benchAgenda(0)}, b.made.docx, say); err != nil {
		return err
	}
	if _, err := b.Documents.Freeze(ctx, b.made.drafter, b.made.long.ID); err != nil {
		return err
	}
	return b.rewrite(ctx, long)
}

// rewrite changes one paragraph in twenty of the long text and freezes it again.
func (b *documentsBench) rewrite(ctx context.Context, long body.Body) error {
	id := b.made.long.ID
	if err := b.Documents.OpenDraft(ctx, b.made.drafter, id); err != nil {
		return err
	}
	for i := range long.Blocks {
		if i%20 == 3 {
			long.Blocks[i].Runs = []body.Run{{Text: long.Blocks[i].Text() + " Doplněno po připomínkách."}}
		}
	}
	if _, err := b.Hub.Edit(ctx, b.made.drafter, id, func(d *crdt.Doc) error {
		body.Write(d.Text("body"), long)
		return nil
	}); err != nil {
		return err
	}
	_, err := b.Documents.Freeze(ctx, b.made.drafter, id)
	return err
}
