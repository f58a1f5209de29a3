package register

import (
	"context"
	"slices"
	"strings"
	"time"

	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
)

// Milestone is one activity of the project card in one year.
type Milestone struct {
	Year     int    `json:"year"`     // 1–4
	Activity string `json:"activity"` // "1", "1/AD2", "2" … as the card numbers them
	What     string `json:"what"`
	State    string `json:"state"` // planned, running, done
	Note     string `json:"note,omitempty"`
}

// MilestoneStates in order.
var MilestoneStates = []string{"planned", "running", "done"}

// Plan is what holds for the whole project: when it began, its milestones, and
// the prices savings are reckoned with.
type Plan struct {
	Start      Day         `json:"start,omitempty"` // first day of year 1
	Milestones []Milestone `json:"milestones,omitempty"`
	Hour       int         `json:"hour"` // CZK for an hour of work
	Page       float64     `json:"page"` // CZK for a printed page
	// Source says where the prices come from; "" marks them as examples.
	Source string `json:"source,omitempty"`
}

// KeptPlan is the plan as it is kept.
type KeptPlan struct {
	Plan
	Version   int
	ChangedBy security.ActorID
	ChangedAt time.Time
}

// MaxMilestones of a plan.
const MaxMilestones = 100

// Example prices, until the office states its own. They are shown as examples.
const (
	exampleHour = 400
	examplePage = 1.5
)

// Check refuses a plan that cannot be.
func (p Plan) Check() error {
	switch {
	case !p.Start.valid():
		return invalid("day")
	case p.Hour < 0 || p.Hour > most || outside(p.Page, 0):
		return invalid("price")
	case long(p.Source, MaxText):
		return invalid("long", MaxText)
	case len(p.Milestones) > MaxMilestones:
		return invalid("milestones", MaxMilestones)
	}
	for _, m := range p.Milestones {
		switch {
		case m.Year < 1 || m.Year > 4:
			return invalid("milestone_year")
		case strings.TrimSpace(m.Activity) == "" || long(m.Activity, 20):
			return invalid("milestone_activity")
		case strings.TrimSpace(m.What) == "" || long(m.What, MaxText) || long(m.Note, MaxText):
			return invalid("milestone_what", MaxText)
		case !slices.Contains(MilestoneStates, m.State):
			return invalid("milestone_state")
		}
	}
	return nil
}

// Plan returns the plan; before somebody states one, example prices.
func (s *Service) Plan(ctx context.Context, who security.Actor) (KeptPlan, error) {
	if !who.Known() {
		return KeptPlan{}, fault.New(fault.Unauthenticated, "fault.unauthenticated")
	}
	return s.plan(ctx, s.Store)
}

func (s *Service) plan(ctx context.Context, r Reader) (KeptPlan, error) {
	k, err := r.Plan(ctx)
	if err == nil && k.Hour == 0 && k.Page == 0 {
		k.Hour, k.Page, k.Source = exampleHour, examplePage, ""
	}
	return k, err
}

// MayPlan reports whether who may change the plan, for pages.
func (s *Service) MayPlan(ctx context.Context, who security.Actor) bool {
	return s.Rights.Can(ctx, who, access.Administer, access.Office) == nil
}

// SetPlan replaces the plan when it still has version. Administrators only.
func (s *Service) SetPlan(ctx context.Context, who security.Actor, version int, p Plan) error {
	if err := s.Rights.Can(ctx, who, access.Administer, access.Office); err != nil {
		return err
	}
	return wrap("set", "plan", s.Store.Write(ctx, func(tx Tx) error {
		if err := tx.Lock(ctx); err != nil {
			return err
		}
		return s.putPlan(ctx, tx, who, version, p)
	}))
}

func (s *Service) putPlan(ctx context.Context, tx Tx, who security.Actor, version int, p Plan) error {
	if err := p.Check(); err != nil {
		return err
	}
	old, err := tx.Plan(ctx)
	if err != nil {
		return err
	}
	if old.Version != version {
		return fault.New(fault.Conflict, "register.fault.changed", old.Version)
	}
	if digest(old.Plan) == digest(p) {
		return nil
	}
	k := KeptPlan{Plan: p, Version: old.Version + 1, ChangedBy: who.ID, ChangedAt: s.now()}
	if err := tx.PutPlan(ctx, k); err != nil {
		return err
	}
	return tx.Record(ctx, s.entry(who, "documents.register_plan", "plan", map[string]any{"version": k.Version, "sha256": digest(p)}))
}
