package documents

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// Config is what a Service works with. Everything but Waiting, Zone, UnitName, Members and FreezeLease is required.
type Config struct {
	Store   Store
	Hub     Hub
	Rights  Rights
	People  People
	Reads   Reads
	Waiting []Waiting
	Now     func() time.Time
	Zone    *time.Location // of the office; decides the year of a number and the days of a deadline; UTC when nil
	// UnitName is what a department is called in a resolution; its id when nil.
	UnitName func(ctx context.Context, id security.UnitID) string
	// Members lists who is in a department, for telling them of a round by mail; nobody is told when nil.
	Members func(ctx context.Context, id security.UnitID) ([]access.Person, error)
	// FreezeLease is how long a freeze may be under way before Recover takes
	// it for dead; 30 seconds when zero. A freeze takes well under one.
	FreezeLease time.Duration
}

// Service is everything that can be done with materials. It is safe for
// concurrent use; it holds no state of its own.
type Service struct {
	Config
}

// New checks cfg and returns a Service. Call Recover once before serving.
func New(cfg Config) (*Service, error) {
	if cfg.Store == nil || cfg.Hub == nil || cfg.Rights == nil || cfg.People == nil || cfg.Reads == nil || cfg.Now == nil {
		return nil, errors.New("documents: Store, Hub, Rights, People, Reads and Now are required")
	}
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	if cfg.FreezeLease == 0 {
		cfg.FreezeLease = 30 * time.Second
	}
	return &Service{cfg}, nil
}

// now is the time as tables keep it.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

func (s *Service) can(ctx context.Context, who security.Actor, act access.Act, id MaterialID) error {
	return s.Rights.Can(ctx, who, act, object(id))
}

func object(id MaterialID) access.Object { return access.Object("document:" + string(id)) }

func subject(id MaterialID) string { return "document:" + string(id) }

var alphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newID returns 80 random bits behind a letter that tells the kind of thing.
func newID(kind string) string {
	var b [10]byte
	rand.Read(b[:])
	return kind + "-" + alphabet.EncodeToString(b[:])
}

// entry is a journal entry about a material. Body must hold no personal data;
// what does goes to personal, which the journal seals.
func (s *Service) entry(who security.Actor, kind string, id MaterialID, body, personal map[string]any) journal.Entry {
	e := journal.Entry{At: s.now(), Actor: who.ID, OnBehalfOf: who.OnBehalfOf, Kind: kind, Subject: subject(id), Body: encode(body)}
	if personal != nil {
		e.Personal = encode(personal)
	}
	return e
}

// encode is for values built here, which always encode.
func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic("documents: encode: " + err.Error())
	}
	return b
}

func wrap(what string, id any, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %v: %w", what, id, err)
}

// name is a person's name for display; somebody unknown keeps his pseudonym.
func (s *Service) name(ctx context.Context, id security.ActorID) (name, unit string) {
	if id == security.SystemID {
		return security.System.Name, ""
	}
	p, err := s.People.Person(ctx, id)
	if err != nil {
		return string(id), ""
	}
	return p.Name, p.UnitName
}

// actor rebuilds who is acting when work started by a person is finished later.
func (s *Service) actor(ctx context.Context, id security.ActorID) (security.Actor, error) {
	p, err := s.People.Person(ctx, id)
	if err != nil {
		return security.Actor{}, err
	}
	return actorOf(p), nil
}

func isConflict(err error) bool { return errors.Is(err, fault.Conflict) }

func isNotFound(err error) bool { return errors.Is(err, fault.NotFound) }

func isDenied(err error) bool { return errors.Is(err, fault.Denied) }

func join(errs []error) error { return errors.Join(errs...) }

func invalid(key string, args ...any) error { return fault.New(fault.Invalid, key, args...) }

func conflict(key string, args ...any) error { return fault.New(fault.Conflict, key, args...) }
