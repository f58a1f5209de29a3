package citizen

import (
	"testing"
	"time"
)

func day(s string) time.Time {
	t, err := time.ParseInLocation("2006-01-02", s, Prague)
	if err != nil {
		panic(err)
	}
	return t
}

func TestHolidaysAreThoseOfTheCzechLaw(t *testing.T) {
	rest := []string{
		"2026-01-01", "2026-04-03" /* Good Friday */, "2026-04-06" /* Easter Monday */, "2026-05-01", "2026-05-08",
		"2026-07-05", "2026-07-06", "2026-09-28", "2026-10-28", "2026-11-17", "2026-12-24", "2026-12-25", "2026-12-26",
		"2024-03-29", "2024-04-01", "2025-04-18", "2025-04-21", "2027-03-26", "2027-03-29", "2038-04-23", "2038-04-26",
	}
	for _, d := range rest {
		if !Holiday(day(d)) {
			t.Errorf("%s is no holiday, want one", d)
		}
	}
	for _, d := range []string{"2026-04-02", "2026-04-07", "2026-12-23", "2026-12-31", "2026-11-16", "2015-04-03"} {
		if Holiday(day(d)) {
			t.Errorf("%s is a holiday, want none", d)
		}
	}
	n := 0
	for d := day("2026-01-01"); d.Year() == 2026; d = d.AddDate(0, 0, 1) {
		if Holiday(d) {
			n++
		}
	}
	if n != 13 {
		t.Errorf("2026 has %d holidays, want 13", n)
	}
}

func TestFiveWorkingDaysSkipEaster(t *testing.T) {
	if got, want := AddWorking(day("2026-03-31"), 5), day("2026-04-09"); !got.Equal(want) {
		t.Errorf("five working days after 31 March 2026 = %s, want %s", got.Format(time.DateOnly), want.Format(time.DateOnly))
	}
}

func TestDeadline(t *testing.T) {
	for _, c := range []struct {
		name     string
		rule     Rule
		received string
		more     int
		pauses   []Pause
		now      string
		due      string // "" = none
		paused   bool
		overdue  bool
		left     int
	}{
		{name: "thirty days, the day of receipt does not count", rule: Administrative, received: "2026-11-22", now: "2026-11-23", due: "2026-12-22", left: 29},
		{name: "an end at Christmas moves behind it", rule: Administrative, received: "2026-11-24", now: "2026-11-24", due: "2026-12-28", left: 34},
		{name: "an end on Good Friday moves behind Easter Monday", rule: Administrative, received: "2026-03-04", now: "2026-04-01", due: "2026-04-07", left: 6},
		{name: "summer time makes no hour of difference", rule: Administrative, received: "2026-03-10", now: "2026-03-10", due: "2026-04-09", left: 30},
		{name: "a complex case gets thirty more", rule: Administrative, received: "2026-11-22", more: 30, now: "2026-11-23", due: "2027-01-21", left: 59},
		{name: "nobody can add more than the law allows", rule: Information, received: "2026-11-02", more: 100, now: "2026-11-02", due: "2026-11-27", left: 25},
		{name: "a petition cannot be prolonged", rule: Petition, received: "2026-11-22", more: 10, now: "2026-11-23", due: "2026-12-22", left: 29},
		{name: "paused days do not run", rule: Administrative, received: "2026-09-01", pauses: []Pause{{day("2026-09-10"), day("2026-09-20")}}, now: "2026-09-21", due: "2026-10-12", left: 21},
		{name: "after a late pause fifteen days remain", rule: Administrative, received: "2026-09-01", pauses: []Pause{{day("2026-09-29"), day("2026-10-06")}}, now: "2026-10-06", due: "2026-10-21", left: 15},
		{name: "a pause that lasts stops the clock", rule: Administrative, received: "2026-09-01", pauses: []Pause{{From: day("2026-09-10")}}, now: "2026-11-30", paused: true, left: 21},
		{name: "a pause after the end revives nothing", rule: Administrative, received: "2026-09-01", pauses: []Pause{{From: day("2026-10-10")}}, now: "2026-11-01", due: "2026-10-01", overdue: true, left: -31},
		{name: "the last day is still in time", rule: Administrative, received: "2026-11-22", now: "2026-12-22", due: "2026-12-22", left: 0},
		{name: "the day after is not", rule: Administrative, received: "2026-11-22", now: "2026-12-23", due: "2026-12-22", overdue: true, left: -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Due(c.rule, day(c.received).Add(15*time.Hour), c.more, c.pauses, day(c.now).Add(9*time.Hour))
			want := Deadline{Set: true, Paused: c.paused, Overdue: c.overdue, Left: c.left}
			if c.due != "" {
				want.Due = day(c.due)
			}
			if got.Set != want.Set || got.Paused != want.Paused || got.Overdue != want.Overdue || got.Left != want.Left || !got.Due.Equal(want.Due) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
	if got := Due(NoDeadline, day("2026-11-22"), 0, nil, day("2026-11-22")); got.Set {
		t.Errorf("a matter without a deadline has one: %+v", got)
	}
}
