package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"spolupis/cmd/internal/faultdisk"
)

// office is a demo office of its own in a temporary folder: one node over SQLite, or several over PostgreSQL.
type office struct {
	options // how to reach it
	dir     string
	nodes   []*victim
	cluster *cluster
	redis   *redis
	disk    *faultdisk.Disk // under the data folder, when asked for
	truth   []*cable        // of each node to PostgreSQL, when asked for
	hints   []*cable        // to Redis
}

// editors are the people of the demo office who type; the first makes the materials.
var editors = []string{"dvorakova", "novak", "maly", "kralova", "horakova", "vesela"}

// found starts an office with n nodes and returns when all of them answer. Close it.
func found(ctx context.Context, o options, n int) (f *office, err error) {
	f = &office{options: o}
	if f.server, err = findServer(o.server); err != nil {
		return nil, err
	}
	if f.dir, err = os.MkdirTemp("", "hammer-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	data := filepath.Join(f.dir, "data")
	if o.faulty {
		if f.disk, err = mountFaulty(filepath.Join(f.dir, "disk"), data); err != nil {
			return nil, err
		}
	}
	args := []string{"demo", "-data", data}
	if n > 1 {
		if f.cluster, err = startCluster(ctx, filepath.Join(f.dir, "cluster")); err != nil {
			return nil, err
		}
		if f.redis, err = startRedis(ctx, f.dir); err != nil {
			return nil, err
		}
	}
	f.options.nodes = nil
	for range n {
		addr, err := freeAddress()
		if err != nil {
			return nil, err
		}
		node := f.options
		node.url, node.args = "http://"+addr, append(append([]string(nil), args...), "-addr", addr)
		if n > 1 {
			storage, err := f.storage(o.cabled)
			if err != nil {
				return nil, err
			}
			node.args = append(node.args, storage...)
		}
		v := &victim{o: node}
		f.nodes = append(f.nodes, v)
		f.options.nodes = append(f.options.nodes, node.url)
		if err := v.start(ctx); err != nil { // one after the other: the first furnishes the office
			return nil, err
		}
	}
	f.url, f.args = f.nodes[0].o.url, f.nodes[0].o.args
	password, err := os.ReadFile(filepath.Join(f.dir, "data", "demo-password"))
	if err != nil {
		return nil, err
	}
	f.product = true
	for _, login := range editors {
		f.people = append(f.people, credential{login: login, password: strings.TrimSpace(string(password))})
	}
	f.admin = credential{login: "spravce", password: strings.TrimSpace(string(password))}
	if len(f.documents) == 0 {
		f.create = max(1, f.create)
	}
	return f, nil
}

// storage is how the next node reaches PostgreSQL and Redis: directly, or by cables that can be cut.
func (f *office) storage(cabled bool) (args []string, err error) {
	truth, hints := f.cluster.addr, f.redis.addr
	if cabled {
		t, err := lay(truth)
		if err != nil {
			return nil, err
		}
		f.truth, truth = append(f.truth, t), t.addr()
		h, err := lay(hints)
		if err != nil {
			return nil, err
		}
		f.hints, hints = append(f.hints, h), h.addr()
	}
	return []string{"-database", "postgres://postgres@" + truth + "/postgres?sslmode=disable", "-redis", "redis://" + hints + "/0"}, nil
}

// close stops what found started.
func (f *office) close() {
	for _, n := range f.nodes {
		n.kill()
	}
	for _, c := range append(f.truth, f.hints...) {
		c.close()
	}
	if f.redis != nil {
		f.redis.kill()
	}
	if f.cluster != nil {
		f.cluster.stop()
	}
	if f.disk != nil {
		f.disk.Close()
	}
	os.RemoveAll(f.dir)
}

// findServer returns the binary to start: the one given, or spolupis beside hammer.
func findServer(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	beside := filepath.Join(filepath.Dir(self), "spolupis")
	if _, err := os.Stat(beside); err != nil {
		return "", errors.New("-server: start what? Or give -url and -login of an office that runs already")
	}
	return beside, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// post fills in a form of the product as somebody signed in on base. It returns the answer's status and where it leads.
func post(ctx context.Context, base, path string, who http.Header, form url.Values) (status int, location string, err error) {
	resp, err := ask(ctx, http.MethodPost, base, path, who, form)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Header.Get("Location"), err
}

// get reads a page or file of the product; anything but 200 is an error.
func get(ctx context.Context, base, path string, who http.Header) (string, error) {
	resp, err := ask(ctx, http.MethodGet, base, path, who, nil)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return string(b), err
}

func ask(ctx context.Context, method, base, path string, who http.Header, form url.Values) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	if who != nil {
		req.Header = who.Clone()
	}
	req.Header.Set("Origin", base)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	client := &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return client.Do(req)
}

// redis is a Redis server of its own.
type redis struct {
	cmd  *exec.Cmd
	addr string
}

func startRedis(ctx context.Context, dir string) (*redis, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(addr)
	r := &redis{addr: addr, cmd: exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir)}
	r.cmd.SysProcAttr = mortal()
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("not runnable here, needs redis-server: %w", err)
	}
	go r.cmd.Wait()
	if err := waitListening(ctx, addr); err != nil {
		r.kill()
		return nil, fmt.Errorf("redis: %w", err)
	}
	return r, nil
}

func (r *redis) kill() { r.cmd.Process.Kill() }

// cluster is a PostgreSQL server of its own.
type cluster struct {
	bin, dir, addr string
	root           bool // started as root, which PostgreSQL refuses to run as
}

func startCluster(ctx context.Context, dir string) (*cluster, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_ctl")
	if len(found) == 0 {
		path, err := exec.LookPath("pg_ctl")
		if err != nil {
			return nil, errors.New("not runnable here, needs PostgreSQL's pg_ctl")
		}
		found = []string{path}
	}
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	c := &cluster{bin: filepath.Dir(found[len(found)-1]), dir: dir, addr: addr, root: os.Geteuid() == 0}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	if c.root {
		if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
			return nil, err
		}
		if out, err := exec.Command("chown", "postgres", dir).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("chown: %w: %s", err, out)
		}
	}
	if err := c.run(ctx, "initdb", "-D", dir, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"); err != nil {
		return nil, err
	}
	return c, c.start(ctx)
}

func (c *cluster) run(ctx context.Context, name string, args ...string) error {
	args = append([]string{filepath.Join(c.bin, name)}, args...)
	if c.root {
		args = append([]string{"runuser", "-u", "postgres", "--"}, args...)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = "/"
	if err := cmd.Run(); err != nil { // no pipe: the server that stays would keep it open
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (c *cluster) start(ctx context.Context) error {
	_, port, _ := net.SplitHostPort(c.addr)
	return c.run(ctx, "pg_ctl", "-D", c.dir, "-w", "-t", "60", "-l", filepath.Join(c.dir, "log"),
		"-o", "-p "+port+" -c listen_addresses=127.0.0.1 -c unix_socket_directories="+c.dir+" -c max_connections=200", "start")
}

// crash stops it without a checkpoint, as a power cut does, and starts it again after the pause.
func (c *cluster) crash(ctx context.Context, pause time.Duration) error {
	if err := c.run(ctx, "pg_ctl", "-D", c.dir, "-m", "immediate", "-w", "stop"); err != nil {
		return err
	}
	if err := sleep(ctx, pause); err != nil {
		return err
	}
	return c.start(ctx)
}

func (c *cluster) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c.run(ctx, "pg_ctl", "-D", c.dir, "-m", "immediate", "-w", "stop")
}

func waitListening(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return c.Close()
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}
