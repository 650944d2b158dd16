package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
)

// session is what servers of tests need of a test, for a program: what it starts ends with it.
type session struct {
	testing.TB // the methods that are not below are not used
	ctx        context.Context
	cleanups   []func()
}

// fatal ends the program through a panic, such that the servers are stopped.
type fatal string

func (s *session) Helper()                  {}
func (s *session) Name() string             { return "demo" }
func (s *session) Context() context.Context { return s.ctx }
func (s *session) Cleanup(f func())         { s.cleanups = append(s.cleanups, f) }
func (s *session) Fatal(args ...any)        { panic(fatal(fmt.Sprint(args...))) }
func (s *session) Logf(string, ...any)      {}
func (s *session) Fatalf(format string, args ...any) {
	panic(fatal(fmt.Sprintf(format, args...)))
}

func (s *session) Errorf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

func (s *session) TempDir() string {
	folder, err := os.MkdirTemp("", "kubeops-demo-")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = os.RemoveAll(folder) })
	return folder
}

// end everything that was started, the last first.
func (s *session) end() {
	for _, cleanup := range slices.Backward(s.cleanups) {
		cleanup()
	}
}
