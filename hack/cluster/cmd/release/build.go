package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// binary is a program compiled for a platform.
type binary struct{ program, platform, path string }

func (b binary) system() string {
	system, _, _ := strings.Cut(b.platform, "/")
	return system
}

// name of its file.
func (b binary) name() string {
	if b.system() == "windows" {
		return b.program + ".exe"
	}
	return b.program
}

func (b binary) architecture() string {
	_, architecture, _ := strings.Cut(b.platform, "/")
	return architecture
}

// imagePlatforms are those that an image can be built for.
func imagePlatforms() []string { return []string{"linux/amd64", "linux/arm64"} }

// commandPlatforms of the command line.
func commandPlatforms() []string {
	return []string{"darwin/amd64", "darwin/arm64", "linux/amd64", "linux/arm64", "windows/amd64", "windows/arm64"}
}

// validator is the program that `kubeops inspect -f` runs for the rules of an API server. It is a module of its own.
const validator = "kubeops-validator"

// build compiles a program for a platform, once.
func (r *release) build(ctx context.Context, program, platform string) (binary, error) {
	for _, b := range r.binaries[program] {
		if b.platform == platform {
			return b, nil
		}
	}
	b := binary{program: program, platform: platform}
	b.path = filepath.Join(r.work, b.system()+"_"+b.architecture(), b.name())
	if err := os.MkdirAll(filepath.Dir(b.path), 0o755); err != nil {
		return b, err
	}
	const info = "kubeops.io/kubeops/internal/buildinfo."
	// The version and the commit are set, and not those of the repository, so that an archive of the sources gives the same program.
	flags := fmt.Sprintf("-s -w -buildid= -X %srelease=%s -X %srevision=%s", info, r.version, info, r.commit)
	folder := r.repository
	source := "./cmd/" + program
	if program == validator {
		folder = filepath.Join(r.repository, "validator")
		source = "."
	}
	// What else changes a program is not that of who builds it: a program for GOAMD64=v3 does not start on every node.
	environment := []string{
		"CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=", "GOFIPS140=off", "GOAMD64=v1", "GOARM64=v8.0",
		"GOOS=" + b.system(), "GOARCH=" + b.architecture(),
	}
	_, err := command(ctx, folder, environment, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", b.path, source)
	if err != nil {
		return b, err
	}
	r.binaries[program] = append(r.binaries[program], b)
	return b, nil
}

// command runs a program in a folder with further variables of the environment, and returns its standard output.
func command(ctx context.Context, folder string, environment []string, name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	process := exec.CommandContext(ctx, name, args...)
	process.Dir = folder
	process.Env = append(os.Environ(), environment...)
	process.Stdout = &stdout
	process.Stderr = &stderr
	if err := process.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
