// Package usage reads the resource usage of containers and nodes from a metrics backend and adds a few numbers per container of a
// workload to the graph.
//
// The server aggregates: each question is one instant query that returns one number per container of a Pod, however long the window
// is. The number of queries is independent of the number of Pods; a result that exceeds the budget is queried again for halves of
// the namespaces, within bounds. Series are joined to workloads through the Pods of the graph. The owners of deleted Pods come from
// kube-state-metrics (kube_pod_owner) or else from the Pod's name; see owners. Series without an object in the graph are dropped.
// docs/metrics-inspection.md describes the queries.
package usage
