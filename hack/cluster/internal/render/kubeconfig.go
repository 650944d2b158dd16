// Package render generates the configuration of the components: files and command lines. It has no side effects, so all of
// it can be tested.
package render

import (
	"encoding/base64"
	"strings"

	"kubeops.io/kubeops/hack/cluster/internal/pki"
)

// Kubeconfig returns a kubeconfig with embedded certificates, which can be copied as one file.
func Kubeconfig(cluster, user, server string, authority []byte, client pki.Pair) string {
	encode := base64.StdEncoding.EncodeToString
	return strings.NewReplacer(
		"CLUSTER", cluster, "USER", user, "SERVER", server,
		"AUTHORITY", encode(authority), "CERTIFICATE", encode(client.Certificate), "KEY", encode(client.Key),
	).Replace(`apiVersion: v1
kind: Config
current-context: CLUSTER
contexts:
- name: CLUSTER
  context:
    cluster: CLUSTER
    user: USER
clusters:
- name: CLUSTER
  cluster:
    server: SERVER
    certificate-authority-data: AUTHORITY
users:
- name: USER
  user:
    client-certificate-data: CERTIFICATE
    client-key-data: KEY
`)
}
