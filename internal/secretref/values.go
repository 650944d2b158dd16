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
	"kubeops.io/kubeops/internal/problem"
)

const (
	// maxText of a user name, password or token, in bytes: what servers take as a header.
	maxText = 16 << 10
	// worthHiding is from which length on a value is looked for in texts that leave. A shorter one is in every second word.
	worthHiding = 4
	// hidden stands in the place of a value.
	hidden = "[redacted]"
)

// Text is the value of a key as a user name, password or token: one line of text. A line end at its end is cut off, since
// `kubectl create secret --from-file` keeps the one that editors add; any other control character is a problem. The field of
// the spec is for messages, for example spec.auth.bearerToken.
func (r *Reader) Text(ctx context.Context, ref v1alpha1.SecretKeyReference, field string) (string, error) {
	text, err := r.line(ctx, ref, field)
	if err == nil {
		r.give(text)
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
		return "", r.invalid(ref, field, "is no text in UTF-8")
	case strings.ContainsFunc(text, unicode.IsControl):
		return "", r.invalid(ref, field, "has line breaks or other control characters within; store it as one line")
	}
	return text, nil
}

// Basic is the user name and the password of a Secret with the keys username and password.
func (r *Reader) Basic(ctx context.Context, ref v1alpha1.SecretReference, field string) (username, password string, err error) {
	user := v1alpha1.SecretKeyReference{Name: ref.Name, Key: corev1.BasicAuthUsernameKey}
	if username, err = r.line(ctx, user, field); err != nil {
		return "", "", err
	}
	if strings.Contains(username, ":") { // a name is no secret, and may well be a word of a server's texts: it is not hidden
		return "", "", r.invalid(user, field, "has a colon, which user names cannot have")
	}
	if password, err = r.Text(ctx, v1alpha1.SecretKeyReference{Name: ref.Name, Key: corev1.BasicAuthPasswordKey}, field); err != nil {
		return "", "", err
	}
	r.give(base64.StdEncoding.EncodeToString([]byte(username + ":" + password)))
	return username, password, nil
}

// CA is the value of a key as certificates in PEM, of which one can be used at least.
func (r *Reader) CA(ctx context.Context, ref v1alpha1.SecretKeyReference, field string) ([]byte, error) {
	value, err := r.Bytes(ctx, ref, field)
	if err != nil {
		return nil, err
	}
	if !x509.NewCertPool().AppendCertsFromPEM(value) {
		return nil, r.invalid(ref, field, "holds no certificate in PEM form")
	}
	return value, nil
}

// KeyPair is the client certificate and its key of a Secret with the keys tls.crt and tls.key, in PEM.
func (r *Reader) KeyPair(ctx context.Context, ref v1alpha1.SecretReference, field string) (certificate, key []byte, err error) {
	if certificate, err = r.Bytes(ctx, v1alpha1.SecretKeyReference{Name: ref.Name, Key: corev1.TLSCertKey}, field); err != nil {
		return nil, nil, err
	}
	private := v1alpha1.SecretKeyReference{Name: ref.Name, Key: corev1.TLSPrivateKeyKey}
	if key, err = r.Bytes(ctx, private, field); err != nil {
		return nil, nil, err
	}
	if _, err := tls.X509KeyPair(certificate, key); err != nil { // its text may quote nothing of the key, and is left out all the same
		return nil, nil, problem.UserError(v1alpha1.ReasonInvalidSecret, nil,
			"tls.crt and tls.key of Secret %s/%s, which %s names, must be PEM and belong together", r.namespace, ref.Name, field)
	}
	for line := range bytes.Lines(key) {
		r.give(string(bytes.TrimSpace(line)))
	}
	return certificate, key, nil
}

// Bytes is the value of a key as it is stored.
func (r *Reader) Bytes(ctx context.Context, ref v1alpha1.SecretKeyReference, field string) ([]byte, error) {
	secret, err := r.secret(ctx, ref.Name, field)
	if err != nil {
		return nil, err
	}
	value, there := secret.Data[ref.Key]
	if !there {
		return nil, problem.Waiting(v1alpha1.ReasonSecretNotFound, lookAgain,
			"Secret %s/%s, which %s names, has no key %s", r.namespace, ref.Name, field, ref.Key)
	}
	return value, nil
}

// Hide takes the values that this reader gave out from a text of a server, which may send back what it was sent. It is a second
// gate: no text of KubeOps' own has a value in it.
func (r *Reader) Hide(text string) string {
	for _, value := range r.given {
		text = strings.ReplaceAll(text, value, hidden)
	}
	return text
}

// give remembers a value, in the forms in which a server may send it back.
func (r *Reader) give(value string) {
	for _, form := range []string{value, url.QueryEscape(value), url.PathEscape(value), base64.StdEncoding.EncodeToString([]byte(value))} {
		if len(form) >= worthHiding && !strings.HasPrefix(form, "-----") {
			r.given = append(r.given, form)
		}
	}
}

func (r *Reader) invalid(ref v1alpha1.SecretKeyReference, field, what string) *problem.Problem {
	return problem.UserError(v1alpha1.ReasonInvalidSecret, nil, "key %s of Secret %s/%s, which %s names, %s", ref.Key, r.namespace, ref.Name, field, what)
}
