package causes

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/facts"
)

func TestAlertsAndTrendsAreLinkedToTheirCauses(t *testing.T) {
	service, workload, claim := ref(facts.Service, "cart"), ref(facts.Deployment, "cart"), ref(facts.PVC, "data")
	backend := facts.Ref{Kind: facts.CustomKind("kubeops.io", "MetricsBackend"), Namespace: "shop", Name: "main"}
	standsForMuch := func(f check.Finding) check.Finding {
		f.IsRoot = true
		return f
	}
	for name, tc := range map[string]struct {
		findings []check.Finding
		want     []string
	}{
		"an alert about a workload whose Pods crash": {
			[]check.Finding{found("alert-firing", workload), found("pod-crash-looping", workload)},
			[]string{"alert-firing/cart <- pod-crash-looping/cart", "pod-crash-looping/cart"},
		},
		"an alert about a Service, through what is unusual there": {
			[]check.Finding{found("alert-firing", service), found("error-rate-anomaly", service), found("pod-oom-killed", workload)},
			[]string{
				"alert-firing/cart <- error-rate-anomaly/cart <- pod-oom-killed/cart", "error-rate-anomaly/cart <- pod-oom-killed/cart",
				"pod-oom-killed/cart",
			},
		},
		"restarts that are crashes": {
			[]check.Finding{found("restart-anomaly", workload), found("pod-crash-looping", workload), found("latency-anomaly", service)},
			[]string{
				"latency-anomaly/cart <- restart-anomaly/cart <- pod-crash-looping/cart", "pod-crash-looping/cart",
				"restart-anomaly/cart <- pod-crash-looping/cart",
			},
		},
		"an alert about a claim that fills up": {
			[]check.Finding{found("alert-firing", claim), found("pvc-filling-up", claim), found("pvc-nearly-full", claim)},
			[]string{
				"alert-firing/data <- pvc-nearly-full/data <- pvc-filling-up/data", "pvc-filling-up/data",
				"pvc-nearly-full/data <- pvc-filling-up/data",
			},
		},
		"a target that is down because its Pods are": {
			[]check.Finding{found("scrape-target-down", service), found("image-not-found", workload)},
			[]string{"image-not-found/cart", "scrape-target-down/cart <- image-not-found/cart"},
		},
		"a weakness explains no alert": {
			[]check.Finding{found("alert-firing", workload), found("spread-missing", workload)},
			[]string{"alert-firing/cart", "spread-missing/cart"},
		},
		"what names no object is not explained by what else names none": {
			[]check.Finding{standsForMuch(found("alert-firing", backend)), standsForMuch(found("scrape-target-down", backend))},
			[]string{"alert-firing/main", "scrape-target-down/main"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, links(Link(shop(), checks.Builtin(), tc.findings))); diff != "" {
				t.Errorf("links (-want +got):\n%s", diff)
			}
		})
	}
}
