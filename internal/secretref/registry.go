package secretref

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

// caKey is the key of the certificates of a private authority.
const caKey = "ca.crt"

// dockerConfig is the part of an image pull Secret that has logins.
type dockerConfig struct {
	Auths map[string]struct {
		Username string `json:"username"`
		Password string `json:"password"`
		Auth     string `json:"auth"`
	} `json:"auths"`
}

// Registry returns the login for a repository of a container registry, such as registry.example.com/shop, of a Secret with the key
// .dockerconfigjson, or with the keys username and password, and its key ca.crt, as PEM. A Secret with ca.crt only has no login; one
// without any of them is a problem.
func (r *Reader) Registry(
	ctx context.Context, ref v1alpha1.SecretReference, repository, field string,
) (username, password string, ca []byte, err error) {
	key := func(name string) v1alpha1.SecretKeyReference {
		return v1alpha1.SecretKeyReference{Name: ref.Name, Key: name}
	}
	has := map[string]bool{}
	for _, name := range []string{caKey, corev1.DockerConfigJsonKey, corev1.BasicAuthUsernameKey} {
		if has[name], err = r.Has(ctx, key(name), field); err != nil {
			return "", "", nil, err
		}
	}
	if has[caKey] {
		if ca, err = r.CA(ctx, key(caKey), field); err != nil {
			return "", "", nil, err
		}
	}
	switch {
	case has[corev1.DockerConfigJsonKey]:
		username, password, err = r.dockerLogin(ctx, key(corev1.DockerConfigJsonKey), repository, field)
	case has[corev1.BasicAuthUsernameKey] || !has[caKey]:
		username, password, err = r.Basic(ctx, ref, field)
	}
	return username, password, ca, err
}

// dockerLogin is the login of an image pull Secret for a repository.
func (r *Reader) dockerLogin(
	ctx context.Context, ref v1alpha1.SecretKeyReference, repository, field string,
) (username, password string, err error) {
	content, err := r.Bytes(ctx, ref, field)
	if err != nil {
		return "", "", err
	}
	var config dockerConfig
	if err := json.Unmarshal(content, &config); err != nil { // the error may quote the value, so it is left out
		return "", "", r.invalid(ref, field, "is not JSON as an image pull Secret has it")
	}
	longest := -1
	for _, entry := range slices.Sorted(maps.Keys(config.Auths)) { // the first of several spellings, in each read
		login := config.Auths[entry]
		host, path := splitRegistry(entry)
		wantedHost, wantedPath := splitRegistry(repository)
		if host != wantedHost || path != "" && path != wantedPath && !strings.HasPrefix(wantedPath, path+"/") || len(path) <= longest {
			continue
		}
		longest = len(path)
		username, password = login.Username, login.Password
		if login.Auth != "" {
			decoded, err := base64.StdEncoding.DecodeString(strings.TrimRight(login.Auth, "\r\n"))
			if err != nil {
				return "", "", r.invalid(ref, field, "has an auth that is not base64")
			}
			username, password, _ = strings.Cut(strings.TrimRight(string(decoded), "\x00\r\n"), ":")
			r.remember(login.Auth)
		}
	}
	host, _, _ := strings.Cut(repository, "/")
	switch {
	case longest < 0:
		return "", "", r.invalid(ref, field, "has no login for "+host)
	case username == "" || password == "":
		return "", "", r.invalid(ref, field, "has no username and password for "+host)
	}
	r.remember(password)
	return username, password, nil
}

// splitRegistry is the host and the path of an entry of an image pull Secret, or of a repository. The entries of Docker Hub have three
// spellings, and those of old clients a scheme and the version of the API.
func splitRegistry(entry string) (host, path string) {
	entry = strings.TrimPrefix(strings.TrimPrefix(entry, "https://"), "http://")
	host, path, _ = strings.Cut(entry, "/")
	switch host {
	case "index.docker.io", "registry-1.docker.io":
		host = "docker.io"
	}
	path = strings.Trim(path, "/")
	if path == "v1" || path == "v2" {
		path = ""
	}
	return host, path
}
