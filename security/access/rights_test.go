package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"spolupis/security"
	"spolupis/security/database"
	"spolupis/security/database/dbtest"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

var sets = []database.Set{{Name: "journal", FS: journal.Migrations}, {Name: "access", FS: Migrations}}

func open(t testing.TB, db *database.DB, now func() time.Time) (*Rights, *Accounts, *journal.Journal) {
	t.Helper()
	j, err := journal.New(db, journal.Config{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return NewRights(db, j), NewAccounts(db, j, Config{Now: now}), j
}

func inTx(t testing.TB, db *database.DB, f func(tx *sql.Tx) error) error {
	t.Helper()
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func must(t testing.TB, db *database.DB, f func(tx *sql.Tx) error) {
	t.Helper()
	if err := inTx(t, db, f); err != nil {
		t.Fatal(err)
	}
}

// TestWhatEachRelationAllows is the whole table of rights: relation × act.
func TestWhatEachRelationAllows(t *testing.T) {
	table := map[Relation]string{
		Reader:        "view",
		Commenter:     "view comment",
		Suggester:     "view comment suggest",
		Editor:        "view comment suggest edit",
		Owner:         "view comment suggest edit manage freeze",
		Approver:      "view comment approve",
		Signer:        "view comment sign",
		Publisher:     "view publish",
		AuditorOf:     "view audit",
		Creator:       "create_document",
		Administrator: "administer",
	}
	if len(table) != len(allowed) {
		t.Fatalf("the table has %d relations, the package %d", len(table), len(allowed))
	}
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		ctx := context.Background()
		r, _, _ := open(t, db, time.Now)
		for rel, acts := range table {
			who := security.Actor{ID: security.ActorID("p-" + string(rel))}
			doc := Document(string(rel))
			must(t, db, func(tx *sql.Tx) error { return r.Grant(ctx, tx, security.System, doc, rel, User(who.ID)) })
			sees := strings.Contains(acts, "view")
			for _, act := range Acts {
				want := error(fault.NotFound)
				if sees {
					want = fault.Denied
				}
				if slices.Contains(strings.Fields(acts), string(act)) {
					want = nil
				}
				if got := r.Can(ctx, who, act, doc); !errors.Is(got, want) {
					t.Errorf("%s may %s: %v, want %v", rel, act, got, want)
				}
				if got := r.Can(ctx, who, act, Document("other")); !errors.Is(got, fault.NotFound) {
					t.Errorf("%s may %s elsewhere: %v, want not found", rel, act, got)
				}
			}
		}
	})
}

func TestWhatEachRoleMeansForTheWholeOffice(t *testing.T) {
	db := dbtest.SQLite(t, sets...)
	ctx := context.Background()
	r, _, _ := open(t, db, time.Now)
	table := map[security.Role]string{
		security.Drafter: "create_document", security.Head: "create_document", security.Secretariat: "view publish create_document",
		security.Auditor: "view audit", security.Administrator: "administer",
		security.Commenter: "", security.Approver: "", security.Signer: "", security.Councillor: "", security.Director: "",
	}
	if len(table) != len(security.Roles) {
		t.Fatalf("the table has %d roles, the product %d", len(table), len(security.Roles))
	}
	for role, acts := range table {
		for _, act := range Acts {
			err := r.Can(ctx, security.Actor{ID: "p-x", Roles: []security.Role{role}}, act, Office)
			if want := slices.Contains(strings.Fields(acts), string(act)); (err == nil) != want {
				t.Errorf("%s may %s: %v, want %v", role, act, err, want)
			}
		}
	}
	for _, act := range Acts {
		if err := r.Can(ctx, security.Actor{}, act, Office); !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("nobody may %s: %v", act, err)
		}
		if err := r.Can(ctx, security.System, act, Document("any")); err != nil {
			t.Errorf("the service may not %s: %v", act, err)
		}
	}
}

func TestADocumentInheritsFromItsAgendaAndUnit(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		ctx := context.Background()
		r, _, j := open(t, db, time.Now)
		must(t, db, func(tx *sql.Tx) error {
			return errors.Join(
				r.Link(ctx, tx, Document("d"), Agenda("a")),
				r.Link(ctx, tx, Agenda("a"), Unit("u")),
				r.Link(ctx, tx, Document("e"), Agenda("b")),
				r.Grant(ctx, tx, security.System, Unit("u"), Reader, Members("u")),
				r.Grant(ctx, tx, security.System, Agenda("a"), Editor, User("p-ed")),
				r.Grant(ctx, tx, security.System, Document("d"), Commenter, Holders(security.Councillor)),
			)
		})
		member := security.Actor{ID: "p-m", Unit: "u"}
		editor := security.Actor{ID: "p-ed", Unit: "v"}
		councillor := security.Actor{ID: "p-c", Roles: []security.Role{security.Councillor}}
		auditor := security.Actor{ID: "p-a", Roles: []security.Role{security.Auditor}}
		stranger := security.Actor{ID: "p-s", Unit: "v", Roles: []security.Role{security.Drafter, security.Administrator}}
		for _, c := range []struct {
			who     security.Actor
			act     Act
			on      Object
			want    error
			visible string
		}{
			{member, View, Document("d"), nil, "d"},
			{member, Comment, Document("d"), fault.Denied, "d"},
			{member, View, Document("e"), fault.NotFound, "d"},
			{editor, Edit, Document("d"), nil, "d"},
			{editor, Manage, Document("d"), fault.Denied, "d"},
			{councillor, Comment, Document("d"), nil, "d"},
			{auditor, Audit, Document("e"), nil, "d e"},
			{auditor, Edit, Document("e"), fault.Denied, "d e"},
			{stranger, View, Document("d"), fault.NotFound, ""},
			{stranger, View, Document("nowhere"), fault.NotFound, ""},
			{security.System, Freeze, Document("d"), nil, "d e"},
		} {
			if got := r.Can(ctx, c.who, c.act, c.on); !errors.Is(got, c.want) {
				t.Errorf("%s %s %s: %v, want %v", c.who.ID, c.act, c.on, got, c.want)
			}
			if got := visible(t, r, c.who); got != c.visible {
				t.Errorf("%s sees %q, want %q", c.who.ID, got, c.visible)
			}
		}
		for who, most := range map[*security.Actor]int{&member: 1, &editor: 1, &councillor: 1, &stranger: 0} {
			for n, want := range []int{min(most, 1), most} {
				if got, err := r.CountSeen(ctx, eyes(t, r, *who), n); err != nil || got != want {
					t.Errorf("%s sees %d, %v, counted up to %d; want %d", who.ID, got, err, n, want)
				}
			}
		}
		// Told apart by nothing: a document of others and one that is not there.
		if a, b := r.Can(ctx, stranger, View, Document("d")), r.Can(ctx, stranger, View, Document("nowhere")); a.Error() != b.Error() {
			t.Errorf("%q and %q differ", a, b)
		}
		entries, err := j.Read(ctx, 0, 100)
		if err != nil || len(entries) != 6 || entries[4].Kind != "access.right_granted" || entries[4].Subject != "agenda:a" {
			t.Errorf("journal %+v, %v", entries, err)
		}
	})
}

func eyes(t testing.TB, r *Rights, who security.Actor) Eyes {
	t.Helper()
	e, err := r.Eyes(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// visible lists what who sees, and checks that all ways of asking give the same.
func visible(t testing.TB, r *Rights, who security.Actor) string {
	t.Helper()
	sub, args := eyes(t, r, who).Filter(2)
	rows, err := r.db.Query(`SELECT DISTINCT id FROM (SELECT substr(child, 10) AS id FROM access_link UNION SELECT substr(object, 10) FROM access_tuple) AS m WHERE id <> $1 AND id IN (`+sub+`)`, append([]any{"-"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	sort.Strings(ids)
	list := strings.Join(ids, " ")
	if other := seen(t, r, who); other != list {
		t.Errorf("%s sees %q by Filter and %q one by one", who.ID, list, other)
	}
	return list
}

// seen is visible by way of Sees, and checks that an index by Sight would leave nothing out.
func seen(t testing.TB, r *Rights, who security.Actor) string {
	t.Helper()
	e := eyes(t, r, who)
	mine, err := r.SightOf(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	sees, args := e.Sees("m.id", 2)
	var ids []string
	all, err := objects(t.Context(), r.db, `SELECT id FROM (SELECT DISTINCT substr(child, 10) AS id FROM access_link WHERE child LIKE 'document:%'
		UNION SELECT substr(object, 10) FROM access_tuple WHERE object LIKE 'document:%') AS m WHERE id <> $1 AND `+sees+` ORDER BY id`, append([]any{"-"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range all {
		from, err := r.Seen(t.Context(), Document(string(id)))
		if err != nil {
			t.Fatal(err)
		}
		reaches := func(s Sight) bool {
			shared := func(x Subject) bool { return slices.Contains(s.Subjects, x) }
			above := func(o Object) bool { return slices.Contains(s.Objects, o) }
			return s.All || slices.ContainsFunc(from.Subjects, shared) || slices.ContainsFunc(from.Objects, above)
		}
		in := func(p Part) bool {
			return slices.ContainsFunc(p.Scopes, func(o Object) bool { return o == Document(string(id)) || slices.Contains(from.Objects, o) })
		}
		if !reaches(mine) && !slices.ContainsFunc(mine.Parts, func(p Part) bool { return in(p) && reaches(p.Sight) }) {
			t.Errorf("%s sees %s, which is seen from %+v, and his sight is %+v", who.ID, id, from, mine)
		}
		ids = append(ids, string(id))
	}
	if !mine.All {
		sub, args := e.FilterFew(2)
		few, err := objects(t.Context(), r.db, `SELECT id FROM (SELECT substr(child, 10) AS id FROM access_link WHERE child LIKE 'document:%'
			UNION SELECT substr(object, 10) FROM access_tuple WHERE object LIKE 'document:%') AS m WHERE id <> $1 AND id IN (`+sub+`) ORDER BY id`, append([]any{"-"}, args...)...)
		if err != nil || strings.Join(strings.Fields(strings.Trim(fmt.Sprint(few), "[]")), " ") != strings.Join(ids, " ") {
			t.Errorf("%s sees %q as one of few, %v; want %q", who.ID, few, err, ids)
		}
	}
	if len(ids) > 0 {
		if n, err := r.CountSeen(t.Context(), e, 10); err != nil || n > 10 != mine.All {
			t.Errorf("%s sees %d, %v; want more than ten only when he sees all", who.ID, n, err)
		}
	}
	return strings.Join(ids, " ")
}

func TestARightWithdrawnIsGoneWithTheCommitAndMovesTheEpoch(t *testing.T) {
	dbtest.Each(t, sets, func(t *testing.T, db *database.DB) {
		ctx := context.Background()
		r, _, _ := open(t, db, time.Now)
		who := security.Actor{ID: "p-1"}
		doc := Document("d")
		last, err := r.Epoch(ctx, who.ID, doc)
		if err != nil {
			t.Fatal(err)
		}
		step := func(what string, moves bool, f func(tx *sql.Tx) error) {
			t.Helper()
			must(t, db, f)
			now, err := r.Epoch(ctx, who.ID, doc)
			if err != nil || now < last || (now > last) != moves {
				t.Errorf("%s: epoch %d after %d, %v; want it to move: %v", what, now, last, err, moves)
			}
			last = now
		}
		step("grant", true, func(tx *sql.Tx) error { return r.Grant(ctx, tx, security.System, doc, Editor, User(who.ID)) })
		if err := r.Can(ctx, who, Edit, doc); err != nil {
			t.Errorf("after the grant: %v", err)
		}
		step("grant again", false, func(tx *sql.Tx) error { return r.Grant(ctx, tx, security.System, doc, Editor, User(who.ID)) })
		step("elsewhere", false, func(tx *sql.Tx) error {
			return r.Grant(ctx, tx, security.System, Document("other"), Editor, User(who.ID))
		})
		step("link", true, func(tx *sql.Tx) error { return r.Link(ctx, tx, doc, Agenda("busy")) })
		for range 3 {
			step("above", true, func(tx *sql.Tx) error { return r.Grant(ctx, tx, security.System, Agenda("busy"), Reader, Members("u")) })
			step("above", true, func(tx *sql.Tx) error {
				return r.Revoke(ctx, tx, security.System, Agenda("busy"), Reader, Members("u"))
			})
		}
		step("moved to an agenda where nothing happened yet", true, func(tx *sql.Tx) error { return r.Link(ctx, tx, doc, Agenda("quiet")) })
		step("revoke", true, func(tx *sql.Tx) error { return r.Revoke(ctx, tx, security.System, doc, Editor, User(who.ID)) })
		if err := r.Can(ctx, who, Edit, doc); !errors.Is(err, fault.NotFound) {
			t.Errorf("after the revocation: %v", err)
		}
		if err := inTx(t, db, func(tx *sql.Tx) error {
			return r.Grant(ctx, tx, security.System, "matter:1", Editor, User(who.ID))
		}); !errors.Is(err, fault.Invalid) {
			t.Errorf("a right on an unknown kind of thing: %v", err)
		}
	})
}

// TestLinksNeverMakeACircleOrADeepChain compares random links with a plain
// model: what is accepted must keep every chain acyclic and at most MaxDepth
// long with documents at the bottom, what is refused must be what would break
// that, and rights must be what the model says.
func TestLinksNeverMakeACircleOrADeepChain(t *testing.T) {
	db := dbtest.SQLite(t, sets...)
	ctx := context.Background()
	r, _, _ := open(t, db, time.Now)
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		parent := map[Object]Object{}
		objects := make([]Object, 9)
		for i := range objects {
			objects[i] = Object(fmt.Sprintf("%s:%d-%d", []string{"document", "agenda", "unit"}[i%3], round, i))
		}
		chain := func(o Object) []Object {
			out := []Object{o}
			for p, ok := parent[o]; ok && len(out) < 20; p, ok = parent[p] {
				out = append(out, p)
			}
			return out
		}
		for range rapid.IntRange(1, 14).Draw(rt, "links") {
			child, up := rapid.SampledFrom(objects).Draw(rt, "child"), rapid.SampledFrom(objects).Draw(rt, "parent")
			old, had := parent[child]
			parent[child] = up
			ok := !strings.HasPrefix(string(up), "document:") // nothing hangs under one
			for _, o := range objects {
				ok = ok && len(chain(o)) <= MaxDepth+1
			}
			err := inTx(t, db, func(tx *sql.Tx) error { return r.Link(ctx, tx, child, up) })
			if (err == nil) != ok {
				rt.Fatalf("link %s under %s: %v, the model says %v", child, up, err, ok)
			}
			if !ok {
				if delete(parent, child); had {
					parent[child] = old
				}
			}
		}
		who := security.Actor{ID: security.ActorID(fmt.Sprintf("p-%d", round))}
		top := rapid.SampledFrom(objects).Draw(rt, "granted")
		must(t, db, func(tx *sql.Tx) error { return r.Grant(ctx, tx, security.System, top, Reader, User(who.ID)) })
		var want []string
		for _, o := range objects {
			sees := slices.Contains(chain(o), top)
			if got := r.Can(ctx, who, View, o); (got == nil) != sees {
				rt.Fatalf("view %s: %v, the model says %v", o, got, sees)
			}
			if id, ok := strings.CutPrefix(string(o), "document:"); ok && sees {
				want = append(want, id)
			}
		}
		sort.Strings(want)
		if got := visible(t, r, who); got != strings.Join(want, " ") {
			rt.Fatalf("sees %q, want %q", got, want)
		}
	})
}
