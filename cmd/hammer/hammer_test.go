package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"spolupis/collab"
	"spolupis/collab/store"
	"spolupis/collab/ws"
	"spolupis/security"
	"spolupis/security/database"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// TestMain is the server, too: the test starts itself again and kills what it started.
func TestMain(m *testing.M) {
	if path := os.Getenv("HAMMER_TEST_DATABASE"); path != "" {
		if err := serve(path, os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	if shared.office != nil {
		shared.office.close()
	}
	if shared.dir != "" {
		os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

// everybody may edit; the token is the name.
type everybody struct{}

func (everybody) Right(context.Context, security.Actor, collab.DocumentID) (collab.Right, int64, error) {
	return collab.Edit, 1, nil
}

func (everybody) Epoch(context.Context, security.ActorID, collab.DocumentID) (int64, error) {
	return 1, nil
}

// hasty acknowledges before anything is stored, as others do.
type hasty struct{ *store.Store }

func (h hasty) Append(_ context.Context, b collab.Batch) (int64, error) {
	go func() {
		time.Sleep(time.Second)
		h.Store.Append(context.Background(), b)
	}()
	return b.Known + int64(len(b.Rows)), nil
}

func serve(path, addr string) error {
	ctx := context.Background()
	db, err := database.Open(ctx, path, database.Set{Name: "journal", FS: journal.Migrations}, database.Set{Name: "collab", FS: store.Migrations})
	if err != nil {
		return err
	}
	if os.Getenv("HAMMER_TEST_UNSYNCED") != "" {
		if _, err := db.ExecContext(ctx, `PRAGMA synchronous = NORMAL`); err != nil {
			return err
		}
	}
	j, err := journal.New(db, journal.Config{})
	if err != nil {
		return err
	}
	s := store.New(db, store.Config{Journal: j, Now: time.Now})
	cfg := collab.Config{Log: s, Leases: s, Witness: s, Rights: everybody{}, Now: time.Now, Snapshot: 100}
	if os.Getenv("HAMMER_TEST_HASTY") != "" {
		cfg.Log = hasty{s}
	}
	hub, err := collab.New(cfg)
	if err != nil {
		return err
	}
	beat, _ := time.ParseDuration(os.Getenv("HAMMER_TEST_BEAT"))
	h, err := ws.New(ws.Config{Hub: hub, Beat: beat,
		Token: func(_ context.Context, token string) (security.Actor, error) {
			return security.Actor{ID: security.ActorID("p-" + token), Name: token, Session: "s-" + token}, nil
		},
		Session: func(*http.Request) (security.Actor, error) { return security.Actor{}, fault.Unauthenticated },
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /collab/{document}", h)
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	return http.ListenAndServe(addr, mux)
}

// free returns an address that nobody listens on.
func free(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func killed(t *testing.T, runs int) *verdict {
	t.Helper()
	t.Setenv("HAMMER_TEST_DATABASE", filepath.Join(t.TempDir(), "kill9.db"))
	addr := free(t)
	o := options{server: os.Args[0], args: []string{addr}, url: "http://" + addr, nodes: []string{"http://" + addr}, clients: 20, runs: runs, every: 40 * time.Millisecond,
		documents: []string{"a", "b", "c"}, log: t.Logf}
	for _, name := range []string{"eva", "karel", "jana"} {
		o.people = append(o.people, credential{token: name})
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	v, err := kill9(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(v.Figures)
	return v
}

func TestNothingAcknowledgedIsLostWhenTheServerIsKilled(t *testing.T) {
	if v := killed(t, deep(3, 20)); len(v.Broken) > 0 {
		t.Errorf("broken: %q", v.Broken)
	}
}

// TestTheWholeOfficeIsKilled is the promise of the README, against the real binary.
func TestTheWholeOfficeIsKilled(t *testing.T) {
	if os.Getenv("SPOLUPIS_REQUIRE_SERVERS") != "1" && os.Getenv("SPOLUPIS_DEEP") == "" {
		t.Skip("SKIPPED: takes long; make test sets SPOLUPIS_REQUIRE_SERVERS=1")
	}
	held(t, "kill9", options{server: theServer(t), clients: 20, runs: deep(4, 20), every: 60 * time.Millisecond, create: 3})
}

func TestAServerThatAcknowledgesTooEarlyIsFoundOut(t *testing.T) {
	t.Setenv("HAMMER_TEST_HASTY", "1")
	t.Setenv("HAMMER_TEST_DATABASE", filepath.Join(t.TempDir(), "kill9.db"))
	if v := killed(t, 1); len(v.Broken) == 0 {
		t.Error("a server that acknowledges what it has not stored passed")
	}
}

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, args := range [][]string{
		{}, {"nothing"}, {"kill9"}, {"load", "-token", "t"}, {"load", "-documents", "d"},
		{"kill9", "-token", "t", "-documents", "d"}, {"redis", "-token", "t", "-documents", "d"}, {"load", "-token", "t", "-documents", "d", "-clients", "9"},
	} {
		if code := run(args); code != 2 {
			t.Errorf("hammer %q = %d, want 2", args, code)
		}
	}
}
