// Package bundle writes the journal into one file that an auditor can check
// anywhere, without the server and without the database, and checks it.
//
// A bundle is a ZIP without compression, so that one changed byte spoils one
// entry and not the rest. In it:
//
//	checkpoint          the signed head of the log (C2SP tlog-checkpoint)
//	cosigned            the last head that witnesses have cosigned; may be missing
//	key                 the log's public key, for convenience; trust your own copy
//	tile/<L>/<N>[.p/W]  tiles of the Merkle tree (C2SP tlog-tiles)
//	tile/entries/<N>…   the entries, readable lines, see journal.Leaf
//	openings.jsonl      personal parts with the salts of their commitments
package bundle

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"spolupis/security/journal"
)

const tileWidth = 256

const readme = `Balík auditního deníku služby Spolupis. Ověření bez serveru:
    spolupis audit verify <tento soubor> -key <klíč deníku, který máte odjinud>
Obsah je čitelný: tile/entries drží záznamy po řádcích, openings.jsonl osobní části.

Audit log bundle of Spolupis. To verify it without the server:
    spolupis audit verify <this file> -key <the log key you hold from elsewhere>
It can be read as it is: tile/entries hold the entries in lines, openings.jsonl the personal parts.
`

// opening is one line of openings.jsonl. Every entry with a commitment has one.
type opening struct {
	Seq      int64           `json:"seq"`
	Salt     string          `json:"salt,omitempty"` // hex
	Personal json.RawMessage `json:"personal,omitempty"`
	Erased   bool            `json:"erased,omitempty"`
	Withheld bool            `json:"withheld,omitempty"` // not for this auditor, or cannot be opened
}

func (o opening) line() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(o)
	return b.Bytes(), err
}

// Options choose what goes into a bundle.
type Options struct {
	// Open says whether the personal part of an entry may be shown; nil = all.
	Open func(l journal.Leaf) bool
}

// Summary says what was written.
type Summary struct {
	Origin   string
	Size     int64
	Openings int64 // personal parts shown
}

// Write publishes a checkpoint of the current head and writes the log up to it.
// What the database holds is written as it is, also when it is wrong.
func Write(ctx context.Context, w io.Writer, j *journal.Journal, opt Options) (Summary, error) {
	signed, err := j.Publish(ctx)
	if err != nil {
		return Summary{}, fmt.Errorf("export: %w", err)
	}
	c, err := journal.OpenCheckpoint(signed, j.VerifierKey())
	if err != nil {
		return Summary{}, fmt.Errorf("export: %w", err)
	}
	cosigned, err := j.Cosigned(ctx)
	if err != nil {
		return Summary{}, fmt.Errorf("export: %w", err)
	}
	e := exporter{ctx: ctx, zip: zip.NewWriter(w), j: j, size: c.Size, opt: opt}
	for _, f := range []struct {
		name string
		data []byte
	}{{"README.txt", []byte(readme)}, {"checkpoint", signed}, {"key", []byte(j.VerifierKey() + "\n")}} {
		e.put(f.name, f.data)
	}
	if cosigned != nil {
		e.put("cosigned", cosigned)
	}
	e.tiles()
	if err := j.Export(ctx, c.Size, e.entry); err != nil {
		return Summary{}, fmt.Errorf("export: %w", err)
	}
	e.put("openings.jsonl", e.openings.Bytes())
	if err := errors.Join(e.err, e.zip.Close()); err != nil {
		return Summary{}, fmt.Errorf("export: %w", err)
	}
	return Summary{c.Origin, c.Size, e.shown}, nil
}

// WriteFile writes a bundle to path; path appears only when it is complete.
func WriteFile(ctx context.Context, path string, j *journal.Journal, opt Options) (Summary, error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".bundle-*")
	if err != nil {
		return Summary{}, fmt.Errorf("export: %w", err)
	}
	defer os.Remove(f.Name())
	s, err := Write(ctx, f, j, opt)
	if err := errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return Summary{}, err
	}
	return s, os.Rename(f.Name(), path)
}

type exporter struct {
	ctx      context.Context
	zip      *zip.Writer
	j        *journal.Journal
	size     int64
	opt      Options
	bundle   []byte // entries of the open bundle
	openings bytes.Buffer
	shown    int64
	err      error
}

func (e *exporter) put(name string, data []byte) {
	if e.err != nil {
		return
	}
	w, err := e.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err == nil {
		_, err = w.Write(data)
	}
	e.err = err
}

func (e *exporter) tiles() {
	for level, n := int64(0), e.size; n > 0; level, n = level+1, n/tileWidth {
		for i := int64(0); i*tileWidth < n && e.err == nil; i++ {
			width := int(min(tileWidth, n-i*tileWidth))
			hashes, err := e.j.Tile(e.ctx, level, i, width)
			if err != nil {
				hashes = make([]byte, width*32) // the check will say which entries
			}
			e.put(tilePath(fmt.Sprint(level), i, width), hashes)
		}
	}
}

func (e *exporter) entry(x journal.Exported) error {
	e.bundle = journal.AppendLeaf(e.bundle, x.Leaf)
	if x.Sealed {
		o := opening{Seq: x.Seq, Erased: x.Erased}
		l, err := journal.ParseLeaf(x.Leaf)
		switch {
		case x.Erased:
		case err != nil || x.Personal == nil || e.opt.Open != nil && !e.opt.Open(l):
			o.Withheld = true
		default:
			o.Salt, o.Personal = fmt.Sprintf("%x", x.Salt), x.Personal
			e.shown++
		}
		line, err := o.line()
		if err != nil {
			return err
		}
		e.openings.Write(line)
	}
	if width := int((x.Seq-1)%tileWidth) + 1; width == tileWidth || x.Seq == e.size {
		e.put(tilePath("entries", (x.Seq-1)/tileWidth, width), e.bundle)
		e.bundle = e.bundle[:0]
	}
	return e.err
}

// tilePath is the path C2SP tlog-tiles gives a tile: three digits at a time,
// all groups but the last with an x before them; a partial tile ends in .p/W.
func tilePath(level string, n int64, width int) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	path = "tile/" + level + "/" + path
	if width < tileWidth {
		path += fmt.Sprintf(".p/%d", width)
	}
	return path
}
