package inspection

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
)

// servicesMust is a custom check of Services.
func servicesMust(expression string) v1alpha1.CustomCheck {
	return v1alpha1.CustomCheck{
		ID: "services-must", Resource: v1alpha1.CustomResource{Resource: "services"}, Expression: expression,
		Message: "It must not be like this.", Severity: v1alpha1.SeverityLow, Remediation: "Change it.", Link: "https://example.org/rules",
	}
}

func TestACustomCheckThatIsWrongIsStalledUntilItIsMended(t *testing.T) {
	for name, schedule := range map[string]string{"without a schedule": "", "with one, before its first run": "0 0 1 1 *"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Reader(false)
			w.LostService("lost")
			w.Inspection(
				v1alpha1.InspectionSpec{
					Schedule:     schedule,
					CustomChecks: []v1alpha1.CustomCheck{servicesMust("size(objct.spec.ports) == 0")},
				},
			)
			_, err := w.Reconcile(w.reconciler())
			if !errors.Is(err, reconcile.TerminalError(nil)) {
				t.Errorf("got %v, want a terminal error", err)
			}
			testsuite.WantReady(t, w.Get(), metav1.ConditionFalse, v1alpha1.ReasonInvalidCustomCheck,
				`custom check "services-must": expression, line 1, column 6: undeclared reference to 'objct'`)
			if !meta.IsStatusConditionTrue(w.Get().Status.Conditions, v1alpha1.ConditionStalled) || len(w.Reports()) != 0 {
				t.Errorf("want Stalled and no report: %+v", w.Get().Status.Conditions)
			}
			w.Change(func(i *v1alpha1.Inspection) {
				i.Spec.Schedule = ""
				i.Spec.CustomChecks = []v1alpha1.CustomCheck{servicesMust("size(object.spec.ports) == 0")}
			})
			w.Settle(w.reconciler())
			testsuite.WantReady(t, w.Get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "1 problem, 1 recommendation")
		})
	}
}

func TestCustomChecksFindAndAreSelectedIgnoredAndGaps(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	if err := w.Client.Patch(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.Namespace}},
		client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"env":"production"}}}`))); err != nil {
		t.Fatal(err)
	}
	w.Create(
		&rbacv1.Role{
			ObjectMeta: w.Meta("own-namespace"),
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"get"}}},
		},
	)
	w.Create(&rbacv1.RoleBinding{
		ObjectMeta: w.Meta("own-namespace"), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "own-namespace"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.Namespace, Name: v1alpha1.DefaultServiceAccountName}},
	})
	w.Create(
		&corev1.ConfigMap{
			ObjectMeta: w.Meta("settings"),
			Data:       map[string]string{"url": "postgres://app:" + "hunter2hunter2" + "@db/app"},
		},
	)
	w.LostService("lost")
	settings := v1alpha1.CustomCheck{
		ID: "settings", Resource: v1alpha1.CustomResource{Version: "v1", Resource: "configmaps"}, Match: "object.metadata.name == 'settings'",
		Expression: "'url' in object.data && false", MessageExpression: "'It says ' + string(object.data.url)", Category: v1alpha1.CategorySecurity,
	}
	leases := v1alpha1.CustomCheck{ // which the role of inspections does not cover
		ID: "leases", Resource: v1alpha1.CustomResource{Group: "coordination.k8s.io", Resource: "leases"}, Expression: "true", Message: "m",
	}
	labels := servicesMust("facts.namespaceLabels.env != 'production'")
	labels.ID = "labels"
	w.Inspection(v1alpha1.InspectionSpec{
		CustomChecks: []v1alpha1.CustomCheck{servicesMust("object.spec.missing == 1"), settings, leases, labels},
		Checks:       &v1alpha1.CheckSelection{Include: []string{"custom-*", "service-*"}},
		Ignore:       []v1alpha1.IgnoreRule{{Check: "custom-labels", Name: "nothing", Reason: "known"}},
	})
	w.Settle(w.reconciler())
	var findings, gaps []string
	report := w.Reports()[0]
	for _, f := range report.Findings {
		findings = append(
			findings,
			strings.Join(
				[]string{
					string(f.Severity),
					string(f.Category),
					f.Check,
					f.Object.APIVersion,
					f.Object.Kind,
					f.Object.Name,
					f.Message,
					f.CausedBy,
				},
				" ",
			),
		)
	}
	for _, g := range report.Gaps {
		gaps = append(gaps, string(g.Reason)+" "+strings.Join(g.Checks, ",")+": "+strings.ReplaceAll(g.Message, w.Namespace, "NS"))
	}
	text := strings.Join(findings, "\n")
	for _, want := range []string{
		"low configuration custom-labels v1 Service lost It must not be like this.",
		"medium security custom-settings v1 ConfigMap settings It says postgres://app:[redacted",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "hunter2") {
		t.Errorf("a secret is in the report: %s", text)
	}
	wantGaps := []string{
		"CheckFailed custom-services-must: The custom check services-must failed on 1 object, first on Service/NS/lost: no such key: missing.",
		"Forbidden custom-leases: system:serviceaccount:NS:kubeops cannot list leases.coordination.k8s.io in namespace NS (RBAC).",
	}
	if diff := cmp.Diff(wantGaps, gaps); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
	w.Change(func(i *v1alpha1.Inspection) {
		i.Spec.Checks.Exclude = []string{"custom-leases", "custom-services-must", "custom-settings"}
		i.Spec.Ignore = []v1alpha1.IgnoreRule{{Check: "custom-l*", Reason: "known"}}
	})
	w.Settle(w.reconciler())
	if s := w.Get().Status; s.Problems.Total+s.Recommendations.Total != 1 || s.Gaps != 0 {
		t.Errorf("status %+v", s)
	}
	w.Change(func(i *v1alpha1.Inspection) { i.Spec.Checks.Exclude = []string{"custom-lease"} })
	_, _ = w.Reconcile(w.reconciler())
	testsuite.WantReady(t, w.Get(), metav1.ConditionFalse, v1alpha1.ReasonUnknownCheck,
		"unknown check custom-lease (did you mean custom-leases?)")
}

func TestTheAPIServerRefusesCustomChecksThatCannotBeMeant(t *testing.T) {
	w := newWorld(t)
	for name, tc := range map[string]struct {
		change func(*v1alpha1.CustomCheck)
		want   string
	}{
		"a good one":             {func(*v1alpha1.CustomCheck) {}, ""},
		"of another group":       {func(c *v1alpha1.CustomCheck) { c.Resource.Group, c.Resource.Resource = "example.org", "secrets" }, ""},
		"Secrets":                {func(c *v1alpha1.CustomCheck) { c.Resource.Resource = "secrets" }, "cannot read Secrets"},
		"no message":             {func(c *v1alpha1.CustomCheck) { c.Message = "" }, "message and messageExpression"},
		"a made message":         {func(c *v1alpha1.CustomCheck) { c.Message, c.MessageExpression = "", "'a'" }, ""},
		"an id in capitals":      {func(c *v1alpha1.CustomCheck) { c.ID = "Mine" }, "customChecks[0].id"},
		"an id too long":         {func(c *v1alpha1.CustomCheck) { c.ID = strings.Repeat("a", 54) }, "customChecks[0].id"},
		"a subresource":          {func(c *v1alpha1.CustomCheck) { c.Resource.Resource = "pods/log" }, "resource.resource"},
		"a link without https":   {func(c *v1alpha1.CustomCheck) { c.Link = "http://example.org" }, "customChecks[0].link"},
		"a severity of its own":  {func(c *v1alpha1.CustomCheck) { c.Severity = "bad" }, "severity"},
		"an endless expression":  {func(c *v1alpha1.CustomCheck) { c.Expression = strings.Repeat("a", 4097) }, "expression"},
		"a category of its own ": {func(c *v1alpha1.CustomCheck) { c.Category = "taste" }, "category"},
	} {
		t.Run(name, func(t *testing.T) {
			check := servicesMust("true")
			tc.change(&check)
			i := &v1alpha1.Inspection{
				ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, GenerateName: "v-"},
				Spec:       v1alpha1.InspectionSpec{CustomChecks: []v1alpha1.CustomCheck{check}},
			}
			w.Validates(t, i, tc.want)
		})
	}
	twice := &v1alpha1.Inspection{
		ObjectMeta: w.Meta("twice"),
		Spec:       v1alpha1.InspectionSpec{CustomChecks: []v1alpha1.CustomCheck{servicesMust("true"), servicesMust("true")}},
	}
	w.Validates(t, twice, "Duplicate")
}
