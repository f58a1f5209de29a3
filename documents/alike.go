package documents

import (
	"cmp"
	"slices"
	"strings"
)

// How alike two texts must be to be offered as duplicates, and how many are offered.
const (
	alikeWords = 0.5  // of their words in common, of all they have
	alikePlace = 0.25 // the same when their places overlap
	maxAlike   = 12
	rareWords  = 8 // of each comment, by which others are looked for
)

// alike lists the indexes of open comments that may say the same as comment i: much the same words, or fewer when they are about the
// same passage, or the same wording proposed for it. The most alike come first.
func alike(comments []Comment, i int, t *text) []int {
	type found struct {
		index int
		score float64
	}
	c := comments[i]
	words, place := wordSet(c), t.place(c)
	var out []found
	for k, o := range comments {
		if k == i || o.State != Open || o.Twin != "" || o.Working {
			continue
		}
		score := common(words, wordSet(o))
		same := overlap(place, t.place(o))
		switch {
		case same && c.Proposed != nil && o.Proposed != nil && Fold(*c.Proposed) == Fold(*o.Proposed):
			score = 2
		case score >= alikeWords || same && score >= alikePlace:
		default:
			continue
		}
		out = append(out, found{k, score})
	}
	slices.SortStableFunc(out, func(a, b found) int { return cmp.Compare(b.score, a.score) })
	var indexes []int
	for _, f := range out[:min(len(out), maxAlike)] {
		indexes = append(indexes, f.index)
	}
	return indexes
}

// wordSet are the words of three letters or more of a comment, without diacritics and endings, which Czech changes.
func wordSet(c Comment) map[string]bool {
	out := map[string]bool{}
	text := c.Text
	if c.Proposed != nil {
		text += " " + *c.Proposed
	}
	for _, w := range strings.FieldsFunc(Fold(text), func(r rune) bool { return r < '0' || r > '9' && r < 'a' || r > 'z' }) {
		if len(w) >= 3 {
			out[w[:min(len(w), 5)]] = true
		}
	}
	return out
}

// common is the share of words two sets have in common (Jaccard).
func common(a, b map[string]bool) float64 {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	n := 0
	for w := range a {
		if b[w] {
			n++
		}
	}
	return float64(n) / float64(len(a)+len(b)-n)
}

func overlap(a, b place) bool {
	return !a.whole && !b.whole && !a.orphan && !b.orphan && a.from < b.to && b.from < a.to
}

// groupsAlike finds the groups of open comments that may say the same, for all of a material at once: each group begins with its oldest comment.
// Candidates come from an index of words, the rarest of each comment first, so the work grows with the comments and not with their square.
func groupsAlike(comments []Comment, t *text) [][]int {
	sets, places := make([]map[string]bool, len(comments)), make([]place, len(comments))
	by := map[string][]int{}
	free := func(c Comment) bool { return c.State == Open && c.Twin == "" && !c.Working }
	for i, c := range comments {
		if !free(c) {
			continue
		}
		sets[i], places[i] = wordSet(c), t.place(c)
		for w := range sets[i] {
			by[w] = append(by[w], i)
		}
	}
	taken := make([]bool, len(comments))
	var out [][]int
	for i, c := range comments {
		if !free(c) || taken[i] {
			continue
		}
		rare := make([]string, 0, len(sets[i]))
		for w := range sets[i] {
			rare = append(rare, w)
		}
		slices.SortFunc(rare, func(a, b string) int { return cmp.Or(cmp.Compare(len(by[a]), len(by[b])), cmp.Compare(a, b)) })
		group, seen := []int{i}, map[int]bool{}
		for _, w := range rare[:min(len(rare), rareWords)] {
			for _, k := range by[w] {
				if k <= i || taken[k] || seen[k] {
					continue
				}
				seen[k] = true
				score := common(sets[i], sets[k])
				if score >= alikeWords || score >= alikePlace && overlap(places[i], places[k]) {
					group = append(group, k)
				}
			}
		}
		if len(group) < 2 {
			continue
		}
		slices.Sort(group)
		for _, k := range group {
			taken[k] = true
		}
		out = append(out, group)
	}
	return out
}
