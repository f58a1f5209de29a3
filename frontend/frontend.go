// Package frontend holds everything a browser gets: page templates, the
// dictionaries in Czech and English, and the built scripts and styles. It
// embeds them, so that the one binary needs no files beside it, and imports
// nothing of the product.
package frontend

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"sort"
	"strconv"
	"strings"
	"time"
)

//go:embed all:dist all:templates i18n
var files embed.FS

// Pages renders templates and looks up sentences. It is safe for concurrent
// use; it does not change after Open.
type Pages struct {
	fs    fs.FS
	pages map[string]*template.Template // by language + "/" + page
	texts map[string]map[string]string  // language, key
	sums  map[string]string             // asset name, short hash
	dev   bool
}

// Open parses the embedded files. With dir not empty they are read from there
// instead, again at each Render: for work on the pages themselves.
func Open(dir string) (*Pages, error) {
	p := &Pages{fs: files}
	if dir != "" {
		p.fs, p.dev = os.DirFS(dir), true
	}
	if err := p.load(); err != nil {
		return nil, fmt.Errorf("open frontend: %w", err)
	}
	return p, nil
}

func (p *Pages) load() error {
	p.pages, p.texts, p.sums = map[string]*template.Template{}, map[string]map[string]string{}, map[string]string{}
	if err := p.loadTexts(); err != nil {
		return err
	}
	if err := p.loadAssets(); err != nil {
		return err
	}
	for lang := range p.texts {
		if err := p.loadPages(lang); err != nil {
			return err
		}
	}
	return nil
}

// loadPages parses every page once per language. A page is the layout, the
// partials (_*.html) at the root and beside it, and its own file.
func (p *Pages) loadPages(lang string) error {
	return fs.WalkDir(p.fs, "templates", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".html" || strings.HasPrefix(path.Base(name), "_") || name == layout {
			return err
		}
		t, err := p.parse(name, lang)
		if err != nil {
			return err
		}
		p.pages[lang+"/"+strings.TrimSuffix(strings.TrimPrefix(name, "templates/"), ".html")] = t
		return nil
	})
}

const layout = "templates/layout.html"

func (p *Pages) parse(name, lang string) (*template.Template, error) {
	patterns := []string{layout, "templates/_*.html"}
	if dir := path.Dir(name); dir != "templates" {
		patterns = append(patterns, dir+"/_*.html")
	}
	t := template.New(layout).Funcs(p.funcs(lang))
	for _, pattern := range append(patterns, name) {
		found, err := fs.Glob(p.fs, pattern)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			body, err := fs.ReadFile(p.fs, f)
			if err != nil {
				return nil, err
			}
			if f != layout {
				_, err = t.New(f).Parse(string(body))
			} else {
				_, err = t.Parse(string(body))
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f, err)
			}
		}
	}
	return t, nil
}

func (p *Pages) loadTexts() error {
	names, err := fs.Glob(p.fs, "i18n/*.json")
	if err != nil {
		return err
	}
	for _, n := range names {
		parts := strings.Split(path.Base(n), ".")
		if len(parts) != 3 {
			return fmt.Errorf("%s: want <domain>.<language>.json", n)
		}
		body, err := fs.ReadFile(p.fs, n)
		if err != nil {
			return err
		}
		var m map[string]string
		if err := json.Unmarshal(body, &m); err != nil {
			return fmt.Errorf("%s: %w", n, err)
		}
		if p.texts[parts[1]] == nil {
			p.texts[parts[1]] = map[string]string{}
		}
		for k, v := range m {
			if _, dup := p.texts[parts[1]][k]; dup {
				return fmt.Errorf("%s: %q is defined twice", n, k)
			}
			p.texts[parts[1]][k] = v
		}
	}
	return nil
}

func (p *Pages) loadAssets() error {
	return fs.WalkDir(p.fs, "dist", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(p.fs, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		p.sums[strings.TrimPrefix(name, "dist/")] = hex.EncodeToString(sum[:6])
		return nil
	})
}

// Names returns the pages that have a template.
func (p *Pages) Names() []string {
	var out []string
	for n := range p.pages {
		if page, ok := strings.CutPrefix(n, "cs/"); ok {
			out = append(out, page)
		}
	}
	sort.Strings(out)
	return out
}

// Texts returns the dictionary of one language.
func (p *Pages) Texts(lang string) map[string]string { return p.texts[lang] }

// Render writes page in lang. Data reaches the template as it is.
func (p *Pages) Render(w io.Writer, lang, page string, data any) error {
	if p.dev {
		fresh := &Pages{fs: p.fs}
		if err := fresh.load(); err != nil {
			return err
		}
		p = fresh
	}
	t, ok := p.pages[lang+"/"+page]
	if !ok {
		return fmt.Errorf("no page %q in %q", page, lang)
	}
	return t.ExecuteTemplate(w, layout, data)
}

// Text returns entry key in lang with {0}, {1} … replaced by args. A missing
// entry shows its key, which the dictionary test turns into a failure.
func (p *Pages) Text(lang, key string, args ...any) string {
	s, ok := p.texts[lang][key]
	if !ok {
		if s, ok = p.texts["cs"][key]; !ok {
			return key
		}
	}
	for i, a := range args {
		s = strings.ReplaceAll(s, "{"+strconv.Itoa(i)+"}", fmt.Sprint(a))
	}
	return s
}

// plural picks key.one, key.few or key.many (CLDR rules of Czech and English)
// and fills {0} with n.
func (p *Pages) plural(lang, key string, n int) string {
	form := "many"
	switch {
	case n == 1:
		form = "one"
	case lang == "cs" && n >= 2 && n <= 4:
		form = "few"
	}
	return p.Text(lang, key+"."+form, n)
}

func (p *Pages) funcs(lang string) template.FuncMap {
	return template.FuncMap{
		"t":      func(key string, args ...any) string { return p.Text(lang, key, args...) },
		"plural": func(key string, n int) string { return p.plural(lang, key, n) },
		"lang":   func() string { return lang },
		"asset":  p.asset,
		"date":   func(t time.Time) string { return day(t, lang) },
		"datetime": func(t time.Time) string {
			if t.IsZero() {
				return ""
			}
			return day(t, lang) + " " + t.In(prague).Format("15:04")
		},
		"iso":  func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"num":  func(n int) string { return group(n) },
		"size": func(n int) string { return size(lang, n) },
		"inc":  func(n int) int { return n + 1 },
		"list": func(v ...any) []any { return v },
		"dict": dict,
		"short": func(s string) string {
			if len(s) > 12 {
				return s[:12]
			}
			return s
		},
	}
}

// dict makes a map of its arguments, key by key, for partial templates.
func dict(kv ...any) (map[string]any, error) {
	if len(kv)%2 != 0 {
		return nil, fmt.Errorf("dict: odd number of arguments")
	}
	m := map[string]any{}
	for i := 0; i < len(kv); i += 2 {
		k, ok := kv[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: key %v is no string", kv[i])
		}
		m[k] = kv[i+1]
	}
	return m, nil
}

var prague = func() *time.Location {
	l, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		return time.UTC
	}
	return l
}()

// day writes "22. 11. 2026" with no-break spaces (ČSN 01 6910), or "22 Nov
// 2026" in English.
func day(t time.Time, lang string) string {
	if t.IsZero() {
		return ""
	}
	if lang == "en" {
		return t.In(prague).Format("2 Jan 2006")
	}
	return t.In(prague).Format("2.\u00a01.\u00a02006")
}

func group(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u00a0" + s[i:]
	}
	return s
}

// size says how large a file is: in kB or MB of 1024, one decimal place below ten.
func size(lang string, n int) string {
	unit, of := "kB", 1<<10
	if n < of {
		return strconv.Itoa(n) + "\u00a0B"
	}
	if n >= 1<<20 {
		unit, of = "MB", 1<<20
	}
	if n >= 10*of {
		return group(n/of) + "\u00a0" + unit
	}
	tenths := n * 10 / of
	point := ","
	if lang == "en" {
		point = "."
	}
	return strconv.Itoa(tenths/10) + point + strconv.Itoa(tenths%10) + "\u00a0" + unit
}

// asset returns the address of a built file; the hash in it lets browsers
// keep the file for a year.
func (p *Pages) asset(name string) string { return "/assets/" + name + "?v=" + p.sums[name] }

// Assets serves the built files under /assets/.
func (p *Pages) Assets() http.Handler {
	dist, err := fs.Sub(p.fs, "dist")
	if err != nil {
		panic(err) // "dist" is a constant valid path
	}
	server := http.StripPrefix("/assets/", http.FileServerFS(dist))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("v") != "" && !p.dev {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		server.ServeHTTP(w, r)
	})
}
