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

// build compiles cmd/PROGRAM for a platform, once.
func (r *release) build(ctx context.Context, program, platform string) (binary, error) {
	for _, b := range r.binaries[program] {
		if b.platform == platform {
			return b, nil
		}
	}
	b := binary{program: program, platform: platform}
	name := program
	if b.system() == "windows" {
		name += ".exe"
	}
	b.path = filepath.Join(r.work, b.system()+"_"+b.architecture(), name)
	if err := os.MkdirAll(filepath.Dir(b.path), 0o755); err != nil {
		return b, err
	}
	const info = "kubeops.io/kubeops/internal/buildinfo."
	// The version and the commit are set, and not those of the repository, so that an archive of the sources gives the same program.
	flags := fmt.Sprintf("-s -w -buildid= -X %srelease=%s -X %srevision=%s", info, r.version, info, r.commit)
	environment := []string{"CGO_ENABLED=0", "GOFLAGS=", "GOOS=" + b.system(), "GOARCH=" + b.architecture()}
	_, err := command(ctx, r.repository, environment,
		"go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", b.path, "./cmd/"+program)
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
