package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"spolupis/security"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
	"spolupis/security/fault"
)

// staff is a small office whose clock the test moves.
type staff struct {
	t        *testing.T
	ctx      context.Context
	rights   *Rights
	accounts *Accounts
	now      time.Time
	by       map[string]security.Actor
}

func employ(t *testing.T, db *database.DB, logins ...string) *staff {
	t.Helper()
	s := &staff{t: t, ctx: context.Background(), now: time.Date(2026, 12, 21, 9, 0, 0, 0, time.UTC), by: map[string]security.Actor{}}
	clock := func() time.Time { return s.now }
	s.rights, s.accounts, _ = open(t, db, clock)
	s.rights.Now = clock
	for _, l := range logins {
		id, err := s.accounts.Create(s.ctx, security.System, NewAccount{Login: l, Name: l, Password: "modrá-lavice-u-řeky"})
		if err != nil {
			t.Fatal(err)
		}
		s.by[l] = security.Actor{ID: id, Name: l}
	}
	return s
}

func (s *staff) stands(who string, on Object) []string {
	s.t.Helper()
	ids, err := s.rights.Represents(s.ctx, s.by[who], on)
	if err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for _, id := range ids {
		for name, a := range s.by {
			if a.ID == id {
				out = append(out, name)
			}
		}
	}
	return out
}

func (s *staff) name(person, deputy string, first, last Day, scope Object) Deputyship {
	s.t.Helper()
	d, err := s.rights.NameDeputy(s.ctx, s.by[person], Deputyship{Person: s.by[person].ID, Deputy: s.by[deputy].ID, First: first, Last: last, Scope: scope})
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

func TestADeputyActsFromTheFirstDayToTheLastInPrague(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		s := employ(t, db, "karel", "dana")
		s.name("karel", "dana", "2026-12-22", "2026-12-23", "")
		prague := func(day, hour, minute int) time.Time { return time.Date(2026, 12, day, hour-1, minute, 0, 0, time.UTC) } // UTC+1 in winter
		for _, c := range []struct {
			at   time.Time
			want bool
		}{{prague(21, 23, 59), false}, {prague(22, 0, 0), true}, {prague(23, 23, 59), true}, {prague(24, 0, 0), false}} {
			s.now = c.at
			if got := len(s.stands("dana", Document("m-1"))) == 1; got != c.want {
				t.Errorf("at %s: stands %v, want %v", c.at, got, c.want)
			}
		}
	})
}

func TestADeputyHasTheRightsOfThePersonAndSignsNothing(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		s := employ(t, db, "karel", "dana", "jan")
		doc := Document("m-1")
		for _, rel := range []Relation{Approver, Signer} {
			must(t, db, func(tx *sql.Tx) error {
				return s.rights.Grant(s.ctx, tx, security.System, doc, rel, User(s.by["karel"].ID))
			})
		}
		dana, jan := s.by["dana"], s.by["jan"]
		danaForKarel, janForKarel := dana, jan
		danaForKarel.OnBehalfOf, janForKarel.OnBehalfOf = s.by["karel"].ID, s.by["karel"].ID
		want := func(who security.Actor, act Act, kind error) {
			t.Helper()
			if err := s.rights.Can(s.ctx, who, act, doc); !errors.Is(err, kind) && (err != nil || kind != nil) {
				t.Errorf("%s for %q may %s: %v, want %v", who.Name, who.OnBehalfOf, act, err, kind)
			}
		}
		want(dana, View, fault.NotFound)
		want(danaForKarel, Approve, fault.NotFound)

		before, err := s.rights.Epoch(s.ctx, dana.ID, doc)
		if err != nil {
			t.Fatal(err)
		}
		d := s.name("karel", "dana", "2026-12-21", "2026-12-31", "")
		after, err := s.rights.Epoch(s.ctx, dana.ID, doc)
		if err != nil || after <= before {
			t.Errorf("epoch %d after %d, %v: an open connection would not notice", after, before, err)
		}
		want(dana, View, nil)
		want(dana, Approve, fault.Denied) // only as deputy, so that it shows
		want(danaForKarel, View, nil)
		want(danaForKarel, Approve, nil)
		want(danaForKarel, Edit, fault.Denied)
		want(danaForKarel, Sign, fault.Denied)
		if key := fault.Of(s.rights.Can(s.ctx, danaForKarel, Sign, doc)).Key; key != "deputy.fault.personal" {
			t.Errorf("refused signature says %s", key)
		}
		want(janForKarel, View, fault.NotFound)

		if err := s.rights.RevokeDeputy(s.ctx, jan, d.ID); !errors.Is(err, fault.NotFound) {
			t.Errorf("a stranger revokes: %v", err)
		}
		if err := s.rights.RevokeDeputy(s.ctx, s.by["karel"], d.ID); err != nil {
			t.Fatal(err)
		}
		want(danaForKarel, Approve, fault.NotFound)
		want(dana, View, fault.NotFound)
	})
}

func TestDeputyshipsEndWithScopeAccountAndChain(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		s := employ(t, db, "karel", "dana", "jan", "ivan")
		must(t, db, func(tx *sql.Tx) error { return s.rights.Link(s.ctx, tx, Document("m-1"), Agenda("rada")) })
		must(t, db, func(tx *sql.Tx) error { return s.rights.Link(s.ctx, tx, Document("m-2"), Agenda("dotace")) })
		s.name("karel", "dana", "2026-12-21", "2026-12-31", Agenda("rada"))
		s.name("ivan", "karel", "2026-12-21", "2026-12-31", "")
		if got := s.stands("dana", Document("m-1")); !slices.Equal(got, []string{"karel"}) {
			t.Errorf("in the scope dana stands for %v; a deputyship is not handed on", got)
		}
		if got := s.stands("dana", Document("m-2")); got != nil {
			t.Errorf("out of the scope dana stands for %v", got)
		}
		if err := s.accounts.Update(s.ctx, security.System, s.by["karel"].ID, Change{Disabled: true}); err != nil {
			t.Fatal(err)
		}
		if got := s.stands("dana", Document("m-1")); got != nil {
			t.Errorf("dana stands for %v, whose account is blocked", got)
		}
		if got := s.stands("karel", Document("m-1")); got != nil {
			t.Errorf("a blocked deputy stands for %v", got)
		}
	})
}

// What lists, search and inboxes ask: the documents of whoever he stands for are a deputy's to see from the first day to the
// last, and only in the scope, whether they are seen by name, unit, role, agenda or office.
func TestADeputyFindsInListsWhatThePersonSees(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		s := employ(t, db, "karel", "dana", "jan", "olga", "admin")
		for _, u := range []security.UnitID{"doprava", "pravni"} {
			if err := s.accounts.CreateUnit(s.ctx, security.System, UnitInfo{ID: u, Name: string(u)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.accounts.Update(s.ctx, security.System, s.by["admin"].ID, Change{Roles: []security.Role{security.Administrator}}); err != nil {
			t.Fatal(err)
		}
		for login, c := range map[string]Change{"karel": {Unit: "doprava", Roles: []security.Role{security.Councillor, security.Head}},
			"olga": {Roles: []security.Role{security.Auditor}}} {
			if err := s.accounts.Update(s.ctx, security.System, s.by[login].ID, c); err != nil {
				t.Fatal(err)
			}
		}
		must(t, db, func(tx *sql.Tx) error {
			grant := func(on Object, rel Relation, subject Subject) error {
				return s.rights.Grant(s.ctx, tx, security.System, on, rel, subject)
			}
			return errors.Join(
				s.rights.Link(s.ctx, tx, Document("name"), Agenda("rada")), s.rights.Link(s.ctx, tx, Document("unit"), Agenda("rada")),
				s.rights.Link(s.ctx, tx, Document("role"), Agenda("dotace")), s.rights.Link(s.ctx, tx, Document("agenda"), Agenda("dotace")),
				s.rights.Link(s.ctx, tx, Document("other"), Agenda("jina")), s.rights.Link(s.ctx, tx, Agenda("rada"), Unit("doprava")),
				grant(Document("name"), Approver, User(s.by["karel"].ID)), grant(Document("unit"), Commenter, Members("doprava")),
				grant(Document("role"), Reader, Holders(security.Councillor)), grant(Agenda("dotace"), Editor, User(s.by["karel"].ID)),
				grant(Office, Creator, Holders(security.Head)), grant(Document("other"), Owner, User(s.by["jan"].ID)))
		})
		want := func(who, list string) {
			t.Helper()
			if got := visible(t, s.rights, s.by[who]); got != list {
				t.Errorf("on %s %s sees %q, want %q", s.rights.today(), who, got, list)
			}
			for _, id := range []string{"name", "unit", "role", "agenda", "other"} { // a list shows what may be opened
				if err := s.rights.Can(s.ctx, s.by[who], View, Document(id)); (err == nil) != slices.Contains(strings.Fields(list), id) {
					t.Errorf("%s opens %s: %v", who, id, err)
				}
			}
		}
		want("dana", "")
		d := s.name("karel", "dana", "2026-12-22", "2026-12-23", "")
		want("dana", "") // the day before
		s.now = s.now.AddDate(0, 0, 1)
		want("dana", "agenda name role unit")
		want("jan", "other")
		s.now = s.now.AddDate(0, 0, 2)
		want("dana", "") // the day after
		s.now = s.now.AddDate(0, 0, -1)
		want("dana", "agenda name role unit")
		if err := s.rights.RevokeDeputy(s.ctx, s.by["karel"], d.ID); err != nil {
			t.Fatal(err)
		}
		want("dana", "")

		// In part: by agenda, by unit, by document; what somebody else sees there is not lent.
		s.name("karel", "dana", "2026-12-22", "2026-12-31", Agenda("dotace"))
		want("dana", "agenda role")
		s.name("karel", "dana", "2026-12-22", "2026-12-31", Document("unit"))
		want("dana", "agenda role unit")
		s.name("karel", "jan", "2026-12-22", "2026-12-31", Unit("doprava"))
		want("jan", "name other unit")
		// Of somebody who sees everything, the part; and not what he in turn sees for others.
		s.name("olga", "dana", "2026-12-22", "2026-12-31", Agenda("jina"))
		want("dana", "agenda other role unit")
		s.name("dana", "admin", "2026-12-22", "2026-12-31", "")
		want("admin", "")
		s.name("olga", "jan", "2026-12-22", "2026-12-31", "")
		want("jan", "agenda name other role unit")
		if err := s.accounts.Update(s.ctx, security.System, s.by["karel"].ID, Change{Unit: "doprava", Disabled: true}); err != nil {
			t.Fatal(err)
		}
		want("dana", "other")
	})
}

func TestDeputyshipsThatWillNotDoAreRefused(t *testing.T) {
	s := employ(t, dbtest.SQLite(t, sets...), "karel", "dana", "jan")
	admin := security.Actor{ID: "p-admin", Roles: []security.Role{security.Administrator}}
	karel, dana := s.by["karel"].ID, s.by["dana"].ID
	for _, c := range []struct {
		by   security.Actor
		d    Deputyship
		want string
	}{
		{s.by["jan"], Deputyship{Person: karel, Deputy: dana, First: "2026-12-22", Last: "2026-12-23"}, "deputy.fault.not_yours"},
		{s.by["karel"], Deputyship{Person: karel, Deputy: karel, First: "2026-12-22", Last: "2026-12-23"}, "deputy.fault.self"},
		{s.by["karel"], Deputyship{Person: karel, Deputy: "p-nobody", First: "2026-12-22", Last: "2026-12-23"}, "deputy.fault.person"},
		{s.by["karel"], Deputyship{Person: karel, First: "2026-12-22", Last: "2026-12-23"}, "deputy.fault.person"},
		{s.by["karel"], Deputyship{Person: karel, Deputy: dana, First: "22.12.2026", Last: "2026-12-23"}, "deputy.fault.days"},
		{s.by["karel"], Deputyship{Person: karel, Deputy: dana, First: "2026-12-24", Last: "2026-12-23"}, "deputy.fault.order"},
		{s.by["karel"], Deputyship{Person: karel, Deputy: dana, First: "2026-12-01", Last: "2026-12-20"}, "deputy.fault.past"},
		{s.by["karel"], Deputyship{Person: karel, Deputy: dana, First: "2026-12-22", Last: "2028-01-01"}, "deputy.fault.long"},
		{s.by["karel"], Deputyship{Person: karel, Deputy: dana, First: "2026-12-22", Last: "2026-12-23", Scope: "office"}, "deputy.fault.scope"},
	} {
		if _, err := s.rights.NameDeputy(s.ctx, c.by, c.d); fault.Of(err).Key != c.want {
			t.Errorf("%+v: %v, want %s", c.d, err, c.want)
		}
	}
	for i := range MaxDeputies {
		if _, err := s.rights.NameDeputy(s.ctx, admin, Deputyship{Person: karel, Deputy: dana, First: "2026-12-22", Last: "2026-12-23"}); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	if _, err := s.rights.NameDeputy(s.ctx, admin, Deputyship{Person: karel, Deputy: dana, First: "2026-12-22", Last: "2026-12-23"}); fault.Of(err).Key != "deputy.fault.many" {
		t.Errorf("deputyship %d: %v", MaxDeputies+1, err)
	}
	list, err := s.rights.Deputyships(s.ctx, s.by["dana"], true)
	if err != nil || len(list) != MaxDeputies || list[0].PersonName != "karel" || list[0].GivenBy != "p-admin" {
		t.Errorf("dana sees %d of hers, %v", len(list), err)
	}
	if list, err = s.rights.Deputyships(s.ctx, s.by["jan"], true); err != nil || len(list) != 0 {
		t.Errorf("jan sees %d of others, %v", len(list), err)
	}
}

func TestTheHeadOfAUnitOrHisDeputyLeadsIt(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		s := employ(t, db, "karel", "dana", "jan")
		if err := s.accounts.CreateUnit(s.ctx, security.System, UnitInfo{"oi", "odbor informatiky"}); err != nil {
			t.Fatal(err)
		}
		if err := s.rights.NameHead(s.ctx, s.by["karel"], "oi", s.by["karel"].ID); !errors.Is(err, fault.Denied) {
			t.Errorf("he made himself head: %v", err)
		}
		for unit, person := range map[security.UnitID]security.ActorID{"oi": "p-nobody", "nowhere": s.by["karel"].ID} {
			if err := s.rights.NameHead(s.ctx, security.System, unit, person); !errors.Is(err, fault.Invalid) {
				t.Errorf("%s heads %s: %v", person, unit, err)
			}
		}
		leads := func(who string) string {
			t.Helper()
			behalf, ok, err := s.rights.Leads(s.ctx, s.by[who], "oi")
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(ok, behalf == s.by["karel"].ID)
		}
		if got := leads("karel"); got != "false false" {
			t.Errorf("before he was named: %s", got)
		}
		for range 2 { // naming the same head again changes nothing
			if err := s.rights.NameHead(s.ctx, security.System, "oi", s.by["karel"].ID); err != nil {
				t.Fatal(err)
			}
		}
		s.name("karel", "dana", "2026-12-21", "2026-12-31", Unit("oi"))
		for who, want := range map[string]string{"karel": "true false", "dana": "true true", "jan": "false false"} {
			if got := leads(who); got != want {
				t.Errorf("%s leads: %s, want %s", who, got, want)
			}
		}
		heads, err := s.rights.Heads(s.ctx)
		if err != nil || heads["oi"] != s.by["karel"].ID {
			t.Errorf("heads %v, %v", heads, err)
		}
		if err := s.rights.NameHead(s.ctx, security.System, "oi", ""); err != nil {
			t.Fatal(err)
		}
		if got := leads("karel"); got != "false false" {
			t.Errorf("after he was taken off: %s", got)
		}
	})
}
