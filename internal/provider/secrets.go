package provider

import (
	"context"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Secrets reads the Secrets that the settings of a type refer to. The field is that of the reference, for messages. Errors are problems.
type Secrets interface {
	// Text is a value of one line.
	Text(ctx context.Context, ref v1alpha1.SecretKeyReference, field string) (string, error)
	// Bytes is a value as it is.
	Bytes(ctx context.Context, ref v1alpha1.SecretKeyReference, field string) ([]byte, error)
	// Basic is a user name and a password.
	Basic(ctx context.Context, ref v1alpha1.SecretReference, field string) (username, password string, err error)
	// UserToken is a user name and an API token of that user.
	UserToken(ctx context.Context, ref v1alpha1.SecretReference, field string) (username, token string, err error)
}

// ResolveAuth reads the credentials that auth refers to. Without any, nothing is read. Errors are problems.
func ResolveAuth(ctx context.Context, secrets Secrets, auth *v1alpha1.BackendAuth, field string) (resolved Auth, err error) {
	switch {
	case auth == nil:
	case auth.Basic != nil:
		resolved.Username, resolved.Password, err = secrets.Basic(ctx, *auth.Basic, field+".basic")
	case auth.BearerToken != nil:
		resolved.BearerToken, err = secrets.Text(ctx, *auth.BearerToken, field+".bearerToken")
	case auth.APIKey != nil:
		resolved.APIKey, err = secrets.Text(ctx, *auth.APIKey, field+".apiKey")
	}
	return resolved, err
}
