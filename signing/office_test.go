package signing_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"spolupis/security"
	"spolupis/security/database"
	"spolupis/security/fault"
	"spolupis/security/journal"
	"spolupis/signing"
	"spolupis/signing/keys"
	"spolupis/signing/seal"
	"spolupis/signing/signingtest"
	"spolupis/signing/store"
)

var sets = []database.Set{{Name: "journal", FS: journal.Migrations}, {Name: "signing", FS: store.Migrations}}

// office is signing on a real database with a stopped clock. Documents are the only part that is not real.
type office struct {
	t       *testing.T
	db      *database.DB
	journal *journal.Journal
	store   *store.Store
	docs    *signingtest.Documents
	keys    *keys.Folder
	clock   *clock
	cfg     signing.Config
	*signing.Service
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (o *office) Name(_ context.Context, id security.ActorID) (string, error) {
	return map[security.ActorID]string{"p-jana": "Jana Nováková", "p-petr": "Petr Dvořák", "p-eva": "Eva Malá"}[id], nil
}

var (
	jana = security.Actor{ID: "p-jana", Name: "Jana Nováková", Roles: []security.Role{security.Signer}, Lang: "cs"}
	petr = security.Actor{ID: "p-petr", Name: "Petr Dvořák", Roles: []security.Role{security.Signer}, Lang: "cs"}
	eva  = security.Actor{ID: "p-eva", Name: "Eva Malá", Roles: []security.Role{security.Signer}, Lang: "cs"}
)

const password = "dlouhé heslo Jany"

func open(t *testing.T, db *database.DB) *office {
	t.Helper()
	o := &office{t: t, db: db, docs: &signingtest.Documents{}}
	o.clock = &clock{now: time.Now().UTC().Truncate(time.Microsecond)}
	var err error
	if o.journal, err = journal.New(db, journal.Config{Now: o.clock.Now}); err != nil {
		t.Fatal(err)
	}
	o.store = store.New(db, o.journal, o.clock.Now)
	if o.keys, err = keys.Open(filepath.Join(t.TempDir(), "keys"), keys.Config{People: o, Now: o.clock.Now}); err != nil {
		t.Fatal(err)
	}
	o.cfg = signing.Config{
		Store: o.store, Documents: o.docs, Keys: o.keys, Stamper: keys.Local{Authority: o.keys.Authority()}, People: o, Trust: o.keys.Trust, Now: o.clock.Now,
		Authorise: func(_ context.Context, _ security.Actor, secret, list string) error {
			if secret != password || len(list) != 64 {
				return fault.New(fault.Unauthenticated, "signing.fault.password")
			}
			return nil
		},
	}
	o.Service = service(t, o.cfg)
	return o
}

func service(t *testing.T, cfg signing.Config) *signing.Service {
	t.Helper()
	s, err := signing.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ask freezes n materials and asks the groups to sign them.
func (o *office) ask(n int, groups ...[]security.ActorID) []signing.VersionID {
	o.t.Helper()
	var out []signing.VersionID
	for i := range n {
		m := signing.MaterialID(fmt.Sprintf("m-%03d", i))
		id := o.docs.Put(signing.VersionInfo{Material: m, MaterialNumber: fmt.Sprintf("KUKV %d/2026", i), Title: "Dotace č. " + fmt.Sprint(i), Number: 1, State: "approved"})
		if err := o.React(o.t.Context(), event("documents.approved", m, map[string]any{"version": id, "signers": groups})); err != nil {
			o.t.Fatal(err)
		}
		out = append(out, id)
	}
	return out
}

func event(kind string, m signing.MaterialID, body map[string]any) journal.Entry {
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return journal.Entry{Seq: 1, Kind: kind, Subject: "document:" + string(m), Body: raw}
}

// authorise takes who through the list and the password.
func (o *office) authorise(who security.Actor, versions ...signing.VersionID) signing.BatchID {
	o.t.Helper()
	in, err := o.Confirm(o.t.Context(), who, versions)
	if err != nil {
		o.t.Fatal(err)
	}
	id, err := o.Authorise(o.t.Context(), who, versions, in.Hash(), password)
	if err != nil {
		o.t.Fatal(err)
	}
	return id
}

// work lets the server work until nothing is due.
func (o *office) work() {
	o.t.Helper()
	for range 1000 {
		worked, err := o.Work(o.t.Context())
		if err != nil {
			o.t.Fatal(err)
		}
		if !worked {
			return
		}
	}
	o.t.Fatal("a batch does not come to rest")
}

// steps counts where the items of a batch are.
func (o *office) steps(id signing.BatchID) map[signing.Step]int {
	o.t.Helper()
	_, items, err := o.store.Batch(o.t.Context(), id)
	if err != nil {
		o.t.Fatal(err)
	}
	out := map[signing.Step]int{}
	for _, it := range items {
		out[it.Step]++
	}
	return out
}

// events counts the journal entries of a kind.
func (o *office) events(kind string) (n int) {
	o.t.Helper()
	for after := int64(0); ; {
		list, err := o.journal.Read(o.t.Context(), after, 500)
		if err != nil {
			o.t.Fatal(err)
		}
		for _, e := range list {
			if e.Kind == kind {
				n++
			}
			after = e.Seq
		}
		if len(list) == 0 {
			return n
		}
	}
}

// mustBeSigned checks that a version carries exactly the signatures of these people, in order, and that they pass.
func (o *office) mustBeSigned(v signing.VersionID, by ...string) {
	o.t.Helper()
	st, err := o.Status(o.t.Context(), v)
	if err != nil {
		o.t.Fatal(err)
	}
	var got []string
	for _, s := range st.Report.Signatures {
		got = append(got, s.Signer)
	}
	if st.Report.Indication != seal.Passed || !slices.Equal(got, by) || len(st.Revisions) != len(by) {
		o.t.Fatalf("%s: got %s %s by %v, want passed by %v", v, st.Report.Indication, st.Report.Detail, got, by)
	}
}

func mustBe(t *testing.T, err error, k fault.Kind) {
	t.Helper()
	if !errors.Is(err, k) {
		t.Errorf("got %v, want %v", err, k)
	}
}
