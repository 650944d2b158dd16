package process

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	rest := " 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 8 9"
	tests := []struct {
		name, stat, want string
		wantErr          bool
	}{
		{"usual", "42 (etcd) S" + rest, "4711", false},
		{"blanks and parentheses in the name", "42 (a) R (b) x) R" + rest, "4711", false},
		{"zombie", "42 (etcd) Z" + rest, "", true},
		{"cut off", "42 (etcd) S 1 1", "", true},
		{"empty", "", "", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseStat(test.stat)
			if got != test.want || (err != nil) != test.wantErr {
				t.Errorf("got %q, error %v", got, err)
			}
		})
	}
}

// launch starts a process that does nothing for longer than any test takes.
func launch(t *testing.T) (Process, <-chan error, string) {
	t.Helper()
	owner := t.TempDir()
	p, ended, err := Start(t.Context(), Spec{
		Name: "sleeper", Path: "sleep", Args: []string{"600"}, Log: filepath.Join(owner, "logs", "sleeper.log"), Owner: owner,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Signal(syscall.SIGKILL) })
	return p, ended, owner
}

func TestStartedProcessIsFoundByItsMarkAndKilled(t *testing.T) {
	p, ended, owner := launch(t)
	if !p.Alive() || p.Memory() == 0 {
		t.Errorf("%+v does not live", p)
	}
	find := func() []Process { return Marked(owner) }
	if found := find(); len(found) != 1 || found[0].PID != p.PID || found[0].Started != p.Started {
		t.Errorf("found %v, want %v", found, p)
	}
	if err := KillAll(t.Context(), find, time.Minute); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("a killed process ended without an error")
	}
	if p.Alive() {
		t.Error("it lives on")
	}
}

func TestAnotherProcessOfThatNumberIsLeftAlone(t *testing.T) {
	p, _, _ := launch(t)
	for _, started := range []string{"", "1@another-boot", "1" + p.Started} {
		former := Process{Name: "etcd", PID: p.PID, Started: started}
		if former.Alive() {
			t.Errorf("%q passes for %q", started, p.Started)
		}
		if err := former.Signal(syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
	if !p.Alive() {
		t.Error("it was killed")
	}
}

func TestByPIDLeavesThisProcessOut(t *testing.T) {
	if found := ByPID(os.Getpid(), 1<<30); len(found) != 0 {
		t.Errorf("found %v", found)
	}
}
