package journal

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

const defaultOrigin = "spolupis.local/journal"

// LoadKey returns the log's signing key kept in file, making it on first use
// with origin as the log's name. The file is readable by its owner only.
func LoadKey(file, origin string) (string, error) {
	b, err := os.ReadFile(file)
	if err == nil {
		return strings.TrimSpace(string(b)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("log key: %w", err)
	}
	if origin == "" {
		origin = defaultOrigin
	}
	skey, _, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return "", fmt.Errorf("log key: %w", err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("log key: %w", err)
	}
	_, err = f.WriteString(skey + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", fmt.Errorf("log key: %w", err)
	}
	return skey, nil
}

// openKey takes the key of cfg, or makes one that the database keeps. The
// database remembers which key its log is signed with: two nodes with
// different keys would publish heads that no auditor could follow.
func (j *Journal) openKey(cfg Config) error {
	skey, keep := cfg.Key, ""
	if skey == "" {
		origin := cfg.Origin
		if origin == "" {
			origin = defaultOrigin
		}
		fresh, _, err := note.GenerateKey(rand.Reader, origin)
		if err != nil {
			return err
		}
		keep = fresh
	} else {
		vkey, err := verifierKey(skey)
		if err != nil {
			return err
		}
		keep = vkey
	}
	ctx := context.Background()
	if _, err := j.db.ExecContext(ctx, `INSERT INTO journal_log_key (id, skey) VALUES (1, $1) ON CONFLICT (id) DO NOTHING`, keep); err != nil {
		return fmt.Errorf("log key: %w", err)
	}
	var kept string
	if err := j.db.QueryRowContext(ctx, `SELECT skey FROM journal_log_key WHERE id = 1`).Scan(&kept); err != nil {
		return fmt.Errorf("log key: %w", err)
	}
	keptKey := kept // the public key the log is known by
	if strings.HasPrefix(kept, "PRIVATE+KEY+") {
		var err error
		if keptKey, err = verifierKey(kept); err != nil {
			return err
		}
		if skey == "" {
			skey = kept
		}
	}
	if skey == "" {
		return errors.New("log key: this log is signed by a key kept outside the database; configure it")
	}
	var err error
	if j.signer, err = note.NewSigner(skey); err != nil {
		return fmt.Errorf("log key: %w", err)
	}
	if j.vkey, err = verifierKey(skey); err == nil && j.vkey != keptKey {
		err = fmt.Errorf("log key: this log is signed by %s, the key given is %s; every node needs the same", keptKey, j.vkey)
	}
	return err
}

// verifierKey derives the public key line from a signing key line.
func verifierKey(skey string) (string, error) {
	f := strings.SplitN(skey, "+", 5)
	if len(f) != 5 {
		return "", errors.New("log key: malformed")
	}
	raw, err := base64.StdEncoding.DecodeString(f[4])
	if err != nil || len(raw) != 1+32 {
		return "", errors.New("log key: malformed")
	}
	return note.NewEd25519VerifierKey(f[2], publicOf(raw[1:]))
}

// Checkpoint is the head of a log at some size (C2SP tlog-checkpoint).
type Checkpoint struct {
	Origin string
	Size   int64
	Root   []byte // 32 bytes
}

// Text returns the body of the note that is signed.
func (c Checkpoint) Text() string {
	return c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + base64.StdEncoding.EncodeToString(c.Root) + "\n"
}

// ParseCheckpoint reads the body of a note. Lines after the third are
// extensions and are ignored.
func ParseCheckpoint(text string) (Checkpoint, error) {
	f := strings.SplitN(text, "\n", 4)
	if len(f) != 4 || f[0] == "" {
		return Checkpoint{}, errors.New("not a checkpoint")
	}
	size, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != f[1] {
		return Checkpoint{}, errors.New("checkpoint: bad size")
	}
	root, err := base64.StdEncoding.DecodeString(f[2])
	if err != nil || len(root) != hashSize || base64.StdEncoding.EncodeToString(root) != f[2] {
		return Checkpoint{}, errors.New("checkpoint: bad root")
	}
	return Checkpoint{f[0], size, root}, nil
}

// OpenCheckpoint checks that signed carries the signature of vkey and returns
// what it says.
func OpenCheckpoint(signed []byte, vkey string) (Checkpoint, error) {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint key: %w", err)
	}
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint signature: %w", err)
	}
	c, err := ParseCheckpoint(n.Text)
	if err == nil && c.Origin != v.Name() {
		err = fmt.Errorf("checkpoint of %q is signed by %q", c.Origin, v.Name())
	}
	return c, err
}

// VerifierKey returns the log's public key line, to be handed to auditors and
// witnesses by a way other than this server.
func (j *Journal) VerifierKey() string { return j.vkey }

// Origin returns the log's name as it stands in checkpoints.
func (j *Journal) Origin() string { return j.signer.Name() }

// Checkpoint returns the last published checkpoint as a signed note, with the
// cosignatures that came back so far; the first call on a fresh log publishes
// one.
func (j *Journal) Checkpoint(ctx context.Context) ([]byte, error) {
	size, signed, err := j.published(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return j.Publish(ctx)
	}
	if err != nil {
		return nil, err
	}
	return j.withCosignatures(ctx, size, signed)
}

// Publish signs the current head and returns the note. A head already
// published is returned as it was.
func (j *Journal) Publish(ctx context.Context) ([]byte, error) {
	if err := j.catchUp(ctx); err != nil {
		return nil, err
	}
	h, err := readHead(ctx, j.db)
	if err != nil {
		return nil, err
	}
	c := Checkpoint{j.signer.Name(), h.size, h.root}
	signed, err := note.Sign(&note.Note{Text: c.Text()}, j.signer)
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint: %w", err)
	}
	if _, err := j.db.ExecContext(ctx, `
		INSERT INTO journal_checkpoint (size, at, root, note) VALUES ($1, $2, $3, $4) ON CONFLICT (size) DO NOTHING`,
		h.size, j.now().UnixMicro(), h.root, string(signed)); err != nil {
		return nil, fmt.Errorf("store checkpoint: %w", err)
	}
	var kept string
	if err := j.db.QueryRowContext(ctx, `SELECT note FROM journal_checkpoint WHERE size = $1`, h.size).Scan(&kept); err != nil {
		return nil, fmt.Errorf("store checkpoint: %w", err)
	}
	if !bytes.HasPrefix([]byte(kept), []byte(c.Text())) {
		return nil, fmt.Errorf("checkpoint of size %d was published with another root", h.size)
	}
	return []byte(kept), nil
}

func (j *Journal) published(ctx context.Context) (size int64, signed []byte, err error) {
	var text string
	if err := j.db.QueryRowContext(ctx, `SELECT size, note FROM journal_checkpoint ORDER BY size DESC LIMIT 1`).Scan(&size, &text); err != nil {
		return 0, nil, fmt.Errorf("last checkpoint: %w", err)
	}
	return size, []byte(text), nil
}

func (j *Journal) publishIfDue(ctx context.Context, size int64) error {
	var last, at int64
	err := j.db.QueryRowContext(ctx, `SELECT size, at FROM journal_checkpoint ORDER BY size DESC LIMIT 1`).Scan(&last, &at)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("last checkpoint: %w", err)
	}
	if size == last || (size-last < j.count && j.now().UnixMicro()-at < j.every.Microseconds()) {
		return nil
	}
	_, err = j.Publish(ctx)
	return err
}

func publicOf(seed []byte) ed25519.PublicKey {
	return ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
}
