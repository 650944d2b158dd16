package cli

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/connect"
)

// state is an Inspection with a value of the annotation and the last handled one.
func state(requested, handled string) *v1alpha1.Inspection {
	i := &v1alpha1.Inspection{}
	i.Annotations = map[string]string{v1alpha1.AnnotationRequestedAt: requested}
	i.Status.LastHandledRequest = handled
	return i
}

func TestAWaitEndsWithARunThatStartedAfterTheRequest(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for name, tc := range map[string]struct {
		seen []*v1alpha1.Inspection // the first is the answer to the request
		want int                    // index of the one that ends the wait; -1 for none
	}{
		"the request is handled":                     {[]*v1alpha1.Inspection{state("a", ""), state("a", ""), state("a", "a")}, 2},
		"an earlier request is handled":              {[]*v1alpha1.Inspection{state("a", ""), state("a", "earlier")}, -1},
		"a later request replaces it before its run": {[]*v1alpha1.Inspection{state("a", ""), state("b", ""), state("b", "b")}, 2},
		"a later request replaces it during its run": {[]*v1alpha1.Inspection{state("a", ""), state("b", ""), state("b", "a")}, 2},
		"the newest of several is handled": {
			[]*v1alpha1.Inspection{state("a", ""), state("b", ""), state("c", ""), state("c", "c")}, 3,
		},
		"a long value of another tool is its hash": {
			[]*v1alpha1.Inspection{state("a", ""), state(long, ""), state(long, v1alpha1.RequestOf(state(long, "")))}, 2,
		},
		"a value that was not seen ends with the next": {[]*v1alpha1.Inspection{state("a", ""), state("c", "b"), state("c", "c")}, 2},
		"without a handled request nothing ends":       {[]*v1alpha1.Inspection{state("a", ""), state("", "")}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWaiter(&connect.Store{}, tc.seen[0], io.Discard)
			ended := -1
			for i, inspection := range tc.seen[1:] {
				if w.handled(inspection) {
					ended = i + 1
					break
				}
			}
			if ended != tc.want {
				t.Errorf("ended at %d, want %d", ended, tc.want)
			}
		})
	}
}

func TestTheProgressOfAWaitSaysHowOldItsReasonIs(t *testing.T) {
	for since, want := range map[time.Duration]string{
		time.Second: "Inspection shop/i: waiting: ServiceAccount shop/missing does not exist\n",
		time.Hour:   "Inspection shop/i: waiting (for 60m): ServiceAccount shop/missing does not exist\n",
	} {
		inspection := state("a", "")
		inspection.Namespace = "shop"
		inspection.Name = "i"
		inspection.Status.Conditions = []metav1.Condition{{
			Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Message: "ServiceAccount shop/missing does not exist",
			LastTransitionTime: metav1.NewTime(time.Now().Add(-since)),
		}}
		var stderr bytes.Buffer
		w := newWaiter(&connect.Store{}, inspection, &stderr)
		if w.handled(inspection) || stderr.String() != want {
			t.Errorf("got %q, want %q", stderr.String(), want)
		}
	}
}
