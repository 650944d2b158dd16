package logroute

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/logroute/meter"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
)

// Backend is a LogBackend that collects, with every reference resolved.
type Backend struct {
	// Name of the resource.
	Name types.NamespacedName
	// UID of the resource. Counts of an earlier one with the same name are not continued.
	UID types.UID
	// Created says who came first where two contradict each other.
	Created time.Time
	// Type of the backend.
	Type v1alpha1.LogBackendType
	// Endpoint with credentials. Its Header is not used.
	Endpoint provider.Endpoint
	// Target describes how lines of this type are sent.
	Target logs.RouteTarget
	// Collect is the spec's part.
	Collect v1alpha1.LogCollection
	// Counted are the lines of this spec that the status reports. Nil: none.
	Counted *v1alpha1.CollectionCounts
}

// Options of a compilation.
type Options struct {
	// Everywhere are the namespaces whose LogBackends may collect from other namespaces, too.
	Everywhere []string
	// Egress rules that a literal address in a URL must keep to.
	Egress provider.Egress
	// VectorImage that the configuration is written for: its tag has the version. Defaults to DefaultVectorImage.
	VectorImage string
	// VectorVersion in the image, such as 0.57, where its tag does not say.
	VectorVersion string
	// BufferDisk is how many bytes the buffers of a collector may take on the disk of a node. Defaults to DefaultBufferDisk.
	BufferDisk int64
}

// Compiled is the configuration for all LogBackends.
type Compiled struct {
	// Collectors that have something to do, with their configurations.
	Collectors map[v1alpha1.CollectorType]Configuration
	// Problems of LogBackends that are left out.
	Problems map[types.NamespacedName]*problem.Problem
}

// Configuration of one collector. Nothing in Files is secret.
type Configuration struct {
	// Files by name.
	Files map[string]string
	// Secrets by name: headers with credentials, certificates and keys.
	Secrets map[string][]byte
	// Targets that it sends to.
	Targets []Target
	// Routes that it holds, by name.
	Routes []types.NamespacedName
	// Earlier is what was counted of each route before this manager read it, by id.
	Earlier map[string]meter.Earlier
}

// Target of lines, for the network policy.
type Target struct {
	Host string
	Port int32
}

// Limits of what a collector reads, and of what one backend may hold back on one node while it cannot be reached.
const (
	// maxLineBytes is the longest line, with its parts joined. Longer ones are dropped.
	maxLineBytes = 64 << 10
	// maxFileLineBytes is the longest line of a file, which has a time, a stream and a flag before the text.
	maxFileLineBytes = maxLineBytes + 1<<10
	// maxFileBytesPerSecond is what Fluentd reads of one file in a second, before it turns to the next. Vector reads 2 KiB of each in turn.
	maxFileBytesPerSecond = 1 << 20
	// bufferBytes is the smallest disk buffer that Vector takes (its documentation: about 256 MiB).
	bufferBytes = 268435488
	// DefaultBufferDisk is the disk of a node that the buffers of one collector may take, in bytes: 63 routes.
	DefaultBufferDisk int64 = 16 << 30
)
