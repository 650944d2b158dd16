package main

import "testing"

func TestTheMemoryOfARunFollowsFromThatOfTheContainer(t *testing.T) {
	const mi = 1 << 20
	for name, tc := range map[string]struct {
		configured          string
		container, parallel int64
		want                int64
	}{
		"as the Deployment is shipped":            {"auto", 512 * mi, 2, 208 * mi},
		"one at a time":                           {"auto", 256 * mi, 1, 160 * mi},
		"a container that is too small for both":  {"auto", 256 * mi, 2, 128 * mi},
		"a container without a limit":             {"auto", 0, 2, 1024 * mi},
		"configured, whatever the container has":  {"512Mi", 256 * mi, 2, 512 * mi},
		"configured, without a container's limit": {"1Gi", 0, 2, 1024 * mi},
	} {
		if got := runMemory(tc.configured, tc.container, tc.parallel); got != tc.want {
			t.Errorf("%s: %d Mi, want %d Mi", name, got/mi, tc.want/mi)
		}
	}
}
