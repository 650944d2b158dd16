package provider_test

import (
	"encoding/json"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
)

// config of a type whose client is a string.
type config struct {
	URL    string `json:"url"`
	Tenant string `json:"tenant"`
}

func (c config) Server() (url, setting string) { return c.URL, "url" }

func (c config) Open(settings int) (string, error) { return strings.Repeat(c.Tenant, settings), nil }

func complete(name string) provider.Backend[int, string] {
	return provider.Backend[int, string]{Type: name, Configure: provider.Decode[config, int, string]}
}

func TestAnIncompleteOrSecondRegistrationIsAnError(t *testing.T) {
	t.Parallel()
	registry := provider.NewRegistry[int, string]()
	if err := registry.Register(complete("quickwit")); err != nil {
		t.Fatal(err)
	}
	for want, err := range map[string]error{
		"Type is empty":         registry.Register(complete("")),
		"Configure is missing":  registry.Register(provider.Backend[int, string]{Type: "loki"}),
		"already registered":    registry.Register(complete("quickwit")),
		`"loki": Configure`:     registry.Add("loki", nil),
		`"quickwit": the type `: registry.Add("quickwit", func(int) (string, error) { return "", nil }),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if types := strings.Join(registry.Types(), " "); types != "quickwit" || len(registry.Backends()) != 1 {
		t.Errorf("registered: %s", types)
	}
}

func TestSettingsOfATypeAreDecodedByItsPackageOnly(t *testing.T) {
	t.Parallel()
	registry := provider.NewRegistry[int, string]()
	if err := registry.Register(complete("quickwit")); err != nil {
		t.Fatal(err)
	}
	opened, err := registry.Configure("quickwit", json.RawMessage(`{"url":"http://q","tenant":"ab"}`))
	if err != nil {
		t.Fatal(err)
	}
	if url, setting := opened.Server(); url != "http://q" || setting != "url" {
		t.Errorf("got %s from %s", url, setting)
	}
	if client, err := opened.Open(2); err != nil || client != "abab" {
		t.Errorf("got %q, %v", client, err)
	}
	if _, err := registry.Configure("quickwit", json.RawMessage(`{"shard":1}`)); problem.As(err) == nil ||
		!strings.Contains(err.Error(), `"shard"`) {
		t.Errorf("an unknown setting: %v", err)
	}
	if _, err := registry.New("splunk", 1); err == nil || !strings.Contains(err.Error(), "supported: quickwit") {
		t.Errorf("an unknown type: %v", err)
	}
}
