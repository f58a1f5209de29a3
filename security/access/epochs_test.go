package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"spolupis/security"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
)

// TestEpochsThatAreRememberedAreThoseOfTheDatabase changes rights at random, some in vain and some by another process, and asks
// for all epochs each time: with others in one question, and alone, must come what the tables say.
func TestEpochsThatAreRememberedAreThoseOfTheDatabase(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		ctx := context.Background()
		r, _, j := open(t, db, time.Now)
		other := NewRights(db, j)
		var places []Place
		for d := range 5 {
			for p := range 4 {
				places = append(places, Place{security.ActorID(fmt.Sprint("p-", p)), Document(fmt.Sprint("d", d))})
			}
		}
		rnd := rand.New(rand.NewPCG(1, 2))
		for round := range 60 {
			by := []*Rights{r, other}[round%2]
			p := places[rnd.IntN(len(places))]
			err := inTx(t, db, func(tx *sql.Tx) error {
				var err error
				switch rnd.IntN(5) {
				case 0:
					err = by.Grant(ctx, tx, security.System, p.On, Editor, User(p.Who))
				case 1:
					err = by.Revoke(ctx, tx, security.System, p.On, Editor, User(p.Who))
				case 2:
					err = by.Link(ctx, tx, p.On, Agenda(fmt.Sprint("a", rnd.IntN(3))))
				case 3:
					err = by.Grant(ctx, tx, security.System, Office, AuditorOf, User(p.Who))
				case 4:
					err = bump(ctx, tx, string(User(p.Who)), 1)
				}
				if err == nil && rnd.IntN(4) == 0 {
					err = errInVain
				}
				return err
			})
			if err != nil && !errors.Is(err, errInVain) {
				t.Fatal(err)
			}
			must(t, db, func(tx *sql.Tx) error {
				got, err := r.EpochsIn(ctx, db.Often(tx), places)
				if err != nil {
					return err
				}
				for i, p := range places {
					if want, err := epochOf(ctx, tx, p.Who, p.On); err != nil || got[i] != want {
						t.Fatalf("round %d: epoch of %v among others is %d, want %d (%v)", round, p, got[i], want, err)
					}
				}
				return nil
			})
			for _, r := range []*Rights{r, other} {
				got, err := r.Epoch(ctx, p.Who, p.On)
				if want, werr := epochOf(ctx, db, p.Who, p.On); err != nil || werr != nil || got != want {
					t.Fatalf("round %d: epoch of %v is %d, want %d (%v, %v)", round, p, got, want, err, werr)
				}
			}
		}
	})
}

var errInVain = errors.New("in vain")
