package pipeline

import (
	"fmt"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
)

// checkSources refuses stages that read the build of a stage which does not end before, or has none.
func (p *Plan) checkSources() error {
	for _, stage := range All(p.spec) {
		name := stage.Source()
		if name == "" {
			continue
		}
		source := p.stages[name]
		field := "stage " + stage.Name + ": quality.sarif.stage"
		switch {
		case source == nil:
			return invalid("%s: stage %q does not exist%s", field, name, suggestion(stageNames(p.spec.Stages), name))
		case source.Type != v1alpha1.StageBuild:
			return invalid("%s: stage %s is of type %s, and has no artifacts; name a stage of type build", field, name, source.Type)
		case p.final[name]:
			return invalid("%s: stages of finally cannot be used", field)
		case !slices.Contains(p.before[stage.Name], name):
			return invalid("%s: stage %s may not have ended when stage %s starts; add %s to after of stage %s", field, name, stage.Name,
				name, stage.Name)
		}
	}
	return nil
}

// source is the work that a stage reads; nil for one that reads none.
func (p *Plan) source(stage *v1alpha1.PipelineStage, status *v1alpha1.PipelineRunStatus) *Source {
	name := stage.Source()
	if name == "" {
		return nil
	}
	source := &Source{Stage: p.stages[name]}
	if s := status.Stage(name); s != nil {
		source.Handle = s.Handle
		source.URL = s.ExternalURL
	}
	return source
}

// sourced reports whether the work exists that a stage reads. If it does not, the stage was skipped.
func (p *pass) sourced(s *v1alpha1.StageStatus) bool {
	source := p.plan.source(p.plan.stages[s.Name], p.status)
	if source == nil || source.Handle != "" {
		return true
	}
	p.end(s, v1alpha1.StageSkipped, v1alpha1.ReasonOutputNotAvailable,
		fmt.Sprintf("stage %s has no build whose artifacts could be read", source.Stage.Name))
	return false
}
