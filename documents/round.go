package documents

import (
	"context"
	"slices"
	"strings"
	"time"

	"spolupis/documents/calendar"
	"spolupis/documents/workflow"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// Round is a commenting round: units asked to comment, by a day, on the text as it stood when the round began.
type Round struct {
	ID         string
	Material   MaterialID
	Number     int // 1, 2, … within the material
	Asked      []Asked
	Days       int    // working days given
	Urgent     string // why fewer than UsualDays
	Why        string // of a round after settlement: what changed
	Due        time.Time
	Extensions []Extension
	// Baseline names the blob with the text of the beginning (a CRDT state); "" for rounds of before there were baselines.
	Baseline  string
	StartedBy security.ActorID
	StartedAt time.Time
	ClosedAt  time.Time // zero while it runs
	Ended     Ending
}

// Ending is how a round ended.
type Ending string

// The endings of rounds. "" while it runs.
const (
	ByDeadline Ending = "deadline"
	Early      Ending = "early"     // all required units had spoken
	CalledOff  Ending = "cancelled" // the text changes so much that comments on it are pointless
)

// Asked is one commenting unit (připomínkové místo) and what it said.
type Asked struct {
	Unit      security.UnitID
	Required  bool
	Statement Statement
	Note      string           // the unit's own words to it
	By        security.ActorID // its head, or who stood for him; the system for Silent
	Behalf    security.ActorID // the head, when a deputy confirmed
	At        time.Time
}

// Statement is what a unit as a whole says (stanovisko).
type Statement string

// The statements. "" is none yet. The set of a unit's comments is confirmed with the statement; until then they are its
// working notes.
const (
	Consents    Statement = "consents"  // souhlas bez připomínek
	WithRemarks Statement = "remarks"   // s připomínkami
	Disagrees   Statement = "disagrees" // nesouhlas
	Outside     Statement = "outside"   // mimo působnost
	Silent      Statement = "silent"    // nevyjádřeno: by the system at the deadline, counts as consent
)

// Statements lists what a unit can say, in the order people are offered it.
var Statements = []Statement{Consents, WithRemarks, Disagrees, Outside}

// Extension is one prolongation of a round.
type Extension struct {
	At          time.Time
	By, Behalf  security.ActorID
	From, Until time.Time
	Reason      string
}

// Limits of deadlines, in working days.
const (
	UsualDays  = 5
	UrgentDays = 2 // the least, with a reason
	MaxDays    = 60
	maxAsked   = 200
)

// Units lists the units asked.
func (r Round) Units() []security.UnitID {
	var out []security.UnitID
	for _, a := range r.Asked {
		out = append(out, a.Unit)
	}
	return out
}

// Runs reports whether units may still comment.
func (r Round) Runs() bool { return r.ID != "" && r.ClosedAt.IsZero() }

// Of returns what a unit was asked, or nil.
func (r Round) Of(unit security.UnitID) *Asked {
	i := slices.IndexFunc(r.Asked, func(a Asked) bool { return a.Unit == unit })
	if i < 0 || unit == "" {
		return nil
	}
	return &r.Asked[i]
}

// Waits counts the required units that have not spoken.
func (r Round) Waits() (n int) {
	for _, a := range r.Asked {
		if a.Required && a.Statement == "" {
			n++
		}
	}
	return n
}

// NewRound is what a round begins with.
type NewRound struct {
	Required, Optional []security.UnitID
	Days               int    // working days; UsualDays when 0
	Urgent             string // reason, required below UsualDays
	Why                string // what changed; required when an earlier round is being settled
}

func (n NewRound) check() (NewRound, []Asked, error) {
	n.Urgent, n.Why = strings.TrimSpace(n.Urgent), strings.TrimSpace(n.Why)
	if n.Days == 0 {
		n.Days = UsualDays
	}
	var asked []Asked
	for i, units := range [][]security.UnitID{n.Required, n.Optional} {
		for _, u := range slices.Compact(slices.Sorted(slices.Values(units))) {
			if u != "" && !slices.ContainsFunc(asked, func(a Asked) bool { return a.Unit == u }) {
				asked = append(asked, Asked{Unit: u, Required: i == 0})
			}
		}
	}
	switch {
	case len(asked) == 0:
		return n, nil, invalid("documents.fault.round_units")
	case len(asked) > maxAsked:
		return n, nil, fault.New(fault.TooMany, "documents.fault.round_many", maxAsked)
	case n.Days < UrgentDays || n.Days > MaxDays:
		return n, nil, invalid("documents.fault.round_days", UrgentDays, MaxDays)
	case n.Days < UsualDays && n.Urgent == "":
		return n, nil, invalid("documents.fault.round_urgent", UsualDays)
	case runes(n.Urgent) > MaxText || runes(n.Why) > MaxText:
		return n, nil, invalid("documents.fault.text_long", MaxText)
	}
	return n, asked, nil
}

// StartRound asks units to comment on the text as it stands, gives them the right to, and moves the material to Commenting.
// A round after an earlier one that is being settled says why, and asks only whom the change concerns.
func (s *Service) StartRound(ctx context.Context, who security.Actor, id MaterialID, n NewRound) (Round, error) {
	if err := s.can(ctx, who, access.Manage, id); err != nil {
		return Round{}, err
	}
	n, asked, err := n.check()
	if err != nil {
		return Round{}, err
	}
	head, err := s.Hub.Head(ctx, id)
	if err != nil {
		return Round{}, wrap("start round on", id, err)
	}
	told, err := s.whoIsAsked(ctx, who, append(slices.Clone(n.Required), n.Optional...))
	if err != nil {
		return Round{}, wrap("start round on", id, err)
	}
	now := s.now()
	r := Round{ID: newID("r"), Material: id, Number: 1, Asked: asked, Days: n.Days, Urgent: n.Urgent, Why: n.Why,
		Due: calendar.Deadline(now, n.Days, s.Zone).UTC(), Baseline: sum(head.State), StartedBy: who.ID, StartedAt: now}
	err = s.Store.Write(ctx, func(tx Tx) error {
		m, err := tx.Lock(ctx, id)
		if err != nil {
			return err
		}
		if m.State != Draft && m.State != Settling {
			return conflict("documents.fault.round_state")
		}
		if m.State == Settling && n.Why == "" {
			return invalid("documents.fault.round_why")
		}
		before, err := tx.Rounds(ctx, id)
		if err != nil {
			return err
		}
		r.Number = len(before) + 1
		facts := workflow.Facts{Units: len(r.Asked), Due: r.Due, Baseline: true, Substantive: true, Reason: n.Why}
		if m.State == Settling { // that the text changed in substance is the drafter's word
			if err := s.fire(ctx, tx, who, &m, workflow.NewRound, facts, workflow.Drafter); err != nil {
				return err
			}
		}
		facts.Reason = n.Urgent
		if err := s.fire(ctx, tx, who, &m, workflow.StartRound, facts, workflow.Drafter); err != nil {
			return err
		}
		if err := tx.PutBlob(ctx, r.Baseline, head.State); err != nil {
			return err
		}
		if err := tx.AddRound(ctx, r); err != nil {
			return err
		}
		for _, a := range r.Asked {
			if err := tx.AddParticipant(ctx, who, id, Participant{Subject: "unit:" + string(a.Unit), Relation: "commenter"}); err != nil {
				return err
			}
		}
		if err := s.askUnits(ctx, tx, m, told); err != nil {
			return err
		}
		return tx.Record(ctx, s.entry(who, "documents.round_started", id, map[string]any{
			"round": r.Number, "required": of(r.Asked, true), "optional": of(r.Asked, false), "units": r.Units(), "days": r.Days,
			"due": r.Due.Format(time.RFC3339), "baseline": r.Baseline}, reasons(n.Urgent, n.Why)))
	})
	if err == nil {
		s.push(ctx, id, map[string]any{"type": "state", "state": Commenting})
	}
	return r, wrap("start round on", id, err)
}

func of(asked []Asked, required bool) []security.UnitID {
	out := []security.UnitID{}
	for _, a := range asked {
		if a.Required == required {
			out = append(out, a.Unit)
		}
	}
	return out
}

// reasons are people's own words for the sealed part of an entry.
func reasons(urgent, why string) map[string]any {
	if urgent == "" && why == "" {
		return nil
	}
	return map[string]any{"urgent": urgent, "why": why}
}

// inRound runs do with the round that is running, in one transaction, and says what came of it to the room.
func (s *Service) inRound(ctx context.Context, what string, id MaterialID, do func(tx Tx, m *Material, r *Round) ([]journal.Entry, error)) error {
	var before, after State
	err := s.Store.Write(ctx, func(tx Tx) error {
		m, err := tx.Lock(ctx, id)
		if err != nil {
			return err
		}
		r, err := s.running(ctx, tx, m)
		if err != nil {
			return err
		}
		before = m.State
		entries, err := do(tx, &m, &r)
		if err != nil {
			return err
		}
		after = m.State
		if err := tx.SetRound(ctx, r); err != nil {
			return err
		}
		m.ChangedAt = s.now()
		if err := tx.SetMaterial(ctx, m); err != nil {
			return err
		}
		return tx.Record(ctx, entries...)
	})
	if err == nil && before != after {
		s.push(ctx, id, map[string]any{"type": "state", "state": after})
	}
	return wrap(what, id, err)
}

func (s *Service) running(ctx context.Context, r Reader, m Material) (Round, error) {
	if m.State != Commenting {
		return Round{}, conflict("documents.fault.round_none")
	}
	rounds, err := r.Rounds(ctx, m.ID)
	if err != nil {
		return Round{}, err
	}
	if n := len(rounds); n > 0 && rounds[n-1].Runs() {
		return rounds[n-1], nil
	}
	return Round{}, conflict("documents.fault.round_none")
}

// EndRound ends commenting before its deadline. It refuses while a required unit has not spoken.
func (s *Service) EndRound(ctx context.Context, who security.Actor, id MaterialID) error {
	if err := s.can(ctx, who, access.Manage, id); err != nil {
		return err
	}
	return s.inRound(ctx, "end round on", id, func(tx Tx, m *Material, r *Round) ([]journal.Entry, error) {
		if n := r.Waits(); n > 0 {
			return nil, conflict("documents.fault.round_waits", n)
		}
		if err := s.fire(ctx, tx, who, m, workflow.EndRoundEarly, workflow.Facts{Due: r.Due}, workflow.Drafter); err != nil {
			return nil, err
		}
		return s.endRound(ctx, tx, who, m, r, Early)
	})
}

// CancelRound stops a round because the text is to change so much that comments on it are pointless: the material is a draft
// again. What units said so far stays on record.
func (s *Service) CancelRound(ctx context.Context, who security.Actor, id MaterialID, why string) error {
	if err := s.can(ctx, who, access.Manage, id); err != nil {
		return err
	}
	why = strings.TrimSpace(why)
	if why == "" {
		return invalid("documents.fault.round_why")
	}
	if runes(why) > MaxText {
		return invalid("documents.fault.text_long", MaxText)
	}
	return s.inRound(ctx, "cancel round on", id, func(tx Tx, m *Material, r *Round) ([]journal.Entry, error) {
		r.ClosedAt, r.Ended = s.now(), CalledOff
		if err := s.fire(ctx, tx, who, m, workflow.NewRound, workflow.Facts{Substantive: true, Reason: why}, workflow.Drafter); err != nil {
			return nil, err
		}
		return []journal.Entry{s.entry(who, "documents.round_closed", id, map[string]any{"round": r.Number, "how": CalledOff}, map[string]any{"why": why})}, nil
	})
}

// endRound writes silence down.
func (s *Service) endRound(ctx context.Context, tx Tx, who security.Actor, m *Material, r *Round, how Ending) ([]journal.Entry, error) {
	now := s.now()
	silent := []security.UnitID{}
	for i := range r.Asked {
		if a := &r.Asked[i]; a.Statement == "" {
			a.Statement, a.By, a.At = Silent, security.SystemID, now
			silent = append(silent, a.Unit)
		}
	}
	r.ClosedAt, r.Ended = now, how
	if who.ID != m.Drafter {
		n := s.notice(m.Drafter, "round_ended", *m, "", settlementPage(m.ID), m.Number, m.Title, len(r.Asked)-len(silent), len(r.Asked))
		if err := tx.AddNotice(ctx, n); err != nil {
			return nil, err
		}
	}
	return []journal.Entry{s.entry(who, "documents.round_closed", m.ID, map[string]any{"round": r.Number, "how": how, "silent": silent}, nil)}, nil
}

func settlementPage(id MaterialID) string { return "/documents/" + string(id) + "/settlement" }

// EndDue ends the rounds whose deadline has passed and returns how many. Call it every so often, on any number of nodes: a
// round ends once. It goes on past a round that fails, joining the errors.
func (s *Service) EndDue(ctx context.Context) (int, error) {
	due, err := s.Store.DueRounds(ctx, s.now())
	if err != nil {
		return 0, err
	}
	done, failed := 0, []error{}
	for _, id := range due {
		err := s.inRound(ctx, "end round on", id, func(tx Tx, m *Material, r *Round) ([]journal.Entry, error) {
			if s.now().Before(r.Due) {
				return nil, conflict("documents.fault.round_none") // extended meanwhile
			}
			if err := s.fire(ctx, tx, security.System, m, workflow.RoundExpired, workflow.Facts{Due: r.Due}, workflow.System); err != nil {
				return nil, err
			}
			return s.endRound(ctx, tx, security.System, m, r, ByDeadline)
		})
		switch {
		case err == nil:
			done++
		case !isConflict(err): // a conflict: another node was first
			failed = append(failed, err)
		}
	}
	return done, join(failed)
}

// ExtendRound gives the units more working days after the present deadline. The head of the material's unit, or who stands
// for him, does it with a reason.
func (s *Service) ExtendRound(ctx context.Context, who security.Actor, id MaterialID, days int, reason string) error {
	m, err := s.Get(ctx, who, id)
	if err != nil {
		return err
	}
	if who, err = s.asHead(ctx, who, m.Unit); err != nil {
		return err
	}
	reason = strings.TrimSpace(reason)
	switch {
	case days < 1 || days > MaxDays:
		return invalid("documents.fault.round_days", 1, MaxDays)
	case reason == "":
		return invalid("documents.fault.round_reason")
	case runes(reason) > MaxText:
		return invalid("documents.fault.text_long", MaxText)
	}
	return s.inRound(ctx, "extend round on", id, func(tx Tx, m *Material, r *Round) ([]journal.Entry, error) {
		x := Extension{At: s.now(), By: who.ID, Behalf: who.OnBehalfOf, From: r.Due, Until: calendar.Deadline(r.Due, days, s.Zone).UTC(), Reason: reason}
		if calendar.Between(r.StartedAt, x.Until, s.Zone) > 2*MaxDays {
			return nil, invalid("documents.fault.round_days", 1, MaxDays)
		}
		if err := s.fire(ctx, tx, who, m, workflow.ExtendRound, workflow.Facts{Due: x.Until, Reason: reason}, workflow.Head); err != nil {
			return nil, err
		}
		r.Due, r.Extensions = x.Until, append(r.Extensions, x)
		if err := tx.AddExtension(ctx, r.ID, x); err != nil {
			return nil, err
		}
		return []journal.Entry{s.entry(who, "documents.round_extended", id,
			map[string]any{"round": r.Number, "due": x.Until.Format(time.RFC3339), "days": days}, map[string]any{"reason": reason})}, nil
	})
}

// State records what a unit as a whole says and with it confirms the set of its comments. Its head does it, or who stands
// for him. Units with comments cannot say that they have none; one that disagrees says why.
func (s *Service) State(ctx context.Context, who security.Actor, id MaterialID, unit security.UnitID, statement Statement, note string) error {
	if err := s.can(ctx, who, access.View, id); err != nil {
		return err
	}
	note = strings.TrimSpace(note)
	switch {
	case !slices.Contains(Statements, statement):
		return invalid("documents.fault.statement")
	case statement == Disagrees && note == "":
		return invalid("documents.fault.statement_note")
	case runes(note) > MaxText:
		return invalid("documents.fault.text_long", MaxText)
	}
	who, err := s.asHead(ctx, who, unit)
	if err != nil {
		return err
	}
	return s.inRound(ctx, "statement on", id, func(tx Tx, m *Material, r *Round) ([]journal.Entry, error) {
		a := r.Of(unit)
		if a == nil {
			return nil, conflict("documents.fault.statement_unasked")
		}
		if a.Statement != "" {
			return nil, conflict("documents.fault.statement_done")
		}
		comments, err := tx.Comments(ctx, id)
		if err != nil {
			return nil, err
		}
		n := 0
		for _, c := range comments {
			if c.Round == r.ID && c.Unit == unit && c.State != TakenBack {
				n++
			}
		}
		switch {
		case n > 0 && (statement == Consents || statement == Outside):
			return nil, conflict("documents.fault.statement_has", n)
		case n == 0 && statement == WithRemarks:
			return nil, conflict("documents.fault.statement_has_none")
		}
		a.Statement, a.Note, a.By, a.Behalf, a.At = statement, note, who.ID, who.OnBehalfOf, s.now()
		if n > 0 && m.Drafter != who.ID {
			if err := s.ask(ctx, tx, AskSettle, *m, "", settlementPage(m.ID), 0, m.Drafter); err != nil {
				return nil, err
			}
		}
		var personal map[string]any
		if note != "" {
			personal = map[string]any{"note": note}
		}
		return []journal.Entry{s.entry(who, "documents.statement_confirmed", id,
			map[string]any{"round": r.Number, "unit": unit, "statement": statement, "comments": n}, personal)}, nil
	})
}

// Unstate takes a unit's statement back while the round runs: its comments are working notes again.
func (s *Service) Unstate(ctx context.Context, who security.Actor, id MaterialID, unit security.UnitID) error {
	if err := s.can(ctx, who, access.View, id); err != nil {
		return err
	}
	who, err := s.asHead(ctx, who, unit)
	if err != nil {
		return err
	}
	return s.inRound(ctx, "statement on", id, func(tx Tx, m *Material, r *Round) ([]journal.Entry, error) {
		a := r.Of(unit)
		if a == nil || a.Statement == "" {
			return nil, conflict("documents.fault.statement_none")
		}
		*a = Asked{Unit: a.Unit, Required: a.Required}
		return []journal.Entry{s.entry(who, "documents.statement_reopened", id, map[string]any{"round": r.Number, "unit": unit}, nil)}, nil
	})
}

// Round returns the last commenting round, fault.NotFound before the first.
func (s *Service) Round(ctx context.Context, who security.Actor, id MaterialID) (Round, error) {
	rounds, err := s.Rounds(ctx, who, id)
	if err != nil {
		return Round{}, err
	}
	if len(rounds) == 0 {
		return Round{}, fault.New(fault.NotFound, "documents.fault.round_none")
	}
	return rounds[len(rounds)-1], nil
}

// Rounds lists the commenting rounds of a material, the first one first.
func (s *Service) Rounds(ctx context.Context, who security.Actor, id MaterialID) ([]Round, error) {
	if err := s.can(ctx, who, access.View, id); err != nil {
		return nil, err
	}
	return s.Store.Rounds(ctx, id)
}

// asHead lets only the head of a unit, or who stands for him, and returns who as he acts.
func (s *Service) asHead(ctx context.Context, who security.Actor, unit security.UnitID) (security.Actor, error) {
	behalf, ok, err := s.Leads(ctx, who, unit)
	if err != nil {
		return who, err
	}
	if !ok {
		return who, fault.New(fault.Denied, "documents.fault.not_head")
	}
	who.OnBehalfOf = behalf
	return who, nil
}

// Leads reports whether who acts as the head of a unit: as the head named by the office or his deputy (behalf is then the
// head), or, in a unit for which nobody is named, as one of it who holds the role.
func (s *Service) Leads(ctx context.Context, who security.Actor, unit security.UnitID) (behalf security.ActorID, ok bool, err error) {
	if unit == "" || !who.Known() {
		return "", false, nil
	}
	if behalf, ok, err = s.Rights.Leads(ctx, who, unit); ok || err != nil {
		return behalf, ok, err
	}
	named, err := s.Rights.Heads(ctx)
	if err != nil || named[unit] != "" {
		return "", false, err
	}
	return "", who.Unit == unit && who.Has(security.Head) && who.OnBehalfOf == "", nil
}
