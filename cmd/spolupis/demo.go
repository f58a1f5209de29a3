package main

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"spolupis/citizen"
	"spolupis/documents"
	"spolupis/documents/register"
	"spolupis/security"
	"spolupis/security/access"
)

//go:embed demo/*.md
var demoTexts embed.FS

// demo serves a demonstration office. The office is made when the database is
// empty; its people, their one password and its materials then stay until the
// data folder is deleted.
func demo(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	cfg, err := parse("demo", args, stderr)
	if err != nil {
		return err
	}
	cfg.Demo = true
	return serveOffice(ctx, cfg, stdout, stderr, func(ctx context.Context, app *App, url string) error {
		password, err := demoPassword(cfg.Data)
		if err != nil {
			return err
		}
		codes, err := furnish(ctx, app, password)
		if err != nil {
			return fmt.Errorf("furnish the demo office: %w", err)
		}
		if err := keepCodes(cfg.Data, &codes); err != nil {
			return err
		}
		welcome(stdout, url, password, codes)
		return nil
	})
}

// demoPassword is random, so that a demo somebody left open to a network is
// not open to everybody who read this file.
func demoPassword(data string) (string, error) {
	file := filepath.Join(data, "demo-password")
	if b, err := os.ReadFile(file); err == nil {
		return strings.TrimSpace(string(b)), nil
	}
	password := randomPassword()
	return password, keepFile(file, []byte(password+"\n"))
}

// randomPassword has 80 bits and can be typed.
func randomPassword() string {
	var b [10]byte
	rand.Read(b[:])
	s := strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
	return s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:]
}

// keepCodes remembers the access codes of the demo's matters, which a real
// office sees only once.
func keepCodes(data string, codes *[]demoCode) error {
	file := filepath.Join(data, "demo-codes.json")
	if len(*codes) > 0 {
		b, err := json.Marshal(*codes)
		if err != nil {
			return err
		}
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) { // of an office whose database is gone
			return err
		}
		return keepFile(file, b)
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(b, codes)
}

type demoCode struct{ Title, Number, Code string }

var demoUnits = []access.UnitInfo{
	{ID: "oi", Name: "odbor informatiky"}, {ID: "oe", Name: "odbor ekonomický"}, {ID: "op", Name: "odbor právní"},
	{ID: "sk", Name: "kancelář ředitele a sekretariát"},
}

var demoPeople = []struct {
	login, name, what string
	unit              security.UnitID
	roles             []security.Role
}{
	{"dvorakova", "Alena Dvořáková", "zpracovatelka", "oi", []security.Role{security.Drafter, security.Commenter}},
	{"novak", "Petr Novák", "zpracovatel", "oi", []security.Role{security.Drafter, security.Commenter}},
	{"maly", "Jiří Malý", "vedoucí odboru, schvaluje", "oi", []security.Role{security.Drafter, security.Head, security.Approver}},
	{"kralova", "Eva Králová", "zpracovatelka", "oe", []security.Role{security.Drafter, security.Commenter}},
	{"benes", "Tomáš Beneš", "připomínkuje", "oe", []security.Role{security.Commenter}},
	{"horakova", "Lenka Horáková", "vedoucí odboru, schvaluje", "oe", []security.Role{security.Drafter, security.Head, security.Approver}},
	{"fiala", "Martin Fiala", "připomínkuje", "op", []security.Role{security.Commenter}},
	{"pokorna", "Jana Pokorná", "vedoucí odboru, schvaluje", "op", []security.Role{security.Head, security.Approver, security.Commenter}},
	{"vesela", "Marie Veselá", "sekretariát, zveřejňuje", "sk", []security.Role{security.Secretariat, security.Drafter}},
	{"urban", "Karel Urban", "ředitel úřadu, schvaluje a zveřejňuje", "sk", []security.Role{security.Approver, security.Secretariat, security.Director}},
	{"kolar", "Pavel Kolář", "hejtman, podepisuje", "sk", []security.Role{security.Signer}},
	{"svobodova", "Hana Svobodová", "radní", "sk", []security.Role{security.Councillor, security.Commenter}},
	{"cermak", "Ivan Čermák", "auditor", "", []security.Role{security.Auditor}},
	{"spravce", "Správce", "správce účtů", "", []security.Role{security.Administrator}},
}

// furnishing is a demo office being made.
type furnishing struct {
	*App
	actor map[string]security.Actor // by login
}

// furnish makes the demo office in an empty database and returns the access
// codes of its matters; in a database with people it does nothing.
func furnish(ctx context.Context, app *App, password string) ([]demoCode, error) {
	people, err := app.Accounts.People(ctx, access.PeopleFilter{Disabled: true, Limit: 1})
	if err != nil || len(people) > 0 {
		return nil, err
	}
	f := furnishing{app, map[string]security.Actor{}}
	if err := f.people(ctx, password); err != nil {
		return nil, err
	}
	if err := f.heads(ctx); err != nil {
		return nil, err
	}
	if err := f.agendas(ctx); err != nil {
		return nil, err
	}
	if err := f.register(ctx); err != nil {
		return nil, fmt.Errorf("agenda register: %w", err)
	}
	materials, err := f.materials(ctx)
	if err != nil {
		return nil, err
	}
	if err := f.work(ctx, materials); err != nil {
		return nil, err
	}
	if err := f.meetings(ctx, materials); err != nil {
		return nil, fmt.Errorf("meetings: %w", err)
	}
	codes, err := f.matters(ctx, materials)
	if err != nil {
		return nil, err
	}
	return codes, f.Settle(ctx)
}

func (f furnishing) people(ctx context.Context, password string) error {
	for _, u := range demoUnits {
		if err := f.Accounts.CreateUnit(ctx, security.System, u); err != nil {
			return err
		}
	}
	for _, p := range demoPeople {
		id, err := f.Accounts.Create(ctx, security.System, access.NewAccount{Login: p.login, Name: p.name, Password: password, Unit: p.unit, Roles: p.roles})
		if err != nil {
			return fmt.Errorf("account %s: %w", p.login, err)
		}
		a := security.Actor{ID: id, Name: p.name, Unit: p.unit, Roles: p.roles, Session: "demo", Lang: "cs"}
		for _, u := range demoUnits {
			if u.ID == p.unit {
				a.UnitName = u.Name
			}
		}
		f.actor[p.login] = a
	}
	return nil
}

// agendas makes two with different scopes: council materials are public by
// number, grant applications only with the code.
func (f furnishing) agendas(ctx context.Context) error {
	for _, a := range []documents.Agenda{
		{ID: "rada", Name: "Materiály pro radu kraje", Unit: "sk", Numbering: "RK {n:03}/{year}"},
		{ID: "dotace", Name: "Žádosti o dotace", Unit: "oe", Numbering: "KULK-D {n}/{year}"},
	} {
		if err := f.Documents.CreateAgenda(ctx, security.System, a); err != nil {
			return fmt.Errorf("agenda %s: %w", a.ID, err)
		}
	}
	council := citizen.Scope{Agenda: "rada", Mode: citizen.Coded,
		Stages:     []citizen.Stage{citizen.Received, citizen.InProgress, citizen.InApproval, citizen.Approved, citizen.Signed, citizen.Resolved},
		Fields:     citizen.Fields{Unit: true, Official: "none", Subject: "full", Dates: "minute", Documents: "public_files"},
		LegalBasis: "zákon č. 129/2000 Sb., o krajích; zákon č. 106/1999 Sb.", RetentionDays: 365}
	grants := citizen.Scope{Agenda: "dotace", Mode: citizen.Coded,
		Stages:     []citizen.Stage{citizen.Received, citizen.InProgress, citizen.InApproval, citizen.Signed, citizen.Resolved},
		Fields:     citizen.Fields{Unit: true, Official: "none", Subject: "generic", Dates: "day", Documents: "none"},
		LegalBasis: "zákon č. 250/2000 Sb., o rozpočtových pravidlech územních rozpočtů", RetentionDays: 90}
	for _, sc := range []citizen.Scope{council, grants} {
		proposed, err := f.Citizen.Propose(ctx, f.actor["vesela"], sc)
		if err != nil {
			return fmt.Errorf("scope of %s: %w", sc.Agenda, err)
		}
		if err := f.Citizen.Decide(ctx, f.actor["urban"], proposed.Agenda, proposed.Number, true); err != nil {
			return fmt.Errorf("approve scope of %s: %w", sc.Agenda, err)
		}
	}
	return nil
}

// register brings in the region's starting state, and ties the two agendas of
// materials to theirs, so that their events count.
func (f furnishing) register(ctx context.Context) error {
	files, err := register.Start()
	if err != nil {
		return err
	}
	p, err := f.Register.Propose(ctx, security.System, files)
	if err != nil {
		return err
	}
	if _, err := f.Register.Import(ctx, security.System, files, p.Digest); err != nil {
		return err
	}
	for id, agenda := range map[register.ID]documents.AgendaID{"materialy": "rada", "sber-dotaci": "dotace"} {
		if _, err := f.Register.Edit(ctx, security.System, id, 1, "", func(e *register.Entry) error { e.Materials = agenda; return nil }); err != nil {
			return err
		}
	}
	plan, err := f.Register.Plan(ctx, security.System)
	if err != nil {
		return err
	}
	plan.Start, plan.Hour, plan.Page = register.Day(fmt.Sprintf("%d-01-01", time.Now().Year())), 0, 0 // the example prices
	return f.Register.SetPlan(ctx, security.System, plan.Version, plan.Plan)
}

// materials imports the texts through the product's own Markdown import. A
// name tells agenda and department: "01-rada-oe-title.md".
func (f furnishing) materials(ctx context.Context) ([]documents.Material, error) {
	names, err := fs.Glob(demoTexts, "demo/*.md")
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	drafter := map[string]string{"oi": "dvorakova", "oe": "kralova", "sk": "vesela"}
	var out []documents.Material
	for _, name := range names {
		text, err := demoTexts.ReadFile(name)
		if err != nil {
			return nil, err
		}
		agenda, unit := "rada", "oi"
		if parts := strings.SplitN(filepath.Base(name), "-", 4); len(parts) == 4 && len(parts[0]) == 2 {
			agenda, unit = parts[1], parts[2]
		}
		title, _, _ := strings.Cut(strings.TrimPrefix(string(text), "# "), "\n")
		who := f.actor[drafter[unit]]
		m, err := f.Documents.Import(ctx, who, documents.NewMaterial{Title: title, Agenda: documents.AgendaID(agenda), Unit: security.UnitID(unit),
			Participants: []documents.Participant{
				{Subject: string(access.User(f.actor["novak"].ID)), Relation: "editor"},
				{Subject: "unit:op", Relation: "commenter"}, {Subject: "unit:oe", Relation: "commenter"},
				{Subject: "role:approver", Relation: "approver"}, {Subject: "role:signer", Relation: "signer"}, {Subject: "role:councillor", Relation: "reader"},
				{Subject: "role:secretariat", Relation: "owner"},
			}}, text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, m)
	}
	return out, nil
}

// work brings the materials to different points of their lives: the first
// twenty-one wait for the signature, one is being commented on, the rest are
// drafts.
func (f furnishing) work(ctx context.Context, materials []documents.Material) error {
	for i, m := range materials {
		var err error
		last := i == len(materials)-1
		if i == 0 || last { // one whose attachment is frozen, one whose attachment can be changed
			_, err = f.Documents.Attach(ctx, f.owner(m), m.ID, []documents.Upload{{Name: "Rozpočet po letech.csv", Bytes: []byte("rok;částka v Kč\r\n2026;1 200 000\r\n2027;800 000\r\n")}})
		}
		switch {
		case err != nil:
		case i < 21:
			err = f.toSigner(ctx, m)
		case last:
			err = f.comment(ctx, m)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", m.Number, err)
		}
	}
	return f.Settle(ctx)
}

func (f furnishing) owner(m documents.Material) security.Actor {
	for _, a := range f.actor {
		if a.ID == m.Drafter {
			return a
		}
	}
	return security.System
}

func (f furnishing) toSigner(ctx context.Context, m documents.Material) error {
	v, err := f.Documents.Freeze(ctx, f.owner(m), m.ID)
	if err != nil {
		return fmt.Errorf("freeze: %w", err)
	}
	head, director := f.actor["horakova"], f.actor["urban"]
	route := documents.Route{
		Approvers: []documents.Group{{Members: []security.ActorID{head.ID}, Rule: documents.All}, {Members: []security.ActorID{director.ID}, Rule: documents.All}},
		Signers:   []documents.Group{{Members: []security.ActorID{f.actor["kolar"].ID}, Rule: documents.All}},
	}
	if _, err := f.Documents.StartRoute(ctx, f.owner(m), v.ID, route); err != nil {
		return fmt.Errorf("start the route: %w", err)
	}
	for _, a := range []security.Actor{head, director} {
		if _, err := f.Documents.Approve(ctx, a, v.ID); err != nil {
			return fmt.Errorf("approve: %w", err)
		}
	}
	return nil
}

// comment starts a commenting round on the region's project card.
func (f furnishing) comment(ctx context.Context, m documents.Material) error {
	if _, err := f.Documents.StartRound(ctx, f.owner(m), m.ID, documents.NewRound{Required: []security.UnitID{"oe", "op"}}); err != nil {
		return fmt.Errorf("start the round: %w", err)
	}
	for i, c := range []struct {
		who  string
		args map[string]any
	}{
		{"fiala", map[string]any{"kind": "major", "quote": "není vyřešen hromadný podpis", "text": "Doplňte, jaký druh elektronického podpisu se má použít.",
			"reasoning": "Kraj jako veřejnoprávní podepisující smí podle § 5 zákona č. 297/2016 Sb. použít jen kvalifikovaný podpis.",
			"proposed":  "není vyřešen hromadný kvalifikovaný elektronický podpis"}},
		{"benes", map[string]any{"kind": "advisory", "quote": "náročnost cca ½ roku", "text": "Uveďte, z jakého roku odhad pochází."}},
		{"fiala", map[string]any{"kind": "formal", "quote": "zdouhavé", "text": "Překlep.", "proposed": "zdlouhavé"}},
	} {
		raw, err := json.Marshal(c.args)
		if err != nil {
			return err
		}
		if _, err := f.Documents.Command(ctx, f.actor[c.who], m.ID, fmt.Sprintf("demo-%d", i), "comment.add", raw); err != nil {
			return fmt.Errorf("comment %d: %w", i, err)
		}
	}
	return nil
}

// matters gives citizens a number for one material of each agenda.
func (f furnishing) matters(ctx context.Context, materials []documents.Material) ([]demoCode, error) {
	var codes []demoCode
	seen := map[documents.AgendaID]bool{}
	for _, m := range materials {
		if seen[m.Agenda] {
			continue
		}
		seen[m.Agenda] = true
		generic := map[documents.AgendaID]string{"rada": "materiál pro radu kraje", "dotace": "žádost o dotaci"}[m.Agenda]
		matter, code, err := f.Citizen.Open(ctx, f.actor["vesela"], citizen.Opening{Document: citizen.DocumentID(m.ID), Received: time.Now().AddDate(0, 0, -9),
			Rule: citizen.Administrative, Generic: generic, Full: m.Title})
		if err != nil {
			return nil, fmt.Errorf("open a matter for %s: %w", m.Number, err)
		}
		codes = append(codes, demoCode{m.Title, fmt.Sprint(matter.Number), fmt.Sprint(code)})
	}
	return codes, nil
}

func welcome(w io.Writer, url, password string, codes []demoCode) {
	fmt.Fprintf(w, "\nSpolupis: ukázkový úřad / demonstration office\n\n  %s\n\nPřihlášení (heslo všech účtů / password of all accounts): %s\n\n", url, password)
	for _, p := range demoPeople {
		fmt.Fprintf(w, "  %-10s %-16s %s\n", p.login, p.name, p.what)
	}
	if len(codes) > 0 {
		fmt.Fprintf(w, "\nObčan / citizen: %s/stav\n\n", url)
		for _, c := range codes {
			fmt.Fprintf(w, "  číslo %s  kód %s  %s\n", c.Number, c.Code, c.Title)
		}
	}
	fmt.Fprintln(w)
}
