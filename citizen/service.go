package citizen

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// errRefused is the one answer to a wrong number, a wrong code, and a matter
// the public may not see: which of them it was must not show.
var errRefused = fault.New(fault.Denied, "citizen.fault.refused")

func entry(who security.Actor, kind, subject string, body any) (journal.Entry, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return journal.Entry{}, fmt.Errorf("encode %s: %w", kind, err)
	}
	return journal.Entry{Actor: who.ID, OnBehalfOf: who.OnBehalfOf, Kind: kind, Subject: subject, Body: b}, nil
}

// may lets through who manages the document behind a matter.
func (s *Service) may(ctx context.Context, who security.Actor, act access.Act, document DocumentID) error {
	return s.Rights.Can(ctx, who, act, objectOf("document", string(document)))
}

// Open opens a matter for a document and returns it with its access code,
// which is kept nowhere else. Who needs the right to manage the document. A
// document has at most one matter: fault.Conflict.
func (s *Service) Open(ctx context.Context, who security.Actor, o Opening) (Matter, Code, error) {
	if err := s.may(ctx, who, access.Manage, o.Document); err != nil {
		return Matter{}, "", err
	}
	d, err := s.Documents.Document(ctx, who, o.Document)
	if err != nil {
		return Matter{}, "", err
	}
	now := s.Now()
	if err := o.check(now); err != nil {
		return Matter{}, "", err
	}
	m := Matter{
		Document: d.ID, Agenda: d.Agenda, AgendaName: d.AgendaName, Unit: d.Unit, UnitName: d.UnitName, Contact: o.Contact,
		Generic: o.Generic, Full: o.Full, Circumstances: o.Circumstances, Rule: o.Rule, Received: o.Received,
		OpenedAt: now, OpenedBy: who.ID, Issue: 1, IssuedAt: now,
	}
	code, err := NewCode(s.Rand)
	if err != nil {
		return Matter{}, "", err
	}
	for try := 0; ; try++ {
		if err := s.draw(&m, code); err != nil {
			return Matter{}, "", err
		}
		e, err := entry(who, KindMatterOpened, "matter:"+string(m.ID), opened{m.ID, m.Document, m.Agenda, m.Received.UnixMicro()})
		if err != nil {
			return Matter{}, "", err
		}
		err = s.Store.OpenMatter(ctx, m, e)
		if errors.Is(err, ErrNumberTaken) && try < 20 {
			continue
		}
		if err != nil {
			return Matter{}, "", fmt.Errorf("open a matter for %s: %w", o.Document, err)
		}
		return m, code, nil
	}
}

func (s *Service) draw(m *Matter, code Code) error {
	var id [8]byte
	if _, err := io.ReadFull(s.Rand, id[:]); err != nil {
		return fmt.Errorf("draw a matter id: %w", err)
	}
	m.ID = MatterID(fmt.Sprintf("%x", id))
	var err error
	if m.Number, err = NewNumber(s.Rand, m.OpenedAt); err != nil {
		return err
	}
	m.CodeHash = s.hash(m.ID, code)
	return nil
}

// Reissue replaces the code of a matter: the old one, the pages entered with it
// and the address of the feed stop working at once.
func (s *Service) Reissue(ctx context.Context, who security.Actor, id MatterID) (Matter, Code, error) {
	m, err := s.managed(ctx, who, id)
	if err != nil {
		return Matter{}, "", err
	}
	code, err := NewCode(s.Rand)
	if err != nil {
		return Matter{}, "", err
	}
	e, err := entry(who, KindCodeReissued, "matter:"+string(id), map[string]any{"matter": id, "issue": m.Issue + 1})
	if err != nil {
		return Matter{}, "", err
	}
	now, hash := s.Now(), s.hash(id, code)
	if err := s.Store.Reissue(ctx, id, m.Issue, hash, now, e); err != nil {
		return Matter{}, "", fmt.Errorf("reissue the code of %s: %w", id, err)
	}
	m.Issue, m.CodeHash, m.IssuedAt = m.Issue+1, hash, now
	return m, code, nil
}

func (s *Service) managed(ctx context.Context, who security.Actor, id MatterID) (Matter, error) {
	m, err := s.Store.Matter(ctx, id)
	if err != nil {
		return Matter{}, err
	}
	if err := s.may(ctx, who, access.Manage, m.Document); err != nil {
		return Matter{}, err
	}
	return m, nil
}

// DocumentOf returns the document behind a matter, or "" when there is no such
// matter: what the route table asks rights about.
func (s *Service) DocumentOf(ctx context.Context, id MatterID) DocumentID {
	m, err := s.Store.Matter(ctx, id)
	if err != nil {
		return ""
	}
	return m.Document
}

// MatterOf returns the matter of a document that who may see, or
// fault.NotFound when it has none.
func (s *Service) MatterOf(ctx context.Context, who security.Actor, id DocumentID) (Matter, error) {
	if err := s.may(ctx, who, access.View, id); err != nil {
		return Matter{}, err
	}
	return s.Store.MatterByDocument(ctx, id)
}

// Inside is a matter as an official sees it, beside what the citizen sees.
type Inside struct {
	Matter   Matter
	Document Document
	Facts    []Fact // that stand, oldest first
	Scope    Scope
	Public   Status
	Visible  bool // the public sees the matter at all
}

// Inside returns a matter with its facts and its public face.
func (s *Service) Inside(ctx context.Context, who security.Actor, id MatterID) (Inside, error) {
	m, err := s.managed(ctx, who, id)
	if err != nil {
		return Inside{}, err
	}
	in := Inside{Matter: m}
	if in.Document, err = s.Documents.Document(ctx, who, m.Document); err != nil {
		return Inside{}, err
	}
	facts, err := s.Store.Facts(ctx, m.Document)
	if err != nil {
		return Inside{}, err
	}
	if in.Public, in.Scope, in.Visible, err = s.view(ctx, m); err != nil {
		return Inside{}, err
	}
	if in.Visible {
		if err := s.final(ctx, &in.Public, m); err != nil {
			return Inside{}, err
		}
	}
	in.Facts = Standing(facts)
	return in, nil
}

func (s *Service) view(ctx context.Context, m Matter) (Status, Scope, bool, error) {
	scope, err := s.Store.Current(ctx, m.Agenda)
	if err != nil {
		return Status{}, Scope{}, false, err
	}
	facts, err := s.Store.Facts(ctx, m.Document)
	if err != nil {
		return Status{}, Scope{}, false, err
	}
	pubs, err := s.Store.Publications(ctx, m.ID)
	if err != nil {
		return Status{}, Scope{}, false, err
	}
	v, ok := View(m, scope, facts, pubs, s.Now())
	return v, scope, ok, nil
}

// Record is what an official states about a matter by hand.
type Record struct {
	Stage    Stage
	At       time.Time // zero means now
	Until    time.Time // only for WaitingForYou
	More     int       // only for DeadlineChanged: days
	Corrects int64     // Seq of the fact to correct, 0 for a new one
}

// Record records a stage of a matter. What is shown of it, if anything, is the
// scope's business.
func (s *Service) Record(ctx context.Context, who security.Actor, id MatterID, r Record) error {
	m, err := s.managed(ctx, who, id)
	if err != nil {
		return err
	}
	now := s.Now()
	if r.At.IsZero() {
		r.At = now
	}
	_, most := m.Rule.Days()
	switch {
	case !slices.Contains(ByHand, r.Stage) && r.Stage != DeadlineChanged:
		return fault.New(fault.Invalid, "citizen.fault.stage")
	case r.At.After(now):
		return fault.New(fault.Invalid, "citizen.fault.future")
	case Day(r.At).Before(Day(m.Received)):
		return fault.New(fault.Invalid, "citizen.fault.before_received")
	case r.Stage == WaitingForYou && (r.Until.IsZero() || r.Until.Before(Day(now))):
		return fault.New(fault.Invalid, "citizen.fault.until")
	case r.Stage == DeadlineChanged && (r.More < 1 || r.More > most):
		return fault.New(fault.Invalid, "citizen.fault.more", most)
	}
	b := stepped{Matter: id, Document: m.Document, Stage: r.Stage, At: r.At.UnixMicro(), Corrects: r.Corrects}
	if r.Stage == WaitingForYou {
		b.Until = Day(r.Until).UnixMicro()
	}
	if r.Stage == DeadlineChanged {
		b.More = r.More
	}
	if err := s.stands(ctx, m, r.Corrects); err != nil {
		return err
	}
	e, err := entry(who, KindStepRecorded, "matter:"+string(id), b)
	if err != nil {
		return err
	}
	return s.Store.Record(ctx, e)
}

// Retract takes back a fact that never was.
func (s *Service) Retract(ctx context.Context, who security.Actor, id MatterID, seq int64) error {
	m, err := s.managed(ctx, who, id)
	if err != nil {
		return err
	}
	if seq == 0 {
		return fault.NotFound
	}
	if err := s.stands(ctx, m, seq); err != nil {
		return err
	}
	e, err := entry(who, KindStepWithdrawn, "matter:"+string(id), withdrawn{id, m.Document, seq})
	if err != nil {
		return err
	}
	return s.Store.Record(ctx, e)
}

// stands fails with fault.Conflict unless fact seq stands and is recorded by
// hand; what the workflow did is corrected by the workflow.
func (s *Service) stands(ctx context.Context, m Matter, seq int64) error {
	if seq == 0 {
		return nil
	}
	facts, err := s.Store.Facts(ctx, m.Document)
	if err != nil {
		return err
	}
	for _, f := range Standing(facts) {
		if f.Seq == seq && f.ByHand {
			return nil
		}
	}
	return fault.New(fault.Conflict, "citizen.fault.no_fact")
}

// Enter checks what a citizen typed. place is the address the request came
// from; it is used only to count tries and is not kept. The answer to a wrong
// number and to a wrong code is the same fault.Denied, after the same work;
// too many tries give fault.TooMany, also for numbers that do not exist.
func (s *Service) Enter(ctx context.Context, number, code, place string) (Matter, error) {
	n, nok := ParseNumber(number)
	c, cok := ParseCode(code)
	if !nok {
		n = Number(strings.TrimSpace(number))
	}
	buckets := []string{s.bucket("number", string(n)), s.bucket("place", place)}
	now := s.Now()
	tries, err := s.Store.Charge(ctx, buckets, now, s.Limits.Window)
	if err != nil {
		return Matter{}, fmt.Errorf("count a try: %w", err)
	}
	if tries[0] > s.Limits.PerNumber || tries[1] > s.Limits.PerPlace {
		if tries[0] == s.Limits.PerNumber+1 || tries[1] == s.Limits.PerPlace+1 {
			if err := s.refused(ctx, n, true); err != nil {
				return Matter{}, err
			}
		}
		return Matter{}, fault.New(fault.TooMany, "citizen.fault.too_many", int(s.Limits.Window.Minutes()))
	}
	m, err := s.Store.MatterByNumber(ctx, n)
	missing := errors.Is(err, fault.NotFound)
	if err != nil && !missing {
		return Matter{}, err
	}
	_, scope, shown, err := s.view(ctx, m) // for a missing matter too: the same work
	if err != nil {
		return Matter{}, err
	}
	right := hmac.Equal([]byte(s.hash(m.ID, c)), []byte(m.CodeHash))
	open := scope.Mode == Open && strings.TrimSpace(code) == ""
	if missing || !nok || !shown || !(right && cok || open) {
		if err := s.refused(ctx, n, false); err != nil {
			return Matter{}, err
		}
		return Matter{}, errRefused
	}
	if err := s.Store.Refund(ctx, buckets); err != nil {
		return Matter{}, err
	}
	return m, nil
}

// refused journals a refusal: never the code, never the number (a number that
// does not exist may be a mistyped one that does), only a keyed hash of it.
func (s *Service) refused(ctx context.Context, n Number, locked bool) error {
	e, err := entry(security.Actor{}, KindCodeRefused, "status", map[string]any{"number": s.bucket("number", string(n)), "locked": locked})
	if err != nil {
		return err
	}
	return s.Store.Record(ctx, e)
}

// Status returns the public face of a matter to the bearer of a pass, or to
// anybody where the scope needs no code. Everything else is the refusal of
// Enter. The look is recorded.
func (s *Service) Status(ctx context.Context, number, pass string) (Status, Matter, error) {
	n, ok := ParseNumber(number)
	if !ok {
		return Status{}, Matter{}, errRefused
	}
	m, err := s.Store.MatterByNumber(ctx, n)
	missing := errors.Is(err, fault.NotFound)
	if err != nil && !missing {
		return Status{}, Matter{}, err
	}
	v, scope, shown, err := s.view(ctx, m)
	if err != nil {
		return Status{}, Matter{}, err
	}
	if bearer := s.passes(m, pass); missing || !shown || !bearer && scope.Mode != Open {
		return Status{}, Matter{}, errRefused
	}
	if err := s.final(ctx, &v, m); err != nil {
		return Status{}, Matter{}, err
	}
	visitor := security.Actor{Session: s.bucket("visit", string(m.ID)+pass)}
	if err := s.Reads.Recorded(ctx, visitor, KindStatusViewed, "matter:"+string(m.ID), map[string]any{"matter": m.ID}); err != nil {
		return Status{}, Matter{}, fmt.Errorf("record a look: %w", err)
	}
	return v, m, nil
}

// final adds the final document where the scope shows it.
func (s *Service) final(ctx context.Context, v *Status, m Matter) error {
	signed := slices.ContainsFunc(v.Steps, func(st Step) bool { return st.Stage == Signed && st.Place != Next })
	if s.Papers == nil || !signed || level(DocumentLevels, v.Documents) == 0 {
		return nil
	}
	p, err := s.Papers.Final(ctx, m.Document)
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	v.Paper, v.File = p, err == nil && v.Documents == "public_files"
	return err
}

// File returns the final document of a matter as a PDF, where the scope shows
// files. Otherwise it fails like Status, or with fault.NotFound.
func (s *Service) File(ctx context.Context, number, pass string) ([]byte, error) {
	v, _, err := s.Status(ctx, number, pass)
	if err != nil {
		return nil, err
	}
	if !v.File {
		return nil, fault.NotFound
	}
	return s.Papers.PDF(ctx, v.Paper.ID)
}

// Feed returns the public face of the matter whose feed token is token, or
// fault.NotFound.
func (s *Service) Feed(ctx context.Context, token string) (Status, error) {
	id, _, _ := strings.Cut(token, "-")
	m, err := s.Store.Matter(ctx, MatterID(id))
	missing := errors.Is(err, fault.NotFound)
	if err != nil && !missing {
		return Status{}, err
	}
	v, _, shown, err := s.view(ctx, m)
	if err != nil {
		return Status{}, err
	}
	if !hmac.Equal([]byte(token), []byte(s.FeedToken(m))) || missing || !shown {
		return Status{}, fault.NotFound
	}
	return v, nil
}
