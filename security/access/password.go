package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"spolupis/security/fault"
)

// The cost of a password: OWASP's second choice for argon2id, 0.14 s on two
// slow cores.
const (
	memoryKiB = 19 * 1024
	passes    = 2
	threads   = 1
)

// MinPassword is the shortest password, in characters.
const MinPassword = 12

//go:embed common.txt
var commonList string

var common = func() map[string]bool {
	m := map[string]bool{}
	for line := range strings.Lines(commonList) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			m[line] = true
		}
	}
	return m
}()

// CheckPassword says, as fault.Invalid with a sentence, why password would not
// do for login: shorter than MinPassword, absurdly long, commonly used, a
// repetition, or built from the login itself.
func CheckPassword(login, password string) error {
	p := norm.NFKC.String(password)
	n := utf8.RuneCountInString(p)
	low := strings.ToLower(p)
	switch {
	case n < MinPassword:
		return fault.New(fault.Invalid, "access.fault.password_short", MinPassword)
	case n > 256:
		return fault.New(fault.Invalid, "access.fault.password_long")
	case common[low] || common[strings.Trim(low, "0123456789!?.*-_ ")] || distinct(low) < 5,
		len(login) >= 3 && len(strings.ReplaceAll(low, strings.ToLower(login), "")) < MinPassword/2:
		return fault.New(fault.Invalid, "access.fault.password_common")
	}
	return nil
}

func distinct(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}

// hasher limits how many hashes run at once: each takes 19 MiB and a core.
type hasher struct {
	slots   chan struct{}
	waiting chan struct{}
}

func newHasher() *hasher {
	return &hasher{make(chan struct{}, 2), make(chan struct{}, 64)}
}

// enter waits for a slot; leave gives it back. When too many wait already it
// fails at once with fault.TooMany.
func (h *hasher) enter(ctx context.Context) (leave func(), err error) {
	select {
	case h.waiting <- struct{}{}:
		defer func() { <-h.waiting }()
	default:
		return nil, fault.New(fault.TooMany, "access.fault.busy")
	}
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	salt := make([]byte, 16)
	rand.Read(salt)
	return phc(password, salt), nil
}

func phc(password string, salt []byte) string {
	key := argon2.IDKey([]byte(norm.NFKC.String(password)), salt, passes, memoryKiB, threads, 32)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memoryKiB, passes, threads, b64.EncodeToString(salt), b64.EncodeToString(key))
}

// verify reports whether password matches stored, a PHC string, and whether
// stored was made at another cost and wants a new hash.
func (h *hasher) verify(ctx context.Context, stored, password string) (ok, stale bool, err error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return false, false, err
	}
	defer leave()
	var version int
	var m, t uint32
	var p uint8
	f := strings.Split(stored, "$")
	if len(f) != 6 || f[1] != "argon2id" {
		return false, false, fmt.Errorf("stored password is not argon2id")
	}
	if _, err := fmt.Sscanf(f[2]+" "+f[3], "v=%d m=%d,t=%d,p=%d", &version, &m, &t, &p); err != nil || version != argon2.Version || m > 1<<20 || t == 0 || p == 0 {
		return false, false, fmt.Errorf("stored password has unknown parameters")
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(f[4])
	want, err2 := base64.RawStdEncoding.DecodeString(f[5])
	if err1 != nil || err2 != nil || len(want) < 16 {
		return false, false, fmt.Errorf("stored password is malformed")
	}
	got := argon2.IDKey([]byte(norm.NFKC.String(password)), salt, t, m, p, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, m != memoryKiB || t != passes || p != threads, nil
}

// decoy is compared when there is no such login, so that the answer takes as
// long as for a wrong password.
var decoy = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// generated returns a random password that can be read out over a telephone:
// four groups of four, 80 bits.
func generated() string {
	s := strings.ToLower(rand.Text())
	return s[0:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:16]
}
