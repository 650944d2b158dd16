package pod

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

func probeChecks() []check.Check {
	type judge = func(*facts.Graph, check.Params) []check.Finding
	probeCheck := func(id, summary, meaning string, remediation remedy.Text, run judge) check.Check {
		return check.Check{
			ID: id, Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: summary, Meaning: meaning, Remediation: remediation,
			Link:  "https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/",
			Needs: []facts.Kind{facts.Pod}, Uses: check.RollUpKinds(facts.Event), Run: run,
		}
	}
	all := []check.Check{
		probeCheck("readiness-probe-failing", "A container is running but its readiness probe fails.",
			"The container has been running and not ready for longer than the startup grace, and has a readiness probe. It gets no "+
				"traffic. The latest probe result is in the evidence. Containers that crash or wait for their startup probe have their "+
				"own checks.",
			"Check whether the program is not ready (see its log), or the probe has the wrong path, port or scheme, or too short a "+
				"timeout.",
			readinessFailing),
		probeCheck(livenessFails, "A container keeps being killed by its liveness probe.",
			"The kubelet kills a container whose liveness probe fails failureThreshold times in a row. The container was restarted, "+
				"its last termination matches, and a recent event reports the failed probe. The program may hang or be slower than the "+
				"probe allows.",
			"See in its log whether the program hangs; else give the probe more time (timeoutSeconds, failureThreshold), or a startup "+
				"probe while it starts.",
			judgedBy(livenessFails, probeFinding("liveness"))),
		probeCheck(startupFails, "A container is killed by its startup probe before it has started.",
			"The container has failureThreshold times periodSeconds to start, and needs longer or never does: it was killed and "+
				"restarted for it at least once.",
			"See its log for how far it gets; raise failureThreshold of the startup probe, or fix what blocks it.",
			judgedBy(startupFails, probeFinding("startup"))),
	}
	for i := range all {
		// A program that is held up, or waits for another one, answers late.
		all[i].ExplainedBy = []string{"cpu-throttled", dependencyUnreachable}
	}
	return all
}

func readinessFailing(g *facts.Graph, p check.Params) []check.Finding {
	var failures []check.FailingPod
	for _, pod := range g.Pods {
		if !pod.IsActive() || pod.Ready || !g.OlderThan(pod.ReadySince, p.StartupGrace) {
			continue
		}
		for _, c := range longRunning(pod) {
			if c.Ready || !c.HasReadiness || c.State.Status != facts.StateRunning || !g.OlderThan(c.State.Started, p.StartupGrace) {
				continue
			}
			if c.HasStartup && !c.Started || judgeEnd(g, p, pod, c).check != "" {
				continue
			}
			f := check.Finding{
				Message: fmt.Sprintf("%s of %s is running but gets no traffic: its readiness "+
					"probe fails.", titleOf(pod, c), g.OwnerName(pod)),
				Remediation: remedy.Sprintf("See in its log what it waits for: `kubectl -n %s logs %s -c %s`; then compare the probe with "+
					"what the program serves.",
					pod.Namespace, pod.Name, c.Name),
				Logs: logsOf(pod, c),
			}
			f.Logs.Previous = false
			f.Evidence = []check.Evidence{check.FromCondition("%s is running and not ready; no event reports the "+
				"probe result", nameOf(pod, c))}
			if e := containerEvent(g, pod, c, "Unhealthy", "Readiness probe"); e != nil {
				why, fix := probeText(e.Message)
				f.Message = fmt.Sprintf("%s of %s is running but gets no traffic: its readiness probe "+
					"fails%s.", titleOf(pod, c), g.OwnerName(pod), why)
				f.Evidence = []check.Evidence{check.FromEvent(e), check.FromCondition("%s is running and not ready", nameOf(pod, c))}
				f.Remediation = fix + f.Remediation
			}
			failures = append(failures, check.FailingPod{Pod: pod, Discriminator: c.Name, Finding: f})
		}
	}
	return check.RollUp(g, failures)
}

// probeFinding words the finding about a container that is killed for a probe: liveness or startup.
func probeFinding(probe string) func(*facts.Graph, *facts.PodNode, facts.Container, verdict) check.Finding {
	return func(g *facts.Graph, pod *facts.PodNode, c facts.Container, v verdict) check.Finding {
		f := check.Finding{Logs: logsOf(pod, c), Severity: v1alpha1.SeverityHigh}
		if !v.down && c.Restarts < restartsThatCount {
			f.Severity = v1alpha1.SeverityMedium
		}
		var why string
		var fix remedy.Text
		if e := containerEvent(g, pod, c, "Unhealthy", strings.ToUpper(probe[:1])+probe[1:]+" probe"); e != nil {
			why, fix = probeText(e.Message)
			f.Evidence = append(f.Evidence, check.FromEvent(e))
		}
		f.Message = fmt.Sprintf("%s of %s is killed and restarted: its %s probe fails%s.", titleOf(pod, c), g.OwnerName(pod), probe, why)
		f.Evidence = append(f.Evidence, endEvidence(pod, c, v.end))
		if c.State.Status == facts.StateWaiting {
			f.Evidence = append(f.Evidence, waitingEvidence(pod, c))
		}
		f.Remediation = fix + remedy.Sprintf("See what it did last: %s. If it is only slow, raise failureThreshold, periodSeconds or "+
			"timeoutSeconds of its %sProbe.",
			logsCommand(pod, c), probe)
		return f
	}
}

// killedByProbe says for which probe the kubelet keeps killing a container: liveness, startup, or none. An Unhealthy event
// alone may be a blip, or come from a program that was about to crash; the way the container terminated decides.
func killedByProbe(g *facts.Graph, p check.Params, pod *facts.PodNode, c facts.Container) string {
	if c.Restarts == 0 || !c.HasLiveness && !c.HasStartup {
		return ""
	}
	end, ok := lastEnd(c)
	if !ok || lostWithNode(end) {
		return ""
	}
	for _, probe := range []string{"startup", "liveness"} {
		if probe == "startup" && (!c.HasStartup || c.Started) || probe == "liveness" && !c.HasLiveness {
			continue
		}
		e := containerEvent(g, pod, c, "Unhealthy", strings.ToUpper(probe[:1])+probe[1:]+" probe")
		if e != nil && recent(g, p, e.Last) && killedFor(e, c, end) {
			return probe
		}
	}
	return ""
}

// killedFor reports whether the end of a container looks like being killed for a probe that failed: after the first failure,
// and with the code of SIGTERM or SIGKILL, or with 0 from a program that shuts down in order. A program that ends with a
// code of its own counts when the probe failed often enough before each restart (failureThreshold is 3 unless set).
func killedFor(e *facts.EventNode, c facts.Container, end facts.ContainerState) bool {
	if !end.Finished.IsZero() && end.Finished.Before(e.First) {
		return false
	}
	const threshold = 3
	return slices.Contains([]int32{0, 130, 137, 143}, exitCode(end)) || int64(e.Count) >= threshold*int64(c.Restarts)
}

// probeText says in a few words that are stable between attempts, what a probe got, and what to do first; both may be
// empty. The texts are those of k8s.io/kubernetes/pkg/probe and of Go's net/http.
func probeText(message string) (why string, fix remedy.Text) {
	has := func(text string) bool { return strings.Contains(message, text) }
	if _, status, ok := strings.Cut(message, "HTTP probe failed with statuscode: "); ok {
		status, _ := word(status)
		switch {
		case status == "401" || status == "403":
			return " with HTTP status " + status, "The path of the probe wants credentials: probe one that does not. "
		case status == "404":
			return " with HTTP status " + status, "The program does not serve the path of the probe: correct it. "
		default:
			return " with HTTP status " + status, ""
		}
	}
	switch {
	case has("connection refused"):
		return " because nothing listens on its port", "Check that the probe asks the port that the program listens on, and that it " +
			"listens on all addresses, not on 127.0.0.1 alone. "
	case has("no route to host"), has("network is unreachable"):
		return " because the kubelet cannot reach the Pod", "Look at the network of the node, and at a host in the probe that is not " +
			"the Pod's own. "
	case has("server gave HTTP response to HTTPS client"):
		return " because it uses HTTPS but the server answers with HTTP", "Set scheme: HTTP in the probe. "
	case has("tls:"), has("HTTP request to an HTTPS server"), has("malformed HTTP response"):
		return " because it uses a different protocol than the program", "Check scheme (HTTP or HTTPS) and port of the probe. "
	case has("NOT_SERVING"):
		return " because the program reports NOT_SERVING", ""
	case has("executable file not found"), has("no such file or directory"):
		return " because its command is not in the image", "Use a command that the image has, or an httpGet, tcpSocket or grpc probe. "
	case has("Timeout"), has("timeout"), has("timed out"), has("deadline exceeded"):
		return " because it timed out", "The program hangs, is starved of CPU (look at its limit), or is slower than timeoutSeconds (1 " +
			"unless set). "
	default:
		return "", ""
	}
}
