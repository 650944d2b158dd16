package pod

import (
	"fmt"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// hangingPatience is how many startup graces an init container may run, which may download or migrate something.
const hangingPatience = 10

func hangingCheck() check.Check {
	return check.Check{
		ID: "init-container-hanging", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
		Summary: "An init container does not end and the Pod's containers do not start.",
		Meaning: "An init container has been running for longer than ten times the startup grace (ten minutes), without failing. Often " +
			"it waits in a loop for a host, or for a Job that has failed: its last log lines and what its command names are in the " +
			"evidence. One that names neither may still do its work, and is medium. Sidecars (init containers with restartPolicy " +
			"Always) and Pods of Jobs are ignored.",
		Remediation: "Read its log (`kubectl logs <pod> -c <init container>`), and fix what it waits for.",
		Link:        "https://kubernetes.io/docs/tasks/debug/debug-application/debug-init-containers/",
		Needs:       []facts.Kind{facts.Pod}, Uses: check.RollUpKinds(facts.Service),
		ExplainedBy: append(check.NodeOutages(), dependencyUnreachable, "job-failed"), Run: initHanging,
	}
}

func initHanging(g *facts.Graph, p check.Params) []check.Finding {
	var failures []check.FailingPod
	for _, pod := range g.Pods {
		if c, ok := hangingInit(g, p, pod); ok && pod.Owner.Kind != facts.Job {
			failures = append(failures, check.FailingPod{Pod: pod, Discriminator: c.Name, Finding: hangingFinding(g, pod, c)})
		}
	}
	return check.RollUp(g, failures)
}

// hangingInit is the init container of a Pod that has been running for too long.
func hangingInit(g *facts.Graph, p check.Params, pod *facts.PodNode) (facts.Container, bool) {
	if !pod.IsActive() || pod.Phase != "Pending" {
		return facts.Container{}, false
	}
	for _, c := range pod.InitContainers {
		if !c.Sidecar && c.State.Status == facts.StateRunning && c.Restarts == 0 && !c.State.Started.IsZero() &&
			g.OlderThan(c.State.Started, hangingPatience*p.StartupGrace) {
			return c, true
		}
	}
	return facts.Container{}, false
}

func hangingFinding(g *facts.Graph, pod *facts.PodNode, c facts.Container) check.Finding {
	f := check.Finding{
		Severity: v1alpha1.SeverityMedium, Logs: &check.LogRef{Namespace: pod.Namespace, Pod: pod.Name, Container: c.Name},
		Evidence: []check.Evidence{check.FromCondition("init container %s has been running since %s", c.Name,
			c.State.Started.UTC().Format(time.RFC3339))},
	}
	waits := ""
	for _, host := range g.HostsOf(pod, c.Name) {
		if host.OfConfigMap() && !isService(g, pod, host.Host) {
			continue // it may be something else that looks like a host
		}
		if waits == "" {
			waits = ", and its configuration names host " + host.Host + noService(g, pod, host.Host)
		}
		if !host.File {
			f.Severity = v1alpha1.SeverityHigh
		}
		f.Evidence = append(f.Evidence, check.FromSpec("%s: host %s", host.Where(), host.Host))
	}
	if job, why := failedJob(g, pod, c.Name); why != "" {
		waits = ", and it waits for Job " + job.Name + ", which " + why
		f.Severity = v1alpha1.SeverityHigh
		f.Culprits = []facts.Ref{job}
		f.Evidence = append(f.Evidence, check.FromSpec("command of container %s: job/%s", c.Name, job.Name))
	}
	f.Message = fmt.Sprintf("Init container %s (%d of %d) of %s does not end%s. The containers after it do not start.", c.Name,
		place(pod, c), len(pod.InitContainers), g.OwnerName(pod), waits)
	f.Remediation = remedy.Sprintf("See in its log what it waits for: `kubectl -n %s logs %s -c %s`, and fix "+
		"that.", pod.Namespace, pod.Name,
		c.Name)
	return f
}

// failedJob is a Job that an init container names and that will not complete, and why.
func failedJob(g *facts.Graph, pod *facts.PodNode, container string) (job facts.Ref, why string) {
	if pod.Spec == nil {
		return facts.Ref{}, ""
	}
	for _, use := range pod.Spec.Jobs {
		ref := facts.Ref{Kind: facts.Job, Namespace: pod.Namespace, Name: use.Job}
		found, exists := facts.Lookup[*facts.JobNode](g, ref)
		if use.Container != container {
			continue
		}
		if exists {
			if _, failed := found.TrueCondition("Failed"); failed {
				return ref, "has failed"
			}
		} else if use.Typed && g.Complete(facts.Job, pod.Namespace) {
			return ref, "does not exist in namespace " + pod.Namespace
		}
	}
	return facts.Ref{}, ""
}

// noService continues a sentence about a host if its name has no dot, and no Service of the Pod's namespace has it: the cluster's DNS does
// not know it then, though the resolver of the node may.
func noService(g *facts.Graph, pod *facts.PodNode, host string) string {
	service := facts.Ref{Kind: facts.Service, Namespace: pod.Namespace, Name: host}
	if strings.ContainsAny(host, ".:") || !g.Complete(facts.Service, pod.Namespace) || g.Has(service) || pod.HasAlias(host) {
		return ""
	}
	return ", of which no Service exists in namespace " + pod.Namespace
}

// isService reports whether a host is a Service, as its name says or as there is one of its name.
func isService(g *facts.Graph, pod *facts.PodNode, host string) bool {
	name, namespace, found := strings.Cut(host, ".")
	if !found {
		namespace = pod.Namespace
	}
	return strings.Contains(host+".", ".svc.") || g.Has(facts.Ref{Kind: facts.Service, Namespace: namespace, Name: name})
}
