package cd

import (
	"encoding/json"

	pluginv1 "kubeops.io/kubeops/api/plugin/v1"
)

// Names of the secrets of ArgoCD.
const (
	SecretToken     = "token"
	SecretClientKey = "clientKey"
)

// ArgoCD are the settings of the plugin for Argo CD.
type ArgoCD struct {
	// URL of its API server.
	URL string `json:"url"`
	// TimeoutMillis of one request.
	TimeoutMillis int64 `json:"timeoutMillis,omitempty"`
	// CA in PEM, ServerName and InsecureSkipVerify as in spec.tls.
	CA                 string `json:"ca,omitempty"`
	ServerName         string `json:"serverName,omitempty"`
	InsecureSkipVerify bool   `json:"insecureSkipVerify,omitempty"`
	// Certificate of the client in PEM. Its key is a secret.
	Certificate string `json:"certificate,omitempty"`
}

// Settings of a plugin from a value and secrets.
func Settings(value any, secrets map[string][]byte) (*pluginv1.Settings, error) {
	content, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return &pluginv1.Settings{Json: string(content), Secrets: secrets}, nil
}
