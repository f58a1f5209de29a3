package journal

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"
)

// What was found wrong, as stable words; the dictionaries hold a sentence for
// each under "audit.wrong.<word>".
const (
	WrongAltered    = "altered"    // the entry is not what its leaf hash says
	WrongPersonal   = "personal"   // the personal part is not what was committed to
	WrongMissing    = "missing"    // there is no entry of that number
	WrongTile       = "tile"       // the entry's leaf hash differs from the stored tile
	WrongRoot       = "root"       // the tree's root is not the head
	WrongCheckpoint = "checkpoint" // entries up to here differ from what a checkpoint signed
)

// Report is the outcome of a verification. Wrong is the first bad entry, 0 when
// there is none; when only a range can be told it ends with WrongTo.
type Report struct {
	At       time.Time `json:"at"`
	Size     int64     `json:"size"`
	Root     string    `json:"root"` // hex, recomputed
	Opened   int64     `json:"opened"`
	Erased   int64     `json:"erased"`
	Wrong    int64     `json:"wrong,omitempty"`
	WrongTo  int64     `json:"wrong_to,omitempty"`
	What     string    `json:"what,omitempty"`
	Verified int64     `json:"verified"` // entries known to be good from the beginning
}

// OK reports whether nothing wrong was found.
func (r Report) OK() bool { return r.What == "" }

// errWrong stops the walk; the report says why.
var errWrong = errors.New("wrong")

// Verify walks the whole log as it is in the database: every entry against its
// leaf, every personal part against its commitment, leaves against tiles, the
// recomputed root against the head and against every checkpoint this server has
// published. Checkpoints kept elsewhere may be added: only they can show a log
// rewritten by somebody who holds the database and the key. The outcome is
// stored for Verification. An error means that the check could not be made.
func (j *Journal) Verify(ctx context.Context, kept ...[]byte) (Report, error) {
	if err := j.catchUp(ctx); err != nil {
		return Report{}, err
	}
	h, err := readHead(ctx, j.db)
	if err != nil {
		return Report{}, err
	}
	marks, err := j.checkpoints(ctx)
	if err != nil {
		return Report{}, err
	}
	for _, signed := range kept {
		c, err := OpenCheckpoint(signed, j.vkey)
		if err != nil {
			return Report{}, err
		}
		marks = append(marks, c)
	}
	rep := Report{At: j.now().UTC(), Size: h.size}
	if err := j.walk(ctx, h, marks, &rep); err != nil && !errors.Is(err, errWrong) {
		return Report{}, err
	}
	_, err = j.db.ExecContext(ctx, `
		INSERT INTO journal_verification (at, size, root, wrong, what) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (at) DO UPDATE SET size = excluded.size, root = excluded.root, wrong = excluded.wrong, what = excluded.what`,
		rep.At.UnixMicro(), rep.Verified, rep.Root, rep.Wrong, rep.What)
	if err != nil {
		return Report{}, fmt.Errorf("store verification: %w", err)
	}
	return rep, nil
}

func (j *Journal) walk(ctx context.Context, h head, marks []Checkpoint, rep *Report) error {
	fail := func(seq int64, what string) error {
		rep.Wrong, rep.What = seq, what
		return errWrong
	}
	at := map[int64][][]byte{} // size → roots that were signed
	var longest int64
	for _, c := range marks {
		at[c.Size] = append(at[c.Size], c.Root)
		longest = max(longest, c.Size)
	}
	tree := ranges.NewEmptyRange(0)
	gone := map[string]int64{} // person → first erased entry without an erasure after it
	var tile, roots []byte     // hashes of the open tile; roots of the full ones
	var n, good int64          // entries walked; entries confirmed by the last checkpoint passed
	err := j.each(ctx, 0, h.size, func(r row, secret []byte) error {
		if r.seq != n+1 {
			return fail(n+1, WrongMissing)
		}
		n++
		leaf := r.leafHash()
		if !bytes.Equal(leaf, r.leaf) {
			return fail(n, WrongAltered)
		}
		if r.kind == Erased {
			delete(gone, r.subject)
		}
		switch {
		case len(r.commitment) > 0 && len(r.sealed) == 0:
			rep.Erased++
			if about := "account:" + r.about; gone[about] == 0 {
				gone[about] = n
			}
		case r.checkPersonal(secret, rep) != nil:
			return fail(n, WrongPersonal)
		}
		if err := tree.Append(leaf, nil); err != nil {
			return err
		}
		tile = append(tile, leaf...)
		if len(tile) == tileWidth*hashSize {
			if seq, err := j.compareTile(ctx, n/tileWidth-1, tile); err != nil {
				return err
			} else if seq != 0 {
				return fail(seq, WrongTile)
			}
			roots = append(roots, tileRoot(tile)...)
			tile = tile[:0]
		}
		for _, want := range at[n] {
			root, err := tree.GetRootHash(nil)
			if err != nil {
				return err
			}
			if !bytes.Equal(root, want) {
				// A stored full tile, when there is one, tells which entry.
				if seq, err := j.compareTile(ctx, n/tileWidth, tile); err != nil {
					return err
				} else if seq != 0 {
					return fail(seq, WrongTile)
				}
				rep.WrongTo = n
				return fail(good+1, WrongCheckpoint)
			}
			good = n
		}
		rep.Verified = n
		return nil
	})
	if err != nil {
		if rep.Wrong > 0 {
			rep.Verified = min(rep.Verified, rep.Wrong-1)
		}
		return err
	}
	if n < h.size {
		return fail(n+1, WrongMissing)
	}
	if longest > h.size { // the head went back behind a published checkpoint
		rep.WrongTo = longest
		return fail(h.size+1, WrongMissing)
	}
	var first int64 // a personal part blanked without a journalled erasure
	for _, seq := range gone {
		if first == 0 || seq < first {
			first = seq
		}
	}
	if first > 0 {
		rep.Verified = first - 1
		return fail(first, WrongPersonal)
	}
	root := rfc6962.DefaultHasher.EmptyRoot()
	if n > 0 {
		if root, err = tree.GetRootHash(nil); err != nil {
			return err
		}
	}
	rep.Root = hexOf(root)
	if !bytes.Equal(root, h.root) {
		rep.WrongTo, rep.Verified = h.size, good
		return fail(good+1, WrongRoot)
	}
	from, to, err := j.compareUpperTiles(ctx, roots)
	if err != nil || from == 0 {
		return err
	}
	rep.WrongTo = to
	return fail(from, WrongTile)
}

// tileRoot is the root of a full tile.
func tileRoot(tile []byte) []byte {
	hashes := split(bytes.Clone(tile))
	for len(hashes) > 1 {
		for i := range len(hashes) / 2 {
			hashes[i] = rfc6962.DefaultHasher.HashChildren(hashes[2*i], hashes[2*i+1])
		}
		hashes = hashes[:len(hashes)/2]
	}
	return hashes[0]
}

// compareUpperTiles compares the stored tiles above the leaves with roots, the
// roots of all full tiles of leaves. It returns the range of entries under the
// first hash that differs, or 0. No entry is wrong then, but proofs would be.
func (j *Journal) compareUpperTiles(ctx context.Context, roots []byte) (from, to int64, err error) {
	span := int64(tileWidth) // entries under one hash of this level
	for level := int64(1); len(roots) > 0; level++ {
		var next []byte
		for idx := int64(0); idx*tileWidth*hashSize < int64(len(roots)); idx++ {
			want := roots[idx*tileWidth*hashSize : min(int64(len(roots)), (idx+1)*tileWidth*hashSize)]
			var got []byte
			err := j.db.QueryRowContext(ctx, `SELECT hashes FROM journal_tile WHERE level = $1 AND idx = $2`, level, idx).Scan(&got)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return 0, 0, fmt.Errorf("tile %d/%d: %w", level, idx, err)
			}
			for i := 0; i < len(want); i += hashSize { // got may have grown meanwhile
				if len(got) < i+hashSize || !bytes.Equal(got[i:i+hashSize], want[i:i+hashSize]) {
					at := idx*tileWidth + int64(i/hashSize)
					return at*span + 1, (at + 1) * span, nil
				}
			}
			if len(want) == tileWidth*hashSize {
				next = append(next, tileRoot(want)...)
			}
		}
		roots, span = next, span*tileWidth
	}
	return 0, 0, nil
}

// checkPersonal opens the personal part of r and compares it with the
// commitment in the leaf.
func (r row) checkPersonal(secret []byte, rep *Report) error {
	if len(r.commitment) == 0 {
		return nil
	}
	salt, personal, err := openPersonal(secret, r.nonce, r.sealed)
	if err != nil {
		return err
	}
	if !bytes.Equal(Commit(salt, personal), r.commitment) {
		return errors.New("commitment differs")
	}
	rep.Opened++
	return nil
}

// compareTile returns the first entry whose leaf hash is not the one in the
// stored tile, or 0; the tile being filled is not stored and has no say.
func (j *Journal) compareTile(ctx context.Context, idx int64, want []byte) (int64, error) {
	var got []byte
	err := j.db.QueryRowContext(ctx, `SELECT hashes FROM journal_tile WHERE level = 0 AND idx = $1`, idx).Scan(&got)
	if errors.Is(err, sql.ErrNoRows) && len(want) < tileWidth*hashSize {
		return 0, nil
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("tile 0/%d: %w", idx, err)
	}
	for i := 0; i < len(want); i += hashSize {
		if len(got) < i+hashSize || !bytes.Equal(got[i:i+hashSize], want[i:i+hashSize]) {
			return idx*tileWidth + int64(i/hashSize) + 1, nil
		}
	}
	return 0, nil
}

// checkpoints returns every checkpoint published here, its signature checked.
func (j *Journal) checkpoints(ctx context.Context) ([]Checkpoint, error) {
	rows, err := j.db.QueryContext(ctx, `SELECT size, root FROM journal_checkpoint ORDER BY size`)
	if err != nil {
		return nil, fmt.Errorf("list checkpoints: %w", err)
	}
	defer rows.Close()
	var out []Checkpoint
	for rows.Next() {
		var c Checkpoint
		if err := rows.Scan(&c.Size, &c.Root); err != nil {
			return nil, fmt.Errorf("list checkpoints: %w", err)
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

// Verification returns the last stored outcome of Verify; the zero Report when
// there is none yet.
func (j *Journal) Verification(ctx context.Context) (Report, error) {
	var r Report
	var at int64
	err := j.db.QueryRowContext(ctx, `SELECT at, size, root, wrong, what FROM journal_verification ORDER BY at DESC LIMIT 1`).
		Scan(&at, &r.Verified, &r.Root, &r.Wrong, &r.What)
	if errors.Is(err, sql.ErrNoRows) {
		return Report{}, nil
	}
	if err != nil {
		return Report{}, fmt.Errorf("last verification: %w", err)
	}
	r.At, r.Size = time.UnixMicro(at).UTC(), r.Verified
	return r, nil
}
