package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
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
			w := newWaiter(&store{}, tc.seen[0], io.Discard)
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

func TestAPollBacksOffWhileTheServerDoesNotAnswer(t *testing.T) {
	var stderr bytes.Buffer
	var delays []time.Duration
	poll := newPoller(&stderr)
	poll.sleep = func(_ context.Context, d time.Duration) error {
		delays = append(delays, d)
		return nil
	}
	refused := target{config: &rest.Config{Host: "https://10.0.0.1"}, cluster: "dev"}.failed(
		errors.Join(io.EOF, syscall.ECONNREFUSED), "get Inspection shop/i")
	attempts := 0
	err := poll.until(t.Context(), func(context.Context) (bool, error) {
		attempts++
		switch {
		case attempts <= 10:
			return false, refused
		default:
			return attempts == 12, nil
		}
	})
	if err != nil || attempts != 12 {
		t.Fatalf("%v after %d attempts", err, attempts)
	}
	for i, delay := range delays[:10] {
		if want := min(pollInterval<<(i+1), maxPollBackoff); delay != want {
			t.Errorf("delay %d is %s, want %s", i, delay, want)
		}
	}
	want := "cannot reach the API server https://10.0.0.1 of context \"dev\": connection refused; check that the server runs: " +
		"`kubectl --context dev cluster-info`; retrying until it answers\nthe API server answers again\n"
	if stderr.String() != want {
		t.Errorf("got %q, want %q", stderr.String(), want)
	}
}

func TestAPollEndsWithAnErrorThatARetryCannotHelp(t *testing.T) {
	attempts := 0
	wrong := errors.New("forbidden")
	err := newPoller(io.Discard).until(t.Context(), func(context.Context) (bool, error) {
		attempts++
		return false, wrong
	})
	if !errors.Is(err, wrong) || attempts != 1 {
		t.Errorf("%v after %d attempts", err, attempts)
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
		w := newWaiter(&store{}, inspection, &stderr)
		if w.handled(inspection) || stderr.String() != want {
			t.Errorf("got %q, want %q", stderr.String(), want)
		}
	}
}
