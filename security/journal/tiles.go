package journal

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"spolupis/security/fault"
)

// Tile returns the first width hashes of the tile at level and idx (C2SP
// tlog-tiles; 1 ≤ width ≤ 256), or fault.NotFound when the tree is not that
// large yet.
func (j *Journal) Tile(ctx context.Context, level, idx int64, width int) ([]byte, error) {
	var hashes []byte
	err := j.db.QueryRowContext(ctx, `SELECT hashes FROM journal_tile WHERE level = $1 AND idx = $2`, level, idx).Scan(&hashes)
	if errors.Is(err, sql.ErrNoRows) && level == 0 {
		hashes, err = leaves(ctx, j.db, idx*tileWidth, tileWidth)
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("tile %d/%d: %w", level, idx, err)
	}
	if width < 1 || width > tileWidth || len(hashes) < width*hashSize {
		return nil, fault.New(fault.NotFound, "fault.not_found")
	}
	return hashes[:width*hashSize], nil
}

// EntryBundle returns the first width leaves of bundle idx, each after its
// length as 16 bits (C2SP tlog-tiles), or fault.NotFound.
func (j *Journal) EntryBundle(ctx context.Context, idx int64, width int) ([]byte, error) {
	var out []byte
	n := 0
	if width < 1 || width > tileWidth {
		return nil, fault.New(fault.NotFound, "fault.not_found")
	}
	err := j.each(ctx, idx*tileWidth, idx*tileWidth+int64(width), func(r row, _ []byte) error {
		out = AppendLeaf(out, r.leafBytes())
		n++
		return nil
	})
	if err == nil && n < width {
		err = fault.New(fault.NotFound, "fault.not_found")
	}
	return out, err
}

// AppendLeaf adds leaf to an entry bundle.
func AppendLeaf(bundle, leaf []byte) []byte {
	return append(binary.BigEndian.AppendUint16(bundle, uint16(len(leaf))), leaf...)
}

// each calls f for the stored rows with after < seq <= last, in order, reading
// them in pages so that no read transaction stays open for long.
func (j *Journal) each(ctx context.Context, after, last int64, f func(r row, secret []byte) error) error {
	const page = 1000
	for after < last {
		rows, err := j.db.QueryContext(ctx, selectEntry+` WHERE e.seq > $1 AND e.seq <= $2 ORDER BY e.seq LIMIT $3`, after, last, page)
		if err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		n := 0
		for rows.Next() {
			r, secret, err := scanRow(rows)
			if err == nil {
				err = f(r, secret)
			}
			if err != nil {
				rows.Close()
				return err
			}
			after = r.seq
			n++
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		if n < page {
			return nil
		}
	}
	return nil
}

// Consistency returns the hashes that prove the tree of size second to be an
// extension of the tree of size first (RFC 6962 section 2.1.2).
func (j *Journal) Consistency(ctx context.Context, first, second int64) ([][]byte, error) {
	nodes, err := proof.Consistency(uint64(first), uint64(second))
	if err != nil {
		return nil, fmt.Errorf("consistency proof: %w", err)
	}
	return j.prove(ctx, nodes)
}

// Inclusion returns the hashes that prove entry seq to be in the tree of size.
func (j *Journal) Inclusion(ctx context.Context, seq, size int64) ([][]byte, error) {
	nodes, err := proof.Inclusion(uint64(seq-1), uint64(size))
	if err != nil {
		return nil, fmt.Errorf("inclusion proof: %w", err)
	}
	return j.prove(ctx, nodes)
}

func (j *Journal) prove(ctx context.Context, nodes proof.Nodes) ([][]byte, error) {
	hashes := make([][]byte, len(nodes.IDs))
	for i, id := range nodes.IDs {
		h, err := j.node256(ctx, id)
		if err != nil {
			return nil, err
		}
		hashes[i] = h
	}
	return nodes.Rehash(hashes, rfc6962.DefaultHasher.HashChildren)
}

// node256 computes the hash of a perfect subtree from the tile it lies in.
func (j *Journal) node256(ctx context.Context, id compact.NodeID) ([]byte, error) {
	level, height := int64(id.Level/8), id.Level%8
	first := id.Index << height // on the tile's level
	n := 1 << height
	at := int(first % tileWidth)
	tile, err := j.Tile(ctx, level, int64(first/tileWidth), at+n)
	if err != nil {
		return nil, fmt.Errorf("node %d/%d: %w", id.Level, id.Index, err)
	}
	hashes := split(tile[at*hashSize:])
	for len(hashes) > 1 {
		for i := range len(hashes) / 2 {
			hashes[i] = rfc6962.DefaultHasher.HashChildren(hashes[2*i], hashes[2*i+1])
		}
		hashes = hashes[:len(hashes)/2]
	}
	return hashes[0], nil
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }
