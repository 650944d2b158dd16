package clusters

import (
	"strings"
	"testing"
)

func TestVariablesOfAClusterAreReplaced(t *testing.T) {
	labels := map[string]string{"region": "eu", "example.com/zone": "a"}
	for _, tc := range []struct{ value, want, problem string }{
		{"prod", "prod", ""},
		{"$(cluster.name)", "east", ""},
		{"$(cluster.labels.region)-$(cluster.labels.example.com/zone)-$(cluster.name)!", "eu-a-east!", ""},
		{"$(POD) $$(cluster.name)", "$(POD) $(cluster.name)", ""},
		{"$(cluster.labels.none)", "", "which ManagedCluster east does not have"},
		{"$(cluster.uid)", "", "is not one of"},
		{"$(cluster.name", "", "is not one of"},
	} {
		got, err := Expand(tc.value, "east", labels)
		if got != tc.want || (err == nil) != (tc.problem == "") || err != nil && !strings.Contains(err.Error(), tc.problem) {
			t.Errorf("%q: got %q, %v", tc.value, got, err)
		}
	}
}
