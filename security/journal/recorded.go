package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"spolupis/security"
)

// readAgain is how long a read of the same thing within one login counts as
// one reading.
const readAgain = 5 * time.Minute

type readKey struct{ session, kind, subject string }

// Recorded notes that who read subject, and returns only after the note is
// durable: call it before the answer is sent, and on an error do not answer.
// Further reads of the same (login, kind, subject) within five minutes are part
// of the first. Nobody's reads (citizens) are never merged: they have no login.
// Must not be called inside a transaction.
func (j *Journal) Recorded(ctx context.Context, who security.Actor, kind, subject string, body any) error {
	key := readKey{who.Session, kind, subject}
	if key.session == "" {
		key.session = string(who.ID)
	}
	now := j.now()
	if key.session != "" && j.readLately(key, now) {
		return nil
	}
	var raw json.RawMessage
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return fmt.Errorf("record %s: %w", kind, err)
		}
	}
	e := Entry{At: now, Actor: who.ID, OnBehalfOf: who.OnBehalfOf, Kind: kind, Subject: subject, Body: raw}
	if err := j.readers.Do(ctx, func(ctx context.Context, tx *sql.Tx) error { return j.Append(ctx, tx, e) }); err != nil {
		return fmt.Errorf("record %s: %w", kind, err)
	}
	if key.session != "" {
		j.remember(key, now)
	}
	return nil
}

func (j *Journal) readLately(key readKey, now time.Time) bool {
	j.readMu.Lock()
	defer j.readMu.Unlock()
	at, ok := j.reads[key]
	return ok && now.Sub(at) < readAgain && !now.Before(at)
}

func (j *Journal) remember(key readKey, now time.Time) {
	j.readMu.Lock()
	defer j.readMu.Unlock()
	if len(j.reads) >= 10_000 { // forgetting early only means one more entry
		for k, at := range j.reads {
			if now.Sub(at) >= readAgain {
				delete(j.reads, k)
			}
		}
		if len(j.reads) >= 10_000 {
			clear(j.reads)
		}
	}
	j.reads[key] = now
}
