// Package ics writes calendar files (iCalendar, RFC 5545): deadlines as events
// that programs like Outlook take over or subscribe to. It only writes, and only
// what the office needs: events of a day or of an hour, an alarm the day before.
package ics

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Type is the media type of a calendar file.
const Type = "text/calendar; charset=utf-8"

// Calendar is one file.
type Calendar struct {
	Name   string // of a subscription; "" for a single event
	Events []Event
}

// Event is one deadline.
type Event struct {
	UID string // the same whenever the same thing is written again
	// Start is the moment, or with AllDay any moment of the day in its own zone.
	Start     time.Time
	AllDay    bool
	Stamp     time.Time // when it was made or last changed
	Sequence  int       // grows with each change of Start
	Cancelled bool
	Summary   string
	URL       string
	Alarm     bool // the day before: at nine in the morning for a day, else at the same hour
}

// refresh is how often programs are asked to read a subscription again.
const refresh = "PT4H"

// Bytes writes the file.
func (c Calendar) Bytes() []byte {
	var w writer
	w.line("BEGIN", "VCALENDAR")
	w.line("VERSION", "2.0")
	w.line("PRODID", "-//Spolupis//Spolupis//CS")
	w.line("CALSCALE", "GREGORIAN")
	w.line("METHOD", "PUBLISH")
	if c.Name != "" {
		w.text("NAME", c.Name)
		w.text("X-WR-CALNAME", c.Name)
		w.line("REFRESH-INTERVAL;VALUE=DURATION", refresh)
		w.line("X-PUBLISHED-TTL", refresh)
	}
	for _, e := range c.Events {
		w.event(e)
	}
	w.line("END", "VCALENDAR")
	return []byte(w.String())
}

type writer struct{ strings.Builder }

const (
	utc = "20060102T150405Z"
	day = "20060102"
)

func (w *writer) event(e Event) {
	w.line("BEGIN", "VEVENT")
	w.text("UID", e.UID)
	w.line("DTSTAMP", e.Stamp.UTC().Format(utc))
	if e.AllDay {
		w.line("DTSTART;VALUE=DATE", e.Start.Format(day))
		w.line("DTEND;VALUE=DATE", e.Start.AddDate(0, 0, 1).Format(day))
	} else {
		w.line("DTSTART", e.Start.UTC().Format(utc))
	}
	w.line("SEQUENCE", strconv.Itoa(e.Sequence))
	w.text("SUMMARY", e.Summary)
	if e.URL != "" {
		w.line("URL", clean(e.URL)) // a URI is not escaped
		w.text("DESCRIPTION", e.URL)
	}
	if e.Cancelled {
		w.line("STATUS", "CANCELLED")
	} else {
		w.line("STATUS", "CONFIRMED")
	}
	w.line("TRANSP", "TRANSPARENT") // a deadline does not make anybody busy
	if e.Alarm && !e.Cancelled {
		before := "-P1D"
		if e.AllDay {
			before = "-PT15H"
		}
		w.line("BEGIN", "VALARM")
		w.line("ACTION", "DISPLAY")
		w.text("DESCRIPTION", e.Summary)
		w.line("TRIGGER", before)
		w.line("END", "VALARM")
	}
	w.line("END", "VEVENT")
}

// text writes a property of type TEXT (RFC 5545, 3.3.11).
func (w *writer) text(name, value string) {
	w.line(name, strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\r\n", `\n`, "\n", `\n`).Replace(clean(value)))
}

// clean leaves out what a content line cannot hold: control characters but
// line breaks, and what is no UTF-8.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(strings.ReplaceAll(s, "\r\n", "\n"), ""))
}

// maxLine is the length of a line in octets, without its end.
const maxLine = 75

// line writes one content line, folded between characters (RFC 5545, 3.1).
func (w *writer) line(name, value string) {
	s := name + ":" + strings.ReplaceAll(value, "\n", " ")
	room := maxLine
	for len(s) > room {
		cut := room
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		w.WriteString(s[:cut] + "\r\n ")
		s = s[cut:]
		room = maxLine - 1 // the space counts
	}
	w.WriteString(s + "\r\n")
}
