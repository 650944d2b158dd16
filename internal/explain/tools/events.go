package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func eventsTool() Tool {
	return Tool{
		Name: "events", Description: "Events of a namespace, or of an object and the Pods named after it, newest first.",
		Arguments: []Argument{
			required(namespaceArgument()), text("kind", "only events of this kind, for example Pod"),
			text("name", "only events of this object, and of those whose names begin with it"),
		},
		run: events,
	}
}

func events(ctx context.Context, s *Set, a arguments) (Output, error) {
	list := &corev1.EventList{}
	if err := s.cluster.List(ctx, list, client.InNamespace(a.text("namespace")), client.Limit(maxListed)); err != nil {
		return Output{}, err
	}
	kind, name := a.text("kind"), a.text("name")
	wanted := slices.DeleteFunc(list.Items, func(e corev1.Event) bool {
		of := e.InvolvedObject
		return kind != "" && !strings.EqualFold(of.Kind, kind) || name != "" && of.Name != name && !strings.HasPrefix(of.Name, name+"-")
	})
	slices.SortStableFunc(wanted, func(a, b corev1.Event) int { return lastSeen(b).Compare(lastSeen(a)) })
	found := Output{Names: []string{a.text("namespace"), name}}
	for _, e := range wanted[:min(len(wanted), maxRows)] {
		of := e.InvolvedObject
		times := ""
		if e.Count > 1 {
			times = fmt.Sprintf(" x%d", e.Count)
		}
		found.Lines = append(found.Lines, fmt.Sprintf("%s %s %s %s/%s%s: %s", clock(lastSeen(e)), e.Type, e.Reason, of.Kind, of.Name, times,
			strings.Join(strings.Fields(e.Message), " ")))
		found.Names = append(found.Names, of.Name)
	}
	switch {
	case list.Continue != "":
		found.Lines = append(found.Lines, fmt.Sprintf("(only %d events of the namespace were read)", maxListed))
	case len(found.Lines) == 0:
		found.Lines = []string{"There are no such events."}
	}
	return found, nil
}

// lastSeen is when an event happened last.
func lastSeen(e corev1.Event) time.Time {
	switch {
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.Time
	case !e.EventTime.IsZero():
		return e.EventTime.Time
	}
	return e.CreationTimestamp.Time
}

// clock formats a time in UTC.
func clock(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.UTC().Format(time.RFC3339)
}
