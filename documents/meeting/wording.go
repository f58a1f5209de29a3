package meeting

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"spolupis/documents/body"
	"spolupis/security/access"
)

// Part is the heading of the part of a material that proposes the resolution.
const Part = "Návrh usnesení"

// fold makes text comparable: lower case without diacritics.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(strings.ToLower(s)))
}

var (
	// marker is the numbering before a clause: "I.", "1)", "a)", "–".
	marker = regexp.MustCompile(`^(?:[IVXLC]+[.)]|\d{1,3}[.)]|[a-z]\)|[–—•-])\s+`)
	// termin is the deadline in a clause: "termín: 15. 1. 2027" or "do 15. 1. 2027".
	termin = regexp.MustCompile(`(?i)[,;]?\s*(?:v\s+)?term[ií]n[:u]?\s*(?:do\s+)?(\d{1,2})\.\s*(\d{1,2})\.\s*(\d{4})`)
	until  = regexp.MustCompile(`(?i)\bdo\s+(\d{1,2})\.\s*(\d{1,2})\.\s*(\d{4})`)
)

// Draft reads the clauses out of the part "Návrh usnesení" of a material. A
// paragraph or list item that begins with one of Verbs is a clause; what
// follows belongs to it, until the next heading of the same rank. What stands
// before the first verb ("Rada kraje po projednání") is left out. It returns
// nothing when the material has no such part: then clauses are written by hand.
func Draft(b body.Body) []Clause {
	var out []Clause
	inside, rank := false, 0
	for _, x := range b.Blocks {
		text := strings.TrimSpace(body.Clean(x.Text()))
		if x.Kind == body.Heading && x.Cell == nil {
			if inside && x.Level <= rank {
				break
			}
			if strings.Contains(fold(text), fold(Part)) {
				inside, rank = true, x.Level
				continue
			}
		}
		if !inside || text == "" {
			continue
		}
		text = strings.TrimSpace(marker.ReplaceAllString(text, ""))
		if verb, rest, ok := verbOf(text); ok {
			out = append(out, Clause{Verb: verb, Text: tidy(rest)})
		} else if n := len(out); n > 0 {
			out[n-1].Text = strings.TrimSpace(out[n-1].Text + "\n" + text)
		}
		if n := len(out); n > 0 && out[n-1].Verb == Orders && out[n-1].Due == "" {
			out[n-1].Due = dueIn(&out[n-1].Text)
		}
		if len(out) == MaxClauses {
			break
		}
	}
	return out
}

func verbOf(text string) (Verb, string, bool) {
	folded := fold(text)
	for _, v := range Verbs {
		f := fold(string(v))
		if !strings.HasPrefix(folded, f) {
			continue
		}
		// Folding keeps the number of letters of a composed text.
		letters := []rune(norm.NFC.String(text))
		rest := string(letters[len([]rune(f)):])
		if rest == "" || !unicode.IsLetter([]rune(rest)[0]) {
			return v, rest, true
		}
	}
	return "", "", false
}

func tidy(s string) string {
	return strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(s), ":,–- "))
}

// dueIn finds the deadline in a clause. "termín: …" is taken out of the text,
// since the deadline is kept beside it; "do …" stays, as it is a part of the sentence.
func dueIn(text *string) access.Day {
	for _, re := range []*regexp.Regexp{termin, until} {
		m := re.FindStringSubmatchIndex(*text)
		if m == nil {
			continue
		}
		num := func(i int) int { n, _ := strconv.Atoi((*text)[m[2*i]:m[2*i+1]]); return n } // digits by the expression
		t := time.Date(num(3), time.Month(num(2)), num(1), 0, 0, 0, 0, time.UTC)
		if t.Day() != num(1) || int(t.Month()) != num(2) {
			continue // 31. 2.
		}
		if re == termin {
			*text = strings.TrimRight(strings.TrimSpace((*text)[:m[0]]+(*text)[m[1]:]), " ,;.")
		}
		return access.Day(t.Format(time.DateOnly))
	}
	return ""
}

// Names turns units and people into words for a wording.
type Names struct {
	Unit   func(c Clause) string
	Person func(c Clause) string
}

func (n Names) who(c Clause) string {
	var parts []string
	for _, f := range []func(Clause) string{n.Person, n.Unit} {
		if f != nil {
			if s := f(c); s != "" {
				parts = append(parts, s)
			}
		}
	}
	return strings.Join(parts, ", ")
}

var bodies = map[Kind]string{Council: "Rada kraje", Assembly: "Zastupitelstvo kraje"}

// Wording is a resolution as Markdown: what its number is, what it is about,
// who voted how, and its clauses. The same resolution gives the same bytes.
func Wording(m Meeting, r Resolution, title string, v Vote, names Names) []byte {
	var b strings.Builder
	where := "schůzi rady kraje"
	if m.Kind == Assembly {
		where = "zasedání zastupitelstva kraje"
	}
	fmt.Fprintf(&b, "# Usnesení č. %s\n\n", plain(r.Number))
	fmt.Fprintf(&b, "**%s**\n\n", plain(title))
	fmt.Fprintf(&b, "Projednáno na %d. %s dne %s\n\n", m.Number, where, Date(m.On))
	fmt.Fprintf(&b, "%s po projednání\n\n", bodies[m.Kind])
	for i, c := range r.Clauses {
		lines := strings.Split(strings.TrimSpace(c.Text), "\n")
		fmt.Fprintf(&b, "%d. **%s** %s\n", i+1, c.Verb, plain(lines[0]))
		for _, l := range lines[1:] {
			if strings.TrimSpace(l) != "" {
				fmt.Fprintf(&b, "\n   %s\n", plain(l))
			}
		}
		if c.Verb == Orders {
			fmt.Fprintf(&b, "\n   Odpovědnost: %s. Termín: %s\n", plain(names.who(c)), Date(c.Due))
		}
	}
	if r.Amendment != "" {
		fmt.Fprintf(&b, "\nZměna přijatá při projednání: %s\n", plain(strings.Join(strings.Fields(r.Amendment), " ")))
	}
	fmt.Fprintf(&b, "\nHlasování: pro %d, proti %d, zdrželo se %d, přítomno %d z %d členů.\n", v.For, v.Against, v.Abstained, v.Present, v.Members)
	return []byte(b.String())
}

// plain keeps text from meaning anything in Markdown.
func plain(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`, "]", `\]`, "<", `\<`, "|", `\|`, "#", `\#`, "~", `\~`, "&", `\&`).Replace(s)
}
