package telemetry

import (
	"fmt"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/access"
	"kubeops.io/kubeops/internal/inspect/check/lastline"
	"kubeops.io/kubeops/internal/inspect/check/reach"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/hostname"
	"kubeops.io/kubeops/internal/remedy"
)

const (
	// minRepeats of a line, over at least minSpan, make it one that repeats now.
	minRepeats = 5
	minSpan    = time.Minute
	// maxSilence since the last one, or three times the mean distance of the lines.
	maxSilence = 2 * time.Minute
	// minShare of what a container logs must be a line that no fact explains.
	minShare = 0.2
)

func runningCheck() check.Check {
	return check.Check{
		ID: "log-error-repeating", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
		Summary: "A running container keeps logging an error.",
		Meaning: "In the last ten minutes, a running container logged an error at least five times over at least a minute, the last one " +
			"not long ago. Lines are joined with what the cluster says: Services, ports and NetworkPolicies of the hosts they name, " +
			"objects that do not exist, tokens that are not mounted; such a line counts at any level if it names what is missing, other " +
			"than an object, which may be optional. One that no fact explains counts " +
			"if it is at least a fifth of what the container logs, and is low. Read are the newest lines of at most 40 containers (50 " +
			"requests, 64 KiB each), one of each workload: those that were restarted, whose probes fail, which a failing Pod calls or " +
			"which have a recent warning, and of the others the newest of each namespace in turn (none in system namespaces). It needs " +
			"no log " +
			"backend, but the permission get on pods/log.",
		Remediation: "Fix the error in the line; `kubectl -n <namespace> logs <pod> -c <container> --since=10m` shows what is around it.",
		Link:        "https://kubernetes.io/docs/concepts/cluster-administration/logging/",
		Needs:       []facts.Kind{facts.Pod},
		Uses: append(logKinds(), facts.Event, facts.Service, facts.EndpointSlice, facts.NetworkPolicy, facts.Namespace, facts.ConfigMap,
			facts.Secret, facts.ServiceAccount, facts.Node),
		Sources:     []facts.Source{facts.SourceRunningLogs},
		ExplainedBy: append(append(check.WorkloadFailures(), check.ServiceFailures()...), "log-new-error", "log-error-surge"),
		Run:         repeatingErrors,
	}
}

func repeatingErrors(g *facts.Graph, params check.Params) []check.Finding {
	logs := g.RunningLogs()
	if logs == nil {
		return nil
	}
	reader := lastline.NewReader(g, params)
	index := reach.NewIndex(g, params)
	var findings []check.Finding
	for _, log := range logs.Containers {
		pod, ok := facts.Lookup[*facts.PodNode](g, log.Pod)
		if !ok {
			continue
		}
		if f, found := repeatingError(g, reader, index, pod, logs.At, log); found {
			findings = append(findings, f)
		}
	}
	return findings
}

// repeatingError is the finding about one container: of the first line that facts explain, or else of the most frequent error.
func repeatingError(
	g *facts.Graph, reader *lastline.Reader, index *reach.Index, pod *facts.PodNode, read time.Time, log facts.ContainerLog,
) (check.Finding, bool) {
	f := check.Finding{
		Object: log.Workload, Discriminator: log.Container,
		Message: fmt.Sprintf("Container %s of %s keeps logging the same error.", log.Container, g.OwnerName(pod)),
		Remediation: remedy.Sprintf("Fix the error in the line; `kubectl -n %s logs %s -c %s --since=10m` shows what is around it.",
			pod.Namespace, pod.Name, log.Container),
	}
	var unexplained *facts.RepeatedLine
	for i, line := range log.Lines {
		if _, denied := access.Parse(line.Example); denied || !repeatsAt(read, line) {
			continue // a denial is reported on the ServiceAccount
		}
		s, known := reader.Read(pod, containerOf(pod, log.Container), line.Example)
		if known && (line.Error || s.Proven()) {
			f.Evidence = []check.Evidence{lineEvidence(log, line)}
			f.Culprits = named(g, index, pod, line)
			return lastline.Lift(f, s), true
		}
		if share := float64(line.Count) / float64(log.Events); line.Error && share >= minShare && unexplained == nil {
			unexplained = &log.Lines[i]
		}
	}
	if unexplained == nil {
		return check.Finding{}, false
	}
	f.Severity = v1alpha1.SeverityLow
	f.Evidence = []check.Evidence{lineEvidence(log, *unexplained)}
	f.Culprits = named(g, index, pod, *unexplained)
	return f, true
}

// repeatsAt reports whether a line was repeated for a while, and did not stop before it was read. Connections that are refused while
// something starts do.
func repeatsAt(read time.Time, line facts.RepeatedLine) bool {
	span := line.Last.Sub(line.First)
	if line.Count < minRepeats || span < minSpan {
		return false
	}
	return read.Sub(line.Last) <= max(maxSilence, 3*span/time.Duration(line.Count-1))
}

func lineEvidence(log facts.ContainerLog, line facts.RepeatedLine) check.Evidence {
	return check.Evidence{Source: v1alpha1.EvidenceLog, Text: fmt.Sprintf("%d times in %s, of Pod %s:\n%s", line.Count,
		length(line.Last.Sub(line.First)), log.Pod.Name, line.Example)}
}

func containerOf(pod *facts.PodNode, name string) facts.Container {
	for _, c := range pod.Containers {
		if c.Name == name {
			return c
		}
	}
	return facts.Container{Name: name}
}

// named are the Services whose hosts a line names: a finding about them explains it.
func named(g *facts.Graph, index *reach.Index, pod *facts.PodNode, line facts.RepeatedLine) []facts.Ref {
	var refs []facts.Ref
	for _, use := range hostname.In(line.Example) {
		if ref, ok := index.Resolve(pod.Namespace, use.Host); ok && g.Has(ref) {
			refs = append(refs, ref)
		}
	}
	return refs
}
