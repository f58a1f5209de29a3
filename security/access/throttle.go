package access

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"time"

	"spolupis/security/fault"
)

// window is how long failed tries count together.
const window = 15 * time.Minute

func loginKey(login string) string {
	sum := sha256.Sum256([]byte(login))
	return "login:" + hex.EncodeToString(sum[:12])
}

// reserve counts one try against both keys before the password is looked at,
// so that tries running side by side cannot slip under the limit; forgive takes
// it back. When one of the keys must wait it returns fault.TooMany with the
// minutes, and blocked says that it is this try that shut the door.
func (a *Accounts) reserve(ctx context.Context, tx *sql.Tx, login, ip string) (blocked bool, err error) {
	now := a.cfg.Now()
	b1, err := a.count(ctx, tx, loginKey(login), a.cfg.PerLogin, now)
	if err != nil {
		return false, err
	}
	b2, err := a.count(ctx, tx, "ip:"+ip, a.cfg.PerIP, now)
	return b1 || b2, err
}

func (a *Accounts) count(ctx context.Context, tx *sql.Tx, key string, limit int, now time.Time) (blocked bool, err error) {
	var tries, since, until int64
	// The no-op update takes the row lock, so that tries are counted one by one.
	if err := tx.QueryRowContext(ctx, `
		INSERT INTO access_throttle (id, tries, since, until) VALUES ($1, 0, 0, 0)
		ON CONFLICT (id) DO UPDATE SET tries = access_throttle.tries RETURNING tries, since, until`, key).Scan(&tries, &since, &until); err != nil {
		return false, err
	}
	if until > now.UnixMicro() {
		return false, tooMany(time.UnixMicro(until).Sub(now))
	}
	if now.UnixMicro()-since >= window.Microseconds() {
		tries, since = 0, now.UnixMicro()
	}
	tries, until = tries+1, 0
	if over := int(tries) - limit; over >= 0 {
		until = now.Add(min(window, time.Minute<<min(over, 5))).UnixMicro()
		since = now.UnixMicro() // waiting does not wash the count away
		blocked = true
	}
	_, err = tx.ExecContext(ctx, `UPDATE access_throttle SET tries = $1, since = $2, until = $3 WHERE id = $4`, tries, since, until, key)
	return blocked, err
}

func tooMany(wait time.Duration) error {
	minutes := int((wait + time.Minute - 1) / time.Minute)
	return fault.New(fault.TooMany, "access.fault.too_many", minutes)
}

// forgive takes back what reserve counted, after a right password.
func forgive(ctx context.Context, tx *sql.Tx, login, ip string) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM access_throttle WHERE id = $1`, loginKey(login)); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `UPDATE access_throttle SET tries = tries - 1, until = 0 WHERE id = $1 AND tries > 0`, "ip:"+ip)
	return err
}
