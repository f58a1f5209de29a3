package journal

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"

	"spolupis/security"
)

// leafTag is the first line of every leaf; another layout gets another tag.
const leafTag = "spolupis journal entry v1"

// Leaf is an entry as the tree commits to it: readable lines, so that an
// auditor needs no program of ours to see what he holds.
//
//	spolupis journal entry v1
//	<seq>
//	<RFC 3339 time with microseconds, UTC>
//	<actor>
//	<on behalf of, may be empty>
//	<whose the personal part is, may be empty>
//	<kind>
//	<subject>
//	<body, compact JSON>
//	<commitment to the personal part, hex, or "-">
type Leaf struct {
	Seq        int64
	At         time.Time
	Actor      security.ActorID
	OnBehalfOf security.ActorID
	About      security.ActorID
	Kind       string
	Subject    string
	Body       json.RawMessage
	Commitment []byte // 32 bytes, or empty
}

const leafTime = "2006-01-02T15:04:05.000000Z"

// Bytes returns the canonical form of l.
func (l Leaf) Bytes() []byte {
	c := "-"
	if len(l.Commitment) > 0 {
		c = hex.EncodeToString(l.Commitment)
	}
	return []byte(strings.Join([]string{
		leafTag, strconv.FormatInt(l.Seq, 10), l.At.UTC().Format(leafTime),
		string(l.Actor), string(l.OnBehalfOf), string(l.About), l.Kind, l.Subject, string(l.Body), c, "",
	}, "\n"))
}

// ParseLeaf reads the canonical form and refuses any other spelling of it.
func ParseLeaf(b []byte) (Leaf, error) {
	f := strings.Split(string(b), "\n")
	if len(f) != 11 || f[0] != leafTag || f[10] != "" {
		return Leaf{}, errors.New("not a journal entry")
	}
	seq, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil {
		return Leaf{}, fmt.Errorf("sequence number: %w", err)
	}
	at, err := time.Parse(leafTime, f[2])
	if err != nil {
		return Leaf{}, fmt.Errorf("time: %w", err)
	}
	l := Leaf{
		Seq: seq, At: at, Actor: security.ActorID(f[3]), OnBehalfOf: security.ActorID(f[4]), About: security.ActorID(f[5]),
		Kind: f[6], Subject: f[7], Body: json.RawMessage(f[8]),
	}
	if f[9] != "-" {
		if l.Commitment, err = hex.DecodeString(f[9]); err != nil || len(l.Commitment) != sha256.Size {
			return Leaf{}, errors.New("commitment is not a hash")
		}
	}
	if string(l.Bytes()) != string(b) {
		return Leaf{}, errors.New("not in canonical form")
	}
	return l, nil
}

func (r row) leafBytes() []byte {
	return Leaf{
		Seq: r.seq, At: time.UnixMicro(r.at), Actor: security.ActorID(r.actor), OnBehalfOf: security.ActorID(r.behalf),
		About: security.ActorID(r.about), Kind: r.kind, Subject: r.subject, Body: json.RawMessage(r.body), Commitment: r.commitment,
	}.Bytes()
}

func (r row) leafHash() []byte { return rfc6962.DefaultHasher.HashLeaf(r.leafBytes()) }

// Commit returns the commitment to a personal part under salt. The salt keeps
// short personal parts, such as a name, from being guessed out of the hash.
func Commit(salt, personal []byte) []byte {
	h := sha256.New()
	h.Write([]byte("spolupis personal part v1\n"))
	h.Write(salt)
	h.Write(personal)
	return h.Sum(nil)
}

// derive gives the one-time key and the salt of one record of a person.
func derive(secret, nonce []byte) (key, salt []byte, err error) {
	both, err := hkdf.Key(sha256.New, secret, nonce, "spolupis personal part v1", 64)
	if err != nil {
		return nil, nil, err
	}
	return both[:32], both[32:], nil
}

func sealPersonal(secret, personal []byte) (nonce, sealed, commitment []byte, err error) {
	nonce = make([]byte, 16)
	rand.Read(nonce)
	key, salt, err := derive(secret, nonce)
	if err != nil {
		return nil, nil, nil, err
	}
	aead, err := gcm(key)
	if err != nil {
		return nil, nil, nil, err
	}
	// The key serves this one record, so a constant GCM nonce is never reused.
	return nonce, aead.Seal(nil, make([]byte, aead.NonceSize()), personal, nil), Commit(salt, personal), nil
}

func openPersonal(secret, nonce, sealed []byte) (salt, personal []byte, err error) {
	if len(secret) == 0 || len(sealed) == 0 {
		return nil, nil, errors.New("erased")
	}
	key, salt, err := derive(secret, nonce)
	if err != nil {
		return nil, nil, err
	}
	aead, err := gcm(key)
	if err != nil {
		return nil, nil, err
	}
	personal, err = aead.Open(nil, make([]byte, aead.NonceSize()), sealed, nil)
	return salt, personal, err
}

func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// subjectSecret returns the secret of the person subject, made on first use.
func (j *Journal) subjectSecret(ctx context.Context, tx *sql.Tx, subject string) ([]byte, error) {
	query := `SELECT secret FROM journal_subject_key WHERE subject = $1`
	if j.db.Postgres {
		query += ` FOR KEY SHARE` // an erasure waits for us, so that nothing is sealed with a destroyed key
	}
	var secret []byte
	err := tx.QueryRowContext(ctx, query, subject).Scan(&secret)
	if errors.Is(err, sql.ErrNoRows) {
		fresh := make([]byte, 32)
		rand.Read(fresh)
		if _, err := tx.ExecContext(ctx,
			`INSERT INTO journal_subject_key (subject, secret) VALUES ($1, $2) ON CONFLICT (subject) DO NOTHING`, subject, fresh); err != nil {
			return nil, fmt.Errorf("subject key: %w", err)
		}
		err = tx.QueryRowContext(ctx, query, subject).Scan(&secret)
	}
	if err != nil {
		return nil, fmt.Errorf("subject key: %w", err)
	}
	return secret, nil
}
