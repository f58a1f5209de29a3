package journal

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// algCosignature is the signature type of a witness in C2SP tlog-cosignature.
const algCosignature = 0x04

// Cosigner signs checkpoints as a witness (C2SP tlog-cosignature,
// "cosignature/v1"): its signature says that at a certain time this head was the
// largest one it had seen of that log, consistent with all before.
type Cosigner struct {
	name string
	hash uint32
	key  ed25519.PrivateKey
	Now  func() time.Time // nil = time.Now
}

// NewCosignerKey makes a witness key of the given name and returns the signing
// line, to be kept secret, and the verifier line for logs and auditors.
func NewCosignerKey(name string) (skey, vkey string, err error) {
	if name == "" || strings.ContainsAny(name, "+ \n") {
		return "", "", errors.New("witness key: bad name")
	}
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", err
	}
	return "PRIVATE+KEY+" + cosignerLine(name, pub, priv.Seed()), cosignerLine(name, pub, pub), nil
}

func cosignerLine(name string, pub ed25519.PublicKey, data []byte) string {
	return fmt.Sprintf("%s+%08x+%s", name, cosignerHash(name, pub), base64.StdEncoding.EncodeToString(append([]byte{algCosignature}, data...)))
}

func cosignerHash(name string, pub ed25519.PublicKey) uint32 {
	h := sha256.New()
	h.Write([]byte(name + "\n"))
	h.Write([]byte{algCosignature})
	h.Write(pub)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// parseCosigner reads name+hash+base64(type, 32 bytes).
func parseCosigner(line string) (name string, hash uint32, data []byte, err error) {
	f := strings.SplitN(line, "+", 3)
	if len(f) != 3 {
		return "", 0, nil, errors.New("witness key: malformed")
	}
	id, err1 := hex.DecodeString(f[1])
	data, err2 := base64.StdEncoding.DecodeString(f[2])
	if err1 != nil || err2 != nil || len(id) != 4 || len(data) != 33 || data[0] != algCosignature {
		return "", 0, nil, errors.New("witness key: malformed")
	}
	return f[0], binary.BigEndian.Uint32(id), data[1:], nil
}

// NewCosigner opens a signing line made by NewCosignerKey.
func NewCosigner(skey string) (*Cosigner, error) {
	line, ok := strings.CutPrefix(strings.TrimSpace(skey), "PRIVATE+KEY+")
	if !ok {
		return nil, errors.New("witness key: malformed")
	}
	name, hash, seed, err := parseCosigner(line)
	if err != nil {
		return nil, err
	}
	key := ed25519.NewKeyFromSeed(seed)
	if cosignerHash(name, key.Public().(ed25519.PublicKey)) != hash {
		return nil, errors.New("witness key: the hash does not fit")
	}
	return &Cosigner{name: name, hash: hash, key: key}, nil
}

// Name, KeyHash and Sign make a Cosigner a note.Signer.
func (c *Cosigner) Name() string { return c.name }

// KeyHash returns the key's identifier in notes.
func (c *Cosigner) KeyHash() uint32 { return c.hash }

// Sign returns the time and the signature of it together with msg.
func (c *Cosigner) Sign(msg []byte) ([]byte, error) {
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	at := uint64(now().Unix())
	return append(binary.BigEndian.AppendUint64(nil, at), ed25519.Sign(c.key, cosigned(at, msg))...), nil
}

// VerifierKey returns the public line of the key.
func (c *Cosigner) VerifierKey() string {
	pub := c.key.Public().(ed25519.PublicKey)
	return cosignerLine(c.name, pub, pub)
}

func cosigned(at uint64, msg []byte) []byte {
	return append(fmt.Appendf(nil, "cosignature/v1\ntime %d\n", at), msg...)
}

// CosignVerifier checks the signatures of one witness. It is a note.Verifier.
type CosignVerifier struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

// NewCosignVerifier opens the public line of a witness key.
func NewCosignVerifier(vkey string) (*CosignVerifier, error) {
	name, hash, pub, err := parseCosigner(strings.TrimSpace(vkey))
	if err != nil {
		return nil, err
	}
	if cosignerHash(name, pub) != hash {
		return nil, errors.New("witness key: the hash does not fit")
	}
	return &CosignVerifier{name, hash, pub}, nil
}

// Name returns the witness's name.
func (v *CosignVerifier) Name() string { return v.name }

// KeyHash returns the key's identifier in notes.
func (v *CosignVerifier) KeyHash() uint32 { return v.hash }

// Verify reports whether sig is a cosignature of msg.
func (v *CosignVerifier) Verify(msg, sig []byte) bool {
	return len(sig) == 8+ed25519.SignatureSize && ed25519.Verify(v.key, cosigned(binary.BigEndian.Uint64(sig), msg), sig[8:])
}

// OpenCosigned checks that a checkpoint carries the log's signature and, if
// witness is not empty, that of the witness.
func OpenCosigned(signed []byte, vkey, witness string) (Checkpoint, error) {
	c, err := OpenCheckpoint(signed, vkey)
	if err != nil || witness == "" {
		return c, err
	}
	v, err := NewCosignVerifier(witness)
	if err != nil {
		return Checkpoint{}, err
	}
	if _, err := note.Open(signed, note.VerifierList(v)); err != nil {
		return Checkpoint{}, fmt.Errorf("cosignature of %s: %w", v.Name(), err)
	}
	return c, nil
}

// Cosign keeps what a witness answered about the published checkpoint signed:
// a note signature line, which is checked against the witness's key.
func (j *Journal) Cosign(ctx context.Context, signed []byte, line, witness string) error {
	both := append(append([]byte{}, signed...), strings.TrimRight(line, "\n")+"\n"...)
	c, err := OpenCosigned(both, j.vkey, witness)
	if err != nil {
		return err
	}
	v, err := NewCosignVerifier(witness)
	if err != nil {
		return err
	}
	if _, err := j.db.ExecContext(ctx, `
		INSERT INTO journal_cosignature (size, witness, line) VALUES ($1, $2, $3)
		ON CONFLICT (size, witness) DO UPDATE SET line = excluded.line`, c.Size, v.Name(), strings.TrimRight(line, "\n")); err != nil {
		return fmt.Errorf("store cosignature: %w", err)
	}
	return nil
}

// Cosigned returns the largest published checkpoint that a witness has
// cosigned, with all its cosignatures, or nil when there is none.
func (j *Journal) Cosigned(ctx context.Context) ([]byte, error) {
	var size int64
	var text string
	err := j.db.QueryRowContext(ctx, `
		SELECT c.size, c.note FROM journal_checkpoint c
		WHERE EXISTS (SELECT 1 FROM journal_cosignature w WHERE w.size = c.size) ORDER BY c.size DESC LIMIT 1`).Scan(&size, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cosigned checkpoint: %w", err)
	}
	return j.withCosignatures(ctx, size, []byte(text))
}

func (j *Journal) withCosignatures(ctx context.Context, size int64, signed []byte) ([]byte, error) {
	rows, err := j.db.QueryContext(ctx, `SELECT line FROM journal_cosignature WHERE size = $1 ORDER BY witness`, size)
	if err != nil {
		return nil, fmt.Errorf("cosignatures: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, fmt.Errorf("cosignatures: %w", err)
		}
		signed = append(signed, line+"\n"...)
	}
	return signed, rows.Err()
}
