package collab

import (
	"encoding/binary"
	"errors"
)

// rightsTopic carries the id of the person whose rights changed, "" for everybody's.
const rightsTopic = "collab.rights"

func topic(doc DocumentID) string { return "collab.doc." + string(doc) }

// hint is what nodes tell each other about a document. Everything in it can be lost: updates are in the Log, presence is
// repeated, events are reloaded. Nobody answers a hint with one of the same kind, so none can go round in circles.
type hint struct {
	kind        hintKind
	first, last int64  // of hintUpdate: the rows it covers
	body        []byte // update, presence or event
}

type hintKind byte

const (
	hintUpdate   hintKind = 'u' // rows first..last as one update; an empty body: read them from the Log
	hintPresence hintKind = 'p' // presence of people on the sending node
	hintQuery    hintKind = 'q' // who is there? answered with hintPresence
	hintEvent    hintKind = 'e'
	hintState    hintKind = 's' // sealed or reopened: look
)

// maxHint is the largest body sent along; what is larger is read from the Log.
const maxHint = 256 << 10

func (h hint) encode(node string) []byte {
	if h.kind == hintUpdate && len(h.body) > maxHint {
		h.body = nil
	}
	b := []byte{byte(h.kind), byte(len(node))}
	b = append(b, node...)
	b = binary.AppendUvarint(b, uint64(h.first))
	b = binary.AppendUvarint(b, uint64(h.last))
	return append(b, h.body...)
}

func decodeHint(b []byte) (h hint, node string, err error) {
	bad := errors.New("malformed hint")
	if len(b) < 2 || len(b) < 2+int(b[1]) {
		return h, "", bad
	}
	name := 2 + int(b[1]) // as a byte it would go round
	h.kind = hintKind(b[0])
	node, b = string(b[2:name]), b[name:]
	first, n := binary.Uvarint(b)
	if n <= 0 {
		return h, "", bad
	}
	last, m := binary.Uvarint(b[n:])
	if m <= 0 {
		return h, "", bad
	}
	h.first, h.last, h.body = int64(first), int64(last), b[n+m:]
	return h, node, nil
}
