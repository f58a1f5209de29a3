package database

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"
)

// Together carries out small changes of many callers in one transaction: on SQLite a commit waits for the disk, and when two
// thousand people come at once, the last of them would wait for all the commits before. It is safe for concurrent use.
type Together struct {
	db *DB

	mu      sync.Mutex
	waiting []*change // guarded by mu
	led     bool      // guarded by mu; somebody carries out changes, and sees to those that wait
}

type change struct {
	ctx  context.Context
	do   func(ctx context.Context, tx *sql.Tx) error
	lead chan struct{} // told to carry out what waits
	done chan error
}

// NewTogether returns one for changes of db.
func NewTogether(db *DB) *Together { return &Together{db: db} }

// Most changes in one transaction; a keystroke must not wait long for a crowd at the door.
const together = 64

// Do returns once do, carried out in a transaction, is durable, or with an error and without effect. After an error of one of
// those in the same transaction do is carried out once more, alone; so it must change nothing but what tx does. When ctx ends
// before its turn comes, it is not carried out.
func (t *Together) Do(ctx context.Context, do func(ctx context.Context, tx *sql.Tx) error) error {
	if t.db.Postgres { // commits there wait for the disk together, and beside each other
		return t.db.inTx(ctx, do)
	}
	c := &change{ctx: ctx, do: do, lead: make(chan struct{}, 1), done: make(chan error, 1)}
	t.mu.Lock()
	t.waiting = append(t.waiting, c)
	if !t.led {
		t.led = true
		t.waiting[0].lead <- struct{}{}
	}
	t.mu.Unlock()
	select {
	case err := <-c.done:
		return err
	case <-c.lead:
		t.carryOut()
		return <-c.done // it was among them: the first that waits leads
	}
}

// carryOut sees to the first of those that wait, and has the next of them see to the rest.
func (t *Together) carryOut() {
	t.mu.Lock()
	n := min(len(t.waiting), together)
	part := t.waiting[:n:n]
	t.waiting = t.waiting[n:]
	t.mu.Unlock()
	defer func() { // also after a panic in one of them
		for _, c := range part {
			select {
			case c.done <- errors.New("the transaction was given up"):
			default: // it has its answer
			}
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.led = len(t.waiting) > 0; t.led {
			t.waiting[0].lead <- struct{}{}
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err := t.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, c := range part {
			if err := errors.Join(c.ctx.Err(), ctx.Err()); err != nil {
				return err
			}
			if err := c.do(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	for _, c := range part {
		if err != nil && len(part) > 1 {
			c.done <- t.db.inTx(c.ctx, c.do)
		} else {
			c.done <- err
		}
	}
}

// inTx carries out do in a transaction of its own.
func (d *DB) inTx(ctx context.Context, do func(ctx context.Context, tx *sql.Tx) error) error {
	tx, err := d.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := do(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}
