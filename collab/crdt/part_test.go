package crdt

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// Whoever reads again the parts that are said to have changed, and those before which the marks changed, has the text.
func TestFollowersHaveTheText(t *testing.T) {
	type known struct {
		before, after Marks
		ops           []Op
		next          Part
	}
	var read, kept int
	for seed := range plays(200) {
		r := rand.New(rand.NewPCG(seed, 4))
		keep := seed%3 == 0
		updates, _ := write(r, 3, 60, keep)
		d := New(Config{Client: 5555, KeepDeleted: keep})
		text := d.Text("text")
		follower := text.Follow()
		parts := map[Part]known{}
		step := func() {
			t.Helper()
			changed, all := follower.Changed()
			if all {
				clear(parts)
			}
			for _, p := range changed {
				delete(parts, p)
			}
			var got []Op
			var marks Marks
			for p := Part(0); ; {
				k, ok := parts[p]
				if !ok || !k.before.Equal(marks) {
					k.before = marks
					k.ops, k.after, k.next = text.Part(p, marks)
					parts[p] = k
					read++
				} else {
					kept++
				}
				got, marks, p = append(got, k.ops...), k.after, k.next
				if p == 0 {
					break
				}
			}
			if want := text.Delta(); !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d: following gives\n%s, want\n%s", seed, words(got), words(want))
			}
		}
		for _, u := range updates {
			if err := d.Apply(u); err != nil {
				t.Fatal(err)
			}
			if r.IntN(3) > 0 {
				step()
			}
			d.Transact(func() { randomEdit(r, d) })
			d.Transact(func() { nestedEdit(r, text) })
			if r.IntN(3) > 0 {
				step()
			}
		}
	}
	if read > kept {
		t.Errorf("%d parts were read again and %d kept: following does not pay", read, kept)
	}
}

// nestedEdit cuts characters in halves and changes what is inside of embedded maps.
func nestedEdit(r *rand.Rand, text *Text) {
	switch r.IntN(4) {
	case 0:
		text.Insert(r.IntN(text.Len()+1), "🙂🙂", nil)
	case 1:
		text.Delete(r.IntN(text.Len()+1), 1)
	default:
		for _, op := range text.Delta() {
			if op.Map == nil || r.IntN(3) > 0 {
				continue
			}
			switch r.IntN(3) {
			case 0:
				op.Map.Delete("level")
			case 1:
				op.Map.Set("inner", EmptyMap)
			default:
				op.Map.Set("level", r.IntN(9))
			}
			if v, ok := op.Map.Get("inner"); ok {
				v.(*Map).Set("x", r.IntN(9))
			}
		}
	}
}

// Changes that nobody asks for must not fill the memory.
func TestFollowersForgetWhatIsTooMuch(t *testing.T) {
	d := New(Config{Client: 1})
	text := d.Text("text")
	text.Insert(0, strings.Repeat("x", 8*maxFollowed), nil)
	f := text.Follow()
	f.Changed()
	for i := range 2 * maxFollowed { // scattered: a deletion is told by its place and that of the cut behind it
		if text.Delete(2*i, 1); len(f.ranges) > maxFollowed {
			t.Fatalf("remembers %d ranges, want at most %d", len(f.ranges), maxFollowed)
		}
	}
	if _, all := f.Changed(); !all {
		t.Errorf("%d scattered deletions are still told one by one", 2*maxFollowed)
	}
	if parts, all := f.Changed(); all || len(parts) > 0 {
		t.Errorf("told again: %v, all = %v", parts, all)
	}
}

func TestFollowersHearOfAWholeState(t *testing.T) {
	w := New(Config{Client: 1})
	w.Transact(func() {
		for range 1000 {
			w.Text("text").Insert(0, "ab", nil)
			w.Text("text").InsertMap(1, map[string]any{"kind": "p"}, nil)
		}
	})
	d := New(Config{Client: 2})
	f := d.Text("text").Follow()
	f.Changed()
	if err := d.Apply(w.Encode()); err != nil {
		t.Fatal(err)
	}
	if parts, all := f.Changed(); !all && len(parts) != 1001 {
		t.Errorf("told of %d parts, want the 1000 that came and the one before them", len(parts))
	}
}
