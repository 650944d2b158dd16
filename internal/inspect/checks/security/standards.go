package security

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
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
			Meaning: "The Pods use settings that allow known privilege escalations: host namespaces, hostPath volumes, host ports, " +
				"privileged containers, additional capabilities, or disabled AppArmor, seccomp or SELinux profiles. The rules are " +
				"those of Pod Security Admission in its latest version, AppArmor annotations included; the evidence lists the " +
				"controls. A namespace that enforces baseline rejects these Pods." + kubeSystemNote(),
			Remediation: "Remove the settings listed in the evidence. Preview enforcement with `kubectl label --dry-run=server " +
				"--overwrite namespace <namespace> pod-security.kubernetes.io/enforce=baseline`, which lists the Pods that do not meet " +
				"it; run it without --dry-run to enforce.",
			Link:        link + "#baseline",
			ExplainedBy: baselineParts(),
			Run:         specCheck(v1alpha1.SeverityMedium, "does not meet the Pod Security Standard baseline", latest.baseline),
		},
		{
			ID: "pod-security-restricted", Static: true, Severity: v1alpha1.SeverityLow,
			Summary: "A workload does not meet the Pod Security Standard restricted.",
			Meaning: "The Pods do not follow the hardening practices of the standard: run as non-root, drop all capabilities, disallow " +
				"privilege escalation, set a seccomp profile, and use only allowed volume types. Controls that pod-security-baseline " +
				"reports are not repeated. The rules are those of Pod Security Admission in its latest version." + kubeSystemNote(),
			Remediation: "Set `securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}` in the Pod template and " +
				"`securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}` in each container. `kubectl label " +
				"--dry-run=server --overwrite namespace <namespace> pod-security.kubernetes.io/enforce=restricted` lists the Pods that " +
				"do not meet it yet.",
			Link:        link + "#restricted",
			ExplainedBy: append(baselineParts(), "runs-as-root", "privilege-escalation-allowed", "capabilities-not-dropped"),
			Run:         specCheck(v1alpha1.SeverityLow, "does not meet the Pod Security Standard restricted", latest.restricted),
		},
	}
}

// baselineParts are checks of single controls with more details than the standard has.
func baselineParts() []string {
	return []string{
		"container-privileged", "pod-host-network", "pod-host-pid", "pod-host-ipc", "pod-host-port", "host-path-mounted",
		"container-socket-mounted", "capabilities-added", "seccomp-unconfined",
	}
}

// standard is a version of the Pod Security Standards: its controls, in a fixed order.
type standard struct {
	baselineControls, restrictedControls []control
}

type control struct {
	id    policy.CheckID
	check policy.CheckPodFn
	// overrides are controls of baseline that this one is a stricter form of.
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

func (s standard) baseline(spec *facts.PodSpec) []violation {
	var violations []violation
	meta := metaOf(spec)
	for _, c := range s.baselineControls {
		violations = append(violations, c.evaluate(meta, spec)...)
	}
	return violations
}

// restricted skips controls if baseline reports the milder form.
func (s standard) restricted(spec *facts.PodSpec) []violation {
	var failed []policy.CheckID
	meta := metaOf(spec)
	for _, c := range s.baselineControls {
		if len(c.evaluate(meta, spec)) > 0 {
			failed = append(failed, c.id)
		}
	}
	var violations []violation
	for _, c := range s.restrictedControls {
		if !slices.ContainsFunc(c.overrides, func(id policy.CheckID) bool { return slices.Contains(failed, id) }) {
			violations = append(violations, c.evaluate(meta, spec)...)
		}
	}
	return violations
}

// metaOf is what the controls read of the metadata of a Pod.
func metaOf(spec *facts.PodSpec) *metav1.ObjectMeta {
	return &metav1.ObjectMeta{Annotations: spec.SecurityAnnotations}
}

func (c control) evaluate(meta *metav1.ObjectMeta, spec *facts.PodSpec) []violation {
	pod := spec.Lean
	if pod.OS == nil && isWindows(spec) { // Windows by its nodeSelector: the standard knows the field only
		copied := *pod
		copied.OS = &corev1.PodOS{Name: corev1.Windows}
		pod = &copied
	}
	result := c.check(meta, pod)
	switch {
	case result.Allowed:
		return nil
	case result.ForbiddenDetail == "":
		return []violation{{text: result.ForbiddenReason}}
	default:
		return []violation{{text: result.ForbiddenReason + ": " + result.ForbiddenDetail}}
	}
}
