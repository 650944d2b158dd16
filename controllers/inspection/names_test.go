package inspection

import (
	"context"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// everything is a reader that finds any object and counts what is requested.
type everything struct {
	client.Reader
	requests int
}

func (e *everything) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	e.requests++
	return nil
}

func TestAStoredChannelThatLeadsElsewhereIsMissingAndNotRequested(t *testing.T) {
	const elsewhere = "../../shop/notificationchannels/c" // the API server refuses it today; objects of earlier versions keep it
	asked := &everything{}
	missing := (&logic{channels: asked}).missingChannels(t.Context(), &v1alpha1.Inspection{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "i"},
		Spec:       v1alpha1.InspectionSpec{Channels: []v1alpha1.LocalReference{{Name: elsewhere}}},
	})
	if len(missing) != 1 || !strings.Contains(missing[0], elsewhere) || asked.requests != 0 {
		t.Errorf("missing %q, %d requests", missing, asked.requests)
	}
}
