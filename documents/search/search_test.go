package search

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// All forms of one word have one stem, with and without diacritics.
func TestFormsOfOneWordMeet(t *testing.T) {
	for _, forms := range []string{
		"usnesení usnesením usneseních usneseními",
		"dotace dotaci dotací dotacím dotacemi dotacích",
		"most mostu mostě mostem mosty mostů mostům mostech",
		"rada rady radě radu radou rad radám radách radami",
		"kraj kraje kraji krajem krajů krajům krajích",
		"krajský krajského krajskému krajských krajským krajskými krajskou krajští krajská krajské",
		"rozpočet rozpočtu rozpočtem rozpočty rozpočtů rozpočtech",
		"rozpočtový rozpočtové rozpočtového rozpočtovému rozpočtovými rozpočtových",
		"účet účtu účtem účty účtů účtech",
		"úředník úředníka úředníkovi úředníkem úředníci úředníků úředníkům úřednících",
		"obec obce obci obcí obcím obcemi obcích",
		"silnice silnici silnicí silnic silnicím silnicemi silnicích",
		"zastupitelstvo zastupitelstva zastupitelstvu zastupitelstvem zastupitelstev",
		"město města městu městě městem měst městům městech městy",
		"škola školy škole školu školou škol školám školách školami",
		"program programu programem programy programů programech programům",
		"seznam seznamu seznamem seznamy seznamů",
		"termín termínu termínem termíny termínů termínech",
		"systém systému systémem systémy systémů systémech",
		"smlouva smlouvy smlouvě smlouvu smlouvou smlouvám smlouvách smlouvami",
		"Praha Prahy Praze Prahu Prahou",
		"Brno Brna Brnu Brně Brnem",
		"ulice ulici ulicí ulic ulicích",
		"zaměstnanec zaměstnance zaměstnanci zaměstnancem zaměstnanců zaměstnancům zaměstnancích",
		"území územím územích územími",
		"soukromí soukromím", "podzemí podzemím podzemích", "vědomí vědomím",
		"lidé lidí lidem lidmi lidech",
		"stavba stavby stavbě stavbu stavbou staveb stavbám stavbách stavbami",
		"stavební stavebního stavebnímu stavebním stavebních stavebními",
		"rozhodnutí rozhodnutím rozhodnutích",
		"ředitel ředitele řediteli ředitelem ředitelé ředitelů ředitelům ředitelích",
		"autobus autobusu autobusem autobusy autobusů autobusech",
		"senát senátu senátem", "status statusu statusem",
		"žádost žádosti žádostí žádostem žádostmi žádostech",
		"příspěvek příspěvku příspěvkem příspěvky příspěvků příspěvcích",
		"hejtman hejtmana hejtmanovi hejtmanem",
		"návrh návrhu návrhem návrhy návrhů návrzích",
		"díl dílu dílem díly dílů dílech",
	} {
		first := ""
		for _, form := range strings.Fields(forms) {
			for _, spelling := range []string{form, plain(form), strings.ToUpper(form)} {
				got := Stems(spelling)
				if len(got) != 1 {
					t.Fatalf("%q has stems %q", spelling, got)
				}
				if first == "" {
					first = got[0]
				}
				if got[0] != first {
					t.Errorf("%q has stem %q, %q has %q", spelling, got[0], strings.Fields(forms)[0], first)
				}
			}
		}
	}
}

func plain(s string) string {
	var out []byte
	for _, r := range s {
		out = fold(out, r)
	}
	return string(out)
}

func TestDifferentWordsStayApart(t *testing.T) {
	words := strings.Fields("rada kraj most obec dotace usnesení rozpočet škola silnice smlouva žádost návrh stavba úředník hejtman nemocnice " +
		"doprava životní prostředí kultura sport finance majetek pozemek veřejný zakázka program termín vypořádání připomínka podpis verze")
	by := map[string]string{}
	for _, w := range words {
		s := Stems(w)[0]
		if other, ok := by[s]; ok {
			t.Errorf("%s and %s have the same stem %q", w, other, s)
		}
		by[s] = w
	}
}

func TestAQuestionIsReadAsPeopleTypeIt(t *testing.T) {
	for in, want := range map[string]string{
		"":                          "",
		"  ?! ":                     "",
		"Dotace na sport":           "dotak sport",
		"na":                        "na", // nothing else was asked for
		`"oprava mostu" Turnov`:     "oprav+mosk turn",
		"„oprava mostu“":            "oprav+mosk",
		`oprava "mostu`:             "oprav mosk",
		"KULK 012/2026":             "kulk 12+2026",
		"dotač*":                    "dotac*",
		"do*":                       "do",
		"č. j. RK 1/2026":           "c j rk 1+2026",
		"usneseni USNESENÍM":        "usnesn usnesn",
		strings.Repeat("slovo ", 9): strings.TrimSpace(strings.Repeat("slov ", 9)),
	} {
		var got []string
		for _, term := range Parse(in) {
			s := strings.Join(term.Stems, "+")
			if term.Prefix {
				s += "*"
			}
			got = append(got, s)
		}
		if g := strings.Join(got, " "); g != want {
			t.Errorf("Parse(%q) = %q, want %q", in, g, want)
		}
	}
	if n := len(Parse(strings.Repeat("slovo ", 100))); n != MaxTerms {
		t.Errorf("%d terms, want at most %d", n, MaxTerms)
	}
}

func TestSpellingsOfANumberMeet(t *testing.T) {
	for _, s := range []string{"RK 12/2026", "rk 012/2026", "RK12/2026", " RK  12 / 2026 ", "RK-12-2026"} {
		if got := Key(s); got != "rk 12 2026" {
			t.Errorf("Key(%q) = %q", s, got)
		}
	}
	if Key("RK 1/2026") == Key("RK 12/026") || Key("DOT-2026-0100") != "dot 2026 100" {
		t.Error("other numbers are other keys")
	}
}

func show(p Passage) string {
	var s strings.Builder
	for _, x := range p.Pieces {
		if x.Hit {
			s.WriteString("[" + x.Text + "]")
		} else {
			s.WriteString(x.Text)
		}
	}
	return s.String()
}

func TestAPassageShowsWhereTheWordsStand(t *testing.T) {
	text := "Rada kraje bere na vědomí zprávu.\n" + strings.Repeat("Jiné věty o ničem. ", 40) + "\nRada schvaluje poskytnutí dotací na opravu mostu v Turnově a ukládá řediteli." + strings.Repeat(" Dál už nic.", 30)
	p := Parse("dotace oprava mostu").Passage(text, 100)
	if got := show(p); !strings.Contains(got, "[dotací] na [opravu] [mostu] v Turnově") || p.Terms != 3 {
		t.Errorf("passage %q with %d terms", got, p.Terms)
	}
	if got := show(Parse(`"opravu mostu"`).Passage(text, 60)); !strings.Contains(got, "[opravu mostu]") {
		t.Errorf("phrase %q", got)
	}
	if got := show(Parse("turn*").Passage("v Turnově", 60)); got != "v [Turnově]" {
		t.Errorf("beginning of a word: %q", got)
	}
	if got := Parse("nemocnice").Passage(text, 60); got.Terms != 0 || got.Pieces != nil {
		t.Errorf("nothing to find, got %q", show(got))
	}
	if got := show(Parse("vědomí").Passage(text, 80)); !strings.HasPrefix(got, "Rada kraje") || !strings.HasSuffix(got, " …") {
		t.Errorf("at the beginning: %q", got)
	}
}

// Whatever the text, a passage is made of its own characters, and each hit has
// the stems that were asked for.
func TestAPassageIsPartOfItsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune("aáeéuůmostc Č1.\n/ß́日"))).Draw(t, "text")
		word := rapid.StringMatching(`[aáeéuůmostcČ1]{1,5}`).Draw(t, "word")
		q := Parse(word)
		p := q.Passage(text, rapid.IntRange(1, 60).Draw(t, "width"))
		whole := flat(text)
		for i, x := range p.Pieces {
			s := x.Text
			if !x.Hit && i == 0 {
				s = strings.TrimPrefix(s, "… ")
			}
			if !x.Hit && i == len(p.Pieces)-1 {
				s = strings.TrimSuffix(s, " …")
			}
			if !utf8.ValidString(s) || !strings.Contains(whole, s) {
				t.Fatalf("%q is not in %q", s, whole)
			}
			if x.Hit && fmt.Sprint(Stems(x.Text)) != fmt.Sprint(q[0].Stems) {
				t.Fatalf("%q is no %q", x.Text, q[0].Stems)
			}
		}
		found := false
		for w := range Words(text) {
			found = found || len(q) > 0 && len(q[0].Stems) == 1 && w.Stem == q[0].Stems[0]
		}
		if found != (p.Terms > 0) && len(q) > 0 && len(q[0].Stems) == 1 {
			t.Fatalf("found %v, the passage has %d", found, p.Terms)
		}
	})
}

func FuzzWords(f *testing.F) {
	f.Add("Žádost č. 012/2026 o dotaci")
	f.Fuzz(func(t *testing.T, s string) {
		end := 0
		for w := range Words(s) {
			if w.Start < end || w.End <= w.Start || w.End > len(s) || w.Stem == "" || len(w.Stem) > maxStem || strings.ContainsAny(w.Stem, " \"'\\") {
				t.Fatalf("%+v in %q", w, s)
			}
			end = w.End
		}
	})
}

func BenchmarkStems(b *testing.B) {
	text := strings.Repeat("Rada kraje schvaluje poskytnutí dotací z rozpočtu kraje podle zákona č. 250/2000 Sb. ", 400)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Stems(text)
	}
}
