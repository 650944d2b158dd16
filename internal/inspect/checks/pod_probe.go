package checks

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

const probesLink = "https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/"

func probeChecks() []Check {
	check := func(id, summary, meaning, remediation string, run func(*facts.Graph, Params) []Finding) Check {
		return Check{
			ID: id, Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: summary, Meaning: meaning, Remediation: remediation, Link: probesLink,
			Needs: []facts.Kind{facts.Pod}, Uses: []facts.Kind{facts.Event, facts.ReplicaSet, facts.Job},
			ExplainedBy: nodeFailures(), Run: run,
		}
	}
	return []Check{
		check("readiness-probe-failing", "A container runs, but its readiness probe fails, so it gets no traffic.",
			"The container has been running and not ready for longer than the grace for starting. The newest answer to its probe is in the evidence.",
			"See whether the program is really not ready (its log, what it waits for), or the probe asks for the wrong path, port or scheme, or too early.",
			readinessFailing),
		check("liveness-probe-failing", "A container is killed again and again, because its liveness probe fails.",
			"The kubelet kills a container whose liveness probe fails as often as failureThreshold says. The container may be stuck, or only slower than the probe allows.",
			"See whether the program hangs (its log); else give the probe more time (timeoutSeconds, failureThreshold), or a startup probe while it starts.",
			func(g *facts.Graph, p Params) []Finding { return killing(g, p, "liveness") }),
		check("startup-probe-failing", "A container is killed before it has started, because its startup probe fails.",
			"The container has failureThreshold times periodSeconds to start, and needs longer or never does.",
			"See in its log how far it comes; give it more time (failureThreshold of the startup probe), or mend what keeps it.",
			func(g *facts.Graph, p Params) []Finding { return killing(g, p, "startup") }),
	}
}

func readinessFailing(g *facts.Graph, p Params) []Finding {
	var failures []failure
	for _, pod := range g.Pods {
		if !atWork(pod) || pod.Ready {
			continue
		}
		for _, c := range longRunning(pod) {
			if c.Ready || !c.HasReadiness || c.State.Status != facts.StateRunning || g.Now.Sub(c.State.Started) < p.StartupGrace {
				continue
			}
			if c.HasStartup && !c.Started || g.Now.Sub(pod.ReadySince) < p.StartupGrace {
				continue
			}
			if end, _ := crashed(g, p, pod, c); end != nil || killedByProbe(g, p, pod, c) != "" {
				continue
			}
			if end, _ := lastOOM(g, p, c); end != nil {
				continue
			}
			evidence := condition("container %s is running and not ready; no event tells the probe's answer any more", c.Name)
			if e := probeEvent(g, pod, c, "Readiness"); e != nil {
				evidence = event(e)
			}
			failures = append(failures, failure{pod: pod, discriminator: c.Name, finding: Finding{
				Message:  fmt.Sprintf("Container %s runs, but its readiness probe fails, so it gets no traffic.", c.Name),
				Evidence: []Evidence{evidence},
			}})
		}
	}
	return rollup(g, failures)
}

// killing are the findings of the probes for which the kubelet kills.
func killing(g *facts.Graph, p Params, probe string) []Finding {
	var failures []failure
	for _, pod := range g.Pods {
		if !atWork(pod) {
			continue
		}
		for _, c := range longRunning(pod) {
			if killedByProbe(g, p, pod, c) != probe {
				continue
			}
			f := Finding{
				Message: fmt.Sprintf("Container %s is killed again and again, because its %s probe fails.", c.Name, probe),
				Logs:    &LogRef{Namespace: pod.Namespace, Pod: pod.Name, Container: c.Name, Previous: true},
			}
			if e := probeEvent(g, pod, c, strings.ToUpper(probe[:1])+probe[1:]); e != nil {
				f.Evidence = append(f.Evidence, event(e))
			}
			if c.Last.Status == facts.StateTerminated {
				f.Evidence = append(f.Evidence, endEvidence(c, c.Last))
			}
			failures = append(failures, failure{pod: pod, discriminator: c.Name, finding: f})
		}
	}
	return rollup(g, failures)
}

// killedByProbe says for which probe the kubelet keeps killing a container: liveness, startup, or none. It kills with
// SIGTERM, then SIGKILL, and says so in an event; an Unhealthy event alone may be a blip.
func killedByProbe(g *facts.Graph, p Params, pod *facts.PodNode, c facts.Container) string {
	if c.Restarts == 0 || !c.HasLiveness && !c.HasStartup {
		return ""
	}
	for _, e := range g.EventsOf(pod.Ref) {
		if !recent(g, p, e.Last) || !ofContainer(e, c) || e.Reason != "Unhealthy" {
			continue
		}
		for _, probe := range []string{"liveness", "startup"} {
			has := probe == "liveness" && c.HasLiveness || probe == "startup" && c.HasStartup
			if has && strings.HasPrefix(strings.ToLower(e.Message), probe+" probe") && e.Count > 1 && killedAfter(c, e) {
				return probe
			}
		}
	}
	return ""
}

// killedAfter says whether the last end of a container fits to having been killed for a probe: not before the probe ever
// failed. Programs that catch SIGTERM may end with any code, 0 among them.
func killedAfter(c facts.Container, e *facts.EventNode) bool {
	return c.Last.Status == facts.StateTerminated && c.Last.Reason != "OOMKilled" && (c.Last.Finished.IsZero() || !c.Last.Finished.Before(e.First))
}

// probeEvent is the newest event about a failed probe of a container, or nil.
func probeEvent(g *facts.Graph, pod *facts.PodNode, c facts.Container, probe string) *facts.EventNode {
	for _, e := range g.EventsOf(pod.Ref) {
		if e.Reason == "Unhealthy" && strings.HasPrefix(e.Message, probe+" probe") && ofContainer(e, c) {
			return e
		}
	}
	return nil
}

// ofContainer says whether an event about a Pod speaks of a container; one that names none may.
func ofContainer(e *facts.EventNode, c facts.Container) bool {
	return e.FieldPath == "" || strings.HasSuffix(e.FieldPath, "{"+c.Name+"}")
}
