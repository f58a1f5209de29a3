// Package citizen shows the public how far a matter has come.
//
// An official opens a Matter for a document and hands the citizen a
// confirmation with a number and an access code. From then on the journal is
// the only source: FactOf picks the few kinds of event that mean something to
// a citizen, Publish turns facts into an append-only list of publications as
// far as the agenda's Scope allows, and View makes the page of them. Whatever
// is not named is denied: an unknown kind of event, an agenda without an
// approved scope, a field the scope does not open.
//
// The package holds rules and ports; citizen/store keeps the data and follows
// the journal, citizen/web serves the pages.
package citizen

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	_ "time/tzdata" // the office's days are Prague days on every machine

	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/journal"
)

// AgendaID names an agenda of the office, as the documents domain knows it.
type AgendaID string

// DocumentID names the document behind a matter.
type DocumentID string

// MatterID names a matter inside the office; the public knows its Number.
type MatterID string

// Agenda is what the citizen side needs to know of an agenda.
type Agenda struct {
	ID       AgendaID
	Name     string
	UnitName string // the department that runs it
}

// Agendas is the catalogue of agendas, kept by the documents domain.
type Agendas interface {
	// Agendas lists the agendas who may see, in the order of their names.
	Agendas(ctx context.Context, who security.Actor) ([]Agenda, error)
	// Agenda returns one, or fault.NotFound.
	Agenda(ctx context.Context, who security.Actor, id AgendaID) (Agenda, error)
}

// Document is what the citizen side needs to know of a document.
type Document struct {
	ID         DocumentID
	Number     string // the office's own reference (č. j.)
	Title      string
	Agenda     AgendaID
	AgendaName string
	Unit       security.UnitID
	UnitName   string
}

// Documents finds documents in the documents domain.
type Documents interface {
	// Document returns one that who may see, or fault.NotFound.
	Document(ctx context.Context, who security.Actor, id DocumentID) (Document, error)
}

// Paper is the final, signed form of a document.
type Paper struct {
	ID      string // of the version
	Title   string
	Version int
}

// Papers finds final documents. The citizen side asks only where the scope
// shows them.
type Papers interface {
	// Final returns the latest signed version that is in force, or fault.NotFound.
	Final(ctx context.Context, id DocumentID) (Paper, error)
	// PDF returns the signed file of Paper.ID.
	PDF(ctx context.Context, id string) ([]byte, error)
}

// Rights answers whether who may do act on an object, as access.Rights does.
type Rights interface {
	Can(ctx context.Context, who security.Actor, act access.Act, on access.Object) error
}

// Reads records that somebody looked, as journal.Journal does: committed
// before it returns.
type Reads interface {
	Recorded(ctx context.Context, who security.Actor, kind, subject string, body any) error
}

// Store keeps matters, scopes and publications. A change and its journal entry
// share one transaction. Implemented by citizen/store.
type Store interface {
	// OpenMatter adds m. It fails with ErrNumberTaken when the number is in
	// use and with fault.Conflict when the document already has a matter.
	OpenMatter(ctx context.Context, m Matter, e journal.Entry) error
	// Reissue replaces the code of a matter if its issue is still was.
	Reissue(ctx context.Context, id MatterID, was int, hash string, at time.Time, e journal.Entry) error
	// Matter, MatterByNumber and MatterByDocument return one or fault.NotFound.
	Matter(ctx context.Context, id MatterID) (Matter, error)
	MatterByNumber(ctx context.Context, number Number) (Matter, error)
	MatterByDocument(ctx context.Context, id DocumentID) (Matter, error)
	// Sample returns the matter of an agenda that has the most to show, or
	// fault.NotFound when it has none.
	Sample(ctx context.Context, agenda AgendaID) (Matter, error)

	// Facts lists the facts of a document by Seq, Publications the
	// publications of a matter by N.
	Facts(ctx context.Context, document DocumentID) ([]Fact, error)
	Publications(ctx context.Context, id MatterID) ([]Publication, error)
	// Record appends e to the journal; the projection makes a fact of it.
	Record(ctx context.Context, e journal.Entry) error

	// Scopes lists every version of an agenda's scope, newest first. Current
	// returns the approved one in force, or the zero Scope, which denies all.
	Scopes(ctx context.Context, agenda AgendaID) ([]Scope, error)
	Current(ctx context.Context, agenda AgendaID) (Scope, error)
	// Propose stores s as the next number of its agenda and returns it. An
	// older open proposal is set aside.
	Propose(ctx context.Context, s Scope, entry func(number int) (journal.Entry, error)) (Scope, error)
	// Decide approves or refuses an open proposal. It fails with
	// fault.Conflict when it is not open any more.
	Decide(ctx context.Context, agenda AgendaID, number int, approve bool, by security.ActorID, at time.Time, e journal.Entry) error

	// Charge adds one try to each bucket and returns the tries each has made
	// since its window began; a window starts with the first try and lasts
	// for window. Refund takes the try back.
	Charge(ctx context.Context, buckets []string, at time.Time, window time.Duration) ([]int, error)
	Refund(ctx context.Context, buckets []string) error

	// Follow brings facts and publications up to date with the journal.
	Follow(ctx context.Context) (int, error)
}

// ErrNumberTaken says that a drawn number is already in use.
var ErrNumberTaken = errors.New("number taken")

// Config is what a Service needs. Every field but Papers and Limits is required.
type Config struct {
	Store     Store
	Agendas   Agendas
	Documents Documents
	Papers    Papers // nil shows no documents
	Rights    Rights
	Reads     Reads
	Key       []byte // server secret, at least 32 bytes; other keys are derived from it
	Now       func() time.Time
	Rand      io.Reader // source of codes and numbers, crypto/rand.Reader outside tests
	Limits    Limits    // zero means DefaultLimits
}

// Limits bounds the guessing of codes.
type Limits struct {
	PerNumber int           // tries with a wrong code against one number
	PerPlace  int           // wrong tries from one address
	Window    time.Duration // both counted within this time
}

// DefaultLimits let an honest citizen mistype a few times. Ten tries in fifteen
// minutes against a 50-bit code need some three billion years on average.
var DefaultLimits = Limits{PerNumber: 10, PerPlace: 30, Window: 15 * time.Minute}

// Service is the citizen side. It is safe for concurrent use.
type Service struct {
	Config
	codes, tokens, places, handover []byte // derived keys
}

// New checks cfg and returns the service.
func New(cfg Config) (*Service, error) {
	switch {
	case cfg.Store == nil, cfg.Agendas == nil, cfg.Documents == nil, cfg.Rights == nil, cfg.Reads == nil, cfg.Now == nil, cfg.Rand == nil:
		return nil, errors.New("citizen: incomplete configuration")
	case len(cfg.Key) < 32:
		return nil, fmt.Errorf("citizen: the key has %d bytes, at least 32 are needed", len(cfg.Key))
	}
	if cfg.Limits == (Limits{}) {
		cfg.Limits = DefaultLimits
	}
	s := &Service{Config: cfg}
	for purpose, key := range map[string]*[]byte{"code": &s.codes, "token": &s.tokens, "place": &s.places, "handover": &s.handover} {
		k, err := hkdf.Key(sha256.New, cfg.Key, nil, "spolupis citizen "+purpose, 32)
		if err != nil {
			return nil, fmt.Errorf("derive key: %w", err)
		}
		*key = k
	}
	return s, nil
}

// Prague is the time zone in which the office counts days.
var Prague = func() *time.Location {
	l, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		panic(err) // tzdata is compiled in
	}
	return l
}()

func objectOf(kind, id string) access.Object { return access.Object(kind + ":" + id) }

func idOf(subject, kind string) (string, bool) { return strings.CutPrefix(subject, kind+":") }
