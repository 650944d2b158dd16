package cli

import (
	"strings"
	"testing"
)

func TestClustersAreSelectedInOneWay(t *testing.T) {
	for line, want := range map[string]string{
		"get pods":                                   "select clusters with --clusters or --contexts",
		"get":                                        `"kubeops get" requires a kind`,
		"get pods --clusters a=b --contexts x":       "--clusters and --contexts are mutually exclusive",
		"get pods --contexts x -o jsn":               `invalid -o "jsn" (did you mean "json"?)`,
		"get pods --contexts x -o json -w":           "-w prints a table",
		"get pods --contexts x --context y":          "--context selects one cluster",
		"conflicts":                                  "requires a source: bundle/NAME, helm/NAME or argocd/NAME",
		"conflicts helm/":                            `invalid source "helm/"`,
		"conflicts helm/shop --cluster east":         "--cluster applies to bundles",
		"conflicts bundle/shop -A":                   "-A applies to releases and applications",
		"conflicts bundel/shop":                      `unknown kind "bundel" (did you mean "bundle"?)`,
		"diff":                                       "requires the name of a ResourceBundle",
		"diff bundle/x -o table,json":                "invalid -o",
		"get pods --clusters x --cluster-timeout 0s": "invalid --cluster-timeout 0s: must be positive",
	} {
		code, out, errOut := runCLI(t, strings.Fields(line)...)
		if code != exitError || out != "" || !strings.Contains(errOut, want) {
			t.Errorf("kubeops %s: exit code %d, %q; want %q", line, code, errOut, want)
		}
	}
}
