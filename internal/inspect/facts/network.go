package facts

import "kubeops.io/kubeops/internal/inspect/facts/cabundle"

// ServiceNode is a Service.
type ServiceNode struct {
	Meta
	// Type is ClusterIP, NodePort, LoadBalancer or ExternalName.
	Type string
	// Headless Services have no cluster IP.
	Headless bool
	// ClusterIP is the first cluster IP; empty for headless Services.
	ClusterIP string
	// Selector of its Pods; empty for Services with externally managed endpoints.
	Selector map[string]string
	Ports    []ServicePort
	// PublishNotReady counts Pods that are not ready as endpoints.
	PublishNotReady bool
	// LoadBalancerAddresses counts the addresses of a LoadBalancer.
	LoadBalancerAddresses int
	// ExternalIPs counts spec.externalIPs. SourceRanges are the allowed sources of a load balancer, from
	// spec.loadBalancerSourceRanges or an annotation of a cloud.
	ExternalIPs  int
	SourceRanges []string
	// Internal is true where an annotation of a cloud requests a load balancer without a public address.
	Internal bool
	// NodePorts counts the ports opened on every node.
	NodePorts int
	// LocalTraffic is externalTrafficPolicy Local.
	LocalTraffic bool
	// ExternalName of a Service of that type.
	ExternalName string
	// PrivateAddresses is true where the load balancer has addresses and all are private.
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
	// PortNames that the slice serves; a Service port that is not among them has no container port.
	PortNames []string
}

// IngressNode is an Ingress.
type IngressNode struct {
	Meta
	// Class is spec.ingressClassName, or the deprecated annotation; empty when neither is set.
	Class string
	// ClassAnnotation is true when Class comes from the annotation, which needs no IngressClass.
	ClassAnnotation bool
	Backends        []IngressBackend
	// TLSSecrets that hold its certificates.
	TLSSecrets []string
	// Hosts of its rules, and those that its tls entries cover; "" stands for all hosts.
	Hosts, TLSHosts []string
	// TLSElsewhere is true where an annotation configures certificates that are not in a Secret.
	TLSElsewhere bool
	// Shares is true where an annotation allows several for the same host and path, such as a canary.
	Shares bool
	// DefaultBackend is true with spec.defaultBackend.
	DefaultBackend bool
	// Addresses counts the load balancer addresses in its status.
	Addresses int
}

// IngressBackend is a Service port that an Ingress routes to: PortName where the port is named, else Port.
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

// WebhookNode is a Validating- or MutatingWebhookConfiguration.
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
	// FailClosed is failurePolicy Fail: requests are rejected when the webhook is unreachable.
	FailClosed bool
	// Rules are short texts of its operations and resources, for example CREATE pods.
	Rules []string
	// Trust is its caBundle.
	Trust cabundle.Bundle
}

// APIServiceNode is an aggregated API.
type APIServiceNode struct {
	Meta
	// Service is zero for local APIs of the API server.
	Service Ref
	// Group and Version that it serves.
	Group, Version string
	// Trust is its caBundle.
	Trust cabundle.Bundle
}
