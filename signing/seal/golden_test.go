package seal_test

import (
	"crypto/x509"
	"flag"
	"os"
	"testing"

	"spolupis/signing/seal"
)

var update = flag.Bool("update", false, "write a new golden file; the old one must then keep passing under another name")

// TestFilesSignedEarlierStillPass: the validator compares with what Prepare and Assemble write today. When this fails, somebody
// changed what they write, and every file signed before would fail with it: keep the old writer beside the new one.
func TestFilesSignedEarlierStillPass(t *testing.T) {
	if *update {
		pdf := sign(t, sign(t, paper("indirect", 1), field(1), jana(), seal.P256, nil).pdf, field(2), jana(), seal.P256, nil).pdf
		for name, b := range map[string][]byte{"testdata/2026-11.pdf": pdf, "testdata/2026-11.cer": theOffice().root.Cert.Raw} {
			if err := os.WriteFile(name, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	pdf, err := os.ReadFile("testdata/2026-11.pdf")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile("testdata/2026-11.cer")
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	r := seal.Validate(pdf, paper("indirect", 1), seal.Trust{Anchors: []seal.Anchor{{Cert: root, Class: seal.Test}}}, root.NotBefore.AddDate(9, 0, 0))
	if r.Indication != seal.Passed || len(r.Signatures) != 2 {
		t.Errorf("got %s %s: %s", r.Indication, r.Subindication, r.Detail)
	}
	r = seal.Validate(pdf, nil, seal.Trust{Anchors: []seal.Anchor{{Cert: root, Class: seal.Test}}}, root.NotBefore.AddDate(11, 0, 0))
	if r.Indication != seal.Indeterminate || r.Subindication != seal.OutOfBounds {
		t.Errorf("after the time stamp's certificate expired: got %s %s", r.Indication, r.Subindication)
	}
}
