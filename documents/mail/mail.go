package mail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
)

// Batch is one message in the making: notices of one person, whose rows are
// bound together so that every attempt is the same message.
type Batch struct {
	ID       string
	Setting  documents.MailSetting
	Digest   bool
	Attempts int
	Notices  []documents.Notice // oldest first
}

// Store keeps the messages that wait (documents/store).
type Store interface {
	// Batches takes messages that are due; until a time nobody else gets them.
	Batches(ctx context.Context, now, until time.Time, limit int) ([]Batch, error)
	Sent(ctx context.Context, batch string, at time.Time) error
	// Failed puts a message off until next; the zero time gives it up.
	Failed(ctx context.Context, batch, why string, next time.Time) error
}

// Mailer sends what waits.
type Mailer struct {
	Store  Store
	Server Server
	From   string
	Base   string // public address, for links
	Now    func() time.Time
	Zone   *time.Location
	Text   func(lang, key string, args ...any) string
	People documents.People
	Rights documents.Rights
	Inbox  func(ctx context.Context, who security.Actor) ([]documents.Task, error)
	Title  func(ctx context.Context, id documents.MaterialID) (number, title string, err error)
	Failed func(error)
}

// lease is how long a node keeps a message to itself; longer than a delivery.
const lease = 5 * time.Minute

// waits are how long after each attempt the next one follows; after the last
// the message is given up.
var waits = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour}

// Run sends until ctx ends. With no server it does nothing.
func (m *Mailer) Run(ctx context.Context) error {
	if m.Server.Addr == "" {
		return nil
	}
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		if _, err := m.Deliver(ctx); err != nil && ctx.Err() == nil {
			m.Failed(err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Deliver sends what is due, and returns how many messages a server took. What
// a server does not take is put off; that is no error.
func (m *Mailer) Deliver(ctx context.Context) (sent int, err error) {
	for {
		now := m.Now()
		batches, err := m.Store.Batches(ctx, now, now.Add(lease), 20)
		if err != nil || len(batches) == 0 {
			return sent, err
		}
		for _, b := range batches {
			took, err := m.deliver(ctx, b)
			if err != nil {
				return sent, fmt.Errorf("mail %s: %w", b.ID, err)
			}
			if took {
				sent++
			}
		}
	}
}

// deliver sends one message. A crash between the server's yes and our note of it
// sends it again under the same Message-ID, by which servers and readers know it.
func (m *Mailer) deliver(ctx context.Context, b Batch) (sent bool, err error) {
	msg, ok, err := m.Compose(ctx, b)
	if err != nil {
		return false, err
	}
	if !ok { // nobody to tell, or nothing he may still know
		return false, m.Store.Sent(ctx, b.ID, m.Now())
	}
	if err := m.Server.Send(ctx, msg); err != nil {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		next := time.Time{}
		if b.Attempts < len(waits) {
			next = m.Now().Add(waits[b.Attempts])
		}
		return false, m.Store.Failed(ctx, b.ID, err.Error(), next)
	}
	return true, m.Store.Sent(ctx, b.ID, m.Now())
}

// Compose writes a message in the language of its reader; ok is false when
// there is nothing to send.
func (m *Mailer) Compose(ctx context.Context, b Batch) (msg Message, ok bool, err error) {
	p, err := m.People.Person(ctx, b.Setting.Person)
	if errors.Is(err, fault.NotFound) || err == nil && p.Disabled || b.Setting.Address == "" {
		return msg, false, nil
	}
	if err != nil {
		return msg, false, err
	}
	who := security.Actor{ID: p.ID, Name: p.Name, Unit: p.Unit, Roles: p.Roles, Lang: b.Setting.Lang}
	say := func(key string, args ...any) string { return m.Text(b.Setting.Lang, key, args...) }
	var lines []string
	for _, n := range b.Notices {
		line, err := m.notice(ctx, who, n, say)
		if err != nil {
			return msg, false, err
		}
		if line != "" {
			lines = append(lines, line, "  "+m.Base+n.Open(), "")
		}
	}
	told := len(lines) / 3
	subject := say("mail.subject.notice")
	if b.Digest {
		subject = say("mail.subject.digest", m.Now().In(m.Zone).Format("2. 1. 2006"))
		tasks, err := m.Inbox(ctx, who)
		if err != nil {
			return msg, false, err
		}
		lines = append(lines, m.tasks(tasks, say)...)
	}
	if len(lines) == 0 {
		return msg, false, nil
	}
	if !b.Digest && told > 0 {
		what := "notice"
		if !slices.ContainsFunc(b.Notices, func(n documents.Notice) bool { return !n.Asks() }) {
			what = "ask"
		}
		if subject = say("mail.subject." + what); told > 1 {
			subject = say("mail.subject."+what+"s", told)
		}
	}
	text := strings.Join(lines, "\n") + "\n-- \n" + say("mail.footer", m.Base+"/account/mail") + "\n"
	host := m.From[strings.LastIndex(m.From, "@")+1:]
	return Message{From: m.From, To: b.Setting.Address, ID: b.ID + "@" + host, Subject: subject, Text: text, Lang: b.Setting.Lang, At: m.Now()}, true, nil
}

// notice is one line about a notice, or "" when he may no longer see what it is about.
func (m *Mailer) notice(ctx context.Context, who security.Actor, n documents.Notice, say func(string, ...any) string) (string, error) {
	err := m.Rights.Can(ctx, who, access.View, access.Document(string(n.Material)))
	if errors.Is(err, fault.NotFound) || errors.Is(err, fault.Denied) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	number, title, err := m.Title(ctx, n.Material)
	if err != nil {
		return "", err
	}
	key := "mail.notice." + n.Kind
	if say(key) == key { // kinds that other parts of the service add
		key = "mail.notice.other"
	}
	return say(key, number, title), nil
}

// maxTasks is how many tasks a digest lists.
const maxTasks = 50

func (m *Mailer) tasks(tasks []documents.Task, say func(string, ...any) string) []string {
	var out []string
	n := 0
	for _, g := range documents.Grouped(tasks, m.Now(), m.Zone) {
		out = append(out, say("documents.inbox."+string(g.When))+":", "")
		for _, t := range g.Tasks {
			if n++; n > maxTasks {
				return append(out, say("mail.more", len(tasks)-maxTasks), "  "+m.Base+"/", "")
			}
			line := "- " + say("documents.task."+t.What)
			if t.Title != "" {
				line += ": " + t.Number + " " + t.Title
			} else if t.Count > 0 {
				line += fmt.Sprintf(" (%d)", t.Count)
			}
			if !t.Due.IsZero() {
				line += ", " + say("mail.due", t.Due.In(m.Zone).Format("2. 1. 2006 15:04"))
			}
			out = append(out, line, "  "+m.Base+t.Link)
		}
		out = append(out, "")
	}
	return out
}
