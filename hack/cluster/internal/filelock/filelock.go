// Package filelock prevents two runs of the program from doing the same work concurrently.
package filelock

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Lock is a lock on a file, held until Release or the end of the process.
type Lock struct{ file *os.File }

// Acquire waits for the lock. It calls waiting once if the lock is not free.
func Acquire(ctx context.Context, path string, waiting func()) (*Lock, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	said := false
	for {
		lock, err := try(path)
		if lock != nil || err != nil {
			return lock, err
		}
		if !said {
			waiting()
			said = true
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// try returns nil if another process holds the lock, or has removed the file while it was being locked here.
func try(path string) (*Lock, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	lock := &Lock{file: file}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil && isNamed(file, path) {
		return lock, nil
	}
	lock.Release()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = nil
	}
	return nil, err
}

// isNamed reports whether the path still refers to the open file.
func isNamed(file *os.File, path string) bool {
	held, err1 := file.Stat()
	named, err2 := os.Stat(path)
	return err1 == nil && err2 == nil && os.SameFile(held, named)
}

// Held reports whether a process holds the lock.
func Held(path string) bool {
	if _, err := os.Stat(path); err != nil {
		return false
	}
	lock, err := try(path)
	if lock != nil {
		lock.Release()
	}
	return lock == nil && err == nil
}

// Release releases the lock and keeps the file.
func (l *Lock) Release() { _ = l.file.Close() }

// ReleaseAndRemove releases the lock and removes the file.
func (l *Lock) ReleaseAndRemove() error {
	err := os.Remove(l.file.Name())
	l.Release()
	return err
}
