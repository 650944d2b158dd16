package secretref

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// maxText of a user name, password or token in bytes: what servers accept as a header.
	maxText = 16 << 10
	// minHidden is the minimum length in bytes of a value that Hide replaces. A shorter one would match ordinary words.
	minHidden = 4
	// userTokenKey is the key of an API token beside the user name.
	userTokenKey = "token"
	// hidden replaces a value.
	hidden = "[redacted]"
)

// Text returns the value of a key as a user name, password or token: one line of text. A trailing line break is removed, since
// `kubectl create secret --from-file` keeps the one that editors add; any other control character is a problem. The field of
// the spec is for messages, for example spec.auth.bearerToken.
func (r *Reader) Text(ctx context.Context, ref v1alpha1.SecretKeyReference, field string) (string, error) {
	text, err := r.line(ctx, ref, field)
	if err == nil {
		r.remember(text)
	}
	return text, err
}

func (r *Reader) line(ctx context.Context, ref v1alpha1.SecretKeyReference, field string) (string, error) {
	value, err := r.Bytes(ctx, ref, field)
	if err != nil {
		return "", err
	}
	text := strings.TrimRight(string(value), "\r\n")
	switch {
	case text == "":
		return "", r.invalid(ref, field, "is empty")
	case len(text) > maxText:
		return "", r.invalid(ref, field, "is longer than 16 KiB")
	case !utf8.ValidString(text):
		return "", r.invalid(ref, field, "is not valid UTF-8")
	case strings.ContainsFunc(text, unicode.IsControl):
		return "", r.invalid(ref, field, "contains line breaks or other control characters; store it as one line")
	}
	return text, nil
}

// Basic returns the user name and password of a Secret with the keys username and password.
func (r *Reader) Basic(ctx context.Context, ref v1alpha1.SecretReference, field string) (username, password string, err error) {
	return r.login(ctx, ref, corev1.BasicAuthPasswordKey, field)
}

// UserToken returns the user name and API token of a Secret with the keys username and token.
func (r *Reader) UserToken(ctx context.Context, ref v1alpha1.SecretReference, field string) (username, token string, err error) {
	return r.login(ctx, ref, userTokenKey, field)
}

// login is a user name and what is sent with it in HTTP basic authentication, which has the given key.
func (r *Reader) login(ctx context.Context, ref v1alpha1.SecretReference, key, field string) (username, password string, err error) {
	user := v1alpha1.SecretKeyReference{Name: ref.Name, Key: corev1.BasicAuthUsernameKey}
	// A user name is not secret and may be an ordinary word, so Hide leaves it alone.
	if username, err = r.line(ctx, user, field); err != nil {
		return "", "", err
	}
	if strings.Contains(username, ":") {
		return "", "", r.invalid(user, field, "contains a colon; HTTP basic authentication does not allow one in user names")
	}
	if password, err = r.Text(ctx, v1alpha1.SecretKeyReference{Name: ref.Name, Key: key}, field); err != nil {
		return "", "", err
	}
	r.remember(base64.StdEncoding.EncodeToString([]byte(username + ":" + password)))
	return username, password, nil
}

// CA returns the value of a key as PEM with at least one usable certificate.
func (r *Reader) CA(ctx context.Context, ref v1alpha1.SecretKeyReference, field string) ([]byte, error) {
	value, err := r.Bytes(ctx, ref, field)
	if err != nil {
		return nil, err
	}
	if !x509.NewCertPool().AppendCertsFromPEM(value) {
		return nil, r.invalid(ref, field, "contains no PEM certificate")
	}
	return value, nil
}

// KeyPair returns the client certificate and private key, as PEM, of a Secret with the keys tls.crt and tls.key.
func (r *Reader) KeyPair(ctx context.Context, ref v1alpha1.SecretReference, field string) (certificate, key []byte, err error) {
	if certificate, err = r.Bytes(ctx, v1alpha1.SecretKeyReference{Name: ref.Name, Key: corev1.TLSCertKey}, field); err != nil {
		return nil, nil, err
	}
	private := v1alpha1.SecretKeyReference{Name: ref.Name, Key: corev1.TLSPrivateKeyKey}
	if key, err = r.Bytes(ctx, private, field); err != nil {
		return nil, nil, err
	}
	if _, err := tls.X509KeyPair(certificate, key); err != nil { // err is left out to be sure that no part of the key leaks
		return nil, nil, problem.UserError(v1alpha1.ReasonInvalidSecret, nil,
			"Secret %s/%s (referenced by %s): tls.crt and tls.key must be PEM and form a key pair", r.namespace, ref.Name, field)
	}
	for line := range bytes.Lines(key) {
		r.remember(string(bytes.TrimSpace(line)))
	}
	return certificate, key, nil
}

// Bytes returns the value of a key as stored.
func (r *Reader) Bytes(ctx context.Context, ref v1alpha1.SecretKeyReference, field string) ([]byte, error) {
	if err := names.SecretKey(field, ref.Key); err != nil {
		return nil, err
	}
	secret, err := r.secret(ctx, ref.Name, field)
	if err != nil {
		return nil, err
	}
	value, found := secret.Data[ref.Key]
	if !found {
		return nil, problem.Waiting(v1alpha1.ReasonSecretNotFound, retryInterval,
			"Secret %s/%s has no key %s (referenced by %s)", r.namespace, ref.Name, ref.Key, field)
	}
	return value, nil
}

// PrivateKey returns the value of a key as stored, whose lines Hide removes.
func (r *Reader) PrivateKey(ctx context.Context, ref v1alpha1.SecretKeyReference, field string) ([]byte, error) {
	key, err := r.Bytes(ctx, ref, field)
	for line := range bytes.Lines(key) {
		r.remember(string(bytes.TrimSpace(line)))
	}
	return key, err
}

// Has reports whether a Secret has a key with a value.
func (r *Reader) Has(ctx context.Context, ref v1alpha1.SecretKeyReference, field string) (bool, error) {
	if err := names.SecretKey(field, ref.Key); err != nil {
		return false, err
	}
	secret, err := r.secret(ctx, ref.Name, field)
	if err != nil {
		return false, err
	}
	return len(secret.Data[ref.Key]) > 0, nil
}

// Hide removes the values that this reader returned from a server's response, which may echo its request. It is a second line
// of defense: KubeOps' own texts never contain a value.
func (r *Reader) Hide(text string) string {
	for _, value := range r.issued {
		text = strings.ReplaceAll(text, value, hidden)
	}
	return text
}

// remember records a value for Hide, in the encodings in which a server may echo it.
func (r *Reader) remember(value string) {
	for _, form := range []string{value, url.QueryEscape(value), url.PathEscape(value), base64.StdEncoding.EncodeToString([]byte(value))} {
		if len(form) >= minHidden && !strings.HasPrefix(form, "-----") {
			r.issued = append(r.issued, form)
		}
	}
}

func (r *Reader) invalid(ref v1alpha1.SecretKeyReference, field, what string) *problem.Problem {
	return problem.UserError(v1alpha1.ReasonInvalidSecret, nil, "key %s of Secret %s/%s (referenced by %s) %s",
		ref.Key, r.namespace, ref.Name, field, what)
}
