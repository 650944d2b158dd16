package gitrepo

import (
	"context"
	"net/url"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/secretref"
)

const (
	// tokenKey and knownHostsKey are keys of Secrets.
	tokenKey, knownHostsKey = "token", "known_hosts"
	// caKey is the key of the certificates of a private authority.
	caKey = "ca.crt"
	// tokenUser is the user name beside a token. GitHub wants it for tokens of Apps, and other hosts take any.
	tokenUser = "x-access-token"
)

// Login reads the credentials of a repository from a Secret: token, or username and password, and ca.crt for https; ssh-privatekey and
// known_hosts for ssh. Errors are problems.
func Login(
	ctx context.Context, secrets *secretref.Reader, repository string, ref v1alpha1.SecretReference, fields provider.Fields,
) (Remote, error) {
	remote := Remote{URL: repository, Fields: fields}
	key := func(name string) v1alpha1.SecretKeyReference {
		return v1alpha1.SecretKeyReference{Name: ref.Name, Key: name}
	}
	field := fields.Auth
	var err error
	if target, parseErr := url.Parse(repository); parseErr == nil && target.Scheme == "ssh" {
		if remote.Key, err = secrets.PrivateKey(ctx, key(corev1.SSHAuthPrivateKey), field); err != nil {
			return remote, err
		}
		remote.KnownHosts, err = secrets.Bytes(ctx, key(knownHostsKey), field)
		return remote, err
	}
	hasToken, err := secrets.Has(ctx, key(tokenKey), field)
	if err != nil {
		return remote, err
	}
	if hasToken {
		remote.Username = tokenUser
		remote.Password, err = secrets.Text(ctx, key(tokenKey), field)
	} else {
		remote.Username, remote.Password, err = secrets.Basic(ctx, ref, field)
	}
	if err != nil {
		return remote, err
	}
	hasCA, err := secrets.Has(ctx, key(caKey), field)
	if err == nil && hasCA {
		remote.TLS.CA, err = secrets.CA(ctx, key(caKey), field)
	}
	return remote, err
}
