package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ManagerConfig is the configuration of the manager. Every field is optional.
type ManagerConfig struct {
	metav1.TypeMeta `json:",inline"`

	// namespaces whose resources the manager serves; it ignores those in other namespaces, and then needs permissions in these only.
	// Empty serves all namespaces. Default: [].
	Namespaces []string `json:"namespaces"`
	// dashboardURL is the address of the dashboard in browsers, https or http. Notifications link to their report there. Empty links
	// nothing. Default: "".
	DashboardURL string `json:"dashboardURL"`
	// logging of the manager.
	Logging Logging `json:"logging"`
	// metrics endpoint of the manager.
	Metrics Metrics `json:"metrics"`
	// health endpoints of the manager.
	Health Health `json:"health"`
	// webhooks receives deliveries for triggers of Pipelines.
	Webhooks Webhooks `json:"webhooks"`
	// leaderElection keeps all replicas but one on standby.
	LeaderElection LeaderElection `json:"leaderElection"`
	// inspections limits the execution of Inspections.
	Inspections Inspections `json:"inspections"`
	// backends limits the connections to backends, models and notification channels.
	Backends Backends `json:"backends"`
	// limits bound the fields of single resources, below what their CRDs allow.
	Limits Limits `json:"limits"`
	// quotas bound what the manager does for one namespace.
	Quotas Quotas `json:"quotas"`
	// logCollection configures the collectors for LogBackends with spec.collect.
	LogCollection LogCollection `json:"logCollection"`
	// answerCache shares the answers of language models between replicas and clusters. Reports keep them in any case.
	AnswerCache AnswerCache `json:"answerCache"`
	// workQueue has inspections done by workers. Without it, the manager does them.
	WorkQueue WorkQueue `json:"workQueue"`
	// tracing sends traces of reconciles and of their requests to a collector.
	Tracing Tracing `json:"tracing"`
	// profiling serves profiles of the manager.
	Profiling Profiling `json:"profiling"`
}

// Profiling of the manager by net/http/pprof.
type Profiling struct {
	// bindAddress is a loopback [host]:port for profiles, or 0 to disable. `kubectl port-forward` reaches it. Default: "0".
	BindAddress string `json:"bindAddress"`
}

// Tracing by OpenTelemetry: a reconcile is a span, and its requests to backends and plugins are spans below it.
type Tracing struct {
	// endpoint is the URL of a collector that takes OTLP over HTTP, such as http://collector.tracing:4318. Without a path, /v1/traces is
	// added. It must not contain credentials. Empty records nothing. Default: "".
	Endpoint string `json:"endpoint"`
	// samplePercent is the share of the reconciles that are recorded, 0 to 100. Default: 10.
	SamplePercent int32 `json:"samplePercent"`
	// queueSize is how many spans wait to be sent, 1 to 65536. Those beyond it are dropped. Default: 2048.
	QueueSize int32 `json:"queueSize"`
	// caFile is the absolute path of a PEM file with the CA certificates to trust. Empty uses the system's certificates. Default: "".
	CAFile string `json:"caFile"`
	// tokenFile is the absolute path of a file with a bearer token, which is read for each request. Only for https://. Default: "".
	TokenFile string `json:"tokenFile"`
}

// Logging of the manager.
type Logging struct {
	// level is the minimum level of log entries: debug, info, warn or error. Default: info.
	Level LogLevel `json:"level"`
	// format of log entries: json, or text for a terminal. Default: json.
	Format LogFormat `json:"format"`
}

// LogLevel is the minimum level of log entries.
type LogLevel string

// Log levels, the most verbose first.
const (
	LogLevelDebug LogLevel = "debug"
	LogLevelInfo  LogLevel = "info"
	LogLevelWarn  LogLevel = "warn"
	LogLevelError LogLevel = "error"
)

// LogFormat is the encoding of log entries.
type LogFormat string

// Log formats.
const (
	LogFormatJSON LogFormat = "json"
	LogFormatText LogFormat = "text"
)

// Metrics endpoint of the manager.
type Metrics struct {
	// bindAddress of /metrics as [host]:port, plain HTTP. "0" disables the endpoint. Default: ":8080".
	BindAddress string `json:"bindAddress"`
}

// Webhooks endpoint of the manager.
type Webhooks struct {
	// bindAddress of /webhooks/ as [host]:port, plain HTTP: deliveries arrive through an Ingress or Gateway with TLS. Every replica
	// listens. "0" receives none. Default: "0".
	BindAddress string `json:"bindAddress"`
}

// Health endpoints of the manager.
type Health struct {
	// bindAddress of /healthz and /readyz as [host]:port, plain HTTP. "0" disables the endpoints. Default: ":8081".
	BindAddress string `json:"bindAddress"`
}

// LeaderElection elects one replica through a Lease. The others wait.
type LeaderElection struct {
	// enabled runs controllers only while the manager holds the Lease. Disable it only if no other replica runs. Default: true.
	Enabled bool `json:"enabled"`
	// namespace of the Lease. Empty selects the manager's own namespace, which is known only inside a cluster. Default: "".
	Namespace string `json:"namespace"`
	// leaseDuration is the time after which other replicas take over a Lease that is not renewed. At least 1s, and longer than
	// renewDeadline. Default: 10s.
	LeaseDuration metav1.Duration `json:"leaseDuration"`
	// renewDeadline is the time for which the leader retries a failed renewal before the process exits. Longer than 1.2 times
	// retryPeriod. Default: 7s.
	RenewDeadline metav1.Duration `json:"renewDeadline"`
	// retryPeriod is the time between two attempts to acquire or renew the Lease. At least 100ms. Default: 2s.
	RetryPeriod metav1.Duration `json:"retryPeriod"`
}

// Inspections limits the execution of Inspections.
type Inspections struct {
	// maxConcurrent is the number of Inspections that run at the same time, 1 to 100. Each cluster of them is inspected in a process of
	// its own, or in one with other small clusters, which keeps its facts in memory: these processes share maxConcurrent times
	// memoryLimit, and wait until there is as much as each needed the last time. Namespaces share them; with 1, a run waits for the end
	// of a run of another namespace. A worker of workQueue does as many parts at the same time. Default: 2.
	MaxConcurrent int32 `json:"maxConcurrent"`
	// memoryLimit of each run, at least 128Mi. A run that needs more is stopped, and condition Ready reports MemoryLimitExceeded.
	// "auto" divides the memory limit of the container, less 96Mi for the manager, by the sum of maxConcurrent and
	// maxContinuous; without a limit of the container it is 1Gi. Default: auto.
	MemoryLimit string `json:"memoryLimit"`
	// maxContinuous is the number of Inspections with spec.mode Continuous, 0 to 100. Each has a process of its own as long as it
	// exists, with the memory limit of a run, and watches its cluster. 0 allows none: condition Ready reports ContinuousDisabled.
	// Default: 0.
	MaxContinuous int32 `json:"maxContinuous"`
}

// AutoMemoryLimit derives the memory limit of a run from that of the container.
const AutoMemoryLimit = "auto"

// Backends limits the connections to backends, models and notification channels.
type Backends struct {
	// allowLoopback permits loopback addresses in URLs. Only for a manager that runs outside the cluster. Default: false.
	AllowLoopback bool `json:"allowLoopback"`
	// responseMemory is the size of all responses of these servers that are read at the same time, as a quantity such as 64Mi. Half
	// of it is the most for one namespace, and so for one response. Decoded values may take twice as much. At least 4Mi. Empty selects an
	// eighth of the memory limit of the manager (GOMEMLIMIT or the container's), or 64Mi without a limit. Default: "".
	ResponseMemory string `json:"responseMemory"`
	// egress restricts the targets of URLs in resources. Link-local, multicast and metadata addresses are always denied.
	Egress Egress `json:"egress"`
}

// Egress restricts the targets of URLs in resources, for the manager and for log collectors.
type Egress struct {
	// allowedCIDRs are the addresses that may be called, such as 10.0.0.0/8. If allowedCIDRs or allowedHosts is set, a target must match
	// one of them. Collectors also need the addresses of the API server here. Default: [].
	AllowedCIDRs []string `json:"allowedCIDRs"`
	// deniedCIDRs are addresses that are never called, also if they are allowed. Default: [].
	DeniedCIDRs []string `json:"deniedCIDRs"`
	// allowedHosts are patterns of host names that may be called at any address that is not denied, such as *.example.com. * matches dots
	// too. Default: [].
	AllowedHosts []string `json:"allowedHosts"`
	// deniedHosts are patterns of host names that are never called, also if they are allowed. Default: [].
	DeniedHosts []string `json:"deniedHosts"`
	// proxyResolvedHosts are patterns of host names that only the proxy can resolve. The manager resolves and checks all other hosts before
	// it asks the proxy. Default: [].
	ProxyResolvedHosts []string `json:"proxyResolvedHosts"`
	// detailedDialErrors distinguishes a closed port of a private address from one without a response, in conditions and by time. Tenants
	// can then explore the ports and network policies of others. Default: false.
	DetailedDialErrors bool `json:"detailedDialErrors"`
}

// Limits bound the fields of single resources. A resource beyond one is not reconciled; its condition Ready has reason LimitExceeded.
type Limits struct {
	// minScheduleInterval is the shortest time between two times of a schedule of an Inspection or a Pipeline, 1s to 24h. Default: 1m0s.
	MinScheduleInterval metav1.Duration `json:"minScheduleInterval"`
	// maxRunTimeout is the longest spec.timeout of an Inspection, 5m to 1h. A run holds a slot until then. Default:
	// 30m0s.
	MaxRunTimeout metav1.Duration `json:"maxRunTimeout"`
	// maxKeepReports is the highest spec.keepReports of an Inspection, 10 to 100. A report can have 512 KiB. Default: 100.
	MaxKeepReports int32 `json:"maxKeepReports"`
	// maxLogLines is the highest spec.logAnalysis.maxLines of an Inspection, 200000 to 5000000. Default: 1000000.
	MaxLogLines int32 `json:"maxLogLines"`
	// minProbeInterval is the shortest spec.interval of a backend, model or notification channel, 5s to 1m. Default: 10s.
	MinProbeInterval metav1.Duration `json:"minProbeInterval"`
	// maxQueryBytes is the highest spec.queryBudget.maxBytes of a MetricsBackend, 33554432 (32 MiB) to 1073741824 (1 GiB). A
	// response is held in memory. Default: 67108864.
	MaxQueryBytes int32 `json:"maxQueryBytes"`
}

// Quotas bound what the manager does for one namespace. Of each kind, the oldest resources are served; condition Ready of the others
// has reason QuotaExceeded. 0 disables a quota.
type Quotas struct {
	// inspections that are served in one namespace, 0 to 100000. Default: 500.
	Inspections int32 `json:"inspections"`
	// metricsBackends that are served in one namespace, 0 to 100000. Default: 100.
	MetricsBackends int32 `json:"metricsBackends"`
	// logBackends that are served in one namespace, 0 to 100000. Default: 100.
	LogBackends int32 `json:"logBackends"`
	// aiProviders that are served in one namespace, 0 to 100000. Default: 100.
	AIProviders int32 `json:"aiProviders"`
	// notificationChannels that are served in one namespace, 0 to 100000. Default: 100.
	NotificationChannels int32 `json:"notificationChannels"`
	// managedClusters that are served in one namespace, 0 to 100000. Default: 100.
	ManagedClusters int32 `json:"managedClusters"`
	// ciProviders that are served in one namespace, 0 to 100000. Default: 100.
	CIProviders int32 `json:"ciProviders"`
	// cdProviders that are served in one namespace, 0 to 100000. Default: 100.
	CDProviders int32 `json:"cdProviders"`
	// resourceBundles that are served in one namespace, 0 to 100000. Default: 100.
	ResourceBundles int32 `json:"resourceBundles"`
	// pipelines that are served in one namespace, 0 to 100000. Default: 100.
	Pipelines int32 `json:"pipelines"`
	// runsPerHour of all Inspections of one namespace, 0 to 100000. Others wait. Default: 0.
	RunsPerHour int32 `json:"runsPerHour"`
	// concurrentRuns of all Inspections of one namespace, 0 to 100. Others wait for a slot. Default: 0.
	ConcurrentRuns int32 `json:"concurrentRuns"`
}

// LogCollection configures the collectors for LogBackends with spec.collect.
type LogCollection struct {
	// namespace of the collectors. It must permit Pods that mount hostPath volumes. Empty disables log collection: condition
	// CollectionReady reports NotAvailable. Default: "".
	Namespace string `json:"namespace"`
	// clusterWideNamespaces are namespaces whose LogBackends may collect logs from other namespaces too. Default: [].
	ClusterWideNamespaces []string `json:"clusterWideNamespaces"`
	// images of the collectors.
	Images CollectorImages `json:"images"`
	// vectorVersion is the version of Vector in images.vector, 0.48 to 0.57. It is needed if the tag of the image is not a version.
	// Default: "".
	VectorVersion string `json:"vectorVersion"`
	// bufferDisk is what the buffers of each collector may take on the disk of a node, as a quantity from 512Mi to 1Ti. Each LogBackend
	// with spec.collect takes up to 257Mi; the newest of the namespace that has the most are left out beyond it. Default: 16Gi.
	BufferDisk string `json:"bufferDisk"`
}

// CollectorImages are the container images of the collectors.
type CollectorImages struct {
	// vector is the image of Vector. Default: timberio/vector:0.57.0-debian.
	Vector string `json:"vector"`
	// fluentd is the image of Fluentd. It must contain the plugins concat and kubernetes_metadata. Default:
	// fluent/fluentd-kubernetes-daemonset:v1.16-debian-elasticsearch8-1.
	Fluentd string `json:"fluentd"`
}

// AnswerCache shares the answers of language models between replicas and clusters.
type AnswerCache struct {
	// redis keeps answers in a Redis for 30 days.
	Redis Redis `json:"redis"`
}

// Redis is a connection to a Redis.
type Redis struct {
	// url is redis://[USER@]HOST[:PORT][/DB], or rediss:// for TLS. It must not contain a password. Empty disables the cache.
	// Default: "".
	URL string `json:"url"`
	// passwordFile is the absolute path of a file with the password, or with the user and the password on two lines. Empty reads
	// the environment variables KUBEOPS_CACHE_REDIS_USERNAME and KUBEOPS_CACHE_REDIS_PASSWORD. Default: "".
	PasswordFile string `json:"passwordFile"`
	// caFile is the absolute path of a PEM file with the CA certificates to trust. Only for rediss://. Empty uses the system's
	// certificates. Default: "".
	CAFile string `json:"caFile"`
}

// WorkQueue is a work queue of NATS JetStream, from which `manager worker` takes the parts of inspections.
type WorkQueue struct {
	// natsURL is nats://HOST[:PORT], or tls:// for TLS; several servers of one cluster are separated by commas. It must not contain
	// credentials. Empty does all work in the processes of the manager. Default: "".
	NATSURL string `json:"natsURL"`
	// name is the prefix of the subjects, of the stream NAME-parts and of the object bucket NAME-results, for several installations at one
	// server: at most 32 lower case letters, digits and dashes. Default: kubeops.
	Name string `json:"name"`
	// replicas of the stream and of the bucket in a cluster of NATS, 1 to 5. Default: 1.
	Replicas int32 `json:"replicas"`
	// partsStorage is how much of the storage of NATS the stream may take, as a quantity: 4Ki is the most for a part that waits
	// for a worker. At least 1Mi. Default: 16Mi.
	PartsStorage string `json:"partsStorage"`
	// resultsStorage is how much of the storage of NATS the bucket may take, as a quantity: results are kept for 15 minutes, each
	// some hundred KiB. NATS reserves both; Inspections report WorkQueueFull where they do not suffice. At least 32Mi. Default:
	// 256Mi.
	ResultsStorage string `json:"resultsStorage"`
	// credentialsFile is the absolute path of a .creds file, which has a JWT and a seed. Default: "".
	CredentialsFile string `json:"credentialsFile"`
	// passwordFile is the absolute path of a file with the user and the password on two lines. Ignored with credentialsFile.
	// Default: "".
	PasswordFile string `json:"passwordFile"`
	// caFile is the absolute path of a PEM file with the CA certificates to trust. Empty uses the system's certificates. Default: "".
	CAFile string `json:"caFile"`
	// certFile is the absolute path of a PEM file with the certificate of the client. Needs keyFile. Default: "".
	CertFile string `json:"certFile"`
	// keyFile is the absolute path of a PEM file with the key of the certificate. Default: "".
	KeyFile string `json:"keyFile"`
}
