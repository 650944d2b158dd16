package background

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestDifferencesNameFieldsAndVariables(t *testing.T) {
	spec := func(image, host, more string) corev1.PodSpec {
		s := corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: image, Env: []corev1.EnvVar{{Name: "DB_HOST", Value: host}}}}}
		if more != "" {
			s.Containers[0].Env = append(s.Containers[0].Env, corev1.EnvVar{Name: "MORE", Value: more})
		}
		return s
	}
	for name, tc := range map[string]struct {
		before, after corev1.PodSpec
		want          string
	}{
		"equal":            {spec("a:1", "db", ""), spec("a:1", "db", ""), ""},
		"an image":         {spec("a:1", "db", ""), spec("a:2", "db", ""), "- containers[app].image: a:1\n+ containers[app].image: a:2"},
		"a variable":       {spec("a:1", "db", ""), spec("a:1", "bd", ""), "- containers[app] env DB_HOST=db\n+ containers[app] env DB_HOST=bd"},
		"an added one":     {spec("a:1", "db", ""), spec("a:1", "db", "x"), "+ containers[app] env MORE=x"},
		"a removed one":    {spec("a:1", "db", "x"), spec("a:1", "db", ""), "- containers[app] env MORE=x"},
		"a very long text": {spec("a:1", "db", "x"), spec("a:1", "db", strings.Repeat("word ", 100)), "- containers[app] env MORE=x\n+ containers[app] env MORE=" + strings.Repeat("word ", 40) + "…"},
		"a very long word": {spec("a:1", "db", ""), spec("a:1", "db", strings.Repeat("x", 300)), "+ containers[app] env MORE=…"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := diff(tc.before, tc.after); got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}

func TestExplainingLinesAreTheMostTelling(t *testing.T) {
	for name, tc := range map[string]struct{ log, want string }{
		"the fatal one":           {"starting\nERROR: retrying\nFATAL: no such table\nbye", "FATAL: no such table"},
		"the last error":          {"error: a\nerror: b\nshutting down", "error: b"},
		"a warning if no error":   {"up\nwarning: pool is small\ndone", "warning: pool is small"},
		"none in a healthy log":   {"up\nlistening on :8080", ""},
		"one of many equal lines": {strings.Repeat("2026-01-15T12:00:00Z connection refused\n", 50), "2026-01-15T12:00:00Z connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			lines := strings.Split(strings.TrimSpace(tc.log), "\n")
			got := append(explainingLines(lines), "")[0]
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if n := len(explainingLines(lines)); n > 3 {
				t.Errorf("%d lines", n)
			}
		})
	}
}

func TestUnresolvedHostsAreFoundInLogs(t *testing.T) {
	for log, want := range map[string]string{
		"nslookup: can't resolve 'reviews-db'\nping: bad address 'reviews-db'": "reviews-db",
		"dial tcp: lookup crat-db on 10.96.0.10:53: no such host":              "crat-db",
		"Error: getaddrinfo ENOTFOUND crat-db":                                 "crat-db",
		`psycopg2: could not translate host name "orders-db" to address`:       "orders-db",
		"curl: (6) Could not resolve host: payments":                           "payments",
		"Unknown MySQL server host 'mysql-0' (-2)":                             "mysql-0",
		"waiting for redis":                                     "redis",
		"connect to 10.0.0.7:5432: connection refused":          "",
		"waiting for the lock":                                  "",
		strings.Repeat("lookup a-b on 10.96.0.10:53\n", 10_000): "a-b",
	} {
		var got []string
		for _, use := range unresolved(log) {
			if !slices.Contains(got, use.Host) {
				got = append(got, use.Host)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%.60s: got %q, want %q", log, got, want)
		}
	}
}
