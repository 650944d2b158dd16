package podlogs

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/reach"
	"kubeops.io/kubeops/internal/inspect/evidence"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// reason is why the log of a container is read, the best first.
type reason int

const (
	restarted reason = iota
	probesFail
	callersFail
	warned
	sampled
)

// target is a container whose log is read.
type target struct {
	pod       *facts.PodNode
	container string
	workload  facts.Ref
	reason    reason
	// turn is the place of a sampled workload in its namespace.
	turn int
}

// choose selects at most one container of each workload: of Pods that were restarted, whose probes fail, which a failing Pod calls or
// which have a recent warning; and of the others, of each namespace in turn the newest. The result is ordered by reason.
func choose(in Input) []target {
	signs := signsOf(in)
	best := map[facts.Ref]target{}
	for _, pod := range in.Graph.Pods {
		if pod.Phase != "Running" || !pod.IsActive() || !in.reads(pod.Namespace) {
			continue
		}
		t, ok := signs.judge(pod)
		if !ok {
			continue
		}
		if known, again := best[t.workload]; !again || compareTargets(t, known) < 0 {
			best[t.workload] = t
		}
	}
	targets := make([]target, 0, len(best))
	for _, t := range best {
		targets = append(targets, t)
	}
	slices.SortFunc(targets, compareTargets)
	turns := map[string]int{}
	for i := range targets {
		if t := &targets[i]; t.reason == sampled {
			t.turn = turns[t.pod.Namespace]
			turns[t.pod.Namespace]++
		}
	}
	slices.SortStableFunc(targets, func(a, b target) int { return cmp.Or(cmp.Compare(a.reason, b.reason), cmp.Compare(a.turn, b.turn)) })
	return targets[:min(len(targets), evidence.MaxRunning)]
}

// reads reports whether the logs of a namespace are read.
func (in Input) reads(namespace string) bool {
	return in.Scope.Reads(namespace) && (in.Exclude == nil || !in.Exclude(namespace))
}

// compareTargets orders by reason; then the newest workload first, since what changed last is most likely what fails.
func compareTargets(a, b target) int {
	return cmp.Or(cmp.Compare(a.reason, b.reason), b.pod.Created.Compare(a.pod.Created), a.pod.Ref.Compare(b.pod.Ref))
}

// signs of trouble in a graph.
type signs struct {
	in Input
	// called are workloads behind a Service that the configuration of a failing Pod names.
	called map[facts.Ref]bool
}

func signsOf(in Input) *signs {
	s := &signs{in: in, called: map[facts.Ref]bool{}}
	index := reach.NewIndex(in.Graph, in.Params)
	services := map[facts.Ref]bool{}
	for _, pod := range in.Graph.Pods {
		if pod.Spec == nil || pod.Ready && !pod.IsLooping(in.Graph.Now) || !pod.IsActive() {
			continue
		}
		for _, container := range slices.Concat(pod.InitContainers, pod.Containers) {
			for _, host := range in.Graph.HostsOf(pod, container.Name) {
				if ref, ok := index.Resolve(pod.Namespace, host.Host); ok {
					services[ref] = true
				}
			}
		}
	}
	for ref := range services {
		for _, edge := range in.Graph.DependsOn(ref) {
			s.called[edge.To] = true
		}
	}
	return s
}

// judge chooses a container of a Pod, and why it is read; false for a Pod without one that runs.
func (s *signs) judge(pod *facts.PodNode) (target, bool) {
	t := target{pod: pod, workload: s.in.Graph.TopOwner(pod.Ref), reason: sampled}
	for _, c := range pod.Containers {
		if c.State.Status != facts.StateRunning {
			continue
		}
		at := s.reasonFor(pod, c, t.workload)
		if t.container == "" || at < t.reason {
			t.container = c.Name
			t.reason = at
		}
	}
	// Components of Kubernetes log errors that they recover from: only a sign makes them worth reading. KubeOps shows its errors in the
	// conditions of its resources.
	if t.reason == sampled && (check.IsSystemNamespace(pod.Namespace) || t.workload.Name == "kubeops-manager") {
		return t, false
	}
	return t, t.container != ""
}

func (s *signs) reasonFor(pod *facts.PodNode, c facts.Container, workload facts.Ref) reason {
	if c.Restarts > 0 && s.recent(c.Last().Finished) {
		return restarted
	}
	found := sampled
	for _, e := range s.in.Graph.EventsOf(pod.Ref) {
		switch {
		case !s.recent(e.Last) || e.FieldPath != "" && !strings.Contains(e.FieldPath, "{"+c.Name+"}"):
		case e.Reason == "Unhealthy":
			return probesFail
		default:
			found = warned
		}
	}
	switch {
	case s.called[workload]:
		return callersFail
	case found == sampled && slices.ContainsFunc(s.in.Graph.EventsOf(workload), func(e *facts.EventNode) bool { return s.recent(e.Last) }):
		return warned
	default:
		return found
	}
}

func (s *signs) recent(at time.Time) bool {
	return !at.IsZero() && !s.in.Graph.OlderThan(at, s.in.Params.RecentWindow)
}
