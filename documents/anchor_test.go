package documents

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf16"

	"spolupis/collab/crdt"
)

// TestFlatTextCountsAsTheLiveTextDoes checks the table between bytes and CRDT
// indexes on random text of one, two, three and four bytes a character.
func TestFlatTextCountsAsTheLiveTextDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"a", "obyčejný text", "ř", "€", "😀", "👩‍👧", " ", "žluťoučký kůň"}
	for range 200 {
		d := crdt.New(crdt.Config{Client: 7})
		body := d.Text(bodyName)
		var want []uint16
		d.Transact(func() {
			for range random.IntN(20) {
				if random.IntN(4) == 0 {
					body.InsertMap(body.Len(), map[string]any{"kind": "p"}, nil)
					want = append(want, '\n')
					continue
				}
				piece := pieces[random.IntN(len(pieces))]
				var attrs crdt.Attrs
				if random.IntN(2) == 0 {
					attrs = crdt.Attrs{"strong": true}
				}
				body.Insert(body.Len(), piece, attrs)
				want = append(want, utf16.Encode([]rune(piece))...)
			}
		})
		f := flatten(body)
		if f.units != body.Len() || f.units != len(want) {
			t.Fatalf("%q has %d units, the live text %d", f.text, f.units, body.Len())
		}
		for i := range want {
			if i > 0 && utf16.IsSurrogate(rune(want[i])) && want[i] >= 0xDC00 {
				continue // the middle of a character is nobody's place
			}
			if got := f.between(0, i); got != string(utf16.Decode(want[:i])) {
				t.Fatalf("%q up to %d is %q", f.text, i, got)
			}
			if back := f.unit(f.byteAt(i)); back != i {
				t.Fatalf("%q: %d became %d", f.text, i, back)
			}
		}
	}
}

func TestNumbersFollowTheAgendasTemplate(t *testing.T) {
	for template, want := range map[string]string{
		"KULK {n}/{year}": "KULK 7/2026", "{year}-{n:04}": "2026-0007", "{n:1}": "7", "{x} {n": "{x} {n", strings.Repeat("{n}", 3): "777",
	} {
		if got := number(template, 7, 2026); got != want {
			t.Errorf("number(%q) = %q, want %q", template, got, want)
		}
	}
}
