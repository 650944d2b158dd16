package manifests

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// NewestMinor is the minor version of the API types that this program is built with. It is the default release to check against.
const NewestMinor = 37

// ParseVersion returns the minor version of a release such as 1.37, v1.37 or 1.37.2.
func ParseVersion(text string) (minor int, err error) {
	parts := strings.Split(strings.TrimPrefix(text, "v"), ".")
	if len(parts) < 2 || len(parts) > 3 || parts[0] != "1" {
		return 0, fmt.Errorf("invalid Kubernetes version %q: use the form 1.%d", text, NewestMinor)
	}
	minor, err = strconv.Atoi(parts[1])
	if err != nil || minor < 0 || minor > 999 {
		return 0, fmt.Errorf("invalid Kubernetes version %q: use the form 1.%d", text, NewestMinor)
	}
	return minor, nil
}

// Removal of an API version.
type Removal struct {
	// Minor version of Kubernetes 1 that no longer serves it.
	Minor int
	// Replacement is the API version to use in its place; empty for none.
	Replacement string
}

// Removed returns when Kubernetes removed, or will remove, an API version of a built-in kind. ok is false for one that stays, and for
// kinds of others.
func Removed(gvk schema.GroupVersionKind) (r Removal, ok bool) {
	var object runtime.Object
	if scheme.Scheme.Recognizes(gvk) {
		object, _ = scheme.Scheme.New(gvk) // it is recognized
	}
	gone, ok := removalOf(gvk, object)
	return Removal{gone.minor, gone.replacement}, ok
}

// removal is the minor version that removed an API version, and the API version that replaces it; empty for none.
type removal struct {
	minor       int
	replacement string
}

// removalOf returns the removal of an API version. For versions that still have a Go type, object is of that type; else it is nil.
func removalOf(gvk schema.GroupVersionKind, object runtime.Object) (removal, bool) {
	gone, ok := removalOfVersion(gvk, object)
	for range 5 { // the replacement may have been removed as well
		next, err := schema.ParseGroupVersion(gone.replacement)
		if err != nil || gone.replacement == "" {
			break
		}
		object, err := scheme.Scheme.New(next.WithKind(gvk.Kind))
		if err != nil {
			break
		}
		after, also := removalOfVersion(next.WithKind(gvk.Kind), object)
		if !also || after.replacement == "" || after.minor > NewestMinor {
			break
		}
		gone.replacement = after.replacement
	}
	return gone, ok
}

func removalOfVersion(gvk schema.GroupVersionKind, object runtime.Object) (removal, bool) {
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
	return removalWithoutType(gvk)
}

// removalWithoutType covers API versions without a Go type, according to the deprecation guide of Kubernetes.
func removalWithoutType(gvk schema.GroupVersionKind) (removal, bool) {
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
