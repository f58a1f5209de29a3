package pdfa

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"testing"
	"time"
)

func TestProfileIsAWellFormedICCProfile(t *testing.T) {
	be := binary.BigEndian
	if int(be.Uint32(profile)) != len(profile) || string(profile[36:40]) != "acsp" || string(profile[12:24]) != "mntrRGB XYZ " {
		t.Fatalf("header %q, %d bytes", profile[:40], len(profile))
	}
	n := int(be.Uint32(profile[128:]))
	for i := range n {
		e := profile[132+12*i:]
		at, size := be.Uint32(e[4:]), be.Uint32(e[8:])
		if int(at+size) > len(profile) || at%4 != 0 {
			t.Errorf("tag %s at %d, %d bytes of %d", e[:4], at, size, len(profile))
		}
	}
	if n != 9 {
		t.Errorf("%d tags, want 9", n)
	}
}

func TestBookmarksNest(t *testing.T) {
	d := New(Meta{Title: "T", Lang: "cs"}, nil)
	p := d.Page()
	for _, b := range []struct {
		level int
		title string
	}{{1, "A"}, {2, "A.1"}, {3, "A.1.1"}, {2, "A.2"}, {1, "B"}, {3, "B.x"}} {
		d.Bookmark(b.level, b.title, p, 700)
	}
	pdf := d.Bytes()
	obj := func(title string) (n, parent string, count string) {
		m := regexp.MustCompile(`\n(\d+) 0 obj\n<</Title\(` + regexp.QuoteMeta(title) + `\)/Parent (\d+) 0 R [^\n]*?(?:/Count (\d+))?>>\n`).FindSubmatch(pdf)
		if m == nil {
			t.Fatalf("no bookmark %s in %s", title, pdf)
		}
		return string(m[1]), string(m[2]), string(m[3])
	}
	a, _, under := obj("A")
	a1, up, _ := obj("A.1")
	_, up11, _ := obj("A.1.1")
	b, top, _ := obj("B")
	_, upx, _ := obj("B.x")
	if under != "3" || up != a || up11 != a1 || top != "8" || upx != b {
		t.Errorf("A holds %s, A.1 under %s, A.1.1 under %s, B under %s, B.x under %s", under, up, up11, top, upx)
	}
}

func TestTextStrings(t *testing.T) {
	for in, want := range map[string]string{"a(b)\\": `(a\(b\)\\)`, "č": "<FEFF010D>", "😀": "<FEFFD83DDE00>", "": "()"} {
		if got := textString(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
	if got, want := asciiURI("https://příklad.cz/a b"), "https://p%C5%99%C3%ADklad.cz/a%20b"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMetadataIsEscapedAndSaysTheSameTwice(t *testing.T) {
	m := Meta{Title: "A & <B>", Author: "Č", Lang: "cs", Identifier: "x", Producer: "Spolupis", Date: time.Date(2026, 2, 3, 4, 5, 6, 0, time.FixedZone("CET", 3600))}
	x := m.xmp()
	for _, want := range []string{"A &amp; &lt;B&gt;", "<xmp:CreateDate>2026-02-03T03:05:06+00:00<", "<pdfaid:part>2<", "<pdfaid:conformance>A<"} {
		if !bytes.Contains(x, []byte(want)) {
			t.Errorf("no %q in the XMP", want)
		}
	}
	if got, want := m.info(), "<</Title(A & <B>)/Author<FEFF010C>/CreationDate(D:20260203030506+00'00')/ModDate(D:20260203030506+00'00')/Producer(Spolupis)>>"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestNumbersAreShortAndPlain(t *testing.T) {
	for v, want := range map[float64]string{1: "1", 0.5: "0.5", -12.3456: "-12.346", 100: "100", 1e-9: "0"} {
		if got := string(appendNumber(nil, v)); got != want {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
}
