package bundle

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	testingclock "k8s.io/utils/clock/testing"
)

func TestAComparisonCountsForFiveToTenMinutes(t *testing.T) {
	for _, tc := range []struct {
		name string
		// steps of the clock between adding the comparison and asking for it, with a question after each.
		steps []time.Duration
		want  bool
	}{
		{"at once", nil, true},
		{"after four minutes", []time.Duration{4 * time.Minute}, true},
		{"after six minutes, when it is of the previous five", []time.Duration{6 * time.Minute}, true},
		{"after eleven minutes", []time.Duration{6 * time.Minute, 5 * time.Minute}, false},
		{"after an hour without a question", []time.Duration{time.Hour}, false},
		{"after the clock went back", []time.Duration{-time.Minute}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			clock := testingclock.NewFakeClock(time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC))
			s := NewSettled(clock)
			s.add("shop", comparison{1})
			for _, step := range tc.steps {
				clock.Step(step)
				s.has("shop", comparison{2})
			}
			if got := s.has("shop", comparison{1}); got != tc.want {
				t.Errorf("got %v", got)
			}
			if s.has("shop", comparison{2}) {
				t.Error("a comparison counts that was never made")
			}
		})
	}
}

func comparisons(n int) (all []comparison) {
	for i := range n {
		all = append(all, comparison{byte(i), byte(i >> 8), byte(i >> 16)})
	}
	return all
}

func TestComparisonsAreBoundedAndSharedBetweenNamespaces(t *testing.T) {
	s := NewSettled(testingclock.NewFakeClock(time.Now()))
	kept := func(namespace string) int { return len(s.current.of[namespace]) }
	for _, c := range comparisons(2 * maxSettled) {
		s.add("large", c)
	}
	if s.current.all != maxSettled || kept("large") != maxSettled {
		t.Errorf("%d are kept", s.current.all)
	}
	for _, c := range comparisons(100) {
		s.add("small", c)
		s.add("small", c)
	}
	if s.current.all != maxSettled || kept("small") != 100 || !s.has("small", comparison{99}) {
		t.Errorf("%d of the small namespace are kept, and %d of all", kept("small"), s.current.all)
	}
	for _, c := range comparisons(2 * maxSettled) {
		s.add("other", c)
	}
	if difference := kept("large") - kept("other"); s.current.all != maxSettled || kept("small") != 100 || difference < 0 || difference > 2 {
		t.Errorf("kept: %d, %d and %d", kept("large"), kept("other"), kept("small"))
	}
}

func TestTheNamespaceOfABundleIsInItsFieldManager(t *testing.T) {
	for _, name := range []string{"b", strings.Repeat("long.", 50)} {
		if got := namespaceOf(FieldManager(strings.Repeat("n", 63), name)); got != strings.Repeat("n", 63) {
			t.Errorf("got %s", got)
		}
	}
}

func TestAnotherManifestManagerOrObjectIsAnotherComparison(t *testing.T) {
	live := func(value string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"data": map[string]any{"key": value}}}
	}
	first, _ := comparisonOf("kubeops/a/b", "digest", live("1"))
	same, ok := comparisonOf("kubeops/a/b", "digest", live("1"))
	if !ok || same != first {
		t.Error("the same comparison has another digest")
	}
	for name, other := range map[string]func() (comparison, bool){
		"manager":  func() (comparison, bool) { return comparisonOf("kubeops/a/c", "digest", live("1")) },
		"manifest": func() (comparison, bool) { return comparisonOf("kubeops/a/b", "other", live("1")) },
		"object":   func() (comparison, bool) { return comparisonOf("kubeops/a/b", "digest", live("2")) },
	} {
		if c, _ := other(); c == first {
			t.Errorf("another %s has the same digest", name)
		}
	}
}
