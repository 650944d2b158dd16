package images

import "testing"

func TestTheVersionOfVectorIsReadFromTheTag(t *testing.T) {
	for image, want := range map[string]int{
		Vector:                                   57,
		"timberio/vector:0.48.0-distroless-libc": 48,
		"registry.example.com:5000/mirror/vector:v0.52.0-alpine": 52,
		"vector:0.55":        55,
		"vector:0.55-debian": 55,
		"vector:0.55.1+build.7@sha256:0123456789abcdef":      55,
		"registry.example.com/vector:0.57.X-distroless-libc": 57,
		"timberio/vector":                           0,
		"timberio/vector:latest":                    0,
		"timberio/vector:latest-alpine":             0,
		"timberio/vector:nightly-2026-07-14-alpine": 0,
		"registry.example.com:5000/vector":          0,
		"registry.example.com:0.57/vector":          0,
		"vector@sha256:0123456789abcdef":            0,
		"vector:1.0.0":                              0,
		"vector:10.57.0":                            0,
		"vector:0.570000":                           0,
		"vector:0.":                                 0,
		"vector:":                                   0,
		"":                                          0,
		"registry.example.com/vector:0.57.0 registry.example.com/a:b": 0,
	} {
		got, ok := VectorOf(image)
		if got != want || ok != (want != 0) {
			t.Errorf("%q: got %d, %t, want %d", image, got, ok, want)
		}
	}
}

func TestTheDefaultImageIsInTheRange(t *testing.T) {
	if minor, ok := VectorOf(Vector); !ok || minor < OldestVector || minor > NewestVector {
		t.Errorf("%s has version %d of %d to %d", Vector, minor, OldestVector, NewestVector)
	}
}

func TestOnlyVariantsWithAShellHaveOne(t *testing.T) {
	for image, want := range map[string]bool{
		Vector: true, "vector:0.57.0-alpine": true, "vector:0.57.0-debian@sha256:0123": true,
		"vector:0.57.0-distroless-libc": false, "vector:0.57.0-distroless-static": false, "vector:0.57.0": false, "": false,
		"vector-debian:0.57.0": false,
	} {
		if got := HasShell(image); got != want {
			t.Errorf("%q: got %t", image, got)
		}
	}
}
