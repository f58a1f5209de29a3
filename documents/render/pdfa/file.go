package pdfa

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"
)

// Layout is the promise about the bytes of a finished file. Signatures are appended to them as incremental updates, so
// whoever appends may rely on this, and a test holds us to it:
//
//   - PDF 1.7, not encrypted, no object streams, no cross-reference streams, not linearized, generation 0 everywhere;
//   - one cross-reference section from object 0 without gaps, written as a table; then the trailer with Size, Root, Info and
//     ID (two equal strings), then startxref and "%%EOF" and a line feed as the last bytes;
//   - object 1 is the catalog, 2 the page tree (flat), 3 the information dictionary, 4 the XMP metadata (not compressed),
//     5 the colour profile, 6 the structure tree root, 7 its parent tree (flat), 8 the root of the bookmarks;
//   - the catalog has no AcroForm: forms belong to the signature;
//   - every page has Annots as a reference to an array object of its own, so a signature can add a widget by replacing that
//     small object and leave the page alone; parent tree keys from ParentTreeNextKey on are free;
//   - objects stand in the file in the order they are written, each as "N 0 obj", dictionary, "endobj" on lines of their own;
//   - the same document gives the same bytes with the same Go release (compression may differ between releases, therefore
//     frozen bytes are stored and never drawn again).
const Layout = "spolupis-pdf/1"

// Numbers of the fixed objects.
const (
	catalogObject = iota + 1
	pagesObject
	infoObject
	metadataObject
	profileObject
	structureObject
	parentsObject
	outlinesObject
	fixedObjects = iota
)

// file collects objects.
type file struct {
	bytes.Buffer
	offsets []int // of object n at n-1
	deflate *zlib.Writer
}

var deflaters = sync.Pool{New: func() any { return zlib.NewWriter(nil) }}

// reserve returns the number of an object to be written later.
func (f *file) reserve() int {
	f.offsets = append(f.offsets, 0)
	return len(f.offsets)
}

func (f *file) object(n int, dict string) {
	f.offsets[n-1] = f.Len()
	f.WriteString(strconv.Itoa(n) + " 0 obj\n" + dict + "\nendobj\n")
}

func (f *file) stream(n int, dict string, data []byte, compress bool) {
	if compress {
		var z bytes.Buffer
		f.deflate.Reset(&z)
		_, _ = f.deflate.Write(data) // a bytes.Buffer does not fail
		_ = f.deflate.Close()
		data = z.Bytes()
		dict += "/Filter/FlateDecode"
	}
	f.offsets[n-1] = f.Len()
	fmt.Fprintf(f, "%d 0 obj\n<<%s/Length %d>>\nstream\n", n, dict, len(data))
	f.Write(data)
	f.WriteString("\nendstream\nendobj\n")
}

// Bytes finishes the document and returns the file as Layout promises.
func (d *Document) Bytes() []byte {
	f := &file{deflate: deflaters.Get().(*zlib.Writer)}
	defer deflaters.Put(f.deflate)
	f.WriteString("%PDF-1." + map[bool]string{true: "4", false: "7"}[d.Meta.Twin == 1] + "\n%\xE2\xE3\xCF\xD3\n")
	for range fixedObjects {
		f.reserve()
	}
	f.stream(metadataObject, "/Type/Metadata/Subtype/XML", d.Meta.xmp(), false)
	f.object(infoObject, d.Meta.info())
	f.stream(profileObject, "/N 3", profile, true)

	pages, annots := make([]int, len(d.pages)), make([]int, len(d.pages))
	for i := range d.pages {
		pages[i], annots[i] = f.reserve(), f.reserve()
	}
	for _, l := range d.links {
		l.object = f.reserve()
	}
	elements := d.elements(f)
	resources := d.writeFonts(f)
	var kids strings.Builder
	width, height := d.Meta.Size()
	for i, p := range d.pages {
		p.end()
		content := f.reserve()
		f.stream(content, "", p.content, true)
		f.object(pages[i], fmt.Sprintf("<</Type/Page/Parent %d 0 R/MediaBox[0 0 %.3f %.3f]/Contents %d 0 R/Resources<</Font<<%s>>>>/StructParents %d/Tabs/S/Annots %d 0 R>>",
			pagesObject, width, height, content, resources, i, annots[i]))
		f.object(annots[i], d.annotations(f, p))
		kids.WriteString(ref(pages[i]))
	}
	f.object(pagesObject, fmt.Sprintf("<</Type/Pages/Count %d/Kids[%s]>>", len(d.pages), kids.String()))
	d.writeStructure(f, elements, pages)
	outlines := d.writeOutlines(f, pages)
	f.object(catalogObject, fmt.Sprintf("<</Type/Catalog/Pages %d 0 R/Metadata %d 0 R/MarkInfo<</Marked true>>/StructTreeRoot %d 0 R/Lang%s/ViewerPreferences<</DisplayDocTitle true>>%s"+
		"/OutputIntents[<</Type/OutputIntent/S/GTS_PDFA1/OutputConditionIdentifier(sRGB)/Info(sRGB)/DestOutputProfile %d 0 R>>]>>",
		pagesObject, metadataObject, structureObject, textString(d.Meta.Lang), outlines, profileObject))
	f.finish()
	return f.Buffer.Bytes()
}

// finish writes the cross-reference table and the trailer (ISO 32000-1, 7.5.4 and 7.5.5).
func (f *file) finish() {
	sum := sha256.Sum256(f.Buffer.Bytes())
	id := strings.ToUpper(hex.EncodeToString(sum[:16]))
	at := f.Len()
	fmt.Fprintf(f, "xref\n0 %d\n0000000000 65535 f \n", len(f.offsets)+1)
	for _, o := range f.offsets {
		fmt.Fprintf(f, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(f, "trailer\n<</Size %d/Root %d 0 R/Info %d 0 R/ID[<%s><%s>]>>\nstartxref\n%d\n%%%%EOF\n", len(f.offsets)+1, catalogObject, infoObject, id, id, at)
}

// elements reserves objects for the structure tree, in reading order.
func (d *Document) elements(f *file) []*Element {
	var all []*Element
	var walk func(e *Element)
	walk = func(e *Element) {
		e.object = f.reserve()
		all = append(all, e)
		for _, k := range e.kids {
			if k.element != nil {
				walk(k.element)
			}
		}
	}
	walk(d.Root)
	return all
}

// writeStructure writes the structure tree and the way back from marked content to it (ISO 32000-1, 14.7).
func (d *Document) writeStructure(f *file, elements []*Element, pages []int) {
	for _, e := range elements {
		parent := structureObject
		if e.parent != nil {
			parent = e.parent.object
		}
		var b strings.Builder
		b.WriteString("<</Type/StructElem/S/" + e.tag + "/P " + ref(parent))
		if e.attrs != "" {
			b.WriteString("/A" + e.attrs)
		}
		if e.actual != "" {
			b.WriteString("/ActualText" + e.actual)
		}
		b.WriteString("/K[")
		for _, k := range e.kids {
			switch {
			case k.element != nil:
				b.WriteString(ref(k.element.object))
			case k.link != nil:
				b.WriteString("<</Type/OBJR/Obj " + ref(k.link.object) + "/Pg " + ref(pages[k.link.page.index]) + ">>")
			default:
				b.WriteString("<</Type/MCR/Pg " + ref(pages[k.page.index]) + "/MCID " + strconv.Itoa(k.content) + ">>")
			}
		}
		b.WriteString("]>>")
		f.object(e.object, b.String())
	}
	var nums strings.Builder
	for i, p := range d.pages {
		nums.WriteString(strconv.Itoa(i) + "[")
		for _, e := range p.owners {
			nums.WriteString(ref(e.object))
		}
		nums.WriteString("]")
	}
	for k, l := range d.links {
		nums.WriteString(strconv.Itoa(len(d.pages)+k) + " " + ref(l.element.object))
	}
	f.object(parentsObject, "<</Nums["+nums.String()+"]>>")
	f.object(structureObject, fmt.Sprintf("<</Type/StructTreeRoot/K %d 0 R/ParentTree %d 0 R/ParentTreeNextKey %d>>", d.Root.object, parentsObject, len(d.pages)+len(d.links)))
}

// annotations writes the links of a page and returns its array of annotations.
func (d *Document) annotations(f *file, p *Page) string {
	var refs strings.Builder
	for k, l := range d.links {
		if l.page != p {
			continue
		}
		var rect []byte
		for _, v := range l.rect {
			rect = append(appendNumber(rect, v), ' ')
		}
		f.object(l.object, fmt.Sprintf("<</Type/Annot/Subtype/Link/Rect[%s]/Border[0 0 0]/F 4/A<</S/URI/URI%s>>/Contents%s/StructParent %d>>", rect, textString(asciiURI(l.uri)), textString(l.text), len(d.pages)+k))
		refs.WriteString(ref(l.object))
	}
	return "[" + refs.String() + "]"
}

// asciiURI percent-encodes what a URI string may not hold (ISO 32000-1, 12.6.4.7: 7-bit ASCII).
func asciiURI(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c > ' ' && c < 0x7f {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// writeOutlines writes the bookmarks and returns the catalog's entry for them. Object 8 is always there.
func (d *Document) writeOutlines(f *file, pages []int) string {
	if len(d.outlines) == 0 {
		f.object(outlinesObject, "<</Type/Outlines/Count 0>>")
		return "/Outlines " + ref(outlinesObject)
	}
	type node struct{ parent, prev, next, first, last, under int }
	nodes := make([]node, len(d.outlines)+1) // 0 is the root
	objects := []int{outlinesObject}
	var open []int
	for i, o := range d.outlines {
		objects = append(objects, f.reserve())
		for len(open) > 0 && d.outlines[open[len(open)-1]-1].level >= o.level {
			open = open[:len(open)-1]
		}
		n, up := i+1, 0
		if len(open) > 0 {
			up = open[len(open)-1]
		}
		nodes[n].parent = up
		if nodes[up].last == 0 {
			nodes[up].first = n
		} else {
			nodes[n].prev = nodes[up].last
			nodes[nodes[up].last].next = n
		}
		nodes[up].last = n
		for _, a := range append([]int{0}, open...) {
			nodes[a].under++
		}
		open = append(open, n)
	}
	for n, x := range nodes {
		var b strings.Builder
		if n == 0 {
			b.WriteString("<</Type/Outlines")
		} else {
			o := d.outlines[n-1]
			b.WriteString("<</Title" + textString(o.title) + "/Parent " + ref(objects[x.parent]) + "/Dest[" + ref(pages[o.page.index]) + "/XYZ 0 " + string(appendNumber(nil, o.y)) + " null]")
		}
		if x.prev != 0 {
			b.WriteString("/Prev " + ref(objects[x.prev]))
		}
		if x.next != 0 {
			b.WriteString("/Next " + ref(objects[x.next]))
		}
		if x.first != 0 {
			b.WriteString("/First " + ref(objects[x.first]) + "/Last " + ref(objects[x.last]) + "/Count " + strconv.Itoa(x.under))
		}
		f.object(objects[n], b.String()+">>")
	}
	return "/Outlines " + ref(outlinesObject)
}

func ref(n int) string { return strconv.Itoa(n) + " 0 R " }

// textString is a PDF text string (ISO 32000-1, 7.9.2.2): a literal when printable ASCII, else UTF-16 in hexadecimal.
func textString(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r < 32 || r > 126 }) < 0 {
		return "(" + strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(s) + ")"
	}
	b := []byte("<FEFF")
	for _, u := range utf16.Encode([]rune(s)) {
		b = appendHex(b, u)
	}
	return string(b) + ">"
}
