package journal

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"

	"spolupis/security"
)

// Erased is the kind of the entry that records an erasure.
const Erased = "journal.subject_erased"

// EraseSubject destroys, within tx, the key and the sealed parts of everything
// personal that the log holds about person, and records that it was done and
// why. Headers, leaves and the root stay what they were, so everything else
// still verifies. What is recorded about the person later gets a new key.
//
// reason must hold no personal data. Copies of the database made before keep
// the old key until they expire: keep them no longer than was promised.
func (j *Journal) EraseSubject(ctx context.Context, tx *sql.Tx, by, person security.ActorID, reason string) error {
	if j.db.Postgres { // keep entries from moving out of pending between the two updates
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(sequencerLock)); err != nil {
			return fmt.Errorf("erase: %w", err)
		}
	}
	noise := make([]byte, 32)
	rand.Read(noise)
	for _, step := range []struct {
		query string
		args  []any
	}{
		// Overwritten first: SQLite leaves the bytes of a deleted row in its page.
		{`UPDATE journal_subject_key SET secret = $1 WHERE subject = $2`, []any{noise, string(person)}},
		{`DELETE FROM journal_subject_key WHERE subject = $1`, []any{string(person)}},
		{`UPDATE journal_entry SET sealed = $1, nonce = $1 WHERE about = $2`, []any{[]byte{}, string(person)}},
		{`UPDATE journal_pending SET sealed = $1, nonce = $1 WHERE about = $2`, []any{[]byte{}, string(person)}},
	} {
		if _, err := tx.ExecContext(ctx, step.query, step.args...); err != nil {
			return fmt.Errorf("erase: %w", err)
		}
	}
	body, err := json.Marshal(map[string]string{"reason": reason})
	if err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	return j.Append(ctx, tx, Entry{Actor: by, Kind: Erased, Subject: "account:" + string(person), Body: body})
}
