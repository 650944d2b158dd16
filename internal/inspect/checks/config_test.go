package checks

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
)

// setUp is a workload of the namespace shop, days old. spec is more of its spec, pod the spec of its template.
func setUp(kind, name, spec, pod string) string {
	if spec != "" {
		spec += ","
	}
	return document("apps/v1", kind, fmt.Sprintf("name: %s, namespace: shop, uid: %[1]s, creationTimestamp: \"2026-01-10T10:00:00Z\", labels: {app: %[1]s}", name),
		fmt.Sprintf("spec: {selector: {matchLabels: {app: %s}}, %s\n  template: {metadata: {labels: {app: %[1]s}}, spec: {%[3]s}}}", name, spec, pod))
}

// api is a container of that name with more fields.
func api(more string) string { return "containers: [{name: api, image: shop/api:v1" + more + "}]" }

// front is a Service that selects the Pods of a workload.
func front(name, app, more string) string {
	return document("v1", "Service", "name: "+name+", namespace: shop", "spec: {clusterIP: 10.0.0.1, selector: {app: "+app+"}, ports: [{port: 80, targetPort: 8080}]"+more+"}")
}

// setUpCase is a check over documents, and what it is to find.
type setUpCase struct {
	id, documents string
	elsewhere     []facts.Kind
	want          []string
}

func tellAll(t *testing.T, cases map[string]setUpCase) {
	t.Helper()
	for name, c := range cases {
		t.Run(c.id+": "+name, func(t *testing.T) {
			if diff := cmp.Diff(lines(c.want...), told(t, c.id, c.documents, c.elsewhere...)); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

func TestResourcesOfContainers(t *testing.T) {
	const limitRange = "apiVersion: v1\nkind: LimitRange\nmetadata: {name: defaults, namespace: shop}\n" +
		"spec: {limits: [{type: Container, default: {memory: 1Gi}, defaultRequest: {cpu: 100m}}]}\n---\n"
	nothing := setUp("Deployment", "cart", "replicas: 2", api(""))
	pod := document("v1", "Pod", "name: cart-a, namespace: shop, labels: {app: cart}, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: cart, uid: cart, controller: true}]",
		"spec: {"+api(", resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 64Mi}}")+"}\nstatus: {phase: Running}")
	tellAll(t, map[string]setUpCase{
		"nothing is stated": {id: "qos-best-effort", documents: nothing, want: []string{
			"low Deployment/shop/cart: Deployment cart states neither requests nor limits: its Pods may stand on any node, and are the first to be killed when memory is short.",
			"  spec: no resources on container api"}},
		"a LimitRange fills it in":           {id: "qos-best-effort", documents: nothing + limitRange},
		"admission filled it in":             {id: "qos-best-effort", documents: nothing + pod},
		"LimitRanges are not known":          {id: "qos-best-effort", documents: nothing, elsewhere: []facts.Kind{facts.LimitRange}},
		"in a namespace of the distribution": {id: "qos-best-effort", documents: strings.ReplaceAll(nothing, "namespace: shop", "namespace: kube-system")},
		"scaled to zero":                     {id: "qos-best-effort", documents: setUp("Deployment", "cart", "replicas: 0", api(""))},
		"a limit counts as a request":        {id: "qos-best-effort", documents: setUp("Deployment", "cart", "", api(", resources: {limits: {memory: 1Gi}}"))},
		"the Pod as a whole states it":       {id: "qos-best-effort", documents: setUp("Deployment", "cart", "", "resources: {requests: {cpu: 1}}, "+api(""))},
		"one resource is missing": {id: "container-requests-missing", documents: setUp("DaemonSet", "cart", "", api(", resources: {requests: {cpu: 1}}")), want: []string{
			"low DaemonSet/shop/cart: DaemonSet cart leaves open what it needs: container api does not request CPU or memory.",
			"  spec: container api requests no memory"}},
		"a whole Pod without any is qos-best-effort": {id: "container-requests-missing", documents: nothing},
		"both are there":          {id: "container-requests-missing", documents: setUp("Deployment", "cart", "", api(", resources: {requests: {cpu: 1}, limits: {memory: 1Gi}}"))},
		"a default makes it fine": {id: "container-requests-missing", documents: limitRange + setUp("Deployment", "cart", "", api(", resources: {requests: {cpu: 1}}"))},
		"an init container is short": {id: "container-requests-missing", documents: setUp("Deployment", "cart", "", "initContainers: [{name: i, image: i}], "+
			api(", resources: {requests: {cpu: 1, memory: 1Gi}}"))},
		"no memory limit": {id: "container-memory-limit-missing", documents: setUp("Deployment", "cart", "", api(", resources: {requests: {cpu: 1}}")), want: []string{
			"low Deployment/shop/cart: Deployment cart has no memory limit on container api.",
			"  spec: no resources.limits.memory on container api"}},
		"a memory limit":  {id: "container-memory-limit-missing", documents: setUp("Deployment", "cart", "", api(", resources: {limits: {memory: 1Gi}}"))},
		"a default limit": {id: "container-memory-limit-missing", documents: limitRange + setUp("Deployment", "cart", "", api(", resources: {requests: {cpu: 1}}"))},
		"a limit far above": {id: "memory-limit-far-above-request", documents: setUp("Deployment", "cart", "", api(", resources: {requests: {memory: 128Mi}, limits: {memory: 2Gi}}")), want: []string{
			"info Deployment/shop/cart: Deployment cart may use more than four times the memory that it requests, in container api.",
			"  spec: container api requests 128Mi of memory, and may use 2Gi"}},
		"a small limit is no danger": {id: "memory-limit-far-above-request", documents: setUp("Deployment", "cart", "", api(", resources: {requests: {memory: 16Mi}, limits: {memory: 512Mi}}"))},
		"a limit near the request":   {id: "memory-limit-far-above-request", documents: setUp("Deployment", "cart", "", api(", resources: {requests: {memory: 1Gi}, limits: {memory: 2Gi}}"))},
		"a volume in memory": {id: "emptydir-memory-unbounded", documents: setUp("Deployment", "cart", "", "volumes: [{name: tmp, emptyDir: {medium: Memory}}], "+
			api(", volumeMounts: [{name: tmp, mountPath: /tmp}]")), want: []string{
			"low Deployment/shop/cart [tmp]: Volume tmp of Deployment cart stands in memory, and may grow until its node has none left.",
			"  spec: emptyDir of medium Memory without sizeLimit, mounted by container api without a memory limit"}},
		"a volume in memory with a size": {id: "emptydir-memory-unbounded", documents: setUp("Deployment", "cart", "", "volumes: [{name: tmp, emptyDir: {medium: Memory, sizeLimit: 1Mi}}], "+
			api(", volumeMounts: [{name: tmp, mountPath: /tmp}]"))},
		"a volume in memory of a container with a limit": {id: "emptydir-memory-unbounded", documents: setUp("Deployment", "cart", "", "volumes: [{name: tmp, emptyDir: {medium: Memory}}], "+
			api(", resources: {limits: {memory: 1Gi}}, volumeMounts: [{name: tmp, mountPath: /tmp}]"))},
	})
}

func TestSetupOfProbes(t *testing.T) {
	with := func(probes string) string {
		return setUp("Deployment", "cart", "", api(", ports: [{name: http, containerPort: 8080}], "+probes))
	}
	const get, ready = "httpGet: {path: /, port: http}", "readinessProbe: {httpGet: {path: /, port: http}}"
	tellAll(t, map[string]setUpCase{
		"no readiness probe behind a Service": {id: "readiness-probe-missing", documents: with("") + front("web", "cart", ""), want: []string{
			"low Deployment/shop/cart: Deployment cart gets requests from Service web as soon as its process runs: container api has no readiness probe.",
			"  spec: Service web selects app=cart"}},
		"no Service":                   {id: "readiness-probe-missing", documents: with("") + front("web", "other", "")},
		"a readiness probe":            {id: "readiness-probe-missing", documents: with(ready) + front("web", "cart", "")},
		"a Service for Pods not ready": {id: "readiness-probe-missing", documents: with("") + front("web", "cart", ", publishNotReadyAddresses: true")},
		"another container serves": {id: "readiness-probe-missing", documents: setUp("Deployment", "cart", "", "containers: [{name: log, image: l}, {name: api, image: a, ports: [{containerPort: 8080}], "+
			"readinessProbe: {tcpSocket: {port: 8080}}}]") + front("web", "cart", "")},
		"no liveness probe": {id: "liveness-probe-missing", documents: with(ready), want: []string{
			"info Deployment/shop/cart: Deployment cart is not restarted when it hangs: no liveness probe on container api.",
			"  spec: container api declares a port and has no livenessProbe"}},
		"nothing is served": {id: "liveness-probe-missing", documents: setUp("Deployment", "cart", "", api(""))},
		"a Job serves nobody": {id: "liveness-probe-missing", documents: document("batch/v1", "Job", "name: j, namespace: shop",
			"spec: {template: {spec: {"+api(", ports: [{containerPort: 1}]")+"}}}")},
		"equal probes": {id: "liveness-equals-readiness", documents: with(ready + ", livenessProbe: {" + get + "}"), want: []string{
			"low Deployment/shop/cart: Deployment cart restarts containers that are only busy: the liveness probe of container api asks what the readiness probe asks, and gives up no later.",
			"  spec: container api: both ask the same; the liveness probe fails after 30s, the readiness probe after 30s"}},
		"a more patient liveness probe": {id: "liveness-equals-readiness", documents: with(ready + ", livenessProbe: {" + get + ", failureThreshold: 6}")},
		"another path":                  {id: "liveness-equals-readiness", documents: with(ready + ", livenessProbe: {httpGet: {path: /live, port: http}}")},
		"a long delay": {id: "startup-probe-missing", documents: with("livenessProbe: {initialDelaySeconds: 120, " + get + "}"), want: []string{
			"low Deployment/shop/cart: Deployment cart waits long before it looks for hanging containers: container api would start better with a startup probe.",
			"  spec: container api: livenessProbe.initialDelaySeconds is 120, and there is no startupProbe"}},
		"a startup probe": {id: "startup-probe-missing", documents: with("startupProbe: {" + get + "}, livenessProbe: {initialDelaySeconds: 120, " + get + "}")},
		"a long timeout": {id: "probe-timeout-above-period", documents: with("readinessProbe: {timeoutSeconds: 30, " + get + "}"), want: []string{
			"info Deployment/shop/cart: Deployment cart has a probe that may take longer than its period, on container api.",
			"  spec: container api: the readiness probe may take 30 s, and is to run every 10 s"}},
		"a short timeout": {id: "probe-timeout-above-period", documents: with(ready)},
		"a port of another name": {id: "probe-port-undeclared", documents: with("readinessProbe: {httpGet: {port: web}}"), want: []string{
			"medium Deployment/shop/cart: Deployment cart has a probe that can never be made: it names a port that does not stand on container api.",
			"  spec: container api: the readiness probe asks port web, which the container does not declare"}},
		"the port of the container": {id: "probe-port-undeclared", documents: with(ready)},
		"a number":                  {id: "probe-port-undeclared", documents: with("readinessProbe: {tcpSocket: {port: 9}}, livenessProbe: {exec: {command: [x]}}, startupProbe: {tcpSocket: {port: '80'}}")},
	})
}

func TestAvailability(t *testing.T) {
	claim := func(mode string) string {
		return document("v1", "PersistentVolumeClaim", "name: data, namespace: shop", "spec: {accessModes: ["+mode+"]}")
	}
	const mounts = "volumes: [{name: d, persistentVolumeClaim: {claimName: data}}], "
	hpa := document("autoscaling/v2", "HorizontalPodAutoscaler", "name: cart, namespace: shop", "spec: {minReplicas: 2, maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: cart}}")
	node := func(name string) string {
		return document("v1", "Node", "name: "+name, "status: {allocatable: {cpu: 4, memory: 8Gi, pods: 110}}")
	}
	ready := func(name, on string) string {
		return document("v1", "Pod", "name: "+name+", namespace: shop, labels: {app: cart}, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: cart, uid: cart, controller: true}]",
			"spec: {nodeName: "+on+", "+api("")+"}\nstatus: {phase: Running, conditions: [{type: Ready, status: 'True'}]}")
	}
	one, two := setUp("Deployment", "cart", "replicas: 1", api("")), setUp("Deployment", "cart", "replicas: 2", api(""))
	budget := document("policy/v1", "PodDisruptionBudget", "name: cart, namespace: shop", "spec: {maxUnavailable: 1, selector: {matchLabels: {app: cart}}}")
	together := node("a") + node("b") + ready("cart-1", "a") + ready("cart-2", "a")
	tellAll(t, map[string]setUpCase{
		"one replica": {id: "single-replica", documents: one + front("web", "cart", ""), want: []string{
			"low Deployment/shop/cart: Deployment cart has a single replica behind Service web: each restart of it and each drain of its node is an outage.",
			"  spec: replicas: 1", "  spec: Service web selects app=cart"}},
		"two replicas":          {id: "single-replica", documents: two + front("web", "cart", "")},
		"no Service":            {id: "single-replica", documents: one},
		"an autoscaler":         {id: "single-replica", documents: one + front("web", "cart", "") + hpa},
		"a volume for one node": {id: "single-replica", documents: setUp("Deployment", "cart", "", mounts+api("")) + claim("ReadWriteOnce") + front("web", "cart", "")},
		"no budget": {id: "pdb-missing", documents: two + front("web", "cart", ""), want: []string{
			"low Deployment/shop/cart: Deployment cart has no PodDisruptionBudget: a drain may take all of its Pods at the same time.",
			"  spec: behind Service web; no PodDisruptionBudget selects its Pods"}},
		"a budget":              {id: "pdb-missing", documents: two + front("web", "cart", "") + budget},
		"nobody calls it":       {id: "pdb-missing", documents: two},
		"budgets are not known": {id: "pdb-missing", documents: two + front("web", "cart", ""), elsewhere: []facts.Kind{facts.PDB}},
		"all on one node": {id: "spread-missing", documents: two + together, want: []string{
			"low Deployment/shop/cart: All Pods of Deployment cart stand on one node: when it goes, all of them go.",
			"  condition: 2 ready Pods, all on node a", "  spec: neither topologySpreadConstraints nor podAntiAffinity"}},
		"on two nodes":   {id: "spread-missing", documents: two + node("a") + node("b") + ready("cart-1", "a") + ready("cart-2", "b")},
		"a single node":  {id: "spread-missing", documents: two + node("a") + ready("cart-1", "a") + ready("cart-2", "a")},
		"tied to a node": {id: "spread-missing", documents: setUp("Deployment", "cart", "replicas: 2", "nodeSelector: {disk: fast}, "+api("")) + together},
		"spread is asked for": {id: "spread-missing", documents: setUp("Deployment", "cart", "replicas: 2",
			"topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway}], "+api("")) + together},
		"a shared claim": {id: "pvc-access-mode-with-replicas", documents: setUp("Deployment", "cart", "replicas: 3", mounts+api("")) + claim("ReadWriteOnce"), want: []string{
			"medium Deployment/shop/cart [data]: All Pods of Deployment cart mount PersistentVolumeClaim data, which only one node may mount.",
			"  spec: replicas: 3", "  spec: PersistentVolumeClaim data: ReadWriteOnce", "  condition: Pods ready: 0"}},
		"a claim for many": {id: "pvc-access-mode-with-replicas", documents: setUp("Deployment", "cart", "replicas: 3", mounts+api("")) + claim("ReadWriteOnce, ReadWriteMany")},
		"a claim for one":  {id: "pvc-access-mode-with-replicas", documents: setUp("Deployment", "cart", "replicas: 1", mounts+api("")) + claim("ReadWriteOnce")},
		"more than nodes": {id: "host-port-with-replicas", documents: setUp("Deployment", "cart", "replicas: 3", api(", ports: [{containerPort: 80, hostPort: 80}]")) + node("a") + node("b"), want: []string{
			"low Deployment/shop/cart: Deployment cart wants more Pods than there are nodes for them: each takes host port 80/TCP of its node.",
			"  spec: replicas: 3", "  condition: nodes that take such Pods: 2"}},
		"as many as nodes": {id: "host-port-with-replicas", documents: setUp("Deployment", "cart", "replicas: 2", api(", ports: [{containerPort: 80, hostPort: 80}]")) + node("a") + node("b")},
	})
}

func TestRollouts(t *testing.T) {
	tellAll(t, map[string]setUpCase{
		"all at once": {id: "rollout-takes-all-down", documents: setUp("Deployment", "cart", "replicas: 3, strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 100%}}", api("")), want: []string{
			"low Deployment/shop/cart: A rollout of Deployment cart may take down all of its Pods at once.", "  spec: maxUnavailable: 100%, replicas: 3"}},
		"as many as there are": {id: "rollout-takes-all-down", documents: setUp("Deployment", "cart", "replicas: 2, strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 2}}", api("")), want: []string{
			"low Deployment/shop/cart: A rollout of Deployment cart may take down all of its Pods at once.", "  spec: maxUnavailable: 2, replicas: 2"}},
		"some":     {id: "rollout-takes-all-down", documents: setUp("Deployment", "cart", "replicas: 2, strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 1}}", api(""))},
		"odd text": {id: "rollout-takes-all-down", documents: setUp("Deployment", "cart", "replicas: 2, strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: all%}}", api(""))},
		"Recreate": {id: "recreate-strategy-with-replicas", documents: setUp("Deployment", "cart", "replicas: 2, strategy: {type: Recreate}", api("")), want: []string{
			"info Deployment/shop/cart: Deployment cart stops all of its Pods before each rollout, although it has several.", "  spec: strategy: Recreate, replicas: 2"}},
		"Recreate of one": {id: "recreate-strategy-with-replicas", documents: setUp("Deployment", "cart", "replicas: 1, strategy: {type: Recreate}", api(""))},
		"many revisions": {id: "revision-history-large", documents: setUp("Deployment", "cart", "revisionHistoryLimit: 100", api("")), want: []string{
			"info Deployment/shop/cart: Deployment cart keeps more than 20 old ReplicaSets.", "  spec: revisionHistoryLimit: 100"}},
		"ten revisions": {id: "revision-history-large", documents: setUp("Deployment", "cart", "", api(""))},
		"no revision": {id: "revision-history-zero", documents: setUp("Deployment", "cart", "revisionHistoryLimit: 0", api("")), want: []string{
			"low Deployment/shop/cart: Deployment cart cannot be rolled back: it keeps no old ReplicaSet.", "  spec: revisionHistoryLimit: 0"}},
		"Helm goes back by itself": {id: "revision-history-zero", documents: strings.Replace(setUp("Deployment", "cart", "revisionHistoryLimit: 0", api("")), "labels: {", "labels: {app.kubernetes.io/managed-by: Helm, ", 1)},
		"no grace": {id: "termination-grace-zero", documents: setUp("StatefulSet", "db", "serviceName: db", "terminationGracePeriodSeconds: 0, "+api("")), want: []string{
			"low StatefulSet/shop/db: The Pods of StatefulSet db are killed without notice, and may then exist twice for a moment.", "  spec: terminationGracePeriodSeconds: 0"}},
		"the default grace": {id: "termination-grace-zero", documents: setUp("StatefulSet", "db", "serviceName: db", api(""))},
		"a Deployment":      {id: "termination-grace-zero", documents: setUp("Deployment", "db", "", "terminationGracePeriodSeconds: 0, "+api(""))},
	})
}

func TestReferencesAndSlips(t *testing.T) {
	class := document("scheduling.k8s.io/v1", "PriorityClass", "name: urgent", "value: 1000")
	secret := document("v1", "Secret", "name: registry, namespace: shop", "")
	const pulls = "imagePullSecrets: [{name: registry}], "
	tellAll(t, map[string]setUpCase{
		"no such class": {id: "priority-class-missing", documents: setUp("Deployment", "cart", "", "priorityClassName: urgnt, "+api("")) + class, want: []string{
			"medium Deployment/shop/cart [urgnt]: PriorityClass urgnt, which Deployment cart names, does not exist: new Pods of it are refused.",
			"  spec: priorityClassName: urgnt", "  spec: PriorityClass urgent exists: perhaps it is meant"}},
		"a class":          {id: "priority-class-missing", documents: setUp("Deployment", "cart", "", "priorityClassName: urgent, "+api("")) + class},
		"a built-in class": {id: "priority-class-missing", documents: setUp("Deployment", "cart", "", "priorityClassName: system-node-critical, "+api(""))},
		"no pull Secret": {id: "image-pull-secret-missing", documents: setUp("Deployment", "cart", "", pulls+api("")), want: []string{
			"low Deployment/shop/cart [registry]: Image pull Secret registry, which Deployment cart names, does not exist.", "  spec: imagePullSecrets: registry"}},
		"a pull Secret":         {id: "image-pull-secret-missing", documents: setUp("Deployment", "cart", "", pulls+api("")) + secret},
		"Secrets are not known": {id: "image-pull-secret-missing", documents: setUp("Deployment", "cart", "", pulls+api("")), elsewhere: []facts.Kind{facts.Secret}},
		"no governing Service": {id: "statefulset-service-missing", documents: setUp("StatefulSet", "db", "serviceName: peers, replicas: 3", api("")), want: []string{
			"medium StatefulSet/shop/db: Service peers, which is to give the Pods of StatefulSet db their DNS names, does not exist.", "  spec: serviceName: peers", "  spec: replicas: 3"}},
		"a governing Service": {id: "statefulset-service-missing", documents: setUp("StatefulSet", "db", "serviceName: peers", api("")) + front("peers", "db", "")},
		"a large ConfigMap": {id: "configmap-large", documents: document("v1", "ConfigMap", "name: big, namespace: shop", "data: {a: "+strings.Repeat("x", 600<<10)+"}"), want: []string{
			"info ConfigMap/shop/big: ConfigMap big is large: it is beyond half of what the API server takes.", "  spec: 600Ki in 1 key"}},
		"a small ConfigMap": {id: "configmap-large", documents: document("v1", "ConfigMap", "name: small, namespace: shop", "data: {a: x}")},
		"a port of two containers": {id: "container-port-duplicate", documents: setUp("Deployment", "cart", "", "containers: [{name: a, image: a, ports: [{containerPort: 80}]}, {name: b, image: b, ports: [{containerPort: 80}]}]"), want: []string{
			"low Deployment/shop/cart: The Pod template of Deployment cart has port 80/TCP twice.", "  spec: port 80/TCP: container a and container b"}},
		"a port of two protocols": {id: "container-port-duplicate", documents: setUp("Deployment", "cart", "", api(", ports: [{containerPort: 53}, {containerPort: 53, protocol: UDP}]"))},
		"a variable twice": {id: "env-duplicate", documents: setUp("Deployment", "cart", "", api(", env: [{name: A, value: '1'}, {name: B, value: x}, {name: A, value: '2'}]")), want: []string{
			"low Deployment/shop/cart [api]: Container api of Deployment cart sets A twice: only the last entry counts.", "  spec: set more than once: A"}},
		"each variable once": {id: "env-duplicate", documents: setUp("Deployment", "cart", "", api(", env: [{name: A, value: '1'}, {name: B, value: '1'}]"))},
		"a volume left over": {id: "volume-unused", documents: setUp("Deployment", "cart", "", "volumes: [{name: a, emptyDir: {}}, {name: b, emptyDir: {}}], "+api(", volumeMounts: [{name: a, mountPath: /a}]")), want: []string{
			"info Deployment/shop/cart: No container of Deployment cart mounts its volume b.", "  spec: not mounted: b"}},
		"a volume as a device": {id: "volume-unused", documents: setUp("Deployment", "cart", "", "volumes: [{name: a, persistentVolumeClaim: {claimName: a}}], "+api(", volumeDevices: [{name: a, devicePath: /dev/a}]"))},
		"the network of the node": {id: "host-network-dns-policy", documents: setUp("DaemonSet", "agent", "", "hostNetwork: true, "+api("")), want: []string{
			"info DaemonSet/shop/agent: DaemonSet agent runs on the network of its node, and cannot look up Services.", "  spec: hostNetwork: true, dnsPolicy: ClusterFirst"}},
		"the right DNS policy": {id: "host-network-dns-policy", documents: setUp("DaemonSet", "agent", "", "hostNetwork: true, dnsPolicy: ClusterFirstWithHostNet, "+api(""))},
	})
}

func TestSelectorsThatOverlap(t *testing.T) {
	labelled := func(name, selector, labels string) string {
		return document("apps/v1", "Deployment", "name: "+name+", namespace: shop", "spec: {selector: {matchLabels: {"+selector+"}}, template: {metadata: {labels: {"+labels+"}}, spec: {"+api("")+"}}}")
	}
	hpa := document("autoscaling/v2", "HorizontalPodAutoscaler", "name: wide, namespace: shop", "spec: {maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: wide}}")
	wide, narrow := labelled("wide", "app: shop", "app: shop, part: web"), labelled("narrow", "app: shop, part: worker", "app: shop, part: worker")
	const reported = " Deployment/shop/wide: The selector of Deployment wide matches the Pods of other workloads as well."
	same := front("one", "cart", "") + front("two", "cart", "")
	tellAll(t, map[string]setUpCase{
		"one selector is too wide": {id: "selector-overlap-workloads", documents: wide + narrow, want: []string{
			"medium" + reported, "  spec: selector app=shop", "  spec: matches the Pods of Deployment narrow"}},
		"an autoscaler goes by it": {id: "selector-overlap-workloads", documents: wide + narrow + hpa, want: []string{
			"high" + reported, "  spec: selector app=shop", "  spec: matches the Pods of Deployment narrow", "  spec: a HorizontalPodAutoscaler scales it, and measures all of these Pods"}},
		"both are the same": {id: "selector-overlap-workloads", documents: labelled("a", "app: x", "app: x") + labelled("b", "app: x", "app: x"), want: []string{
			"medium Deployment/shop/a: The selector of Deployment a matches the Pods of other workloads as well.", "  spec: selector app=x", "  spec: matches the Pods of Deployment b",
			"medium Deployment/shop/b: The selector of Deployment b matches the Pods of other workloads as well.", "  spec: selector app=x", "  spec: matches the Pods of Deployment a"}},
		"each has its own":  {id: "selector-overlap-workloads", documents: narrow + labelled("web", "app: shop, part: web", "app: shop, part: web")},
		"another namespace": {id: "selector-overlap-workloads", documents: wide + strings.Replace(narrow, "namespace: shop", "namespace: other", 1)},
		"two Services": {id: "selector-overlap-services", documents: same, want: []string{
			"low Service/shop/one: Services one, two send the same ports to the same Pods.", "  spec: selector app=cart", "  spec: ports: TCP 80 to 8080"}},
		"one is headless":   {id: "selector-overlap-services", documents: front("one", "cart", "") + strings.Replace(front("two", "cart", ""), "10.0.0.1", "None", 1)},
		"one is a NodePort": {id: "selector-overlap-services", documents: front("one", "cart", ", type: ClusterIP") + front("two", "cart", ", type: NodePort")},
		"other ports":       {id: "selector-overlap-services", documents: front("one", "cart", "") + strings.Replace(front("two", "cart", ""), "8080", "8081", 1)},
		"of Argo Rollouts":  {id: "selector-overlap-services", documents: strings.ReplaceAll(same, "app: cart", "app: cart, rollouts-pod-template-hash: a1")},
		"several workloads": {id: "service-selects-several-workloads", documents: wide + narrow + front("web", "shop", ""), want: []string{
			"info Service/shop/web: Service web sends traffic to the Pods of several workloads.", "  spec: selector app=shop", "  spec: selects Pods of Deployment narrow, Deployment wide"}},
		"one workload": {id: "service-selects-several-workloads", documents: narrow + front("web", "shop", "")},
	})
}

func TestAutoscalersAndJobs(t *testing.T) {
	hpa := func(name string, least, most int) string {
		return document("autoscaling/v2", "HorizontalPodAutoscaler", "name: "+name+", namespace: shop",
			fmt.Sprintf("spec: {minReplicas: %d, maxReplicas: %d, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: cart}}", least, most))
	}
	applied := strings.Replace(setUp("Deployment", "cart", "replicas: 3", api("")), "labels: {", `annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"spec":{"replicas":3}}'}, labels: {`, 1)
	serverSide := strings.Replace(setUp("Deployment", "cart", "replicas: 3", api("")), "labels: {",
		`managedFields: [{manager: argocd, operation: Apply, apiVersion: apps/v1, fieldsType: FieldsV1, fieldsV1: {"f:spec": {"f:replicas": {}}}}], labels: {`, 1)
	cron := func(spec, job string) string {
		return document("batch/v1", "CronJob", "name: sync, namespace: shop", "spec: {"+spec+", jobTemplate: {spec: {"+job+"template: {spec: {restartPolicy: Never, "+api("")+"}}}}}")
	}
	job := func(metadata, spec string) string {
		return document("batch/v1", "Job", "namespace: shop, "+metadata, "spec: {"+spec+"template: {spec: {restartPolicy: Never, "+api("")+"}}}\n"+
			"status: {completionTime: \"2026-01-01T00:00:00Z\", conditions: [{type: Complete, status: 'True', lastTransitionTime: \"2026-01-01T00:00:00Z\"}]}")
	}
	tellAll(t, map[string]setUpCase{
		"two autoscalers": {id: "hpa-duplicate", documents: hpa("a", 1, 3) + hpa("b", 2, 9), want: []string{
			"medium HorizontalPodAutoscaler/shop/b: HorizontalPodAutoscaler b scales Deployment cart, which a scales already.",
			"  spec: a: 1 to 3 replicas", "  spec: b: 2 to 9 replicas"}},
		"one autoscaler": {id: "hpa-duplicate", documents: hpa("a", 1, 3)},
		"replicas were applied": {id: "hpa-fixed-replicas", documents: applied + hpa("a", 1, 3), want: []string{
			"low HorizontalPodAutoscaler/shop/a: The manifest of Deployment cart sets the number of replicas that HorizontalPodAutoscaler a is to choose.",
			"  spec: spec.replicas was applied by kubectl apply", "  spec: the autoscaler chooses from 1 to 3"}},
		"replicas were applied by the server": {id: "hpa-fixed-replicas", documents: serverSide + hpa("a", 1, 3), want: []string{
			"low HorizontalPodAutoscaler/shop/a: The manifest of Deployment cart sets the number of replicas that HorizontalPodAutoscaler a is to choose.",
			"  spec: spec.replicas was applied by argocd", "  spec: the autoscaler chooses from 1 to 3"}},
		"replicas are a default": {id: "hpa-fixed-replicas", documents: strings.Replace(serverSide, "operation: Apply", "operation: Update", 1) + hpa("a", 1, 3)},
		"pinned": {id: "hpa-min-equals-max", documents: hpa("a", 3, 3), want: []string{
			"info HorizontalPodAutoscaler/shop/a: HorizontalPodAutoscaler a cannot scale: its minimum is its maximum.", "  spec: minReplicas and maxReplicas: 3"}},
		"not pinned": {id: "hpa-min-equals-max", documents: hpa("a", 1, 3)},
		"often": {id: "cronjob-concurrency-allow", documents: cron("schedule: '*/5 * * * *'", ""), want: []string{
			"info CronJob/shop/sync: CronJob sync runs often, and starts a run although the one before goes on.", "  spec: schedule */5 * * * *, concurrencyPolicy Allow"}},
		"often, one at a time":     {id: "cronjob-concurrency-allow", documents: cron("schedule: '*/5 * * * *', concurrencyPolicy: Forbid", "")},
		"often, with a deadline":   {id: "cronjob-concurrency-allow", documents: cron("schedule: '*/5 * * * *'", "activeDeadlineSeconds: 60, ")},
		"hourly":                   {id: "cronjob-concurrency-allow", documents: cron("schedule: '0 * * * *'", "")},
		"a schedule that is wrong": {id: "cronjob-concurrency-allow", documents: cron("schedule: 'often'", "")},
		"a run may hang": {id: "cronjob-deadline-missing", documents: cron("schedule: '0 * * * *', concurrencyPolicy: Forbid", ""), want: []string{
			"info CronJob/shop/sync: CronJob sync stops for good when one of its runs hangs: nothing ends that run.", "  spec: concurrencyPolicy Forbid, and no activeDeadlineSeconds"}},
		"a deadline": {id: "cronjob-deadline-missing", documents: cron("schedule: '0 * * * *', concurrencyPolicy: Forbid", "activeDeadlineSeconds: 60, ")},
		"nothing is kept": {id: "cronjob-failures-not-kept", documents: cron("schedule: '0 * * * *', failedJobsHistoryLimit: 0", ""), want: []string{
			"info CronJob/shop/sync: CronJob sync keeps no failed Job, so that nobody can see why a run failed.", "  spec: failedJobsHistoryLimit: 0"}},
		"one is kept": {id: "cronjob-failures-not-kept", documents: cron("schedule: '0 * * * *'", "")},
		"old Jobs": {id: "jobs-finished-kept", documents: job("name: b", "") + job("name: a", ""), want: []string{
			"info Namespace/shop: Jobs that finished long ago stay in namespace shop.", "  spec: 2: a, b"}},
		"old Jobs that go by themselves": {id: "jobs-finished-kept", documents: job("name: a", "ttlSecondsAfterFinished: 9999999, ")},
		"old Jobs of a CronJob":          {id: "jobs-finished-kept", documents: job("name: a, ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: c, uid: c, controller: true}]", "")},
	})
}

func TestHabits(t *testing.T) {
	bare := strings.NewReplacer("labels: {app: cart}", "labels: {tier: web}", "matchLabels: {app: cart}", "matchLabels: {tier: web}").Replace(setUp("Deployment", "cart", "", api("")))
	pod := func(metadata, spec string) string {
		return document("v1", "Pod", "name: shell, namespace: shop, creationTimestamp: \"2026-01-15T10:00:00Z\""+metadata, "spec: {"+spec+api("")+"}\nstatus: {phase: Running}")
	}
	tellAll(t, map[string]setUpCase{
		"no known label": {id: "labels-missing", documents: bare, want: []string{
			"info Deployment/shop/cart: Deployment cart has no label that says what it is.", "  spec: labels of its Pods: tier"}},
		"a known label": {id: "labels-missing", documents: setUp("Deployment", "cart", "", api(""))},
		"made by hand": {id: "naked-pod", documents: pod("", ""), want: []string{
			"low Pod/shop/shell: Pod shell belongs to no workload: nothing replaces it when its node goes.", "  spec: no ownerReferences"}},
		"made a moment ago": {id: "naked-pod", documents: strings.Replace(pod("", ""), "T10:00", "T11:50", 1)},
		"runs once":         {id: "naked-pod", documents: pod("", "restartPolicy: Never, ")},
		"a static Pod":      {id: "naked-pod", documents: pod(", ownerReferences: [{apiVersion: v1, kind: Node, name: node-1, uid: n1, controller: true}]", "")},
	})
}

func TestAPIVersions(t *testing.T) {
	written := func(kind, name, fields string) string {
		return document("policy/v1", kind, "name: "+name+", namespace: shop, managedFields: ["+fields+"]", "spec: {maxUnavailable: 1}")
	}
	helm := `{manager: helm, operation: Update, apiVersion: policy/v1beta1, time: "2025-01-01T00:00:00Z"}`
	for name, c := range map[string]struct{ id, version, fields, want string }{
		"still served":         {"deprecated-api-used", "v1.21.3", helm, "is written as policy/v1beta1, which is deprecated, and goes with Kubernetes 1.25."},
		"gone with the next":   {"removed-api-used", "v1.24.0", helm, "is written as policy/v1beta1, which goes with the next minor version, Kubernetes 1.25."},
		"gone":                 {"removed-api-used", "v1.37.2", helm, "is written as policy/v1beta1, which is gone since Kubernetes 1.25."},
		"gone is not old":      {"deprecated-api-used", "v1.37.2", helm, ""},
		"before its time":      {"deprecated-api-used", "v1.20.0", helm, ""},
		"of Kubernetes itself": {"removed-api-used", "v1.37.2", strings.Replace(helm, "helm", "kube-controller-manager", 1), ""},
		"moved on":             {"removed-api-used", "v1.37.2", helm + `, {manager: helm, operation: Update, apiVersion: policy/v1, time: "2025-06-01T00:00:00Z"}`, ""},
		"a version not known":  {"removed-api-used", "", helm, "is written as policy/v1beta1, which is gone since Kubernetes 1.25."},
	} {
		t.Run(name, func(t *testing.T) {
			builder := facts.NewBuilder("test", testkit.Now())
			builder.SetVersion(c.version)
			for _, object := range testkit.Objects(t, written("PodDisruptionBudget", "cart", c.fields)) {
				builder.Add(facts.Reduce(object))
			}
			findings := apiVersions(c.id == "removed-api-used")(builder.Graph(), DefaultParams())
			var got string
			for _, f := range findings {
				got += strings.TrimPrefix(f.Message, "PodDisruptionBudget cart ")
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}
