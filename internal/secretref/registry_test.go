package secretref

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestTheLoginOfARegistryIsThatOfTheLongestEntry(t *testing.T) {
	certificate, _ := newKeyPair(t)
	const auths = `{"auths": {
		"registry.example.com": {"auth": "aG9zdDpvcGVuLXNlc2FtZQ=="},
		"https://registry.example.com/shop": {"username": "shop", "password": "open-sesame"},
		"https://index.docker.io/v1/": {"username": "hub", "password": "open-sesame"},
		"empty.example.com": {}
	}}`
	for name, tc := range map[string]struct {
		data             []string
		repository, user string
		problem          string
		ca               bool
	}{
		"of the host":           {data: []string{".dockerconfigjson", auths}, repository: "registry.example.com/web", user: "host"},
		"of the path":           {data: []string{".dockerconfigjson", auths}, repository: "registry.example.com/shop/web", user: "shop"},
		"of the whole path":     {data: []string{".dockerconfigjson", auths}, repository: "registry.example.com/shop", user: "shop"},
		"a path that begins so": {data: []string{".dockerconfigjson", auths}, repository: "registry.example.com/shopping", user: "host"},
		"Docker Hub":            {data: []string{".dockerconfigjson", auths}, repository: "docker.io/library/busybox", user: "hub"},
		"another port": {
			data: []string{".dockerconfigjson", auths}, repository: "registry.example.com:5000/web", problem: "no login for registry.example.com:5000",
		},
		"an entry without login": {
			data: []string{".dockerconfigjson", auths}, repository: "empty.example.com/web", problem: "no username and password",
		},
		"no JSON":     {data: []string{".dockerconfigjson", "open-sesame"}, repository: "registry.example.com/web", problem: "is not JSON"},
		"a bad auth":  {data: []string{".dockerconfigjson", `{"auths": {"a.b": {"auth": "!"}}}`}, repository: "a.b/c", problem: "not base64"},
		"basic":       {data: []string{"username", "u", "password", secretValue}, repository: "a.b/c", user: "u"},
		"with a CA":   {data: []string{"username", "u", "password", secretValue, "ca.crt", certificate}, repository: "a.b/c", user: "u", ca: true},
		"only a CA":   {data: []string{"ca.crt", certificate}, repository: "a.b/c", ca: true},
		"nothing":     {data: []string{"token", "x"}, repository: "a.b/c", problem: "no key username"},
		"no password": {data: []string{"username", "u"}, repository: "a.b/c", problem: "no key password"},
	} {
		t.Run(name, func(t *testing.T) {
			reader := readerOf(tc.data...)
			user, password, ca, err := reader.Registry(t.Context(), v1alpha1.SecretReference{Name: "s"}, tc.repository, "image.secretRef")
			if tc.problem != "" {
				if err == nil || !strings.Contains(err.Error(), tc.problem) || strings.Contains(err.Error(), secretValue) {
					t.Errorf("got %v, want %q", err, tc.problem)
				}
				return
			}
			if err != nil || user != tc.user || (password == secretValue) != (tc.user != "") || (len(ca) > 0) != tc.ca {
				t.Fatalf("got %q with a CA of %d bytes, %v", user, len(ca), err)
			}
			if tc.user != "" && strings.Contains(reader.Hide("echo "+password), password) {
				t.Error("a response could show the password")
			}
		})
	}
}

func TestTheLoginOfTwoSpellingsIsTheSameInEachRead(t *testing.T) {
	const auths = `{"auths": {
		"https://index.docker.io/v1/": {"username": "second", "password": "open-sesame"},
		"docker.io": {"username": "first", "password": "open-sesame"}
	}}`
	for range 50 {
		user, _, _, err := readerOf(".dockerconfigjson", auths).
			Registry(t.Context(), v1alpha1.SecretReference{Name: "s"}, "docker.io/library/busybox", "image.secretRef")
		if err != nil || user != "first" {
			t.Fatalf("got %q, %v", user, err)
		}
	}
}
