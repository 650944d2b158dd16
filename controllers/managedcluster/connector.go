package managedcluster

import (
	"context"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/internal/clusters"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/problem"
)

// reread is how long a kubeconfig may be used without reading its Secret again, although a watch says that it has not changed.
const reread = 10 * time.Minute

// connector opens connections. It keeps what it read from Secrets while a watch guarantees that they have not changed: otherwise a probe
// every ten seconds would be two requests for them, too.
type connector struct {
	*environment.Environment
	references *kind.References[*v1alpha1.ManagedCluster]

	mutex    sync.Mutex
	accesses map[client.ObjectKey]cached
}

// cached is the access of a kubeconfig and what it depends on.
type cached struct {
	access     clusters.Access
	generation int64
	// referents are the states of the Secret and the ServiceAccount; nil where one of them is not watched.
	referents []string
	read      time.Time
}

func newConnector(e *environment.Environment) *connector {
	return &connector{Environment: e, accesses: map[client.ObjectKey]cached{}}
}

// open the connection of a ManagedCluster, or take the present one.
func (c *connector) open(ctx context.Context, mc *v1alpha1.ManagedCluster) (*session, error) {
	key := client.ObjectKeyFromObject(mc)
	if mc.Spec.InCluster {
		return c.openLocal(ctx, mc)
	}
	access, err := c.access(ctx, mc)
	if err != nil {
		return nil, c.unusable(key, err)
	}
	connection, err := c.Clusters.Open(key, access)
	if err != nil {
		return nil, c.unusable(key, err)
	}
	s := &session{Connection: connection, validity: access.Validity()}
	mc.Status.Credentials = credentials(access, s.validity)
	return s, nil
}

func (c *connector) openLocal(ctx context.Context, mc *v1alpha1.ManagedCluster) (*session, error) {
	key := client.ObjectKeyFromObject(mc)
	config, err := c.Accounts.Existing(ctx, mc.Namespace, mc.Spec.ServiceAccountName, "reads the cluster", "bind it to ClusterRole "+
		"kubeops-inspector")
	if err != nil {
		return nil, c.unusable(key, err)
	}
	connection, err := c.Clusters.OpenLocal(key, mc.Probing().ServiceAccountName, config)
	if err != nil {
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, err, "the cluster of the manager cannot be connected; see the manager's log")
	}
	mc.Status.Credentials = &v1alpha1.ClusterCredentials{Type: clusters.CredentialServiceAccount}
	return &session{Connection: connection}, nil
}

// unusable closes the connection where only a change of the Secret, the ServiceAccount or the spec can help. A Secret that cannot be read
// at the moment changes nothing for the cluster.
func (c *connector) unusable(key client.ObjectKey, err error) error {
	if p := problem.As(err); p != nil && p.Action != problem.Retry {
		c.forget(key)
		c.Clusters.Invalid(key, p)
	}
	return err
}

// access reads the kubeconfig, or returns what was read before if that is still current.
func (c *connector) access(ctx context.Context, mc *v1alpha1.ManagedCluster) (clusters.Access, error) {
	key := client.ObjectKeyFromObject(mc)
	// Before the read: a change during it is read again.
	referents := c.references.States(key)
	if known, ok := c.known(mc, referents); ok {
		return known, nil
	}
	access, err := clusters.ReadAccess(ctx, c.Backends.Secrets.For(mc.Namespace, mc.Spec.ServiceAccountName), mc)
	if err != nil {
		return clusters.Access{}, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.accesses[key] = cached{access: access, generation: mc.Generation, referents: referents, read: c.Clock.Now()}
	return access, nil
}

// known returns the access that was read before, if it is current and the cluster accepts it: what failed is read again.
func (c *connector) known(mc *v1alpha1.ManagedCluster, referents []string) (clusters.Access, bool) {
	key := client.ObjectKeyFromObject(mc)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	k, ok := c.accesses[key]
	current := ok && referents != nil && k.generation == mc.Generation && slices.Equal(k.referents, referents) &&
		c.Clock.Since(k.read) < reread
	return k.access, current && c.Clusters.State(key) == clusters.Connected
}

func (c *connector) forget(key client.ObjectKey) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	delete(c.accesses, key)
}

// drop what belongs to a cluster that is gone or suspended.
func (c *connector) drop(key client.ObjectKey) {
	c.forget(key)
	c.Clusters.Drop(key)
}

func credentials(access clusters.Access, validity clusters.Validity) *v1alpha1.ClusterCredentials {
	shown := &v1alpha1.ClusterCredentials{Type: clusters.CredentialToken}
	if access.Token == "" {
		shown.Type = clusters.CredentialCertificate
	}
	if !validity.Until.IsZero() {
		until := metav1.NewTime(validity.Until.Truncate(time.Second))
		shown.ExpirationTime = &until
	}
	return shown
}
