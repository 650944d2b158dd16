package runner

import (
	"context"
	"errors"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestCompilingCustomChecksEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	own := []v1alpha1.CustomCheck{{ID: "team-a", Severity: v1alpha1.SeverityLow, Expression: "true", Message: "m",
		Resource: v1alpha1.CustomResource{Version: "v1", Resource: "pods"}}}
	if _, _, err := (&Local{}).SelectChecks(ctx, &v1alpha1.InspectionSpec{CustomChecks: own}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
