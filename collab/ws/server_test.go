package ws_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"spolupis/collab"
	"spolupis/collab/store"
	"spolupis/collab/ws"
	"spolupis/collab/ws/official"
	"spolupis/security"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

var sets = []database.Set{{Name: "journal", FS: journal.Migrations}, {Name: "collab", FS: store.Migrations}}

// rights is an office whose rights a test can change; everybody may edit everything unless said otherwise.
type rights struct {
	mu    sync.Mutex
	said  map[security.ActorID]collab.Right
	epoch int64
}

func (r *rights) set(who security.ActorID, right collab.Right) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.said == nil {
		r.said = map[security.ActorID]collab.Right{}
	}
	r.said[who] = right
	r.epoch++
}

func (r *rights) Right(_ context.Context, who security.Actor, _ collab.DocumentID) (collab.Right, int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if right, ok := r.said[who.ID]; ok {
		return right, r.epoch, nil
	}
	return collab.Edit, r.epoch, nil
}

func (r *rights) Epoch(context.Context, security.ActorID, collab.DocumentID) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.epoch, nil
}

func (r *rights) epochs(_ context.Context, _ database.Tx, writers []store.Writer) ([]int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Repeat([]int64{r.epoch}, len(writers)), nil
}

type options struct {
	collab collab.Config
	ws     ws.Config
	change func(*collab.Config) // after everything else is set
	now    func() time.Time     // time.Now by default
}

// server is one node: everything real but the rights.
type server struct {
	*collab.Hub
	rights  *rights
	store   *store.Store
	journal *journal.Journal
	url     string // ws://…/collab/
	http    string
	stop    func()
}

func serve(t testing.TB, db *database.DB, o options) *server {
	t.Helper()
	s := &server{rights: &rights{}}
	var err error
	if s.journal, err = journal.New(db, journal.Config{Now: o.now}); err != nil {
		t.Fatal(err)
	}
	if o.now == nil {
		o.now = time.Now
	}
	s.store = store.New(db, store.Config{Journal: s.journal, Now: o.now, Epochs: s.rights.epochs})
	o.collab.Log, o.collab.Leases, o.collab.Witness = s.store, s.store, s.store
	o.collab.Rights, o.collab.Now = s.rights, o.now
	if o.change != nil {
		o.change(&o.collab)
	}
	if s.Hub, err = collab.New(o.collab); err != nil {
		t.Fatal(err)
	}
	o.ws.Hub = s.Hub
	o.ws.Token = func(_ context.Context, token string) (security.Actor, error) {
		if strings.HasPrefix(token, "bad") {
			return security.Actor{}, fault.Unauthenticated
		}
		return person(token), nil
	}
	o.ws.Session = func(r *http.Request) (security.Actor, error) {
		c, err := r.Cookie("session")
		if err != nil {
			return security.Actor{}, fault.Unauthenticated
		}
		return person(c.Value), nil
	}
	handler, err := ws.New(o.ws)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /collab/{document}", handler)
	web := httptest.NewServer(mux)
	s.http, s.url = web.URL, "ws"+strings.TrimPrefix(web.URL, "http")+"/collab/"
	s.stop = sync.OnceFunc(func() {
		s.Hub.Close()
		handler.Close()
		web.Close()
		if err := s.store.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
	t.Cleanup(s.stop)
	return s
}

func person(name string) security.Actor {
	return security.Actor{ID: security.ActorID("p-" + name), Name: strings.ToUpper(name[:1]) + name[1:], Session: "s-" + name, Lang: "cs"}
}

// sqlite serves on a fresh SQLite file.
func sqlite(t testing.TB, o options) *server { return serve(t, dbtest.SQLite(t, sets...), o) }

// deep is how often to repeat a race: many times when SPOLUPIS_DEEP asks for it.
func deep(few, many int) int {
	if os.Getenv("SPOLUPIS_DEEP") != "" {
		return many
	}
	return few
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func dial(t testing.TB, s *server, doc, who string) *official.Official {
	t.Helper()
	return dialAs(t, official.Config{URL: s.url + doc, Header: http.Header{"Authorization": {"Bearer " + who}}})
}

func dialAs(t testing.TB, cfg official.Config) *official.Official {
	t.Helper()
	o, err := official.Dial(within(t, time.Minute), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Break)
	return o
}

func must(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func wantClosed(t testing.TB, o *official.Official, want collab.Code) {
	t.Helper()
	code, reason, err := o.WaitClosed(within(t, time.Minute))
	if err != nil || code != want {
		t.Fatalf("closed with %d %q (%v), want %d", code, reason, err, want)
	}
	if reason == "" {
		t.Errorf("closed with %d and no reason", code)
	}
}

// echo carries out any command by repeating its arguments, and counts.
type echo struct {
	mu    sync.Mutex
	calls int
}

func (e *echo) Command(_ context.Context, who security.Actor, _ collab.DocumentID, _, name string, args json.RawMessage) (json.RawMessage, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls++
	switch name {
	case "refuse":
		return nil, fault.New(fault.Denied, "documents.fault.no")
	case "break":
		return nil, errors.New("the inside of the server")
	}
	return args, nil
}
