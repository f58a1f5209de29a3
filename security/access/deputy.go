package access

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // days of a deputyship are days in Prague, on machines without zones, too

	"spolupis/security"
	"spolupis/security/fault"
)

// Day is a day of the office (Europe/Prague), such as "2026-11-28". Days
// compare as text.
type Day string

// DayOf returns the office's day at t.
func DayOf(t time.Time) Day { return Day(t.In(prague).Format(time.DateOnly)) }

func (d Day) time() (time.Time, error) { return time.ParseInLocation(time.DateOnly, string(d), prague) }

// Time returns the beginning of the day, the zero time when d is no day.
func (d Day) Time() time.Time {
	t, err := d.time()
	if err != nil {
		return time.Time{}
	}
	return t
}

var prague = func() *time.Location {
	l, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		panic("access: " + err.Error()) // tzdata is linked in
	}
	return l
}()

// Deputyship lets Deputy act for Person ("v zastoupení") from the day First to
// the day Last, both included, on everything or on what hangs under Scope.
type Deputyship struct {
	ID          string
	Person      security.ActorID
	Deputy      security.ActorID
	First, Last Day
	Scope       Object // "" means everything; otherwise a unit, an agenda or a document
	GivenBy     security.ActorID
	GivenAt     time.Time
	RevokedBy   security.ActorID
	RevokedAt   time.Time // zero while it was not revoked

	PersonName, DeputyName string // filled in when read
}

// On reports whether the deputyship is in force on a day.
func (d Deputyship) On(day Day) bool { return d.RevokedAt.IsZero() && d.First <= day && day <= d.Last }

// Limits of deputyships.
const (
	MaxDeputyDays = 366 // a longer absence is a change of roles
	MaxDeputies   = 20  // of one person, not yet over
)

// today is the office's day now.
func (r *Rights) today() Day {
	now := r.Now
	if now == nil {
		now = time.Now
	}
	return DayOf(now())
}

func (r *Rights) instant() time.Time {
	if r.Now == nil {
		return time.Now()
	}
	return r.Now()
}

// NameDeputy makes a deputyship. A person gives it for himself, an
// administrator for anybody. A deputy acts by the rights of the person he
// stands for and cannot hand them on. It fails with fault.Denied for others,
// and with fault.Invalid when people or days will not do.
func (r *Rights) NameDeputy(ctx context.Context, by security.Actor, d Deputyship) (Deputyship, error) {
	if by.ID == "" || d.Person != by.ID && administers(by) != nil {
		return d, fault.New(fault.Denied, "deputy.fault.not_yours")
	}
	if err := d.check(r.today()); err != nil {
		return d, err
	}
	d.ID, d.GivenBy, d.GivenAt = "dp-"+strings.ToLower(rand.Text()[:16]), by.ID, r.instant().UTC().Truncate(time.Microsecond)
	d.RevokedBy, d.RevokedAt = "", time.Time{}
	err := r.change(ctx, "name deputy", func(tx *sql.Tx) error {
		for _, p := range []security.ActorID{d.Person, d.Deputy} {
			if err := activeAccount(ctx, tx, p); err != nil {
				return err
			}
		}
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM access_deputyship WHERE person = $1 AND last_day >= $2 AND revoked_at = 0`,
			string(d.Person), string(r.today())).Scan(&n); err != nil {
			return err
		}
		if n >= MaxDeputies {
			return fault.New(fault.Conflict, "deputy.fault.many", MaxDeputies)
		}
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO access_deputyship (id, person, deputy, first_day, last_day, scope, given_by, given_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			d.ID, string(d.Person), string(d.Deputy), string(d.First), string(d.Last), string(d.Scope), string(d.GivenBy), d.GivenAt.UnixMicro()); err != nil {
			return err
		}
		if err := bump(ctx, tx, string(User(d.Deputy)), 1); err != nil {
			return err
		}
		return record(ctx, tx, r.journal, by, "access.deputy_named", account(d.Person),
			map[string]any{"deputyship": d.ID, "deputy": d.Deputy, "first": d.First, "last": d.Last, "scope": d.Scope}, nil, "")
	})
	return d, err
}

func (d Deputyship) check(today Day) error {
	first, err1 := d.First.time()
	last, err2 := d.Last.time()
	switch {
	case d.Person == "" || d.Deputy == "":
		return fault.New(fault.Invalid, "deputy.fault.person")
	case d.Person == d.Deputy:
		return fault.New(fault.Invalid, "deputy.fault.self")
	case err1 != nil || err2 != nil:
		return fault.New(fault.Invalid, "deputy.fault.days")
	case d.Last < d.First:
		return fault.New(fault.Invalid, "deputy.fault.order")
	case d.Last < today:
		return fault.New(fault.Invalid, "deputy.fault.past")
	case last.Sub(first) > MaxDeputyDays*24*time.Hour:
		return fault.New(fault.Invalid, "deputy.fault.long", MaxDeputyDays)
	case d.Scope != "" && (!d.Scope.valid() || d.Scope == Office):
		return fault.New(fault.Invalid, "deputy.fault.scope")
	}
	return nil
}

func activeAccount(ctx context.Context, q querier, id security.ActorID) error {
	var disabled bool
	err := q.QueryRowContext(ctx, `SELECT disabled <> 0 FROM access_account WHERE id = $1`, string(id)).Scan(&disabled)
	if errors.Is(err, sql.ErrNoRows) || err == nil && disabled {
		return fault.New(fault.Invalid, "deputy.fault.person")
	}
	return err
}

// RevokeDeputy ends a deputyship at once. The person, the deputy and an
// administrator may; to others it is not there. Revoking it again changes nothing.
func (r *Rights) RevokeDeputy(ctx context.Context, by security.Actor, id string) error {
	return r.change(ctx, "revoke deputy", func(tx *sql.Tx) error {
		var d Deputyship
		err := tx.QueryRowContext(ctx, `SELECT person, deputy FROM access_deputyship WHERE id = $1`, id).Scan(&d.Person, &d.Deputy)
		if errors.Is(err, sql.ErrNoRows) || err == nil && by.ID != d.Person && by.ID != d.Deputy && administers(by) != nil {
			return fault.New(fault.NotFound, "fault.not_found")
		} else if err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `UPDATE access_deputyship SET revoked_by = $1, revoked_at = $2 WHERE id = $3 AND revoked_at = 0`,
			string(by.ID), r.instant().UnixMicro(), id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		if err := bump(ctx, tx, string(User(d.Deputy)), 1); err != nil {
			return err
		}
		return record(ctx, tx, r.journal, by, "access.deputy_revoked", account(d.Person), map[string]any{"deputyship": id, "deputy": d.Deputy}, nil, "")
	})
}

func (r *Rights) change(ctx context.Context, what string, f func(tx *sql.Tx) error) error {
	return change(ctx, r.db, what, f)
}

const selectDeputyship = `
	SELECT d.id, d.person, d.deputy, d.first_day, d.last_day, d.scope, d.given_by, d.given_at, d.revoked_by, d.revoked_at, p.name, e.name
	FROM access_deputyship d JOIN access_account p ON p.id = d.person JOIN access_account e ON e.id = d.deputy`

func (r *Rights) deputyships(ctx context.Context, where string, args ...any) ([]Deputyship, error) {
	rows, err := r.db.QueryContext(ctx, selectDeputyship+where, args...)
	if err != nil {
		return nil, fmt.Errorf("deputyships: %w", err)
	}
	defer rows.Close()
	var out []Deputyship
	for rows.Next() {
		var d Deputyship
		var given, revoked int64
		if err := rows.Scan(&d.ID, &d.Person, &d.Deputy, &d.First, &d.Last, &d.Scope, &d.GivenBy, &given, &d.RevokedBy, &revoked, &d.PersonName, &d.DeputyName); err != nil {
			return nil, fmt.Errorf("deputyships: %w", err)
		}
		d.GivenAt = time.UnixMicro(given).UTC()
		if revoked != 0 {
			d.RevokedAt = time.UnixMicro(revoked).UTC()
		}
		out = append(out, d)
	}
	return out, rows.Err()
}

// Deputyships lists those that who gave or was given, or all of them for an
// administrator who asks for all: newest last day first, at most 500.
func (r *Rights) Deputyships(ctx context.Context, who security.Actor, all bool) ([]Deputyship, error) {
	if all && administers(who) == nil {
		return r.deputyships(ctx, ` ORDER BY d.last_day DESC, d.id LIMIT 500`)
	}
	return r.deputyships(ctx, ` WHERE d.person = $1 OR d.deputy = $1 ORDER BY d.last_day DESC, d.id LIMIT 500`, string(who.ID))
}

// Standing lists the deputyships by which who may act for somebody today, on
// anything at all: what a page of tasks begins with.
func (r *Rights) Standing(ctx context.Context, who security.Actor) ([]Deputyship, error) {
	return r.deputyships(ctx, ` WHERE d.deputy = $1 AND d.last_day >= $2 AND d.first_day <= $2 AND d.revoked_at = 0 AND p.disabled = 0 AND e.disabled = 0
		ORDER BY p.name, d.id LIMIT 500`, string(who.ID), string(r.today()))
}

// Represents returns the people for whom who may act on the object now, in
// order of name. It is the one answer to that question: every act made for
// somebody else goes through it, and it is not transitive.
func (r *Rights) Represents(ctx context.Context, who security.Actor, on Object) ([]security.ActorID, error) {
	if !who.Known() || who.ID == security.SystemID || !on.valid() {
		return nil, nil
	}
	standing, err := r.Standing(ctx, who)
	if err != nil || len(standing) == 0 {
		return nil, err
	}
	chain, err := chainOf(ctx, r.db, on)
	if err != nil {
		return nil, err
	}
	var out []security.ActorID
	for _, d := range standing {
		if (d.Scope == "" || slices.Contains(chain, d.Scope)) && !slices.Contains(out, d.Person) {
			out = append(out, d.Person)
		}
	}
	return out, nil
}

// personal are the acts that nobody does for somebody else: a signature is the
// signatory's own (eIDAS art. 3(9)), and looking after accounts or looking into
// who read what hangs on a role that the deputy must hold himself.
var personal = []Act{Sign, Administer, Audit}

// canFor is Can for an act made on behalf of somebody else: by the rights of
// the person represented, while the deputyship lasts.
func (r *Rights) canFor(ctx context.Context, who security.Actor, act Act, on Object) error {
	behalf := who.OnBehalfOf
	who.OnBehalfOf = ""
	stands, err := r.Represents(ctx, who, on)
	if err != nil {
		return err
	}
	if !slices.Contains(stands, behalf) {
		if err := r.Can(ctx, who, View, on); err != nil { // what is not there and what is not his look alike
			return err
		}
		return fault.New(fault.Denied, "deputy.fault.none")
	}
	if slices.Contains(personal, act) {
		return fault.New(fault.Denied, "deputy.fault.personal")
	}
	relations, err := r.relations(ctx, security.Actor{ID: behalf}, on)
	if err != nil {
		return fmt.Errorf("may %s for %s %s on %s: %w", who.ID, behalf, act, on, err)
	}
	return judged(relations, act, on)
}

// seesFor reports whether who stands for somebody who may see the object.
func (r *Rights) seesFor(ctx context.Context, who security.Actor, on Object) (bool, error) {
	stands, err := r.Represents(ctx, who, on)
	if err != nil {
		return false, err
	}
	for _, p := range stands {
		relations, err := r.relations(ctx, security.Actor{ID: p}, on)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(relations, func(rel Relation) bool { return rel.Allows(View) }) {
			return true, nil
		}
	}
	return false, nil
}

// NameHead makes somebody the head of a department, in place of the one
// before; "" leaves it without one. Only administrators may.
func (r *Rights) NameHead(ctx context.Context, by security.Actor, unit security.UnitID, person security.ActorID) error {
	if err := administers(by); err != nil {
		return err
	}
	return r.change(ctx, "name head", func(tx *sql.Tx) error {
		if unit == "" {
			return fault.New(fault.Invalid, "access.fault.unit")
		}
		if err := unitExists(ctx, tx, unit); err != nil {
			return err
		}
		var err error
		if person == "" {
			_, err = tx.ExecContext(ctx, `DELETE FROM access_head WHERE unit = $1`, string(unit))
		} else if err = activeAccount(ctx, tx, person); err == nil {
			_, err = tx.ExecContext(ctx, `INSERT INTO access_head (unit, account) VALUES ($1, $2) ON CONFLICT (unit) DO UPDATE SET account = excluded.account`,
				string(unit), string(person))
		}
		if err != nil {
			return err
		}
		return record(ctx, tx, r.journal, by, "access.head_named", string(Unit(unit)), map[string]any{"head": person}, nil, "")
	})
}

// Heads returns the head of every department that has one.
func (r *Rights) Heads(ctx context.Context) (map[security.UnitID]security.ActorID, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT h.unit, h.account FROM access_head h JOIN access_account a ON a.id = h.account WHERE a.disabled = 0`)
	if err != nil {
		return nil, fmt.Errorf("heads: %w", err)
	}
	defer rows.Close()
	out := map[security.UnitID]security.ActorID{}
	for rows.Next() {
		var u security.UnitID
		var p security.ActorID
		if err := rows.Scan(&u, &p); err != nil {
			return nil, fmt.Errorf("heads: %w", err)
		}
		out[u] = p
	}
	return out, rows.Err()
}

// Leads reports whether who acts as the head of a department now: as its head
// (behalf is empty) or as the deputy of its head (behalf is the head, and the
// act is made with Actor.OnBehalfOf set to him).
func (r *Rights) Leads(ctx context.Context, who security.Actor, unit security.UnitID) (behalf security.ActorID, ok bool, err error) {
	if !who.Known() || unit == "" {
		return "", false, nil
	}
	var head security.ActorID
	err = r.db.QueryRowContext(ctx, `SELECT h.account FROM access_head h JOIN access_account a ON a.id = h.account WHERE h.unit = $1 AND a.disabled = 0`, string(unit)).Scan(&head)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	} else if err != nil {
		return "", false, fmt.Errorf("head of %s: %w", unit, err)
	}
	if head == who.ID {
		return "", true, nil
	}
	stands, err := r.Represents(ctx, who, Unit(unit))
	if err != nil || !slices.Contains(stands, head) {
		return "", false, err
	}
	return head, true, nil
}
