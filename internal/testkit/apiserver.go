package testkit

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// APIServer starts a real API server with etcd and the project's CRDs for one test and its subtests, and stops it when
// they are done. It takes some seconds: let many subtests share it. The configuration is a cluster administrator's.
func APIServer(t testing.TB) *rest.Config {
	t.Helper()
	config, stop, err := StartAPIServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("stop the API server: %v", err)
		}
	})
	return config
}

// StartAPIServer starts a real API server with etcd and the project's CRDs, for the tests of one package: call it from
// TestMain, and stop when they are done. The programs are those of the local cluster (`make kube` builds them). Flags of the
// API server are added as NAME=VALUE.
func StartAPIServer(flags ...string) (config *rest.Config, stop func() error, err error) {
	root, err := repositoryRoot()
	if err != nil {
		return nil, nil, err
	}
	assets, err := kubeAssets(root)
	if err != nil {
		return nil, nil, err
	}
	environment := &envtest.Environment{
		BinaryAssetsDirectory: assets,
		CRDDirectoryPaths:     []string{filepath.Join(root, "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
		// The default of 20 s is too short for a busy machine.
		ControlPlaneStartTimeout: 2 * time.Minute, ControlPlaneStopTimeout: time.Minute,
	}
	environment.ControlPlane.GetAPIServer().Configure().Set("authorization-mode", "RBAC")
	for _, flag := range flags {
		name, value, _ := strings.Cut(flag, "=")
		environment.ControlPlane.GetAPIServer().Configure().Set(name, value)
	}
	config, err = environment.Start()
	if err != nil {
		return nil, nil, fmt.Errorf("start the API server: %w", err)
	}
	config.QPS = -1
	return config, environment.Stop, nil
}

// repositoryRoot is the folder above the working directory that holds go.mod.
func repositoryRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no go.mod above the working directory")
		}
		dir = parent
	}
}

// kubeAssets is the folder with etcd and kube-apiserver: $KUBEBUILDER_ASSETS, or the newest that `make kube` built.
func kubeAssets(root string) (string, error) {
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		return dir, nil
	}
	found, err := filepath.Glob(filepath.Join(root, "bin", "kube", "*", "kube-apiserver"))
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", fmt.Errorf("no kube-apiserver under bin/kube: run `make kube` first (it builds Kubernetes once)")
	}
	newest := slices.MaxFunc(found, func(a, b string) int {
		return compareVersions(filepath.Base(filepath.Dir(a)), filepath.Base(filepath.Dir(b)))
	})
	return filepath.Dir(newest), nil
}

// compareVersions orders folders by the version they are named after; other names come before all versions.
func compareVersions(a, b string) int {
	left, err := version.ParseSemantic(a)
	if err != nil {
		return -1
	}
	if c, err := left.Compare(b); err == nil {
		return c
	}
	return 1
}
