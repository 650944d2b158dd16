package cli

import (
	"fmt"
	"strings"
)

// peer is another tool whose checks are compared with ours.
type peer struct {
	name, link string
	checks     []peerCheck
}

// peerCheck is what another tool checks, in our words: which of our checks does it, or why none does.
type peerCheck struct {
	// theirs are the names that the tool gives its checks, separated by commas.
	theirs string
	// ours are ids of our checks; empty if it was decided against.
	ours []string
	// note says what differs, or why we decided against it.
	note string
}

// peers are compared in this order.
func peers() []peer {
	return []peer{
		{"Pod Security Standards", "https://kubernetes.io/docs/concepts/security/pod-security-standards/", podSecurityChecks()},
		{"kube-linter", "https://docs.kubelinter.io/#/generated/checks", kubeLinterChecks()},
		{"Polaris", "https://polaris.docs.fairwinds.com/checks/security/", polarisChecks()},
		{"kube-score", "https://github.com/zegl/kube-score/blob/master/README_CHECKS.md", kubeScoreChecks()},
	}
}

// podSecurityChecks are the controls of both levels, which one library judges as the API server does.
func podSecurityChecks() []peerCheck {
	const level = "The level as a whole, by Kubernetes' own library and test data; its evidence lists the fields."
	return []peerCheck{
		{"baseline, restricted (all controls)", []string{"pod-security-baseline", "pod-security-restricted"}, level},
		{"Host namespaces", []string{"pod-host-network", "pod-host-pid", "pod-host-ipc"}, "One check each, since their risks differ."},
		{"Privileged containers", []string{"container-privileged"}, ""},
		{"Capabilities", []string{"capabilities-added", "capabilities-not-dropped"}, ""},
		{"HostPath volumes", []string{"host-path-mounted", "container-socket-mounted"},
			"Severity by the path, and by whether it is writable."},
		{"Host ports", []string{"pod-host-port"}, ""},
		{"Privilege escalation", []string{"privilege-escalation-allowed"}, ""},
		{"Running as non-root", []string{"runs-as-root"}, ""},
		{"Seccomp", []string{"seccomp-unconfined"}, ""},
		{"AppArmor, SELinux, /proc mount type, sysctls, HostProcess, volume types", []string{"pod-security-baseline",
			"pod-security-restricted"},
			"No check of their own: they are rare, and the level names the field."},
	}
}

func kubeLinterChecks() []peerCheck {
	return []peerCheck{
		{"privileged-container, privilege-escalation-container, run-as-non-root, no-read-only-root-fs, drop-net-raw-capability",
			[]string{"container-privileged", "privilege-escalation-allowed", "runs-as-root", "root-filesystem-writable",
				"capabilities-not-dropped"},
			""},
		{"host-ipc, host-network, host-pid, privileged-ports", []string{"pod-host-ipc", "pod-host-network", "pod-host-pid"},
			"A port below 1024 needs no privilege since Kubernetes 1.22 (net.ipv4.ip_unprivileged_port_start): decided against."},
		{"docker-sock, container-runtime-sock, sensitive-host-mounts, writable-host-mount",
			[]string{"container-socket-mounted", "host-path-mounted"}, ""},
		{"unsafe-proc-mount, unsafe-sysctls, scc-deny-privileged-container", []string{"pod-security-baseline"},
			"SecurityContextConstraints are of OpenShift, whose admission enforces them."},
		{"latest-tag, image-not-pinned-by-digest, image-sha", []string{"image-tag-mutable"},
			"A tag that names a version is accepted: with a digest in every manifest, updates are missed more often than tags are moved."},
		{"env-var-secret, configmap-with-credentials", []string{"secret-in-env", "secret-in-configmap", "secret-in-args"},
			"By what values look like, never by a name alone: a variable DB_SECRET_NAME holds no secret."},
		{"read-secret-from-env-var", nil,
			"Variables from Secrets are a documented way; files are better, but advice on every workload helps no one."},
		{"default-service-account, automount-service-account-token, non-existent-service-account, deprecated-service-account-field",
			[]string{"token-automounted", "default-serviceaccount-used-with-rights", "serviceaccount-missing"},
			"An account without permissions does no harm. The old field is still accepted."},
		{"projected-token-long-expiration", []string{"serviceaccount-tokens-legacy"},
			"Tokens that never expire; the API server bounds the others."},
		{"access-to-secrets, cluster-wide-secrets-access, access-to-create-pods, cluster-admin-role-binding, wildcard-in-rules, " +
			"wildcard-resource-verb-combo, bind-verb-in-role, escalate-verb-in-role, impersonate-without-resource-names, " +
			"aggregate-to-admin-escalation, approve-signers-without-resource-names, kube-chainsaw",
			[]string{"rbac-secrets-readable", "rbac-pod-creation", "rbac-cluster-admin-bound", "rbac-wildcard-resources",
				"rbac-wildcard-verbs",
				"rbac-escalation-verbs", "rbac-csr-approval"}, "Roles are reported once they are bound, with who has them."},
		{"deletecollection-verb-in-role", nil, "Who may delete may delete all, one by one."},
		{"dangling-service, dangling-ingress, dangling-horizontalpodautoscaler, dangling-networkpolicy, " +
			"dangling-networkpolicypeer-podselector, dangling-networkpolicy-rule", []string{"service-selector-matches-nothing",
			"ingress-backend-missing", "hpa-target-missing", "network-policy-selects-nothing", "network-policy-peer-matches-nothing"}, ""},
		{"dangling-servicemonitor", []string{"scrape-target-down"},
			"By what Prometheus reports, with a metrics backend; manifests are not judged."},
		{"invalid-target-ports, target-port-specification, liveness-port, readiness-port, startup-port",
			[]string{"service-port-name-wrong", "probe-port-undeclared", "manifest-invalid"},
			"Only ports by name: containers may listen on ports that they do not declare."},
		{"mismatching-selector, no-extensions-v1beta, schema-validation, kubeconform, duplicate-kinds, sorted-keys",
			[]string{"manifest-invalid", "manifest-api-removed", "manifest-duplicate", "removed-api-used", "deprecated-api-used"},
			"By the validation code of Kubernetes itself. The order of keys has no effect."},
		{"duplicate-env-var, duplicate-ports, env-value-from", []string{"env-duplicate", "container-port-duplicate",
			"configmap-key-missing",
			"secret-key-missing"}, ""},
		{"no-liveness-probe, no-readiness-probe, no-startup-probe", []string{"liveness-probe-missing", "readiness-probe-missing",
			"startup-probe-missing"},
			"Readiness only behind a Service, and a startup probe only where a slow start meets a liveness probe."},
		{"unset-cpu-requirements, unset-memory-requirements", []string{"container-requests-missing", "container-memory-limit-missing",
			"qos-best-effort"}, "No CPU limit is demanded: it throttles, while requests share the CPU fairly."},
		{"unset-ephemeral-storage-requirements", []string{"pod-evicted", "node-disk-filling-up"},
			"Where a disk does fill, not on every workload."},
		{"minimum-three-replicas, hpa-minimum-three-replicas, hpa-maximum-replicas", []string{"single-replica", "hpa-at-maximum",
			"hpa-min-equals-max"},
			"Two replicas survive the loss of one. A fixed number above two is a rule of the house: a custom check."},
		{"no-anti-affinity, no-node-affinity", []string{"spread-missing", "spread-selector-missing"},
			"If all replicas do run on one node, not by the manifest alone. Node affinity is no virtue."},
		{"no-rolling-update-strategy", []string{"recreate-strategy-with-replicas", "rollout-takes-all-down"}, ""},
		{"pdb-max-unavailable, pdb-min-available, pdb-unhealthy-pod-eviction-policy", []string{"pdb-blocks-drain", "pdb-invalid",
			"pdb-overlapping", "pdb-selects-nothing", "pdb-unhealthy-not-evicted"}, ""},
		{"job-ttl-seconds-after-finished", []string{"jobs-finished-kept"}, "Once finished Jobs accumulate."},
		{"non-isolated-pod", []string{"namespace-no-network-policy"}, "One finding for a namespace."},
		{"exposed-services, externalname-service-redirect, ssh-port, insecure-route-termination", []string{"service-exposed-to-internet",
			"service-node-port-open", "service-external-name", "ingress-without-tls"}, "By the port that is open to the outside."},
		{"webhook-failure-policy-ignore", []string{"webhook-service-missing", "webhook-no-endpoints"},
			"Ignore is right for webhooks that only add defaults: reported where the webhook does not work."},
		{"init-container-security-gap", []string{"pod-security-baseline", "pod-security-restricted", "container-privileged"},
			"Init containers are judged as others are."},
		{"dnsconfig-options, priority-class-name, restart-policy, use-namespace, required-label-owner, required-annotation-email",
			[]string{"default-namespace-used", "labels-missing", "priority-class-missing"}, "Rules of the house: custom checks."},
	}
}

func polarisChecks() []peerCheck {
	return []peerCheck{
		{"livenessProbeMissing, readinessProbeMissing", []string{"liveness-probe-missing", "readiness-probe-missing"}, ""},
		{"cpuRequestsMissing, memoryRequestsMissing, memoryLimitsMissing", []string{"container-requests-missing",
			"container-memory-limit-missing", "qos-best-effort"}, ""},
		{"cpuLimitsMissing", []string{"cpu-throttled"}, "Decided against: a limit throttles while the node idles. Throttling is reported."},
		{"tagNotSpecified, pullPolicyNotAlways", []string{"image-tag-mutable", "image-pull-policy-stale"},
			"A pull policy matters only for a tag that moves."},
		{"hostIPCSet, hostPIDSet, hostNetworkSet, hostPortSet, hostPathSet, hostProcess, procMount", []string{"pod-host-ipc",
			"pod-host-pid",
			"pod-host-network", "pod-host-port", "host-path-mounted", "pod-security-baseline"}, ""},
		{"runAsRootAllowed, runAsPrivileged, notReadOnlyRootFilesystem, privilegeEscalationAllowed, dangerousCapabilities, " +
			"insecureCapabilities, linuxHardening", []string{"runs-as-root", "container-privileged", "root-filesystem-writable",
			"privilege-escalation-allowed", "capabilities-added", "capabilities-not-dropped", "seccomp-unconfined"}, ""},
		{"sensitiveContainerEnvVar, sensitiveConfigmapContent", []string{"secret-in-env", "secret-in-configmap"}, ""},
		{"automountServiceAccountToken", []string{"token-automounted"}, ""},
		{"clusterrolePodExecAttach, rolePodExecAttach, clusterrolebindingPodExecAttach, rolebindingRolePodExecAttach, " +
			"rolebindingClusterRolePodExecAttach", []string{"rbac-pod-exec"}, "Once, on the role, with who has it."},
		{"clusterrolebindingClusterAdmin, rolebindingClusterAdminClusterRole, rolebindingClusterAdminRole",
			[]string{"rbac-cluster-admin-bound", "rbac-wildcard-resources", "rbac-wildcard-verbs"}, ""},
		{"deploymentMissingReplicas, hpaMinAvailability, hpaMaxAvailability", []string{"single-replica", "hpa-min-equals-max"}, ""},
		{"missingPodDisruptionBudget, pdbDisruptionsIsZero", []string{"pdb-missing", "pdb-blocks-drain"}, ""},
		{"pdbMinAvailableGreaterThanHPAMinReplicas, pdbMinAvailableEqualToHPAMinReplicas, pdbMinAvailableGreaterThanHPAMaxReplicas",
			[]string{"pdb-blocks-drain"}, "By the number of Pods now: an autoscaler at its minimum shows it when it is there."},
		{"topologySpreadConstraint", []string{"spread-missing"}, ""},
		{"priorityClassNotSet", nil, "The default class is right for most workloads."},
		{"metadataAndInstanceMismatched", []string{"labels-missing"}, "The name of an object and of its release may differ."},
		{"missingNetworkPolicy, tlsSettingsMissing", []string{"namespace-no-network-policy", "ingress-without-tls"}, ""},
		{"gatewayTLSMissing, httpRouteInsecureListener, gatewayAllowedRoutesAll, gatewayCrossNamespaceCertificateRef, " +

			"httpRouteCrossNamespaceBackendRef, httpRouteWildcardOrEmptyHost, httpRouteBackendTLSMissing, " +
			"gatewayInsecureFrontendValidation",
			[]string{"gateway-listener-invalid", "httproute-not-accepted", "httproute-backend-unresolved"},

			"What the controller refuses. References into other namespaces need a ReferenceGrant, which is their owner's consent; plain " +
				"HTTP listeners are often the redirect to HTTPS."},
	}
}

func kubeScoreChecks() []peerCheck {
	return []peerCheck{
		{"container-resources", []string{"container-requests-missing", "container-memory-limit-missing", "qos-best-effort"},
			"Without CPU limits."},
		{"container-resource-requests-equal-limits, container-cpu-requests-equal-limits, container-memory-requests-equal-limits",
			[]string{"memory-limit-far-above-request"}, "Equal values waste what bursts need: only a large gap is reported."},
		{"container-ephemeral-storage-request-and-limit, container-ephemeral-storage-request-equals-limit", []string{"pod-evicted",
			"node-disk-filling-up"}, "Where a disk does fill."},
		{"container-image-tag, container-image-pull-policy", []string{"image-tag-mutable", "image-pull-policy-stale"}, ""},
		{"container-security-context-user-group-id", []string{"runs-as-root"},
			"Any user but root; an id above 10,000 adds nothing with user namespaces."},
		{"container-security-context-privileged, container-security-context-readonlyrootfilesystem, container-seccomp-profile",
			[]string{"container-privileged", "root-filesystem-writable", "seccomp-unconfined"}, ""},
		{"container-ports-check, environment-variable-key-duplication", []string{"container-port-duplicate", "env-duplicate"}, ""},
		{"pod-probes, pod-probes-identical", []string{"readiness-probe-missing", "liveness-probe-missing", "liveness-equals-readiness"},
			"Identical probes are accepted if liveness tolerates more failures."},
		{"pod-networkpolicy, networkpolicy-targets-pod", []string{"namespace-no-network-policy", "network-policy-selects-nothing"}, ""},
		{"pod-topology-spread-constraints, deployment-has-host-podantiaffinity, statefulset-has-host-podantiaffinity",
			[]string{"spread-missing"}, "If all replicas run on one node."},
		{"deployment-has-poddisruptionbudget, statefulset-has-poddisruptionbudget, poddisruptionbudget-has-policy", []string{"pdb-missing",
			"pdb-invalid"}, "Behind a Service, with two or more replicas."},
		{"deployment-replicas, deployment-strategy", []string{"single-replica", "rollout-takes-all-down",
			"recreate-strategy-with-replicas"},
			""},
		{"deployment-targeted-by-hpa-does-not-have-replicas-configured, horizontalpodautoscaler-has-target, " +
			"horizontalpodautoscaler-replicas", []string{"hpa-fixed-replicas", "hpa-target-missing", "hpa-min-equals-max"}, ""},
		{"statefulset-has-servicename", []string{"statefulset-service-missing", "statefulset-service-not-headless"}, ""},
		{"deployment-pod-selector-labels-match-template-metadata-labels, statefulset-pod-selector-labels-match-template-metadata-labels, " +
			"label-values, stable-version", []string{"manifest-invalid", "manifest-api-removed", "removed-api-used"}, ""},
		{"service-targets-pod, service-type, ingress-targets-service", []string{"service-selector-matches-nothing",
			"service-node-port-open", "ingress-backend-missing"}, ""},
		{"cronjob-has-deadline", []string{"cronjob-window-too-short", "cronjob-missed-schedule"},
			"startingDeadlineSeconds matters where runs are missed or too short a deadline skips them."},
		{"cronjob-restartpolicy", []string{"manifest-invalid"}, "The API server refuses others."},
	}
}

// markdownOfPeers compares our checks with those of other tools.
func markdownOfPeers(b *strings.Builder) {
	b.WriteString("\n# Checks of other tools\n\n")
	b.WriteString("What the checks of other tools are here, in our words. A row without a check of ours was decided against.\n")
	for _, p := range peers() {
		fmt.Fprintf(b, "\n## %s\n\n<%s>\n\n| Theirs | Ours | Remarks |\n|---|---|---|\n", p.name, p.link)
		for _, c := range p.checks {
			ours := "none"
			if len(c.ours) > 0 {
				ours = joinLinks(c.ours)
			}
			fmt.Fprintf(b, "| %s | %s | %s |\n", c.theirs, ours, c.note)
		}
	}
}
