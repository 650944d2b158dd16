package walls

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

const (
	// outage of the API server in seconds, without KUBEOPS_OUTAGE.
	outage = 60
	// maxRecovery is how long the managers may take until they have completed the run that was interrupted, once the API server is back.
	maxRecovery = 20 * time.Second
	// maxNotice is how long they may take to see a request after that: their watches do not wait longer after a longer outage.
	maxNotice = 20 * time.Second
)

// TestManagersSurviveAnOutageOfTheAPIServer stops the API server amid a run, for 60 s or KUBEOPS_OUTAGE seconds, and starts it again. A manager
// that ends is started again with the delays of the kubelet. The run is completed within 20 s, with one report, and requests are seen again.
func TestManagersSurviveAnOutageOfTheAPIServer(t *testing.T) {
	away := time.Duration(number(t, "KUBEOPS_OUTAGE", outage)) * time.Second
	c := newCluster(t)
	c.newTenant(served)
	key := client.ObjectKey{Namespace: served, Name: "asked"}
	c.create(&v1alpha1.Inspection{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name},
		Spec:       v1alpha1.InspectionSpec{Namespaces: []string{served}, KeepReports: 100},
	})
	server := c.apiServer()
	r := c.startReplicas(2)
	c.eventually("the new Inspection has a report", time.Minute, func(ctx context.Context) error {
		inspection := &v1alpha1.Inspection{}
		if err := c.client.Get(ctx, key, inspection); err != nil || inspection.Status.LastReport == "" {
			return fmt.Errorf("the last report is %q: %w", inspection.Status.LastReport, err)
		}
		return nil
	})
	c.request(key, "before")
	c.eventually("a run is in progress", time.Minute, func(ctx context.Context) error {
		inspection := &v1alpha1.Inspection{}
		if err := c.client.Get(ctx, key, inspection); err != nil {
			return err
		}
		if inspection.Status.ActiveRun == nil && inspection.Status.LastHandledRequest != "before" {
			return fmt.Errorf("the last request is %q", inspection.Status.LastHandledRequest)
		}
		return nil
	})
	server.kill()
	k := &kubelet{replicas: r}
	k.tend(t.Context(), away)
	started := time.Now()
	server.start()
	back := time.Now()
	t.Logf("the API server needed %s to be ready again", back.Sub(started).Round(100*time.Millisecond))
	c.handled(key, "before", time.Minute)
	took := time.Since(back)
	c.request(key, "after")
	c.handled(key, "after", maxNotice)
	t.Logf("the API server was away for %s; %d managers were started again meanwhile; the interrupted run had ended %s after it was back, and one "+
		"that was requested then after %s", away, k.restarts, took.Round(100*time.Millisecond), time.Since(back).Round(100*time.Millisecond))
	if took > maxRecovery {
		t.Errorf("the managers needed %s, more than %s", took, maxRecovery)
	}
	if k.restarts > 1 {
		t.Errorf("%d managers ended: only the leader does, which cannot renew its Lease", k.restarts)
	}
	r.leader()
	list := &v1alpha1.InspectionReportList{}
	if err := c.client.List(t.Context(), list, client.InNamespace(served)); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 3 { // of the new Inspection and of both requests
		t.Errorf("%d reports, want 3", len(list.Items))
	}
}

// kubelet starts managers that end again: the first time at once, then after 10 s, then after twice as long each time.
type kubelet struct {
	*replicas
	restarts int
	delay    time.Duration
	due      time.Time
}

func (k *kubelet) tend(ctx context.Context, period time.Duration) {
	for until := time.Now().Add(period); time.Now().Before(until); pause(ctx, 100*time.Millisecond) {
		for i, m := range k.running {
			if !m.hasEnded() {
				continue
			}
			if k.due.IsZero() {
				k.due = time.Now().Add(k.delay)
				k.delay = max(10*time.Second, 2*k.delay)
			}
			if time.Now().Before(k.due) {
				continue
			}
			k.due = time.Time{}
			k.restarts++
			k.running[i] = k.relaunch(m)
		}
	}
}

// process of the API server.
type process struct {
	cluster *cluster
	args    []string
	running *os.Process
	// ended is closed with the process of start.
	ended chan struct{}
}

// apiServer is the process of the test's API server.
func (c *cluster) apiServer() *process {
	c.t.Helper()
	for _, pid := range children(os.Getpid()) {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			continue // it has ended
		}
		args := strings.Split(string(bytes.TrimRight(line, "\x00")), "\x00")
		if filepath.Base(args[0]) != "kube-apiserver" || !strings.Contains(string(line), portOf(c.config.Host)) {
			continue
		}
		found, err := os.FindProcess(pid)
		if err != nil {
			c.t.Fatal(err)
		}
		return &process{cluster: c, args: args, running: found}
	}
	c.t.Fatal("no process of the API server")
	return nil
}

func portOf(host string) string { return host[strings.LastIndex(host, ":")+1:] }

// kill the process, and wait until its port is closed.
func (p *process) kill() {
	c := p.cluster
	c.t.Helper()
	if err := p.running.Signal(syscall.SIGKILL); err != nil {
		c.t.Fatal(err)
	}
	c.eventually("the port of the API server is closed", 10*time.Second, func(ctx context.Context) error {
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:"+portOf(c.config.Host))
		if err != nil {
			return nil //nolint:nilerr // it is closed
		}
		return errors.Join(errors.New("it is open"), connection.Close())
	})
}

// start the process again, with the same arguments. It is ready on return.
func (p *process) start() {
	p.cluster.t.Helper()
	command := exec.Command(p.args[0], p.args[1:]...)
	command.Stdout, command.Stderr = io.Discard, io.Discard
	if err := command.Start(); err != nil {
		p.cluster.t.Fatal(err)
	}
	p.running = command.Process
	p.ended = make(chan struct{})
	go func() {
		defer close(p.ended)
		_ = command.Wait() // a killed process is always an error
	}()
	p.cluster.t.Cleanup(func() {
		_ = command.Process.Kill() // it may have ended
		<-p.ended
	})
	p.cluster.eventually("the API server answers", 2*time.Minute, func(ctx context.Context) error {
		return p.cluster.client.Get(ctx, client.ObjectKey{Name: managerNamespace}, &corev1.Namespace{})
	})
}
