package place

import (
	"slices"
	"strings"
	"testing"
)

func TestNewChecks(t *testing.T) {
	long := Root("/" + strings.Repeat("x", 80))
	tests := []struct {
		name    string
		root    Root
		cluster string
		wantErr bool
	}{
		{"usual", "/src/bin", "kubeops", false},
		{"dashes and digits", "/src/bin", "e2e-2", false},
		{"empty", "/src/bin", "", true},
		{"upper case", "/src/bin", "Dev", true},
		{"a path", "/src/bin", "../x", true},
		{"ends in a dash", "/src/bin", "x-", true},
		{"long name", "/src/bin", strings.Repeat("x", 31), true},
		{"no root", "", "x", true},
		{"deep root", long, "x", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := New(test.root, test.cluster); (err != nil) != test.wantErr {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestNamesDifferByRootAndFit(t *testing.T) {
	a, b := Cluster{"/one/bin", "dev"}, Cluster{"/two/bin", "dev"}
	for _, pair := range [][2]string{{a.Namespace(), b.Namespace()}, {a.Interface(), b.Interface()}, {a.Cgroup(), b.Cgroup()}} {
		if pair[0] == pair[1] {
			t.Errorf("both %s", pair[0])
		}
	}
	const longestInterface = 15
	if len(a.Interface()) > longestInterface {
		t.Errorf("the interface's name %s is too long", a.Interface())
	}
}

func TestNodeMounts(t *testing.T) {
	usual := Cluster{"/src/bin", "dev"}.NodeMounts()
	want := []Mount{
		{Source: "/src/bin/clusters/dev/node/run", Target: "/run"},
		{Source: "/src/bin/clusters/dev/node/lib", Target: "/var/lib"},
		{Source: "/src/bin/clusters/dev/node/log", Target: "/var/log"},
	}
	if !slices.Equal(usual, want) {
		t.Errorf("got %v", usual)
	}
	hidden := Cluster{"/var/lib/ci/bin", "dev"}.NodeMounts()
	want = []Mount{
		{Source: "/var/lib/ci/bin", Target: "/var/lib/ci/bin/clusters/dev/node/lib/ci/bin"},
		{Source: "/var/lib/ci/bin/clusters/dev/node/run", Target: "/run"},
		{Source: "/var/lib/ci/bin/clusters/dev/node/lib", Target: "/var/lib", Recursive: true},
		{Source: "/var/lib/ci/bin/clusters/dev/node/log", Target: "/var/log"},
	}
	if !slices.Equal(hidden, want) {
		t.Errorf("got %v", hidden)
	}
}
