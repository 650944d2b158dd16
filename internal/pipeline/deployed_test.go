package pipeline

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestWhenADeploymentBegan(t *testing.T) {
	noon := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	// ran is a stage whose first and last attempts started some minutes after noon; a negative first is not recorded.
	ran := func(name string, of v1alpha1.StageType, first, last int) v1alpha1.StageStatus {
		s := v1alpha1.StageStatus{Name: name, Type: of, StartTime: &metav1.Time{Time: noon.Add(time.Duration(last) * time.Minute)}}
		if first >= 0 {
			s.FirstStartTime = &metav1.Time{Time: noon.Add(time.Duration(first) * time.Minute)}
		}
		return s
	}
	for name, tc := range map[string]struct {
		stages []v1alpha1.StageStatus
		// minutes after noon; negative if there is none.
		current, first int
	}{
		"nothing is deployed": {stages: []v1alpha1.StageStatus{ran("b", v1alpha1.StageBuild, 1, 1)}, current: -1, first: -1},
		"a deployment that has not started": {
			stages: []v1alpha1.StageStatus{{Name: "a", Type: v1alpha1.StageDeploy}}, current: -1, first: -1,
		},
		"one attempt": {stages: []v1alpha1.StageStatus{ran("a", v1alpha1.StageDeploy, 5, 5)}, current: 5, first: 5},
		"the second attempt of a deployment, after the commit": {
			stages: []v1alpha1.StageStatus{ran("a", v1alpha1.StageCommit, 1, 19), ran("b", v1alpha1.StageDeploy, 5, 20)}, current: 20, first: 5,
		},
		"two deployments, of which the later one was repeated": {
			stages: []v1alpha1.StageStatus{ran("a", v1alpha1.StageDeploy, 5, 5), ran("b", v1alpha1.StageBundle, 7, 20)}, current: 5, first: 5,
		},
		"two deployments, of which the earlier one was repeated": {
			stages: []v1alpha1.StageStatus{ran("a", v1alpha1.StageDeploy, 5, 20), ran("b", v1alpha1.StageDeploy, 7, 7)}, current: 7, first: 5,
		},
		"commits only": {
			stages: []v1alpha1.StageStatus{ran("a", v1alpha1.StageCommit, 3, 9), ran("b", v1alpha1.StageCommit, 4, 4)}, current: 4, first: 3,
		},
		"a status from before the first attempt was recorded": {
			stages: []v1alpha1.StageStatus{ran("a", v1alpha1.StageDeploy, -1, 5)}, current: 5, first: 5,
		},
		"a deployment that this stage does not follow": {
			stages: []v1alpha1.StageStatus{ran("a", v1alpha1.StageDeploy, 5, 5), ran("other", v1alpha1.StageDeploy, 1, 1)}, current: 5, first: 5,
		},
	} {
		t.Run(name, func(t *testing.T) {
			current, first := deployed(&v1alpha1.PipelineRunStatus{Stages: tc.stages}, []string{"a", "b", "missing"})
			for _, part := range []struct {
				what string
				got  time.Time
				want int
			}{{"current", current, tc.current}, {"first", first, tc.first}} {
				want := time.Time{}
				if part.want >= 0 {
					want = noon.Add(time.Duration(part.want) * time.Minute)
				}
				if !part.got.Equal(want) {
					t.Errorf("%s is %s, want %s", part.what, part.got, want)
				}
			}
		})
	}
}
