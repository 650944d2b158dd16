package manifests

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// NewestMinor is the release of Kubernetes, 1.NewestMinor, that manifests are judged for unless said otherwise: that of the
// API types this program is built with.
const NewestMinor = 37

// ParseVersion reads a release such as 1.37, v1.37 or 1.37.2 and returns its minor version.
func ParseVersion(text string) (minor int, err error) {
	parts := strings.Split(strings.TrimPrefix(text, "v"), ".")
	if len(parts) < 2 || len(parts) > 3 || parts[0] != "1" {
		return 0, fmt.Errorf("%q is no release of Kubernetes; write it as 1.%d", text, NewestMinor)
	}
	minor, err = strconv.Atoi(parts[1])
	if err != nil || minor < 0 || minor > 999 {
		return 0, fmt.Errorf("%q is no release of Kubernetes; write it as 1.%d", text, NewestMinor)
	}
	return minor, nil
}

// removal says since which release an API version is gone, and what took its place; empty when nothing did.
type removal struct {
	minor       int
	replacement string
}

// removalOf tells the removal of an API version. The types of the API carry it for those versions that still have types;
// object is nil for the others.
func removalOf(gvk schema.GroupVersionKind, object runtime.Object) (removal, bool) {
	gone, ok := removalOfOne(gvk, object)
	for range 5 { // what took its place may be gone as well by now
		next, err := schema.ParseGroupVersion(gone.replacement)
		if err != nil || gone.replacement == "" {
			break
		}
		object, err := scheme.Scheme.New(next.WithKind(gvk.Kind))
		if err != nil {
			break
		}
		after, also := removalOfOne(next.WithKind(gvk.Kind), object)
		if !also || after.replacement == "" || after.minor > NewestMinor {
			break
		}
		gone.replacement = after.replacement
	}
	return gone, ok
}

func removalOfOne(gvk schema.GroupVersionKind, object runtime.Object) (removal, bool) {
	if of, ok := object.(interface{ APILifecycleRemoved() (int, int) }); ok {
		_, minor := of.APILifecycleRemoved()
		r := removal{minor: minor}
		if with, ok := object.(interface {
			APILifecycleReplacement() schema.GroupVersionKind
		}); ok {
			r.replacement = with.APILifecycleReplacement().GroupVersion().String()
		}
		return r, true
	}
	return forgotten(gvk)
}

// forgotten are the API versions that have no types any more, as the deprecation guide of Kubernetes lists them.
func forgotten(gvk schema.GroupVersionKind) (removal, bool) {
	switch gvk.GroupVersion().String() + " " + gvk.Kind {
	case "autoscaling/v2beta1 HorizontalPodAutoscaler":
		return removal{25, "autoscaling/v2"}, true
	case "autoscaling/v2beta2 HorizontalPodAutoscaler":
		return removal{26, "autoscaling/v2"}, true
	case "apiextensions.k8s.io/v1beta1 CustomResourceDefinition":
		return removal{22, "apiextensions.k8s.io/v1"}, true
	case "apiregistration.k8s.io/v1beta1 APIService":
		return removal{22, "apiregistration.k8s.io/v1"}, true
	case "policy/v1beta1 PodSecurityPolicy":
		return removal{25, ""}, true
	case "extensions/v1beta1 PodSecurityPolicy":
		return removal{16, ""}, true
	case "batch/v2alpha1 CronJob":
		return removal{21, "batch/v1"}, true
	case "settings.k8s.io/v1alpha1 PodPreset":
		return removal{20, ""}, true
	case "auditregistration.k8s.io/v1alpha1 AuditSink":
		return removal{19, ""}, true
	case "flowcontrol.apiserver.k8s.io/v1alpha1 FlowSchema", "flowcontrol.apiserver.k8s.io/v1alpha1 PriorityLevelConfiguration":
		return removal{24, "flowcontrol.apiserver.k8s.io/v1"}, true
	default:
		return removal{}, false
	}
}
