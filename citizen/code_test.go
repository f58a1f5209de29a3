package citizen

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestCodeSurvivesHowPeopleTypeIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), 10, 10).Draw(t, "random")
		want, err := NewCode(strings.NewReader(string(raw)))
		if err != nil {
			t.Fatal(err)
		}
		typed := want.String()
		if rapid.Bool().Draw(t, "lower") {
			typed = strings.ToLower(typed)
		}
		if rapid.Bool().Draw(t, "lookalikes") {
			typed = strings.NewReplacer("0", "o", "1", "l").Replace(typed)
		}
		if rapid.Bool().Draw(t, "spaces") {
			typed = " " + strings.Replace(typed, "-", " – ", 1) + "\t"
		}
		got, ok := ParseCode(typed)
		if !ok || got != want {
			t.Fatalf("ParseCode(%q) = %q, %v; want %q", typed, got, ok, want)
		}
	})
}

func TestCodeRefusesWhatIsNoCode(t *testing.T) {
	for _, s := range []string{"", "ABCDE", "ABCDE-FGHJ", "ABCDE-FGHJKM", "ABCDE-FGHJU", "ABCDE-FGHJ!", "č23456789A", strings.Repeat("A", 1000)} {
		if c, ok := ParseCode(s); ok {
			t.Errorf("ParseCode(%.20q) = %q, want a refusal", s, c)
		}
	}
}

func TestCodeUsesTheWholeAlphabet(t *testing.T) {
	seen := map[rune]int{}
	for range 2000 {
		c, err := NewCode(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range string(c) {
			seen[r]++
		}
	}
	if len(seen) != 32 {
		t.Errorf("20,000 characters use %d letters, want 32", len(seen))
	}
	for r, n := range seen { // 625 expected, deviation 25
		if n < 450 || n > 800 {
			t.Errorf("letter %c came %d times of 20,000, want about 625", r, n)
		}
	}
}

func TestNumberHidesCountAndReadsBack(t *testing.T) {
	n, err := NewNumber(rand.Reader, time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(n), "2027-") {
		t.Errorf("number drawn at half past midnight in Prague = %s, want one of 2027", n)
	}
	for _, typed := range []string{string(n), strings.ReplaceAll(string(n), "-", ""), strings.ReplaceAll(string(n), "-", " / ")} {
		if got, ok := ParseNumber(typed); !ok || got != n {
			t.Errorf("ParseNumber(%q) = %q, %v; want %q", typed, got, ok, n)
		}
	}
	for _, s := range []string{"", "2026", "2026-12-345x67", "../../etc", "20264839171"} {
		if got, ok := ParseNumber(s); ok {
			t.Errorf("ParseNumber(%q) = %q, want a refusal", s, got)
		}
	}
}
