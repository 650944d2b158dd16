// Package kubeapi sends the few requests to the API server that starting a cluster needs, with plain HTTP. A client library
// would multiply the compile time of this program.
package kubeapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"kubeops.io/kubeops/hack/cluster/internal/pki"
)

// Client is a client of one API server.
type Client struct {
	server string
	http   *http.Client
}

// New returns a client that authenticates with a certificate.
func New(server string, authority []byte, identity pki.Pair) (*Client, error) {
	certificate, err := tls.X509KeyPair(identity.Certificate, identity.Key)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, errors.New("no CA certificate")
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
	}
	return &Client{server: server, http: &http.Client{Transport: transport, Timeout: 5 * time.Second}}, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Ready returns an error if the API server is not ready.
func (c *Client) Ready(ctx context.Context) error {
	_, err := c.do(ctx, http.MethodGet, "/readyz", nil)
	return err
}

// NodeReady returns an error if a node is not ready for Pods.
func (c *Client) NodeReady(ctx context.Context, name string) error {
	var node struct {
		Spec struct {
			Taints []struct{ Key string }
		}
		Status struct {
			Conditions []struct{ Type, Status, Message string }
		}
	}
	if err := c.get(ctx, "/api/v1/nodes/"+name, &node); err != nil {
		return err
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type != "Ready" {
			continue
		}
		if condition.Status != "True" {
			return fmt.Errorf("node %s is not ready: %s", name, condition.Message)
		}
		if slices.ContainsFunc(node.Spec.Taints, func(t struct{ Key string }) bool { return t.Key == "node.kubernetes.io/not-ready" }) {
			return fmt.Errorf("node %s is ready, but still tainted as not ready", name)
		}
		return nil
	}
	return fmt.Errorf("node %s has not reported yet", name)
}

// NamespaceReady returns an error if Pods cannot be created in the default namespace.
func (c *Client) NamespaceReady(ctx context.Context) error {
	for _, object := range []string{"serviceaccounts/default", "configmaps/kube-root-ca.crt"} {
		if err := c.get(ctx, "/api/v1/namespaces/default/"+object, nil); err != nil {
			return err
		}
	}
	return nil
}

// CreateNode creates a Node object. An existing one is not an error.
func (c *Client) CreateNode(ctx context.Context, node []byte) error {
	_, err := c.do(ctx, http.MethodPost, "/api/v1/nodes", node)
	if conflict := (statusError{}); errors.As(err, &conflict) && conflict.code == http.StatusConflict {
		return nil
	}
	return err
}

func (c *Client) get(ctx context.Context, path string, into any) error {
	body, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// statusError is a response other than success.
type statusError struct {
	path string
	code int
	body string
}

func (e statusError) Error() string { return fmt.Sprintf("%s: status %d: %s", e.path, e.code, e.body) }

func (c *Client) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.server+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 {
		return nil, statusError{path: path, code: response.StatusCode, body: string(answer[:min(len(answer), 300)])}
	}
	return answer, nil
}
