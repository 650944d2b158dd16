package filelock

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func acquire(t *testing.T, path string) *Lock {
	t.Helper()
	lock, err := Acquire(t.Context(), path, func() { t.Error("had to wait") })
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

func TestSecondOneWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder", "lock")
	if Held(path) {
		t.Error("held before there is a file")
	}
	first := acquire(t, path)
	if !Held(path) {
		t.Error("not held")
	}
	ctx, cancel := context.WithCancel(t.Context())
	waited := 0
	_, err := Acquire(ctx, path, func() { waited++; cancel() })
	if !errors.Is(err, context.Canceled) || waited != 1 {
		t.Errorf("error %v, waited %d times", err, waited)
	}
	first.Release()
	acquire(t, path).Release()
}

func TestLockOfARemovedFileIsNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	old, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = old.Close() })
	if err := acquire(t, path).ReleaseAndRemove(); err != nil {
		t.Fatal(err)
	}
	acquire(t, path).Release()
	if isNamed(old, path) {
		t.Error("the removed file passes for the new one")
	}
}
