package documents

import (
	"context"
	"slices"
	"time"

	"spolupis/security"
	"spolupis/security/access"
)

// MailMode says when somebody is told by e-mail.
type MailMode string

// The modes.
const (
	MailNever MailMode = "never"
	MailDaily MailMode = "daily" // once a day, together with what waits for him
	MailNow   MailMode = "now"
)

// MailModes lists the modes.
var MailModes = []MailMode{MailNever, MailDaily, MailNow}

// NoticeKinds lists the kinds of notice that can be chosen one by one, besides Asks.
var NoticeKinds = []string{"round_ended", "dispute_yours", "to_sign_resolution", "duty", "superseded", "stopped", "rejected", "settled", "signed", "sign_failed"}

// MailSetting is how one person wants to be told. Who never said so gets no mail.
type MailSetting struct {
	Person  security.ActorID
	Address string // "" : no mail
	Lang    string
	Mode    MailMode            // of kinds that are not in Kinds
	Kinds   map[string]MailMode // by kind of notice
	Hour    int                 // of the digest, in the office's zone
}

// Of is when its person is told about a kind of notice.
func (m MailSetting) Of(kind string) MailMode {
	if m.Address == "" {
		return MailNever
	}
	if mode, ok := m.Kinds[kind]; ok {
		return mode
	}
	return m.Mode
}

// Daily reports whether its person gets a digest.
func (m MailSetting) Daily() bool { return m.Address != "" && m.Mode == MailDaily }

// NextDigest is when the digest after now is due.
func (m MailSetting) NextDigest(now time.Time, zone *time.Location) time.Time {
	local := now.In(zone)
	at := time.Date(local.Year(), local.Month(), local.Day(), m.Hour, 0, 0, 0, zone)
	if !at.After(now) {
		at = time.Date(local.Year(), local.Month(), local.Day()+1, m.Hour, 0, 0, 0, zone)
	}
	return at
}

// MailSettings keeps how people want to be told.
type MailSettings interface {
	MailSetting(ctx context.Context, who security.ActorID) (MailSetting, error) // empty when he never said
	MailedNow(ctx context.Context, kind string) ([]security.ActorID, error)     // who wants mail about a kind at once
}

// MailSetting returns how who wants to be told.
func (s *Service) MailSetting(ctx context.Context, who security.Actor) (MailSetting, error) {
	m, err := s.Store.MailSetting(ctx, who.ID)
	if m.Mode == "" {
		m = MailSetting{Person: who.ID, Mode: MailDaily, Hour: 7}
	}
	return m, err
}

// SetMailSetting keeps how who wants to be told. The address must have been
// checked; it is personal and goes into the journal sealed.
func (s *Service) SetMailSetting(ctx context.Context, who security.Actor, m MailSetting) error {
	if !slices.Contains(MailModes, m.Mode) || m.Hour < 0 || m.Hour > 23 || m.Address == "" && m.Mode != MailNever {
		return invalid("mail.fault.setting")
	}
	for kind, mode := range m.Kinds {
		if !slices.Contains(MailModes, mode) || len(kind) > 40 {
			return invalid("mail.fault.setting")
		}
	}
	if len(m.Kinds) > 50 {
		return invalid("mail.fault.setting")
	}
	m.Person, m.Lang = who.ID, who.Lang
	return wrap("mail setting of", who.ID, s.Store.Write(ctx, func(tx Tx) error {
		if err := tx.SetMailSetting(ctx, m, m.NextDigest(s.now(), s.Zone)); err != nil {
			return err
		}
		e := s.entry(who, "documents.mail_set", "", map[string]any{"mode": m.Mode}, map[string]any{"address": m.Address})
		e.Subject = "account:" + string(who.ID)
		return tx.Record(ctx, e)
	}))
}

// Outgoing is one row of the outbox, without what it is about: who looks after
// the mail need not see materials.
type Outgoing struct {
	Person   security.ActorID
	Kind     string // of the notice; "" is the digest itself
	Digest   bool
	Due      time.Time
	Attempts int
	Error    string
	Done     time.Time // sent, or given up when there is an Error
}

// Outgoing lists what was and will be sent by mail. Needs the right to administer the office.
func (s *Service) Outgoing(ctx context.Context, who security.Actor) ([]Outgoing, error) {
	if err := s.Rights.Can(ctx, who, access.Administer, access.Office); err != nil {
		return nil, err
	}
	return s.Store.Outgoing(ctx, 200)
}
