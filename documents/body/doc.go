// Package body is the text of a material: a flat row of blocks, the way the office writes it and the way it is frozen.
//
// Reading order:
//
//   - body.go: Block, Run, Cell, Change, and what can be asked of a Body.
//   - clean.go: the one function that says which characters a text may hold.
//   - canonical.go, table.go: the tidy form every Body has exactly one of; blank paragraphs gone, levels possible, tables rectangular.
//   - marks.go, markdown.go: canonical Markdown, the bytes that are hashed, shown and signed.
//   - limits.go, parse.go, inline.go: Markdown from outside, with limits and errors that name the line.
//   - crdt.go: between a Body and the shared text people type into.
//   - tracked.go: tracked changes in the shared text, all accepted or all rejected, and one by one.
//   - index.go: the Body of a shared text kept at hand while people type.
//
// Three promises hold for every Body without tracked changes, and the tests try to break them:
//
//   - Markdown never fails and never loses or adds a character of Text; when a combination of bold and italic cannot be said
//     in Markdown, the mark is given up, never the text;
//   - what Markdown wrote, goldmark (a foreign parser) reads back as the same text, and Reread as the same canonical Body;
//   - Markdown of what Parse read is a fixed point: parsing it again changes nothing.
//
// The package does no input or output and knows no clock.
package body
