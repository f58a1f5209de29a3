package crdt

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"
)

func TestAuthorshipNamesTheRowsThatWroteAndDeleted(t *testing.T) {
	eva, jan := New(Config{Client: 1}), New(Config{Client: 2})
	both := func(from, to *Doc, f func(*Text)) []byte {
		u := from.Transact(func() { f(from.Text("text")) })
		if err := to.Apply(u); err != nil {
			t.Fatal(err)
		}
		return u
	}
	var a Authorship
	for i, u := range [][]byte{
		both(eva, jan, func(t *Text) { t.Insert(0, "Rada kraje schvaluje", nil) }),
		both(jan, eva, func(t *Text) { t.Delete(5, 5); t.Insert(5, "města", nil) }),
		both(eva, jan, func(t *Text) { t.Delete(0, 5) }),
		jan.Encode(), // everything again: it stays theirs who sent it first
		both(jan, eva, func(t *Text) { t.Delete(0, t.Len()) }),
	} {
		if err := a.Add(int64(101+i), u); err != nil {
			t.Fatal(err)
		}
		a.Deleted(Range{1, 0, 20}) // asking in between changes nothing
	}
	want := []Span{{0, 5, 103}, {5, 5, 102}, {10, 10, 105}}
	if got := a.Deleted(Range{1, 0, 20}); !reflect.DeepEqual(got, want) {
		t.Errorf("deletions of Eva's text: got %v, want %v", got, want)
	}
	if got, want := a.Deleted(Range{1, 3, 4}), []Span{{3, 2, 103}, {5, 2, 102}}; !reflect.DeepEqual(got, want) {
		t.Errorf("part of it: got %v, want %v", got, want)
	}
	if row, ok := a.Written(ID{2, 3}); row != 102 || !ok {
		t.Errorf("Jan's text was written by row %d %v, want 102", row, ok)
	}
	if row, ok := a.Written(ID{2, 5}); ok {
		t.Errorf("what nobody wrote was written by row %d", row)
	}
	if err := a.Add(200, []byte{1, 2, 3}); !errors.Is(err, ErrMalformed) {
		t.Errorf("a row that is no update: %v", err)
	}
}

// Against the obvious way: an entry for every clock.
func TestAuthorshipOfManyOverlappingDeletions(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for range 200 {
		var a Authorship
		var want [300]int64
		for row := int64(1); row <= 30; row++ {
			w := wire{}.n(0, 1, 7, 2)
			for range 2 {
				clock, length := r.IntN(250), 1+r.IntN(50)
				w = w.n(uint64(clock), uint64(length))
				for c := clock; c < clock+length; c++ {
					if want[c] == 0 {
						want[c] = row
					}
				}
			}
			if err := a.Add(row, w); err != nil {
				t.Fatal(err)
			}
			if r.IntN(5) > 0 {
				continue
			}
			var got [300]int64
			for _, s := range a.Deleted(Range{7, 0, 300}) {
				for c := s.Clock; c < s.Clock+s.Len; c++ {
					if got[c] != 0 {
						t.Fatalf("clock %d is deleted twice", c)
					}
					got[c] = s.Row
				}
			}
			if got != want {
				t.Fatalf("got %v, want %v", got, want)
			}
		}
	}
}

// What the rows of a history say about its deletions is what its document says.
func TestAuthorshipCoversWhatTheDocumentDeleted(t *testing.T) {
	updates, d := flatBody(3000)
	var a Authorship
	for i, u := range updates {
		if err := a.Add(int64(i), u); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range d.order {
		cl := &d.clients[c]
		gone := uint32(0)
		for _, s := range a.Deleted(Range{cl.id, 0, cl.next}) {
			gone += s.Len
		}
		dead := uint32(0)
		for _, leaf := range cl.leaves {
			for _, r := range leaf {
				if it := &d.items[r.item]; it.deleted() {
					dead += it.length
				}
			}
		}
		if gone != dead {
			t.Errorf("client %d: rows delete %d clocks, the document %d", cl.id, gone, dead)
		}
		for k := range cl.next {
			if _, ok := a.Written(ID{cl.id, k}); !ok {
				t.Fatalf("client %d: nobody wrote clock %d", cl.id, k)
			}
		}
	}
}
