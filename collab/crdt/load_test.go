package crdt

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// opened compares a document that may take b for a whole state with one that goes the
// general way. It reports whether b was taken for one.
func opened(t *testing.T, keep bool, b []byte) (quick, general *Doc, taken bool) {
	t.Helper()
	quick, general = New(Config{Client: 7, KeepDeleted: keep}), New(Config{Client: 7, KeepDeleted: keep})
	taken = quick.load(b)
	var err error
	if !taken {
		if !bytes.Equal(quick.Encode(), []byte{0, 0}) || quick.Structs() != 0 || quick.Size() != 0 {
			t.Fatal("not taken for a state, but the document changed")
		}
		err = quick.Apply(b)
	}
	if want := general.applyAny(b); (err == nil) != (want == nil) {
		t.Fatalf("%x: %v, the general way says %v", b, err, want)
	}
	alike(t, quick, general)
	return quick, general, taken
}

// alike compares everything that can be seen of two documents, and how many items they are made of.
func alike(t *testing.T, got, want *Doc) {
	t.Helper()
	if err := check(got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Encode(), want.Encode()) || !bytes.Equal(got.StateVector(), want.StateVector()) || got.Pending() != want.Pending() {
		t.Error("states differ")
	}
	if a, b := got.Text("text").String(), want.Text("text").String(); a != b {
		t.Errorf("text %q, want %q", a, b)
	}
	if got.Structs() != want.Structs() || got.Size() != want.Size() {
		t.Errorf("%d structs and %d bytes, want %d and %d", got.Structs(), got.Size(), want.Structs(), want.Size())
	}
	if !bytes.Equal(appendJSON(nil, got.Map("map").JSON()), appendJSON(nil, want.Map("map").JSON())) {
		t.Error("maps differ")
	}
}

// logged joins updates without joining their structs: such a state has all that was
// written and deletes part of it, and structs stand in the middle of others.
func logged(t *testing.T, updates [][]byte) []byte {
	t.Helper()
	b, err := MergeUpdates(updates...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// needsCut reports whether a struct of b stands behind another one's middle.
func needsCut(b []byte) bool {
	l := loader{u: &update{buf: b}}
	l.decode()
	ends := map[cid]bool{{none, 0}: true}
	for _, it := range l.items {
		ends[cid{it.client, it.end() - 1}] = true
	}
	return slices.ContainsFunc(l.items, func(it item) bool { return !ends[cid{it.originClient, it.originClock}] })
}

func TestLoadingEqualsTheGeneralWay(t *testing.T) {
	taken, cut := 0, 0
	for seed := range plays(300) {
		r := rand.New(rand.NewPCG(seed, 23))
		keep := seed%5 == 0
		updates := typing(r, 1+r.IntN(4), 40+r.IntN(80))
		if seed%2 == 0 {
			updates, _ = write(r, 2+r.IntN(4), 20+r.IntN(60), keep)
		}
		all := New(Config{Client: 7, KeepDeleted: keep})
		for _, u := range updates {
			if err := all.Apply(u); err != nil {
				t.Fatal(err)
			}
		}
		half := updates[:len(updates)/2]
		for _, b := range [][]byte{all.Encode(), logged(t, updates), logged(t, half), logged(t, append(half[:len(half):len(half)], updates[len(updates)-1]))} {
			quick, general, ok := opened(t, keep, b)
			if ok {
				taken++
			}
			if ok && needsCut(b) {
				cut++
			}
			for _, u := range updates { // what is known, and what is not
				if err := quick.Apply(u); err != nil {
					t.Fatal(err)
				}
				general.applyAny(u)
			}
			alike(t, quick, general)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if taken < int(plays(500)) || cut < int(plays(50)) {
		t.Errorf("only %d states were taken as such, %d with cuts", taken, cut)
	}
}

func TestLoadingSpoiledStates(t *testing.T) {
	taken := 0
	for seed := range plays(200) {
		r := rand.New(rand.NewPCG(seed, 29))
		updates, docs := write(r, 2+r.IntN(3), 60, false)
		for _, b := range [][]byte{docs[0].Encode(), logged(t, updates)} {
			for range 30 {
				m := bytes.Clone(b)
				for range 1 + r.IntN(3) {
					switch i := r.IntN(len(m)); r.IntN(4) {
					case 0:
						m[i] ^= byte(1 << r.IntN(8))
					case 1:
						m[i] = byte(r.IntN(256))
					case 2:
						m[i] = byte(r.IntN(16)) // likely a clock or a client
					default:
						m = append(m[:i], m[min(len(m), i+r.IntN(4)):]...)
					}
				}
				quick, general := New(Config{Client: 7}), New(Config{Client: 7})
				if quick.load(m) {
					taken++
				} else if err := quick.Apply(m); err != nil {
					if general.applyAny(m) == nil {
						t.Fatalf("%x: %v, but not the general way", m, err)
					}
					continue
				}
				if err := general.applyAny(m); err != nil {
					t.Fatalf("%x: taken, but %v the general way", m, err)
				}
				if err := check(quick); err != nil {
					t.Fatalf("%x: %v", m, err)
				}
				if !bytes.Equal(quick.Encode(), general.Encode()) || quick.Size() != general.Size() {
					t.Fatalf("%x: states differ", m)
				}
			}
		}
	}
	if taken < int(plays(1000)) {
		t.Errorf("only %d states were taken as such", taken)
	}
}

// What cannot be told from a whole state by its first structs must not be taken for one.
func TestStatesThatMissSomethingGoTheGeneralWay(t *testing.T) {
	long := strings.Repeat("x", loadFrom)
	last := uint64(math.MaxUint32)
	for name, b := range map[string]wire{
		"origin at the last clock of another":  wire{}.n(2, 1, 9, 0).after(5, last).s("y").n(1, 5, 0).text(long),
		"neighbour at the last clock there is": wire{}.n(2, 1, 9, 0).raw(0x44).n(5, last).s("y").n(1, 5, 0).text(long),
		"parent at the last clock there is":    wire{}.n(2, 1, 9, 0).raw(0x04).n(0, 5, last).s("y").n(1, 5, 0).text(long),
		"origin of somebody who is not there":  wire{}.n(2, 1, 9, 0).after(7, 0).s("y").n(1, 5, 0).text(long),
		"two that wait for each other":         wire{}.n(2, 1, 9, 0).after(5, 0).s("y").n(1, 5, 0).after(9, 0).s(long),
		"a hole":                               wire{}.n(1, 3, 5, 0).text(long).raw(kindSkip).n(3).text("y"),
		"no beginning":                         wire{}.n(1, 1, 5, 4).text(long),
	} {
		if _, _, taken := opened(t, false, b.n(0)); taken {
			t.Errorf("%s: taken for a whole state", name)
		}
	}
}
