package documents_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"spolupis/collab"
	"spolupis/collab/crdt"
	collabstore "spolupis/collab/store"
	"spolupis/documents"
	"spolupis/documents/body"
	"spolupis/documents/store"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// The people of the test office.
var (
	admin   = security.Actor{ID: "p-admin", Name: "Adam Správný", Session: "s0", Roles: []security.Role{security.Administrator}}
	drafter = security.Actor{ID: "p-eva", Name: "Eva Nová", Unit: "doprava", Session: "s1", Roles: []security.Role{security.Drafter}}
	reader  = security.Actor{ID: "p-jan", Name: "Jan Čtenář", Unit: "finance", Session: "s2"}
	jurist  = security.Actor{ID: "p-olga", Name: "Olga Právní", Unit: "pravni", Session: "s3", Roles: []security.Role{security.Commenter}}
	head    = security.Actor{ID: "p-karel", Name: "Karel Vedoucí", Unit: "doprava", Session: "s4", Roles: []security.Role{security.Approver}}
	budget  = security.Actor{ID: "p-dana", Name: "Dana Rozpočtová", Unit: "finance", Session: "s5", Roles: []security.Role{security.Approver}}
	signer  = security.Actor{ID: "p-hejtman", Name: "Ivan Hejtman", Session: "s6", Roles: []security.Role{security.Signer}}
)

type people map[security.ActorID]security.Actor

func (p people) Person(_ context.Context, id security.ActorID) (access.Person, error) {
	a, ok := p[id]
	if !ok {
		return access.Person{}, fault.New(fault.NotFound, "fault.not_found")
	}
	return access.Person{ID: a.ID, Name: a.Name, Unit: a.Unit, UnitName: string(a.Unit), Roles: a.Roles}, nil
}

func (p people) ByID(ctx context.Context, ids ...security.ActorID) (map[security.ActorID]access.Person, error) {
	out := map[security.ActorID]access.Person{}
	for _, id := range ids {
		if x, err := p.Person(ctx, id); err == nil {
			out[id] = x
		}
	}
	return out, nil
}

var everybody = people{}

func init() {
	for _, a := range []security.Actor{admin, drafter, reader, jurist, head, budget, signer} {
		everybody[a.ID] = a
	}
}

// office is the whole documents domain on a real database, journal, access and
// live editing.
type office struct {
	*documents.Service
	t       testing.TB
	ctx     context.Context
	db      *database.DB
	journal *journal.Journal
	store   *store.Store
	hub     *collab.Hub

	mu  sync.Mutex
	now time.Time // guarded by mu
}

func (o *office) clock() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = o.now.Add(time.Millisecond) // no two things at once
	return o.now
}

func (o *office) later(d time.Duration) {
	o.mu.Lock()
	o.now = o.now.Add(d)
	o.mu.Unlock()
}

// rooms answers the hub's questions about rights from access.
type rooms struct{ *access.Rights }

func (r rooms) Right(ctx context.Context, who security.Actor, doc collab.DocumentID) (collab.Right, int64, error) {
	n, err := r.Epoch(ctx, who.ID, doc)
	return collab.Edit, n, err
}

func (r rooms) Epoch(ctx context.Context, who security.ActorID, doc collab.DocumentID) (int64, error) {
	return r.Rights.Epoch(ctx, who, access.Document(string(doc)))
}

var sets = []database.Set{
	{Name: "journal", FS: journal.Migrations}, {Name: "access", FS: access.Migrations},
	{Name: "collab", FS: collabstore.Migrations}, {Name: "documents", FS: store.Migrations},
}

// Inbox is the service's; the number in the header of every page must be its length.
func (o *office) Inbox(ctx context.Context, who security.Actor) ([]documents.Task, error) {
	o.t.Helper()
	tasks, err := o.Service.Inbox(ctx, who)
	if n, failed := o.Service.InboxCount(ctx, who); err == nil && (failed != nil || n != len(tasks)) {
		o.t.Errorf("the header counts %d tasks of %s, %v; the inbox has %d", n, who.Name, failed, len(tasks))
	}
	return tasks, err
}

// each runs a test in a fresh office on every database.
func each(t *testing.T, run func(t *testing.T, o *office)) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) { run(t, open(t, db)) })
}

// onSQLite is for rules that do not depend on the database.
func onSQLite(t testing.TB) *office { return open(t, dbtest.SQLite(t, sets...)) }

func open(t testing.TB, db *database.DB) *office {
	t.Helper()
	o := &office{t: t, ctx: t.Context(), db: db, now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	var err error
	if o.journal, err = journal.New(db, journal.Config{Now: o.clock}); err != nil {
		t.Fatal(err)
	}
	rights := access.NewRights(db, o.journal)
	rights.Now = o.clock
	log := collabstore.New(db, collabstore.Config{Journal: o.journal, Now: o.clock})
	if o.hub, err = collab.New(collab.Config{Log: log, Leases: log, Rights: rooms{rights}, Witness: log, Now: o.clock, View: documents.View}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		o.hub.Close()
		log.Close()
	})
	o.store = store.New(db, o.journal, rights)
	o.Service = o.serve(o.store, o.hub)
	tx, err := db.BeginTx(o.ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	o.ok(rights.Grant(o.ctx, tx, security.System, access.Office, access.Administrator, access.Holders(security.Administrator)))
	o.ok(rights.Grant(o.ctx, tx, security.System, access.Office, access.Creator, access.Holders(security.Drafter)))
	o.ok(tx.Commit())
	o.ok(o.CreateAgenda(o.ctx, admin, documents.Agenda{ID: "rada", Name: "Materiály pro radu", Unit: "doprava", Numbering: "KULK {n}/{year}"}))
	o.ok(o.CreateAgenda(o.ctx, admin, documents.Agenda{ID: "dotace", Name: "Dotace", Unit: "finance", Numbering: "DOT-{year}-{n:04}"}))
	return o
}

func (o *office) serve(s documents.Store, h documents.Hub) *documents.Service {
	o.t.Helper()
	rights := access.NewRights(o.db, o.journal)
	rights.Now = o.clock
	service, err := documents.New(documents.Config{
		Store: s, Hub: h, Rights: rights, People: everybody, Reads: o.journal, Now: o.clock,
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return service
}

func (o *office) ok(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// refused checks the kind of an error and the sentence it gives.
func (o *office) refused(err error, kind fault.Kind, key string) {
	o.t.Helper()
	if !errors.Is(err, kind) || fault.Of(err).Key != key {
		o.t.Fatalf("got %v, want %v with %s", err, kind, key)
	}
}

const sample = `# Oprava mostu

Rada kraje schvaluje opravu mostu v celkové výši **4 250 000 Kč** z rozpočtu kraje.

Druhý odstavec zůstává beze změny a má dost slov na citaci.
`

// material makes a material with text, on which jurist may comment.
func (o *office) material(markdown string) documents.Material {
	o.t.Helper()
	m, err := o.Import(o.ctx, drafter, documents.NewMaterial{Title: "Oprava mostu v Turnově", Agenda: "rada", Participants: []documents.Participant{
		{Subject: "unit:pravni", Relation: "commenter"}, {Subject: "user:p-jan", Relation: "reader"},
	}}, []byte(markdown))
	o.ok(err)
	return m
}

// text is the live text of a material.
func (o *office) text(id documents.MaterialID) string {
	o.t.Helper()
	h, err := o.hub.Head(o.ctx, id)
	o.ok(err)
	return body.Read(h.Body.Text("body")).Text()
}

// edit changes the live text as the drafter.
func (o *office) edit(id documents.MaterialID, change func(t *crdt.Text)) {
	o.t.Helper()
	_, err := o.hub.Edit(o.ctx, drafter, id, func(d *crdt.Doc) error {
		change(d.Text("body"))
		return nil
	})
	o.ok(err)
}

// index finds a passage in the live text.
func index(t *crdt.Text, passage string) int {
	at := 0
	for _, op := range t.Delta() {
		if op.Map != nil || op.Embed != nil {
			at++
			continue
		}
		units := []rune(op.Insert) // tests use text of the basic plane only
		for i := range units {
			if len(units)-i >= len([]rune(passage)) && string(units[i:i+len([]rune(passage))]) == passage {
				return at + i
			}
		}
		at += len(units)
	}
	panic("no " + passage)
}

// anchor is what the editor sends for a selected passage.
func (o *office) anchor(id documents.MaterialID, passage string) map[string]any {
	o.t.Helper()
	h, err := o.hub.Head(o.ctx, id)
	o.ok(err)
	t := h.Body.Text("body")
	i := index(t, passage)
	return map[string]any{"start": t.RelativePosition(i, 0).Encode(), "end": t.RelativePosition(i+len([]rune(passage)), -1).Encode()}
}

var keys int

// command runs a comment command under a fresh key.
func (o *office) command(who security.Actor, id documents.MaterialID, name string, args map[string]any) (documents.CommentView, error) {
	keys++
	return o.commandAgain(who, id, "key-"+time.Duration(keys).String(), name, args)
}

func (o *office) commandAgain(who security.Actor, id documents.MaterialID, key, name string, args map[string]any) (v documents.CommentView, err error) {
	o.t.Helper()
	raw, err := json.Marshal(args)
	o.ok(err)
	result, err := o.Command(o.ctx, who, id, key, name, raw)
	if err == nil {
		o.ok(json.Unmarshal(result, &v))
	}
	return v, err
}

// comment lists one comment as who sees it.
func (o *office) comment(who security.Actor, id documents.MaterialID, c documents.CommentID) documents.CommentView {
	o.t.Helper()
	all, err := o.Comments(o.ctx, who, id)
	o.ok(err)
	for _, v := range all {
		if v.ID == c {
			return v
		}
	}
	o.t.Fatalf("no comment %s", c)
	return documents.CommentView{}
}

// happened lists the kinds of journal entries on a subject, oldest first.
func (o *office) happened(subject string) (kinds []string) {
	o.t.Helper()
	for after := int64(0); ; {
		page, err := o.journal.Read(o.ctx, after, 500)
		o.ok(err)
		if len(page) == 0 {
			return kinds
		}
		for _, e := range page {
			if e.Subject == subject {
				kinds = append(kinds, e.Kind)
			}
			after = e.Seq
		}
	}
}

func (o *office) count(statement string, args ...any) (n int) {
	o.t.Helper()
	o.ok(o.db.QueryRowContext(o.ctx, statement, args...).Scan(&n))
	return n
}
