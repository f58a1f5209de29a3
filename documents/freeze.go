package documents

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"spolupis/collab"
	"spolupis/collab/crdt"
	"spolupis/documents/body"
	"spolupis/documents/render"
	"spolupis/documents/workflow"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// IntentKind is a piece of work that touches both the live text and the store.
type IntentKind string

// Kinds of intents.
const (
	IntentFreeze  IntentKind = "freeze"
	IntentReopen  IntentKind = "reopen"
	IntentRestore IntentKind = "restore"
	IntentImport  IntentKind = "import"
	IntentAccept  IntentKind = "accept"
	IntentDispute IntentKind = "dispute"
)

// IntentStep is how far the work got.
type IntentStep string

// Steps of an intent. A freeze is undone until its seal is recorded and
// finished from then on; once undoing is recorded it can only be undone.
const (
	StepBegun   IntentStep = "begun"
	StepSealed  IntentStep = "sealed"
	StepUndoing IntentStep = "undoing"
)

// Intent says that work is under way on a material. It is written before the
// work starts and goes away with it, so a crash leaves a trace to recover by.
// A material has at most one.
type Intent struct {
	ID       string
	Material MaterialID
	Kind     IntentKind
	Comment  CommentID // of an accept or a dispute
	Version  VersionID // of a restore
	By       security.ActorID
	At       time.Time
	Step     IntentStep
	Was      IntentStep // for SetIntent: the step it must be in
	Prior    State      // where the material goes back to
}

// Freeze makes the text as it stands an immutable version and seals the room.
// Later edits need OpenDraft. It refuses (fault.Conflict) while tracked changes
// are open, a commenting round runs, a major comment is unsettled or in dispute, or a comment was accepted without a change of
// the text or a word why, and leaves everything as it was.
// Freezing a text that is frozen, or that has not changed since the newest
// version (unless its route was stopped or refused), returns that version. After a crash at any point Recover finishes
// or undoes it.
func (s *Service) Freeze(ctx context.Context, who security.Actor, id MaterialID) (Version, error) {
	if err := s.can(ctx, who, access.Freeze, id); err != nil {
		return Version{}, err
	}
	intent, frozen, err := s.beginFreeze(ctx, who, id)
	if err != nil {
		return Version{}, wrap("freeze", id, err)
	}
	if frozen != "" {
		return s.Store.Version(ctx, frozen)
	}
	v, err := s.finishFreeze(ctx, who, intent)
	if err == nil {
		return v, nil
	}
	// Whatever the caller's patience, a room must not stay sealed.
	ctx = context.WithoutCancel(ctx)
	if undo := s.undoFreeze(ctx, intent); errors.Is(undo, fault.Conflict) {
		// The intent is gone: the commit that reported an error was durable.
		if m, e := s.Store.Material(ctx, id); e == nil && m.State == Frozen {
			return s.Store.Version(ctx, m.Current)
		}
	} else if undo != nil {
		err = errors.Join(err, undo)
	}
	return Version{}, wrap("freeze", id, err)
}

func (s *Service) beginFreeze(ctx context.Context, who security.Actor, id MaterialID) (i Intent, frozen VersionID, err error) {
	err = s.Store.Write(ctx, func(tx Tx) error {
		m, err := tx.Lock(ctx, id)
		if err != nil {
			return err
		}
		if _, busy, err := tx.Intent(ctx, id); err != nil {
			return err
		} else if busy {
			return conflict("documents.fault.busy")
		}
		if m.State == Cancelled {
			return conflict("workflow.fault.cancelled")
		}
		if !m.State.Editable() {
			frozen = m.Current
			return nil
		}
		if m.State == Commenting {
			return conflict("documents.fault.round_runs")
		}
		comments, err := tx.Comments(ctx, id)
		if err != nil {
			return err
		}
		if n := openMajors(comments); n > 0 {
			return conflict("documents.fault.majors_open", n)
		}
		disputes, err := tx.Disputes(ctx, id)
		if err != nil {
			return err
		}
		if n := openDisputes(disputes); n > 0 {
			return conflict("documents.fault.disputes_open", n)
		}
		i = Intent{ID: newID("i"), Material: id, Kind: IntentFreeze, By: who.ID, At: s.now(), Step: StepBegun, Prior: m.State}
		m.State = Freezing
		if err := tx.SetMaterial(ctx, m); err != nil {
			return err
		}
		return tx.AddIntent(ctx, i)
	})
	return i, frozen, err
}

// finishFreeze seals the room and makes the version. Everything it makes
// follows from the sealed text and the intent, so doing it again after a crash
// gives the same version.
func (s *Service) finishFreeze(ctx context.Context, who security.Actor, i Intent) (Version, error) {
	sealed, err := s.Hub.Seal(ctx, i.Material)
	if err != nil {
		return Version{}, err
	}
	if i.Step == StepBegun {
		i.Was, i.Step = StepBegun, StepSealed
		if err := s.Store.Write(ctx, func(tx Tx) error { return tx.SetIntent(ctx, i) }); err != nil {
			return Version{}, err
		}
	}
	m, err := s.Store.Material(ctx, i.Material)
	if err != nil {
		return Version{}, err
	}
	comments, err := s.Store.Comments(ctx, i.Material)
	if err != nil {
		return Version{}, err
	}
	versions, err := s.Store.Versions(ctx, i.Material)
	if err != nil {
		return Version{}, err
	}
	settled := settledComments(comments)
	annexes, err := s.annexes(ctx, i.Material) // nobody adds to them while the material is Freezing
	if err != nil {
		return Version{}, err
	}
	if v, same := unchanged(versions, m, sealed, settled, annexes); same {
		return v, s.keep(ctx, who, i, v)
	}
	v, files, err := s.build(ctx, i, m, versions, sealed, settled, annexes)
	if err != nil {
		return Version{}, err
	}
	old, err := s.saveVersion(ctx, who, i, v, files)
	if err != nil {
		return Version{}, err
	}
	s.push(ctx, v.Material, map[string]any{"type": "frozen", "version": v.ID, "number": v.Number, "supersedes": old})
	return v, nil
}

// unchanged reports whether the newest version already holds this very text,
// its comments, attachments and head lines, and can still be acted on. One whose route
// was stopped or refused cannot: what was asked for it has been cancelled.
func unchanged(versions []Version, m Material, sealed collab.Sealed, settled []byte, annexes []Annex) (Version, bool) {
	if len(versions) == 0 {
		return Version{}, false
	}
	v := versions[0]
	alive := v.State == Frozen || v.State == Signed || v.State == Published
	return v, alive && v.Manifest.State.SHA256 == sum(sealed.State) && v.Manifest.Comments.SHA256 == sum(settled) &&
		v.Manifest.Title == m.Title && v.Manifest.Number == m.Number && slices.Equal(v.Manifest.Annexes, annexes)
}

// keep ends a freeze that found nothing new: the material goes back to its
// newest version, and a signature on it stays.
func (s *Service) keep(ctx context.Context, who security.Actor, i Intent, v Version) error {
	err := s.Store.Write(ctx, func(tx Tx) error {
		m, err := tx.Lock(ctx, i.Material)
		if err != nil {
			return err
		}
		if err := tx.DropIntent(ctx, i.ID); err != nil {
			return err
		}
		m.State, m.ChangedAt = v.State, s.now()
		if err := tx.SetMaterial(ctx, m); err != nil {
			return err
		}
		return tx.Record(ctx, s.entry(who, "documents.version_kept", m.ID, map[string]any{"version": v.ID}, nil))
	})
	if err == nil {
		s.push(ctx, i.Material, map[string]any{"type": "frozen", "version": v.ID, "number": v.Number})
	}
	return err
}

// files are the bytes of a version by their hash.
type files map[string][]byte

func (f files) add(b []byte) Part {
	p := part(b)
	f[p.SHA256] = b
	return p
}

func (s *Service) build(ctx context.Context, i Intent, m Material, versions []Version, sealed collab.Sealed, settled []byte, annexes []Annex) (Version, files, error) {
	text, err := bodyOf(sealed.View)
	if err != nil {
		return Version{}, nil, err
	}
	md, err := body.Markdown(text)
	if errors.Is(err, body.ErrTrackedChanges) {
		return Version{}, nil, conflict("documents.fault.tracked_open", len(text.Proposals()))
	} else if err != nil {
		return Version{}, nil, err
	}
	table, err := s.proved(ctx, m, sealed)
	if err != nil {
		return Version{}, nil, err
	}
	v := Version{Material: m.ID, Number: 1, State: Frozen, FrozenAt: i.At, FrozenBy: i.By}
	if len(versions) > 0 {
		v.Number, v.Supersedes = versions[0].Number+1, versions[0].ID
	}
	name, _ := s.name(ctx, i.By)
	pdf, err := render.PDF(text, render.PDFMeta{
		Title: m.Title, Number: m.Number, Version: v.Number, SHA256: sum(md), Author: name, Lang: "cs", Date: i.At, After: listed(annexes),
	})
	if err != nil {
		return Version{}, nil, err
	}
	f := files{}
	v.Manifest = Manifest{
		Schema: 1, Document: m.ID, Number: m.Number, Title: m.Title, Version: v.Number, Supersedes: v.Supersedes,
		Agenda: m.Agenda, Unit: m.Unit, FrozenAt: i.At, FrozenBy: string(i.By),
		State: f.add(sealed.State), Markdown: f.add(md), PDF: f.add(pdf), Comments: f.add(settled), Profile: encode(render.Profile()),
		Annexes: annexes,
	}
	if table != nil {
		table.Version = v.Number
		p := f.add(encode(table))
		v.Manifest.Table = &p
	}
	manifest := encode(v.Manifest)
	v.ID = VersionID(f.add(manifest).SHA256)
	return v, f, nil
}

// proved makes the settlement table of a sealed text, nil when there were no rounds and no comments, and refuses a text that
// does not show what the table says.
func (s *Service) proved(ctx context.Context, m Material, sealed collab.Sealed) (*Table, error) {
	comments, err := s.Store.Comments(ctx, m.ID)
	if err != nil {
		return nil, err
	}
	rounds, err := s.Store.Rounds(ctx, m.ID)
	if err != nil || len(comments)+len(rounds) == 0 {
		return nil, err
	}
	d := crdt.New(crdt.Config{})
	if err := d.Apply(sealed.State); err != nil {
		return nil, wrap("state of", m.ID, err)
	}
	x, err := s.settlement(ctx, s.Store, m, open(d))
	if err != nil {
		return nil, err
	}
	if err := s.unproved(ctx, x); err != nil {
		return nil, err
	}
	t, err := s.table(ctx, x)
	return &t, err
}

func (s *Service) saveVersion(ctx context.Context, who security.Actor, i Intent, v Version, f files) (old VersionID, err error) {
	err = s.Store.Write(ctx, func(tx Tx) error {
		m, err := tx.Lock(ctx, i.Material)
		if err != nil {
			return err
		}
		if err := tx.DropIntent(ctx, i.ID); err != nil {
			return err
		}
		for name, b := range f {
			if err := tx.PutBlob(ctx, name, b); err != nil {
				return err
			}
		}
		if err := tx.AddVersion(ctx, v); err != nil {
			return err
		}
		m.State, m.Current, m.ChangedAt = Frozen, v.ID, s.now()
		if err := tx.SetMaterial(ctx, m); err != nil {
			return err
		}
		entries := []journal.Entry{s.entry(who, "documents.frozen", m.ID, map[string]any{
			"version": v.ID, "number": v.Number, "supersedes": v.Supersedes,
			"markdown": v.Manifest.Markdown.SHA256, "pdf": v.Manifest.PDF.SHA256,
		}, nil)}
		more, err := s.supersede(ctx, tx, who, m, v)
		if err != nil {
			return err
		}
		return tx.Record(ctx, append(entries, more...)...)
	})
	return v.Supersedes, err
}

// supersede marks the versions before v as superseded and tells everybody who
// acted on them, once, with the way to what changed since the version he acted on.
func (s *Service) supersede(ctx context.Context, tx Tx, who security.Actor, m Material, v Version) ([]journal.Entry, error) {
	versions, err := tx.Versions(ctx, m.ID)
	if err != nil {
		return nil, err
	}
	var entries []journal.Entry
	told := map[security.ActorID]bool{}
	for _, old := range versions { // newest first: the notice names the last version he saw
		if old.ID == v.ID {
			continue
		}
		if old.State != Superseded {
			if err := tx.SetVersionState(ctx, old.ID, Superseded); err != nil {
				return nil, err
			}
			entries = append(entries, s.entry(who, "documents.superseded", m.ID, map[string]any{"version": old.ID, "by": v.ID}, nil))
		}
		c, err := tx.Circulation(ctx, old.ID)
		if errors.Is(err, fault.NotFound) {
			continue
		} else if err != nil {
			return nil, err
		}
		if c.State == Running || c.State == ToSign {
			c.State = Stopped
			if err := tx.SetCirculation(ctx, c); err != nil {
				return nil, err
			}
		}
		for _, p := range c.people() {
			if told[p] || p == who.ID {
				continue
			}
			told[p] = true
			if err := tx.AddNotice(ctx, s.notice(p, "superseded", m, v.ID, comparison(m.ID, old.Number, v.Number), m.Number, m.Title, old.Number, v.Number)); err != nil {
				return nil, err
			}
		}
	}
	return entries, nil
}

// undoFreeze puts a material back where it was. Undoing is recorded before the
// room reopens, so that nobody can finish a freeze whose room is open again.
func (s *Service) undoFreeze(ctx context.Context, i Intent) error {
	if i.Step != StepUndoing {
		now, found, err := s.Store.Intent(ctx, i.Material)
		if err != nil {
			return err
		}
		if !found || now.ID != i.ID {
			return conflict("documents.fault.busy")
		}
		i.Was, i.Step = now.Step, StepUndoing
		if err := s.Store.Write(ctx, func(tx Tx) error { return tx.SetIntent(ctx, i) }); err != nil {
			return err
		}
	}
	if err := s.Hub.Reopen(ctx, i.Material); err != nil {
		return err
	}
	err := s.Store.Write(ctx, func(tx Tx) error {
		m, err := tx.Lock(ctx, i.Material)
		if err != nil {
			return err
		}
		if err := tx.DropIntent(ctx, i.ID); err != nil {
			return err
		}
		m.State = i.Prior
		return tx.SetMaterial(ctx, m)
	})
	if err == nil {
		s.push(ctx, i.Material, map[string]any{"type": "reopened"})
	}
	return err
}

// Recover finishes or undoes work that a crash interrupted. It touches only
// work older than Config.FreezeLease, because another node may be at it. Call
// it at start and then every so often; it returns how much it dealt with and
// goes on past work that fails, joining the errors.
func (s *Service) Recover(ctx context.Context) (int, error) {
	intents, err := s.Store.Intents(ctx, s.now().Add(-s.FreezeLease))
	if err != nil {
		return 0, err
	}
	done, failed := 0, []error{}
	for _, i := range intents {
		if err := s.recover(ctx, i); err != nil && !errors.Is(err, fault.Conflict) {
			failed = append(failed, wrap("recover "+string(i.Kind)+" of", i.Material, err))
			continue
		}
		done++
	}
	return done, errors.Join(failed...)
}

func (s *Service) recover(ctx context.Context, i Intent) error {
	who, err := s.actor(ctx, i.By)
	if err != nil {
		return err
	}
	switch i.Kind {
	case IntentFreeze:
		if i.Step == StepSealed {
			if _, err = s.finishFreeze(ctx, who, i); err == nil {
				return nil
			}
		}
		if undo := s.undoFreeze(ctx, i); undo != nil {
			return errors.Join(err, undo)
		}
		return nil
	case IntentReopen:
		return s.finishReopen(ctx, i)
	case IntentRestore:
		_, err := s.finishRestore(ctx, who, i)
		return err
	case IntentImport:
		return s.undoImport(ctx, who, i)
	case IntentAccept:
		c, err := s.Store.Comment(ctx, i.Comment)
		if err != nil {
			return err
		}
		anchor, t, err := s.applyWording(ctx, who, c, true)
		if err != nil {
			return errors.Join(err, s.dropIntent(ctx, i.ID))
		}
		_, _, err = s.finishAccept(ctx, who, i, anchor, t, nil)
		return err
	case IntentDispute:
		if err := s.finishCarry(ctx, who, i); err != nil {
			return errors.Join(err, s.dropIntent(ctx, i.ID))
		}
		return nil
	}
	return errors.New("documents: unknown intent " + string(i.Kind))
}

func (s *Service) dropIntent(ctx context.Context, id string) error {
	return s.Store.Write(ctx, func(tx Tx) error { return tx.DropIntent(ctx, id) })
}

// settledComment is a comment as a version keeps it.
type settledComment struct {
	Number    int              `json:"number"`
	Kind      CommentKind      `json:"kind"`
	State     CommentState     `json:"state"`
	Author    security.ActorID `json:"author"`
	At        time.Time        `json:"at"`
	Quote     string           `json:"quote"`
	Text      string           `json:"text"`
	Reasoning string           `json:"reasoning"`
	Proposed  *string          `json:"proposed"`
	Outcome   Outcome          `json:"outcome,omitempty"`
	Answer    string           `json:"answer,omitempty"`
	By        security.ActorID `json:"by,omitempty"`
	Applied   bool             `json:"applied"`
	Annexes   []Annex          `json:"attachments,omitempty"` // left out when there are none, as before there were any
}

// settledComments is what a version keeps of the comments: canonical JSON of
// all that were not open, in order of number.
func settledComments(comments []Comment) []byte {
	out := []settledComment{}
	for _, c := range slices.SortedFunc(slices.Values(comments), func(a, b Comment) int { return cmp.Compare(a.Number, b.Number) }) {
		if c.State == Open {
			continue
		}
		row := settledComment{c.Number, c.Kind, c.State, c.Author, c.At, c.Quote, c.Text, c.Reasoning, c.Proposed, "", "", "", c.Applied, c.annexes()}
		if c.Settlement != nil {
			row.Outcome, row.Answer, row.By = c.Settlement.Outcome, c.Settlement.Reasoning, c.Settlement.By
		}
		out = append(out, row)
	}
	return encode(out)
}

// OpenDraft opens a frozen material for writing again. A route that is being
// walked is stopped; signatures stay with the version they were given to.
func (s *Service) OpenDraft(ctx context.Context, who security.Actor, id MaterialID) error {
	if err := s.can(ctx, who, access.Freeze, id); err != nil {
		return err
	}
	var i Intent
	err := s.Store.Write(ctx, func(tx Tx) error {
		m, err := tx.Lock(ctx, id)
		if err != nil {
			return err
		}
		if m.State.Editable() {
			return nil
		}
		if m.State == Cancelled {
			return conflict("workflow.fault.cancelled")
		}
		if _, busy, err := tx.Intent(ctx, id); err != nil {
			return err
		} else if busy {
			return conflict("documents.fault.busy")
		}
		if err := s.openAgain(ctx, tx, who, &m); err != nil {
			return err
		}
		stopped, err := s.stopRoute(ctx, tx, who, m)
		if err != nil {
			return err
		}
		m.State, m.Draft, m.ChangedAt = cmp.Or(openText[m.Place], Draft), m.Draft+1, s.now()
		if err := tx.SetMaterial(ctx, m); err != nil {
			return err
		}
		i = Intent{ID: newID("i"), Material: id, Kind: IntentReopen, By: who.ID, At: s.now(), Step: StepBegun, Prior: m.State}
		if err := tx.AddIntent(ctx, i); err != nil {
			return err
		}
		return tx.Record(ctx, s.entry(who, "documents.draft_opened", id, map[string]any{"from": m.Current, "stopped": stopped}, nil))
	})
	if err != nil || i.ID == "" {
		return wrap("open draft of", id, err)
	}
	return wrap("open draft of", id, s.finishReopen(context.WithoutCancel(ctx), i))
}

// openAgain moves a material whose text is being opened back to where texts are
// written. From where the drafter alone cannot take it back (on a programme,
// decided) the course refuses.
func (s *Service) openAgain(ctx context.Context, tx Tx, who security.Actor, m *Material) error {
	if _, open := openText[m.Place]; open {
		return nil // frozen before anything was asked of anybody
	}
	facts := workflow.Facts{Reason: "text otevřen k úpravám"}
	switch m.Place {
	case workflow.Approving:
		if err := s.fire(ctx, tx, who, m, workflow.TextChanged, facts, workflow.System); err != nil {
			return err
		}
	case workflow.Submitted:
		if err := s.fire(ctx, tx, who, m, workflow.Return, facts, workflow.System); err != nil {
			return err
		}
	}
	for range 2 { // a material that was at a meeting is first returned, then reworked
		if _, open := openText[m.Place]; open {
			break
		}
		if err := s.fire(ctx, tx, who, m, workflow.Rework, workflow.Facts{}, workflow.Drafter, workflow.Submitter); err != nil {
			return err
		}
	}
	return nil
}

// stopRoute stops what runs over the material's newest version and tells those
// who acted or were asked.
func (s *Service) stopRoute(ctx context.Context, tx Tx, who security.Actor, m Material) (bool, error) {
	v, err := tx.Version(ctx, m.Current)
	if err != nil {
		return false, err
	}
	switch v.State {
	case Frozen, Signed, Published, Rejected: // nothing runs, or what was given stays
		return false, nil
	}
	if err := tx.SetVersionState(ctx, v.ID, Withdrawn); err != nil {
		return false, err
	}
	c, err := tx.Circulation(ctx, v.ID)
	if errors.Is(err, fault.NotFound) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	if c.State == Refused || c.State == Stopped {
		return false, nil
	}
	c.State = Stopped
	for _, p := range c.people() {
		if p == who.ID {
			continue
		}
		if err := tx.AddNotice(ctx, s.notice(p, "stopped", m, v.ID, "/documents/"+string(m.ID), m.Number, m.Title, v.Number)); err != nil {
			return false, err
		}
	}
	return true, tx.SetCirculation(ctx, c)
}

func (s *Service) finishReopen(ctx context.Context, i Intent) error {
	if err := s.Hub.Reopen(ctx, i.Material); err != nil {
		return err
	}
	if err := s.dropIntent(ctx, i.ID); err != nil && !errors.Is(err, fault.Conflict) {
		return err
	}
	s.push(ctx, i.Material, map[string]any{"type": "reopened"})
	return nil
}

// Restore makes the text of an earlier version the text of the draft, opening
// a new draft first when the material is frozen. No version is ever rewritten.
func (s *Service) Restore(ctx context.Context, who security.Actor, id VersionID) (Material, error) {
	v, err := s.Version(ctx, who, id)
	if err != nil {
		return Material{}, err
	}
	if err := s.can(ctx, who, access.Edit, v.Material); err != nil {
		return Material{}, err
	}
	m, err := s.Store.Material(ctx, v.Material)
	if err != nil {
		return Material{}, err
	}
	if !m.State.Editable() {
		if err := s.OpenDraft(ctx, who, v.Material); err != nil {
			return Material{}, err
		}
	}
	i := Intent{ID: newID("i"), Material: v.Material, Kind: IntentRestore, Version: id, By: who.ID, At: s.now(), Step: StepBegun}
	err = s.Store.Write(ctx, func(tx Tx) error {
		m, err := s.editable(ctx, tx, v.Material)
		if err != nil {
			return err
		}
		if _, busy, err := tx.Intent(ctx, m.ID); err != nil {
			return err
		} else if busy {
			return conflict("documents.fault.busy")
		}
		i.Prior = m.State
		return tx.AddIntent(ctx, i)
	})
	if err != nil {
		return Material{}, wrap("restore", v.Material, err)
	}
	m, err = s.finishRestore(ctx, who, i)
	if err != nil {
		if drop := s.dropIntent(context.WithoutCancel(ctx), i.ID); drop != nil && !errors.Is(drop, fault.Conflict) {
			err = errors.Join(err, drop)
		}
	}
	return m, wrap("restore", v.Material, err)
}

func (s *Service) finishRestore(ctx context.Context, who security.Actor, i Intent) (m Material, err error) {
	text, err := s.VersionBody(ctx, who, i.Version)
	if err != nil {
		return m, err
	}
	if _, err := s.Hub.Edit(ctx, who, i.Material, func(d *crdt.Doc) error { return replaceBody(d, text) }); err != nil {
		return m, err
	}
	err = s.Store.Write(ctx, func(tx Tx) error {
		if m, err = tx.Lock(ctx, i.Material); err != nil {
			return err
		}
		if err := tx.DropIntent(ctx, i.ID); err != nil {
			return err
		}
		m.ChangedAt = s.now()
		if err := tx.SetMaterial(ctx, m); err != nil {
			return err
		}
		return tx.Record(ctx, s.entry(who, "documents.restored", m.ID, map[string]any{"from": i.Version}, nil))
	})
	return m, err
}
