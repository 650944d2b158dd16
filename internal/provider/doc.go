// Package provider is how KubeOps speaks to servers outside of Kubernetes: metrics, logs, and later models, channels, CI and
// CD systems. A contract (internal/provider/metrics, internal/provider/logs) is a core interface of a few methods plus small
// optional ones; what a back end can do is derived from which of them it implements, never typed by hand. A back end is a
// package of its own below its contract, gets resolved values (an Endpoint, never an object or a Kubernetes client), and knows
// neither its neighbours nor any controller. internal/provider/builtin is the one list of them.
//
// Whatever a back end sends goes through one Client: egress rules, credentials, deadline, rate, size and redirect limits, and
// metrics are put around it here, once. A further kind of implementation, out of process over gRPC, is one more factory in the
// registry.
package provider
