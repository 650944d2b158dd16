// Package logroute brings the lines of Pods to the LogBackends that ask for them in spec.collect. Compile turns all LogBackends of
// the cluster into one configuration per collector, a pure function: the same resources give the same bytes, whatever their order.
// Router delivers the configurations as DaemonSets with all that belongs to them, and says for each LogBackend how its route is.
//
// What users write never becomes configuration. Names and labels are checked against Kubernetes' own rules, regular expressions are
// parsed and printed again in characters that mean nothing to YAML, VRL, Ruby or templates, and credentials are files of a Secret.
package logroute
