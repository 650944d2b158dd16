package runner

import (
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/loganalysis"
)

// logOptions say which lines are analysed, over the defaults of the stage; nil where none are.
func logOptions(spec *v1alpha1.LogAnalysis) *loganalysis.Options {
	if spec == nil {
		return nil
	}
	options := &loganalysis.Options{Namespaces: spec.Namespaces}
	if spec.Window != nil {
		options.Window = spec.Window.Duration
	}
	if spec.Baseline != nil {
		options.Baseline = spec.Baseline.Duration
	}
	if spec.MaxLines != nil {
		options.MaxLines = int(*spec.MaxLines)
	}
	return options
}
