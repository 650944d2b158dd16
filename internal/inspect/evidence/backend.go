package evidence

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/logs"
)

const (
	// windowBefore and windowAfter bound the search around the end of a container: it logs its failure shortly before, and the
	// backend may receive the line a little later.
	windowBefore = 15 * time.Minute
	windowAfter  = 2 * time.Minute
	// maxDeletedPods of one workload are searched at once.
	maxDeletedPods = 10
	// maxSearches in one run, for the worst findings first.
	maxSearches = 20
	// searchTimeout of the queries for one finding.
	searchTimeout = 15 * time.Second
)

// ReadBackendLogs reads log lines that the cluster no longer has, of deleted Pods and rotated logs, from a log backend. It fills in
// those entries of lines that are still empty, within maxSearches, if the filter admits their Pods. Failed searches are one gap. A nil
// backend is allowed.
func ReadBackendLogs(
	ctx context.Context, backend logs.Provider, filter *scope.Filter, requests []Request, lines []Lines, now time.Time,
) []facts.Gap {
	if backend == nil {
		return nil
	}
	var failed []Request
	var lastErr error
	remaining := maxSearches
	for i, request := range requests {
		if lines[i].Text != "" || remaining <= 0 || !filter.Reads(request.Namespace) {
			continue
		}
		if p := problem.As(lastErr); p != nil && p.Reason == v1alpha1.ReasonTimeout {
			failed = append(failed, request) // do not wait for a backend that hangs more than once
			continue
		}
		remaining--
		text, err := searchLines(ctx, backend, request.LogRef, now)
		if err != nil {
			failed = append(failed, request)
			lastErr = err
			continue
		}
		lines[i].Text = text
	}
	if len(failed) == 0 {
		return nil
	}
	return []facts.Gap{backendGap(failed, lastErr)}
}

func backendGap(failed []Request, err error) facts.Gap {
	message := "Cannot read the log lines of deleted Pods from the log backend; the findings lack them."
	if p := problem.As(err); p != nil {
		message = fmt.Sprintf("Cannot read the log lines of deleted Pods from the log backend; the findings lack them: %s.", p.Message)
	}
	gap := newGap(v1alpha1.GapUnavailable, failed, message,
		"Check the conditions of the LogBackend in spec.logsRef or, on the command line, the address in --logs-url.")
	gap.Source = "log backend"
	gap.Optional = false // the run names the backend
	return gap
}

// searchLines reads the last lines of a container before it ended.
func searchLines(ctx context.Context, backend logs.Provider, ref check.LogRef, now time.Time) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, searchTimeout)
	defer cancel()
	ended := ref.Ended
	if ended.IsZero() || ended.After(now) {
		ended = now
	}
	query := logs.Query{
		Start: ended.Add(-windowBefore), End: ended.Add(windowAfter), Limit: tailLines, Backward: true,
		Labels: map[string]string{logs.LabelNamespace: ref.Namespace},
	}
	if ref.Container != "" {
		query.Labels[logs.LabelContainer] = ref.Container
	}
	if ref.Pod != "" {
		query.Labels[logs.LabelPod] = ref.Pod
	} else {
		pods, err := deletedPods(ctx, backend, query, ref.PodPrefix)
		if err != nil || len(pods) == 0 {
			return "", err
		}
		query.AnyOf = map[string][]string{logs.LabelPod: pods}
	}
	page, err := backend.Search(ctx, query)
	if err != nil {
		return "", err
	}
	entries := slices.DeleteFunc(page.Entries, func(entry logs.Entry) bool { return !answers(query, entry) })
	if len(entries) == 0 {
		return "", nil
	}
	return quoteNewestPod(entries), nil
}

// answers reports whether a line has the labels that a query selects. A backend that ignores them returns lines of others.
func answers(query logs.Query, entry logs.Entry) bool {
	for name, value := range query.Labels {
		if entry.Labels[name] != value {
			return false
		}
	}
	for name, values := range query.AnyOf {
		if !slices.Contains(values, entry.Labels[name]) {
			return false
		}
	}
	return true
}

// deletedPods lists the names of a Job's Pods from the labels of the log backend, since the cluster no longer has those Pods.
func deletedPods(ctx context.Context, backend logs.Provider, query logs.Query, prefix string) ([]string, error) {
	lister, ok := backend.(logs.LabelLister)
	if !ok || prefix == "" {
		return nil, nil
	}
	const maxNames = 5000
	names, err := lister.LabelValues(ctx, logs.LabelPod, query, maxNames)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !isPodOfJob(name, prefix) })
	slices.Sort(names)
	return names[:min(len(names), maxDeletedPods)], nil
}

// isPodOfJob reports whether a Pod name belongs to the Job with the prefix "import-": import-x7k2p does, as does import-3-x7k2p of an
// indexed Job; import-old-x7k2p belongs to another Job.
func isPodOfJob(name, prefix string) bool {
	suffix, hasPrefix := strings.CutPrefix(name, prefix)
	if index, random, indexed := strings.Cut(suffix, "-"); indexed {
		if _, err := strconv.Atoi(index); err != nil {
			return false
		}
		suffix = random
	}
	return hasPrefix && suffix != "" && !strings.Contains(suffix, "-")
}

// quoteNewestPod returns the lines of the newest Pod, oldest first, below a line that names their source.
func quoteNewestPod(newestFirst []logs.Entry) string {
	pod := newestFirst[0].Labels[logs.LabelPod]
	var kept []string
	for _, entry := range newestFirst {
		if entry.Labels[logs.LabelPod] == pod {
			kept = append(kept, strings.TrimRight(entry.Line, "\n"))
		}
	}
	slices.Reverse(kept)
	text := cleanLog(strings.Join(kept, "\n"))
	if text == "" {
		return ""
	}
	if pod == "" {
		return "(from the log backend)\n" + text
	}
	return "(of Pod " + pod + ", from the log backend)\n" + text
}
