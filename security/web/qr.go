package web

import (
	"html/template"
	"strconv"

	"rsc.io/qr"
)

// QR draws text as a QR code in SVG: one path, no styles, so that it obeys
// the page's content policy and prints sharply.
func QR(text string) (template.HTML, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", err
	}
	const quiet = 4
	b := []byte(`<svg class="qr" xmlns="http://www.w3.org/2000/svg" aria-hidden="true" focusable="false" shape-rendering="crispEdges" viewBox="0 0 `)
	side := strconv.Itoa(code.Size + 2*quiet)
	b = append(b, side+" "+side+`"><rect width="`+side+`" height="`+side+`" fill="#fff"/><path fill="#000" d="`...)
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			if !code.Black(x, y) {
				continue
			}
			n := 1
			for x+n < code.Size && code.Black(x+n, y) {
				n++
			}
			w := strconv.Itoa(n)
			b = append(b, "M"+strconv.Itoa(x+quiet)+" "+strconv.Itoa(y+quiet)+"h"+w+"v1h-"+w+"z"...)
			x += n
		}
	}
	return template.HTML(append(b, `"/></svg>`...)), nil
}
