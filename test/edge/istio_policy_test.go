package edge

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestAnswersOfTheReceiverDoNotEjectItsPods: anyone can cause a 503, which is for the deliveries of one namespace.
func TestAnswersOfTheReceiverDoNotEjectItsPods(t *testing.T) {
	found := false
	for _, object := range render(t, []string{"edge-istio"}) {
		if object.GetKind() != "DestinationRule" || object.GetName() != "kubeops-webhooks" {
			continue
		}
		detection, _, err := unstructured.NestedMap(object.Object, "spec", "trafficPolicy", "outlierDetection")
		if err != nil {
			t.Fatal(err)
		}
		found = true
		answers, set := detection["consecutive5xxErrors"].(int64)
		if !set || answers != 0 || detection["splitExternalLocalOriginErrors"] != true {
			t.Errorf("the outlier detection counts answers: %v", detection)
		}
	}
	if !found {
		t.Error("there is no DestinationRule of the receiver")
	}
}

// TestIstioPoliciesAreOfKubeOps: a policy in the namespace of a gateway counts for everything behind it.
func TestIstioPoliciesAreOfKubeOps(t *testing.T) {
	for _, object := range render(t, []string{"edge-istio", "edge-istio/jwt"}) {
		if object.GroupVersionKind().Group == "security.istio.io" && object.GetNamespace() != "kubeops-system" {
			t.Errorf("%s %s is in namespace %s", object.GetKind(), object.GetName(), object.GetNamespace())
		}
	}
}
