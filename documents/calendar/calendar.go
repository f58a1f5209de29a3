// Package calendar counts the working days of a Czech office: Monday to Friday without the state holidays and other public
// holidays of Act 245/2000 Sb. A deadline of n working days does not count the day it starts on and ends with the last of
// them (sec. 33 and 40 of the Administrative Code count the same way).
package calendar

import "time"

// fixed are the holidays with a date of their own (sections 1 and 2 of Act 245/2000 Sb.).
var fixed = map[[2]int]bool{
	{1, 1}: true, {5, 1}: true, {5, 8}: true, {7, 5}: true, {7, 6}: true, {9, 28}: true, {10, 28}: true, {11, 17}: true,
	{12, 24}: true, {12, 25}: true, {12, 26}: true,
}

// goodFriday is the first year in which Good Friday was a holiday (Act 359/2015 Sb.).
const goodFriday = 2016

// Holiday reports whether the day of t, in t's own zone, is a holiday.
func Holiday(t time.Time) bool {
	y, m, d := t.Date()
	if fixed[[2]int{int(m), d}] {
		return true
	}
	sunday := Easter(y)
	switch time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Sub(sunday) {
	case 24 * time.Hour:
		return true
	case -48 * time.Hour:
		return y >= goodFriday
	}
	return false
}

// Easter returns the Sunday of Easter in the Gregorian calendar, at midnight UTC (the algorithm of Meeus, Jones and Butcher).
func Easter(year int) time.Time {
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	g := (8*b + 13) / 25
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return time.Date(year, time.Month(n/31), n%31+1, 0, 0, 0, 0, time.UTC)
}

// Working reports whether the office works on the day of t, in t's own zone.
func Working(t time.Time) bool {
	switch t.Weekday() {
	case time.Saturday, time.Sunday:
		return false
	}
	return !Holiday(t)
}

// Deadline is the end of the n-th working day after the day on which start falls in zone: the last second of that day there,
// whatever the clock did in between.
func Deadline(start time.Time, n int, zone *time.Location) time.Time {
	day := noon(start, zone)
	for n > 0 {
		day = day.AddDate(0, 0, 1)
		if Working(day) {
			n--
		}
	}
	return End(day, zone)
}

// Between counts the working days after the day of a up to and including the day of b, in zone; 0 when b is not later.
func Between(a, b time.Time, zone *time.Location) (n int) {
	last := noon(b, zone)
	for day := noon(a, zone).AddDate(0, 0, 1); !day.After(last); day = day.AddDate(0, 0, 1) {
		if Working(day) {
			n++
		}
	}
	return n
}

// End is the last second of the day of t in zone.
func End(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 23, 59, 59, 0, zone)
}

// noon is an hour that every day has, also those on which clocks change.
func noon(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 12, 0, 0, 0, zone)
}
