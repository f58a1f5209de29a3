package journal

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

func sortBySeq(rows []row) {
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.seq, b.seq) })
}

// followBatch is how many entries share one transaction of a projection.
const followBatch = 64

// Follow applies to a projection the entries it has not yet seen, in order, and
// returns how many when it has caught up. Effect and cursor commit in one
// transaction, so each entry takes effect exactly once, whatever crashes, and
// on however many nodes the follower name runs. When apply fails the entries
// before it stay applied, the cursor stays before the failed one, and the error
// is returned.
//
// apply must touch only tx: calling a service that begins its own transaction
// would wait for this one on SQLite. Use React for that.
func (j *Journal) Follow(ctx context.Context, name string, apply func(ctx context.Context, tx *sql.Tx, e Entry) error) (int, error) {
	if err := j.catchUp(ctx); err != nil {
		return 0, err
	}
	total := 0
	for {
		behind, err := j.behind(ctx, name)
		if err != nil || !behind {
			return total, err
		}
		n, err := j.followSome(ctx, name, followBatch, apply)
		if err != nil {
			if n > 0 { // keep the good ones: again, up to the one that failed
				again, errAgain := j.followSome(ctx, name, n, apply)
				if errAgain == nil {
					total += again
				}
			}
			return total, err
		}
		total += n
	}
}

// behind looks without a write transaction whether name has something to do.
func (j *Journal) behind(ctx context.Context, name string) (bool, error) {
	var at, size int64
	if err := j.db.QueryRowContext(ctx, `
		SELECT coalesce((SELECT seq FROM journal_follower WHERE name = $1), 0), size FROM journal_head WHERE id = 1`, name).Scan(&at, &size); err != nil {
		return false, fmt.Errorf("follower %s: %w", name, err)
	}
	return at < size, nil
}

// followSome applies up to limit entries in one transaction. On an error it
// returns how many went well before it; none of them is committed.
func (j *Journal) followSome(ctx context.Context, name string, limit int, apply func(context.Context, *sql.Tx, Entry) error) (int, error) {
	tx, err := j.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("follower %s: %w", name, err)
	}
	defer tx.Rollback()
	var seq int64 // the no-op update takes the row lock: one node follows at a time
	if err := tx.QueryRowContext(ctx, `
		INSERT INTO journal_follower (name, seq) VALUES ($1, 0)
		ON CONFLICT (name) DO UPDATE SET seq = journal_follower.seq RETURNING seq`, name).Scan(&seq); err != nil {
		return 0, fmt.Errorf("follower %s: %w", name, err)
	}
	rows, err := tx.QueryContext(ctx, selectEntry+` WHERE e.seq > $1 ORDER BY e.seq LIMIT $2`, seq, limit)
	if err != nil {
		return 0, fmt.Errorf("follower %s: %w", name, err)
	}
	entries, err := scanEntries(rows)
	if err != nil || len(entries) == 0 {
		return 0, err
	}
	for i, e := range entries {
		if err := apply(ctx, tx, e); err != nil {
			return i, fmt.Errorf("%s at %d (%s): %w", name, e.Seq, e.Kind, err)
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE journal_follower SET seq = $1 WHERE name = $2`, entries[len(entries)-1].Seq, name); err != nil {
		return 0, fmt.Errorf("follower %s: %w", name, err)
	}
	return len(entries), tx.Commit()
}

// lease is how long a node keeps a reaction to itself; a node that dies gives
// it up after that time.
const lease = 30 * time.Second

// React calls do for the entries of kinds, of all when none are given, that this reaction has not yet seen, in order, each
// followed by a move of its cursor, and returns how many entries it has seen when it has caught up.
// No transaction is held while do runs, so do may call any service. After a
// crash, or when do takes longer than 30 seconds, the same entry may come
// again, possibly on another node: do must be idempotent.
//
// While another node is at work under the same name React leaves it to that.
func (j *Journal) React(ctx context.Context, name string, do func(ctx context.Context, e Entry) error, kinds ...string) (int, error) {
	if err := j.catchUp(ctx); err != nil {
		return 0, err
	}
	passed := 0
	for {
		behind, err := j.behind(ctx, name)
		if err != nil || !behind {
			return passed, err
		}
		n, err := j.passOver(ctx, name, kinds)
		if err != nil {
			return passed, err
		}
		if n == 0 {
			break
		}
		passed += n
	}
	at, mine, err := j.hold(ctx, name)
	if err != nil || !mine {
		return passed, err
	}
	defer j.release(context.WithoutCancel(ctx), name)
	total := passed
	for {
		page, err := j.read(ctx, at, reactPage)
		if err != nil || len(page) == 0 {
			return total, err
		}
		for i, e := range page {
			if !wanted(kinds, e.Kind) && i < len(page)-1 {
				continue // the next move goes beyond it
			}
			if wanted(kinds, e.Kind) {
				if err := do(ctx, e); err != nil {
					return total, fmt.Errorf("%s at %d (%s): %w", name, e.Seq, e.Kind, err)
				}
			}
			kept, err := j.move(ctx, name, e.Seq)
			if err != nil {
				return total, err
			}
			total += int(e.Seq - at)
			if !kept { // another node took over after the lease ran out
				return total, nil
			}
			at = e.Seq
		}
	}
}

// reactPage is how many entries a reaction reads at a time.
const reactPage = 100

func wanted(kinds []string, kind string) bool { return len(kinds) == 0 || slices.Contains(kinds, kind) }

// passOver moves the cursor of a reaction that nobody is at beyond the entries that come next, when it wants none of them, and
// returns how many these were. Most entries are no business of a reaction: when hundreds of people come in at once, a lease and a move
// for each of theirs would be as many commits, which those people wait for.
func (j *Journal) passOver(ctx context.Context, name string, kinds []string) (int, error) {
	if len(kinds) == 0 {
		return 0, nil
	}
	var at int64
	err := j.db.QueryRowContext(ctx, `SELECT seq FROM journal_follower WHERE name = $1 AND holder = ''`, name).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reaction %s: %w", name, err)
	}
	page, err := j.read(ctx, at, reactPage)
	if err != nil || len(page) == 0 || slices.ContainsFunc(page, func(e Entry) bool { return wanted(kinds, e.Kind) }) {
		return 0, err
	}
	res, err := j.db.ExecContext(ctx,
		`UPDATE journal_follower SET seq = $1 WHERE name = $2 AND seq = $3 AND holder = ''`, page[len(page)-1].Seq, name, at)
	if err != nil {
		return 0, fmt.Errorf("reaction %s: %w", name, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return 0, err
	}
	return len(page), nil
}

// hold takes the lease of a reaction if it is free, ours, or run out.
func (j *Journal) hold(ctx context.Context, name string) (seq int64, mine bool, err error) {
	now := j.now()
	if _, err := j.db.ExecContext(ctx,
		`INSERT INTO journal_follower (name, seq) VALUES ($1, 0) ON CONFLICT (name) DO NOTHING`, name); err != nil {
		return 0, false, fmt.Errorf("reaction %s: %w", name, err)
	}
	err = j.db.QueryRowContext(ctx, `
		UPDATE journal_follower SET holder = $1, until = $2
		WHERE name = $3 AND (holder IN ('', $1) OR until < $4) RETURNING seq`,
		j.node, now.Add(lease).UnixMicro(), name, now.UnixMicro()).Scan(&seq)
	if err == sql.ErrNoRows {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("reaction %s: %w", name, err)
	}
	return seq, true, nil
}

func (j *Journal) move(ctx context.Context, name string, seq int64) (kept bool, err error) {
	res, err := j.db.ExecContext(ctx, `
		UPDATE journal_follower SET seq = $1, until = $2 WHERE name = $3 AND holder = $4 AND seq < $1`,
		seq, j.now().Add(lease).UnixMicro(), name, j.node)
	if err != nil {
		return false, fmt.Errorf("reaction %s: %w", name, err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

func (j *Journal) release(ctx context.Context, name string) {
	// A lost release costs one lease; nobody waits for this answer.
	j.db.ExecContext(ctx, `UPDATE journal_follower SET holder = '', until = 0 WHERE name = $1 AND holder = $2`, name, j.node)
}
