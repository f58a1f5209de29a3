package seal_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"spolupis/signing/keys"
	"spolupis/signing/seal"
)

// paper writes a small PDF by hand. The shapes are those Prepare must cope with.
func paper(shape string, pages int) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n%\xE2\xE3\xCF\xD3\n")
	off := map[int]int{}
	put := func(n int, s string) {
		off[n] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", n, s)
	}
	form, annots := "/AcroForm 4 0 R", "/Annots 5 0 R"
	switch shape {
	case "direct":
		form, annots = "/AcroForm<</Fields[]/DA(/Helv 0 Tf)>>", "/Annots[6 0 R]"
	case "bare":
		form, annots = "", ""
	}
	put(1, "<</Type/Catalog/Pages 2 0 R"+form+"/Lang(cs)>>")
	put(2, fmt.Sprintf("<</Type/Pages/Count %d/Kids[%s]>>", pages, strings.Repeat("3 0 R ", 1)+kids(pages)))
	put(3, "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595.2 841.9]/Contents 7 0 R/Resources<</Font<</F0 8 0 R>>>>"+annots+">>")
	put(4, "<</Fields[]/SigFlags 0>>")
	put(5, "[6 0 R]")
	put(6, "<</Type/Annot/Subtype/Link/Rect[50 50 90 90]/Border[0 0 0]/F 4/A<</S/URI/URI(https://example.org/\\(a\\))>>>>")
	text := "BT /F0 12 Tf 72 700 Td (Material to be signed) Tj ET"
	put(7, fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(text), text))
	put(8, "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
	put(9, "<</Title(Material)/Producer(fixture)>>")
	for i := 1; i < pages; i++ {
		put(9+i, "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595.2 841.9]/Contents 7 0 R/Resources<</Font<</F0 8 0 R>>>>>>")
	}
	size, x := 9+pages, b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", size)
	for n := 1; n < size; n++ {
		fmt.Fprintf(&b, "%010d 00000 n \n", off[n])
	}
	id := "<0123456789ABCDEF0123456789ABCDEF>"
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root 1 0 R/Info 9 0 R/ID[%s%s]>>\nstartxref\n%d\n%%%%EOF\n", size, id, id, x)
	return b.Bytes()
}

func kids(pages int) string {
	var s strings.Builder
	for i := 1; i < pages; i++ {
		fmt.Fprintf(&s, "%d 0 R ", 9+i)
	}
	return s.String()
}

// today is the clock of the tests. The command-line tools look at the real one, so it is the real time, stopped.
var today = time.Now().UTC().Truncate(time.Second)

func clock() time.Time { return today }

// office is a test authority with signers of every kind of key.
type office struct {
	root, issuing, tsa keys.Pair
	stamps             *seal.Authority
}

var theOffice = sync.OnceValue(func() office {
	m := maker()
	var o office
	o.root = must(m.Root("Kořen"))
	o.issuing = must(m.Issuing(o.root, "Vydávající"))
	o.tsa = must(m.Stamps(o.issuing, "Razítka", nil))
	o.stamps = &seal.Authority{Cert: o.tsa.Cert, Chain: o.tsa.Chain, Key: o.tsa.Key, Now: clock, Random: rand.Reader}
	return o
})

func maker() keys.Maker { return keys.Maker{Now: clock, Random: rand.Reader} }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (o office) trust() seal.Trust {
	return seal.Trust{Anchors: []seal.Anchor{{Cert: o.root.Cert, Class: seal.Test}}}
}

func (o office) signer(key crypto.Signer) keys.Pair {
	return must(maker().Signer(o.issuing, "Jana Nováková", "p-jana", key))
}

var (
	jana    = sync.OnceValue(func() keys.Pair { return theOffice().signer(nil) })
	p384Key = sync.OnceValue(func() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)) })
	rsaKey  = sync.OnceValue(func() crypto.Signer { return must(rsa.GenerateKey(rand.Reader, 3072)) })
)

func field(n int) seal.Field {
	return seal.Field{Name: fmt.Sprintf("Podpis%d", n), Signer: "Jana Nováková", Reason: "Podpis verze 4 (zkušební)", At: today}
}

// made is one signature and what went into it.
type made struct {
	pdf, token, signature []byte
}

// sign runs both phases. change may spoil the parts before they are put together.
func sign(t testing.TB, pdf []byte, f seal.Field, who keys.Pair, alg seal.Algorithm, change func(*seal.Parts)) made {
	t.Helper()
	p, err := seal.Prepare(pdf, f, 8<<10)
	if err != nil {
		t.Fatal(err)
	}
	parts := seal.Parts{Algorithm: alg, Cert: who.Cert, Chain: who.Chain}
	parts.Attributes = seal.Attributes(p.Digest(alg.Hash()), who.Cert)
	toSign := alg.Digest(parts.Attributes)
	if alg == seal.Ed25519 {
		toSign = parts.Attributes
	}
	parts.Signature = must(who.Key.Sign(rand.Reader, toSign, alg.Options()))
	parts.Token = must(keys.Local{Authority: theOffice().stamps}.Stamp(t.Context(), seal.Imprint(parts.Signature)))
	if change != nil {
		change(&parts)
	}
	out, err := p.Embed(seal.Assemble(parts))
	if err != nil {
		t.Fatal(err)
	}
	return made{out, parts.Token, parts.Signature}
}
