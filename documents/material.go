package documents

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"spolupis/collab/crdt"
	"spolupis/documents/body"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// CreateAgenda adds an agenda. Needs the right to administer the office.
func (s *Service) CreateAgenda(ctx context.Context, who security.Actor, a Agenda) error {
	if err := s.Rights.Can(ctx, who, access.Administer, access.Office); err != nil {
		return err
	}
	if err := a.Check(); err != nil {
		return err
	}
	return wrap("create agenda", a.ID, s.Store.Write(ctx, func(tx Tx) error {
		if _, err := tx.Agenda(ctx, a.ID); err == nil {
			return conflict("documents.fault.agenda_exists")
		} else if !errors.Is(err, fault.NotFound) {
			return err
		}
		if err := tx.AddAgenda(ctx, who, a); err != nil {
			return err
		}
		e := s.entry(who, "documents.agenda_created", "", map[string]any{"agenda": a.ID, "unit": a.Unit, "numbering": a.Numbering}, nil)
		e.Subject = "agenda:" + string(a.ID)
		return tx.Record(ctx, e)
	}))
}

// Agendas lists all agendas by name.
func (s *Service) Agendas(ctx context.Context) ([]Agenda, error) { return s.Store.Agendas(ctx) }

// NewMaterial is what a person fills in to create a material.
type NewMaterial struct {
	Title  string
	Agenda AgendaID
	Unit   security.UnitID // the drafter's own unit when empty
	// Template the text begins with, and is checked against before it is
	// submitted; "" is none. A text that comes from a file is only checked.
	Template TemplateID
	// Participants get rights of their own besides the drafter, who owns it.
	Participants []Participant
}

// relations a drafter may hand out on his material.
var relations = []string{"reader", "commenter", "suggester", "editor", "owner", "approver", "signer", "auditor", "publisher"}

func (n NewMaterial) check(who security.Actor) (NewMaterial, error) {
	title, err := checkTitle(n.Title)
	if err != nil {
		return n, err
	}
	n.Title = title
	if n.Agenda == "" {
		return n, invalid("documents.fault.agenda_missing")
	}
	if n.Unit == "" {
		n.Unit = who.Unit
	}
	for _, p := range n.Participants {
		if err := p.check(); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (p Participant) check() error {
	kind, id, ok := strings.Cut(p.Subject, ":")
	if !ok || id == "" || kind != "user" && kind != "unit" && kind != "role" || !slices.Contains(relations, p.Relation) {
		return invalid("documents.fault.participant")
	}
	return nil
}

// Create makes an empty material: numbered, with who as its drafter and owner.
func (s *Service) Create(ctx context.Context, who security.Actor, n NewMaterial) (Material, error) {
	m, n, err := s.prepare(ctx, who, n)
	if err != nil {
		return Material{}, err
	}
	if n.Template != "" {
		k, text, err := s.useTemplate(ctx, who, n)
		if err != nil {
			return Material{}, err
		}
		return s.bring(ctx, who, n, brought{text: text, template: &k, kind: "documents.from_template", facts: map[string]any{"template": k.ID, "version": k.Version}})
	}
	m.State = Draft
	err = s.Store.Write(ctx, func(tx Tx) error {
		if err := s.number(ctx, tx, &m); err != nil {
			return err
		}
		if err := s.begin(ctx, tx, &m); err != nil {
			return err
		}
		if err := tx.AddMaterial(ctx, m); err != nil {
			return err
		}
		if err := s.invite(ctx, tx, who, m.ID, n.Participants); err != nil {
			return err
		}
		return tx.Record(ctx, s.created(who, m))
	})
	return m, wrap("create material", m.ID, err)
}

func (s *Service) prepare(ctx context.Context, who security.Actor, n NewMaterial) (Material, NewMaterial, error) {
	n, err := n.check(who)
	if err != nil {
		return Material{}, n, err
	}
	agenda, err := s.Store.Agenda(ctx, n.Agenda)
	if errors.Is(err, fault.NotFound) {
		return Material{}, n, invalid("documents.fault.agenda_missing")
	} else if err != nil {
		return Material{}, n, err
	}
	if err := s.Rights.Can(ctx, who, access.CreateDocument, access.Office); err != nil {
		return Material{}, n, err
	}
	now := s.now()
	return Material{
		ID: MaterialID(newID("m")), Title: n.Title, Agenda: n.Agenda, AgendaName: agenda.Name, Unit: n.Unit,
		Drafter: who.ID, Draft: 1, CreatedAt: now, ChangedAt: now,
	}, n, nil
}

func (s *Service) number(ctx context.Context, tx Tx, m *Material) error {
	agenda, err := tx.Agenda(ctx, m.Agenda)
	if err != nil {
		return err
	}
	year := s.now().In(s.Zone).Year()
	n, err := tx.NextNumber(ctx, m.Agenda, year)
	if err != nil {
		return err
	}
	m.Number = number(agenda.Numbering, n, year)
	return nil
}

func (s *Service) created(who security.Actor, m Material) journal.Entry {
	return s.entry(who, "documents.created", m.ID, map[string]any{"agenda": m.Agenda, "unit": m.Unit, "number": m.Number}, nil)
}

func (s *Service) invite(ctx context.Context, tx Tx, who security.Actor, id MaterialID, more []Participant) error {
	all := append([]Participant{{Subject: "user:" + string(who.ID), Relation: "owner"}}, more...)
	for i, p := range all {
		if slices.Contains(all[:i], p) {
			continue
		}
		if err := tx.AddParticipant(ctx, who, id, p); err != nil {
			return err
		}
	}
	return nil
}

// Import makes a material from Markdown. A text that cannot be read is refused
// with the line in question (faults "documents.fault.import_…") and nothing
// is created; a crash on the way leaves nothing behind after Recover.
func (s *Service) Import(ctx context.Context, who security.Actor, n NewMaterial, markdown []byte) (Material, error) {
	text, err := parse(markdown)
	if err != nil {
		return Material{}, err
	}
	return s.bring(ctx, who, n, brought{text: text, facts: map[string]any{"format": "markdown", "bytes": len(markdown)}})
}

// brought is what an import brings into a new material.
type brought struct {
	text     body.Body
	kind     string                     // of the journal entry about it; "documents.imported" when empty
	facts    map[string]any             // for the journal
	template *KeptTemplate              // nil when it follows none
	comments func(t *text) []Comment    // placed in the text, without numbers; nil when there are none
	report   func(id MaterialID) []byte // what to keep about the import; nil when nothing
}

func (s *Service) bring(ctx context.Context, who security.Actor, n NewMaterial, b brought) (Material, error) {
	m, n, err := s.prepare(ctx, who, n)
	if err != nil {
		return Material{}, err
	}
	if n.Template != "" && b.template == nil {
		k, _, err := s.useTemplate(ctx, who, n)
		if err != nil {
			return Material{}, err
		}
		b.template = &k
	}
	// The live text is another room's business and cannot join our
	// transaction. So the material is born hidden, gets its text, and only
	// then its number and its first journal entry.
	m.State, m.Number = Importing, string(m.ID)
	intent := Intent{ID: newID("i"), Material: m.ID, Kind: IntentImport, By: who.ID, At: s.now(), Step: StepBegun, Prior: Importing}
	err = s.Store.Write(ctx, func(tx Tx) error {
		if err := s.begin(ctx, tx, &m); err != nil {
			return err
		}
		if err := tx.AddMaterial(ctx, m); err != nil {
			return err
		}
		if err := s.invite(ctx, tx, who, m.ID, n.Participants); err != nil {
			return err
		}
		return tx.AddIntent(ctx, intent)
	})
	if err != nil {
		return Material{}, wrap("import", m.ID, err)
	}
	err = s.finishImport(ctx, who, &m, intent, b)
	if err != nil {
		if undo := s.undoImport(context.WithoutCancel(ctx), who, intent); undo != nil && !errors.Is(undo, fault.Conflict) {
			err = errors.Join(err, undo)
		}
		return Material{}, wrap("import", m.ID, err)
	}
	return m, nil
}

func (s *Service) finishImport(ctx context.Context, who security.Actor, m *Material, i Intent, b brought) error {
	head, err := s.Hub.Edit(ctx, who, m.ID, func(d *crdt.Doc) error { return replaceBody(d, b.text) })
	if err != nil {
		return err
	}
	var comments []Comment
	if b.comments != nil {
		comments = b.comments(open(head.Body))
	}
	return s.Store.Write(ctx, func(tx Tx) error {
		if err := tx.DropIntent(ctx, i.ID); err != nil {
			return err
		}
		if err := s.number(ctx, tx, m); err != nil {
			return err
		}
		m.State, m.ChangedAt = Draft, s.now()
		if err := tx.SetMaterial(ctx, *m); err != nil {
			return err
		}
		if b.report != nil {
			report := b.report(m.ID)
			b.facts["report"] = sum(report)
			if err := tx.PutBlob(ctx, sum(report), report); err != nil {
				return err
			}
		}
		if b.template != nil {
			if err := tx.SetMaterialTemplate(ctx, m.ID, b.template.ID, b.template.Version); err != nil {
				return err
			}
		}
		entries := []journal.Entry{s.created(who, *m), s.entry(who, cmp.Or(b.kind, "documents.imported"), m.ID, b.facts, nil)}
		for n, c := range comments {
			c.Material, c.Number = m.ID, n+1
			if err := s.addImported(ctx, tx, c); err != nil {
				return err
			}
			entries = append(entries, s.entry(who, "documents.comment_added", m.ID, map[string]any{"comment": c.ID, "kind": c.Kind}, nil))
		}
		return tx.Record(ctx, entries...)
	})
}

func (s *Service) addImported(ctx context.Context, tx Tx, c Comment) error {
	if err := tx.AddComment(ctx, c); err != nil {
		return err
	}
	for _, r := range c.Replies {
		if err := tx.AddReply(ctx, c.ID, r); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) undoImport(ctx context.Context, who security.Actor, i Intent) error {
	return s.Store.Write(ctx, func(tx Tx) error {
		if err := tx.DropIntent(ctx, i.ID); err != nil {
			return err
		}
		return tx.DropMaterial(ctx, who, i.Material)
	})
}

// parse reads Markdown or says on which line it cannot.
func parse(markdown []byte) (body.Body, error) {
	markdown = bytes.TrimPrefix(markdown, []byte("\xef\xbb\xbf"))
	if len(markdown) > body.MaxSize {
		return body.Body{}, fault.New(fault.TooLarge, "documents.fault.import_large", body.MaxSize>>20)
	}
	if len(bytes.TrimSpace(markdown)) == 0 {
		return body.Body{}, invalid("documents.fault.import_empty")
	}
	if i := bytes.IndexByte(markdown, 0); i >= 0 {
		return body.Body{}, invalid("documents.fault.import_binary", 1+bytes.Count(markdown[:i], []byte("\n")))
	}
	text, err := body.Parse(markdown)
	if at, ok := errors.AsType[*body.ParseError](err); ok {
		return body.Body{}, fmt.Errorf("%w (%w)", invalid("documents.fault.import_"+at.Code, at.Line, at.Limit), err)
	}
	return text, err
}

// replaceBody makes text the whole text of a live document, within Hub.Edit.
func replaceBody(d *crdt.Doc, text body.Body) error {
	body.Write(d.Text(bodyName), text)
	return nil
}

// Query selects materials. Empty fields select everything.
type Query struct {
	State   State
	Agenda  AgendaID
	Unit    security.UnitID
	Drafter security.ActorID
	From    time.Time // last changed then or later
	To      time.Time // last changed before
	Text    string    // in the title or the number; case and diacritics do not matter
	Sort    Sort      // most recently changed first when empty
	After   string    // Page.Next of the page before, with the same Sort
	Limit   int       // 50 when zero, 200 at most
	Count   bool      // fill in Page.Count
}

// Filing is how the materials shall be filed.
func (q Query) Filing() Filing {
	return Filing{State: q.State, Agenda: q.Agenda, Unit: q.Unit, Drafter: q.Drafter, From: q.From, To: q.To}
}

// Sort is an order of materials.
type Sort string

// The orders.
const (
	ByChange   Sort = ""        // most recently changed first
	ByCreation Sort = "created" // newest first
	ByTitle    Sort = "title"   // Czech alphabet
)

// Sorts lists the orders a person can choose from.
var Sorts = []Sort{ByChange, ByCreation, ByTitle}

// MaxCount is up to how many materials are counted.
const MaxCount = 1000

// Page is one page of a list.
type Page struct {
	Materials []Material
	Next      string // "" on the last page
	Count     int    // of all pages, when asked for; MaxCount+1 means more than MaxCount
}

// List returns the materials that who may see.
func (s *Service) List(ctx context.Context, who security.Actor, q Query) (Page, error) {
	if q.Limit <= 0 {
		q.Limit = 50
	}
	q.Limit = min(q.Limit, 200)
	q.Text = Fold(firstRunes(q.Text, 200))
	return s.Store.List(ctx, who, q)
}

// Get returns a material that who may see. It leaves no trace; pages that show
// the material's text call Read.
func (s *Service) Get(ctx context.Context, who security.Actor, id MaterialID) (Material, error) {
	if err := s.can(ctx, who, access.View, id); err != nil {
		return Material{}, err
	}
	m, err := s.Store.Material(ctx, id)
	if err == nil && m.State == Importing {
		return Material{}, fault.NotFound
	}
	return m, err
}

// Read is Get with an entry in the journal, durable before Read returns.
// What says which page was read, such as "overview" or "text".
func (s *Service) Read(ctx context.Context, who security.Actor, id MaterialID, what string) (Material, error) {
	m, err := s.Get(ctx, who, id)
	if err != nil {
		return m, err
	}
	return m, s.Reads.Recorded(ctx, who, "documents.read", subject(id), map[string]any{"page": what})
}

// Text returns the live text of a material that who may see.
func (s *Service) Text(ctx context.Context, who security.Actor, id MaterialID) (body.Body, error) {
	if err := s.can(ctx, who, access.View, id); err != nil {
		return body.Body{}, err
	}
	view, err := s.Hub.View(ctx, id)
	if err != nil {
		return body.Body{}, wrap("text", id, err)
	}
	return bodyOf(view)
}

// View keeps the text of a live document at hand; it is what collab.Config.View must be.
func View(d *crdt.Doc) func() any {
	x := body.NewIndex(d.Text(bodyName))
	return func() any { return x.Body() }
}

func bodyOf(view any) (body.Body, error) {
	b, ok := view.(body.Body)
	if !ok {
		return b, errors.New("documents: the hub does not keep documents.View")
	}
	return b, nil
}

// Rename changes the title of a material that is being written.
func (s *Service) Rename(ctx context.Context, who security.Actor, id MaterialID, title string) error {
	if err := s.can(ctx, who, access.Edit, id); err != nil {
		return err
	}
	title, err := checkTitle(title)
	if err != nil {
		return err
	}
	return wrap("rename", id, s.Store.Write(ctx, func(tx Tx) error {
		m, err := tx.Lock(ctx, id)
		if err != nil {
			return err
		}
		if !m.State.Editable() {
			return conflict("documents.fault.frozen")
		}
		if m.Title == title {
			return nil
		}
		m.Title, m.ChangedAt = title, s.now()
		if err := tx.SetMaterial(ctx, m); err != nil {
			return err
		}
		return tx.Record(ctx, s.entry(who, "documents.renamed", id, map[string]any{}, map[string]any{"title": title}))
	}))
}

// Invite gives somebody a right to a material. The right and its journal entry are one.
func (s *Service) Invite(ctx context.Context, who security.Actor, id MaterialID, p Participant) error {
	return s.participant(ctx, who, id, p, Tx.AddParticipant)
}

// Uninvite takes back a right given by Invite. The drafter stays an owner.
func (s *Service) Uninvite(ctx context.Context, who security.Actor, id MaterialID, p Participant) error {
	return s.participant(ctx, who, id, p, func(tx Tx, ctx context.Context, by security.Actor, id MaterialID, p Participant) error {
		m, err := tx.Material(ctx, id)
		if err != nil {
			return err
		}
		if p.Relation == "owner" && p.Subject == "user:"+string(m.Drafter) {
			return conflict("documents.fault.drafter_stays")
		}
		return tx.DropParticipant(ctx, by, id, p)
	})
}

func (s *Service) participant(ctx context.Context, who security.Actor, id MaterialID, p Participant,
	do func(Tx, context.Context, security.Actor, MaterialID, Participant) error) error {
	if err := s.can(ctx, who, access.Manage, id); err != nil {
		return err
	}
	if err := p.check(); err != nil {
		return err
	}
	return wrap("participant of", id, s.Store.Write(ctx, func(tx Tx) error { return do(tx, ctx, who, id, p) }))
}

// Participants lists who has a right of his own to the material.
func (s *Service) Participants(ctx context.Context, who security.Actor, id MaterialID) ([]Participant, error) {
	if err := s.can(ctx, who, access.View, id); err != nil {
		return nil, err
	}
	return s.Store.Participants(ctx, id)
}

func (s *Service) push(ctx context.Context, id MaterialID, event map[string]any) {
	s.Hub.Push(ctx, id, encode(event))
}

// unaccent drops combining marks: "č" and "c" are the same to a searcher.
func unaccent(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(s))
}

// Fold makes text comparable for searching, as the store keeps it: lower case,
// no diacritics, single spaces.
func Fold(s string) string { return strings.Join(strings.Fields(unaccent(strings.ToLower(s))), " ") }
