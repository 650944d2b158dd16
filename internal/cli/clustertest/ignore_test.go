package clustertest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestIgnoreRulesAreAddedToTheInspection(t *testing.T) {
	startController(t)
	const check = "service-selector-matches-nothing"

	t.Run("a rule is written for a finding by its id, and the next run ignores it", func(t *testing.T) {
		s := inspected(t, v1alpha1.InspectionSpec{})
		finding := s.Newest().Findings[0]
		s.wants(2, []string{"--reason is required"}, "ignore", finding.ID)
		s.wants(0, []string{"added an ignore rule", check}, "ignore", finding.ID[:6], "--reason", "moves soon", "--expires", "30d")
		rules := s.Get().Spec.Ignore
		if len(rules) != 1 || rules[0].Check != finding.Check || rules[0].Namespace != s.Namespace || rules[0].Name != "lost" ||
			rules[0].Reason != "moves soon" || rules[0].Expires == nil || time.Until(rules[0].Expires.Time) < 29*24*time.Hour {
			t.Fatalf("rules %+v", rules)
		}
		s.eventually(func() bool { return s.Newest().Summary.Ignored == 1 })
		// The latest report has no such finding any more.
		s.wants(2, []string{"no finding"}, "ignore", finding.ID, "--reason", "again")
	})

	t.Run("a rule with the same target is replaced, and the same rule is not written twice", func(t *testing.T) {
		s := inspected(t, v1alpha1.InspectionSpec{Suspend: false})
		s.wants(0, nil, "suspend", "i") // the report stays
		for _, named := range [][]string{
			{check + "/" + s.Namespace + "/lost"}, {check, "Service " + s.Namespace + "/lost"},
			{"Service " + s.Namespace + "/lost     " + check}, {check + "/lost"}, {"service/lost", check},
		} {
			s.wants(0, []string{"ignore rule"}, append([]string{"ignore", "--reason", "one"}, named...)...)
		}
		s.wants(0, []string{"has this ignore rule already"}, "ignore", check+"/lost", "--reason", "one")
		s.wants(0, []string{"replaced the ignore rule"}, "ignore", check+"/lost", "--reason", "two")
		if rules := s.Get().Spec.Ignore; len(rules) != 1 || rules[0].Reason != "two" {
			t.Errorf("rules %+v", rules)
		}
	})

	t.Run("--dry-run prints the rule and changes nothing", func(t *testing.T) {
		s := inspected(t, v1alpha1.InspectionSpec{})
		out := s.wants(0, nil, "ignore", check+"/lost", "--reason", "a: b", "--expires", "2099-12-31", "--dry-run")
		var rules []v1alpha1.IgnoreRule
		if err := yaml.UnmarshalStrict([]byte(out), &rules); err != nil || len(rules) != 1 || rules[0].Reason != "a: b" ||
			rules[0].Expires.UTC().Format(time.RFC3339) != "2100-01-01T00:00:00Z" {
			t.Errorf("%v, rules %+v in\n%s", err, rules, out)
		}
		if len(s.Get().Spec.Ignore) != 0 {
			t.Error("the rule was written")
		}
	})

	t.Run("a misspelt finding is suggested, and a finding of several Inspections needs --inspection", func(t *testing.T) {
		s := inspected(t, v1alpha1.InspectionSpec{})
		s.wants(2, []string{"no finding", "did you mean"}, "ignore", check+"/lots", "--reason", "x")
		s.Create(&v1alpha1.Inspection{ObjectMeta: s.Meta("other"), Spec: s.Get().Spec})
		s.eventually(func() bool {
			other := &v1alpha1.Inspection{}
			return s.Client.Get(t.Context(), s.Key("other"), other) == nil && other.Status.LastReport != ""
		})
		s.wants(2, []string{"several Inspections", "--inspection"}, "ignore", check+"/lost", "--reason", "x")
		s.wants(0, []string{"/other: added"}, "ignore", check+"/lost", "--reason", "x", "--inspection", "insp/other")
	})

	t.Run("the owner of the manifest is named", func(t *testing.T) {
		s := inspected(t, v1alpha1.InspectionSpec{})
		s.applyAs("argocd-controller")
		s.wants(0, []string{"is managed by Argo CD: add the rule to spec.ignore in its source"},
			"ignore", check+"/lost", "--reason", "x", "--dry-run")
	})

	t.Run("rules that are written at the same time are all kept", func(t *testing.T) {
		s := newShop(t)
		const rules = 4
		for n := range rules {
			s.LostService(fmt.Sprintf("lost-%d", n))
		}
		s.Inspection(v1alpha1.InspectionSpec{})
		s.eventually(func() bool { return s.Get().Status.LastReport != "" })
		s.wants(0, nil, "suspend", "i")
		var all sync.WaitGroup
		failures := make(chan string, rules)
		for n := range rules {
			all.Go(func() {
				code, out, errOut := s.runContext(t.Context(), "ignore", fmt.Sprintf("%s/lost-%d", check, n), "--reason", "x")
				if code != 0 {
					failures <- out + errOut
				}
			})
		}
		all.Wait()
		close(failures)
		for failure := range failures {
			t.Error(failure)
		}
		if got := len(s.Get().Spec.Ignore); got != rules {
			t.Errorf("%d rules, want %d", got, rules)
		}
	})
}

// applyAs makes a tool the owner of a label of the Inspection.
func (s *shop) applyAs(manager string) {
	s.t.Helper()
	i := &v1alpha1.Inspection{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion().String(), Kind: "Inspection"}}
	patch := fmt.Sprintf(`{"apiVersion":%q,"kind":"Inspection","metadata":{"name":"i","labels":{"a":"b"}}}`, i.APIVersion)
	i.ObjectMeta = s.Meta("i")
	if err := s.Client.Patch(s.t.Context(), i, client.RawPatch("application/apply-patch+yaml", []byte(patch)), client.FieldOwner(manager),
		client.ForceOwnership); err != nil {
		s.t.Fatal(strings.TrimSpace(err.Error()))
	}
}
