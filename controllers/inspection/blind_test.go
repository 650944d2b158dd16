package inspection

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/impersonate"
)

// blindness is a way not to see what an Inspection is to inspect.
type blindness struct {
	// arrange makes accounts and permissions, and returns the spec. Default: the shipped role in the namespace that is inspected.
	arrange func(w *world) v1alpha1.InspectionSpec
	// later is what happens after a first run that was complete.
	later func(w *world)
	fails func(http.ResponseWriter, *http.Request) bool
	// reason and message of Ready.
	reason, message string
	// flags of the command line besides the namespaces. notByCLI marks what the command line has no counterpart of.
	flags    []string
	notByCLI bool
}

func blindnesses() map[string]blindness {
	type spec = v1alpha1.InspectionSpec
	tenantOf := func(namespaces ...string) func(*world) spec {
		return func(w *world) spec {
			w.Reader(false)
			list := append([]string{}, namespaces...)
			return spec{Namespaces: list}
		}
	}
	granted := func(rules ...rbacv1.PolicyRule) func(*world) spec {
		return func(w *world) spec {
			w.Account()
			if len(rules) > 0 {
				w.Role(w.Namespace, rules...)
			}
			return spec{}
		}
	}
	return map[string]blindness{
		"no permissions": {arrange: granted(), reason: v1alpha1.ReasonForbidden, message: "cannot list "},
		"every namespace is excluded": {
			arrange: func(w *world) spec {
				w.Reader(true)
				return spec{Namespaces: []string{}, ExcludeNamespaces: []string{"*"}}
			},
			reason: v1alpha1.ReasonIncomplete, message: "not read: namespaces (Incomplete)", flags: []string{"-A", "--exclude-namespaces", "*"},
		},
		"no permissions in the whole cluster, but /version": {
			arrange: func(w *world) spec {
				w.Account()
				return spec{Namespaces: []string{}}
			},
			reason: v1alpha1.ReasonForbidden, message: "cannot list ", flags: []string{"-A"},
		},
		"only cluster-scoped kinds that help to find causes": {
			arrange: func(w *world) spec {
				w.Account()
				w.clusterRole(read("", "nodes", "persistentvolumes"), read("storage.k8s.io", "storageclasses"))
				return spec{}
			},
			reason: v1alpha1.ReasonForbidden, message: "cannot list ",
		},
		"Pods but not Deployments": {
			arrange: func(w *world) spec {
				w.Account()
				w.Role(w.Namespace, except(w.t, "deployments")...)
				return spec{}
			},
			reason: v1alpha1.ReasonIncomplete, message: "not read: deployments.apps in namespace ",
		},
		"half of the namespaces": {
			arrange: func(w *world) spec {
				w.Reader(false)
				return spec{Namespaces: []string{w.Namespace, w.other()}}
			},
			reason: v1alpha1.ReasonIncomplete, message: "not read: ",
		},
		"one misspelt namespace of two": {
			arrange: func(w *world) spec {
				w.Reader(true)
				return spec{Namespaces: []string{w.Namespace, w.Namespace + "x"}}
			},
			reason: v1alpha1.ReasonIncomplete, message: "not read: namespace ",
		},
		"the only namespace is misspelt": {
			arrange: func(w *world) spec {
				w.Reader(true)
				return spec{Namespaces: []string{w.Namespace + "x"}}
			},
			reason: v1alpha1.ReasonNamespaceNotFound, message: "(did you mean ",
		},
		"the only namespace is misspelt, and permissions do not tell": {
			arrange: tenantOf("shpo"), reason: v1alpha1.ReasonForbidden, message: "in namespace shpo (RBAC)",
		},
		"an empty namespace that may not exist": {
			arrange: func(w *world) spec {
				w.Account()
				w.clusterRole(except(w.t, "namespaces")...)
				return spec{Namespaces: []string{"shpo"}}
			},
			reason: v1alpha1.ReasonIncomplete, message: "not read: namespace shpo (Forbidden)",
		},
		"a glob without a match": {
			arrange: func(w *world) spec {
				w.Reader(true)
				return spec{Namespaces: []string{"nowhere-*"}}
			},
			reason: v1alpha1.ReasonNamespaceNotFound, message: "No namespace matches nowhere-*.",
		},
		"a glob without a match beside a namespace": {
			arrange: func(w *world) spec {
				w.Reader(true)
				return spec{Namespaces: []string{w.Namespace, "nowhere-*"}}
			},
			reason: v1alpha1.ReasonIncomplete, message: "not read: namespace nowhere-* (NotServed)",
		},
		"a glob without permission to list Namespaces": {
			arrange: tenantOf("shop-*"), reason: v1alpha1.ReasonForbidden, message: "cannot list Namespaces (RBAC), so shop-* selected none",
		},
		"impersonation refused": {
			arrange: tenantOf(), fails: refuseImpersonation, reason: v1alpha1.ReasonImpersonationForbidden, message: "cannot impersonate",
		},
		"the ServiceAccount does not exist": {
			arrange: func(*world) spec { return spec{} }, reason: v1alpha1.ReasonServiceAccountNotFound, message: "does not exist",
		},
		"the ServiceAccount was deleted": {
			later: func(w *world) {
				w.Delete(&corev1.ServiceAccount{ObjectMeta: w.Meta(v1alpha1.DefaultServiceAccountName)})
			},
			reason: v1alpha1.ReasonServiceAccountNotFound, message: "does not exist", notByCLI: true, // it knows users only
		},
		"all permissions were removed between two runs": {
			later: func(w *world) {
				w.Delete(&rbacv1.RoleBinding{ObjectMeta: w.Meta("reader-" + w.Namespace)})
				w.AwaitPermission(w.Namespace, "", "pods", false)
			},
			reason: v1alpha1.ReasonForbidden, message: "cannot list ",
		},
		"a built-in kind is no longer served": {
			fails:  answer("cronjobs", http.StatusNotFound, "404 page not found"),
			reason: v1alpha1.ReasonIncomplete, message: "not read: cronjobs.batch in namespace ",
		},
		"one kind times out": {
			arrange: func(w *world) spec {
				w.Reader(false)
				return spec{Timeout: &metav1.Duration{Duration: 6 * time.Second}}
			},
			fails: hang("jobs"), flags: []string{"--timeout=6s"}, reason: v1alpha1.ReasonIncomplete, message: "not read: jobs.batch in namespace ",
		},
		"a list stops half-way with an error": {
			arrange: severalServices, fails: halfway("services", http.StatusInternalServerError),
			reason: v1alpha1.ReasonIncomplete, message: "not read: services in namespace ",
		},
		"a list stops half-way since its token always expires": {
			arrange: severalServices, fails: halfway("services", http.StatusGone),
			reason: v1alpha1.ReasonIncomplete, message: "not read: services in namespace ",
		},
		"a response that is no list": {
			fails: answer("services", http.StatusOK, "<html>"), reason: v1alpha1.ReasonIncomplete, message: "not read: services in namespace ",
		},
		"every list fails": {
			fails: func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/version" {
					return false
				}
				w.WriteHeader(http.StatusNotFound)
				return true
			},
			reason: v1alpha1.ReasonNamespaceNotFound, message: "does not exist",
		},
		"the metrics backend does not exist": {
			arrange: func(w *world) spec {
				w.Reader(false)
				return spec{MetricsRef: &v1alpha1.LocalReference{Name: "gone"}}
			},
			flags:  []string{"--metrics-url=http://127.0.0.1:1"},
			reason: v1alpha1.ReasonIncomplete, message: "not read: metricsbackends/gone (Unavailable)",
		},
		"the log backend does not exist": {
			arrange: func(w *world) spec {
				w.Reader(false)
				return spec{LogsRef: &v1alpha1.LocalReference{Name: "gone"}, LogAnalysis: &v1alpha1.LogAnalysis{}}
			},
			reason: v1alpha1.ReasonIncomplete, message: "not read: logbackends/gone (Unavailable)", notByCLI: true,
		},
		"the metrics backend went down after its probe": {
			arrange: func(w *world) spec {
				w.Reader(false)
				w.backEndsAt("http://127.0.0.1:1", nil, metav1.ConditionTrue)
				return spec{MetricsRef: &v1alpha1.LocalReference{Name: "m"}}
			},
			flags:  []string{"--metrics-url=http://127.0.0.1:1"},
			reason: v1alpha1.ReasonIncomplete, message: "not read: metrics: alerts (Unavailable)",
		},
		"the log backend went down after its probe": {
			arrange: func(w *world) spec {
				w.Reader(false)
				w.backEndsAt("http://127.0.0.1:1", nil, metav1.ConditionTrue)
				w.Create(&batchv1.Job{ObjectMeta: w.Meta("logs"), Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
					RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "c", Image: "i"}},
				}}}})
				return spec{LogsRef: &v1alpha1.LocalReference{Name: "l"}, LogAnalysis: &v1alpha1.LogAnalysis{}}
			},
			reason: v1alpha1.ReasonIncomplete, message: "not read: logs: lines of workloads (Unavailable)", notByCLI: true,
		},
		"a custom check of a kind that is not served": {
			arrange: func(w *world) spec {
				w.Reader(false)
				return spec{CustomChecks: []v1alpha1.CustomCheck{{
					ID: "widgets", Resource: v1alpha1.CustomResource{Group: "shop.example", Resource: "widgets"}, Expression: "true", Message: "m",
				}}}
			},
			reason: v1alpha1.ReasonIncomplete, message: "not read: widgets.shop.example (NotServed)", notByCLI: true,
		},
		"a check named by its id without its Secrets": {
			arrange: func(w *world) spec {
				w.Reader(false)
				return spec{Checks: &v1alpha1.CheckSelection{Include: []string{"secrets-unused"}}}
			},
			flags: []string{"--checks=secrets-unused"}, reason: v1alpha1.ReasonIncomplete, message: "not read: secrets in namespace ",
		},
	}
}

// severalServices makes a list of more than one page.
func severalServices(w *world) v1alpha1.InspectionSpec {
	w.Reader(false)
	for _, name := range []string{"a", "b", "c"} {
		w.Create(&corev1.Service{ObjectMeta: w.Meta(name), Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}})
	}
	return v1alpha1.InspectionSpec{}
}

// TestBlindIsNeverGreen is the table of ways to be blind: none gives a score, a condition Ready or exit code 0.
func TestBlindIsNeverGreen(t *testing.T) {
	for name, tc := range blindnesses() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			spec := v1alpha1.InspectionSpec{}
			if tc.arrange == nil {
				w.Reader(false)
			} else {
				spec = tc.arrange(w)
			}
			w.Inspection(spec)
			config := proxy(t, tc.fails)
			r := w.reconciler(func(s *setup) { s.env.Accounts = impersonate.Source{Reader: w.Client, Config: config} },
				func(s *setup) { realBackends(t, s.env.Backends) })
			before := 0
			if tc.later != nil {
				w.Settle(r)
				testsuite.WantReady(t, w.Get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "no findings")
				before = len(w.Reports())
				tc.later(w)
				w.Request("again")
			}
			_, _ = w.Reconcile(r) // the condition has the error
			i := w.Get()
			testsuite.WantReady(t, i, metav1.ConditionFalse, tc.reason, tc.message)
			ready := meta.FindStatusCondition(i.Status.Conditions, v1alpha1.ConditionReady)
			if tc.reason == v1alpha1.ReasonIncomplete && len([]rune(ready.Message)) > 120 {
				t.Errorf("%d characters: %s", len(ready.Message), ready.Message)
			}
			if i.Status.Score != nil {
				t.Errorf("status.score is %d", *i.Status.Score)
			}
			for _, report := range w.Reports()[before:] {
				if report.Summary.Score != nil || report.Summary.RequiredGaps == 0 {
					t.Errorf("a report has score %v: %+v", report.Summary.Score, report.Gaps)
				}
			}
			if !tc.notByCLI {
				commandIsBlind(t, config, i, tc.flags...)
			}
		})
	}
}

// TestACommandThatReadsNothingFails is the part of the table that only the command line has.
func TestACommandThatReadsNothingFails(t *testing.T) {
	unauthorized := answer("version", http.StatusUnauthorized,
		`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Unauthorized","code":401}`)
	for name, tc := range map[string]struct {
		config *rest.Config
		want   string
	}{
		"an expired token":       {proxy(t, unauthorized), "rejected the credentials (401)"},
		"a wrong CA":             {&rest.Config{Host: realAPI.Host}, "untrusted TLS certificate"},
		"the API server is down": {&rest.Config{Host: "http://127.0.0.1:1"}, "is unreachable"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := inspectCommand(t, tc.config, "-A")
			if code != 2 || out != "" || !strings.Contains(errOut, tc.want) {
				t.Errorf("exit code %d\n%s\n%s", code, out, errOut)
			}
		})
	}
}

// TestATenantWithTheShippedRoleIsComplete is the counterpart: the shipped role in one's own namespace suffices.
func TestATenantWithTheShippedRoleIsComplete(t *testing.T) {
	for name, arrange := range map[string]func(w *world){
		"an empty namespace": func(*world) {},
		"a namespace with a finding": func(w *world) {
			w.LostService("lost")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.Reader(false)
			arrange(w)
			w.Inspection(v1alpha1.InspectionSpec{})
			registry := prometheus.NewRegistry()
			metrics, err := NewMetrics(registry)
			if err != nil {
				t.Fatal(err)
			}
			w.Settle(w.reconciler(func(s *setup) { s.options.Metrics = metrics }))
			i := w.Get()
			testsuite.WantReady(t, i, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "")
			if i.Status.Score == nil || w.Newest().Summary.RequiredGaps != 0 {
				t.Errorf("score %v, gaps %+v", i.Status.Score, w.Newest().Gaps)
			}
			code, out, errOut := inspectCommand(t, proxy(t, nil), "--as=system:serviceaccount:"+w.Namespace+":kubeops", "-n", w.Namespace)
			if code != 0 || !strings.Contains(out, "Score ") {
				t.Errorf("exit code %d\n%s\n%s", code, out, errOut)
			}
		})
	}
}
