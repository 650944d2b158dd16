package exposure

import (
	"testing"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

func shopNamespace(labels string) string {
	return checktest.Document("v1", "Namespace", "name: shop, labels: {"+labels+"}", "")
}

func engine(name, hook string) string {
	return checktest.Document("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "name: "+name,
		"webhooks: [{name: "+hook+"}]")
}

func TestANamespaceWithoutPodSecurityIsReported(t *testing.T) {
	web := labelledPod("shop", "web", "app: web", "containers: []")
	const message = "low Namespace/shop: Namespace shop has no Pod Security level: it accepts privileged Pods."
	const unset = "  spec: label pod-security.kubernetes.io/enforce is not set"
	checktest.RunTextCases(t, Checks(), "namespace-no-pod-security", map[string]checktest.TextCase{
		"no label": {shopNamespace("") + web, checktest.Lines(message, unset)},
		"one that only warns": {
			shopNamespace("pod-security.kubernetes.io/warn: baseline") + web,
			checktest.Lines(message, unset, "  spec: label pod-security.kubernetes.io/warn is baseline, which warns or audits but does "+
				"not reject"),
		},
		"another webhook": {shopNamespace("") + web + engine("cert-manager-webhook", "webhook.cert-manager.io"),
			checktest.Lines(message, unset)},
		"a level": {shopNamespace("pod-security.kubernetes.io/enforce: baseline") + web, ""},
		"no Pods": {shopNamespace(""), ""},
		"Kyverno": {shopNamespace("") + web + engine("kyverno-resource-validating-webhook-cfg",
			"validate.kyverno.svc-fail"), ""},
		"Gatekeeper by its webhook's name": {shopNamespace("") + web + engine("policy", "validation.gatekeeper.sh"), ""},
		"Kubernetes' own": {checktest.Document("v1", "Namespace", "name: kube-system", "") + labelledPod("kube-system",
			"dns", "app: dns", "containers: []"), ""},
		"a namespace that was not read": {web, ""},
	})
	checktest.RunTextCases(t, Checks(), "namespace-no-pod-security", map[string]checktest.TextCase{"webhooks could not be read": {
		shopNamespace("") + web, ""}}, facts.ValidatingWebhook)
}

func TestANamespaceWithPrivilegedPodSecurityIsReported(t *testing.T) {
	namespace := shopNamespace("pod-security.kubernetes.io/enforce: privileged")
	found := checktest.Lines("low Namespace/shop: Namespace shop allows privileged Pods, although all of its Pods comply with the "+
		"level baseline.", "  spec: label pod-security.kubernetes.io/enforce: privileged")
	cases := map[string]checktest.TextCase{
		"nothing out of the ordinary": {
			namespace + labelledPod("shop", "web", "app: web",
				"containers: [{name: c, ports: [{containerPort: 80}], securityContext: {runAsUser: 0, capabilities: {add: "+
					"[NET_BIND_SERVICE]}}}], volumes: [{name: v, emptyDir: {}}]"),
			found,
		},
		"no Pods": {namespace, ""},
		"another level": {shopNamespace("pod-security.kubernetes.io/enforce: restricted") + labelledPod("shop", "web", "app: web",
			"containers: []"), ""},
		"a workload that is scaled to zero needs it": {
			namespace + labelledPod("shop", "web", "app: web", "containers: []") + checktest.Document("apps/v1", "DaemonSet",
				"name: d, namespace: shop",
				"spec: {selector: {matchLabels: {a: b}}, template: {spec: {hostPID: true, containers: []}}}"), "",
		},
	}
	for _, spec := range []string{
		"hostNetwork: true, containers: []", "hostIPC: true, containers: []",
		"containers: [{name: c, securityContext: {privileged: true}}]",
		"containers: [{name: c, securityContext: {capabilities: {add: [SYS_ADMIN]}}}]",
		"initContainers: [{name: c, securityContext: {procMount: Unmasked}}], containers: []",
		"volumes: [{name: v, hostPath: {path: /var}}], containers: []",
		"containers: [{name: c, ports: [{containerPort: 80, hostPort: 80}]}]",
		"securityContext: {sysctls: [{name: a, value: b}]}, containers: []",
		"securityContext: {seccompProfile: {type: Unconfined}}, containers: []",
		"containers: [{name: c, securityContext: {appArmorProfile: {type: Unconfined}}}]",
		"containers: [{name: c, livenessProbe: {httpGet: {port: 1, host: example.com}}}]",
		"containers: [{name: c, securityContext: {seLinuxOptions: {type: spc_t}}}]",
	} {
		cases["a Pod that needs it: "+spec] = checktest.TextCase{namespace + labelledPod("shop", "web", "app: web", spec), ""}
	}
	checktest.RunTextCases(t, Checks(), "namespace-pod-security-privileged", cases)
	checktest.RunTextCases(t, Checks(), "namespace-pod-security-privileged", map[string]checktest.TextCase{
		"workloads could not be read": {namespace + labelledPod("shop", "web", "app: web", "containers: []"), ""},
	}, facts.DaemonSet)
}

func TestUseOfTheDefaultNamespaceIsReported(t *testing.T) {
	checktest.RunTextCases(t, Checks(), "default-namespace-used", map[string]checktest.TextCase{
		"a Pod and a Deployment": {
			labelledPod("default", "web", "", "containers: []") + checktest.Document("apps/v1", "Deployment",
				"name: api, namespace: default", "spec: {template: {spec: {containers: []}}}"),
			checktest.Lines("info Namespace/default: Workloads run in the namespace default and share its permissions, quotas and "+
				"policies.", "  spec: workloads: Deployment api, Pod web"),
		},
		"elsewhere": {labelledPod("shop", "web", "", "containers: []"), ""},
	})
}
