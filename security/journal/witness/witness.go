// Package witness remembers the heads of logs in another trust domain: on the
// archive's machine, the auditor's desk, a neighbouring office. It cosigns a
// head only when it continues the last one it saw, so whoever rewrites a log has
// to keep a witness from ever seeing it again.
//
// It speaks C2SP tlog-witness: POST /add-checkpoint.
package witness

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"spolupis/security/journal"
)

// MaxRequest is the largest request body, in bytes: 63 proof hashes and a note.
const MaxRequest = 64 << 10

// Witness keeps the last head of each log in a folder and cosigns those that
// continue it. It is an http.Handler.
type Witness struct {
	dir    string
	signer *journal.Cosigner
	logs   map[string]string // origin → the log's public key line

	mu sync.Mutex // guards the files in dir: one head at a time
}

// New returns a witness that keeps its memory in dir and knows the logs whose
// public key lines are given. The memory is what makes it a witness: a lost
// folder must be restored, not started anew.
func New(dir string, signer *journal.Cosigner, logs ...string) (*Witness, error) {
	w := &Witness{dir: dir, signer: signer, logs: map[string]string{}}
	for _, vkey := range logs {
		v, err := note.NewVerifier(vkey)
		if err != nil {
			return nil, fmt.Errorf("witness: log key %q: %w", vkey, err)
		}
		w.logs[v.Name()] = vkey
	}
	if len(w.logs) == 0 {
		return nil, errors.New("witness: no log to watch")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	return w, nil
}

// refusal is an answer other than a cosignature.
type refusal struct {
	status int
	size   int64 // told with 409: the size the witness holds
	why    string
}

func (r *refusal) Error() string { return r.why }

// ServeHTTP answers POST /add-checkpoint.
func (w *Witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/add-checkpoint" || r.Method != http.MethodPost {
		http.Error(rw, "POST /add-checkpoint", http.StatusNotFound)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, MaxRequest))
	if err != nil {
		http.Error(rw, "request too large", http.StatusRequestEntityTooLarge)
		return
	}
	line, err := w.Add(body)
	if no, ok := errors.AsType[*refusal](err); ok {
		if no.status == http.StatusConflict {
			rw.Header().Set("Content-Type", "text/x.tlog.size")
			rw.WriteHeader(no.status)
			fmt.Fprintf(rw, "%d\n", no.size)
			return
		}
		http.Error(rw, no.why, no.status)
		return
	}
	if err != nil {
		http.Error(rw, "the witness cannot keep its memory", http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.Write(line)
}

// Add looks at one request and returns the signature line. The head is on disk
// before it is signed, so a crash can only make the witness more careful.
func (w *Witness) Add(body []byte) ([]byte, error) {
	old, hashes, signed, err := parse(body)
	if err != nil {
		return nil, &refusal{status: http.StatusBadRequest, why: err.Error()}
	}
	origin, _, _ := strings.Cut(string(signed), "\n")
	vkey, ok := w.logs[origin]
	if !ok {
		return nil, &refusal{status: http.StatusNotFound, why: "unknown log"}
	}
	c, err := journal.OpenCheckpoint(signed, vkey)
	if err != nil {
		return nil, &refusal{status: http.StatusForbidden, why: "not signed by the log"}
	}
	if old > c.Size {
		return nil, &refusal{status: http.StatusBadRequest, why: "old size is larger than the checkpoint"}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	last, err := w.last(origin, vkey)
	if err != nil {
		return nil, err
	}
	if old != last.Size || old == c.Size && !bytes.Equal(c.Root, last.Root) {
		return nil, &refusal{status: http.StatusConflict, size: last.Size, why: "not the size this witness holds"}
	}
	if err := consistent(last, c, hashes); err != nil {
		return nil, &refusal{status: http.StatusUnprocessableEntity, why: err.Error()}
	}
	if err := w.keep(origin, signed); err != nil {
		return nil, err
	}
	n, err := note.Sign(&note.Note{Text: c.Text()}, w.signer)
	if err != nil {
		return nil, fmt.Errorf("cosign: %w", err)
	}
	return n[len(c.Text())+1:], nil
}

func consistent(last, next journal.Checkpoint, hashes [][]byte) error {
	if last.Size == 0 || last.Size == next.Size {
		if len(hashes) > 0 {
			return errors.New("a proof where none is needed")
		}
		return nil
	}
	return proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(last.Size), uint64(next.Size), hashes, last.Root, next.Root)
}

// parse splits a request: "old N", proof hashes, an empty line, the note.
func parse(body []byte) (old int64, hashes [][]byte, signed []byte, err error) {
	head, signed, ok := bytes.Cut(body, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	size, ok2 := strings.CutPrefix(lines[0], "old ")
	old, err = strconv.ParseInt(size, 10, 64)
	if !ok || !ok2 || err != nil || old < 0 || strconv.FormatInt(old, 10) != size || len(lines) > 64 {
		return 0, nil, nil, errors.New("malformed request")
	}
	for _, l := range lines[1:] {
		h, err := base64.StdEncoding.DecodeString(l)
		if err != nil || len(h) != 32 {
			return 0, nil, nil, errors.New("malformed proof")
		}
		hashes = append(hashes, h)
	}
	return old, hashes, signed, nil
}

func (w *Witness) file(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return filepath.Join(w.dir, hex.EncodeToString(sum[:16])+".checkpoint")
}

// last returns the head held of a log; the empty tree when none was seen yet.
// A file that cannot be read or is not signed is an error, never "none": the
// witness would otherwise forget what it swore to.
func (w *Witness) last(origin, vkey string) (journal.Checkpoint, error) {
	b, err := os.ReadFile(w.file(origin))
	if errors.Is(err, fs.ErrNotExist) {
		return journal.Checkpoint{Origin: origin, Root: rfc6962.DefaultHasher.EmptyRoot()}, nil
	}
	if err != nil {
		return journal.Checkpoint{}, fmt.Errorf("witness: %w", err)
	}
	return journal.OpenCheckpoint(b, vkey)
}

func (w *Witness) keep(origin string, signed []byte) error {
	f, err := os.CreateTemp(w.dir, ".new-*")
	if err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(signed)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	if err := os.Rename(f.Name(), w.file(origin)); err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	d, err := os.Open(w.dir) // the rename itself must survive a power cut
	if err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	defer d.Close()
	return d.Sync()
}
