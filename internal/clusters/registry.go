package clusters

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/fairqueue"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
)

// State of a cluster's connection.
type State string

// States of a connection; see the package.
const (
	// Connecting: no probe of this connection succeeded yet.
	Connecting State = "Connecting"
	// Connected: the last probe succeeded.
	Connected State = "Connected"
	// Suspect: the last probes failed, fewer than maxFailures in a row. The connection may still be used.
	Suspect State = "Suspect"
	// Disconnected: too many probes failed, or the credentials were rejected.
	Disconnected State = "Disconnected"
	// Invalid: the kubeconfig cannot be used; a change of the Secret or the spec helps.
	Invalid State = "Invalid"
	// IdentityChanged: another cluster answers than before.
	IdentityChanged State = "IdentityChanged"
)

// maxFailures of probes in a row that a connection survives, as in Cluster API.
const maxFailures = 5

// Options of a Registry. All fields are optional.
type Options struct {
	// Egress rules for the servers of kubeconfigs.
	Egress provider.Egress
	// Memory that responses take from while they are read; nil bounds each response only.
	Memory *provider.ResponseMemory
	// Metrics is where the registry registers its gauges; nil registers none.
	Metrics prometheus.Registerer
}

// Registry has the connections of all managed clusters, by the key of their resource. It is safe for concurrent use; no lock is held while
// something is sent.
type Registry struct {
	options Options
	slots   *fairqueue.Slots
	// pingAfter of all connections.
	pingAfter time.Duration
	expiring  *prometheus.GaugeVec

	mutex   sync.Mutex
	entries map[types.NamespacedName]*entry
	wake    []func(types.NamespacedName)
}

type entry struct {
	connection *Connection
	// access is a hash of all that requires another connection when it changes: everything but the token.
	access   string
	state    State
	failures int
	// problem why there is no connection; nil while there is one.
	problem *problem.Problem
}

// NewRegistry without connections.
func NewRegistry(options Options) (*Registry, error) {
	r := &Registry{
		options: options, slots: fairqueue.NewSlots(maxCalls, maxClusterCalls), pingAfter: pingAfter,
		entries: map[types.NamespacedName]*entry{},
		expiring: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "kubeops_cluster_credentials_expiring",
			Help: "Whether the credentials of a managed cluster expire soon or have expired: 1 or 0.",
		}, []string{"namespace", "name"}),
	}
	if options.Metrics == nil {
		return r, nil
	}
	gauge := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "kubeops_cluster_connections", Help: "Connections to managed clusters, in whatever state.",
	}, func() float64 { return float64(r.Count()) })
	if err := errors.Join(options.Metrics.Register(gauge), options.Metrics.Register(r.expiring)); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return r, nil
}

// Count of the connections.
func (r *Registry) Count() (n int) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, e := range r.entries {
		if e.connection != nil {
			n++
		}
	}
	return n
}

// Expiring records whether the credentials of a cluster expire soon, for a metric.
func (r *Registry) Expiring(key types.NamespacedName, expiring bool) {
	value := 0.0
	if expiring {
		value = 1
	}
	r.expiring.WithLabelValues(key.Namespace, key.Name).Set(value)
}

// OnChange is called with the key of each cluster whose connection becomes usable, or no longer is. It must not block.
func (r *Registry) OnChange(wake func(types.NamespacedName)) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.wake = append(r.wake, wake)
}

// Open returns the connection of a cluster for an access. A new token is used by the present connection; any other change replaces it, and
// the old one is closed once its calls have ended, after 15 seconds at most. Only the controller of the clusters opens connections.
func (r *Registry) Open(key types.NamespacedName, access Access) (*Connection, error) {
	hash := access.hash()
	if c := r.reuse(key, hash); c != nil {
		c.renew(access.Token)
		return c, nil
	}
	c, err := newConnection(key.String(), access, shared{
		egress: r.options.Egress, slots: r.slots, memory: r.options.Memory.For(key.Namespace), pingAfter: r.pingAfter,
	})
	if err != nil {
		return nil, err
	}
	r.replace(key, c, hash)
	return c, nil
}

// OpenLocal is Open for the cluster of the manager, with a configuration that acts as a ServiceAccount of that name.
func (r *Registry) OpenLocal(key types.NamespacedName, account string, config *rest.Config) (*Connection, error) {
	hash := "local " + config.Impersonate.UserName
	if c := r.reuse(key, hash); c != nil {
		return c, nil
	}
	c, err := newLocalConnection(key.String(), account, config)
	if err != nil {
		return nil, err
	}
	r.replace(key, c, hash)
	return c, nil
}

func (r *Registry) reuse(key types.NamespacedName, hash string) *Connection {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if e := r.entries[key]; e != nil && e.connection != nil && e.access == hash {
		return e.connection
	}
	return nil
}

func (r *Registry) replace(key types.NamespacedName, c *Connection, hash string) {
	r.mutex.Lock()
	old := r.entries[key]
	r.entries[key] = &entry{connection: c, access: hash, state: Connecting, problem: notConnected(key, Connecting)}
	r.mutex.Unlock()
	if old != nil && old.connection != nil {
		old.connection.leave()
	}
}

// Get returns the connection of a cluster if it is usable now, and otherwise a problem with reason NotConnected, at once. Callers do not
// try again on their own: OnChange wakes them.
func (r *Registry) Get(key types.NamespacedName) (*Connection, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	e := r.entries[key]
	switch {
	case e == nil:
		return nil, notConnected(key, "")
	case e.state == Connected || e.state == Suspect:
		return e.connection, nil
	default:
		return nil, e.problem
	}
}

// State of a cluster's connection; empty for one that was never opened.
func (r *Registry) State(key types.NamespacedName) State {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if e := r.entries[key]; e != nil {
		return e.state
	}
	return ""
}

// Succeeded records a probe that reached the same cluster as before.
func (r *Registry) Succeeded(key types.NamespacedName) {
	r.set(key, func(e *entry) {
		e.state = Connected
		e.failures = 0
		e.problem = nil
	})
}

// Failed records a probe that failed. Rejected credentials disconnect at once, and other failures after five in a row. The TCP connections
// that no call uses are closed, so that the next call dials: those of a server that is frozen stay open for long.
func (r *Registry) Failed(key types.NamespacedName, p *problem.Problem) {
	var stale *Connection
	r.set(key, func(e *entry) {
		stale = e.connection
		e.failures++
		e.problem = p
		switch {
		case p.Reason == v1alpha1.ReasonIdentityChanged:
			e.state = IdentityChanged
		case p.Reason == v1alpha1.ReasonUnauthorized, p.Reason == v1alpha1.ReasonImpersonationForbidden, e.failures >= maxFailures,
			e.state == Connecting, e.state == IdentityChanged:
			e.state = Disconnected
		case e.state == Connected:
			e.state = Suspect
		}
	})
	if stale != nil {
		stale.closeIdle()
	}
}

// Invalid records that there can be no connection until the kubeconfig, or what refers to it, changes. The present one is closed.
func (r *Registry) Invalid(key types.NamespacedName, p *problem.Problem) {
	r.mutex.Lock()
	old := r.entries[key]
	r.entries[key] = &entry{state: Invalid, problem: p}
	r.mutex.Unlock()
	if old != nil && old.connection != nil {
		old.connection.leave()
	}
	if old != nil && usable(old.state) {
		r.notify(key)
	}
}

// Drop the connection of a cluster that is gone or suspended.
func (r *Registry) Drop(key types.NamespacedName) {
	r.mutex.Lock()
	old := r.entries[key]
	delete(r.entries, key)
	r.mutex.Unlock()
	r.expiring.DeleteLabelValues(key.Namespace, key.Name)
	if old == nil {
		return
	}
	if old.connection != nil {
		old.connection.leave()
	}
	r.notify(key)
}

// set changes an entry that has a connection, and wakes the waiters where it becomes usable or no longer is.
func (r *Registry) set(key types.NamespacedName, change func(*entry)) {
	r.mutex.Lock()
	e := r.entries[key]
	if e == nil || e.connection == nil {
		r.mutex.Unlock()
		return
	}
	before := usable(e.state)
	change(e)
	changed := before != usable(e.state)
	r.mutex.Unlock()
	if changed {
		r.notify(key)
	}
}

func (r *Registry) notify(key types.NamespacedName) {
	r.mutex.Lock()
	wake := r.wake
	r.mutex.Unlock()
	for _, call := range wake {
		call(key)
	}
}

func usable(s State) bool { return s == Connected || s == Suspect }

func notConnected(key types.NamespacedName, state State) *problem.Problem {
	if state == Connecting {
		return problem.Waiting(v1alpha1.ReasonNotConnected, 0, "ManagedCluster %s is being connected", key)
	}
	return problem.Waiting(v1alpha1.ReasonNotConnected, 0, "ManagedCluster %s is not connected: it does not exist, or is suspended", key)
}

// hash of everything but the token, which the present connection can take over.
func (a Access) hash() string {
	sum := sha256.New()
	for _, part := range [][]byte{
		[]byte(a.Server.String()), a.TLS.CA, a.TLS.Certificate, a.TLS.Key, []byte(a.TLS.ServerName),
		[]byte(strconv.FormatBool(a.TLS.InsecureSkipVerify)), []byte(strconv.FormatBool(a.Token != "")),
	} {
		fmt.Fprintf(sum, "%d ", len(part))
		sum.Write(part)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
