package main

import "testing"

func TestMemoryGoesBackOnceAfterARush(t *testing.T) {
	const mb = 1 << 20
	var c calm
	for i, look := range []struct {
		made uint64
		want bool
	}{
		{40 * mb, false}, // the start
		{40 * mb, true},  // calm after it
		{41 * mb, false}, // little since
		{90 * mb, false}, // a rush
		{140 * mb, false},
		{140*mb + 5000, true},
		{140*mb + 9000, false}, // given back already
		{157 * mb, false},
		{158 * mb, true}, // slowly made is made, too
	} {
		if got := c.due(look.made); got != look.want {
			t.Errorf("look %d at %d bytes: due = %v, want %v", i, look.made, got, look.want)
		}
	}
}
