package bundle

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"spolupis/security/journal"
)

// Further words for what was found wrong, beside those of package journal.
const (
	WrongBundle    = "bundle"    // the file is no bundle, or a part of it is missing
	WrongSignature = "signature" // the checkpoint is not signed by the log's key
	WrongPrevious  = "previous"  // the log is no continuation of the previous checkpoint
	WrongWitness   = "witness"   // no head cosigned by the witness asked for, or the log does not continue it
)

// Check says against what a bundle is verified.
type Check struct {
	Key      string // the log's public key line; "" = the one in the bundle, which proves less
	Previous []byte // a checkpoint of the same log kept from before; may be nil
	Witness  string // public key line of a witness that must have cosigned; "" = not asked
}

// Report is the outcome. Wrong is the first bad entry, 0 when none can be
// named; when only a range can be told it ends with WrongTo.
type Report struct {
	OK       bool   `json:"ok"`
	Origin   string `json:"origin,omitempty"`
	Size     int64  `json:"size"`
	Root     string `json:"root,omitempty"`
	Opened   int64  `json:"opened"`
	Erased   int64  `json:"erased"`
	Withheld int64  `json:"withheld"`
	OwnKey   bool   `json:"own_key"`            // the key was given, not taken from the bundle
	Previous int64  `json:"previous,omitempty"` // size of the previous checkpoint
	Witness  string `json:"witness,omitempty"`  // name of the witness whose cosignature holds
	Seen     int64  `json:"seen,omitempty"`     // size of the head it cosigned
	What     string `json:"what,omitempty"`
	Wrong    int64  `json:"wrong,omitempty"`
	WrongTo  int64  `json:"wrong_to,omitempty"`
	File     string `json:"file,omitempty"` // the part of the bundle concerned
}

func (r Report) wrong(what string, seq int64, file string) Report {
	r.OK, r.What, r.Wrong, r.File = false, what, seq, file
	return r
}

// Verify checks a bundle. It returns an error only when the check itself cannot
// be made (a bad key or previous checkpoint was given, or r cannot be read);
// everything wrong with the bundle is in the Report.
func Verify(r io.ReaderAt, size int64, check Check) (Report, error) {
	rep := Report{OwnKey: check.Key != ""}
	files, bad := unpack(r, size)
	if bad != "" {
		return rep.wrong(WrongBundle, 0, bad), nil
	}
	key := check.Key
	if key == "" {
		key = strings.TrimSuffix(string(files["key"]), "\n")
	}
	var previous journal.Checkpoint
	if check.Previous != nil {
		var err error
		if previous, err = journal.OpenCheckpoint(check.Previous, key); err != nil {
			return rep, fmt.Errorf("previous checkpoint: %w", err)
		}
		rep.Previous = previous.Size
	}
	c, err := journal.OpenCheckpoint(files["checkpoint"], key)
	if err != nil {
		return rep.wrong(WrongSignature, 0, "checkpoint"), nil
	}
	rep.Origin, rep.Size = c.Origin, c.Size
	var seen journal.Checkpoint
	if check.Witness != "" {
		w, err := journal.NewCosignVerifier(check.Witness)
		if err != nil {
			return rep, fmt.Errorf("witness: %w", err)
		}
		if seen, err = journal.OpenCosigned(files["cosigned"], key, check.Witness); err != nil {
			return rep.wrong(WrongWitness, 0, "cosigned"), nil
		}
		rep.Witness, rep.Seen = w.Name(), seen.Size
	}
	v := verifier{Report: rep, seen: seen, files: files, c: c, previous: previous, gone: map[string]int64{}}
	return v.run(), nil
}

// unpack reads the parts without asking for their check sums: a changed byte
// should be found by name, not end the reading.
func unpack(r io.ReaderAt, size int64) (files map[string][]byte, bad string) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, "zip"
	}
	files = map[string][]byte{}
	for _, f := range z.File {
		if _, twice := files[f.Name]; twice || f.Method != zip.Store || f.UncompressedSize64 > uint64(size) {
			return nil, f.Name
		}
		raw, err := f.OpenRaw()
		if err != nil {
			return nil, f.Name
		}
		data, err := io.ReadAll(raw)
		if err != nil {
			return nil, f.Name
		}
		files[f.Name] = data
	}
	return files, ""
}

type verifier struct {
	Report
	files     map[string][]byte
	c         journal.Checkpoint
	previous  journal.Checkpoint
	seen      journal.Checkpoint // by the witness
	openings  [][]byte           // lines not yet used
	gone      map[string]int64   // person → first erased entry without an erasure after it
	suspect   int64              // first entry whose hash is not the tile's
	byTile    *compact.Range     // the tree as the level-0 tiles say
	byEntries *compact.Range     // the tree as the entries say
}

func (v *verifier) run() Report {
	ranges := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	v.byTile, v.byEntries = ranges.NewEmptyRange(0), ranges.NewEmptyRange(0)
	v.openings = bytes.SplitAfter(v.files["openings.jsonl"], []byte("\n"))
	if last := len(v.openings) - 1; len(v.openings[last]) == 0 {
		v.openings = v.openings[:last]
	}
	for n := int64(0); n*tileWidth < v.c.Size; n++ {
		if bad := v.tile(n); bad.What != "" {
			return v.blame(bad)
		}
	}
	if v.suspect != 0 {
		return v.blame(v.wrong(journal.WrongAltered, v.suspect, v.entriesFile(v.suspect)))
	}
	if root := rootOf(v.byEntries); !bytes.Equal(root, v.c.Root) {
		bad := v.wrong(journal.WrongRoot, v.previousGood()+1, "checkpoint")
		bad.WrongTo = v.c.Size
		return bad
	}
	v.Root = hex.EncodeToString(v.c.Root)
	if v.previous.Size > v.c.Size {
		bad := v.wrong(WrongPrevious, v.c.Size+1, "checkpoint")
		bad.WrongTo = v.previous.Size
		return bad
	}
	if v.seen.Size > v.c.Size {
		bad := v.wrong(WrongWitness, v.c.Size+1, "cosigned")
		bad.WrongTo = v.seen.Size
		return bad
	}
	if bad := v.upperTiles(); bad.What != "" {
		return bad
	}
	if len(v.openings) > 0 {
		return v.wrong(WrongBundle, 0, "openings.jsonl")
	}
	if seq := v.firstGone(); seq != 0 {
		return v.wrong(journal.WrongPersonal, seq, "openings.jsonl")
	}
	v.OK = true
	return v.Report
}

// blame decides, once the trees are known as far as they go, whether entries or
// the tile beside them were changed: the side that leads to the signed root is
// right.
func (v *verifier) blame(bad Report) Report {
	if bad.What == journal.WrongAltered && int64(v.byEntries.End()) == v.c.Size && bytes.Equal(rootOf(v.byEntries), v.c.Root) {
		return v.wrong(journal.WrongTile, bad.Wrong, strings.Replace(bad.File, "entries", "0", 1))
	}
	return bad
}

// previousGood is the size of the previous checkpoint when the entries up to it
// are known to be what was signed then; set by leaf.
func (v *verifier) previousGood() int64 {
	if v.previous.Size > 0 && v.previous.Size <= v.c.Size {
		return v.previous.Size // a difference up to there was reported already
	}
	return 0
}

func (v *verifier) entriesFile(seq int64) string {
	n := (seq - 1) / tileWidth
	return tilePath("entries", n, int(min(tileWidth, v.c.Size-n*tileWidth)))
}

// tile checks the n-th entry bundle against the n-th tile of leaf hashes. The
// zero Report means that it may go on.
func (v *verifier) tile(n int64) Report {
	width := int(min(tileWidth, v.c.Size-n*tileWidth))
	first := n*tileWidth + 1
	name := tilePath("entries", n, width)
	rest, ok := v.files[name]
	hashes, okTile := v.files[tilePath("0", n, width)]
	if !ok || !okTile || len(hashes) != width*32 {
		return v.wrong(WrongBundle, first, name)
	}
	for i := range width {
		seq := first + int64(i)
		leaf, after, ok := cut(rest)
		if !ok {
			return v.wrong(journal.WrongAltered, v.orSuspect(seq), name)
		}
		rest = after
		hash := rfc6962.DefaultHasher.HashLeaf(leaf)
		if !bytes.Equal(hash, hashes[i*32:i*32+32]) && v.suspect == 0 {
			v.suspect = seq
		}
		v.byEntries.Append(hash, nil)
		v.byTile.Append(hashes[i*32:i*32+32], nil)
		if v.suspect == 0 {
			if bad := v.leaf(seq, leaf, name); bad.What != "" {
				return bad
			}
		}
	}
	if len(rest) > 0 {
		return v.wrong(journal.WrongAltered, v.orSuspect(first+int64(width)-1), name)
	}
	return Report{}
}

func (v *verifier) orSuspect(seq int64) int64 {
	if v.suspect != 0 {
		return v.suspect
	}
	return seq
}

func cut(b []byte) (leaf, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 2+n {
		return nil, nil, false
	}
	return b[2 : 2+n], b[2+n:], true
}

// leaf checks one entry whose hash agrees with its tile.
func (v *verifier) leaf(seq int64, leaf []byte, name string) Report {
	if len(leaf) == 0 {
		return v.wrong(journal.WrongMissing, seq, name)
	}
	l, err := journal.ParseLeaf(leaf)
	if err != nil || l.Seq != seq {
		return v.wrong(journal.WrongAltered, seq, name)
	}
	if l.Kind == journal.Erased {
		delete(v.gone, l.Subject)
	}
	if len(l.Commitment) > 0 && v.open(l) != nil {
		return v.wrong(journal.WrongPersonal, seq, "openings.jsonl")
	}
	if seq == v.previous.Size && !bytes.Equal(rootOf(v.byEntries), v.previous.Root) {
		bad := v.wrong(WrongPrevious, 1, name)
		bad.WrongTo = seq
		return bad
	}
	if seq == v.seen.Size && !bytes.Equal(rootOf(v.byEntries), v.seen.Root) {
		bad := v.wrong(WrongWitness, 1, name)
		bad.WrongTo = seq
		return bad
	}
	return Report{}
}

// open takes the next opening, which must be that of l, and checks it.
func (v *verifier) open(l journal.Leaf) error {
	if len(v.openings) == 0 {
		return errors.New("no opening")
	}
	line := v.openings[0]
	v.openings = v.openings[1:]
	var o opening
	if err := json.Unmarshal(line, &o); err != nil {
		return err
	}
	if again, err := o.line(); err != nil || !bytes.Equal(again, line) || o.Seq != l.Seq {
		return errors.New("not the opening of this entry")
	}
	switch {
	case o.Erased && !o.Withheld && o.Salt == "" && o.Personal == nil:
		v.Erased++
		if about := "account:" + string(l.About); v.gone[about] == 0 {
			v.gone[about] = l.Seq
		}
	case o.Withheld && !o.Erased && o.Salt == "" && o.Personal == nil:
		v.Withheld++
	default:
		salt, err := hex.DecodeString(o.Salt)
		if err != nil || o.Erased || o.Withheld || hex.EncodeToString(salt) != o.Salt || !bytes.Equal(journal.Commit(salt, o.Personal), l.Commitment) {
			return errors.New("not what was committed to")
		}
		v.Opened++
	}
	return nil
}

func (v *verifier) firstGone() int64 {
	var first int64
	for _, seq := range v.gone {
		if first == 0 || seq < first {
			first = seq
		}
	}
	return first
}

// upperTiles checks the tiles above the leaves against the tree below them.
func (v *verifier) upperTiles() Report {
	below := func(level, i int64, n int64) []byte {
		return v.files[tilePath(fmt.Sprint(level), i, int(min(tileWidth, n-i*tileWidth)))]
	}
	span := int64(tileWidth)
	for level, n := int64(1), v.c.Size/tileWidth; n > 0; level, n = level+1, n/tileWidth {
		for i := range n {
			hashes := below(level, i/tileWidth, n)
			want := rootOfTile(below(level-1, i, v.c.Size/(span/tileWidth)))
			at := int(i%tileWidth) * 32
			if len(hashes) < at+32 || !bytes.Equal(hashes[at:at+32], want) {
				bad := v.wrong(journal.WrongTile, i*span+1, tilePath(fmt.Sprint(level), i/tileWidth, int(min(tileWidth, n-i/tileWidth*tileWidth))))
				bad.WrongTo = (i + 1) * span
				return bad
			}
		}
		span *= tileWidth
	}
	return Report{}
}

func rootOfTile(hashes []byte) []byte {
	ranges := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	r := ranges.NewEmptyRange(0)
	for ; len(hashes) >= 32; hashes = hashes[32:] {
		r.Append(hashes[:32], nil)
	}
	return rootOf(r)
}

func rootOf(r *compact.Range) []byte {
	if r.End() == 0 {
		return rfc6962.DefaultHasher.EmptyRoot()
	}
	root, err := r.GetRootHash(nil)
	if err != nil {
		return nil
	}
	return root
}
