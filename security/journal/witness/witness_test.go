package witness

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"spolupis/security/database"
	"spolupis/security/database/dbtest"
	"spolupis/security/journal"
	"spolupis/security/journal/bundle"
)

var sets = []database.Set{{Name: "journal", FS: journal.Migrations}}

// office is a log somewhere, and the key it signs with.
type office struct {
	*journal.Journal
	t  *testing.T
	db *database.DB
}

func newOffice(t *testing.T, key string) office {
	t.Helper()
	db := dbtest.SQLite(t, sets...)
	j, err := journal.New(db, journal.Config{Origin: "office.example/log", Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return office{j, t, db}
}

func (o office) grow(n int, subject string) {
	o.t.Helper()
	tx, err := o.db.BeginTx(context.Background(), nil)
	if err != nil {
		o.t.Fatal(err)
	}
	defer tx.Rollback()
	for i := range n {
		if err := o.Append(context.Background(), tx, journal.Entry{Kind: "test.happened", Subject: fmt.Sprint(subject, i)}); err != nil {
			o.t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		o.t.Fatal(err)
	}
	if _, err := o.Publish(context.Background()); err != nil {
		o.t.Fatal(err)
	}
}

func (o office) signingKey() string {
	o.t.Helper()
	var skey string
	if err := o.db.QueryRow(`SELECT skey FROM journal_log_key`).Scan(&skey); err != nil {
		o.t.Fatal(err)
	}
	return skey
}

func newWitness(t *testing.T, dir string, o office) (*Witness, string) {
	t.Helper()
	signer, err := loadKey(filepath.Join(dir, "witness.key"), "archive.example/witness")
	if err != nil {
		t.Fatal(err)
	}
	w, err := New(dir, signer, o.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	return w, signer.VerifierKey()
}

func TestAWitnessCosignsALogThatGrowsAndTheAuditorSeesIt(t *testing.T) {
	ctx := context.Background()
	o := newOffice(t, "")
	dir := t.TempDir()
	w, key := newWitness(t, dir, o)
	srv := httptest.NewServer(w)
	defer srv.Close()
	c, err := ParseClient(srv.URL + " " + key)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 5, 0, 300, 2} {
		if n > 0 {
			o.grow(n, "a")
		}
		if err := c.Push(ctx, o.Journal); err != nil {
			t.Fatalf("after %d more: %v", n, err)
		}
		signed, err := o.Checkpoint(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := journal.OpenCosigned(signed, o.VerifierKey(), key); err != nil {
			t.Errorf("after %d more: %v", n, err)
		}
	}
	// A client that knows nothing (a restarted server) is told where to go on.
	o.grow(3, "b")
	again, _ := ParseClient(srv.URL + " " + key)
	if err := again.Push(ctx, o.Journal); err != nil {
		t.Error(err)
	}
	var b bytes.Buffer
	if _, err := bundle.Write(ctx, &b, o.Journal, bundle.Options{}); err != nil {
		t.Fatal(err)
	}
	rep, err := bundle.Verify(bytes.NewReader(b.Bytes()), int64(b.Len()), bundle.Check{Key: o.VerifierKey(), Witness: key})
	if err != nil || !rep.OK || rep.Witness != "archive.example/witness" || rep.Seen != 311 {
		t.Errorf("%+v %v", rep, err)
	}
	_, stranger, err := journal.NewCosignerKey("archive.example/witness")
	if err != nil {
		t.Fatal(err)
	}
	rep, err = bundle.Verify(bytes.NewReader(b.Bytes()), int64(b.Len()), bundle.Check{Key: o.VerifierKey(), Witness: stranger})
	if err != nil || rep.OK || rep.What != bundle.WrongWitness {
		t.Errorf("another witness's key: %+v %v", rep, err)
	}
}

func TestAWitnessNeverSignsARewrittenOrShorterLogAlsoAfterARestart(t *testing.T) {
	ctx := context.Background()
	o := newOffice(t, "")
	o.grow(20, "true")
	dir := t.TempDir()
	w, key := newWitness(t, dir, o)
	srv := httptest.NewServer(w)
	defer srv.Close()
	c, _ := ParseClient(srv.URL + " " + key)
	if err := c.Push(ctx, o.Journal); err != nil {
		t.Fatal(err)
	}
	w, _ = newWitness(t, dir, o)
	restarted := httptest.NewServer(w)
	defer restarted.Close()
	for _, size := range []int{5, 20, 40} {
		forged := newOffice(t, o.signingKey())
		forged.grow(size, "forged")
		f, _ := ParseClient(restarted.URL + " " + key)
		if err := f.Push(ctx, forged.Journal); !errors.Is(err, ErrDisagrees) {
			t.Errorf("a forged log of %d: %v", size, err)
		}
		if signed, err := forged.Cosigned(ctx); err != nil || signed != nil {
			t.Errorf("a forged log of %d has a cosignature", size)
		}
	}
	o.grow(1, "true again")
	if err := c.Push(ctx, o.Journal); err != nil {
		t.Errorf("the true log afterwards: %v", err)
	}
}

// request writes what a client would send.
func request(old int64, proof [][]byte, signed []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "old %d\n", old)
	for _, h := range proof {
		b.WriteString(base64.StdEncoding.EncodeToString(h) + "\n")
	}
	b.WriteString("\n")
	b.Write(signed)
	return b.Bytes()
}

func TestAWitnessAnswersBadRequestsAsTheProtocolSays(t *testing.T) {
	ctx := context.Background()
	o := newOffice(t, "")
	o.grow(7, "a")
	seven, _ := o.Checkpoint(ctx)
	o.grow(6, "b")
	thirteen, _ := o.Checkpoint(ctx)
	hashes, err := o.Consistency(ctx, 7, 13)
	if err != nil {
		t.Fatal(err)
	}
	stranger := newOffice(t, "")
	stranger.grow(1, "x")
	same, _ := stranger.Checkpoint(ctx) // same name, another key
	bad := append([][]byte{}, hashes...)
	bad[0] = make([]byte, 32)
	dir := t.TempDir()
	w, key := newWitness(t, dir, o)
	srv := httptest.NewServer(w)
	defer srv.Close()
	for _, c := range []struct {
		what   string
		body   []byte
		status int
		answer string
	}{
		{"nothing", nil, 400, ""},
		{"no note", []byte("old 0\n\n"), 404, ""},
		{"an odd number", request(0, nil, seven)[1:], 400, ""},
		{"a leading zero", append([]byte("old 00\n\n"), seven...), 400, ""},
		{"a proof that is no hash", append([]byte("old 0\nAAAA\n\n"), seven...), 400, ""},
		{"an unknown log", request(0, nil, []byte("other.example\n1\nAAAA\n\n")), 404, ""},
		{"another key", request(0, nil, same), 403, ""},
		{"the old size too large", request(8, nil, seven), 400, ""},
		{"a size it does not hold", request(7, hashes, thirteen), 409, "0\n"},
		{"a proof where none is needed", request(0, hashes, seven), 422, ""},
		{"the first head", request(0, nil, seven), 200, "— archive.example/witness "},
		{"the first head once more", request(7, nil, seven), 200, "— archive.example/witness "},
		{"no proof", request(7, nil, thirteen), 422, ""},
		{"a wrong proof", request(7, bad, thirteen), 422, ""},
		{"growth", request(7, hashes, thirteen), 200, "— archive.example/witness "},
		{"going back", request(13, nil, seven), 400, ""},
		{"going back politely", request(7, nil, seven), 409, "13\n"},
	} {
		res, err := http.Post(srv.URL+"/add-checkpoint", "text/plain", bytes.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != c.status || !strings.HasPrefix(string(body), c.answer) {
			t.Errorf("%s: %d %q, want %d %q", c.what, res.StatusCode, body, c.status, c.answer)
		}
		if res.StatusCode == 200 {
			if _, err := journal.OpenCosigned(append(append([]byte{}, mustSize(seven, thirteen, c.body)...), body...), o.VerifierKey(), key); err != nil {
				t.Errorf("%s: %v", c.what, err)
			}
		}
	}

	// A spoilt memory is an error, never a fresh start.
	files, _ := filepath.Glob(filepath.Join(dir, "*.checkpoint"))
	if len(files) != 1 {
		t.Fatalf("memory %v", files)
	}
	if err := os.WriteFile(files[0], []byte("spoilt"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Add(request(0, nil, seven)); err == nil {
		t.Error("a witness without its memory signed")
	}
}

func mustSize(seven, thirteen, body []byte) []byte {
	if bytes.HasSuffix(body, seven) {
		return seven
	}
	return thirteen
}

func TestSideBySideRequestsCannotMakeAWitnessSignTwoHistories(t *testing.T) {
	ctx := context.Background()
	o := newOffice(t, "")
	dir := t.TempDir()
	w, _ := newWitness(t, dir, o)
	var forks [][]byte
	for i := range 8 {
		f := newOffice(t, o.signingKey())
		f.grow(3, fmt.Sprint("history ", i))
		signed, err := f.Checkpoint(ctx)
		if err != nil {
			t.Fatal(err)
		}
		forks = append(forks, signed)
	}
	var mu sync.Mutex
	signed := 0
	var wg sync.WaitGroup
	for _, f := range forks {
		wg.Go(func() {
			if _, err := w.Add(request(0, nil, f)); err == nil {
				mu.Lock()
				defer mu.Unlock()
				signed++
			}
		})
	}
	wg.Wait()
	if signed != 1 {
		t.Errorf("%d histories signed, want 1", signed)
	}
}

func TestTheWitnessCommandServesAndStops(t *testing.T) {
	o := newOffice(t, "")
	o.grow(2, "a")
	ctx, stop := context.WithCancel(context.Background())
	r, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- Command(ctx, []string{"-data", filepath.Join(t.TempDir(), "w"), "-name", "archive.example/w", "-log", o.VerifierKey(), "-addr", "127.0.0.1:0"}, out, io.Discard)
	}()
	buf := make([]byte, 1000)
	n, err := r.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(buf[:n]), "\n")
	c, err := ParseClient(strings.TrimPrefix(lines[0], "witness on ") + " " + lines[1])
	if err != nil {
		t.Fatalf("%v in %q", err, buf[:n])
	}
	pushed := make(chan error, 1)
	watch, unwatch := context.WithCancel(context.Background())
	go func() {
		Keep(watch, o.Journal, []*Client{c}, time.Millisecond, func(err error) { pushed <- err })
		close(pushed)
	}()
	for {
		if signed, err := o.Cosigned(context.Background()); err != nil {
			t.Fatal(err)
		} else if signed != nil {
			break
		}
	}
	unwatch()
	if err := <-pushed; err != nil {
		t.Error(err)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
