package documents

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"time"

	"spolupis/documents/body"
	"spolupis/documents/compare"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
)

// PrintCode is what a printout carries in its QR code: 80 random bits, so that
// only who holds the paper knows it.
type PrintCode string

// Printout is a text that somebody had printed: the live text, or a version.
type Printout struct {
	Code     PrintCode
	Material MaterialID
	Version  VersionID // "" of the live text
	Number   int       // of the version, 0 of the live text
	Snapshot string    // name of the blob that holds what was printed
	SHA256   string    // shown on the paper: the version's id, or of the canonical Markdown
	By       security.ActorID
	At       time.Time
}

// PrintStore keeps printouts.
type PrintStore interface {
	Printout(ctx context.Context, code PrintCode) (Printout, error)
	Printouts(ctx context.Context, id MaterialID, limit int) ([]Printout, error) // newest first
}

// PrintWriter keeps printouts within a transaction.
type PrintWriter interface {
	AddPrintout(ctx context.Context, p Printout) error
}

var printCode = regexp.MustCompile(`^w-[a-z2-7]{16}$`)

// Print keeps what is to be printed of a material: version n, or the live text
// when n is 0. That it was printed, by whom and what, is in the journal before
// anything can be seen of it.
func (s *Service) Print(ctx context.Context, who security.Actor, id MaterialID, n int) (Printout, error) {
	side, err := s.side(ctx, who, id, n)
	if err != nil {
		return Printout{}, err
	}
	if _, err := s.Get(ctx, who, id); err != nil {
		return Printout{}, err
	}
	snapshot := encode(side.Body.Canonical())
	p := Printout{Code: PrintCode(newID("w")), Material: id, Number: n, Snapshot: sum(snapshot), By: who.ID, At: s.now()}
	if side.Version != nil {
		p.Version, p.SHA256 = side.Version.ID, string(side.Version.ID)
	} else if md, err := body.Markdown(side.Body); err == nil {
		p.SHA256 = sum(md)
	} else if errors.Is(err, body.ErrTrackedChanges) { // pen corrections, as it were: printed as they stand
		p.SHA256 = p.Snapshot
	} else {
		return Printout{}, err
	}
	err = s.Store.Write(ctx, func(tx Tx) error {
		if err := tx.PutBlob(ctx, p.Snapshot, snapshot); err != nil {
			return err
		}
		if err := tx.AddPrintout(ctx, p); err != nil {
			return err
		}
		return tx.Record(ctx, s.entry(who, "documents.printed", id, map[string]any{"version": p.Version, "number": n, "sha256": p.SHA256}, nil))
	})
	return p, wrap("print", id, err)
}

// Printed returns a printout as it was, for who may see its material.
func (s *Service) Printed(ctx context.Context, who security.Actor, code PrintCode) (Printout, Material, body.Body, error) {
	p, err := s.printout(ctx, code)
	if err != nil {
		return p, Material{}, body.Body{}, err
	}
	m, err := s.Read(ctx, who, p.Material, "print")
	if err != nil {
		return Printout{}, Material{}, body.Body{}, err
	}
	text, err := s.printed(ctx, p)
	return p, m, text, err
}

func (s *Service) printout(ctx context.Context, code PrintCode) (Printout, error) {
	if !printCode.MatchString(string(code)) {
		return Printout{}, fault.New(fault.NotFound, "documents.fault.print_gone")
	}
	return s.Store.Printout(ctx, code)
}

func (s *Service) printed(ctx context.Context, p Printout) (b body.Body, err error) {
	raw, err := s.blob(ctx, p.Snapshot)
	if err != nil {
		return b, err
	}
	return b, json.Unmarshal(raw, &b)
}

// Printouts lists the printouts of a material, newest first, at most 100.
func (s *Service) Printouts(ctx context.Context, who security.Actor, id MaterialID) ([]Printout, error) {
	if err := s.can(ctx, who, access.View, id); err != nil {
		return nil, err
	}
	return s.Store.Printouts(ctx, id, 100)
}

// Verification tells whether a printout still says what is in force.
type Verification struct {
	Printout
	// Current: what is in force now says the same. Newest is the number of the
	// newest version, 0 before the first; Superseded that it is a later one than
	// what was printed and says something else. Draft: it is current, but a new
	// draft says something else already.
	Current    bool
	Superseded bool
	Draft      bool
	Newest     int
	// Inside is only for who may see the material; nil for everybody else.
	Inside *VerificationInside
}

// VerificationInside is what a verification tells to who may see the material.
type VerificationInside struct {
	Material Material
	By       string
	To       int // the side Changes leads to: a version, or 0 for the live text
	Changes  compare.Diff
}

// Verify compares a printout with what is in force now. Whoever holds the paper
// may ask, also without signing in; what the material says is told only to who
// may see it, and then the reading is recorded.
func (s *Service) Verify(ctx context.Context, who security.Actor, code PrintCode) (Verification, error) {
	p, err := s.printout(ctx, code)
	if err != nil {
		return Verification{}, err
	}
	was, err := s.printed(ctx, p)
	if err != nil {
		return Verification{}, err
	}
	v := Verification{Printout: p}
	// The service itself looks: what it finds out is one word, not the text.
	m, err := s.Store.Material(ctx, p.Material)
	if err != nil {
		return v, err
	}
	versions, err := s.Store.Versions(ctx, p.Material)
	if err != nil {
		return v, err
	}
	if len(versions) > 0 {
		v.Newest = versions[0].Number
	}
	diff, to, err := s.since(ctx, p, was, m, versions)
	if err != nil {
		return v, err
	}
	// The paper of a version names its attachments; a working printout does not.
	annexes := annexesOf(versions, p.Number)
	v.Current = same(diff) && (p.Number == 0 || to == 0 || slices.Equal(annexes, annexesOf(versions, to)))
	v.Superseded = !v.Current && v.Newest > p.Number && (p.Number > 0 || slices.ContainsFunc(versions, func(x Version) bool { return x.FrozenAt.After(p.At) }))
	if v.Current && m.State.Editable() && p.Number > 0 {
		now, err := s.side(ctx, security.System, p.Material, 0)
		if err != nil {
			return v, err
		}
		v.Draft = !same(compare.Compare(was, now.Body)) || !slices.Equal(annexes, now.Annexes)
	}
	if !who.Known() || s.can(ctx, who, access.View, p.Material) != nil {
		return v, nil
	}
	if m, err = s.Read(ctx, who, p.Material, "print"); err != nil {
		return Verification{}, err
	}
	name, _ := s.name(ctx, p.By)
	v.Inside = &VerificationInside{m, name, to, diff}
	return v, nil
}

// since compares a printout with what took its place: of a version, the newest
// version; of the live text, the newest version made since when the material
// is frozen, else the live text.
func (s *Service) since(ctx context.Context, p Printout, was body.Body, m Material, versions []Version) (compare.Diff, int, error) {
	to := 0
	if len(versions) > 0 && (p.Number > 0 || !m.State.Editable()) {
		to = versions[0].Number
	}
	if to == p.Number && to > 0 {
		return compare.Diff{}, to, nil
	}
	now, err := s.side(ctx, security.System, p.Material, to)
	if err != nil {
		return compare.Diff{}, to, err
	}
	return compare.Compare(was, now.Body), to, nil
}

func annexesOf(versions []Version, n int) []Annex {
	for _, v := range versions {
		if v.Number == n {
			return v.Manifest.Annexes
		}
	}
	return nil
}

func same(d compare.Diff) bool {
	return !slices.ContainsFunc(d.Rows, func(r compare.Row) bool { return r.Kind != compare.Same })
}
