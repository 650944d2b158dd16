package resourcebundle

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/testkit/gitserver"
)

// hang makes a public repository whose server does not answer until the test ends.
func hang(t *testing.T) *gitserver.Server {
	t.Helper()
	server := gitserver.New(t, map[string]string{"apps/one.yaml": configMap("one", "1")})
	server.Public()
	released := make(chan struct{})
	server.Before(func(*http.Request) int {
		<-released
		return http.StatusServiceUnavailable
	})
	t.Cleanup(func() { close(released) }) // before the server is closed, which waits for its requests
	return server
}

func fromGit(url, path string) v1alpha1.ResourceBundleSpec {
	return v1alpha1.ResourceBundleSpec{ManifestsFrom: []v1alpha1.ManifestSource{{Git: &v1alpha1.GitManifests{
		URL: url, Path: path, Ref: &v1alpha1.GitRef{Branch: "main"},
	}}}}
}

// Two tenants with ten repositories each that hang, and four slots for all bundles.
func TestRepositoriesThatHangDelayNoOtherTenant(t *testing.T) {
	const (
		tenants = 2
		bundles = 10
		delay   = 10 * time.Second
	)
	slow := hang(t)
	good := gitserver.New(t, map[string]string{"apps/one.yaml": configMap("one", "1")})
	good.Public()
	var hanging []*world
	for range tenants {
		w := newWorld(t)
		for n := range bundles {
			w.bundle(fmt.Sprint("b", n), fromGit(slow.URL, fmt.Sprint("apps", n)))
		}
		hanging = append(hanging, w)
	}
	other := newWorld(t)
	testsuite.StartManager(t, realAPI, Setup)
	ready := func(w *world, name string) *metav1.Condition {
		return meta.FindStatusCondition(w.get(name).Status.Conditions, v1alpha1.ConditionReady)
	}
	for _, w := range hanging {
		for n := range bundles {
			w.Within(time.Minute, func() error {
				if r := ready(w, fmt.Sprint("b", n)); r == nil || r.Status == metav1.ConditionTrue {
					return fmt.Errorf("bundle %d: %+v", n, r)
				}
				return nil
			})
		}
	}
	other.bundle("good", fromGit(good.URL, "apps"))
	began := time.Now()
	other.Within(time.Minute, func() error {
		if r := ready(other, "good"); r == nil || r.Status != metav1.ConditionTrue {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
	took := time.Since(began)
	t.Logf("beside %d repositories that hang, a bundle is ready after %s", tenants*bundles, took.Round(time.Millisecond))
	if took > delay {
		t.Errorf("it took %s", took)
	}
	hanging[0].Within(time.Minute, func() error {
		if r := ready(hanging[0], "b0"); r == nil || r.Reason != v1alpha1.ReasonSourceUnavailable {
			return fmt.Errorf("a repository that hangs: %+v", r)
		}
		return nil
	})
}
