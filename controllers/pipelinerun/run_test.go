package pipelinerun_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/outcome"
)

// shop is a Pipeline of all types: build, approve, soak and deploy, with a notice at the end.
func shop() v1alpha1.PipelineSpec {
	build := jobStage("build")
	build.Job.Outputs = []string{"image"}
	build.Job.Env = []v1alpha1.StageValue{{Name: "VERSION", Expression: "params.version"}, {Name: "FIXED", Value: ptr.To("$(HOME)")}}
	deploy := jobStage("deploy", "soak")
	deploy.When = "params.deploy && stages.build.outputs.image != ''"
	deploy.Job.Env = []v1alpha1.StageValue{{Name: "IMAGE", Expression: "stages.build.outputs.image"}}
	notice := jobStage("notice")
	notice.When = "run.failed"
	return v1alpha1.PipelineSpec{
		Parameters: []v1alpha1.PipelineParameter{
			{Name: "version"}, {Name: "deploy", Type: v1alpha1.ParameterBoolean, Default: ptr.To("true")},
		},
		Stages:  []v1alpha1.PipelineStage{build, approvalStage("approve", "build"), waitStage("soak", time.Minute, "approve"), deploy},
		Finally: []v1alpha1.PipelineStage{notice},
	}
}

func TestARunExecutesJobsApprovalsAndWaits(t *testing.T) {
	w := newWorld(t)
	w.pipeline(shop())
	w.run("r", v1alpha1.ParameterValue{Name: "version", Value: "1.2"})

	run := w.settle("r")
	w.want(run, v1alpha1.RunRunning, "build=Observing/JobRunning", "approve=Waiting", "soak=Waiting", "deploy=Waiting", "notice=Waiting")
	built := w.jobs()["build"]
	if len(built) != 1 || built[0].Name != key(run, "build") {
		t.Fatalf("Jobs of build: %+v", built)
	}
	spec := built[0].Spec.Template.Spec
	if spec.ServiceAccountName != "kubeops" || spec.RestartPolicy != "Never" || *built[0].Spec.BackoffLimit != 0 ||
		spec.Containers[0].Env[0].Value != "1.2" || spec.Containers[0].Env[1].Value != "$$(HOME)" {
		t.Errorf("the Job is %+v", built[0].Spec)
	}

	w.finish(key(run, "build"), 0, "downloading\nimage=registry.example.com/shop@sha256:0123\n")
	run = w.settle("r")
	w.want(run, v1alpha1.RunRunning, "build=Succeeded", "approve=Observing/AwaitingApproval")
	if got := run.Status.Stage("build").Outputs["image"]; got != "registry.example.com/shop@sha256:0123" {
		t.Errorf("output %q", got)
	}

	if err := w.approve(run, "approve", "alice"); err != nil {
		t.Fatal(err)
	}
	run = w.settle("r")
	w.want(run, v1alpha1.RunRunning, "approve=Succeeded", "soak=Observing")
	run = w.pass(time.Minute, "r")
	w.want(run, v1alpha1.RunRunning, "soak=Succeeded", "deploy=Observing")
	if env := w.jobs()["deploy"][0].Spec.Template.Spec.Containers[0].Env; env[0].Value != "registry.example.com/shop@sha256:0123" {
		t.Errorf("the environment is %+v", env)
	}
	w.finish(key(run, "deploy"), 0, "")
	run = w.settle("r")
	w.want(run, v1alpha1.RunSucceeded, "deploy=Succeeded", "notice=Skipped/ConditionFalse")
	if run.Status.Progress != "5/5" || run.Status.CompletionTime == nil {
		t.Errorf("progress %s, completion %v", run.Status.Progress, run.Status.CompletionTime)
	}
	for _, violation := range outcome.Violations(run.Generation, run.Status.ObservedGeneration, run.Status.Conditions) {
		t.Error(violation)
	}

	w.requests.arm(0, false)
	if wait, err := w.step("r"); wait != 0 || err != nil {
		t.Errorf("a finished run is reconciled after %s, %v", wait, err)
	}
	if all, writes := w.requests.counts(); all != 1 || writes != 0 {
		t.Errorf("a finished run costs %d requests and %d writes, want 1 read", all, writes)
	}
}

func TestAFailedJobEndsTheRunWithItsExitCode(t *testing.T) {
	w := newWorld(t)
	w.pipeline(shop())
	w.run("r", v1alpha1.ParameterValue{Name: "version", Value: "1.2"})
	run := w.settle("r")
	w.finish(key(run, "build"), 3, "")
	run = w.settle("r")
	w.want(run, v1alpha1.RunFinishing, "build=Failed/JobFailed", "approve=Skipped/EarlierStageFailed", "deploy=Skipped", "notice=Observing")
	if message := run.Status.Stage("build").Message; !strings.Contains(message, "exit code 3") {
		t.Errorf("message %q", message)
	}
	w.finish(key(run, "notice"), 0, "")
	run = w.settle("r")
	w.want(run, v1alpha1.RunFailed, "notice=Succeeded")
	if message := outcome.Explanation(run.Status.Conditions); !strings.Contains(message, "stage build is Failed (JobFailed)") {
		t.Errorf("message %q", message)
	}
	for _, violation := range outcome.Violations(run.Generation, run.Status.ObservedGeneration, run.Status.Conditions) {
		t.Error(violation)
	}
}

func TestARunBelongsToItsPipelineOnce(t *testing.T) {
	w := newWorld(t)
	definition := &v1alpha1.Pipeline{ObjectMeta: w.Meta("p"), Spec: v1alpha1.PipelineSpec{
		Concurrency: v1alpha1.ConcurrencyAllow, Stages: []v1alpha1.PipelineStage{waitStage("a", time.Second)},
	}}
	w.Create(definition)
	owner := func(kind, name string, uid types.UID) metav1.OwnerReference {
		return metav1.OwnerReference{APIVersion: v1alpha1.GroupVersion().String(), Kind: kind, Name: name, UID: uid}
	}
	other := owner("Inspection", "other", "6f0e8b9e-3f0c-4d0b-8d7e-0a8f6f1f7c11")
	pipelineOwner := owner("Pipeline", definition.Name, definition.UID)
	for name, tc := range map[string]struct{ has, want []metav1.OwnerReference }{
		"by-a-person":   {nil, []metav1.OwnerReference{pipelineOwner}},
		"by-a-trigger":  {[]metav1.OwnerReference{pipelineOwner}, []metav1.OwnerReference{pipelineOwner}},
		"of-others":     {[]metav1.OwnerReference{other}, []metav1.OwnerReference{other, pipelineOwner}},
		"of-others-too": {[]metav1.OwnerReference{pipelineOwner, other}, []metav1.OwnerReference{pipelineOwner, other}},
	} {
		t.Run(name, func(t *testing.T) {
			metadata := w.Meta(name)
			metadata.OwnerReferences = tc.has
			w.Create(&v1alpha1.PipelineRun{
				ObjectMeta: metadata, Spec: v1alpha1.PipelineRunSpec{PipelineRef: v1alpha1.LocalReference{Name: definition.Name}},
			})
			run := w.settle(name)
			if diff := cmp.Diff(tc.want, run.OwnerReferences); diff != "" {
				t.Errorf("owners (-want +got):\n%s", diff)
			}
		})
	}
}
