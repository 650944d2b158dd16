package pipeline

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
)

func quality(name, source string, after ...string) v1alpha1.PipelineStage {
	return v1alpha1.PipelineStage{Name: name, Type: v1alpha1.StageQuality, After: after, Quality: &v1alpha1.QualityStage{
		SARIF: &v1alpha1.SARIFGate{Stage: source, Artifact: "a.sarif"},
	}}
}

func TestAReportIsThatOfAnEarlierBuild(t *testing.T) {
	t.Parallel()
	build := v1alpha1.PipelineStage{Name: "build", Type: v1alpha1.StageBuild, Build: &v1alpha1.BuildStage{Job: "shop"}}
	waits := v1alpha1.PipelineStage{Name: "pause", Type: v1alpha1.StageWait, After: []string{"build"}, Wait: &v1alpha1.WaitStage{}}
	late := build
	late.Name = "late"
	for name, tc := range map[string]struct {
		stages, finally []v1alpha1.PipelineStage
		says            string
	}{
		"a build before":        {stages: []v1alpha1.PipelineStage{build, quality("q", "build", "build")}},
		"a build further ahead": {stages: []v1alpha1.PipelineStage{build, waits, quality("q", "build", "pause")}},
		"in finally":            {stages: []v1alpha1.PipelineStage{build}, finally: []v1alpha1.PipelineStage{quality("q", "build")}},
		"a typo":                {stages: []v1alpha1.PipelineStage{build, quality("q", "buil", "build")}, says: `did you mean "build"?`},
		"another type":          {stages: []v1alpha1.PipelineStage{build, waits, quality("q", "pause", "pause")}, says: "is of type wait"},
		"at the same time":      {stages: []v1alpha1.PipelineStage{build, quality("q", "build")}, says: "add build to after of stage q"},
		"itself":                {stages: []v1alpha1.PipelineStage{quality("q", "q")}, says: "is of type quality"},
		"a build of finally":    {stages: []v1alpha1.PipelineStage{quality("q", "late")}, finally: []v1alpha1.PipelineStage{late}, says: "finally"},
	} {
		_, err := NewPlan(&v1alpha1.PipelineSpec{Stages: tc.stages, Finally: tc.finally})
		if (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: got %v, want %q", name, err, tc.says)
		}
	}
}
