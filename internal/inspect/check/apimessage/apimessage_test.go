package apimessage

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestParseRefusalOfQuotas(t *testing.T) {
	cases := map[string]struct {
		message string
		want    Refusal
	}{
		"no room for several resources": {
			message: checktest.OverQuota,
			want:    Refusal{By: QuotaExceeded, Name: "compute", Resources: []string{"limits.cpu", "pods"}},
		},
		"resources that are not stated": {
			message: `pods "a" is forbidden: failed quota: compute: must specify limits.cpu for: web; limits.memory for: proxy,web`,
			want:    Refusal{By: QuotaUnspecified, Name: "compute", Resources: []string{"limits.cpu", "limits.memory"}},
		},
		"resources that are not stated, as before Kubernetes 1.26": {
			message: `pods "a" is forbidden: failed quota: compute: must specify limits.memory,limits.cpu`,
			want:    Refusal{By: QuotaUnspecified, Name: "compute", Resources: []string{"limits.cpu", "limits.memory"}},
		},
		"a resource that no quota covers": {
			message: `pods "a" is forbidden: insufficient quota to consume: requests.nvidia.com/gpu`,
			want:    Refusal{By: QuotaUncovered, Detail: "requests.nvidia.com/gpu"},
		},
		"cut off after the name": {
			message: `pods "a" is forbidden: exceeded quota: compute`,
			want:    Refusal{By: QuotaExceeded, Name: "compute"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, ok := ParseRefusal(c.message)
			if !ok {
				t.Fatal("no refusal")
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(Refusal{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
