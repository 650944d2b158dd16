package inspect

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/manifests"
	"kubeops.io/kubeops/internal/inspect/report"
)

// ManifestsInput is what an inspection of manifests needs.
type ManifestsInput struct {
	// Read is what stands in the files.
	Read *manifests.Manifests
	// Checks to run; those that cannot judge manifests are left out.
	Checks []check.Check
	Params check.Params
	// Ignore leaves findings out of the report; ExcludeNamespaces are names or globs of namespaces to leave out.
	Ignore            []v1alpha1.IgnoreRule
	ExcludeNamespaces []string
	// Bounds of what the report keeps; see Input.
	Bounds report.Bounds
	// Clock tells the time; Start is when the reading began.
	Clock clock.PassiveClock
	Start time.Time
	// Redact takes secrets out of the texts of the report. Required.
	Redact func(text string) string
}

// Manifests inspects what was read from files: checks, causes, report. Nothing is asked of any cluster. The first evidence
// of each finding says where its object stands.
func Manifests(in ManifestsInput) *v1alpha1.InspectionReport {
	able := slices.DeleteFunc(slices.Clone(in.Checks), func(c check.Check) bool { return c.OnFiles() == nil })
	findings, ran, failed := check.RunOnManifests(in.Read.Graph, able, in.Params)
	for i := range findings {
		findings[i].Logs = nil
		place, ok := placeOf(in.Read, findings[i])
		told := len(findings[i].Evidence) > 0 && findings[i].Evidence[0].Source == v1alpha1.EvidenceSpec && isPlace(findings[i].Evidence[0].Text)
		if ok && !told {
			findings[i].Evidence = slices.Insert(slices.Clone(findings[i].Evidence), 0, place)
		}
	}
	made := report.New(report.Input{
		Graph: in.Read.Graph, Findings: causes.Link(in.Read.Graph, able, findings), Gaps: slices.Concat(in.Read.Gaps, failed),
		Checks: able, ChecksRun: ran,
		Ignore: in.Ignore, ExcludeNamespaces: in.ExcludeNamespaces,
		Start: in.Start, Duration: in.Clock.Since(in.Start),
		Bounds: in.Bounds,
		Redact: in.Redact,
	})
	made.Summary.Objects = int32(min(in.Read.Objects, 1<<30)) //nolint:gosec // bounded just here
	for i := range made.Findings {
		if version := in.Read.APIVersion(made.Findings[i].Object); version != "" {
			made.Findings[i].Object.APIVersion = version
		}
	}
	return made
}

// filePrefix begins the evidence that says where an object stands.
const filePrefix = "file: "

func isPlace(text string) bool {
	return len(text) > len(filePrefix) && text[:len(filePrefix)] == filePrefix
}

func placeOf(read *manifests.Manifests, f check.Finding) (check.Evidence, bool) {
	file, line, ok := read.Locate(f.Object.APIObject())
	return check.Evidence{Source: v1alpha1.EvidenceSpec, Text: fmt.Sprintf("%s%s:%d", filePrefix, file, line)}, ok
}
