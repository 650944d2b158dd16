package facts

// ServiceNode is a Service.
type ServiceNode struct {
	Meta
	// Type is ClusterIP, NodePort, LoadBalancer or ExternalName.
	Type string
	// Headless Services have no cluster IP.
	Headless bool
	// Selector of its Pods; empty for Services whose endpoints someone else writes.
	Selector map[string]string
	Ports    []ServicePort
	// PublishNotReady counts Pods that are not ready as endpoints.
	PublishNotReady bool
	// LoadBalancerAddresses counts the addresses that a LoadBalancer got.
	LoadBalancerAddresses int
	// ExternalIPs counts spec.externalIPs; SourceRanges are who may come in through a load balancer, from
	// spec.loadBalancerSourceRanges or from an annotation of a cloud.
	ExternalIPs  int
	SourceRanges []string
	// Internal is true where an annotation of a cloud asks for a load balancer without a public address.
	Internal bool
	// NodePorts counts the ports that every node opens.
	NodePorts int
	// LocalTraffic is externalTrafficPolicy Local.
	LocalTraffic bool
	// ExternalName of a Service of that type.
	ExternalName string
	// PrivateAddresses is true where the load balancer got addresses, and all of them are private ones.
	PrivateAddresses bool
}

// ServicePort is a port of a Service. TargetName is set when it names a container port, else TargetPort.
type ServicePort struct {
	Name, Protocol string
	Port           int32
	TargetName     string
	TargetPort     int32
}

// EndpointsNode is an EndpointSlice.
type EndpointsNode struct {
	Meta
	// Service that the slice belongs to.
	Service string
	// Ready and NotReady endpoints (serving and terminating ones count as not ready).
	Ready, NotReady int32
	// Ports by name that the slice serves; a Service port whose name is missing here has no container port behind it.
	PortNames []string
}

// IngressNode is an Ingress.
type IngressNode struct {
	Meta
	// Class is spec.ingressClassName, or the old annotation; empty when neither is set.
	Class string
	// ClassAnnotation is true when Class came from the old annotation, which may name a class without an IngressClass.
	ClassAnnotation bool
	Backends        []IngressBackend
	// TLSSecrets that hold its certificates.
	TLSSecrets []string
	// Hosts of its rules, and those that its tls entries cover; "" stands for all hosts.
	Hosts, TLSHosts []string
	// TLSElsewhere is true where an annotation says that certificates come from somewhere else than a Secret.
	TLSElsewhere bool
	// Shares is true where an annotation makes it one of several for the same host and path, such as a canary.
	Shares bool
	// DefaultBackend is set when spec.defaultBackend takes all other requests.
	DefaultBackend bool
	// Addresses counts the load balancer addresses in its status.
	Addresses int
}

// IngressBackend is a Service port that an Ingress sends traffic to. PortName is set when it names a port, else Port.
type IngressBackend struct {
	Host, Path string
	Service    string
	PortName   string
	Port       int32
	// Exact paths match nothing below them.
	Exact bool
}

// IngressClassNode is an IngressClass.
type IngressClassNode struct {
	Meta
	Controller string
	Default    bool
}

// WebhookNode is one webhook of a Validating- or MutatingWebhookConfiguration.
type WebhookNode struct {
	Meta
	// Webhooks of the configuration.
	Webhooks []Webhook
}

// Webhook is one entry of a webhook configuration.
type Webhook struct {
	Name string
	// Service is zero when the webhook is called by URL.
	Service Ref
	Port    int32
	// FailClosed is failurePolicy Fail: requests are refused when the webhook cannot be asked.
	FailClosed bool
	// Rules are short texts of what it is asked for, for example CREATE pods.
	Rules []string
}

// APIServiceNode is an aggregated API.
type APIServiceNode struct {
	Meta
	// Service is zero for APIs that the API server serves itself.
	Service Ref
	// Group and Version that it serves.
	Group, Version string
}
