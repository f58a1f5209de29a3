package seal_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"math/big"
	mrand "math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"spolupis/signing/keys"
	"spolupis/signing/seal"
	"spolupis/signing/signingtest"
)

func validate(pdf, base []byte) seal.Report {
	return seal.Validate(pdf, base, theOffice().trust(), today)
}

func TestEveryKindOfKeyMakesASignatureThatPasses(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		alg seal.Algorithm
		key crypto.Signer
	}{{seal.P256, nil}, {seal.P384, p384Key()}, {seal.RSAPKCS1, rsaKey()}, {seal.RSAPSS, rsaKey()}, {seal.Ed25519, ed}} {
		t.Run(string(c.alg), func(t *testing.T) {
			base := paper("indirect", 1)
			m := sign(t, base, field(1), theOffice().signer(c.key), c.alg, nil)
			r := validate(m.pdf, base)
			if r.Indication != seal.Passed || len(r.Signatures) != 1 {
				t.Fatalf("got %+v", r)
			}
			s := r.Signatures[0]
			if s.Level != "B-T" || s.TimeSource != "tsa" || !s.At.Equal(today) || s.Signer != "Jana Nováková" || s.Algorithm != c.alg {
				t.Errorf("got %+v", s)
			}
			if s.Class != seal.Test || s.Qualified {
				t.Errorf("a test key gave class %q, qualified %v", s.Class, s.Qualified)
			}
			if !strings.Contains(must(x509.ParseCertificate(theOffice().tsa.Cert.Raw)).Subject.String(), keys.NotQualified) {
				t.Error("the certificate does not say that it is not qualified")
			}
		})
	}
}

func TestOnlyStrongKeysReadersKnowAreOffered(t *testing.T) {
	pub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if alg, err := seal.AlgorithmFor(pub); err == nil {
		t.Errorf("Ed25519 was offered as %s", alg)
	}
	if alg, err := seal.AlgorithmFor(rsaKey().Public()); err != nil || alg != seal.RSAPKCS1 {
		t.Errorf("RSA-3072: got %s, %v", alg, err)
	}
}

func TestManySignersKeepEveryEarlierByteOnEveryShapeOfDocument(t *testing.T) {
	for _, shape := range []string{"indirect", "direct", "bare"} {
		base := paper(shape, 3)
		pdf := base
		for i := 1; i <= 4; i++ {
			before := bytes.Clone(pdf)
			pdf = sign(t, pdf, field(i), jana(), seal.P256, nil).pdf
			if !bytes.HasPrefix(pdf, before) {
				t.Fatalf("%s: signature %d rewrote what was there", shape, i)
			}
		}
		r := validate(pdf, base)
		if r.Indication != seal.Passed || len(r.Signatures) != 4 || r.Signatures[3].Covers.Length != len(pdf) {
			t.Fatalf("%s: got %+v", shape, r)
		}
		crossCheck(t, pdf, 4)
	}
}

// crossCheck shows a file with n signatures to other programs.
func crossCheck(t *testing.T, pdf []byte, n int) {
	t.Helper()
	signingtest.CrossCheck(t, pdf, n, theOffice().root.Cert)
}

func TestOtherToolsAcceptEveryAlgorithmAndCanSayNo(t *testing.T) {
	for alg, key := range map[seal.Algorithm]crypto.Signer{seal.P256: nil, seal.P384: p384Key(), seal.RSAPKCS1: rsaKey(), seal.RSAPSS: rsaKey()} {
		m := sign(t, paper("indirect", 1), field(1), theOffice().signer(key), alg, nil)
		crossCheck(t, m.pdf, 1)
		p := signingtest.Parts(t, m.pdf)[0]
		p.Content[100] ^= 1
		if _, err := p.OpenSSL(t, signingtest.PEM(t, theOffice().root.Cert)); err == nil {
			t.Errorf("%s: openssl accepted a spoilt content", alg)
		}
	}
}

// TestAnyFlippedByteIsFound flips every bit of a file with two signatures under SPOLUPIS_DEEP=1 (three minutes on a quiet machine; give
// -timeout 60m on a busy one), a sample otherwise: bytes that are
// signed must fail, the bytes of the holes may also end as "not trusted", but nothing passes.
func TestAnyFlippedByteIsFound(t *testing.T) {
	base := paper("indirect", 1)
	pdf := sign(t, sign(t, base, field(1), jana(), seal.P256, nil).pdf, field(2), jana(), seal.P256, nil).pdf
	if r := validate(pdf, base); r.Indication != seal.Passed {
		t.Fatalf("before any flip: %+v", r)
	}
	deep := os.Getenv("SPOLUPIS_DEEP") == "1"
	rnd := mrand.New(mrand.NewPCG(1, uint64(len(pdf))))
	flipped := 0
	for i := range pdf {
		if !deep && rnd.IntN(40) != 0 {
			continue
		}
		for bit := range 8 {
			if !deep && bit != i%8 {
				continue
			}
			pdf[i] ^= 1 << bit
			flipped++
			r := validate(pdf, nil) // without the base: the file alone must give it away
			if r.Indication == seal.Passed {
				t.Fatalf("byte %d bit %d flipped and the file still passes", i, bit)
			}
			if !inAHole(pdf, i) && r.Indication != seal.Failed {
				t.Fatalf("byte %d bit %d is signed, flipped, and only %s", i, bit, r.Indication)
			}
			pdf[i] ^= 1 << bit
		}
	}
	t.Logf("%d flips in %d bytes, all found", flipped, len(pdf))
}

func inAHole(pdf []byte, i int) bool {
	for rest := 0; ; {
		k := bytes.Index(pdf[rest:], []byte("/Contents<"))
		if k < 0 {
			return false
		}
		from := rest + k + len("/Contents<")
		to := from + 2*(8<<10)
		if i >= from && i < to {
			return true
		}
		rest = from
	}
}

func TestAnAppendedPageReplacementFails(t *testing.T) {
	base := paper("indirect", 1)
	pdf := sign(t, base, field(1), jana(), seal.P256, nil).pdf
	shadow := appendObject(pdf, 7, "<</Length 34>>\nstream\nq 1 0 0 rg 100 400 300 200 re f Q\n\nendstream")
	out, _ := signingtest.Tool(t, "pdfsig", "-nocert", signingtest.File(t, "shadow.pdf", shadow))
	if !strings.Contains(out, "Signature is Valid") {
		t.Logf("pdfsig has learned to see it:\n%s", out)
	}
	for _, b := range [][]byte{base, nil} {
		if r := validate(shadow, b); r.Indication != seal.Failed || r.Signatures[0].Indication != seal.Failed {
			t.Errorf("got %+v", r)
		}
	}
	if _, err := seal.Prepare(shadow, field(2), seal.Room); err == nil {
		t.Error("a shadowed file can be signed on")
	}
}

// appendObject appends a revision that replaces one object, correct in form.
func appendObject(pdf []byte, n int, object string) []byte {
	prev := lastNumber(pdf, "startxref\n")
	at := len(pdf)
	out := append(bytes.Clone(pdf), fmt.Sprintf("%d 0 obj\n%s\nendobj\n", n, object)...)
	x := len(out)
	return append(out, fmt.Sprintf("xref\n%d 1\n%010d 00000 n \ntrailer\n<</Size %d/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n",
		n, at, lastNumber(pdf, "/Size "), prev, x)...)
}

func lastNumber(pdf []byte, after string) int {
	var n int
	fmt.Sscanf(string(pdf[bytes.LastIndex(pdf, []byte(after))+len(after):]), "%d", &n)
	return n
}

func TestWhatIsNotWhollyOursFails(t *testing.T) {
	base := paper("indirect", 1)
	one := sign(t, base, field(1), jana(), seal.P256, nil)
	two := sign(t, one.pdf, field(2), jana(), seal.P256, nil)
	other := must(keys.Local{Authority: theOffice().stamps}.Stamp(t.Context(), seal.Imprint([]byte("another signature"))))
	stranger := must(maker().Root("Cizí kořen"))
	mallory := must(maker().Signer(must(maker().Issuing(stranger, "Cizí")), "Jana Nováková", "p-jana", nil))
	expired := keys.Maker{Now: func() time.Time { return today.AddDate(-5, 0, 0) }, Random: rand.Reader}
	wrongStamp := theOffice().signer(nil)
	for _, c := range []struct {
		name string
		pdf  []byte
		want seal.Indication
		sub  seal.Subindication
	}{
		{"truncated by a byte", two.pdf[:len(two.pdf)-1], seal.Failed, seal.FormatFailure},
		{"truncated in the middle", two.pdf[:len(two.pdf)/2], seal.Failed, seal.FormatFailure},
		{"bytes appended", append(bytes.Clone(two.pdf), "\n%%EOF\n"...), seal.Failed, seal.FormatFailure},
		{"empty", nil, seal.Failed, seal.FormatFailure},
		{"not signed", base, seal.Indeterminate, seal.NotSigned},
		{"the same field name twice", sameName(t, one.pdf), seal.Failed, seal.FormatFailure},
		{"time stamp of another signature", sign(t, base, field(1), jana(), seal.P256, func(p *seal.Parts) { p.Token = other }).pdf, seal.Failed, seal.HashFailure},
		{"no time stamp", sign(t, base, field(1), jana(), seal.P256, func(p *seal.Parts) { p.Token = nil }).pdf, seal.Indeterminate, seal.ConstraintsFailure},
		{"signature value of another document", sign(t, base, field(1), jana(), seal.P256, func(p *seal.Parts) {
			p.Signature = one.signature
			p.Token = one.token
		}).pdf, seal.Passed, ""}, // the same document, the same attributes: the control for the next line
		{"signature of another revision", sign(t, one.pdf, field(2), jana(), seal.P256, func(p *seal.Parts) {
			p.Signature = one.signature
			p.Token = one.token
		}).pdf, seal.Failed, seal.CryptoFailure},
		{"an unknown issuer", sign(t, base, field(1), mallory, seal.P256, nil).pdf, seal.Indeterminate, seal.NoChain},
		{"certificate of another key", sign(t, base, field(1), keys.Pair{Cert: wrongStamp.Cert, Chain: wrongStamp.Chain, Key: jana().Key}, seal.P256, nil).pdf, seal.Failed, seal.CryptoFailure},
		{"a certificate that expired before", sign(t, base, field(1), must(expired.Signer(theOffice().issuing, "Jana", "p-jana", nil)), seal.P256, nil).pdf, seal.Indeterminate, seal.OutOfBounds},
		{"a certificate travelling along", sign(t, base, field(1), jana(), seal.P256, func(p *seal.Parts) { p.Chain = append(p.Chain, mallory.Cert) }).pdf, seal.Indeterminate, seal.NoChain},
		{"stamped with a signer's certificate", sign(t, base, field(1), jana(), seal.P256, func(p *seal.Parts) {
			fake := &seal.Authority{Cert: wrongStamp.Cert, Chain: wrongStamp.Chain, Key: wrongStamp.Key, Now: clock, Random: rand.Reader}
			p.Token = must(keys.Local{Authority: fake}.Stamp(t.Context(), seal.Imprint(p.Signature)))
		}).pdf, seal.Indeterminate, seal.ChainConstraints},
		{"stamped tomorrow", sign(t, base, field(1), jana(), seal.P256, func(p *seal.Parts) {
			late := *theOffice().stamps
			late.Now = func() time.Time { return today.Add(24 * time.Hour) }
			p.Token = must(keys.Local{Authority: &late}.Stamp(t.Context(), seal.Imprint(p.Signature)))
		}).pdf, seal.Indeterminate, seal.StampOrder},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := validate(c.pdf, nil)
			if r.Indication != c.want || r.Subindication != c.sub {
				t.Errorf("got %s %s (%s), want %s %s", r.Indication, r.Subindication, r.Detail, c.want, c.sub)
			}
		})
	}
	if r := validate(two.pdf, paper("indirect", 2)); r.Indication != seal.Failed || *r.BaseMatches {
		t.Errorf("another base: got %+v", r)
	}
}

// sameName signs once more under the name of the first field. Prepare refuses that, so the name is changed on the way.
func sameName(t *testing.T, pdf []byte) []byte {
	t.Helper()
	if _, err := seal.Prepare(pdf, field(1), seal.Room); err == nil {
		t.Fatal("a name can be used twice")
	}
	p := must(seal.Prepare(pdf, field(2), 8<<10))
	p.PDF = bytes.Replace(p.PDF, []byte("/T(Podpis2)"), []byte("/T(Podpis1)"), 1)
	alg := seal.P256
	attrs := seal.Attributes(p.Digest(alg.Hash()), jana().Cert)
	sig := must(jana().Key.Sign(rand.Reader, alg.Digest(attrs), alg.Options()))
	token := must(keys.Local{Authority: theOffice().stamps}.Stamp(t.Context(), seal.Imprint(sig)))
	out := must(p.Embed(seal.Assemble(seal.Parts{Algorithm: alg, Attributes: attrs, Signature: sig, Cert: jana().Cert, Chain: jana().Chain, Token: token})))
	if got, _ := signingtest.Tool(t, "pdfsig", "-nocert", signingtest.File(t, "twice.pdf", out)); strings.Count(got, "Signature is Valid") != 2 {
		t.Errorf("the file is not what it is meant to be: pdfsig\n%s", got)
	}
	return out
}

func TestRevocationCountsFromTheTrustedTime(t *testing.T) {
	base := paper("indirect", 1)
	pdf := sign(t, base, field(1), jana(), seal.P256, nil).pdf
	list := func(when time.Time) seal.Trust {
		raw := must(x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
			Number: big.NewInt(1), ThisUpdate: today.Add(time.Hour), NextUpdate: today.AddDate(0, 0, 7),
			RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: jana().Cert.SerialNumber, RevocationTime: when}},
		}, theOffice().issuing.Cert, theOffice().issuing.Key))
		trust := theOffice().trust()
		trust.CRLs = []*x509.RevocationList{must(x509.ParseRevocationList(raw))}
		return trust
	}
	later := today.Add(2 * time.Hour)
	if r := seal.Validate(pdf, base, list(today.Add(-time.Minute)), later); r.Subindication != seal.Revoked {
		t.Errorf("revoked before: got %s %s", r.Indication, r.Subindication)
	}
	if r := seal.Validate(pdf, base, list(today.Add(time.Minute)), later); r.Indication != seal.Passed || r.Signatures[0].Revocation != "good" {
		t.Errorf("revoked after: got %+v", r)
	}
	qualified := theOffice().trust()
	qualified.Anchors[0].Class = seal.QualifiedClass
	if r := seal.Validate(pdf, base, qualified, later); r.Subindication != seal.TryLater {
		t.Errorf("a class with legal effect passes without knowing about revocation: %+v", r)
	}
}

func TestPrepareGivesTheSameBytesAgain(t *testing.T) {
	base := paper("indirect", 1)
	a, b := must(seal.Prepare(base, field(1), seal.Room)), must(seal.Prepare(base, field(1), seal.Room))
	if !bytes.Equal(a.PDF, b.PDF) || !bytes.HasPrefix(a.PDF, base) {
		t.Error("a prepared document is not repeatable")
	}
	if _, err := a.Embed(make([]byte, seal.Room+1)); err == nil {
		t.Error("a CMS larger than the hole was embedded")
	}
}

func TestAForeignFormOrRevisionIsNotSigned(t *testing.T) {
	form := bytes.Replace(paper("indirect", 1), []byte("<</Fields[]/SigFlags 0>>"), []byte("<</Fields[6 0 R]       >>"), 1)
	for name, pdf := range map[string][]byte{
		"a form field": form, "a second revision": appendObject(paper("indirect", 1), 9, "<</Title(x)>>"), "no PDF": []byte("hello"),
		"encrypted": bytes.Replace(paper("indirect", 1), []byte("/Info 9 0 R"), []byte("/Encrypt 9 0 R"), 1),
	} {
		if _, err := seal.Prepare(pdf, field(1), seal.Room); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestAHostileFileCostsLittle: anybody signed in may bring a file to be checked.
func TestAHostileFileCostsLittle(t *testing.T) {
	signed := sign(t, paper("indirect", 1), field(1), jana(), seal.P256, nil).pdf
	huge := bytes.Replace(paper("indirect", 1), []byte("/Size 10"), []byte("/Size 999999999999"), 1)
	keysOf := func(n int) []byte {
		var dict strings.Builder
		for i := range n {
			fmt.Fprintf(&dict, "/K%d 0", i)
		}
		return appendObject(paper("indirect", 1), 9, "<<"+dict.String()+">>")
	}
	loop := paper("indirect", 1)
	for range 300 {
		loop = appendObject(loop, 9, "<</Title(x)>>")
	}
	for name, b := range map[string][]byte{
		"a size of a trillion": huge, "many keys": bytes.Replace(keysOf(200_000), []byte("/Root 1 0 R"), []byte("/Root 9 0 R"), 2), "many revisions": loop,
		"nesting":           bytes.Replace(signed, []byte("/Reason<"), []byte("/Reason"+strings.Repeat("[", 100_000)+"<"), 1),
		"pages in a circle": bytes.Replace(signed, []byte("/Kids[3 0 R"), []byte("/Kids[2 0 R"), 1),
	} {
		start := time.Now()
		if r := validate(b, nil); r.Indication == seal.Passed {
			t.Errorf("%s: passed", name)
		}
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
	}
}

func FuzzValidateNeverPanics(f *testing.F) {
	f.Add(paper("indirect", 1))
	f.Add(sign(f, paper("direct", 1), field(1), jana(), seal.P256, nil).pdf)
	f.Fuzz(func(t *testing.T, b []byte) {
		if r := validate(b, paper("indirect", 1)); r.Indication == seal.Passed {
			t.Error("passed")
		}
	})
}
