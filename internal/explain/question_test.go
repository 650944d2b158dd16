package explain

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/explain/background"
)

func TestVolatileDetailsDoNotChangeTheQuestion(t *testing.T) {
	for name, tc := range map[string]struct {
		before, after string
		same          bool
	}{
		"restarts":             {"terminated with exit code 137, restarted 2 times", "terminated with exit code 137, restarted 14 times", true},
		"times":                {"OOMKilled at 2026-01-15T12:00:00Z", "OOMKilled at 2026-01-16T08:10:11.5Z", true},
		"durations":            {"back-off 10s restarting failed container", "back-off 5m0s restarting failed container", true},
		"Pods of a Deployment": {`pods "resizer-756b78c654-2zh4n" is forbidden`, `pods "resizer-756b78c654-t7rhb" is forbidden`, true},
		"events that are counted": {
			`FailedCreate: Error creating: pods "a" is forbidden`, `FailedCreate: (combined from similar events): Error creating: pods "a" is forbidden`, true,
		},
		"the kubelet waits": {
			`is waiting: ErrImagePull: failed to pull "127.0.0.1:5999/a:1"`, `is waiting: ImagePullBackOff: Back-off pulling image "127.0.0.1:5999/a:1": ErrImagePull: failed to pull "127.0.0.1:5999/a:1"`, true,
		},
		"the next start":    {"container app is waiting: CrashLoopBackOff: back-off 10s", "container app is waiting: CrashLoopBackOff: back-off 5m0s", true},
		"Pods":              {"1 of 3 Pods: cart-abcdefgh12-x2x9k", "2 of 5 Pods: cart-abcdefgh12-aaaaa, cart-abcdefgh12-bbbbb", true},
		"two streams":       {"up\nFATAL: no table", "FATAL: no table\nup", true},
		"another exit code": {"terminated with exit code 137, restarted 2 times", "terminated with exit code 1, restarted 2 times", false},
		"another port":      {"connect to db:5432: refused", "connect to db:5433: refused", false},
		"another image":     {`pull "shop/cart:1.8.0": not found`, `pull "shop/cart:1.9.0": not found`, false},
		"another limit":     {"limit 64Mi", "limit 32Mi", false},
	} {
		t.Run(name, func(t *testing.T) {
			digest := func(text string, severity v1alpha1.Severity) string {
				f := finding("f1", "", text)
				f.Severity = severity
				if !strings.Contains(text, "\n") && !strings.Contains(text, "FATAL") {
					f.Evidence[0].Source = v1alpha1.EvidenceCondition
				}
				return ofCause(Cause{Finding: f, Effects: []v1alpha1.Finding{finding("f2"+string(severity), "f1")}}, background.Facts{}).digest
			}
			if same := digest(tc.before, v1alpha1.SeverityHigh) == digest(tc.after, v1alpha1.SeverityCritical); same != tc.same {
				t.Errorf("the same question: %t, want %t\n%s\n%s", same, tc.same, background.Stable(tc.before), background.Stable(tc.after))
			}
		})
	}
}
