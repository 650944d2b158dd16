package inspect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts/origin"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/manifests"
	"kubeops.io/kubeops/internal/inspect/report"
)

// ManifestsInput is the input of an inspection of manifests.
type ManifestsInput struct {
	// Read is the content of the files.
	Read *manifests.Manifests
	// Checks to run; those that do not apply to manifests are skipped.
	Checks []check.Check
	Params check.Params
	// Ignore hides findings. ExcludeNamespaces are names or globs of namespaces to exclude.
	Ignore            []v1alpha1.IgnoreRule
	ExcludeNamespaces []string
	// Bounds of the report; see Input.
	Bounds report.Bounds
	// Clock and Start, the time at which reading began, are required.
	Clock clock.PassiveClock
	Start time.Time
	// Redact replaces secrets in the texts of the report. Required.
	Redact func(text string) string
}

// Manifests inspects manifests: checks, causes, report. It contacts no cluster. The first evidence of each finding is the file and
// line of its object.
func Manifests(in ManifestsInput) *v1alpha1.InspectionReport {
	selected := slices.DeleteFunc(slices.Clone(in.Checks), func(c check.Check) bool { return c.OnFiles() == nil })
	findings, ran, failed := check.RunOnManifests(in.Read.Graph, selected, in.Params)
	for i := range findings {
		findings[i].Logs = nil
		if !hasLocation(findings[i]) { // else it is about a line within the object, which its text names
			setSource(in.Read, append([]facts.Ref{findings[i].Object}, findings[i].Culprits...))
		}
		location, ok := locate(in.Read, findings[i])
		if ok && !hasLocation(findings[i]) {
			findings[i].Evidence = slices.Insert(slices.Clone(findings[i].Evidence), 0, location)
		}
	}
	result := report.New(report.Input{
		Graph: in.Read.Graph, Findings: causes.Link(in.Read.Graph, selected, findings), Gaps: slices.Concat(in.Read.Gaps, failed),
		Checks: selected, ChecksRun: ran,
		Ignore: in.Ignore, ExcludeNamespaces: in.ExcludeNamespaces,
		Start: in.Start, Duration: in.Clock.Since(in.Start),
		Bounds: in.Bounds,
		Redact: in.Redact,
	})
	result.Summary.Objects = int32(min(in.Read.Objects, 1<<30)) //nolint:gosec // bounded by min
	for i := range result.Findings {
		if version := in.Read.APIVersion(result.Findings[i].Object); version != "" {
			result.Findings[i].Object.APIVersion = version
		}
	}
	return result
}

// setSource notes the files of objects as their source, so that remedies name the file and line to change instead of a command whose
// effect the next deployment would undo. A chart or a GitOps tool that the objects name stays their source.
func setSource(read *manifests.Manifests, objects []facts.Ref) {
	for _, object := range objects {
		meta := read.Graph.MetaOf(object)
		if meta == nil || meta.Origin != nil {
			continue
		}
		if file, line, ok := read.Locate(object.APIObject()); ok {
			meta.Origin = &origin.Origin{Tool: origin.File, Name: fmt.Sprintf("%s:%d", file, line)}
		}
	}
}

// FilePrefix is the prefix of evidence that names the file and line of an object.
const FilePrefix = "file: "

// hasLocation reports whether the check itself added the file and line of the object.
func hasLocation(f check.Finding) bool {
	return len(f.Evidence) > 0 && f.Evidence[0].Source == v1alpha1.EvidenceSpec && strings.HasPrefix(f.Evidence[0].Text, FilePrefix)
}

func locate(read *manifests.Manifests, f check.Finding) (check.Evidence, bool) {
	file, line, ok := read.Locate(f.Object.APIObject())
	return check.Evidence{Source: v1alpha1.EvidenceSpec, Text: fmt.Sprintf("%s%s:%d", FilePrefix, file, line)}, ok
}
