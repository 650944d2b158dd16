package bundle

import (
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestAnotherCommitOfTheSameBranchIsBehind(t *testing.T) {
	const url = "https://git.example.com/shop.git"
	spec := func(url, branch string) *v1alpha1.ResourceBundleSpec {
		git := &v1alpha1.GitManifests{URL: url, Path: "apps"}
		if branch != "" {
			git.Ref = &v1alpha1.GitRef{Branch: branch}
		}
		return &v1alpha1.ResourceBundleSpec{ManifestsFrom: []v1alpha1.ManifestSource{
			{ConfigMap: &v1alpha1.ConfigMapManifests{}}, {Git: git},
		}}
	}
	at := func(revision string) []v1alpha1.InventorySource {
		return []v1alpha1.InventorySource{{URL: url, Path: "apps", Revision: revision}}
	}
	// more adds the folder more of another branch or of the same one, at another commit.
	more := func(branch string) *v1alpha1.ResourceBundleSpec {
		both := spec(url, "main")
		git := &v1alpha1.GitManifests{URL: url, Path: "more", Ref: &v1alpha1.GitRef{Branch: branch}}
		both.ManifestsFrom = append(both.ManifestsFrom, v1alpha1.ManifestSource{Git: git})
		return both
	}
	and := func(revision, another string) []v1alpha1.InventorySource {
		return append(at(revision), v1alpha1.InventorySource{URL: url, Path: "more", Revision: another})
	}
	for _, tc := range []struct {
		name        string
		own, theirs []v1alpha1.InventorySource
		other       *v1alpha1.ResourceBundleSpec
		want        bool
	}{
		{"the same commit", at("1"), at("1"), spec(url, "main"), false},
		{"another commit", at("2"), at("1"), spec(url, "main"), true},
		{"another branch", at("2"), at("1"), spec(url, "next"), false},
		{"the default branch", at("2"), at("1"), spec(url, ""), false},
		{"another repository", at("2"), at("1"), spec("https://git.example.com/other.git", "main"), false},
		{"no Git repository", at("2"), nil, &v1alpha1.ResourceBundleSpec{}, false},
		{"a commit that is not known yet", at("2"), nil, spec(url, "main"), false},
		{"another commit of one of two folders", at("2"), and("1", "2"), more("main"), true},
		{"another commit, and the same of another branch", at("2"), and("1", "2"), more("next"), true},
		{"the same commit, and another of another branch", at("2"), and("2", "1"), more("next"), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := isBehind(tc.own, tc.theirs, spec(url, "main"), tc.other); got != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestFoldersWithDifferentCommitsOfABranchAreApart(t *testing.T) {
	from := func(branch, path string) v1alpha1.ManifestSource {
		return v1alpha1.ManifestSource{Git: &v1alpha1.GitManifests{URL: "u", Path: path, Ref: &v1alpha1.GitRef{Branch: branch}}}
	}
	at := func(path, revision string) v1alpha1.InventorySource {
		return v1alpha1.InventorySource{URL: "u", Path: path, Revision: revision}
	}
	for _, tc := range []struct {
		name    string
		from    []v1alpha1.ManifestSource
		sources []v1alpha1.InventorySource
		want    bool
	}{
		{"no Git source", []v1alpha1.ManifestSource{{}}, nil, false},
		{"one folder", []v1alpha1.ManifestSource{from("main", "a")}, []v1alpha1.InventorySource{at("a", "1")}, false},
		{"the same commit", []v1alpha1.ManifestSource{from("main", "a"), from("main", "b")},
			[]v1alpha1.InventorySource{at("a", "1"), at("b", "1")}, false},
		{"different commits", []v1alpha1.ManifestSource{from("main", "a"), from("main", "b")},
			[]v1alpha1.InventorySource{at("a", "1"), at("b", "2")}, true},
		{"different branches", []v1alpha1.ManifestSource{from("main", "a"), from("next", "b")},
			[]v1alpha1.InventorySource{at("a", "1"), at("b", "2")}, false},
	} {
		if got := Apart(tc.sources, &v1alpha1.ResourceBundleSpec{ManifestsFrom: tc.from}); got != tc.want {
			t.Errorf("%s: got %v", tc.name, got)
		}
	}
}
