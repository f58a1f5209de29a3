package crdt

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// typing lets people type, delete in both directions and now and then do something
// else in one text, and returns the updates as they would reach a server.
func typing(r *rand.Rand, people, edits int) (updates [][]byte) {
	docs := make([]*Doc, people)
	seen, carets := make([]int, people), make([]int, people)
	for i := range docs {
		docs[i] = New(Config{Client: uint64(i+1) << (r.IntN(6) * 9)})
	}
	for range edits {
		i := r.IntN(people)
		d, text := docs[i], docs[i].Text("text")
		if r.IntN(4) == 0 {
			for _, u := range updates[seen[i]:] {
				if err := d.Apply(u); err != nil {
					panic(err)
				}
			}
			seen[i] = len(updates)
		}
		at := min(carets[i], text.Len())
		edit := func(int) {}
		switch k := r.IntN(20); {
		case k < 8:
			letters := []rune("aečř😀")
			edit = func(int) {
				c := string(letters[r.IntN(len(letters))])
				text.Insert(at, c, nil)
				at += utf16Len([]byte(c))
			}
		case k < 12:
			edit = func(int) { at = max(0, at-1); text.Delete(at, 1) }
		case k < 15:
			edit = func(int) { text.Delete(at, 1+r.IntN(2)) }
		case k < 16:
			edit = func(n int) {
				if n == 0 {
					randomEdit(r, d)
				}
			}
		case k < 17:
			edit = func(int) { text.Format(max(0, at-3), 3, Attrs{"em": r.IntN(2) == 0}) }
		case k < 18:
			edit = func(int) { text.Insert(at, "usnesení", nil); text.Delete(at+2, 3) }
		default:
			at = r.IntN(text.Len() + 1)
		}
		for n := range 1 + r.IntN(5) {
			if u := d.Transact(func() { edit(n) }); u != nil {
				updates = append(updates, u)
			}
		}
		carets[i] = at
	}
	return updates
}

// spoil changes an update a little.
func spoil(r *rand.Rand, u []byte) []byte {
	m := bytes.Clone(u)
	for k := 1 + r.IntN(2); k > 0; k-- {
		i := r.IntN(len(m))
		switch r.IntN(5) {
		case 0:
			m[i] ^= 1 << r.IntN(8)
		case 1:
			m[i] = byte(r.IntN(256))
		case 2:
			m[i] += byte(r.IntN(3)) - 1
		case 3:
			m = append(m[:i], append([]byte{byte(r.IntN(256))}, m[i:]...)...)
		default:
			m = append(m[:i], m[min(len(m), i+1+r.IntN(2)):]...)
			if len(m) == 0 {
				return []byte{0}
			}
		}
	}
	return m
}

// sameBothWays applies an update to one document with and to the other without the
// short way, and wants the same answer and the same bytes.
func sameBothWays(t *testing.T, short, general *Doc, u []byte) {
	t.Helper()
	got, want := short.Apply(u), general.applyAny(u)
	if (got == nil) != (want == nil) || got != nil && got.Error() != want.Error() {
		t.Fatalf("%x: the short way says %v, the general one %v", u, got, want)
	}
	if short.Pending() != general.Pending() || short.Size() != general.Size() || short.Structs() != general.Structs() {
		t.Fatalf("%x: %d bytes in %d structs, the general way %d in %d", u, short.Size(), short.Structs(), general.Size(), general.Structs())
	}
	if !bytes.Equal(short.Encode(), general.Encode()) {
		t.Fatalf("%x: the short way gives\n%x, the general one\n%x", u, short.Encode(), general.Encode())
	}
	if err := check(short); err != nil {
		t.Fatalf("after %x: %v", u, err)
	}
}

func TestTheShortWayGivesWhatTheGeneralOneGives(t *testing.T) {
	r := rand.New(rand.NewPCG(20, 26))
	rounds := 150
	if !countAllocations { // under the race detector
		rounds = 20
	}
	taken, all := 0, 0
	for round := range rounds {
		cfg := Config{Client: 9, KeepDeleted: round%5 == 0}
		short, general := New(cfg), New(cfg)
		indexed := round%2 == 0 // positions must follow too
		for _, u := range typing(r, 1+round%4, 60) {
			switch r.IntN(80) {
			case 0: // first something like it, which may be refused, wait or be taken
				sameBothWays(t, short, general, spoil(r, u))
			case 1:
				sameBothWays(t, short, general, u) // then the same again
			}
			before := short.stamp
			sameBothWays(t, short, general, u)
			if all++; short.stamp == before {
				taken++ // not even a transaction was needed
			}
			if indexed {
				short.Text("text").RelativePosition(short.Text("text").Len()/2, 0)
			}
		}
		if got, want := short.Text("text").String(), general.Text("text").String(); got != want || short.Text("text").Len() != general.Text("text").Len() {
			t.Fatalf("text is %q, the general way %q", got, want)
		}
	}
	if taken < all/4 {
		t.Errorf("the short way was taken for %d of %d updates only", taken, all)
	}
	t.Logf("%d of %d updates the shortest way", taken, all)
}

// What is typed into something that somebody else has deleted leaves only its clocks.
func TestTheShortWayIntoCollectedText(t *testing.T) {
	eva, jan := New(Config{Client: 1}), New(Config{Client: 2})
	updates := [][]byte{eva.Transact(func() { eva.Map("map").Set("note", EmptyText) })}
	note := func(d *Doc) *Text { v, _ := d.Map("map").Get("note"); return v.(*Text) }
	updates = append(updates, eva.Transact(func() { note(eva).Insert(0, "ab", nil) }))
	for _, u := range updates {
		jan.Apply(u)
	}
	updates = append(updates, jan.Transact(func() { note(jan).Insert(1, "x", nil) }))
	updates = append(updates, eva.Transact(func() { eva.Map("map").Delete("note") }))
	updates = append(updates, jan.Transact(func() { note(jan).Insert(1, "y", nil) }))
	updates = append(updates, jan.Transact(func() { note(jan).Delete(1, 1) }))
	short, general := New(Config{Client: 9}), New(Config{Client: 9})
	for _, u := range updates {
		sameBothWays(t, short, general, u)
	}
	if jan.Apply(updates[3]); !bytes.Equal(jan.Encode(), short.Encode()) {
		t.Error("the writer has another state")
	}
}

// Most of an arena may die character by character; it must be given back.
func TestTheShortWayGivesMemoryBack(t *testing.T) {
	eva, short := New(Config{Client: 1}), New(Config{Client: 9})
	text := eva.Text("text")
	apply := func(f func()) {
		if err := short.Apply(eva.Transact(f)); err != nil {
			t.Fatal(err)
		}
	}
	const n = 4 * compactFrom
	for range n {
		apply(func() { text.Insert(text.Len(), "ř", nil) })
	}
	for range n - 1 {
		apply(func() { text.Delete(text.Len()-1, 1) })
	}
	if got := len(short.clients[0].arena); got > n {
		t.Errorf("the arena still has %d bytes", got)
	}
	if !bytes.Equal(short.Encode(), eva.Encode()) {
		t.Error("the writer has another state")
	}
}

func TestTheShortWayOnTraces(t *testing.T) {
	for _, tr := range traces(t) {
		t.Run(tr.name, func(t *testing.T) {
			short, general := New(Config{Client: 1}), New(Config{Client: 1})
			for i, u := range tr.updates {
				if err := short.Apply(u); err != nil {
					t.Fatal(err)
				}
				if err := general.applyAny(u); err != nil {
					t.Fatal(err)
				}
				if i%(1+len(tr.updates)/20) == 0 && !bytes.Equal(short.Encode(), general.Encode()) {
					t.Fatalf("after update %d the states differ", i)
				}
			}
			checkTrace(t, tr, short)
			checkTrace(t, tr, general)
		})
	}
}

func FuzzShortWay(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 1))
	history := typing(r, 2, 30)
	seeds(f, func(u []byte) { f.Add(u) })
	for _, u := range history {
		f.Add(u)
	}
	f.Fuzz(func(t *testing.T, u []byte) {
		short, general := New(Config{Client: 9}), New(Config{Client: 9})
		for _, h := range history[:len(history)/2] {
			sameBothWays(t, short, general, h)
		}
		sameBothWays(t, short, general, u)
		for _, h := range history[len(history)/2:] {
			sameBothWays(t, short, general, h)
		}
	})
}
