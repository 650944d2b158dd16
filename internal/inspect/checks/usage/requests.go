package usage

import (
	"fmt"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/podtemplate"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/inspect/sizing"
)

// How much a difference must come to before it is worth a finding: of one Pod, and of all Pods of a workload together when
// something can be saved.
const (
	lessCPU, lessCPUAll       = 50, 250
	lessMemory, lessMemoryAll = 64 * mebi, 256 * mebi
	moreCPU, moreMemory       = 100, 64 * mebi
	silentCPU, silentMemory   = 100, 128 * mebi
)

// sizeNote ends the Meaning of what judges requests.
const sizeNote = " The recommendation is the 95th percentile of CPU and the peak of memory of the busiest Pod within spec.usage.window (7 days), plus the margins of spec.usage (15 %), and for memory at least 1.2 times a limit at which a Pod was OOM-killed. Containers with less than a day of history, Jobs, workloads sized by a VerticalPodAutoscaler, and resources whose utilization scales a HorizontalPodAutoscaler are not reported." + check.SystemNamespacesNote

func requestSizeChecks() []check.Check {
	uses := append(facts.WorkloadKinds(), facts.CronJob, facts.HPA, facts.VPA, facts.LimitRange)
	needs := []facts.Kind{facts.Pod}
	sources := []facts.Source{facts.SourceUsage}
	return []check.Check{
		{
			ID: "cpu-request-too-high", Category: v1alpha1.CategoryCost, Severity: v1alpha1.SeverityLow,
			Summary: "A workload requests far more CPU than it uses.",
			Meaning: "The request of a container is at least a third higher than recommended, and all Pods of the workload together could save at least 250m. Requested CPU is reserved on nodes and paid for whether it is used or not. The recommendation is at least half of the container's peak usage; a container that at times uses more than it requests is not reported." + sizeNote,
			Remediation: "Lower resources.requests.cpu to the recommendation in the evidence: `kubectl set resources <kind> <name> -c <container> --requests=cpu=<quantity>`.",
			Link:        rightSizing, Needs: needs, Uses: uses, Sources: sources, Run: cpuTooHigh,
		},
		{
			ID: "memory-request-too-high", Category: v1alpha1.CategoryCost, Severity: v1alpha1.SeverityLow,
			Summary: "A workload requests far more memory than it uses.",
			Meaning: "The request of a container is at least a third higher than recommended, and all Pods of the workload together could save at least 256Mi. Requested memory is reserved on nodes and paid for whether it is used or not." + sizeNote,
			Remediation: "Lower resources.requests.memory to the recommendation in the evidence: `kubectl set resources <kind> <name> -c <container> --requests=memory=<quantity>`.",
			Link:        rightSizing, Needs: needs, Uses: uses, Sources: sources, Run: memoryTooHigh,
		},
		{
			ID: "cpu-request-too-low", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityLow,
			Summary: "A workload uses far more CPU than it requests.",
			Meaning: "For more than 5 % of the time a container uses over a quarter more CPU than it requests, and at least 100m more. On a busy node, CPU is shared in proportion to requests: the container slows down when others are busy too." + sizeNote,
			Remediation: "Raise resources.requests.cpu to the recommendation in the evidence: `kubectl set resources <kind> <name> -c <container> --requests=cpu=<quantity>`.",
			Link:        rightSizing, Needs: needs, Uses: uses, Sources: sources, Run: cpuTooLow,
		},
		{
			ID: "memory-request-too-low", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityLow,
			Summary: "A workload uses far more memory than it requests.",
			Meaning: "At its peak a container uses over a quarter more memory than it requests, and at least 64Mi more. Under memory pressure, the kubelet first evicts Pods that use more than they request." + sizeNote,
			Remediation: "Raise resources.requests.memory to the recommendation in the evidence: `kubectl set resources <kind> <name> -c <container> --requests=memory=<quantity>`.",
			Link:        "https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#pod-selection-for-kubelet-eviction",
			Needs:       needs, Uses: uses, Sources: sources, Run: memoryTooLow,
		},
		{
			ID: "usage-without-request", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityLow,
			Summary: "A container uses CPU or memory without requesting it.",
			Meaning: "A container without a CPU request uses 100m or more, or one without a memory request uses 128Mi or more. The scheduler assumes zero, so its node is fuller than it appears. The evidence contains the recommended requests." + sizeNote,
			Remediation: "Set resources.requests as recommended in the evidence: `kubectl set resources <kind> <name> -c <container> --requests=cpu=<quantity>,memory=<quantity>`.",
			Link:        rightSizing, Needs: needs, Uses: uses, Sources: sources,
			ExplainedBy: []string{"container-requests-missing", "qos-best-effort"}, Run: usageWithoutRequest,
		},
	}
}

// times words by how much one number is larger than another, in steps that hold still.
func times(more, less int64) string {
	switch {
	case more >= 10*less:
		return "more than ten times"
	case more >= 5*less:
		return "more than five times"
	case more >= 2*less:
		return "more than twice"
	default:
		return "at least a third more than"
	}
}

// most is the largest of the relations of some containers.
func most(of []*measured, relation func(*measured) (more, less int64)) string {
	bestMore, bestLess := relation(of[0])
	for _, s := range of[1:] {
		if more, less := relation(s); float64(more)*float64(bestLess) > float64(bestMore)*float64(less) {
			bestMore, bestLess = more, less
		}
	}
	return times(bestMore, bestLess)
}

// lowerCPU is what a container with room to spare should request: it keeps half of what it used at its busiest, so that a
// nightly job, which no percentile shows, is not starved.
func (s *measured) lowerCPU(p check.Params) int64 {
	return max(s.cpuNeed(p), sizing.CPU(float64(max(0, s.used.CPUPeak))/2, 0))
}

func cpuTooHigh(g *facts.Graph, p check.Params) []check.Finding {
	return perWorkload(sizes(g), func(s *measured) ([]check.Evidence, string, bool) {
		need := s.lowerCPU(p)
		spare := s.cpuRequest - need
		if s.used.CPU < 0 || !s.proven() || s.Workload == nil || s.cpuScaled || milli(s.used.CPUPeak) > s.cpuRequest ||
			need*4 > s.cpuRequest*3 || spare < lessCPU || spare*s.pods < lessCPUAll {
			return nil, "", false
		}
		return []check.Evidence{
			check.FromSpec("container %s requests %s CPU in each of %s", s.container.Name, phrase.Cores(s.cpuRequest), podCount(int32(s.pods))), //nolint:gosec // came from an int32
			s.cpuEvidence(g),
			check.FromMetric("recommended: %s with a margin of %d %%; this frees %s CPU%s", phrase.Cores(need), p.Margins.CPU, phrase.Cores(spare*s.pods), saves(p.Prices, p.Prices.Core, spare*s.pods, 0)),
		}, s.set("--requests=cpu=" + millicores(need)), true
	}, func(s *measured, of []*measured, names string) check.Finding {
		return check.Finding{
			Message:     fmt.Sprintf("%s requests %s the CPU that it needs, in %s.", s.Name(), most(of, func(s *measured) (int64, int64) { return s.cpuRequest, s.lowerCPU(p) }), names),
			Remediation: guaranteed(of, func(s *measured) bool { return s.cpuLimit == s.cpuRequest }),
		}
	})
}

func memoryTooHigh(g *facts.Graph, p check.Params) []check.Finding {
	return perWorkload(sizes(g), func(s *measured) ([]check.Evidence, string, bool) {
		need := s.memoryNeed(p)
		spare := s.memoryRequest - need
		if s.used.Memory < 0 || !s.proven() || s.Workload == nil || s.memoryScaled || float64(need) > float64(s.memoryRequest)*3/4 ||
			spare < lessMemory || float64(spare)*float64(s.pods) < lessMemoryAll {
			return nil, "", false
		}
		all := int64(float64(spare) * float64(s.pods))
		evidence := []check.Evidence{
			check.FromSpec("container %s requests %s of memory in each of %s", s.container.Name, phrase.Bytes(s.memoryRequest), podCount(int32(s.pods))), //nolint:gosec // came from an int32
			s.memoryEvidence(g),
			check.FromMetric("recommended: %s with a margin of %d %%; this frees %s%s", phrase.Bytes(need), p.Margins.Memory, phrase.Bytes(all), saves(p.Prices, p.Prices.GiB, 0, all)),
		}
		return append(evidence, s.killEvidence()...), s.set("--requests=memory=" + binary(need)), true
	}, func(s *measured, of []*measured, names string) check.Finding {
		return check.Finding{
			Message:     fmt.Sprintf("%s requests %s the memory that it needs, in %s.", s.Name(), most(of, func(s *measured) (int64, int64) { return s.memoryRequest, s.memoryNeed(p) }), names),
			Remediation: guaranteed(of, func(s *measured) bool { return s.memoryLimit == s.memoryRequest }),
		}
	})
}

// saves tells the money, where there are prices.
func saves(prices sizing.Prices, price, millicores, bytes int64) string {
	if price <= 0 {
		return ""
	}
	return fmt.Sprintf(", worth %.2f %s a month", prices.Monthly(millicores, bytes), prices.Currency)
}

// guaranteed warns where request and limit are equal, which some set on purpose.
func guaranteed(of []*measured, equal func(*measured) bool) string {
	for _, s := range of {
		if equal(s) {
			return ". Request and limit are equal: to keep QoS class Guaranteed, lower the limit too, and monitor it"
		}
	}
	return ""
}

func (s *measured) killEvidence() []check.Evidence {
	if s.killedAt <= 0 {
		return nil
	}
	return []check.Evidence{check.FromCondition("container %s was OOM-killed with a limit of %s", s.container.Name, phrase.Bytes(s.killedAt))}
}

func cpuTooLow(g *facts.Graph, p check.Params) []check.Finding {
	return perWorkload(sizes(g), func(s *measured) ([]check.Evidence, string, bool) {
		used := milli(s.used.CPU)
		if !s.proven() || s.Workload == nil || s.cpuScaled || s.cpuRequest <= 0 || used*4 <= s.cpuRequest*5 || used-s.cpuRequest < moreCPU {
			return nil, "", false
		}
		need := s.cpuNeed(p)
		if s.cpuLimit > 0 {
			need = min(need, s.cpuLimit)
		}
		return []check.Evidence{
			check.FromSpec("container %s requests %s CPU", s.container.Name, phrase.Cores(s.cpuRequest)), s.cpuEvidence(g),
			check.FromMetric("recommended: %s with a margin of %d %%", phrase.Cores(need), p.Margins.CPU),
		}, s.set("--requests=cpu=" + millicores(need)), true
	}, func(s *measured, of []*measured, names string) check.Finding {
		return check.Finding{Message: fmt.Sprintf("%s uses %s CPU than it requests, in %s: on a busy node it slows down.", s.Name(), surplus(of, func(s *measured) (int64, int64) { return milli(s.used.CPU), s.cpuRequest }), names)}
	})
}

// surplus words how much more is used than requested.
func surplus(of []*measured, relation func(*measured) (more, less int64)) string {
	if text := most(of, relation); text != times(1, 1) {
		return text + " as much"
	}
	return "over a quarter more"
}

func memoryTooLow(g *facts.Graph, p check.Params) []check.Finding {
	return perWorkload(sizes(g), func(s *measured) ([]check.Evidence, string, bool) {
		used := int64(s.used.Memory)
		if !(s.proven() || s.Owner.Kind == facts.CronJob && s.used.Pods >= enoughRuns) || s.memoryScaled || s.memoryRequest <= 0 ||
			float64(used) <= float64(s.memoryRequest)*5/4 || used-s.memoryRequest < moreMemory {
			return nil, "", false
		}
		need := s.memoryNeed(p)
		flags := ""
		if s.memoryLimit > 0 && need > s.memoryLimit {
			flags = " --limits=memory=" + binary(sizing.Limit(float64(s.used.Memory), s.killedAt, p.Margins.Memory))
		}
		evidence := []check.Evidence{
			check.FromSpec("container %s requests %s of memory", s.container.Name, phrase.Bytes(s.memoryRequest)), s.memoryEvidence(g),
			check.FromMetric("recommended: %s with a margin of %d %%", phrase.Bytes(need), p.Margins.Memory),
		}
		return append(evidence, s.killEvidence()...), s.set("--requests=memory=" + binary(need) + flags), true
	}, func(s *measured, of []*measured, names string) check.Finding {
		return check.Finding{Message: fmt.Sprintf("%s uses %s memory than it requests, in %s: its Pods are among the first to be evicted.", s.Name(), surplus(of, func(s *measured) (int64, int64) { return int64(s.used.Memory), s.memoryRequest }), names)}
	})
}

// enoughRuns of a CronJob stand for a day of history.
const enoughRuns = 3

func usageWithoutRequest(g *facts.Graph, p check.Params) []check.Finding {
	filled := podtemplate.DefaultsOf(g)
	return perWorkload(sizes(g), func(s *measured) ([]check.Evidence, string, bool) {
		d := filled[s.Owner.Namespace]
		if !s.proven() || !s.Settled(g) {
			return nil, "", false
		}
		var evidence []check.Evidence
		var flags string
		if s.cpuRequest == 0 && !d.CPURequest && milli(s.used.CPU) >= silentCPU {
			need := s.cpuNeed(p)
			evidence = append(evidence, s.cpuEvidence(g), check.FromMetric("recommended: %s with a margin of %d %%", phrase.Cores(need), p.Margins.CPU))
			flags = "cpu=" + millicores(need)
		}
		if s.memoryRequest == 0 && !d.MemoryRequest && s.used.Memory >= silentMemory {
			need := s.memoryNeed(p)
			evidence = append(evidence, s.memoryEvidence(g), check.FromMetric("recommended: %s with a margin of %d %%", phrase.Bytes(need), p.Margins.Memory))
			if flags != "" {
				flags += ","
			}
			flags += "memory=" + binary(need)
		}
		return evidence, s.set("--requests=" + flags), flags != ""
	}, func(s *measured, _ []*measured, names string) check.Finding {
		return check.Finding{Message: fmt.Sprintf("%s uses CPU or memory that it does not request, in %s.", s.Name(), names)}
	})
}
