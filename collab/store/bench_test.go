package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"spolupis/collab"
	"spolupis/collab/store"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
	"spolupis/security/journal"
)

// BenchmarkAppend is one room's turn of so many updates on SQLite, each by somebody else.
func BenchmarkAppend(b *testing.B) {
	db := dbtest.SQLite(b, database.Set{Name: "journal", FS: journal.Migrations}, database.Set{Name: "collab", FS: store.Migrations})
	j, err := journal.New(db, journal.Config{Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	s := store.New(db, store.Config{Journal: j, Now: func() time.Time { return noon }})
	defer s.Close()
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			batch := collab.Batch{Document: collab.DocumentID(fmt.Sprint("d", n))}
			for i := range n {
				batch.Rows = append(batch.Rows, rows(eva, uint64(i+1), "an update of about thirty bytes")...)
			}
			for b.Loop() {
				last, err := s.Append(context.Background(), batch)
				if err != nil {
					b.Fatal(err)
				}
				batch.Known = last
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/update")
		})
	}
}
