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
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/logs"
)

const (
	// before and after the end of a container are the lines that are looked for: what a program says of its end comes
	// shortly before, and may be stored a little later than it was written.
	before, after = 15 * time.Minute, 2 * time.Minute
	// maxGone is how many Pods that are gone are asked for at once, of one workload.
	maxGone = 10
	// maxStored is for how many findings a log back end is asked, the worst ones first.
	maxStored = 20
	// backendTimeout of what is asked for one finding.
	backendTimeout = 15 * time.Second
)

// AddStored looks up, in a log back end, the lines of what the cluster could not give: the Pod is gone, or its log was turned
// over. It fills in entries of lines that are still empty, and never more than a few. What a back end does not answer is one gap.
func AddStored(ctx context.Context, backend logs.Provider, requests []Request, lines []Lines, now time.Time) []facts.Gap {
	if backend == nil {
		return nil
	}
	var failed []Request
	var cause error
	left := maxStored
	for i, request := range requests {
		if lines[i].Text != "" || left <= 0 {
			continue
		}
		if cause != nil && problem.As(cause) != nil && problem.As(cause).Reason == v1alpha1.ReasonTimeout {
			failed = append(failed, request) // one that hangs will hang again; the run's time is for others, too
			continue
		}
		left--
		text, err := stored(ctx, backend, request.LogRef, now)
		if err != nil {
			failed, cause = append(failed, request), err
			continue
		}
		lines[i].Text = text
	}
	if len(failed) == 0 {
		return nil
	}
	gap := unread(v1alpha1.GapUnavailable, failed, "The log back end was asked for lines of Pods that are gone, and did not answer; those findings lack them.",
		"See the conditions of the LogBackend that spec.logsRef names, or check what --logs-url names.")
	gap.Source = "log back end"
	if p := problem.As(cause); p != nil {
		gap.Message = fmt.Sprintf("The log back end was asked for lines of Pods that are gone: %s. Those findings lack them.", p.Message)
	}
	return []facts.Gap{gap}
}

// stored reads the last lines before the end of a container from a back end.
func stored(ctx context.Context, backend logs.Provider, ref check.LogRef, now time.Time) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, backendTimeout)
	defer cancel()
	ended := ref.Ended
	if ended.IsZero() || ended.After(now) {
		ended = now
	}
	query := logs.Query{
		Start: ended.Add(-before), End: ended.Add(after), Limit: tailLines, Backward: true,
		Labels: map[string]string{logs.LabelNamespace: ref.Namespace},
	}
	if ref.Container != "" {
		query.Labels[logs.LabelContainer] = ref.Container
	}
	if ref.Pod != "" {
		query.Labels[logs.LabelPod] = ref.Pod
	} else {
		pods, err := gone(ctx, backend, query, ref.PodPrefix)
		if err != nil || len(pods) == 0 {
			return "", err
		}
		query.AnyOf = map[string][]string{logs.LabelPod: pods}
	}
	page, err := backend.Search(ctx, query)
	if err != nil || len(page.Entries) == 0 {
		return "", err
	}
	return told(page.Entries), nil
}

// gone finds Pods by how their names begin, in the words of the back end, since the cluster knows them no more.
func gone(ctx context.Context, backend logs.Provider, query logs.Query, prefix string) ([]string, error) {
	lister, can := backend.(logs.LabelLister)
	if !can || prefix == "" {
		return nil, nil
	}
	const most = 5000
	names, err := lister.LabelValues(ctx, logs.LabelPod, query, most)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !madeFrom(name, prefix) })
	slices.Sort(names)
	return names[:min(len(names), maxGone)], nil
}

// madeFrom says whether a Job whose Pods' names begin so made a Pod: import-x7k2p and, of an indexed Job, import-3-x7k2p, but
// not import-old-x7k2p, which is another Job's.
func madeFrom(name, prefix string) bool {
	rest, ours := strings.CutPrefix(name, prefix)
	if index, random, indexed := strings.Cut(rest, "-"); indexed {
		if _, err := strconv.Atoi(index); err != nil {
			return false
		}
		rest = random
	}
	return ours && rest != "" && !strings.Contains(rest, "-")
}

// told is the newest Pod's lines, oldest first, under a line that says where they come from.
func told(newestFirst []logs.Entry) string {
	pod := newestFirst[0].Labels[logs.LabelPod]
	var kept []string
	for _, e := range newestFirst {
		if e.Labels[logs.LabelPod] == pod {
			kept = append(kept, strings.TrimRight(e.Line, "\n"))
		}
	}
	slices.Reverse(kept)
	text := tidy(strings.Join(kept, "\n"))
	if text == "" {
		return ""
	}
	if pod == "" {
		return "(from the log back end)\n" + text
	}
	return "(of Pod " + pod + ", from the log back end)\n" + text
}
