package documents

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"spolupis/collab/crdt"
	"spolupis/documents/body"
	"spolupis/documents/compare"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
)

// Version is a frozen text: immutable, and named by what it contains.
type Version struct {
	ID         VersionID
	Material   MaterialID
	Number     int // 1, 2, … within the material
	Supersedes VersionID
	State      State
	FrozenAt   time.Time
	FrozenBy   security.ActorID
	Manifest   Manifest
}

// Manifest lists what a version consists of. Its JSON bytes are stored as they
// were hashed; VersionID is their SHA-256.
type Manifest struct {
	Schema     int             `json:"schema"` // 1
	Document   MaterialID      `json:"document"`
	Number     string          `json:"number"` // reference number
	Title      string          `json:"title"`
	Version    int             `json:"version"`
	Supersedes VersionID       `json:"supersedes,omitempty"`
	Agenda     AgendaID        `json:"agenda"`
	Unit       security.UnitID `json:"unit"`
	FrozenAt   time.Time       `json:"frozen_at"`
	FrozenBy   string          `json:"frozen_by"` // pseudonymous
	State      Part            `json:"crdt_state"`
	Markdown   Part            `json:"canonical_md"`
	PDF        Part            `json:"document_pdf"`
	Comments   Part            `json:"settled_comments"`
	Profile    json.RawMessage `json:"render_profile"`
	// Table is the settlement table. It is left out of manifests of versions without one, so that ids given before there were
	// tables stay what they are.
	Table *Part `json:"settlement_table,omitempty"`
	// Annexes are the attachments, by number; left out when there are none, for the same reason.
	Annexes []Annex `json:"attachments,omitempty"`
}

// Part is one file of a version: the lower-case hex SHA-256 and length in bytes.
type Part struct {
	SHA256 string `json:"sha256"`
	Size   int    `json:"size"`
}

func part(b []byte) Part { return Part{sum(b), len(b)} }

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// File names one downloadable part of a version.
type File string

// Files of a version.
const (
	FilePDF      File = "document.pdf"
	FileMarkdown File = "document.md"
	FileManifest File = "manifest.json"
	FileComments File = "comments.json"
	FileState    File = "state.bin"
	FileTable    File = "settlement.json" // only versions with comments or rounds, since there are tables
)

// Versions lists the versions of a material, newest first.
func (s *Service) Versions(ctx context.Context, who security.Actor, id MaterialID) ([]Version, error) {
	if err := s.can(ctx, who, access.View, id); err != nil {
		return nil, err
	}
	return s.Store.Versions(ctx, id)
}

// Version returns a version whose material who may see.
func (s *Service) Version(ctx context.Context, who security.Actor, id VersionID) (Version, error) {
	v, err := s.Store.Version(ctx, id)
	if err != nil {
		return Version{}, err
	}
	if err := s.can(ctx, who, access.View, v.Material); err != nil {
		return Version{}, err
	}
	return v, nil
}

// Numbered returns version n of a material.
func (s *Service) Numbered(ctx context.Context, who security.Actor, id MaterialID, n int) (Version, error) {
	all, err := s.Versions(ctx, who, id)
	if err != nil {
		return Version{}, err
	}
	i := slices.IndexFunc(all, func(v Version) bool { return v.Number == n })
	if i < 0 {
		return Version{}, fault.New(fault.NotFound, "documents.fault.version_gone")
	}
	return all[i], nil
}

// ReadVersion records in the journal that who reads a version, before it returns.
func (s *Service) ReadVersion(ctx context.Context, who security.Actor, v Version, what string) error {
	return s.Reads.Recorded(ctx, who, "documents.version_read", "version:"+string(v.ID), map[string]any{"document": v.Material, "version": v.ID, "number": v.Number, "page": what})
}

// VersionFile returns the stored bytes of one part of a version. It leaves no
// trace; what hands the bytes to a person calls ReadVersion first.
func (s *Service) VersionFile(ctx context.Context, who security.Actor, id VersionID, f File) ([]byte, error) {
	v, err := s.Version(ctx, who, id)
	if err != nil {
		return nil, err
	}
	want := map[File]string{
		FilePDF: v.Manifest.PDF.SHA256, FileMarkdown: v.Manifest.Markdown.SHA256, FileManifest: string(v.ID),
		FileComments: v.Manifest.Comments.SHA256, FileState: v.Manifest.State.SHA256,
	}[f]
	if f == FileTable && v.Manifest.Table != nil {
		want = v.Manifest.Table.SHA256
	}
	if want == "" {
		return nil, fault.NotFound
	}
	return s.blob(ctx, want)
}

// VersionPDF returns the exact bytes that get signed.
func (s *Service) VersionPDF(ctx context.Context, who security.Actor, id VersionID) ([]byte, error) {
	return s.VersionFile(ctx, who, id, FilePDF)
}

// blob returns stored bytes and refuses those that do not match their name any more.
func (s *Service) blob(ctx context.Context, name string) ([]byte, error) {
	b, err := s.Store.Blob(ctx, name)
	if err == nil && sum(b) != name {
		return nil, errors.New("documents: blob " + name + " is damaged")
	}
	return b, err
}

// VersionBody returns the text of a version, rebuilt from its stored state.
func (s *Service) VersionBody(ctx context.Context, who security.Actor, id VersionID) (body.Body, error) {
	state, err := s.VersionFile(ctx, who, id, FileState)
	if err != nil {
		return body.Body{}, err
	}
	d := crdt.New(crdt.Config{})
	if err := d.Apply(state); err != nil {
		return body.Body{}, wrap("state of version", id, err)
	}
	return body.Read(d.Text(bodyName)), nil
}

// Side is one side of a comparison: a version, or the draft when Version is nil.
type Side struct {
	Version *Version
	Body    body.Body // of the draft without its tracked changes
	Tracked int       // how many those are
	Annexes []Annex
}

// Compare returns what changed from one version to another. Number 0 is the draft.
func (s *Service) Compare(ctx context.Context, who security.Actor, id MaterialID, from, to int) (a, b Side, diff compare.Diff, err error) {
	if a, err = s.side(ctx, who, id, from); err != nil {
		return
	}
	if b, err = s.side(ctx, who, id, to); err != nil {
		return
	}
	return a, b, compare.Compare(a.Body, b.Body), nil
}

func (s *Service) side(ctx context.Context, who security.Actor, id MaterialID, n int) (Side, error) {
	if n == 0 {
		b, err := s.Text(ctx, who, id)
		if err != nil {
			return Side{}, err
		}
		annexes, err := s.annexes(ctx, id)
		// What is only proposed is not the text yet.
		return Side{Body: b.Decided(false), Tracked: len(b.Proposals()), Annexes: annexes}, err
	}
	v, err := s.Numbered(ctx, who, id, n)
	if err != nil {
		return Side{}, err
	}
	b, err := s.VersionBody(ctx, who, v.ID)
	return Side{Version: &v, Body: b, Annexes: v.Manifest.Annexes}, err
}
