package witness

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"spolupis/security/journal"
)

const usage = `usage: spolupis witness -data DIR -name NAME -log VKEY [-log VKEY …] [-addr HOST:PORT]

Watches logs from another trust domain. It remembers the last head of each log
in DIR and cosigns a new one only when it continues that. Prints its public key,
which logs and auditors need. VKEY may be a file.
`

// Command is `spolupis witness`: it serves until ctx ends. It prints the address
// and the public key on out.
func Command(ctx context.Context, args []string, out, errs io.Writer) error {
	f := flag.NewFlagSet("spolupis witness", flag.ContinueOnError)
	f.SetOutput(errs)
	f.Usage = func() { fmt.Fprint(errs, usage) }
	dir := f.String("data", "witness", "folder of the witness's key and memory")
	name := f.String("name", "", "name of the witness, such as archive.example/witness")
	addr := f.String("addr", "127.0.0.1:8090", "address to listen on")
	var logs []string
	f.Func("log", "public key line of a log to watch, or a file with it; may be repeated", func(s string) error {
		if b, err := os.ReadFile(s); err == nil {
			s = string(b)
		}
		logs = append(logs, strings.TrimSpace(s))
		return nil
	})
	if err := f.Parse(args); err != nil {
		return err
	}
	signer, err := loadKey(filepath.Join(*dir, "witness.key"), *name)
	if err != nil {
		return err
	}
	w, err := New(*dir, signer, logs...)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "witness on http://%s\n%s\n", l.Addr(), signer.VerifierKey())
	srv := &http.Server{Handler: w, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped <- srv.Shutdown(grace)
	}()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// loadKey reads the witness's key, making it on first use.
func loadKey(file, name string) (*journal.Cosigner, error) {
	b, err := os.ReadFile(file)
	if err == nil {
		return journal.NewCosigner(string(b))
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("witness key: %w", err)
	}
	skey, _, err := journal.NewCosignerKey(name)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, fmt.Errorf("witness key: %w", err)
	}
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("witness key: %w", err)
	}
	_, err = out.WriteString(skey + "\n")
	if err := errors.Join(err, out.Sync(), out.Close()); err != nil {
		return nil, fmt.Errorf("witness key: %w", err)
	}
	return journal.NewCosigner(skey)
}
