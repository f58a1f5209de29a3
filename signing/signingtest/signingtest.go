// Package signingtest stands in for package documents in tests of signing and its pages.
package signingtest

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"spolupis/security/fault"
	"spolupis/signing"
)

// Documents is a signing.Documents in memory. The zero value is empty.
type Documents struct {
	mu       sync.Mutex
	versions map[signing.VersionID]signing.VersionInfo
}

// Version returns a version that was put.
func (d *Documents) Version(_ context.Context, id signing.VersionID) (signing.VersionInfo, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, ok := d.versions[id]
	if !ok {
		return v, fault.New(fault.NotFound, "documents.fault.version")
	}
	for _, w := range d.versions {
		if w.Material == v.Material {
			v.Latest = max(v.Latest, w.Number)
		}
	}
	return v, nil
}

// PDF returns the same small PDF for a version every time.
func (d *Documents) PDF(ctx context.Context, id signing.VersionID) ([]byte, error) {
	v, err := d.Version(ctx, id)
	if err != nil {
		return nil, err
	}
	return Paper(fmt.Sprintf("%s %d", v.Material, v.Number)), nil
}

// Changes says three for any two versions.
func (d *Documents) Changes(context.Context, signing.VersionID, signing.VersionID) (int, error) {
	return 3, nil
}

// Put adds a version, or replaces one, and names it when it has no name.
func (d *Documents) Put(v signing.VersionInfo) signing.VersionID {
	d.mu.Lock()
	defer d.mu.Unlock()
	if v.ID == "" {
		v.ID = signing.VersionID(fmt.Sprintf("%s-v%d", v.Material, v.Number))
	}
	if d.versions == nil {
		d.versions = map[signing.VersionID]signing.VersionInfo{}
	}
	d.versions[v.ID] = v
	return v.ID
}

// Paper is a small PDF of the kind package documents/render writes: classic cross-reference table, form and annotations in objects.
func Paper(text string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n%\xE2\xE3\xCF\xD3\n")
	content := "BT /F0 12 Tf 72 700 Td (" + text + ") Tj ET"
	objects := []string{
		"<</Type/Catalog/Pages 2 0 R/AcroForm 4 0 R/Lang(cs)>>", "<</Type/Pages/Count 1/Kids[3 0 R]>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595.2 841.9]/Contents 6 0 R/Resources<</Font<</F0 7 0 R>>>>/Annots 5 0 R>>",
		"<</Fields[]/SigFlags 0>>", "[]", fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(content), content),
		"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>", "<</Title(Material)>>",
	}
	xref := "0000000000 65535 f \n"
	for i, o := range objects {
		xref += fmt.Sprintf("%010d 00000 n \n", b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	fmt.Fprintf(&b, "xref\n0 %d\n%strailer\n<</Size %d/Root 1 0 R/Info 8 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, xref, len(objects)+1, b.Len())
	return b.Bytes()
}
