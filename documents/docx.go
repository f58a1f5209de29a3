package documents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"spolupis/collab/crdt"
	"spolupis/documents/body"
	"spolupis/documents/office"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
)

// Say puts a sentence of the dictionaries into a language. What comes from a
// .docx or goes into one holds a few sentences of ours: a text has one language.
type Say func(key string, args ...any) string

// ImportReport says what an import from a .docx brought and what it left behind.
type ImportReport struct {
	Material MaterialID    `json:"material"`
	Comments int           `json:"comments"`
	Changes  int           `json:"changes"`           // tracked changes, as the editor lists them
	Authors  []string      `json:"authors,omitempty"` // of those, as the file names them, in the order of the text; maxAuthors at most
	Left     []office.Left `json:"left"`
	// Of reports from before December 2026, when tracked changes became comments: those with a wording, and those that only a
	// person could carry out.
	Proposals int `json:"proposals,omitempty"`
	Loose     int `json:"loose,omitempty"`
}

// maxAuthors is how many authors of tracked changes a report names.
const maxAuthors = 20

// ReportID names a report of an import: the hash of its bytes.
type ReportID string

// ImportDOCX makes a material from a .docx. Its tracked changes become tracked
// changes of the live text, by the author the file names (body.ByFile), its
// comments comments of the importer, with the author and the date in their text.
// What is not taken over stands in the report, which the history leads to. A file
// that cannot be read is refused with the part in question (faults
// "documents.fault.docx_…") and nothing is created.
func (s *Service) ImportDOCX(ctx context.Context, who security.Actor, n NewMaterial, file []byte, say Say) (Material, ReportID, error) {
	// Before the work, which is more than a refusal should cost; bring asks again.
	if err := s.Rights.Can(ctx, who, access.CreateDocument, access.Office); err != nil {
		return Material{}, "", err
	}
	d, err := office.Read(file)
	if bad, ok := errors.AsType[*office.Error](err); ok {
		kind := fault.Invalid
		if bad.Code == "size" {
			kind = fault.TooLarge
		}
		return Material{}, "", fmt.Errorf("%w (%w)", fault.New(kind, "documents.fault.docx_"+bad.Code, bad.Part, bad.Limit), err)
	} else if err != nil {
		return Material{}, "", err
	}
	if len(d.Body.Blocks) == 0 && len(d.Comments) == 0 {
		return Material{}, "", invalid("documents.fault.import_empty")
	}
	if err := quotesFit(d.Body, d.Comments); err != nil {
		return Material{}, "", err
	}
	r := ImportReport{Left: d.Left, Comments: len(d.Comments)}
	var live body.Body
	live, r.Changes = office.Numbered(d.Body)
	live = live.WithChanges(s.fromFile)
	r.Authors = fileAuthors(live)
	rows := make([]Comment, len(d.Comments))
	for i, c := range d.Comments {
		rows[i] = s.imported(who, c, say)
	}
	b := brought{text: live, facts: map[string]any{"format": "docx", "bytes": len(file)}}
	b.comments = func(t *text) []Comment { return t.anchorAll(rows, d.Comments, d.Body) }
	return s.bringWithReport(ctx, who, n, b, r)
}

// fromFile makes of a tracked change of a file one of a live text: nobody's here, at the moment at which the clocks of the office
// show what its author's did.
func (s *Service) fromFile(c body.Change) body.Change {
	c.By = body.ByFile + c.By
	if c.At != 0 {
		t := time.UnixMilli(c.At).UTC()
		c.At = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, s.Zone).UnixMilli()
	}
	return c
}

// toFile is the other way, with the name of an account where it has one.
func (x *export) toFile(c body.Change) body.Change {
	if name, ok := c.File(); ok {
		c.By = name
	} else {
		c.By = x.person(security.ActorID(c.By)).Name
	}
	if c.At != 0 {
		c.At = x.s.wall(time.UnixMilli(c.At)).UnixMilli()
	}
	return c
}

// fileAuthors are the authors of the tracked changes of a file, as it names them.
func fileAuthors(b body.Body) (out []string) {
	for _, p := range b.Proposals() {
		if name, _ := p.File(); name != "" && !slices.Contains(out, name) && len(out) < maxAuthors {
			out = append(out, name)
		}
	}
	return out
}

// maxQuotes is how many bytes the passages of all comments of a file may have: each is kept with its comment.
const maxQuotes = 8 << 20

func quotesFit(b body.Body, comments []office.Comment) error {
	starts, total := starts(b), 0
	for _, c := range comments {
		if total += starts[c.To.Block] + c.To.Offset - starts[c.From.Block] - c.From.Offset; total > maxQuotes {
			return invalid("documents.fault.docx_comments", "word/comments.xml", office.MaxComments)
		}
	}
	return nil
}

// starts are the places of the markers of b in its flat text, and the end.
func starts(b body.Body) []int {
	out := make([]int, len(b.Blocks)+1)
	for i, x := range b.Blocks {
		out[i+1] = out[i] + 1 + len(x.Text())
	}
	return out
}

// bringWithReport stores the report of an import beside the material.
func (s *Service) bringWithReport(ctx context.Context, who security.Actor, n NewMaterial, b brought, r ImportReport) (Material, ReportID, error) {
	var id ReportID
	b.report = func(m MaterialID) []byte {
		r.Material = m
		bytes := encode(r)
		id = ReportID(sum(bytes))
		return bytes
	}
	m, err := s.bring(ctx, who, n, b)
	return m, id, err
}

// Report returns the report of an import to whoever may see the material.
func (s *Service) Report(ctx context.Context, who security.Actor, id MaterialID, report ReportID) (r ImportReport, err error) {
	if err := s.can(ctx, who, access.View, id); err != nil {
		return r, err
	}
	b, err := s.blob(ctx, string(report))
	if err != nil {
		return r, err
	}
	if json.Unmarshal(b, &r) != nil || r.Material != id {
		return ImportReport{}, fault.NotFound // a blob of something else
	}
	return r, nil
}

// signature is the line that names who wrote a comment in the file, the same in every language.
var signature = regexp.MustCompile(`^.{1,120} \(DOCX\)(?:\n|$)`)

func sign(author string, at time.Time) string {
	if author == "" {
		author = "?"
	}
	if at.IsZero() {
		return author + " (DOCX)"
	}
	return author + ", " + at.Format("2. 1. 2006 15:04") + " (DOCX)"
}

// imported makes a comment of one in a file, without its place. A text that
// names its author already came from here and is left as it is.
func (s *Service) imported(who security.Actor, c office.Comment, say Say) Comment {
	out := Comment{ID: CommentID(newID("c")), Kind: Advisory, State: Open, Author: who.ID, At: s.now()}
	var lines []string
	if !signature.MatchString(c.Text) && (c.Text != "" || c.Author != "") {
		lines = append(lines, sign(c.Author, c.At))
	}
	if c.Done {
		lines = append(lines, say("documents.docx.done"))
	}
	if c.Text != "" {
		lines = append(lines, c.Text)
	}
	parts := chunks(strings.Join(lines, "\n"), MaxText)
	out.Text = parts[0]
	for _, p := range parts[1:] {
		out.Replies = append(out.Replies, Reply{ID: newID("a"), Author: who.ID, At: s.now(), Text: p})
	}
	for _, r := range c.Replies {
		text := r.Text
		if !signature.MatchString(text) {
			text = sign(r.Author, r.At) + "\n" + text
		}
		for _, p := range chunks(text, MaxText) {
			out.Replies = append(out.Replies, Reply{ID: newID("a"), Author: who.ID, At: s.now(), Text: p})
		}
	}
	for i := range out.Replies { // replies are read in the order of their time
		out.Replies[i].At = out.At.Add(time.Duration(i+1) * time.Microsecond)
	}
	return out
}

// chunks cuts a text into pieces of at most n characters.
func chunks(s string, n int) (out []string) {
	r := []rune(s)
	for len(r) > n {
		out = append(out, string(r[:n]))
		r = r[n:]
	}
	return append(out, string(r))
}

// anchorAll gives comments their places in the live text, which holds just
// the body they were read with.
func (t *text) anchorAll(rows []Comment, places []office.Comment, b body.Body) []Comment {
	starts := starts(b)
	unit := func(p office.Point) int { return t.flat.unit(starts[p.Block] + 1 + p.Offset) }
	for i, p := range places {
		if p.From == p.To {
			continue
		}
		if from, to := unit(p.From), unit(p.To); from < to {
			t.read(&rows[i], from, to)
		}
	}
	return rows
}

// DOCX returns the live text of a material as a .docx, with its comments and,
// as tracked changes, its own and the wordings that comments propose. It leaves no trace; what
// hands it to a person calls Read first.
func (s *Service) DOCX(ctx context.Context, who security.Actor, id MaterialID, say Say) ([]byte, error) {
	m, err := s.Get(ctx, who, id)
	if err != nil {
		return nil, err
	}
	comments, err := s.Store.Comments(ctx, id)
	if err != nil {
		return nil, err
	}
	head, err := s.Hub.Head(ctx, id)
	if err != nil {
		return nil, wrap("docx of", id, err)
	}
	x := s.export(ctx, head.Body, say)
	d := x.document(comments)
	d.Title, d.Number, d.Author = m.Title, m.Number, x.person(m.Drafter).Name
	d.Footer = say("documents.docx.footer_draft", m.Number, m.Draft)
	return office.Write(d)
}

// VersionDOCX returns the text of a version as a .docx, with the comments that
// were settled when it was frozen.
func (s *Service) VersionDOCX(ctx context.Context, who security.Actor, v Version, say Say) ([]byte, error) {
	state, err := s.VersionFile(ctx, who, v.ID, FileState)
	if err != nil {
		return nil, err
	}
	doc := crdt.New(crdt.Config{})
	if err := doc.Apply(state); err != nil {
		return nil, wrap("state of version", v.ID, err)
	}
	comments, err := s.settledIn(ctx, who, v)
	if err != nil {
		return nil, err
	}
	x := s.export(ctx, doc, say)
	d := x.document(comments)
	d.Title, d.Number, d.Author = v.Manifest.Title, v.Manifest.Number, x.person(v.FrozenBy).Name
	d.Footer = say("documents.docx.footer_version", v.Manifest.Number, v.Number)
	return office.Write(d)
}

// settledIn are the comments a version keeps, with the places of the stored ones.
func (s *Service) settledIn(ctx context.Context, who security.Actor, v Version) ([]Comment, error) {
	b, err := s.VersionFile(ctx, who, v.ID, FileComments)
	if err != nil {
		return nil, err
	}
	var rows []settledComment
	if err := json.Unmarshal(b, &rows); err != nil {
		return nil, wrap("comments of version", v.ID, err)
	}
	stored, err := s.Store.Comments(ctx, v.Material)
	if err != nil {
		return nil, err
	}
	var out []Comment
	for _, r := range rows {
		c := Comment{Number: r.Number, Kind: r.Kind, State: r.State, Author: r.Author, At: r.At, Quote: r.Quote, Text: r.Text, Reasoning: r.Reasoning, Proposed: r.Proposed, Applied: r.Applied}
		if r.Outcome != "" {
			c.Settlement = &Settlement{Outcome: r.Outcome, Reasoning: r.Answer, By: r.By}
		}
		if i := slices.IndexFunc(stored, func(o Comment) bool { return o.Number == r.Number }); i >= 0 {
			c.Anchor, c.Block = stored[i].Anchor, stored[i].Block
			if c.Settlement != nil && stored[i].Settlement != nil {
				c.Settlement.At = stored[i].Settlement.At
			}
			for _, a := range stored[i].Replies {
				if !a.At.After(v.FrozenAt) {
					c.Replies = append(c.Replies, a)
				}
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// CompareDOCX returns what changed from one version to another as a .docx with
// tracked changes ("změnový režim"). Number 0 is the draft. The changes carry
// the name of who froze the newer text, or of the drafter.
func (s *Service) CompareDOCX(ctx context.Context, who security.Actor, id MaterialID, from, to int, say Say) ([]byte, Side, Side, error) {
	m, err := s.Get(ctx, who, id)
	if err != nil {
		return nil, Side{}, Side{}, err
	}
	a, b, diff, err := s.Compare(ctx, who, id, from, to)
	if err != nil {
		return nil, a, b, err
	}
	by, at := m.Drafter, s.now()
	if b.Version != nil {
		by, at = b.Version.FrozenBy, b.Version.FrozenAt
	}
	name, _ := s.name(ctx, by)
	d := office.Document{Title: m.Title, Number: m.Number, Author: name}
	d.Body = office.Redline(diff, body.Change{By: name, At: s.wall(at).UnixMilli()})
	d.Footer = say("documents.docx.footer_compare", m.Number, s.sideName(a, m, say), s.sideName(b, m, say))
	file, err := office.Write(d)
	return file, a, b, err
}

func (s *Service) sideName(x Side, m Material, say Say) string {
	if x.Version != nil {
		return say("documents.version.name", x.Version.Number)
	}
	return say("documents.docx.draft", m.Draft)
}

// wall is a moment as the clocks of the office show it, called UTC: the way dates stand in a .docx.
func (s *Service) wall(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	_, offset := t.In(s.Zone).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// export makes a document for a word processor of a live text or a version.
type export struct {
	s      *Service
	person func(security.ActorID) PersonView
	say    Say
	text   *text
	body   body.Body // of text, as it stands
	starts []int     // bytes of the flat text where the text of each block starts
}

func (s *Service) export(ctx context.Context, doc *crdt.Doc, say Say) *export {
	x := &export{s: s, person: s.named(ctx), say: say, text: open(doc), body: body.Read(doc.Text(bodyName))}
	at := 0
	for i, b := range x.body.Blocks {
		if i > 0 || b.ID != "0:0" { // text before the first marker has none
			at++
		}
		x.starts = append(x.starts, at)
		at += len(b.Text())
	}
	return x
}

func (x *export) document(comments []Comment) office.Document {
	var kept []Comment
	var points []office.Point
	for _, c := range comments {
		if c.State == TakenBack {
			continue
		}
		p := x.text.place(c)
		from, to := office.Point{}, office.Point{}
		if !p.orphan && !p.whole {
			from, to = x.point(x.text.flat.byteAt(p.from)), x.point(x.text.flat.byteAt(p.to))
		}
		kept, points = append(kept, c), append(points, from, to)
	}
	d := office.Document{}
	d.Body, points = office.Placed(x.body.WithChanges(x.toFile), points)
	for i, c := range kept {
		d.Comments = append(d.Comments, x.comment(c))
		d.Comments[i].From, d.Comments[i].To = points[2*i], points[2*i+1]
	}
	x.propose(&d, kept)
	return d
}

// point turns a byte of the flat text into a place in the body.
func (x *export) point(at int) office.Point {
	i, found := slices.BinarySearch(x.starts, at)
	if !found {
		i--
	}
	if i < 0 {
		return office.Point{}
	}
	return office.Point{Block: i, Offset: at - x.starts[i]}
}

func (x *export) comment(c Comment) office.Comment {
	out := office.Comment{Author: x.person(c.Author).Name, At: x.s.wall(c.At), Text: c.Text, Done: c.State != Open}
	if c.Kind != Advisory {
		out.Text = x.say("documents.docx.kind", x.say("documents.kind."+string(c.Kind))) + "\n" + out.Text
	}
	if c.Reasoning != "" {
		out.Text += "\n" + x.say("documents.docx.reasoning", c.Reasoning)
	}
	for _, r := range c.Replies {
		out.Replies = append(out.Replies, office.Reply{Author: x.person(r.Author).Name, At: x.s.wall(r.At), Text: r.Text})
	}
	if st := c.Settlement; st != nil {
		text := x.say("documents.docx.settled", x.say("documents.outcome."+string(st.Outcome)))
		if st.Reasoning != "" {
			text += "\n" + st.Reasoning
		}
		out.Replies = append(out.Replies, office.Reply{Author: x.person(st.By).Name, At: x.s.wall(st.At), Text: text})
	}
	return out
}

// propose puts the wordings of open comments into the text as tracked changes. One that would meet another stands in its comment in words.
func (x *export) propose(d *office.Document, kept []Comment) {
	for i, c := range kept {
		if c.Proposed == nil {
			continue
		}
		o, wording := &d.Comments[i], flatWording(*c.Proposed)
		if c.State == Open && d.Propose(o.From, o.To, wording, body.Change{By: o.Author, At: o.At.UnixMilli()}) {
			continue
		}
		line := x.say("documents.docx.propose_delete")
		if wording != "" {
			line = x.say("documents.docx.propose", wording)
		}
		o.Text = strings.TrimSpace(o.Text + "\n" + line)
	}
}
