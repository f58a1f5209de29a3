package pdfa

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"unicode/utf16"

	"spolupis/documents/render/font"
)

// writeFonts writes the fonts that were used and returns the entries for the pages' resources.
func (d *Document) writeFonts(f *file) string {
	var res strings.Builder
	for i, s := range d.fonts {
		if !s.Empty() {
			n := f.reserve()
			writeFont(f, n, s)
			fmt.Fprintf(&res, "/F%d %d 0 R", i, n)
		}
	}
	return res.String()
}

// writeFont writes a composite font with two-byte codes that are glyph numbers (ISO 32000-1, 9.7.4; PDF/A-2, 6.2.11).
func writeFont(f *file, n int, s *font.Subset) {
	program := s.Program()
	runes := s.Runes()
	name := subsetName(program, s.Face.Name)
	cid, descriptor, data, unicode, set := f.reserve(), f.reserve(), f.reserve(), f.reserve(), f.reserve()
	f.object(n, fmt.Sprintf("<</Type/Font/Subtype/Type0/BaseFont/%s/Encoding/Identity-H/DescendantFonts[%d 0 R]/ToUnicode %d 0 R>>", name, cid, unicode))
	var widths strings.Builder
	for c := range runes {
		fmt.Fprintf(&widths, "%d ", s.Width(c))
	}
	f.object(cid, fmt.Sprintf("<</Type/Font/Subtype/CIDFontType2/BaseFont/%s/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/FontDescriptor %d 0 R/CIDToGIDMap/Identity/DW 1000/W[0[%s]]>>", name, descriptor, widths.String()))
	f.object(descriptor, describe(s.Face, name, data, set))
	f.stream(data, fmt.Sprintf("/Length1 %d", len(program)), program, true)
	present := make([]byte, (len(runes)+7)/8)
	for c := range runes {
		present[c/8] |= 0x80 >> (c % 8)
	}
	f.stream(set, "", present, true)
	f.stream(unicode, "", toUnicode(runes), true)
}

// subsetName puts the six letters in front that mark a subset; they follow from the bytes.
func subsetName(program []byte, name string) string {
	sum := sha256.Sum256(program)
	tag := make([]byte, 6)
	for i := range tag {
		tag[i] = 'A' + sum[i]%26
	}
	return string(tag) + "+" + name
}

func describe(face *font.Face, name string, data, set int) string {
	flags := 32 // nonsymbolic
	if strings.Contains(face.Name, "Serif") {
		flags |= 2
	}
	if strings.Contains(face.Name, "Mono") {
		flags |= 1
	}
	if face.ItalicAngle != 0 {
		flags |= 64
	}
	em := func(v int) int { return v * 1000 / face.UnitsPerEm }
	return fmt.Sprintf("<</Type/FontDescriptor/FontName/%s/Flags %d/FontBBox[%d %d %d %d]/ItalicAngle %.1f/Ascent %d/Descent %d/CapHeight %d/StemV 80/FontFile2 %d 0 R/CIDSet %d 0 R>>",
		name, flags, em(face.Box[0]), em(face.Box[1]), em(face.Box[2]), em(face.Box[3]), face.ItalicAngle, em(face.Ascent), em(face.Descent), em(face.CapHeight), data, set)
}

// toUnicode is the character map from codes to text (ISO 32000-1, 9.10.3).
func toUnicode(runes []rune) []byte {
	var b strings.Builder
	b.WriteString("/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n" +
		"/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n")
	var lines []string
	for c, r := range runes {
		if r == 0 {
			continue
		}
		line := append(appendHex([]byte("<"), uint16(c)), "> <"...)
		for _, u := range utf16.Encode([]rune{r}) {
			line = appendHex(line, u)
		}
		lines = append(lines, string(line)+">\n")
	}
	for len(lines) > 0 {
		n := min(100, len(lines)) // no more per section are allowed
		fmt.Fprintf(&b, "%d beginbfchar\n%sendbfchar\n", n, strings.Join(lines[:n], ""))
		lines = lines[n:]
	}
	b.WriteString("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend")
	return []byte(b.String())
}
