package documents

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"spolupis/documents/search"
	"spolupis/security"
	"spolupis/security/fault"
)

// Search is what somebody looks for. Empty fields select everything but Text,
// without which nothing is found.
type Search struct {
	Text string
	Filing
	After string // Results.Next of the page before
	Limit int    // 20 when zero, 50 at most
}

// Filing selects materials by how they are filed.
type Filing struct {
	State   State
	Agenda  AgendaID
	Unit    security.UnitID
	Drafter security.ActorID
	From    time.Time // last changed then or later
	To      time.Time // last changed before
}

// Match is a material found, and how.
type Match struct {
	Material
	Exact bool // its number is what was asked for
}

// Matches are one page of materials found.
type Matches struct {
	Found []Match
	Next  string // "" on the last page
}

// Place is where in a material the words stand.
type Place struct {
	Kind   string // text, comment, version
	Number int    // of the comment or version
	Link   string
	search.Passage
}

// Result is one material found, with its title marked and the passages that
// speak best for it.
type Result struct {
	Match
	Title  []search.Piece
	Places []Place
}

// Results are one page of what was found: the material with the number asked
// for, then those with the words in number and title, then those with the
// words anywhere; each group newest first.
type Results struct {
	Results []Result
	Next    string
}

// Index is how materials are found by their words. It lags behind: what was
// written is found within two minutes. A right withdrawn counts at once.
type Index interface {
	// Find returns materials that who may see, by the words of a query.
	Find(ctx context.Context, who security.Actor, q Search, words search.Query) (Matches, error)
	// Texts returns the indexed texts of materials by version; 0 is the live one.
	Texts(ctx context.Context, of ...MaterialID) (map[MaterialID]map[int]string, error)
	// Stale takes up to limit materials that changed before due and wait to be
	// indexed; until a time nobody else gets them.
	Stale(ctx context.Context, due, now, until time.Time, limit int) ([]Stale, error)
	// Put indexes materials anew; those that did not change meanwhile are no longer stale.
	Put(ctx context.Context, entries ...Indexed) error
	// Drop takes a material out of the index.
	Drop(ctx context.Context, s Stale) error
}

// Stale is a material whose index lags behind.
type Stale struct {
	Material MaterialID
	Seq      int64 // of the last journal entry about it
}

// Indexed is what the index holds of a material.
type Indexed struct {
	Stale    Stale
	Material Material
	Texts    map[int]string // plain text by version, 0 the live one
	// Words are the stems of all texts: first the live one, then comments, then
	// those lines of versions that stand in no text before them.
	Words []string
}

// Limits of searching.
const (
	maxSearch = 200     // characters of a question
	maxWords  = 120_000 // words of one material in the index; some 400 pages
	passage   = 240     // bytes of one passage
	places    = 3       // passages shown of one material
)

// Search finds materials that who may see.
func (s *Service) Search(ctx context.Context, who security.Actor, q Search) (Results, error) {
	if q.Limit <= 0 {
		q.Limit = 20
	}
	q.Limit = min(q.Limit, 50)
	q.Text = firstRunes(q.Text, maxSearch)
	words := search.Parse(q.Text)
	if len(words) == 0 {
		return Results{}, nil
	}
	found, err := s.Store.Find(ctx, who, q, words)
	if err != nil {
		return Results{}, fmt.Errorf("search: %w", err)
	}
	ids := make([]MaterialID, len(found.Found))
	for i, m := range found.Found {
		ids[i] = m.ID
	}
	texts, err := s.Store.Texts(ctx, ids...)
	if err != nil {
		return Results{}, fmt.Errorf("search: %w", err)
	}
	out := Results{Next: found.Next}
	var shown []MaterialID // of which more than the title is shown
	for _, m := range found.Found {
		r, err := s.result(ctx, m, words, texts[m.ID])
		if err != nil {
			return Results{}, fmt.Errorf("search: %w", err)
		}
		out.Results = append(out.Results, r)
		if len(r.Places) > 0 {
			shown = append(shown, m.ID)
		}
	}
	return out, wrap("search", "", s.searched(ctx, who, shown))
}

// searched records that passages of materials are about to be shown, as any
// reading is. What was asked for is not kept: it may be somebody's name.
func (s *Service) searched(ctx context.Context, who security.Actor, shown []MaterialID) error {
	if len(shown) == 0 {
		return nil
	}
	list := encode(shown)
	return s.Reads.Recorded(ctx, who, "documents.searched", "search:"+sum(list)[:16], map[string]any{"documents": shown})
}

// result looks for the passages that speak for a match: in the live text, in
// the comments, and in versions only what those do not say.
func (s *Service) result(ctx context.Context, m Match, words search.Query, texts map[int]string) (Result, error) {
	r := Result{Match: m, Title: words.Passage(m.Material.Title, len(m.Material.Title)).Pieces}
	if r.Title == nil {
		r.Title = []search.Piece{{Text: m.Material.Title}}
	}
	best := 0
	if p := words.Passage(texts[0], passage); p.Terms > 0 {
		r.Places, best = append(r.Places, Place{Kind: "text", Link: "/documents/" + string(m.ID) + "/text", Passage: p}), p.Terms
	}
	if best == len(words) {
		return r, nil
	}
	comments, err := s.Store.Comments(ctx, m.ID)
	if err != nil {
		return r, err
	}
	var top Place
	for _, c := range comments {
		if p := words.Passage(said(c), passage); c.State != TakenBack && p.Terms > top.Terms {
			top = Place{Kind: "comment", Number: c.Number, Link: fmt.Sprintf("/documents/%s/comments#%s", m.ID, c.ID), Passage: p}
		}
	}
	if top.Terms > 0 {
		r.Places, best = append(r.Places, top), max(best, top.Terms)
	}
	top = Place{}
	for _, n := range newest(texts) {
		if best == len(words) {
			break
		}
		if p := words.Passage(texts[n], passage); p.Terms > max(best, top.Terms) {
			top = Place{Kind: "version", Number: n, Link: page(m.ID, n), Passage: p}
		}
	}
	if top.Terms > 0 {
		r.Places = append(r.Places, top)
	}
	return r, nil
}

// said is all that a comment says, in lines.
func said(c Comment) string {
	lines := []string{c.Text, c.Reasoning}
	if c.Proposed != nil {
		lines = append(lines, *c.Proposed)
	}
	if c.Settlement != nil {
		lines = append(lines, c.Settlement.Reasoning)
	}
	for _, r := range c.Replies {
		lines = append(lines, r.Text)
	}
	return strings.Join(lines, "\n")
}

// indexLease is how long a node keeps a material to itself to index it.
const indexLease = 30 * time.Second

// Reindex brings the index up to what changed before due, and returns how many
// materials that were. A material that cannot be read does not hold up the
// others; it comes again.
func (s *Service) Reindex(ctx context.Context, due time.Time) (n int, err error) {
	for {
		some, err := s.Store.Stale(ctx, due, s.now(), s.now().Add(indexLease), 20)
		if err != nil || len(some) == 0 {
			return n, err
		}
		var failed []error
		var entries []Indexed
		for _, m := range some {
			e, there, err := s.indexed(ctx, m)
			switch {
			case err != nil:
				failed = append(failed, wrap("index", m.Material, err))
			case there:
				entries = append(entries, e)
			default:
				failed = append(failed, s.Store.Drop(ctx, m))
			}
		}
		failed = append(failed, s.Store.Put(ctx, entries...))
		if err := errors.Join(failed...); err != nil {
			return n, err
		}
		n += len(some)
	}
}

// IndexWait is how long a change waits for others of the same material before
// it is indexed.
const IndexWait = 2 * time.Second

// FollowIndex indexes what waited long enough.
func (s *Service) FollowIndex(ctx context.Context) (int, error) {
	return s.Reindex(ctx, s.now().Add(-IndexWait))
}

// indexed reads what the index shall hold of a material that is there.
func (s *Service) indexed(ctx context.Context, st Stale) (e Indexed, there bool, err error) {
	e = Indexed{Stale: st, Texts: map[int]string{}}
	e.Material, err = s.Store.Material(ctx, st.Material)
	if errors.Is(err, fault.NotFound) || err == nil && e.Material.State == Importing {
		return e, false, nil
	}
	if err != nil {
		return e, false, err
	}
	id := e.Material.ID
	view, err := s.Hub.View(ctx, id)
	if err != nil {
		return e, false, err
	}
	live, err := bodyOf(view)
	if err != nil {
		return e, false, err
	}
	e.Texts[0] = live.Text()
	known, err := s.Store.Texts(ctx, id)
	if err != nil {
		return e, false, err
	}
	versions, err := s.Store.Versions(ctx, id)
	if err != nil {
		return e, false, err
	}
	for _, v := range versions {
		text, ok := known[id][v.Number]
		if !ok {
			b, err := s.VersionBody(ctx, security.System, v.ID)
			if err != nil {
				return e, false, err
			}
			text = b.Text()
		}
		e.Texts[v.Number] = text
	}
	comments, err := s.Store.Comments(ctx, id)
	e.Words = Words(e.Texts, comments)
	return e, err == nil, err
}

// Words are the stems of a material's texts and comments, each line once.
func Words(texts map[int]string, comments []Comment) []string {
	var out []string
	seen := map[string]bool{}
	add := func(text string) {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line == "" || seen[line] {
				continue
			}
			seen[line] = true
			for w := range search.Words(line) {
				if len(out) == maxWords {
					return
				}
				out = append(out, w.Stem)
			}
		}
	}
	add(texts[0])
	for _, c := range comments {
		if c.State != TakenBack {
			add(said(c))
		}
	}
	for _, n := range newest(texts) {
		add(texts[n])
	}
	return out
}

// newest lists the versions of which there are texts, the newest first.
func newest(texts map[int]string) []int {
	var out []int
	for n := range texts {
		if n > 0 {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	slices.Reverse(out)
	return out
}
