package outcome

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// conditionTexts are conditions as Type=Status Reason, in their order.
func conditionTexts(list []metav1.Condition) []string {
	var texts []string
	for _, c := range list {
		texts = append(texts, c.Type+"="+string(c.Status)+" "+c.Reason)
	}
	return texts
}

func TestConditionsFollowWhatHappened(t *testing.T) {
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	retry := problem.Retrying("SaveFailed", errors.New("x"), "cannot save")
	user := problem.UserError("InvalidSchedule", nil, "bad schedule")
	for name, tc := range map[string]struct {
		steps   []func(Conditions)
		want    []string
		working bool // not at rest
	}{
		"first run":                   {steps: []func(Conditions){progressing}, want: []string{"Reconciling=True Progressing", "Ready=Unknown Progressing"}, working: true},
		"success":                     {steps: []func(Conditions){progressing, succeeded}, want: []string{"Ready=True Succeeded"}},
		"a second run":                {steps: []func(Conditions){succeeded, progressing}, want: []string{"Ready=True Succeeded", "Reconciling=True Progressing"}, working: true},
		"retry":                       {steps: []func(Conditions){progressing, failed(retry)}, want: []string{"Reconciling=True Retrying", "Ready=False SaveFailed"}},
		"the user":                    {steps: []func(Conditions){progressing, failed(user)}, want: []string{"Ready=False InvalidSchedule", "Stalled=True InvalidSchedule"}},
		"mended":                      {steps: []func(Conditions){failed(user), progressing, succeeded}, want: []string{"Ready=True Succeeded"}},
		"user, then retry":            {steps: []func(Conditions){failed(user), failed(retry)}, want: []string{"Ready=False SaveFailed", "Reconciling=True Retrying"}},
		"nothing to do yet":           {steps: []func(Conditions){failed(user), waiting}, want: []string{"Ready=True Scheduled"}},
		"suspended, never tried":      {steps: []func(Conditions){suspended}, want: []string{"Ready=False Suspended"}},
		"suspended, waiting":          {steps: []func(Conditions){waiting, suspended}, want: []string{"Ready=False Suspended"}},
		"suspended after a success":   {steps: []func(Conditions){succeeded, suspended}, want: []string{"Ready=True Succeeded"}},
		"suspended in the middle":     {steps: []func(Conditions){progressing, suspended}, want: []string{"Ready=False Suspended"}},
		"suspended while it stalled":  {steps: []func(Conditions){failed(user), suspended}, want: []string{"Ready=False Suspended"}},
		"suspended while it is tried": {steps: []func(Conditions){succeeded, failed(retry), suspended}, want: []string{"Ready=False Suspended"}},
	} {
		t.Run(name, func(t *testing.T) {
			var list []metav1.Condition
			var observed int64
			for _, step := range tc.steps {
				step(Conditions{List: &list, Observed: &observed, Generation: 3, Now: now})
			}
			if diff := cmp.Diff(tc.want, conditionTexts(list)); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
			if found := Violations(3, observed, list); (len(found) > 0) != tc.working {
				t.Errorf("violations: %q", found)
			}
		})
	}
}

func progressing(c Conditions) { c.Progressing("working") }
func succeeded(c Conditions)   { c.Succeeded("done") }
func waiting(c Conditions)     { c.Ready("Scheduled", "at noon") }
func suspended(c Conditions)   { c.Suspended("suspended") }
func failed(p *problem.Problem) func(Conditions) {
	return func(c Conditions) { c.Failed(p) }
}

func TestReadyOfAnOldGenerationIsNotKnownWhileTheNewOneIsCarriedOut(t *testing.T) {
	var list []metav1.Condition
	var observed int64
	now := time.Now()
	Conditions{List: &list, Observed: &observed, Generation: 1, Now: now}.Succeeded("done")
	Conditions{List: &list, Observed: &observed, Generation: 2, Now: now}.Progressing("working")
	if diff := cmp.Diff([]string{"Ready=Unknown Progressing", "Reconciling=True Progressing"}, conditionTexts(list)); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
}

func TestTheTimeOfAConditionIsThatOfItsLastChange(t *testing.T) {
	var list []metav1.Condition
	var observed int64
	first := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	for generation := range int64(3) {
		now := first.Add(time.Duration(generation) * time.Hour)
		Conditions{List: &list, Observed: &observed, Generation: generation, Now: now}.Succeeded("done")
	}
	if !list[0].LastTransitionTime.Time.Equal(first) || list[0].ObservedGeneration != 2 || observed != 2 {
		t.Errorf("got %+v, observed %d", list[0], observed)
	}
}

func TestMessagesAreCutByRunes(t *testing.T) {
	var list []metav1.Condition
	var observed int64
	var complete string
	long := strings.Repeat("é", 5000)
	Conditions{List: &list, Observed: &observed, Complete: &complete}.Failed(problem.UserError("R", nil, "%s", long))
	for _, c := range list {
		if n := len([]rune(c.Message)); c.Type == v1alpha1.ConditionStalled && n != maxMessage || n > maxMessage {
			t.Errorf("%s: %d runes, want %d", c.Type, n, maxMessage)
		} else if c.Type == v1alpha1.ConditionReady && n > MaxReady {
			t.Errorf("Ready: %d runes, want at most %d", n, MaxReady)
		}
	}
	if complete != long {
		t.Errorf("the complete message has %d bytes", len(complete))
	}
}

func TestViolationsAreNamed(t *testing.T) {
	now := metav1.NewTime(time.Now())
	condition := func(kind string, status metav1.ConditionStatus) metav1.Condition {
		return metav1.Condition{Type: kind, Status: status, Reason: "R", Message: "m", ObservedGeneration: 2, LastTransitionTime: now}
	}
	old := condition("Ready", metav1.ConditionTrue)
	old.ObservedGeneration = 1
	for name, tc := range map[string]struct {
		observed int64
		list     []metav1.Condition
		want     string
	}{
		"nothing":                       {2, nil, "no condition Ready"},
		"a generation behind":           {1, []metav1.Condition{condition("Ready", metav1.ConditionTrue)}, "observedGeneration is 1"},
		"an old condition":              {2, []metav1.Condition{old}, "describes generation 1"},
		"neither done nor in work":      {2, []metav1.Condition{condition("Ready", metav1.ConditionFalse)}, "no state at rest"},
		"done and stalled":              {2, []metav1.Condition{condition("Ready", metav1.ConditionTrue), condition("Stalled", metav1.ConditionTrue)}, "no state at rest"},
		"tried again and stalled":       {2, []metav1.Condition{condition("Ready", metav1.ConditionFalse), condition("Stalled", metav1.ConditionTrue), condition("Reconciling", metav1.ConditionTrue)}, "no state at rest"},
		"a False that should be absent": {2, []metav1.Condition{condition("Ready", metav1.ConditionTrue), condition("Stalled", metav1.ConditionFalse)}, "must be True or absent"},
		"a condition without a reason":  {2, []metav1.Condition{{Type: "Ready", Status: metav1.ConditionTrue, ObservedGeneration: 2}}, "no reason, message or time"},
	} {
		t.Run(name, func(t *testing.T) {
			if found := strings.Join(Violations(2, tc.observed, tc.list), "; "); !strings.Contains(found, tc.want) {
				t.Errorf("got %q, want %q", found, tc.want)
			}
		})
	}
}

func TestNextTriesAgainOnlyWhatMayRecover(t *testing.T) {
	for name, tc := range map[string]struct {
		problem      *problem.Problem
		wantAfter    time.Duration
		wantErr      bool
		wantTerminal bool
	}{
		"retry":               {problem.Retrying("R", nil, "m"), 0, true, false},
		"wait":                {problem.Waiting("R", 5*time.Second, "m"), 5 * time.Second, false, false},
		"wait without a time": {problem.Waiting("R", 0, "m"), time.Minute, false, false},
		"only the user":       {problem.UserError("R", nil, "m"), 0, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := Next(tc.problem)
			if result.RequeueAfter != tc.wantAfter || (err != nil) != tc.wantErr ||
				errors.Is(err, reconcile.TerminalError(nil)) != tc.wantTerminal {
				t.Errorf("got %v, %v", result, err)
			}
		})
	}
}

func TestMessagesOfConditionsArePrintable(t *testing.T) {
	var list []metav1.Condition
	var observed int64
	c := Conditions{List: &list, Observed: &observed, Now: time.Now()}
	c.Failed(problem.UserError("InvalidSpec", nil, "Role a\n\x1b[2J\u202egnp"))
	if got := list[0].Message; got != `Role a\n\x1b[2J\u202egnp` {
		t.Errorf("got %q", got)
	}
}
