package jenkins

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ci"
	"kubeops.io/kubeops/internal/provider/stream"
	"kubeops.io/kubeops/internal/testkit/hostile"
	"kubeops.io/kubeops/internal/testkit/memory"
)

// calls of the contract, for servers that misbehave.
func calls() map[string]func(context.Context, ci.Provider) error {
	const running = ci.Handle(`{"job":"job","key":"k","build":1}`)
	asked := ci.Request{Key: "k", Job: "job"}
	return map[string]func(context.Context, ci.Provider) error{
		"Describe": func(ctx context.Context, p ci.Provider) error { _, err := p.Describe(ctx); return err },
		"Start":    func(ctx context.Context, p ci.Provider) error { _, err := p.Start(ctx, asked); return err },
		"Get":      func(ctx context.Context, p ci.Provider) error { _, err := p.Get(ctx, running); return err },
		"Artifact": func(ctx context.Context, p ci.Provider) error {
			return p.(*Provider).Artifact(ctx, running, "a", func(in io.Reader) error { _, err := io.Copy(io.Discard, in); return err })
		},
		"Find": func(ctx context.Context, p ci.Provider) error {
			lookup, err := p.Find(ctx, asked)
			if err != nil && lookup.Presence != ci.Unknown {
				return errors.Join(err, fmt.Errorf("the presence is %s", lookup.Presence))
			}
			return err
		},
	}
}

func opened(endpoint provider.Endpoint) (ci.Provider, error) {
	return New(ci.Settings{
		Endpoint: endpoint, Timeout: hostile.Timeout, MaxBytes: hostile.MaxBytes, Egress: provider.Egress{AllowLoopback: true},
	})
}

func TestServersThatMisbehave(t *testing.T) {
	for name, call := range calls() {
		except := []string{}
		if name != "Describe" {
			except = append(except, "answers 404") // the job is missing
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hostile.Run(t, func(ctx context.Context, endpoint provider.Endpoint) error {
				p, err := opened(endpoint)
				if err != nil {
					return err
				}
				defer p.Close()
				return call(ctx, p)
			}, except...)
		})
	}
}

// The test is not parallel: what others allocate would count.
func TestHostileAnswersTakeBoundedMemory(t *testing.T) {
	usual := []hostile.Response{
		{Path: "/whoAmI/api/json", Body: `{"name":"kubeops"}`}, {Path: "/queue/api/json", Body: `{"items":[]}`},
		{Path: "/job/job/api/json", Body: `{"buildable":true,"property":[{"parameterDefinitions":[{"name":"KUBEOPS_RUN"}]}],"builds":[]}`},
		{Path: "/wfapi/describe", Body: `{}`}, {Path: "/testReport/api/json", Body: `{}`},
		{Path: "/1/api/json", Body: `{"_class":"workflow","number":1,"result":"SUCCESS","actions":[{"parameters":[{"name":"KUBEOPS_RUN","value":"k"}]}]}`},
	}
	for name, responses := range map[string][]hostile.Response{
		"Describe": {
			{Path: "/whoAmI/api/json", Body: `{"name":VALUE}`}, {Path: "/queue/api/json", Body: `{"items":VALUE}`},
			{Path: "/queue/api/json", Body: `{"items":[<<{"id":1}>>]}`}, {Path: "/pluginManager/api/json", Body: `{"plugins":VALUE}`},
		},
		"Find": {
			{Path: "/queue/api/json", Body: `{"items":[{"actions":VALUE}]}`},
			{Path: "/queue/api/json", Body: `{"items":[<<{"id":1,"why":"w","actions":[{"parameters":[{"name":"a","value":"b"}]}]}>>]}`},
			{Path: "/job/job/api/json", Body: `{"builds":[{"actions":[{"parameters":VALUE}]}]}`},
			{Path: "/job/job/api/json", Body: `{"builds":[<<{"number":1}>>]}`},
		},
		"Start": {
			{Path: "/job/job/api/json", Body: `{"property":VALUE}`},
			{Path: "/job/job/api/json", Body: `{"property":[{"parameterDefinitions":[<<{"name":"a","choices":["b"]}>>]}]}`},
		},
		"Get": {
			{Path: "/wfapi/describe", Body: `{"stages":VALUE}`}, {Path: "/testReport/api/json", Body: `{"failCount":VALUE}`},
			{Path: "/wfapi/describe", Body: `{"stages":[<<{"name":"a","status":"b"}>>]}`},
		},
		"Artifact": {
			{Path: "/1/api/json", Body: `{"actions":[],"artifacts":VALUE}`},
			{Path: "/1/api/json", Body: `{"artifacts":[<<{"relativePath":"b"}>>]}`},
		},
	} {
		call := calls()[name]
		hostile.RunMemory(t, hostile.Backend{
			Usual: usual,
			Call: func(ctx context.Context, endpoint provider.Endpoint) error {
				p, err := opened(endpoint)
				if err != nil {
					return err
				}
				defer p.Close()
				return call(ctx, p)
			},
		}, responses...)
	}
}

// FuzzDecoders checks that each decoder keeps within its memory and its limits, whatever comes.
func FuzzDecoders(f *testing.F) {
	for _, seed := range []string{
		`{"items":[{"id":1,"why":"x","cancelled":true,"executable":{"number":2},"task":{"url":"http://a/job/b/"},"actions":[{"parameters":[{"name":` +
			`"KUBEOPS_RUN","value":"k"},{"name":"a","value":true}]},{},null]}]}`,
		`{"builds":[{"_class":"c","number":1,"queueId":-1,"building":true,"result":null,"timestamp":1,"duration":2,"actions":[]}]}`,
		`{"buildable":true,"inQueue":false,"lastBuild":{"building":true},"property":[{"parameterDefinitions":[{"name":"a","choices":["b"]}]}]}`,
		`{"stages":[{"name":"a","status":"SUCCESS"}]}`, `{"failCount":1,"passCount":2,"skipCount":3,"totalCount":6}`,
		`{"artifacts":[{"relativePath":"reports/a.sarif"}],"actions":[]}`,
		`{"plugins":[{"shortName":"junit","active":true}]}`, `null`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		decode := func(into any) {
			memory.Bounded(t, len(text), func(limits stream.Limits) { _ = stream.New(bytes.NewReader(text), limits).Decode(into) })
		}
		waiting := queue{Items: bounded[item]{max: 10}}
		listed := builds{Builds: bounded[build]{max: 10}}
		described := stages{Stages: bounded[stage]{max: 10}}
		decode(&waiting)
		decode(&listed)
		decode(&described)
		var kept archived
		kept.Artifacts.max = 10
		decode(&kept)
		decode(&job{})
		decode(&tests{})
		if len(waiting.Items.list) > 10 || len(listed.Builds.list) > 10 || len(described.Stages.list) > 10 || len(kept.Artifacts.list) > 10 {
			t.Error("a list is longer than its limit")
		}
		for _, b := range listed.Builds.list {
			if len(b.Mark.Key) > maxKey+1 {
				t.Errorf("a key of %d bytes", len(b.Mark.Key))
			}
		}
	})
}

func FuzzHandles(f *testing.F) {
	f.Add(`{"job":"a/b","key":"k","build":1,"queue":2,"session":"s","since":3}`)
	f.Add(`{"job":"../x"}`)
	f.Fuzz(func(t *testing.T, text string) {
		h, path, err := decodeHandle(ci.Handle(text))
		if err != nil {
			return
		}
		again, samePath, err := decodeHandle(h.encode())
		if len(h.encode()) <= maxHandle && (err != nil || again != h || path != samePath) {
			t.Errorf("%q became %q: %v", text, h.encode(), err)
		}
	})
}

func FuzzLocations(f *testing.F) {
	f.Add("http://wrong.example.invalid/queue/item/12/")
	f.Add("/queue/item/x/")
	f.Fuzz(func(t *testing.T, location string) {
		if queueID(location) < 0 {
			t.Error(location)
		}
	})
}
