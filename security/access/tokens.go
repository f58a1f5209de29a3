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

	"spolupis/security"
	"spolupis/security/fault"
)

// Scope limits what a program may do with a token; it never gives more than
// its owner has.
type Scope string

// The scopes of a token.
const (
	ScopeRead  Scope = "read"  // GET under /api/
	ScopeWrite Scope = "write" // every other method under /api/
	ScopeEdit  Scope = "edit"  // live editing over WebSocket
)

// Scopes lists every scope.
var Scopes = []Scope{ScopeRead, ScopeWrite, ScopeEdit}

// Token is an API token as its owner sees it; the secret is not among it.
type Token struct {
	ID      string
	Name    string
	Scopes  []Scope
	Created time.Time
	Expires time.Time
}

// Allows reports whether the token has scope s.
func (t Token) Allows(s Scope) bool { return slices.Contains(t.Scopes, s) }

const tokenPrefix = "spolupis_"

// CreateToken makes a token for who's programs and returns its secret, once.
// It lives for the given time, at most a year; 0 means 90 days.
func (a *Accounts) CreateToken(ctx context.Context, who security.Actor, name string, scopes []Scope, life time.Duration) (string, error) {
	name = strings.TrimSpace(name)
	if life == 0 {
		life = 90 * 24 * time.Hour
	}
	if name == "" || len(name) > 100 || len(scopes) == 0 || life < 0 || life > 366*24*time.Hour {
		return "", fault.New(fault.Invalid, "access.fault.token")
	}
	var words []string
	for _, s := range scopes {
		if !slices.Contains(Scopes, s) {
			return "", fault.New(fault.Invalid, "access.fault.token")
		}
		words = append(words, string(s))
	}
	plain, _ := secret()
	plain = tokenPrefix + plain
	id := "t-" + strings.ToLower(rand.Text()[:16])
	now := a.cfg.Now()
	err := a.change(ctx, "create token", func(tx *sql.Tx) error {
		if _, err := actor(ctx, tx, who.ID, ""); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO access_token (id, hash, account, name, scopes, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			id, hashOf(plain), string(who.ID), name, strings.Join(words, " "), now.UnixMicro(), now.Add(life).UnixMicro()); err != nil {
			return err
		}
		return record(ctx, tx, a.journal, who, "access.token_created", account(who.ID), map[string]any{"token": id, "scopes": words}, nil, "")
	})
	if err != nil {
		return "", err
	}
	return plain, nil
}

// ByToken returns the person an API token speaks for, or fault.Unauthenticated.
// The caller must have checked the scope: see Token.
func (a *Accounts) ByToken(ctx context.Context, token string) (security.Actor, error) {
	who, _, err := a.Token(ctx, token)
	return who, err
}

// Token returns the person an API token speaks for and the token itself.
func (a *Accounts) Token(ctx context.Context, token string) (security.Actor, Token, error) {
	var t Token
	var id security.ActorID
	var scopes string
	var created, expires int64
	err := a.db.QueryRowContext(ctx, `SELECT id, account, name, scopes, created_at, expires_at FROM access_token WHERE hash = $1`, hashOf(token)).
		Scan(&t.ID, &id, &t.Name, &scopes, &created, &expires)
	if errors.Is(err, sql.ErrNoRows) || err == nil && a.cfg.Now().UnixMicro() >= expires {
		return security.Actor{}, Token{}, fault.New(fault.Unauthenticated, "access.fault.token_unknown")
	}
	if err != nil {
		return security.Actor{}, Token{}, fmt.Errorf("token: %w", err)
	}
	t.fill(scopes, created, expires)
	who, err := actor(ctx, a.db, id, t.ID)
	if err != nil {
		return security.Actor{}, Token{}, fmt.Errorf("token: %w", err)
	}
	return who, t, nil
}

func (t *Token) fill(scopes string, created, expires int64) {
	for _, s := range strings.Fields(scopes) {
		t.Scopes = append(t.Scopes, Scope(s))
	}
	t.Created, t.Expires = time.UnixMicro(created).UTC(), time.UnixMicro(expires).UTC()
}

// ByToken reports whether who was found by an API token, not by a login.
func ByToken(who security.Actor) bool { return strings.HasPrefix(who.Session, "t-") }

// Tokens lists who's own tokens, newest first.
func (a *Accounts) Tokens(ctx context.Context, who security.Actor) ([]Token, error) {
	rows, err := a.db.QueryContext(ctx, `
		SELECT id, name, scopes, created_at, expires_at FROM access_token WHERE account = $1 ORDER BY created_at DESC, id`, string(who.ID))
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	defer rows.Close()
	var out []Token
	for rows.Next() {
		var t Token
		var scopes string
		var created, expires int64
		if err := rows.Scan(&t.ID, &t.Name, &scopes, &created, &expires); err != nil {
			return nil, fmt.Errorf("list tokens: %w", err)
		}
		t.fill(scopes, created, expires)
		out = append(out, t)
	}
	return out, rows.Err()
}

// RevokeToken ends one of who's own tokens. An unknown one is fault.NotFound.
func (a *Accounts) RevokeToken(ctx context.Context, who security.Actor, id string) error {
	return a.change(ctx, "revoke token", func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM access_token WHERE id = $1 AND account = $2`, id, string(who.ID))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(fault.New(fault.NotFound, "fault.not_found"), err)
		}
		if err := bump(ctx, tx, string(User(who.ID)), 1); err != nil {
			return err
		}
		return record(ctx, tx, a.journal, who, "access.token_revoked", account(who.ID), map[string]any{"token": id}, nil, "")
	})
}
