package collabbench

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usage is what a process has used.
type usage struct {
	cpu    time.Duration // of user and system
	memory int64         // bytes resident now
}

// tick is the kernel's unit of processor time in /proc.
const tick = 10 * time.Millisecond

// usageOf reads /proc. A process that is gone has used nothing.
func usageOf(pid int) (u usage) {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	s := string(b)
	f := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
	if len(f) < 22 {
		return u
	}
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(f[i], 10, 64)
		return n
	}
	u.cpu = time.Duration(number(11)+number(12)) * tick
	u.memory = number(21) * int64(os.Getpagesize())
	return u
}

// moment is what all processes together had used at one time.
type moment struct {
	at         time.Time
	busy, ours time.Duration
}

func machineTime() moment {
	m := moment{at: time.Now()}
	b, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(b), "\n")
	for i, f := range strings.Fields(line) {
		switch i {
		case 1, 2, 3, 6, 7, 8: // user, nice, system, interrupts, stolen
			n, _ := strconv.ParseInt(f, 10, 64)
			m.busy += time.Duration(n) * tick
		}
	}
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} { // children: those that have ended
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			m.ours += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return m
}

// others is how many cores were kept busy since m by processes that are not ours.
func (m moment) others() float64 {
	now := machineTime()
	return max(0, (now.busy-m.busy-(now.ours-m.ours)).Seconds()/now.at.Sub(m.at).Seconds())
}

// cores says on which processor core servers run; empty: wherever.
type cores struct{ servers, load string }

func (c cores) String() string {
	if c.servers == "" {
		return "servers and load on all cores"
	}
	return fmt.Sprintf("each server on core %s, the load on core %s", c.servers, c.load)
}

// settleOn moves this process to one core and reserves another for servers, where there are two and taskset.
func settleOn() (cores, error) {
	taskset, err := exec.LookPath("taskset")
	list := allowed()
	if err != nil || len(list) < 2 {
		return cores{}, nil
	}
	c := cores{list[0], list[1]}
	runtime.GOMAXPROCS(1)
	if out, err := exec.Command(taskset, "-a", "-p", "-c", c.load, fmt.Sprint(os.Getpid())).CombinedOutput(); err != nil {
		return cores{}, fmt.Errorf("taskset: %w: %s", err, out)
	}
	return c, nil
}

// pinned is the beginning of a command line that runs program where servers run.
func (c cores) pinned(program string) []string {
	if c.servers == "" {
		return []string{program}
	}
	return []string{"taskset", "-c", c.servers, program}
}

// allowed lists the cores that this process may run on.
func allowed() (list []string) {
	b, _ := os.ReadFile("/proc/self/status")
	_, after, _ := strings.Cut(string(b), "Cpus_allowed_list:")
	line, _, _ := strings.Cut(after, "\n")
	for part := range strings.SplitSeq(strings.TrimSpace(line), ",") {
		from, to, isRange := strings.Cut(part, "-")
		first, err := strconv.Atoi(from)
		if err != nil {
			return nil
		}
		last := first
		if isRange {
			last, _ = strconv.Atoi(to)
		}
		for n := first; n <= last; n++ {
			list = append(list, strconv.Itoa(n))
		}
	}
	return list
}

// mortal has a process that we start end with us, and keeps the terminal's signals from it.
func mortal() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
