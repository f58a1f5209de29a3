package documents

import (
	"context"
	"slices"
	"strings"
	"time"

	"spolupis/collab/crdt"
	"spolupis/documents/body"
	"spolupis/documents/workflow"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// Stand is what a unit says to the settlement of its comment.
type Stand string

// What can be said to a settlement. "" is nothing yet.
const (
	Agrees  Stand = "agrees"
	Insists Stand = "insists" // of a major comment: a dispute
)

// Standing is a stand with who took it and when.
type Standing struct {
	Stand  Stand
	Note   string
	By     security.ActorID
	Behalf security.ActorID // the head, when a deputy said it
	At     time.Time
}

// DisputeState says how far a dispute (rozpor) is.
type DisputeState string

// States of a dispute.
const (
	DisputeOpen    DisputeState = "open"
	DisputeCarried DisputeState = "carried" // put before the council with the dispute (předloženo s rozporem)
	DisputeSettled DisputeState = "settled"
)

// DisputeAct is one thing done in a dispute.
type DisputeAct string

// The acts of disputes. The last four settle one.
const (
	DisputeOpened    DisputeAct = "opened"
	DisputeEscalated DisputeAct = "escalated"
	DisputeToCouncil DisputeAct = "carried"
	DisputeAgreed    DisputeAct = "agreed"    // the unit agrees with the settlement as it is now
	DisputeWithdrawn DisputeAct = "withdrawn" // the unit takes its comment back
	DisputeUpheld    DisputeAct = "upheld"    // decided for the unit: the comment is to be settled anew
	DisputeDismissed DisputeAct = "dismissed" // decided for the drafter: the settlement stands
)

// Levels of disputes.
const (
	LevelHeads    = 1 // heads of the two departments
	LevelDirector = 2 // the director or the responsible councillor, named when it is escalated
	LevelCouncil  = 3 // the council decides
)

// Dispute is a major comment that was not accepted and on which its unit insists.
type Dispute struct {
	Comment  CommentID
	Material MaterialID
	Level    int
	State    DisputeState
	Decider  security.ActorID // at LevelDirector
	Words    string           // the description as it was put into the submission report
	OpenedAt time.Time
	Acts     []DisputeStep
}

// DisputeStep is one line of the record of a dispute.
type DisputeStep struct {
	Act    DisputeAct
	Level  int
	By     security.ActorID
	Behalf security.ActorID
	At     time.Time
	Text   string
}

func (d *Dispute) add(act DisputeAct, who security.Actor, at time.Time, text string) DisputeStep {
	step := DisputeStep{Act: act, Level: d.Level, By: who.ID, Behalf: who.OnBehalfOf, At: at, Text: text}
	d.Acts = append(d.Acts, step)
	return step
}

// Result is the act that settled the dispute, "" before.
func (d Dispute) Result() DisputeAct {
	if n := len(d.Acts); d.State == DisputeSettled && n > 0 {
		return d.Acts[n-1].Act
	}
	return ""
}

// speaks lets only whoever may speak for a comment: of a major one made for a unit its head, of another its author, too.
func (s *Service) speaks(ctx context.Context, who security.Actor, c Comment) (security.Actor, error) {
	if c.Author == who.ID && (c.Unit == "" || c.Kind != Major) {
		return who, nil
	}
	if c.Unit == "" {
		return who, fault.New(fault.Denied, "documents.fault.comment_not_yours")
	}
	return s.asHead(ctx, who, c.Unit)
}

func (s *Service) agree(ctx context.Context, who security.Actor, id MaterialID, a args, done answer) (Comment, *text, error) {
	return s.stand(ctx, who, id, a, done, func(tx Tx, who security.Actor, m Material, c *Comment) ([]journal.Entry, error) {
		c.Standing = &Standing{Stand: Agrees, Note: a.Reasoning, By: who.ID, Behalf: who.OnBehalfOf, At: s.now()}
		entries := s.event(who, "documents.comment_agreed", c, nil)
		d, err := tx.Dispute(ctx, c.ID)
		if isNotFound(err) || err == nil && d.State == DisputeSettled {
			return entries, nil
		} else if err != nil {
			return nil, err
		}
		return append(entries, s.disputeEntry(who, d, DisputeAgreed)), s.close(ctx, tx, who, m, c, d, DisputeAgreed, a.Reasoning)
	})
}

func (s *Service) insist(ctx context.Context, who security.Actor, id MaterialID, a args, done answer) (Comment, *text, error) {
	a.Reasoning = strings.TrimSpace(a.Reasoning)
	if a.Reasoning == "" {
		return Comment{}, nil, invalid("documents.fault.insist_reasoning")
	}
	return s.stand(ctx, who, id, a, done, func(tx Tx, who security.Actor, m Material, c *Comment) ([]journal.Entry, error) {
		if c.Settlement.Outcome == Accepted || c.Settlement.Outcome == WithdrawnByAuthor {
			return nil, conflict("documents.fault.insist_accepted")
		}
		c.Standing = &Standing{Stand: Insists, Note: a.Reasoning, By: who.ID, Behalf: who.OnBehalfOf, At: s.now()}
		entries := s.event(who, "documents.comment_insisted", c, nil)
		if c.Kind != Major {
			return entries, nil
		}
		d, err := tx.Dispute(ctx, c.ID)
		switch {
		case err == nil && d.State != DisputeSettled:
			return nil, conflict("documents.fault.dispute_open")
		case err == nil && d.Result() == DisputeDismissed:
			return nil, conflict("documents.fault.dispute_decided")
		case err != nil && !isNotFound(err):
			return nil, err
		}
		switch m.Place {
		case workflow.Settling:
			if err := s.fire(ctx, tx, who, &m, workflow.OpenDispute, workflow.Facts{MajorRejected: 1}, workflow.Unit); err != nil {
				return nil, err
			}
		case workflow.Disputed: // over another comment, too
		default:
			return nil, conflict("documents.fault.dispute_early")
		}
		d.Comment, d.Material, d.Level, d.State, d.Decider, d.Words, d.OpenedAt = c.ID, m.ID, LevelHeads, DisputeOpen, "", "", s.now()
		step := d.add(DisputeOpened, who, d.OpenedAt, a.Reasoning)
		if err := tx.PutDispute(ctx, d); err != nil {
			return nil, err
		}
		if err := tx.AddDisputeStep(ctx, d, step); err != nil {
			return nil, err
		}
		if err := s.tell(ctx, tx, who, m, m.Drafter, "dispute_opened", *c); err != nil {
			return nil, err
		}
		return append(entries, s.disputeEntry(who, d, DisputeOpened)), nil
	})
}

// stand is the common path of what a unit says to a settlement.
func (s *Service) stand(ctx context.Context, who security.Actor, id MaterialID, a args, done answer,
	do func(tx Tx, who security.Actor, m Material, c *Comment) ([]journal.Entry, error)) (Comment, *text, error) {
	if runes(a.Reasoning) > MaxText {
		return Comment{}, nil, invalid("documents.fault.text_long", MaxText)
	}
	c, err := s.commentOn(ctx, s.Store, id, a.Comment)
	if err != nil {
		return c, nil, err
	}
	if who, err = s.speaks(ctx, who, c); err != nil {
		return c, nil, err
	}
	return s.change(ctx, who, id, a, done, func(tx Tx, m Material, c *Comment, _ *text) ([]journal.Entry, error) {
		if c.State != Settled || c.Settlement == nil {
			return nil, conflict("documents.fault.stand_early")
		}
		return do(tx, who, m, c)
	})
}

// disputeEntries are the kinds of journal entries of the acts.
var disputeEntries = map[DisputeAct]string{
	DisputeOpened: "documents.dispute_opened", DisputeEscalated: "documents.dispute_escalated", DisputeToCouncil: "documents.dispute_carried",
	DisputeAgreed: "documents.dispute_agreed", DisputeWithdrawn: "documents.dispute_withdrawn", DisputeUpheld: "documents.dispute_upheld",
	DisputeDismissed: "documents.dispute_dismissed",
}

func (s *Service) disputeEntry(who security.Actor, d Dispute, act DisputeAct) journal.Entry {
	return s.entry(who, disputeEntries[act], d.Material, map[string]any{"comment": d.Comment, "level": d.Level}, nil)
}

// tell gives somebody a notice about a comment.
func (s *Service) tell(ctx context.Context, tx Tx, who security.Actor, m Material, to security.ActorID, kind string, c Comment) error {
	if to == "" || to == who.ID || to == security.SystemID {
		return nil
	}
	return tx.AddNotice(ctx, s.notice(to, kind, m, "", onePage(m.ID, c.Number), m.Number, m.Title, c.Number))
}

// close settles a dispute by an act.
func (s *Service) close(ctx context.Context, tx Tx, who security.Actor, m Material, c *Comment, d Dispute, act DisputeAct, text string) error {
	carried := d.State == DisputeCarried
	step := d.add(act, who, s.now(), text)
	d.State = DisputeSettled
	if err := tx.PutDispute(ctx, d); err != nil {
		return err
	}
	if err := tx.AddDisputeStep(ctx, d, step); err != nil {
		return err
	}
	if !carried {
		if err := s.resolve(ctx, tx, who, m, d); err != nil {
			return err
		}
	}
	switch act {
	case DisputeWithdrawn:
		c.Settlement = &Settlement{Outcome: WithdrawnByAuthor, By: who.ID, At: step.At}
		c.Standing = &Standing{Stand: Agrees, Note: text, By: who.ID, Behalf: who.OnBehalfOf, At: step.At}
	case DisputeUpheld: // to be settled anew; the record keeps what was
		c.State, c.Settlement, c.Standing = Open, nil, nil
	}
	for _, to := range slices.Compact(slices.Sorted(slices.Values([]security.ActorID{m.Drafter, c.Author, d.Acts[0].By}))) {
		if err := s.tell(ctx, tx, who, m, to, "dispute_settled", *c); err != nil {
			return err
		}
	}
	return nil
}

// resolve moves a material on when the last of its open disputes has been settled.
func (s *Service) resolve(ctx context.Context, tx Tx, who security.Actor, m Material, d Dispute) error {
	all, err := tx.Disputes(ctx, m.ID)
	if err != nil || m.Place != workflow.Disputed {
		return err
	}
	if slices.ContainsFunc(all, func(o Dispute) bool { return o.State != DisputeSettled && o.Comment != d.Comment }) {
		return nil
	}
	as := workflow.Head
	if d.Level > LevelHeads {
		as = workflow.Director
	}
	return s.fire(ctx, tx, who, &m, workflow.ResolveDispute, workflow.Facts{Agreed: true}, as)
}

// inDispute runs do with an unsettled dispute of a material that is being written.
func (s *Service) inDispute(ctx context.Context, what string, id MaterialID, comment CommentID, do func(tx Tx, m Material, c *Comment, d *Dispute) ([]journal.Entry, error)) error {
	var c Comment
	err := s.Store.Write(ctx, func(tx Tx) error {
		m, err := tx.Lock(ctx, id)
		if err != nil {
			return err
		}
		if c, err = s.commentOn(ctx, tx, id, comment); err != nil {
			return err
		}
		d, err := tx.Dispute(ctx, comment)
		if isNotFound(err) || err == nil && d.State == DisputeSettled {
			return conflict("documents.fault.dispute_none")
		} else if err != nil {
			return err
		}
		// The council decides when the text has long been frozen; before that, only a text being written can have disputes.
		if d.State != DisputeCarried && !m.State.Editable() {
			return conflict("documents.fault.frozen")
		}
		entries, err := do(tx, m, &c, &d)
		if err != nil {
			return err
		}
		if err := tx.SetComment(ctx, c); err != nil {
			return err
		}
		return tx.Record(ctx, entries...)
	})
	if err != nil {
		return wrap(what, comment, err)
	}
	if t, err := s.live(ctx, id); err == nil { // the change is durable; a room that cannot be told asks again by itself
		s.push(ctx, id, map[string]any{"type": "comment", "comment": s.view(ctx, "", c, t)})
	}
	return nil
}

// Escalate takes a dispute of the heads to the director or the responsible councillor. The head of either department does
// it, or who manages the material.
func (s *Service) Escalate(ctx context.Context, who security.Actor, id MaterialID, comment CommentID, decider security.ActorID, why string) error {
	m, err := s.Get(ctx, who, id)
	if err != nil {
		return err
	}
	c, err := s.commentOn(ctx, s.Store, id, comment)
	if err != nil {
		return err
	}
	if s.can(ctx, who, access.Manage, id) != nil {
		of := who
		if who, err = s.asHead(ctx, of, m.Unit); err != nil && c.Unit != "" {
			who, err = s.asHead(ctx, of, c.Unit)
		}
		if err != nil {
			return err
		}
	}
	why = strings.TrimSpace(why)
	switch {
	case why == "":
		return invalid("documents.fault.dispute_reason")
	case runes(why) > MaxText:
		return invalid("documents.fault.text_long", MaxText)
	}
	p, err := s.People.Person(ctx, decider)
	if isNotFound(err) || err == nil && !p.Has(security.Director) && !p.Has(security.Councillor) {
		return invalid("documents.fault.dispute_decider")
	} else if err != nil {
		return err
	}
	return s.inDispute(ctx, "escalate dispute over", id, comment, func(tx Tx, m Material, c *Comment, d *Dispute) ([]journal.Entry, error) {
		if d.Level != LevelHeads {
			return nil, conflict("documents.fault.dispute_level")
		}
		d.Level, d.Decider = LevelDirector, decider
		step := d.add(DisputeEscalated, who, s.now(), why)
		if err := tx.PutDispute(ctx, *d); err != nil {
			return nil, err
		}
		if err := tx.AddDisputeStep(ctx, *d, step); err != nil {
			return nil, err
		}
		if err := tx.AddParticipant(ctx, who, id, Participant{Subject: "user:" + string(decider), Relation: "commenter"}); err != nil {
			return nil, err
		}
		if err := s.tell(ctx, tx, who, m, decider, "dispute_yours", *c); err != nil {
			return nil, err
		}
		e := s.disputeEntry(who, *d, DisputeEscalated)
		e.Body = encode(map[string]any{"comment": d.Comment, "level": d.Level, "decider": decider})
		return []journal.Entry{e}, nil
	})
}

// Decide settles a dispute. The unit may agree with the settlement or take its comment back at any level; at the second,
// whoever it was escalated to decides; what was put before the council, the secretariat records with the resolution.
func (s *Service) Decide(ctx context.Context, who security.Actor, id MaterialID, comment CommentID, act DisputeAct, text string) error {
	if _, err := s.Get(ctx, who, id); err != nil {
		return err
	}
	c, err := s.commentOn(ctx, s.Store, id, comment)
	if err != nil {
		return err
	}
	text = strings.TrimSpace(text)
	switch {
	case !slices.Contains([]DisputeAct{DisputeAgreed, DisputeWithdrawn, DisputeUpheld, DisputeDismissed}, act):
		return invalid("documents.fault.dispute_act")
	case text == "":
		return invalid("documents.fault.dispute_reason")
	case runes(text) > MaxText:
		return invalid("documents.fault.text_long", MaxText)
	}
	if act == DisputeAgreed || act == DisputeWithdrawn {
		if who, err = s.speaks(ctx, who, c); err != nil {
			return err
		}
	}
	return s.inDispute(ctx, "settle dispute over", id, comment, func(tx Tx, m Material, c *Comment, d *Dispute) ([]journal.Entry, error) {
		if act == DisputeUpheld || act == DisputeDismissed {
			if err := s.decides(who, d); err != nil {
				return nil, err
			}
		}
		if act == DisputeUpheld && !m.State.Editable() {
			return nil, conflict("documents.fault.dispute_frozen")
		}
		if act == DisputeAgreed {
			c.Standing = &Standing{Stand: Agrees, Note: text, By: who.ID, Behalf: who.OnBehalfOf, At: s.now()}
		}
		return []journal.Entry{s.disputeEntry(who, *d, act)}, s.close(ctx, tx, who, m, c, *d, act, text)
	})
}

// decides lets only whoever decides at the level of a dispute.
func (s *Service) decides(who security.Actor, d *Dispute) error {
	switch {
	case d.Level == LevelHeads:
		return conflict("documents.fault.dispute_heads")
	case d.Level == LevelDirector && who.ID != d.Decider && who.OnBehalfOf != d.Decider:
		return fault.New(fault.Denied, "documents.fault.dispute_not_yours")
	case d.Level == LevelCouncil && !who.Has(security.Secretariat):
		return fault.New(fault.Denied, "documents.fault.dispute_council")
	}
	return nil
}

// Disputes lists the disputes of a material by the number of their comment.
func (s *Service) Disputes(ctx context.Context, who security.Actor, id MaterialID) ([]Dispute, error) {
	if err := s.can(ctx, who, access.View, id); err != nil {
		return nil, err
	}
	return s.Store.Disputes(ctx, id)
}

// Carry puts the material before the council with the dispute (předložit s rozporem): whoever it was escalated to says so,
// and words, the description of the dispute, is copied into the text, under the heading "Rozpory" of the submission
// report. The text and the record are two stores, so an intent is written first; after a crash Recover finishes it.
func (s *Service) Carry(ctx context.Context, who security.Actor, id MaterialID, comment CommentID, words string) error {
	if _, err := s.Get(ctx, who, id); err != nil {
		return err
	}
	words = strings.Join(strings.Fields(body.Clean(words)), " ")
	switch {
	case words == "":
		return invalid("documents.fault.dispute_words")
	case runes(words) > MaxText:
		return invalid("documents.fault.text_long", MaxText)
	}
	i := Intent{ID: newID("i"), Material: id, Kind: IntentDispute, Comment: comment, By: who.ID, At: s.now(), Step: StepBegun}
	err := s.Store.Write(ctx, func(tx Tx) error {
		m, err := s.editable(ctx, tx, id)
		if err != nil {
			return err
		}
		d, err := tx.Dispute(ctx, comment)
		switch {
		case isNotFound(err) || err == nil && (d.State != DisputeOpen || d.Material != id):
			return conflict("documents.fault.dispute_none")
		case err != nil:
			return err
		case d.Level != LevelDirector:
			return conflict("documents.fault.dispute_heads")
		}
		if err := s.decides(who, &d); err != nil {
			return err
		}
		if _, busy, err := tx.Intent(ctx, id); err != nil {
			return err
		} else if busy {
			return conflict("documents.fault.busy")
		}
		d.Words = words
		i.Prior = m.State
		if err := tx.PutDispute(ctx, d); err != nil {
			return err
		}
		return tx.AddIntent(ctx, i)
	})
	if err != nil {
		return wrap("put before the council", comment, err)
	}
	if err := s.finishCarry(ctx, who, i); err != nil {
		return wrap("put before the council", comment, join([]error{err, s.dropIntent(context.WithoutCancel(ctx), i.ID)}))
	}
	return nil
}

// finishCarry writes the description into the text, unless it stands there, and records it.
func (s *Service) finishCarry(ctx context.Context, who security.Actor, i Intent) error {
	d, err := s.Store.Dispute(ctx, i.Comment)
	if err != nil {
		return err
	}
	// The decider need not have the right to write: this one paragraph is his act, and the text says so.
	if _, err := s.Hub.Edit(ctx, who, i.Material, func(doc *crdt.Doc) error {
		open(doc).report(d.Words)
		return nil
	}); err != nil {
		return err
	}
	return s.Store.Write(ctx, func(tx Tx) error {
		m, err := tx.Lock(ctx, i.Material)
		if err != nil {
			return err
		}
		if err := tx.DropIntent(ctx, i.ID); err != nil {
			return err
		}
		d, err := tx.Dispute(ctx, i.Comment)
		if err != nil {
			return err
		}
		d.Level, d.State = LevelCouncil, DisputeCarried
		step := d.add(DisputeToCouncil, who, s.now(), d.Words)
		if err := tx.PutDispute(ctx, d); err != nil {
			return err
		}
		if err := tx.AddDisputeStep(ctx, d, step); err != nil {
			return err
		}
		m.ChangedAt = s.now()
		if err := tx.SetMaterial(ctx, m); err != nil {
			return err
		}
		return tx.Record(ctx, s.disputeEntry(who, d, DisputeToCouncil))
	})
}

// disputesHeading is the heading in the text of a material; materials are Czech.
const disputesHeading = "Rozpory"

// report adds a description to the part of the submission report on disputes, unless it stands there: at its end when the
// text has such a heading, else under a new one at the end of the text.
func (t *text) report(words string) {
	if t.holds(words) {
		return
	}
	blocks := t.flat.blocks
	at, heading := -1, false
	for i, b := range blocks {
		to := t.flat.units
		if i+1 < len(blocks) {
			to = blocks[i+1].at
		}
		if b.marker["kind"] == string(body.Heading) && strings.EqualFold(strings.TrimSpace(t.flat.between(b.at+1, to)), disputesHeading) {
			heading, at = true, to
			continue
		}
		if heading && b.marker["kind"] == string(body.Heading) {
			break
		}
		if heading {
			at = to
		}
	}
	add := func(at int, marker map[string]any, line string) int {
		t.body.InsertMap(at, marker, nil)
		t.body.Insert(at+1, line, nil)
		return at + 1 + units(line)
	}
	if !heading {
		at = add(t.flat.units, map[string]any{"kind": string(body.Heading), "level": int64(2)}, disputesHeading)
	}
	add(at, map[string]any{"kind": string(body.Paragraph)}, words)
}
