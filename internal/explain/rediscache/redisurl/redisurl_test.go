package redisurl

import (
	"strings"
	"testing"
)

func TestAURLMustNameAHostAndHoldNoPassword(t *testing.T) {
	for text, want := range map[string]string{ // part of the error; empty means accepted
		"redis://cache":                    "",
		"rediss://user@cache:6380/2":       "",
		"redis://[::1]:6379/":              "",
		"http://cache":                     "must begin with",
		"redis://:6379":                    "name a host",
		"redis://cache:hunter2":            "must begin with",
		"redis://:hunter2@cache":           "must not contain a password",
		"redis://cache?password=hunter2":   "query",
		"redis://cache#hunter2":            "fragment",
		"redis://cache/hunter2":            "number of a database",
		"redis://cache/-1":                 "number of a database",
		"redis://user:hunt/er2@cache.test": "must begin with",
	} {
		base, _, err := Parse(text)
		if want == "" && (err != nil || base.Hostname() == "") || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunt") {
			t.Errorf("%s: the error quotes the URL: %v", text, err)
		}
	}
}
