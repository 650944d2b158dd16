// Package clusters owns the connections to managed clusters. One controller opens, proves and drops them; everyone else asks for a
// connection by its key and gets it, or the reason why there is none, at once: no one else dials, and a dead cluster costs its callers no
// time. Waiters are woken when a cluster connects or disconnects.
//
//	Connecting -> Connected <-> Suspect (failed probes) -> Disconnected -> Connected
//	any state -> Invalid (the kubeconfig cannot be used) or IdentityChanged (another cluster answers)
//
// The design follows the ClusterCache of Cluster API (controllers/clustercache).
package clusters
