package documents

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// Notice tells one person about one thing.
type Notice struct {
	Seq      int64 // order, given by the store
	Person   security.ActorID
	Kind     string // superseded, stopped, rejected, signed, sign_failed, settled, round_ended, dispute_…, one of Asks
	Material MaterialID
	Version  VersionID
	Args     []string // fill the sentence "documents.notice.<Kind>"
	Link     string   // where to look
	At       time.Time
	SeenAt   time.Time // zero until he saw it
	// Cause is the journal entry the notice came from, or 0. The same cause
	// tells the same person once.
	Cause int64
}

func (s *Service) notice(to security.ActorID, kind string, m Material, v VersionID, link string, args ...any) Notice {
	n := Notice{Person: to, Kind: kind, Material: m.ID, Version: v, Link: link, At: s.now()}
	for _, a := range args {
		n.Args = append(n.Args, fmt.Sprint(a))
	}
	return n
}

func page(id MaterialID, number int) string {
	return fmt.Sprintf("/documents/%s/versions/%d", id, number)
}

func comparison(id MaterialID, from, to int) string {
	return fmt.Sprintf("/documents/%s/compare?from=%d&to=%d", id, from, to)
}

// Notices lists a person's notices, newest first, before a Seq (0 = from the newest).
func (s *Service) Notices(ctx context.Context, who security.Actor, before int64) ([]Notice, error) {
	return s.Store.Notices(ctx, who.ID, before, 50)
}

// Unseen counts the notices a person has not seen, for the navigation.
func (s *Service) Unseen(ctx context.Context, who security.Actor) (int, error) {
	if !who.Known() {
		return 0, nil
	}
	return s.Store.Unseen(ctx, who.ID)
}

// See marks a person's notices as seen, up to and including a Seq.
func (s *Service) See(ctx context.Context, who security.Actor, upTo int64) error {
	return s.Store.Write(ctx, func(tx Tx) error { return tx.SeeNotices(ctx, who.ID, upTo, s.now()) })
}

// Open is the address that marks a notice as seen and leads where it points.
func (n Notice) Open() string { return fmt.Sprintf("/notices/%d", n.Seq) }

// OpenNotice marks one of a person's notices as seen and returns it.
func (s *Service) OpenNotice(ctx context.Context, who security.Actor, seq int64) (Notice, error) {
	some, err := s.Store.Notices(ctx, who.ID, seq+1, 1)
	if err != nil {
		return Notice{}, err
	}
	if len(some) == 0 || some[0].Seq != seq {
		return Notice{}, fault.New(fault.NotFound, "fault.not_found")
	}
	if !some[0].SeenAt.IsZero() {
		return some[0], nil
	}
	return some[0], wrap("see notice", seq, s.Store.Write(ctx, func(tx Tx) error { return tx.SeeNotice(ctx, who.ID, seq, s.now()) }))
}

// History lists what happened to a material, newest first, before a journal
// number (0 = from the newest). Who read it is included for auditors and owners only.
func (s *Service) History(ctx context.Context, who security.Actor, id MaterialID, before int64) (entries []journal.Entry, reads bool, err error) {
	if err := s.can(ctx, who, access.View, id); err != nil {
		return nil, false, err
	}
	reads = s.can(ctx, who, access.Audit, id) == nil || s.can(ctx, who, access.Manage, id) == nil
	entries, err = s.Store.History(ctx, id, reads, before, 100)
	return entries, reads, err
}

// Name is a person's name for pages; somebody unknown keeps his pseudonym.
func (s *Service) Name(ctx context.Context, id security.ActorID) (name, unit string) {
	return s.name(ctx, id)
}

// May reports whether who may do act on a material; pages use it to offer only
// what will be allowed.
func (s *Service) May(ctx context.Context, who security.Actor, act access.Act, id MaterialID) bool {
	return s.can(ctx, who, act, id) == nil
}

// Allowed is May for every act at once.
func (s *Service) Allowed(ctx context.Context, who security.Actor, id MaterialID) (map[access.Act]bool, error) {
	return s.Rights.Allowed(ctx, who, object(id))
}

func unmarshal(raw json.RawMessage, v any) error {
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("journal entry: %w", err)
	}
	return nil
}
