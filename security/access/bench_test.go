package access

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"spolupis/security"
	"spolupis/security/database/dbtest"
)

// bigOffice has 10,000 documents in 20 agendas of 5 units; the person sees one
// unit as its member and 50 documents of others.
func bigOffice(b *testing.B) (*Rights, security.Actor) {
	db := dbtest.SQLite(b, sets...)
	r, _, _ := open(b, db, time.Now)
	ctx := context.Background()
	who := security.Actor{ID: "p-1", Unit: "u0", Roles: []security.Role{security.Drafter}}
	must(b, db, func(tx *sql.Tx) error {
		for u := range 5 {
			if err := r.Grant(ctx, tx, security.System, Unit(security.UnitID(fmt.Sprint("u", u))), Reader, Members(security.UnitID(fmt.Sprint("u", u)))); err != nil {
				return err
			}
		}
		for a := range 20 {
			if err := r.Link(ctx, tx, Agenda(fmt.Sprint("a", a)), Unit(security.UnitID(fmt.Sprint("u", a%5)))); err != nil {
				return err
			}
		}
		// Straight into the tables: the journal is not what is measured here.
		for d := range 10_000 {
			if _, err := tx.Exec(`INSERT INTO access_link (child, parent) VALUES ($1, $2)`, fmt.Sprint("document:d", d), fmt.Sprint("agenda:a", d%20)); err != nil {
				return err
			}
			if _, err := tx.Exec(`INSERT INTO access_tuple (object, relation, subject) VALUES ($1, 'owner', $2)`, fmt.Sprint("document:d", d), fmt.Sprint("user:p-", d/50)); err != nil {
				return err
			}
		}
		return nil
	})
	return r, who
}

func BenchmarkCanAmongTenThousandDocuments(b *testing.B) {
	r, who := bigOffice(b)
	for b.Loop() {
		if err := r.Can(context.Background(), who, View, Document("d60")); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEpochAmongTenThousandDocuments(b *testing.B) {
	r, who := bigOffice(b)
	for b.Loop() {
		if _, err := r.Epoch(context.Background(), who.ID, Document("d60")); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVisibleAmongTenThousandDocuments(b *testing.B) {
	r, who := bigOffice(b)
	for b.Loop() {
		eyes, err := r.Eyes(context.Background(), who)
		if err != nil {
			b.Fatal(err)
		}
		sub, args := eyes.Filter(1)
		var n int
		if err := r.db.QueryRow(`SELECT count(*) FROM (`+sub+`) AS v`, args...).Scan(&n); err != nil || n < 2000 {
			b.Fatal(n, err)
		}
	}
}
