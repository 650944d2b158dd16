package practice

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestContainersWithoutRequestsOrLimitsAreReported(t *testing.T) {
	const limitRange = "apiVersion: v1\nkind: LimitRange\nmetadata: {name: defaults, namespace: shop}\nspec: {limits: [{type: " +
		"Container, default: {memory: 1Gi}, defaultRequest: {cpu: 100m}}]}\n---\n"
	nothing := checktest.WorkloadWith("Deployment", "cart", "replicas: 2", checktest.APIContainer(""))
	pod := checktest.Document("v1", "Pod", "name: cart-a, namespace: shop, labels: {app: cart}, ownerReferences: [{apiVersion: "+
		"apps/v1, kind: Deployment, name: cart, uid: cart, controller: true}]",
		"spec: {"+checktest.APIContainer(", resources: {requests: {cpu: 100m, memory: 64Mi}, limits: "+
			"{memory: 64Mi}}")+"}\nstatus: {phase: Running}")
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"nothing is stated": {ID: "qos-best-effort", Documents: nothing, Want: []string{
			"low Deployment/shop/cart: Deployment cart sets neither requests nor limits: its Pods are the first to be evicted under " +
				"memory pressure.",
			"  spec: no requests or limits on container api"}},
		"a LimitRange fills it in":  {ID: "qos-best-effort", Documents: nothing + limitRange},
		"admission filled it in":    {ID: "qos-best-effort", Documents: nothing + pod},
		"LimitRanges are not known": {ID: "qos-best-effort", Documents: nothing, Elsewhere: []facts.Kind{facts.LimitRange}},
		"in a namespace of the distribution": {ID: "qos-best-effort", Documents: strings.ReplaceAll(nothing, "namespace: shop",
			"namespace: kube-system")},
		"scaled to zero": {ID: "qos-best-effort", Documents: checktest.WorkloadWith("Deployment", "cart",
			"replicas: 0", checktest.APIContainer(""))},
		"a limit counts as a request": {ID: "qos-best-effort", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			checktest.APIContainer(", resources: {limits: {memory: 1Gi}}"))},
		"the Pod as a whole states it": {ID: "qos-best-effort", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			"resources: {requests: {cpu: 1}}, "+checktest.APIContainer(""))},
		"one resource is missing": {ID: "container-requests-missing", Documents: checktest.WorkloadWith("DaemonSet", "cart", "",
			checktest.APIContainer(", resources: {requests: {cpu: 1}}")), Want: []string{
			"low DaemonSet/shop/cart: DaemonSet cart has incomplete requests: container api does not request memory.",
			"  spec: container api requests no memory"}},
		"each container misses another resource": {ID: "container-requests-missing", Documents: checktest.WorkloadWith("DaemonSet", "cart",
			"", "containers: [{name: a, image: i, resources: {requests: {cpu: 1}}}, {name: b, image: i, resources: {requests: {memory: "+
				"1Gi}}}, {name: c, image: i}, {name: d, image: i, resources: {limits: {cpu: 1}}}]"), Want: []string{
			"low DaemonSet/shop/cart: DaemonSet cart has incomplete requests: containers a, d do not request memory; container b does " +
				"not request CPU; container c does not request CPU or memory.",
			"  spec: container a requests no memory", "  spec: container b requests no CPU",
			"  spec: container c requests no CPU and no memory", "  spec: container d requests no memory"}},
		"a whole Pod without any is qos-best-effort": {ID: "container-requests-missing", Documents: nothing},
		"both are there": {ID: "container-requests-missing", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			checktest.APIContainer(", resources: {requests: {cpu: 1}, limits: {memory: 1Gi}}"))},
		"a default makes it fine": {ID: "container-requests-missing", Documents: limitRange + checktest.WorkloadWith("Deployment", "cart",
			"", checktest.APIContainer(", resources: {requests: {cpu: 1}}"))},
		"an init container is short": {ID: "container-requests-missing", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			"initContainers: [{name: i, image: i}], "+
				checktest.APIContainer(", resources: {requests: {cpu: 1, memory: 1Gi}}"))},
		"no memory limit": {ID: "container-memory-limit-missing", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			checktest.APIContainer(", resources: {requests: {cpu: 1}}")), Want: []string{
			"low Deployment/shop/cart: Deployment cart has no memory limit on container api.",
			"  spec: no resources.limits.memory on container api"}},
		"a memory limit": {ID: "container-memory-limit-missing", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			checktest.APIContainer(", resources: {limits: {memory: 1Gi}}"))},
		"a default limit": {ID: "container-memory-limit-missing", Documents: limitRange + checktest.WorkloadWith("Deployment", "cart", "",
			checktest.APIContainer(", resources: {requests: {cpu: 1}}"))},
		"a limit far above": {ID: "memory-limit-far-above-request", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			checktest.APIContainer(", resources: {requests: {memory: 128Mi}, limits: {memory: 2Gi}}")), Want: []string{
			"info Deployment/shop/cart: Deployment cart has a memory limit of more than four times its request, on container api.",
			"  spec: container api: memory request 128Mi, limit 2Gi"}},
		"a small limit is no danger": {ID: "memory-limit-far-above-request", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			checktest.APIContainer(", resources: {requests: {memory: 16Mi}, limits: {memory: 512Mi}}"))},
		"a limit near the request": {ID: "memory-limit-far-above-request", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			checktest.APIContainer(", resources: {requests: {memory: 1Gi}, limits: {memory: 2Gi}}"))},
		"a volume in memory": {ID: "emptydir-memory-unbounded", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			"volumes: [{name: tmp, emptyDir: {medium: Memory}}], "+
				checktest.APIContainer(", volumeMounts: [{name: tmp, mountPath: /tmp}]")), Want: []string{
			"low Deployment/shop/cart [tmp]: Volume tmp of Deployment cart is memory-backed without a size limit: it can use all " +
				"memory of its node.",
			"  spec: emptyDir with medium Memory and no sizeLimit, mounted by container api without a memory limit"}},
		"a volume in memory with a size": {ID: "emptydir-memory-unbounded", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			"volumes: [{name: tmp, emptyDir: {medium: Memory, sizeLimit: 1Mi}}], "+
				checktest.APIContainer(", volumeMounts: [{name: tmp, mountPath: /tmp}]"))},
		"a volume in memory of a container with a limit": {ID: "emptydir-memory-unbounded",
			Documents: checktest.WorkloadWith("Deployment", "cart", "", "volumes: [{name: tmp, emptyDir: {medium: Memory}}], "+
				checktest.APIContainer(", resources: {limits: {memory: 1Gi}}, volumeMounts: [{name: tmp, mountPath: /tmp}]"))},
	})
}

func TestMissingAndHarmfulProbesAreReported(t *testing.T) {
	with := func(probes string) string {
		return checktest.WorkloadWith("Deployment", "cart", "",
			checktest.APIContainer(", ports: [{name: http, containerPort: 8080}], "+probes))
	}
	const get, ready = "httpGet: {path: /, port: http}", "readinessProbe: {httpGet: {path: /, port: http}}"
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"no readiness probe behind a Service": {ID: "readiness-probe-missing", Documents: with("") + checktest.ServiceFor("web", "cart",
			""), Want: []string{
			"low Deployment/shop/cart: Deployment cart receives requests from Service web before it is ready: container api has no " +
				"readiness probe.",
			"  spec: Service web selects app=cart"}},
		"no Service":        {ID: "readiness-probe-missing", Documents: with("") + checktest.ServiceFor("web", "other", "")},
		"a readiness probe": {ID: "readiness-probe-missing", Documents: with(ready) + checktest.ServiceFor("web", "cart", "")},
		"a Service for Pods not ready": {ID: "readiness-probe-missing", Documents: with("") + checktest.ServiceFor("web", "cart",
			", publishNotReadyAddresses: true")},
		"another container serves": {ID: "readiness-probe-missing", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			"containers: [{name: log, image: l}, {name: api, image: a, ports: [{containerPort: 8080}], readinessProbe: {tcpSocket: "+
				"{port: 8080}}}]") + checktest.ServiceFor("web", "cart", "")},
		"no liveness probe": {ID: "liveness-probe-missing", Documents: with(ready), Want: []string{
			"info Deployment/shop/cart: Deployment cart is not restarted when it hangs: there is no liveness probe on container api.",
			"  spec: container api declares a port and has no livenessProbe"}},
		"nothing is served": {ID: "liveness-probe-missing", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			checktest.APIContainer(""))},
		"a Job is not serving": {ID: "liveness-probe-missing", Documents: checktest.Document("batch/v1", "Job", "name: j, namespace: shop",
			"spec: {template: {spec: {"+checktest.APIContainer(", ports: [{containerPort: 1}]")+"}}}")},
		"equal probes": {ID: "liveness-equals-readiness", Documents: with(ready + ", livenessProbe: {" + get + "}"), Want: []string{
			"low Deployment/shop/cart: Deployment cart restarts containers that are merely busy: the liveness probe of container api " +
				"is the same as the readiness probe and fails no later.",
			"  spec: container api: same handler; the liveness probe fails after 30s, the readiness probe after 30s"}},
		"a more patient liveness probe": {ID: "liveness-equals-readiness", Documents: with(ready + ", livenessProbe: {" + get +
			", failureThreshold: 6}")},
		"another path": {ID: "liveness-equals-readiness", Documents: with(ready +
			", livenessProbe: {httpGet: {path: /live, port: http}}")},
		"a long delay": {ID: "startup-probe-missing", Documents: with("livenessProbe: {initialDelaySeconds: 120, " + get + "}"),
			Want: []string{
				"low Deployment/shop/cart: Deployment cart detects hanging containers late: the liveness probe of container api " +
					"has a long " +
					"initial delay instead of a startup probe.",
				"  spec: container api: livenessProbe.initialDelaySeconds is 120; there is no startupProbe"}},
		"a startup probe": {ID: "startup-probe-missing", Documents: with("startupProbe: {" + get +
			"}, livenessProbe: {initialDelaySeconds: 120, " + get + "}")},
		"a long timeout": {ID: "probe-timeout-above-period", Documents: with("readinessProbe: {timeoutSeconds: 30, " + get + "}"),
			Want: []string{
				"info Deployment/shop/cart: Deployment cart has a probe with a timeout longer than its period, on container api.",
				"  spec: container api: the readiness probe has timeoutSeconds 30 and periodSeconds 10"}},
		"a short timeout": {ID: "probe-timeout-above-period", Documents: with(ready)},
		"a port of another name": {ID: "probe-port-undeclared", Documents: with("readinessProbe: {httpGet: {port: web}}"), Want: []string{
			"medium Deployment/shop/cart: Deployment cart has a probe that cannot run: its port name is not declared on container api.",
			"  spec: container api: the readiness probe uses port web, which the container does not declare"}},
		"the port of the container": {ID: "probe-port-undeclared", Documents: with(ready)},
		"a number": {ID: "probe-port-undeclared",
			Documents: with("readinessProbe: {tcpSocket: {port: 9}}, livenessProbe: {exec: {command: [x]}}, startupProbe: {tcpSocket: " +
				"{port: '80'}}")},
	})
}

func TestAWorkloadWithoutRedundancyIsReported(t *testing.T) {
	claim := func(mode string) string {
		return checktest.Document("v1", "PersistentVolumeClaim", "name: data, namespace: shop", "spec: {accessModes: ["+mode+"]}")
	}
	const mounts = "volumes: [{name: d, persistentVolumeClaim: {claimName: data}}], "
	hpa := checktest.Document("autoscaling/v2", "HorizontalPodAutoscaler", "name: cart, namespace: shop",
		"spec: {minReplicas: 2, maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: cart}}")
	node := func(name string) string {
		return checktest.Document("v1", "Node", "name: "+name, "status: {allocatable: {cpu: 4, memory: 8Gi, pods: 110}}")
	}
	ready := func(name, on string) string {
		return checktest.Document("v1", "Pod", "name: "+name+", namespace: shop, labels: {app: cart}, ownerReferences: [{apiVersion: "+
			"apps/v1, kind: Deployment, name: cart, uid: cart, controller: true}]",
			"spec: {nodeName: "+on+", "+checktest.APIContainer("")+"}\nstatus: {phase: Running, conditions: [{type: Ready, status: "+
				"'True'}]}")
	}
	one, two := checktest.WorkloadWith("Deployment", "cart", "replicas: 1", checktest.APIContainer("")),
		checktest.WorkloadWith("Deployment", "cart", "replicas: 2", checktest.APIContainer(""))
	budget := checktest.Document("policy/v1", "PodDisruptionBudget", "name: cart, namespace: shop",
		"spec: {maxUnavailable: 1, selector: {matchLabels: {app: cart}}}")
	together := node("a") + node("b") + ready("cart-1", "a") + ready("cart-2", "a")
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"one replica": {ID: "single-replica", Documents: one + checktest.ServiceFor("web", "cart", ""), Want: []string{
			"low Deployment/shop/cart: Deployment cart has a single replica behind Service web: each restart and each node drain is " +
				"an outage.",
			"  spec: replicas: 1", "  spec: Service web selects app=cart"}},
		"versions side by side": {ID: "single-replica", Documents: strings.ReplaceAll(one, "name: cart", "name: cart-v1") +
			strings.ReplaceAll(one, "name: cart", "name: cart-v2") + checktest.ServiceFor("web", "cart", "")},
		"beside a version that is scaled to zero": {ID: "single-replica", Documents: one + strings.ReplaceAll(
			strings.ReplaceAll(one, "name: cart", "name: cart-v0"), "replicas: 1", "replicas: 0") + checktest.ServiceFor("web", "cart", ""),
			Want: []string{
				"low Deployment/shop/cart: Deployment cart has a single replica behind Service web: each restart and each node drain is " +
					"an outage.",
				"  spec: replicas: 1", "  spec: Service web selects app=cart"}},
		"two replicas":  {ID: "single-replica", Documents: two + checktest.ServiceFor("web", "cart", "")},
		"no Service":    {ID: "single-replica", Documents: one},
		"an autoscaler": {ID: "single-replica", Documents: one + checktest.ServiceFor("web", "cart", "") + hpa},
		"a volume for one node": {ID: "single-replica", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			mounts+checktest.APIContainer("")) + claim("ReadWriteOnce") + checktest.ServiceFor("web", "cart", "")},
		"no budget": {ID: "pdb-missing", Documents: two + checktest.ServiceFor("web", "cart", ""), Want: []string{
			"low Deployment/shop/cart: Deployment cart has no PodDisruptionBudget: a node drain can evict all of its Pods at the " +
				"same time.",
			"  spec: selected by Service web; no PodDisruptionBudget selects its Pods"}},
		"a budget":  {ID: "pdb-missing", Documents: two + checktest.ServiceFor("web", "cart", "") + budget},
		"no caller": {ID: "pdb-missing", Documents: two},
		"budgets are not known": {ID: "pdb-missing", Documents: two + checktest.ServiceFor("web", "cart", ""),
			Elsewhere: []facts.Kind{facts.PDB}},
		"all on one node": {ID: "spread-missing", Documents: two + together, Want: []string{
			"low Deployment/shop/cart: All Pods of Deployment cart run on one node: if the node fails, all of them fail.",
			"  condition: 2 ready Pods, all on node a", "  spec: neither topologySpreadConstraints nor podAntiAffinity is set"}},
		"on two nodes":  {ID: "spread-missing", Documents: two + node("a") + node("b") + ready("cart-1", "a") + ready("cart-2", "b")},
		"a single node": {ID: "spread-missing", Documents: two + node("a") + ready("cart-1", "a") + ready("cart-2", "a")},
		"tied to a node": {ID: "spread-missing", Documents: checktest.WorkloadWith("Deployment", "cart", "replicas: 2",
			"nodeSelector: {disk: fast}, "+checktest.APIContainer("")) + together},
		"spread is asked for": {ID: "spread-missing", Documents: checktest.WorkloadWith("Deployment", "cart", "replicas: 2",
			"topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: "+
				"ScheduleAnyway}], "+checktest.APIContainer("")) + together},
		"a shared claim": {ID: "pvc-access-mode-with-replicas", Documents: checktest.WorkloadWith("Deployment", "cart", "replicas: 3",
			mounts+checktest.APIContainer("")) + claim("ReadWriteOnce"), Want: []string{
			"medium Deployment/shop/cart [data]: All Pods of Deployment cart mount PersistentVolumeClaim data, which only one node " +
				"can mount.",
			"  spec: replicas: 3", "  spec: PersistentVolumeClaim data: ReadWriteOnce", "  condition: Pods ready: 0"}},
		"a claim for many": {ID: "pvc-access-mode-with-replicas", Documents: checktest.WorkloadWith("Deployment", "cart", "replicas: 3",
			mounts+checktest.APIContainer("")) + claim("ReadWriteOnce, ReadWriteMany")},
		"a claim for one": {ID: "pvc-access-mode-with-replicas", Documents: checktest.WorkloadWith("Deployment", "cart", "replicas: 1",
			mounts+checktest.APIContainer("")) + claim("ReadWriteOnce")},
		"more than nodes": {ID: "host-port-with-replicas", Documents: checktest.WorkloadWith("Deployment", "cart", "replicas: 3",
			checktest.APIContainer(", ports: [{containerPort: 80, hostPort: 80}]")) + node("a") + node("b"), Want: []string{
			"low Deployment/shop/cart: Deployment cart has more replicas than nodes to run them: each Pod uses host port 80/TCP of " +
				"its node.",
			"  spec: replicas: 3", "  condition: schedulable nodes that match: 2"}},
		"as many as nodes": {ID: "host-port-with-replicas", Documents: checktest.WorkloadWith("Deployment", "cart", "replicas: 2",
			checktest.APIContainer(", ports: [{containerPort: 80, hostPort: 80}]")) + node("a") + node("b")},
	})
}

func TestRiskyRolloutSettingsAreReported(t *testing.T) {
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"all at once": {ID: "rollout-takes-all-down", Documents: checktest.WorkloadWith("Deployment", "cart",
			"replicas: 3, strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 100%}}", checktest.APIContainer("")),
			Want: []string{
				"low Deployment/shop/cart: A rollout of Deployment cart can take down all of its Pods at once.",
				"  spec: maxUnavailable: 100%, replicas: 3"}},
		"as many as there are": {ID: "rollout-takes-all-down", Documents: checktest.WorkloadWith("Deployment", "cart",
			"replicas: 2, strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 2}}", checktest.APIContainer("")), Want: []string{
			"low Deployment/shop/cart: A rollout of Deployment cart can take down all of its Pods at once.",
			"  spec: maxUnavailable: 2, replicas: 2"}},
		"some": {ID: "rollout-takes-all-down", Documents: checktest.WorkloadWith("Deployment", "cart",
			"replicas: 2, strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 1}}", checktest.APIContainer(""))},
		"odd text": {ID: "rollout-takes-all-down", Documents: checktest.WorkloadWith("Deployment", "cart",
			"replicas: 2, strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: all%}}", checktest.APIContainer(""))},
		"Recreate": {ID: "recreate-strategy-with-replicas", Documents: checktest.WorkloadWith("Deployment", "cart",
			"replicas: 2, strategy: {type: Recreate}", checktest.APIContainer("")), Want: []string{
			"info Deployment/shop/cart: Deployment cart stops all of its Pods before each rollout, although it has several.",
			"  spec: strategy: Recreate, replicas: 2"}},
		"Recreate of one": {ID: "recreate-strategy-with-replicas", Documents: checktest.WorkloadWith("Deployment", "cart",
			"replicas: 1, strategy: {type: Recreate}", checktest.APIContainer(""))},
		"many revisions": {ID: "revision-history-large", Documents: checktest.WorkloadWith("Deployment", "cart",
			"revisionHistoryLimit: 100", checktest.APIContainer("")), Want: []string{
			"info Deployment/shop/cart: Deployment cart keeps more than 20 old ReplicaSets.", "  spec: revisionHistoryLimit: 100"}},
		"ten revisions": {ID: "revision-history-large", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			checktest.APIContainer(""))},
		"no revision": {ID: "revision-history-zero", Documents: checktest.WorkloadWith("Deployment", "cart", "revisionHistoryLimit: 0",
			checktest.APIContainer("")), Want: []string{
			"low Deployment/shop/cart: Deployment cart cannot be rolled back: it keeps no old ReplicaSet.",
			"  spec: revisionHistoryLimit: 0"}},
		"Helm rolls back by other means": {ID: "revision-history-zero", Documents: strings.Replace(checktest.WorkloadWith("Deployment",
			"cart", "revisionHistoryLimit: 0", checktest.APIContainer("")), "labels: {", "labels: {app.kubernetes.io/managed-by: Helm, ",
			1)},
		"no grace": {ID: "termination-grace-zero", Documents: checktest.WorkloadWith("StatefulSet", "db", "serviceName: db",
			"terminationGracePeriodSeconds: 0, "+checktest.APIContainer("")), Want: []string{
			"low StatefulSet/shop/db: The Pods of StatefulSet db are killed without a grace period: two Pods with the same name may " +
				"run for a moment.", "  spec: terminationGracePeriodSeconds: 0"}},
		"the default grace": {ID: "termination-grace-zero", Documents: checktest.WorkloadWith("StatefulSet", "db", "serviceName: db",
			checktest.APIContainer(""))},
		"a Deployment": {ID: "termination-grace-zero", Documents: checktest.WorkloadWith("Deployment", "db", "",
			"terminationGracePeriodSeconds: 0, "+checktest.APIContainer(""))},
	})
}

func TestReferencesAndMistakesInTemplates(t *testing.T) {
	class := checktest.Document("scheduling.k8s.io/v1", "PriorityClass", "name: urgent", "value: 1000")
	secret := checktest.Document("v1", "Secret", "name: registry, namespace: shop", "")
	const pulls = "imagePullSecrets: [{name: registry}], "
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"no such class": {ID: "priority-class-missing", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			"priorityClassName: urgnt, "+checktest.APIContainer("")) + class, Want: []string{
			"medium Deployment/shop/cart [urgnt]: PriorityClass urgnt, which Deployment cart uses, does not exist: the API server " +
				"rejects its new Pods.",
			"  spec: priorityClassName: urgnt", "  spec: PriorityClass urgent exists: possibly a typo"}},
		"a class": {ID: "priority-class-missing", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			"priorityClassName: urgent, "+checktest.APIContainer("")) + class},
		"a built-in class": {ID: "priority-class-missing", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			"priorityClassName: system-node-critical, "+checktest.APIContainer(""))},
		"no pull Secret": {ID: "image-pull-secret-missing", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			pulls+checktest.APIContainer("")), Want: []string{
			"low Deployment/shop/cart [registry]: Image pull Secret registry, which Deployment cart uses, does not exist.",
			"  spec: imagePullSecrets: registry"}},
		"a pull Secret": {ID: "image-pull-secret-missing", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			pulls+checktest.APIContainer("")) + secret},
		"Secrets are not known": {ID: "image-pull-secret-missing", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			pulls+checktest.APIContainer("")), Elsewhere: []facts.Kind{facts.Secret}},
		"no governing Service": {ID: "statefulset-service-missing", Documents: checktest.WorkloadWith("StatefulSet", "db",
			"serviceName: peers, replicas: 3", checktest.APIContainer("")), Want: []string{
			"medium StatefulSet/shop/db: Service peers, the governing Service of StatefulSet db, does not exist: its Pods get no " +
				"stable DNS names.", "  spec: serviceName: peers", "  spec: replicas: 3"}},
		"a governing Service": {ID: "statefulset-service-missing", Documents: checktest.WorkloadWith("StatefulSet", "db",
			"serviceName: peers", checktest.APIContainer("")) + checktest.ServiceFor("peers", "db", "")},
		"a large ConfigMap": {ID: "configmap-large", Documents: checktest.Document("v1", "ConfigMap", "name: big, namespace: shop",
			"data: {a: "+strings.Repeat("x", 600<<10)+"}"), Want: []string{
			"info ConfigMap/shop/big: ConfigMap big is large: it exceeds half of the API server's limit of 1 MiB.",
			"  spec: 600Ki in 1 key"}},
		"a small ConfigMap": {ID: "configmap-large", Documents: checktest.Document("v1", "ConfigMap", "name: small, namespace: shop",
			"data: {a: x}")},
		"a port of two containers": {ID: "container-port-duplicate", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			"containers: [{name: a, image: a, ports: [{containerPort: 80}]}, {name: b, image: b, ports: [{containerPort: 80}]}]"),
			Want: []string{
				"low Deployment/shop/cart: The Pod template of Deployment cart declares port 80/TCP twice.",
				"  spec: port 80/TCP: container a and container b"}},
		"a port of two protocols": {ID: "container-port-duplicate", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			checktest.APIContainer(", ports: [{containerPort: 53}, {containerPort: 53, protocol: UDP}]"))},
		"a variable twice": {ID: "env-duplicate", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			checktest.APIContainer(", env: [{name: A, value: '1'}, {name: B, value: x}, {name: A, value: '2'}]")), Want: []string{
			"low Deployment/shop/cart [api]: Container api of Deployment cart sets A twice: only the last entry takes effect.",
			"  spec: set more than once: A"}},
		"each variable once": {ID: "env-duplicate", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			checktest.APIContainer(", env: [{name: A, value: '1'}, {name: B, value: '1'}]"))},
		"a volume left over": {ID: "volume-unused", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			"volumes: [{name: a, emptyDir: {}}, {name: b, emptyDir: {}}], "+checktest.APIContainer(", volumeMounts: [{name: a, "+
				"mountPath: /a}]")), Want: []string{
			"info Deployment/shop/cart: No container of Deployment cart mounts its volume b.", "  spec: not mounted: b"}},
		"a volume as a device": {ID: "volume-unused", Documents: checktest.WorkloadWith("Deployment", "cart", "",
			"volumes: [{name: a, persistentVolumeClaim: {claimName: a}}], "+checktest.APIContainer(", volumeDevices: [{name: a, "+
				"devicePath: /dev/a}]"))},
		"the network of the node": {ID: "host-network-dns-policy", Documents: checktest.WorkloadWith("DaemonSet", "agent", "",
			"hostNetwork: true, "+checktest.APIContainer("")), Want: []string{
			"info DaemonSet/shop/agent: DaemonSet agent uses the host network and cannot resolve Services.",
			"  spec: hostNetwork: true, dnsPolicy: ClusterFirst"}},
		"the right DNS policy": {ID: "host-network-dns-policy", Documents: checktest.WorkloadWith("DaemonSet", "agent", "",
			"hostNetwork: true, dnsPolicy: ClusterFirstWithHostNet, "+checktest.APIContainer(""))},
	})
}
