package scheduling

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// schedulingClass is what kind of reason keeps a Pod from a node. Of classes that rule out as many nodes, the first in this
// order is reported: what the Pod asks for comes before what was meant to keep it away.
type schedulingClass int

const (
	classVolume schedulingClass = iota
	classResources
	classPorts
	classAffinity
	classTaints
	classOther
)

// check is the id of the check that reports the class.
func (c schedulingClass) check() string {
	switch c {
	case classVolume:
		return "pod-unschedulable-volume"
	case classResources:
		return "pod-unschedulable-resources"
	case classPorts:
		return "pod-unschedulable-ports"
	case classAffinity:
		return "pod-unschedulable-affinity"
	case classTaints:
		return "pod-unschedulable-taints"
	default:
		return "pod-unschedulable-other"
	}
}

// schedulingReason is one reason, and how many nodes it rules out; 0 when it rules out all before any is looked at.
type schedulingReason struct {
	count int
	text  string
	class schedulingClass
}

// parseScheduling reads the scheduler's message (FitError in kubernetes/pkg/scheduler/framework/types.go):
//
//	0/X nodes are available: <what rules out all>. <N reason, N reason>. <preemption: ...>
//
// What follows on preemption says only that evicting others would not help. Text of another form is one reason.
func parseScheduling(message string) []schedulingReason {
	body := message
	if _, after, found := strings.Cut(body, "nodes are available:"); found {
		body = after
	}
	body, _, _ = strings.Cut(body, "preemption:")
	var reasons []schedulingReason
	for _, part := range splitReasons(body) {
		reason := schedulingReason{text: part}
		if number, text, found := strings.Cut(part, " "); found {
			if n, err := strconv.Atoi(number); err == nil && n >= 0 {
				reason.count = n
				reason.text = strings.TrimSpace(text)
			}
		}
		// What plugins say after the nodes were looked at, such as those that hand out devices, is no reason.
		if reason.text == "" || strings.HasPrefix(reason.text, "no new claims to deallocate") || reason.text == "not found" {
			continue
		}
		reason.class = classifyScheduling(reason.text)
		reasons = append(reasons, reason)
	}
	return reasons
}

// splitReasons splits a list of reasons: at ". ", and at commas that a number follows, since a reason may hold a comma
// itself (older schedulers say: had taint {a: b}, that the pod didn't tolerate).
func splitReasons(body string) []string {
	var parts []string
	for _, sentence := range strings.Split(body, ". ") {
		from := 0
		for i := range len(sentence) {
			if strings.HasPrefix(sentence[i:], ", ") && i+2 < len(sentence) && isDigit(sentence[i+2]) {
				parts = append(parts, sentence[from:i])
				from = i + 2
			}
		}
		parts = append(parts, sentence[from:])
	}
	for i := range parts {
		parts[i] = strings.Trim(parts[i], " .\n\t")
	}
	return slices.DeleteFunc(parts, func(part string) bool { return part == "" })
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// classifyScheduling knows the reasons of the scheduler's plugins (their ErrReason constants in
// kubernetes/pkg/scheduler/framework/plugins).
func classifyScheduling(text string) schedulingClass {
	lower := strings.ToLower(text)
	if strings.HasPrefix(lower, "insufficient ") { // ephemeral-storage and devices among them
		return classResources
	}
	for _, known := range []struct {
		class schedulingClass
		texts []string
	}{
		{classVolume, []string{
			"persistentvolume", "volume", "pvc(s)", "available disk", "free storage", "csi driver", "csinode",
		}},
		{classResources, []string{"too many pods", "pod request"}},
		{classPorts, []string{"free ports"}},
		{classTaints, []string{"taint", "were unschedulable", "unknown conditions"}},
		{classAffinity, []string{"affinity", "selector", "topology spread", "requested node name", "node(s) didn't match",
			"didn't satisfy plugin"}},
	} {
		for _, t := range known.texts {
			if strings.Contains(lower, t) {
				return known.class
			}
		}
	}
	return classOther
}

// dominant is the class that rules out the most nodes. What rules out all of them at once wins, and storage does so even
// beside others, since no other node would help. Nodes that are set apart on purpose, such as those of the control plane, do
// not count as long as anything else is said.
func dominant(reasons []schedulingReason, apart int) schedulingClass {
	counts := map[schedulingClass]int{}
	for _, r := range reasons {
		switch {
		case r.class == classVolume, r.count == 0 && r.class != classOther:
			return r.class
		case r.class == classResources:
			// One node may lack several resources, and is counted for each.
			counts[r.class] = max(counts[r.class], r.count)
		default:
			counts[r.class] += r.count
		}
	}
	if counts[classTaints] > 0 {
		counts[classTaints] = max(counts[classTaints]-apart, 0)
	}
	best := classOther
	for class := classVolume; class <= classOther; class++ {
		if cmp.Compare(counts[class], counts[best]) > 0 {
			best = class
		}
	}
	if counts[best] == 0 && slices.ContainsFunc(reasons, func(r schedulingReason) bool { return r.class == classTaints }) {
		return classTaints
	}
	return best
}
