package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
)

// maxPuts of one transaction; etcd allows 128.
const maxPuts = 100

// etcd writes to the store of an API server by the JSON gateway of etcd.
type etcd struct {
	url    string
	client *http.Client
}

// put is one key and its value; JSON has both as base64.
type put struct {
	Key   []byte `json:"key"`
	Value []byte `json:"value"`
}

// openEtcd opens the etcd of a local cluster, whose folder has the kubeconfig; nil for other clusters.
func openEtcd(kubeconfig string) (*etcd, error) {
	folder := filepath.Dir(kubeconfig)
	text, err := os.ReadFile(filepath.Join(folder, "state.json")) //nolint:gosec // beside the kubeconfig of the command line
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var state struct {
		Etcd string `json:"etcd"`
	}
	if err := json.Unmarshal(text, &state); err != nil || state.Etcd == "" {
		return nil, err
	}
	pki := func(file string) string { return filepath.Join(folder, "pki", file) }
	authority, err := os.ReadFile(pki("ca.crt"))
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(pki("etcd-client.crt"), pki("etcd-client.key"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	transport := &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
		MaxIdleConnsPerHost: writers,
	}
	return &etcd{url: state.Etcd, client: &http.Client{Transport: transport}}, nil
}

// write puts all keys, at most maxPuts in one transaction.
func (e *etcd) write(ctx context.Context, puts []put) error {
	for len(puts) > 0 {
		n := min(len(puts), maxPuts)
		type operation struct {
			Put put `json:"requestPut"`
		}
		var transaction struct {
			Success []operation `json:"success"`
		}
		for _, one := range puts[:n] {
			transaction.Success = append(transaction.Success, operation{one})
		}
		puts = puts[n:]
		body, err := json.Marshal(transaction)
		if err != nil {
			return err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url+"/v3/kv/txn", bytes.NewReader(body))
		if err != nil {
			return err
		}
		response, err := e.client.Do(request)
		if err != nil {
			return err
		}
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20))
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("etcd: %s: %.300s", response.Status, text)
		}
	}
	return nil
}
