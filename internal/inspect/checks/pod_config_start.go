package checks

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/facts"
)

func invalidConfig(g *facts.Graph) []Finding {
	var failures []failure
	for _, pod := range g.Pods {
		if !atWork(pod) {
			continue
		}
		for _, c := range allContainers(pod) {
			if c.State.Status != facts.StateWaiting || c.State.Reason != "CreateContainerConfigError" {
				continue
			}
			if _, missing := parseMissing(c.State.Message); missing {
				continue
			}
			failures = append(failures, failure{pod: pod, discriminator: c.Name, finding: Finding{
				Message:  fmt.Sprintf("The configuration of container %s cannot be used: %s", c.Name, sentence(c.State.Message)),
				Evidence: []Evidence{condition("container %s is waiting, %s: %s", c.Name, c.State.Reason, c.State.Message)},
			}})
		}
	}
	return rollup(g, failures)
}

// cannotRun says whether a container ended because the runtime could not run its command at all. The reasons are those of
// the container runtimes; 126 to 128 are the codes they give then.
func cannotRun(s facts.ContainerState) bool {
	if s.Status != facts.StateTerminated {
		return false
	}
	return s.Reason == "StartError" || s.Reason == "ContainerCannotRun" || s.Reason == "RunContainerError"
}

func cannotStart(g *facts.Graph) []Finding {
	var failures []failure
	for _, pod := range g.Pods {
		if !atWork(pod) {
			continue
		}
		for _, c := range allContainers(pod) {
			said, ok := startError(c)
			if !ok {
				continue
			}
			failures = append(failures, failure{pod: pod, discriminator: c.Name, finding: Finding{
				Message:  fmt.Sprintf("Container %s cannot be started: %s.", c.Name, startText(said.text)),
				Evidence: []Evidence{said.evidence},
			}})
		}
	}
	return rollup(g, failures)
}

// startError is what the runtime said of a container that it cannot start. While the kubelet backs off, the last try says it.
func startError(c facts.Container) (saying, bool) {
	if c.State.Status == facts.StateWaiting && (c.State.Reason == "CreateContainerError" || c.State.Reason == "RunContainerError") {
		return saying{c.State.Message, condition("container %s is waiting, %s: %s", c.Name, c.State.Reason, c.State.Message)}, true
	}
	if c.State.Status == facts.StateRunning {
		return saying{}, false
	}
	for _, s := range []facts.ContainerState{c.State, c.Last} {
		if cannotRun(s) {
			return saying{s.Message, condition("container %s ended with %s, reason %s: %s", c.Name, exitText(s), s.Reason, s.Message)}, true
		}
	}
	return saying{}, false
}

// startText says in words that hold still why a command cannot be run.
func startText(message string) string {
	command := ""
	if m := regexp.MustCompile(`exec: \\?"([^"\\]+)\\?"`).FindStringSubmatch(message); m != nil {
		command = " " + m[1]
	}
	lower := strings.ToLower(message)
	switch {
	case strings.Contains(lower, "executable file not found"), strings.Contains(lower, "no such file or directory"):
		return "the command" + command + " is not in the image"
	case strings.Contains(lower, "permission denied"):
		return "the command" + command + " may not be executed"
	case strings.Contains(lower, "exec format error"):
		return "the command" + command + " is built for another architecture, or is a script without #!"
	case strings.Contains(lower, "not a directory"):
		return "a volume is mounted where the image has a file, or the other way round"
	default:
		return "the container runtime refuses it, see the evidence"
	}
}

// sentence makes a message of the cluster end as a sentence does.
func sentence(text string) string {
	return strings.TrimRight(strings.TrimSpace(text), ".") + "."
}

// accountMissing reads the events of workloads whose Pods are refused for lack of their ServiceAccount.
func accountMissing(g *facts.Graph, p Params) []Finding {
	pattern := regexp.MustCompile(`error looking up service account [^/\s]+/([^:\s]+): `)
	var findings []Finding
	seen := map[facts.Ref]bool{}
	for _, e := range g.Events {
		m := pattern.FindStringSubmatch(e.Message)
		if m == nil || e.Reason != "FailedCreate" || !recent(g, p, e.Last) {
			continue
		}
		account := facts.Ref{Kind: facts.ServiceAccount, Namespace: e.About.Namespace, Name: m[1]}
		workload := g.TopOwner(e.About)
		if seen[workload] || g.Has(account) || !slices.Contains(g.EventsOf(e.About), e) || !lacksPods(g, workload) {
			continue
		}
		seen[workload] = true
		findings = append(findings, Finding{
			Object: workload, Discriminator: account.Name, Because: []facts.Ref{account},
			Message:  fmt.Sprintf("ServiceAccount %s does not exist, so the Pods that name it may not be created.", account.Name),
			Evidence: []Evidence{event(e)},
		})
	}
	slices.SortFunc(findings, func(a, b Finding) int { return a.Object.Compare(b.Object) })
	return findings
}

// lacksPods says whether a workload still has fewer Pods than it wants, as far as that is known.
func lacksPods(g *facts.Graph, workload facts.Ref) bool {
	switch node := g.Get(workload).(type) {
	case *facts.WorkloadNode:
		return node.Deleting.IsZero() && node.Desired > 0 && (node.Current < node.Desired || node.Updated < node.Desired)
	case *facts.JobNode:
		return node.Deleting.IsZero() && node.Completed.IsZero() && node.Active == 0
	case nil:
		return false
	default:
		return true
	}
}
