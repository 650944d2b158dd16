package testkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// process is a running program of a test, which can be started again with the same arguments.
type process struct {
	pid       int
	arguments []string
}

// processOf a number.
func processOf(t testing.TB, pid int) *process {
	t.Helper()
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		t.Fatal(err)
	}
	return processOfLine(t, strconv.Itoa(pid), line)
}

// processOfLine is the process with a number and a command line as /proc has it.
func processOfLine(t testing.TB, number string, line []byte) *process {
	t.Helper()
	pid, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	return &process{pid: pid, arguments: strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")}
}

// flag is the value of a flag.
func (p *process) flag(t testing.TB, name string) string {
	t.Helper()
	for _, argument := range p.arguments {
		if value, ok := strings.CutPrefix(argument, "--"+name+"="); ok {
			return value
		}
	}
	t.Fatalf("%s has no flag --%s", p.arguments[0], name)
	return ""
}

// kill the process and wait until it is gone.
func (p *process) kill(t testing.TB) {
	t.Helper()
	if err := syscall.Kill(p.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, p.arguments[0]+" is gone", func(context.Context) bool { return errors.Is(syscall.Kill(p.pid, 0), syscall.ESRCH) })
}

// start the program again, until the test ends. It returns the number of the new process.
func (p *process) start(t testing.TB) int {
	t.Helper()
	command := exec.Command(p.arguments[0], p.arguments[1:]...) //nolint:gosec,noctx // what the test started before; it ends with the test
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait() // it is killed
		close(ended)
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill() // it may have been killed before
		<-ended
	})
	return command.Process.Pid
}
