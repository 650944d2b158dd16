package runner

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/sizing"
)

func TestUsageSettingsAreHandedOn(t *testing.T) {
	cpu, memory := int32(0), int32(30)
	spec := &v1alpha1.InspectionSpec{Usage: &v1alpha1.UsageSettings{
		Window: &metav1.Duration{
			Duration: 48 * time.Hour,
		}, CPUMargin: &cpu, MemoryMargin: &memory, MatchLabels: map[string]string{"cluster": "a"},
		Prices: &v1alpha1.UsagePrices{CPUCoreHour: "0.031", MemoryGiBHour: "12", Currency: "EUR"},
	}}
	if got := usageOptions(spec.Usage); got.Window != 48*time.Hour || got.MatchLabels["cluster"] != "a" {
		t.Errorf("%+v", got)
	}
	p := params(spec)
	if p.Margins != (sizing.Margins{CPU: 0, Memory: 30}) || p.Prices != (sizing.Prices{Core: 31_000, GiB: 12_000_000, Currency: "EUR"}) {
		t.Errorf("%+v", p)
	}
	if p := params(&v1alpha1.InspectionSpec{}); p.Margins != sizing.DefaultMargins() || p.Prices != (sizing.Prices{}) {
		t.Errorf("%+v", p)
	}
}

func TestPricesAreReadInMillionths(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "0": 0, "1": 1_000_000, "0.000001": 1, "999999.999999": 999_999_999_999, "0.0000001": 0, "x": 0, "-1": 0} {
		if got := millionths(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
