package resourcebundle

import (
	"context"
	"fmt"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"

	"kubeops.io/kubeops/api/v1alpha1"
)

// document is the manifest of a ConfigMap with further lines in its metadata.
func document(name, more string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + name + "\n" + more
}

func TestABrokenManifestKeepsNoOtherFromBeingApplied(t *testing.T) {
	w := newWorld(t)
	w.allowCRDs()
	w.brokenWebhook()
	broken := map[string]struct {
		manifest string
		state    v1alpha1.BundleObjectState
		want     string
	}{
		"duplicate keys":         {document("dup", "data: {a: x}\ndata: {b: y}\n"), v1alpha1.ObjectInvalid, `key "data" twice`},
		"anchors that expand":    {document("bomb", anchors()), v1alpha1.ObjectInvalid, "more than 10000 nodes"},
		"no YAML":                {"a: [\n", v1alpha1.ObjectInvalid, "not valid YAML"},
		"no object":              {"- a\n- b\n", v1alpha1.ObjectInvalid, "no object"},
		"no kind":                {"apiVersion: v1\nmetadata: {name: x}\n", v1alpha1.ObjectInvalid, "has no kind"},
		"no name":                {"apiVersion: v1\nkind: ConfigMap\n", v1alpha1.ObjectInvalid, "has no metadata.name"},
		"a path as name":         {document("a/../b", ""), v1alpha1.ObjectInvalid, "no name of an object"},
		"an invalid name":        {document("Upper_Case", ""), v1alpha1.ObjectInvalid, "metadata.name"},
		"generateName":           {"apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: x-}\n", v1alpha1.ObjectInvalid, "generateName"},
		"ownerReferences":        {document("owned", "  ownerReferences: [{apiVersion: v1, kind: Pod, name: p, uid: u}]\n"), v1alpha1.ObjectInvalid, "ownerReferences"},
		"an unknown field":       {document("unknown", "dta: {a: b}\n"), v1alpha1.ObjectInvalid, "dta"},
		"a wrong type":           {document("wrong", "data: [a]\n"), v1alpha1.ObjectInvalid, "data"},
		"an unknown kind":        {"apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: x}\n", v1alpha1.ObjectInvalid, "does not serve Widget.example.com"},
		"an unknown version":     {"apiVersion: v9\nkind: ConfigMap\nmetadata: {name: x}\n", v1alpha1.ObjectInvalid, "does not serve ConfigMap"},
		"more than a MiB":        {document("large", "data: {a: "+strings.Repeat("x", 1<<19)+"}\n"), "", ""},
		"a missing Namespace":    {document("lost", "  namespace: does-not-exist\n"), v1alpha1.ObjectFailed, "cannot"},
		"a namespaced Node":      {"apiVersion: v1\nkind: Node\nmetadata: {name: node-1, namespace: x}\n", v1alpha1.ObjectInvalid, "cluster-scoped"},
		"a port twice":           {service("twice", "[{name: a, port: 80}, {name: b, port: 80}]"), v1alpha1.ObjectInvalid, "ports"},
		"a webhook that is down": {"apiVersion: v1\nkind: Secret\nmetadata: {name: hooked}\nstringData: {a: s3cr3t-value}\n", v1alpha1.ObjectFailed, `webhook "secrets.example.com" failed`},
		"an immutable field":     {document("fixed", "data: {a: changed}\n"), v1alpha1.ObjectInvalid, "immutable"},
		"a value of a Secret":    {"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: s3cr3t-value!}\n", v1alpha1.ObjectInvalid, "not base64"},
		"one that is sent twice": {configMap("good", "2"), v1alpha1.ObjectInvalid, "twice"},
	}
	w.Create(&corev1.ConfigMap{ObjectMeta: w.Meta("fixed"), Immutable: ptr.To(true), Data: map[string]string{"b": "x"}})
	data := map[string]string{"0": configMap("good", "1")}
	for name, tc := range broken {
		data[strings.ReplaceAll(name, " ", "-")] = tc.manifest
	}
	w.Create(&corev1.ConfigMap{ObjectMeta: w.Meta("source"), Data: data})
	w.bundle("b", v1alpha1.ResourceBundleSpec{ManifestsFrom: []v1alpha1.ManifestSource{
		{ConfigMap: &v1alpha1.ConfigMapManifests{LocalReference: v1alpha1.LocalReference{Name: "source"}}},
	}})
	w.until("b", v1alpha1.ReasonInvalidManifest)
	if w.read(w.Client, "good") == nil || w.read(w.Client, "large") == nil {
		t.Error("a good object was not applied")
	}
	// A status has 20 objects: each is applied alone, too.
	for name, tc := range broken {
		if tc.state == "" {
			continue
		}
		key := strings.ReplaceAll(name, " ", "-")
		w.change("b", func(s *v1alpha1.ResourceBundleSpec) {
			s.ManifestsFrom[0].ConfigMap.Key = key
			s.Manifests = manifests(t, configMap("good", "1"))
		})
		b := w.reconcile("b")
		objects := b.Status.Clusters[0].Objects
		if len(objects) == 0 || objects[0].State != tc.state || !strings.Contains(objects[0].Message, tc.want) {
			t.Errorf("%s: want %s with %q, got\n%s", name, tc.state, tc.want, show(objects))
		}
		if strings.Contains(show(b.Status), "s3cr3t") {
			t.Errorf("%s: the status has a value of a Secret", name)
		}
	}
}

func service(name, ports string) string {
	return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name + "}\nspec: {ports: " + ports + "}\n"
}

// anchors are aliases that expand to more than 10,000 nodes.
func anchors() string {
	lines := "data:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 5; i++ {
		lines += fmt.Sprintf("  a%d: &a%[1]d [%s*a%d]\n", i, strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9), i-1)
	}
	return lines
}

// allowCRDs lets the ServiceAccount apply CustomResourceDefinitions.
func (w *world) allowCRDs() {
	w.t.Helper()
	w.allowCluster("apiextensions.k8s.io", "customresourcedefinitions")
	w.allowCluster("admissionregistration.k8s.io", "validatingwebhookconfigurations")
}

// brokenWebhook is called for Secrets of the namespace with the name hooked. No server answers.
func (w *world) brokenWebhook() {
	w.t.Helper()
	hook := webhook(w.Namespace)
	w.Create(hook)
	w.t.Cleanup(func() {
		if err := w.Client.Delete(context.Background(), hook); err != nil {
			w.t.Error(err)
		}
	})
}

func webhook(namespace string) *admissionregistrationv1.ValidatingWebhookConfiguration {
	return &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "hook-" + namespace},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "secrets.example.com", AdmissionReviewVersions: []string{"v1"},
			SideEffects:       ptr.To(admissionregistrationv1.SideEffectClassNone),
			ClientConfig:      admissionregistrationv1.WebhookClientConfig{URL: ptr.To("https://127.0.0.1:1/")},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": namespace}},
			MatchConditions:   []admissionregistrationv1.MatchCondition{{Name: "hooked", Expression: "object.metadata.name == 'hooked'"}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"secrets"}},
			}},
		}},
	}
}

// crd is a namespaced kind Gadget of a group that only this test has.
func crd(group string) string {
	return `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.` + group + `}
spec:
  group: ` + group + `
  scope: Namespaced
  names: {kind: Gadget, plural: gadgets, singular: gadget, listKind: GadgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}
`
}

func TestACustomResourceIsAppliedWithItsDefinitionAndSurvivesItsRemoval(t *testing.T) {
	w := newWorld(t)
	w.allowCRDs()
	group := w.Namespace + ".example.com"
	gadget := "apiVersion: " + group + "/v1\nkind: Gadget\nmetadata: {name: g}\nspec: {size: 3}\n"
	w.bundle("b", v1alpha1.ResourceBundleSpec{Manifests: manifests(t, gadget, configMap("one", "1"), crd(group))})
	b := w.until("b", v1alpha1.ReasonSucceeded)
	if b.Status.Clusters[0].Counts.Healthy != 3 {
		t.Error(show(b.Status))
	}
	definition := &unstructured.Unstructured{}
	definition.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
	definition.SetName("gadgets." + group)
	w.Delete(definition)
	b = w.until("b", v1alpha1.ReasonDrifted)
	if w.read(w.Client, "one") == nil || len(w.inventory("b")) != 3 {
		t.Error(show(b.Status))
	}
	w.change("b", func(s *v1alpha1.ResourceBundleSpec) { s.Drift = v1alpha1.DriftCorrect })
	b = w.until("b", v1alpha1.ReasonSucceeded)
	if b.Status.Clusters[0].Counts.Healthy != 3 {
		t.Error(show(b.Status))
	}
}

func TestABundleIsNoObjectOfItself(t *testing.T) {
	w := newWorld(t)
	itself := "apiVersion: kubeops.io/v1alpha1\nkind: ResourceBundle\nmetadata: {name: b}\nspec: {interval: 31m}\n"
	w.bundle("b", v1alpha1.ResourceBundleSpec{
		Manifests: manifests(t, itself, configMap("good", "1")), Conflicts: v1alpha1.ConflictForce,
	})
	w.until("b", v1alpha1.ReasonInvalidManifest)
	b := w.reconcile("b")
	if message := b.Status.Clusters[0].Message; !strings.Contains(message, "is this ResourceBundle itself") || b.Generation != 1 {
		t.Errorf("generation %d: %s", b.Generation, message)
	}
	if w.read(w.Client, "good") == nil {
		t.Error("the other object was not applied")
	}
	w.change("b", func(s *v1alpha1.ResourceBundleSpec) { s.Mode = v1alpha1.BundlePlan })
	if b = w.reconcile("b"); !strings.Contains(b.Status.Clusters[0].Message, "is this ResourceBundle itself") {
		t.Errorf("a plan: %s", show(b.Status.Clusters))
	}
}
