// Package tenant is one namespace of a real API server, as tests of controllers need it: objects, Secrets and who may read them,
// a clock that stands still until it is moved, events, and the tables that kubectl prints.
package tenant

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Screen is how wide `kubectl get` may be.
const Screen = 120

// Tenant is one namespace.
type Tenant struct {
	t testing.TB
	// Config is a cluster administrator's.
	Config    *rest.Config
	Client    client.WithWatch
	Namespace string
	Clock     *clocktesting.FakePassiveClock
	Events    *events.FakeRecorder
}

// Scheme has the types of Kubernetes and of this project.
func Scheme(t testing.TB) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return scheme
}

// New makes a namespace of its own on an API server.
func New(t testing.TB, config *rest.Config) *Tenant {
	t.Helper()
	c, err := client.NewWithWatch(config, client.Options{Scheme: Scheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "t-"}}
	if err := c.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	// The API server's clock sets creation times; the tests' clock is ahead of it, so that nothing is from the future.
	return &Tenant{
		t: t, Config: config, Client: c, Namespace: namespace.Name,
		Clock: clocktesting.NewFakePassiveClock(time.Now().Add(time.Minute).Truncate(time.Second)), Events: events.NewFakeRecorder(1000),
	}
}

// Meta of an object of the namespace.
func (n *Tenant) Meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: n.Namespace, Name: name}
}

// Key of an object of the namespace.
func (n *Tenant) Key(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: n.Namespace, Name: name}
}

// Create makes an object.
func (n *Tenant) Create(object client.Object) {
	n.t.Helper()
	if err := n.Client.Create(n.t.Context(), object); err != nil {
		n.t.Fatal(err)
	}
}

// Validates checks, without creating it, whether the API server accepts an object, or refuses it with a message that contains want.
func (n *Tenant) Validates(t testing.TB, object client.Object, want string) {
	t.Helper()
	err := n.Client.Create(t.Context(), object, client.DryRunAll)
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("got %v, want a refusal with %q", err, want)
	}
}

// Update writes an object.
func (n *Tenant) Update(object client.Object) {
	n.t.Helper()
	if err := n.Client.Update(n.t.Context(), object); err != nil {
		n.t.Fatal(err)
	}
}

// Delete an object.
func (n *Tenant) Delete(object client.Object) {
	n.t.Helper()
	if err := n.Client.Delete(n.t.Context(), object); err != nil {
		n.t.Fatal(err)
	}
}

// Account makes the ServiceAccount kubeops.
func (n *Tenant) Account() {
	n.t.Helper()
	n.Create(&corev1.ServiceAccount{ObjectMeta: n.Meta(v1alpha1.DefaultServiceAccountName)})
}

// Grant lets the ServiceAccount kubeops get one Secret, and no more, as the message of SecretForbidden says.
func (n *Tenant) Grant(secret string) {
	n.t.Helper()
	name := v1alpha1.DefaultServiceAccountName + "-reads-" + secret
	n.Create(&rbacv1.Role{ObjectMeta: n.Meta(name), Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{secret}, Verbs: []string{"get", "watch"}},
	}})
	n.Create(&rbacv1.RoleBinding{
		ObjectMeta: n.Meta(name), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: n.Namespace, Name: v1alpha1.DefaultServiceAccountName}},
	})
}

// Secret makes or replaces a Secret of keys and values, one after the other.
func (n *Tenant) Secret(name string, keysAndValues ...string) {
	n.t.Helper()
	secret := &corev1.Secret{ObjectMeta: n.Meta(name), Data: map[string][]byte{}}
	for i := 0; i < len(keysAndValues); i += 2 {
		secret.Data[keysAndValues[i]] = []byte(keysAndValues[i+1])
	}
	if err := client.IgnoreNotFound(n.Client.Delete(n.t.Context(), secret.DeepCopy())); err != nil {
		n.t.Fatal(err)
	}
	n.Create(secret)
}

// Eventually waits until something holds, such as permissions that were just granted. The last error fails the test.
func (n *Tenant) Eventually(holds func() error) {
	n.t.Helper()
	n.Within(30*time.Second, holds)
}

// Within is Eventually for what takes longer, or must not.
func (n *Tenant) Within(limit time.Duration, holds func() error) {
	n.t.Helper()
	deadline := time.After(limit)
	for err := holds(); err != nil; err = holds() {
		select {
		case <-deadline:
			n.t.Fatal(err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Told takes the events that were recorded since the last call.
func (n *Tenant) Told() (list []string) {
	for {
		select {
		case e := <-n.Events.Events:
			list = append(list, e)
		default:
			return list
		}
	}
}

// Table is what the API server prints of this namespace's objects of a kind, as kubectl does: columns apart by three spaces.
// Wide has the columns of `-o wide`, too.
func (n *Tenant) Table(resource string, wide bool) []string {
	n.t.Helper()
	clientset, err := kubernetes.NewForConfig(n.Config)
	if err != nil {
		n.t.Fatal(err)
	}
	answer, err := clientset.RESTClient().Get().
		AbsPath("/apis", v1alpha1.Group, v1alpha1.GroupVersion().Version, "namespaces", n.Namespace, resource).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	got := &metav1.Table{}
	if err := json.Unmarshal(answer, got); err != nil {
		n.t.Fatal(err)
	}
	rows := make([][]string, len(got.Rows)+1)
	for c, column := range got.ColumnDefinitions {
		if column.Priority > 0 && !wide {
			continue
		}
		rows[0] = append(rows[0], strings.ToUpper(column.Name))
		for r, row := range got.Rows {
			rows[r+1] = append(rows[r+1], fmt.Sprint(row.Cells[c]))
		}
	}
	return align(rows)
}

func align(rows [][]string) []string {
	lines := make([]string, len(rows))
	for c := range rows[0] {
		width := 0
		for _, row := range rows {
			width = max(width, len([]rune(row[c])))
		}
		for r, row := range rows {
			lines[r] += row[c] + strings.Repeat(" ", width-len([]rune(row[c]))+3)
		}
	}
	for r := range lines {
		lines[r] = strings.TrimRight(lines[r], " ")
	}
	return lines
}
