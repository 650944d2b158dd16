// Package validator asks kubeops-validator what an API server would refuse. That program has Kubernetes' own validation code, which would
// cost each command 30 MB of memory; only the inspection of files needs it.
package validator

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
)

const (
	// program that is looked for.
	program = "kubeops-validator"
	// maxAnswer and maxObject are limits in bytes.
	maxAnswer, maxObject = 1 << 20, 32 << 20
	// grace is how long the program may take to end after its input ended, before it is killed.
	grace = 5 * time.Second
)

// ErrNotInstalled means that the program is neither beside the running one nor in the search path.
var ErrNotInstalled = errors.New(program + " is neither beside this program nor in PATH")

// Answer about an object.
type Answer struct {
	// Known is false for kinds that cannot be judged: those of CustomResourceDefinitions that were not read, for example.
	Known bool `json:"known"`
	// Refusals of the API server; none if it would take the object.
	Refusals []Refusal `json:"refusals"`
	// Failure is why an object of a known kind could not be judged. Empty for none.
	Failure string `json:"failure"`
}

// Refusal is a reason why an API server refuses an object, in its words. Field is a path such as spec.ports[0].port.
type Refusal struct {
	Field string `json:"field"`
	Text  string `json:"text"`
}

// Program is a running validator. It is not safe for concurrent use.
type Program struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	stderr  bytes.Buffer
	// failed is the first error; nothing is asked after it.
	failed error
}

// Find returns the path of the program. The error is ErrNotInstalled if there is none.
func Find() (string, error) {
	name := program
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if own, err := os.Executable(); err == nil {
		if own, err = filepath.EvalSymlinks(own); err == nil {
			beside := filepath.Join(filepath.Dir(own), name)
			if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
				return beside, nil
			}
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", ErrNotInstalled
	}
	return path, nil
}

// Start runs the program at a path. It judges as version 1.minor of Kubernetes does, as far as its features tell. It ends with ctx, or by
// Close.
func Start(ctx context.Context, path string, minor int) (*Program, error) {
	p := &Program{command: exec.CommandContext(ctx, path, "-minor", strconv.Itoa(minor))}
	p.command.Stderr = &limited{to: &p.stderr, left: 4 << 10}
	p.command.WaitDelay = grace
	in, err := p.command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	p.in = in
	p.out = bufio.NewReaderSize(out, maxAnswer)
	return p, nil
}

// Judge an object in JSON. One without a namespace is judged in the given one. A CustomResourceDefinition is remembered for the custom
// resources after it. After an error all later calls fail.
func (p *Program) Judge(namespace string, object []byte) (answer Answer, err error) {
	if p.failed != nil {
		return answer, p.failed
	}
	if len(object) > maxObject {
		return Answer{Known: true, Failure: "the object is too large"}, nil
	}
	defer func() {
		if err != nil {
			err = p.fail(err)
		}
	}()
	request, err := json.Marshal(struct {
		Namespace string          `json:"namespace"`
		Object    json.RawMessage `json:"object"`
	}{namespace, object})
	if err != nil {
		return answer, err
	}
	if _, err := p.in.Write(append(request, '\n')); err != nil {
		return answer, err
	}
	line, err := p.out.ReadSlice('\n')
	if err != nil {
		return answer, err
	}
	err = json.Unmarshal(line, &answer)
	return answer, err
}

func (p *Program) fail(err error) error {
	_ = p.command.Process.Kill() // its answers are of no use any more
	_ = p.Close()
	if said := bytes.TrimSpace(p.stderr.Bytes()); len(said) > 0 {
		first, _, _ := bytes.Cut(said, []byte("\n"))
		err = fmt.Errorf("%w: %s", err, first)
	}
	p.failed = fmt.Errorf("ask %s: %w", program, err)
	return p.failed
}

// Close ends the program. One that does not end, for example because it waits until its answer is read, is killed.
func (p *Program) Close() error {
	_ = p.in.Close()
	kill := time.AfterFunc(grace, func() { _ = p.command.Process.Kill() })
	defer kill.Stop()
	return p.command.Wait()
}

// limited drops what exceeds a limit.
type limited struct {
	to   *bytes.Buffer
	left int
}

func (l *limited) Write(content []byte) (int, error) {
	kept := content[:min(len(content), l.left)]
	l.left -= len(kept)
	l.to.Write(kept)
	return len(content), nil
}
