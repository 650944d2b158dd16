package runner

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/loganalysis"
)

func TestSettingsOfTheLogAnalysisAreHandedOn(t *testing.T) {
	if logOptions(nil) != nil {
		t.Error("lines are analysed that nobody asked for")
	}
	lines := int32(5000)
	got := logOptions(&v1alpha1.LogAnalysis{
		Window: &metav1.Duration{
			Duration: 10 * time.Minute,
		}, Baseline: &metav1.Duration{Duration: 2 * time.Hour}, MaxLines: &lines, Namespaces: []string{"shop"},
	})
	want := &loganalysis.Options{Window: 10 * time.Minute, Baseline: 2 * time.Hour, MaxLines: 5000, Namespaces: []string{"shop"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(&loganalysis.Options{}, logOptions(&v1alpha1.LogAnalysis{})); diff != "" {
		t.Error(diff)
	}
}
