package documents

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"spolupis/documents/body"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// TemplateID names a template of materials, such as "rada".
type TemplateID string

// Template is the pattern of a kind of material: which parts its text begins
// with, and which of them must be filled in before it is submitted.
type Template struct {
	ID   TemplateID `json:"id"`
	Name string     `json:"name"`
	// Body is who decides on such materials: "council", "assembly" or "".
	Body string `json:"body,omitempty"`
	// Agendas it is offered for; empty is all.
	Agendas []AgendaID     `json:"agendas,omitempty"`
	Parts   []TemplatePart `json:"parts"`
	Closed  bool           `json:"closed,omitempty"` // no longer offered
}

// TemplatePart is one part of a template.
type TemplatePart struct {
	Part     PartKind `json:"part"`
	Heading  string   `json:"heading"`
	Required bool     `json:"required"`
	// Text stands in the part from the beginning; {title}, {drafter}, {unit}
	// and {date} are filled with what is known. One line is one paragraph.
	Text string `json:"text,omitempty"`
	// Guide says what belongs here. While nothing else does, the part is empty.
	Guide string `json:"guide,omitempty"`
}

// KeptTemplate is a template as it is kept.
type KeptTemplate struct {
	Template
	Version   int
	ChangedBy security.ActorID
	ChangedAt time.Time
}

// TemplateReader answers which templates there are.
type TemplateReader interface {
	Templates(ctx context.Context) ([]KeptTemplate, error) // by name, at most MaxTemplates
	Template(ctx context.Context, id TemplateID) (KeptTemplate, error)
	// MaterialTemplate is the template a material was made from, as it was
	// then; fault.NotFound for one made without.
	MaterialTemplate(ctx context.Context, id MaterialID) (KeptTemplate, error)
}

// TemplateWriter keeps templates within a transaction.
type TemplateWriter interface {
	PutTemplate(ctx context.Context, k KeptTemplate) error // fault.Conflict when the version is there
	SetMaterialTemplate(ctx context.Context, id MaterialID, template TemplateID, version int) error
}

// TemplateBodies are the bodies a template can be for.
var TemplateBodies = []string{"council", "assembly", ""}

// Limits of templates.
const (
	MaxTemplates = 200
	maxGuide     = 2000
)

//go:embed templates/*.json
var templateFiles embed.FS

// DefaultTemplates are those an office begins with: one for the council, one
// for the assembly.
func DefaultTemplates() ([]Template, error) {
	names, err := templateFiles.ReadDir("templates")
	if err != nil {
		return nil, err
	}
	var out []Template
	for _, n := range names {
		raw, err := templateFiles.ReadFile("templates/" + n.Name())
		if err != nil {
			return nil, err
		}
		var t Template
		if err := json.Unmarshal(raw, &t); err != nil {
			return nil, wrap("template", n.Name(), err)
		}
		out = append(out, t)
	}
	return out, nil
}

// Check refuses a template that could make no material.
func (t Template) Check() error {
	switch {
	case t.ID == "" || len(t.ID) > 64 || strings.Trim(string(t.ID), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || t.ID == "new":
		return invalid("documents.fault.template_id")
	case strings.TrimSpace(t.Name) == "" || runes(t.Name) > MaxTitle:
		return invalid("documents.fault.template_name", MaxTitle)
	case !slices.Contains(TemplateBodies, t.Body):
		return invalid("documents.fault.template_body")
	case len(t.Parts) == 0:
		return invalid("documents.fault.template_parts")
	}
	seen := map[PartKind]bool{}
	for _, p := range t.Parts {
		switch {
		case !slices.Contains(AllParts, p.Part) || seen[p.Part]:
			return invalid("documents.fault.template_part")
		case p.Part != PartTitle && strings.TrimSpace(p.Heading) == "" || runes(p.Heading) > MaxTitle:
			return invalid("documents.fault.template_heading", MaxTitle)
		case runes(p.Text) > maxGuide, runes(p.Guide) > maxGuide:
			return invalid("documents.fault.template_guide", maxGuide)
		}
		seen[p.Part] = true
	}
	return nil
}

// known is what a template is filled with.
type known struct{ title, drafter, unit, date string }

func (k known) fill(s string) string {
	return strings.NewReplacer("{title}", k.title, "{drafter}", k.drafter, "{unit}", k.unit, "{date}", k.date).Replace(s)
}

// text is what a material made from t begins with.
func (t Template) text(k known) body.Body {
	var out []body.Block
	for _, p := range t.Parts {
		if p.Part == PartTitle {
			out = append(out, body.Block{Kind: body.Heading, Level: 1, Part: string(p.Part), Runs: []body.Run{{Text: k.title}}})
			continue
		}
		out = append(out, body.Block{Kind: body.Heading, Level: 2, Part: string(p.Part), Runs: []body.Run{{Text: p.Heading}}})
		for _, line := range splitLines(k.fill(p.Text)) {
			out = append(out, body.Block{Kind: body.Paragraph, Runs: []body.Run{{Text: line}}})
		}
		for _, line := range p.guide() {
			out = append(out, body.Block{Kind: body.Paragraph, Runs: []body.Run{{Text: line}}})
		}
		if p.Text == "" && p.Guide == "" {
			out = append(out, body.Block{Kind: body.Paragraph})
		}
	}
	return body.Body{Blocks: out}
}

// guide is the guide as it stands in a new text, line by line: in brackets and not in italics, which whoever writes over it would
// go on with.
func (p TemplatePart) guide() []string {
	lines := splitLines(p.Guide)
	for i := range lines {
		lines[i] = "[" + lines[i] + "]"
	}
	return lines
}

func splitLines(s string) []string {
	var out []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// Lack is what is wrong with one part of a text.
type Lack struct {
	Part    PartKind
	Heading string // as the template calls it
	Why     string // "missing", "empty", "twice", or "guide": it is left beside what was written
	Block   string // where in the text to look, "" when the part is missing
}

// Lacks compares a text with what the template asks for: every required
// part must be there, once, and hold something but its guide; and no part may
// still hold its guide, which would go into the resolution.
func (t Template) Lacks(b body.Body) []Lack {
	found := map[PartKind][]Section{}
	for _, s := range Parts(b) {
		found[s.Part] = append(found[s.Part], s)
	}
	var out []Lack
	for _, p := range t.Parts {
		all := found[p.Part]
		if !p.Required && !slices.ContainsFunc(all, p.filled) {
			continue
		}
		switch {
		case len(all) == 0:
			out = append(out, Lack{p.Part, p.Heading, "missing", ""})
		case !slices.ContainsFunc(all, p.filled):
			out = append(out, Lack{p.Part, p.Heading, "empty", all[0].Block})
		case len(all) > 1:
			out = append(out, Lack{p.Part, p.Heading, "twice", all[1].Block})
		default:
			if at := p.guideIn(all[0]); at != "" {
				out = append(out, Lack{p.Part, p.Heading, "guide", at})
			}
		}
	}
	return out
}

// filled reports whether somebody has written into a section: more than the
// guide, and, where there is one, than what stood there from the beginning. A
// heading alone says nothing.
func (p TemplatePart) filled(s Section) bool {
	given := map[string]bool{}
	if p.Guide != "" {
		for _, line := range append(p.guide(), splitLines(p.Text)...) {
			given[bare(line)] = true
		}
	}
	return slices.ContainsFunc(s.Body.Blocks, func(x body.Block) bool { return x.Kind != body.Heading && !x.Blank() && !given[bare(x.Text())] })
}

// bare is a line without case, diacritics and the brackets of a guide, one of which may have stayed with other words.
func bare(line string) string { return Fold(strings.Trim(strings.TrimSpace(line), "[]")) }

// guideIn is the block of a section that still holds a line of the guide, "" for none.
func (p TemplatePart) guideIn(s Section) string {
	for _, line := range p.guide() {
		for _, x := range s.Body.Blocks {
			if bare(x.Text()) == bare(line) {
				return x.ID
			}
		}
	}
	return ""
}

// Templates lists the templates, also those no longer offered.
func (s *Service) Templates(ctx context.Context, who security.Actor) ([]KeptTemplate, error) {
	if !who.Known() {
		return nil, fault.New(fault.Unauthenticated, "fault.unauthenticated")
	}
	return s.Store.Templates(ctx)
}

// Template returns one template.
func (s *Service) Template(ctx context.Context, who security.Actor, id TemplateID) (KeptTemplate, error) {
	if !who.Known() {
		return KeptTemplate{}, fault.New(fault.Unauthenticated, "fault.unauthenticated")
	}
	return s.Store.Template(ctx, id)
}

// MayTemplate reports whether who may change templates, for pages.
func (s *Service) MayTemplate(ctx context.Context, who security.Actor) bool {
	return s.mayTemplate(ctx, who) == nil
}

// mayTemplate: administrators, and who publishes for the whole office (the
// secretariat, which answers for the form of materials).
func (s *Service) mayTemplate(ctx context.Context, who security.Actor) error {
	if err := s.Rights.Can(ctx, who, access.Administer, access.Office); err == nil {
		return nil
	}
	return s.Rights.Can(ctx, who, access.Publish, access.Office)
}

// SetTemplate adds a template (version 0) or replaces one that still has
// version. Materials made before keep the version they were made from.
func (s *Service) SetTemplate(ctx context.Context, who security.Actor, version int, t Template) (KeptTemplate, error) {
	if err := s.mayTemplate(ctx, who); err != nil {
		return KeptTemplate{}, err
	}
	if err := t.Check(); err != nil {
		return KeptTemplate{}, err
	}
	k := KeptTemplate{Template: t, Version: version + 1, ChangedBy: who.ID, ChangedAt: s.now()}
	err := s.Store.Write(ctx, func(tx Tx) error {
		old, err := tx.Template(ctx, t.ID)
		switch {
		case errors.Is(err, fault.NotFound):
			all, err := tx.Templates(ctx)
			if err != nil {
				return err
			}
			if len(all) >= MaxTemplates {
				return fault.New(fault.TooMany, "documents.fault.template_many", MaxTemplates)
			}
		case err != nil:
			return err
		case version == 0:
			return conflict("documents.fault.template_exists")
		}
		if old.Version != version {
			return conflict("documents.fault.template_changed")
		}
		if err := tx.PutTemplate(ctx, k); err != nil {
			return err
		}
		return tx.Record(ctx, s.templateEntry(who, k))
	})
	return k, wrap("set template", t.ID, err)
}

func (s *Service) templateEntry(who security.Actor, k KeptTemplate) journal.Entry {
	e := s.entry(who, "documents.template_changed", "", map[string]any{"template": k.ID, "version": k.Version, "sha256": sum(encode(k.Template))}, nil)
	e.Subject = "template:" + string(k.ID)
	return e
}

// EnsureTemplates gives an office that has no template the default ones.
func (s *Service) EnsureTemplates(ctx context.Context) error {
	defaults, err := DefaultTemplates()
	if err != nil {
		return err
	}
	all, err := s.Store.Templates(ctx)
	if err != nil || len(all) > 0 {
		return err
	}
	for _, t := range defaults {
		if _, err := s.SetTemplate(ctx, security.System, 0, t); err != nil && !errors.Is(err, fault.Conflict) { // another node was first
			return err
		}
	}
	return nil
}

// useTemplate finds the template a new material asks for and makes its text.
func (s *Service) useTemplate(ctx context.Context, who security.Actor, n NewMaterial) (KeptTemplate, body.Body, error) {
	k, err := s.Store.Template(ctx, n.Template)
	if errors.Is(err, fault.NotFound) || err == nil && (k.Closed || len(k.Agendas) > 0 && !slices.Contains(k.Agendas, n.Agenda)) {
		return KeptTemplate{}, body.Body{}, invalid("documents.fault.template_missing")
	}
	if err != nil {
		return KeptTemplate{}, body.Body{}, err
	}
	name, unit := s.name(ctx, who.ID)
	return k, k.text(known{title: n.Title, drafter: name, unit: unit, date: s.now().In(s.Zone).Format("2. 1. 2006")}), nil
}

// Lacks says what the live text of a material still lacks before it can
// be submitted. made is false when the material follows no template.
func (s *Service) Lacks(ctx context.Context, who security.Actor, id MaterialID) (problems []Lack, made bool, err error) {
	text, err := s.Text(ctx, who, id)
	if err != nil {
		return nil, false, err
	}
	return s.lacks(ctx, id, text)
}

func (s *Service) lacks(ctx context.Context, id MaterialID, text body.Body) ([]Lack, bool, error) {
	t, err := s.Store.MaterialTemplate(ctx, id)
	if errors.Is(err, fault.NotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return t.Lacks(text), true, nil
}

// submittable refuses a version whose parts are not all filled in, naming them.
func (s *Service) submittable(ctx context.Context, who security.Actor, v Version) error {
	text, err := s.VersionBody(ctx, who, v.ID)
	if err != nil {
		return err
	}
	problems, _, err := s.lacks(ctx, v.Material, text)
	if err != nil || len(problems) == 0 {
		return err
	}
	var names []string
	for _, p := range problems {
		names = append(names, p.Heading)
	}
	return conflict("documents.fault.parts", strings.Join(names, ", "))
}
