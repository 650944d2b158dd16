package outcome

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

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
		steps []func(Conditions)
		want  []string
	}{
		"first run":                     {[]func(Conditions){progressing}, []string{"Reconciling=True Progressing", "Ready=Unknown Progressing"}},
		"success":                       {[]func(Conditions){progressing, succeeded}, []string{"Ready=True Succeeded"}},
		"a second run":                  {[]func(Conditions){succeeded, progressing}, []string{"Ready=True Succeeded", "Reconciling=True Progressing"}},
		"retry":                         {[]func(Conditions){progressing, failed(retry)}, []string{"Reconciling=True Retrying", "Ready=False SaveFailed"}},
		"the user":                      {[]func(Conditions){progressing, failed(user)}, []string{"Ready=False InvalidSchedule", "Stalled=True InvalidSchedule"}},
		"mended":                        {[]func(Conditions){failed(user), progressing, succeeded}, []string{"Ready=True Succeeded"}},
		"user, then retry":              {[]func(Conditions){failed(user), failed(retry)}, []string{"Ready=False SaveFailed", "Reconciling=True Retrying"}},
		"suspended, never carried out":  {[]func(Conditions){suspended}, []string{"Ready=False Suspended"}},
		"suspended after a success":     {[]func(Conditions){succeeded, suspended}, []string{"Ready=True Succeeded"}},
		"suspended in the middle of it": {[]func(Conditions){progressing, suspended}, []string{"Ready=False Suspended"}},
	} {
		t.Run(name, func(t *testing.T) {
			var list []metav1.Condition
			for _, step := range tc.steps {
				step(Conditions{List: &list, Generation: 3, Now: now})
			}
			if diff := cmp.Diff(tc.want, conditionTexts(list)); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
			for _, c := range list {
				if c.ObservedGeneration != 3 || !c.LastTransitionTime.Time.Equal(now) {
					t.Errorf("%s: generation %d, since %s", c.Type, c.ObservedGeneration, c.LastTransitionTime)
				}
			}
		})
	}
}

func progressing(c Conditions) { c.Progressing("working") }
func succeeded(c Conditions)   { c.Succeeded("done") }
func suspended(c Conditions)   { c.Suspended("suspended") }
func failed(p *problem.Problem) func(Conditions) {
	return func(c Conditions) { c.Failed(p) }
}

func TestReadyOfAnOldGenerationIsNotKnownWhileTheNewOneIsCarriedOut(t *testing.T) {
	var list []metav1.Condition
	Conditions{List: &list, Generation: 1}.Succeeded("done")
	Conditions{List: &list, Generation: 2}.Progressing("working")
	if diff := cmp.Diff([]string{"Ready=Unknown Progressing", "Reconciling=True Progressing"}, conditionTexts(list)); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
}

func TestMessagesAreCutByRunes(t *testing.T) {
	var list []metav1.Condition
	Conditions{List: &list}.Succeeded(strings.Repeat("é", 5000))
	if n := len([]rune(list[0].Message)); n != maxMessage {
		t.Errorf("%d runes, want %d", n, maxMessage)
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
			if result.RequeueAfter != tc.wantAfter || (err != nil) != tc.wantErr || errors.Is(err, reconcile.TerminalError(nil)) != tc.wantTerminal {
				t.Errorf("got %v, %v", result, err)
			}
		})
	}
}
