package doctor

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"kubeops.io/kubeops/api/v1alpha1"
)

func kubeconfigOf(config *rest.Config) *clientcmdapi.Config {
	return &clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{"test": {Server: config.Host, CertificateAuthorityData: config.CAData}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{"test": {
			ClientCertificateData: config.CertData, ClientKeyData: config.KeyData, Token: config.BearerToken,
		}},
		Contexts:       map[string]*clientcmdapi.Context{"test": {Cluster: "test", AuthInfo: "test"}},
		CurrentContext: "test",
	}
}

func (w *world) deployment(namespace string) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: managerName}}
}

// setConfigMap names the ConfigMap that kustomize would generate.
func setConfigMap(object client.Object, name string) {
	for i := range object.(*appsv1.Deployment).Spec.Template.Spec.Volumes {
		if volume := &object.(*appsv1.Deployment).Spec.Template.Spec.Volumes[i]; volume.ConfigMap != nil {
			volume.ConfigMap.Name = name
		}
	}
}

// configure the manager of the installation with fields of its configuration.
func (w *world) configure(fields string) {
	w.t.Helper()
	found := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: "config"}}
	if err := w.client.Delete(w.t.Context(), found); client.IgnoreNotFound(err) != nil {
		w.t.Fatal(err)
	}
	w.create(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: "config"},
		Data:       map[string]string{"90-site.yaml": "apiVersion: config.kubeops.io/v1alpha1\nkind: ManagerConfig\n" + fields},
	})
}

// available is what the controller of Deployments would write.
func (w *world) available(namespace string) {
	w.t.Helper()
	deployment := w.deployment(namespace)
	if err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(deployment), deployment); err != nil {
		w.t.Fatal(err)
	}
	wanted := ptr.Deref(deployment.Spec.Replicas, 1)
	deployment.Status.Replicas = wanted
	deployment.Status.ReadyReplicas = wanted
	deployment.Status.AvailableReplicas = wanted
	if err := w.client.Status().Update(w.t.Context(), deployment); err != nil {
		w.t.Fatal(err)
	}
}

// lease is what a leader writes whose clock is ahead by skew. It is renewed before each examination.
func (w *world) lease(namespace string, skew time.Duration) {
	w.t.Helper()
	w.skews[namespace] = skew
	at := metav1.NewMicroTime(time.Now().Add(skew))
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.LeaderElectionLease}}
	_, err := controllerutil.CreateOrUpdate(w.t.Context(), w.client, lease, func() error {
		lease.Spec = coordinationv1.LeaseSpec{
			HolderIdentity: ptr.To("kubeops-manager-abc_1"), LeaseDurationSeconds: ptr.To[int32](15), AcquireTime: &at, RenewTime: &at,
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// release the Lease of a namespace, as a manager does when it stops.
func (w *world) release(namespace string) {
	w.t.Helper()
	delete(w.skews, namespace)
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.LeaderElectionLease}}
	if err := w.client.Delete(w.t.Context(), lease); err != nil {
		w.t.Fatal(err)
	}
}
