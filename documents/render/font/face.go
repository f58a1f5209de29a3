// Package font reads TrueType fonts and writes subsets of them, just what embedding in a PDF needs.
//
// A Face is a parsed font, immutable and shared. A Subset collects the characters one document uses and writes a font
// program with only their glyphs. Format: ISO/IEC 14496-22 (OpenType).
package font

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Face is a parsed TrueType font. It is safe for concurrent use.
type Face struct {
	Name        string // PostScript name, for the PDF
	UnitsPerEm  int
	Ascent      int // font units, as Descent, CapHeight and Box
	Descent     int // negative
	CapHeight   int
	Box         [4]int
	ItalicAngle float64 // degrees, negative leans right

	data       []byte
	tables     map[string][]byte
	longLoca   bool
	hMetrics   int
	glyphCount int
	cmap       []uint16 // glyph of each character of the basic plane, 0 = none
}

var be = binary.BigEndian

// Parse reads a font. Only what this package wrote into the repository is ever parsed, so errors mean a broken build.
func Parse(name string, data []byte) (*Face, error) {
	f := &Face{Name: name, data: data, tables: map[string][]byte{}}
	if len(data) < 12 || be.Uint32(data) != 0x00010000 {
		return nil, fmt.Errorf("font %s: not TrueType", name)
	}
	for i := range int(be.Uint16(data[4:])) {
		r := data[12+16*i:]
		from, n := be.Uint32(r[8:]), be.Uint32(r[12:])
		if uint64(from)+uint64(n) > uint64(len(data)) {
			return nil, fmt.Errorf("font %s: table %s is cut", name, r[:4])
		}
		f.tables[string(r[:4])] = data[from : from+n]
	}
	for t, least := range map[string]int{"head": 54, "hhea": 36, "maxp": 6, "OS/2": 90, "post": 32, "cmap": 4, "glyf": 0, "loca": 0, "hmtx": 0} {
		if b, ok := f.tables[t]; !ok || len(b) < least {
			return nil, fmt.Errorf("font %s: no table %s", name, t)
		}
	}
	head, hhea := f.tables["head"], f.tables["hhea"]
	f.UnitsPerEm = int(be.Uint16(head[18:]))
	f.longLoca = be.Uint16(head[50:]) == 1
	for i := range f.Box {
		f.Box[i] = signed(head[36+2*i:])
	}
	f.Ascent, f.Descent = signed(hhea[4:]), signed(hhea[6:])
	f.CapHeight = signed(f.tables["OS/2"][88:])
	f.hMetrics = int(be.Uint16(hhea[34:]))
	f.glyphCount = int(be.Uint16(f.tables["maxp"][4:]))
	f.ItalicAngle = float64(int32(be.Uint32(f.tables["post"][4:]))) / 65536
	return f, f.readCmap()
}

func signed(b []byte) int { return int(int16(be.Uint16(b))) }

// readCmap reads the Windows Unicode subtable of format 4.
func (f *Face) readCmap() error {
	f.cmap = make([]uint16, 1<<16)
	c := f.tables["cmap"]
	for i := range int(be.Uint16(c[2:])) {
		platform, encoding, at := be.Uint16(c[4+8*i:]), be.Uint16(c[6+8*i:]), be.Uint32(c[8+8*i:])
		if s := c[at:]; platform == 3 && encoding == 1 && be.Uint16(s) == 4 {
			f.readSegments(s)
			return nil
		}
	}
	return errors.New("font " + f.Name + ": no Unicode cmap")
}

func (f *Face) readSegments(s []byte) {
	n := int(be.Uint16(s[6:])) // twice the number of segments
	ends, starts, deltas, offsets := s[14:], s[16+n:], s[16+2*n:], s[16+3*n:]
	for k := 0; k < n; k += 2 {
		delta, offset := be.Uint16(deltas[k:]), int(be.Uint16(offsets[k:]))
		start, end := int(be.Uint16(starts[k:])), int(be.Uint16(ends[k:]))
		for c := start; c <= end && c != 0xffff; c++ {
			if offset == 0 {
				f.cmap[c] = uint16(c) + delta
			} else if g := be.Uint16(offsets[k+offset+2*(c-start):]); g != 0 {
				f.cmap[c] = g + delta
			}
		}
	}
}

// Has reports whether the font can draw r.
func (f *Face) Has(r rune) bool { return f.glyph(r) != 0 }

func (f *Face) glyph(r rune) uint16 {
	if r < 0 || r > 0xffff {
		return 0
	}
	return f.cmap[r]
}

// Advance is the width of r in thousandths of the font size.
func (f *Face) Advance(r rune) int { return f.advance(f.glyph(r)) * 1000 / f.UnitsPerEm }

func (f *Face) advance(glyph uint16) int {
	return int(be.Uint16(f.tables["hmtx"][4*min(int(glyph), f.hMetrics-1):]))
}

func (f *Face) bearing(glyph uint16) []byte {
	if int(glyph) < f.hMetrics {
		return f.tables["hmtx"][4*int(glyph)+2:][:2]
	}
	return f.tables["hmtx"][4*f.hMetrics+2*(int(glyph)-f.hMetrics):][:2]
}

// outline is the glyph's entry in glyf; empty for a blank.
func (f *Face) outline(glyph uint16) []byte {
	loca := f.tables["loca"]
	if f.longLoca {
		return f.tables["glyf"][be.Uint32(loca[4*int(glyph):]):be.Uint32(loca[4*int(glyph)+4:])]
	}
	return f.tables["glyf"][2*int(be.Uint16(loca[2*int(glyph):])) : 2*int(be.Uint16(loca[2*int(glyph)+2:]))]
}
