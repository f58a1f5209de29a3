package seal_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"spolupis/documents/body"
	"spolupis/documents/render"
	"spolupis/signing/seal"
)

// TestTheDocumentsWeFreezeCanBeSigned signs what package render really writes, twice, and shows the result to other tools.
func TestTheDocumentsWeFreezeCanBeSigned(t *testing.T) {
	md, err := os.ReadFile(filepath.Join("testdata", "material.md"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := body.Parse(md)
	if err != nil {
		t.Fatal(err)
	}
	base, err := render.PDF(b, render.PDFMeta{Title: "Poskytnutí dotace", Number: "KUKV 12/2026", Version: 4, Lang: "cs", Date: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	one := sign(t, base, field(1), jana(), seal.P256, nil).pdf
	two := sign(t, one, field(2), jana(), seal.P256, nil).pdf
	if r := validate(two, base); r.Indication != seal.Passed || len(r.Signatures) != 2 {
		t.Fatalf("got %+v", r)
	}
	crossCheck(t, two, 2)
}
