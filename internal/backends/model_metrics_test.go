package backends

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestMetersReportWhatEachModelUsedOfItsBudget(t *testing.T) {
	meters := &Meters{Clock: clocktesting.NewFakePassiveClock(time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC))}
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(meters); err != nil {
		t.Fatal(err)
	}
	used := &v1alpha1.AIProvider{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "openai"},
		Spec:       v1alpha1.AIProviderSpec{Budget: &v1alpha1.TokenBudget{Daily: ptr.To[int64](1000)}},
		Status: v1alpha1.AIProviderStatus{Usage: &v1alpha1.AIUsage{
			Day: "2026-01-15", Month: "2026-01", TokensToday: 200, TokensThisMonth: 3000, Requests: 7, CacheHits: 4,
		}},
	}
	meters.Of(used)
	meters.Of(&v1alpha1.AIProvider{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "local"}})
	const want = `# HELP kubeops_ai_token_budget Tokens that an AIProvider may use in a day or month. Absent without a budget.
# TYPE kubeops_ai_token_budget gauge
kubeops_ai_token_budget{name="openai",namespace="shop",period="day"} 1000
# HELP kubeops_ai_tokens Tokens that an AIProvider used in this day or month (UTC).
# TYPE kubeops_ai_tokens gauge
kubeops_ai_tokens{name="local",namespace="team",period="day"} 0
kubeops_ai_tokens{name="local",namespace="team",period="month"} 0
kubeops_ai_tokens{name="openai",namespace="shop",period="day"} 200
kubeops_ai_tokens{name="openai",namespace="shop",period="month"} 3000
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "kubeops_ai_token_budget", "kubeops_ai_tokens"); err != nil {
		t.Error(err)
	}
	meters.Forget(client.ObjectKeyFromObject(used))
	if n, err := testutil.GatherAndCount(registry, "kubeops_ai_requests_total", "kubeops_ai_cache_hits_total"); err != nil || n != 2 {
		t.Errorf("%d series of one model, %v", n, err)
	}
}
