package font

import (
	"bytes"
	"os"
	"testing"
)

func face(t *testing.T) *Face {
	t.Helper()
	data, err := os.ReadFile("../fonts/NotoSerif-Regular.ttf")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse("NotoSerif-Regular", data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestSubsetHoldsWhatWasUsedAndNoMore(t *testing.T) {
	f := face(t)
	s := NewSubset(f)
	text := []rune("Žluťoučký kůň\u00a0\u00ad")
	for _, r := range text {
		s.Code(r)
	}
	p := s.Program()
	n := len(s.Runes())
	if n < 12 || n > 40 {
		t.Errorf("%d glyphs for %q", n, string(text))
	}
	if len(p) > len(f.data)/10 {
		t.Errorf("the subset takes %d of %d bytes", len(p), len(f.data))
	}
	if sum := checksum(p); sum != 0xB1B0AFBA {
		t.Errorf("checksum of the file is %08X, want B1B0AFBA", sum)
	}
	// Every part of a composed glyph is a glyph of the subset.
	tables := map[string][]byte{}
	for i := range int(be.Uint16(p[4:])) {
		r := p[12+16*i:]
		tables[string(r[:4])] = p[be.Uint32(r[8:]):][:be.Uint32(r[12:])]
		if be.Uint32(r[4:]) != checksum(tables[string(r[:4])]) && string(r[:4]) != "head" {
			t.Errorf("checksum of %s", r[:4])
		}
	}
	for g := range n {
		o := tables["glyf"][be.Uint32(tables["loca"][4*g:]):be.Uint32(tables["loca"][4*g+4:])]
		if len(o) < 10 || signed(o) >= 0 {
			continue
		}
		for at := 10; ; {
			flags := be.Uint16(o[at:])
			if int(be.Uint16(o[at+2:])) >= n {
				t.Errorf("glyph %d has a part that is not there", g)
			}
			at += partSize(flags)
			if flags&0x20 == 0 {
				break
			}
		}
	}
}

func TestEveryCharacterHasItsOwnCode(t *testing.T) {
	s := NewSubset(face(t))
	seen := map[uint16]rune{}
	for _, r := range " \u00a0-\u2010a\u00ad\u200d\u2060\U0001F600" {
		c := s.Code(r)
		if other, ok := seen[c]; ok {
			t.Errorf("%U and %U share code %d", r, other, c)
		}
		seen[c] = r
		if s.Runes()[c] != r {
			t.Errorf("code %d extracts as %U, want %U", c, s.Runes()[c], r)
		}
		if Hidden(r) && s.Width(int(c)) != 0 {
			t.Errorf("%U takes space", r)
		}
	}
}

func TestDirectionMarksAreNotHidden(t *testing.T) {
	for _, r := range []rune{0x202a, 0x202e, 0x2066, 0x2069, 0xe0041} {
		if Hidden(r) {
			t.Errorf("%U would be invisible in a signed text", r)
		}
	}
}

func TestSubsetsAreDeterministicAndBrokenFontsRefused(t *testing.T) {
	a, b := NewSubset(face(t)), NewSubset(face(t))
	for _, r := range "Příliš" {
		a.Code(r)
		b.Code(r)
	}
	if !bytes.Equal(a.Program(), b.Program()) {
		t.Error("two subsets differ")
	}
	for _, data := range [][]byte{nil, []byte("OTTO"), bytes.Repeat([]byte{0, 1, 0, 0}, 30), face(t).data[:500]} {
		if _, err := Parse("x", data); err == nil {
			t.Errorf("%d bytes were taken for a font", len(data))
		}
	}
}
