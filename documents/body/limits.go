package body

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
)

// Limits of what Parse takes from outside. goldmark cannot be stopped once it runs, and a few tens of kilobytes of hostile
// Markdown keep it busy for seconds, so the shape of the input is looked at first.
const (
	MaxSize      = 2 << 20  // bytes of the whole text
	MaxLine      = 64 << 10 // bytes of one line
	MaxParagraph = 64 << 10 // bytes of one paragraph, over all its lines
	MaxDepth     = 32       // quotes and lists inside each other
	MaxMarks     = 1000     // characters * _ [ ] < ` in one paragraph that are not escaped
)

// ParseError says why a Markdown text was not taken, and where.
type ParseError struct {
	Line  int    // from 1; 0 = the whole text
	Code  string // size, utf8, line, paragraph, depth, columns, cells, marks, row: stable, for the dictionaries
	Limit int    // what is allowed, where Code is about a limit
	What  string // the same in an English sentence without the line
}

// Error gives line and reason.
func (e *ParseError) Error() string {
	if e.Line == 0 {
		return "markdown: " + e.What
	}
	return fmt.Sprintf("markdown line %d: %s", e.Line, e.What)
}

// scan checks what can be seen line by line, before any parser runs.
func scan(md []byte) error {
	if len(md) > MaxSize {
		return &ParseError{Code: "size", Limit: MaxSize, What: fmt.Sprintf("%d bytes; at most %d are taken", len(md), MaxSize)}
	}
	if !utf8.Valid(md) {
		i := 0
		for {
			r, n := utf8.DecodeRune(md[i:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			i += n
		}
		return &ParseError{Line: lineOf(md, i), Code: "utf8", What: fmt.Sprintf("byte 0x%02X is not UTF-8; is the file in Windows-1250 or ISO 8859-2?", md[i])}
	}
	columns, cells := 0, 0
	for n, line := range bytes.Split(md, []byte("\n")) {
		if len(line) > MaxLine {
			return &ParseError{Line: n + 1, Code: "line", Limit: MaxLine, What: fmt.Sprintf("line of %d bytes; at most %d are taken", len(line), MaxLine)}
		}
		if d := prefixDepth(line); d > MaxDepth {
			return &ParseError{Line: n + 1, Code: "depth", Limit: MaxDepth, What: fmt.Sprintf("quotes and lists %d deep; at most %d are taken", d, MaxDepth)}
		}
		switch c := delimiterRow(line); {
		case c > MaxColumns:
			return &ParseError{Line: n + 1, Code: "columns", Limit: MaxColumns, What: fmt.Sprintf("table of %d columns; at most %d are taken", c, MaxColumns)}
		case c > 0:
			columns = max(columns, c)
		case len(bytes.TrimSpace(line)) == 0:
			columns = 0
		}
		// goldmark fills short rows up to the width of the header, also rows of one letter
		if cells += columns; cells > MaxCells {
			return &ParseError{Line: n + 1, Code: "cells", Limit: MaxCells, What: fmt.Sprintf("tables of more than %d cells", MaxCells)}
		}
	}
	return nil
}

// prefixDepth counts the quote and list marks a line opens with.
func prefixDepth(line []byte) int {
	depth := 0
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == ' ' || c == '\t':
		case c == '>':
			depth++
		case (c == '-' || c == '*' || c == '+') && i+1 < len(line) && (line[i+1] == ' ' || line[i+1] == '\t'):
			depth++
		case c >= '0' && c <= '9':
			j := i
			for j < len(line) && line[j] >= '0' && line[j] <= '9' {
				j++
			}
			if j == len(line) || line[j] != '.' && line[j] != ')' {
				return depth
			}
			depth++
			i = j
		default:
			return depth
		}
	}
	return depth
}

// delimiterRow returns the number of columns when the line could be the row of dashes under a table's header, else 0.
func delimiterRow(line []byte) int {
	line = bytes.TrimSpace(bytes.TrimLeft(line, " \t>"))
	pipes, dashes := 0, 0
	for _, c := range line {
		switch c {
		case '|':
			pipes++
		case '-':
			dashes++
		case ':', ' ', '\t', '\v', '\f', '\r':
		default:
			return 0
		}
	}
	if dashes == 0 || pipes == 0 {
		return 0
	}
	pipes++
	if line[0] == '|' {
		pipes--
	}
	if line[len(line)-1] == '|' && len(line) > 1 {
		pipes--
	}
	return pipes
}

// shape checks what only the block structure tells: it parses blocks but no inlines, which is linear.
func shape(md []byte) error {
	doc := blocksOnly.Parse(text.NewReader(md))
	var bad *ParseError
	depth := 0
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if n.Type() == ast.TypeInline {
			return ast.WalkSkipChildren, nil
		}
		container := n.Kind() == ast.KindBlockquote || n.Kind() == ast.KindList
		if !entering {
			if container {
				depth--
			}
			return ast.WalkContinue, nil
		}
		if container {
			if depth++; depth > MaxDepth && bad == nil {
				bad = &ParseError{Line: lineOf(md, n.Pos()), Code: "depth", Limit: MaxDepth, What: fmt.Sprintf("quotes and lists more than %d deep", MaxDepth)}
			}
		}
		switch n.Kind() {
		case ast.KindParagraph, ast.KindTextBlock, ast.KindHeading, east.KindTableCell:
			if bad == nil {
				bad = checkParagraph(md, n)
			}
		case east.KindTableRow:
			if bad == nil {
				bad = checkRow(md, n)
			}
		}
		if bad != nil {
			return ast.WalkStop, nil
		}
		return ast.WalkContinue, nil
	})
	if bad != nil {
		return bad
	}
	return nil
}

func checkParagraph(md []byte, n ast.Node) *ParseError {
	size, marks := 0, 0
	for i := 0; i < n.Lines().Len(); i++ {
		line := n.Lines().At(i)
		v := line.Value(md)
		size += len(v)
		for k := 0; k < len(v); k++ {
			switch v[k] {
			case '\\':
				k++
			case '*', '_', '[', ']', '<', '`':
				marks++
			}
		}
	}
	if size > MaxParagraph {
		return &ParseError{Line: lineOf(md, n.Lines().At(0).Start), Code: "paragraph", Limit: MaxParagraph, What: fmt.Sprintf("paragraph of %d bytes; at most %d are taken", size, MaxParagraph)}
	}
	if marks > MaxMarks {
		return &ParseError{Line: lineOf(md, n.Lines().At(0).Start), Code: "marks", Limit: MaxMarks, What: fmt.Sprintf("%d marking characters in one paragraph; at most %d are taken", marks, MaxMarks)}
	}
	return nil
}

// checkRow refuses a table row longer than its header: goldmark, like GitHub, would drop the rest in silence.
func checkRow(md []byte, n ast.Node) *ParseError {
	start := n.Pos()
	if start < 0 || start > len(md) {
		return nil
	}
	line := md[start:]
	if e := bytes.IndexByte(line, '\n'); e >= 0 {
		line = line[:e]
	}
	line = bytes.TrimSpace(line)
	line = bytes.TrimSuffix(bytes.TrimPrefix(line, []byte("|")), []byte("|"))
	have := 1
	for i, c := range line {
		if c == '|' && (i == 0 || line[i-1] != '\\') {
			have++
		}
	}
	if want := n.ChildCount(); have > want {
		return &ParseError{Line: lineOf(md, start), Code: "row", Limit: want, What: fmt.Sprintf("table row of %d cells under a header of %d", have, want)}
	}
	return nil
}

func lineOf(md []byte, offset int) int {
	return bytes.Count(md[:min(max(offset, 0), len(md))], []byte("\n")) + 1
}
