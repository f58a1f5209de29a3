package office

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"strings"
	"unicode/utf8"
)

// container is the file as a ZIP of parts (ECMA-376 part 2), checked before anything is unpacked.
type container struct {
	parts    map[string]*zip.File // by lower-case name: part names do not tell case apart (part 2, 6.2.2.3)
	types    map[string]string    // lower-case part name -> content type
	defaults map[string]string    // lower-case extension -> content type
	budget   budget
}

// budget is what may still be spent on one file; shared by all its parts.
type budget struct {
	bytes    int
	elements int
}

var (
	oleMagic = []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
	zipMagic = []byte("PK\x03\x04")
)

// IsZip reports whether a file begins as a .docx does, or as the older .doc, which Read refuses by name.
func IsZip(file []byte) bool {
	return bytes.HasPrefix(file, zipMagic) || bytes.HasPrefix(file, oleMagic)
}

// unpack checks the directory of the ZIP and reads the content types.
func unpack(file []byte) (*container, error) {
	switch {
	case len(file) > MaxFile:
		return nil, refuse("size", "", MaxFile>>20, "%d bytes; at most %d are taken", len(file), MaxFile)
	case bytes.HasPrefix(file, oleMagic): // also what Word makes of a .docx with a password
		return nil, refuse("old", "", 0, "an OLE file: an old .doc, or encrypted with a password")
	case !bytes.HasPrefix(file, zipMagic):
		return nil, refuse("format", "", 0, "not a ZIP file")
	}
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, refuse("damaged", "", 0, "%v", err)
	}
	c := &container{parts: map[string]*zip.File{}, types: map[string]string{}, defaults: map[string]string{}, budget: budget{MaxRead, MaxElements}}
	if err := c.directory(z.File, len(file)); err != nil {
		return nil, err
	}
	if err := c.contentTypes(); err != nil {
		return nil, err
	}
	return c, c.harmless()
}

// directory checks every entry by what the file says of it. What is read later is measured again.
func (c *container) directory(entries []*zip.File, size int) error {
	if len(entries) > MaxParts {
		return refuse("parts", "", MaxParts, "%d parts", len(entries))
	}
	var packed, unpacked uint64
	for _, f := range entries {
		key := strings.ToLower(f.Name)
		switch {
		case !properName(f.Name):
			return refuse("name", f.Name, 0, "a name that leads out of the file or cannot be one")
		case c.parts[key] != nil:
			return refuse("duplicate", f.Name, 0, "there twice")
		case f.Flags&1 != 0:
			return refuse("encrypted", f.Name, 0, "encrypted")
		case f.Method != zip.Store && f.Method != zip.Deflate:
			return refuse("method", f.Name, 0, "packed by method %d", f.Method)
		case f.UncompressedSize64 > MaxUnpacked:
			return refuse("unpacked", f.Name, MaxUnpacked>>20, "%d bytes unpacked", f.UncompressedSize64)
		case f.UncompressedSize64 >= minRatio && f.UncompressedSize64/MaxRatio > f.CompressedSize64:
			return refuse("ratio", f.Name, MaxRatio, "%d bytes unpack to %d", f.CompressedSize64, f.UncompressedSize64)
		}
		packed += min(f.CompressedSize64, MaxUnpacked)
		if unpacked += f.UncompressedSize64; unpacked > MaxUnpacked {
			return refuse("unpacked", f.Name, MaxUnpacked>>20, "all parts together have more than %d bytes", MaxUnpacked)
		}
		if packed > uint64(size) { // parts share their bytes: the trick of the flat zip bomb
			return refuse("overlap", f.Name, 0, "parts overlap")
		}
		c.parts[key] = f
	}
	return nil
}

// properName reports whether a name stays inside the file on every system.
func properName(name string) bool {
	if name == "" || len(name) > MaxName || !utf8.ValidString(name) || strings.ContainsAny(name, "\\:") || strings.HasPrefix(name, "/") {
		return false
	}
	for _, step := range strings.Split(strings.TrimSuffix(name, "/"), "/") {
		if step == "" || step == "." || step == ".." {
			return false
		}
	}
	return !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func (c *container) has(name string) bool { return c.parts[strings.ToLower(name)] != nil }

// read unpacks one part, never more of it than is allowed whatever the directory says.
func (c *container) read(name string) ([]byte, error) {
	f := c.parts[strings.ToLower(name)]
	if f == nil {
		return nil, refuse("missing", name, 0, "not there")
	}
	limit := min(MaxPart, c.budget.bytes)
	if f.UncompressedSize64 > uint64(limit) {
		return nil, refuse("unpacked", name, MaxPart>>20, "%d bytes", f.UncompressedSize64)
	}
	r, err := f.Open()
	if err != nil {
		return nil, refuse("damaged", name, 0, "%v", err)
	}
	defer r.Close()
	size := int(f.UncompressedSize64)
	b := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	_, err = b.ReadFrom(io.LimitReader(r, int64(size)+1))
	switch {
	case b.Len() > size:
		return nil, refuse("damaged", name, 0, "more than the %d bytes it should have", size)
	case err != nil:
		return nil, refuse("damaged", name, 0, "%v", err)
	}
	c.budget.bytes -= b.Len()
	return b.Bytes(), nil
}

// open reads a part as XML.
func (c *container) open(name string) (*part, error) {
	b, err := c.read(name)
	if err != nil {
		return nil, err
	}
	return newPart(name, b, &c.budget)
}

const typesPart = "[Content_Types].xml"

func (c *container) contentTypes() error {
	if !c.has(typesPart) {
		return refuse("format", typesPart, 0, "not there: not an Office file")
	}
	p, err := c.open(typesPart)
	if err != nil {
		return err
	}
	return p.walk(func(e *xml.StartElement) {
		switch e.Name.Local {
		case "Default":
			c.defaults[strings.ToLower(plainAttr(e, "Extension"))] = strings.ToLower(plainAttr(e, "ContentType"))
		case "Override":
			c.types[strings.ToLower(strings.TrimPrefix(plainAttr(e, "PartName"), "/"))] = strings.ToLower(plainAttr(e, "ContentType"))
		}
	})
}

func (c *container) typeOf(name string) string {
	name = strings.ToLower(name)
	if t := c.types[name]; t != "" {
		return t
	}
	return c.defaults[strings.TrimPrefix(path.Ext(name), ".")]
}

// harmless refuses files with programs in them, and those that point outside.
func (c *container) harmless() error {
	for _, name := range sortedKeys(c.parts) {
		f := c.parts[name]
		kind, base := c.typeOf(name), path.Base(name)
		if strings.HasPrefix(base, "vbaproject") || strings.HasPrefix(base, "vbadata") || strings.Contains(kind, "macroenabled") || strings.Contains(kind, "vbaproject") ||
			strings.Contains(kind, "vbadata") || strings.Contains(kind, "activex") || strings.Contains(name, "/activex/") {
			return refuse("macro", f.Name, 0, "a program (macro or ActiveX)")
		}
	}
	for _, part := range sortedKeys(c.types) {
		if strings.Contains(c.types[part], "macroenabled") {
			return refuse("macro", part, 0, "the type of a document with macros")
		}
	}
	for _, name := range sortedKeys(c.parts) {
		if strings.HasSuffix(name, ".rels") {
			if _, err := c.relations(c.parts[name].Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// relation is one arrow from a part to another, or to an address outside (part 2, 6.5).
type relation struct {
	kind     string // the last step of its type, such as "hyperlink"
	target   string
	external bool
}

// relations reads a .rels part and refuses what leads outside and is no hyperlink.
func (c *container) relations(name string) (map[string]relation, error) {
	p, err := c.open(name)
	if err != nil {
		return nil, err
	}
	out := map[string]relation{}
	var bad error
	err = p.walk(func(e *xml.StartElement) {
		if e.Name.Local != "Relationship" || bad != nil {
			return
		}
		r := relation{kind: path.Base(plainAttr(e, "Type")), target: plainAttr(e, "Target"), external: strings.EqualFold(plainAttr(e, "TargetMode"), "External")}
		if !r.external && (strings.Contains(r.target, "://") || strings.HasPrefix(r.target, "//") || strings.ContainsRune(r.target, '\\')) {
			r.external = true
		}
		if r.external && r.kind != "hyperlink" {
			bad = refuse("external", name, 0, "%s outside the file: %s", r.kind, shown(r.target))
			return
		}
		out[plainAttr(e, "Id")] = r
	})
	if err == nil {
		err = bad
	}
	return out, err
}

// of returns the relations of a part, none when it has no .rels.
func (c *container) of(part string) (map[string]relation, error) {
	dir, base := path.Split(part)
	name := dir + "_rels/" + base + ".rels"
	if !c.has(name) {
		return map[string]relation{}, nil
	}
	return c.relations(name)
}

// target is the part a relation of another part leads to.
func target(from string, r relation) string {
	if strings.HasPrefix(r.target, "/") {
		return strings.TrimPrefix(path.Clean(r.target), "/")
	}
	return strings.TrimPrefix(path.Join("/", path.Dir(from), r.target), "/")
}

// only is the one part that a part has a relation of a kind to, "" when there is none.
func (c *container) only(from string, rels map[string]relation, kind string) (string, error) {
	name := ""
	for _, id := range sortedKeys(rels) {
		if r := rels[id]; r.kind == kind {
			t := target(from, r)
			if name != "" && name != t {
				return "", refuse("duplicate", t, 0, "a second part of kind %s", kind)
			}
			name = t
		}
	}
	if name != "" && !c.has(name) {
		return "", refuse("missing", name, 0, "named but not there")
	}
	return name, nil
}

const documentType = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"

// main finds the part with the text.
func (c *container) main() (string, error) {
	rels, err := c.of("")
	if err != nil {
		return "", err
	}
	name, err := c.only("", rels, "officeDocument")
	if err != nil {
		return "", err
	}
	if name == "" {
		return "", refuse("missing", "word/document.xml", 0, "no part is the document")
	}
	if t := c.typeOf(name); t != documentType {
		return "", refuse("kind", name, 0, "of type %q: no Word document", shown(t))
	}
	return name, nil
}
