// Command spolupis is the whole service in one binary: co-writing, comments,
// freezing, approval and signing, publication and audit of an office's
// documents. Without configuration it keeps everything in one folder (SQLite);
// with SPOLUPIS_DATABASE_URL and SPOLUPIS_REDIS_URL the same binary runs as
// many nodes on PostgreSQL and Redis.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"spolupis/security/journal/witness"
)

const usage = `Spolupis: writing, approving, signing and publishing an office's documents.

  spolupis serve            serve the office
  spolupis demo             serve a demonstration office (made on first start)
  spolupis audit export     write the journal as a bundle that anyone can verify
  spolupis audit verify     verify a bundle offline, without the server
  spolupis witness          cosign the heads of a journal, on a machine of somebody else
  spolupis bench crdt       measure the merge engine beside yjs and yrs
  spolupis bench collab     measure live editing beside Hocuspocus
  spolupis bench capacity   tell what sites carry, and play it
  spolupis bench documents  measure lists, search and comments in an office of 50,000 materials
  spolupis version          print the version

Each command lists its flags with -h. Flags may also be given as environment:
SPOLUPIS_ADDR, SPOLUPIS_DATA, SPOLUPIS_DATABASE_URL, SPOLUPIS_REDIS_URL.
`

// ballast is memory that is never touched, and so takes none: the collector waits until the heap has doubled, and without it
// would run every four megabytes in an office where little is open.
const ballast = 32 << 20

func main() {
	unused := make([]byte, ballast)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	runtime.KeepAlive(unused)
	os.Exit(status)
}

// run carries out one command line and returns the exit status: 0 done, 1
// failed, 2 wrong usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	command, ok := map[string]func(context.Context, []string, io.Writer, io.Writer) error{
		"serve": serve, "demo": demo, "audit": audit, "bench": bench, "version": version, "witness": witness.Command,
	}[name]
	if !ok {
		fmt.Fprint(stderr, usage)
		if name == "" || name == "help" || name == "-h" || name == "--help" {
			return 0
		}
		fmt.Fprintf(stderr, "\nunknown command %q\n", name)
		return 2
	}
	err := command(ctx, args, stdout, stderr)
	var status exitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	case errors.Is(err, flag.ErrHelp):
		return 2
	}
	fmt.Fprintf(stderr, "spolupis %s: %v\n", name, err)
	return 1
}

// exitStatus is an error that has said its piece already.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func version(_ context.Context, _ []string, stdout, _ io.Writer) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("built without module information")
	}
	fmt.Fprintf(stdout, "spolupis %s %s\n", info.Main.Version, info.GoVersion)
	return nil
}
