package office

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// spaces gives the namespaces we read a short name each. Word's strict form (ECMA-376 part 1) and the transitional one that everybody writes
// (part 4) differ in nothing else that matters here.
var spaces = map[string]string{
	"http://schemas.openxmlformats.org/wordprocessingml/2006/main":           "w",
	"http://purl.oclc.org/ooxml/wordprocessingml/main":                       "w",
	"http://schemas.openxmlformats.org/officeDocument/2006/relationships":    "r",
	"http://purl.oclc.org/ooxml/officeDocument/relationships":                "r",
	"http://schemas.openxmlformats.org/markup-compatibility/2006":            "mc",
	"http://schemas.microsoft.com/office/word/2010/wordml":                   "w14",
	"http://schemas.microsoft.com/office/word/2012/wordml":                   "w15",
	"http://schemas.openxmlformats.org/officeDocument/2006/math":             "m",
	"http://purl.oclc.org/ooxml/officeDocument/math":                         "m",
	"http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing": "wp",
	"http://purl.oclc.org/ooxml/drawingml/wordprocessingDrawing":             "wp",
	"http://schemas.openxmlformats.org/drawingml/2006/main":                  "a",
	"http://schemas.openxmlformats.org/drawingml/2006/chart":                 "c",
	"urn:schemas-microsoft-com:vml":                                          "v",
	"urn:schemas-microsoft-com:office:office":                                "o",
}

// part is one part of the file, read as a stream of elements within the limits.
type part struct {
	name  string
	dec   *xml.Decoder
	depth int
}

func newPart(name string, b []byte, left *budget) (*part, error) {
	if len(b) > 1 && (b[0] == 0xff && b[1] == 0xfe || b[0] == 0xfe && b[1] == 0xff || b[0] == 0 || b[1] == 0) {
		return nil, refuse("charset", name, 0, "not UTF-8")
	}
	elements, err := scan(name, b)
	if err != nil {
		return nil, err
	}
	if left.elements -= elements; left.elements < 0 {
		return nil, refuse("elements", name, MaxElements, "more than %d elements", MaxElements)
	}
	p := &part{name: name, dec: xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff"))))}
	p.dec.CharsetReader = func(label string, _ io.Reader) (io.Reader, error) {
		return nil, refuse("charset", name, 0, "in %s, not UTF-8", shown(label))
	}
	return p, nil
}

// scan measures the part before any parser runs, and counts its elements: a tag of a million attributes, or a comment of megabytes, is taken into
// memory whole and at many times its size. A "<" cannot stand in an attribute, so a tag ends before the next one.
func scan(name string, b []byte) (elements int, err error) {
	for len(b) > 0 {
		begins, ends := "<", "<"
		for _, k := range [][2]string{{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}} {
			if bytes.HasPrefix(b, []byte(k[0])) {
				begins, ends = k[0], k[1]
			}
		}
		n := bytes.Index(b[min(len(begins), len(b)):], []byte(ends))
		if n < 0 {
			n = len(b)
		}
		if n > MaxStretch {
			return 0, refuse("stretch", name, MaxStretch>>10, "%d bytes from one tag to the next", n)
		}
		if begins == "<" && len(b) > 1 && b[0] == '<' && b[1] != '/' {
			elements++
		}
		b = b[min(len(begins)+n, len(b)):]
	}
	return elements, nil
}

// token is the next start, end or text. A document type declaration is refused whatever is in it: nothing of ours needs one, and
// it is where entities come from.
func (p *part) token() (xml.Token, error) {
	for {
		t, err := p.dec.Token()
		if err != nil {
			return nil, p.broken(err)
		}
		switch t := t.(type) {
		case xml.Directive:
			return nil, refuse("doctype", p.name, 0, "a document type declaration")
		case xml.StartElement:
			if p.depth++; p.depth > MaxDepth {
				return nil, refuse("depth", p.name, MaxDepth, "elements more than %d deep", MaxDepth)
			}
			return t, nil
		case xml.EndElement:
			p.depth--
			return t, nil
		case xml.CharData:
			return t, nil
		}
	}
}

func (p *part) broken(err error) error {
	if errors.Is(err, io.EOF) {
		return err
	}
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	return refuse("xml", p.name, 0, "%v", err)
}

// root returns the first element.
func (p *part) root() (*xml.StartElement, error) {
	for {
		t, err := p.token()
		if errors.Is(err, io.EOF) {
			return nil, refuse("xml", p.name, 0, "empty")
		} else if err != nil {
			return nil, err
		}
		if e, ok := t.(xml.StartElement); ok {
			return &e, nil
		}
	}
}

// children calls do with each element inside the one just opened, and consumes its end. Do must consume the element it gets.
func (p *part) children(do func(e *xml.StartElement) error) error {
	return p.content(do, nil)
}

// content is children with the text in between.
func (p *part) content(do func(e *xml.StartElement) error, text func(string)) error {
	for {
		t, err := p.token()
		if errors.Is(err, io.EOF) {
			return refuse("xml", p.name, 0, "ends in the middle")
		} else if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if err := do(&t); err != nil {
				return err
			}
		case xml.CharData:
			if text != nil {
				text(string(t))
			}
		case xml.EndElement:
			return nil
		}
	}
}

// skip consumes the element just opened with all that is in it.
func (p *part) skip() error {
	for depth := 1; depth > 0; {
		t, err := p.token()
		if errors.Is(err, io.EOF) {
			return refuse("xml", p.name, 0, "ends in the middle")
		} else if err != nil {
			return err
		}
		switch t.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
	}
	return nil
}

// text consumes the element just opened and returns the characters in it.
func (p *part) text() (string, error) {
	var s strings.Builder
	err := p.content(func(*xml.StartElement) error { return p.skip() }, func(t string) { s.WriteString(t) })
	return s.String(), err
}

// walk calls do for every element of the part, however deep, and reads it to its end.
func (p *part) walk(do func(e *xml.StartElement)) error {
	if e, err := p.root(); err != nil {
		return err
	} else {
		do(e)
	}
	for {
		t, err := p.token()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if e, ok := t.(xml.StartElement); ok {
			do(&e)
		}
	}
}

// nameOf is the element's name with the short form of its namespace, such as "w:p"; "" when the namespace is none of ours.
func nameOf(e *xml.StartElement) string {
	if s, ok := spaces[e.Name.Space]; ok {
		return s + ":" + e.Name.Local
	}
	return ""
}

// attr is an attribute by its short name, such as "w:val".
func attr(e *xml.StartElement, short string) string {
	space, local, _ := strings.Cut(short, ":")
	for i := range e.Attr {
		if e.Attr[i].Name.Local == local && spaces[e.Attr[i].Name.Space] == space {
			return e.Attr[i].Value
		}
	}
	return ""
}

// plainAttr is an attribute without a namespace.
func plainAttr(e *xml.StartElement, local string) string {
	for i := range e.Attr {
		if e.Attr[i].Name.Local == local && e.Attr[i].Name.Space == "" {
			return e.Attr[i].Value
		}
	}
	return ""
}

func val(e *xml.StartElement) string { return attr(e, "w:val") }

// on reads a switch such as <w:b/> (part 1, 17.17.4): without a value it is on.
func on(e *xml.StartElement) bool {
	switch val(e) {
	case "0", "false", "off", "none":
		return false
	}
	return true
}

// number reads a whole number and keeps it within bounds; what is none is def.
func number(s string, def, low, high int) int {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		return def
	}
	return min(max(n, low), high)
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
