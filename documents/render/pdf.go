package render

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"spolupis/documents/body"
	"spolupis/documents/render/pdfa"
)

// Renderer is the version of the drawing itself: margins, sizes, line breaking. It changes when the same Markdown would be
// drawn otherwise.
const Renderer = "spolupis-render/1"

// ErrOtherText says that the hash the caller gave is not that of the body's canonical Markdown.
var ErrOtherText = errors.New("the hash belongs to another text")

// PDFMeta is what stands around the text.
type PDFMeta struct {
	Title   string // of the material; when empty, its first heading
	Number  string // reference number (č. j.), may be empty
	Version int    // from 1; 0 = a draft, no version is printed
	// SHA256 is the lower-case hex hash of the canonical Markdown. It is computed when empty and checked when not.
	SHA256 string
	Author string // who froze it, for the metadata only
	Lang   string // of the text and of the foot: "cs" (default) or "en"
	Date   time.Time
	// After is drawn behind the text and is no part of its hash, such as the list of a version's attachments.
	After body.Body
	// Landscape lays the pages across, for wide tables.
	Landscape bool
}

// Meta is PDFMeta.
type Meta = PDFMeta

// label names the version in the foot.
func (m Meta) label() string {
	var parts []string
	if m.Number != "" {
		parts = append(parts, m.Number)
	}
	if m.Version > 0 {
		parts = append(parts, fmt.Sprintf(labelsOf(m.Lang).version, m.Version))
	}
	return strings.Join(parts, " · ")
}

// identifier goes into dc:identifier and binds the file to number, version and text.
func (m Meta) identifier() string {
	return strings.TrimSpace(fmt.Sprintf("%s v%d sha256:%s", m.Number, m.Version, m.SHA256))
}

// PDF draws b as PDF/A-2a; the bytes are as pdfa.Layout promises, ready to be signed by appending. Errors: ErrOtherText and
// those of body.Markdown. The same arguments give the same bytes; still, store them and do not draw again to compare.
func PDF(b body.Body, m PDFMeta) ([]byte, error) {
	md, err := body.Markdown(b)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(md)
	hash := hex.EncodeToString(sum[:])
	if m.SHA256 != "" && m.SHA256 != hash {
		return nil, fmt.Errorf("draw %s: %w", m.label(), ErrOtherText)
	}
	m.SHA256 = hash
	text := body.Reread(md)
	if len(m.After.Blocks) > 0 {
		text.Blocks = append(text.Blocks, m.After.Canonical().Blocks...)
	}
	return compose(text, m, 0), nil
}

// compose lays a canonical body out. twin is for tests (pdfa.Meta.Twin).
func compose(b body.Body, m Meta, twin int) []byte {
	if m.Lang == "" {
		m.Lang = "cs"
	}
	if m.Title = body.Clean(m.Title); m.Title == "" {
		m.Title = b.Title()
	}
	if m.Title == "" {
		m.Title = m.identifier()
	}
	m.Title, m.Number, m.Author = clip(m.Title), clip(body.Clean(m.Number)), clip(body.Clean(m.Author))
	f := newFlow(pdfa.Meta{Title: m.Title, Author: m.Author, Lang: m.Lang, Identifier: m.identifier(), Producer: "Spolupis", Date: m.Date, Landscape: m.Landscape, Twin: twin})
	d := &drawing{flow: f, body: b, numbers: b.Numbers()}
	d.blocks()
	f.furniture(m)
	return f.doc.Bytes()
}

// clip shortens what goes into metadata and bookmarks to what a string may hold.
func clip(s string) string {
	if rs := []rune(s); len(rs) > maxString {
		return string(rs[:maxString-1]) + "…"
	}
	return s
}

// RenderProfile says by which rules and fonts a frozen PDF was made; it is part of the manifest of a version.
type RenderProfile struct {
	Markdown string            `json:"markdown"`
	Renderer string            `json:"renderer"`
	PDF      string            `json:"pdf"`
	Fonts    map[string]string `json:"fonts"` // SHA-256 of each font file by name
}

// Profile is the profile of this program.
func Profile() RenderProfile {
	return RenderProfile{Markdown: body.Format, Renderer: Renderer, PDF: pdfa.Layout, Fonts: maps.Clone(loaded().hashes)}
}
