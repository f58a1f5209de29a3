package crdtbench

import (
	"bufio"
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// programs are the sources of the other engines' processes: a script for node and a crate for cargo.
//
//go:embed yjs.mjs yrs/Cargo.toml yrs/Cargo.lock yrs/src/main.rs
var programs embed.FS

// process is an engine in a process of its own. It reads lines of tab-separated words and answers each with one that starts
// with "ok":
//
//	version                  -> what it is
//	open DIR ROOT KIND       reads the workload from files (see workload.write)
//	run PHASE LIMIT          -> nanoseconds, operations, bytes; measured inside, so that this talk does not count
//	result                   writes the files content and state into DIR
type process struct {
	label string
	dir   string // of the open workload
	told  string // what it said of its version
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
}

// startYjs runs the script on node.
func startYjs(ctx context.Context, b *bench) (engine, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, errors.New("no node")
	}
	if _, err := os.Stat(filepath.Join(b.cfg.NodeModules, "yjs", "package.json")); err != nil {
		return nil, fmt.Errorf("no npm yjs in %s (-node-modules)", b.cfg.NodeModules)
	}
	dir := filepath.Join(b.scratch, "yjs")
	script := filepath.Join(dir, "yjs.mjs")
	if err := unpack("yjs.mjs", script); err != nil {
		return nil, err
	}
	return start(ctx, b, "yjs", dir, node, "--expose-gc", script, b.cfg.NodeModules)
}

// startYrs runs the crate, built first if need be. The built program is kept for the next time.
func startYrs(ctx context.Context, b *bench) (engine, error) {
	cargo, err := exec.LookPath("cargo")
	if err != nil {
		return nil, errors.New("no Rust toolchain")
	}
	cache := b.cfg.Cache
	if cache == "" {
		if cache, err = os.UserCacheDir(); err != nil {
			return nil, err
		}
		cache = filepath.Join(cache, "spolupis", "crdtbench")
	}
	sum := sha256.New()
	files := []string{"yrs/Cargo.toml", "yrs/Cargo.lock", "yrs/src/main.rs"}
	for _, name := range files {
		src, _ := programs.ReadFile(name)
		sum.Write(src)
	}
	crate := filepath.Join(cache, fmt.Sprintf("yrs-%x", sum.Sum(nil)[:6]))
	binary := filepath.Join(crate, "target", "release", "spolupis-yrs-runner")
	if _, err := os.Stat(binary); err != nil {
		for _, name := range files {
			if err := unpack(name, filepath.Join(crate, strings.TrimPrefix(name, "yrs/"))); err != nil {
				return nil, err
			}
		}
		fmt.Fprintln(b.stderr, "building yrs in", crate)
		build := exec.CommandContext(ctx, cargo, "build", "--release", "--locked", "--target-dir", filepath.Join(crate, "target"))
		build.Dir = crate
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("cargo build: %w: %.400s", err, out)
		}
	}
	return start(ctx, b, "yrs", filepath.Join(b.scratch, "yrs"), binary)
}

// unpack writes an embedded file.
func unpack(name, to string) error {
	src, err := programs.ReadFile(name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.WriteFile(to, src, 0o600)
}

// start runs a program whose last argument is the clock to measure with.
func start(ctx context.Context, b *bench, label, dir, program string, args ...string) (engine, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	clock := "cpu"
	if b.cfg.Wall {
		clock = "wall"
	}
	p := &process{label: label, dir: dir, cmd: exec.CommandContext(ctx, program, append(args, clock)...)}
	p.cmd.Stderr = b.stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if p.told, err = p.ask("version"); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// ask sends one line and returns what follows "ok".
func (p *process) ask(words ...string) (string, error) {
	if _, err := io.WriteString(p.in, strings.Join(words, "\t")+"\n"); err != nil {
		return "", fmt.Errorf("%s: %s: %w", p.label, words[0], err)
	}
	line, err := p.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("%s: %s: the process ended: %w", p.label, strings.Join(words, " "), err)
	}
	answer, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "ok\t")
	if !ok {
		return "", fmt.Errorf("%s: %s: answered %q", p.label, words[0], line)
	}
	return answer, nil
}

func (p *process) name() string    { return p.label }
func (p *process) version() string { return p.told }

func (p *process) open(w *workload) error {
	if err := w.write(p.dir); err != nil {
		return err
	}
	_, err := p.ask("open", p.dir, w.root, w.kind)
	return err
}

func (p *process) run(phase string, limit time.Duration) (sample, error) {
	answer, err := p.ask("run", phase, strconv.FormatInt(limit.Nanoseconds(), 10))
	if err != nil {
		return sample{}, err
	}
	var s sample
	var ns int64
	if _, err := fmt.Sscan(answer, &ns, &s.ops, &s.bytes); err != nil {
		return sample{}, fmt.Errorf("%s: %s: answered %q: %w", p.label, phase, answer, err)
	}
	s.took = time.Duration(ns)
	return s, nil
}

func (p *process) result() (content string, state []byte, err error) {
	if _, err := p.ask("result"); err != nil {
		return "", nil, err
	}
	c, err := os.ReadFile(filepath.Join(p.dir, "content"))
	if err != nil {
		return "", nil, err
	}
	state, err = os.ReadFile(filepath.Join(p.dir, "state"))
	return string(c), state, err
}

// close ends the process by closing its input and waits for it.
func (p *process) close() {
	p.in.Close()
	p.cmd.Wait()
}
