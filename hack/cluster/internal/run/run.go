// Package run executes small system programs. Errors include their output.
package run

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// Quiet runs a program and discards its output.
func Quiet(ctx context.Context, name string, args ...string) error {
	return WithInput(ctx, nil, name, args...)
}

// WithInput runs a program with the given standard input.
func WithInput(ctx context.Context, input io.Reader, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = input
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, lastLines(string(out), 10))
	}
	return nil
}

// All runs programs one after the other until one fails.
func All(ctx context.Context, commands [][]string) error {
	for _, command := range commands {
		if err := Quiet(ctx, command[0], command[1:]...); err != nil {
			return err
		}
	}
	return nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
