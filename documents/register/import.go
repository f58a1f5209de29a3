package register

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
)

// Proposal is what an import would do. Nothing is done while Errors is not empty.
type Proposal struct {
	Errors  []RowError
	More    int // errors that are not listed
	New     []Entry
	Changed []Changed
	Same    int // agendas of the files that stay as they are
	Plan    bool
	Digest  string // of the files and of what they would be applied to
	changes []change
	plan    *KeptPlan
}

// Changed is an entry that would become another.
type Changed struct {
	Entry
	Changes []Change
}

type change struct {
	old Kept
	new Entry
	at  RowError // where the agenda first stands, for what only the whole shows
}

func (p *Proposal) bad(e RowError) {
	if len(p.Errors) == maxErrors {
		p.More++
		return
	}
	p.Errors = append(p.Errors, e)
}

// Propose reads files and says what importing them would change. Nothing is written.
func (s *Service) Propose(ctx context.Context, who security.Actor, files []File) (Proposal, error) {
	if !who.Known() {
		return Proposal{}, fault.New(fault.Unauthenticated, "fault.unauthenticated")
	}
	return s.propose(ctx, s.Store, who, files)
}

// Import does what Propose said, all of it or nothing. It is refused
// (fault.Conflict) when the files or the register are not those that digest
// was made of, and (fault.Invalid) when anything in the files is wrong.
func (s *Service) Import(ctx context.Context, who security.Actor, files []File, digest string) (Proposal, error) {
	var p Proposal
	err := s.Store.Write(ctx, func(tx Tx) (err error) {
		if err := tx.Lock(ctx); err != nil {
			return err
		}
		if p, err = s.propose(ctx, tx, who, files); err != nil {
			return err
		}
		if len(p.Errors) > 0 {
			return invalid("csv_errors", len(p.Errors)+p.More)
		}
		if p.Digest != digest {
			return fault.New(fault.Conflict, "register.fault.csv_digest")
		}
		for _, c := range p.changes {
			if _, err := s.put(ctx, tx, who, c.old, c.new, "CSV"); err != nil {
				return err
			}
		}
		if p.plan != nil {
			if err := s.putPlan(ctx, tx, who, p.plan.Version, p.plan.Plan); err != nil {
				return err
			}
		}
		return tx.Record(ctx, s.entry(who, "documents.register_imported", "import",
			map[string]any{"files": len(files), "new": len(p.New), "changed": len(p.Changed), "sha256": digest}))
	})
	return p, wrap("import", len(files), err)
}

// Export returns one table as a file.
func (s *Service) Export(ctx context.Context, who security.Actor, t Table) ([]byte, error) {
	if !slices.Contains(Tables, t) {
		return nil, fault.New(fault.NotFound, "fault.not_found")
	}
	entries, err := s.Entries(ctx, who)
	if err != nil {
		return nil, err
	}
	plan, err := s.plan(ctx, s.Store)
	if err != nil {
		return nil, err
	}
	dir, err := s.directory(ctx)
	if err != nil {
		return nil, err
	}
	return write(t, rows(t, dir, entries, &plan.Plan)), nil
}

func (s *Service) directory(ctx context.Context) (*directory, error) {
	units, err := s.Directory.Units(ctx)
	if err != nil {
		return nil, err
	}
	d := &directory{units: map[security.UnitID]string{}, folded: map[string]security.UnitID{}}
	for _, u := range units {
		d.units[u.ID] = u.Name
		d.folded[documents.Fold(u.Name)] = u.ID
	}
	for _, u := range units {
		d.folded[documents.Fold(string(u.ID))] = u.ID
	}
	logins, ids := map[security.ActorID]string{}, map[string]security.ActorID{}
	d.login = func(id security.ActorID) string {
		if id == "" {
			return ""
		}
		if _, ok := logins[id]; !ok {
			logins[id] = string(id)
			if p, err := s.Directory.Person(ctx, id); err == nil && p.Login != "" {
				logins[id] = p.Login
			}
		}
		return logins[id]
	}
	d.person = func(login string) (security.ActorID, error) {
		if id, ok := ids[login]; ok {
			return id, nil
		}
		found, err := s.Directory.People(ctx, access.PeopleFilter{Text: login, Disabled: true, Limit: 100})
		if err != nil {
			return "", err
		}
		for _, p := range found {
			if p.Login == login || string(p.ID) == login {
				ids[login] = p.ID
			}
		}
		if ids[login] == "" && strings.HasPrefix(login, "p-") { // one whose login was erased
			if p, err := s.Directory.Person(ctx, security.ActorID(login)); err == nil {
				ids[login] = p.ID
			}
		}
		return ids[login], nil
	}
	return d, nil
}

func (s *Service) propose(ctx context.Context, r Reader, who security.Actor, files []File) (Proposal, error) {
	var p Proposal
	if len(files) == 0 {
		return p, invalid("csv_none")
	}
	if len(files) > MaxFiles {
		return p, fault.New(fault.TooLarge, "register.fault.csv_files", MaxFiles)
	}
	entries, err := r.Entries(ctx)
	if err != nil {
		return p, err
	}
	plan, err := s.plan(ctx, r)
	if err != nil {
		return p, err
	}
	dir, err := s.directory(ctx)
	if err != nil {
		return p, err
	}
	x := &importing{p: &p, dir: dir, now: map[ID]*change{}, replaced: map[string]bool{}, broken: map[ID]bool{}}
	for _, k := range entries {
		x.now[k.ID] = &change{old: k, new: k.Entry.clone()}
	}
	var sheets []sheet
	for _, f := range files {
		sh, bad := read(f)
		for _, e := range bad {
			p.bad(e)
		}
		if len(bad) == 0 {
			sheets = append(sheets, sh)
		}
	}
	// Agendas first: the other tables are about them.
	slices.SortStableFunc(sheets, func(a, b sheet) int { return slices.Index(Tables, a.table) - slices.Index(Tables, b.table) })
	for _, sh := range sheets {
		x.sheet(sh, &plan)
	}
	if err := s.settle(ctx, r, who, x, len(entries)); err != nil {
		return p, err
	}
	if x.plan {
		p.Plan, p.plan = true, &plan
		if err := s.planned(ctx, who, plan.Plan); err != nil {
			if f := fault.Of(err); f.Kind != fault.Internal {
				p.bad(RowError{string(PlanTable), 1, "", f.Key, f.Args})
			} else {
				return p, err
			}
		}
	}
	p.Digest = x.digest(files, plan.Version)
	return p, nil
}

func (s *Service) planned(ctx context.Context, who security.Actor, p Plan) error {
	if err := s.Rights.Can(ctx, who, access.Administer, access.Office); err != nil {
		return err
	}
	return p.Check()
}

// importing is an import on its way.
type importing struct {
	p        *Proposal
	dir      *directory
	now      map[ID]*change
	order    []ID            // in which agendas were met
	replaced map[string]bool // lists of an agenda that a file begins anew
	broken   map[ID]bool     // agendas with an item that is named already
	plan     bool
}

func (x *importing) sheet(sh sheet, plan *KeptPlan) {
	once := map[string]int{}
	for i, cells := range sh.lines {
		at := func(column, key string, args ...any) {
			x.p.bad(RowError{sh.name, sh.at[i], column, key, args})
		}
		if len(cells) > len(sh.head) {
			at("", "register.fault.csv_wide", len(cells), len(sh.head))
			continue
		}
		r := &record{dir: x.dir}
		if sh.table == PlanTable {
			year, err := strconv.Atoi(cells[0])
			if err != nil {
				at(sh.head[0], "register.fault.csv_number", cells[0])
				continue
			}
			if !x.plan {
				plan.Milestones, x.plan = nil, true
			}
			r.plan, r.milestone = &plan.Plan, Milestone{Year: year, State: "planned"}
		} else {
			c, key := x.agenda(sh, ID(cells[0]), i)
			if key != "" {
				at(sh.head[0], key, cells[0])
				continue
			}
			r.entry = &c.new
		}
		if !x.fill(sh, cells, r, at) {
			continue
		}
		name, keep := x.keep(sh, r)
		if err := r.check(sh.table); err != nil {
			f := fault.Of(err)
			at("", f.Key, f.Args...)
			x.broken[r.entry.ID] = true
		}
		if name != "" && once[name] != 0 {
			at("", "register.fault.csv_again", once[name])
			continue
		}
		once[name] = sh.at[i]
		keep()
	}
}

// check refuses the item of a line by itself, so that the line is named; what
// only the whole agenda shows is found by settle.
func (r *record) check(t Table) error {
	switch t {
	case SignatureTable:
		return r.signature.check()
	case BarrierTable:
		return r.barrier.check()
	case AlternativeTable:
		return r.alternative.check()
	case SavingTable:
		return r.saving.check()
	}
	return nil
}

// agenda finds the entry a line is about, or begins a new one.
func (x *importing) agenda(sh sheet, id ID, i int) (*change, string) {
	c, ok := x.now[id]
	if !ok && sh.table != AgendaTable {
		return nil, "register.fault.csv_agenda"
	}
	if !ValidID(id) {
		return nil, "register.fault.id"
	}
	if !ok {
		c = &change{new: Entry{ID: id, Kind: "internal", Steps: map[Phase]Step{}}}
		x.now[id] = c
	}
	if c.at.Line == 0 {
		c.at = RowError{File: sh.name, Line: sh.at[i]}
		x.order = append(x.order, id)
	}
	return c, ""
}

// fill sets the fields of a line; a column the file does not have stays.
func (x *importing) fill(sh sheet, cells []string, r *record, at func(column, key string, args ...any)) bool {
	r.barrier.Side, r.barrier.Status, r.alternative.Decision = "office", "open", "open"
	good := true
	for j, c := range sh.columns {
		if c.set == nil {
			continue
		}
		cell := ""
		if j < len(cells) {
			cell = unguard(cells[j])
		}
		if err := c.set(r, cell); err != nil {
			f := fault.Of(err)
			at(sh.head[j], f.Key, f.Args...)
			good = false
		}
	}
	return good
}

// keep returns what a line is called within its file, and puts it where it
// belongs. Lists of an agenda that stands in a file are replaced by what stands there.
func (x *importing) keep(sh sheet, r *record) (string, func()) {
	if r.plan != nil {
		return "", func() { r.plan.Milestones = append(r.plan.Milestones, r.milestone) }
	}
	e := r.entry
	id := string(e.ID)
	if list := string(sh.table) + " " + id; !x.replaced[list] && sh.table != AgendaTable {
		x.replaced[list] = true
		switch sh.table {
		case SignatureTable:
			e.Signatures = nil
		case BarrierTable:
			e.Barriers = nil
		case AlternativeTable:
			e.Alternatives = nil
		case SavingTable:
			e.Savings = nil
		}
	}
	key := func(k *string, n int) string {
		if *k == "" { // of its place, so that the same file twice changes nothing
			*k = strings.TrimSuffix(string(sh.table), "y") + "-" + strconv.Itoa(n+1)
		}
		return id + " " + *k
	}
	switch sh.table {
	case PhaseTable:
		return id + " " + string(r.phase), func() { e.Steps[r.phase] = x.step(sh, e.Steps[r.phase], r.step) }
	case SignatureTable:
		return key(&r.signature.Key, len(e.Signatures)), func() { e.Signatures = append(e.Signatures, r.signature) }
	case BarrierTable:
		return key(&r.barrier.Key, len(e.Barriers)), func() { e.Barriers = append(e.Barriers, r.barrier) }
	case AlternativeTable:
		return key(&r.alternative.Key, len(e.Alternatives)), func() { e.Alternatives = append(e.Alternatives, r.alternative) }
	case SavingTable:
		return key(&r.saving.Key, len(e.Savings)), func() { e.Savings = append(e.Savings, r.saving) }
	}
	return id, func() {}
}

// step is a phase with the fields the file has; the others stay.
func (x *importing) step(sh sheet, old, new Step) Step {
	r, was := &record{dir: x.dir, step: old}, &record{dir: x.dir, step: new}
	for _, c := range sh.columns {
		if c.set != nil && c.name != "fáze" {
			c.set(r, c.get(was)) // written by itself, so it reads
		}
	}
	return r.step
}

// settle checks the agendas as a whole and sorts them into new, changed and the same.
func (s *Service) settle(ctx context.Context, r Reader, who security.Actor, x *importing, stored int) error {
	for _, id := range x.order {
		c := x.now[id]
		e := c.new.tidy()
		err := s.mayEdit(ctx, who, e.Unit)
		if err == nil && c.old.Version > 0 && c.old.Unit != e.Unit {
			err = s.mayEdit(ctx, who, c.old.Unit)
		}
		if err == nil || e.Unit == "" {
			err = s.check(ctx, r, c.old.Entry, e)
		}
		if err != nil && x.broken[id] && errors.Is(err, fault.Invalid) {
			continue
		}
		if err != nil {
			f := fault.Of(err)
			if f.Kind == fault.Internal || errors.Is(err, fault.Unavailable) {
				return err
			}
			x.p.bad(RowError{c.at.File, c.at.Line, "", f.Key, f.Args})
			continue
		}
		diff := Diff(c.old.Entry, e)
		c.new = e
		switch {
		case c.old.Version == 0:
			if stored++; stored > MaxAgendas {
				x.p.bad(RowError{c.at.File, c.at.Line, "", "register.fault.full", []any{MaxAgendas}})
			}
			x.p.New = append(x.p.New, e)
			x.p.changes = append(x.p.changes, *c)
		case len(diff) > 0:
			x.p.Changed = append(x.p.Changed, Changed{e, diff})
			x.p.changes = append(x.p.changes, *c)
		default:
			x.p.Same++
		}
	}
	return nil
}

// digest binds what was shown to what will be done.
func (x *importing) digest(files []File, plan int) string {
	var all []any
	for _, f := range files {
		all = append(all, f.Name, f.Bytes)
	}
	for _, id := range x.order {
		all = append(all, id, x.now[id].old.Version)
	}
	if x.plan {
		all = append(all, plan)
	}
	return digest(all)
}
