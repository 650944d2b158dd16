package line

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"k8s.io/client-go/rest"
)

// webhookSecret that the sender shares with the trigger.
const webhookSecret = "webhook-secret-of-the-line"

// Push commits files to the source, as a developer does, and delivers the webhook of it as GitHub does. It returns the commit and the run.
func (l *Line) Push(ctx context.Context, message string, files map[string]string) (commit, run string, err error) {
	before := strings.TrimSpace(l.Source.Git("rev-parse", "main"))
	commit = l.Source.Push("main", message, files)
	body := fmt.Appendf(nil, `{"ref": "refs/heads/main", "before": %q, "after": %q, "repository": {"full_name": "line/shop"},
"pusher": {"name": "dev"}, "head_commit": {"id": %q, "message": %q, "author": {"email": "dev@example.com"}}}`,
		before, commit, commit, message)
	mac := hmac.New(sha256.New, []byte(webhookSecret))
	_, _ = mac.Write(body) // never fails
	transport, err := rest.TransportFor(l.options.Config)
	if err != nil {
		return commit, "", err
	}
	const service = "/api/v1/namespaces/kubeops-system/services/kubeops-webhooks:webhooks/proxy" // in place of an Ingress
	target := l.options.Config.Host + service + "/webhooks/" + Namespace + "/shop/push"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(string(body)))
	if err != nil {
		return commit, "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-GitHub-Event", "push")
	request.Header.Set("X-GitHub-Delivery", commit[:12])
	request.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	response, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Do(request)
	if err != nil {
		return commit, "", err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return commit, "", err
	}
	var created struct{ Run string }
	if err := json.Unmarshal(answer, &created); err != nil || response.StatusCode != http.StatusAccepted {
		return commit, "", fmt.Errorf("the webhook answered %s: %s", response.Status, answer)
	}
	return commit, created.Run, nil
}

// Call the shop.
func (l *Line) Call(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.ShopURL(path), nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	return string(answer), err
}
