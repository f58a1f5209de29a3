package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"spolupis/collab"
	"spolupis/security"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
	"spolupis/security/journal"
)

// BenchmarkCommit is what a commit costs for each of the rooms in it, where 500 documents are written in turn on SQLite.
func BenchmarkCommit(b *testing.B) {
	db := dbtest.SQLite(b, database.Set{Name: "journal", FS: journal.Migrations}, database.Set{Name: "collab", FS: Migrations})
	j, err := journal.New(db, journal.Config{Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	s := New(db, Config{Journal: j, Now: time.Now})
	defer s.Close()
	const documents, writers = 500, 4
	docs, people, clients := make([]collab.DocumentID, documents), make([]security.Actor, writers), make([][writers]uint64, documents)
	for w := range people {
		people[w] = security.Actor{ID: security.ActorID(fmt.Sprintf("u-%016x", w)), Session: fmt.Sprintf("s-%020x", w)}
	}
	for d := range docs {
		docs[d] = collab.DocumentID(fmt.Sprintf("m-%024x", rand.Uint64()))
		for w, who := range people {
			if clients[d][w], err = s.Hold(b.Context(), docs[d], who, 0, "holder"); err != nil {
				b.Fatal(err)
			}
		}
	}
	for _, n := range []int{10, 20} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				var part []*request
				for _, d := range rand.Perm(documents)[:n] {
					w := rand.IntN(writers)
					update := []byte("an update of about thirty bytes")
					part = append(part, &request{ctx: context.Background(), hashes: []string{hash(update)}, done: make(chan struct{}), batch: collab.Batch{Document: docs[d],
						Rows:  []collab.Row{{Person: people[w].ID, Session: people[w].Session, Client: clients[d][w], At: time.Now(), Update: update}},
						Holds: []collab.Hold{{Client: clients[d][w], Holder: "holder"}}}})
				}
				s.commitAll(b.Context(), part)
				for _, r := range part {
					if r.err != nil {
						b.Fatal(r.err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/room")
		})
	}
}
