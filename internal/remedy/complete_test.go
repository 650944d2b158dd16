package remedy_test

import (
	"slices"
	"testing"

	"kubeops.io/kubeops/internal/remedy"
)

func TestCommandsGetTheNamespaceThatTheyLack(t *testing.T) {
	concern := func(words []string) bool { return slices.Contains(words, "pods") }
	for text, want := range map[remedy.Text]remedy.Text{
		"See `kubectl get pods --show-labels`.":    "See `kubectl -n shop get pods --show-labels`.",
		"`kubectl -n other get pods`":              "`kubectl -n other get pods`",
		"`kubectl get pods -A`":                    "`kubectl get pods -A`",
		"`kubectl --namespace=other get pods`":     "`kubectl --namespace=other get pods`",
		"`kubectl get nodes`, `kubectl get pods`":  "`kubectl get nodes`, `kubectl -n shop get pods`",
		"kubectl get pods without quotes":          "kubectl get pods without quotes",
		"`journalctl -u kubelet` pods":             "`journalctl -u kubelet` pods",
		"a backquote without a partner ` get pods": "a backquote without a partner ` get pods",
	} {
		if got := remedy.InNamespace(text, "shop", concern); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
	if got := remedy.InNamespace("`kubectl get pods`", "", concern); got != "`kubectl get pods`" {
		t.Errorf("without a namespace: %s", got)
	}
	if got := remedy.InNamespace("`kubectl get pods`", "-x y", concern); got != "`kubectl -n '-x y' get pods`" {
		t.Errorf("a name that is not one: %s", got)
	}
}

func TestNotesFollowTheirCommands(t *testing.T) {
	of := func(words []string) bool { return len(words) > 1 && words[1] == "top" }
	const text = "Measure (`kubectl top pod`), see `kubectl get pods`, or `kubectl top nodes`."
	const want = "Measure (`kubectl top pod`, which needs it), see `kubectl get pods`, or `kubectl top nodes`, which needs it."
	if got := remedy.Note(text, ", which needs it", of); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
