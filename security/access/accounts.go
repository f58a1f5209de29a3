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
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"spolupis/security"
	"spolupis/security/database"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// Config says how accounts work. The zero Config is usable.
type Config struct {
	Now      func() time.Time // nil = time.Now
	Idle     time.Duration    // a session unused this long is over; 0 = 30 min
	Absolute time.Duration    // no session lives longer; 0 = 12 h
	PerLogin int              // failed sign-ins of one login before it must wait; 0 = 5
	PerIP    int              // failed sign-ins from one address in 15 minutes; 0 = 100, an office shares one
}

// Accounts keeps people, their units, roles, sessions and API tokens.
type Accounts struct {
	db      *database.DB
	journal *journal.Journal
	cfg     Config
	hasher  *hasher
}

// NewAccounts returns the accounts kept in db, whose schema must include
// Migrations of this package and of the journal.
func NewAccounts(db *database.DB, j *journal.Journal, cfg Config) *Accounts {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Idle <= 0 {
		cfg.Idle = 30 * time.Minute
	}
	if cfg.Absolute <= 0 {
		cfg.Absolute = 12 * time.Hour
	}
	if cfg.PerLogin <= 0 {
		cfg.PerLogin = 5
	}
	if cfg.PerIP <= 0 {
		cfg.PerIP = 100
	}
	return &Accounts{db, j, cfg, newHasher()}
}

// NewAccount is what an administrator fills in.
type NewAccount struct {
	Login    string
	Name     string
	Password string
	Unit     security.UnitID // may be empty
	Roles    []security.Role
	// MustChange makes the person choose a new password at first sign-in.
	MustChange bool
}

// Person is what colleagues may know of each other, and, for administrators,
// the state of the account.
type Person struct {
	ID       security.ActorID
	Login    string
	Name     string
	Unit     security.UnitID
	UnitName string
	Roles    []security.Role
	Disabled bool
	Created  time.Time
	SignedIn time.Time // last sign-in; zero = never
}

// Has reports whether the person holds role r.
func (p Person) Has(r security.Role) bool { return slices.Contains(p.Roles, r) }

// UnitInfo is a department.
type UnitInfo struct {
	ID   security.UnitID
	Name string
}

func administers(by security.Actor) error {
	if by.ID == security.SystemID || by.Has(security.Administrator) {
		return nil
	}
	return fault.New(fault.Denied, "fault.denied")
}

func (a *Accounts) change(ctx context.Context, what string, f func(tx *sql.Tx) error) error {
	return change(ctx, a.db, what, f)
}

// change runs f in one transaction; what says in its errors what was attempted.
func change(ctx context.Context, db *database.DB, what string, f func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func account(id security.ActorID) string { return "account:" + string(id) }

// Create makes an account. It fails with fault.Denied when by is no
// administrator, fault.Invalid when a field or the password will not do, and
// fault.Conflict when the login is taken.
func (a *Accounts) Create(ctx context.Context, by security.Actor, n NewAccount) (security.ActorID, error) {
	if err := administers(by); err != nil {
		return "", err
	}
	n.Login = canonical(n.Login)
	n.Name = strings.Join(strings.Fields(norm.NFC.String(n.Name)), " ")
	if !loginOK(n.Login) {
		return "", fault.New(fault.Invalid, "access.fault.login")
	}
	if n.Name == "" || utf8.RuneCountInString(n.Name) > 120 || strings.ContainsFunc(n.Name, isControl) {
		return "", fault.New(fault.Invalid, "access.fault.name")
	}
	if err := rolesOK(n.Roles); err != nil {
		return "", err
	}
	if err := CheckPassword(n.Login, n.Password); err != nil {
		return "", err
	}
	hash, err := a.hasher.hash(ctx, n.Password)
	if err != nil {
		return "", err
	}
	id := security.ActorID("p-" + strings.ToLower(rand.Text()[:16]))
	err = a.change(ctx, "create account", func(tx *sql.Tx) error {
		if err := unitExists(ctx, tx, n.Unit); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `
			INSERT INTO access_account (id, login, name, password, unit, must_change, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (login) DO NOTHING`,
			string(id), n.Login, n.Name, hash, string(n.Unit), flag(n.MustChange), a.cfg.Now().UnixMicro())
		if err != nil {
			return err
		}
		if made, err := res.RowsAffected(); err != nil || made == 0 {
			return errors.Join(fault.New(fault.Conflict, "access.fault.login_taken"), err)
		}
		if err := putRoles(ctx, tx, id, n.Roles); err != nil {
			return err
		}
		return record(ctx, tx, a.journal, by, "access.account_created", account(id),
			map[string]any{"unit": n.Unit, "roles": roleNames(n.Roles)}, map[string]any{"login": n.Login, "name": n.Name}, id)
	})
	return id, err
}

func canonical(login string) string {
	return strings.ToLower(strings.TrimSpace(norm.NFKC.String(login)))
}

func loginOK(login string) bool {
	if len(login) < 2 || len(login) > 60 {
		return false
	}
	for _, r := range login {
		if !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune(".-_@", r)) {
			return false
		}
	}
	return true
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func rolesOK(roles []security.Role) error {
	for _, r := range roles {
		if !slices.Contains(security.Roles, r) {
			return fault.New(fault.Invalid, "access.fault.role", string(r))
		}
	}
	return nil
}

func roleNames(roles []security.Role) []string {
	out := make([]string, len(roles))
	for i, r := range roles {
		out[i] = string(r)
	}
	return out
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

func unitExists(ctx context.Context, tx *sql.Tx, unit security.UnitID) error {
	if unit == "" {
		return nil
	}
	var n int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM access_unit WHERE id = $1`, string(unit)).Scan(&n); err != nil {
		return err
	}
	if n == 0 {
		return fault.New(fault.Invalid, "access.fault.unit")
	}
	return nil
}

func putRoles(ctx context.Context, tx *sql.Tx, id security.ActorID, roles []security.Role) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM access_role WHERE account = $1`, string(id)); err != nil {
		return err
	}
	for _, r := range roles {
		if _, err := tx.ExecContext(ctx, `INSERT INTO access_role (account, role) VALUES ($1, $2) ON CONFLICT DO NOTHING`, string(id), string(r)); err != nil {
			return err
		}
	}
	return nil
}

// Change is what an administrator sets on an existing account.
type Change struct {
	Unit     security.UnitID
	Roles    []security.Role
	Disabled bool
}

// Update sets unit, roles and state of an account. What the person may do
// changes with the commit; a disabled account loses its sessions and tokens.
// The last administrator who can sign in cannot be taken away
// (fault.Conflict).
func (a *Accounts) Update(ctx context.Context, by security.Actor, id security.ActorID, c Change) error {
	if err := administers(by); err != nil {
		return err
	}
	if err := rolesOK(c.Roles); err != nil {
		return err
	}
	return a.change(ctx, "change account", func(tx *sql.Tx) error {
		if err := unitExists(ctx, tx, c.Unit); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `UPDATE access_account SET unit = $1, disabled = $2 WHERE id = $3`, string(c.Unit), flag(c.Disabled), string(id))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(fault.New(fault.NotFound, "fault.not_found"), err)
		}
		if err := putRoles(ctx, tx, id, c.Roles); err != nil {
			return err
		}
		var admins int
		if err := tx.QueryRowContext(ctx, `
			SELECT count(*) FROM access_account a JOIN access_role r ON r.account = a.id
			WHERE r.role = 'administrator' AND a.disabled = 0`).Scan(&admins); err != nil {
			return err
		}
		if admins == 0 && by.ID != security.SystemID {
			return fault.New(fault.Conflict, "access.fault.last_administrator")
		}
		if c.Disabled {
			if err := endAll(ctx, tx, id, true); err != nil {
				return err
			}
		}
		if err := bump(ctx, tx, string(User(id)), 1); err != nil {
			return err
		}
		return record(ctx, tx, a.journal, by, "access.account_changed", account(id),
			map[string]any{"unit": c.Unit, "roles": roleNames(c.Roles), "disabled": c.Disabled}, nil, "")
	})
}

// endAll ends every session of a person, and every token too if tokens is set.
func endAll(ctx context.Context, tx *sql.Tx, id security.ActorID, tokens bool) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM access_session WHERE account = $1`, string(id)); err != nil {
		return err
	}
	if !tokens {
		return nil
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM access_token WHERE account = $1`, string(id))
	return err
}

// ResetPassword gives the account a new random password, which is returned once
// and must be changed at the next sign-in, and ends its sessions. The reason is
// kept in the journal and must not be empty.
func (a *Accounts) ResetPassword(ctx context.Context, by security.Actor, id security.ActorID, reason string) (string, error) {
	if err := administers(by); err != nil {
		return "", err
	}
	reason = strings.TrimSpace(reason)
	if reason == "" || len(reason) > 2000 {
		return "", fault.New(fault.Invalid, "access.fault.reason")
	}
	fresh := generated()
	err := a.setPassword(ctx, by, id, fresh, "access.password_reset", map[string]any{"reason": reason}, true, "")
	return fresh, err
}

// ChangePassword sets who's own password after checking the old one, and ends
// who's other sessions.
func (a *Accounts) ChangePassword(ctx context.Context, who security.Actor, old, fresh, ip string) error {
	if err := a.Confirm(ctx, who, old, ip); err != nil {
		return err
	}
	var login string
	if err := a.db.QueryRowContext(ctx, `SELECT login FROM access_account WHERE id = $1`, string(who.ID)).Scan(&login); err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	if err := CheckPassword(login, fresh); err != nil {
		return err
	}
	return a.setPassword(ctx, who, who.ID, fresh, "access.password_changed", nil, false, who.Session)
}

func (a *Accounts) setPassword(ctx context.Context, by security.Actor, id security.ActorID, password, kind string, personal any, mustChange bool, keep string) error {
	hash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	return a.change(ctx, "set password", func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE access_account SET password = $1, must_change = $2 WHERE id = $3`, hash, flag(mustChange), string(id))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(fault.New(fault.NotFound, "fault.not_found"), err)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM access_session WHERE account = $1 AND id <> $2`, string(id), keep); err != nil {
			return err
		}
		return record(ctx, tx, a.journal, by, kind, account(id), nil, personal, id)
	})
}

// Erase forgets who a person was: the account is blocked for good, its name and
// login are replaced, and everything personal that the journal holds about the
// person is destroyed, all in one transaction. What the person did stays, under
// the pseudonym. It cannot be undone. The reason must hold no personal data.
func (a *Accounts) Erase(ctx context.Context, by security.Actor, id security.ActorID, reason string) error {
	if err := administers(by); err != nil {
		return err
	}
	reason = strings.TrimSpace(reason)
	if reason == "" || len(reason) > 500 {
		return fault.New(fault.Invalid, "access.fault.reason")
	}
	if id == by.ID {
		return fault.New(fault.Conflict, "access.fault.erase_self")
	}
	return a.change(ctx, "erase account", func(tx *sql.Tx) error {
		// A login that loginOK would refuse can never be typed or taken again.
		res, err := tx.ExecContext(ctx, `
			UPDATE access_account SET login = $1, name = $2, password = $3, unit = '', disabled = 1 WHERE id = $4`,
			"*"+string(id), ErasedName, decoy, string(id))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(fault.New(fault.NotFound, "fault.not_found"), err)
		}
		if err := putRoles(ctx, tx, id, nil); err != nil {
			return err
		}
		if err := endAll(ctx, tx, id, true); err != nil {
			return err
		}
		if err := bump(ctx, tx, string(User(id)), 1); err != nil {
			return err
		}
		return a.journal.EraseSubject(ctx, tx, by.ID, id, reason)
	})
}

// ErasedName stands where the name of an erased person stood.
const ErasedName = "—"

// MustChange reports whether the person has to choose a new password.
func (a *Accounts) MustChange(ctx context.Context, id security.ActorID) (bool, error) {
	var must bool
	err := a.db.QueryRowContext(ctx, `SELECT must_change <> 0 FROM access_account WHERE id = $1`, string(id)).Scan(&must)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return must, err
}

const selectPerson = `
	SELECT a.id, a.login, a.name, a.unit, coalesce(u.name, ''), a.disabled <> 0, a.created_at, a.signed_in_at
	FROM access_account a LEFT JOIN access_unit u ON u.id = a.unit`

func (a *Accounts) people(ctx context.Context, where string, args ...any) ([]Person, error) {
	rows, err := a.db.QueryContext(ctx, selectPerson+where, args...)
	if err != nil {
		return nil, fmt.Errorf("list people: %w", err)
	}
	defer rows.Close()
	var out []Person
	at := map[security.ActorID]int{}
	for rows.Next() {
		var p Person
		var created, signedIn int64
		if err := rows.Scan(&p.ID, &p.Login, &p.Name, &p.Unit, &p.UnitName, &p.Disabled, &created, &signedIn); err != nil {
			return nil, fmt.Errorf("list people: %w", err)
		}
		p.Created = time.UnixMicro(created).UTC()
		if signedIn != 0 {
			p.SignedIn = time.UnixMicro(signedIn).UTC()
		}
		at[p.ID] = len(out)
		out = append(out, p)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || len(out) == 0 {
		return nil, err
	}
	return out, a.addRoles(ctx, out, at)
}

func (a *Accounts) addRoles(ctx context.Context, people []Person, at map[security.ActorID]int) error {
	for part := range slices.Chunk(people, 500) {
		args := make([]any, len(part))
		for i, p := range part {
			args[i] = string(p.ID)
		}
		rows, err := a.db.QueryContext(ctx, `SELECT account, role FROM access_role WHERE account IN (`+placeholders(1, len(args))+`)`, args...)
		if err != nil {
			return fmt.Errorf("list roles: %w", err)
		}
		defer rows.Close()
		for rows.Next() {
			var id security.ActorID
			var r security.Role
			if err := rows.Scan(&id, &r); err != nil {
				return fmt.Errorf("list roles: %w", err)
			}
			people[at[id]].Roles = append(people[at[id]].Roles, r)
		}
		if err := rows.Err(); err != nil {
			return fmt.Errorf("list roles: %w", err)
		}
	}
	for i := range people {
		slices.SortFunc(people[i].Roles, func(a, b security.Role) int {
			return slices.Index(security.Roles, a) - slices.Index(security.Roles, b)
		})
	}
	return nil
}

// Person returns one person, or fault.NotFound.
func (a *Accounts) Person(ctx context.Context, id security.ActorID) (Person, error) {
	found, err := a.people(ctx, ` WHERE a.id = $1`, string(id))
	if err != nil {
		return Person{}, err
	}
	if len(found) == 0 {
		return Person{}, fault.New(fault.NotFound, "fault.not_found")
	}
	return found[0], nil
}

// ByID returns people by their ids; unknown ids are left out.
func (a *Accounts) ByID(ctx context.Context, ids ...security.ActorID) (map[security.ActorID]Person, error) {
	out := map[security.ActorID]Person{}
	for part := range slices.Chunk(ids, 500) {
		args := arguments{first: 1}
		found, err := a.people(ctx, ` WHERE a.id IN (`+listed(&args, part)+`)`, args.all...)
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			out[p.ID] = p
		}
	}
	return out, nil
}

// Names returns the names of people; unknown ids are left out.
func (a *Accounts) Names(ctx context.Context, ids ...security.ActorID) (map[security.ActorID]string, error) {
	out := map[security.ActorID]string{}
	for part := range slices.Chunk(ids, 500) {
		args := make([]any, len(part))
		for i, id := range part {
			args[i] = string(id)
		}
		rows, err := a.db.QueryContext(ctx, `SELECT id, name FROM access_account WHERE id IN (`+placeholders(1, len(args))+`)`, args...)
		if err != nil {
			return nil, fmt.Errorf("names: %w", err)
		}
		defer rows.Close()
		for rows.Next() {
			var id security.ActorID
			var name string
			if err := rows.Scan(&id, &name); err != nil {
				return nil, fmt.Errorf("names: %w", err)
			}
			out[id] = name
		}
		if err := rows.Err(); err != nil {
			return nil, fmt.Errorf("names: %w", err)
		}
	}
	return out, nil
}

// PeopleFilter chooses people; the zero filter means everybody who can sign in.
type PeopleFilter struct {
	Text     string          // part of the name or login
	Unit     security.UnitID // only this unit
	Role     security.Role   // only holders of this role
	Disabled bool            // disabled accounts as well
	Limit    int             // 0 = 1000
}

// People lists people by name.
func (a *Accounts) People(ctx context.Context, f PeopleFilter) ([]Person, error) {
	if f.Limit <= 0 {
		f.Limit = 1000
	}
	where, args := ` WHERE 1 = 1`, []any{}
	and := func(cond string, arg any) {
		args = append(args, arg)
		where += fmt.Sprintf(" AND "+cond, len(args))
	}
	if !f.Disabled {
		where += ` AND a.disabled = 0`
	}
	if f.Text != "" {
		and(`lower(a.name || ' ' || a.login) LIKE lower($%d) ESCAPE '\'`, "%"+strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(f.Text)+"%")
	}
	if f.Unit != "" {
		and(`a.unit = $%d`, string(f.Unit))
	}
	if f.Role != "" {
		and(`EXISTS (SELECT 1 FROM access_role r WHERE r.account = a.id AND r.role = $%d)`, string(f.Role))
	}
	args = append(args, f.Limit)
	return a.people(ctx, where+fmt.Sprintf(` ORDER BY a.name, a.id LIMIT $%d`, len(args)), args...)
}

// CreateUnit makes a department with the given id and name. Making it again
// with the same name changes nothing.
func (a *Accounts) CreateUnit(ctx context.Context, by security.Actor, u UnitInfo) error {
	if err := administers(by); err != nil {
		return err
	}
	u.Name = strings.TrimSpace(u.Name)
	if !loginOK(string(u.ID)) || u.Name == "" || len(u.Name) > 200 {
		return fault.New(fault.Invalid, "access.fault.unit")
	}
	return a.change(ctx, "create unit", func(tx *sql.Tx) error {
		var name string
		err := tx.QueryRowContext(ctx, `SELECT name FROM access_unit WHERE id = $1`, string(u.ID)).Scan(&name)
		if err == nil && name == u.Name {
			return nil
		}
		if err == nil {
			return fault.New(fault.Conflict, "access.fault.unit_taken")
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO access_unit (id, name) VALUES ($1, $2)`, string(u.ID), u.Name); err != nil {
			return err
		}
		return record(ctx, tx, a.journal, by, "access.unit_created", "unit:"+string(u.ID), map[string]any{"name": u.Name}, nil, "")
	})
}

// Units lists departments by name.
func (a *Accounts) Units(ctx context.Context) ([]UnitInfo, error) {
	rows, err := a.db.QueryContext(ctx, `SELECT id, name FROM access_unit ORDER BY name, id`)
	if err != nil {
		return nil, fmt.Errorf("list units: %w", err)
	}
	defer rows.Close()
	var out []UnitInfo
	for rows.Next() {
		var u UnitInfo
		if err := rows.Scan(&u.ID, &u.Name); err != nil {
			return nil, fmt.Errorf("list units: %w", err)
		}
		out = append(out, u)
	}
	return out, rows.Err()
}
