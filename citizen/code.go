package citizen

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"
)

// Number is the public number of a matter, such as "2026-483-917": the year and
// six drawn digits, so that neither the count of matters nor a neighbour's
// number can be read from it. It stands in addresses; it is no secret.
type Number string

// Code is an access code, ten characters of Crockford's base 32: 50 bits. It
// exists in clear only on the confirmation and in the citizen's hands.
type Code string

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NewCode draws a code from r.
func NewCode(r io.Reader) (Code, error) {
	var b [10]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return "", fmt.Errorf("draw an access code: %w", err)
	}
	for i := range b {
		b[i] = alphabet[b[i]&31]
	}
	return Code(b[:]), nil
}

// ParseCode reads a code as people type it: any case, spaces and dashes
// anywhere, O for 0, I and L for 1. It reports false when that is no code.
func ParseCode(s string) (Code, bool) {
	if len(s) > 64 {
		return "", false
	}
	var b strings.Builder
	for _, r := range strings.ToUpper(s) {
		switch {
		case r == ' ' || r == '-' || r == '–' || r == '\u00a0' || r == '\t':
			continue
		case r == 'O':
			r = '0'
		case r == 'I' || r == 'L':
			r = '1'
		}
		if !strings.ContainsRune(alphabet, r) {
			return "", false
		}
		b.WriteRune(r)
	}
	return Code(b.String()), b.Len() == 10
}

// String returns the code as it is printed: XXXXX-XXXXX.
func (c Code) String() string {
	if len(c) != 10 {
		return string(c)
	}
	return string(c[:5] + "-" + c[5:])
}

// NewNumber draws a number for a matter opened at at.
func NewNumber(r io.Reader, at time.Time) (Number, error) {
	var b [8]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return "", fmt.Errorf("draw a number: %w", err)
	}
	n := uint64(0)
	for _, x := range b {
		n = n<<8 | uint64(x)
	}
	n %= 1_000_000
	return Number(fmt.Sprintf("%04d-%03d-%03d", at.In(Prague).Year(), n/1000, n%1000)), nil
}

// ParseNumber reads a number as people type it, with or without its dashes. It
// reports false when that is no number.
func ParseNumber(s string) (Number, bool) {
	if len(s) > 64 {
		return "", false
	}
	var d []byte
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			d = append(d, byte(r))
		case r == ' ' || r == '-' || r == '–' || r == '/' || r == '\u00a0' || r == '\t':
		default:
			return "", false
		}
	}
	if len(d) != 10 {
		return "", false
	}
	return Number(string(d[:4]) + "-" + string(d[4:7]) + "-" + string(d[7:])), true
}

func mac(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts { // length-prefixed, so parts cannot run together
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return h.Sum(nil)
}

// hash is what is stored of a code: useless without the server's key, and bound
// to the matter, so that equal codes of two matters do not show.
func (s *Service) hash(id MatterID, c Code) string {
	return hex.EncodeToString(mac(s.codes, string(id), string(c)))
}

// bucket names a counter of tries without keeping the address or number.
func (s *Service) bucket(kind, value string) string {
	return kind + ":" + hex.EncodeToString(mac(s.places, kind, value)[:12])
}

// Pass is proof that its bearer entered the right code; the web side keeps it
// in a cookie. It dies at its time and when the code is issued anew.
func (s *Service) Pass(m Matter, until time.Time) string {
	t := fmt.Sprint(until.Unix())
	return t + "." + base64.RawURLEncoding.EncodeToString(mac(s.tokens, "pass", string(m.ID), fmt.Sprint(m.Issue), t))
}

func (s *Service) passes(m Matter, pass string) bool {
	t, _, ok := strings.Cut(pass, ".")
	if !ok {
		return false
	}
	var unix int64
	if _, err := fmt.Sscanf(t, "%d", &unix); err != nil || s.Now().Unix() >= unix {
		return false
	}
	return hmac.Equal([]byte(pass), []byte(s.Pass(m, time.Unix(unix, 0))))
}

// FeedToken is the unguessable part of the address of a matter's feed. It
// changes when the code is issued anew, so a lost letter loses its feed too.
func (s *Service) FeedToken(m Matter) string {
	return string(m.ID) + "-" + base64.RawURLEncoding.EncodeToString(mac(s.tokens, "feed", string(m.ID), fmt.Sprint(m.Issue))[:18])
}

// HandOver seals a fresh code for the short way from the page that issued it to
// the page that prints it, through the official's own browser. The service
// keeps no copy.
func (s *Service) HandOver(m Matter, c Code) (string, error) {
	aead, err := s.sealer()
	if err != nil {
		return "", err
	}
	nonce := make([]byte, aead.NonceSize())
	if _, err := io.ReadFull(s.Rand, nonce); err != nil {
		return "", fmt.Errorf("seal a code: %w", err)
	}
	plain := fmt.Appendf(nil, "%d %s", s.Now().Unix(), string(c))
	return base64.RawURLEncoding.EncodeToString(aead.Seal(nonce, nonce, plain, handoverOf(m))), nil
}

// TakeOver opens what HandOver sealed for the present issue of m's code, within
// five minutes.
func (s *Service) TakeOver(m Matter, sealed string) (Code, bool) {
	b, err := base64.RawURLEncoding.DecodeString(sealed)
	aead, aeadErr := s.sealer()
	if err != nil || aeadErr != nil || len(b) < aead.NonceSize() {
		return "", false
	}
	plain, err := aead.Open(nil, b[:aead.NonceSize()], b[aead.NonceSize():], handoverOf(m))
	if err != nil {
		return "", false
	}
	at, code, _ := strings.Cut(string(plain), " ")
	var unix int64
	if _, err := fmt.Sscanf(at, "%d", &unix); err != nil || s.Now().Sub(time.Unix(unix, 0)) > 5*time.Minute {
		return "", false
	}
	return Code(code), true
}

func handoverOf(m Matter) []byte { return fmt.Appendf(nil, "%s issue %d", m.ID, m.Issue) }

func (s *Service) sealer() (cipher.AEAD, error) {
	block, err := aes.NewCipher(s.handover)
	if err != nil {
		return nil, fmt.Errorf("seal a code: %w", err)
	}
	return cipher.NewGCM(block)
}
