package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"spolupis/security"
	"spolupis/security/database"
)

// Place is somebody on an object, whose epoch may be asked.
type Place struct {
	Who security.ActorID
	On  Object
}

// Epoch returns a number that grows whenever what the person may do on the
// object may have changed: a relation on it or above it, its place, the
// person's roles, unit or account. Compare it before accepting each frame of
// an open connection. One indexed query.
func (r *Rights) Epoch(ctx context.Context, who security.ActorID, on Object) (int64, error) {
	all, err := r.epochs(ctx, r.db, []Place{{who, on}})
	if err != nil {
		return 0, err
	}
	return all[0], nil
}

// EpochsIn returns the epochs of places as tx sees them, for changes that must
// not be stored once a right has been withdrawn. On SQLite, where writers
// follow one another, that is exact; on PostgreSQL a withdrawal that commits
// between this question and the end of tx comes just too late. tx must not
// itself have changed rights.
func (r *Rights) EpochsIn(ctx context.Context, tx database.Tx, places []Place) ([]int64, error) {
	return r.epochs(ctx, tx, places)
}

func (r *Rights) epochs(ctx context.Context, q querier, places []Place) ([]int64, error) {
	if r.db.Postgres {
		return epochsAtOnce(ctx, q, places)
	}
	generation, err := generationOf(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(places))
	for i, p := range places {
		if n, ok := r.known.get(generation, p); ok {
			out[i] = n
			continue
		}
		if out[i], err = epochOf(ctx, q, p.Who, p.On); err != nil {
			return nil, err
		}
		// Outside of a transaction a change may have come between the two looks. Then a newer epoch is kept for an older
		// generation, and goes with it: those who look for the newer one do not find it.
		r.known.put(generation, p, out[i])
	}
	return out, nil
}

// knownEpochs remembers epochs for as long as no epoch at all changes: rights change seldom and are asked for with every commit.
type knownEpochs struct {
	mu         sync.Mutex
	generation int64           // guarded by mu
	by         map[Place]int64 // guarded by mu; as of generation
}

// mostEpochs bounds what is remembered; who has more open at once asks more.
const mostEpochs = 50_000

func (k *knownEpochs) get(generation int64, p Place) (int64, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if generation != k.generation {
		return 0, false
	}
	n, ok := k.by[p]
	return n, ok
}

func (k *knownEpochs) put(generation int64, p Place, n int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if generation < k.generation { // seen by somebody who began to read before the last change
		return
	}
	if generation > k.generation || k.by == nil || len(k.by) >= mostEpochs {
		k.generation, k.by = generation, map[Place]int64{}
	}
	k.by[p] = n
}

// generationOf returns the number of changes of all epochs so far. SQLite only.
func generationOf(ctx context.Context, q querier) (int64, error) {
	var n int64
	err := q.QueryRowContext(ctx, `SELECT n FROM access_epoch WHERE id = '*'`).Scan(&n)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("generation of rights: %w", err)
	}
	return n, nil
}

func epochOf(ctx context.Context, q querier, who security.ActorID, on Object) (int64, error) {
	var n int64
	err := q.QueryRowContext(ctx, `
		WITH RECURSIVE chain (object, depth) AS (
			SELECT CAST($1 AS TEXT), 0
			UNION ALL
			SELECT l.parent, c.depth + 1 FROM access_link l JOIN chain c ON l.child = c.object WHERE c.depth < $2
		)
		SELECT CAST(coalesce(sum(n), 0) AS BIGINT) FROM access_epoch
		WHERE id IN (SELECT object FROM chain UNION SELECT 'office' UNION SELECT CAST($3 AS TEXT))`,
		string(on), MaxDepth, string(User(who))).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("epoch of %s on %s: %w", who, on, err)
	}
	return n, nil
}

// epochsAtOnce is epochOf for many places in one question. PostgreSQL only: SQLite has no lists.
func epochsAtOnce(ctx context.Context, q querier, places []Place) ([]int64, error) {
	people, objects := make([]string, len(places)), make([]string, len(places))
	for i, p := range places {
		people[i], objects[i] = string(User(p.Who)), string(p.On)
	}
	rows, err := q.QueryContext(ctx, `
		WITH RECURSIVE place (i, person, object) AS (
			SELECT * FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS TEXT[]), CAST($3 AS TEXT[]))
		), chain (i, object, depth) AS (
			SELECT i, object, 0 FROM place
			UNION ALL
			SELECT c.i, l.parent, c.depth + 1 FROM access_link l JOIN chain c ON l.child = c.object WHERE c.depth < $4
		), counted (i, id) AS (
			SELECT i, object FROM chain UNION SELECT i, person FROM place UNION SELECT i, 'office' FROM place
		)
		SELECT c.i, CAST(sum(e.n) AS BIGINT) FROM counted c JOIN access_epoch e ON e.id = c.id GROUP BY c.i`,
		numbers(len(places)), people, objects, MaxDepth)
	if err != nil {
		return nil, fmt.Errorf("epochs of %d places: %w", len(places), err)
	}
	defer rows.Close()
	out := make([]int64, len(places))
	for rows.Next() {
		var i, n int64
		if err := rows.Scan(&i, &n); err != nil {
			return nil, fmt.Errorf("epochs of %d places: %w", len(places), err)
		}
		out[i] = n
	}
	return out, rows.Err()
}

// numbers returns 0 … n-1.
func numbers(n int) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = int64(i)
	}
	return out
}
