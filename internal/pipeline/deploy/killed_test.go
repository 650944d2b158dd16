package deploy_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	pluginv1 "kubeops.io/kubeops/api/plugin/v1"
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/plugin"
	"kubeops.io/kubeops/internal/provider"
	implementation "kubeops.io/kubeops/providers/argocd"
)

// connections of a plugin. Closed without an answer, they are those of a process that was killed: the next one accepts others.
type connections struct {
	net.Listener
	mutex sync.Mutex
	open  []net.Conn
}

// Accept implements net.Listener.
func (c *connections) Accept() (net.Conn, error) {
	accepted, err := c.Listener.Accept()
	if err == nil {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		c.open = append(c.open, accepted)
	}
	return accepted, err
}

func (c *connections) kill() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, conn := range c.open {
		_ = conn.Close() // it may be closed
	}
	c.open = nil
}

// mortal is the plugin for Argo CD, whose process is killed during calls of Find.
type mortal struct {
	implementation.Plugin
	connections *connections
	// kills that are left, and whether Find has asked Argo CD before.
	kills atomic.Int32
	after bool
	// finds that were called.
	finds atomic.Int32
}

// Find implements pluginv1.PluginServer.
func (m *mortal) Find(ctx context.Context, request *pluginv1.FindRequest) (*pluginv1.FindResponse, error) {
	m.finds.Add(1)
	if m.kills.Add(-1) < 0 {
		return m.Plugin.Find(ctx, request)
	}
	if m.after {
		if _, err := m.Plugin.Find(ctx, request); err != nil {
			return nil, err
		}
	}
	m.connections.kill()
	<-ctx.Done()
	return nil, ctx.Err()
}

// serve a plugin until the test ends.
func serve(t *testing.T, m *mortal) *plugin.Pool {
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
	m.Egress = provider.Egress{AllowLoopback: true}
	m.connections = &connections{Listener: listener}
	ended := make(chan error, 1)
	go func() { ended <- plugin.Serve(ctx, m.connections, m, plugin.Options{}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve the plugin: %v", err)
		}
	})
	return &plugin.Pool{Sockets: folder, Egress: provider.Egress{AllowLoopback: true}}
}

func TestAPluginThatIsKilledWhileItLooksForASyncStartsNoSecondOne(t *testing.T) {
	for name, after := range map[string]bool{"before it asked": false, "before its answer arrived": true} {
		t.Run(name, func(t *testing.T) {
			served := &mortal{after: after}
			m := newMachine(t, serve(t, served), manual(), v1alpha1.DeployStage{Revision: revision(newer)})
			m.fake.Drop()
			m.pass() // the answer to the sync is lost
			served.kills.Store(2)
			m.until(func(*v1alpha1.StageStatus) bool { return served.finds.Load() > 0 })
			if s := m.stage(); s.Phase != v1alpha1.StageClaimed || s.Reason != v1alpha1.ReasonTriggerUnknown ||
				!strings.Contains(s.Message, "plugin") {
				t.Errorf("the stage is %s %s: %s", s.Phase, s.Reason, s.Message)
			}
			s := m.end()
			if syncs, _ := m.fake.Syncs(); syncs != 1 || s.Phase != v1alpha1.StageSucceeded || s.Triggers != 1 || s.Attempt != 1 {
				t.Errorf("%d syncs, %s %s: %s", syncs, s.Phase, s.Reason, s.Message)
			}
			if served.finds.Load() < 3 {
				t.Errorf("%d calls of Find", served.finds.Load())
			}
		})
	}
}

func TestAPluginThatIsKilledWheneverItLooksForASyncEndsTheStage(t *testing.T) {
	served := &mortal{}
	m := newMachine(t, serve(t, served), manual(), v1alpha1.DeployStage{Revision: revision(newer)})
	m.fake.Drop()
	m.pass() // the answer to the sync is lost
	served.kills.Store(1 << 20)
	s := m.end()
	if syncs, _ := m.fake.Syncs(); syncs != 1 || s.Phase != v1alpha1.StageFailed || s.Reason != v1alpha1.ReasonTriggerUnknown {
		t.Errorf("%d syncs, %s %s: %s", syncs, s.Phase, s.Reason, s.Message)
	}
}
