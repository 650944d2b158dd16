package build

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
)

// sources returns the files that determine the build. The checksums in go.sum cover the code of all dependencies.
func sources(module string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(module, "cmd", "kube", "*.go"))
	if err != nil {
		return nil, err
	}
	sort.Strings(files)
	return append(files, filepath.Join(module, "go.mod"), filepath.Join(module, "go.sum")), nil
}

// stamp returns a checksum of the sources and of everything else that determines the result: the command, the Go version, the
// system. It ignores file times, since a fresh checkout changes them.
func stamp(module string, conditions ...string) (string, error) {
	files, err := sources(module)
	if err != nil {
		return "", err
	}
	var all bytes.Buffer
	for _, c := range conditions {
		all.WriteString(strconv.Quote(c) + "\n")
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		all.WriteString(filepath.Base(file) + " " + strconv.Quote(string(content)) + "\n")
	}
	sum := sha256.Sum256(all.Bytes())
	return hex.EncodeToString(sum[:]), nil
}

// version reads the version of Kubernetes from go.mod, the only place that defines it.
func version(gomod []byte) (full, major, minor string, err error) {
	found := regexp.MustCompile(`(?m)^\s*k8s\.io/kubernetes (v(\d+)\.(\d+)\.\d+\S*)`).FindSubmatch(gomod)
	if found == nil {
		return "", "", "", fmt.Errorf("go.mod does not require k8s.io/kubernetes")
	}
	return string(found[1]), string(found[2]), string(found[3]), nil
}
