package managerconfig

import (
	"strings"
	"testing"
)

func TestEgressIsValidated(t *testing.T) {
	for setting, message := range map[string]string{
		`allowedCIDRs: [10.0.0.0/8, "fd00::/8", 192.168.1.1/32]`: "",
		`deniedCIDRs: ["0.0.0.0/0"]`:                             "",
		`allowedHosts: ["*.example.com", api.openai.com, a_b]`:   "",
		`allowedCIDRs: [10.0.0.1]`:                               "allowedCIDRs[0]: Invalid",
		`deniedCIDRs: [10.0.0.1/8]`:                              "use 10.0.0.0/8",
		`deniedCIDRs: ["::ffff:10.0.0.0/104"]`:                   "write it as IPv4",
		`allowedCIDRs: [10.0.0.0/8, 10.0.0.0/8]`:                 "Duplicate",
		`deniedHosts: [Example.com]`:                             "lower case",
		`deniedHosts: [""]`:                                      "lower case",
		`allowedHosts: ["http://a"]`:                             "lower case",
		`proxyResolvedHosts: [a.]`:                               "lower case",
	} {
		inFolder(t, map[string]string{"c.yaml": header + "backends: {egress: {" + setting + "}}\n"})
		_, err := Load("c.yaml")
		switch {
		case message == "" && err != nil:
			t.Errorf("%s: %v", setting, err)
		case message != "" && (err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(strings.TrimSuffix(message, ": Invalid")))):
			t.Errorf("%s: got %v, want %s", setting, err, message)
		}
	}
}
