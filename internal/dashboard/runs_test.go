package dashboard

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestStagesAreRankedByWhatTheyWaitFor(t *testing.T) {
	stage := func(name string, after ...string) v1alpha1.StageStatus {
		return v1alpha1.StageStatus{Name: name, After: after}
	}
	for name, tc := range map[string]struct {
		stages []v1alpha1.StageStatus
		ranks  []int
	}{
		"none":                      {nil, nil},
		"one after the other":       {[]v1alpha1.StageStatus{stage("c", "b"), stage("b", "a"), stage("a")}, []int{2, 1, 0}},
		"at the same time":          {[]v1alpha1.StageStatus{stage("a"), stage("b", "a"), stage("c", "a"), stage("d", "b", "c")}, []int{0, 1, 1, 2}},
		"the longest path":          {[]v1alpha1.StageStatus{stage("a"), stage("b", "a"), stage("c", "a", "b")}, []int{0, 1, 2}},
		"a stage that is not there": {[]v1alpha1.StageStatus{stage("a", "gone")}, []int{0}},
		"finally is last":           {[]v1alpha1.StageStatus{{Name: "f", Finally: true}, stage("a"), stage("b", "a")}, []int{2, 0, 1}},
	} {
		if got := ranksOf(tc.stages); !slices.Equal(got, tc.ranks) {
			t.Errorf("%s: %v, want %v", name, got, tc.ranks)
		}
	}
	for _, rank := range ranksOf([]v1alpha1.StageStatus{stage("a", "b"), stage("b", "a"), stage("c", "c")}) {
		if rank > 2 {
			t.Errorf("a loop of three stages has rank %d", rank)
		}
	}
}

func TestOnlyAddressesOfPagesAreLinks(t *testing.T) {
	for address, want := range map[string]string{
		"https://jenkins.shop/job/41/": "https://jenkins.shop/job/41/", "http://jenkins/": "http://jenkins/", "": "", "javascript:alert(1)": "",
		"JavaScript://jenkins/%0aalert(1)": "", "data:text/html,x": "", "//jenkins/job": "", "/job/41": "", "https://user:secret@jenkins/": "",
		"https://": "", "https://jenkins/\x00": "",
	} {
		if got := linkOf(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}

func TestARunShowsItsStagesWithoutSecrets(t *testing.T) {
	w := newWorld(t)
	got := w.get(t, "ada", "/api/v1/namespaces/shop/runs/cart-release-41")
	var run RunDetail
	if err := json.Unmarshal([]byte(got.body), &run); err != nil {
		t.Fatalf("%v: %s", err, got.body)
	}
	var names []string
	for _, stage := range run.Stages {
		names = append(names, stage.Name+" "+stage.Outcome)
	}
	want := []string{"build succeeded", "scan succeeded", "unit succeeded", "approve succeeded", "deploy failed", "report succeeded"}
	if !slices.Equal(names, want) || run.Phase != "Failed" || run.RequestedBy != "ada" {
		t.Errorf("run %+v", run)
	}
	if strings.Contains(got.body, "hunter2") || strings.Contains(got.body, "javascript:") {
		t.Errorf("the run shows a secret or a script: %s", got.body)
	}
	if build := run.Stages[0]; build.Link == "" || build.Outputs[0].Value != "registry.shop/cart@sha256:9f3c" || build.Attempt != 2 {
		t.Errorf("stage build: %+v", build)
	}
	if deploy := run.Stages[4]; len(deploy.Diagnosis) != 2 || deploy.Rank != 3 || run.Stages[5].Rank != 4 {
		t.Errorf("stage deploy: %+v", deploy)
	}
}

func TestABundleShowsWhatDiffers(t *testing.T) {
	w := newWorld(t)
	got := w.get(t, "ada", "/api/v1/namespaces/shop/bundles/cart-base")
	var bundle BundleDetail
	if err := json.Unmarshal([]byte(got.body), &bundle); err != nil {
		t.Fatalf("%v: %s", err, got.body)
	}
	if bundle.Conflicts != 1 || bundle.Drifted != 1 || len(bundle.Clusters) != 1 || len(bundle.Clusters[0].Objects) != 2 || bundle.OnConflict != "Fail" {
		t.Errorf("bundle %+v", bundle)
	}
	if len(bundle.Differences) != 2 || bundle.Differences[0].Field != ".spec.replicas" || bundle.Differences[1].Type != "Drift" {
		t.Errorf("differences %+v", bundle.Differences)
	}
}
