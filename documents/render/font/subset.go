package font

import (
	"bytes"
	"encoding/binary"
	"unicode"
)

// Subset is what one document uses of a face. Every character gets a code of its own, even where the font draws two with
// one glyph (a space and a no-break space), so that text extracted from the PDF is exactly the text put in. Codes are given
// in order of first use; the same document gives the same bytes. Not safe for concurrent use.
type Subset struct {
	Face   *Face
	codes  map[rune]uint16
	runes  []rune   // character of each code; 0 for .notdef and parts of composed glyphs
	glyphs []uint16 // glyph of the face for each code
	blank  []bool   // code drawn as nothing, with no width
	parts  map[uint16]uint16
}

// NewSubset starts an empty subset.
func NewSubset(f *Face) *Subset {
	return &Subset{Face: f, codes: map[rune]uint16{}, parts: map[uint16]uint16{}, runes: []rune{0}, glyphs: []uint16{0}, blank: []bool{false}}
}

// Hidden reports whether a character is drawn as nothing, whatever the font has for it: joiners, soft hyphens, variation
// selectors. Marks that change the direction of writing are not hidden: in a text that people sign they must be seen.
func Hidden(r rune) bool {
	switch {
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r > 0xffff:
		return false
	case r >= 0xfe00 && r <= 0xfe0f, r == 0x34f:
		return true
	}
	return unicode.Is(unicode.Cf, r)
}

// Code is the two-byte code of r in this subset. A Hidden character, or one the face cannot draw, becomes an invisible glyph
// without width that still extracts as r.
func (s *Subset) Code(r rune) uint16 {
	if c, ok := s.codes[r]; ok {
		return c
	}
	c := s.add(s.Face.glyph(r), r)
	s.blank[c] = Hidden(r) || !s.Face.Has(r)
	s.codes[r] = c
	return c
}

func (s *Subset) add(glyph uint16, r rune) uint16 {
	s.glyphs = append(s.glyphs, glyph)
	s.runes = append(s.runes, r)
	s.blank = append(s.blank, false)
	return uint16(len(s.glyphs) - 1)
}

// Empty reports whether the document used nothing of the face.
func (s *Subset) Empty() bool { return len(s.glyphs) == 1 }

// Runes is the character of each code, 0 where a code stands for none. Ask after Program, which may add codes.
func (s *Subset) Runes() []rune { return s.runes }

// Width is the advance of a code in thousandths.
func (s *Subset) Width(code int) int {
	if s.blank[code] {
		return 0
	}
	return s.Face.advance(s.glyphs[code]) * 1000 / s.Face.UnitsPerEm
}

// Program writes the font file to embed (ISO 32000-1, 9.9: glyf, head, hhea, hmtx, loca, maxp), with glyph numbers equal
// to codes.
func (s *Subset) Program() []byte {
	var glyf, loca, hmtx []byte
	for c := 0; c < len(s.glyphs); c++ { // grows while parts of composed glyphs are found
		loca = be.AppendUint32(loca, uint32(len(glyf)))
		if s.blank[c] {
			hmtx = append(hmtx, 0, 0, 0, 0)
			continue
		}
		glyf = append(glyf, s.renumber(s.Face.outline(s.glyphs[c]))...)
		for len(glyf)%4 != 0 {
			glyf = append(glyf, 0)
		}
		hmtx = be.AppendUint16(hmtx, uint16(s.Face.advance(s.glyphs[c])))
		hmtx = append(hmtx, s.Face.bearing(s.glyphs[c])...)
	}
	loca = be.AppendUint32(loca, uint32(len(glyf)))
	head, hhea, maxp := bytes.Clone(s.Face.tables["head"]), bytes.Clone(s.Face.tables["hhea"]), bytes.Clone(s.Face.tables["maxp"])
	be.PutUint32(head[8:], 0)
	be.PutUint16(head[50:], 1)
	be.PutUint16(hhea[34:], uint16(len(s.glyphs)))
	be.PutUint16(maxp[4:], uint16(len(s.glyphs)))
	return assemble([]table{{"glyf", glyf}, {"head", head}, {"hhea", hhea}, {"hmtx", hmtx}, {"loca", loca}, {"maxp", maxp}})
}

// renumber points the parts of a composed glyph to their codes.
func (s *Subset) renumber(g []byte) []byte {
	if len(g) < 10 || signed(g) >= 0 {
		return g
	}
	g = bytes.Clone(g)
	for p := 10; ; {
		flags, glyph := be.Uint16(g[p:]), be.Uint16(g[p+2:])
		c, ok := s.parts[glyph]
		if !ok {
			c = s.add(glyph, 0)
			s.parts[glyph] = c
		}
		be.PutUint16(g[p+2:], c)
		p += partSize(flags)
		if flags&0x20 == 0 {
			return g
		}
	}
}

// partSize is the length of one component record of a composed glyph.
func partSize(flags uint16) int {
	n := 6
	if flags&1 != 0 {
		n += 2
	}
	switch {
	case flags&0x08 != 0:
		n += 2
	case flags&0x40 != 0:
		n += 4
	case flags&0x80 != 0:
		n += 8
	}
	return n
}

type table struct {
	tag  string
	data []byte
}

// assemble writes a font file; tables must come sorted by tag.
func assemble(ts []table) []byte {
	power, log := 1, 0
	for power*2 <= len(ts) {
		power, log = power*2, log+1
	}
	out := be.AppendUint32(nil, 0x00010000)
	for _, v := range []int{len(ts), 16 * power, log, 16 * (len(ts) - power)} {
		out = be.AppendUint16(out, uint16(v))
	}
	at, head := 12+16*len(ts), 0
	for _, t := range ts {
		if t.tag == "head" {
			head = at
		}
		out = append(out, t.tag...)
		for _, v := range []uint32{checksum(t.data), uint32(at), uint32(len(t.data))} {
			out = be.AppendUint32(out, v)
		}
		at += (len(t.data) + 3) &^ 3
	}
	for _, t := range ts {
		out = append(out, t.data...)
		for len(out)%4 != 0 {
			out = append(out, 0)
		}
	}
	be.PutUint32(out[head+8:], 0xB1B0AFBA-checksum(out))
	return out
}

func checksum(b []byte) (sum uint32) {
	for ; len(b) >= 4; b = b[4:] {
		sum += binary.BigEndian.Uint32(b)
	}
	if len(b) > 0 {
		var w [4]byte
		copy(w[:], b)
		sum += be.Uint32(w[:])
	}
	return sum
}
