package managedcluster

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

func TestTheAPIServerRefusesInvalidSpecs(t *testing.T) {
	n := tenant.New(t, realAPI)
	reference := func(name string) *v1alpha1.KubeconfigReference {
		return &v1alpha1.KubeconfigReference{SecretReference: v1alpha1.SecretReference{Name: name}}
	}
	duration := func(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }
	for name, tc := range map[string]struct {
		spec v1alpha1.ManagedClusterSpec
		want string
	}{
		"a kubeconfig":               {spec: v1alpha1.ManagedClusterSpec{Kubeconfig: reference("k")}},
		"the cluster of the manager": {spec: v1alpha1.ManagedClusterSpec{InCluster: true}},
		"everything": {spec: v1alpha1.ManagedClusterSpec{
			Kubeconfig: &v1alpha1.KubeconfigReference{
				SecretReference: v1alpha1.SecretReference{Name: "k"}, Key: "kubeconfig.yaml", Context: "admin@prod", InsecureSkipTLSVerify: true,
			},
			UID: "11111111-2222-3333-4444-555555555555", Interval: duration(5 * time.Second), Timeout: duration(2 * time.Minute),
			InventoryInterval: duration(24 * time.Hour), ServiceAccountName: "reader", Suspend: true,
			ClusterProfile: &v1alpha1.LocalReference{Name: "profile"},
		}},
		"nothing":                  {v1alpha1.ManagedClusterSpec{}, "set exactly one of kubeconfig and inCluster"},
		"both":                     {v1alpha1.ManagedClusterSpec{Kubeconfig: reference("k"), InCluster: true}, "set exactly one of kubeconfig and inCluster"},
		"a path as Secret":         {v1alpha1.ManagedClusterSpec{Kubeconfig: reference("../x")}, "spec.kubeconfig.name"},
		"a Secret without a name":  {v1alpha1.ManagedClusterSpec{Kubeconfig: reference("")}, "spec.kubeconfig.name"},
		"a path as account":        {v1alpha1.ManagedClusterSpec{InCluster: true, ServiceAccountName: "a/b"}, "spec.serviceAccountName"},
		"a profile without a name": {v1alpha1.ManagedClusterSpec{InCluster: true, ClusterProfile: &v1alpha1.LocalReference{}}, "spec.clusterProfile.name"},
		"a uid with spaces":        {v1alpha1.ManagedClusterSpec{InCluster: true, UID: "a b"}, "spec.uid"},
		"an interval of a second":  {v1alpha1.ManagedClusterSpec{InCluster: true, Interval: duration(time.Second)}, "interval must be between 5s and 1h"},
		"a timeout of an hour":     {v1alpha1.ManagedClusterSpec{InCluster: true, Timeout: duration(time.Hour)}, "timeout must be between 1s and 2m"},
		"an inventory each second": {v1alpha1.ManagedClusterSpec{InCluster: true, InventoryInterval: duration(time.Second)}, "inventoryInterval must be between 1m and 24h"},
	} {
		t.Run(name, func(t *testing.T) {
			c := &v1alpha1.ManagedCluster{ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, GenerateName: "v-"}, Spec: tc.spec}
			n.Validates(t, c, tc.want)
		})
	}
}

func TestTablesFitTheScreen(t *testing.T) {
	w := newWorld(t)
	w.cluster(func(s *v1alpha1.ManagedClusterSpec) {
		s.Kubeconfig = nil
		s.InCluster = true
	})
	w.probe()
	long := w.get().DeepCopy()
	long.ObjectMeta = w.Meta("production-eu-central-1")
	long.Status = v1alpha1.ManagedClusterStatus{}
	w.Create(long)
	long.Status = w.get().Status
	count := int32(1500)
	long.Status.Version = "v1.36.11-eks-1a2b3c4"
	long.Status.Inventory = &v1alpha1.ClusterInventory{
		Time: metav1.Now(), Nodes: &v1alpha1.ClusterNodes{Total: count}, Pods: &v1alpha1.ClusterPods{Total: 45_000}, CPURequested: &count,
	}
	updateStatus(t, w.Tenant, long)
	lines := w.Table("managedclusters", false)
	for _, line := range lines {
		if columns := len([]rune(line)); columns > tenant.Screen {
			t.Errorf("%d columns, more than %d: %s", columns, tenant.Screen, line)
		}
	}
	all := strings.Join(lines, "\n")
	for _, part := range []string{"VERSION", "NODES", "PODS", "READY   STATUS", "45000   True    the API server answers"} {
		if !strings.Contains(all, part) {
			t.Errorf("%q is not in\n%s", part, all)
		}
	}
	if wide := strings.Join(w.Table("managedclusters", true), "\n"); !strings.Contains(wide, "CPU %   MEMORY %   LATENCY   SUPPORT") {
		t.Error(wide)
	}
}
