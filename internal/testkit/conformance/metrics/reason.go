package conformance

import (
	"strconv"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/problem"
)

// Secret is part of the fake's responses. No error may quote it.
const Secret = "quoted-by-the-server"

// Reason checks that an error is a problem with a reason and a text in its message, and quotes no answer.
func Reason(t testing.TB, err error, reason, contains string) {
	t.Helper()
	p := problem.As(err)
	switch {
	case p == nil:
		t.Fatalf("got %v, want a problem with reason %s", err, reason)
	case p.Reason != reason || !strings.Contains(p.Message, contains):
		t.Errorf("got %s: %v, want reason %s and %q in the message", p.Reason, err, reason, contains)
	case strings.Contains(err.Error(), Secret) || strings.Contains(err.Error(), Password):
		t.Errorf("the error quotes the answer or the password: %v", err)
	}
}

// Count is an optional count as text.
func Count(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}
