// Package images has the default container images of the collectors.
package images

// Default images.
const (
	Vector  = "timberio/vector:0.48.0-distroless-libc"
	Fluentd = "fluent/fluentd-kubernetes-daemonset:v1.16-debian-elasticsearch8-1"
)
