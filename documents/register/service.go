package register

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// Reader answers what is stored. A missing thing is fault.NotFound.
type Reader interface {
	Entries(ctx context.Context) ([]Kept, error) // by name, at most MaxAgendas
	Entry(ctx context.Context, id ID) (Kept, error)
	Plan(ctx context.Context) (KeptPlan, error)              // version 0 before the first
	Agendas(ctx context.Context) ([]documents.Agenda, error) // of materials
	Past(ctx context.Context, id ID, before, limit int) ([]Kept, error)
}

// Store keeps the register. Write runs do in one transaction.
type Store interface {
	Reader
	// Counts adds up events by agenda of materials since the beginning of a month.
	Counts(ctx context.Context, since Month) (map[documents.AgendaID]map[Event]int, error)
	// Papers lists what came on paper to an agenda, newest first.
	Papers(ctx context.Context, id ID, limit int) ([]PaperIn, error)
	// PaperSums adds up pieces on paper by agenda since a day.
	PaperSums(ctx context.Context, since Day) (map[ID]int, error)
	Write(ctx context.Context, do func(tx Tx) error) error
}

// Tx is one transaction of a Store. Reads see its own writes.
type Tx interface {
	Reader
	// Lock keeps everybody else from changing the register until the end.
	Lock(ctx context.Context) error
	Put(ctx context.Context, k Kept) error // a new version
	PutPlan(ctx context.Context, k KeptPlan) error
	AddPaper(ctx context.Context, p PaperIn) error
	Record(ctx context.Context, entries ...journal.Entry) error
}

// Rights says who may do what (access.Rights).
type Rights interface {
	Can(ctx context.Context, who security.Actor, act access.Act, on access.Object) error
}

// Directory knows people and units (access.Accounts).
type Directory interface {
	Person(ctx context.Context, id security.ActorID) (access.Person, error)
	People(ctx context.Context, f access.PeopleFilter) ([]access.Person, error)
	Units(ctx context.Context) ([]access.UnitInfo, error)
}

// Config is what a Service works with. All but Zone is required.
type Config struct {
	Store     Store
	Rights    Rights
	Directory Directory
	Now       func() time.Time
	Zone      *time.Location // of the office; UTC when nil
}

// Service is everything that can be done with the register. It is safe for
// concurrent use and holds no state of its own.
type Service struct{ Config }

// New checks cfg and returns a Service.
func New(cfg Config) (*Service, error) {
	if cfg.Store == nil || cfg.Rights == nil || cfg.Directory == nil || cfg.Now == nil {
		return nil, errors.New("register: Store, Rights, Directory and Now are required")
	}
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	return &Service{cfg}, nil
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

// Today is the day of the office.
func (s *Service) Today() Day { return Day(s.Now().In(s.Zone).Format(time.DateOnly)) }

// PaperIn is a document that came on paper, written down by hand. In an agenda
// that goes only electronically it is an incident.
type PaperIn struct {
	ID     string
	Agenda ID
	Day    Day
	Count  int
	Phase  Phase
	Note   string
	By     security.ActorID
	At     time.Time
}

// Entries lists the register by name. Everybody in the office may read it: it
// says how the office works and holds nobody's matter.
func (s *Service) Entries(ctx context.Context, who security.Actor) ([]Kept, error) {
	if !who.Known() {
		return nil, fault.New(fault.Unauthenticated, "fault.unauthenticated")
	}
	return s.Store.Entries(ctx)
}

// Entry returns one agenda of the register.
func (s *Service) Entry(ctx context.Context, who security.Actor, id ID) (Kept, error) {
	if !who.Known() {
		return Kept{}, fault.New(fault.Unauthenticated, "fault.unauthenticated")
	}
	return s.Store.Entry(ctx, id)
}

// Revision is one version of an entry and what it changed.
type Revision struct {
	Kept
	Changes []Change // against the version before; nil in the first
}

// History lists the versions of an entry, newest first, those below before
// when it is not 0.
func (s *Service) History(ctx context.Context, who security.Actor, id ID, before int) ([]Revision, error) {
	if _, err := s.Entry(ctx, who, id); err != nil {
		return nil, err
	}
	const page = 50
	past, err := s.Store.Past(ctx, id, before, page+1)
	if err != nil {
		return nil, err
	}
	var out []Revision
	for i, k := range past {
		if i == page {
			break
		}
		r := Revision{Kept: k}
		if i+1 < len(past) {
			r.Changes = Diff(past[i+1].Entry, k.Entry)
		}
		out = append(out, r)
	}
	return out, nil
}

// May reports whether who may change an entry of this unit, for pages; the
// act asks again.
func (s *Service) May(ctx context.Context, who security.Actor, unit security.UnitID) bool {
	return s.mayEdit(ctx, who, unit) == nil
}

// mayEdit: administrators; heads and the secretariat for their own unit; and
// whoever was given a relation to the unit that lets him manage it. Role and
// unit are those of the account as it is now.
func (s *Service) mayEdit(ctx context.Context, who security.Actor, unit security.UnitID) error {
	if !who.Known() {
		return fault.New(fault.Unauthenticated, "fault.unauthenticated")
	}
	if s.Rights.Can(ctx, who, access.Administer, access.Office) == nil {
		return nil
	}
	if unit == "" {
		return fault.New(fault.Denied, "fault.denied")
	}
	if mine, err := s.belongs(ctx, who, unit, security.Head, security.Secretariat); err != nil {
		return err
	} else if mine {
		return nil
	}
	err := s.Rights.Can(ctx, who, access.Manage, access.Unit(unit))
	if errors.Is(err, fault.NotFound) { // the register is no secret, so neither is the unit
		err = fault.New(fault.Denied, "register.fault.denied")
	}
	return err
}

// belongs reports whether who is in the unit and holds one of roles.
func (s *Service) belongs(ctx context.Context, who security.Actor, unit security.UnitID, roles ...security.Role) (bool, error) {
	p, err := s.Directory.Person(ctx, who.ID)
	if errors.Is(err, fault.NotFound) {
		return false, nil
	}
	if err != nil || p.Disabled || p.Unit != unit {
		return false, err
	}
	return slices.ContainsFunc(roles, p.Has), nil
}

// Enter adds an agenda to the register.
func (s *Service) Enter(ctx context.Context, who security.Actor, e Entry, note string) (Kept, error) {
	if err := s.mayEdit(ctx, who, e.Unit); err != nil {
		return Kept{}, err
	}
	var k Kept
	err := s.Store.Write(ctx, func(tx Tx) error {
		if err := tx.Lock(ctx); err != nil {
			return err
		}
		all, err := tx.Entries(ctx)
		if err != nil {
			return err
		}
		if len(all) >= MaxAgendas {
			return fault.New(fault.TooMany, "register.fault.full", MaxAgendas)
		}
		if slices.ContainsFunc(all, func(k Kept) bool { return k.ID == e.ID }) {
			return fault.New(fault.Conflict, "register.fault.exists")
		}
		k, err = s.put(ctx, tx, who, Kept{}, e, note)
		return err
	})
	return k, wrap("enter", e.ID, err)
}

// Edit changes an entry as change does, when it still has version; somebody
// else's change in between is fault.Conflict and loses nothing. An entry that
// change leaves as it was stays as it is.
func (s *Service) Edit(ctx context.Context, who security.Actor, id ID, version int, note string, change func(e *Entry) error) (Kept, error) {
	var k Kept
	err := s.Store.Write(ctx, func(tx Tx) error {
		if err := tx.Lock(ctx); err != nil {
			return err
		}
		old, err := tx.Entry(ctx, id)
		if err != nil {
			return err
		}
		if err := s.mayEdit(ctx, who, old.Unit); err != nil {
			return err
		}
		if old.Version != version {
			return fault.New(fault.Conflict, "register.fault.changed", old.Version)
		}
		e := old.Entry.clone()
		if err := change(&e); err != nil {
			return err
		}
		e.ID = old.ID
		if e.Unit != old.Unit { // handing an agenda over takes the right on both sides
			if err := s.mayEdit(ctx, who, e.Unit); err != nil {
				return err
			}
		}
		k, err = s.put(ctx, tx, who, old, e, note)
		return err
	})
	return k, wrap("edit", id, err)
}

// put writes a new version of an entry and its journal entry, unless nothing changed.
func (s *Service) put(ctx context.Context, tx Tx, who security.Actor, old Kept, e Entry, note string) (Kept, error) {
	e = e.tidy()
	if err := s.check(ctx, tx, old.Entry, e); err != nil {
		return Kept{}, err
	}
	note = strings.TrimSpace(note)
	if long(note, MaxText) {
		return Kept{}, invalid("long", MaxText)
	}
	changes := Diff(old.Entry, e)
	if old.Version > 0 && len(changes) == 0 {
		return old, nil
	}
	k := Kept{Entry: e, Version: old.Version + 1, ChangedBy: who.ID, ChangedAt: s.now(), Note: note}
	if err := tx.Put(ctx, k); err != nil {
		return Kept{}, err
	}
	kind := "documents.register_changed"
	body := map[string]any{"agenda": e.ID, "unit": e.Unit, "version": k.Version, "sha256": digest(e), "changes": len(changes)}
	if old.Version == 0 {
		kind = "documents.register_entered"
	}
	if old.Only != e.Only {
		body["only"], body["from"] = e.Only, string(e.Mandate.From)
	}
	return k, tx.Record(ctx, s.entry(who, kind, e.ID, body))
}

// check is Check and what only the store and the directory know. What was kept
// before may stay though it is gone by now.
func (s *Service) check(ctx context.Context, tx Reader, old, e Entry) error {
	if err := e.Check(); err != nil {
		return err
	}
	units, err := s.Directory.Units(ctx)
	if err != nil {
		return err
	}
	known := func(u security.UnitID) bool {
		return u == "" || slices.ContainsFunc(units, func(i access.UnitInfo) bool { return i.ID == u })
	}
	if e.Unit != old.Unit && !known(e.Unit) {
		return invalid("unit")
	}
	for _, b := range e.Barriers {
		if slices.Contains(old.Barriers, b) {
			continue
		}
		if !known(b.Unit) {
			return invalid("owner")
		}
		if b.Owner != "" {
			if _, err := s.Directory.Person(ctx, b.Owner); errors.Is(err, fault.NotFound) {
				return invalid("owner")
			} else if err != nil {
				return err
			}
		}
	}
	if e.Materials != "" && e.Materials != old.Materials {
		agendas, err := tx.Agendas(ctx)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(agendas, func(a documents.Agenda) bool { return a.ID == e.Materials }) {
			return invalid("materials")
		}
	}
	return nil
}

// RecordPaper writes down what came on paper. Everybody of the agenda's unit
// may, and those who may change its entry.
func (s *Service) RecordPaper(ctx context.Context, who security.Actor, p PaperIn) error {
	k, err := s.Entry(ctx, who, p.Agenda)
	if err != nil {
		return err
	}
	mine, err := s.belongs(ctx, who, k.Unit, security.Roles...)
	if err != nil {
		return err
	}
	if !mine {
		if err := s.mayEdit(ctx, who, k.Unit); err != nil {
			return err
		}
	}
	p.ID, p.By, p.At, p.Note = newID("l"), who.ID, s.now(), strings.TrimSpace(p.Note)
	switch {
	case p.Day == "" || !p.Day.valid() || p.Day > s.Today():
		return invalid("paper_day")
	case p.Count < 1 || p.Count > 10_000:
		return invalid("paper_count")
	case !slices.Contains(Phases, p.Phase):
		return invalid("phase")
	case long(p.Note, MaxText):
		return invalid("long", MaxText)
	}
	return wrap("record paper in", p.Agenda, s.Store.Write(ctx, func(tx Tx) error {
		if err := tx.AddPaper(ctx, p); err != nil {
			return err
		}
		return tx.Record(ctx, s.entry(who, "documents.register_paper", p.Agenda,
			map[string]any{"agenda": p.Agenda, "day": p.Day, "count": p.Count, "phase": p.Phase, "only": k.OnlyOn(p.Day)}))
	}))
}

// Papers lists what came on paper to an agenda, newest first.
func (s *Service) Papers(ctx context.Context, who security.Actor, id ID) ([]PaperIn, error) {
	if _, err := s.Entry(ctx, who, id); err != nil {
		return nil, err
	}
	return s.Store.Papers(ctx, id, 100)
}

func (s *Service) entry(who security.Actor, kind string, id ID, body map[string]any) journal.Entry {
	raw, err := json.Marshal(body)
	if err != nil {
		panic("register: encode: " + err.Error())
	}
	return journal.Entry{At: s.now(), Actor: who.ID, OnBehalfOf: who.OnBehalfOf, Kind: kind, Subject: "register:" + string(id), Body: raw}
}

func digest(v any) string {
	raw, err := json.Marshal(v) // map keys come sorted
	if err != nil {
		panic("register: encode: " + err.Error())
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

func wrap(what string, id any, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("register: %s %v: %w", what, id, err)
}

var alphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func newID(kind string) string {
	var b [10]byte
	rand.Read(b[:])
	return kind + "-" + alphabet.EncodeToString(b[:])
}

// NewKey names a new item of an entry.
func NewKey() string { return newID("k") }

// clone shares nothing with e that changing it would touch.
func (e Entry) clone() Entry {
	e.Channels, e.Signatures, e.Barriers = slices.Clone(e.Channels), slices.Clone(e.Signatures), slices.Clone(e.Barriers)
	e.Alternatives, e.Savings = slices.Clone(e.Alternatives), slices.Clone(e.Savings)
	steps := map[Phase]Step{}
	for p, s := range e.Steps {
		steps[p] = s
	}
	e.Steps = steps
	return e
}

// tidy is the one form of an entry: no blanks around words, no empty steps,
// channels in their order.
func (e Entry) tidy() Entry {
	e = e.clone()
	for _, s := range []*string{&e.Name, &e.Legal, &e.Systems, &e.ChannelNote, &e.VolumeSource, &e.Note,
		&e.Mandate.Document, &e.Mandate.By, &e.Mandate.Exceptions} {
		*s = strings.TrimSpace(*s)
	}
	for p, s := range e.Steps {
		if s == (Step{}) {
			delete(e.Steps, p)
		}
	}
	var channels []string
	for _, c := range Channels {
		if slices.Contains(e.Channels, c) {
			channels = append(channels, c)
		}
	}
	for _, c := range e.Channels {
		if !slices.Contains(Channels, c) {
			channels = append(channels, c) // for Check to refuse
		}
	}
	e.Channels = channels
	return e
}
