package ci

import (
	"errors"
	"io"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/ci"
)

// The artifact of a build with Behaviour Archive.
const (
	ArtifactPath    = "reports/a report+1.sarif"
	ArtifactContent = "a report of two lines\nand no line end"
)

func artifact(t *testing.T, s Subject) {
	p, is := s.Open(t).(ci.Archiver)
	if !is {
		t.Skip("the provider reads no artifacts")
	}
	archived := s.until(t, s.start(t, s.Open(t), s.request("archived", Archive)), ci.Phase.Ended)
	var content []byte
	read := func(in io.Reader) (err error) {
		content, err = io.ReadAll(in)
		return err
	}
	if err := p.Artifact(t.Context(), archived.Handle, ArtifactPath, read); err != nil || string(content) != ArtifactContent {
		t.Errorf("%q: %v", content, err)
	}
	own := errors.New("of the caller")
	err := p.Artifact(t.Context(), archived.Handle, ArtifactPath, func(io.Reader) error { return own })
	if !errors.Is(err, own) {
		t.Errorf("the error of the caller became %v", err)
	}
	none := s.until(t, s.start(t, s.Open(t), s.request("failed-archive", Fail)), ci.Phase.Ended)
	for name, tc := range map[string]struct {
		handle ci.Handle
		path   string
		reason string
	}{
		"another path":             {archived.Handle, "reports/a report.sarif", v1alpha1.ReasonArtifactNotFound},
		"a folder":                 {archived.Handle, "reports", v1alpha1.ReasonArtifactNotFound},
		"a build without a report": {none.Handle, ArtifactPath, v1alpha1.ReasonArtifactNotFound},
		"a path above":             {archived.Handle, "reports/../" + ArtifactPath, v1alpha1.ReasonInvalidSpec},
		"an absolute path":         {archived.Handle, "/" + ArtifactPath, v1alpha1.ReasonInvalidSpec},
		"a pattern":                {archived.Handle, "reports/*zip*", v1alpha1.ReasonInvalidSpec},
		"no path":                  {archived.Handle, "", v1alpha1.ReasonInvalidSpec},
		"a handle of others":       {"x", ArtifactPath, v1alpha1.ReasonInvalidSpec},
	} {
		err := p.Artifact(t.Context(), tc.handle, tc.path, func(io.Reader) error { return errors.New("something was read") })
		if got := problem.As(err); got == nil || got.Reason != tc.reason || got.Action != problem.UserMustAct {
			t.Errorf("%s: got %v, want %s", name, err, tc.reason)
		}
	}
}
