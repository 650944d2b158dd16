package jenkins

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ci"
	fake "kubeops.io/kubeops/internal/testkit/jenkins"
)

// archivedBuild is a build of job with an artifact.
func archivedBuild(t *testing.T, artifacts map[string]string) (*fake.Server, *Provider, ci.Handle) {
	t.Helper()
	s := newFake(t)
	p := open(t, s)
	started, err := p.Start(t.Context(), ci.Request{Key: "k", Job: "job", Claimed: s.Clock.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Builds("job")) != 1 {
		t.Fatal("there is no build")
	}
	s.Change("job", 1, func(b *fake.Build) {
		b.Finish("SUCCESS")
		b.Artifacts = artifacts
	})
	status, err := p.Get(t.Context(), started.Handle)
	if err != nil || status.Phase != ci.Succeeded {
		t.Fatalf("%+v: %v", status, err)
	}
	return s, p, status.Handle
}

func TestAnArtifactThatCannotBeReadSaysWhy(t *testing.T) {
	t.Parallel()
	const path = "reports/findings.sarif"
	for name, tc := range map[string]struct {
		change func(s *fake.Server)
		reason string
		says   string
		retry  bool
	}{
		"a redirect to a store": {
			func(s *fake.Server) { s.Set(func(o *fake.Options) { o.ArtifactsElsewhere = true }) }, v1alpha1.ReasonArtifactNotAvailable,
			"on another server (302)", false,
		},
		"no permission for artifacts": {
			func(s *fake.Server) { s.Refuse("/artifact/"+path, http.StatusForbidden) }, v1alpha1.ReasonArtifactNotAvailable,
			"check the permission Run/Artifacts", false,
		},
		"a deleted build": {
			func(s *fake.Server) { s.Change("job", 1, func(b *fake.Build) { b.Hidden = true }) }, v1alpha1.ReasonArtifactNotFound,
			"it was deleted", false,
		},
		"a job that was created again": {
			func(s *fake.Server) { s.Change("job", 1, func(b *fake.Build) { b.Parameters[Marker] = "other" }) },
			v1alpha1.ReasonArtifactNotFound, "created again", false,
		},
		"a similar path": {
			func(s *fake.Server) {
				s.Change("job", 1, func(b *fake.Build) { b.Artifacts = map[string]string{"reports/finding.sarif": ""} })
			},
			v1alpha1.ReasonArtifactNotFound, "did you mean reports/finding.sarif?", false,
		},
		"nothing archived": {
			func(s *fake.Server) { s.Change("job", 1, func(b *fake.Build) { b.Artifacts = nil }) }, v1alpha1.ReasonArtifactNotFound,
			"it archived none", false,
		},
		"too many artifacts": {
			func(s *fake.Server) {
				s.Change("job", 1, func(b *fake.Build) {
					b.Artifacts = map[string]string{path: ""}
					for n := range maxArtifacts {
						b.Artifacts[fmt.Sprintf("classes/%04d.class", n)] = ""
					}
				})
			},
			v1alpha1.ReasonArtifactNotFound, "not among the first 1000", false,
		},
		"a revoked token": {
			func(s *fake.Server) { s.Refuse("/1/api/json", http.StatusUnauthorized) }, v1alpha1.ReasonUnauthorized, "rejected the credentials", false,
		},
		"a server that is down": {
			func(s *fake.Server) { s.Refuse("/artifact/"+path, http.StatusServiceUnavailable) }, v1alpha1.ReasonServerError, "503", true,
		},
	} {
		s, p, handle := archivedBuild(t, map[string]string{path: "{}"})
		tc.change(s)
		err := p.Artifact(t.Context(), handle, path, func(io.Reader) error {
			t.Errorf("%s: something was read", name)
			return nil
		})
		got := problem.As(err)
		if got == nil || got.Reason != tc.reason || !strings.Contains(got.Message, tc.says) || (got.Action == problem.Retry) != tc.retry {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestAnArtifactOverTheLimitIsRefused(t *testing.T) {
	t.Parallel()
	_, p, handle := archivedBuild(t, map[string]string{"a": strings.Repeat("x", ci.MaxArtifact+1)})
	err := p.Artifact(t.Context(), handle, "a", func(in io.Reader) error {
		_, err := io.Copy(io.Discard, in)
		return err
	})
	if got := problem.As(err); got == nil || got.Reason != v1alpha1.ReasonResponseTooLarge || !provider.TooLarge(err) {
		t.Errorf("got %v", err)
	}
}

func FuzzArtifactPaths(f *testing.F) {
	f.Add("reports/a report.sarif")
	f.Add("../x")
	f.Fuzz(func(t *testing.T, path string) {
		if checkArtifact(path) != nil {
			return
		}
		if len(path) > maxPath || path[0] == '/' || strings.Contains("/"+path+"/", "/../") || strings.ContainsAny(path, "*?%#") {
			t.Error(path)
		}
	})
}
