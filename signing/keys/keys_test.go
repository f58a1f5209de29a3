package keys_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"spolupis/security"
	"spolupis/security/fault"
	"spolupis/signing"
	"spolupis/signing/keys"
	"spolupis/signing/seal"
)

type people map[security.ActorID]string

func (p people) Name(_ context.Context, id security.ActorID) (string, error) {
	if n, ok := p[id]; ok {
		return n, nil
	}
	return "", fault.New(fault.NotFound, "x")
}

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

func open(t *testing.T, dir string) *keys.Folder {
	t.Helper()
	f, err := keys.Open(dir, keys.Config{People: people{"p-jana": "Jana Nováková"}, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestAPersonKeepsHisKeyOverRestartsAndItSaysNotQualified(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	first, err := open(t, dir).Credential(t.Context(), "p-jana")
	if err != nil {
		t.Fatal(err)
	}
	second, err := open(t, dir).Credential(t.Context(), "p-jana")
	if err != nil {
		t.Fatal(err)
	}
	a, b := first.Certificate(), second.Certificate()
	if !a.Cert.Equal(b.Cert) {
		t.Error("a restart gave another certificate")
	}
	if !strings.Contains(a.Cert.Subject.String(), keys.NotQualified) || a.Class != seal.Test {
		t.Errorf("subject %q, class %q", a.Cert.Subject, a.Class)
	}
	if a.Cert.Subject.CommonName != "Jana Nováková" || len(a.Chain) != 1 {
		t.Errorf("subject %q, chain of %d", a.Cert.Subject, len(a.Chain))
	}
	if _, err := open(t, dir).Credential(t.Context(), "p-nobody"); !errors.Is(err, fault.NotFound) {
		t.Errorf("a stranger: %v", err)
	}
	if _, err := open(t, dir).Credential(t.Context(), "../password"); !errors.Is(err, fault.NotFound) {
		t.Errorf("a path for a name: %v", err)
	}
}

func TestTwoServersOpeningTheSameFolderAtOnceAgree(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	prints := make([]string, 8)
	var wg sync.WaitGroup
	for i := range prints {
		wg.Go(func() {
			f, err := keys.Open(dir, keys.Config{People: people{"p-jana": "Jana"}, Now: clock})
			if err != nil {
				t.Error(err)
				return
			}
			c, err := f.Credential(context.Background(), "p-jana")
			if err != nil {
				t.Error(err)
				return
			}
			prints[i] = signing.Fingerprint(c.Certificate().Cert) + signing.Fingerprint(f.Root())
		})
	}
	wg.Wait()
	for _, p := range prints {
		if p != prints[0] {
			t.Fatal("two servers have different keys")
		}
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(dir), ".keys-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestOnlyTheOwnerOfTheFolderReadsIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	if _, err := open(t, dir).Credential(t.Context(), "p-jana"); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 5 {
		t.Fatalf("%d files, %v", len(list), err)
	}
	for _, e := range list {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", e.Name(), info.Mode(), err)
		}
	}
}

func TestASessionNeedsAGrantForThisCertificateThatHasNotExpired(t *testing.T) {
	c, err := open(t, filepath.Join(t.TempDir(), "keys")).Credential(t.Context(), "p-jana")
	if err != nil {
		t.Fatal(err)
	}
	g := signing.Grant{Fingerprint: signing.Fingerprint(c.Certificate().Cert), Expires: now.Add(time.Minute)}
	s, err := c.Open(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	a, b := sha256.Sum256([]byte("a")), sha256.Sum256([]byte("b"))
	sigs, err := s.SignHashes(t.Context(), c.Certificate().Algorithm, [][]byte{a[:], b[:]})
	if err != nil || len(sigs) != 2 {
		t.Fatalf("%d signatures, %v", len(sigs), err)
	}
	if _, err := s.SignHashes(t.Context(), seal.RSAPSS, [][]byte{a[:]}); err == nil {
		t.Error("signed with an algorithm the key has not")
	}
	late := g
	late.Expires = now.Add(-time.Second)
	if _, err := c.Open(t.Context(), late); !errors.Is(err, signing.ErrAuthoriseAgain) {
		t.Errorf("an expired grant: %v", err)
	}
	g.Fingerprint = "other"
	if _, err := c.Open(t.Context(), g); !errors.Is(err, fault.Denied) {
		t.Errorf("a grant for another certificate: %v", err)
	}
}

func TestATimeStampOverHTTP(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "keys"))
	server := httptest.NewServer(keys.Local{Authority: f.Authority()})
	defer server.Close()
	tsa := keys.TSA{URL: server.URL, Client: server.Client()}
	digest := sha256.Sum256([]byte("signature"))
	if token, err := tsa.Stamp(t.Context(), digest[:]); err != nil || len(token) < 500 {
		t.Errorf("%d bytes, %v", len(token), err)
	}
	if _, err := tsa.Stamp(t.Context(), digest[:20]); !errors.Is(err, seal.ErrStamp) {
		t.Errorf("a digest that is none: %v", err)
	}
	server.Config.Handler = nil
	if _, err := (keys.TSA{URL: server.URL + "/404", Client: server.Client()}).Stamp(t.Context(), digest[:]); err == nil {
		t.Error("a page that is no authority gave a time stamp")
	}
}
