package background

import (
	"context"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/evidence"
)

// Lines of a log in a prompt: its first and its last ones, 60 in all. A log is read from both ends, so that its size does not matter.
const (
	headLines, tailLines = 20, 40
	headBytes, tailBytes = 8 << 10, 32 << 10
)

// logs reads the logs of the containers that fail, those of init containers first. If none fails, it reads that of the first container:
// it may listen on another port than it should.
func (g *gatherer) logs(ctx context.Context, s *subject) {
	if len(s.pods) == 0 {
		return
	}
	pod := &s.pods[0]
	all := containersOf(pod)
	failing := slices.DeleteFunc(slices.Clone(all), func(c container) bool { return !c.fails() })
	if len(failing) == 0 {
		failing = slices.DeleteFunc(all, func(c container) bool { return c.init || c.status.State.Running == nil })
		failing = failing[:min(len(failing), 1)]
	}
	for _, c := range failing[:min(len(failing), MaxLogs)] {
		part := LogPart{Namespace: pod.Namespace, Pod: pod.Name, Container: c.Name}
		part.Previous = c.status.State.Terminated == nil && c.status.LastTerminationState.Terminated != nil
		head, tail, err := g.log(ctx, part)
		if !g.ok("pods/log", err) {
			continue
		}
		text := excerpt(head, tail)
		explaining := explainingLines(append(slices.Clone(head), tail...))
		if text != "" && len(explaining) > 0 {
			text = "Explaining line: " + explaining[0] + "\n" + text
		}
		g.logged = append(g.logged, text)
		g.add("log", v1alpha1.EvidenceLog, "log of "+c.title()+" of Pod "+pod.Namespace+"/"+pod.Name, text, logKey(explaining))
	}
}

// log reads both ends of a log. A previous container that is gone is replaced by the current one.
func (g *gatherer) log(ctx context.Context, part LogPart) (head, tail []string, err error) {
	part.Tail = tailLines + headLines
	part.Bytes = tailBytes
	text, err := g.cluster.Log(ctx, part)
	if part.Previous && (apierrors.IsBadRequest(err) || apierrors.IsNotFound(err)) {
		part.Previous = false
		text, err = g.cluster.Log(ctx, part)
	}
	if err != nil {
		return nil, nil, err
	}
	whole := len(text) < tailBytes && strings.Count(text, "\n") < part.Tail
	tail = evidence.CleanLines(text)
	if whole {
		return nil, tail, nil
	}
	part.Tail = 0
	part.Bytes = headBytes
	start, err := g.cluster.Log(ctx, part)
	if err != nil {
		return nil, tail, nil //nolint:nilerr // the end alone is better than nothing
	}
	head = evidence.CleanLines(start)
	if len(tail) > tailLines {
		tail = tail[len(tail)-tailLines:]
	}
	return head[:min(len(head), headLines)], tail, nil
}

// excerpt joins the first and last lines of a log.
func excerpt(head, tail []string) string {
	if len(head) == 0 {
		return strings.Join(collapsed(tail), "\n")
	}
	return strings.Join(collapsed(head), "\n") + "\n…\n" + strings.Join(collapsed(tail), "\n")
}

// collapsed replaces lines that follow each other and differ in times and counts only by the first of them.
func collapsed(all []string) []string {
	var kept []string
	last := ""
	for _, line := range all {
		if same := Stable(line); same != last || len(kept) == 0 {
			last = same
			kept = append(kept, line)
		}
	}
	return kept
}

// explainingLines are the lines that most likely say why a program failed, the best first, at most three different ones.
func explainingLines(all []string) []string {
	ranks := []*regexp.Regexp{
		regexp.MustCompile(`(?i)\b(?:fatal|panic|emerg|critical|traceback|unhandled|uncaught|oom|out ?of ?memory)`),
		regexp.MustCompile(`(?i)(?:error|exception|denied|refused|no such|not found|cannot|can't|could not|unable|invalid|illegal|` +
			`unknown|unresolved|bad address|timed? ?out|unreachable|forbidden|unauthorized|mismatch|already in use)`),
		regexp.MustCompile(`(?i)(?:fail|warn|missing|exceed|unsupported|required|retry|waiting for|exhausted|\b0 connections)`),
	}
	var found []string
	for _, rank := range ranks {
		for i := len(all) - 1; i >= 0 && len(found) < 3; i-- {
			same := func(line string) bool { return Stable(line) == Stable(all[i]) }
			if rank.MatchString(all[i]) && !slices.ContainsFunc(found, same) {
				found = append(found, all[i])
			}
		}
	}
	return found
}

// LogKey is what of the lines of a log an answer depends on. It does not depend on their order: that of two streams changes.
func LogKey(log string) string {
	all := strings.Split(log, "\n")
	if found := explainingLines(all); len(found) > 0 {
		return logKey(found)
	}
	return logKey(all)
}

// logKey is what of a log an answer depends on: the explaining lines without times and numbers, in no order.
func logKey(explaining []string) string {
	keys := make([]string, len(explaining))
	for i, line := range explaining {
		keys[i] = Stable(line)
	}
	slices.Sort(keys)
	return strings.Join(keys, "\n")
}
