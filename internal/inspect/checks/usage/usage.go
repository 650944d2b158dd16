// Package usage checks requests, limits and nodes against what a metrics backend measured.
package usage

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/podtemplate"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/inspect/sizing"
)

// Checks judge what containers and nodes use, as a metrics back end tells it.
func Checks() []check.Check {
	return slices.Concat(requestSizeChecks(), limitSizeChecks(), nodeUsageChecks())
}

const (
	// enoughHistory is how long a container must have been seen before its requests are judged: a day has a busy hour.
	enoughHistory = 24 * time.Hour
	// rightSizing is where the method is described for users of the resources.
	rightSizing = "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#requests-and-limits"
	mebi        = 1 << 20
)

// measured is a container that runs for as long as its Pod, with what it states and what it used.
type measured struct {
	podtemplate.Template
	container *corev1.Container
	used      facts.ContainerUsage
	// Millicores and bytes; 0 where nothing is stated, for the container or for the whole Pod.
	cpuRequest, memoryRequest, cpuLimit, memoryLimit int64
	// killedAt is the memory limit at which a Pod of today ran out of memory; 0 for none. killed is when the latest did.
	killedAt int64
	killed   time.Time
	// pods that the workload wants.
	pods int64
	// scaled by the utilization of a resource: what is requested is what an autoscaler measures by.
	cpuScaled, memoryScaled bool
}

// sizes are the containers of workloads and CronJobs of which usage is known. Left out are Pods and Jobs that nothing makes
// again, containers that admission adds and nobody can set up, and what a VerticalPodAutoscaler sizes.
func sizes(g *facts.Graph) []measured {
	if g.Usage() == nil {
		return nil
	}
	scaled := autoscaled(g)
	vpaSized := vpaTargets(g)
	templates := map[facts.Ref]*corev1.PodSpec{}
	for _, s := range podtemplate.Configured(g) {
		templates[s.Owner] = s.Lean
	}
	var all []measured
	for _, s := range podtemplate.Effective(g) {
		if (s.Workload == nil && s.Owner.Kind != facts.CronJob) || vpaSized[s.Owner] || s.Lean.Resources != nil {
			continue
		}
		killed := kills(g, s.Owner)
		for _, c := range s.Running() {
			used, ok := g.UsageOf(s.Owner, c.Name)
			if !ok || !inTemplate(templates[s.Owner], c.Name) {
				continue
			}
			one := measured{Template: s, container: c, used: used, pods: 1, cpuScaled: scaled[s.Owner].cpu, memoryScaled: scaled[s.Owner].memory}
			one.killedAt, one.killed = killed[c.Name].limit, killed[c.Name].at
			one.cpuRequest, one.cpuLimit = c.Resources.Requests.Cpu().MilliValue(), c.Resources.Limits.Cpu().MilliValue()
			one.memoryRequest, one.memoryLimit = c.Resources.Requests.Memory().Value(), c.Resources.Limits.Memory().Value()
			if _, stated := c.Resources.Requests[corev1.ResourceCPU]; !stated {
				one.cpuRequest = one.cpuLimit // what the API server fills in
			}
			if _, stated := c.Resources.Requests[corev1.ResourceMemory]; !stated {
				one.memoryRequest = one.memoryLimit
			}
			if s.Workload != nil {
				one.pods = int64(max(1, s.Workload.Desired))
			}
			all = append(all, one)
		}
	}
	return all
}

func inTemplate(spec *corev1.PodSpec, name string) bool {
	named := func(c corev1.Container) bool { return c.Name == name }
	return spec != nil && (slices.ContainsFunc(spec.Containers, named) || slices.ContainsFunc(spec.InitContainers, named))
}

// utilization says by the use of which resources, as a share of what is requested, a workload is scaled.
type utilization struct{ cpu, memory bool }

func autoscaled(g *facts.Graph) map[facts.Ref]utilization {
	all := map[facts.Ref]utilization{}
	for _, h := range g.HPAs {
		u := all[h.Target]
		if len(h.Metrics) == 0 {
			u.cpu = true // the API's default
		}
		for i, text := range h.Metrics {
			ofPods := i < len(h.MetricTypes) && (h.MetricTypes[i] == "Resource" || h.MetricTypes[i] == "ContainerResource")
			u.cpu = u.cpu || (ofPods && strings.HasPrefix(text, "cpu ") && strings.Contains(text, "%"))
			u.memory = u.memory || (ofPods && strings.HasPrefix(text, "memory ") && strings.Contains(text, "%"))
		}
		all[h.Target] = u
	}
	return all
}

// vpaTargets are the workloads whose requests a VerticalPodAutoscaler sets.
func vpaTargets(g *facts.Graph) map[facts.Ref]bool {
	all := map[facts.Ref]bool{}
	for _, c := range g.CustomResources {
		if c.VPA != nil && c.VPA.Applies && c.Deleting.IsZero() {
			all[c.VPA.Target] = true
		}
	}
	return all
}

type kill struct {
	limit int64
	at    time.Time
}

// kills are the highest limits at which containers of the Pods of today were killed for want of memory.
func kills(g *facts.Graph, owner facts.Ref) map[string]kill {
	all := map[string]kill{}
	for _, pod := range g.PodsOf(owner) {
		for _, containers := range [][]facts.Container{pod.Containers, pod.InitContainers} {
			for i := range containers {
				c := &containers[i]
				for _, state := range []facts.ContainerState{c.State, c.Last} {
					if state.Reason == "OOMKilled" {
						known := all[c.Name]
						all[c.Name] = kill{limit: max(known.limit, c.MemoryLimit), at: check.Later(known.at, state.Finished)}
					}
				}
			}
		}
	}
	return all
}

// cpuNeed is what to request, in millicores; memoryNeed in bytes.
func (s *measured) cpuNeed(p check.Params) int64 {
	return sizing.CPU(float64(s.used.CPU), p.Margins.CPU)
}

func (s *measured) memoryNeed(p check.Params) int64 {
	return sizing.Memory(float64(s.used.Memory), s.killedAt, p.Margins.Memory)
}

// proven says whether the container was seen for long enough.
func (s *measured) proven() bool { return s.used.History >= enoughHistory }

// set is the command that states resources for the container, for example --requests=cpu=100m.
func (s *measured) set(flags string) string {
	return fmt.Sprintf("`%s set resources %s %s -c %s %s`", kubectl.Command(s.Owner), s.Owner.Kind.Argument(), s.Owner.Name, s.container.Name, flags)
}

// cpuEvidence and memoryEvidence say what was measured, and how.
func (s *measured) cpuEvidence(g *facts.Graph) check.Evidence {
	text := fmt.Sprintf("container %s used %s CPU, the 95th percentile of the busiest of %s over %s", s.container.Name, phrase.Cores(milli(s.used.CPU)), podCount(s.used.Pods), days(min(s.used.History, g.Usage().Window)))
	if s.used.CPUPeak >= 0 {
		text += fmt.Sprintf(", and %s at its busiest", phrase.Cores(milli(s.used.CPUPeak)))
	}
	return check.FromMetric("%s (container_cpu_usage_seconds_total)", text)
}

func (s *measured) memoryEvidence(g *facts.Graph) check.Evidence {
	return check.FromMetric("container %s used %s of memory at its peak, in %s over %s (container_memory_working_set_bytes)",
		s.container.Name, phrase.Bytes(int64(s.used.Memory)), podCount(s.used.Pods), days(min(s.used.History, g.Usage().Window)))
}

func podCount(n int32) string { return fmt.Sprintf("%d %s", n, phrase.Plural(int(n), "Pod", "Pods")) }

func milli(of float32) int64 { return int64(math.Round(float64(of) * 1000)) }

// days writes how long something was watched.
func days(d time.Duration) string {
	switch n := int(d.Round(time.Hour).Hours()); {
	case n < 48:
		return fmt.Sprintf("%d %s", n, phrase.Plural(n, "hour", "hours"))
	default:
		return fmt.Sprintf("%d days", n/24)
	}
}

// binary writes bytes as a quantity that kubectl takes, without rounding: sizes are whole mebibytes.
func binary(bytes int64) string {
	if bytes%(1<<30) == 0 {
		return fmt.Sprintf("%dGi", bytes>>30)
	}
	return fmt.Sprintf("%dMi", bytes>>20)
}

// millicores writes CPU as a quantity that kubectl takes.
func millicores(m int64) string {
	if m%1000 == 0 {
		return fmt.Sprint(m / 1000)
	}
	return fmt.Sprintf("%dm", m)
}

// perWorkload makes one finding of the containers of each workload that a judgement is about. It returns the evidence for one
// container and what to do about it, or false.
func perWorkload(all []measured, judge func(*measured) ([]check.Evidence, string, bool), finding func(s *measured, of []*measured, names string) check.Finding) []check.Finding {
	var findings []check.Finding
	for start := 0; start < len(all); {
		end := start + 1
		for end < len(all) && all[end].Owner == all[start].Owner {
			end++
		}
		var of []*measured
		var names, commands []string
		var evidence []check.Evidence
		for i := start; i < end; i++ {
			if e, command, ok := judge(&all[i]); ok {
				of, names, commands, evidence = append(of, &all[i]), append(names, all[i].container.Name), append(commands, command), append(evidence, e...)
			}
		}
		start = end
		if len(of) == 0 {
			continue
		}
		f := finding(of[0], of, phrase.Containers(names))
		f.Object = of[0].Owner
		f.Evidence = append(evidence, f.Evidence...)
		f.Remediation = strings.TrimSpace(strings.Join(commands, ", then ") + f.Remediation)
		findings = append(findings, f)
	}
	return findings
}
