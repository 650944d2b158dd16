package inspection

import (
	"context"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/outcome"
)

// +kubebuilder:rbac:groups=kubeops.io,resources=notificationchannels,verbs=get;list;watch

// ReferencedResources are the resources of KubeOps that wake an Inspection, for the field index kind.IndexReferences.
func ReferencedResources(inspection *v1alpha1.Inspection) []string {
	var references []string
	for _, c := range inspection.Spec.Channels {
		references = append(references, kind.ReferenceTo("NotificationChannel", c.Name))
	}
	if ai := inspection.Spec.AI; ai != nil {
		references = append(references, kind.ReferenceTo("AIProvider", ai.ProviderRef.Name))
	}
	slices.Sort(references)
	return slices.Compact(references)
}

// Referents enqueues the Inspections that refer to the resource that an event is about.
func Referents(reader client.Reader, kindName string) handler.EventHandler {
	return kind.Referents(reader, kindName, func() client.ObjectList { return &v1alpha1.InspectionList{} })
}

// missingChannels are the channels of the spec that do not exist. What one that exists does is in its own status.
func (l *logic) missingChannels(ctx context.Context, inspection *v1alpha1.Inspection) (missing []string) {
	for _, c := range inspection.Spec.Channels {
		if !channelExists(ctx, l.channels, inspection.Namespace, c.Name) {
			missing = append(missing, inspection.Namespace+"/"+channelName(c.Name))
		}
	}
	return missing
}

// setNotified sets the condition Notified where a channel is missing, since nothing else would report that.
func setNotified(scope *kind.Scope[*v1alpha1.Inspection], missing []string) {
	if len(missing) == 0 {
		scope.Conditions().Remove(v1alpha1.ConditionNotified)
		return
	}
	scope.Conditions().SetAuxiliary(v1alpha1.ConditionNotified, outcome.False(
		v1alpha1.ReasonChannelNotFound,
		"NotificationChannel "+strings.Join(missing, ", ")+
			" does not exist; create it to deliver this report too, or remove it from spec.channels",
	))
}
