package trigger

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// Headers with the signature, by source.
const (
	headerGitHubSignature = "X-Hub-Signature-256"
	headerGitLabToken     = "X-Gitlab-Token" //nolint:gosec // the name of a header
	headerGiteaSignature  = "X-Gitea-Signature"
	headerSignature       = "X-KubeOps-Signature"
	headerTimestamp       = "X-KubeOps-Timestamp"
)

// maxSkew between the time in a signature of a generic sender and that of the manager.
const maxSkew = 5 * time.Minute

// Verify checks that a delivery was sent by someone who knows the secret. It takes the same time for all wrong signatures. The error is a
// problem of reason InvalidSignature or ExpiredSignature; its message is for the owner of the Pipeline, and not for the sender.
func Verify(source v1alpha1.WebhookSource, secret string, header http.Header, body []byte, now time.Time) error {
	name := signatureHeader(source)
	signature := header.Get(name)
	if len(header.Values(name)) > 1 {
		signature = ""
	}
	wanted := sign(source, secret, header, body)
	if source == v1alpha1.WebhookGitLab { // a plain token: digests hide its length
		given := sha256.Sum256([]byte(signature))
		signature = hex.EncodeToString(given[:])
	}
	if !hmac.Equal([]byte(signature), []byte(wanted)) {
		return problem.UserError(v1alpha1.ReasonInvalidSignature, nil,
			"a delivery without a valid signature in the header %s; set the secret of the webhook at its sender", name)
	}
	if source != v1alpha1.WebhookGeneric {
		return nil
	}
	seconds, err := strconv.ParseInt(header.Get(headerTimestamp), 10, 64)
	if skew := now.Sub(time.Unix(seconds, 0)).Abs(); err != nil || skew > maxSkew {
		return problem.UserError(v1alpha1.ReasonExpiredSignature, nil,
			"the time in the header %s is not within %s of that of the manager; check the clock of the sender", headerTimestamp, maxSkew)
	}
	return nil
}

func signatureHeader(source v1alpha1.WebhookSource) string {
	switch source {
	case v1alpha1.WebhookGitHub:
		return headerGitHubSignature
	case v1alpha1.WebhookGitLab:
		return headerGitLabToken
	case v1alpha1.WebhookGitea:
		return headerGiteaSignature
	}
	return headerSignature
}

// sign is the signature that a delivery must have.
func sign(source v1alpha1.WebhookSource, secret string, header http.Header, body []byte) string {
	if source == v1alpha1.WebhookGitLab {
		sum := sha256.Sum256([]byte(secret))
		return hex.EncodeToString(sum[:])
	}
	mac := hmac.New(sha256.New, []byte(secret))
	prefix := "sha256="
	switch source {
	case v1alpha1.WebhookGitea:
		prefix = ""
	case v1alpha1.WebhookGeneric:
		_, _ = fmt.Fprintf(mac, "%s.%s.", header.Get(headerTimestamp), header.Get(headerDelivery))
	}
	_, _ = mac.Write(body)
	return prefix + strings.ToLower(hex.EncodeToString(mac.Sum(nil)))
}
