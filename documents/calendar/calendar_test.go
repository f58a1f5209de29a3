package calendar

import (
	"testing"
	"time"
)

func prague(t *testing.T) *time.Location {
	t.Helper()
	z, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// Easter Sundays as almanacs give them, the earliest and the latest possible among them.
func TestEasterIsWhenAlmanacsSay(t *testing.T) {
	for year, want := range map[int]string{
		1818: "1818-03-22", 1943: "1943-04-25", 1961: "1961-04-02", 1981: "1981-04-19", 2000: "2000-04-23", 2008: "2008-03-23", 2011: "2011-04-24", 2016: "2016-03-27",
		2019: "2019-04-21", 2020: "2020-04-12", 2021: "2021-04-04", 2022: "2022-04-17", 2023: "2023-04-09", 2024: "2024-03-31",
		2025: "2025-04-20", 2026: "2026-04-05", 2027: "2027-03-28", 2028: "2028-04-16", 2030: "2030-04-21", 2035: "2035-03-25", 2038: "2038-04-25", 2049: "2049-04-18", 2099: "2099-04-12",
	} {
		if got := Easter(year).Format(time.DateOnly); got != want {
			t.Errorf("Easter %d: %s, want %s", year, got, want)
		}
	}
}

// The working days of whole years, counted by hand: days from Monday to Friday less the holidays among them.
func TestAYearHasItsWorkingDays(t *testing.T) {
	for year, want := range map[int]int{2015: 251, 2016: 252, 2019: 251, 2020: 251, 2022: 252, 2023: 250, 2024: 252, 2025: 251, 2026: 250, 2027: 252} {
		n := 0
		for d := time.Date(year, 1, 1, 12, 0, 0, 0, time.UTC); d.Year() == year; d = d.AddDate(0, 0, 1) {
			if Working(d) {
				n++
			}
		}
		if n != want {
			t.Errorf("%d: %d working days, want %d", year, n, want)
		}
	}
}

func TestHolidaysAreThoseOfTheAct(t *testing.T) {
	for day, want := range map[string]bool{
		"2026-01-01": true, "2026-04-03": true, "2026-04-06": true, "2026-04-05": false, // the Sunday is a Sunday, not a holiday of the Act
		"2015-04-03": false, "2016-03-25": true, // Good Friday before and since 2016
		"2026-05-01": true, "2026-05-08": true, "2026-05-09": false, "2026-07-05": true, "2026-07-06": true, "2026-09-28": true, "2026-10-28": true,
		"2026-11-17": true, "2026-12-24": true, "2026-12-25": true, "2026-12-26": true, "2026-12-31": false,
	} {
		d, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		if Holiday(d) != want {
			t.Errorf("%s: holiday %v", day, !want)
		}
	}
}

func TestADeadlineCountsWorkingDaysOfTheOffice(t *testing.T) {
	zone := prague(t)
	for _, x := range []struct {
		name, start string // UTC
		n           int
		want        string
	}{
		{"from Monday over a weekend", "2026-11-23T09:00:00Z", 5, "2026-11-30T23:59:59+01:00"},
		{"the day it starts does not count", "2026-11-23T00:30:00Z", 1, "2026-11-24T23:59:59+01:00"},
		{"late on Monday is Tuesday in Prague", "2026-11-23T23:30:00Z", 1, "2026-11-25T23:59:59+01:00"},
		{"over Easter and the change to summer time", "2024-03-27T09:00:00Z", 3, "2024-04-03T23:59:59+02:00"},
		{"over the change to winter time and 28 October", "2026-10-23T09:00:00Z", 3, "2026-10-29T23:59:59+01:00"},
		{"over Christmas", "2026-12-22T09:00:00Z", 3, "2026-12-29T23:59:59+01:00"},
		{"from a Saturday", "2026-11-28T09:00:00Z", 1, "2026-11-30T23:59:59+01:00"},
	} {
		start, err := time.Parse(time.RFC3339, x.start)
		if err != nil {
			t.Fatal(err)
		}
		got := Deadline(start, x.n, zone)
		if got.Format(time.RFC3339) != x.want {
			t.Errorf("%s: %s, want %s", x.name, got.Format(time.RFC3339), x.want)
		}
		if n := Between(start, got, zone); n != x.n {
			t.Errorf("%s: %d working days between start and deadline, want %d", x.name, n, x.n)
		}
	}
	if n := Between(time.Now(), time.Now().Add(-time.Hour*48), zone); n != 0 {
		t.Errorf("%d working days backwards", n)
	}
}
