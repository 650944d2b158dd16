// Package usage reads from a metrics back end what containers and nodes use, and puts a few numbers for each container of a
// workload into the graph.
//
// The server does the work: each question is one instant query that answers with one number for a container of a Pod, however
// long the window. The number of queries grows with the questions, not with Pods; an answer that is too large for the budget is
// asked for again by halves of the namespaces, within bounds. Series are joined to workloads through the Pods of the graph; of
// Pods that are gone, kube-state-metrics tells the owner (kube_pod_owner), and where it is not scraped, the Pod's name does: see
// owner. What belongs to nothing in the graph is dropped. docs/metrics-inspection.md describes what is asked.
package usage
