package testkit

import (
	"context"
	"os/exec"
	"syscall"
	"testing"
)

func TestAProcessIsStoppedBetweenSIGSTOPAndSIGCONT(t *testing.T) {
	command := exec.CommandContext(t.Context(), "sleep", "60")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill() // it may have ended
		_ = command.Wait()         // a killed process is always an error
	})
	for _, step := range []struct {
		signal syscall.Signal
		want   bool
	}{{0, false}, {syscall.SIGSTOP, true}, {syscall.SIGCONT, false}} {
		if err := command.Process.Signal(step.signal); err != nil {
			t.Fatal(err)
		}
		await(t, "the state after "+step.signal.String(), func(context.Context) bool {
			now, err := stopped(command.Process.Pid)
			return err == nil && now == step.want
		})
	}
}
