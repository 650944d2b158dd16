package bundle

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/gitrepo"
)

// bounded checks that what a status quotes of invalid manifests is short.
func bounded(t *testing.T, d *Desired) {
	t.Helper()
	if len(d.Invalid) > maxDocuments || len(d.Objects) > MaxObjects {
		t.Errorf("%d invalid manifests and %d objects", len(d.Invalid), len(d.Objects))
	}
	for _, i := range d.Invalid {
		for _, value := range []string{i.Source, i.APIVersion, i.Kind, i.Namespace, i.Name} {
			if utf8.RuneCountInString(value) > maxName {
				t.Fatalf("%d characters are quoted: %.50q", utf8.RuneCountInString(value), value)
			}
		}
	}
}

func TestWhatATenantWritesIsBounded(t *testing.T) {
	long := strings.Repeat("x", 500_000)
	object := func(version, kind, namespace, name string) string {
		return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {namespace: %s, name: %s}\n", version, kind, namespace, name)
	}
	for name, tc := range map[string]struct{ text, message string }{
		"a long name":          {object("v1", "ConfigMap", "shop", long), "no name of an object"},
		"a long namespace":     {object("v1", "ConfigMap", long, "a"), "no name of a Namespace"},
		"a long kind":          {object("v1", long, "shop", "a"), "kind with more characters"},
		"a long apiVersion":    {object(long, "ConfigMap", "shop", "a"), "apiVersion with more characters"},
		"a path as apiVersion": {object(`"v1/../../x"`, "ConfigMap", "shop", "a"), "neither VERSION nor GROUP/VERSION"},
		"an empty group":       {object("/v1", "ConfigMap", "shop", "a"), "neither VERSION nor GROUP/VERSION"},
		"an empty version":     {object("apps/", "Deployment", "shop", "a"), "neither VERSION nor GROUP/VERSION"},
		"a path as kind":       {object("v1", `"../ConfigMap"`, "shop", "a"), "no name of a kind"},
		"many documents":       {strings.Repeat("a\n---\n", 1_000_000), "more than 4000 documents"},
		"many items":           {"kind: List\napiVersion: v1\nitems: [" + strings.Repeat("1,", 9_000) + "1]\n", "is no object"},
		"many nodes":           {"a: [" + strings.Repeat("1,", 20_000) + "1]\n", "more than 10000 nodes"},
		"much text":            {strings.Repeat("# comment\n", 900_000), "exceeds 8 MiB"},
		"aliases of aliases": {"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n" +
			"d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n", "more than 10000 nodes"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &Desired{}
			d.AddYAML("ConfigMap app, key "+name, tc.text)
			bounded(t, d)
			if len(d.Objects) > 0 || len(d.Invalid) == 0 || !strings.Contains(d.Invalid[0].Message, tc.message) {
				t.Errorf("%d objects, invalid %.300v", len(d.Objects), d.Invalid)
			}
		})
	}
	d := &Desired{}
	d.AddJSON("spec.manifests[0]", []byte(`{"apiVersion":"v1","kind":"List","items":[`+strings.Repeat("1,", 100_000)+`1]}`))
	d.AddGit([]gitrepo.File{{Path: strings.Repeat("d/", 1_000) + "a.yaml", Content: []byte("x")}})
	bounded(t, d)
}

func TestFieldsOfAStatusAreShort(t *testing.T) {
	r := Result{Changed: []Change{{Path: ".data." + strings.Repeat("k", 100_000)}, {Path: ".data.\x1b[31m"}}}
	for i := range 20 {
		r.Fields = append(r.Fields, Field{Path: fmt.Sprintf(".data.%d", i)})
	}
	paths := r.FieldsOf()
	if len(paths) != 10 {
		t.Errorf("%d fields", len(paths))
	}
	r.Fields = nil
	for _, path := range r.FieldsOf() {
		if len(path) > 300 || strings.ContainsRune(path, '\x1b') {
			t.Errorf("%.400q", path)
		}
	}
}

func FuzzAddYAML(f *testing.F) {
	for _, seed := range []string{
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: v}\n", "---\n# comment\n---\n", "a: &a [*a]\n", "a: 1\na: 2\n",
		"apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Secret, metadata: {name: s}}]\n", "\xef\xbb\xbf{\"kind\": \"x\"}", "<<: *x\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		d := &Desired{}
		d.AddYAML("source", content)
		bounded(t, d)
		for _, o := range d.Objects {
			if o.Content.GetKind() == "" || !isPathSegment(o.Content.GetName()) {
				t.Errorf("an object without a kind or name: %v", o.Content.Object)
			}
			if _, err := json.Marshal(o.Content.Object); err != nil {
				t.Errorf("cannot be encoded: %v", err)
			}
		}
	})
}
