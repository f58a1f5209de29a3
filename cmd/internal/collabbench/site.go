package collabbench

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	neturl "net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"spolupis/collab/wire"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
)

// site is a server that is being measured: one process, or several nodes of ours.
type site struct {
	label      string
	hocuspocus bool // speaks its dialect; otherwise ours
	nodes      []*node
	documents  []string
	tokens     []string // of people; empty for Hocuspocus, which lets everybody in
	after      []func() // cleaning up
}

// node is one process.
type node struct {
	args []string
	base string        // http://host:port, once it listens
	cmd  *exec.Cmd     // nil before the first start
	gone chan struct{} // closed when cmd has ended

	mu   sync.Mutex
	said bytes.Buffer // guarded by mu
}

// perPerson is how many connections our server allows one person to one document.
const perPerson = 8

// openOurs furnishes an office for n and starts it.
func (b *bench) openOurs(ctx context.Context, n needs) (_ *site, err error) {
	s := &site{label: "ours"}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	data, err := os.MkdirTemp(b.scratch, "ours")
	if err != nil {
		return nil, err
	}
	s.after = append(s.after, func() { os.RemoveAll(data) })
	args := []string{"-data", data}
	if n.nodes > 1 {
		url, drop, err := ownDatabase(ctx, b.PostgresURL)
		if err != nil {
			return nil, err
		}
		s.after = append(s.after, drop)
		args = append(args, "-database", url, "-redis", b.RedisURL)
	}
	if err := s.furnish(ctx, b.Server, n, args); err != nil {
		return nil, err
	}
	for range max(1, n.nodes) {
		node := &node{args: append(append(b.cores.pinned(b.Server), "bench", "serve"), append(args, "-addr", "127.0.0.1:0")...)}
		s.nodes = append(s.nodes, node)
		if err := node.start(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// furnish makes people and documents, in a process of its own so that its memory is not measured.
func (s *site) furnish(ctx context.Context, server string, n needs, args []string) error {
	people := (n.clients + perPerson - 1) / perPerson
	cmd := exec.CommandContext(ctx, server, append([]string{"bench", "furnish", fmt.Sprint(people), fmt.Sprint(n.documents)}, args...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("furnish: %w: %s", err, said.Bytes())
	}
	var made struct{ Tokens, Documents []string }
	if err := json.Unmarshal(out, &made); err != nil {
		return fmt.Errorf("furnish: %w", err)
	}
	s.tokens, s.documents = made.Tokens, made.Documents
	return nil
}

// ownDatabase makes a database beside the one of url, to be dropped by the function returned.
func ownDatabase(ctx context.Context, url string) (own string, drop func(), err error) {
	u, err := neturl.Parse(url)
	if err != nil {
		return "", nil, err
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		return "", nil, err
	}
	name := fmt.Sprintf("collabbench_%d", os.Getpid())
	if _, err := db.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		db.Close()
		return "", nil, fmt.Errorf("PostgreSQL: %w", err)
	}
	drop = func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		db.ExecContext(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
		db.Close()
	}
	u.Path = "/" + name
	return u.String(), drop, nil
}

//go:embed hocuspocus.mjs
var hocuspocusScript []byte

const hocuspocusPackage = "@hocuspocus/server"

// hocuspocusVersion returns which one would be measured.
func hocuspocusVersion(modules string) (string, error) {
	node, err := exec.Command("node", "--version").Output()
	if err != nil {
		return "", errors.New("no node")
	}
	b, err := os.ReadFile(filepath.Join(modules, hocuspocusPackage, "package.json"))
	if err != nil {
		return "", fmt.Errorf("no npm %s in %s (-node-modules)", hocuspocusPackage, modules)
	}
	var manifest struct{ Version string }
	if err := json.Unmarshal(b, &manifest); err != nil {
		return "", err
	}
	return hocuspocusPackage + " " + manifest.Version + ", node " + strings.TrimSpace(string(node)), nil
}

// openTheirs starts Hocuspocus. It keeps documents in memory only, which is its fastest, unless n says that it must store them.
func (b *bench) openTheirs(ctx context.Context, n needs) (_ *site, err error) {
	dir, err := os.MkdirTemp(b.scratch, "hocuspocus")
	if err != nil {
		return nil, err
	}
	s := &site{label: "Hocuspocus", hocuspocus: true, after: []func(){func() { os.RemoveAll(dir) }}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	script := filepath.Join(dir, "hocuspocus.mjs")
	if err := os.WriteFile(script, hocuspocusScript, 0o600); err != nil {
		return nil, err
	}
	modules, err := filepath.Abs(b.NodeModules)
	if err != nil {
		return nil, err
	}
	node := &node{args: append(b.cores.pinned("node"), script, modules)}
	if n.keeps {
		store := filepath.Join(dir, "documents")
		if err := os.Mkdir(store, 0o700); err != nil {
			return nil, err
		}
		node.args = append(node.args, store)
	}
	for i := range n.documents {
		s.documents = append(s.documents, fmt.Sprintf("document-%d", i))
	}
	s.nodes = append(s.nodes, node)
	return s, node.start(ctx)
}

// socket returns where and with what header client i opens a document: clients spread over the nodes and over the people.
func (s *site) socket(document string, i int) (url string, header http.Header, protocols []string) {
	base := "ws" + strings.TrimPrefix(s.nodes[i%len(s.nodes)].base, "http")
	if s.hocuspocus {
		return base + "/", nil, nil
	}
	return base + "/collab/" + document, http.Header{"Authorization": {"Bearer " + s.tokens[i%len(s.tokens)]}}, []string{wire.Subprotocol}
}

// usage is what all nodes have used.
func (s *site) usage() (u usage) {
	for _, n := range s.nodes {
		one := usageOf(n.cmd.Process.Pid)
		u.cpu += one.cpu
		u.memory += one.memory
	}
	return u
}

// said is what the processes wrote that may explain an error.
func (s *site) said() string {
	var all []string
	for _, n := range s.nodes {
		n.mu.Lock()
		if b := n.said.Bytes(); len(b) > 0 {
			all = append(all, fmt.Sprintf("\n%s: %s", s.label, b[max(0, len(b)-2000):]))
		}
		n.mu.Unlock()
	}
	return strings.Join(all, "")
}

func (s *site) close() {
	for _, n := range s.nodes {
		n.kill()
	}
	for i := len(s.after) - 1; i >= 0; i-- {
		s.after[i]()
	}
}

// Write keeps what the process says on stderr.
func (n *node) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.said.Len() < 64<<10 {
		n.said.Write(b)
	}
	return len(b), nil
}

// start starts the process, also once more after kill, and returns when it has said where it listens.
func (n *node) start(ctx context.Context) error {
	cmd, gone, listening := exec.Command(n.args[0], n.args[1:]...), make(chan struct{}), make(chan string, 1)
	cmd.Stderr, cmd.SysProcAttr = n, mortal()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	n.cmd, n.gone = cmd, gone
	go func() {
		defer close(gone)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if base, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
				listening <- base
			}
		}
		cmd.Wait()
	}()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	select {
	case n.base = <-listening:
		return nil
	case <-gone:
		return fmt.Errorf("%s ended by itself", n.args[0])
	case <-ctx.Done():
		return fmt.Errorf("%s does not listen: %w", n.args[0], ctx.Err())
	}
}

// kill sends SIGKILL and waits until the process is gone.
func (n *node) kill() {
	if n.cmd != nil {
		n.cmd.Process.Kill()
		<-n.gone
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
