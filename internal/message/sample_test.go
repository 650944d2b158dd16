package message

import (
	"strings"
	"testing"

	"k8s.io/utils/ptr"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

func TestTemplatesAreRenderedOnASample(t *testing.T) {
	spec := func(text string, with func(*v1alpha1.NotificationChannelSpec)) v1alpha1.NotificationChannelSpec {
		s := v1alpha1.NotificationChannelSpec{Template: v1alpha1.NotificationTemplate{Text: text}}
		if with != nil {
			with(&s)
		}
		return s
	}
	each := func(s *v1alpha1.NotificationChannelSpec) { s.Mode = v1alpha1.DeliverEach }
	active := func(s *v1alpha1.NotificationChannelSpec) { s.Filter.Fixed = ptr.To(false) }
	for name, tc := range map[string]struct {
		spec v1alpha1.NotificationChannelSpec
		want string
	}{
		"none":                            {spec("", nil), ""},
		"the default":                     {spec(defaultText, nil), ""},
		"the default for each finding":    {spec(defaultText, each), ""},
		"an unknown field, with its line": {spec("a\nb {{.Nothing}}", nil), "spec.template.text failed: 2:"},
		"no end":                          {spec("{{range 2000000000}}{{end}}", nil), "20000 steps"},
		"the first of no findings":        {spec("{{(index .Findings 0).Line}}", nil), "out of range"},
		"the first of the findings, always there": {spec("{{(index .Findings 0).Line}}", active), ""},
		"the first of the findings, of each":      {spec("{{(index .Findings 0).Line}}", each), "out of range"},
	} {
		t.Run(name, func(t *testing.T) {
			c := NewComposer(&tc.spec, tc.spec.Type == v1alpha1.ChannelAlertmanager, same, Local{}, "")
			err := c.Verify(t.Context())
			if tc.want == "" && err != nil {
				t.Fatal(err)
			}
			if p := problem.As(err); tc.want != "" && (p == nil || p.Reason != v1alpha1.ReasonInvalidTemplate ||
				!strings.Contains(p.Message, tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
