package redact

import (
	"strings"
	"testing"
)

func TestLettersTellGeneratedTextFromWords(t *testing.T) {
	for _, generated := range []string{
		"osh0kjinsc2atoaqntoy1hdjppg54449", "wdvnousa87acfxp9ioasrea4tbeasrfa", "bn6htprmfpukfalts4muwalxh9j15ucvnrfdme8t",
	} {
		if !unlikeWords(generated) || !looksRandom(generated) {
			t.Errorf("%s is not taken for generated", generated)
		}
	}
	for _, words := range []string{
		"registry8kubernetes2controller", "node-exporter-v2-metrics-8080", "LicenseExpiresInLessThan30Days", "caCertInterSHA1",
		"OrderItemUnitPriceStyle", "PersistentQueueRunsOutOfSpaceIn12Hours",
	} {
		if unlikeWords(words) || looksRandom(words) || isScrambled(words) {
			t.Errorf("%s is taken for generated", words)
		}
	}
}

func TestTextsThatOnlyNameOrDescribeASecretAreKept(t *testing.T) {
	r := redactor(t)
	for name, text := range map[string]string{
		"the verb to pass":          "Pass `ignore_pipes=1` to the endpoint, or pass `--help` to list the flags.",
		"a placeholder in brackets": "token: <secret>\ntoken_file: <filepath>\n",
		"the rows of a table":       "| Key | Type |\n|---|---|\n| configs.tokens | object |\n| configs.styles | string |\n",
		"the id of a session":       "Processed session termination for sessionid: 0x14ed93111f200a7",
		"an object of Java":         "Bad activity token: android.os.BinderProxy@2bd79ce",
		"a path on a drive":         `PS C:\Users\User01\Documents> Get-Content C:\scripts\sample.ps1`,
		"an account of Windows":     `New-PSSession -ComputerName web-1 -Credential Domain01\User01`,
		"an assembly of .NET":       `Version=4.0.0.0, Culture=neutral, PublicKeyToken=31bf3856ad364e35`,
		"a call in a template":      `{{- $rootPassword := include "common.secrets.manage" (dict "secret" "context") }}`,
		"a format of a URL":         `printf("postgresql://%s:%s@%s/%s", user, password, host, name)`,
		"a constant for a secret":   "kubectl create secret generic db --from-literal=password=DB_PASSWORD",
		"a permission":              `id-token: "write"`,
		"a digest of an image":      "image: registry.k8s.io/k8s-dns-kube-dns-amd64@sha256:b99fc3eee2a9f052f7eb4cc00f15eb12fc405fa4",
		"ciphertext":                "password: ENC(4vO5Gq1kPz8sTnW2xYb7LdJ3)",
		"the name of a file":        "key: k8s-coredns.json",
		"a variable in help":        "--user value   username for basic auth [$VM_USERNAME]",
		"a flag in documentation":   "To grant access to multiple secrets, use multiple `--secret` flags.",
	} {
		if got := r.Text(text); got != text {
			t.Errorf("%s is changed: %q became %q", name, text, got)
		}
	}
}

func TestGeneratedValuesAreReplacedWhereTheContextNamesThem(t *testing.T) {
	r := redactor(t)
	const value = "k7tq2wzx9vbf4hjd8mrl"
	for name, text := range map[string]string{
		"a key in the query of a URL": "GET /v1/user?key=" + value,
		"the output of a command":     "$ terraform output -raw db_password\nkIfdr0Yvcij7\n",
		"after the name of a service": "loggly '" + value + "'",
		"a list of user and password": `{"auth":["app","` + value + `"],"verify":false}`,
		"a dictionary without colons": `{"user" "app", "password" "` + value + `"}`,
		"a value with a comment":      "const apiKey =\n  \"" + value + "\"; // replace it",
	} {
		if got := r.Text(text); strings.Contains(got, value) || strings.Contains(got, "kIfdr0") {
			t.Errorf("%s: %q is shown", name, got)
		}
	}
}
