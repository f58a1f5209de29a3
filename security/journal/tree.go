package journal

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"spolupis/security/database"
)

const (
	hashSize  = 32
	tileWidth = 256 // C2SP tlog-tiles, height 8
)

var ranges = compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}

// head is the tree's size, root and the roots of its perfect subtrees.
type head struct {
	size        int64
	root, nodes []byte
}

func readHead(ctx context.Context, q interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
},
) (head, error) {
	var h head
	if err := q.QueryRowContext(ctx, `SELECT size, root, nodes FROM journal_head WHERE id = 1`).Scan(&h.size, &h.root, &h.nodes); err != nil {
		return head{}, fmt.Errorf("journal head: %w", err)
	}
	return h, nil
}

func (h head) subtree() (*compact.Range, error) {
	return ranges.NewRange(0, uint64(h.size), split(h.nodes))
}

func split(b []byte) [][]byte {
	out := make([][]byte, 0, len(b)/hashSize)
	for ; len(b) >= hashSize; b = b[hashSize:] {
		out = append(out, b[:hashSize:hashSize])
	}
	return out
}

func rootOf(r *compact.Range) ([]byte, error) {
	if r.End() == 0 {
		return rfc6962.DefaultHasher.EmptyRoot(), nil
	}
	return r.GetRootHash(nil)
}

// extend gives rows the next sequence numbers and adds them to the tree within
// tx. Nothing is kept in memory between calls, so a rollback needs no repair.
// Two transactions must not extend at once: SQLite has one writer, on
// PostgreSQL the caller holds the sequencer's lock; the comparison of the size
// is the fence behind both.
func extend(ctx context.Context, tx database.Tx, rows []row) error {
	h, err := readHead(ctx, tx)
	if err != nil {
		return err
	}
	tree, err := h.subtree()
	if err != nil {
		return fmt.Errorf("journal head: %w", err)
	}
	above := map[compact.NodeID][]byte{} // new nodes on a tile's upper edge
	visit := func(id compact.NodeID, hash []byte) {
		if id.Level > 0 && id.Level%8 == 0 {
			above[id] = hash
		}
	}
	for i := range rows {
		rows[i].seq = h.size + int64(i) + 1
		rows[i].leaf = rows[i].leafHash()
		if err := tree.Append(rows[i].leaf, visit); err != nil {
			return err
		}
	}
	if err := insertEntries(ctx, tx, rows); err != nil {
		return err
	}
	size := h.size + int64(len(rows))
	for t := h.size / tileWidth; (t+1)*tileWidth <= size; t++ {
		if err := fillTile(ctx, tx, t); err != nil {
			return err
		}
	}
	for level := uint(8); len(above) > 0; level += 8 {
		for i := h.size >> level; i <= size>>level; i++ {
			id := compact.NewNodeID(level, uint64(i))
			if hash, ok := above[id]; ok {
				if err := growTile(ctx, tx, id, hash); err != nil {
					return err
				}
				delete(above, id)
			}
		}
	}
	root, err := rootOf(tree)
	if err != nil {
		return err
	}
	res, err := tx.ExecContext(ctx, `UPDATE journal_head SET size = $1, root = $2, nodes = $3 WHERE id = 1 AND size = $4`,
		size, root, bytes.Join(tree.Hashes(), nil), h.size)
	if err != nil {
		return fmt.Errorf("journal head: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(errors.New("journal head moved under the sequencer"), err)
	}
	return nil
}

// chunk is how many rows go into one INSERT. The SQLite driver looks each
// parameter up among all of them: with 100 rows that took 70 % of the time.
const chunk = 10

func insertEntries(ctx context.Context, tx database.Tx, rows []row) error {
	for ; len(rows) > 0; rows = rows[min(chunk, len(rows)):] {
		part := rows[:min(chunk, len(rows))]
		args := make([]any, 0, len(part)*12)
		for _, r := range part {
			args = append(args, r.seq, r.at, r.actor, r.behalf, r.about, r.kind, r.subject, r.body, r.commitment, r.nonce, r.sealed, r.leaf)
		}
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO journal_entry (seq, at, actor, behalf, about, kind, subject, body, commitment, nonce, sealed, leaf)
			VALUES `+tuples(len(part), 12), args...); err != nil {
			return fmt.Errorf("journal entries: %w", err)
		}
	}
	return nil
}

func insertPending(ctx context.Context, tx database.Tx, rows []row) error {
	for ; len(rows) > 0; rows = rows[min(chunk, len(rows)):] {
		part := rows[:min(chunk, len(rows))]
		args := make([]any, 0, len(part)*10)
		for _, r := range part {
			args = append(args, r.at, r.actor, r.behalf, r.about, r.kind, r.subject, r.body, r.commitment, r.nonce, r.sealed)
		}
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO journal_pending (at, actor, behalf, about, kind, subject, body, commitment, nonce, sealed)
			VALUES `+tuples(len(part), 10), args...); err != nil {
			return fmt.Errorf("journal pending: %w", err)
		}
	}
	return nil
}

// tuples writes n groups of width numbered parameters: ($1, $2), ($3, $4) …
func tuples(n, width int) string {
	var b strings.Builder
	for i := range n * width {
		switch {
		case i == 0:
			b.WriteString("(")
		case i%width == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", i+1)
	}
	b.WriteString(")")
	return b.String()
}

// fillTile stores the t-th full tile of leaf hashes. The open tile is not
// stored: its hashes stand in the entries themselves.
func fillTile(ctx context.Context, tx database.Tx, t int64) error {
	hashes, err := leaves(ctx, tx, t*tileWidth, tileWidth)
	if err != nil {
		return err
	}
	if len(hashes) != tileWidth*hashSize {
		return fmt.Errorf("journal tile 0/%d: %d of %d leaves", t, len(hashes)/hashSize, tileWidth)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO journal_tile (level, idx, hashes) VALUES (0, $1, $2)`, t, hashes); err != nil {
		return fmt.Errorf("journal tile 0/%d: %w", t, err)
	}
	return nil
}

// leaves returns the hashes of up to n leaves from index first on.
func leaves(ctx context.Context, q interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}, first, n int64,
) ([]byte, error) {
	rows, err := q.QueryContext(ctx, `SELECT leaf FROM journal_entry WHERE seq > $1 AND seq <= $2 ORDER BY seq`, first, first+n)
	if err != nil {
		return nil, fmt.Errorf("journal leaves: %w", err)
	}
	defer rows.Close()
	hashes := make([]byte, 0, n*hashSize)
	for rows.Next() {
		var leaf []byte
		if err := rows.Scan(&leaf); err != nil {
			return nil, fmt.Errorf("journal leaves: %w", err)
		}
		hashes = append(hashes, leaf...)
	}
	return hashes, rows.Err()
}

// growTile adds the root of a full tile to the tile above it.
func growTile(ctx context.Context, tx database.Tx, id compact.NodeID, hash []byte) error {
	level, idx := int64(id.Level/8), int64(id.Index/tileWidth)
	var hashes []byte
	err := tx.QueryRowContext(ctx, `SELECT hashes FROM journal_tile WHERE level = $1 AND idx = $2`, level, idx).Scan(&hashes)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("journal tile %d/%d: %w", level, idx, err)
	}
	if at := int(id.Index % tileWidth); len(hashes) != at*hashSize {
		return fmt.Errorf("journal tile %d/%d holds %d hashes, wants %d", level, idx, len(hashes)/hashSize, at)
	}
	if _, err := tx.ExecContext(ctx, `
		INSERT INTO journal_tile (level, idx, hashes) VALUES ($1, $2, $3)
		ON CONFLICT (level, idx) DO UPDATE SET hashes = excluded.hashes`, level, idx, append(hashes, hash...)); err != nil {
		return fmt.Errorf("journal tile %d/%d: %w", level, idx, err)
	}
	return nil
}
