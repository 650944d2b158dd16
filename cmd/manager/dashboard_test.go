package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestFlagsOfTheDashboard(t *testing.T) {
	for name, tc := range map[string]struct {
		args    string
		problem string
	}{
		"none":                     {"", ""},
		"an address":               {"--bind-address=:8090", ""},
		"a certificate":            {"--tls-cert-file=a --tls-key-file=b", ""},
		"a certificate alone":      {"--tls-cert-file=a", "belong together"},
		"a key alone":              {"--tls-key-file=a", "belong together"},
		"an argument":              {"serve", `unexpected argument "serve"`},
		"an unknown flag":          {"--none", "not defined"},
		"insecure by default":      {"--insecure-local", ""},
		"insecure on localhost":    {"--insecure-local --bind-address=localhost:1", ""},
		"insecure on ::1":          {"--insecure-local --bind-address=[::1]:1", ""},
		"insecure on all":          {"--insecure-local --bind-address=:8090", "needs a loopback address"},
		"insecure on 0.0.0.0":      {"--insecure-local --bind-address=0.0.0.0:8090", "needs a loopback address"},
		"insecure on another host": {"--insecure-local --bind-address=localhost.evil.example:1", "needs a loopback address"},
		"insecure without port":    {"--insecure-local --bind-address=localhost", "needs a loopback address"},
	} {
		var output bytes.Buffer
		line, err := parseDashboard(strings.Fields(tc.args), &output)
		if (err == nil) != (tc.problem == "") || err != nil && !strings.Contains(err.Error(), tc.problem) {
			t.Errorf("%s: %v, want %q", name, err, tc.problem)
		}
		if err == nil && line.address == "" {
			t.Errorf("%s: no address", name)
		}
	}
}
