package skew

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/comparison"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// lines runs one check, and prints each finding as cluster, object, discriminator and message.
func lines(t *testing.T, id string, clusters ...*comparison.Cluster) []string {
	t.Helper()
	all := Checks()
	i := slices.IndexFunc(all, func(c check.Check) bool { return c.ID == id })
	if i < 0 {
		t.Fatalf("there is no check %s", id)
	}
	var found []string
	for _, f := range all[i].Compare(&comparison.Clusters{List: clusters}) {
		found = append(found, strings.TrimSpace(fmt.Sprintf("%s|%s|%s|%s", f.Cluster, f.Object, f.Discriminator, f.Message)))
		if len(f.Evidence) == 0 {
			t.Errorf("%s has no evidence", f.Object)
		}
	}
	return found
}

type skewCase struct {
	clusters []*comparison.Cluster
	want     []string
}

func runCases(t *testing.T, id string, cases map[string]skewCase) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, lines(t, id, tc.clusters...)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func at(name, version string) *comparison.Cluster {
	return &comparison.Cluster{Name: name, Version: version, DefinitionsRead: true}
}

func TestVersionSkew(t *testing.T) {
	runCases(t, "cluster-version-skew", map[string]skewCase{
		"three minor versions behind": {
			[]*comparison.Cluster{at("a", "v1.34.1"), at("b", "v1.37.2"), at("c", "v1.35.0")},
			[]string{"a|Cluster/a||Cluster a runs Kubernetes 1.34, 3 minor versions behind cluster b (1.37): Kubernetes maintains three."},
		},
		"two minor versions, as during upgrades": {[]*comparison.Cluster{at("a", "v1.35.9"), at("b", "v1.37.2")}, nil},
		"vendor suffix":                          {[]*comparison.Cluster{at("a", "v1.36.3-eks-1234"), at("b", "v1.37.2+k3s1")}, nil},
		"unknown version":                        {[]*comparison.Cluster{at("a", ""), at("b", "v1.37.2"), at("c", "dev")}, nil},
	})
}

// defined adds a CustomResourceDefinition with versions as name=hash.
func defined(c *comparison.Cluster, name string, versions ...string) *comparison.Cluster {
	definition := comparison.Definition{Name: name}
	for _, v := range versions {
		version, hash, _ := strings.Cut(v, "=")
		definition.Served = append(definition.Served, comparison.ServedVersion{Name: version, Schema: hash})
	}
	c.Definitions = append(c.Definitions, definition)
	return c
}

func unread(c *comparison.Cluster) *comparison.Cluster {
	c.DefinitionsRead = false
	return c
}

func TestSchemaSkew(t *testing.T) {
	const crd = "certificates.cert-manager.io"
	runCases(t, "crd-schema-skew", map[string]skewCase{
		"another schema in one": {
			[]*comparison.Cluster{defined(at("a", ""), crd, "v1=x"), defined(at("b", ""), crd, "v1=y"), defined(at("c", ""), crd, "v1=x")},
			[]string{"|CustomResourceDefinition/" + crd + "|v1|Version v1 of CustomResourceDefinition " + crd +
				" has different schemas in clusters a, c, b."},
		},
		"equal":               {[]*comparison.Cluster{defined(at("a", ""), crd, "v1=x"), defined(at("b", ""), crd, "v1=x")}, nil},
		"different versions":  {[]*comparison.Cluster{defined(at("a", ""), crd, "v1=x"), defined(at("b", ""), crd, "v2=y")}, nil},
		"defined in one only": {[]*comparison.Cluster{defined(at("a", ""), crd, "v1=x"), at("b", "")}, nil},
		"unknown schema":      {[]*comparison.Cluster{defined(at("a", ""), crd, "v1=x"), defined(at("b", ""), crd, "v1")}, nil},
		"not completely read": {[]*comparison.Cluster{defined(at("a", ""), crd, "v1=x"), unread(defined(at("b", ""), crd, "v1=y"))}, nil},
	})
}

func TestFieldsThatDifferAreEvidence(t *testing.T) {
	clusters := &comparison.Clusters{
		List:   []*comparison.Cluster{defined(at("a", ""), "w.example.com", "v1=x"), defined(at("b", ""), "w.example.com", "v1=y")},
		Fields: map[comparison.SchemaVersion][]string{{Definition: "w.example.com", Version: "v1"}: {".spec.size"}},
	}
	evidence := schemaSkew(clusters)[0].Evidence
	if got := evidence[len(evidence)-1].Text; got != "1 field differs between schemas 1 and 2: .spec.size" {
		t.Error(got)
	}
}

func TestServedSkew(t *testing.T) {
	const crd = "w.example.com"
	runCases(t, "crd-version-skew", map[string]skewCase{
		"served in one only": {
			[]*comparison.Cluster{defined(at("a", ""), crd, "v1", "v2"), defined(at("b", ""), crd, "v1"), defined(at("c", ""), crd, "v1")},
			[]string{"|CustomResourceDefinition/w.example.com|v2|Version v2 of CustomResourceDefinition w.example.com is served in cluster a, " +
				"not in clusters b, c."},
		},
		"equal":                   {[]*comparison.Cluster{defined(at("a", ""), crd, "v1"), defined(at("b", ""), crd, "v1")}, nil},
		"not defined in another":  {[]*comparison.Cluster{defined(at("a", ""), crd, "v1"), at("b", "")}, nil},
		"another not read at all": {[]*comparison.Cluster{defined(at("a", ""), crd, "v1", "v2"), unread(defined(at("b", ""), crd, "v1"))}, nil},
	})
}

func workload(state comparison.State, images, template string) comparison.Workload {
	w := comparison.Workload{
		Ref: facts.Ref{Kind: facts.Deployment, Namespace: "shop", Name: "cart"}, State: state, Images: images, Template: template,
	}
	if state == comparison.Broken {
		w.Problem = "Deployment cart has no available Pods."
	}
	return w
}

func running(name string, workloads ...comparison.Workload) *comparison.Cluster {
	return &comparison.Cluster{Name: name, Workloads: workloads}
}

func TestBrokenInOne(t *testing.T) {
	healthy := workload(comparison.Healthy, "app=cart:1", "t1")
	broken := workload(comparison.Broken, "app=cart:1", "t2")
	runCases(t, "workload-broken-in-one-cluster", map[string]skewCase{
		"broken in one of three": {
			[]*comparison.Cluster{running("a", healthy), running("b", broken), running("c", healthy)},
			[]string{"b|Deployment/shop/cart||Deployment cart is broken in cluster b only: with the same images it is healthy in clusters a, c."},
		},
		"broken in two":             {[]*comparison.Cluster{running("a", healthy), running("b", broken), running("c", broken)}, nil},
		"healthy with other images": {[]*comparison.Cluster{running("a", workload(comparison.Healthy, "app=cart:2", "t1")), running("b", broken)}, nil},
		"missing elsewhere":         {[]*comparison.Cluster{running("a"), running("b", broken)}, nil},
		"unknown elsewhere":         {[]*comparison.Cluster{running("a", workload(comparison.Unknown, "app=cart:1", "t1")), running("b", broken)}, nil},
		"healthy in all":            {[]*comparison.Cluster{running("a", healthy), running("b", healthy)}, nil},
	})
}

func TestAnEqualPodTemplateIsEvidence(t *testing.T) {
	for template, want := range map[string]bool{"t1": true, "t2": false} {
		c := &comparison.Clusters{List: []*comparison.Cluster{
			running("a", workload(comparison.Healthy, "app=cart:1", "t1")), running("b", workload(comparison.Broken, "app=cart:1", template)),
		}}
		f := brokenInOne(c)[0]
		if got := strings.Contains(string(f.Remediation), "ConfigMaps"); got != want {
			t.Errorf("%s: %s", template, f.Remediation)
		}
	}
}

func pulled(name, architecture, image string, digests ...string) *comparison.Cluster {
	return &comparison.Cluster{Name: name, Architectures: []string{architecture}, Images: []comparison.Image{{
		Name: image, Digests: digests, Workload: facts.Ref{Kind: facts.Deployment, Namespace: "shop", Name: "cart"}, Workloads: 1,
	}}}
}

func TestDigestSkew(t *testing.T) {
	runCases(t, "image-digest-skew", map[string]skewCase{
		"a moved tag": {
			[]*comparison.Cluster{pulled("a", "amd64", "cart:1", "sha256:1"), pulled("b", "amd64", "cart:1", "sha256:2")},
			[]string{"|Deployment/shop/cart|cart:1|Image cart:1 runs with different digests in clusters a and b."},
		},
		"equal":              {[]*comparison.Cluster{pulled("a", "amd64", "cart:1", "sha256:1"), pulled("b", "amd64", "cart:1", "sha256:1")}, nil},
		"other architecture": {[]*comparison.Cluster{pulled("a", "amd64", "cart:1", "sha256:1"), pulled("b", "arm64", "cart:1", "sha256:2")}, nil},
		"other tag":          {[]*comparison.Cluster{pulled("a", "amd64", "cart:1", "sha256:1"), pulled("b", "amd64", "cart:2", "sha256:2")}, nil},
		"one in common": {
			[]*comparison.Cluster{pulled("a", "amd64", "cart:1", "sha256:1", "sha256:2"), pulled("b", "amd64", "cart:1", "sha256:2")}, nil,
		},
	})
}

func TestCommandsQuoteNames(t *testing.T) {
	c := &comparison.Clusters{List: []*comparison.Cluster{
		defined(at("a;b", ""), "x'$(y)", "v1=x"), defined(at("--c", ""), "x'$(y)", "v1=y"),
	}}
	text := string(schemaSkew(c)[0].Remediation)
	if strings.Contains(text, "get crd x'$(y)") || strings.Contains(text, "--context a;b ") {
		t.Error(text)
	}
}
