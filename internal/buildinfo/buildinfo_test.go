package buildinfo

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestABuildIsIdentifiedByWhatItRecorded(t *testing.T) {
	commit := []debug.BuildSetting{{Key: "vcs.revision", Value: "0123abc"}, {Key: "vcs.modified", Value: "true"}}
	for name, tc := range map[string]struct {
		recorded debug.BuildInfo
		release  string
		revision string
		want     []string
	}{
		"release from an archive": {debug.BuildInfo{}, "v1.2.3", "", []string{"v1.2.3 (commit unknown, go"}},
		"release with its commit": {debug.BuildInfo{}, "v1.2.3", "0123abc", []string{"v1.2.3 (commit 0123abc, go"}},
		"a release wins over the module's version": {
			debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, "v1.2.3", "", []string{"v1.2.3 (commit unknown"},
		},
		"checkout with changes": {
			debug.BuildInfo{Main: debug.Module{Version: "v0.0.1-0.20260101000000-0123abc+dirty"}, Settings: commit}, "", "",
			[]string{"v0.0.1-0.20260101000000-0123abc+dirty (commit 0123abc with uncommitted changes, go"},
		},
		"nothing recorded": {debug.BuildInfo{}, "", "", []string{"unknown (commit unknown, go"}},
	} {
		t.Run(name, func(t *testing.T) {
			line := read(&tc.recorded, tc.release, tc.revision).String()
			for _, want := range tc.want {
				if !strings.Contains(line, want) {
					t.Errorf("%q does not contain %q", line, want)
				}
			}
		})
	}
}
