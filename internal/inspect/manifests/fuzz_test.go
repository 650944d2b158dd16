package manifests_test

import (
	"fmt"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/manifests"
)

func FuzzManifests(f *testing.F) {
	for _, seed := range []string{
		deployment, configMap, "", "---\n---", "\xef\xbb\xbf{}", "a: &a [*a]", "a: &a {<<: *a}\nkind: x\napiVersion: v1", "{{ x }}", "? [a]\n: b",
		"apiVersion: v1\nkind: List\nitems: [null, 1, {kind: List, items: [{}]}]", "apiVersion: a/b/c\nkind: x\nmetadata: {name: 1}",
		"apiVersion: v1\nkind: Pod\nmetadata: {labels: {\"\": \"\"}, name: p}\nspec: {containers: [{resources: {limits: {cpu: 9e99, " +
			"memory: -1Ei}}}]}",
		"apiVersion: v1\nkind: Service\nmetadata: []\nspec: {ports: [{targetPort: 99999999999999999999}]}",
		"apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: i}\nspec: {backend: {serviceName: [], servicePort: {}}, rules: 1}",
		"apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: h}\nspec: {maxReplicas: 1e40}",
		"apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: h}\nspec: {minAvailable: 1.5, selector: {matchExpressions: [{}]}}",
		"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: !!binary x, b: ~, c: .nan}", "!!int x: 1\n", "%YAML 9\n---\n",
		"x: !<tag:x> [\x00]",
		"apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: c}\nspec: {secretName: {a: 1}}", strings.Repeat("[", 300),
		strings.Repeat("- ", 200),
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, text []byte, complete bool) {
		o := options()
		o.Stdin = strings.NewReader(string(text))
		o.Complete = complete
		m, err := manifests.Read(t.Context(), []string{"-"}, o)
		if err != nil {
			return
		}
		if flaws := len(m.Graph.ManifestErrors); flaws > 32*(m.Objects+len(text)) || len(m.Gaps) > 2 {
			t.Errorf("%d errors and %d gaps in %d objects", flaws, len(m.Gaps), m.Objects)
		}
		for _, flaw := range m.Graph.ManifestErrors {
			if len(flaw.Text) > 4096 || len(flaw.Places) == 0 {
				t.Errorf("an error has %d bytes and %d positions", len(flaw.Text), len(flaw.Places))
			}
		}
	})
}

func BenchmarkRead1000Documents(b *testing.B) {
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, "---\n%s", strings.ReplaceAll(deployment, "web", fmt.Sprintf("web-%d", i)))
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		o := options()
		o.Stdin = strings.NewReader(text.String())
		m, err := manifests.Read(b.Context(), []string{"-"}, o)
		if err != nil || m.Objects != 1000 || len(m.Graph.ManifestErrors) > 0 {
			b.Fatal(err, m.Objects, m.Graph.ManifestErrors)
		}
	}
}
