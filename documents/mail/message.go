// Package mail tells people by e-mail what they would otherwise find in their
// inbox: a settled notice at once, or a digest once a day. It composes plain
// text, hands it to an SMTP server and keeps trying; which messages there are is
// decided where the notices are written (documents/store), in the same
// transaction.
//
// A message has links, numbers and titles, and nothing of what a material says:
// mail leaves the office.
package mail

import (
	"bytes"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
)

// Message is one e-mail in plain text.
type Message struct {
	From    string // an address
	To      string
	ID      string // Message-ID without brackets; the same for every attempt
	Subject string
	Text    string
	Lang    string
	At      time.Time
}

// Bytes is the message as SMTP takes it (RFC 5322).
func (m Message) Bytes() []byte {
	var b bytes.Buffer
	line := func(name, value string) {
		fmt.Fprintf(&b, "%s: %s\r\n", name, strings.NewReplacer("\r", "", "\n", " ").Replace(value))
	}
	line("Date", m.At.Format(time.RFC1123Z))
	line("From", (&mail.Address{Name: "Spolupis", Address: m.From}).String())
	line("To", "<"+m.To+">")
	line("Message-ID", "<"+m.ID+">")
	line("Subject", mime.QEncoding.Encode("utf-8", m.Subject))
	line("Content-Language", m.Lang)
	line("Auto-Submitted", "auto-generated") // no answers from people on holiday
	line("MIME-Version", "1.0")
	line("Content-Type", "text/plain; charset=utf-8")
	line("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	w.Write([]byte(strings.ReplaceAll(m.Text, "\n", "\r\n"))) // to a buffer: no error
	w.Close()
	return b.Bytes()
}

// Address checks an address as a person types it and returns it bare.
func Address(s string) (string, bool) {
	a, err := mail.ParseAddress(strings.TrimSpace(s))
	if err != nil || len(a.Address) > 254 || strings.ContainsAny(a.Address, " \r\n\"<>") || !strings.Contains(a.Address[strings.LastIndex(a.Address, "@")+1:], ".") {
		return "", false
	}
	for _, r := range a.Address {
		if r > 126 || r < 33 { // servers that take others are rare
			return "", false
		}
	}
	return a.Address, true
}
