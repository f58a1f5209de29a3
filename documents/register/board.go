package register

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/fault"
)

// Reckoned is what one saving comes to. Planned and Real are never added up.
type Reckoned struct {
	Saving
	Plan Sum
	Real Sum // N counted events since Since; all zero when the saving names no event
}

// Sum is a number of events and what they save. Negative amounts are losses.
type Sum struct {
	N     int
	Hours float64
	Pages float64
	CZK   float64
}

func (s Sum) add(t Sum) Sum {
	return Sum{s.N + t.N, s.Hours + t.Hours, s.Pages + t.Pages, s.CZK + t.CZK}
}

// Loss reports whether the sum costs more than it brings.
func (s Sum) Loss() bool { return s.Hours < 0 || s.CZK < 0 }

func sum(s Saving, n int, p Plan) Sum {
	hours, pages := float64(n)*s.Minutes/60, float64(n)*s.Pages
	return Sum{n, hours, pages, math.Round(hours*float64(p.Hour) + pages*p.Page)}
}

// Row is one agenda on the dashboard.
type Row struct {
	Kept
	Class       State
	Electronic  int // phases
	Surveyed    int
	Blocking    []Barrier
	Savings     []Reckoned
	Plan        Sum // of a year
	Real        Sum // so far
	InForce     bool
	Papers      int  // pieces on paper in the last twelve months
	Leaks       int  // of them since it goes only electronically
	Contradicts bool // goes only electronically, yet some phase does not
}

// Percent is how many of the surveyed phases are electronic.
func (r Row) Percent() int { return percent(r.Electronic, r.Surveyed) }

func percent(n, of int) int {
	if of == 0 {
		return 0
	}
	return (100*n + of/2) / of
}

// Cover is how far a department, or a kind of agendas, has got.
type Cover struct {
	Unit    security.UnitID
	Kind    string
	Agendas int
	Classes map[State]int
	Volume  int
	// Phases: electronic of surveyed, each weighed by the yearly volume of its
	// agenda (1 where nobody knows it).
	weighed, of int
	Electronic  int
	Surveyed    int
}

// Of is how many agendas are of a class.
func (c Cover) Of(class string) int { return c.Classes[State(class)] }

// Percent is the share of electronic phases.
func (c Cover) Percent() int { return percent(c.Electronic, c.Surveyed) }

// Weighed is the same, weighed by volume.
func (c Cover) Weighed() int { return percent(c.weighed, c.of) }

func (c *Cover) count(r Row) {
	if c.Classes == nil {
		c.Classes = map[State]int{}
	}
	c.Agendas++
	c.Classes[r.Class]++
	c.Volume += r.Volume
	c.Electronic += r.Electronic
	c.Surveyed += r.Surveyed
	weight := max(1, r.Volume)
	c.weighed += weight * r.Electronic
	c.of += weight * r.Surveyed
}

// Block is one kind of barrier, with what it holds up.
type Block struct {
	Type     string
	Barriers int
	Agendas  int
	Volume   int // documents a year of those agendas
	Late     int // past their due day
}

// Held is one barrier with its agenda.
type Held struct {
	Barrier
	Agenda Kept
	Late   bool
}

// Year is one year of the roadmap.
type Year struct {
	Number     int
	From, To   Day
	Now        bool
	Milestones []Milestone
	Agendas    []Row
}

// Board is the dashboard: everything reckoned from the entries at one moment.
type Board struct {
	At       time.Time
	Rows     []Row // by name, without closed agendas
	Office   Cover
	Units    []Cover
	Kinds    []Cover
	Only     []Row
	Leaks    []Row
	Blocks   []Block
	Barriers []Held // by blocked volume
	Top      []Row  // ten with the largest planned saving
	Years    []Year
	Plan     Sum // of a year, all agendas
	Real     Sum
	Prices   Plan
}

// Board reckons the dashboard.
func (s *Service) Board(ctx context.Context, who security.Actor) (Board, error) {
	if !who.Known() {
		return Board{}, fault.New(fault.Unauthenticated, "fault.unauthenticated")
	}
	entries, err := s.Store.Entries(ctx)
	if err != nil {
		return Board{}, err
	}
	plan, err := s.plan(ctx, s.Store)
	if err != nil {
		return Board{}, err
	}
	today := s.Today()
	b := Board{At: s.now(), Prices: plan.Plan}
	counts := counted{s.Store, map[Month]map[documents.AgendaID]map[Event]int{}}
	papers, err := s.Store.PaperSums(ctx, Day(s.Now().In(s.Zone).AddDate(-1, 0, 0).Format(time.DateOnly)))
	if err != nil {
		return Board{}, err
	}
	leaks := map[Day]map[ID]int{}
	for _, k := range entries {
		if k.Closed {
			continue
		}
		r := row(k)
		r.Papers = papers[k.ID]
		if r.InForce = k.OnlyOn(today); r.InForce {
			r.Contradicts = r.Class != Electronic
			if leaks[k.Mandate.From] == nil {
				if leaks[k.Mandate.From], err = s.Store.PaperSums(ctx, k.Mandate.From); err != nil {
					return Board{}, err
				}
			}
			r.Leaks = leaks[k.Mandate.From][k.ID]
		}
		if err := counts.reckon(ctx, &r, plan.Plan); err != nil {
			return Board{}, err
		}
		b.Rows = append(b.Rows, r)
	}
	b.group(today)
	b.roadmap(plan.Plan, today)
	return b, nil
}

// Row reckons one agenda, as the dashboard does.
func (s *Service) Row(ctx context.Context, who security.Actor, id ID) (Row, error) {
	k, err := s.Entry(ctx, who, id)
	if err != nil {
		return Row{}, err
	}
	plan, err := s.plan(ctx, s.Store)
	if err != nil {
		return Row{}, err
	}
	r := row(k)
	if r.InForce = k.OnlyOn(s.Today()); r.InForce {
		r.Contradicts = r.Class != Electronic
		leaks, err := s.Store.PaperSums(ctx, k.Mandate.From)
		if err != nil {
			return Row{}, err
		}
		r.Leaks = leaks[id]
	}
	counts := counted{s.Store, map[Month]map[documents.AgendaID]map[Event]int{}}
	return r, counts.reckon(ctx, &r, plan.Plan)
}

func row(k Kept) Row {
	r := Row{Kept: k, Class: k.Class(), Blocking: k.Blocking()}
	r.Electronic, r.Surveyed = k.Surveyed()
	return r
}

// counted asks the store once for each month that savings begin in.
type counted struct {
	store Store
	since map[Month]map[documents.AgendaID]map[Event]int
}

func (c counted) reckon(ctx context.Context, r *Row, p Plan) error {
	for _, s := range r.Entry.Savings {
		x := Reckoned{Saving: s, Plan: sum(s, s.Yearly, p)}
		if s.Event != "" && r.Materials != "" {
			if c.since[s.Since] == nil {
				counts, err := c.store.Counts(ctx, s.Since)
				if err != nil {
					return err
				}
				c.since[s.Since] = counts
			}
			x.Real = sum(s, c.since[s.Since][r.Materials][s.Event], p)
		}
		r.Savings = append(r.Savings, x)
		r.Plan, r.Real = r.Plan.add(x.Plan), r.Real.add(x.Real)
	}
	return nil
}

func (b *Board) group(today Day) {
	units, kinds := map[security.UnitID]*Cover{}, map[string]*Cover{}
	blocks := map[string]*Block{}
	for _, r := range b.Rows {
		if units[r.Unit] == nil {
			units[r.Unit] = &Cover{Unit: r.Unit}
		}
		if kinds[r.Kind] == nil {
			kinds[r.Kind] = &Cover{Kind: r.Kind}
		}
		units[r.Unit].count(r)
		kinds[r.Kind].count(r)
		b.Office.count(r)
		b.Plan, b.Real = b.Plan.add(r.Plan), b.Real.add(r.Real)
		if r.Only {
			b.Only = append(b.Only, r)
		}
		if r.Leaks > 0 {
			b.Leaks = append(b.Leaks, r)
		}
		seen := map[string]bool{}
		for _, x := range r.Blocking {
			late := x.Due != "" && x.Due < today
			b.Barriers = append(b.Barriers, Held{x, r.Kept, late})
			if blocks[x.Type] == nil {
				blocks[x.Type] = &Block{Type: x.Type}
			}
			k := blocks[x.Type]
			k.Barriers++
			if late {
				k.Late++
			}
			if !seen[x.Type] {
				seen[x.Type] = true
				k.Agendas++
				k.Volume += r.Volume
			}
		}
	}
	for _, c := range units {
		b.Units = append(b.Units, *c)
	}
	slices.SortFunc(b.Units, func(x, y Cover) int { return cmp.Compare(x.Unit, y.Unit) })
	for _, k := range Kinds {
		if kinds[k] != nil {
			b.Kinds = append(b.Kinds, *kinds[k])
		}
	}
	for _, t := range BarrierTypes {
		if blocks[t] != nil {
			b.Blocks = append(b.Blocks, *blocks[t])
		}
	}
	slices.SortStableFunc(b.Blocks, func(x, y Block) int { return cmp.Compare(y.Volume, x.Volume) })
	slices.SortStableFunc(b.Barriers, func(x, y Held) int { return cmp.Compare(y.Agenda.Volume, x.Agenda.Volume) })
	slices.SortStableFunc(b.Leaks, func(x, y Row) int { return cmp.Compare(y.Leaks, x.Leaks) })
	for _, r := range b.Rows {
		if r.Plan.Hours != 0 || r.Plan.Pages != 0 {
			b.Top = append(b.Top, r)
		}
	}
	slices.SortStableFunc(b.Top, func(x, y Row) int { return cmp.Compare(y.Plan.CZK, x.Plan.CZK) })
	b.Top = b.Top[:min(len(b.Top), 10)]
}

func (b *Board) roadmap(p Plan, today Day) {
	for n := 1; n <= 4; n++ {
		y := Year{Number: n}
		if start := p.Start.Time(); !start.IsZero() {
			y.From = Day(start.AddDate(n-1, 0, 0).Format(time.DateOnly))
			y.To = Day(start.AddDate(n, 0, -1).Format(time.DateOnly))
			y.Now = y.From <= today && today <= y.To
		}
		for _, m := range p.Milestones {
			if m.Year == n {
				y.Milestones = append(y.Milestones, m)
			}
		}
		for _, r := range b.Rows {
			if r.Year == n {
				y.Agendas = append(y.Agendas, r)
			}
		}
		b.Years = append(b.Years, y)
	}
}
