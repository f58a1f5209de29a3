package body

import (
	"bytes"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/util"
)

// inline returns the runs inside a node. A hard line break is a run whose text is lineBreak.
func (p *parsing) inline(n ast.Node, m Run) []Run {
	var out []Run
	add := func(m Run, text string) {
		if text != "" {
			m.Text = strings.ReplaceAll(text, "\n", " ")
			out = append(out, m)
		}
	}
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch v := c.(type) {
		case *ast.Text:
			add(m, unescape(v.Segment.Value(p.md)))
			if v.HardLineBreak() {
				out = append(out, Run{Text: lineBreak})
			} else if v.SoftLineBreak() {
				add(m, " ")
			}
		case *ast.String:
			add(m, string(v.Value))
		case *ast.CodeSpan:
			m := m
			m.Code = true
			add(m, p.literal(v))
		case *ast.Emphasis:
			m := m
			if v.Level == 2 {
				m.Strong = true
			} else {
				m.Em = true
			}
			out = append(out, p.inline(v, m)...)
		case *ast.Link:
			out = append(out, p.linked(v, v.Destination, v.Title, m)...)
		case *ast.Image:
			out = append(out, p.linked(v, v.Destination, v.Title, m)...)
		case *ast.AutoLink:
			m, u := m, string(v.URL(p.md))
			if v.AutoLinkType == ast.AutoLinkEmail {
				u = "mailto:" + u
			}
			if href, ok := SafeLink(u); ok && m.Link == "" {
				m.Link = href
			}
			add(m, string(v.Label(p.md)))
		case *ast.RawHTML:
			var raw bytes.Buffer
			for i := 0; i < v.Segments.Len(); i++ {
				seg := v.Segments.At(i)
				raw.Write(seg.Value(p.md))
			}
			if isBreak(raw.String()) {
				out = append(out, Run{Text: lineBreak})
			} else {
				add(m, raw.String())
			}
		default:
			out = append(out, p.inline(c, m)...)
		}
	}
	return out
}

func (p *parsing) linked(n ast.Node, to, title []byte, m Run) []Run {
	if href, ok := SafeLink(unescape(to)); ok && m.Link == "" {
		m.Link = href
	}
	out := p.inline(n, m)
	if t := unescape(title); strings.TrimSpace(t) != "" {
		m.Link = ""
		m.Text = strings.ReplaceAll(" ("+t+")", "\n", " ")
		out = append(out, m)
	}
	return out
}

// literal is the text of a code span, in which nothing is escaped.
func (p *parsing) literal(n ast.Node) string {
	var s strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch v := c.(type) {
		case *ast.Text:
			s.Write(v.Segment.Value(p.md))
		case *ast.String:
			s.Write(v.Value)
		}
	}
	return s.String()
}

func isBreak(tag string) bool {
	switch strings.ToLower(strings.ReplaceAll(tag, " ", "")) {
	case "<br>", "<br/>":
		return true
	}
	return false
}

// unescape resolves backslashes and character references in one pass, as goldmark's own writer does.
func unescape(b []byte) string {
	if bytes.IndexByte(b, '\\') < 0 && bytes.IndexByte(b, '&') < 0 {
		return string(b)
	}
	var out []byte
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+1 < len(b) && util.IsPunct(b[i+1]) {
			out = append(out, b[i+1])
			i++
			continue
		}
		if b[i] == '&' {
			if j := bytes.IndexByte(b[i:min(len(b), i+40)], ';'); j > 0 {
				e := b[i : i+j+1]
				if r := util.ResolveEntityNames(util.ResolveNumericReferences(e)); !bytes.Equal(r, e) {
					out = append(out, r...)
					i += j
					continue
				}
			}
		}
		out = append(out, b[i])
	}
	return string(out)
}

// references notes which link definitions are used.
func (p *parsing) references(doc ast.Node) {
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		var r *ast.ReferenceLink
		switch v := n.(type) {
		case *ast.Link:
			r = v.Reference
		case *ast.Image:
			r = v.Reference
		}
		if entering && r != nil {
			p.used[label(r.Value)] = true
		}
		return ast.WalkContinue, nil
	})
}

func label(b []byte) string { return util.ToLinkReference(b) }
