package managedcluster

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/clusters"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// populate a cluster with two nodes, one of them cordoned, and three Pods, one of them finished.
func populate(t *testing.T, target *tenant.Tenant) {
	t.Helper()
	for i, name := range []string{"a", "b"} {
		list := corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("4Gi"), corev1.ResourcePods: resource.MustParse("110"),
		}
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.NodeSpec{Unschedulable: i == 1}}
		target.Create(node)
		node.Status = corev1.NodeStatus{Capacity: list, Allocatable: list, Conditions: []corev1.NodeCondition{
			{Type: corev1.NodeReady, Status: []corev1.ConditionStatus{corev1.ConditionTrue, corev1.ConditionUnknown}[i]},
		}}
		updateStatus(t, target, node)
	}
	for name, phase := range map[string]corev1.PodPhase{"one": corev1.PodRunning, "two": corev1.PodPending, "done": corev1.PodSucceeded} {
		pod := &corev1.Pod{ObjectMeta: target.Meta(name), Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "c", Image: "c:1", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse("500m"), corev1.ResourceMemory: resource.MustParse("1Gi"),
			}},
		}}}}
		target.Create(pod)
		pod.Status.Phase = phase
		updateStatus(t, target, pod)
	}
}

func updateStatus(t *testing.T, target *tenant.Tenant, object client.Object) {
	t.Helper()
	if err := target.Client.Status().Update(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

func TestAConnectedClusterShowsWhatItConsistsOf(t *testing.T) {
	remote := testkit.NewCluster(t)
	target := tenant.New(t, remote.Config)
	target.Create(&corev1.ServiceAccount{ObjectMeta: target.Meta("default")})
	populate(t, target)
	w := newWorld(t)
	w.kubeconfig(testkit.Kubeconfig(t, remote.Config))
	w.cluster(nil)
	w.want(w.read(), [3]string{v1alpha1.ConditionInventoryReady, "Unknown", v1alpha1.ReasonNotConnected})
	c := w.probe()
	w.want(c, [3]string{v1alpha1.ConditionReady, "True", v1alpha1.ReasonSucceeded},
		[3]string{v1alpha1.ConditionReachable, "True", v1alpha1.ReasonSucceeded},
		[3]string{v1alpha1.ConditionIdentityChanged, "False", v1alpha1.ReasonSucceeded},
		[3]string{v1alpha1.ConditionCredentialsExpiring, "False", v1alpha1.ReasonNotExpiring})
	system := &corev1.Namespace{}
	if err := target.Client.Get(t.Context(), client.ObjectKey{Name: metav1.NamespaceSystem}, system); err != nil {
		t.Fatal(err)
	}
	s := c.Status
	if s.UID != string(system.UID) || !strings.HasPrefix(s.Version, "v1.") || s.Support != v1alpha1.ClusterSupported || s.Latency == nil ||
		s.Server == "" || s.Credentials == nil || s.Credentials.Type != clusters.CredentialCertificate || s.Credentials.ExpirationTime == nil {
		t.Errorf("status %+v", s)
	}
	c = w.read()
	w.want(c, [3]string{v1alpha1.ConditionInventoryReady, "True", v1alpha1.ReasonSucceeded},
		[3]string{v1alpha1.ConditionAuthorized, "True", v1alpha1.ReasonSucceeded})
	i := c.Status.Inventory
	got := fmt.Sprintf("%+v %+v cpu %s memory %s pods %d requests %s %s %d, %d %% and %d %%", *i.Nodes, *i.Pods,
		&i.Allocatable.CPU, &i.Allocatable.Memory, i.Capacity.Pods, &i.Requests.CPU, &i.Requests.Memory, i.Requests.Pods,
		*i.CPURequested, *i.MemoryRequested)
	want := "{Total:2 Ready:1 Unschedulable:1} {Total:3 Running:1 Pending:1} cpu 4 memory 8Gi pods 220 requests 1 2Gi 2, 25 % and 25 %"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	names := map[string]string{}
	for _, crd := range i.APIs.CRDs {
		names[crd.Name] = strings.Join(crd.Versions, ",")
	}
	if names["inspections.kubeops.io"] != "v1alpha1" || int(i.APIs.CustomResources) != len(names) || i.APIs.Groups < 15 || i.APIs.Kinds < 60 {
		t.Errorf("APIs %+v", i.APIs)
	}
	w.unchangedUntilDue(i)
}

// unchangedUntilDue checks that an inventory is read again when it is due or requested, and not before.
func (w *world) unchangedUntilDue(before *v1alpha1.ClusterInventory) {
	w.t.Helper()
	w.Clock.SetTime(w.Clock.Now().Add(9 * time.Minute))
	if again := w.read(); !again.Status.Inventory.Time.Equal(&before.Time) {
		w.t.Error("an inventory of nine minutes was read again")
	}
	c := w.get()
	c.Annotations = map[string]string{v1alpha1.AnnotationRequestedAt: "now"}
	w.Update(c)
	requested := w.read().Status.Inventory
	if requested.Time.Equal(&before.Time) || requested.Request != "now" {
		w.t.Error("a request does not read the inventory")
	}
	w.Clock.SetTime(w.Clock.Now().Add(11 * time.Minute))
	if due := w.read(); due.Status.Inventory.Time.Equal(&requested.Time) {
		w.t.Error("an inventory of eleven minutes was not read again")
	}
}

func TestMissingPermissionsInAClusterAreNamed(t *testing.T) {
	remote := testkit.NewCluster(t)
	w := newWorld(t)
	w.kubeconfig(testkit.Kubeconfig(t, accountOf(t, remote)))
	w.cluster(nil)
	c := w.probe()
	w.want(c, [3]string{v1alpha1.ConditionReady, "True", v1alpha1.ReasonSucceeded})
	if !strings.HasPrefix(c.Status.UID, "certificate:") || c.Status.Credentials.Type != clusters.CredentialToken {
		t.Errorf("status %+v", c.Status)
	}
	c = w.read()
	w.want(c, [3]string{v1alpha1.ConditionAuthorized, "False", v1alpha1.ReasonPermissionsMissing},
		[3]string{v1alpha1.ConditionInventoryReady, "False", v1alpha1.ReasonIncomplete})
	if m := message(c, v1alpha1.ConditionAuthorized); !strings.Contains(m, "more resources; bind them to ClusterRole kubeops-inspector") {
		t.Error(m)
	}
	if m := message(c, v1alpha1.ConditionInventoryReady); m != "not read: nodes (403 Forbidden), pods (403 Forbidden)" {
		t.Error(m)
	}
	if i := c.Status.Inventory; i.Nodes != nil || i.Pods != nil || i.APIs == nil || i.CPURequested != nil {
		t.Errorf("inventory %+v", i)
	}
}

func TestAKubeconfigThatCannotBeUsedIsRefusedUntilItIsRepaired(t *testing.T) {
	remote := testkit.NewCluster(t)
	good := testkit.Kubeconfig(t, remote.Config)
	w := newWorld(t)
	w.cluster(nil)
	w.want(w.probe(), [3]string{v1alpha1.ConditionReady, "False", v1alpha1.ReasonSecretNotFound},
		[3]string{v1alpha1.ConditionReachable, "Unknown", v1alpha1.ReasonSecretNotFound})
	const program = "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n" +
		"clusters: [{name: c, cluster: {server: 'https://a'}}]\nusers: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, " +
		"command: touch, args: [/tmp/kubeops-was-here], interactiveMode: Never}}}]\n"
	w.kubeconfig([]byte(program))
	c := w.probe()
	w.want(c, [3]string{v1alpha1.ConditionReady, "False", v1alpha1.ReasonInvalidKubeconfig},
		[3]string{v1alpha1.ConditionStalled, "True", v1alpha1.ReasonInvalidKubeconfig})
	if m := message(c, v1alpha1.ConditionStalled); !strings.Contains(m, "has exec, which is not allowed") {
		t.Error(m)
	}
	w.kubeconfig(good)
	w.want(w.probe(), [3]string{v1alpha1.ConditionReady, "True", v1alpha1.ReasonSucceeded})
	w.kubeconfig([]byte("{"))
	w.want(w.probe(), [3]string{v1alpha1.ConditionReady, "False", v1alpha1.ReasonInvalidKubeconfig})
	if state := w.env.Clusters.State(w.Key("c")); state != clusters.Invalid || w.env.Clusters.Count() != 0 {
		t.Errorf("state %s, %d connections", state, w.env.Clusters.Count())
	}
	w.kubeconfig(good)
	w.want(w.probe(), [3]string{v1alpha1.ConditionReady, "True", v1alpha1.ReasonSucceeded})
}

func TestAnotherClusterBehindTheSameNameIsLeftAlone(t *testing.T) {
	first, second := testkit.NewCluster(t), testkit.NewCluster(t)
	w := newWorld(t)
	w.kubeconfig(testkit.Kubeconfig(t, first.Config))
	w.cluster(nil)
	uid := w.probe().Status.UID
	w.kubeconfig(testkit.Kubeconfig(t, second.Config))
	c := w.probe()
	w.want(c, [3]string{v1alpha1.ConditionReady, "False", v1alpha1.ReasonIdentityChanged},
		[3]string{v1alpha1.ConditionIdentityChanged, "True", v1alpha1.ReasonIdentityChanged},
		[3]string{v1alpha1.ConditionReachable, "True", v1alpha1.ReasonSucceeded})
	if _, err := w.env.Clusters.Get(w.Key("c")); err == nil || c.Status.UID != uid {
		t.Errorf("the connection may be used (%v), or the identity was replaced by %s", err, c.Status.UID)
	}
	text := message(c, v1alpha1.ConditionIdentityChanged)
	other := text[strings.LastIndex(text, " ")+1:]
	w.change(func(s *v1alpha1.ManagedClusterSpec) { s.UID = other })
	c = w.probe()
	w.want(c, [3]string{v1alpha1.ConditionReady, "True", v1alpha1.ReasonSucceeded},
		[3]string{v1alpha1.ConditionIdentityChanged, "False", v1alpha1.ReasonSucceeded})
	if c.Status.UID != other || other == uid {
		t.Errorf("uid %s after accepting %s", c.Status.UID, other)
	}
}

func TestAFrozenClusterIsNoticedAndComesBack(t *testing.T) {
	frozen, healthy := testkit.NewCluster(t), testkit.NewCluster(t)
	w, other := newWorld(t), newWorld(t)
	w.kubeconfig(testkit.Kubeconfig(t, frozen.Config))
	other.kubeconfig(testkit.Kubeconfig(t, healthy.Config))
	w.cluster(func(s *v1alpha1.ManagedClusterSpec) { s.Timeout = &metav1.Duration{Duration: time.Second} })
	other.cluster(nil)
	w.want(w.probe(), [3]string{v1alpha1.ConditionReady, "True", v1alpha1.ReasonSucceeded})
	read := w.read().Status.Inventory
	frozen.Freeze()
	for n := 1; n <= 5; n++ {
		c := w.probe()
		w.want(c, [3]string{v1alpha1.ConditionReady, "False", v1alpha1.ReasonTimeout},
			[3]string{v1alpha1.ConditionReachable, "False", v1alpha1.ReasonTimeout})
		other.want(other.probe(), [3]string{v1alpha1.ConditionReady, "True", v1alpha1.ReasonSucceeded})
		if _, err := w.env.Clusters.Get(w.Key("c")); (err == nil) != (n < 5) {
			t.Errorf("after %d failures: %v", n, err)
		}
		if c.Status.UID == "" || c.Status.Version == "" || c.Status.Inventory == nil || !c.Status.Inventory.Time.Equal(&read.Time) {
			t.Errorf("what was known is gone: %+v", c.Status)
		}
	}
	w.want(w.read(), [3]string{v1alpha1.ConditionInventoryReady, "Unknown", v1alpha1.ReasonNotConnected})
	frozen.Thaw()
	w.want(w.probe(), [3]string{v1alpha1.ConditionReady, "True", v1alpha1.ReasonSucceeded})
	w.want(w.read(), [3]string{v1alpha1.ConditionInventoryReady, "True", v1alpha1.ReasonSucceeded})
}

func TestExpiredCredentialsAreRejectedAndRenewedOnesAccepted(t *testing.T) {
	remote := testkit.NewCluster(t)
	account := accountOf(t, remote)
	w := newWorld(t)
	w.kubeconfig(testkit.Kubeconfig(t, account))
	w.cluster(nil)
	w.want(w.probe(), [3]string{v1alpha1.ConditionReady, "True", v1alpha1.ReasonSucceeded},
		[3]string{v1alpha1.ConditionCredentialsExpiring, "False", v1alpha1.ReasonNotExpiring})
	valid := account.BearerToken
	account.BearerToken = valid[:len(valid)-4] + "AAAA" // another signature, as after the keys of the cluster were replaced
	w.kubeconfig(testkit.Kubeconfig(t, account))
	c := w.probe()
	w.want(c, [3]string{v1alpha1.ConditionReady, "False", v1alpha1.ReasonUnauthorized},
		[3]string{v1alpha1.ConditionReachable, "True", v1alpha1.ReasonSucceeded})
	if text := fmt.Sprintf("%+v %v", c.Status, w.Told()); strings.Contains(text, account.BearerToken) {
		t.Error("the token is in the status or an event")
	}
	account.BearerToken = valid
	w.kubeconfig(testkit.Kubeconfig(t, account))
	w.want(w.probe(), [3]string{v1alpha1.ConditionReady, "True", v1alpha1.ReasonSucceeded})
	w.Clock.SetTime(w.Clock.Now().Add(2 * time.Hour))
	w.Told() // of before
	w.want(w.probe(), [3]string{v1alpha1.ConditionCredentialsExpiring, "True", v1alpha1.ReasonExpiring})
	if told := strings.Join(w.Told(), "\n"); strings.Count(told, "Warning Expiring the credentials expired at ") != 1 {
		t.Errorf("events: %s", told)
	}
	w.probe()
	if told := w.Told(); len(told) != 0 {
		t.Errorf("events of a probe that found nothing new: %q", told)
	}
}

func TestTheClusterOfTheManagerIsReadAsTheServiceAccount(t *testing.T) {
	w := newWorld(t)
	w.cluster(func(s *v1alpha1.ManagedClusterSpec) {
		s.Kubeconfig = nil
		s.InCluster = true
	})
	c := w.probe()
	w.want(c, [3]string{v1alpha1.ConditionReady, "True", v1alpha1.ReasonSucceeded})
	if c.Status.Credentials.Type != clusters.CredentialServiceAccount {
		t.Errorf("status %+v", c.Status)
	}
	w.want(w.read(), [3]string{v1alpha1.ConditionAuthorized, "False", v1alpha1.ReasonPermissionsMissing})
	w.Create(&rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: w.Namespace},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.Namespace, Name: v1alpha1.DefaultServiceAccountName}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
	})
	w.Eventually(func() error {
		if m := message(w.read(), v1alpha1.ConditionAuthorized); !strings.Contains(m, "can list everything") {
			return fmt.Errorf("%s", m)
		}
		return nil
	})
	if c = w.probe(); strings.HasPrefix(c.Status.UID, "certificate:") || c.Status.UID == "" {
		t.Errorf("uid %s", c.Status.UID)
	}
}

func TestAServiceAccountThatTheManagerCannotActAsDoesNotBecomeReady(t *testing.T) {
	w := newWorld(t)
	w.Create(&corev1.ServiceAccount{ObjectMeta: w.Meta("manager")})
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: w.Namespace}, Rules: []rbacv1.PolicyRule{
		{NonResourceURLs: []string{"/version"}, Verbs: []string{"impersonate-on:serviceaccount:get"}},
	}}
	w.Create(role)
	w.Create(&rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: w.Namespace}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.Namespace, Name: "manager"}},
	})
	administrator := w.env.Accounts.Config
	w.env.Accounts.Config = testkit.AsServiceAccount(t, realAPI, w.Namespace, "manager")
	w.cluster(func(s *v1alpha1.ManagedClusterSpec) {
		s.Kubeconfig = nil
		s.InCluster = true
	})
	w.Eventually(func() error { // the authorizer of the API server watches roles
		if m := message(w.probe(), v1alpha1.ConditionReady); !strings.HasPrefix(m, "the manager cannot impersonate") {
			return errors.New(m)
		}
		return nil
	})
	c := w.get()
	w.want(c, [3]string{v1alpha1.ConditionReady, "False", v1alpha1.ReasonImpersonationForbidden},
		[3]string{v1alpha1.ConditionReachable, "True", v1alpha1.ReasonSucceeded})
	want := "the manager cannot impersonate ServiceAccount " + w.Namespace + "/" + v1alpha1.DefaultServiceAccountName + " (RBAC)"
	if m := message(c, v1alpha1.ConditionReady); !strings.HasPrefix(m, want) {
		t.Error(m)
	}
	if _, err := w.env.Clusters.Get(w.Key("c")); err == nil {
		t.Error("a connection that reads nothing may be used")
	}
	w.env.Accounts.Config = administrator
	w.env.Clusters.Drop(w.Key("c")) // as after a restart: a manager has one configuration
	w.want(w.probe(), [3]string{v1alpha1.ConditionReady, "True", v1alpha1.ReasonSucceeded})
}

func TestDeletingOrSuspendingAClusterEndsItsConnectionOnly(t *testing.T) {
	remote := testkit.NewCluster(t)
	w, other := newWorld(t), newWorld(t)
	for _, each := range []*world{w, other} {
		each.kubeconfig(testkit.Kubeconfig(t, remote.Config))
		each.cluster(nil)
		each.probe()
	}
	w.change(func(s *v1alpha1.ManagedClusterSpec) { s.Suspend = true })
	w.probe()
	if w.env.Clusters.State(w.Key("c")) != "" {
		t.Errorf("a suspended cluster is %s", w.env.Clusters.State(w.Key("c")))
	}
	w.change(func(s *v1alpha1.ManagedClusterSpec) { s.Suspend = false })
	w.probe()
	w.Delete(w.get())
	if _, err := w.r.Reconcile(t.Context(), ctrl.Request{NamespacedName: w.Key("c")}); err != nil {
		t.Fatal(err)
	}
	if w.env.Clusters.State(w.Key("c")) != "" || w.env.Clusters.Count() != 0 {
		t.Errorf("%d connections, state %s", w.env.Clusters.Count(), w.env.Clusters.State(w.Key("c")))
	}
	other.want(other.probe(), [3]string{v1alpha1.ConditionReady, "True", v1alpha1.ReasonSucceeded})
}
