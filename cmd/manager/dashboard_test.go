package main

import (
	"bytes"
	"os"
	"path/filepath"
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
		"a provider":               {"--oidc-issuer-url=https://login.example.com --oidc-client-id=x --base-url=https://a.example", ""},
		"a provider without a URL": {"--oidc-issuer-url=https://login.example.com --oidc-client-id=x", "needs --base-url"},
		"a client alone":           {"--oidc-client-id=x", "need --oidc-issuer-url"},
		"a secret alone":           {"--oidc-client-secret-file=x", "need --oidc-issuer-url"},
		"a provider and insecure":  {"--oidc-issuer-url=https://login.example.com --base-url=https://a.example --insecure-local", "exclude each other"},
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

func TestFilesOfAProviderAreRead(t *testing.T) {
	file := func(content string) string {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, tc := range map[string]struct {
		args    string
		problem string
	}{
		"none":                  {"", ""},
		"a secret":              {"--oidc-client-secret-file=" + file("word\n"), ""},
		"an empty secret":       {"--oidc-client-secret-file=" + file("\n"), "is empty"},
		"a secret that is away": {"--oidc-client-secret-file=/none", "read the client secret"},
		"a CA without PEM":      {"--oidc-ca-file=" + file("x"), "no PEM certificate"},
		"a CA that is away":     {"--oidc-ca-file=/none", "read the CA"},
	} {
		args := append(strings.Fields(tc.args), "--oidc-issuer-url=https://login.example.com", "--base-url=https://a.example", "--oidc-required-amr=otp, hwk")
		line, err := parseDashboard(args, &bytes.Buffer{})
		if err != nil {
			t.Fatal(err)
		}
		config, err := line.openID.load()
		if (err == nil) != (tc.problem == "") || err != nil && !strings.Contains(err.Error(), tc.problem) {
			t.Errorf("%s: %v, want %q", name, err, tc.problem)
		}
		if err == nil && (strings.Join(config.RequiredAMR, "|") != "otp|hwk" || strings.TrimSpace(config.ClientSecret) != config.ClientSecret) {
			t.Errorf("%s: %+v", name, config.RequiredAMR)
		}
	}
	line, err := parseDashboard(nil, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if config, err := line.openID.load(); config != nil || err != nil {
		t.Errorf("without a provider: %v %v", config, err)
	}
}
