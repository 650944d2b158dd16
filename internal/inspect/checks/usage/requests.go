package usage

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/podtemplate"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/inspect/sizing"
	"kubeops.io/kubeops/internal/remedy"
)

// The minimum difference for a finding: of one Pod, and of all Pods of a workload together if
// requests can be lowered.
const (
	minSpareCPU          = 50
	minSpareCPUAll       = 250
	minSpareMemory       = 64 * mebi
	minSpareMemoryAll    = 256 * mebi
	minExcessCPU         = 100
	minExcessMemory      = 64 * mebi
	minUnrequestedCPU    = 100
	minUnrequestedMemory = 128 * mebi
)

// sizeNote ends the Meaning of the checks of requests.
const sizeNote = " The recommendation is the 95th percentile of CPU and the peak of memory of the busiest Pod within spec.usage.window " +
	"(7 days), plus the margins of spec.usage (15 %), and for memory at least 1.2 times a limit at which a Pod was OOM-killed. " +
	"Containers with less than a day of history, Jobs, workloads sized by a VerticalPodAutoscaler, and resources whose utilization " +
	"scales a HorizontalPodAutoscaler are not reported. The evidence states the history of the numbers, and warns of requests that fit " +
	"no node." + check.SystemNamespacesNote

func requestSizeChecks() []check.Check {
	uses := append(facts.WorkloadKinds(), facts.CronJob, facts.HPA, facts.VPA, facts.LimitRange, facts.Node)
	needs := []facts.Kind{facts.Pod}
	sources := []facts.Source{facts.SourceUsage}
	return []check.Check{
		{
			ID: "cpu-request-too-high", Category: v1alpha1.CategoryCost, Severity: v1alpha1.SeverityLow,
			Summary: "A workload requests far more CPU than it uses.",
			Meaning: "The request of a container is at least a third higher than recommended, and all Pods of the workload " +
				"together could save at least 250m. Requested CPU is reserved on nodes and paid for whether it is used or not. The " +
				"recommendation is at least half of the container's peak usage; a container that at times uses more than it requests " +
				"is not reported." + sizeNote,
			Remediation: "Lower resources.requests.cpu to the recommendation in the evidence: `kubectl set resources <kind> <name> -c " +
				"<container> --requests=cpu=<quantity>`.",
			Link: rightSizing, Needs: needs, Uses: uses, Sources: sources, Run: cpuTooHigh,
		},
		{
			ID: "memory-request-too-high", Category: v1alpha1.CategoryCost, Severity: v1alpha1.SeverityLow,
			Summary: "A workload requests far more memory than it uses.",
			Meaning: "The request of a container is at least a third higher than recommended, and all Pods of the workload " +
				"together could save at least 256Mi. Requested memory is reserved on nodes and paid for whether it is used " +
				"or not." + sizeNote,
			Remediation: "Lower resources.requests.memory to the recommendation in the evidence: `kubectl set resources <kind> <name> " +
				"-c <container> --requests=memory=<quantity>`.",
			Link: rightSizing, Needs: needs, Uses: uses, Sources: sources, Run: memoryTooHigh,
		},
		{
			ID: "cpu-request-too-low", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityLow,
			Summary: "A workload uses far more CPU than it requests.",
			Meaning: "For more than 5 % of the time a container uses over a quarter more CPU than it requests, and at least 100m " +
				"more. On a busy node, CPU is shared in proportion to requests: the container slows down when others are " +
				"busy too." + sizeNote,
			Remediation: "Raise resources.requests.cpu to the recommendation in the evidence: `kubectl set resources <kind> <name> -c " +
				"<container> --requests=cpu=<quantity>`.",
			Link: rightSizing, Needs: needs, Uses: uses, Sources: sources, Run: cpuTooLow,
		},
		{
			ID: "memory-request-too-low", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityLow,
			Summary: "A workload uses far more memory than it requests.",
			Meaning: "At its peak a container uses over a quarter more memory than it requests, and at least 64Mi more. Under " +
				"memory pressure, the kubelet first evicts Pods that use more than they request." + sizeNote,
			Remediation: "Raise resources.requests.memory to the recommendation in the evidence: `kubectl set resources <kind> <name> " +
				"-c <container> --requests=memory=<quantity>`.",
			Link:  "https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#pod-selection-for-kubelet-eviction",
			Needs: needs, Uses: uses, Sources: sources, Run: memoryTooLow,
		},
		{
			ID: "usage-without-request", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityLow,
			Summary: "A container uses CPU or memory without requesting it.",
			Meaning: "A container without a CPU request uses 100m or more, or one without a memory request uses 128Mi or more. The " +
				"scheduler assumes zero, so its node is fuller than it appears. The evidence contains the recommended requests." + sizeNote,
			Remediation: "Set resources.requests as recommended in the evidence: `kubectl set resources <kind> <name> -c <container> " +
				"--requests=cpu=<quantity>,memory=<quantity>`.",
			Link: rightSizing, Needs: needs, Uses: uses, Sources: sources,
			ExplainedBy: []string{"container-requests-missing", "qos-best-effort"}, Run: usageWithoutRequest,
		},
	}
}

// times describes how much one number is larger than another, in steps, so that messages do not change between runs.
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

// maxRatio describes the largest of the ratios of some containers.
func maxRatio(of []*sizedContainer, relation func(*sizedContainer) (more, less int64)) string {
	bestMore, bestLess := relation(of[0])
	for _, s := range of[1:] {
		if more, less := relation(s); float64(more)*float64(bestLess) > float64(bestMore)*float64(less) {
			bestMore, bestLess = more, less
		}
	}
	return times(bestMore, bestLess)
}

// lowerCPU is the recommendation for a container with a high request: at least half of its peak usage, so that a
// nightly job, which no percentile shows, is not starved.
func (sized *sizedContainer) lowerCPU(p check.Params) int64 {
	return max(sized.cpuNeed(p), sizing.CPU(float64(max(0, sized.used.CPUPeak))/2, 0))
}

func cpuTooHigh(g *facts.Graph, p check.Params) []check.Finding {
	return perWorkload(g, func(sized *sizedContainer) (advice, bool) {
		need := sized.lowerCPU(p)
		spare := sized.cpuRequest - need
		if sized.used.CPU < 0 || !sized.proven() || sized.Workload == nil || sized.cpuScaled ||
			milli(sized.used.CPUPeak) > sized.cpuRequest ||
			need*4 > sized.cpuRequest*3 ||
			spare < minSpareCPU ||
			spare*sized.pods < minSpareCPUAll {
			return advice{}, false
		}
		return advice{cpu: need, command: sized.set(remedy.Command("--requests=cpu=%s", millicores(need))), evidence: []check.Evidence{
			check.FromSpec("container %s requests %s CPU in each of %s", sized.container.Name, phrase.Cores(sized.cpuRequest),
				podCount(int32(sized.pods))), //nolint:gosec // came from an int32
			sized.cpuEvidence(g),
			check.FromMetric("recommended: %s with a margin of %d %%; this frees %s CPU%s", phrase.Cores(need), p.Margins.CPU,
				phrase.Cores(spare*sized.pods), saves(p.Prices, p.Prices.Core, spare*sized.pods, 0)),
		}}, true
	}, func(sized *sizedContainer, of []*sizedContainer, names string) check.Finding {
		return check.Finding{
			Message: fmt.Sprintf("%s requests %s the CPU that it needs, in %s.", sized.Name(),
				maxRatio(of, func(sized *sizedContainer) (int64, int64) { return sized.cpuRequest, sized.lowerCPU(p) }), names),
			Remediation: guaranteed(of, func(sized *sizedContainer) bool { return sized.cpuLimit == sized.cpuRequest }),
		}
	})
}

func memoryTooHigh(g *facts.Graph, p check.Params) []check.Finding {
	return perWorkload(g, func(sized *sizedContainer) (advice, bool) {
		need := sized.memoryNeed(p)
		spare := sized.memoryRequest - need
		if sized.used.Memory < 0 || !sized.proven() || sized.Workload == nil || sized.memoryScaled ||
			float64(need) > float64(sized.memoryRequest)*3/4 ||
			spare < minSpareMemory ||
			float64(spare)*float64(sized.pods) < minSpareMemoryAll {
			return advice{}, false
		}
		all := int64(float64(spare) * float64(sized.pods))
		evidence := []check.Evidence{
			check.FromSpec("container %s requests %s of memory in each of %s", sized.container.Name, phrase.Bytes(sized.memoryRequest),
				podCount(int32(sized.pods))), //nolint:gosec // came from an int32
			sized.memoryEvidence(g),
			check.FromMetric("recommended: %s with a margin of %d %%; this frees %s%s", phrase.Bytes(need), p.Margins.Memory,
				phrase.Bytes(all), saves(p.Prices, p.Prices.GiB, 0, all)),
		}
		return advice{
			memory: need, command: sized.set(remedy.Command("--requests=memory=%s", binary(need))),
			evidence: append(evidence, sized.killEvidence()...),
		}, true
	}, func(sized *sizedContainer, of []*sizedContainer, names string) check.Finding {
		return check.Finding{
			Message: fmt.Sprintf("%s requests %s the memory that it needs, in %s.", sized.Name(),
				maxRatio(of, func(sized *sizedContainer) (int64, int64) { return sized.memoryRequest, sized.memoryNeed(p) }), names),
			Remediation: guaranteed(of, func(sized *sizedContainer) bool { return sized.memoryLimit == sized.memoryRequest }),
		}
	})
}

// saves states the savings if prices are configured.
func saves(prices sizing.Prices, price, millicores, bytes int64) string {
	if price <= 0 {
		return ""
	}
	return fmt.Sprintf(", worth %.2f %s a month", prices.Monthly(millicores, bytes), prices.Currency)
}

// guaranteed warns if request and limit are equal, which may be intended.
func guaranteed(of []*sizedContainer, equal func(*sizedContainer) bool) remedy.Text {
	for _, s := range of {
		if equal(s) {
			return ". Request and limit are equal: to keep QoS class Guaranteed, lower the limit too, and monitor it"
		}
	}
	return ""
}

func (sized *sizedContainer) killEvidence() []check.Evidence {
	if sized.killedAt <= 0 {
		return nil
	}
	return []check.Evidence{
		check.FromCondition("container %s was OOM-killed with a limit of %s", sized.container.Name, phrase.Bytes(sized.killedAt)),
	}
}

func cpuTooLow(g *facts.Graph, p check.Params) []check.Finding {
	return perWorkload(g, func(sized *sizedContainer) (advice, bool) {
		used := milli(sized.used.CPU)
		if !sized.proven() || sized.Workload == nil || sized.cpuScaled || sized.cpuRequest <= 0 || used*4 <= sized.cpuRequest*5 ||
			used-sized.cpuRequest < minExcessCPU {
			return advice{}, false
		}
		need := sized.cpuNeed(p)
		if sized.cpuLimit > 0 {
			need = min(need, sized.cpuLimit)
		}
		return advice{cpu: need, command: sized.set(remedy.Command("--requests=cpu=%s", millicores(need))), evidence: []check.Evidence{
			check.FromSpec("container %s requests %s CPU", sized.container.Name, phrase.Cores(sized.cpuRequest)), sized.cpuEvidence(g),
			check.FromMetric("recommended: %s with a margin of %d %%", phrase.Cores(need), p.Margins.CPU),
		}}, true
	}, func(sized *sizedContainer, of []*sizedContainer, names string) check.Finding {
		return check.Finding{
			Message: fmt.Sprintf("%s uses %s CPU than it requests, in %s: on a busy node it slows down.", sized.Name(),
				surplus(of, func(sized *sizedContainer) (int64, int64) { return milli(sized.used.CPU), sized.cpuRequest }), names),
		}
	})
}

// surplus describes how much more is used than requested.
func surplus(of []*sizedContainer, relation func(*sizedContainer) (more, less int64)) string {
	if text := maxRatio(of, relation); text != times(1, 1) {
		return text + " as much"
	}
	return "over a quarter more"
}

func memoryTooLow(g *facts.Graph, p check.Params) []check.Finding {
	return perWorkload(g, func(sized *sizedContainer) (advice, bool) {
		used := int64(sized.used.Memory)
		if !(sized.proven() || sized.Owner.Kind == facts.CronJob && sized.used.Pods >= enoughRuns) || sized.memoryScaled ||
			sized.memoryRequest <= 0 ||
			float64(used) <= float64(sized.memoryRequest)*5/4 ||
			used-sized.memoryRequest < minExcessMemory {
			return advice{}, false
		}
		need := sized.memoryNeed(p)
		flags := remedy.Command("--requests=memory=%s", binary(need))
		if sized.memoryLimit > 0 && need > sized.memoryLimit {
			flags = remedy.Command("%s --limits=memory=%s", flags,
				binary(sizing.Limit(float64(sized.used.Memory), sized.killedAt, p.Margins.Memory)))
		}
		evidence := []check.Evidence{
			check.FromSpec("container %s requests %s of memory", sized.container.Name,
				phrase.Bytes(sized.memoryRequest)), sized.memoryEvidence(g),
			check.FromMetric("recommended: %s with a margin of %d %%", phrase.Bytes(need), p.Margins.Memory),
		}
		return advice{memory: need, command: sized.set(flags), evidence: append(evidence, sized.killEvidence()...)}, true
	}, func(sized *sizedContainer, of []*sizedContainer, names string) check.Finding {
		return check.Finding{
			Message: fmt.Sprintf("%s uses %s memory than it requests, in %s: its Pods are among the first to be evicted.", sized.Name(),
				surplus(of, func(sized *sizedContainer) (int64, int64) { return int64(sized.used.Memory), sized.memoryRequest }), names),
		}
	})
}

// enoughRuns of a CronJob count as a day of history.
const enoughRuns = 3

func usageWithoutRequest(g *facts.Graph, p check.Params) []check.Finding {
	filled := podtemplate.DefaultsOf(g)
	return perWorkload(g, func(sized *sizedContainer) (advice, bool) {
		d := filled[sized.Owner.Namespace]
		if !sized.proven() || !sized.Settled(g) {
			return advice{}, false
		}
		a := sized.unrequested(g, p, d)
		var flags []string
		if a.cpu > 0 {
			flags = append(flags, "cpu="+millicores(a.cpu))
		}
		if a.memory > 0 {
			flags = append(flags, "memory="+binary(a.memory))
		}
		a.command = sized.set(remedy.Command("--requests=%s", strings.Join(flags, ",")))
		return a, len(flags) > 0
	}, func(sized *sizedContainer, of []*sizedContainer, names string) check.Finding {
		var cpu, memory bool
		for _, one := range of {
			a := one.unrequested(g, p, filled[one.Owner.Namespace])
			cpu, memory = cpu || a.cpu > 0, memory || a.memory > 0
		}
		what := "CPU and memory"
		switch {
		case !memory:
			what = "CPU"
		case !cpu:
			what = "memory"
		}
		return check.Finding{Message: fmt.Sprintf("%s uses %s that it does not request, in %s.", sized.Name(), what, names)}
	})
}

// unrequested returns the recommended requests of what a container uses without requesting it, without a command.
func (sized *sizedContainer) unrequested(g *facts.Graph, p check.Params, d podtemplate.Defaults) (a advice) {
	if sized.cpuRequest == 0 && !d.CPURequest && milli(sized.used.CPU) >= minUnrequestedCPU {
		a.cpu = sized.cpuNeed(p)
		a.evidence = append(a.evidence, sized.cpuEvidence(g),
			check.FromMetric("recommended: %s with a margin of %d %%", phrase.Cores(a.cpu), p.Margins.CPU))
	}
	if sized.memoryRequest == 0 && !d.MemoryRequest && sized.used.Memory >= minUnrequestedMemory {
		a.memory = sized.memoryNeed(p)
		a.evidence = append(a.evidence, sized.memoryEvidence(g),
			check.FromMetric("recommended: %s with a margin of %d %%", phrase.Bytes(a.memory), p.Margins.Memory))
	}
	return a
}
