package pod

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// waitingInit is a Pod of cart whose init container wait has a state; command is the command of that.
func waitingInit(command, state, phase string) string {
	return checktest.CartWithPod("spec: {nodeName: node-1, initContainers: [{name: wait, image: i, command: [" + command + "]}], " +
		"containers: [{name: api, image: i}]}\nstatus: {phase: " + phase + ", initContainerStatuses: [{name: wait, ready: false, " +
		"restartCount: 0, state: {" + state + "}}], containerStatuses: [{name: api, ready: false, restartCount: 0, state: {waiting: " +
		"{reason: PodInitializing}}}]}")
}

func TestAnInitContainerThatDoesNotEndIsFound(t *testing.T) {
	const (
		old  = `running: {startedAt: "2026-01-15T11:20:00Z"}`
		grep = `sh, -c, "until nc -z queue.mq.svc 5672; do sleep 1; done"`
	)
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"it waits for a host": {
			ID: "init-container-hanging", Documents: waitingInit(grep, old, "Pending"), Want: []string{
				"high Deployment/shop/cart [wait]: Init container wait (1 of 1) of Deployment cart does not end, and its " +
					"configuration names " +
					"host queue.mq.svc. The containers after it do not start.",
				"  condition: init container wait has been running since 2026-01-15T11:20:00Z",
				"  spec: command of container wait: host queue.mq.svc",
				"  condition: 1 of 1 Pod: cart-7d9f-a",
			},
		},
		"it waits for a name that no Service has": {
			ID: "init-container-hanging", Documents: waitingInit(`sh, -c, "until wget -q http://cart-queue:5672; do sleep 1; done"`, old, "Pending"),
			Want: []string{
				"high Deployment/shop/cart [wait]: Init container wait (1 of 1) of Deployment cart does not end, and its configuration " +
					"names host cart-queue, of which no Service exists in namespace shop. The containers after it do not start.",
				"  condition: init container wait has been running since 2026-01-15T11:20:00Z",
				"  spec: command of container wait: host cart-queue",
				"  condition: 1 of 1 Pod: cart-7d9f-a",
			},
		},
		"it waits for a name that the Pod has an address for": {
			ID: "init-container-hanging",
			Documents: strings.Replace(waitingInit(`sh, -c, "until wget -q http://cart-queue:5672; do sleep 1; done"`, old, "Pending"),
				"spec: {nodeName", "spec: {hostAliases: [{ip: 10.0.0.7, hostnames: [cart-queue]}], nodeName", 1),
			Want: []string{
				"high Deployment/shop/cart [wait]: Init container wait (1 of 1) of Deployment cart does not end, and its configuration " +
					"names host cart-queue. The containers after it do not start.",
				"  condition: init container wait has been running since 2026-01-15T11:20:00Z",
				"  spec: command of container wait: host cart-queue",
				"  condition: 1 of 1 Pod: cart-7d9f-a",
			},
		},
		"it takes a host from a ConfigMap, and something else": {
			ID: "init-container-hanging", Documents: checktest.CartWithPod(`spec: {nodeName: node-1, initContainers: [{name: wait, image: i, `+
				`command: [wait], envFrom: [{configMapRef: {name: urls}}]}], containers: [{name: api, image: i}]}`+"\nstatus: {phase: Pending, "+
				"initContainerStatuses: [{name: wait, ready: false, restartCount: 0, state: {"+old+"}}], containerStatuses: [{name: api, ready: "+
				"false, restartCount: 0, state: {waiting: {reason: PodInitializing}}}]}") +
				checktest.Document("v1", "ConfigMap", "name: urls, namespace: shop", `data: {A_LOGIN: "hunter2:1234", "A_NAME": `+
					`"robot.hunter2:1234", QUEUE: "queue.mq.svc:5672"}`),
			Want: []string{
				"high Deployment/shop/cart [wait]: Init container wait (1 of 1) of Deployment cart does not end, and its configuration " +
					"names host queue.mq.svc. The containers after it do not start.",
				"  condition: init container wait has been running since 2026-01-15T11:20:00Z",
				"  spec: key QUEUE of ConfigMap urls, which container wait takes: host queue.mq.svc",
				"  condition: 1 of 1 Pod: cart-7d9f-a",
			},
		},
		"it waits for a Job that has failed": {
			ID: "init-container-hanging", Documents: waitingInit(`sh, -c, "until kubectl get job/migrate; do sleep 1; done"`, old, "Pending") +
				checktest.Document("batch/v1", "Job", `name: migrate, namespace: shop, creationTimestamp: "2026-01-15T11:00:00Z"`,
					`status: {failed: 1, conditions: [{type: Failed, status: "True"}]}`),
			Want: []string{
				"high Deployment/shop/cart [wait]: Init container wait (1 of 1) of Deployment cart does not end, and it waits for Job " +
					"migrate, which has failed. The containers after it do not start.",
				"  condition: init container wait has been running since 2026-01-15T11:20:00Z",
				"  spec: command of container wait: job/migrate",
				"  condition: 1 of 1 Pod: cart-7d9f-a",
			},
		},
		"it waits for a Job that does not exist": {
			ID: "init-container-hanging", Documents: waitingInit(`wait, jobs.batch/migrate`, old, "Pending"), Want: []string{
				"high Deployment/shop/cart [wait]: Init container wait (1 of 1) of Deployment cart does not end, and it waits for Job " +
					"migrate, which does not exist in namespace shop. The containers after it do not start.",
				"  condition: init container wait has been running since 2026-01-15T11:20:00Z",
				"  spec: command of container wait: job/migrate",
				"  condition: 1 of 1 Pod: cart-7d9f-a",
			},
		},
		"it runs a file of a folder of jobs": {
			ID: "init-container-hanging", Documents: waitingInit(`python, jobs/migrate.py`, old, "Pending"), Want: []string{
				"medium Deployment/shop/cart [wait]: Init container wait (1 of 1) of Deployment cart does not end. The containers " +
					"after it do not start.",
				"  condition: init container wait has been running since 2026-01-15T11:20:00Z",
				"  condition: 1 of 1 Pod: cart-7d9f-a",
			},
		},
		"it waits for a Job of another namespace": {
			ID: "init-container-hanging", Documents: waitingInit(`kubectl, wait, job/migrate, -n, data`, old, "Pending"), Want: []string{
				"medium Deployment/shop/cart [wait]: Init container wait (1 of 1) of Deployment cart does not end. The containers " +
					"after it do not start.",
				"  condition: init container wait has been running since 2026-01-15T11:20:00Z",
				"  condition: 1 of 1 Pod: cart-7d9f-a",
			},
		},
		"it waits for something else that is called a job": {
			ID: "init-container-hanging", Documents: waitingInit(`run, job migrate`, old, "Pending"), Want: []string{
				"medium Deployment/shop/cart [wait]: Init container wait (1 of 1) of Deployment cart does not end. The containers " +
					"after it do not start.",
				"  condition: init container wait has been running since 2026-01-15T11:20:00Z",
				"  condition: 1 of 1 Pod: cart-7d9f-a",
			},
		},
		"it may still work": {
			ID: "init-container-hanging", Documents: waitingInit("restore", old, "Pending"), Want: []string{
				"medium Deployment/shop/cart [wait]: Init container wait (1 of 1) of Deployment cart does not end. The containers " +
					"after it " +
					"do not start.",
				"  condition: init container wait has been running since 2026-01-15T11:20:00Z",
				"  condition: 1 of 1 Pod: cart-7d9f-a",
			},
		},
		"it began a moment ago": {
			ID: "init-container-hanging", Documents: waitingInit(grep, `running: {startedAt: "2026-01-15T11:55:00Z"}`, "Pending"),
		},
		"it has ended": {
			ID: "init-container-hanging", Documents: waitingInit(grep, `terminated: {exitCode: 0}`, "Pending"),
		},
		"its Pod has failed": {ID: "init-container-hanging", Documents: waitingInit(grep, old, "Failed")},
	})
}

func TestAServiceThatAFailingWorkloadCannotReachIsFound(t *testing.T) {
	const command = `sh, -c, "until nc -z queue.mq.svc 5672; do sleep 1; done"`
	hanging := waitingInit(command, `running: {startedAt: "2026-01-15T11:20:00Z"}`, "Pending")
	namespace := checktest.Document("v1", "Namespace", "name: mq", "")
	service := func(name, port string) string {
		return checktest.Document("v1", "Service", "name: "+name+`, namespace: mq, creationTimestamp: "2026-01-15T10:00:00Z"`,
			"spec: {clusterIP: 10.96.0.8, selector: {app: queue}, ports: [{port: "+port+"}]}")
	}
	ready := checktest.Document("v1", "Pod", `name: queue-0, namespace: mq, labels: {app: queue}`, "spec: {containers: [{name: q, "+
		"image: q}]}\n"+
		`status: {phase: Running, conditions: [{type: Ready, status: "True"}]}`)
	crashing := func(status string) string {
		return checktest.CartWithPod("spec: {nodeName: node-1, containers: [{name: api, image: i, env: [{name: QUEUE, value: " +
			"'amqp://user:word@queue.mq.svc:5672/x'}]}]}\nstatus: {phase: Running, containerStatuses: [{name: api, " + status + "}]}")
	}
	mounting := func(more, status string) string {
		return checktest.CartWithPod("spec: {nodeName: node-1, containers: [{name: api, image: i, volumeMounts: [{name: conf, mountPath: /conf}]" +
			more + "}], volumes: [{name: conf, configMap: {name: urls}}]}\nstatus: {phase: Running, containerStatuses: [{name: api, " + status +
			"}]}")
	}
	file := checktest.Document("v1", "ConfigMap", "name: urls, namespace: shop", "data: {app.yaml: \"a: 1\\nqueue: queue.mq.svc:5672\\n\"}")
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"missing, for an init container": {
			ID: "dependency-unreachable", Documents: hanging + namespace + service("rabbit", "5672"), Want: []string{
				"high Deployment/shop/cart [mq/queue]: Pods of Deployment cart cannot reach queue.mq.svc: Service queue does not " +
					"exist in " +
					"namespace mq.",
				"  spec: command of container wait: queue.mq.svc:5672",
				"  spec: Services in namespace mq: rabbit",
				"  condition: 1 of 1 Pod: cart-7d9f-a",
			},
		},
		"missing, for a container that takes it from a ConfigMap": {
			ID: "dependency-unreachable", Documents: checktest.CartWithPod("spec: {nodeName: node-1, containers: [{name: api, image: i, envFrom: "+
				"[{configMapRef: {name: urls}}]}]}\nstatus: {phase: Running, containerStatuses: [{name: api, "+crashed+"}]}") + namespace +
				checktest.Document("v1", "ConfigMap", "name: urls, namespace: shop", `data: {QUEUE: "amqp://user:word@queue.mq.svc:5672/x"}`),
			Want: []string{
				"high Deployment/shop/cart [mq/queue]: Pods of Deployment cart cannot reach queue.mq.svc: Service queue does not " +
					"exist in namespace mq.",
				"  spec: key QUEUE of ConfigMap urls, which container api takes: queue.mq.svc:5672",
				"  condition: 1 of 1 Pod: cart-7d9f-a",
			},
		},
		"missing, and only in a file of a ConfigMap": {
			ID: "dependency-unreachable", Documents: mounting("", crashed) + namespace + file, Want: []string{
				"medium Deployment/shop/cart [mq/queue]: Pods of Deployment cart cannot reach queue.mq.svc: Service queue does not " +
					"exist in namespace mq.",
				"  spec: key app.yaml of ConfigMap urls, which container api takes: queue.mq.svc:5672",
				"  condition: 1 of 1 Pod: cart-7d9f-a",
			},
		},
		"missing, in a file and in a variable": {
			ID: "dependency-unreachable", Documents: mounting(`, env: [{name: QUEUE, value: "queue.mq.svc:5672"}]`, crashed) + namespace + file,
			Want: []string{
				"high Deployment/shop/cart [mq/queue]: Pods of Deployment cart cannot reach queue.mq.svc: Service queue does not " +
					"exist in namespace mq.",
				"  spec: env QUEUE of container api: queue.mq.svc:5672",
				"  condition: 1 of 1 Pod: cart-7d9f-a",
			},
		},
		"missing, in a file and in the termination message": {
			ID: "dependency-unreachable",
			Documents: mounting("", strings.Replace(crashed, "reason: Error,", `reason: Error, message: "lookup queue.mq.svc: no such host",`,
				1)) + namespace + file,
			Want: []string{
				"high Deployment/shop/cart [mq/queue]: Pods of Deployment cart cannot reach queue.mq.svc: Service queue does not " +
					"exist in namespace mq.",
				"  spec: key app.yaml of ConfigMap urls, which container api takes: queue.mq.svc:5672",
				"  condition: 1 of 1 Pod: cart-7d9f-a",
			},
		},
		"another port, for a container that crashes": {
			ID: "dependency-unreachable", Documents: crashing(crashed) + namespace + service("queue", "5671") + ready, Want: []string{
				"high Deployment/shop/cart [mq/queue]: Pods of Deployment cart cannot reach queue.mq.svc: Service queue has no port 5672.",
				"  spec: env QUEUE of container api: queue.mq.svc:5672",
				"  spec: Service queue has port 5671/TCP",
				"  condition: 1 of 1 Pod: cart-7d9f-a",
			},
		},
		"reachable": {
			ID: "dependency-unreachable", Documents: crashing(crashed) + namespace + service("queue", "5672") + ready,
		},
		"missing, but the Pod works": {ID: "dependency-unreachable", Documents: crashing("ready: true, restartCount: 0, state: "+
			"{running: {}}") + namespace},
		"Services that were not read": {
			ID: "dependency-unreachable", Documents: hanging + namespace, Elsewhere: []facts.Kind{facts.Service},
		},
	})
}
