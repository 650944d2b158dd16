package security

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

func standardChecks() []check.Check {
	const link = "https://kubernetes.io/docs/concepts/security/pod-security-standards/"
	latest := newStandard(psaapi.LatestVersion())
	return []check.Check{
		{
			ID: "pod-security-baseline", Static: true, Severity: v1alpha1.SeverityMedium,
			Summary: "A workload does not meet the Pod Security Standard baseline.",
			Meaning: "Its Pods ask for what lets a program out of its container: the node's namespaces, paths and ports, privileged containers, capabilities " +
				"beyond the usual ones, or profiles that switch off protection. The rules are those of Kubernetes' own admission, in its newest version; the " +
				"evidence names the controls. AppArmor profiles in annotations, which clusters before 1.30 use, are not seen. A namespace that enforces " +
				"baseline would refuse these Pods." + aboutKubeSystem(),
			Remediation: "Take out what the evidence names. Then let the namespace refuse it in future: `kubectl label namespace <namespace> " +
				"pod-security.kubernetes.io/enforce=baseline`; `--dry-run=server` tells first which Pods that would hit.",
			Link:        link + "#baseline",
			ExplainedBy: baselineParts(),
			Run:         specCheck(v1alpha1.SeverityMedium, "does not meet the Pod Security Standard baseline", latest.baseline),
		},
		{
			ID: "pod-security-restricted", Static: true, Severity: v1alpha1.SeverityLow,
			Summary: "A workload does not meet the Pod Security Standard restricted.",
			Meaning: "Its Pods are not held back as far as most programs could be: not as root, no capabilities, no way to gain rights, the runtime's filter of " +
				"system calls, and only volumes that do not belong to the node. Controls that the finding pod-security-baseline names already are left out. " +
				"The rules are those of Kubernetes' own admission, in its newest version." + aboutKubeSystem(),
			Remediation: "Set in the Pod template `securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}` and in each container " +
				"`securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}`. `kubectl label --dry-run=server namespace <namespace> " +
				"pod-security.kubernetes.io/enforce=restricted` tells which Pods do not meet it yet.",
			Link:        link + "#restricted",
			ExplainedBy: append(baselineParts(), "runs-as-root", "privilege-escalation-allowed", "capabilities-not-dropped"),
			Run:         specCheck(v1alpha1.SeverityLow, "does not meet the Pod Security Standard restricted", latest.restricted),
		},
	}
}

// baselineParts are checks of one control each, which say more of it than the standard does.
func baselineParts() []string {
	return []string{
		"container-privileged", "pod-host-network", "pod-host-pid", "pod-host-ipc", "pod-host-port", "host-path-mounted", "container-socket-mounted",
		"capabilities-added", "seccomp-unconfined",
	}
}

// standard is a version of the Pod Security Standards: its controls, in a fixed order.
type standard struct {
	baselineControls, restrictedControls []control
}

type control struct {
	id    policy.CheckID
	check policy.CheckPodFn
	// overrides are controls of the standard baseline that it is a stricter form of.
	overrides []policy.CheckID
}

// newStandard returns the controls of a version. It takes a few microseconds.
func newStandard(version psaapi.Version) standard {
	var s standard
	for _, c := range policy.DefaultChecks() {
		newer := func(v policy.VersionedCheck) bool { return version.Older(v.MinimumVersion) }
		versions := slices.DeleteFunc(slices.Clone(c.Versions), newer)
		if len(versions) == 0 {
			continue // a control of later versions
		}
		current := versions[len(versions)-1]
		added := control{c.ID, current.CheckPod, current.OverrideCheckIDs}
		if c.Level == psaapi.LevelBaseline {
			s.baselineControls = append(s.baselineControls, added)
		} else {
			s.restrictedControls = append(s.restrictedControls, added)
		}
	}
	return s
}

func (s standard) baseline(p *facts.PodSpec) []piece {
	var pieces []piece
	for _, c := range s.baselineControls {
		pieces = append(pieces, c.judge(p)...)
	}
	return pieces
}

// restricted leaves out controls whose milder form is broken, too: baseline tells of those.
func (s standard) restricted(p *facts.PodSpec) []piece {
	broken := map[policy.CheckID]bool{}
	for _, c := range s.baselineControls {
		broken[c.id] = len(c.judge(p)) > 0
	}
	var pieces []piece
	for _, c := range s.restrictedControls {
		told := false
		for _, id := range c.overrides {
			told = told || broken[id]
		}
		if !told {
			pieces = append(pieces, c.judge(p)...)
		}
	}
	return pieces
}

func (c control) judge(p *facts.PodSpec) []piece {
	result := c.check(&metav1.ObjectMeta{Annotations: p.SecurityAnnotations}, p.Lean)
	switch {
	case result.Allowed:
		return nil
	case result.ForbiddenDetail == "":
		return []piece{{text: result.ForbiddenReason}}
	default:
		return []piece{{text: result.ForbiddenReason + ": " + result.ForbiddenDetail}}
	}
}
