package facts

// Kinds of custom resources whose controllers create Secrets. Generic checks read the rest of them.
const (
	externalSecret Kind = "ExternalSecret.external-secrets.io"
	sealedSecret   Kind = "SealedSecret.bitnami.com"
)

// custom is the table of the custom resources that are reduced to more than metadata and conditions.
func (k Kind) custom() (KindInfo, bool) {
	switch k {
	case GatewayClass:
		return KindInfo{Resource: "gatewayclasses", ClusterScoped: true, Context: true}, true
	case Gateway:
		return KindInfo{Resource: "gateways", reduceCustom: reduceGateway}, true
	case HTTPRoute:
		return KindInfo{Resource: "httproutes", reduceCustom: reduceRoute}, true
	case GRPCRoute:
		return KindInfo{Resource: "grpcroutes", reduceCustom: reduceRoute}, true
	case TLSRoute:
		return KindInfo{Resource: "tlsroutes", reduceCustom: reduceRoute}, true
	case TCPRoute:
		return KindInfo{Resource: "tcproutes", reduceCustom: reduceRoute}, true
	case UDPRoute:
		return KindInfo{Resource: "udproutes", reduceCustom: reduceRoute}, true
	case Certificate:
		return KindInfo{Resource: "certificates", reduceCustom: reduceCertificate}, true
	case CertificateRequest:
		return KindInfo{Resource: "certificaterequests", reduceCustom: reduceIssuing}, true
	case Issuer:
		return KindInfo{Resource: "issuers"}, true
	case ClusterIssuer:
		return KindInfo{Resource: "clusterissuers", ClusterScoped: true, Context: true}, true
	case ACMEOrder:
		return KindInfo{Resource: "orders", reduceCustom: reduceIssuing}, true
	case ACMEChallenge:
		return KindInfo{Resource: "challenges", reduceCustom: reduceIssuing}, true
	case Application:
		return KindInfo{Resource: "applications", reduceCustom: reduceApplication}, true
	case AppProject:
		return KindInfo{Resource: "appprojects"}, true
	case VulnerabilityReport:
		return KindInfo{Resource: "vulnerabilityreports", PageSize: 50, reduceCustom: reduceVulnerabilities}, true
	case VPA:
		return KindInfo{Resource: "verticalpodautoscalers", reduceCustom: reduceVPA}, true
	case externalSecret:
		return KindInfo{Resource: "externalsecrets", reduceCustom: reduceExternalSecret}, true
	case sealedSecret:
		return KindInfo{Resource: "sealedsecrets", reduceCustom: reduceSealedSecret}, true
	default:
		return KindInfo{}, false
	}
}
