package documents

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"spolupis/documents/body"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
)

// Table is a settlement table (tabulka vypořádání připomínek): the rounds with what every unit said, and a row for every comment that
// is one, in the order of the text. A version keeps the JSON of it; people are pseudonyms there, and their names, like those of
// units, are looked up when it is shown (Names).
type Table struct {
	Schema   int          `json:"schema"` // 1
	Material MaterialID   `json:"document"`
	Number   string       `json:"number"`
	Title    string       `json:"title"`
	Version  int          `json:"version,omitempty"` // 0: of the draft
	Rounds   []TableRound `json:"rounds"`
	Rows     []TableRow   `json:"comments"`
	Notes    int          `json:"unconfirmed"` // notes of units that never confirmed them; they are not in the table
}

// TableRound is the head of the table.
type TableRound struct {
	Number  int         `json:"number"`
	Started time.Time   `json:"started_at"`
	Days    int         `json:"working_days,omitempty"`
	Due     time.Time   `json:"due"`
	Ended   *time.Time  `json:"ended_at,omitempty"`
	How     Ending      `json:"ended,omitempty"`
	Units   []TableUnit `json:"units"`
}

// TableUnit is what one unit said.
type TableUnit struct {
	Unit      security.UnitID  `json:"unit"`
	Name      string           `json:"unit_name,omitempty"`
	Required  bool             `json:"required"`
	Statement Statement        `json:"statement"`
	Note      string           `json:"note,omitempty"`
	By        security.ActorID `json:"by,omitempty"`
	ByName    string           `json:"by_name,omitempty"`
	Behalf    security.ActorID `json:"on_behalf_of,omitempty"`
	ForName   string           `json:"on_behalf_of_name,omitempty"`
	At        *time.Time       `json:"at,omitempty"`
}

// TableRow is one comment in the thirteen columns.
type TableRow struct {
	Number     int              `json:"number"` // 1. č.
	Round      int              `json:"round,omitempty"`
	Unit       security.UnitID  `json:"unit,omitempty"` // 2. připomínkové místo
	UnitName   string           `json:"unit_name,omitempty"`
	Author     security.ActorID `json:"author"`
	AuthorName string           `json:"author_name,omitempty"`
	Kind       CommentKind      `json:"kind"`              // 3. typ
	Heading    string           `json:"heading,omitempty"` // 4. část textu
	Paragraph  int              `json:"paragraph,omitempty"`
	Quote      string           `json:"quote,omitempty"`
	Orphan     bool             `json:"orphan,omitempty"`
	Text       string           `json:"text"`     // 5. připomínka
	Proposed   *string          `json:"proposed"` // 6. navržené znění
	Annexes    []Annex          `json:"attachments,omitempty"`
	Reasoning  string           `json:"reasoning,omitempty"`    // 7. odůvodnění
	Outcome    Outcome          `json:"outcome,omitempty"`      // 8. vypořádání
	Answer     string           `json:"answer,omitempty"`       // 9. odůvodnění vypořádání
	With       int              `json:"settled_with,omitempty"` // the comment it is a duplicate of
	Changed    bool             `json:"changed"`                // 10. změna v textu
	Before     string           `json:"before,omitempty"`
	After      string           `json:"after,omitempty"`
	Dispute    DisputeState     `json:"dispute,omitempty"` // 11. rozpor
	Level      int              `json:"dispute_level,omitempty"`
	Result     DisputeAct       `json:"dispute_result,omitempty"`
	By         security.ActorID `json:"settled_by,omitempty"` // 12. vypořádal, datum
	ByName     string           `json:"settled_by_name,omitempty"`
	At         *time.Time       `json:"settled_at,omitempty"`
	Stand      Stand            `json:"stand,omitempty"` // 13. souhlas místa
	StandBy    security.ActorID `json:"stand_by,omitempty"`
	StandName  string           `json:"stand_by_name,omitempty"`
	StandAt    *time.Time       `json:"stand_at,omitempty"`

	ID    CommentID    `json:"-"`
	State CommentState `json:"-"`
}

// Order is how rows of a table stand.
type Order string

// The orders of a table.
const (
	ByText Order = "text"
	ByUnit Order = "unit"
)

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// settlement is everything a table of a text is made of.
type settlement struct {
	material Material
	rounds   []Round
	comments []Comment
	disputes []Dispute
	text     *text
}

func (s *Service) settlement(ctx context.Context, r Reader, m Material, t *text) (x settlement, err error) {
	x.material, x.text = m, t
	if x.rounds, err = r.Rounds(ctx, m.ID); err != nil {
		return x, err
	}
	if x.comments, err = r.Comments(ctx, m.ID); err != nil {
		return x, err
	}
	x.disputes, err = r.Disputes(ctx, m.ID)
	return x, err
}

// Table returns the settlement table of the live text.
func (s *Service) Table(ctx context.Context, who security.Actor, id MaterialID) (Table, error) {
	m, err := s.Get(ctx, who, id)
	if err != nil {
		return Table{}, err
	}
	t, err := s.live(ctx, id)
	if err != nil {
		return Table{}, wrap("settlement table of", id, err)
	}
	x, err := s.settlement(ctx, s.Store, m, t)
	if err != nil {
		return Table{}, err
	}
	return s.table(ctx, x)
}

// VersionTable returns the settlement table that was frozen with a version; fault.NotFound for one without comments and
// rounds, or frozen before tables were.
func (s *Service) VersionTable(ctx context.Context, who security.Actor, v Version) (t Table, err error) {
	b, err := s.VersionFile(ctx, who, v.ID, FileTable)
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal(b, &t); err != nil {
		return t, wrap("table of version", v.ID, err)
	}
	return t, nil
}

func (s *Service) table(ctx context.Context, x settlement) (Table, error) {
	out := Table{Schema: 1, Material: x.material.ID, Number: x.material.Number, Title: x.material.Title, Rounds: []TableRound{}, Rows: []TableRow{}}
	number := map[string]int{}
	for _, r := range x.rounds {
		number[r.ID] = r.Number
		h := TableRound{Number: r.Number, Started: r.StartedAt, Days: r.Days, Due: r.Due, Ended: when(r.ClosedAt), How: r.Ended, Units: []TableUnit{}}
		for _, a := range r.Asked {
			h.Units = append(h.Units, TableUnit{Unit: a.Unit, Required: a.Required, Statement: a.Statement, Note: a.Note, By: a.By, Behalf: a.Behalf, At: when(a.At)})
		}
		out.Rounds = append(out.Rounds, h)
	}
	disputes := map[CommentID]Dispute{}
	for _, d := range x.disputes {
		disputes[d.Comment] = d
	}
	numbers := map[CommentID]int{}
	for _, c := range x.comments {
		numbers[c.ID] = c.Number
	}
	p, heads := s.proofs(x.rounds, x.text), headings(x.text.flat)
	at := map[int]int{}
	for _, c := range x.comments {
		if c.Working {
			if c.State != TakenBack {
				out.Notes++
			}
			continue
		}
		row := TableRow{Number: c.Number, Round: number[c.Round], Unit: c.Unit, Author: c.Author, Kind: c.Kind, Quote: c.Quote,
			Text: c.Text, Proposed: c.Proposed, Reasoning: c.Reasoning, With: numbers[c.Twin], ID: c.ID, State: c.State, Annexes: c.annexes()}
		place := x.text.place(c)
		row.Orphan, at[c.Number] = place.orphan, place.from
		if !place.whole && !place.orphan {
			h := heads[x.text.flat.blockAt(place.from).id]
			row.Heading, row.Paragraph = h.text, h.paragraph
		}
		if c.State == TakenBack {
			row.Outcome = WithdrawnByAuthor
		}
		if st := c.Settlement; st != nil {
			row.Outcome, row.Answer, row.By, row.At = st.Outcome, st.Reasoning, st.By, when(st.At)
			switch st.Outcome {
			case Accepted, AcceptedPartly, AcceptedOtherwise:
				proof, err := p.of(ctx, c)
				if err != nil {
					return out, err
				}
				row.Changed = proof.Changed
				row.Before, row.After = proof.Excerpt()
			}
		}
		if d, ok := disputes[c.ID]; ok {
			row.Dispute, row.Level, row.Result = d.State, d.Level, d.Result()
		}
		if st := c.Standing; st != nil {
			row.Stand, row.StandBy, row.StandAt = st.Stand, st.By, when(st.At)
		}
		out.Rows = append(out.Rows, row)
	}
	slices.SortStableFunc(out.Rows, func(a, b TableRow) int { return cmp.Compare(at[a.Number], at[b.Number]) })
	return out, nil
}

// heading is where a block stands: under which heading and as which paragraph under it.
type heading struct {
	text      string
	paragraph int
}

func headings(f *flat) map[string]heading {
	out := make(map[string]heading, len(f.blocks))
	l := layOut(f)
	var h heading
	for i, b := range f.blocks {
		text := strings.TrimSpace(l.text(i))
		if b.marker["kind"] == string(body.Heading) {
			h = heading{text: text}
		} else if text != "" {
			h.paragraph++
		}
		out[b.id] = h
	}
	return out
}

// Names fills in who is who. unit gives the name of a unit.
func (s *Service) Names(ctx context.Context, t *Table, unit func(security.UnitID) string) {
	person := s.named(ctx)
	name := func(id security.ActorID) string {
		if id == "" {
			return ""
		}
		return person(id).Name
	}
	for i := range t.Rounds {
		for j := range t.Rounds[i].Units {
			u := &t.Rounds[i].Units[j]
			u.Name, u.ByName, u.ForName = cmp.Or(unit(u.Unit), string(u.Unit)), name(u.By), name(u.Behalf)
		}
	}
	for i := range t.Rows {
		r := &t.Rows[i]
		r.AuthorName, r.ByName, r.StandName = name(r.Author), name(r.By), name(r.StandBy)
		if r.Unit != "" {
			r.UnitName = cmp.Or(unit(r.Unit), string(r.Unit))
		} else {
			r.UnitName = person(r.Author).Unit
		}
	}
}

// Sort puts the rows into an order; ByUnit goes by the names of units as Czech sorts them, and by the text within one.
func (t *Table) Sort(o Order) {
	if o != ByUnit {
		return // as it was made
	}
	c := collate.New(language.Czech)
	var buf collate.Buffer
	keys := map[string][]byte{}
	for _, r := range t.Rows {
		if keys[r.UnitName] == nil {
			keys[r.UnitName] = slices.Clone(c.KeyFromString(&buf, r.UnitName))
			buf.Reset()
		}
	}
	slices.SortStableFunc(t.Rows, func(a, b TableRow) int { return slices.Compare(keys[a.UnitName], keys[b.UnitName]) })
}

// Baseline returns the text of the beginning of round n and what changed in the text since then; with to, a later round, until it began.
func (s *Service) Baseline(ctx context.Context, who security.Actor, id MaterialID, n int) (body.Body, Round, error) {
	rounds, err := s.Rounds(ctx, who, id)
	if err != nil {
		return body.Body{}, Round{}, err
	}
	i := slices.IndexFunc(rounds, func(r Round) bool { return r.Number == n && r.Baseline != "" })
	if i < 0 {
		return body.Body{}, Round{}, fault.New(fault.NotFound, "documents.fault.baseline_gone")
	}
	t, err := s.baseline(ctx, rounds[i])
	if err != nil {
		return body.Body{}, rounds[i], err
	}
	return body.Read(t.body), rounds[i], nil
}

// Affected lists the units that a new round would concern: those with a comment in a place whose text has changed since the last round
// began, and those that insist.
func (s *Service) Affected(ctx context.Context, who security.Actor, id MaterialID) ([]security.UnitID, error) {
	m, err := s.Get(ctx, who, id)
	if err != nil {
		return nil, err
	}
	t, err := s.live(ctx, id)
	if err != nil {
		return nil, err
	}
	x, err := s.settlement(ctx, s.Store, m, t)
	if err != nil || len(x.rounds) == 0 {
		return nil, err
	}
	last := x.rounds[len(x.rounds)-1]
	p := s.proofs(x.rounds, t)
	var out []security.UnitID
	for _, c := range x.comments {
		if c.Unit == "" || c.Round != last.ID || c.Working || c.State == TakenBack || slices.Contains(out, c.Unit) {
			continue
		}
		proof, err := p.of(ctx, c)
		if err != nil {
			return nil, err
		}
		if proof.Changed && !proof.Whole || c.Standing != nil && c.Standing.Stand == Insists {
			out = append(out, c.Unit)
		}
	}
	slices.Sort(out)
	return out, nil
}

// Case is one comment with everything that decides its settlement.
type Case struct {
	Comment   CommentView
	Round     *Round
	Proof     Proof
	Twins     []CommentView
	Lead      *CommentView  // when it is itself a duplicate
	Alike     []CommentView // may be duplicates; for who may settle only
	Dispute   *Dispute
	Speaks    bool // who may agree or insist
	Leads     bool // who is the head of the comment's unit
	Decides   bool // who decides the dispute at its level
	Escalates bool
	// Before and After are the numbers of the neighbours in the order of the text, Unsettled that of the next one waiting; 0 = none.
	Before, After, Unsettled int
}

// Case returns comment n of a material for settling.
func (s *Service) Case(ctx context.Context, who security.Actor, id MaterialID, n int) (Case, error) {
	var out Case
	m, err := s.Get(ctx, who, id)
	if err != nil {
		return out, err
	}
	t, err := s.live(ctx, id)
	if err != nil {
		return out, err
	}
	x, err := s.settlement(ctx, s.Store, m, t)
	if err != nil {
		return out, err
	}
	i := slices.IndexFunc(x.comments, func(c Comment) bool { return c.Number == n })
	if i < 0 {
		return out, fault.New(fault.NotFound, "documents.fault.comment_gone")
	}
	c := x.comments[i]
	person := s.named(ctx)
	view := func(c Comment) CommentView { return t.view(who.ID, c, person) }
	out.Comment = view(c)
	p := s.proofs(x.rounds, t)
	out.Round = p.round(c)
	if out.Proof, err = p.of(ctx, c); err != nil {
		return out, err
	}
	for _, o := range x.comments {
		switch {
		case o.Twin == c.ID:
			out.Twins = append(out.Twins, view(o))
		case o.ID == c.Twin:
			v := view(o)
			out.Lead = &v
		}
	}
	if s.can(ctx, who, access.Edit, id) == nil && c.State == Open && c.Twin == "" && !c.Working {
		for _, k := range alike(x.comments, i, t) {
			out.Alike = append(out.Alike, view(x.comments[k]))
		}
	}
	out.neighbours(x, c)
	return out, s.powers(ctx, who, m, c, x.disputes, &out)
}

func (out *Case) neighbours(x settlement, c Comment) {
	type spot struct{ number, at int }
	var spots []spot
	open := map[int]bool{}
	for _, o := range x.comments {
		if o.State == TakenBack || o.Working != c.Working {
			continue
		}
		spots = append(spots, spot{o.Number, x.text.place(o).from})
		open[o.Number] = o.State == Open && o.Twin == ""
	}
	slices.SortStableFunc(spots, func(a, b spot) int { return cmp.Compare(a.at, b.at) })
	i := slices.IndexFunc(spots, func(s spot) bool { return s.number == c.Number })
	if i < 0 {
		return
	}
	if i > 0 {
		out.Before = spots[i-1].number
	}
	if i+1 < len(spots) {
		out.After = spots[i+1].number
	}
	for k := 1; k < len(spots); k++ { // after it, and then from the beginning
		if s := spots[(i+k)%len(spots)]; open[s.number] {
			out.Unsettled = s.number
			return
		}
	}
}

// powers says what who may do about a comment.
func (s *Service) powers(ctx context.Context, who security.Actor, m Material, c Comment, disputes []Dispute, out *Case) error {
	_, err := s.speaks(ctx, who, c)
	out.Speaks = err == nil
	if err != nil && !isDenied(err) {
		return err
	}
	if c.Unit != "" {
		if _, out.Leads, err = s.Leads(ctx, who, c.Unit); err != nil {
			return err
		}
	}
	i := slices.IndexFunc(disputes, func(d Dispute) bool { return d.Comment == c.ID })
	if i < 0 {
		return nil
	}
	d := disputes[i]
	out.Dispute = &d
	if d.State == DisputeSettled {
		return nil
	}
	acting, err := s.asDecider(ctx, who, c)
	if err != nil {
		return err
	}
	out.Decides = d.Level > LevelHeads && s.decides(acting, &d) == nil
	_, ours, err := s.Leads(ctx, who, m.Unit)
	out.Escalates = d.Level == LevelHeads && (ours || out.Leads || s.can(ctx, who, access.Manage, m.ID) == nil)
	return err
}
