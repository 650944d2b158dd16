package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	clocktesting "k8s.io/utils/clock/testing"

	"kubeops.io/kubeops/internal/managerconfig"
)

func TestTheLogLevelChangesWithoutARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	write := func(fields string) {
		t.Helper()
		content := "apiVersion: config.kubeops.io/v1alpha1\nkind: ManagerConfig\n" + fields
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	read := func() (*managerconfig.Effective, error) { return managerconfig.Load(file) }
	started, err := read()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	r := &reloader{
		load: read, level: zap.NewAtomicLevelAt(zapcore.InfoLevel), started: started.Config,
		logger: funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{}),
	}
	for _, step := range []struct {
		fields string
		level  zapcore.Level
		log    string // the only new line; empty means none
	}{
		{"", zapcore.InfoLevel, ""},
		{"logging: {level: debug}\n", zapcore.DebugLevel, "The log level has changed"},
		{"logging: {level: debug}\n", zapcore.DebugLevel, ""},
		{"logging: {level: loud}\n", zapcore.DebugLevel, "not valid any more"},
		{"logging: {level: loud}\n", zapcore.DebugLevel, ""},
		{"logging: {level: debug}\ninspections: {maxConcurrent: 9}\n", zapcore.DebugLevel, "only logging.level takes effect"},
		{"logging: {level: debug}\ninspections: {maxConcurrent: 9}\n", zapcore.DebugLevel, ""},
		{"logging: {level: error}\n", zapcore.ErrorLevel, "The log level has changed"},
	} {
		lines = nil
		write(step.fields)
		r.reload()
		if r.level.Level() != step.level {
			t.Errorf("%q: level %s, want %s", step.fields, r.level.Level(), step.level)
		}
		if step.log == "" && len(lines) > 0 || step.log != "" && (len(lines) != 1 || !strings.Contains(lines[0], step.log)) {
			t.Errorf("%q: logged %q, want %q", step.fields, lines, step.log)
		}
	}
}

func TestTheConfigurationIsReadUntilTheManagerStops(t *testing.T) {
	reads := make(chan struct{}, 1)
	ticks := clocktesting.NewFakeClock(time.Now())
	r := &reloader{clock: ticks, load: func() (*managerconfig.Effective, error) {
		reads <- struct{}{}
		return nil, errors.New("the file is gone")
	}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Start(ctx) }()
	deadline := time.After(10 * time.Second)
	for range 2 {
		for read := false; !read; {
			if ticks.HasWaiters() {
				ticks.Step(reloadInterval)
			}
			select {
			case <-reads:
				read = true
			case <-deadline:
				t.Fatal("the configuration was not read")
			case <-time.After(time.Millisecond):
			}
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
