package documents

import (
	"context"
	"slices"
	"strings"

	"spolupis/collab/crdt"
	"spolupis/documents/body"
	"spolupis/documents/compare"
)

// Proof is what became of the place of a comment: the paragraphs it is about as they were when its round began, or, outside
// rounds, the passage as it was when the comment was made, and as they are.
type Proof struct {
	Known    bool // false: nothing is known of the text before, such as of a comment on the whole outside rounds
	Changed  bool
	Whole    bool   // the comment is on the whole: Old and New are empty
	Old, New string // paragraphs parted by line feeds
}

// Words compares the two texts word by word.
func (p Proof) Words() []compare.Word {
	var out []compare.Word
	for _, r := range compare.Compare(lines(p.Old), lines(p.New)).Rows {
		if r.Kind == compare.Moved && r.New == nil {
			continue
		}
		if len(out) > 0 && len(r.Words) > 0 {
			out = append(out, compare.Word{Text: "\n", Op: compare.Equal})
		}
		out = append(out, r.Words...)
	}
	return out
}

// around change is how many characters of what stayed are shown beside what changed.
const aroundChange = 60

// Excerpt returns the changed passage of both texts with a little of what stands around it.
func (p Proof) Excerpt() (before, after string) {
	if !p.Changed || p.Whole {
		return "", ""
	}
	words := p.Words()
	first := slices.IndexFunc(words, func(w compare.Word) bool { return w.Op == compare.Insert || w.Op == compare.Delete })
	if first < 0 {
		return p.Old, p.New
	}
	last := first
	for i, w := range words {
		if w.Op == compare.Insert || w.Op == compare.Delete {
			last = i
		}
	}
	var head, tail strings.Builder
	for _, w := range words[:first] {
		head.WriteString(w.Text)
	}
	for _, w := range words[last+1:] {
		tail.WriteString(w.Text)
	}
	start, end := lastRunes(head.String(), aroundChange), firstRunes(tail.String(), aroundChange)
	if len(start) < head.Len() {
		start = "…" + start
	}
	if len(end) < tail.Len() {
		end += "…"
	}
	var a, b strings.Builder
	for _, w := range words[first : last+1] {
		if w.Op != compare.Insert {
			a.WriteString(w.Text)
		}
		if w.Op != compare.Delete {
			b.WriteString(w.Text)
		}
	}
	return strings.TrimSpace(start + a.String() + end), strings.TrimSpace(start + b.String() + end)
}

func lines(s string) body.Body {
	var b body.Body
	for _, line := range strings.Split(s, "\n") {
		if line != "" {
			b.Blocks = append(b.Blocks, body.Block{Kind: body.Paragraph, Runs: []body.Run{{Text: line}}})
		}
	}
	return b
}

// layout is a text whose blocks are found by id.
type layout struct {
	*flat
	index map[string]int
}

func layOut(f *flat) *layout {
	l := &layout{f, make(map[string]int, len(f.blocks))}
	for i, b := range f.blocks {
		l.index[b.id] = i
	}
	return l
}

func (l *layout) has(id string) bool {
	_, ok := l.index[id]
	return ok
}

func (l *layout) text(i int) string {
	to := l.units
	if i+1 < len(l.blocks) {
		to = l.blocks[i+1].at
	}
	return l.between(l.blocks[i].at+1, to)
}

// blockIndex is the index of the block that holds the character at unit.
func (l *layout) blockIndex(unit int) int {
	b := l.blockAt(unit)
	return l.index[b.id]
}

// proofs finds what became of the places of comments in one text.
type proofs struct {
	s      *Service
	rounds []Round
	text   *text
	now    *layout
	bases  map[string]*layout // by the name of the blob
}

func (s *Service) proofs(rounds []Round, now *text) *proofs {
	return &proofs{s: s, rounds: rounds, text: now, now: layOut(now.flat), bases: map[string]*layout{}}
}

// round is the one a comment was made in, or the last one that began before it was made.
func (p *proofs) round(c Comment) *Round {
	for i := range p.rounds {
		if c.Round != "" && p.rounds[i].ID == c.Round {
			return &p.rounds[i]
		}
	}
	return nil
}

func (p *proofs) base(ctx context.Context, r *Round) (*layout, error) {
	if r == nil || r.Baseline == "" {
		return nil, nil
	}
	if l := p.bases[r.Baseline]; l != nil {
		return l, nil
	}
	t, err := p.s.baseline(ctx, *r)
	if err != nil {
		return nil, err
	}
	p.bases[r.Baseline] = layOut(t.flat)
	return p.bases[r.Baseline], nil
}

// baseline opens the text of the beginning of a round.
func (s *Service) baseline(ctx context.Context, r Round) (*text, error) {
	state, err := s.blob(ctx, r.Baseline)
	if err != nil {
		return nil, wrap("baseline of round", r.ID, err)
	}
	d := crdt.New(crdt.Config{})
	if err := d.Apply(state); err != nil {
		return nil, wrap("baseline of round", r.ID, err)
	}
	return open(d), nil
}

// of compares the paragraphs of a comment with those of the baseline. New paragraphs right beside them, and neighbours that
// are gone, belong to the change.
func (p *proofs) of(ctx context.Context, c Comment) (Proof, error) {
	base, err := p.base(ctx, p.round(c))
	if err != nil {
		return Proof{}, err
	}
	at := p.text.place(c)
	if at.whole {
		if base == nil {
			return Proof{Whole: true}, nil
		}
		return Proof{Known: true, Whole: true, Changed: base.flat.text != p.now.flat.text}, nil
	}
	if base == nil {
		now := ""
		if !at.orphan && (at.anchor == c.Anchor || !strings.Contains(p.now.flat.text, c.Quote)) {
			now = p.now.between(at.from, at.to)
		} else if strings.Contains(p.now.flat.text, c.Quote) {
			now = c.Quote
		}
		return Proof{Known: c.Quote != "", Changed: now != c.Quote, Old: c.Quote, New: now}, nil
	}
	return p.blocks(c, at, base), nil
}

func (p *proofs) blocks(c Comment, at place, base *layout) Proof {
	first, last := -1, -1 // of the blocks now
	if !at.orphan {
		first, last = p.now.blockIndex(at.from), p.now.blockIndex(max(at.to-1, at.from))
	} else if i, ok := p.now.index[c.Block]; ok {
		first, last = i, i
	}
	ids := map[string]bool{c.Block: true}
	if first >= 0 {
		for first > 0 && !base.has(p.now.blocks[first-1].id) {
			first--
		}
		for last+1 < len(p.now.blocks) && !base.has(p.now.blocks[last+1].id) {
			last++
		}
		for i := first; i <= last; i++ {
			ids[p.now.blocks[i].id] = true
		}
	}
	var before, after []string
	for i, b := range base.blocks {
		gone := !p.now.has(b.id) && (i > 0 && ids[base.blocks[i-1].id] || i+1 < len(base.blocks) && ids[base.blocks[i+1].id])
		if ids[b.id] || gone {
			before = append(before, base.text(i))
		}
	}
	for i := first; first >= 0 && i <= last; i++ {
		after = append(after, p.now.text(i))
	}
	out := Proof{Known: true, Old: strings.Join(before, "\n"), New: strings.Join(after, "\n")}
	out.Changed = out.Old != out.New
	return out
}
