package argocd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	pluginv1 "kubeops.io/kubeops/api/plugin/v1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/stream"
	"kubeops.io/kubeops/internal/testkit/hostile"
	"kubeops.io/kubeops/internal/testkit/memory"
)

// calls of the server that the plugin makes, for servers that misbehave.
func calls() map[string]func(context.Context, *server) error {
	shop := &pluginv1.Application{Name: "shop"}
	return map[string]func(context.Context, *server) error{
		"Check": func(ctx context.Context, s *server) error {
			if _, err := s.user(ctx); err != nil {
				return err
			}
			if _, err := s.version(ctx); err != nil {
				return err
			}
			_, err := s.count(ctx)
			return err
		},
		"Get": func(ctx context.Context, s *server) error {
			found, _, err := s.get(ctx, shop, "")
			if err != nil {
				return err
			}
			found.state()
			found.log("k")
			_, err = s.unhealthy(ctx, shop, found)
			return err
		},
		"Find": func(ctx context.Context, s *server) error {
			answer, err := s.find(ctx, "k", shop, time.Now())
			if err != nil && answer.GetPresence() != pluginv1.FindResponse_PRESENCE_UNSPECIFIED {
				return errors.Join(err, fmt.Errorf("the presence is %s", answer.GetPresence()))
			}
			return err
		},
		"Ensure": func(ctx context.Context, s *server) error {
			return s.ensure(ctx, shop, &pluginv1.Ensure{Spec: "{}", Owner: "team/shop"})
		},
		"Sync": func(ctx context.Context, s *server) error { return s.sync(ctx, "k", shop, &pluginv1.Sync{}, nil) },
	}
}

func opened(endpoint provider.Endpoint) (*server, error) {
	return connect(endpoint, provider.Options{
		Egress: provider.Egress{AllowLoopback: true}, Limits: provider.Limits{Timeout: hostile.Timeout, MaxBytes: hostile.MaxBytes},
	})
}

func TestServersThatMisbehave(t *testing.T) {
	for name, call := range calls() {
		var except []string
		if name != "Check" {
			// The application is missing; or its status is a text, which shows earlier that the server is another one.
			except = []string{"answers 403", "answers 404", "answers more than is read"}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hostile.Run(t, func(ctx context.Context, endpoint provider.Endpoint) error {
				s, err := opened(endpoint)
				if err != nil {
					return err
				}
				defer s.client.Close()
				return call(ctx, s)
			}, except...)
		})
	}
}

// The test is not parallel: what others allocate would count.
func TestHostileAnswersTakeBoundedMemory(t *testing.T) {
	const app = "/api/v1/applications/shop"
	usual := []hostile.Response{
		{Path: "/api/v1/session/userinfo", Body: `{"loggedIn":true,"username":"kubeops"}`}, {Path: "/api/version", Body: `{"Version":"v2.14.21"}`},
		{Path: "/api/v1/applications", Body: `{"items":[]}`}, {Path: "/resource-tree", Body: `{"nodes":[]}`}, {Path: "/syncwindows", Body: `{}`},
		{Path: app, Body: `{"metadata":{"name":"shop"}}`},
	}
	for name, responses := range map[string][]hostile.Response{
		"Check": {
			{Path: "/api/v1/session/userinfo", Body: `{"username":VALUE}`}, {Path: "/api/version", Body: `{"Version":VALUE}`},
			{Path: "/api/v1/applications", Body: `{"items":[<<{"metadata":{"name":"a"}}>>]}`},
		},
		"Get": {
			{Path: app, Body: `{"metadata":{"name":"shop"},"status":{"history":[<<{"id":1,"revision":"r"}>>]}}`},
			{Path: app, Body: `{"metadata":{"name":"shop"},"status":{"operationState":{"syncResult":{"resources":[<<{"name":"r"}>>]}}}}`},
			{Path: app, Body: `{"metadata":{"name":"shop"},"status":{"sync":{"revisions":[<<"r">>]}}}`},
			{Path: app, Body: `{"metadata":{"name":"shop","annotations":VALUE},"status":{"resources":VALUE}}`},
			{Path: "/resource-tree", Body: `{"nodes":[<<{"name":"n","health":{"status":"Degraded","message":"m"}}>>]}`},
		},
		"Sync": {{Path: "/sync", Body: `{"metadata":VALUE}`}, {Path: "/syncwindows", Body: `{"activeWindows":VALUE}`}},
	} {
		call := calls()[name]
		hostile.RunMemory(t, hostile.Backend{
			Usual: usual,
			Call: func(ctx context.Context, endpoint provider.Endpoint) error {
				s, err := opened(endpoint)
				if err != nil {
					return err
				}
				defer s.client.Close()
				return call(ctx, s)
			},
		}, responses...)
	}
}

func FuzzApplication(f *testing.F) {
	f.Add([]byte(`{"metadata":{"name":"shop"},"operation":{"info":[{"name":"kubeops.io/run","value":"k"}]},"status":{"operationState":` +
		`{"phase":"Running","startedAt":"2026-01-02T03:04:05Z","syncResult":{"revision":"r","resources":[{"hookPhase":"Failed"}]}}}}`))
	f.Add([]byte(`{"spec":{"sources":[{}],"syncPolicy":{"automated":{"enabled":false}}},"status":{"history":[null,{"revisions":["r"]}]}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		var a application
		memory.Bounded(t, len(content), func(limits stream.Limits) {
			a = application{}
			_ = stream.New(bytes.NewReader(content), limits).Decode(&a) // what was decoded so far is used
		})
		a.state()
		a.result("k")
		a.log("k")
		_ = a.canSync("r") // whatever it is, nothing panics
		_, _ = a.revisionOf(1)
	})
}
