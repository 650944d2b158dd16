package validator

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func start(t *testing.T, script string) *Program {
	t.Helper()
	path := filepath.Join(t.TempDir(), program)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	p, err := Start(t.Context(), path, 37)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestAnAnswerWithoutEndIsAnError and the program that waits until it is read is ended.
func TestAnAnswerWithoutEndIsAnError(t *testing.T) {
	p := start(t, "read line; exec cat /dev/zero")
	done := make(chan error, 1)
	go func() {
		_, err := p.Judge("shop", []byte("{}"))
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil || !strings.Contains(err.Error(), "buffer full") {
			t.Errorf("got %v", err)
		}
	case <-time.After(2 * grace):
		t.Fatal("it waits for a program that waits for it")
	}
	if _, err := p.Judge("shop", []byte("{}")); err == nil {
		t.Error("asked again")
	}
}

// TestWhatTheProgramSaidIsPartOfTheError for a program that ends too early.
func TestWhatTheProgramSaidIsPartOfTheError(t *testing.T) {
	p := start(t, "read line; echo out of memory >&2; exit 2")
	if _, err := p.Judge("shop", []byte("{}")); err == nil || !strings.Contains(err.Error(), "out of memory") {
		t.Errorf("got %v", err)
	}
}
