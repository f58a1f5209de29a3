package documents

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"spolupis/documents/body"
	"spolupis/documents/render"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
)

// DerivativeID names a derivative.
type DerivativeID string

// Audience is who a derivative is made for.
type Audience string

// The two derivatives of a version: anonymised for the public, and for
// members of the council or assembly.
const (
	ForPublic      Audience = "public"
	ForCouncillors Audience = "councillor"
)

// Audiences lists them.
var Audiences = []Audience{ForPublic, ForCouncillors}

// DerivativeState says where a derivative is in its life.
type DerivativeState string

// A derivative waits for a second person, who approves or refuses it.
const (
	DerivativeProposed DerivativeState = "proposed"
	DerivativeApproved DerivativeState = "approved"
	DerivativeRefused  DerivativeState = "refused"
)

// Reasons for which a passage is blacked out.
var Reasons = []string{"personal", "secret", "security", "law"}

// reasonWords stand in the text itself, which is Czech.
var reasonWords = map[string]string{"personal": "osobní údaj", "secret": "obchodní tajemství", "security": "bezpečnostní údaj", "law": "chráněno zákonem"}

// bar stands for every passage alike, so that its length tells nothing. Its
// characters are among those the PDF has a face for.
const bar = "■■■■■"

// Mark is one passage to be blacked out.
type Mark struct {
	Block  int    `json:"block"` // of the version's canonical text, from 1; 0 is everywhere
	Quote  string `json:"quote"` // "" is the whole block
	Reason string `json:"reason"`
}

// Derivative is a text made from a version for somebody else. The version and
// its signatures stay as they are; the derivative names it by its hash.
type Derivative struct {
	ID        DerivativeID
	Version   VersionID
	Material  MaterialID
	Audience  Audience
	Number    int // 1, 2, … within version and audience
	State     DerivativeState
	Marks     []Mark
	Original  string // SHA-256 of the version's PDF, which was signed
	Markdown  string // SHA-256 of the derivative's own files
	PDF       string
	MadeBy    security.ActorID
	MadeAt    time.Time
	DecidedBy security.ActorID
	DecidedAt time.Time
	Reason    string // of a refusal
}

// DerivativeReader answers which derivatives there are.
type DerivativeReader interface {
	Derivatives(ctx context.Context, version VersionID) ([]Derivative, error) // newest first
	Derivative(ctx context.Context, id DerivativeID) (Derivative, error)
}

// DerivativeWriter keeps derivatives within a transaction.
type DerivativeWriter interface {
	AddDerivative(ctx context.Context, d Derivative) error
	DecideDerivative(ctx context.Context, d Derivative) error // fault.Conflict when it was decided already
}

// Limits of a derivative.
const (
	MaxMarks       = 500
	maxQuote       = 500
	maxDerivatives = 50 // of one version
)

// Anonymised is a text with passages blacked out.
type Anonymised struct {
	Title string
	Body  body.Body
	Hits  []int // how often each mark was found
	// Left are quotes that still stand somewhere, as a mark is for one block
	// only, or because they are written in other letters.
	Left []string
}

// Anonymise blacks out passages of a canonical text and of its title. A mark
// that is found nowhere is a mistake, which Hits shows.
func Anonymise(title string, b body.Body, marks []Mark) Anonymised {
	b = b.Canonical()
	out := Anonymised{Title: title, Hits: make([]int, len(marks))}
	blocks := slices.Clone(b.Blocks)
	for i, m := range marks {
		word := bar + " (" + reasonWords[m.Reason] + ")"
		for j := range blocks {
			if m.Block != 0 && m.Block != j+1 {
				continue
			}
			if m.Quote == "" {
				if m.Block != 0 {
					blocks[j].Runs = []body.Run{{Text: word}}
					out.Hits[i]++
				}
				continue
			}
			n := 0
			blocks[j].Runs, n = blackOut(blocks[j].Runs, m.Quote, word)
			out.Hits[i] += n
		}
		if m.Quote != "" { // the title stands in the head of every file
			out.Hits[i] += strings.Count(out.Title, m.Quote)
			out.Title = strings.ReplaceAll(out.Title, m.Quote, word)
		}
	}
	out.Body = body.Body{Blocks: blocks}.Canonical()
	rest := Fold(out.Title + " " + out.Body.Text())
	for _, m := range marks {
		if q := Fold(m.Quote); q != "" && strings.Contains(rest, q) && !slices.Contains(out.Left, m.Quote) {
			out.Left = append(out.Left, m.Quote)
		}
	}
	return out
}

// blackOut replaces a passage, whose marks may change in the middle, wherever
// it stands in a block. A link that had it loses its target, which may say the same.
func blackOut(runs []body.Run, quote, word string) ([]body.Run, int) {
	text := body.Block{Runs: runs}.Text()
	var places []int
	for at := 0; ; {
		i := strings.Index(text[at:], quote)
		if i < 0 {
			break
		}
		places = append(places, at+i)
		at += i + len(quote)
	}
	for _, at := range places {
		runs = unlink(runs, at, at+len(quote))
	}
	var out []body.Run
	at := 0
	for _, p := range places {
		out = append(append(out, cut(runs, at, p)...), body.Run{Text: word})
		at = p + len(quote)
	}
	return append(out, cut(runs, at, len(text))...), len(places)
}

// cut returns the runs of the bytes from from to to.
func cut(runs []body.Run, from, to int) []body.Run {
	var out []body.Run
	at := 0
	for _, r := range runs {
		begin, end := max(from, at), min(to, at+len(r.Text))
		if begin < end {
			x := r
			x.Text = r.Text[begin-at : end-at]
			out = append(out, x)
		}
		at += len(r.Text)
	}
	return out
}

// unlink takes away the links that touch a passage, wherever else they stand in the block.
func unlink(runs []body.Run, from, to int) []body.Run {
	gone := map[string]bool{}
	for _, r := range cut(runs, from, to) {
		gone[r.Link] = true
	}
	out := slices.Clone(runs)
	for i := range out {
		if gone[out[i].Link] {
			out[i].Link = ""
		}
	}
	return out
}

func checkMarks(marks []Mark, blocks int) error {
	if len(marks) > MaxMarks {
		return fault.New(fault.TooMany, "documents.fault.marks_many", MaxMarks)
	}
	for _, m := range marks {
		switch {
		case m.Block < 0 || m.Block > blocks, m.Block == 0 && m.Quote == "":
			return invalid("documents.fault.mark_place")
		case runes(m.Quote) > maxQuote:
			return invalid("documents.fault.mark_long", maxQuote)
		case m.Quote != "" && runes(strings.TrimSpace(m.Quote)) < 2:
			return invalid("documents.fault.mark_short")
		case !slices.Contains(Reasons, m.Reason):
			return invalid("documents.fault.mark_reason")
		}
	}
	return nil
}

// PreviewDerivative shows what Derive would make, and keeps nothing.
func (s *Service) PreviewDerivative(ctx context.Context, who security.Actor, version VersionID, marks []Mark) (Anonymised, error) {
	v, err := s.Version(ctx, who, version)
	if err != nil {
		return Anonymised{}, err
	}
	if err := s.can(ctx, who, access.Edit, v.Material); err != nil {
		return Anonymised{}, err
	}
	return s.anonymised(ctx, who, v, marks)
}

func (s *Service) anonymised(ctx context.Context, who security.Actor, v Version, marks []Mark) (Anonymised, error) {
	text, err := s.VersionBody(ctx, who, v.ID)
	if err != nil {
		return Anonymised{}, err
	}
	text = text.Canonical()
	if err := checkMarks(marks, len(text.Blocks)); err != nil {
		return Anonymised{}, err
	}
	return Anonymise(v.Manifest.Title, text, marks), nil
}

// Derive makes a derivative of a version for an audience; a second person has
// to approve it. Who may edit the material may make one. A mark that is found
// nowhere, or a quote that is left somewhere, refuses it.
func (s *Service) Derive(ctx context.Context, who security.Actor, version VersionID, audience Audience, marks []Mark) (Derivative, error) {
	v, err := s.Version(ctx, who, version)
	if err != nil {
		return Derivative{}, err
	}
	if err := s.can(ctx, who, access.Edit, v.Material); err != nil {
		return Derivative{}, err
	}
	if !slices.Contains(Audiences, audience) {
		return Derivative{}, invalid("documents.fault.audience")
	}
	a, err := s.anonymised(ctx, who, v, marks)
	if err != nil {
		return Derivative{}, err
	}
	for i, n := range a.Hits {
		if n == 0 {
			return Derivative{}, invalid("documents.fault.mark_nowhere", marks[i].Quote)
		}
	}
	for _, m := range marks { // of a mark for one block the rest may stay, as the preview says
		if m.Block == 0 && slices.Contains(a.Left, m.Quote) {
			return Derivative{}, invalid("documents.fault.mark_left", m.Quote)
		}
	}
	d := Derivative{ID: DerivativeID(newID("d")), Version: v.ID, Material: v.Material, Audience: audience, State: DerivativeProposed, Marks: marks,
		Original: v.Manifest.PDF.SHA256, MadeBy: who.ID, MadeAt: s.now()}
	f := files{}
	text := note(d, v, a.Body)
	md, err := body.Markdown(text)
	if err != nil {
		return Derivative{}, err
	}
	// No author: his name is in the original and is nobody else's business.
	pdf, err := render.PDF(text, render.PDFMeta{Title: a.Title, Number: v.Manifest.Number, Version: v.Number, Lang: "cs", Date: d.MadeAt})
	if err != nil {
		return Derivative{}, err
	}
	d.Markdown, d.PDF = f.add(md).SHA256, f.add(pdf).SHA256
	err = s.Store.Write(ctx, func(tx Tx) error {
		if _, err := tx.Lock(ctx, v.Material); err != nil {
			return err
		}
		all, err := tx.Derivatives(ctx, v.ID)
		if err != nil {
			return err
		}
		if len(all) >= maxDerivatives {
			return fault.New(fault.TooMany, "documents.fault.derivatives_many", maxDerivatives)
		}
		for _, x := range all {
			if x.Audience == audience {
				d.Number = max(d.Number, x.Number)
			}
		}
		d.Number++
		for name, b := range f {
			if err := tx.PutBlob(ctx, name, b); err != nil {
				return err
			}
		}
		if err := tx.AddDerivative(ctx, d); err != nil {
			return err
		}
		return tx.Record(ctx, s.entry(who, "documents.derivative_proposed", v.Material, map[string]any{
			"derivative": d.ID, "version": v.ID, "audience": audience, "original": d.Original, "markdown": d.Markdown, "pdf": d.PDF, "marks": len(marks)}, nil))
	})
	return d, wrap("derive from", v.ID, err)
}

// note puts before the text what it is and from what it was made.
func note(d Derivative, v Version, b body.Body) body.Body {
	what := "Znění pro členy zastupitelských orgánů."
	if d.Audience == ForPublic {
		what = "Anonymizované znění pro veřejnost."
	}
	line := what + " Odvozeno z verze " + strconv.Itoa(v.Number) + "; otisk jejího PDF: " + d.Original + "."
	return body.Body{Blocks: append([]body.Block{{Kind: body.Paragraph, Runs: []body.Run{{Text: line, Em: true}}}}, b.Blocks...)}
}

// DecideDerivative approves or refuses a derivative. It takes a second person:
// one who approves, publishes or manages the material and did not make it.
func (s *Service) DecideDerivative(ctx context.Context, who security.Actor, id DerivativeID, approve bool, reason string) error {
	d, err := s.derivative(ctx, who, id)
	if err != nil {
		return err
	}
	if !s.MayDecideDerivative(ctx, who, d) {
		if d.MadeBy == who.ID {
			return conflict("documents.fault.derivative_own")
		}
		return fault.New(fault.Denied, "fault.denied")
	}
	if d.Reason = strings.TrimSpace(reason); !approve && d.Reason == "" {
		return invalid("documents.fault.reject_reason")
	}
	if runes(d.Reason) > MaxText {
		return invalid("documents.fault.text_long", MaxText)
	}
	d.State, d.DecidedBy, d.DecidedAt = DerivativeApproved, who.ID, s.now()
	kind, personal := "documents.derivative_approved", map[string]any(nil)
	if !approve {
		d.State, kind, personal = DerivativeRefused, "documents.derivative_refused", map[string]any{"reason": d.Reason}
	}
	return wrap("decide", id, s.Store.Write(ctx, func(tx Tx) error {
		if _, err := tx.Lock(ctx, d.Material); err != nil {
			return err
		}
		if err := tx.DecideDerivative(ctx, d); err != nil {
			return err
		}
		return tx.Record(ctx, s.entry(who, kind, d.Material, map[string]any{"derivative": d.ID, "version": d.Version, "audience": d.Audience, "pdf": d.PDF}, personal))
	}))
}

// MayDecideDerivative reports whether who may approve or refuse d, for pages; the act asks again.
func (s *Service) MayDecideDerivative(ctx context.Context, who security.Actor, d Derivative) bool {
	if d.MadeBy == who.ID {
		return false
	}
	return slices.ContainsFunc([]access.Act{access.Approve, access.Publish, access.Manage}, func(a access.Act) bool { return s.can(ctx, who, a, d.Material) == nil })
}

// Derivatives lists what was made from a version, newest first.
func (s *Service) Derivatives(ctx context.Context, who security.Actor, version VersionID) ([]Derivative, error) {
	v, err := s.Version(ctx, who, version)
	if err != nil {
		return nil, err
	}
	return s.Store.Derivatives(ctx, v.ID)
}

// derivative returns a derivative whose material who may see.
func (s *Service) derivative(ctx context.Context, who security.Actor, id DerivativeID) (Derivative, error) {
	d, err := s.Store.Derivative(ctx, id)
	if err != nil {
		return d, err
	}
	return d, s.can(ctx, who, access.View, d.Material)
}

// DerivativePDF returns the file of a derivative. Who may see the material may
// see every one of them; an approved one for councillors is open to whoever
// holds that role, and an approved public one to everybody signed in. The
// reading is recorded before it returns.
func (s *Service) DerivativePDF(ctx context.Context, who security.Actor, id DerivativeID) (Derivative, []byte, error) {
	d, err := s.Store.Derivative(ctx, id)
	if err != nil {
		return d, nil, err
	}
	if err := s.can(ctx, who, access.View, d.Material); err != nil {
		open, e := s.openTo(ctx, who, d)
		if e != nil {
			return Derivative{}, nil, e
		}
		if !open {
			return Derivative{}, nil, err
		}
	}
	pdf, err := s.blob(ctx, d.PDF)
	if err != nil {
		return d, nil, err
	}
	return d, pdf, s.Reads.Recorded(ctx, who, "documents.derivative_read", "derivative:"+string(d.ID),
		map[string]any{"document": d.Material, "derivative": d.ID, "audience": d.Audience})
}

func (s *Service) openTo(ctx context.Context, who security.Actor, d Derivative) (bool, error) {
	if !who.Known() || d.State != DerivativeApproved {
		return false, nil
	}
	if d.Audience == ForPublic {
		return true, nil
	}
	p, err := s.People.Person(ctx, who.ID) // the role as it is now
	if err != nil {
		return false, nil
	}
	return !p.Disabled && p.Has(security.Councillor), nil
}

// forPublic reports whether the public may have d.
func (d Derivative) forPublic() bool { return d.Audience == ForPublic && d.State == DerivativeApproved }

// PublicText returns the newest approved public derivative of a version, for
// whoever publishes it; fault.NotFound when there is none.
func (s *Service) PublicText(ctx context.Context, version VersionID) (Derivative, []byte, error) {
	all, err := s.Store.Derivatives(ctx, version)
	if err != nil {
		return Derivative{}, nil, err
	}
	for _, d := range all {
		if d.forPublic() {
			pdf, err := s.blob(ctx, d.PDF)
			return d, pdf, err
		}
	}
	return Derivative{}, nil, fault.New(fault.NotFound, "documents.fault.derivative_gone")
}

// PublicTitle is the title of a version as the public may see it: with what
// its approved public derivative blacks out.
func (s *Service) PublicTitle(ctx context.Context, v Version) (string, error) {
	d, _, err := s.PublicText(ctx, v.ID)
	if errors.Is(err, fault.NotFound) {
		return v.Manifest.Title, nil
	}
	return Anonymise(v.Manifest.Title, body.Body{}, d.Marks).Title, err
}
