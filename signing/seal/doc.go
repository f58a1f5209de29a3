// Package seal turns bytes of a PDF into bytes of a signed PDF and says what a signed PDF is worth.
//
// It makes PAdES baseline signatures (ETSI EN 319 142-1, levels B-B and B-T) by incremental update: the document it is given
// stays a byte prefix of the result for ever. Signing has two phases, so that the private key may live anywhere:
//
//	p, _ := seal.Prepare(pdf, field, seal.Room)       // the document with a hole
//	attrs := seal.Attributes(p.Digest(alg.Hash()), cert, alg)
//	signature := …                                    // the key signs alg.Digest(attrs)
//	token := …                                        // a time-stamp authority stamps seal.Imprint(signature)
//	cms, _ := seal.Assemble(seal.Parts{…})
//	signed, _ := p.Embed(cms)
//
// [Validate] is strict. It does not look for what could be wrong in a signed file; it writes every increment again from the few
// values found in it and accepts nothing but exactly those bytes. Whatever else anybody appends, replaces or flips is therefore found.
//
// The package does no input or output and has no clock; time and randomness come in through arguments.
package seal

import "errors"

// ErrUnsupported is returned for a PDF that Prepare cannot append to: cross-reference streams, encryption, foreign form fields,
// or a file that does not end in "%%EOF" and a newline.
var ErrUnsupported = errors.New("PDF of a kind that cannot be signed here")

// ErrFormat is returned for bytes that are not well-formed: a broken PDF, CMS or time-stamp token.
var ErrFormat = errors.New("malformed")

// ErrRoom is returned by Embed when the CMS does not fit in the hole.
var ErrRoom = errors.New("signature does not fit in its hole")

// ErrFieldName is returned by Prepare when the document already has a field of that name.
var ErrFieldName = errors.New("signature field name already used")
