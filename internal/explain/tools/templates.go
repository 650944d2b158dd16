package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/internal/explain/background"
	"kubeops.io/kubeops/internal/inspect/loganalysis"
	"kubeops.io/kubeops/internal/provider/logs"
)

// Limits of reading a log backend.
const (
	defaultLogHours = 1
	// pageLines of a search, of which maxPages are read, and maxMined bytes of their lines, each up to maxMinedLine.
	pageLines, maxPages = 2000, 5
	maxMined            = 4 << 20
	maxMinedLine        = 2 << 10
	// maxTemplates of an answer.
	maxTemplates = 40
)

func logTemplatesTool() Tool {
	return Tool{
		Name: "log_templates", Description: "What a workload's Pods logged, deleted containers too, from the log backend: the templates " +
			"of the lines with their number, errors first.",
		Arguments: []Argument{
			required(Argument{Name: "kind", Description: "kind of the workload", Type: "string", Enum: workloadKinds()}),
			required(namespaceArgument()), required(text("name", "name of the workload")), hoursArgument(defaultLogHours),
			text("contains", "only lines with this text"),
		},
		run: logTemplates,
	}
}

func logTemplates(ctx context.Context, s *Set, a arguments) (Output, error) {
	key := client.ObjectKey{Namespace: a.text("namespace"), Name: a.text("name")}
	found := Output{Names: []string{key.Namespace, key.Name}}
	pods, err := podsOf(ctx, s, a.text("kind"), key)
	switch {
	case apierrors.IsNotFound(err):
		found.Lines = []string{missing(a.text("kind"), key)}
		return found, nil
	case err != nil:
		return Output{}, err
	}
	if err := s.readsLogs(ctx, key.Namespace); err != nil {
		return Output{}, err
	}
	end := s.now()
	start := end.Add(-time.Duration(a.number("hours", defaultLogHours, maxHours)) * time.Hour)
	query := logs.Query{
		Start: start, End: end, Limit: pageLines, Backward: true,
		Labels: map[string]string{logs.LabelNamespace: key.Namespace}, AnyOf: map[string][]string{logs.LabelPod: pods.names},
	}
	if contains := a.text("contains"); contains != "" {
		query.Contains = []string{contains}
	}
	lines, complete, err := s.search(ctx, query, pods)
	if err != nil {
		return Output{}, err
	}
	if len(lines) == 0 {
		found.Lines = append([]string{"The log backend has no such lines of this " + a.text("kind") + "."}, pods.partly()...)
		return found, nil
	}
	slices.Reverse(lines)
	summary, err := loganalysis.Text(strings.NewReader(strings.Join(lines, "\n")), s.sources.Redact)
	if err != nil {
		return Output{}, err
	}
	found.Names = append(found.Names, pods.names...)
	found.Lines = slices.Insert(described(summary, query, complete), 1, pods.partly()...)
	return found, nil
}

// anyPod is the name of a Pod that does not exist.
const anyPod = "kubeops-reads-the-logs-of-any-pod"

// readsLogs refuses a model lines that were kept elsewhere if the cluster would refuse it those of the Pods of a namespace. It asks for the
// log of no Pod: permissions come first, a role may permit the logs of single Pods, and no kubelet has to answer.
func (s *Set) readsLogs(ctx context.Context, namespace string) error {
	_, err := s.cluster.Log(ctx, background.LogPart{Namespace: namespace, Pod: anyPod, Container: "any", Tail: 1, Bytes: 1})
	switch {
	case apierrors.IsForbidden(err):
		return refuse("cannot read pods/log (RBAC)")
	case err == nil, apierrors.IsBadRequest(err), apierrors.IsNotFound(err): // permitted, but there is no log
		return nil
	}
	return err
}

// search returns the newest lines of the Pods, the newest first, each with its container, and whether these are all.
func (s *Set) search(ctx context.Context, query logs.Query, pods *podSet) (lines []string, complete bool, err error) {
	left := maxMined
	for range maxPages {
		page, err := s.sources.Logs.Search(ctx, query)
		if err != nil {
			return nil, false, backendRefusal(ctx, "log backend", err)
		}
		for _, entry := range page.Entries {
			pod := entry.Labels[logs.LabelPod]
			container := entry.Labels[logs.LabelContainer]
			if !pods.has(entry.Labels[logs.LabelNamespace], pod, container) {
				continue
			}
			line := "[pod/" + pod + "/" + container + "] " + oneLine(entry.Line)
			if left -= len(line); left < 0 {
				return lines, false, nil
			}
			lines = append(lines, line)
		}
		if page.Next == "" || page.Next == query.Cursor {
			return lines, true, nil
		}
		query.Cursor = page.Next
	}
	return lines, false, nil
}

// oneLine cuts a line at a word, since a part of a secret is not recognized.
func oneLine(line string) string {
	line = strings.Join(strings.FieldsFunc(line, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
	if len(line) > maxMinedLine {
		line = line[:strings.LastIndexAny(line[:maxMinedLine], " \t,;")+1] + "…"
	}
	return line
}

// described are the templates, one a line. Those without a level follow the errors.
func described(summary loganalysis.Summary, query logs.Query, complete bool) []string {
	header := fmt.Sprintf("%d lines, %s to %s:", summary.Lines, clock(query.Start), clock(query.End))
	if !complete {
		header = fmt.Sprintf("the newest %d lines up to %s:", summary.Lines, clock(query.End))
	}
	lines := []string{header}
	bad := []string{"warn", "warning", "error", "critical", "fatal"}
	for _, t := range summary.Templates[:min(len(summary.Templates), maxTemplates)] {
		level := t.Level
		if level == "" {
			level = "-"
		}
		shown := strings.Join(strings.Fields(t.Template), " ")
		example := strings.Join(strings.Fields(t.Example), " ")
		says := strings.Contains(example, shown)
		if example != "" && (t.Count == 1 || t.Trace && says) {
			shown = example
		}
		lines = append(lines, fmt.Sprintf("%dx %s %s", t.Count, level, shown))
		// The value that is masked may be the cause. An example without one would be the same line again.
		if t.Count > 1 && !says && (t.Trace || slices.Contains(bad, level)) {
			lines = append(lines, "   for example: "+example)
		}
	}
	if rest := len(summary.Templates) - maxTemplates + summary.Evicted; rest > 0 {
		lines = append(lines, fmt.Sprintf("(%d more templates)", rest))
	}
	return lines
}
