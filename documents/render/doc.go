// Package render shows a body: as safe, semantic HTML for pages and as tagged PDF/A-2a for freezing and signing.
//
// What is drawn is always read back from the canonical Markdown, so the picture, the hash in its foot and the bytes in the
// archive cannot say different things.
//
//   - html.go: HTML
//   - pdf.go: PDF, its metadata and the render profile
//   - flow.go, blocks.go, table.go: from blocks to lines on pages
//   - text.go, czech.go: from runs to lines; where Czech typography forbids a line to end
//   - faces.go, fonts/: the embedded Noto fonts (SIL OFL 1.1)
//   - font/ reads and subsets TrueType; pdfa/ writes the file and says in pdfa.Layout what signatures may rely on
package render
