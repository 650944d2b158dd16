package runner

import (
	"reflect"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
)

func TestWhatTheSpecSaysToTheChecksReachesThem(t *testing.T) {
	got := params(&v1alpha1.InspectionSpec{
		AllowedRegistries: []string{
			"registry.example.com",
		}, Thresholds: &v1alpha1.Thresholds{RecentWindow: &metav1.Duration{Duration: time.Hour * 2}},
	})
	want := check.DefaultParams()
	want.AllowedRegistries = []string{"registry.example.com"}
	want.RecentWindow = 2 * time.Hour
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
