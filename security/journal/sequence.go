package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// sequencerLock is the advisory lock of the one sequencer on PostgreSQL. It is
// bound to the transaction, so a dead or stalled holder can never write later.
const sequencerLock = 0x6a6f75726e616c // "journal"

const sequenceBatch = 2048

// catchUp sequences what is pending, waiting for another sequencer if one is
// at work, so that a reader sees every entry committed before its call.
func (j *Journal) catchUp(ctx context.Context) error {
	if !j.db.Postgres {
		return nil
	}
	for {
		var pending bool
		if err := j.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM journal_pending)`).Scan(&pending); err != nil {
			return fmt.Errorf("journal pending: %w", err)
		}
		if !pending {
			return nil
		}
		if n, err := j.sequence(ctx, true); err != nil || n < sequenceBatch {
			return err
		}
	}
}

// sequence moves one batch of pending entries into the tree. With wait unset
// it gives way to a sequencer at work on another node and returns 0.
func (j *Journal) sequence(ctx context.Context, wait bool) (int, error) {
	tx, err := j.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("sequence: %w", err)
	}
	defer tx.Rollback()
	if wait {
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(sequencerLock)); err != nil {
			return 0, fmt.Errorf("sequence: %w", err)
		}
	} else {
		var mine bool
		if err := tx.QueryRowContext(ctx, `SELECT pg_try_advisory_xact_lock($1)`, int64(sequencerLock)).Scan(&mine); err != nil || !mine {
			return 0, err
		}
	}
	rows, err := tx.QueryContext(ctx, `
		DELETE FROM journal_pending WHERE id IN (SELECT id FROM journal_pending ORDER BY id LIMIT $1)
		RETURNING id, at, actor, behalf, about, kind, subject, body, commitment, nonce, sealed`, sequenceBatch)
	if err != nil {
		return 0, fmt.Errorf("sequence: %w", err)
	}
	defer rows.Close()
	var batch []row
	for rows.Next() {
		var r row // seq holds the pending id until extend numbers the row
		if err := rows.Scan(&r.seq, &r.at, &r.actor, &r.behalf, &r.about, &r.kind, &r.subject, &r.body, &r.commitment, &r.nonce, &r.sealed); err != nil {
			return 0, fmt.Errorf("sequence: %w", err)
		}
		batch = append(batch, r)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return 0, fmt.Errorf("sequence: %w", err)
	}
	if len(batch) == 0 {
		return 0, nil
	}
	sortBySeq(batch) // RETURNING promises no order
	if err := extend(ctx, tx, batch); err != nil {
		return 0, fmt.Errorf("sequence: %w", err)
	}
	return len(batch), tx.Commit()
}

// Run keeps the log moving until ctx ends: it sequences on PostgreSQL, wakes
// followers, publishes checkpoints and verifies the whole log once a day. Every node runs it; the nodes elect a
// sequencer for each batch. A failed round is tried again; Run returns the
// error only when ten rounds in a row fail.
func (j *Journal) Run(ctx context.Context) error {
	var checking sync.WaitGroup
	checking.Go(func() { j.checkDaily(ctx) })
	defer checking.Wait()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	failed := 0
	for ctx.Err() == nil {
		err := j.round(ctx)
		if err == nil {
			failed = 0
		} else if failed++; failed >= 10 {
			return fmt.Errorf("journal: %w", err)
		}
		select {
		case <-ctx.Done():
		case <-j.dirty:
		case <-tick.C:
		}
	}
	return nil
}

// checkDaily verifies the log when nobody has for a day; the outcome is what
// Verification returns. A check that cannot be made is left to the next hour:
// an old date on the auditor's page says so.
func (j *Journal) checkDaily(ctx context.Context) {
	hour := time.NewTicker(time.Hour)
	defer hour.Stop()
	for {
		if last, err := j.Verification(ctx); err == nil && j.now().Sub(last.At) >= 24*time.Hour {
			j.Verify(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-hour.C:
		}
	}
}

// round looks for growth until the log has been quiet for about 0.1 s: an
// Append announces itself before its transaction commits.
func (j *Journal) round(ctx context.Context) error {
	for wait := time.Millisecond; wait <= 64*time.Millisecond; wait *= 2 {
		if j.db.Postgres {
			if _, err := j.sequence(ctx, false); err != nil {
				return err
			}
		}
		size, err := j.Size(ctx)
		if err != nil {
			return err
		}
		if j.grew(size) {
			wait = time.Millisecond
		}
		if err := j.publishIfDue(ctx, size); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
	return nil
}

func (j *Journal) stir() {
	select {
	case j.dirty <- struct{}{}:
	default:
	}
}

// Nudge says that the log may have grown on another node; a lost nudge costs
// at most a second.
func (j *Journal) Nudge() { j.stir() }

// Wake returns a channel that is closed when the log next grows, as far as Run
// notices. Call it anew each time round: a closed channel stays closed. It is
// a hint; followers also look each second.
func (j *Journal) Wake() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.wake
}

func (j *Journal) grew(size int64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if size <= j.size {
		return false
	}
	j.size = size
	close(j.wake)
	j.wake = make(chan struct{})
	return true
}

// Keep calls follow (a closure over Follow or React) each time the log grows,
// at most ten times a second, and at least each second, until ctx ends. An error of follow goes to failed
// and the same entry is tried again at the next round.
func (j *Journal) Keep(ctx context.Context, follow func(ctx context.Context) (int, error), failed func(error)) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for ctx.Err() == nil {
		wake, began := j.Wake(), time.Now()
		if _, err := follow(ctx); err != nil && ctx.Err() == nil {
			failed(err)
			wake = nil // a failing follower retries by the clock only
		}
		select {
		case <-ctx.Done():
		case <-wake:
		case <-tick.C:
		}
		// When hundreds come in at once, each is an entry: followers then take many at a time.
		if rest := followRest - time.Since(began); rest > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(rest):
			}
		}
	}
}

// followRest is the least time from one round of a follower to the next.
const followRest = 100 * time.Millisecond
