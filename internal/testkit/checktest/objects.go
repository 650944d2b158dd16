package checktest

import (
	"fmt"
	"strings"
)

// NodeSized is a node with 4 CPU, 8Gi and room for ten Pods; metadata and spec are further fields of each.
func NodeSized(name, metadata, spec string) string {
	return Document("v1", "Node", "name: "+name+metadata, "spec: {"+spec+"}\nstatus: {allocatable: {cpu: 4, memory: 8Gi, pods: 10}}")
}

// PodOn is a Pod of Deployment app on a node, with requests and perhaps limits.
func PodOn(app, name, node, resources string) string {
	return Document(
		"v1",
		"Pod",
		"name: "+name+", namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: "+app+", uid: u, "+
			"controller: true}]",
		"spec: {nodeName: "+node+", containers: [{name: api, image: i, resources: {"+resources+"}}]}\nstatus: {phase: Running}",
	)
}

// RequestsOf are the requests of a container.
func RequestsOf(cpu, memory string) string {
	return "requests: {cpu: " + cpu + ", memory: " + memory + "}"
}

// WorkloadWith is a workload of the namespace shop, days old. spec has further fields, pod the spec of its template.
func WorkloadWith(kind, name, spec, pod string) string {
	if spec != "" {
		spec += ","
	}
	return Document(
		"apps/v1",
		kind,
		fmt.Sprintf("name: %s, namespace: shop, uid: %[1]s, creationTimestamp: \"2026-01-10T10:00:00Z\", labels: {app: %[1]s}", name),
		fmt.Sprintf("spec: {selector: {matchLabels: {app: %s}}, %s\n  template: {metadata: {labels: {app: %[1]s}}, spec: {%[3]s}}}", name,
			spec, pod),
	)
}

// APIContainer is a container of that name with more fields.
func APIContainer(more string) string {
	return "containers: [{name: api, image: shop/api:v1" + more + "}]"
}

// ServiceFor is a Service that selects the Pods of a workload.
func ServiceFor(name, app, more string) string {
	return Document("v1", "Service", "name: "+name+", namespace: shop",
		"spec: {clusterIP: 10.0.0.1, selector: {app: "+app+"}, ports: [{port: 80, targetPort: 8080}]"+more+"}")
}

// NodeNamed is a Node; labels and spec are further fields of each.
func NodeNamed(name, labels, spec, ready string) string {
	return Document("v1", "Node", "name: "+name+", labels: {kubernetes.io/hostname: "+name+labels+"}", "spec: {"+spec+"}\n"+
		"status: {allocatable: {cpu: \"2\", memory: 4Gi, pods: \"110\"}, conditions: [{type: Ready, status: \""+ready+"\"}]}")
}

// DeploymentOf is a Deployment of three Pods and its ReplicaSet, in the namespace shop.
func DeploymentOf(name string) string {
	return Document("apps/v1", "Deployment", fmt.Sprintf("name: %s, namespace: shop, uid: d-%[1]s", name),
		fmt.Sprintf("spec: {replicas: 3, selector: {matchLabels: {app: %s}}, template: {metadata: {labels: {app: %[1]s}}}}", name)) +
		Document("apps/v1", "ReplicaSet", fmt.Sprintf("name: %s-7d9f, namespace: shop, uid: r-%[1]s, "+
			"ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: %[1]s, uid: d-%[1]s, controller: true}]", name),
			fmt.Sprintf("spec: {replicas: 3, selector: {matchLabels: {app: %s}}}", name))
}

// PodOf is a Pod of a workload, an hour old. rest holds spec and status.
func PodOf(workload, suffix, rest string) string {
	return Document(
		"v1",
		"Pod",
		fmt.Sprintf("name: %s-7d9f-%s, namespace: shop, uid: p-%[1]s-%[2]s, creationTimestamp: \"2026-01-15T11:00:00Z\", "+
			"labels: {app: %[1]s}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: %[1]s-7d9f, uid: r-%[1]s, "+
			"controller: true}]", workload, suffix),
		rest,
	)
}

// CartWithPod is the workload cart with one Pod.
func CartWithPod(rest string) string { return DeploymentOf("cart") + PodOf("cart", "a", rest) }

// CartService is a Service that selects the Pods of cart.
const CartService = `
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop, creationTimestamp: "2026-01-15T10:00:00Z"}
spec:
  type: ClusterIP
  clusterIP: 10.96.10.10
  selector: {app: cart}
  ports: [{name: http, port: 80, protocol: TCP, targetPort: http}]
---
`

// CartPod is a Pod of Deployment cart; status is what follows under status.
func CartPod(name, status string) string {
	return `
apiVersion: v1
kind: Pod
metadata:
  name: ` + name + `
  namespace: shop
  creationTimestamp: "2026-01-15T11:00:00Z"
  labels: {app: cart}
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: cart-5d8f, uid: r1, controller: true}]
spec:
  nodeName: node-1
  containers: [{name: cart, image: cart:1, ports: [{name: http, containerPort: 8080, protocol: TCP}]}]
status: ` + status + `
---
`
}

const (
	// ReadyStatus is the status of a Pod that is ready.
	ReadyStatus = `{phase: Running, conditions: [{type: Ready, status: "True", lastTransitionTime: "2026-01-15T11:00:10Z"}]}`
	// NotReadyStatus is the status of a Pod that has not been ready for an hour.
	NotReadyStatus = `{phase: Running, conditions: [{type: Ready, status: "False", lastTransitionTime: "2026-01-15T11:00:00Z"}]}`
)

// CartEndpoints is an EndpointSlice of Service cart with one endpoint.
func CartEndpoints(name, ready string) string {
	return `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ` + name + `, namespace: shop, labels: {kubernetes.io/service-name: cart}}
addressType: IPv4
endpoints: [{addresses: [10.244.0.7], conditions: {ready: ` + ready + `}}]
ports: [{name: http, port: 8080, protocol: TCP}]
---
`
}

// FailedCreate is the event of a controller whose object was rejected.
func FailedCreate(kind, name, uid, first, last, message string) string {
	return Document("v1", "Event", `name: `+kind+`.`+name+`.1, namespace: shop`, `
involvedObject: {kind: `+kind+`, namespace: shop, name: `+name+`, uid: `+uid+`}
type: Warning
reason: FailedCreate
count: 14
firstTimestamp: "`+first+`"
lastTimestamp: "`+last+`"
message: |-
  `+message)
}

// OverQuota is the message of a FailedCreate event for a Pod that exceeds a quota.
const OverQuota = `Error creating: pods "web-6d4-x2k9z" is forbidden: exceeded quota: compute, requested: limits.cpu=500m,pods=1, ` +
	`used: limits.cpu=1,pods=2, limited: limits.cpu=1,pods=2`

// WebMeta is the metadata of a workload web that is two hours old and was observed by its controller.
const WebMeta = `name: web, namespace: shop, uid: w1, generation: 2, creationTimestamp: "2026-01-15T10:00:00Z"`

// WorkloadWeb is a workload web with three replicas; spec and status are further fields of each.
func WorkloadWeb(kind, metadata, spec, status string) string {
	return Document("apps/v1", kind, metadata, `
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web:1}]}
  `+spec+`
status: {`+status+`}
`)
}

// WebDeployment is Deployment web; spec and status are further fields of each.
func WebDeployment(spec, status string) string {
	return WorkloadWeb("Deployment", WebMeta, spec, "observedGeneration: 2, "+status)
}

// WebReplicaSet is a ReplicaSet of Deployment web.
func WebReplicaSet(name string, replicas, current, ready int, more string) string {
	return Document("apps/v1", "ReplicaSet", `name: `+name+`, namespace: shop, uid: `+name+`, generation: 1,
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: w1, controller: true}]`, fmt.Sprintf(`
spec: {replicas: %d, selector: {matchLabels: {app: web}}}
status: {observedGeneration: 1, replicas: %d, readyReplicas: %d%s}
`, replicas, current, ready, more))
}

// WebPod is a Pod of the owner, a ReplicaSet if its kind is not given as in StatefulSet/web; ready is its Ready condition,
// since is its last transition. The name of its node ends with the last letter of its name.
func WebPod(name, owner, ready, since string) string {
	kind, ownerName, named := strings.Cut(owner, "/")
	if !named {
		kind = "ReplicaSet"
		ownerName = owner
	}
	return Document("v1", "Pod", `name: `+name+`, namespace: shop, labels: {app: web},
  creationTimestamp: "2026-01-15T11:00:00Z",
  ownerReferences: [{apiVersion: apps/v1, kind: `+kind+`, name: `+ownerName+`, uid: o1, controller: true}]`, `
spec: {nodeName: node-`+name[len(name)-1:]+`, containers: [{name: web, image: web:1}]}
status: {phase: Running, conditions: [{type: Ready, status: "`+ready+`", lastTransitionTime: "`+since+`"}]}
`)
}

const (
	// LongAgo is beyond every grace.
	LongAgo = "2026-01-15T11:30:00Z"
	// JustNow is within every grace.
	JustNow = "2026-01-15T11:59:30Z"
)
