package facts

import (
	"maps"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"kubeops.io/kubeops/internal/inspect/facts/cabundle"
	"kubeops.io/kubeops/internal/inspect/facts/exposure"
)

func reduceService(s *corev1.Service) *ServiceNode {
	node := &ServiceNode{
		Meta: metaOf(Service, &s.ObjectMeta), Type: string(s.Spec.Type), Headless: s.Spec.ClusterIP == corev1.ClusterIPNone,
		Selector: maps.Clone(s.Spec.Selector), PublishNotReady: s.Spec.PublishNotReadyAddresses,
		LoadBalancerAddresses: len(s.Status.LoadBalancer.Ingress),
		ExternalIPs:           len(s.Spec.ExternalIPs), SourceRanges: exposure.SourceRanges(s), ExternalName: s.Spec.ExternalName,
		PrivateAddresses: exposure.PrivateAddresses(s.Status.LoadBalancer.Ingress),
		LocalTraffic:     s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal,
		Internal:         exposure.InternalLoadBalancer(s.Annotations),
	}
	node.Labels = maps.Clone(s.Labels)
	if !node.Headless {
		node.ClusterIP = s.Spec.ClusterIP
	}
	for _, p := range s.Spec.Ports {
		if p.NodePort != 0 {
			node.NodePorts++
		}
		port := ServicePort{Name: p.Name, Protocol: string(p.Protocol), Port: p.Port}
		switch {
		case p.TargetPort.Type == intstr.String:
			port.TargetName = p.TargetPort.StrVal
		case p.TargetPort.IntVal != 0:
			port.TargetPort = p.TargetPort.IntVal
		default:
			port.TargetPort = p.Port // the API's default
		}
		node.Ports = append(node.Ports, port)
	}
	node.Conditions = convert(s.Status.Conditions, metaCondition)
	return node
}

func reduceEndpointSlice(s *discoveryv1.EndpointSlice) *EndpointsNode {
	node := &EndpointsNode{Meta: metaOf(EndpointSlice, &s.ObjectMeta), Service: s.Labels[discoveryv1.LabelServiceName]}
	for i := range s.Endpoints {
		if value(s.Endpoints[i].Conditions.Ready, true) { // ready unless set
			node.Ready++
		} else {
			node.NotReady++
		}
	}
	for _, port := range s.Ports {
		node.PortNames = append(node.PortNames, value(port.Name, ""))
	}
	return node
}

// classAnnotation is the predecessor of spec.ingressClassName.
const classAnnotation = "kubernetes.io/ingress.class"

// actionPort is the name of a port for which the AWS Load Balancer Controller takes the backend from an annotation of that name, such as
// a redirect: no Service is meant.
// https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/#actions
const actionPort = "use-annotation"

func reduceIngress(i *networkingv1.Ingress) *IngressNode {
	node := &IngressNode{
		Meta: metaOf(Ingress, &i.ObjectMeta), Class: value(i.Spec.IngressClassName, ""), Addresses: len(i.Status.LoadBalancer.Ingress),
	}
	if node.Class == "" && i.Annotations[classAnnotation] != "" {
		node.Class = i.Annotations[classAnnotation]
		node.ClassAnnotation = true
	}
	add := func(host, path string, kind *networkingv1.PathType, b *networkingv1.IngressBackend) {
		if b == nil || b.Service == nil || b.Service.Port.Name == actionPort {
			return
		}
		node.Backends = append(node.Backends, IngressBackend{
			Host: host, Path: path, Service: b.Service.Name, PortName: b.Service.Port.Name, Port: b.Service.Port.Number,
			Exact: value(kind, networkingv1.PathTypePrefix) == networkingv1.PathTypeExact,
		})
	}
	node.DefaultBackend = i.Spec.DefaultBackend != nil
	node.TLSElsewhere = exposure.TLSElsewhere(i.Annotations)
	node.Shares = exposure.SharesHost(i.Annotations)
	add("", "", nil, i.Spec.DefaultBackend)
	for _, rule := range i.Spec.Rules {
		node.Hosts = append(node.Hosts, rule.Host)
		if rule.HTTP == nil {
			continue
		}
		for p := range rule.HTTP.Paths {
			add(rule.Host, rule.HTTP.Paths[p].Path, rule.HTTP.Paths[p].PathType, &rule.HTTP.Paths[p].Backend)
		}
	}
	for _, tls := range i.Spec.TLS {
		node.TLSHosts = append(node.TLSHosts, tls.Hosts...)
		if len(tls.Hosts) == 0 {
			node.TLSHosts = append(node.TLSHosts, "")
		}
		if tls.SecretName != "" {
			node.TLSSecrets = append(node.TLSSecrets, tls.SecretName)
		}
	}
	return node
}

func reduceIngressClass(c *networkingv1.IngressClass) *IngressClassNode {
	return &IngressClassNode{
		Meta: metaOf(IngressClass, &c.ObjectMeta), Controller: c.Spec.Controller,
		Default: c.Annotations[networkingv1.AnnotationIsDefaultIngressClass] == "true",
	}
}

func reduceValidatingWebhook(c *admissionregistrationv1.ValidatingWebhookConfiguration) *WebhookNode {
	node := &WebhookNode{Meta: metaOf(ValidatingWebhook, &c.ObjectMeta)}
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		node.Webhooks = append(node.Webhooks, reduceHook(w.Name, w.ClientConfig, w.FailurePolicy, w.Rules))
	}
	return node
}

func reduceMutatingWebhook(c *admissionregistrationv1.MutatingWebhookConfiguration) *WebhookNode {
	node := &WebhookNode{Meta: metaOf(MutatingWebhook, &c.ObjectMeta)}
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		node.Webhooks = append(node.Webhooks, reduceHook(w.Name, w.ClientConfig, w.FailurePolicy, w.Rules))
	}
	return node
}

func reduceHook(name string, client admissionregistrationv1.WebhookClientConfig, policy *admissionregistrationv1.FailurePolicyType,
	rules []admissionregistrationv1.RuleWithOperations,
) Webhook {
	// Fail is the API's default.
	hook := Webhook{
		Name: name, FailClosed: value(policy, admissionregistrationv1.Fail) == admissionregistrationv1.Fail,
		Trust: cabundle.Read(client.CABundle),
	}
	if client.Service != nil {
		hook.Service = Ref{Service, client.Service.Namespace, client.Service.Name}
		hook.Port = value(client.Service.Port, 443)
	}
	for _, rule := range rules {
		operations := make([]string, 0, len(rule.Operations))
		for _, o := range rule.Operations {
			operations = append(operations, string(o))
		}
		hook.Rules = append(hook.Rules, clip(strings.Join(operations, ",")+" "+strings.Join(rule.Resources, ",")))
	}
	return hook
}

// APIServiceObject is the part of an APIService (apiregistration.k8s.io/v1) that its reducer needs. The module with the API type
// depends on a whole API server.
type APIServiceObject struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Group   string `json:"group"`
		Version string `json:"version"`
		// CABundle is encoded in base64.
		CABundle []byte `json:"caBundle"`
		Service  *struct {
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
			Port      *int32 `json:"port"`
		} `json:"service"`
	} `json:"spec"`
	Status struct {
		Conditions []metav1.Condition `json:"conditions"`
	} `json:"status"`
}

func reduceAPIService(a *APIServiceObject) *APIServiceNode {
	node := &APIServiceNode{Meta: metaOf(APIService, &a.ObjectMeta), Group: a.Spec.Group, Version: a.Spec.Version,
		Trust: cabundle.Read(a.Spec.CABundle)}
	if a.Spec.Service != nil {
		node.Service = Ref{Service, a.Spec.Service.Namespace, a.Spec.Service.Name}
	}
	node.Conditions = convert(a.Status.Conditions, metaCondition)
	return node
}
