package compare

import (
	"sort"
	"strconv"
	"time"

	"github.com/sergi/go-diff/diffmatchpatch"

	"spolupis/documents/body"
)

const (
	alike    = 0.5 // share of common words from which a replaced block counts as the same one, changed
	moveText = 20  // bytes of text from which an equal block elsewhere counts as moved
	maxGrid  = 250_000
	patience = 100 * time.Millisecond // of go-diff for one text; unrelated texts would cost it seconds
)

// side is one of the two texts.
type side struct {
	blocks  []body.Block
	numbers []int
	text    []string
	tokens  [][]string // filled when first asked for
}

func newSide(b body.Body) side {
	s := side{blocks: b.Blocks, numbers: b.Numbers(), tokens: make([][]string, len(b.Blocks))}
	for _, x := range b.Blocks {
		s.text = append(s.text, x.Text())
	}
	return s
}

func (s *side) words(i int) []string {
	if s.tokens[i] == nil {
		s.tokens[i] = tokens(s.text[i])
	}
	return s.tokens[i]
}

// comparison is the state of one Compare.
type comparison struct {
	a, b   side
	pair   []int // old block -> new block, -1 = deleted
	back   []int // new block -> old block, -1 = inserted
	moved  []bool
	budget int // comparisons of words left; spent, changed blocks are shown as replaced
}

// maxWork bounds the words compared in one call, so that hostile texts cost a bounded time.
const maxWork = 8_000_000

func (c *comparison) align() {
	c.pair, c.back = fill(len(c.a.blocks)), fill(len(c.b.blocks))
	c.moved = make([]bool, len(c.a.blocks))
	c.byID()
	i, j := 0, 0
	for k := 0; k <= len(c.pair); k++ {
		if k < len(c.pair) && (c.pair[k] < 0 || c.moved[k]) {
			continue
		}
		end := len(c.back)
		if k < len(c.pair) {
			end = c.pair[k]
		}
		c.byText(c.free(c.pair, i, k), c.free(c.back, j, end))
		i, j = k+1, end+1
	}
	c.byMove()
}

func fill(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = -1
	}
	return s
}

func (c *comparison) free(pairs []int, from, to int) []int {
	var out []int
	for k := from; k < to; k++ {
		if pairs[k] < 0 {
			out = append(out, k)
		}
	}
	return out
}

func (c *comparison) join(i, j int) { c.pair[i], c.back[j] = j, i }

// byID pairs blocks of the same id. The longest run in the same order stays in place; the others have moved.
func (c *comparison) byID() {
	at := map[string]int{}
	twice := map[string]bool{}
	for j, x := range c.b.blocks {
		_, seen := at[x.ID]
		twice[x.ID] = twice[x.ID] || seen
		at[x.ID] = j
	}
	var olds []int
	for i, x := range c.a.blocks {
		if j, ok := at[x.ID]; ok && x.ID != "" && !twice[x.ID] && c.back[j] < 0 {
			c.join(i, j)
			olds = append(olds, i)
		}
	}
	stay := longestRising(olds, c.pair)
	for _, i := range olds {
		c.moved[i] = !stay[i]
	}
}

// longestRising finds the largest set of olds whose partners rise too.
func longestRising(olds, pair []int) map[int]bool {
	var tails, prev []int // indexes into olds
	prev = make([]int, len(olds))
	for k, i := range olds {
		n := sort.Search(len(tails), func(x int) bool { return pair[olds[tails[x]]] >= pair[i] })
		prev[k] = -1
		if n > 0 {
			prev[k] = tails[n-1]
		}
		if n == len(tails) {
			tails = append(tails, k)
		} else {
			tails[n] = k
		}
	}
	stay := map[int]bool{}
	if len(tails) == 0 {
		return stay
	}
	for k := tails[len(tails)-1]; k >= 0; k = prev[k] {
		stay[olds[k]] = true
	}
	return stay
}

// byText pairs what stands between two pairs: first equal texts, in order, then similar ones in what is left.
func (c *comparison) byText(as, bs []int) {
	if len(as) == 0 || len(bs) == 0 {
		return
	}
	ids := map[string]rune{}
	name := func(s *side, ks []int) []rune {
		out := make([]rune, len(ks))
		for n, k := range ks {
			key := s.text[k]
			if x := s.blocks[k]; key == "" || x.Cell != nil {
				key = string(x.Kind) + strconv.FormatBool(x.Cell != nil) + key
			}
			out[n] = symbol(ids, key)
		}
		return out
	}
	d := diffmatchpatch.New()
	d.DiffTimeout = patience
	i, j := 0, 0
	var gapA, gapB []int
	flush := func() {
		c.bySimilarity(gapA, gapB)
		gapA, gapB = nil, nil
	}
	for _, x := range d.DiffMainRunes(name(&c.a, as), name(&c.b, bs), false) {
		for range []rune(x.Text) {
			switch x.Type {
			case diffmatchpatch.DiffEqual:
				flush()
				c.join(as[i], bs[j])
				i, j = i+1, j+1
			case diffmatchpatch.DiffDelete:
				gapA = append(gapA, as[i])
				i++
			case diffmatchpatch.DiffInsert:
				gapB = append(gapB, bs[j])
				j++
			}
		}
	}
	flush()
}

// bySimilarity pairs replaced blocks, in order, so that the sum of their likeness is the greatest.
func (c *comparison) bySimilarity(as, bs []int) {
	n, m := len(as), len(bs)
	if n == 0 || m == 0 || n*m > maxGrid {
		return
	}
	best := make([]float64, (n+1)*(m+1))
	like := make([]float64, n*m)
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			s := c.likeness(as[i], bs[j])
			if s < alike {
				s = 0
			}
			like[i*m+j] = s
			v := max(best[(i+1)*(m+1)+j], best[i*(m+1)+j+1])
			if s > 0 {
				v = max(v, s+best[(i+1)*(m+1)+j+1])
			}
			best[i*(m+1)+j] = v
		}
	}
	for i, j := 0, 0; i < n && j < m; {
		switch at := best[i*(m+1)+j]; {
		case like[i*m+j] > 0 && at == like[i*m+j]+best[(i+1)*(m+1)+j+1]:
			c.join(as[i], bs[j])
			i, j = i+1, j+1
		case at == best[(i+1)*(m+1)+j]:
			i++
		default:
			j++
		}
	}
}

// likeness is the share of common words, 0 to 1; a block inside a table is never like one outside.
func (c *comparison) likeness(i, j int) float64 {
	if (c.a.blocks[i].Cell == nil) != (c.b.blocks[j].Cell == nil) {
		return 0
	}
	a, b := c.a.words(i), c.b.words(j)
	if c.budget -= len(a) + len(b); c.budget < 0 || len(a)+len(b) == 0 {
		return 0
	}
	count := make(map[string]int, len(a))
	total, common := 0, 0
	for _, w := range a {
		if w != " " {
			count[w] += len(w)
			total += len(w)
		}
	}
	for _, w := range b {
		if w == " " {
			continue
		}
		total += len(w)
		if count[w] > 0 {
			count[w] -= len(w)
			common += 2 * len(w)
		}
	}
	if total == 0 {
		return 0
	}
	return float64(common) / float64(total)
}

// byMove pairs equal texts that are left over far from each other, when there is no doubt which is which.
func (c *comparison) byMove() {
	where := map[string][]int{}
	for j, k := range c.back {
		if k < 0 && len(c.b.text[j]) >= moveText {
			where[c.b.text[j]] = append(where[c.b.text[j]], j)
		}
	}
	seen := map[string]int{}
	for i, j := range c.pair {
		if j < 0 {
			seen[c.a.text[i]]++
		}
	}
	for i, j := range c.pair {
		t := c.a.text[i]
		if j < 0 && seen[t] == 1 && len(where[t]) == 1 && samePlace(c.a.blocks[i], c.b.blocks[where[t][0]]) {
			c.join(i, where[t][0])
			c.moved[i] = true
		}
	}
}

func samePlace(a, b body.Block) bool { return (a.Cell == nil) == (b.Cell == nil) }

// symbol numbers distinct strings with characters that go-diff can carry.
func symbol(ids map[string]rune, s string) rune {
	r, ok := ids[s]
	if !ok {
		r = rune(len(ids) + 1)
		if r >= 0xd800 {
			r += 0x800
		}
		ids[s] = r
	}
	return r
}
