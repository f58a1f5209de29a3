package witness

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"spolupis/security/journal"
)

// Client pushes the checkpoints of a log to one witness.
type Client struct {
	URL  string // submission prefix, "https://witness.example"
	Key  string // the witness's public key line
	HTTP *http.Client

	size int64 // owned by the goroutine that pushes: what the witness holds, as far as we know
}

// ParseClient reads "URL KEY", as it stands in the configuration.
func ParseClient(s string) (*Client, error) {
	url, key, ok := strings.Cut(strings.TrimSpace(s), " ")
	if !ok {
		return nil, fmt.Errorf("witness %q: want the address, a space and the key", s)
	}
	if _, err := journal.NewCosignVerifier(key); err != nil {
		return nil, err
	}
	return &Client{URL: strings.TrimRight(url, "/"), Key: strings.TrimSpace(key)}, nil
}

// ErrDisagrees means that the witness holds a head which this log does not
// continue. Either the log here was rewritten or restored from an old backup, or
// the witness was: people must look.
var ErrDisagrees = errors.New("the witness holds another history of this log")

// Push offers the last published checkpoint and stores the cosignature. It does
// nothing when the witness has that one already.
func (c *Client) Push(ctx context.Context, j *journal.Journal) error {
	var held int64
	for try := range 3 { // again with the size the witness told; another node may push meanwhile
		signed, err := j.Checkpoint(ctx)
		if err != nil {
			return err
		}
		head, err := journal.OpenCheckpoint(signed, j.VerifierKey())
		if err != nil {
			return err
		}
		if _, err := journal.OpenCosigned(signed, j.VerifierKey(), c.Key); err == nil {
			return nil
		}
		if try > 0 && (held > head.Size || held == c.size) {
			return fmt.Errorf("witness %s: holds size %d, we offer %d: %w", c.URL, held, head.Size, ErrDisagrees)
		}
		if try > 0 {
			c.size = held
		}
		var line string
		if line, held, err = c.offer(ctx, j, signed, head); err != nil {
			return fmt.Errorf("witness %s: %w", c.URL, err)
		}
		if line != "" {
			c.size = head.Size
			return j.Cosign(ctx, signed, line, c.Key)
		}
	}
	return fmt.Errorf("witness %s: keeps changing its mind", c.URL)
}

// offer makes one request. An empty line means that the witness holds another
// size.
func (c *Client) offer(ctx context.Context, j *journal.Journal, signed []byte, head journal.Checkpoint) (line string, held int64, err error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "old %d\n", c.size)
	if c.size > 0 && c.size < head.Size {
		hashes, err := j.Consistency(ctx, c.size, head.Size)
		if err != nil {
			return "", 0, err
		}
		for _, h := range hashes {
			b.WriteString(base64.StdEncoding.EncodeToString(h) + "\n")
		}
	}
	b.WriteString("\n")
	b.Write(signed)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+"/add-checkpoint", &b)
	if err != nil {
		return "", 0, err
	}
	client := c.HTTP
	if client == nil {
		client = &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	res, err := client.Do(req)
	if err != nil {
		return "", 0, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, MaxRequest))
	if err != nil {
		return "", 0, err
	}
	switch res.StatusCode {
	case http.StatusOK:
		return strings.TrimRight(string(body), "\n"), 0, nil
	case http.StatusConflict:
		held, err := strconv.ParseInt(strings.TrimSpace(string(body)), 10, 64)
		return "", held, err
	case http.StatusUnprocessableEntity:
		return "", 0, ErrDisagrees
	}
	return "", 0, fmt.Errorf("answered %s: %.200s", res.Status, body)
}

// Keep pushes to every witness each time a checkpoint may have been published,
// until ctx ends. failed is told of each error; the next round tries again.
func Keep(ctx context.Context, j *journal.Journal, clients []*Client, every time.Duration, failed func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		for _, c := range clients {
			if err := c.Push(ctx, j); err != nil && ctx.Err() == nil {
				failed(err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
