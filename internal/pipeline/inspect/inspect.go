// Package inspect is the stage that runs an Inspection and fails on problems that did not exist before the run of the Pipeline. It requests
// the run by the annotation that people use, and judges a report whose run began after the request.
package inspect

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// missingRetry is when to look again for an Inspection that does not exist, or is suspended.
	missingRetry = 10 * time.Second
	// reasonInspecting of a stage that waits for a report.
	reasonInspecting = "Inspecting"
)

// Driver runs Inspections. All fields are required.
type Driver struct {
	// Client reads Inspections, possibly from a cache, and requests their runs.
	Client client.Client
	// Reader reads reports without a cache.
	Reader client.Reader
}

// handle is what the Inspection had when the run was requested.
type handle struct {
	// Request is the value of the annotation.
	Request string `json:"request"`
	// Earlier are the names of the last report, and of that of the run in progress: both began before the request.
	Earlier []string `json:"earlier,omitempty"`
}

func (h handle) encode() string {
	content, _ := json.Marshal(h) // strings have no errors
	return string(content)
}

// before is the handle of a request that was made at the state of the Inspection.
func before(inspection *v1alpha1.Inspection, request string) handle {
	h := handle{Request: request}
	if inspection.Status.LastHandledRequest == request {
		return h
	}
	if inspection.Status.LastReport != "" {
		h.Earlier = append(h.Earlier, inspection.Status.LastReport)
	}
	if run := inspection.Status.ActiveRun; run != nil && run.Request != request {
		h.Earlier = append(h.Earlier, run.Report)
	}
	return h
}

func (d *Driver) inspection(ctx context.Context, reader client.Reader, attempt pipeline.Attempt) (*v1alpha1.Inspection, error) {
	const field = "inspect.inspectionRef.name"
	key := client.ObjectKey{Namespace: attempt.Namespace, Name: attempt.Stage.Inspect.InspectionRef.Name}
	if err := names.Object(field, "Inspection", key.Name); err != nil {
		return nil, err
	}
	found := &v1alpha1.Inspection{}
	err := reader.Get(ctx, key, found)
	switch {
	case apierrors.IsNotFound(err):
		return nil, problem.Waiting(v1alpha1.ReasonInspectionNotFound, missingRetry,
			"Inspection %s does not exist; create it, or correct %s",
			key, field)
	case err != nil:
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot read Inspection %s (%s)", key, apierror.Describe(err))
	case found.Spec.Suspend:
		return nil, problem.Waiting(v1alpha1.ReasonSuspended, missingRetry,
			"Inspection %s is suspended; to resume it, remove its spec.suspend",
			key)
	}
	return found, nil
}

// Check implements pipeline.Driver.
func (d *Driver) Check(ctx context.Context, attempt pipeline.Attempt) error {
	_, err := d.inspection(ctx, d.Client, attempt)
	if err == nil {
		err = d.authorize(ctx, attempt)
	}
	return problem.In("stage "+attempt.Stage.Name, err)
}

// Start implements pipeline.Driver: it requests a run. A second request with the same value requests nothing.
func (d *Driver) Start(ctx context.Context, attempt pipeline.Attempt) (string, error) {
	inspection, err := d.inspection(ctx, d.Client, attempt)
	if err != nil {
		return "", err
	}
	if err := d.authorize(ctx, attempt); err != nil {
		return "", err
	}
	request := requestOf(attempt)
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": inspection.UID, "annotations": map[string]string{v1alpha1.AnnotationRequestedAt: request},
	}})
	if err != nil {
		return "", err
	}
	// The answer has the state at the time of the request.
	if err := d.Client.Patch(ctx, inspection, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return "", problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot request a run of Inspection %s (%s)", inspection.Name,
			apierror.Describe(err))
	}
	return before(inspection, request).encode(), nil
}

// requestOf an attempt: the key alone is not unique among runs that were deleted.
func requestOf(attempt pipeline.Attempt) string {
	return "pipeline/" + string(attempt.UID) + "/" + attempt.Key
}

// Find implements pipeline.Driver. A request that is not there was not made, or replaced by another one; making it again is harmless.
func (d *Driver) Find(ctx context.Context, attempt pipeline.Attempt) (pipeline.Lookup, error) {
	inspection, err := d.inspection(ctx, d.Reader, attempt)
	if err != nil {
		return pipeline.Lookup{}, err
	}
	request := requestOf(attempt)
	status := &inspection.Status
	running := status.ActiveRun != nil && status.ActiveRun.Request == request
	if v1alpha1.RequestOf(inspection) != request && status.LastHandledRequest != request && !running {
		return pipeline.Lookup{Presence: pipeline.Never}, nil
	}
	return pipeline.Lookup{Presence: pipeline.Found, Handle: before(inspection, request).encode()}, nil
}

// Cancel implements pipeline.Driver. The run of the Inspection goes on: it is also that of others.
func (d *Driver) Cancel(context.Context, pipeline.Attempt, string) (bool, error) { return true, nil }

// Get implements pipeline.Driver.
func (d *Driver) Get(ctx context.Context, attempt pipeline.Attempt, content string) (pipeline.Observation, error) {
	var h handle
	if err := json.Unmarshal([]byte(content), &h); err != nil {
		return pipeline.Observation{State: pipeline.Lost, Message: "the request of the run cannot be read"}, nil //nolint:nilerr // a result
	}
	var inspection *v1alpha1.Inspection
	for _, reader := range []client.Reader{d.Client, d.Reader} { // a cache can be older than the request
		var err error
		if inspection, err = d.inspection(ctx, reader, attempt); err != nil {
			return pipeline.Observation{}, err
		}
		if last := inspection.Status.LastReport; last == "" || slices.Contains(h.Earlier, last) {
			return waiting(inspection), nil
		}
	}
	last := inspection.Status.LastReport
	report := &v1alpha1.InspectionReport{}
	err := d.Reader.Get(ctx, client.ObjectKey{Namespace: inspection.Namespace, Name: last}, report)
	switch {
	case apierrors.IsNotFound(err):
		return waiting(inspection), nil
	case err != nil:
		return pipeline.Observation{}, problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot read InspectionReport %s (%s)", last,
			apierror.Describe(err))
	}
	o := judge(attempt, report)
	if o.Reason == v1alpha1.ReasonNoData && attempt.Stage.Inspect.NoData == v1alpha1.NoDataWait {
		o = pipeline.Observation{Reason: o.Reason, Message: o.Message + "; waits for a later report"}
		h.Earlier = []string{last}
		o.Handle = h.encode()
	}
	return o, nil
}

// waiting describes an Inspection without a report that counts.
func waiting(inspection *v1alpha1.Inspection) pipeline.Observation {
	message := fmt.Sprintf("waits for a report of Inspection %s", inspection.Name)
	if explanation := outcome.Explanation(inspection.Status.Conditions); explanation != "" {
		message += ": " + explanation
	}
	return pipeline.Observation{Reason: reasonInspecting, Message: message}
}
