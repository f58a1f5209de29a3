package keys

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"math/big"
	"net/http"

	"spolupis/signing"
	"spolupis/signing/seal"
)

const maxStamp = 1 << 20

func nonce() *big.Int {
	b := make([]byte, 16)
	rand.Read(b)
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b)
}

// TSA asks a time-stamp authority over HTTP (RFC 3161 3.4). The address is the operator's, never a user's.
type TSA struct {
	URL    string
	Client *http.Client // with a timeout
}

var (
	_ signing.Stamper = TSA{}
	_ signing.Stamper = Local{}
)

// Stamp asks once. The caller tries again later when it fails.
func (t TSA) Stamp(ctx context.Context, digest []byte) ([]byte, error) {
	n := nonce()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL, bytes.NewReader(seal.StampQuery(digest, n)))
	if err != nil {
		return nil, fmt.Errorf("ask for a time stamp: %w", err)
	}
	req.Header.Set("Content-Type", "application/timestamp-query")
	req.Header.Set("Accept", "application/timestamp-reply")
	res, err := t.Client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for a time stamp: %w", err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxStamp))
	if err != nil {
		return nil, fmt.Errorf("read a time stamp: %w", err)
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/timestamp-reply" {
		return nil, fmt.Errorf("status %d, %s: %w", res.StatusCode, res.Header.Get("Content-Type"), seal.ErrStamp)
	}
	return seal.StampToken(b, digest, n)
}

// Local asks an authority in the same process, through the same bytes.
type Local struct{ Authority *seal.Authority }

// Stamp answers at once.
func (l Local) Stamp(_ context.Context, digest []byte) ([]byte, error) {
	n := nonce()
	b, err := l.Authority.Answer(seal.StampQuery(digest, n))
	if err != nil {
		return nil, err
	}
	return seal.StampToken(b, digest, n)
}

// ServeHTTP makes an authority that TSA can ask, for tests and for offices that try the product out.
func (l Local) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query, err := io.ReadAll(io.LimitReader(r.Body, maxStamp))
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/timestamp-query" {
		http.Error(w, "RFC 3161 query expected", http.StatusBadRequest)
		return
	}
	b, err := l.Authority.Answer(query)
	if err != nil {
		http.Error(w, "no time stamp now", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	w.Write(b)
}
