// Package exposure reads who can reach a Service or an Ingress from annotations of clouds and controllers, which decide much of it.
package exposure

import (
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// InternalLoadBalancer reports whether an annotation of a large cloud requests a private address.
func InternalLoadBalancer(annotations map[string]string) bool {
	switch {
	case annotations["service.beta.kubernetes.io/aws-load-balancer-internal"] == "true",
		annotations["service.beta.kubernetes.io/aws-load-balancer-internal"] == "0.0.0.0/0", // the older form
		annotations["service.beta.kubernetes.io/aws-load-balancer-scheme"] == "internal",
		annotations["service.beta.kubernetes.io/azure-load-balancer-internal"] == "true",
		annotations["service.beta.kubernetes.io/openstack-internal-load-balancer"] == "true",
		annotations["service.beta.kubernetes.io/oci-load-balancer-internal"] == "true",
		annotations["service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type"] == "intranet",
		annotations["service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type"] == "private",
		strings.EqualFold(annotations["service.beta.kubernetes.io/do-loadbalancer-network"], "internal"),
		strings.EqualFold(annotations["networking.gke.io/load-balancer-type"], "internal"),
		strings.EqualFold(annotations["cloud.google.com/load-balancer-type"], "internal"):
		return true
	}
	// The AWS Load Balancer Controller creates internal load balancers by default.
	kind := annotations["service.beta.kubernetes.io/aws-load-balancer-type"]
	return (kind == "external" || kind == "nlb-ip") &&
		annotations["service.beta.kubernetes.io/aws-load-balancer-scheme"] != "internet-facing"
}

// SourceRanges are the addresses, or in one cloud the names of networks, that a load balancer allows.
func SourceRanges(s *corev1.Service) []string {
	if len(s.Spec.LoadBalancerSourceRanges) > 0 {
		return s.Spec.LoadBalancerSourceRanges
	}
	for _, name := range []string{
		corev1.AnnotationLoadBalancerSourceRangesKey, "service.beta.kubernetes.io/azure-allowed-ip-ranges",
		"service.beta.kubernetes.io/azure-allowed-service-tags",
	} {
		if list := strings.TrimSpace(s.Annotations[name]); list != "" {
			ranges := strings.Split(list, ",")
			for i := range ranges {
				ranges[i] = strings.TrimSpace(ranges[i])
			}
			return ranges
		}
	}
	return nil
}

// PrivateAddresses reports whether there are addresses and none of them is routed on the internet.
func PrivateAddresses(given []corev1.LoadBalancerIngress) bool {
	shared := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10) // carrier-grade NAT
	for i := range given {
		if given[i].IP == "" {
			if strings.HasPrefix(given[i].Hostname, "internal-") && strings.HasSuffix(given[i].Hostname, ".elb.amazonaws.com") {
				continue
			}
			return false
		}
		address, err := netip.ParseAddr(given[i].IP)
		if err != nil {
			return false
		}
		address = address.Unmap()
		if !address.IsPrivate() && !address.IsLoopback() && !address.IsLinkLocalUnicast() && !shared.Contains(address) {
			return false
		}
	}
	return len(given) > 0
}

// TLSElsewhere reports whether an annotation configures the certificates.
func TLSElsewhere(annotations map[string]string) bool {
	for _, name := range []string{
		"alb.ingress.kubernetes.io/certificate-arn", "networking.gke.io/managed-certificates", "networking.gke.io/pre-shared-certs",
		"ingress.gcp.kubernetes.io/pre-shared-cert", "appgw.ingress.kubernetes.io/appgw-ssl-certificate",
		"nginx.ingress.kubernetes.io/ssl-passthrough", "haproxy.org/ssl-passthrough", "route.openshift.io/termination",
		"traefik.ingress.kubernetes.io/router.tls.certresolver",
	} {
		if annotations[name] != "" {
			return true
		}
	}
	return annotations["traefik.ingress.kubernetes.io/router.tls"] == "true" ||
		strings.Contains(annotations["alb.ingress.kubernetes.io/listen-ports"], "HTTPS") // the controller discovers certificates by host
}

// SharesHost reports whether an annotation distinguishes requests to Ingresses with the same host and path.
func SharesHost(annotations map[string]string) bool {
	if annotations["nginx.ingress.kubernetes.io/canary"] == "true" || annotations["haproxy.org/route-acl"] != "" ||
		annotations["nginx.org/mergeable-ingress-type"] != "" {
		return true
	}
	for name := range annotations {
		if strings.HasPrefix(name, "alb.ingress.kubernetes.io/conditions.") {
			return true
		}
	}
	return false
}
