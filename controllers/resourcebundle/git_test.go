package resourcebundle

import (
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit/gitserver"
)

// gitWorld is a world with a Git repository, and a Secret with its password.
type gitWorld struct {
	*world
	server *gitserver.Server
}

func newGitWorld(t *testing.T) *gitWorld {
	t.Helper()
	w := &gitWorld{world: newWorld(t)}
	w.server = gitserver.New(t, map[string]string{
		"apps/one.yaml": configMap("one", "1"), "apps/more/two.yaml": configMap("two", "1") + "---\n" + configMap("three", "1"),
		"other/four.yaml": configMap("four", "1"),
	})
	w.Create(&corev1.Secret{ObjectMeta: w.Meta("git"), Data: map[string][]byte{
		"username": []byte(gitserver.User), "password": []byte(gitserver.Password),
	}})
	w.bundle("b", v1alpha1.ResourceBundleSpec{Prune: &v1alpha1.PrunePolicy{Enabled: true}, ManifestsFrom: []v1alpha1.ManifestSource{
		{Git: &v1alpha1.GitManifests{
			URL: w.server.URL, Path: "apps", Ref: &v1alpha1.GitRef{Branch: "main"}, SecretRef: &v1alpha1.SecretReference{Name: "git"},
			Interval: &metav1.Duration{Duration: 30 * time.Second},
		}},
	}})
	return w
}

// step moves the clock.
func (w *gitWorld) step(d time.Duration) { w.Clock.SetTime(w.Clock.Now().Add(d)) }

// tip of the branch.
func (w *gitWorld) tip() string {
	w.t.Helper()
	return strings.TrimSpace(w.server.Git("rev-parse", "main"))
}

// revisions in the status and in the inventory; they must be the same.
func (w *gitWorld) revision(b *v1alpha1.ResourceBundle) string {
	w.t.Helper()
	list := &v1alpha1.BundleInventoryList{}
	if err := w.Client.List(w.t.Context(), list, client.InNamespace(w.Namespace)); err != nil {
		w.t.Fatal(err)
	}
	if len(b.Status.Sources) != 1 || b.Status.Sources[0].Source != "manifestsFrom[0]" {
		w.t.Fatal(show(b.Status))
	}
	for _, inventory := range list.Items {
		if s := inventory.Sources; len(s) != 1 || s[0].Revision != b.Status.Sources[0].Revision || s[0].Path != "apps" {
			w.t.Errorf("the inventory is of %+v", inventory.Sources)
		}
	}
	return b.Status.Sources[0].Revision
}

func TestAFolderOfAGitRepositoryIsApplied(t *testing.T) {
	w := newGitWorld(t)
	b := w.until("b", v1alpha1.ReasonSucceeded)
	if w.revision(b) != w.tip() || b.Status.Objects != 3 || w.read(w.Client, "three") == nil || w.read(w.Client, "four") != nil {
		t.Error(show(b.Status))
	}
	first := w.read(w.Client, "one").ResourceVersion
	w.server.Push("main", "second", map[string]string{"apps/more/two.yaml": configMap("two", "2")})
	w.reconcile("b")
	if got := w.read(w.Client, "two").Data["key"]; got != "1" {
		t.Errorf("the repository was looked at before its interval was over: %s", got)
	}
	w.step(30 * time.Second)
	w.until("b", v1alpha1.ReasonSucceeded)
	b = w.reconcile("b") // what was being deleted is gone
	if w.revision(b) != w.tip() || w.read(w.Client, "two").Data["key"] != "2" || w.read(w.Client, "three") != nil {
		t.Errorf("the second commit was not applied: %s", show(b.Status))
	}
	if got := w.read(w.Client, "one").ResourceVersion; got != first {
		t.Error("an unchanged object was written again")
	}
	w.server.Push("main", "third", map[string]string{"apps/one.yaml": configMap("one", "3")})
	changed := w.get("b")
	changed.Annotations = map[string]string{v1alpha1.AnnotationRequestedAt: "now"}
	w.Update(changed)
	w.until("b", v1alpha1.ReasonSucceeded)
	if got := w.read(w.Client, "one").Data["key"]; got != "3" {
		t.Errorf("a request did not look at once: %s", got)
	}
}

func TestABadFileOfARepositoryDoesNotKeepTheOthersFromBeingApplied(t *testing.T) {
	w := newGitWorld(t)
	w.until("b", v1alpha1.ReasonSucceeded)
	w.server.Push("main", "second", map[string]string{
		"apps/bad.yaml": "a: {", "apps/kustomization.yaml": "resources: [one.yaml]\n", "apps/five.yaml": configMap("five", "1"), "apps/one.yaml": "",
	})
	w.step(30 * time.Second)
	b := w.until("b", v1alpha1.ReasonInvalidManifest)
	if w.read(w.Client, "five") == nil || w.read(w.Client, "one") == nil {
		t.Errorf("a good file was not applied, or something was pruned: %s", show(b.Status))
	}
	for _, part := range []string{"Git file apps/bad.yaml", "is a kustomization, which KubeOps does not build"} {
		if !strings.Contains(show(b.Status), part) {
			t.Errorf("%q is not in %s", part, show(b.Status))
		}
	}
}

// away checks that everything stays while the repository cannot be read.
func (w *gitWorld) away(revision string) {
	w.t.Helper()
	b := w.until("b", v1alpha1.ReasonSourceUnavailable)
	if got := w.revision(b); got != revision || len(w.inventory("b")) != 3 {
		w.t.Errorf("commit %s, %d entries", got, len(w.inventory("b")))
	}
	for _, name := range []string{"one", "two", "three"} {
		if w.read(w.Client, name) == nil {
			w.t.Errorf("%s was deleted", name)
		}
	}
	if !strings.Contains(b.Status.Sources[0].Message, "spec.manifestsFrom[0].git cannot be read") || strings.Contains(show(b), gitserver.Password) {
		w.t.Error(show(b.Status))
	}
}

func TestARepositoryThatIsAwayKeepsItsObjects(t *testing.T) {
	w := newGitWorld(t)
	first := w.revision(w.until("b", v1alpha1.ReasonSucceeded))
	w.server.Push("main", "second", map[string]string{"apps/more/two.yaml": ""})
	w.server.Before(func(*http.Request) int { return http.StatusServiceUnavailable })
	w.step(time.Hour)
	w.away(first)
	w.Delete(&corev1.ConfigMap{ObjectMeta: w.Meta("one")})
	w.change("b", func(s *v1alpha1.ResourceBundleSpec) { s.Drift = v1alpha1.DriftCorrect })
	w.away(first) // the drift is corrected with the last revision

	w.start() // a manager that starts knows no revision
	w.away(first)
	w.server.Before(nil)
	w.step(30 * time.Second)
	w.until("b", v1alpha1.ReasonSucceeded)
	b := w.reconcile("b")
	if w.read(w.Client, "two") != nil || w.revision(b) != w.tip() || b.Status.Sources[0].Message != "" {
		t.Errorf("it was not applied after the repository came back: %s", show(b.Status))
	}
}

func TestAnObjectThatMovesToTheFolderOfAnotherBundleIsNotDeleted(t *testing.T) {
	w := newGitWorld(t)
	w.until("b", v1alpha1.ReasonSucceeded)
	spec := w.get("b").Spec.DeepCopy()
	spec.ManifestsFrom[0].Git.Path = "other"
	w.bundle("second", *spec)
	w.until("second", v1alpha1.ReasonSucceeded)
	before := w.read(w.Client, "one").UID
	w.server.Push("main", "move", map[string]string{"apps/one.yaml": "", "other/one.yaml": configMap("one", "1")})
	w.step(30 * time.Second)
	b := w.reconcile("b") // before the other bundle has seen the commit
	if held := conditionMessage(b, v1alpha1.ConditionPruneHeld); !strings.Contains(held, "waits for ResourceBundle second, which has another commit") {
		t.Errorf("PruneHeld: %q", held)
	}
	w.until("second", v1alpha1.ReasonSucceeded)
	w.until("b", v1alpha1.ReasonSucceeded)
	if got := w.read(w.Client, "one"); got == nil || got.UID != before || len(w.inventory("b")) != 2 || len(w.inventory("second")) != 2 {
		t.Errorf("the object is %+v; the inventories have %d and %d entries", got, len(w.inventory("b")), len(w.inventory("second")))
	}
}

func TestCredentialsOfARepositoryAreReadAsTheServiceAccount(t *testing.T) {
	w := newGitWorld(t)
	w.until("b", v1alpha1.ReasonSucceeded)
	w.Create(&corev1.ServiceAccount{ObjectMeta: w.Meta("weak")})
	w.change("b", func(s *v1alpha1.ResourceBundleSpec) { s.ServiceAccountName = "weak" })
	b := w.until("b", v1alpha1.ReasonSourceUnavailable)
	if !strings.Contains(b.Status.Sources[0].Message, "cannot get Secret git") {
		t.Error(show(b.Status))
	}
	w.change("b", func(s *v1alpha1.ResourceBundleSpec) {
		s.ServiceAccountName = ""
		s.ManifestsFrom[0].Git.SecretRef.Name = "none"
	})
	b = w.until("b", v1alpha1.ReasonSourceUnavailable)
	if !strings.Contains(b.Status.Sources[0].Message, "Secret "+w.Namespace+"/none does not exist") {
		t.Error(show(b.Status))
	}
}

func TestGitSourcesThatTheAPIServerRefuses(t *testing.T) {
	w := newWorld(t)
	git := func(change func(*v1alpha1.GitManifests)) v1alpha1.ManifestSource {
		g := &v1alpha1.GitManifests{URL: "https://git.example.com/shop.git"}
		change(g)
		return v1alpha1.ManifestSource{Git: g}
	}
	both := git(func(*v1alpha1.GitManifests) {})
	both.ConfigMap = &v1alpha1.ConfigMapManifests{LocalReference: v1alpha1.LocalReference{Name: "x"}}
	for name, tc := range map[string]struct {
		from  v1alpha1.ManifestSource
		valid bool
	}{
		"https":                {git(func(*v1alpha1.GitManifests) {}), true},
		"ssh":                  {git(func(g *v1alpha1.GitManifests) { g.URL = "ssh://git@git.example.com/shop.git" }), true},
		"a folder":             {git(func(g *v1alpha1.GitManifests) { g.Path = "a/b" }), true},
		"a tag":                {git(func(g *v1alpha1.GitManifests) { g.Ref = &v1alpha1.GitRef{Tag: "v1.0"} }), true},
		"another protocol":     {git(func(g *v1alpha1.GitManifests) { g.URL = "git://git.example.com/shop.git" }), false},
		"a file":               {git(func(g *v1alpha1.GitManifests) { g.URL = "file:///etc" }), false},
		"an absolute folder":   {git(func(g *v1alpha1.GitManifests) { g.Path = "/a" }), false},
		"a short commit":       {git(func(g *v1alpha1.GitManifests) { g.Ref = &v1alpha1.GitRef{Commit: "abc123"} }), false},
		"an empty ref":         {git(func(g *v1alpha1.GitManifests) { g.Ref = &v1alpha1.GitRef{} }), false},
		"a branch and a tag":   {git(func(g *v1alpha1.GitManifests) { g.Ref = &v1alpha1.GitRef{Branch: "a", Tag: "b"} }), false},
		"a short interval":     {git(func(g *v1alpha1.GitManifests) { g.Interval = &metav1.Duration{Duration: 29 * time.Second} }), false},
		"git and a ConfigMap":  {both, false},
		"neither of the types": {v1alpha1.ManifestSource{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := &v1alpha1.ResourceBundle{ObjectMeta: w.Meta("valid"), Spec: v1alpha1.ResourceBundleSpec{ManifestsFrom: []v1alpha1.ManifestSource{tc.from}}}
			err := w.Client.Create(t.Context(), b, client.DryRunAll)
			if (err == nil) != tc.valid {
				t.Errorf("got %v", err)
			}
		})
	}
}
