package tools

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/internal/explain/background"
	"kubeops.io/kubeops/internal/inspect/evidence"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/pattern"
)

// Limits of reading a log.
const (
	logLines, maxLogLines = 40, 200
	// logBytes are read of the start or the end of a log, searchedLines and searchedBytes of its end if lines are searched.
	logBytes      = 64 << 10
	searchedLines = 5000
	searchedBytes = 512 << 10
	// maxSearch is the work of searching a log, in steps of package pattern.
	maxSearch = 200 << 20
)

func logsTool() Tool {
	return Tool{
		Name: "logs", Description: "Lines of the log of a container, init containers too: the last ones, or the first.",
		Arguments: []Argument{
			required(namespaceArgument()), required(text("pod", "name of the Pod")),
			text("container", "name of the container or init container; default: the one that fails, or the first"),
			{Name: "previous", Description: "the log of the instance before the last restart", Type: "boolean"},
			{Name: "from", Description: "which end of the log; default tail", Type: "string", Enum: []string{"head", "tail"}},
			{Name: "lines", Description: fmt.Sprintf("number of lines, default %d, at most %d", logLines, maxLogLines), Type: "integer"},
			text("match", "regular expression (RE2) that lines must match"),
		},
		run: containerLog,
	}
}

func containerLog(ctx context.Context, s *Set, a arguments) (Output, error) {
	var match *pattern.Expression
	if expression := a.text("match"); expression != "" {
		var err error
		if match, err = pattern.Compile(expression, nil); err != nil {
			return Output{}, refuse("argument match is not a regular expression (RE2) of a moderate size")
		}
	}
	key := client.ObjectKey{Namespace: a.text("namespace"), Name: a.text("pod")}
	found := Output{Names: []string{key.Namespace, key.Name}, KeepEnd: a.text("from") != "head"}
	pod := &corev1.Pod{}
	if err := s.cluster.Get(ctx, key, pod); apierrors.IsNotFound(err) {
		found.Lines = []string{missing("Pod", key)}
		return found, nil
	} else if err != nil {
		return Output{}, err
	}
	container, err := containerOf(pod, a.text("container"))
	if err != nil {
		return Output{}, err
	}
	head := a.text("from") == "head"
	count := a.number("lines", logLines, maxLogLines)
	part := background.LogPart{
		Namespace: key.Namespace, Pod: key.Name, Container: container, Previous: a.flag("previous"), Tail: count, Bytes: logBytes,
	}
	switch {
	case head:
		part.Tail = 0
	case match != nil:
		part.Tail = searchedLines
		part.Bytes = searchedBytes
	}
	log, part, err := s.log(ctx, part)
	switch {
	case apierrors.IsBadRequest(err), apierrors.IsNotFound(err):
		found.Lines = []string{"Container " + container + " has no such log: it did not start, or was not restarted."}
		return found, nil
	case err != nil:
		return Output{}, err
	}
	found.Lines, err = selected(evidence.CleanLines(log), match, head, count)
	if len(found.Lines) == 0 {
		found.Lines = []string{"The log of container " + container + " has no such lines" + among(log, part) + "."}
	}
	return found, err
}

// log reads a part of a log. Of lines that take more bytes, a kubelet returns the first: fewer are read then, so that the last one is among
// them.
func (s *Set) log(ctx context.Context, part background.LogPart) (string, background.LogPart, error) {
	for {
		log, err := s.cluster.Log(ctx, part)
		if err != nil || part.Tail <= 1 || int64(len(log)) < part.Bytes {
			return log, part, err
		}
		part.Tail = max(part.Tail/4, 1) //nolint:mnd // 5,000 lines are read 7 times at most
	}
}

// among says which part of a log was read, if there may be more.
func among(log string, part background.LogPart) string {
	switch {
	case part.Tail == 0 && int64(len(log)) >= part.Bytes:
		return fmt.Sprintf(" in its first %d bytes", part.Bytes)
	case part.Tail > 0 && strings.Count(log, "\n") >= part.Tail:
		return fmt.Sprintf(" among its last %d", part.Tail)
	}
	return ""
}

// containerOf is the container of a Pod with a name; without one, the first that fails, or the first.
func containerOf(pod *corev1.Pod, name string) (string, error) {
	var all []string
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		all = append(all, c.Name)
	}
	switch {
	case name != "" && slices.Contains(all, name):
		return name, nil
	case name != "":
		return "", refuse("Pod %s has no container %s; its containers are %s", pod.Name, names.Quote(name), strings.Join(all, ", "))
	case len(all) == 0:
		return "", refuse("Pod %s has no containers", pod.Name)
	}
	failing := background.Failing(pod)
	if failing == "" {
		failing = pod.Spec.Containers[0].Name
	}
	return failing, nil
}

// selected are the first or last lines that match.
func selected(lines []string, match *pattern.Expression, head bool, count int) ([]string, error) {
	if match != nil {
		left := maxSearch
		spend := func(steps int) error {
			if left -= steps; left < 0 {
				return errors.New("the limit is reached")
			}
			return nil
		}
		var kept []string
		for _, line := range lines {
			matches, err := match.Match(line, spend)
			if err != nil {
				return nil, refuse("the search with argument match takes too long; use a simpler expression")
			}
			if matches {
				kept = append(kept, line)
			}
		}
		lines = kept
	}
	if head {
		return lines[:min(len(lines), count)], nil
	}
	return lines[max(0, len(lines)-count):], nil
}
