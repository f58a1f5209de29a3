package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"spolupis/security"
	"spolupis/security/fault"
)

// Session is a fresh login. Token is the secret for the cookie; it is stored
// only as a hash and cannot be shown again.
type Session struct {
	Token      string
	Actor      security.Actor
	Until      time.Time // the absolute end
	MustChange bool      // the password was set by somebody else
}

func secret() (token, hash string) {
	b := make([]byte, 32)
	rand.Read(b)
	token = base64.RawURLEncoding.EncodeToString(b)
	return token, hashOf(token)
}

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Authenticate signs a person in with a new session. A wrong login, a wrong
// password and a disabled account get the same fault.Unauthenticated after the
// same work; too many tries get fault.TooMany with the minutes to wait. Every
// outcome is in the journal, without the login in clear; while a key is shut,
// further tries are not, so that a storm cannot fill the log.
func (a *Accounts) Authenticate(ctx context.Context, login, password, ip string) (Session, error) {
	login = canonical(login)
	if len(login) > 200 || len(password) > 4096 {
		return Session{}, wrong()
	}
	id, stored, blocked, err := a.admit(ctx, login, ip)
	if err != nil {
		return Session{}, err
	}
	ok, stale, err := a.hasher.verify(ctx, stored, password)
	if err != nil {
		return Session{}, fmt.Errorf("sign in: %w", err)
	}
	if !ok || id == "" {
		return Session{}, a.refuse(ctx, id, login, ip, blocked)
	}
	if stale {
		if stored, err = a.hasher.hash(ctx, password); err != nil {
			return Session{}, err
		}
	}
	return a.begin(ctx, id, login, ip, stored)
}

func wrong() error { return fault.New(fault.Unauthenticated, "access.fault.wrong") }

// admit counts the try and returns the hash to compare with: that of the
// account, or the decoy when there is none that could sign in.
func (a *Accounts) admit(ctx context.Context, login, ip string) (id security.ActorID, stored string, blocked bool, err error) {
	err = a.change(ctx, "sign in", func(tx *sql.Tx) error {
		if blocked, err = a.reserve(ctx, tx, login, ip); err != nil {
			return err
		}
		err := tx.QueryRowContext(ctx, `SELECT id, password FROM access_account WHERE login = $1 AND disabled = 0`, login).Scan(&id, &stored)
		if errors.Is(err, sql.ErrNoRows) {
			id, stored = "", decoy
			return nil
		}
		return err
	})
	return id, stored, blocked, err
}

func (a *Accounts) refuse(ctx context.Context, id security.ActorID, login, ip string, blocked bool) error {
	subject := "sign-in"
	if id != "" {
		subject = account(id)
	}
	err := a.change(ctx, "sign in", func(tx *sql.Tx) error {
		personal := map[string]any{"login": login, "ip": ip}
		if err := record(ctx, tx, a.journal, security.Actor{}, "access.sign_in_refused", subject, nil, personal, id); err != nil || !blocked {
			return err
		}
		return record(ctx, tx, a.journal, security.System, "access.sign_in_blocked", subject, nil, personal, id)
	})
	if err != nil {
		return err
	}
	return wrong()
}

func (a *Accounts) begin(ctx context.Context, id security.ActorID, login, ip, stored string) (Session, error) {
	token, hash := secret()
	sid := "s-" + strings.ToLower(rand.Text()[:16])
	now := a.cfg.Now()
	s := Session{Token: token, Until: now.Add(a.cfg.Absolute)}
	err := a.change(ctx, "sign in", func(tx *sql.Tx) error {
		// The condition repeats the check: the account may have been disabled,
		// or its password changed, while the hash was computed.
		res, err := tx.ExecContext(ctx, `UPDATE access_account SET signed_in_at = $1, password = $2 WHERE id = $3 AND disabled = 0`, now.UnixMicro(), stored, string(id))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(wrong(), err)
		}
		if err := forgive(ctx, tx, login, ip); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM access_session WHERE seen_at < $1 OR created_at < $2`,
			now.Add(-a.cfg.Idle).UnixMicro(), now.Add(-a.cfg.Absolute).UnixMicro()); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM access_throttle WHERE since < $1 AND until < $1`, now.Add(-24*time.Hour).UnixMicro()); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO access_session (id, hash, account, created_at, seen_at, confirmed_at) VALUES ($1, $2, $3, $4, $4, $4)`,
			sid, hash, string(id), now.UnixMicro()); err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, `SELECT must_change <> 0 FROM access_account WHERE id = $1`, string(id)).Scan(&s.MustChange); err != nil {
			return err
		}
		if s.Actor, err = actor(ctx, tx, id, sid); err != nil {
			return err
		}
		return record(ctx, tx, a.journal, s.Actor, "access.signed_in", account(id), nil, map[string]any{"ip": ip}, id)
	})
	return s, err
}

// actor reads a person as he is now.
func actor(ctx context.Context, q querier, id security.ActorID, session string) (security.Actor, error) {
	rows, err := q.QueryContext(ctx, `
		SELECT a.name, a.unit, coalesce(u.name, ''), coalesce(r.role, '')
		FROM access_account a LEFT JOIN access_unit u ON u.id = a.unit LEFT JOIN access_role r ON r.account = a.id
		WHERE a.id = $1 AND a.disabled = 0 ORDER BY r.role`, string(id))
	if err != nil {
		return security.Actor{}, err
	}
	defer rows.Close()
	who := security.Actor{Session: session}
	for rows.Next() {
		var role security.Role
		if err := rows.Scan(&who.Name, &who.Unit, &who.UnitName, &role); err != nil {
			return security.Actor{}, err
		}
		who.ID = id
		if role != "" {
			who.Roles = append(who.Roles, role)
		}
	}
	if err := rows.Err(); err != nil {
		return security.Actor{}, err
	}
	if !who.Known() {
		return security.Actor{}, fault.New(fault.Unauthenticated, "fault.unauthenticated")
	}
	return who, nil
}

// seenEvery is how often a session's last use is written down.
const seenEvery = time.Minute

// BySession returns the person whose cookie holds token, or
// fault.Unauthenticated when the session is unknown, idle too long, too old, or
// its account was disabled.
func (a *Accounts) BySession(ctx context.Context, token string) (security.Actor, error) {
	var sid string
	var id security.ActorID
	var created, seen int64
	err := a.db.QueryRowContext(ctx, `SELECT id, account, created_at, seen_at FROM access_session WHERE hash = $1`, hashOf(token)).
		Scan(&sid, &id, &created, &seen)
	if errors.Is(err, sql.ErrNoRows) {
		return security.Actor{}, fault.New(fault.Unauthenticated, "fault.unauthenticated")
	}
	if err != nil {
		return security.Actor{}, fmt.Errorf("session: %w", err)
	}
	now := a.cfg.Now()
	if now.Sub(time.UnixMicro(seen)) >= a.cfg.Idle || now.Sub(time.UnixMicro(created)) >= a.cfg.Absolute {
		return security.Actor{}, fault.New(fault.Unauthenticated, "access.fault.session_over")
	}
	if now.Sub(time.UnixMicro(seen)) >= seenEvery {
		if _, err := a.db.ExecContext(ctx, `UPDATE access_session SET seen_at = $1 WHERE id = $2 AND seen_at < $1`, now.UnixMicro(), sid); err != nil {
			return security.Actor{}, fmt.Errorf("session: %w", err)
		}
	}
	who, err := actor(ctx, a.db, id, sid)
	if err != nil {
		return security.Actor{}, fmt.Errorf("session: %w", err)
	}
	return who, nil
}

// SignOut ends the session of token. An unknown token is no error.
func (a *Accounts) SignOut(ctx context.Context, token string) error {
	return a.change(ctx, "sign out", func(tx *sql.Tx) error {
		var sid string
		var id security.ActorID
		err := tx.QueryRowContext(ctx, `DELETE FROM access_session WHERE hash = $1 RETURNING id, account`, hashOf(token)).Scan(&sid, &id)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := bump(ctx, tx, string(User(id)), 1); err != nil {
			return err
		}
		return record(ctx, tx, a.journal, security.Actor{ID: id, Session: sid}, "access.signed_out", account(id), nil, nil, "")
	})
}

// Confirm asks for the password again (step-up) before an act that binds, such
// as signing or giving rights. Wrong tries count like those of a sign-in and
// are journalled. On success Confirmed holds for five minutes.
func (a *Accounts) Confirm(ctx context.Context, who security.Actor, password, ip string) error {
	var login string
	err := a.db.QueryRowContext(ctx, `SELECT login FROM access_account WHERE id = $1 AND disabled = 0`, string(who.ID)).Scan(&login)
	if errors.Is(err, sql.ErrNoRows) {
		return wrong()
	}
	if err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	id, stored, blocked, err := a.admit(ctx, login, ip)
	if err != nil {
		return err
	}
	ok, _, err := a.hasher.verify(ctx, stored, password)
	if err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	if !ok || id != who.ID {
		if err := a.refuse(ctx, who.ID, login, ip, blocked); !errors.Is(err, fault.Unauthenticated) {
			return err
		}
		return fault.New(fault.Denied, "access.fault.confirm_wrong")
	}
	return a.change(ctx, "confirm", func(tx *sql.Tx) error {
		if err := forgive(ctx, tx, login, ip); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE access_session SET confirmed_at = $1 WHERE id = $2`, a.cfg.Now().UnixMicro(), who.Session); err != nil {
			return err
		}
		return record(ctx, tx, a.journal, who, "access.confirmed", account(who.ID), nil, nil, "")
	})
}

// ConfirmFor is how long a confirmation, or a sign-in, stays fresh.
const ConfirmFor = 5 * time.Minute

// Confirmed returns nil when who gave the password within ConfirmFor in this
// session, and fault.Denied with the sentence "confirm with your password"
// otherwise.
func (a *Accounts) Confirmed(ctx context.Context, who security.Actor) error {
	var at int64
	err := a.db.QueryRowContext(ctx, `SELECT confirmed_at FROM access_session WHERE id = $1 AND account = $2`, who.Session, string(who.ID)).Scan(&at)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("confirmed: %w", err)
	}
	if err != nil || a.cfg.Now().Sub(time.UnixMicro(at)) >= ConfirmFor {
		return fault.New(fault.Denied, "access.fault.confirm")
	}
	return nil
}

// Alive returns nil while the login that who came by still holds: the session
// is neither signed out nor idle nor too old, or the token neither revoked nor
// expired, and the account is not disabled. Otherwise fault.Unauthenticated.
// For connections that stay open after the request that began them.
func (a *Accounts) Alive(ctx context.Context, who security.Actor) error {
	now := a.cfg.Now()
	query, args := `
		SELECT count(*) FROM access_session s JOIN access_account a ON a.id = s.account
		WHERE s.id = $1 AND s.account = $2 AND s.seen_at > $3 AND s.created_at > $4 AND a.disabled = 0`,
		[]any{who.Session, string(who.ID), now.Add(-a.cfg.Idle).UnixMicro(), now.Add(-a.cfg.Absolute).UnixMicro()}
	if ByToken(who) {
		query, args = `
			SELECT count(*) FROM access_token t JOIN access_account a ON a.id = t.account
			WHERE t.id = $1 AND t.account = $2 AND t.expires_at > $3 AND a.disabled = 0`,
			[]any{who.Session, string(who.ID), now.UnixMicro()}
	}
	var n int
	if err := a.db.QueryRowContext(ctx, query, args...).Scan(&n); err != nil {
		return fmt.Errorf("session: %w", err)
	}
	if n == 0 {
		return fault.New(fault.Unauthenticated, "access.fault.session_over")
	}
	return nil
}

// Touch says that who is at work over an open connection, so that the session
// does not end as idle. It never prolongs one that has ended, nor the absolute
// time. Written at most once a minute.
func (a *Accounts) Touch(ctx context.Context, who security.Actor) error {
	now := a.cfg.Now()
	if _, err := a.db.ExecContext(ctx, `
		UPDATE access_session SET seen_at = $1 WHERE id = $2 AND account = $3 AND seen_at <= $4 AND seen_at > $5`,
		now.UnixMicro(), who.Session, string(who.ID), now.Add(-seenEvery).UnixMicro(), now.Add(-a.cfg.Idle).UnixMicro()); err != nil {
		return fmt.Errorf("session: %w", err)
	}
	return nil
}
