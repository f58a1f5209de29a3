package render

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"sync"

	"spolupis/documents/render/font"
)

//go:embed fonts/*.ttf
var fontFiles embed.FS

// The faces, in the order in which a page names them.
const (
	serif = iota
	serifBold
	serifItalic
	serifBoldItalic
	mono
	sans
	sansBold
	symbols2
	math
	symbols
	faceCount
)

var faceNames = [faceCount]string{
	"NotoSerif-Regular", "NotoSerif-Bold", "NotoSerif-Italic", "NotoSerif-BoldItalic", "NotoSansMono-Regular",
	"NotoSans-Regular", "NotoSans-Bold", "NotoSansSymbols2-Regular", "NotoSansMath-Regular", "NotoSansSymbols-Regular",
}

// fallback is where to look for a character the wanted face does not have.
var fallback = []int{symbols2, math, symbols, mono, sans}

type typefaces struct {
	faces  [faceCount]*font.Face
	hashes map[string]string // SHA-256 of the font file by face name
}

// loaded parses the embedded fonts once.
var loaded = sync.OnceValue(func() typefaces {
	t := typefaces{hashes: map[string]string{}}
	for i, name := range faceNames {
		data, err := fontFiles.ReadFile("fonts/" + name + ".ttf")
		if err != nil {
			panic(err) // embedded: cannot be missing in a program that was built
		}
		if t.faces[i], err = font.Parse(name, data); err != nil {
			panic(err)
		}
		sum := sha256.Sum256(data)
		t.hashes[name] = hex.EncodeToString(sum[:])
	}
	return t
})
