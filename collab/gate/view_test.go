package gate

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"spolupis/collab/crdt"
)

// Whatever neighbours structs name, placing them passes no more items than the view says,
// but for the one that each of them looks at.
func TestNoUpdateIsMoreTangledThanTheViewSays(t *testing.T) {
	seeds := uint64(3_000)
	if testing.Short() || !countAllocations {
		seeds = 300
	}
	judged, passed, estimated := 0, 0, 0
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 9))
		d := crowd(r)
		u := knot(r, d)
		// as many steps as could ever be are allowed, but so few that they are counted
		limits := Limits{Conflict: u.structs*(u.structs+d.Structs()) - 1}
		limits.fill()
		j := new(judge)
		j.Request = Request{Doc: d, Update: u.b, Leased: func(uint64) bool { return true }, Limits: limits}
		if err := j.judge(); err != nil {
			continue
		}
		before := d.Passed()
		if err := d.Apply(u.b); err != nil || d.Pending() {
			t.Fatalf("seed %d: accepted, then %v, pending %v", seed, err, d.Pending())
		}
		n := d.Passed() - before
		if n > j.view.steps+u.structs {
			t.Fatalf("seed %d: %d structs passed %d items, estimated were %d", seed, u.structs, n, j.view.steps)
		}
		judged++
		passed += n
		estimated += j.view.steps
	}
	t.Logf("%d updates, %d items passed, %d estimated", judged, passed, estimated)
	if judged < int(seeds)/4 || passed < 10*judged {
		t.Errorf("only %d of %d updates were accepted and passed %d items: the test says little", judged, seeds, passed)
	}
}

// writers of the document, some with lower ids than the sender's, some with higher ones.
var writers = []uint64{10, 20, bob, bob + 1}

// crowd is a document in which those writers have written at few places.
func crowd(r *rand.Rand) *crdt.Doc {
	d := crdt.New(crdt.Config{Client: 1})
	var copies []*crdt.Doc
	for _, w := range writers {
		copies = append(copies, crdt.New(crdt.Config{Client: w}))
	}
	for range 5 + r.IntN(40) {
		c := copies[r.IntN(len(copies))]
		u := c.Transact(func() {
			text := c.Text("body")
			switch at := r.IntN(text.Len() + 1); r.IntN(8) {
			case 0:
				c.Map("map").Set("k", 1)
			case 1:
				text.Delete(at, min(1, text.Len()-at))
			case 2:
				c.Text("other").Insert(0, "ab", nil)
			default:
				text.Insert(at*r.IntN(2), "abcdefgh"[:1+r.IntN(8)], nil)
			}
		})
		if u == nil {
			continue
		}
		d.Apply(u)
		for _, o := range copies {
			if r.IntN(3) == 0 {
				o.Apply(d.Encode())
			}
		}
	}
	return d
}

// tangled is an update and how many structs are in it.
type tangled struct {
	b       bytesOf
	structs int
}

// knot is an update of two or three ids whose structs name neighbours at random, mostly few ones.
func knot(r *rand.Rand, d *crdt.Doc) tangled {
	ids := [][]uint64{{alice}, {alice + 1, alice}, {alice + 1, alice, 5}}[r.IntN(3)]
	next := map[uint64]uint64{}
	var places [][2]uint64
	for _, w := range writers {
		for c := range uint64(d.Clock(w)) {
			places = append(places, [2]uint64{w, c})
		}
	}
	r.Shuffle(len(places), func(i, k int) { places[i], places[k] = places[k], places[i] })
	if len(places) > 2 {
		places = places[:2+r.IntN(min(len(places)-2, 12)+1)]
	}
	sections, counts := map[uint64]bytesOf{}, map[uint64]uint64{}
	var own [][2]uint64 // what is new, in the order in which it is made up
	pick := func(b bytesOf) bytesOf {
		from := places
		switch k := r.IntN(10); {
		case k < 3 && len(own) > 0:
			from = own[max(0, len(own)-4):]
		case k < 6 && len(own) > 0:
			from = own
		}
		if len(from) == 0 {
			from = own
		}
		p := from[r.IntN(len(from))]
		return b.n(p[0], p[1])
	}
	// In most updates few things are done again and again: that is how attacks look, and
	// what the view follows closest.
	var habits []func(b bytesOf, id uint64) bytesOf
	if r.IntN(4) > 0 && len(places) > 1 {
		for range 1 + r.IntN(4) {
			habits = append(habits, habit(r, places, next))
		}
	}
	n := 100 + r.IntN(200)
	repeat := r.IntN(4) // how often the same neighbours are named again
	var last bytesOf
	inTurn := r.IntN(3) > 0 && len(habits) > 0 // one after the other
	for i := range n {
		id := ids[r.IntN(len(ids))]
		if inTurn {
			id = ids[(i*len(habits)/n)%len(ids)]
		}
		b := sections[id]
		var head bytesOf
		switch k := r.IntN(12); {
		case len(places)+len(own) == 0 || k == 0:
			head = append(head, 0x04).n(1).s([]string{"body", "other"}[r.IntN(2)])
		case k == 1:
			head = append(head, 0x24).n(1).s("map").s("k")
		case k < 4:
			head = pick(append(head, 0x44))
		case k < 7:
			head = pick(append(head, 0x84))
		default:
			head = pick(pick(append(head, 0xc4)))
		}
		if len(last) > 0 && r.IntN(4) < repeat {
			head = last
		}
		last = head
		if len(habits) > 0 {
			k := r.IntN(len(habits))
			if inTurn {
				k = i * len(habits) / n
			}
			head = habits[k](nil, id)
		}
		text := "xyz"[:1+r.IntN(3)*r.IntN(2)]
		sections[id] = append(b, head...).s(text)
		counts[id]++
		for range text {
			own = append(own, [2]uint64{id, next[id]})
			next[id]++
		}
	}
	var out tangled
	out.b = out.b.n(uint64(len(sections)))
	for _, id := range ids {
		if counts[id] > 0 {
			out.b = out.b.n(counts[id], id, 0).with(sections[id])
			out.structs += int(counts[id])
		}
	}
	out.b = out.b.n(0)
	return out
}

// habit names neighbours in always the same way.
func habit(r *rand.Rand, places [][2]uint64, next map[uint64]uint64) func(b bytesOf, id uint64) bytesOf {
	o, right := places[r.IntN(len(places))], places[r.IntN(len(places))]
	back := 1 + uint64(r.IntN(3)*r.IntN(2))
	of := uint64(0) // the id of whose structs it speaks; 0: the sender's
	if r.IntN(3) == 0 {
		of = alice + uint64(r.IntN(2))
	}
	last := func(b bytesOf, id uint64, either [2]uint64) bytesOf {
		if of != 0 {
			id = of
		}
		if next[id] < back {
			return b.n(either[0], either[1])
		}
		return b.n(id, next[id]-back)
	}
	kinds := []func(b bytesOf, id uint64) bytesOf{
		func(b bytesOf, id uint64) bytesOf { return append(b, 0xc4).n(o[0], o[1], right[0], right[1]) },
		func(b bytesOf, id uint64) bytesOf { return append(b, 0x84).n(o[0], o[1]) },
		func(b bytesOf, id uint64) bytesOf { return append(b, 0x44).n(right[0], right[1]) },
		func(b bytesOf, id uint64) bytesOf { return append(b, 0x04).n(1).s("body") },
		func(b bytesOf, id uint64) bytesOf { return last(append(b, 0xc4), id, o).n(right[0], right[1]) },
		func(b bytesOf, id uint64) bytesOf { return last(append(b, 0xc4).n(o[0], o[1]), id, right) },
		func(b bytesOf, id uint64) bytesOf { return last(append(b, 0x84), id, o) },
		func(b bytesOf, id uint64) bytesOf { return last(append(b, 0x44), id, right) },
	}
	return kinds[r.IntN(len(kinds))]
}

// knots are updates of at most 200 KB with which a server could be kept busy for seconds.
func knots() map[string]megabyte {
	out := map[string]megabyte{}
	d := crdt.New(crdt.Config{Client: bob})
	base := d.Transact(func() { d.Text("body").Insert(0, strings.Repeat("x", 100_000), nil) })
	section := func(client, n uint64, each func(b bytesOf, i uint64) bytesOf) bytesOf {
		b := bytesOf{}.n(n, client, 0)
		for i := range n {
			b = each(b, i)
		}
		return b
	}
	// Each cuts the long item at another place, and passes the pieces and the others that did.
	out["to many places in one item"] = megabyte{base, bytesOf{1}.with(section(alice, 19_000, func(b bytesOf, i uint64) bytesOf {
		return append(b, 0xc4).n(bob, 0, bob, 2+i%3_900).s("x")
	})).n(0)}

	d = crdt.New(crdt.Config{})
	for i := range 10 { // bob and another by turns, five characters each
		d.SetClient(bob + uint64(i)%2)
		d.Transact(func() { d.Text("body").Insert(i, "x", nil) })
	}
	words := d.Encode()
	out["over new ones that hang on what is passed"] = megabyte{words, bytesOf{1}.with(section(alice, 19_000, func(b bytesOf, i uint64) bytesOf {
		switch {
		case i == 0:
			return append(b, 0xc4).n(bob, 1, bob+1, 1).s("x")
		case i < 10_000:
			return append(b, 0xc4).n(alice, i-1, bob+1, 1).s("x")
		}
		return append(b, 0xc4).n(bob, 0, bob, 2+i%3).s("x")
	})).n(0)}
	out["before one of one's own behind all of another id"] = megabyte{words, bytesOf{2}.with(section(alice+1, 9_000, func(b bytesOf, i uint64) bytesOf {
		switch i {
		case 0:
			return append(b, 0xc4).n(bob, 1, bob+1, 1).s("x")
		case 1:
			return append(b, 0x84).n(alice, 9_999).s("x") // the others come first
		case 2:
			return append(b, 0x84).n(bob, 0).s("x")
		}
		return append(b, 0xc4).n(bob, 0, alice+1, i-1).s("x")
	})).with(section(alice, 10_000, func(b bytesOf, i uint64) bytesOf {
		if i == 0 {
			return append(b, 0xc4).n(bob, 0, bob+1, 0).s("x")
		}
		return append(b, 0xc4).n(bob, 0, alice, i-1).s("x")
	})).n(0)}
	out["at the start, over what another id typed backwards"] = megabyte{words, bytesOf{2}.with(section(alice+1, 1_300, func(b bytesOf, i uint64) bytesOf {
		if i == 0 {
			return append(b, 0x84).n(alice, 18_599).s("x")
		}
		return append(b, 0x04).n(1).s("body").s("x")
	})).with(section(alice, 18_600, func(b bytesOf, i uint64) bytesOf {
		if i == 0 {
			return append(b, 0x44).n(bob, 0).s("x")
		}
		return append(b, 0x44).n(alice, i-1).s("x")
	})).n(0)}

	const low = 500 // an id below the sender's
	siblings := section(low, 10_001, func(b bytesOf, i uint64) bytesOf {
		switch i {
		case 0:
			return append(b, 0x04).n(1).s("body").s("o")
		case 1:
			return append(b, 0x84).n(low, 0).s("s")
		}
		return append(b, 0xc4).n(low, 0, low, i-1).s("s")
	})
	out["before one's own, behind many that answer one"] = megabyte{bytesOf{1}.with(siblings).n(0), bytesOf{1}.with(section(alice, 1_300, func(b bytesOf, i uint64) bytesOf {
		if i == 0 {
			return append(b, 0x84).n(low, 0).s("x")
		}
		return append(b, 0xc4).n(low, 0, alice, i-1).s("x")
	})).n(0)}
	return out
}

func TestKnotsAreRefused(t *testing.T) {
	for name, k := range knots() {
		d := loaded(t, k.base)
		_, err := check(d, k.u)
		if r, ok := errors.AsType[*Refusal](err); !ok || r.Reason != Tangled {
			t.Errorf("%s: %v, want %s", name, err, Tangled)
		}
	}
}
