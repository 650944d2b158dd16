package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// checkRefusedFiles expects `kubeops inspect -f` to find each file that an API server would refuse, with the field, and no other.
func checkRefusedFiles(t *testing.T, write func(name, content string) string, run func(args ...string) ([]string, string, int)) {
	t.Helper()
	args := []string{"--complete", "--fail-on", "high"}
	var want []string
	for i, tc := range refusedFiles() {
		name := fmt.Sprintf("o%d", i)
		args = append(args, "-f", write(name+".yaml", strings.ReplaceAll(tc.object, "NAME", name)))
		if tc.want != "" {
			kind, _, _ := strings.Cut(tc.object[strings.Index(tc.object, "kind: ")+len("kind: "):], "\n")
			want = append(want, kind+" "+name+": "+tc.want)
		}
	}
	refused, stderr, code := run(args...)
	if code != 1 {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	for _, message := range want {
		if !slices.ContainsFunc(refused, func(got string) bool { return strings.HasPrefix(got, message) }) {
			t.Errorf("%q is missing", message)
		}
	}
	if len(refused) != len(want) {
		t.Errorf("got %d, want %d: %q", len(refused), len(want), refused)
	}
}

type refusedFile struct{ object, want string }

// deploymentOf has fields of its spec, of its Pods and of its container.
func deploymentOf(spec, pod, container string) string {
	if !strings.Contains(spec, "selector:") {
		spec += "\n  selector: {matchLabels: {app: cart}}"
	}
	return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: NAME}\nspec:\n  " + spec + "\n  template:\n    metadata: {labels: {app: " +
		"cart}}\n    spec:\n      " + pod + "\n      containers:\n      - {name: cart, image: \"cart:1\"" + container + "}\n"
}

func serviceOf(ports, more string) string {
	return "apiVersion: v1\nkind: Service\nmetadata: {name: NAME}\nspec: {selector: {app: cart}, ports: [" + ports + "]" + more + "}\n"
}

func objectOf(group, kind, spec string) string {
	return "apiVersion: " + group + "\nkind: " + kind + "\nmetadata: {name: NAME}\nspec: {" + spec + "}\n"
}

func refusedFiles() []refusedFile {
	const template = "spec.template.spec."
	const container = template + "containers[0]."
	job := "template: {spec: {restartPolicy: Never, containers: [{name: a, image: a:1}]}}"
	return append(
		refusedPods(template, container),
		refusedFile{deploymentOf("replicas: -1", "", ""), "spec.replicas: Invalid value: -1"},
		refusedFile{deploymentOf("selector: {}", "", ""), "spec.selector: Invalid value: empty selector"},
		refusedFile{deploymentOf("selector: {matchLabels: {app: cart, tier: web}}", "", ""), "spec.template.metadata.labels: Invalid value"},
		refusedFile{deploymentOf("strategy: {type: Rolling}", "", ""), "spec.strategy: Unsupported value"},
		refusedFile{deploymentOf("replicas: 2", "", ""), ""},
		refusedFile{serviceOf("{port: 80, nodePort: 30080}", ""), "spec.ports[0].nodePort: Forbidden"},
		refusedFile{serviceOf("{name: a, port: 80}, {name: b, port: 80}", ""), "spec.ports[1]: Duplicate value"},
		refusedFile{serviceOf("{port: 80, targetPort: 80000}", ""), "spec.ports[0].targetPort: Invalid value: 80000"},
		refusedFile{serviceOf("{port: 80, nodePort: 30080}", ", type: NodePort"), ""},
		refusedFile{objectOf("autoscaling/v2", "HorizontalPodAutoscaler", "minReplicas: 1, scaleTargetRef: {apiVersion: apps/v1, kind: "+
			"Deployment, name: o0}"), "spec.maxReplicas: Invalid value: 0"},
		refusedFile{objectOf("networking.k8s.io/v1", "Ingress", "ingressClassName: nginx"), "spec: Invalid value: either `defaultBackend`"},
		refusedFile{objectOf("networking.k8s.io/v1", "Ingress", "rules: [{host: a.example.com, http: {paths: [{path: a, pathType: Prefix, backend: "+
			"{service: {name: a, port: {number: 80}}}}]}}]"), "spec.rules[0].http.paths[0].path: Invalid value"},
		refusedFile{objectOf("networking.k8s.io/v1", "NetworkPolicy", "podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0}}]}]"),
			"spec.ingress[0].from[0].ipBlock.cidr: Invalid value"},
		refusedFile{objectOf("policy/v1", "PodDisruptionBudget", "minAvailable: 1, maxUnavailable: 1, selector: {matchLabels: {app: cart}}"),
			"spec: Invalid value: minAvailable and maxUnavailable"},
		refusedFile{objectOf("v1", "PersistentVolumeClaim", "accessModes: [ReadWriteOnce]"), "spec.resources[storage]: Required value"},
		refusedFile{objectOf("batch/v1", "CronJob", "schedule: 0 3 * * *, concurrencyPolicy: forbid, jobTemplate: {spec: {"+job+"}}"),
			"spec.concurrencyPolicy: Unsupported value"},
		refusedFile{objectOf("batch/v1", "Job", strings.Replace(job, "restartPolicy: Never, ", "", 1)),
			template + "restartPolicy: Required value"},
		refusedFile{objectOf("batch/v1", "Job", job), ""},
		refusedFile{"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: NAME}\nroleRef: {apiGroup: " +
			"rbac.authorization.k8s.io, kind: ClusterRole, name: view}\nsubjects: [{kind: ServiceAccount, name: cart}]\n",
			"subjects[0].namespace: Required value"},
	)
}

// refusedPods are Deployments whose Pods are refused, and one Pod.
func refusedPods(template, container string) []refusedFile {
	return []refusedFile{
		{deploymentOf("replicas: 1", "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {matchLabels: "+
			"{app: cart}}}]}}", ""), template + "affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required"},
		{deploymentOf("replicas: 1", "restartPolicy: Never", ""), template + "restartPolicy: Unsupported value"},
		{deploymentOf("replicas: 1", "hostNetwork: true", ", ports: [{containerPort: 8080, hostPort: 80}]"), container + "ports[0].hostPort: Invalid"},
		{deploymentOf("replicas: 1", "topologySpreadConstraints: [{maxSkew: 0, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]", ""),
			template + "topologySpreadConstraints[0].maxSkew: Invalid value: 0"},
		{deploymentOf("replicas: 1", "tolerations: [{key: a, operator: Exists, value: b}]", ""), template + "tolerations[0].operator: Invalid value"},
		{deploymentOf("replicas: 1", "volumes: [{name: data, emptyDir: {}, configMap: {name: a}}]", ""),
			template + "volumes[0].configMap: Forbidden: may not specify more than 1 volume type"},
		{deploymentOf("replicas: 1", "", "}\n      - {name: cart, image: side:1"), template + "containers[1].name: Duplicate value"},
		{deploymentOf("replicas: 1", "", ", env: [{name: \"MY VAR=1\", value: x}]"), container + "env[0].name: Invalid value"},
		{deploymentOf("replicas: 1", "", ", ports: [{name: http, containerPort: 1}, {name: http, containerPort: 2}]"),
			container + "ports[1].name: Duplicate value"},
		{deploymentOf("replicas: 1", "", ", ports: [{name: http}]"), container + "ports[0].containerPort: Required value"},
		{deploymentOf("replicas: 1", "", ", livenessProbe: {tcpSocket: {port: 1}, successThreshold: 2}"),
			container + "livenessProbe.successThreshold: Invalid value: 2"},
		{deploymentOf("replicas: 1", "", ", livenessProbe: {httpGet: {path: /, port: 1}, tcpSocket: {port: 1}}"),
			container + "livenessProbe.tcpSocket: Forbidden"},
		{deploymentOf("replicas: 1", "", ", imagePullPolicy: always"), container + "imagePullPolicy: Unsupported value"},
		{deploymentOf("replicas: 1", "", ", volumeMounts: [{name: data, mountPath: /data}]"), container + "volumeMounts[0].name: Not found"},
		{objectOf("v1", "Pod", "securityContext: {seccompProfile: {type: Localhost}}, containers: [{name: a, image: a:1}]"),
			"spec.securityContext.seccompProfile.localhostProfile: Required value"},
	}
}
