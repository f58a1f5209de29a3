package access

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"spolupis/security"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)} }
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

const good = "modrá-lavice-u-řeky"

func kinds(t *testing.T, j *journal.Journal) string {
	t.Helper()
	entries, err := j.Read(context.Background(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimPrefix(e.Kind, "access."))
	}
	return strings.Join(out, " ")
}

func create(t *testing.T, a *Accounts, login string, roles ...security.Role) security.ActorID {
	t.Helper()
	id, err := a.Create(context.Background(), security.System, NewAccount{Login: login, Name: "Jana " + login, Password: good, Roles: roles})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestAPersonSignsInWorksAndSignsOut(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		ctx := context.Background()
		c := newClock()
		_, a, j := open(t, db, c.now)
		if err := a.CreateUnit(ctx, security.System, UnitInfo{"ozp", "Odbor životního prostředí"}); err != nil {
			t.Fatal(err)
		}
		id, err := a.Create(ctx, security.System, NewAccount{Login: "Novakova", Name: "Jana  Nováková", Password: good, Unit: "ozp", Roles: []security.Role{security.Drafter}})
		if err != nil {
			t.Fatal(err)
		}
		s, err := a.Authenticate(ctx, " NOVAKOVA ", good, "10.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		who, err := a.BySession(ctx, s.Token)
		if err != nil || who.ID != id || who.Name != "Jana Nováková" || who.UnitName != "Odbor životního prostředí" || !who.Has(security.Drafter) || who.Session == "" {
			t.Errorf("signed in as %+v, %v", who, err)
		}
		again, err := a.Authenticate(ctx, "novakova", good, "10.0.0.1")
		if err != nil || again.Token == s.Token || again.Actor.Session == s.Actor.Session {
			t.Errorf("a second sign-in shares the session: %v", err)
		}
		var stored string
		if err := db.QueryRow(`SELECT hash || password FROM access_session, access_account WHERE access_session.id = $1`, who.Session).Scan(&stored); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(stored, s.Token) || strings.Contains(stored, good) || !strings.Contains(stored, "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Errorf("stored in clear, or not argon2id: %s", stored)
		}
		if err := a.SignOut(ctx, s.Token); err != nil {
			t.Fatal(err)
		}
		if _, err := a.BySession(ctx, s.Token); !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("after sign-out: %v", err)
		}
		if _, err := a.BySession(ctx, again.Token); err != nil {
			t.Errorf("the other session: %v", err)
		}
		if got, want := kinds(t, j), "unit_created account_created signed_in signed_in signed_out"; got != want {
			t.Errorf("journal %q, want %q", got, want)
		}
		entries, _ := j.Read(ctx, 0, 10)
		for _, e := range entries {
			for _, name := range []string{"novakova", "Nováková", "10.0.0.1"} {
				if strings.Contains(strings.ToLower(string(e.Body)), strings.ToLower(name)) {
					t.Errorf("%s tells %q in its header", e.Kind, name)
				}
			}
		}
		var personal struct{ IP string }
		if json.Unmarshal(entries[2].Personal, &personal); personal.IP != "10.0.0.1" {
			t.Errorf("sign-in does not know where from: %s", entries[2].Personal)
		}
	})
}

func TestASessionEndsByIdlenessAgeAndDisabling(t *testing.T) {
	db := dbtest.SQLite(t, sets...)
	ctx := context.Background()
	c := newClock()
	_, a, _ := open(t, db, c.now)
	id := create(t, a, "jana")
	in := func() string {
		s, err := a.Authenticate(ctx, "jana", good, "ip")
		if err != nil {
			t.Fatal(err)
		}
		return s.Token
	}
	alive := func(token string) bool { _, err := a.BySession(ctx, token); return err == nil }

	s := in()
	c.advance(29 * time.Minute)
	if !alive(s) {
		t.Error("over after 29 idle minutes")
	}
	c.advance(30 * time.Minute)
	if alive(s) {
		t.Error("alive after 30 idle minutes")
	}
	s = in()
	for range 12*60/20 - 1 {
		c.advance(20 * time.Minute)
		if !alive(s) {
			t.Fatal("over while in use")
		}
	}
	c.advance(20 * time.Minute)
	if alive(s) {
		t.Error("alive after 12 hours")
	}
	s = in()
	token, err := a.CreateToken(ctx, security.Actor{ID: id}, "script", []Scope{ScopeRead}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if who, tok, err := a.Token(ctx, token); err != nil || who.ID != id || !tok.Allows(ScopeRead) || tok.Allows(ScopeWrite) {
		t.Errorf("token %+v %+v %v", who, tok, err)
	}
	if err := a.Update(ctx, security.System, id, Change{Disabled: true}); err != nil {
		t.Fatal(err)
	}
	if alive(s) {
		t.Error("alive in a disabled account")
	}
	if _, err := a.ByToken(ctx, token); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("token of a disabled account: %v", err)
	}
	if _, err := a.Authenticate(ctx, "jana", good, "ip"); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("sign-in to a disabled account: %v", err)
	}
}

func TestATokenEndsWhenItExpiresOrIsRevoked(t *testing.T) {
	db := dbtest.SQLite(t, sets...)
	ctx := context.Background()
	c := newClock()
	_, a, _ := open(t, db, c.now)
	jana := security.Actor{ID: create(t, a, "jana")}
	one, err1 := a.CreateToken(ctx, jana, "one", []Scope{ScopeRead, ScopeEdit}, time.Hour)
	two, err2 := a.CreateToken(ctx, jana, "two", []Scope{ScopeWrite}, 0)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	c.advance(time.Hour)
	if _, err := a.ByToken(ctx, one); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("expired: %v", err)
	}
	list, err := a.Tokens(ctx, jana)
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	for _, tok := range list {
		if err := a.RevokeToken(ctx, security.Actor{ID: "p-other"}, tok.ID); !errors.Is(err, fault.NotFound) {
			t.Errorf("somebody else's token: %v", err)
		}
		if err := a.RevokeToken(ctx, jana, tok.ID); err != nil {
			t.Error(err)
		}
	}
	if _, err := a.ByToken(ctx, two); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("revoked: %v", err)
	}
	if _, err := a.CreateToken(ctx, jana, "x", []Scope{"everything"}, 0); !errors.Is(err, fault.Invalid) {
		t.Errorf("unknown scope: %v", err)
	}
}

func TestASignInStormIsSlowedAndToldNothing(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		ctx := context.Background()
		c := newClock()
		_, a, j := open(t, db, c.now)
		create(t, a, "jana")
		try := func(login, password string) fault.Fault {
			_, err := a.Authenticate(ctx, login, password, "10.0.0.9")
			if err == nil {
				return fault.Fault{}
			}
			return fault.Of(err)
		}
		// Nothing tells a wrong password from a login that is not there.
		for i := range 5 {
			known, unknown := try("jana", "wrong wrong wrong"), try("nobody-here", "wrong wrong wrong")
			if known.Kind != fault.Unauthenticated || known.Key != unknown.Key || known.Kind != unknown.Kind {
				t.Errorf("try %d: %+v and %+v differ", i, known, unknown)
			}
		}
		known, unknown := try("jana", good), try("nobody-here", good)
		if known.Kind != fault.TooMany || fmt.Sprint(known) != fmt.Sprint(unknown) {
			t.Errorf("sixth try: %+v and %+v, want both to wait", known, unknown)
		}
		if got, want := known.Args[0], 1; got != want {
			t.Errorf("wait %v min, want %v", got, want)
		}
		c.advance(time.Minute)
		if f := try("jana", "wrong wrong wrong"); f.Kind != fault.Unauthenticated {
			t.Errorf("after the wait: %+v", f)
		}
		if f := try("jana", good); f.Kind != fault.TooMany || f.Args[0] != 2 {
			t.Errorf("the next wait is %+v, want twice as long", f)
		}
		c.advance(2 * time.Minute)
		if f := try("jana", good); f.Kind != 0 {
			t.Errorf("the right password after the wait: %+v", f)
		}
		if f := try("jana", "wrong wrong wrong"); f.Kind != fault.Unauthenticated {
			t.Errorf("a fresh start after success: %+v", f)
		}
		all := kinds(t, j)
		if got := strings.Count(all, "sign_in_refused"); got != 12 {
			t.Errorf("%d refusals in the journal, want 12: %s", got, all)
		}
		if got := strings.Count(all, "sign_in_blocked"); got != 3 {
			t.Errorf("%d blocks in the journal, want 3", got)
		}
	})
}

func TestTriesSideBySideDoNotSlipUnderTheLimit(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		_, a, _ := open(t, db, newClock().now)
		var mu sync.Mutex
		got := map[fault.Kind]int{}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				_, err := a.Authenticate(context.Background(), "jana", "guess guess guess", "10.0.0.9")
				mu.Lock()
				defer mu.Unlock()
				got[fault.Of(err).Kind]++
			})
		}
		wg.Wait()
		if got[fault.Unauthenticated] != 5 || got[fault.TooMany] != 15 {
			t.Errorf("outcomes %v, want 5 tried and 15 told to wait", got)
		}
	})
}

func TestOneAddressCannotTryEverybody(t *testing.T) {
	db := dbtest.SQLite(t, sets...)
	c := newClock()
	j, _ := journal.New(db, journal.Config{Now: c.now})
	a := NewAccounts(db, j, Config{Now: c.now, PerIP: 3})
	for i := range 5 {
		_, err := a.Authenticate(context.Background(), fmt.Sprint("login", i), "guess guess guess", "10.0.0.9")
		want := fault.Unauthenticated
		if i >= 3 {
			want = fault.TooMany
		}
		if !errors.Is(err, want) {
			t.Errorf("login %d: %v, want %v", i, err, want)
		}
	}
	if _, err := a.Authenticate(context.Background(), "login9", "guess guess guess", "10.0.0.10"); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("another address: %v", err)
	}
}

func TestPoorPasswordsAreRefused(t *testing.T) {
	for password, ok := range map[string]bool{
		good:                         true,
		"krátké":                     false,
		"jedenáct-zn":                false,
		"password1234":               false,
		"HesloHeslo123":              false,
		"aaaaaaaaaaaaaaaa":           false,
		"abababababababab":           false,
		"novakovanovakova":           false,
		"novakova2026!":              false,
		"Vysocina2026":               false,
		strings.Repeat("dlouhé", 50): false,
		"pes kočka traktor mlha":     true,
	} {
		if err := CheckPassword("novakova", password); (err == nil) != ok || err != nil && !errors.Is(err, fault.Invalid) {
			t.Errorf("%q: %v, want accepted %v", password, err, ok)
		}
	}
}

func TestOnlyAnAdministratorLooksAfterAccountsAndTheLastOneStays(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		ctx := context.Background()
		c := newClock()
		r, a, j := open(t, db, c.now)
		boss := security.Actor{ID: create(t, a, "boss", security.Administrator), Roles: []security.Role{security.Administrator}}
		jana := security.Actor{ID: create(t, a, "jana", security.Drafter), Roles: []security.Role{security.Drafter}}

		_, e1 := a.Create(ctx, jana, NewAccount{Login: "x", Name: "X", Password: good})
		_, e2 := a.ResetPassword(ctx, jana, boss.ID, "chci")
		e3 := a.Update(ctx, jana, jana.ID, Change{Roles: []security.Role{security.Administrator}})
		e4 := a.CreateUnit(ctx, jana, UnitInfo{"u", "U"})
		for i, err := range []error{e1, e2, e3, e4} {
			if !errors.Is(err, fault.Denied) {
				t.Errorf("%d: %v, want denied", i, err)
			}
		}
		if err := a.Update(ctx, boss, boss.ID, Change{}); !errors.Is(err, fault.Conflict) {
			t.Errorf("the last administrator went: %v", err)
		}
		if _, err := a.Create(ctx, boss, NewAccount{Login: "JANA", Name: "Other", Password: good}); !errors.Is(err, fault.Conflict) {
			t.Errorf("a login taken twice: %v", err)
		}
		if _, err := a.ResetPassword(ctx, boss, jana.ID, "  "); !errors.Is(err, fault.Invalid) {
			t.Errorf("a reset without a reason: %v", err)
		}

		s, err := a.Authenticate(ctx, "jana", good, "ip")
		if err != nil {
			t.Fatal(err)
		}
		fresh, err := a.ResetPassword(ctx, boss, jana.ID, "zapomněla heslo")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.BySession(ctx, s.Token); err == nil {
			t.Error("a session outlived the reset")
		}
		s, err = a.Authenticate(ctx, "jana", fresh, "ip")
		if err != nil || !s.MustChange {
			t.Fatalf("sign-in with the new password: %v, must change %v", err, s.MustChange)
		}
		if err := a.ChangePassword(ctx, s.Actor, fresh, "úplně jiné heslo", "ip"); err != nil {
			t.Fatal(err)
		}
		if s, err := a.Authenticate(ctx, "jana", "úplně jiné heslo", "ip"); err != nil || s.MustChange {
			t.Errorf("after the change: %v", err)
		}

		// Roles count as they are now, also for an open connection.
		must(t, db, func(tx *sql.Tx) error {
			return r.Grant(ctx, tx, security.System, Document("d"), Reader, Holders(security.Drafter))
		})
		before, _ := r.Epoch(ctx, jana.ID, Document("d"))
		if err := r.Can(ctx, jana, View, Document("d")); err != nil {
			t.Error(err)
		}
		if err := a.Update(ctx, boss, jana.ID, Change{}); err != nil {
			t.Fatal(err)
		}
		if err := r.Can(ctx, jana, View, Document("d")); !errors.Is(err, fault.NotFound) {
			t.Errorf("a withdrawn role still opens: %v", err)
		}
		if after, _ := r.Epoch(ctx, jana.ID, Document("d")); after <= before {
			t.Errorf("epoch %d after %d", after, before)
		}
		people, err := a.People(ctx, PeopleFilter{Text: "jan"})
		if err != nil || len(people) != 2 {
			t.Errorf("people %+v, %v", people, err)
		}
		if rep, err := j.Verify(ctx); err != nil || !rep.OK() {
			t.Errorf("journal: %+v %v", rep, err)
		}
	})
}

func TestABindingActAsksForThePasswordAgain(t *testing.T) {
	db := dbtest.SQLite(t, sets...)
	ctx := context.Background()
	c := newClock()
	_, a, _ := open(t, db, c.now)
	create(t, a, "jana")
	s, err := a.Authenticate(ctx, "jana", good, "ip")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Confirmed(ctx, s.Actor); err != nil {
		t.Errorf("right after sign-in: %v", err)
	}
	c.advance(5 * time.Minute)
	if err := a.Confirmed(ctx, s.Actor); !errors.Is(err, fault.Denied) {
		t.Errorf("after five minutes: %v", err)
	}
	if err := a.Confirm(ctx, s.Actor, "wrong wrong wrong", "ip"); !errors.Is(err, fault.Denied) {
		t.Errorf("wrong password: %v", err)
	}
	if err := a.Confirm(ctx, s.Actor, good, "ip"); err != nil {
		t.Errorf("right password: %v", err)
	}
	if err := a.Confirmed(ctx, s.Actor); err != nil {
		t.Errorf("after confirming: %v", err)
	}
	other := s.Actor
	other.Session = "s-other"
	if err := a.Confirmed(ctx, other); !errors.Is(err, fault.Denied) {
		t.Errorf("another session: %v", err)
	}
}

func TestAnErasedPersonIsForgottenButNotWhatWasDone(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		ctx := context.Background()
		_, a, j := open(t, db, newClock().now)
		boss := security.Actor{ID: create(t, a, "boss", security.Administrator), Roles: []security.Role{security.Administrator}}
		id := create(t, a, "jana")
		s, err := a.Authenticate(ctx, "jana", good, "10.1.2.3")
		if err != nil {
			t.Fatal(err)
		}
		before, err := j.Publish(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Erase(ctx, boss, boss.ID, "x"); !errors.Is(err, fault.Conflict) {
			t.Errorf("erasing oneself: %v", err)
		}
		if err := a.Erase(ctx, boss, id, "uplynula lhůta"); err != nil {
			t.Fatal(err)
		}
		p, err := a.Person(ctx, id)
		if err != nil || p.Name != ErasedName || !p.Disabled || strings.Contains(p.Login, "jana") {
			t.Errorf("person %+v, %v", p, err)
		}
		if _, err := a.BySession(ctx, s.Token); !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("session: %v", err)
		}
		if _, err := a.Authenticate(ctx, p.Login, good, "ip"); !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("sign-in: %v", err)
		}
		entries, err := j.Read(ctx, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		did := 0
		for _, e := range entries {
			if e.About == id && e.Personal != nil {
				t.Errorf("%s still tells %s", e.Kind, e.Personal)
			}
			if e.Actor == id {
				did++
			}
		}
		if did != 1 {
			t.Errorf("%d entries of hers, want 1", did)
		}
		if rep, err := j.Verify(ctx, before); err != nil || !rep.OK() || rep.Erased != 2 {
			t.Errorf("journal: %+v %v", rep, err)
		}
		if _, err := a.Create(ctx, boss, NewAccount{Login: "jana", Name: "Jana Jiná", Password: good}); err != nil {
			t.Errorf("the login cannot be used again: %v", err)
		}
	})
}

func TestAnOpenConnectionKeepsItsSessionAliveAndEndsWithIt(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		ctx := context.Background()
		c := newClock()
		_, a, _ := open(t, db, c.now)
		create(t, a, "jana")
		s, err := a.Authenticate(ctx, "jana", good, "ip")
		if err != nil {
			t.Fatal(err)
		}
		alive := func() bool { return a.Alive(ctx, s.Actor) == nil }
		for range 3 {
			c.advance(20 * time.Minute)
			if !alive() {
				t.Fatal("ended while somebody typed")
			}
			if err := a.Touch(ctx, s.Actor); err != nil {
				t.Fatal(err)
			}
		}
		c.advance(30 * time.Minute)
		if alive() {
			t.Error("alive after 30 idle minutes")
		}
		if err := a.Touch(ctx, s.Actor); err != nil || alive() {
			t.Errorf("an ended session came back, %v", err)
		}
		if s, err = a.Authenticate(ctx, "jana", good, "ip"); err != nil {
			t.Fatal(err)
		}
		if err := a.SignOut(ctx, s.Token); err != nil || alive() {
			t.Errorf("alive after sign-out, %v", err)
		}
		token, err := a.CreateToken(ctx, s.Actor, "script", []Scope{ScopeEdit}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if s.Actor, err = a.ByToken(ctx, token); err != nil || !alive() {
			t.Errorf("by token: %v", err)
		}
		if err := a.RevokeToken(ctx, s.Actor, s.Actor.Session); err != nil || alive() {
			t.Errorf("alive after the token was revoked, %v", err)
		}
	})
}
