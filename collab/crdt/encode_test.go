package crdt

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestDiffTakesStateVectorsInAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 31))
	updates, docs := write(r, 5, 120, false)
	half := load(t, false, updates[:len(updates)/2]...)
	sorted, err := parseStateVector(half.StateVector())
	if err != nil {
		t.Fatal(err)
	}
	want, err := docs[0].Diff(half.StateVector())
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		sv := slices.Clone(sorted)
		r.Shuffle(len(sv), func(i, j int) { sv[i], sv[j] = sv[j], sv[i] })
		b := appendUint(nil, uint64(len(sv)+3))
		b = appendUint(appendUint(b, sv[0].client), 0)       // what comes later counts
		b = appendUint(appendUint(b, math.MaxUint32), 5)     // nobody here
		b = appendUint(appendUint(b, sv[1].client), 1<<32-1) // also overruled
		for _, c := range sv {
			b = appendUint(appendUint(b, c.client), uint64(c.clock))
		}
		if got, err := docs[0].Diff(b); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%v: %d bytes (%v), want %d", sv, len(got), err, len(want))
		}
		if got, err := DiffUpdate(docs[0].Encode(), b); err != nil {
			t.Fatal(err)
		} else if err := half.Apply(got); err != nil || !bytes.Equal(half.Encode(), docs[0].Encode()) {
			t.Fatalf("%v: the rest is not what was missing (%v)", sv, err)
		}
	}
}

func TestEncodedStateBelongsToTheCaller(t *testing.T) {
	d := sample(t)
	first := d.Encode()
	want := bytes.Clone(first)
	clear(first)
	second := d.Encode()
	if !bytes.Equal(second, want) {
		t.Fatal("writing into an encoded state changed the next one")
	}
	clear(second)
	if !bytes.Equal(d.Encode(), want) {
		t.Fatal("writing into a copy changed the next one")
	}
}

func TestTrimmedDocumentEncodesTheSame(t *testing.T) {
	d := New(Config{Client: 1})
	d.Transact(func() { d.Text("text").Insert(0, "Usnesení", nil) })
	want := d.Encode()
	d.Trim()
	if d.encoded != nil {
		t.Error("the encoded state is still kept")
	}
	if got := d.Encode(); !bytes.Equal(got, want) {
		t.Errorf("after Trim %x, before %x", got, want)
	}
}

func TestNumbersStandOnTheWireAsAppendWritesThem(t *testing.T) {
	for s := range 54 {
		for _, id := range []uint64{1<<s - 1, 1 << s, 1<<s + 1} {
			if id > maxID {
				continue
			}
			var w [itemHead]byte
			n := putWord(&w, 1, wordOf(id))
			if got, want := w[1:n], appendUint(nil, id); !bytes.Equal(got, want) {
				t.Errorf("id %d: % x, want % x", id, got, want)
			}
			if id <= math.MaxUint32 {
				n = putClock(&w, 1, uint32(id))
				if got, want := w[1:n], appendUint(nil, id); !bytes.Equal(got, want) {
					t.Errorf("clock %d: % x, want % x", id, got, want)
				}
			}
		}
	}
}
