package render

import (
	"compress/zlib"
	"encoding/hex"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

// reader reads the text of our own files through structure tree, marked content and character maps, from the bytes alone.
// poppler does the same and is asked once; its time grows with the square of a page's content.
type reader struct {
	t       *testing.T
	objects map[string]string
	pages   map[string]map[int]string // page object -> marked content -> text
}

var (
	reObject = regexp.MustCompile(`(?s)\n(\d+) 0 obj\n(.*?)\nendobj\n`)
	reStream = regexp.MustCompile(`(?s)^<<(.*?)>>\nstream\n(.*)\nendstream$`)
	reMarked = regexp.MustCompile(`<</MCID (\d+)`)
	reShow   = regexp.MustCompile(`^BT /F(\d+) .* <([0-9A-F]*)> Tj ET$`)
	reFont   = regexp.MustCompile(`/F(\d+) (\d+) 0 R`)
	reMap    = regexp.MustCompile(`<([0-9A-F]{4})> <([0-9A-F]+)>\n`)
	reKid    = regexp.MustCompile(`<</Type/MCR/Pg (\d+) 0 R /MCID (\d+)>>|<</Type/OBJR[^>]*>>|(\d+) 0 R `)
	reElem   = regexp.MustCompile(`^<</Type/StructElem/S/(\w+)/P \d+ 0 R (?:/A<<.*?>>)?(?:/ActualText(\((?:.*?[^\\])?\)|<[0-9A-F]+>))?/K\[(.*)\]>>$`)
)

// readPDF returns the text of a PDF in the order of its structure, without labels of list items.
func readPDF(t *testing.T, pdf []byte) string {
	t.Helper()
	r := &reader{t: t, objects: map[string]string{}, pages: map[string]map[int]string{}}
	for _, m := range reObject.FindAllStringSubmatch(strings.ReplaceAll(string(pdf), "endobj\n", "endobj\n\n"), -1) {
		r.objects[m[1]] = m[2]
	}
	for n, o := range r.objects {
		if strings.HasPrefix(o, "<</Type/Page/") {
			r.page(n, o)
		}
	}
	var s strings.Builder
	root := regexp.MustCompile(`/K (\d+) 0 R`).FindStringSubmatch(r.objects["6"])
	r.element(root[1], &s)
	return s.String()
}

func (r *reader) stream(n string) string {
	m := reStream.FindStringSubmatch(r.objects[n])
	if m == nil {
		r.t.Fatalf("object %s is no stream", n)
	}
	z, err := zlib.NewReader(strings.NewReader(m[2]))
	if err != nil {
		r.t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

func (r *reader) page(n, o string) {
	fonts := map[string]map[string]string{}
	for _, f := range reFont.FindAllStringSubmatch(o, -1) {
		to := regexp.MustCompile(`/ToUnicode (\d+)`).FindStringSubmatch(r.objects[f[2]])
		fonts[f[1]] = map[string]string{}
		for _, m := range reMap.FindAllStringSubmatch(r.stream(to[1]), -1) {
			fonts[f[1]][m[1]] = fromUTF16(m[2])
		}
	}
	r.pages[n] = map[int]string{}
	content := regexp.MustCompile(`/Contents (\d+)`).FindStringSubmatch(o)
	open := -1
	for line := range strings.Lines(r.stream(content[1])) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasSuffix(line, "BDC"):
			open, _ = strconv.Atoi(reMarked.FindStringSubmatch(line)[1])
		case line == "EMC":
			open = -1
		}
		if m := reShow.FindStringSubmatch(line); m != nil && open >= 0 {
			for i := 0; i < len(m[2]); i += 4 {
				c, ok := fonts[m[1]][m[2][i:i+4]]
				if !ok {
					r.t.Errorf("code %s of font F%s has no text", m[2][i:i+4], m[1])
				}
				r.pages[n][open] += c
			}
		}
	}
}

func (r *reader) element(n string, s *strings.Builder) {
	m := reElem.FindStringSubmatch(r.objects[n])
	switch {
	case m == nil:
		r.t.Fatalf("object %s is no element: %.200s", n, r.objects[n])
	case m[1] == "Lbl":
		return
	case m[2] != "":
		s.WriteString(textOf(m[2]))
		return
	}
	for _, k := range reKid.FindAllStringSubmatch(m[3], -1) {
		switch {
		case k[1] != "":
			id, _ := strconv.Atoi(k[2])
			s.WriteString(r.pages[k[1]][id])
		case k[3] != "":
			r.element(k[3], s)
		}
	}
}

func textOf(s string) string {
	if s[0] == '(' {
		return strings.NewReplacer(`\\`, `\`, `\(`, "(", `\)`, ")").Replace(s[1 : len(s)-1])
	}
	return strings.TrimPrefix(fromUTF16(s[1:len(s)-1]), "\ufeff")
}

func fromUTF16(h string) string {
	b, _ := hex.DecodeString(h)
	var u []uint16
	for i := 0; i+1 < len(b); i += 2 {
		u = append(u, uint16(b[i])<<8|uint16(b[i+1]))
	}
	return string(utf16.Decode(u))
}

// sameText compares what a reader gets with the text of the body; white space at line ends is the page's affair.
func sameText(t *testing.T, what, got, want string) {
	t.Helper()
	got, want = squeeze(got), squeeze(want)
	if got == want {
		return
	}
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	t.Errorf("%s: text differs at byte %d: got %q, want %q", what, i, got[i:min(i+60, len(got))], want[i:min(i+60, len(want))])
}
