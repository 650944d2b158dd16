package facts

import (
	"cmp"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// issuerReference is the issuer of a certificate, which may be of another group.
type issuerReference struct {
	Name  loose[string] `json:"name"`
	Kind  loose[string] `json:"kind"`
	Group loose[string] `json:"group"`
}

func (r issuerReference) ref(namespace string) Ref {
	ref := Ref{
		Kind:      CustomKind(cmp.Or(r.Group.V, Issuer.Group()), cmp.Or(r.Kind.V, Issuer.Name())),
		Namespace: namespace, Name: r.Name.V,
	}
	if ref.Kind == ClusterIssuer {
		ref.Namespace = ""
	}
	return ref
}

func reduceCertificate(node *CustomNode, o *CustomObject, _ *customMeta) {
	spec := read[struct {
		Secret loose[string]          `json:"secretName"`
		Issuer loose[issuerReference] `json:"issuerRef"`
	}](o.Spec)
	status := read[struct {
		NotAfter loose[metav1.Time] `json:"notAfter"`
		Renewal  loose[metav1.Time] `json:"renewalTime"`
	}](o.Status)
	issuer := spec.Issuer.V.ref(node.Namespace)
	node.Certificate = &CertificateFacts{
		Secret: spec.Secret.V, Issuer: issuer, NotAfter: status.NotAfter.V.Time, Renewal: status.Renewal.V.Time,
	}
	node.Refs = append(node.Refs, Edge{Refers, issuer})
	if spec.Secret.V != "" {
		node.Makes = []Ref{{Secret, node.Namespace, spec.Secret.V}}
	}
}

// reduceIssuing reduces the steps between a Certificate and its issuer: CertificateRequest, Order and Challenge.
func reduceIssuing(node *CustomNode, o *CustomObject, _ *customMeta) {
	spec := read[struct {
		Issuer  loose[issuerReference] `json:"issuerRef"`
		DNSName loose[string]          `json:"dnsName"`
	}](o.Spec)
	node.Refs = append(node.Refs, Edge{Refers, spec.Issuer.V.ref(node.Namespace)})
	if node.Kind != CertificateRequest {
		reason := read[struct {
			Reason loose[string] `json:"reason"`
		}](o.Status).Reason.V
		node.ACME = &ACMEFacts{DNSName: spec.DNSName.V, Reason: clip(reason)}
	}
}
