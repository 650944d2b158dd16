package pipelinerun_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit/ociregistry"
)

// newRegistry is a world with a registry, whose credentials the ServiceAccount can read.
func newRegistry(t *testing.T) (*world, *ociregistry.Server) {
	t.Helper()
	w := newWorld(t)
	s := ociregistry.New(t, ociregistry.Bearer)
	w.Grant("registry")
	w.Secret("registry", "username", ociregistry.User, "password", ociregistry.Password, "ca.crt", string(s.CA))
	return w, s
}

// imageStage looks up the tag of parameter tag in shop/web.
func imageStage(s *ociregistry.Server) v1alpha1.PipelineStage {
	return v1alpha1.PipelineStage{Name: "image", Type: v1alpha1.StageImage, Image: &v1alpha1.ImageStage{
		Repository: s.Host + "/shop/web", Tag: v1alpha1.StageText{Expression: "params.tag"},
		SecretRef: &v1alpha1.SecretReference{Name: "registry"},
	}}
}

func TestAnImageStagePassesTheDigestOfATagOn(t *testing.T) {
	w, s := newRegistry(t)
	next := jobStage("next", "image")
	next.Job.Env = []v1alpha1.StageValue{{Name: "IMAGE", Expression: "stages.image.outputs.image + ' ' + stages.image.outputs.digest"}}
	w.pipeline(v1alpha1.PipelineSpec{
		Parameters: []v1alpha1.PipelineParameter{{Name: "tag"}}, Stages: []v1alpha1.PipelineStage{imageStage(s), next},
	})
	digest := s.PushImage("shop/web", "1.2", "first")
	w.run("r", tag("1.2"))
	run := w.settle("r")
	w.want(run, v1alpha1.RunRunning, "image=Succeeded", "next=Observing")
	want := s.Host + "/shop/web@" + digest + " " + digest
	if env := w.jobs()["next"][0].Spec.Template.Spec.Containers[0].Env[0]; env.Value != want {
		t.Errorf("the next stage got %+v, want %s", env, want)
	}
	if strings.Contains(dump(run), ociregistry.Password) {
		t.Error("the status has the password")
	}
}

func TestAnImageStageWithoutATagFailsAndIsRepeatedIfTheStageSaysSo(t *testing.T) {
	w, s := newRegistry(t)
	stage := imageStage(s)
	stage.Retry = &v1alpha1.StageRetry{Attempts: 2}
	w.pipeline(v1alpha1.PipelineSpec{
		Concurrency: v1alpha1.ConcurrencyAllow,
		Parameters:  []v1alpha1.PipelineParameter{{Name: "tag"}}, Stages: []v1alpha1.PipelineStage{stage},
	})
	w.run("late", tag("1.2"))
	run := w.settle("late")
	w.want(run, v1alpha1.RunRunning, "image=Waiting/RetryScheduled")
	if message := run.Status.Stage("image").Message; !strings.Contains(message, "has no tag 1.2") {
		t.Errorf("message %q", message)
	}
	s.PushImage("shop/web", "1.2", "first")
	w.want(w.pass(10*time.Second, "late"), v1alpha1.RunSucceeded, "image=Succeeded")

	w.run("never", tag("9"))
	w.settle("never")
	w.want(w.pass(10*time.Second, "never"), v1alpha1.RunFailed, "image=Failed/ImageNotFound")
	w.run("no-tag", tag("a/b"))
	w.want(w.settle("no-tag"), v1alpha1.RunFailed, "image=Failed/InvalidSpec")
}

func TestAnImageStageWaitsForARegistryThatIsBusy(t *testing.T) {
	w, s := newRegistry(t)
	w.pipeline(v1alpha1.PipelineSpec{
		Parameters: []v1alpha1.PipelineParameter{{Name: "tag"}}, Stages: []v1alpha1.PipelineStage{imageStage(s)},
	})
	s.PushImage("shop/web", "1.2", "first")
	s.Before(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	w.run("r", tag("1.2"))
	w.want(w.settle("r"), v1alpha1.RunRunning, "image=Submitted/RateLimited")
	if wait, err := w.step("r"); err != nil || wait != 30*time.Second {
		t.Errorf("it asks again after %s, %v", wait, err)
	}
	s.Before(nil)
	w.want(w.pass(30*time.Second, "r"), v1alpha1.RunSucceeded, "image=Succeeded")
}

func TestARunWithAnImageStageDoesNotStartWithoutCredentials(t *testing.T) {
	w, s := newRegistry(t)
	w.pipeline(v1alpha1.PipelineSpec{
		Parameters: []v1alpha1.PipelineParameter{{Name: "tag"}}, Stages: []v1alpha1.PipelineStage{imageStage(s)},
	})
	w.Secret("registry", "username", ociregistry.User, "password", "wrong", "ca.crt", string(s.CA))
	w.run("r", tag("1.2"))
	run := w.settle("r")
	w.want(run, v1alpha1.RunFailed)
	wantReason(t, run, v1alpha1.ReasonUnauthorized)
}
