package citizen

import "time"

// Day returns the Prague day of t, as its midnight.
func Day(t time.Time) time.Time {
	y, m, d := t.In(Prague).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, Prague)
}

// easter returns the Sunday of Easter in the Gregorian calendar, by the
// anonymous algorithm (Meeus, Jones, Butcher).
func easter(year int) time.Time {
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	f := (b + 8) / 25
	g := (b - f + 1) / 3
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return time.Date(year, time.Month(n/31), n%31+1, 0, 0, 0, 0, Prague)
}

// Holiday reports whether the day of t is a day of rest under Act 245/2000:
// state holidays and other holidays, among them Good Friday (since 2016) and
// Easter Monday.
func Holiday(t time.Time) bool {
	t = Day(t)
	switch y, m, d := t.Date(); {
	case m == 1 && d == 1, m == 5 && (d == 1 || d == 8), m == 7 && (d == 5 || d == 6),
		m == 9 && d == 28, m == 10 && d == 28, m == 11 && d == 17, m == 12 && (d == 24 || d == 25 || d == 26):
		return true
	default:
		e := easter(y)
		return t.Equal(e.AddDate(0, 0, 1)) || y >= 2016 && t.Equal(e.AddDate(0, 0, -2))
	}
}

// Working reports whether the day of t is a working day.
func Working(t time.Time) bool {
	w := t.In(Prague).Weekday()
	return w != time.Saturday && w != time.Sunday && !Holiday(t)
}

// NextWorking returns the day of t, or the nearest working day after it.
func NextWorking(t time.Time) time.Time {
	for t = Day(t); !Working(t); t = t.AddDate(0, 0, 1) {
	}
	return t
}

// AddWorking returns the nth working day after the day of t.
func AddWorking(t time.Time, n int) time.Time {
	for t = Day(t); n > 0; n-- {
		t = NextWorking(t.AddDate(0, 0, 1))
	}
	return t
}

// days counts calendar days from a to b; summer time does not matter.
func days(a, b time.Time) int {
	u := func(t time.Time) time.Time {
		y, m, d := t.In(Prague).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(u(b).Sub(u(a)).Hours() / 24)
}
