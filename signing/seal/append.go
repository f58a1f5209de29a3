package seal

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
)

// Room is the number of bytes kept for the CMS unless there is a reason for another number: enough for three certificates of
// RSA-4096 and a time-stamp token with its own two.
const Room = 12 << 10

// Field is what a signature says about itself inside the PDF. It is signed together with the document.
type Field struct {
	Name   string    // name of the form field, unique in the document
	Signer string    // shown by viewers as the signer
	Reason string    // shown by viewers as the reason
	At     time.Time // claimed time, whole seconds; the trusted time is that of the time stamp
}

// Prepared is a document with a hole for one signature.
type Prepared struct {
	PDF  []byte // whole file; the hole is filled with zeros
	hole int    // offset of '<'
	room int    // bytes of CMS that fit
}

const byteRange = "/ByteRange[0 %010d %010d %010d]"

// Prepare appends to pdf a revision with an invisible signature field and a hole of room bytes. The same arguments give the same
// bytes on every machine: a restarted signature can be prepared again, and Validate rebuilds increments to compare them.
// pdf is not changed and is a byte prefix of the result.
func Prepare(pdf []byte, field Field, room int) (*Prepared, error) {
	f, err := read(pdf)
	if err != nil {
		return nil, err
	}
	d, err := layout(f)
	if err != nil {
		return nil, err
	}
	for _, name := range d.names {
		if name == field.Name {
			return nil, fmt.Errorf("field %q: %w", name, ErrFieldName)
		}
	}
	if field.Name == "" || room <= 0 {
		return nil, fmt.Errorf("field without a name or room: %w", ErrFormat)
	}
	return d.write(field, room), nil
}

// document is what an increment must know about the revision before it.
type document struct {
	*file
	root, size            int
	catalog               value
	form, page, annots    value
	formN, pageN, annotsN int      // 0 when the form or the annotations stand directly in their parent
	names                 []string // of the fields there are
}

func layout(f *file) (document, error) {
	d := document{file: f}
	trailer := f.sections[0].trailer
	var ok bool
	if d.root, ok = trailer.ref("Root"); !ok {
		return d, fmt.Errorf("no catalog: %w", ErrFormat)
	}
	size, _ := trailer.get("Size")
	if d.size = size.n; d.size <= 0 || d.size > maxObjects {
		return d, fmt.Errorf("no size: %w", ErrFormat)
	}
	for _, s := range f.sections {
		for n := range s.at {
			if n >= d.size {
				return d, fmt.Errorf("object %d over the size: %w", n, ErrFormat)
			}
		}
	}
	var err error
	if d.catalog, err = f.object(d.root); err != nil {
		return d, err
	}
	if d.pageN, d.page, err = f.firstPage(d.catalog); err != nil {
		return d, err
	}
	if v, ok := d.page.get("Annots"); ok {
		if v.kind == isRef {
			d.annotsN = v.n
		}
		if d.annots, err = f.resolve(v); err != nil {
			return d, err
		}
		if d.annots.kind != isArray {
			return d, fmt.Errorf("annotations: %w", ErrFormat)
		}
	}
	v, ok := d.catalog.get("AcroForm")
	if !ok {
		return d, d.complete()
	}
	if v.kind == isRef {
		d.formN = v.n
	}
	if d.form, err = f.resolve(v); err != nil {
		return d, err
	}
	fields, ok := d.form.get("Fields")
	if d.form.kind != isDict || !ok || fields.kind != isArray {
		return d, fmt.Errorf("form: %w", ErrUnsupported)
	}
	for _, r := range fields.kids {
		field, err := f.resolve(r)
		if err != nil {
			return d, err
		}
		name, ok := field.get("T")
		if !ok {
			return d, fmt.Errorf("field without a name: %w", ErrUnsupported)
		}
		d.names = append(d.names, untext(name.s))
	}
	return d, d.complete()
}

// complete refuses a document whose revisions and fields are not one to one: the base has one revision and no field, and each of
// our increments adds one of both. So no foreign signature or form can hide in the base.
func (d document) complete() error {
	if len(d.names) != len(d.sections)-1 {
		return fmt.Errorf("%d fields in %d revisions: %w", len(d.names), len(d.sections), ErrUnsupported)
	}
	return nil
}

// increment is a revision being written after the bytes of the file.
type increment struct {
	bytes.Buffer
	at map[int]int
}

func (u *increment) put(n int, s string) {
	u.at[n] = u.Len()
	fmt.Fprintf(u, "%d 0 obj\n%s\nendobj\n", n, s)
}

func (d document) write(field Field, room int) *Prepared {
	u := &increment{at: map[int]int{}}
	u.Grow(len(d.b) + 2*room + 4<<10)
	u.Write(d.b)
	sig, widget, look, next := d.size, d.size+1, d.size+2, d.size+3

	u.at[sig] = u.Len()
	fmt.Fprintf(u, "%d 0 obj\n<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/M%s/Name%s/Reason%s",
		sig, date(field.At), text(field.Signer), text(field.Reason))
	ranges := u.Len()
	fmt.Fprintf(u, byteRange, 0, 0, 0)
	u.WriteString("/Contents")
	p := &Prepared{hole: u.Len(), room: room}
	u.WriteByte('<')
	u.Write(bytes.Repeat([]byte("0"), 2*room))
	u.WriteString(">>>\nendobj\n")

	// Flags 132: printed and locked. The empty appearance is what makes an invisible field pass PDF/A.
	u.put(widget, fmt.Sprintf("<</Type/Annot/Subtype/Widget/FT/Sig/T%s/V %d 0 R/F 132/Rect[0 0 0 0]/AP<</N %d 0 R>>/P %d 0 R>>",
		text(field.Name), sig, look, d.pageN))
	u.put(look, "<</Type/XObject/Subtype/Form/BBox[0 0 0 0]/Resources<<>>/Length 0>>\nstream\n\nendstream")

	catalog, page := d.catalog, d.page
	form := "<</Fields[" + fmt.Sprint(widget) + " 0 R]/SigFlags 3>>"
	if d.form.kind == isDict {
		fields, _ := d.form.get("Fields")
		form = d.set(d.form, "Fields", d.with(fields, widget))
		form = setRaw(form, "SigFlags", "3")
	}
	switch {
	case d.formN != 0:
		u.put(d.formN, form)
	default:
		u.put(d.root, d.set(catalog, "AcroForm", form))
	}
	annots := d.with(d.annots, widget)
	switch {
	case d.annotsN != 0:
		u.put(d.annotsN, annots)
	default:
		u.put(d.pageN, d.set(page, "Annots", annots))
	}
	d.finish(u, next)

	p.PDF = u.Bytes()
	after := p.hole + 2 + 2*room
	copy(p.PDF[ranges:], fmt.Sprintf(byteRange, p.hole, after, len(p.PDF)-after))
	return p
}

// finish writes the cross-reference table and the trailer of the revision.
func (d document) finish(u *increment, size int) {
	x := u.Len()
	u.WriteString("xref\n")
	for _, n := range slices.Sorted(maps.Keys(u.at)) {
		fmt.Fprintf(u, "%d 1\n%010d 00000 n \n", n, u.at[n])
	}
	trailer := d.sections[0].trailer
	fmt.Fprintf(u, "trailer\n<</Size %d/Root %d 0 R", size, d.root)
	for _, key := range []string{"Info", "ID"} {
		if v, ok := trailer.get(key); ok {
			fmt.Fprintf(u, "/%s %s", key, d.raw(v))
		}
	}
	fmt.Fprintf(u, "/Prev %d>>\nstartxref\n%d\n%%%%EOF\n", d.sections[0].xref, x)
}

// with returns an array with one more reference.
func (d document) with(array value, n int) string {
	if array.kind != isArray || len(array.kids) == 0 {
		return fmt.Sprintf("[%d 0 R]", n)
	}
	return strings.TrimSuffix(d.raw(array), "]") + fmt.Sprintf(" %d 0 R]", n)
}

// set returns the text of a dictionary with one value replaced or added and every other byte kept.
func (d document) set(dict value, key, to string) string {
	s := d.raw(dict)
	if v, ok := dict.get(key); ok {
		return s[:v.from-dict.from] + to + s[v.to-dict.from:]
	}
	return strings.TrimSuffix(s, ">>") + "/" + key + " " + to + ">>"
}

// setRaw does the same to text that is not in the file.
func setRaw(dict, key, to string) string {
	v, err := parse([]byte(dict), 0, 0)
	if err != nil {
		return dict // unreachable: the text came from a parsed dictionary
	}
	return document{file: &file{b: []byte(dict)}}.set(v, key, to)
}

// Content returns the bytes that the signature covers: the whole file without the hole.
func (p *Prepared) Content() []byte {
	out := make([]byte, 0, len(p.PDF)-2*p.room-2)
	out = append(out, p.PDF[:p.hole]...)
	return append(out, p.PDF[p.hole+2+2*p.room:]...)
}

// Digest returns the hash of Content.
func (p *Prepared) Digest(h crypto.Hash) []byte {
	w := h.New()
	w.Write(p.PDF[:p.hole])
	w.Write(p.PDF[p.hole+2+2*p.room:])
	return w.Sum(nil)
}

// Embed returns the signed file: the prepared bytes with the CMS in the hole, in lower-case hex, the rest of the hole zeros.
// ErrRoom when it does not fit.
func (p *Prepared) Embed(cms []byte) ([]byte, error) {
	if len(cms) > p.room {
		return nil, fmt.Errorf("%d bytes into %d: %w", len(cms), p.room, ErrRoom)
	}
	out := bytes.Clone(p.PDF)
	hex.Encode(out[p.hole+1:], cms)
	return out, nil
}

const dateForm = "(D:20060102150405+00'00')"

func date(t time.Time) string { return t.UTC().Format(dateForm) }

// text writes a PDF text string: ASCII as it is, everything else in UTF-16.
func text(s string) string {
	ascii := strings.IndexFunc(s, func(r rune) bool { return r < 32 || r > 126 }) < 0
	if ascii {
		return "(" + strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(s) + ")"
	}
	b := []byte{0xFE, 0xFF}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u>>8), byte(u))
	}
	return "<" + strings.ToUpper(hex.EncodeToString(b)) + ">"
}

// untext reads what text wrote.
func untext(b []byte) string {
	if !bytes.HasPrefix(b, []byte{0xFE, 0xFF}) {
		return string(b)
	}
	var u []uint16
	for b = b[2:]; len(b) >= 2; b = b[2:] {
		u = append(u, uint16(b[0])<<8|uint16(b[1]))
	}
	return string(utf16.Decode(u))
}
