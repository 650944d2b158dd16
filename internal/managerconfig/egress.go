package managerconfig

import (
	"net/netip"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"kubeops.io/kubeops/api/config/v1alpha1"
)

func validateEgress(egress *v1alpha1.Egress, at *field.Path) field.ErrorList {
	var all field.ErrorList
	for _, list := range []struct {
		name   string
		values []string
		check  func(string) string
	}{
		{"allowedCIDRs", egress.AllowedCIDRs, checkCIDR}, {"deniedCIDRs", egress.DeniedCIDRs, checkCIDR},
		{"allowedHosts", egress.AllowedHosts, checkHostPattern}, {"deniedHosts", egress.DeniedHosts, checkHostPattern},
		{"proxyResolvedHosts", egress.ProxyResolvedHosts, checkHostPattern},
	} {
		for i, value := range list.values {
			place := at.Child(list.name).Index(i)
			if slices.Index(list.values, value) < i {
				all = append(all, field.Duplicate(place, value))
			} else if message := list.check(value); message != "" {
				all = append(all, field.Invalid(place, value, message))
			}
		}
	}
	return all
}

// checkCIDR returns what is wrong with a CIDR, or "".
func checkCIDR(value string) string {
	prefix, err := netip.ParsePrefix(value)
	switch {
	case err != nil:
		return "must be a CIDR, such as 10.0.0.0/8 or 2001:db8::/32"
	case prefix.Addr().Is4In6():
		return "must not be an IPv4-mapped address; write it as IPv4"
	case prefix.Masked() != prefix:
		return "has bits set after its prefix; use " + prefix.Masked().String()
	}
	return ""
}

// checkHostPattern returns what is wrong with a pattern of host names, or "".
func checkHostPattern(value string) string {
	const characters = "abcdefghijklmnopqrstuvwxyz0123456789-_.*?"
	_, err := path.Match(value, "")
	if err != nil || value == "" || strings.Trim(value, characters) != "" || strings.HasSuffix(value, ".") {
		return "must be a host name in lower case without a trailing dot, in which * and ? match any characters; use CIDRs for addresses"
	}
	return ""
}
