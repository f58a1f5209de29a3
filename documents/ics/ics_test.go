package ics

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestADeadlineIsADayWithAnAlarmTheMorningBefore(t *testing.T) {
	prague, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		t.Fatal(err)
	}
	got := string(Calendar{Events: []Event{{
		UID: "round-r-1@urad.cz", Start: time.Date(2026, 12, 7, 23, 59, 59, 0, prague), AllDay: true, Stamp: time.Date(2026, 12, 1, 9, 30, 0, 0, prague),
		Sequence: 2, Summary: "Připomínky do konce dne: RK 18/2026, most; silnice", URL: "https://urad.cz/documents/m-1/round", Alarm: true}}}.Bytes())
	want := strings.ReplaceAll(`BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Spolupis//Spolupis//CS
CALSCALE:GREGORIAN
METHOD:PUBLISH
BEGIN:VEVENT
UID:round-r-1@urad.cz
DTSTAMP:20261201T083000Z
DTSTART;VALUE=DATE:20261207
DTEND;VALUE=DATE:20261208
SEQUENCE:2
SUMMARY:Připomínky do konce dne: RK 18/2026\, most\; silnice
URL:https://urad.cz/documents/m-1/round
DESCRIPTION:https://urad.cz/documents/m-1/round
STATUS:CONFIRMED
TRANSP:TRANSPARENT
BEGIN:VALARM
ACTION:DISPLAY
DESCRIPTION:Připomínky do konce dne: RK 18/2026\, most\; silnice
TRIGGER:-PT15H
END:VALARM
END:VEVENT
END:VCALENDAR
`, "\n", "\r\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAMomentIsWrittenInUTCAndOneThatIsOffHasNoAlarm(t *testing.T) {
	prague, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		t.Fatal(err)
	}
	got := string(Calendar{Name: "Lhůty", Events: []Event{{UID: "x", Start: time.Date(2026, 7, 1, 14, 0, 0, 0, prague), Cancelled: true, Alarm: true}}}.Bytes())
	for _, line := range []string{"DTSTART:20260701T120000Z", "STATUS:CANCELLED", "X-WR-CALNAME:Lhůty", "REFRESH-INTERVAL;VALUE=DURATION:PT4H"} {
		if !strings.Contains(got, "\r\n"+line+"\r\n") {
			t.Errorf("%q is missing:\n%s", line, got)
		}
	}
	if strings.Contains(got, "VALARM") || strings.Contains(got, "DTEND") {
		t.Errorf("too much:\n%s", got)
	}
}

// The examples of RFC 5545: 3.1 (folding) and 3.3.11 (escaping of text).
func TestLinesAreFoldedAndEscapedAsInTheStandard(t *testing.T) {
	var w writer
	w.text("DESCRIPTION", "This is a long description that exists on a long line.")
	if got := w.String(); got != "DESCRIPTION:This is a long description that exists on a long line.\r\n" {
		t.Errorf("a line of 67 octets is folded: %q", got)
	}
	w = writer{}
	w.text("DESCRIPTION", "Project XYZ Final Review\nConference Room - 3B\nCome Prepared.")
	if got := unfold(w.String()); got != `DESCRIPTION:Project XYZ Final Review\nConference Room - 3B\nCome Prepared.` {
		t.Errorf("escaped %q", got)
	}
	w = writer{}
	w.text("SUMMARY", `a\b;c,d: "e"`+"\x00\x1b\xff")
	if got := w.String(); got != `SUMMARY:a\\b\;c\,d: "e"`+"\r\n" {
		t.Errorf("escaped %q", got)
	}
	w = writer{}
	w.text("SUMMARY", strings.Repeat("ř", 80)) // the 75th octet is in the middle of a letter
	lines := strings.Split(strings.TrimSuffix(w.String(), "\r\n"), "\r\n ")
	if len(lines) != 3 || len(lines[0]) != 74 || len(lines[1]) != 74 {
		t.Errorf("folded into %q", lines)
	}
}

func unfold(s string) string { return strings.TrimSuffix(strings.ReplaceAll(s, "\r\n ", ""), "\r\n") }

func FuzzFolding(f *testing.F) {
	f.Add("krátký")
	f.Add(strings.Repeat("příliš žluťoučký kůň ", 20))
	f.Add("a\r\nBEGIN:VEVENT\r\n\n\r;,\\")
	f.Fuzz(func(t *testing.T, s string) {
		var w writer
		w.text("SUMMARY", s)
		got := w.String()
		if !strings.HasSuffix(got, "\r\n") || !utf8.ValidString(got) {
			t.Fatalf("%q", got)
		}
		for i, line := range strings.Split(strings.TrimSuffix(got, "\r\n"), "\r\n") {
			if len(line) > 75 || !utf8.ValidString(line) || strings.ContainsAny(line, "\r\n\x00") || i > 0 && !strings.HasPrefix(line, " ") {
				t.Errorf("line %d is %q", i, line)
			}
		}
		value := strings.TrimPrefix(unfold(got), "SUMMARY:")
		if back := strings.NewReplacer(`\\`, `\`, `\;`, ";", `\,`, ",", `\n`, "\n").Replace(value); back != clean(s) {
			t.Errorf("%q comes back as %q", s, back)
		}
	})
}
