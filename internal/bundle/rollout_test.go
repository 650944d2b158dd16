package bundle

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"kubeops.io/kubeops/api/v1alpha1"
)

// members from texts of a name and what holds: u for updated, r for ready since an hour, n for ready now, f for failed.
func members(states ...string) (list []Member) {
	now := time.Unix(7200, 0)
	for _, state := range states {
		name, flags, _ := strings.Cut(state, ":")
		m := Member{Name: name, Labels: labels.Set{"stage": name[:1]}}
		m.Updated = strings.Contains(flags, "u")
		m.Ready = strings.ContainsAny(flags, "rn")
		m.Failed = strings.Contains(flags, "f")
		m.ReadySince = now
		if strings.Contains(flags, "r") {
			m.ReadySince = now.Add(-time.Hour)
		}
		list = append(list, m)
	}
	return list
}

func TestAWaveBeginsWhenTheOneBeforeIsReadyAndStable(t *testing.T) {
	canary := &v1alpha1.ClusterTargets{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"stage": "c"}}}
	two := &v1alpha1.BundleRollout{
		Waves:     []v1alpha1.BundleWave{{Clusters: canary}, {Percentage: 50, MaxUnavailable: 1}},
		StableFor: &metav1.Duration{Duration: time.Minute},
	}
	for name, tc := range map[string]struct {
		members []Member
		begun   string
		wave    string
		paused  string
		wait    time.Duration
	}{
		"a new revision":            {members("c1", "p1", "p2", "p3"), "c1", "1/3", "", 0},
		"the canary is not ready":   {members("c1:u", "p1", "p2", "p3"), "c1", "1/3", "", 0},
		"the canary failed":         {members("c1:uf", "p1", "p2", "p3"), "c1", "1/3", "c1", 0},
		"an older revision failed":  {members("c1:f", "p1", "p2", "p3"), "c1", "1/3", "", 0},
		"the canary is not stable":  {members("c1:un", "p1", "p2", "p3"), "c1", "1/3", "", time.Minute},
		"the canary is stable":      {members("c1:ur", "p1", "p2", "p3"), "c1 p1 p2", "2/3", "", 0},
		"one of two is unreachable": {members("c1:ur", "p1:ur", "p2", "p3"), "c1 p1 p2 p3", "3/3", "", 0},
		"one of two failed":         {members("c1:ur", "p1:ur", "p2:uf", "p3"), "c1 p1 p2", "2/3", "p2", 0},
		"all are ready":             {members("c1:ur", "p1:ur", "p2:ur", "p3:ur"), "c1 p1 p2 p3", "3/3", "", 0},
		"a canary fails afterwards, and what was updated goes on": {members("c1:uf", "p1:ur", "p2", "p3:u"), "c1 p1 p3", "1/3", "c1", 0},
		"one cluster":   {members("p1"), "p1", "1/1", "", 0},
		"only canaries": {members("c1", "c2"), "c1 c2", "1/1", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Advance(two, tc.members, time.Unix(7200, 0))
			if err != nil {
				t.Fatal(err)
			}
			begun := slices.DeleteFunc(slices.Sorted(maps.Keys(got.Begun)), func(name string) bool { return !got.Begun[name] })
			if strings.Join(begun, " ") != tc.begun || fmt.Sprintf("%d/%d", got.Wave, got.Waves) != tc.wave || got.Paused != tc.paused ||
				got.Wait != tc.wait {
				t.Errorf("%+v", got)
			}
			if got.Complete != (name == "all are ready") {
				t.Errorf("complete is %v", got.Complete)
			}
		})
	}
}

func TestAPercentageOfFewClustersIsNeitherNoneNorAll(t *testing.T) {
	for _, tc := range [][3]int{{1, 1, 1}, {1, 3, 1}, {99, 3, 2}, {50, 3, 2}, {100, 3, 3}, {10, 200, 20}, {1, 256, 3}} {
		if got := share(tc[0], tc[1]); got != tc[2] {
			t.Errorf("%d%% of %d: got %d, want %d", tc[0], tc[1], got, tc[2])
		}
	}
}
