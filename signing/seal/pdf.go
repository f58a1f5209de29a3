package seal

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
)

// kind tells what a PDF value is.
type kind byte

const (
	isNull kind = iota
	isBool
	isNumber
	isText
	isName
	isArray
	isDict
	isRef
)

// value is one PDF value together with the place it stands at, so that a rewritten object can keep every byte it does not change.
type value struct {
	kind     kind
	from, to int    // span in the file
	n        int    // isNumber (integers only), isRef: object number
	s        []byte // isText decoded, isName without the slash
	keys     []string
	kids     []value // isArray: elements, isDict: values of keys
}

func (v value) get(key string) (value, bool) {
	for i, k := range v.keys {
		if k == key {
			return v.kids[i], true
		}
	}
	return value{}, false
}

func (v value) ref(key string) (int, bool) {
	x, ok := v.get(key)
	return x.n, ok && x.kind == isRef
}

// Limits on what a file may make us do. They are far above what package documents/render writes.
const (
	maxNesting   = 64
	maxKeys      = 512       // in one dictionary
	maxRevisions = 200       // one for each signature
	maxObjects   = 9_999_999 // ten digits of offsets are enough for no more
)

// parse reads one value at or after at. Comments are not expected inside objects and are refused.
func parse(b []byte, at, depth int) (value, error) {
	at = skipSpace(b, at)
	if at >= len(b) || depth > maxNesting {
		return value{}, fmt.Errorf("value at %d: %w", at, ErrFormat)
	}
	switch c := b[at]; {
	case c == '<' && at+1 < len(b) && b[at+1] == '<':
		return parseDict(b, at, depth)
	case c == '<':
		return parseHex(b, at)
	case c == '(':
		return parseLiteral(b, at)
	case c == '/':
		end := at + 1
		for end < len(b) && isRegular(b[end]) {
			end++
		}
		return value{kind: isName, from: at, to: end, s: b[at+1 : end]}, nil
	case c == '[':
		v := value{kind: isArray, from: at}
		for p := at + 1; ; {
			p = skipSpace(b, p)
			if p < len(b) && b[p] == ']' {
				v.to = p + 1
				return v, nil
			}
			kid, err := parse(b, p, depth+1)
			if err != nil {
				return value{}, err
			}
			v.kids = append(v.kids, kid)
			p = kid.to
		}
	default:
		return parseWord(b, at)
	}
}

func parseDict(b []byte, at, depth int) (value, error) {
	v := value{kind: isDict, from: at}
	for p := at + 2; ; {
		p = skipSpace(b, p)
		if bytes.HasPrefix(b[min(p, len(b)):], []byte(">>")) {
			v.to = p + 2
			return v, nil
		}
		key, err := parse(b, p, depth+1)
		if err != nil {
			return value{}, err
		}
		if _, twice := v.get(string(key.s)); key.kind != isName || twice || len(v.keys) == maxKeys {
			return value{}, fmt.Errorf("dictionary key at %d: %w", p, ErrFormat)
		}
		kid, err := parse(b, key.to, depth+1)
		if err != nil {
			return value{}, err
		}
		v.keys = append(v.keys, string(key.s))
		v.kids = append(v.kids, kid)
		p = kid.to
	}
}

func parseHex(b []byte, at int) (value, error) {
	end := bytes.IndexByte(b[at:], '>')
	if end < 0 {
		return value{}, fmt.Errorf("hex string at %d: %w", at, ErrFormat)
	}
	s, err := hex.DecodeString(string(b[at+1 : at+end]))
	if err != nil {
		return value{}, fmt.Errorf("hex string at %d: %w", at, ErrFormat)
	}
	return value{kind: isText, from: at, to: at + end + 1, s: s}, nil
}

func parseLiteral(b []byte, at int) (value, error) {
	var s []byte
	for p, open := at+1, 1; p < len(b); p++ {
		switch c := b[p]; c {
		case '\\':
			p++
			if p < len(b) {
				s = append(s, b[p]) // octal and line escapes are not written by us; a foreign one only loses its text
			}
		case '(':
			open++
			s = append(s, c)
		case ')':
			if open--; open == 0 {
				return value{kind: isText, from: at, to: p + 1, s: s}, nil
			}
			s = append(s, c)
		default:
			s = append(s, c)
		}
	}
	return value{}, fmt.Errorf("string at %d: %w", at, ErrFormat)
}

// parseWord reads a number, a reference "12 0 R" or a keyword.
func parseWord(b []byte, at int) (value, error) {
	word := func(p int) (string, int) {
		end := p
		for end < len(b) && isRegular(b[end]) {
			end++
		}
		return string(b[p:end]), end
	}
	w, end := word(at)
	switch w {
	case "":
		return value{}, fmt.Errorf("byte %q at %d: %w", b[at], at, ErrFormat)
	case "true", "false":
		return value{kind: isBool, from: at, to: end}, nil
	case "null":
		return value{from: at, to: end}, nil
	}
	n, err := strconv.Atoi(w)
	if err != nil {
		if _, err := strconv.ParseFloat(w, 64); err != nil {
			return value{}, fmt.Errorf("word %q at %d: %w", w, at, ErrFormat)
		}
		return value{kind: isNumber, from: at, to: end, n: -1}, nil
	}
	if gen, p := word(skipSpace(b, end)); gen == "0" && n >= 0 {
		if r, p := word(skipSpace(b, p)); r == "R" {
			return value{kind: isRef, from: at, to: p, n: n}, nil
		}
	}
	return value{kind: isNumber, from: at, to: end, n: n}, nil
}

func skipSpace(b []byte, at int) int {
	for at < len(b) && isSpace(b[at]) {
		at++
	}
	return at
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0
}

func isRegular(c byte) bool { return !isSpace(c) && bytes.IndexByte([]byte("()<>[]{}/%"), c) < 0 }

// section is one cross-reference table: one revision of the file.
type section struct {
	xref    int         // offset of "xref"
	end     int         // offset after "%%EOF\n"
	at      map[int]int // object number → offset, -1 for freed ones
	trailer value
}

// file is a PDF with classic cross-reference tables, newest section first.
type file struct {
	b        []byte
	sections []section
}

// read follows the chain of cross-reference tables. Every table must belong to a complete revision that ends in its own
// startxref and "%%EOF\n", and the newest must end with the file.
func read(b []byte) (*file, error) {
	if !bytes.HasPrefix(b, []byte("%PDF-1.")) || !bytes.HasSuffix(b, []byte("\n%%EOF\n")) {
		return nil, fmt.Errorf("head or tail of the file: %w", ErrUnsupported)
	}
	tail := b[:len(b)-len("\n%%EOF\n")]
	line := bytes.LastIndexByte(tail, '\n')
	x, err := strconv.Atoi(string(tail[line+1:]))
	if err != nil || x < 0 {
		return nil, fmt.Errorf("startxref: %w", ErrFormat)
	}
	f := &file{b: b}
	for {
		s, err := readSection(b, x)
		if err != nil {
			return nil, err
		}
		if len(f.sections) == 0 && s.end != len(b) {
			return nil, fmt.Errorf("bytes after the last revision: %w", ErrFormat)
		}
		if n := len(f.sections); n > 0 && s.end > f.sections[n-1].xref {
			return nil, fmt.Errorf("revisions overlap: %w", ErrFormat)
		}
		f.sections = append(f.sections, s)
		prev, ok := s.trailer.get("Prev")
		if !ok {
			return f, nil
		}
		if prev.kind != isNumber || prev.n < 0 || prev.n >= x || len(f.sections) > maxRevisions {
			return nil, fmt.Errorf("chain of revisions: %w", ErrFormat)
		}
		x = prev.n
	}
}

func readSection(b []byte, x int) (section, error) {
	bad := func(what string) (section, error) {
		return section{}, fmt.Errorf("cross-reference table at %d: %s: %w", x, what, ErrFormat)
	}
	if x >= len(b) || !bytes.HasPrefix(b[x:], []byte("xref\n")) {
		return section{}, fmt.Errorf("no classic cross-reference table at %d: %w", x, ErrUnsupported)
	}
	s := section{xref: x, at: map[int]int{}}
	p := x + len("xref\n")
	for !bytes.HasPrefix(b[p:], []byte("trailer")) {
		if p >= len(b) {
			return bad("no trailer")
		}
		eol := bytes.IndexByte(b[p:], '\n')
		var first, count int
		if eol < 0 || eol > 32 {
			return bad("subsection")
		}
		if n, err := fmt.Sscanf(string(b[p:p+eol]), "%d %d", &first, &count); n != 2 || err != nil || first < 0 || count < 0 {
			return bad("subsection")
		}
		p += eol + 1
		if count > (len(b)-p)/20 {
			return bad("subsection")
		}
		for i := range count {
			e := b[p : p+20]
			off, err := strconv.Atoi(string(e[:10]))
			if err != nil || off < 0 || off >= len(b) || e[10] != ' ' || e[16] != ' ' {
				return bad("entry")
			}
			if _, twice := s.at[first+i]; twice {
				return bad("object listed twice")
			}
			if s.at[first+i] = off; e[17] != 'n' {
				s.at[first+i] = -1
			}
			p += 20
		}
	}
	var err error
	if s.trailer, err = parse(b, p+len("trailer"), 0); err != nil || s.trailer.kind != isDict {
		return bad("trailer")
	}
	for _, key := range []string{"Encrypt", "XRefStm"} {
		if _, ok := s.trailer.get(key); ok {
			return section{}, fmt.Errorf("trailer with %s: %w", key, ErrUnsupported)
		}
	}
	rest := fmt.Sprintf("\nstartxref\n%d\n%%%%EOF\n", x)
	if !bytes.HasPrefix(b[s.trailer.to:], []byte(rest)) {
		return bad("end of revision")
	}
	s.end = s.trailer.to + len(rest)
	return s, nil
}

// object returns the newest value of object n.
func (f *file) object(n int) (value, error) {
	for _, s := range f.sections {
		off, ok := s.at[n]
		if !ok {
			continue
		}
		head := []byte(strconv.Itoa(n) + " 0 obj")
		if off < 0 || off >= s.xref || !bytes.HasPrefix(f.b[off:], head) {
			return value{}, fmt.Errorf("object %d: %w", n, ErrFormat)
		}
		return parse(f.b, off+len(head), 0)
	}
	return value{}, fmt.Errorf("object %d is missing: %w", n, ErrFormat)
}

// resolve follows one reference.
func (f *file) resolve(v value) (value, error) {
	if v.kind != isRef {
		return v, nil
	}
	return f.object(v.n)
}

func (f *file) raw(v value) string { return string(f.b[v.from:v.to]) }

// firstPage returns the number and value of the first page.
func (f *file) firstPage(catalog value) (int, value, error) {
	n, ok := catalog.ref("Pages")
	for range maxNesting {
		if !ok {
			break
		}
		node, err := f.object(n)
		if err != nil {
			return 0, value{}, err
		}
		kids, inner := node.get("Kids")
		if !inner {
			return n, node, nil
		}
		if kids, err = f.resolve(kids); err != nil {
			return 0, value{}, err
		}
		if ok = len(kids.kids) > 0 && kids.kids[0].kind == isRef; ok {
			n = kids.kids[0].n
		}
	}
	return 0, value{}, fmt.Errorf("page tree: %w", ErrFormat)
}
