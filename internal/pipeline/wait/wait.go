// Package wait is the stage that waits for a time. It needs nothing outside: the end follows from the attempt.
package wait

import (
	"context"
	"time"

	"kubeops.io/kubeops/internal/pipeline"
)

// reason of a stage that waits.
const reason = "WaitingForTime"

// Driver waits.
type Driver struct{}

// until is the end of the wait.
func until(attempt pipeline.Attempt) time.Time {
	if at := attempt.Stage.Wait.Until; at != nil {
		return at.Time
	}
	return attempt.Started.Add(attempt.Stage.Wait.Duration.Duration)
}

func handle(attempt pipeline.Attempt) string { return until(attempt).UTC().Format(time.RFC3339) }

// Check implements pipeline.Driver.
func (Driver) Check(context.Context, pipeline.Attempt) error { return nil }

// Start implements pipeline.Driver.
func (Driver) Start(_ context.Context, attempt pipeline.Attempt) (string, error) {
	return handle(attempt), nil
}

// Find implements pipeline.Driver.
func (Driver) Find(_ context.Context, attempt pipeline.Attempt) (pipeline.Lookup, error) {
	return pipeline.Lookup{Presence: pipeline.Found, Handle: handle(attempt)}, nil
}

// Get implements pipeline.Driver.
func (Driver) Get(_ context.Context, attempt pipeline.Attempt, handle string) (pipeline.Observation, error) {
	end := until(attempt)
	if attempt.Now.Before(end) {
		return pipeline.Observation{Reason: reason, Message: "waits until " + handle, After: end.Sub(attempt.Now)}, nil
	}
	return pipeline.Observation{State: pipeline.Succeeded, Message: "waited until " + handle}, nil
}

// Cancel implements pipeline.Driver.
func (Driver) Cancel(context.Context, pipeline.Attempt, string) (bool, error) { return true, nil }
