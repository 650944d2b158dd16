package webhook_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// refusing is an API server that refuses runs; nil refuses none.
type refusing struct {
	client.Client
	with error
}

func (r *refusing) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	if _, isRun := object.(*v1alpha1.PipelineRun); isRun && r.with != nil {
		return r.with
	}
	return r.Client.Create(ctx, object, options...)
}

func TestARunThatTheAPIServerRefusesHasTheReason(t *testing.T) {
	w := newWorld(t)
	api := &refusing{Client: w.e.Client}
	w.e.Client = api
	w.server = httptest.NewServer(w.handler())
	t.Cleanup(w.server.Close)
	runs := schema.GroupResource{Group: v1alpha1.Group, Resource: "pipelineruns"}
	kind := schema.GroupKind{Group: v1alpha1.Group, Kind: "PipelineRun"}
	for _, c := range []struct {
		name   string
		with   error
		status int
		reason string
		says   string
	}{
		{"a quota", apierrors.NewForbidden(runs, "r", errors.New("exceeded quota: runs")), http.StatusForbidden, v1alpha1.ReasonForbidden, "check ResourceQuotas"},
		{"a value", apierrors.NewInvalid(kind, "r", nil), http.StatusUnprocessableEntity, v1alpha1.ReasonInvalidParameter, "cannot be created"},
	} {
		api.with = c.with
		got := w.deliver("d-1", push("main", commit(2)))
		if got.status != c.status || got.Reason != c.reason || !strings.Contains(got.Message, c.says) {
			t.Errorf("%s: %+v", c.name, got)
		}
		if status := w.status(); status.LastRefusalReason != c.reason {
			t.Errorf("%s: status %+v", c.name, status)
		}
	}
	api.with = nil
	if got := w.deliver("d-1", push("main", commit(2))); got.status != http.StatusAccepted {
		t.Errorf("delivered again: %+v", got)
	}
}

func TestARunKnowsWhenItsCommitWasMade(t *testing.T) {
	w := newWorld(t)
	for id, c := range map[string]struct{ timestamp, want string }{
		"d-1": {"2026-05-01T12:00:00+02:00", "2026-05-01T10:00:00Z"},
		"d-2": {"yesterday", ""},
	} {
		body := strings.Replace(push("main", commit(int(id[2]-'0'))), `"message": "m"`, `"message": "m", "timestamp": "`+c.timestamp+`"`, 1)
		got := w.deliver(id, body)
		if got.status != http.StatusAccepted {
			t.Fatalf("%+v", got)
		}
		run := &v1alpha1.PipelineRun{}
		if err := w.Client.Get(t.Context(), w.Key(got.Run), run); err != nil {
			t.Fatal(err)
		}
		if at := run.Annotations[v1alpha1.AnnotationCommitTime]; at != c.want {
			t.Errorf("the commit %q was made at %q, want %q", c.timestamp, at, c.want)
		}
	}
}
