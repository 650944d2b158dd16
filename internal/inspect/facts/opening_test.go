package facts

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEventsWithOneReasonAndDifferentMessagesAreNotJoined(t *testing.T) {
	pod := Ref{Kind: Pod, Namespace: "shop", Name: "cart"}
	at := func(minute int) time.Time { return time.Date(2026, 1, 15, 12, minute, 0, 0, time.UTC) }
	b := NewBuilder("test", at(0))
	for i, message := range []string{
		`Failed to pull image "a": not found`, "Error: ErrImagePull", `Failed to pull image "a": timeout`, "Error: ImagePullBackOff",
	} {
		b.Add(&EventNode{About: pod, Reason: "Failed", Message: message, Count: 2, First: at(i), Last: at(i)})
	}
	type kept struct {
		Message string
		Count   int32
	}
	var got []kept
	for _, e := range b.Graph().EventsOf(pod) {
		got = append(got, kept{e.Message, e.Count})
	}
	want := []kept{{"Error: ImagePullBackOff", 4}, {`Failed to pull image "a": timeout`, 4}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestOpeningOfAMessage(t *testing.T) {
	for name, tc := range map[string]struct{ message, want string }{
		"up to a colon":       {"Readiness probe failed: HTTP probe failed", "Readiness probe failed"},
		"up to five words":    {`MountVolume.SetUp failed for volume "config" : not found`, `MountVolume.SetUp failed for volume "config"`},
		"shorter than either": {"too short", "too short"},
		"nothing":             {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := opening(tc.message); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
