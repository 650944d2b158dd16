package walls

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit"
)

// workOfAllKinds applies all samples, and lets the manager run, retain and delete what it creates.
func (c *cluster) workOfAllKinds() {
	c.t.Helper()
	d := newDeliveryIn(c, 2, func(*v1alpha1.Pipeline) {})
	d.alone = false
	d.keepTime()
	for _, component := range []string{"pipelines", "exports"} {
		c.install(filepath.Join("..", "..", "config", "components", component))
	}
	c.newBundleTenant()
	manifests, _ := version(0)
	c.create(&v1alpha1.ResourceBundle{ObjectMeta: metav1.ObjectMeta{Namespace: bundled, Name: "b"}, Spec: v1alpha1.ResourceBundleSpec{
		Manifests: manifests, Prune: &v1alpha1.PrunePolicy{Enabled: true},
	}})
	c.samples()
	m := c.startManager()
	d.start(0)
	c.eventually("all runs end", 5*time.Minute, func(context.Context) error {
		if !d.allEnded() {
			return errors.New("there are runs in progress")
		}
		return nil
	})
	c.retain()
	c.settled("MetricsBackend", "LogBackend", "AIProvider", "NotificationChannel", "ManagedCluster", "CIProvider", "CDProvider", "Inspection",
		"ResourceBundle", "Pipeline")
	manifests, _ = version(1)
	c.changeBundle(manifests)
	c.settled("ResourceBundle")
	c.deleteBundle()
	c.deleteCollectors()
	m.stop()
}

// samples of config/samples, in namespaces of their own. Secrets of samples are created as they are.
func (c *cluster) samples() {
	c.t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "config", "samples", "kubeops_*.yaml"))
	if err != nil || len(files) == 0 {
		c.t.Fatalf("no samples: %v", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, object := range testkit.Manifests(c.t, file, content) {
			if err := c.client.Create(c.t.Context(), object); err != nil && !apierrors.IsAlreadyExists(err) {
				c.t.Fatalf("%s: %s %s: %v", file, object.GetKind(), object.GetName(), err)
			}
		}
	}
}

// retain lets the manager delete reports and runs beyond those that it keeps.
func (c *cluster) retain() {
	c.t.Helper()
	c.newTenant(served)
	in := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: served, Name: name} }
	key := client.ObjectKey{Namespace: served, Name: "pruned"}
	c.create(&v1alpha1.Inspection{ObjectMeta: in("pruned"), Spec: v1alpha1.InspectionSpec{Namespaces: []string{served}, KeepReports: 1}})
	for n := range 2 {
		c.request(key, fmt.Sprint(n))
		c.handled(key, fmt.Sprint(n), 3*time.Minute)
	}
	c.create(&v1alpha1.Pipeline{ObjectMeta: in("quick"), Spec: v1alpha1.PipelineSpec{KeepRuns: 1, Stages: []v1alpha1.PipelineStage{{
		Name: "pause", Type: v1alpha1.StageWait, Wait: &v1alpha1.WaitStage{Duration: &metav1.Duration{Duration: time.Second}},
	}}}})
	for n := range 3 {
		c.create(&v1alpha1.PipelineRun{ObjectMeta: in(fmt.Sprint("quick-", n)), Spec: v1alpha1.PipelineRunSpec{
			PipelineRef: v1alpha1.LocalReference{Name: "quick"},
		}})
	}
	c.eventually("one run is kept", time.Minute, func(ctx context.Context) error {
		runs := &v1alpha1.PipelineRunList{}
		if err := c.client.List(ctx, runs, client.InNamespace(served)); err != nil {
			return err
		}
		if len(runs.Items) != 1 {
			return fmt.Errorf("there are %d", len(runs.Items))
		}
		return nil
	})
}

// deleteBundle waits until the manager has deleted what the bundle applied.
func (c *cluster) deleteBundle() {
	c.t.Helper()
	bundle := &v1alpha1.ResourceBundle{ObjectMeta: metav1.ObjectMeta{Namespace: bundled, Name: "b"}}
	if err := c.client.Delete(c.t.Context(), bundle); err != nil {
		c.t.Fatal(err)
	}
	c.eventually("the bundle and its objects are gone", time.Minute, func(ctx context.Context) error {
		if err := c.client.Get(ctx, client.ObjectKeyFromObject(bundle), bundle); !apierrors.IsNotFound(err) {
			return fmt.Errorf("the bundle is there: %w", err)
		}
		left := &corev1.ConfigMapList{}
		if err := c.client.List(ctx, left, client.InNamespace(bundled)); err != nil {
			return err
		}
		if slices.ContainsFunc(left.Items, func(m corev1.ConfigMap) bool { return m.Data["version"] != "" }) {
			return errors.New("there are objects of the bundle")
		}
		return nil
	})
}

// deleteCollectors waits until the manager has deleted the collectors of all LogBackends.
func (c *cluster) deleteCollectors() {
	c.t.Helper()
	collectors := func(ctx context.Context) (count int, err error) {
		for _, list := range []client.ObjectList{
			&appsv1.DaemonSetList{}, &corev1.ConfigMapList{}, &corev1.SecretList{}, &corev1.ServiceAccountList{}, &networkingv1.NetworkPolicyList{},
		} {
			if err := c.client.List(ctx, list, client.InNamespace("kubeops-logging")); err != nil {
				return 0, err
			}
			count += meta.LenList(list)
		}
		return count, nil
	}
	if count, err := collectors(c.t.Context()); err != nil || count == 0 {
		c.t.Fatalf("%d objects of collectors: %v", count, err)
	}
	backends := &v1alpha1.LogBackendList{}
	if err := c.client.List(c.t.Context(), backends); err != nil {
		c.t.Fatal(err)
	}
	for i := range backends.Items {
		if err := c.client.Delete(c.t.Context(), &backends.Items[i]); err != nil {
			c.t.Fatal(err)
		}
	}
	c.eventually("the collectors are gone", 2*time.Minute, func(ctx context.Context) error {
		count, err := collectors(ctx)
		if err == nil && count > 0 {
			err = fmt.Errorf("there are %d objects", count)
		}
		return err
	})
}

func newList(kind string) *unstructured.UnstructuredList {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind(kind + "List"))
	return list
}
