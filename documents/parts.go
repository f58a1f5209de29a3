package documents

import (
	"slices"
	"strings"

	"spolupis/documents/body"
	"spolupis/documents/meeting"
)

// PartKind is one part of a structured material, as the region's council has them.
type PartKind string

// The parts in their usual order.
const (
	PartTitle          PartKind = "title"
	PartDrafter        PartKind = "drafter"
	PartSubmitter      PartKind = "submitter"
	PartProblem        PartKind = "problem"
	PartSolution       PartKind = "solution"
	PartOpinions       PartKind = "opinions"
	PartResolution     PartKind = "resolution"
	PartResponsibility PartKind = "responsibility"
	PartDeadline       PartKind = "deadline"
)

// AllParts lists the parts a template can have.
var AllParts = []PartKind{PartTitle, PartDrafter, PartSubmitter, PartProblem, PartSolution, PartOpinions, PartResolution, PartResponsibility, PartDeadline}

// partNames are the headings that say which part follows, where no marker does:
// in texts that came from a file.
var partNames = map[string]PartKind{
	"nazev": PartTitle, "zpracoval": PartDrafter, "zpracovala": PartDrafter, "zpracovatel": PartDrafter, "predklada": PartSubmitter, "predkladatel": PartSubmitter,
	"popis problemu": PartProblem, "navrh reseni": PartSolution, "stanoviska": PartOpinions, "navrh usneseni": PartResolution,
	"odpovednost": PartResponsibility, "termin": PartDeadline,
}

// Section is one part of a text.
type Section struct {
	Part    PartKind
	Heading string
	Level   int    // of the heading
	Block   string // id of the heading's block
	At      int    // index of the heading among the blocks of the body
	// Body is what stands under the heading, up to the next part or to a
	// heading of a higher level. Of the title it is the heading itself.
	Body body.Body
}

// Empty reports whether nothing can be read in the section.
func (s Section) Empty() bool {
	return !slices.ContainsFunc(s.Body.Blocks, func(b body.Block) bool { return !b.Blank() })
}

// Parts returns the parts of a text in reading order. A part is found by its
// marker, which a template gave its heading and which stays with it whatever
// people write or turn it into; a part without one by the words of a heading,
// and the title by the first heading of the first level. A part that stands
// twice is returned twice.
func Parts(b body.Body) []Section {
	heads := map[int]PartKind{}
	marked := map[PartKind]bool{}
	for i, x := range b.Blocks {
		if p := PartKind(x.Part); x.Cell == nil && slices.Contains(AllParts, p) {
			heads[i], marked[p] = p, true
		}
	}
	first := true
	for i, x := range b.Blocks {
		if x.Kind != body.Heading || x.Cell != nil || x.Blank() {
			continue
		}
		if _, ok := heads[i]; ok {
			first = false
			continue
		}
		p, ok := partNames[strings.TrimSuffix(Fold(x.Text()), ":")]
		if !ok && first && x.Level <= 1 {
			p, ok = PartTitle, true
		}
		first = false
		if ok && !marked[p] {
			heads[i] = p
		}
	}
	var out []Section
	for i, x := range b.Blocks {
		p, ok := heads[i]
		if !ok {
			continue
		}
		s := Section{Part: p, Heading: strings.Join(strings.Fields(x.Text()), " "), Level: x.Level, Block: x.ID, At: i}
		if p == PartTitle {
			s.Body = body.Body{Blocks: []body.Block{{ID: x.ID, Kind: body.Paragraph, Runs: x.Runs}}}
		} else {
			s.Body = body.Body{Blocks: b.Blocks[i+1 : sectionEnd(b.Blocks, heads, i)]}
		}
		out = append(out, s)
	}
	return out
}

func sectionEnd(blocks []body.Block, heads map[int]PartKind, i int) int {
	for j := i + 1; j < len(blocks); j++ {
		if _, part := heads[j]; part {
			return j
		}
		if x := blocks[j]; x.Kind == body.Heading && x.Cell == nil && !x.Blank() && x.Level < blocks[i].Level {
			return j
		}
	}
	return len(blocks)
}

// PartOf returns the first section of a part that is not empty, or the first.
func PartOf(b body.Body, p PartKind) (Section, bool) {
	var found *Section
	for _, s := range Parts(b) {
		if s.Part != p {
			continue
		}
		if !s.Empty() {
			return s, true
		}
		if found == nil {
			found = &s
		}
	}
	if found == nil {
		return Section{}, false
	}
	return *found, true
}

// resolutionOf is the draft resolution under the heading package meeting knows,
// whatever people called theirs; b itself when there is no such part.
func resolutionOf(b body.Body) body.Body {
	s, ok := PartOf(b, PartResolution)
	if !ok {
		return b
	}
	head := body.Block{ID: s.Block, Kind: body.Heading, // of no rank: where the part ends is known
		Runs: []body.Run{{Text: meeting.Part}}}
	return body.Body{Blocks: append([]body.Block{head}, s.Body.Blocks...)}
}
