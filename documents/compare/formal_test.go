package compare

import (
	"testing"

	"spolupis/documents/body"
)

func TestOnlyWhatIsProvenIsAFormalChange(t *testing.T) {
	const was = "# Dar\n\nRada schvaluje \"dar\" 100 000 Kč - podle [smlouvy](https://example.org/1).\n\n3. první bod\n4. druhý bod\n\nKonec...\n"
	for name, c := range map[string]struct {
		now    string
		formal bool
	}{
		"nothing":             {was, true},
		"quotes and dashes":   {"# Dar\n\nRada schvaluje „dar“ 100\u00a0000 Kč – podle [smlouvy](https://example.org/1).\n\n3. první bod\n4. druhý bod\n\nKonec…\n", true},
		"bold":                {"# Dar\n\nRada **schvaluje** \"dar\" 100 000 Kč - podle [smlouvy](https://example.org/1).\n\n3. první bod\n4. druhý bod\n\nKonec...\n", true},
		"first number":        {"# Dar\n\nRada schvaluje \"dar\" 100 000 Kč - podle [smlouvy](https://example.org/1).\n\n1. první bod\n2. druhý bod\n\nKonec...\n", true},
		"a digit":             {"# Dar\n\nRada schvaluje \"dar\" 900 000 Kč - podle [smlouvy](https://example.org/1).\n\n3. první bod\n4. druhý bod\n\nKonec...\n", false},
		"a space in a number": {"# Dar\n\nRada schvaluje \"dar\" 100000 Kč - podle [smlouvy](https://example.org/1).\n\n3. první bod\n4. druhý bod\n\nKonec...\n", false},
		"a letter":            {"# Dar\n\nRada neschvaluje \"dar\" 100 000 Kč - podle [smlouvy](https://example.org/1).\n\n3. první bod\n4. druhý bod\n\nKonec...\n", false},
		"a capital":           {"# Dar\n\nrada schvaluje \"dar\" 100 000 Kč - podle [smlouvy](https://example.org/1).\n\n3. první bod\n4. druhý bod\n\nKonec...\n", false},
		"a link":              {"# Dar\n\nRada schvaluje \"dar\" 100 000 Kč - podle [smlouvy](https://example.org/2).\n\n3. první bod\n4. druhý bod\n\nKonec...\n", false},
		"a paragraph more":    {was + "\nDodatek.\n", false},
		"a paragraph less":    {"# Dar\n\nRada schvaluje \"dar\" 100 000 Kč - podle [smlouvy](https://example.org/1).\n\n3. první bod\n4. druhý bod\n", false},
		"moved":               {"# Dar\n\nKonec...\n\nRada schvaluje \"dar\" 100 000 Kč - podle [smlouvy](https://example.org/1).\n\n3. první bod\n4. druhý bod\n", false},
		"a heading":           {"# Dar\n\nRada schvaluje \"dar\" 100 000 Kč - podle [smlouvy](https://example.org/1).\n\n3. první bod\n4. druhý bod\n\n## Konec...\n", false},
		"a comma":             {"# Dar\n\nRada schvaluje \"dar\", 100 000 Kč - podle [smlouvy](https://example.org/1).\n\n3. první bod\n4. druhý bod\n\nKonec...\n", false},
	} {
		a, err := body.Parse([]byte(was))
		if err != nil {
			t.Fatal(err)
		}
		b, err := body.Parse([]byte(c.now))
		if err != nil {
			t.Fatal(err)
		}
		formal, what := Compare(a, b).Formal()
		if formal != c.formal || formal == (what != "") {
			t.Errorf("%s: formal %v (%q), want %v", name, formal, what, c.formal)
		}
	}
}
