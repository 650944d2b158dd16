package managerconfig

import (
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"kubeops.io/kubeops/api/config/v1alpha1"
)

// validateTracing never quotes the URL or a path: a token may have been put in the wrong field.
func validateTracing(tracing *v1alpha1.Tracing, path *field.Path) field.ErrorList {
	const maxPercent, maxQueue = 100, 65536
	var all field.ErrorList
	if tracing.Endpoint != "" && !isCollector(tracing.Endpoint) {
		all = append(all, field.Invalid(path.Child("endpoint"), field.OmitValueType{},
			"must be http://HOST[:PORT][/PATH] or https://HOST[:PORT][/PATH], without credentials or a query"))
	}
	if tracing.SamplePercent < 0 || tracing.SamplePercent > maxPercent {
		all = append(all, field.Invalid(path.Child("samplePercent"), tracing.SamplePercent, validation.InclusiveRangeError(0, maxPercent)))
	}
	if tracing.QueueSize < 1 || tracing.QueueSize > maxQueue {
		all = append(all, field.Invalid(path.Child("queueSize"), tracing.QueueSize, validation.InclusiveRangeError(1, maxQueue)))
	}
	for _, file := range []struct{ name, value string }{{"caFile", tracing.CAFile}, {"tokenFile", tracing.TokenFile}} {
		switch {
		case file.value == "":
		case !filepath.IsAbs(file.value):
			all = append(all, field.Invalid(path.Child(file.name), field.OmitValueType{}, "must be an absolute path"))
		case !strings.HasPrefix(tracing.Endpoint, "https://"):
			all = append(all, field.Forbidden(path.Child(file.name), "needs a tracing.endpoint with https://"))
		}
	}
	return all
}

func isCollector(address string) bool {
	parsed, err := url.Parse(address)
	return err == nil && (parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Hostname() != "" && parsed.User == nil &&
		parsed.RawQuery == "" && parsed.Fragment == ""
}

// validateProfiling accepts only addresses that no other machine reaches: profiles tell what the manager does.
func validateProfiling(address string, path *field.Path) field.ErrorList {
	if all := validateBindAddress(address, path); len(all) > 0 || address == "0" {
		return all
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return field.ErrorList{field.Invalid(path, address, "must be [host]:port, or 0 to disable")}
	}
	if parsed, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !parsed.IsLoopback()) {
		return field.ErrorList{field.Invalid(path, address, "must be a loopback address, such as 127.0.0.1:6060")}
	}
	return nil
}
