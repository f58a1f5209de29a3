package documents

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sort"
	"time"

	"spolupis/collab"
	"spolupis/collab/crdt"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// PersonView is a person as others see him.
type PersonView struct {
	ID   security.ActorID `json:"id"`
	Name string           `json:"name"`
	Unit string           `json:"unit,omitempty"`
}

// AnchorView is an anchor on the wire: two relative positions, base64 in JSON.
type AnchorView struct {
	Start []byte `json:"start"`
	End   []byte `json:"end"`
}

// ReplyView is a reply as the wire and pages show it.
type ReplyView struct {
	ID     string     `json:"id"`
	Author PersonView `json:"author"`
	At     time.Time  `json:"at"`
	Text   string     `json:"text"`
}

// SettlementView is a settlement as the wire and pages show it.
type SettlementView struct {
	Outcome   Outcome    `json:"outcome"`
	Reasoning string     `json:"reasoning"`
	By        PersonView `json:"by"`
	At        time.Time  `json:"at"`
}

// StandingView is what a unit says to a settlement, as the wire and pages show it.
type StandingView struct {
	Stand  Stand       `json:"stand"`
	Note   string      `json:"note"`
	By     PersonView  `json:"by"`
	Behalf *PersonView `json:"behalf"`
	At     time.Time   `json:"at"`
}

// AttachmentView is an attachment of a comment as the wire and pages show it.
type AttachmentView struct {
	ID        AttachmentID `json:"id"`
	Number    int          `json:"number"`
	Name      string       `json:"name"`
	MediaType string       `json:"media_type"`
	Size      int          `json:"size"`
	SHA256    string       `json:"sha256"`
	URL       string       `json:"url"`
}

// CommentView is a comment placed in the live text, as the wire and pages show it.
type CommentView struct {
	ID         CommentID       `json:"id"`
	Document   MaterialID      `json:"document"`
	Number     int             `json:"number"`
	Kind       CommentKind     `json:"kind"`
	State      CommentState    `json:"state"`
	Author     PersonView      `json:"author"`
	At         time.Time       `json:"at"`
	Anchor     *AnchorView     `json:"anchor"`
	Quote      string          `json:"quote"`
	Prefix     string          `json:"prefix"`
	Suffix     string          `json:"suffix"`
	Block      string          `json:"block"`
	Orphan     bool            `json:"orphan"`
	Text       string          `json:"text"`
	Reasoning  string          `json:"reasoning"`
	Proposed   *string         `json:"proposed"`
	Replies    []ReplyView     `json:"replies"`
	Settlement *SettlementView `json:"settlement"`
	Applied    bool            `json:"applied"`
	// Forunit is the unit asked whose comment it is; Working: not yet confirmed by its head; Twin: settled with that comment.
	ForUnit  security.UnitID `json:"unit"`
	Working  bool            `json:"working"`
	Twin     CommentID       `json:"twin"`
	Standing *StandingView   `json:"standing"`
	// Attachments can be downloaded from their URL by who sees the comment.
	Attachments []AttachmentView `json:"attachments"`
	// Mine says whether the reader wrote it. Events to a whole room carry
	// false; clients compare Author.ID.
	Mine bool `json:"mine"`

	at int // index in the live text, for ordering
}

// named returns a function that looks each person up once: all who have to do
// with comments at one go, and others one by one.
func (s *Service) named(ctx context.Context, comments ...Comment) func(security.ActorID) PersonView {
	seen := map[security.ActorID]PersonView{}
	for id, p := range s.involved(ctx, comments) {
		seen[id] = PersonView{ID: id, Name: p.Name, Unit: p.UnitName}
	}
	return func(id security.ActorID) PersonView {
		p, ok := seen[id]
		if !ok {
			p.ID = id
			p.Name, p.Unit = s.name(ctx, id)
			seen[id] = p
		}
		return p
	}
}

// involved are the people who have to do with comments; whoever is not found is asked for again by name.
func (s *Service) involved(ctx context.Context, comments []Comment) map[security.ActorID]access.Person {
	if len(comments) < 2 {
		return nil
	}
	ids := map[security.ActorID]struct{}{}
	for _, c := range comments {
		ids[c.Author] = struct{}{}
		for _, r := range c.Replies {
			ids[r.Author] = struct{}{}
		}
		if c.Settlement != nil {
			ids[c.Settlement.By] = struct{}{}
		}
		if x := c.Standing; x != nil {
			ids[x.By] = struct{}{}
			if x.Behalf != "" {
				ids[x.Behalf] = struct{}{}
			}
		}
	}
	delete(ids, security.SystemID)
	people, err := s.People.ByID(ctx, slices.Sorted(maps.Keys(ids))...)
	if err != nil {
		return nil
	}
	return people
}

func (s *Service) view(ctx context.Context, who security.ActorID, c Comment, t *text) CommentView {
	return t.view(who, c, s.named(ctx))
}

// view places c in the text and says who is who, as who sees it.
func (t *text) view(who security.ActorID, c Comment, person func(security.ActorID) PersonView) CommentView {
	v := CommentView{
		ID: c.ID, Document: c.Material, Number: c.Number, Kind: c.Kind, State: c.State, Author: person(c.Author), At: c.At,
		Quote: c.Quote, Prefix: c.Prefix, Suffix: c.Suffix, Block: c.Block, Text: c.Text, Reasoning: c.Reasoning,
		Proposed: c.Proposed, Replies: []ReplyView{}, Attachments: []AttachmentView{}, Applied: c.Applied, Mine: who != "" && c.Author == who,
		ForUnit: c.Unit, Working: c.Working, Twin: c.Twin,
	}
	p := t.place(c)
	v.Orphan, v.at = p.orphan, p.from
	if p.anchor != nil {
		v.Anchor = &AnchorView{p.anchor.Start, p.anchor.End}
	}
	for _, r := range c.Replies {
		v.Replies = append(v.Replies, ReplyView{r.ID, person(r.Author), r.At, r.Text})
	}
	for _, a := range c.Attachments {
		v.Attachments = append(v.Attachments, AttachmentView{a.ID, a.Number, a.Name, a.MediaType, a.Size, a.SHA256, "/documents/" + string(a.Material) + "/attachments/" + string(a.ID)})
	}
	if c.Settlement != nil {
		v.Settlement = &SettlementView{c.Settlement.Outcome, c.Settlement.Reasoning, person(c.Settlement.By), c.Settlement.At}
	}
	if x := c.Standing; x != nil {
		v.Standing = &StandingView{Stand: x.Stand, Note: x.Note, By: person(x.By), At: x.At}
		if x.Behalf != "" {
			behalf := person(x.Behalf)
			v.Standing.Behalf = &behalf
		}
	}
	return v
}

// Comments lists the comments on a material in the order of the text: those on
// the whole first, orphans last.
func (s *Service) Comments(ctx context.Context, who security.Actor, id MaterialID) ([]CommentView, error) {
	if err := s.can(ctx, who, access.View, id); err != nil {
		return nil, err
	}
	comments, err := s.Store.Comments(ctx, id)
	if err != nil {
		return nil, err
	}
	head, err := s.Hub.Head(ctx, id)
	if err != nil {
		return nil, wrap("comments on", id, err)
	}
	t := open(head.Body)
	person := s.named(ctx, comments...)
	views := make([]CommentView, 0, len(comments))
	for _, c := range comments {
		views = append(views, t.view(who.ID, c, person))
	}
	sort.SliceStable(views, func(i, j int) bool { return views[i].at < views[j].at })
	return views, nil
}

// Tally counts the comments on a material: all, those open, and major ones
// among the open. It does not look into the live text.
func (s *Service) Tally(ctx context.Context, who security.Actor, id MaterialID) (all, open, majors int, err error) {
	if err := s.can(ctx, who, access.View, id); err != nil {
		return 0, 0, 0, err
	}
	comments, err := s.Store.Comments(ctx, id)
	for _, c := range comments {
		if c.State == Open {
			open++
		}
	}
	return len(comments), open, openMajors(comments), err
}

// args are the arguments of every comment command; each reads its own.
type args struct {
	draft
	Comment CommentID   `json:"comment"`
	Anchor  *AnchorView `json:"anchor"`
	Block   string      `json:"block"`
	Quote   string      `json:"quote"` // comment.add: an exact passage instead of an anchor, for pages without JavaScript
	Outcome Outcome     `json:"outcome"`
	Others  []CommentID `json:"others"` // comment.group: the duplicates of Comment
}

// Command carries out one comment command: comment.add, .edit, .reply,
// .withdraw, .settle, .accept, .reanchor, .agree, .insist, .group or .ungroup. Key is an idempotency key chosen by
// the caller: the same key by the same person changes nothing the second time;
// the same key with other content is a fault.Conflict. The result is the whole
// comment as JSON, as it is now; everybody in the room gets it as an event.
func (s *Service) Command(ctx context.Context, who security.Actor, id MaterialID, key, name string, raw json.RawMessage) (json.RawMessage, error) {
	if err := s.can(ctx, who, access.Comment, id); err != nil {
		return nil, err
	}
	if key == "" || len(key) > maxCommand {
		return nil, invalid("documents.fault.command_key")
	}
	var a args
	if err := json.Unmarshal(raw, &a); err != nil {
		return nil, invalid("documents.fault.command_args")
	}
	run, ok := map[string]func(context.Context, security.Actor, MaterialID, args, answer) (Comment, *text, error){
		"comment.add": s.addComment, "comment.edit": s.editComment, "comment.reply": s.reply, "comment.withdraw": s.withdraw,
		"comment.settle": s.settle, "comment.accept": s.accept, "comment.reanchor": s.reanchor,
		"comment.agree": s.agree, "comment.insist": s.insist, "comment.group": s.group, "comment.ungroup": s.ungroup,
	}[name]
	if !ok {
		return nil, invalid("documents.fault.command_name", firstRunes(name, maxCommand))
	}
	digest := sum(bytes.Join([][]byte{[]byte(id), []byte(name), raw}, []byte{0}))
	if done, err := answered(ctx, s.Store, who, key, digest); err != nil {
		return nil, err
	} else if done != "" {
		return s.again(ctx, who, id, done)
	}
	var earlier CommentID
	c, t, err := run(ctx, who, id, a, func(tx Tx, c CommentID) (err error) {
		if earlier, err = answered(ctx, tx, who, key, digest); err != nil {
			return err
		}
		if earlier != "" {
			return errAnswered
		}
		return tx.Answer(ctx, who.ID, key, digest, c, s.now())
	})
	if errors.Is(err, errAnswered) {
		return s.again(ctx, who, id, earlier)
	}
	if err != nil {
		return nil, wrap(name+" on", id, err)
	}
	s.push(ctx, id, map[string]any{"type": "comment", "comment": s.view(ctx, "", c, t)})
	s.pushTwins(ctx, c, t, name)
	return encode(s.view(ctx, who.ID, c, t)), nil
}

// answer notes, inside a command's own transaction, which comment it changed.
type answer func(tx Tx, c CommentID) error

// errAnswered rolls a transaction back because the same command, sent twice at
// once, has just been carried out.
var errAnswered = errors.New("documents: answered meanwhile")

func answered(ctx context.Context, r Reader, who security.Actor, key, digest string) (CommentID, error) {
	c, before, err := r.Answered(ctx, who.ID, key)
	if err == nil && c != "" && before != digest {
		return "", conflict("documents.fault.command_reused")
	}
	return c, err
}

func (s *Service) again(ctx context.Context, who security.Actor, id MaterialID, comment CommentID) (json.RawMessage, error) {
	c, err := s.Store.Comment(ctx, comment)
	if err != nil {
		return nil, err
	}
	t, err := s.live(ctx, id)
	if err != nil {
		return nil, err
	}
	return encode(s.view(ctx, who.ID, c, t)), nil
}

func (s *Service) live(ctx context.Context, id MaterialID) (*text, error) {
	head, err := s.Hub.Head(ctx, id)
	if err != nil {
		return nil, err
	}
	return open(head.Body), nil
}

func (s *Service) addComment(ctx context.Context, who security.Actor, id MaterialID, a args, done answer) (Comment, *text, error) {
	d, err := a.draft.check()
	if err != nil {
		return Comment{}, nil, err
	}
	t, err := s.live(ctx, id)
	if err != nil {
		return Comment{}, nil, err
	}
	c := Comment{
		ID: CommentID(newID("c")), Material: id, Kind: d.Kind, State: Open, Author: who.ID, At: s.now(),
		Text: d.Text, Reasoning: d.Reasoning, Proposed: d.Proposed,
	}
	if err := t.anchorTo(&c, a); err != nil {
		return c, nil, err
	}
	if c.Proposed != nil && c.Anchor == nil {
		return c, nil, invalid("documents.fault.proposed_nowhere")
	}
	if c.Proposed != nil && *c.Proposed == c.Quote {
		return c, nil, invalid("documents.fault.proposed_same")
	}
	err = s.Store.Write(ctx, func(tx Tx) error {
		m, err := s.editable(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := s.inWhoseName(ctx, tx, who, m, &c); err != nil {
			return err
		}
		n, last, err := tx.CommentNumbers(ctx, id)
		if err != nil {
			return err
		}
		if n >= maxComments {
			return fault.New(fault.TooMany, "documents.fault.comments_many", maxComments)
		}
		c.Number = last + 1
		if err := tx.AddComment(ctx, c); err != nil {
			return err
		}
		if err := tx.Record(ctx, s.entry(who, "documents.comment_added", id, map[string]any{"comment": c.ID, "kind": c.Kind}, nil)); err != nil {
			return err
		}
		return done(tx, c.ID)
	})
	return c, t, err
}

// anchorTo reads where the author pointed: at an anchor, a block, or a passage
// that occurs once. The quote is always the server's own reading.
func (t *text) anchorTo(c *Comment, a args) error {
	switch {
	case a.Anchor != nil:
		from, to, ok := collab.Resolve(t.doc, collab.Anchor{Start: a.Anchor.Start, End: a.Anchor.End})
		if !ok || from >= to {
			return invalid("documents.fault.anchor")
		}
		t.read(c, from, to)
	case a.Quote != "":
		from, to, ok := t.flat.find(a.Quote)
		if !ok {
			return invalid("documents.fault.quote")
		}
		t.read(c, from, to)
	case a.Block != "":
		from, to, ok := t.flat.block(a.Block)
		if !ok || from >= to {
			return invalid("documents.fault.anchor")
		}
		t.read(c, from, to)
	}
	return nil
}

func (s *Service) editable(ctx context.Context, tx Tx, id MaterialID) (Material, error) {
	m, err := tx.Lock(ctx, id)
	if err != nil {
		return m, err
	}
	if !m.State.Editable() {
		return m, conflict("documents.fault.frozen")
	}
	return m, nil
}

// change is the common path of commands on an existing comment.
func (s *Service) change(ctx context.Context, who security.Actor, id MaterialID, a args, done answer,
	do func(tx Tx, m Material, c *Comment, t *text) ([]journal.Entry, error)) (Comment, *text, error) {
	t, err := s.live(ctx, id)
	if err != nil {
		return Comment{}, nil, err
	}
	var c Comment
	err = s.Store.Write(ctx, func(tx Tx) error {
		m, err := s.editable(ctx, tx, id)
		if err != nil {
			return err
		}
		if c, err = s.commentOn(ctx, tx, id, a.Comment); err != nil {
			return err
		}
		entries, err := do(tx, m, &c, t)
		if err != nil {
			return err
		}
		if err := tx.SetComment(ctx, c); err != nil {
			return err
		}
		if err := tx.Record(ctx, entries...); err != nil {
			return err
		}
		return done(tx, c.ID)
	})
	return c, t, err
}

func (s *Service) commentOn(ctx context.Context, r Reader, id MaterialID, comment CommentID) (Comment, error) {
	c, err := r.Comment(ctx, comment)
	if err == nil && c.Material != id || errors.Is(err, fault.NotFound) {
		return c, fault.New(fault.NotFound, "documents.fault.comment_gone")
	}
	return c, err
}

// event is the journal entry of a change to one comment.
func (s *Service) event(who security.Actor, kind string, c *Comment, more map[string]any) []journal.Entry {
	b := map[string]any{"comment": c.ID}
	for k, v := range more {
		b[k] = v
	}
	return []journal.Entry{s.entry(who, kind, c.Material, b, nil)}
}

func (s *Service) editComment(ctx context.Context, who security.Actor, id MaterialID, a args, done answer) (Comment, *text, error) {
	return s.change(ctx, who, id, a, done, func(_ Tx, _ Material, c *Comment, _ *text) ([]journal.Entry, error) {
		if err := own(who, c); err != nil {
			return nil, err
		}
		if err := unconfirmed(c); err != nil {
			return nil, err
		}
		if a.Kind == "" {
			a.Kind = c.Kind
		}
		d, err := a.draft.check()
		if err != nil {
			return nil, err
		}
		if d.Proposed != nil && c.Anchor == nil {
			return nil, invalid("documents.fault.proposed_nowhere")
		}
		c.Kind, c.Text, c.Reasoning, c.Proposed = d.Kind, d.Text, d.Reasoning, d.Proposed
		return s.event(who, "documents.comment_edited", c, map[string]any{"kind": c.Kind}), nil
	})
}

// own lets only the author, and only while the comment waits for an answer.
func own(who security.Actor, c *Comment) error {
	if c.Author != who.ID {
		return fault.New(fault.Denied, "documents.fault.comment_not_yours")
	}
	if c.State != Open {
		return conflict("documents.fault.comment_closed")
	}
	return nil
}

func (s *Service) reply(ctx context.Context, who security.Actor, id MaterialID, a args, done answer) (Comment, *text, error) {
	return s.change(ctx, who, id, a, done, func(tx Tx, _ Material, c *Comment, _ *text) ([]journal.Entry, error) {
		a.Kind = c.Kind
		switch {
		case a.Text == "":
			return nil, invalid("documents.fault.reply_empty")
		case runes(a.Text) > MaxText:
			return nil, invalid("documents.fault.text_long", MaxText)
		case len(c.Replies) >= maxReplies:
			return nil, fault.New(fault.TooMany, "documents.fault.comments_many", maxReplies)
		}
		r := Reply{ID: newID("a"), Author: who.ID, At: s.now(), Text: a.Text}
		c.Replies = append(c.Replies, r)
		if err := tx.AddReply(ctx, c.ID, r); err != nil {
			return nil, err
		}
		return s.event(who, "documents.comment_replied", c, nil), nil
	})
}

// tellAuthor lets the author of a comment know that somebody settled it.
func (s *Service) tellAuthor(ctx context.Context, tx Tx, who security.Actor, m Material, c Comment) error {
	if c.Author == who.ID {
		return nil
	}
	return tx.AddNotice(ctx, s.notice(c.Author, "settled", m, "", onePage(m.ID, c.Number), m.Number, m.Title, c.Number))
}

func (s *Service) reanchor(ctx context.Context, who security.Actor, id MaterialID, a args, done answer) (Comment, *text, error) {
	if a.Anchor == nil && a.Quote == "" && a.Block == "" {
		return Comment{}, nil, invalid("documents.fault.anchor")
	}
	editor := s.can(ctx, who, access.Edit, id) == nil
	return s.change(ctx, who, id, a, done, func(_ Tx, _ Material, c *Comment, t *text) ([]journal.Entry, error) {
		if c.Author != who.ID && !editor {
			return nil, fault.New(fault.Denied, "documents.fault.comment_not_yours")
		}
		if c.Applied {
			return nil, conflict("documents.fault.comment_applied")
		}
		if err := t.anchorTo(c, a); err != nil {
			return nil, err
		}
		return s.event(who, "documents.comment_reanchored", c, nil), nil
	})
}

// accept puts the proposed wording into the text as the act of the editor who
// accepts it, and settles the comment as accepted. The text and the record are
// two stores: an intent is written first, so that a crash between them is
// finished by asking again (or by Recover) and never applied twice.
func (s *Service) accept(ctx context.Context, who security.Actor, id MaterialID, a args, done answer) (Comment, *text, error) {
	if err := s.can(ctx, who, access.Edit, id); err != nil {
		return Comment{}, nil, err
	}
	intent, c, resumed, err := s.beginAccept(ctx, who, id, a.Comment)
	if err != nil {
		return Comment{}, nil, err
	}
	anchor, after, err := s.applyWording(ctx, who, c, resumed)
	if err != nil {
		if drop := s.dropIntent(context.WithoutCancel(ctx), intent.ID); drop != nil {
			err = errors.Join(err, drop)
		}
		return Comment{}, nil, err
	}
	return s.finishAccept(ctx, who, intent, anchor, after, done)
}

func (s *Service) beginAccept(ctx context.Context, who security.Actor, id MaterialID, comment CommentID) (i Intent, c Comment, resumed bool, err error) {
	err = s.Store.Write(ctx, func(tx Tx) error {
		m, err := s.editable(ctx, tx, id)
		if err != nil {
			return err
		}
		if c, err = s.commentOn(ctx, tx, id, comment); err != nil {
			return err
		}
		switch {
		case c.State != Open:
			return conflict("documents.fault.comment_closed")
		case c.Proposed == nil:
			return conflict("documents.fault.nothing_proposed")
		case c.Twin != "":
			return s.isTwin(ctx, tx, c)
		}
		old, running, err := tx.Intent(ctx, id)
		if err != nil {
			return err
		}
		if running && (old.Kind != IntentAccept || old.Comment != c.ID) {
			return conflict("documents.fault.busy")
		}
		if running {
			i, resumed = old, true
			return nil
		}
		i = Intent{ID: newID("i"), Material: id, Kind: IntentAccept, Comment: c.ID, By: who.ID, At: s.now(), Step: StepBegun, Prior: m.State}
		return tx.AddIntent(ctx, i)
	})
	return i, c, resumed, err
}

// applyWording replaces the anchored range by the proposed wording, unless the
// attempt that is being resumed did. It returns the anchor of the new wording.
func (s *Service) applyWording(ctx context.Context, who security.Actor, c Comment, resumed bool) (*collab.Anchor, *text, error) {
	var anchor *collab.Anchor
	head, err := s.Hub.Edit(ctx, who, c.Material, func(d *crdt.Doc) error {
		t := open(d)
		from, to, ok := 0, 0, false
		if c.Anchor != nil {
			from, to, ok = collab.Resolve(d, *c.Anchor)
		}
		length := units(*c.Proposed)
		if resumed && ok && from >= to && t.flat.between(from, from+length) == flatWording(*c.Proposed) {
			anchor = t.anchor(from, from+length)
			return nil // applied before the crash
		}
		if p := t.place(c); !p.orphan && !p.whole && (p.anchor == c.Anchor || t.flat.between(p.from, p.to) == c.Quote) {
			from, to = p.from, p.to
		} else {
			return conflict("documents.fault.passage_gone")
		}
		if t.flat.between(from, to) == flatWording(*c.Proposed) {
			return conflict("documents.fault.proposed_same")
		}
		if err := t.replace(from, to, *c.Proposed); err != nil {
			return err
		}
		after := open(d)
		if after.flat.text == t.flat.text || after.flat.between(from, from+length) != flatWording(*c.Proposed) {
			return conflict("documents.fault.not_changed")
		}
		anchor = after.anchor(from, from+length)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return anchor, open(head.Body), nil
}

func (s *Service) finishAccept(ctx context.Context, who security.Actor, i Intent, anchor *collab.Anchor, t *text, done answer) (Comment, *text, error) {
	var c Comment
	err := s.Store.Write(ctx, func(tx Tx) error {
		m, err := tx.Lock(ctx, i.Material)
		if err != nil {
			return err
		}
		if err := tx.DropIntent(ctx, i.ID); err != nil {
			return err
		}
		if c, err = tx.Comment(ctx, i.Comment); err != nil {
			return err
		}
		now := s.now()
		c.State, c.Applied, c.Anchor, c.Standing = Settled, true, anchor, nil
		c.Settlement = &Settlement{Outcome: Accepted, By: who.ID, At: now}
		if err := tx.SetComment(ctx, c); err != nil {
			return err
		}
		twins, err := s.settleTwins(ctx, tx, who, m, c)
		if err != nil {
			return err
		}
		m.ChangedAt = now
		if err := tx.SetMaterial(ctx, m); err != nil {
			return err
		}
		if err := s.tellAuthor(ctx, tx, who, m, c); err != nil {
			return err
		}
		if err := tx.Record(ctx, append([]journal.Entry{
			s.entry(who, "documents.wording_accepted", i.Material, map[string]any{"comment": c.ID, "author": c.Author}, nil),
			s.entry(who, "documents.comment_settled", i.Material, map[string]any{"comment": c.ID, "outcome": Accepted}, nil)}, twins...)...); err != nil {
			return err
		}
		if done == nil {
			return nil
		}
		return done(tx, c.ID)
	})
	return c, t, err
}

// Wording is the proposed wording, "" when none is proposed or when the
// passage is to be deleted.
func (v CommentView) Wording() string {
	if v.Proposed == nil {
		return ""
	}
	return *v.Proposed
}
