package argocd

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	pluginv1 "kubeops.io/kubeops/api/plugin/v1"
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/plugin"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/providers/argocd"
)

// Plugin serves the plugin for Argo CD on a Unix socket until the test ends, and returns a pool that finds it by its default name. The
// server of Argo CD may be on a loopback address.
func Plugin(t testing.TB) *plugin.Pool {
	t.Helper()
	return Serve(t, &argocd.Plugin{Egress: provider.Egress{AllowLoopback: true}})
}

// Serve is Plugin for another implementation of the contract.
func Serve(t testing.TB, served pluginv1.PluginServer) *plugin.Pool {
	t.Helper()
	folder, err := os.MkdirTemp("", "kubeops-") // that of the test may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	ctx, cancel := context.WithCancel(context.Background())
	listener, err := plugin.Listen(ctx, "unix:"+filepath.Join(folder, v1alpha1.DefaultArgoCDSocket+".sock"))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- plugin.Serve(ctx, listener, served, plugin.Options{})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve the plugin: %v", err)
		}
	})
	return &plugin.Pool{Sockets: folder, Egress: provider.Egress{AllowLoopback: true}}
}
