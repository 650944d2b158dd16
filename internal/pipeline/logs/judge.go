package logs

import (
	"fmt"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/loganalysis"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/text"
)

// maxShown templates of a diagnosis, each with an example.
const maxShown = 9

// selection of Pods by the workloads of a stage; nil selects all.
func selection(workloads []v1alpha1.WorkloadReference) func(namespace, pod string) bool {
	if len(workloads) == 0 {
		return nil
	}
	return func(namespace, pod string) bool {
		for _, w := range workloads {
			kind := facts.Kind(w.Kind)
			if w.Kind == "Rollout" { // names its Pods as a Deployment does
				kind = facts.Deployment
			}
			if w.Namespace == namespace && facts.PodOf(kind, w.Name, pod) {
				return true
			}
		}
		return false
	}
}

// judge what a comparison found.
func judge(attempt pipeline.Attempt, found *loganalysis.NewErrors) pipeline.Observation {
	count := found.Count()
	ended := !attempt.Now.Before(windowEnd(attempt).Add(v1alpha1.LogDelay))
	missing := missingData(attempt, found)
	switch {
	case missing == "" && count > 0:
		return pipeline.Observation{
			State: pipeline.Failed, Reason: v1alpha1.ReasonNewErrors, Diagnosis: describe(found),
			Message: fmt.Sprintf("%s in %s since %s, not logged in the %s before; the diagnosis has the templates",
				text.Count(count, "new error"), text.Count(len(found.Workloads), "workload"),
				deployed(attempt).UTC().Format(time.RFC3339), attempt.Stage.Logs.Before()),
		}
	case !ended:
		next := attempt.Now.Add(pause(attempt))
		if last := windowEnd(attempt).Add(v1alpha1.LogDelay); next.After(last) {
			next = last
		}
		return watching(attempt, next, "no new errors so far")
	case missing != "" && attempt.Stage.Logs.NoData == v1alpha1.NoDataWait:
		next := attempt.Now.Add(pause(attempt))
		return pipeline.Observation{
			Handle: encode(next), Reason: v1alpha1.ReasonNoData, Message: missing, After: next.Sub(attempt.Now),
		}
	case missing != "":
		return pipeline.Observation{State: pipeline.Failed, Reason: v1alpha1.ReasonNoData, Message: missing}
	}
	return pipeline.Observation{
		State: pipeline.Succeeded, Message: "no new errors" + coverage(found), Outputs: map[string]string{v1alpha1.OutputNewErrors: "0"},
	}
}

// missingData says what there is no data of; empty if there is data of both times.
func missingData(attempt pipeline.Attempt, found *loganalysis.NewErrors) string {
	since := deployed(attempt).UTC().Format(time.RFC3339)
	switch {
	case found.BaselineLines == 0:
		return fmt.Sprintf("the LogBackend has no lines of the stage in the %s before %s to compare with; raise logs.baseline, or set "+
			"logs.noData: Approve for a first deployment", attempt.Stage.Logs.Before(), baselineEnd(attempt).UTC().Format(time.RFC3339))
	case found.Lines == 0:
		return fmt.Sprintf("the LogBackend has no lines of the stage since %s; check that the log collector runs, and logs.namespaces and "+
			"logs.workloads", since)
	case found.Covered < minCovered || found.BaselineCovered < minCovered:
		return "less than 5 % of the lines were read; raise logs.maxLines, or set logs.workloads"
	case found.Current == 0 && found.Count() == 0:
		return fmt.Sprintf("the LogBackend has no lines since the stage started at %s, and those since %s are of Pods that logged before "+
			"the deployment; check that the log collector runs", attempt.Started.UTC().Format(time.RFC3339), since)
	}
	return ""
}

// coverage says how much was read, if not all.
func coverage(found *loganalysis.NewErrors) string {
	const percent = 100
	if found.Covered >= 1 && found.BaselineCovered >= 1 {
		return ""
	}
	return fmt.Sprintf("; of the lines since the deployment %.0f %% were read, and of those before %.0f %% (logs.maxLines), so that rare "+
		"errors may be missed", percent*found.Covered, percent*found.BaselineCovered)
}

// describe the new errors, the most severe first.
func describe(found *loganalysis.NewErrors) []string {
	var lines []string
	shown := 0
	for i := range found.Workloads {
		w := &found.Workloads[i]
		for _, t := range w.New {
			if shown == maxShown {
				break
			}
			shown++
			lines = append(lines, fmt.Sprintf("%s/%s: %dx %s", w.Workload.Namespace, w.Workload.Name, t.Count, oneLine(t.Text)))
			if len(t.Examples) > 0 {
				lines = append(lines, "  example: "+oneLine(t.Examples[0]))
			}
		}
	}
	if more := found.Count() - shown; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return lines
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
