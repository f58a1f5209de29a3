package documents_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"spolupis/documents"
	"spolupis/documents/mail"
	"spolupis/documents/store"
	"spolupis/frontend"
	"spolupis/security"
)

// postbox is an SMTP server on this machine. What it replies to a whole message is next, then always: "" hangs up without a word.
type postbox struct {
	addr string

	mu     sync.Mutex
	got    []string // guarded by mu
	next   []string // guarded by mu
	always string   // guarded by mu
}

func openPostbox(t *testing.T) *postbox {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &postbox{addr: l.Addr().String(), always: "250 taken"}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

func (p *postbox) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	fmt.Fprint(c, "220 test\r\n")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if !strings.HasPrefix(line, "DATA") {
			fmt.Fprint(c, "250 ok\r\n")
			continue
		}
		fmt.Fprint(c, "354 go on\r\n")
		var b strings.Builder
		for line, err = r.ReadString('\n'); err == nil && line != ".\r\n"; line, err = r.ReadString('\n') {
			b.WriteString(strings.TrimPrefix(line, "."))
		}
		p.mu.Lock()
		answer := p.always
		if len(p.next) > 0 {
			answer, p.next = p.next[0], p.next[1:]
		}
		p.got = append(p.got, b.String())
		p.mu.Unlock()
		if answer == "" {
			return
		}
		fmt.Fprint(c, answer+"\r\n")
	}
}

// replies sets what the box answers to the next messages and to all after them.
func (p *postbox) replies(always string, next ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.always, p.next = always, next
}

// taken empties the box: the messages' headers and texts.
func (p *postbox) taken(t *testing.T) (ids, texts []string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, raw := range p.got {
		m, err := netmail.ReadMessage(strings.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.Header.Get("Message-Id"))
		texts = append(texts, m.Header.Get("To")+"\n"+strings.ReplaceAll(string(body), "\r\n", "\n"))
	}
	p.got = nil
	return ids, texts
}

func (o *office) mailer(p *postbox) *mail.Mailer {
	o.t.Helper()
	pages, err := frontend.Open("../frontend")
	o.ok(err)
	return &mail.Mailer{Store: store.Outbox{DB: o.db, Zone: time.UTC}, Server: mail.Server{Addr: p.addr, Host: "127.0.0.1", TLS: "off"}, From: "spolupis@kraj.example", Base: "https://office.example",
		Now: o.clock, Zone: time.UTC, Text: pages.Text, People: everybody, Rights: o.Rights, Inbox: o.Inbox,
		Title: func(ctx context.Context, id documents.MaterialID) (string, string, error) {
			m, err := o.Get(ctx, security.System, id)
			return m.Number, m.Title, err
		}, Failed: func(err error) { o.t.Error(err) }}
}

func (o *office) wantsMail(who security.Actor, mode documents.MailMode, kinds map[string]documents.MailMode) {
	o.t.Helper()
	who.Lang = "cs"
	o.ok(o.SetMailSetting(o.ctx, who, documents.MailSetting{Address: string(who.ID) + "@kraj.example", Mode: mode, Hour: 7, Kinds: kinds}))
}

// settled has a comment of the jurist's settled with a secret reason.
func (o *office) settled(id documents.MaterialID) {
	o.t.Helper()
	c, err := o.command(jurist, id, "comment.add", map[string]any{"kind": "advisory", "text": "Doplňte."})
	o.ok(err)
	_, err = o.command(drafter, id, "comment.settle", map[string]any{"comment": c.ID, "outcome": "rejected", "reasoning": "Tajný důvod."})
	o.ok(err)
}

func (o *office) deliver(m *mail.Mailer, want int) {
	o.t.Helper()
	n, err := m.Deliver(o.ctx)
	o.ok(err)
	if n != want {
		o.t.Errorf("%d messages were taken, want %d", n, want)
	}
}

func TestANoticeIsMailedOnceWithoutWhatTheMaterialSays(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		box := openPostbox(t)
		m := o.mailer(box)
		material := o.material(sample)
		o.settled(material.ID) // before she wanted any
		o.wantsMail(jurist, documents.MailNow, nil)
		o.deliver(m, 0)
		o.settled(material.ID)
		o.deliver(m, 1)
		ids, texts := box.taken(t)
		if len(texts) != 1 || !strings.HasPrefix(ids[0], "<m-") || !strings.HasSuffix(ids[0], "@kraj.example>") {
			t.Fatalf("messages %q", texts)
		}
		for _, want := range []string{"<p-olga@kraj.example>", "KULK 1/2026 Oprava mostu v Turnově: vaše připomínka je vypořádána.", "https://office.example/notices/", "https://office.example/account/mail"} {
			if !strings.Contains(texts[0], want) {
				t.Errorf("%q lacks %q", texts[0], want)
			}
		}
		if strings.Contains(texts[0], "Tajný") || strings.Contains(texts[0], "Doplňte") {
			t.Errorf("the message says what the material does: %q", texts[0])
		}
		o.deliver(m, 0)

		// A right taken back meanwhile: nothing is told.
		o.settled(material.ID)
		o.ok(o.Uninvite(o.ctx, drafter, material.ID, documents.Participant{Subject: "unit:pravni", Relation: "commenter"}))
		o.deliver(m, 0)
		if _, texts := box.taken(t); len(texts) != 0 {
			t.Errorf("told %q", texts)
		}
		if n := o.count(`SELECT count(*) FROM documents_outbox WHERE done_at = 0`); n != 0 {
			t.Errorf("%d rows still wait", n)
		}
	})
}

func TestMailIsTriedAgainAsTheSameMessage(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		box := openPostbox(t)
		m := o.mailer(box)
		o.wantsMail(jurist, documents.MailNow, nil)
		material := o.material(sample)
		box.replies("250 taken", "451 later", "") // refused, died before it could say yes, taken
		o.settled(material.ID)
		o.deliver(m, 0)
		o.deliver(m, 0) // not yet
		o.later(2 * time.Minute)
		o.deliver(m, 0)
		o.settled(material.ID) // is another message, and must not join the one on its way
		o.later(6 * time.Minute)
		o.deliver(m, 2)
		ids, _ := box.taken(t)
		if len(ids) != 4 || ids[0] != ids[1] || ids[0] != ids[2] && ids[0] != ids[3] || ids[2] == ids[3] {
			t.Errorf("Message-IDs %q; want one message three times and another once", ids)
		}
		out, err := o.Outgoing(o.ctx, admin)
		o.ok(err)
		if len(out) != 2 || out[1].Attempts != 3 || out[1].Done.IsZero() || out[1].Error != "" {
			t.Errorf("outbox %+v", out)
		}
		// A server that never takes it: given up in the end, with its words.
		box.replies("550 unknown")
		o.settled(material.ID)
		for range 12 {
			o.deliver(m, 0)
			o.later(25 * time.Hour)
		}
		out, err = o.Outgoing(o.ctx, admin)
		o.ok(err)
		if out[0].Done.IsZero() || !strings.Contains(out[0].Error, "unknown") || out[0].Attempts != 9 {
			t.Errorf("outbox %+v", out[0])
		}
		if _, err := o.Outgoing(o.ctx, drafter); err == nil {
			t.Error("a drafter sees the outbox")
		}
	})
}

func TestADigestComesOnceADayAtItsHour(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		box := openPostbox(t)
		m := o.mailer(box)
		o.wantsMail(jurist, documents.MailDaily, map[string]documents.MailMode{"signed": documents.MailNow})
		material := o.material(sample)
		o.settled(material.ID)
		_, err := o.StartRound(o.ctx, drafter, material.ID, documents.NewRound{Required: []security.UnitID{"pravni"}})
		o.ok(err)
		o.deliver(m, 0)
		o.later(23 * time.Hour) // 8:00 of the next day
		o.deliver(m, 1)
		_, texts := box.taken(t)
		if len(texts) != 1 {
			t.Fatalf("messages %q", texts)
		}
		for _, want := range []string{"vaše připomínka je vypořádána.", "- Připomínkovat: KULK 1/2026 Oprava mostu v Turnově, do ", "Později:"} {
			if !strings.Contains(texts[0], want) {
				t.Errorf("%q lacks %q", texts[0], want)
			}
		}
		o.later(time.Hour)
		o.deliver(m, 0)
		o.later(24 * time.Hour)
		o.deliver(m, 1)
		if _, texts = box.taken(t); len(texts) != 1 || strings.Contains(texts[0], "vypořádána") || !strings.Contains(texts[0], "Připomínkovat") {
			t.Errorf("the second digest: %q", texts)
		}
	})
}

// A person who is erased leaves no address behind.
func TestTheAddressOfAnErasedPersonIsForgotten(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.wantsMail(jurist, documents.MailNow, nil)
		tx, err := o.db.BeginTx(o.ctx, nil)
		o.ok(err)
		o.ok(o.journal.EraseSubject(o.ctx, tx, admin.ID, jurist.ID, "odchod"))
		o.ok(tx.Commit())
		_, err = o.store.Follow(o.ctx)
		o.ok(err)
		if n := o.count(`SELECT count(*) FROM documents_mail`); n != 0 {
			t.Errorf("%d settings left", n)
		}
		if n := o.count(`SELECT count(*) FROM journal_entry WHERE body LIKE '%kraj.example%'`); n != 0 {
			t.Errorf("%d entries hold the address", n)
		}
	})
}
