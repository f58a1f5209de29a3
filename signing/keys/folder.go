package keys

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"spolupis/security"
	"spolupis/security/fault"
	"spolupis/signing"
	"spolupis/signing/seal"
)

// Folder keeps software keys: one PKCS#12 file per person, made when it is first asked for. The files are encrypted under a random
// password that lies beside them, so they are as safe as the folder's permissions and no safer. All servers of one office must see
// the same folder, otherwise each has its own root and distrusts what the other signed.
type Folder struct {
	dir      string
	cfg      Config
	password string
	root     *x509.Certificate
	issuing  Pair
	tsa      Pair
}

// Config says whose keys they are.
type Config struct {
	People signing.People   // names for certificates
	Now    func() time.Time // also the clock of the time-stamp authority
}

var _ signing.Keys = (*Folder)(nil)

// Open opens the folder and makes it, with its authorities, when it is not there. Two processes may do so at once: one of them wins
// and both use its keys.
func Open(dir string, cfg Config) (*Folder, error) {
	if cfg.Now == nil || cfg.People == nil {
		return nil, errors.New("keys: no clock or no people")
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := found(dir, cfg); err != nil {
			return nil, fmt.Errorf("make key folder: %w", err)
		}
	}
	f := &Folder{dir: dir, cfg: cfg}
	password, err := os.ReadFile(filepath.Join(dir, "password"))
	if err != nil {
		return nil, fmt.Errorf("open key folder: %w", err)
	}
	f.password = string(password)
	if f.issuing, err = f.load("issuing.p12"); err != nil {
		return nil, err
	}
	if f.tsa, err = f.load("tsa.p12"); err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(filepath.Join(dir, "root.cer"))
	if err != nil {
		return nil, fmt.Errorf("open key folder: %w", err)
	}
	if f.root, err = x509.ParseCertificate(raw); err != nil {
		return nil, fmt.Errorf("root certificate: %w", err)
	}
	return f, nil
}

// found makes everything in a folder beside and moves it in place in one step.
func found(dir string, cfg Config) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".keys-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	secret := make([]byte, 24)
	rand.Read(secret)
	password := base64.RawURLEncoding.EncodeToString(secret)
	m := Maker{Now: cfg.Now, Random: rand.Reader}
	root, err := m.Root("Spolupis zkušební kořenová autorita")
	if err != nil {
		return err
	}
	issuing, err := m.Issuing(root, "Spolupis zkušební vydávající autorita")
	if err != nil {
		return err
	}
	tsa, err := m.Stamps(issuing, "Spolupis zkušební autorita časových razítek", nil)
	if err != nil {
		return err
	}
	files := map[string][]byte{"password": []byte(password), "root.cer": root.Cert.Raw}
	for name, p := range map[string]Pair{"issuing.p12": issuing, "tsa.p12": tsa} {
		if files[name], err = pkcs12.Modern.Encode(p.Key, p.Cert, p.Chain, password); err != nil {
			return err
		}
	}
	for name, b := range files {
		if err := write(filepath.Join(tmp, name), b); err != nil {
			return err
		}
	}
	if err := os.Rename(tmp, dir); err != nil {
		if _, there := os.Stat(filepath.Join(dir, "password")); there == nil {
			return nil // another process was first
		}
		return err
	}
	return nil
}

func write(name string, b []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

func (f *Folder) load(name string) (Pair, error) {
	b, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		return Pair{}, fmt.Errorf("read key: %w", err)
	}
	key, cert, chain, err := pkcs12.DecodeChain(b, f.password)
	if err != nil {
		return Pair{}, fmt.Errorf("read key %s: %w", name, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return Pair{}, fmt.Errorf("read key %s: a key that cannot sign", name)
	}
	return Pair{Cert: cert, Key: signer, Chain: chain}, nil
}

var safeName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)

// Credential returns the person's software key and makes it when there is none yet.
func (f *Folder) Credential(ctx context.Context, signer security.ActorID) (signing.Credential, error) {
	if !safeName.MatchString(string(signer)) {
		return nil, fault.New(fault.NotFound, "signing.fault.no_key")
	}
	name := "signer-" + string(signer) + ".p12"
	p, err := f.load(name)
	if errors.Is(err, fs.ErrNotExist) {
		p, err = f.issue(ctx, signer, name)
	}
	if err != nil {
		return nil, fmt.Errorf("key of %s: %w", signer, err)
	}
	alg, err := seal.AlgorithmFor(p.Cert.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("key of %s: %w", signer, err)
	}
	return &softKey{pair: p, alg: alg, now: f.cfg.Now}, nil
}

func (f *Folder) issue(ctx context.Context, signer security.ActorID, name string) (Pair, error) {
	person, err := f.cfg.People.Name(ctx, signer)
	if err != nil {
		return Pair{}, err
	}
	p, err := Maker{Now: f.cfg.Now, Random: rand.Reader}.Signer(f.issuing, person, string(signer), nil)
	if err != nil {
		return Pair{}, err
	}
	b, err := pkcs12.Modern.Encode(p.Key, p.Cert, p.Chain, f.password)
	if err != nil {
		return Pair{}, err
	}
	tmp := filepath.Join(f.dir, "."+name+"-"+p.Cert.SerialNumber.Text(16))
	defer os.Remove(tmp)
	if err := write(tmp, b); err != nil {
		return Pair{}, err
	}
	// A link, unlike a rename, does not replace the key another process may have made meanwhile.
	if err := os.Link(tmp, filepath.Join(f.dir, name)); err != nil && !errors.Is(err, fs.ErrExist) {
		return Pair{}, err
	}
	return f.load(name)
}

// Trust believes the folder's root, for the class seal.Test.
func (f *Folder) Trust() seal.Trust {
	return seal.Trust{Anchors: []seal.Anchor{{Cert: f.root, Class: seal.Test}}}
}

// Root returns the root certificate, for people who want to check signatures with other tools.
func (f *Folder) Root() *x509.Certificate { return f.root }

// Authority returns the time-stamp authority of the folder.
func (f *Folder) Authority() *seal.Authority {
	return &seal.Authority{Cert: f.tsa.Cert, Chain: f.tsa.Chain, Key: f.tsa.Key, Now: f.cfg.Now, Random: rand.Reader}
}

// softKey is a credential in memory.
type softKey struct {
	pair Pair
	alg  seal.Algorithm
	now  func() time.Time
}

func (k *softKey) Certificate() signing.Certificate {
	return signing.Certificate{Cert: k.pair.Cert, Chain: k.pair.Chain, Algorithm: k.alg, Class: seal.Test}
}

// Open accepts a grant for this certificate until it expires, also after a restart: the key has no secret of its own.
func (k *softKey) Open(_ context.Context, g signing.Grant) (signing.Session, error) {
	if g.Fingerprint != signing.Fingerprint(k.pair.Cert) {
		return nil, fmt.Errorf("grant for another certificate: %w", fault.Denied)
	}
	if k.now().After(g.Expires) {
		return nil, fmt.Errorf("grant expired: %w", signing.ErrAuthoriseAgain)
	}
	return softSession{k}, nil
}

type softSession struct{ key *softKey }

func (s softSession) SignHashes(ctx context.Context, alg seal.Algorithm, hashes [][]byte) ([][]byte, error) {
	if alg != s.key.alg {
		return nil, fmt.Errorf("sign with %s: the key does %s", alg, s.key.alg)
	}
	out := make([][]byte, len(hashes))
	for i, h := range hashes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var err error
		if out[i], err = s.key.pair.Key.Sign(rand.Reader, h, alg.Options()); err != nil {
			return nil, fmt.Errorf("sign hash %d: %w", i, err)
		}
	}
	return out, nil
}

func (softSession) Close() error { return nil }
