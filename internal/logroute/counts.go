package logroute

import (
	"context"
	"math"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/logroute/meter"
)

// read the counts of a collector. A failure costs the counts only: the collectors run.
func (r *Router) read(ctx context.Context, collector v1alpha1.CollectorType, c Configuration) meter.Reading {
	if r.Meter == nil {
		return meter.Reading{}
	}
	reading, err := r.Meter.Read(ctx, name(collector), c.Earlier)
	if err != nil {
		log.FromContext(ctx).Info("Log collectors not counted", "collector", collector, "error", err.Error())
	}
	return reading
}

// with the counts of a route. A collector that runs proves nothing if the backend refuses what it sends.
func (s State) with(reading meter.Reading, backend types.NamespacedName) State {
	s.Routed = true
	s.NextReading = reading.Next
	route, found := reading.Routes[identityOf(backend)]
	if !found {
		s.Provisional = s.Ready && !reading.Settled
		return s
	}
	if !route.Since.IsZero() {
		s.Counts = &v1alpha1.CollectionCounts{
			Sent: route.Sent, Refused: route.Refused, Dropped: route.Dropped, Since: metav1.NewTime(route.Since),
			Collectors: int32(min(reading.Read, math.MaxInt32)), Unread: int32(min(reading.Unread, math.MaxInt32)),
		}
	}
	if !s.Ready {
		return s
	}
	switch {
	case route.Refusal != "":
		s.Ready = false
		s.Reason = v1alpha1.ReasonLinesRefused
		s.Message = refusal(route.Refusal)
	case route.Overflow:
		s.Ready = false
		s.Reason = v1alpha1.ReasonBufferFull
		s.Message = "the buffer of a node was full and lost lines: the backend accepts them slower than they are written; " +
			"see condition Ready and the load of the server, or exclude Pods in spec.collect"
	default:
		s.Provisional = !route.Settled
	}
	return s
}

// refusal is the message for a reason of the meter. It does not change while the reason does not.
func refusal(reason string) string {
	switch reason {
	case "400", "422":
		return "the backend rejects lines as invalid (" + reason + "), which are lost; see the log of the server for the field or label, " +
			"and leave it out with spec.collect.dropFields"
	case "401", "403":
		return "the backend rejects the credentials for writing (" + reason + "), so lines are lost; allow the user of spec.auth to write"
	case "404", "405", "410":
		return "the backend has no endpoint for lines at its URL (" + reason + "), so lines are lost; check the URL of the spec"
	case "413":
		return "the backend rejects requests as too large (413), so lines are lost; raise the limit of the server or of its proxy"
	case "response":
		return "the backend rejects lines in its response to a request, which are lost; see the log of the server: often one field has " +
			"values of two types, which spec.collect.dropFields leaves out"
	case "cluster_block_exception":
		return "the index is blocked for writing (cluster_block_exception), so lines are lost; see the disk space of the server, " +
			"and remove the block of the index"
	case "mapper_parsing_exception", "document_parsing_exception", "strict_dynamic_mapping_exception":
		return "the backend rejects lines with a field that does not fit the mapping of the index (" + reason + "), which are lost; " +
			"often one field has values of two types, which spec.collect.dropFields leaves out"
	default:
		return "the backend rejects lines (" + reason + "), which are lost; see the log of the server"
	}
}
