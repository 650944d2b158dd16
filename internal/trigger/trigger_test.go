package trigger

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

const secret = "a secret of the webhook"

// first and second are hashes of commits, and none is that of a ref that does not exist.
const (
	first  = "1111111111111111111111111111111111111111"
	second = "2222222222222222222222222222222222222222"
	none   = "0000000000000000000000000000000000000000"
)

func hexMAC(content string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(content))
	return hex.EncodeToString(mac.Sum(nil))
}

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func TestOnlyASignatureWithTheSecretIsAuthentic(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	const body = `{"ref": "refs/heads/main"}`
	github := "sha256=" + hexMAC(body)
	generic := func(at time.Time, delivery string) http.Header {
		stamp := fmt.Sprint(at.Unix())
		return headers("X-KubeOps-Timestamp", stamp, "X-KubeOps-Delivery", delivery, "X-KubeOps-Signature",
			"sha256="+hexMAC(stamp+"."+delivery+"."+body))
	}
	otherDelivery := generic(now, "a")
	otherDelivery.Set("X-KubeOps-Delivery", "b")
	noTime := generic(now, "a")
	noTime.Del("X-KubeOps-Timestamp")
	for name, c := range map[string]struct {
		source v1alpha1.WebhookSource
		header http.Header
		body   string
		reason string
	}{
		"github":            {v1alpha1.WebhookGitHub, headers("X-Hub-Signature-256", github), body, ""},
		"github, changed":   {v1alpha1.WebhookGitHub, headers("X-Hub-Signature-256", github), body + " ", v1alpha1.ReasonInvalidSignature},
		"github, SHA-1":     {v1alpha1.WebhookGitHub, headers("X-Hub-Signature", github), body, v1alpha1.ReasonInvalidSignature},
		"github, bare":      {v1alpha1.WebhookGitHub, headers("X-Hub-Signature-256", hexMAC(body)), body, v1alpha1.ReasonInvalidSignature},
		"github, none":      {v1alpha1.WebhookGitHub, headers(), body, v1alpha1.ReasonInvalidSignature},
		"github, empty":     {v1alpha1.WebhookGitHub, headers("X-Hub-Signature-256", ""), body, v1alpha1.ReasonInvalidSignature},
		"github, two":       {v1alpha1.WebhookGitHub, headers("X-Hub-Signature-256", github, "X-Hub-Signature-256", github), body, v1alpha1.ReasonInvalidSignature},
		"github, of gitea":  {v1alpha1.WebhookGitHub, headers("X-Gitea-Signature", hexMAC(body)), body, v1alpha1.ReasonInvalidSignature},
		"gitlab":            {v1alpha1.WebhookGitLab, headers("X-Gitlab-Token", secret), body, ""},
		"gitlab, other":     {v1alpha1.WebhookGitLab, headers("X-Gitlab-Token", secret+"x"), body, v1alpha1.ReasonInvalidSignature},
		"gitlab, none":      {v1alpha1.WebhookGitLab, headers(), body, v1alpha1.ReasonInvalidSignature},
		"gitea":             {v1alpha1.WebhookGitea, headers("X-Gitea-Signature", hexMAC(body)), body, ""},
		"gitea, other":      {v1alpha1.WebhookGitea, headers("X-Gitea-Signature", hexMAC(body+" ")), body, v1alpha1.ReasonInvalidSignature},
		"generic":           {v1alpha1.WebhookGeneric, generic(now, "a"), body, ""},
		"generic, early":    {v1alpha1.WebhookGeneric, generic(now.Add(4*time.Minute), "a"), body, ""},
		"generic, replayed": {v1alpha1.WebhookGeneric, generic(now.Add(-6*time.Minute), "a"), body, v1alpha1.ReasonExpiredSignature},
		"generic, future":   {v1alpha1.WebhookGeneric, generic(now.Add(6*time.Minute), "a"), body, v1alpha1.ReasonExpiredSignature},
		"generic, other id": {v1alpha1.WebhookGeneric, otherDelivery, body, v1alpha1.ReasonInvalidSignature},
		"generic, no time":  {v1alpha1.WebhookGeneric, noTime, body, v1alpha1.ReasonInvalidSignature},
	} {
		t.Run(name, func(t *testing.T) {
			err := Verify(c.source, secret, c.header, []byte(c.body), now)
			wantReason(t, err, c.reason)
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the error has the secret: %v", err)
			}
		})
	}
}

func wantReason(t *testing.T, err error, reason string) {
	t.Helper()
	got := ""
	if p := problem.As(err); p != nil {
		got = p.Reason
	} else if err != nil {
		got = err.Error()
	}
	if got != reason {
		t.Errorf("got %q, want %q: %v", got, reason, err)
	}
}

// githubPush is a push to a branch with one commit that changes some files.
func githubPush(ref, before, after, message string, files ...string) string {
	commit := map[string]any{"id": after, "message": message, "modified": files, "author": map[string]string{"email": "dev@example.com"}}
	content, err := json.Marshal(map[string]any{
		"ref": ref, "before": before, "after": after, "head_commit": commit, "commits": []any{commit}, "deleted": after == none,
		"repository": map[string]any{"full_name": "acme/shop"},
	})
	if err != nil {
		panic(err)
	}
	return string(content)
}

func gitlabPush(ref, before, after, message string, total int) string {
	content, err := json.Marshal(map[string]any{
		"object_kind": "push", "ref": ref, "before": before, "after": after, "checkout_sha": after, "total_commits_count": total,
		"project": map[string]any{"path_with_namespace": "acme/shop"},
		"commits": []any{
			map[string]any{"id": first, "message": "earlier", "added": []string{"docs/a.md"}},
			map[string]any{"id": after, "message": message, "modified": []string{"src/b.go"}},
		},
	})
	if err != nil {
		panic(err)
	}
	return string(content)
}

func TestWhatADeliverySaysHappened(t *testing.T) {
	gitlab := headers("X-Gitlab-Event", "Push Hook", "X-Gitlab-Event-UUID", "7")
	github := headers("X-GitHub-Event", "push", "X-GitHub-Delivery", "7")
	generic := headers("X-KubeOps-Delivery", "7")
	for name, c := range map[string]struct {
		source v1alpha1.WebhookSource
		header http.Header
		body   string
		want   Event
		reason string
	}{
		"github, branch": {
			source: v1alpha1.WebhookGitHub, header: github, body: githubPush("refs/heads/feature/x", first, second, "m", "a"),
			want: Event{Type: v1alpha1.EventPush, Repository: "acme/shop", Branch: "feature/x", Before: first, Commit: second,
				Message: "m", Email: "dev@example.com", Paths: []string{"a"}, AllPaths: true},
		},
		"github, tag": {
			source: v1alpha1.WebhookGitHub, header: github, body: githubPush("refs/tags/v1", none, second, "m"),
			want: Event{Type: v1alpha1.EventTag, Repository: "acme/shop", Tag: "v1", Commit: second, Message: "m", Email: "dev@example.com"},
		},
		"github, deleted": {
			source: v1alpha1.WebhookGitHub, header: github, body: githubPush("refs/heads/main", first, none, ""),
			want: Event{Type: v1alpha1.EventPush, Repository: "acme/shop", Branch: "main", Before: first, Deleted: true},
		},
		"github, ping": {
			source: v1alpha1.WebhookGitHub, header: headers("X-GitHub-Event", "ping"), body: `{}`, want: Event{Ping: true},
		},
		"gitlab": {
			source: v1alpha1.WebhookGitLab, header: gitlab, body: gitlabPush("refs/heads/main", first, second, "m", 2),
			want: Event{Type: v1alpha1.EventPush, Repository: "acme/shop", Branch: "main", Before: first, Commit: second, Message: "m",
				Paths: []string{"docs/a.md", "src/b.go"}, AllPaths: true},
		},
		"gitlab, more commits than listed": {
			source: v1alpha1.WebhookGitLab, header: gitlab, body: gitlabPush("refs/heads/main", first, second, "m", 30),
			want: Event{Type: v1alpha1.EventPush, Repository: "acme/shop", Branch: "main", Before: first, Commit: second, Message: "m",
				Paths: []string{"docs/a.md", "src/b.go"}},
		},
		"gitea": {
			source: v1alpha1.WebhookGitea, header: headers("X-Gitea-Event", "push", "X-Gitea-Delivery", "7"),
			body: githubPush("refs/heads/main", first, second, "m", "a"),
			want: Event{Type: v1alpha1.EventPush, Repository: "acme/shop", Branch: "main", Before: first, Commit: second, Message: "m",
				Email: "dev@example.com", Paths: []string{"a"}, AllPaths: true},
		},
		"generic": {
			source: v1alpha1.WebhookGeneric, header: generic, body: `{"version": "1.2"}`, want: Event{Type: v1alpha1.EventCustom},
		},
		"generic, push": {
			source: v1alpha1.WebhookGeneric, header: generic, body: `{"ref": "refs/heads/main", "commit": "` + second + `", "paths": ["a"]}`,
			want: Event{Type: v1alpha1.EventPush, Branch: "main", Commit: second, Paths: []string{"a"}, AllPaths: true},
		},
		"generic without id": {
			source: v1alpha1.WebhookGeneric, header: headers(), body: `{}`, reason: v1alpha1.ReasonInvalidPayload,
		},
		"an id with other characters": {
			source: v1alpha1.WebhookGeneric, header: headers("X-KubeOps-Delivery", "a b"), body: `{}`, reason: v1alpha1.ReasonInvalidPayload,
		},
		"another event": {
			source: v1alpha1.WebhookGitHub, header: headers("X-GitHub-Event", "issues"), body: `{}`, reason: v1alpha1.ReasonInvalidPayload,
		},
		"a form":      {source: v1alpha1.WebhookGitHub, header: github, body: `payload=%7B%7D`, reason: v1alpha1.ReasonInvalidPayload},
		"a list":      {source: v1alpha1.WebhookGitHub, header: github, body: `[]`, reason: v1alpha1.ReasonInvalidPayload},
		"two objects": {source: v1alpha1.WebhookGeneric, header: generic, body: `{} {}`, reason: v1alpha1.ReasonInvalidPayload},
		"cut off":     {source: v1alpha1.WebhookGeneric, header: generic, body: `{"ref": "refs/he`, reason: v1alpha1.ReasonInvalidPayload},
		"no UTF-8":    {source: v1alpha1.WebhookGeneric, header: generic, body: "{\"a\": \"\xff\"}", reason: v1alpha1.ReasonInvalidPayload},
		"no ref": {
			source: v1alpha1.WebhookGitHub, header: github, body: `{"after": "` + second + `"}`, reason: v1alpha1.ReasonInvalidPayload,
		},
		"a pull request's ref": {
			source: v1alpha1.WebhookGitHub, header: github, body: githubPush("refs/pull/1/head", first, second, "m"),
			reason: v1alpha1.ReasonInvalidPayload,
		},
		"too many objects": {
			source: v1alpha1.WebhookGitHub, header: github, body: `{"commits": [` + strings.Repeat(`{},`, 300_000) + `{}]}`,
			reason: v1alpha1.ReasonInvalidPayload,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse(c.source, c.header, []byte(c.body))
			wantReason(t, err, c.reason)
			if err != nil {
				return
			}
			got.Source = ""
			got.Delivery = ""
			got.Ref = ""
			if fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", c.want) {
				t.Errorf("got  %+v\nwant %+v", *got, c.want)
			}
		})
	}
}

func TestTheWorkForADeliveryGrowsWithItsSize(t *testing.T) {
	const commits = 8000
	list := strings.TrimSuffix(strings.Repeat(`{"added":["a","b"]},`, commits), ",")
	body := []byte(fmt.Sprintf(`{"ref":"refs/heads/main","before":%q,"after":%q,"repository":{"full_name":"acme/shop"},"commits":[%s]}`,
		first, second, list))
	header := headers("X-GitHub-Event", "push", "X-GitHub-Delivery", "1")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	event, err := Parse(v1alpha1.WebhookGitHub, header, body)
	runtime.ReadMemStats(&after)
	if err != nil || len(event.Paths) != 2*commits || !event.AllPaths {
		t.Fatalf("%d paths, %v", len(event.Paths), err)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 32<<20 {
		t.Errorf("a delivery of %d KiB allocates %d MiB", len(body)>>10, allocated>>20)
	}
}

func TestWhatATriggerSelects(t *testing.T) {
	push := func(branch string, paths ...string) *Event {
		return &Event{Type: v1alpha1.EventPush, Branch: branch, Commit: second, Paths: paths, AllPaths: true}
	}
	own := push("main")
	own.Message = "Deploy shop\n\nKubeOps-Run: promote-0123456789ab\n"
	quoted := push("main")
	quoted.Message = "Explain the trailer KubeOps-Run: x\n\nIt is written by commits.\n"
	author := push("main")
	author.Email = v1alpha1.DefaultCommitEmail
	unknown := push("main", "docs/a.md")
	unknown.AllPaths = false
	tag := &Event{Type: v1alpha1.EventTag, Tag: "v1.2", Commit: second}
	for name, c := range map[string]struct {
		spec   v1alpha1.WebhookTrigger
		event  *Event
		reason string
	}{
		"all":              {v1alpha1.WebhookTrigger{}, push("main"), ""},
		"custom":           {v1alpha1.WebhookTrigger{}, &Event{Type: v1alpha1.EventCustom}, ""},
		"no tag":           {v1alpha1.WebhookTrigger{}, tag, v1alpha1.ReasonNotSelected},
		"a tag":            {v1alpha1.WebhookTrigger{Events: []v1alpha1.WebhookEvent{v1alpha1.EventTag}}, tag, ""},
		"another tag":      {v1alpha1.WebhookTrigger{Events: []v1alpha1.WebhookEvent{v1alpha1.EventTag}, Tags: []string{"v2*"}}, tag, v1alpha1.ReasonNotSelected},
		"tags only":        {v1alpha1.WebhookTrigger{Events: []v1alpha1.WebhookEvent{v1alpha1.EventTag}}, push("main"), v1alpha1.ReasonNotSelected},
		"branch":           {v1alpha1.WebhookTrigger{Branches: []string{"main", "release/*"}}, push("release/1/2"), ""},
		"another branch":   {v1alpha1.WebhookTrigger{Branches: []string{"main", "release/*"}}, push("maintenance"), v1alpha1.ReasonNotSelected},
		"path":             {v1alpha1.WebhookTrigger{Paths: []string{"src/*"}}, push("main", "docs/a.md", "src/x/b.go"), ""},
		"another path":     {v1alpha1.WebhookTrigger{Paths: []string{"src/*"}}, push("main", "docs/a.md"), v1alpha1.ReasonNotSelected},
		"paths unknown":    {v1alpha1.WebhookTrigger{Paths: []string{"src/*"}}, unknown, ""},
		"deleted":          {v1alpha1.WebhookTrigger{}, &Event{Type: v1alpha1.EventPush, Deleted: true}, v1alpha1.ReasonRefDeleted},
		"ping":             {v1alpha1.WebhookTrigger{}, &Event{Ping: true}, v1alpha1.ReasonNotSelected},
		"own commit":       {v1alpha1.WebhookTrigger{}, own, v1alpha1.ReasonOwnCommit},
		"own author":       {v1alpha1.WebhookTrigger{}, author, v1alpha1.ReasonOwnCommit},
		"trailer, but not": {v1alpha1.WebhookTrigger{}, quoted, ""},
	} {
		t.Run(name, func(t *testing.T) { wantReason(t, Select(&c.spec, c.event), c.reason) })
	}
}

func TestMatchingPathsEndsAtItsBound(t *testing.T) {
	slow := strings.Repeat("a", 250) + "b"
	var patterns []string
	for n := range 32 {
		patterns = append(patterns, fmt.Sprintf("*%s%d", slow, n))
	}
	event := func(files int) *Event {
		e := &Event{Type: v1alpha1.EventPush, Branch: "main", Commit: first, AllPaths: true}
		for range files {
			e.Paths = append(e.Paths, strings.Repeat("a", 255))
		}
		return e
	}
	spec := &v1alpha1.WebhookTrigger{Paths: patterns}
	wantReason(t, Select(spec, event(10)), v1alpha1.ReasonNotSelected)
	wantReason(t, Select(spec, event(200)), "") // as if it did not list all files
	few := &v1alpha1.WebhookTrigger{Paths: []string{"docs/*", "src/*"}}
	wantReason(t, Select(few, event(200)), v1alpha1.ReasonNotSelected)
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true}, {"*", "a/b", true}, {"a*c", "abbc", true}, {"a*c", "abb", false}, {"a?c", "abc", true}, {"a?c", "ac", false},
		{"*.go", "x/y.go", true}, {"*a*b", "xaxxab", true}, {"", "", true}, {"", "a", false}, {"a", "", false}, {"a**", "a", true},
	} {
		if got := match(c.pattern, c.name); got != c.want {
			t.Errorf("%q matches %q: %v", c.pattern, c.name, got)
		}
	}
	started := time.Now()
	if match(strings.Repeat("*a", 127)+"b", strings.Repeat("a", maxPaths)) {
		t.Error("it matches")
	}
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("a hostile pattern takes %s", took)
	}
}

func TestACommitHasOneRunPerTrigger(t *testing.T) {
	event := func(change func(*Event)) *Event {
		e := &Event{Repository: "acme/shop", Ref: "refs/heads/main", Before: first, Commit: second, Delivery: "1"}
		change(e)
		return e
	}
	name := RunName("shop", "uid", "push", event(func(*Event) {}))
	if again := RunName("shop", "uid", "push", event(func(e *Event) { e.Delivery = "2" })); again != name {
		t.Errorf("another delivery of the commit is run %s, not %s", again, name)
	}
	seen := map[string]string{name: "the commit"}
	for what, other := range map[string]string{
		"another Pipeline":   RunName("shop", "uid2", "push", event(func(*Event) {})),
		"another trigger":    RunName("shop", "uid", "main", event(func(*Event) {})),
		"another repository": RunName("shop", "uid", "push", event(func(e *Event) { e.Repository = "acme/web" })),
		"another branch":     RunName("shop", "uid", "push", event(func(e *Event) { e.Ref = "refs/heads/next" })),
		"a force-push back":  RunName("shop", "uid", "push", event(func(e *Event) { e.Before = "3333" })),
		"another commit":     RunName("shop", "uid", "push", event(func(e *Event) { e.Commit = "3333" })),
		"no commit":          RunName("shop", "uid", "push", event(func(e *Event) { e.Commit = "" })),
		"no commit, another": RunName("shop", "uid", "push", event(func(e *Event) { e.Commit, e.Delivery = "", "2" })),
	} {
		if seen[other] != "" {
			t.Errorf("%s has the name of %s", what, seen[other])
		}
		seen[other] = what
	}
	if long := RunName(strings.Repeat("a", 39)+"-.b", "uid", "push", event(func(*Event) {})); len(long) > 63 || strings.Contains(long, "-.") {
		t.Errorf("name %s", long)
	}
}

func FuzzADeliveryIsParsedWithinItsBounds(f *testing.F) {
	f.Add(githubPush("refs/heads/main", first, second, "m", "a"))
	f.Add(gitlabPush("refs/tags/v1", first, none, "m", 2))
	f.Add(`{"ref": "refs/heads/", "commits": [{"added": [null, 1]}], "head_commit": null}`)
	f.Add(`{"repository": "r", "commit": "c", "paths": ["a"]}`)
	f.Fuzz(func(t *testing.T, body string) {
		for source, header := range map[v1alpha1.WebhookSource]http.Header{
			v1alpha1.WebhookGitHub:  headers("X-GitHub-Event", "push", "X-GitHub-Delivery", "1"),
			v1alpha1.WebhookGitLab:  headers("X-Gitlab-Event", "Push Hook"),
			v1alpha1.WebhookGitea:   headers("X-Gitea-Event", "push"),
			v1alpha1.WebhookGeneric: headers("X-KubeOps-Delivery", "1"),
		} {
			event, err := Parse(source, header, []byte(body))
			if err != nil {
				wantReason(t, err, v1alpha1.ReasonInvalidPayload)
				continue
			}
			total := 0
			for _, path := range event.Paths {
				total += len(path)
			}
			if total > maxPaths || (event.Branch != "") == (event.Tag != "") && event.Type != v1alpha1.EventCustom || event.Deleted != (event.Commit == "") &&
				event.Type != v1alpha1.EventCustom {
				t.Errorf("%+v", event)
			}
			_ = Select(&v1alpha1.WebhookTrigger{Branches: []string{"*x?"}, Paths: []string{"*/a*"}}, event)
		}
	})
}

func FuzzNoSignatureIsFoundByChance(f *testing.F) {
	f.Add("sha256="+hexMAC("x"), "y", "1")
	f.Add(secret[1:], "", "")
	f.Fuzz(func(t *testing.T, signature, body, stamp string) {
		header := headers("X-Hub-Signature-256", signature, "X-Gitlab-Token", signature, "X-Gitea-Signature", signature,
			"X-KubeOps-Signature", signature, "X-KubeOps-Timestamp", stamp)
		for _, source := range []v1alpha1.WebhookSource{
			v1alpha1.WebhookGitHub, v1alpha1.WebhookGitLab, v1alpha1.WebhookGitea, v1alpha1.WebhookGeneric,
		} {
			known := signature == secret || strings.TrimPrefix(signature, "sha256=") == hexMAC(body) ||
				strings.TrimPrefix(signature, "sha256=") == hexMAC(stamp+".."+body)
			if err := Verify(source, secret, header, []byte(body), time.Unix(0, 0)); err == nil && !known {
				t.Errorf("%s accepts %q for %q", source, signature, body)
			}
		}
	})
}
